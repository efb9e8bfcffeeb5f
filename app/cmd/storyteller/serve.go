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
	"syscall"

	"duostoryteller/app/story"
	"duostoryteller/app/usbnet"
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
		usb     string
		hosts   []string
	)
	cmd := &cobra.Command{
		Use:   "serve --model CHECKPOINT [flags]",
		Short: "Tell stories on a web page",
		Long: `Serve offers a page on which a story is asked for, appears word by word and is
read aloud by the browser. One story is told at a time; everyone who has the
page open hears the same one.

Without the program of the voice the page is silent.

On the board, --usb device makes the USB port a network card for the PC at the
other end of the cable, which finds the page at http://192.168.42.1/ or
http://storyteller.local/. With --usb host the port is for a sound card: there
is no network then, and no page.`,
		Example: `  storyteller serve --model stories15M.bin
  storyteller serve --model model.bin --usb device`,
		GroupID: groupTell,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			note := func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), "storyteller:", line) }
			switch usb {
			case "":
			case usbnet.Device:
				if err := usbnet.Setup(ctx, note); err != nil {
					return err
				}
				if !cmd.Flags().Changed("listen") {
					listen = net.JoinHostPort(usbnet.Address().Addr().String(), "80")
				}
			case usbnet.Host:
				note("the USB port is a host for a sound card; there is no page (usb = \"device\" in storyteller.toml brings it back)")
				if err := usbnet.SetRole(usbnet.Host); err != nil {
					return err
				}
				<-ctx.Done()
				return nil
			default:
				return usageErrorf(cmd, "--usb %q: it is %s or %s", usb, usbnet.Device, usbnet.Host)
			}
			engine, tokenizer, err := model.open(cmd)
			if err != nil {
				return err
			}
			inMemory := &slot{model: model.model, name: model.engine, engine: engine}
			defer inMemory.close()
			options := web.Options{Hosts: hosts, System: os.DirFS("/")}
			for _, name := range offered(model.engine) {
				teller := story.NewTeller(&choice{name: name, shape: engine.Config(), slot: inMemory}, tokenizer)
				defer teller.Stop() // nothing may use the model once this returns
				options.Engines = append(options.Engines, web.Engine{Name: name, Teller: teller})
			}
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
	flags.StringVar(&usb, "usb", "", "what the board's USB port is, device or host; unasked it is left alone")
	flags.StringSliceVar(&hosts, "host", []string{usbnet.Name}, "names of this machine, beside localhost and its addresses")
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
