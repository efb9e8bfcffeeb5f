package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"duostoryteller/app/avoid"
	"duostoryteller/app/config"
	"duostoryteller/app/story"
	"duostoryteller/app/usbnet"
	"duostoryteller/app/version"
	"duostoryteller/app/voice"
	"duostoryteller/app/web"

	"github.com/spf13/cobra"
)

// serveCommand tells stories on a web page.
func serveCommand() *cobra.Command {
	var (
		model       modelFlags
		voices      voiceFlags
		request     = story.Defaults()
		temperature float64
		topp        float64
		seed        number
		steps       = number(request.Steps)
		listen      string
		usb         string
		onConsole   bool
		events      bool
		results     string
		keys        string
		hosts       []string
		hears       ears
		more        string
		choose      string
		list        string
		keep        = web.KeptKB
	)
	cmd := &cobra.Command{
		Use:   "serve --model CHECKPOINT [flags]",
		Short: "Tell stories on a web page",
		Long: `Serve offers a page on which a story is asked for, appears word by word and is
read aloud by the browser. One story is told at a time; everyone who has the
page open hears the same one. Without the program of the voice the page is
silent.

With --console every story is printed, too, and each line of standard input
begins one; an empty line stops it. The options of 'tell' apply to these. With
--speak stories are read aloud by this machine. With --events the lines are for
a program, as the board's init: events and requests in JSON.

With --microphone or --button, beside --console, stories can be asked for by
voice or push-button as well; see 'listen'.

Stories do not have what a list of words and phrases says: when something of it comes
up, the story ends before that word, and one with the next seed is told in its
place, three times at most. --avoid FILE takes another list than the built-in one,
--avoid off none. The other verbs know no list: what they tell is what run.c tells.

On the board, --usb device makes the USB port a network card for the PC at the
other end of the cable, which finds the page at http://192.168.42.1/ or
http://storyteller.local/. With --usb host the port is for a sound card: there
is no network then, and no page.

With --authorized-keys, a file as OpenSSH has it, whoever holds one of its keys
gets a shell with ssh root@192.168.42.1; where there is no such file nobody does.
There are no passwords. The key of the board itself is made at the first start
and kept beside that file, as ssh_host_key.`,
		Example: `  storyteller serve --model stories15M.bin
  storyteller serve --model model.bin --usb device --console --speak -i "Once upon a time"`,
		GroupID: groupTell,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			request.Temperature, request.TopP, request.Seed, request.Steps = float32(temperature), float32(topp), uint64(seed), int(steps)
			request.Exact = request.Seed != 0 // who names a seed wants that very story
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			voices.notes.direct = events
			note := func(line string) { voices.notes.add(cmd.ErrOrStderr(), "storyteller: "+line) }
			if usb != "" && usb != usbnet.Device && usb != usbnet.Host {
				return usageErrorf(cmd, "--usb %q: it is %s or %s", usb, usbnet.Device, usbnet.Host)
			}
			if usb == usbnet.Host && !onConsole {
				return usageErrorf(cmd, "--usb host leaves no page: give --console as well")
			}
			if err := voices.check(cmd); err != nil {
				return err
			}
			if hears.gain < 0 || hears.gain > 100 {
				return usageErrorf(cmd, "--gain %d: it is 0 to 100", hears.gain)
			}
			if keep < 0 || keep > web.MaxKeptKB {
				return usageErrorf(cmd, "--keep %d: it is 0 to %d", keep, web.MaxKeptKB)
			}
			if keys != "" && usb == "" {
				return usageErrorf(cmd, "--authorized-keys is for the board's cable: give --usb as well")
			}
			models, err := model.models(more, choose)
			if err != nil {
				note(err.Error())
			}
			models, engine, tokenizer, err := model.openFirst(cmd, models, note)
			if err != nil && events {
				return cannotTell{err}
			}
			if err != nil {
				return err
			}
			arithmetic, err := model.rounding(cmd)
			if err != nil {
				return err
			}
			inMemory := &slot{arithmetic: arithmetic, engine: engine, note: note}
			defer inMemory.close()
			button := suitesButton{inMemory, []string{"--model", model.model, "--tokenizer", model.tokenizer, "--arithmetic", arithmetic.String()}, results}
			if results != "" {
				button.options = append(button.options, "--results", results)
			}
			options := web.Options{Hosts: hosts, Keep: results, KeepKB: keep, Note: note, Version: version.Text(), Small: small(models[0].Checkpoint), System: os.DirFS("/"), Suites: button}
			avoided := avoidList(list, note)
			choices := model.choices(models, engine, tokenizer, inMemory)
			inMemory.name = choices[0].name
			for _, c := range choices {
				teller := story.NewTeller(c, c.tokenizer)
				teller.Avoid(avoided)
				defer teller.Stop() // nothing may use the model once this returns
				options.Engines = append(options.Engines, web.Engine{Name: c.name, Teller: turn{teller, inMemory}})
			}
			if program, err := voice.Find(voices.name, ""); err != nil {
				note(err.Error() + "; the page is silent")
			} else {
				v := voice.NewProcess(program, note)
				defer v.Close()
				options.Voice = v
			}

			// Whatever the network does, the console tells stories.
			if onConsole {
				c := &console{engines: options.Engines, request: request, note: note, hush: make(chan struct{}),
					hold: voices.notes.holdBack, release: func() { voices.notes.release(cmd.ErrOrStderr()) },
					out: forPeople{cmd.OutOrStdout(), note}}
				if events {
					c.out = forInit{cmd.OutOrStdout()}
				}
				if hears.wanted() {
					hears.join(ctx, cmd, c, &voices, inMemory)
				}
				c.listen = func(ctx context.Context, s *story.Story) func() {
					hears.giveWay()
					if !voices.wanted() {
						return func() {}
					}
					speaker, err := voices.open(cmd)
					if err != nil {
						note(err.Error() + "; the story goes on silently")
						return func() {}
					}
					if hears.listens() {
						speaker.Between = func(ctx context.Context) {
							hears.between(ctx)
							speaker.Params = voices.now()
						}
					}
					return voices.follow(ctx, cmd, speaker, s)
				}
				var printing sync.WaitGroup
				defer printing.Wait()
				defer stop()
				printing.Go(func() { c.print(ctx) })
				if cmd.Flags().Changed("prompt") {
					c.tell(ctx, request)
				}
				go c.prompts(ctx, cmd.InOrStdin())
			}
			err = link(ctx, usb, &listen, cmd.Flags().Changed("listen"), note)
			if err == nil && usb == usbnet.Device && keys != "" {
				go serveSSH(ctx, keys, inMemory, note)
			}
			if err == nil && usb != usbnet.Host {
				err = serve(ctx, listen, options, note)
			}
			if onConsole && ctx.Err() == nil {
				if err != nil {
					note(fmt.Sprintf("%v; there is no page", err))
				}
				<-ctx.Done()
				return nil
			}
			return err
		},
	}
	model.add(cmd)
	voices.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&listen, "listen", "l", "localhost:8042", "address and port of the page")
	flags.StringVar(&usb, "usb", "", "what the board's USB port is, device or host; unasked it is left alone")
	flags.StringSliceVar(&hosts, "host", []string{usbnet.Name}, "names of this machine, beside localhost and its addresses")
	flags.BoolVar(&onConsole, "console", false, "print the stories and take prompts from standard input")
	flags.StringVar(&more, "models", "", "folder with further models to tell from, each a folder by its name with model.packed and, if it has its own, tokenizer.bin")
	flags.StringVar(&choose, "choose", "", "the name of the model that tells unless the page asks for another; unasked it is --model")
	flags.StringVar(&results, "results", "", "keep the results of the page's test suites, and the last stories, in this folder")
	flags.IntVar(&keep, "keep", keep, "with --results: how many KB the last stories may take there, 0 for none")
	flags.StringVar(&list, "avoid", "", "file with the words and phrases that no story is to have, off for none; unasked it is the built-in one")
	flags.StringVar(&keys, "authorized-keys", "", "with --usb device: who has one of the keys in this file gets a shell by ssh")
	flags.BoolVar(&events, "events", false, "with --console: print events for a program, and take its requests; see package dialog")
	hears.add(cmd)
	flags.BoolVar(&voices.speak, "speak", false, "read the stories aloud on this machine, with --console")
	flags.Float64VarP(&temperature, "temperature", "t", float64(request.Temperature), "of the console's stories")
	flags.Float64VarP(&topp, "topp", "p", 0.9, "of the console's stories")
	flags.VarP(&seed, "seed", "s", "of the console's stories; 0 for the clock")
	flags.VarP(&steps, "steps", "n", "of the console's stories")
	flags.StringVarP(&request.Prompt, "prompt", "i", "", "a story to tell at once, with --console")
	return cmd
}

