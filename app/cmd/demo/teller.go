//go:build js && wasm

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"syscall/js"
	"time"

	"duostoryteller/app/arith"
	"duostoryteller/app/avoid"
	"duostoryteller/app/desk"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/opening"
	"duostoryteller/app/story"
)

// teller answers one page.
type teller struct {
	desk desk.Desk
	stop context.CancelFunc // of what follows the engine's stories
}

// open tells by another model from now on. The stories told so far stay.
func (t *teller) open(checkpoint, tokenizer []byte) error {
	c, err := llama.ReadCheckpoint(checkpoint)
	if err != nil {
		return err
	}
	words, err := llama.ReadTokenizer(bytes.NewReader(tokenizer), c.VocabSize)
	if err != nil {
		return err
	}
	set, err := arith.Select()
	if err != nil {
		return err
	}
	// From the checkpoint as it is: to pack it, for guesses, takes longer than who waits
	// would gain.
	e, err := engine.NewRaw(c, set, engine.Options{})
	if err != nil {
		return err
	}
	if t.stop != nil {
		for _, old := range t.desk.Engines {
			old.Stop()
		}
		t.stop()
	} else {
		t.desk.Shelf = desk.NewShelf()
	}
	told := story.NewTeller(newPolite(e), words)
	told.Avoid(avoid.Standard())
	t.desk.Engines = []desk.Engine{{Name: "exact", Teller: told}}
	ctx, stop := context.WithCancel(context.Background())
	t.stop = stop
	shelf := t.desk.Shelf
	go func() {
		for begun := range told.Stories(ctx) {
			shelf.Add(begun, "exact")
		}
	}()
	return nil
}

// ask answers as the board's page server does: package web lists all requests.
func (t *teller) ask(address, body string) (status int, text string) {
	path, query, _ := strings.Cut(address, "?")
	switch path {
	case "/story":
		id, err := t.begin(body)
		if err != nil {
			return desk.Status(err)
		}
		return answer(map[string]string{"id": id})
	case "/stop":
		for _, e := range t.desk.Engines {
			e.Stop()
		}
		return 204, ""
	case "/stories":
		return answer(t.desk.Shelf.List())
	case "/status":
		var status struct {
			TokensPerSecond  float64 `json:"tokensPerSecond"`
			FirstWordSeconds float64 `json:"firstWordSeconds"`
		}
		if books := t.desk.Shelf.All(); len(books) > 0 {
			perSecond, first := desk.Speed(books[0].Story)
			status.TokensPerSecond, status.FirstWordSeconds = perSecond, first.Seconds()
		}
		return answer(status)
	case "/opening":
		q, err := url.ParseQuery(query)
		if err != nil {
			return 400, err.Error()
		}
		return 200, opening.Chosen(q.Get("hero"), q.Get("name"), q.Get("place"), q.Get("event")).Text()
	}
	return 404, "there is no " + path + " in a browser"
}

func answer(v any) (status int, text string) {
	b, err := json.Marshal(v)
	if err != nil {
		return 500, err.Error()
	}
	return 200, string(b)
}

// begin begins the story that a request asks for.
func (t *teller) begin(body string) (id string, err error) {
	request, err := desk.ReadRequest(strings.NewReader(body))
	if err != nil {
		return "", err
	}
	engine, asked, err := t.desk.Asked(request)
	if err != nil {
		return "", err
	}
	told, err := engine.Tell(context.Background(), asked)
	if err != nil {
		return "", err
	}
	return t.desk.Shelf.Add(told, engine.Name).ID, nil
}

// follow streams to event until the function that it returns is called.
func (t *teller) follow(id, last string, event js.Value) any {
	var chosen *desk.Book
	if id != "" {
		b, ok := t.desk.Shelf.Find(id)
		if !ok {
			return nil
		}
		chosen = &b
	}
	ctx, cancel := context.WithCancel(context.Background())
	var end js.Func
	end = js.FuncOf(func(js.Value, []js.Value) any {
		cancel()
		end.Release()
		return nil
	})
	go t.desk.Shelf.Stream(ctx, messages{event}, chosen, last)
	return end
}

// messages is a desk.Sink of messages to the page.
type messages struct{ event js.Value }

// Event implements desk.Sink.
func (m messages) Event(name, id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	m.event.Invoke(name, id, string(text))
	return nil
}

// Wait implements desk.Sink: there is no connection that could break.
func (messages) Wait(ctx context.Context, f func(context.Context) error) error { return f(ctx) }

// polite lets the browser and whoever follows the story have their turns: a program in
// WebAssembly has one thread, and what comes to the worker, such as "stop", is only heard
// when nothing runs.
type polite struct {
	llama.Engine
	last time.Time
	send js.Value // asks for a turn, which comes after what waits already
	turn chan struct{}
}

// turns is how long a story goes on without one.
const turns = 40 * time.Millisecond

func newPolite(e llama.Engine) *polite {
	channel := js.Global().Get("MessageChannel").New()
	p := &polite{Engine: e, send: channel.Get("port2"), turn: make(chan struct{}, 1)}
	channel.Get("port1").Set("onmessage", js.FuncOf(func(js.Value, []js.Value) any {
		p.turn <- struct{}{}
		return nil
	}))
	return p
}

// Next implements llama.Engine.
func (p *polite) Next() (int, error) {
	if time.Since(p.last) > turns {
		p.send.Call("postMessage", 0)
		<-p.turn
		p.last = time.Now()
	}
	return p.Engine.Next()
}
