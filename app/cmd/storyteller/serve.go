package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"duostoryteller/app/story"
	"duostoryteller/app/voice"
	"duostoryteller/app/web"

	"github.com/spf13/cobra"
)

// serveCommand tells stories on a web page.
func serveCommand() *cobra.Command {
	var (
		model   modelFlags
		listen  string
		speaker string
		hosts   []string
	)
	cmd := &cobra.Command{
		Use:   "serve --model CHECKPOINT [flags]",
		Short: "Tell stories on a web page",
		Long: `Serve offers a page on which a story is asked for, appears word by word and is
read aloud by the browser. One story is told at a time; everyone who has the
page open hears the same one.

Without the program of the voice the page is silent.`,
		Example: `  storyteller serve --model stories15M.bin
  storyteller serve --model stories15M.bin --listen 192.168.42.1:80`,
		GroupID: groupTell,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, tokenizer, err := model.open(cmd)
			if err != nil {
				return err
			}
			defer engine.Close()
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			teller := story.NewTeller(engine, tokenizer)
			defer teller.Stop() // nothing may use the model once this returns

			options := web.Options{
				Engines: []web.Engine{{Name: model.engine, Teller: teller}},
				Hosts:   hosts,
				System:  os.DirFS("/"),
			}
			note := func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "storyteller:", line) }
			if program, err := voice.Find(speaker, ""); err != nil {
				note(err.Error() + "; the page is silent")
			} else {
				v := voice.NewProcess(program, note)
				defer v.Close()
				options.Voice = v
			}
			return serve(ctx, listen, options, note)
		},
	}
	model.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&listen, "listen", "l", "localhost:8042", "address and port of the page")
	flags.StringVar(&speaker, "voice", voice.Default, "the voice that reads aloud")
	flags.StringSliceVar(&hosts, "host", []string{"storyteller.local"}, "names of this machine, beside localhost and its addresses")
	return cmd
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
	note(fmt.Sprintf("the page is at http://%v/; Ctrl-C ends it", l.Addr()))
	return web.Serve(ctx, l, server)
}