// avoidList returns what stories are not to have: the list at path, the built-in one for
// "", none for "off".
func avoidList(path string, note func(string)) *avoid.List {
	switch path {
	case "":
		return avoid.Standard()
	case config.Off:
		return nil
	}
	list, problems := avoid.Load(path)
	for _, p := range problems {
		note(fmt.Sprintf("%s: %s", path, p))
	}
	return list
}

// link makes the USB port what it is asked to be. The page's address becomes
// that of the link unless it was chosen.
func link(ctx context.Context, usb string, listen *string, chosen bool, note func(string)) error {
	switch usb {
	case usbnet.Device:
		if err := usbnet.Setup(ctx, note); err != nil {
			return err
		}
		if !chosen {
			*listen = net.JoinHostPort(usbnet.Address().Addr().String(), "80")
		}
	case usbnet.Host:
		note("the USB port is a host for a sound card, there is no page; usb = \"device\" in storyteller.toml brings it back")
	}
	return nil
}

// serve offers the page on an address until ctx ends.
func serve(ctx context.Context, address string, o web.Options, note func(string)) error {
	if host, _, err := net.SplitHostPort(address); err == nil && host != "" {
		o.Hosts = append(slices.Clone(o.Hosts), strings.ToLower(host))
	}
	server, err := web.New(ctx, o)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("cannot offer the page: %w; --listen takes another address or port", err)
	}
	note(fmt.Sprintf("the page is at http://%s/", strings.TrimSuffix(l.Addr().String(), ":80")))
	return web.Serve(ctx, l, server)
}

// offered returns the engines that a page may choose from, the first one's
// name first. The plain engine is there for comparing with.
func offered(first string) []string {
	names := []string{first}
	for _, name := range slices.Sorted(maps.Keys(engines())) {
		if name != first && name != "plain" {
			names = append(names, name)
		}
	}
	return names
}
