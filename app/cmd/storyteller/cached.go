package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/app/modelcache"
	"duostoryteller/app/subprocess"

	"github.com/spf13/cobra"
)

// packCommand packs a checkpoint for the next time.
func packCommand() *cobra.Command {
	var model string
	cmd := &cobra.Command{
		Use:   "pack --model CHECKPOINT",
		Short: "Pack a checkpoint into the user's cache",
		Long: `Pack makes the packed form of a checkpoint of llama2.c's, keeps it in the user's
cache folder, and prints where. Every verb finds it there by the checkpoint's
contents. tell and serve start it beside the first story: that one is told from the
checkpoint as it is, the next ones several times faster.

The folder is duo-storyteller/checkpoints in the user's cache, or what the
environment variable STORYTELLER_CACHE names; off keeps nothing. It holds 1 GB at most:
what was used longest ago is removed first.`,
		Example: `  storyteller pack --model stories15M.bin`,
		GroupID: groupCheck,
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if model == "" {
				return usageErrorf(cmd, "no model: give --model CHECKPOINT")
			}
			isPacked, err := packed.IsFile(model)
			if err != nil {
				return fmt.Errorf("cannot use the model: %w", err)
			}
			if isPacked {
				return fmt.Errorf("%s is packed already", model)
			}
			cache, err := modelcache.Open()
			if err != nil {
				return err
			}
			entry, err := packInto(cache, model)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), entry)
			return err
		},
	}
	cmd.Flags().StringVar(&model, "model", "", "the checkpoint, llama2.c's (required)")
	return cmd
}

// packInto returns the cache's packed form of a checkpoint, which it makes if need be.
func packInto(cache *modelcache.Cache, model string) (string, error) {
	if entry := intact(cache, model); entry != "" {
		return entry, nil
	}
	c, err := llama.OpenCheckpoint(model)
	if err != nil {
		return "", fmt.Errorf("cannot use the model: %w", err)
	}
	defer c.Close()
	set, err := arith.Select()
	if err != nil {
		return "", err
	}
	size, err := packed.FileSize(c.Config)
	if err != nil {
		return "", err
	}
	return cache.Add(model, size, func(w io.Writer) error {
		m, err := engine.Pack(c, set, engine.RawTokens)
		if err != nil {
			return err
		}
		defer m.Close()
		_, err = m.WriteTo(w)
		return err
	})
}

// intact returns the cache's packed form of a checkpoint if there is one and nothing
// in it is damaged. A damaged one is removed.
func intact(cache *modelcache.Cache, model string) string {
	entry, err := cache.Find(model)
	if err != nil || entry == "" {
		return "" // whoever opens the model says what is wrong
	}
	if packed.Verify(entry) != nil {
		os.Remove(entry) // it is made anew, or told from the checkpoint
		return ""
	}
	return entry
}

// packBeside has another process pack a checkpoint, which the story does not wait for
// and which takes only the time that others leave. It goes on when we have ended.
func packBeside(model string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{program, "pack", "--model", model}
	if nice, err := exec.LookPath("nice"); err == nil {
		args = append([]string{nice, "-n", "19"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	subprocess.Detach(cmd) // an interrupt is for the story
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // a server is there long enough for a zombie to show
	return nil
}

// openCached opens an engine on the checkpoint at path, through the user's cache if
// that has its packed form. If it has not, the exact engine tells from the checkpoint
// as it is, and the packed form is made beside it for the next time; the fast
// one, which has no other weights, waits for it.
func openCached(path string, o engine.Options) (llama.Engine, error) {
	isPacked, err := packed.IsFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot use the model: %w", err)
	}
	cache, err := modelcache.Open()
	if isPacked || err != nil { // without a cache, everything works but slower
		return engine.Open(path, o, nil)
	}
	if entry, err := cache.Find(path); err == nil && entry != "" {
		cached := o
		cached.Packed = entry
		if e, err := engine.Open(path, cached, nil); err == nil {
			return e, nil
		}
		intact(cache, path) // removes what is damaged
	}
	if o.Fast {
		if entry, err := packInto(cache, path); err == nil {
			o.Packed = entry
		}
		return engine.Open(path, o, nil)
	}
	e, err := engine.Open(path, o, nil)
	if err == nil {
		_ = packBeside(path) // pack says why not, if one wants to know
	}
	return e, err
}

// prepare makes sure that the packed form of a checkpoint is in the cache before a
// verb measures. What it cannot do it says.
func prepare(cmd *cobra.Command, model string) {
	isPacked, err := packed.IsFile(model)
	if err != nil || isPacked {
		return // whoever opens the model says what is wrong
	}
	cache, err := modelcache.Open()
	if err == nil {
		_, err = packInto(cache, model)
	}
	if err != nil && !errors.Is(err, modelcache.ErrOff) {
		fmt.Fprintf(cmd.ErrOrStderr(), "storyteller: %v\n", err)
	}
}

// outgrown says whether e tells from a checkpoint whose packed form is in the cache by now.
func outgrown(e llama.Engine, path string) bool {
	raw, ok := e.(*engine.Engine)
	if !ok || !raw.Raw() {
		return false
	}
	cache, err := modelcache.Open()
	if err != nil {
		return false
	}
	entry, err := cache.Find(path)
	return err == nil && entry != ""
}
