package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"duostoryteller/app/story"
	"duostoryteller/app/web"
)

// console is where serve prints every story, whoever asked for it, and takes
// prompts: a line begins a story, an empty one stops it.
type console struct {
	engines []web.Engine // the first one tells what is typed
	request story.Request
	out     io.Writer
	note    func(string)
	// listen reads a story aloud until ctx ends and returns what waits for it.
	listen func(context.Context, *story.Story) (wait func())
}

// prompts begins a story for each line of in until its end.
func (c *console) prompts(ctx context.Context, in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPrompt)
	for lines.Scan() && ctx.Err() == nil {
		if lines.Text() == "" {
			for _, e := range c.engines {
				e.Stop()
			}
			continue
		}
		c.tell(ctx, lines.Text())
	}
	if err := lines.Err(); err != nil {
		c.note(fmt.Sprintf("no more prompts from standard input: %v", err))
	}
}

func (c *console) tell(ctx context.Context, prompt string) {
	r := c.request
	r.Prompt = prompt
	_, err := c.engines[0].Tell(ctx, r)
	if errors.Is(err, story.ErrBusy) {
		c.note(err.Error() + "; an empty line stops it")
	} else if err != nil {
		c.note(err.Error())
	}
}

// print prints and reads aloud story after story until ctx ends.
func (c *console) print(ctx context.Context) {
	stories := make(chan *story.Story)
	for _, e := range c.engines {
		go func() {
			for newest := (*story.Story)(nil); ; {
				var err error
				if newest, err = e.Newest(ctx, newest); err != nil {
					return
				}
				select {
				case stories <- newest:
				case <-ctx.Done():
				}
			}
		}()
	}
	quiet := func() {}
	defer func() { quiet() }()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-stories:
			quiet() // the voice is still busy with the story before
			aloud, cancel := context.WithCancel(ctx)
			wait := c.listen(aloud, s)
			quiet = func() {
				cancel()
				wait()
			}
			end, err := c.follow(ctx, s)
			if err != nil {
				return
			}
			if end.Err != nil {
				quiet()
			}
		}
	}
}

// follow prints one story.
func (c *console) follow(ctx context.Context, s *story.Story) (story.End, error) {
	reader := s.Reader()
	for {
		event, err := reader.Next(ctx)
		if err != nil {
			return story.End{}, err
		}
		switch e := event.(type) {
		case story.Piece:
			c.out.Write(e.Text) // a console that fails must not end the page
		case story.End:
			fmt.Fprintln(c.out)
			switch {
			case errors.Is(e.Err, context.Canceled):
				c.note("the story was stopped")
			case e.Err != nil:
				c.note(fmt.Sprintf("the story broke off: %v", e.Err))
			case e.Stats.Tokens > 1:
				c.note(fmt.Sprintf("achieved tok/s: %f", e.Stats.TokensPerSecond()))
			}
			return e, nil
		}
	}
}
