package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"duostoryteller/app/llama"
	"duostoryteller/app/wholefile"
	"duostoryteller/imagebuilder/convert"

	"github.com/spf13/cobra"
)

func convertCommand() *cobra.Command {
	var context int
	cmd := &cobra.Command{
		Use:     "convert FOLDER|CHECKPOINT OUTPUT",
		GroupID: groupMake,
		Short:   "Make a checkpoint of a Hugging Face model",
		Long: `Convert reads a Llama model from a folder as Hugging Face has it: config.json,
model.safetensors (or the parts that its index lists) and tokenizer.model or
tokenizer.json. Into the folder OUTPUT it writes model.bin, the checkpoint in
llama2.c's legacy format, and tokenizer.bin, and it prints their paths. Weights of 16
bits become float32, which changes no value.

The architecture must be what run.c computes: rotary encoding with base 10000, SwiGLU,
no biases, a BPE tokenizer with raw bytes at 3 to 258. What differs is refused with
the name of the setting. A tokenizer.json must be of Llama 2's kind, made from
sentencepiece's; if there is a tokenizer.model beside it, that is taken.

Of a checkpoint of llama2.c's export.py, version 1 or 2, it writes model.bin alone:
run.c itself reads only that.`,
		Example: `  imagebuilder convert ~/models/tiny-stories out/tiny-stories
  make image MODEL=out/tiny-stories/model.bin TOKENIZER=out/tiny-stories/tokenizer.bin`,
		Args: usageArgs(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			var m *convert.Model
			if info.IsDir() {
				m, err = convert.HuggingFace(args[0], context)
			} else {
				if cmd.Flags().Changed("context") {
					return usageError{fmt.Errorf("--context is for a folder of Hugging Face's: %s is a file", args[0])}
				}
				m = new(convert.Model)
				m.Checkpoint, err = llama.OpenCheckpoint(args[0])
			}
			if err != nil {
				return err
			}
			defer m.Checkpoint.Close()
			if err := os.MkdirAll(args[1], 0o755); err != nil {
				return err
			}
			for _, note := range m.Notes {
				fmt.Fprintln(cmd.ErrOrStderr(), note)
			}
			write := func(name string, do func(io.Writer) error) error {
				path := filepath.Join(args[1], name)
				if err := wholefile.Write(path, do); err != nil {
					return err
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), path)
				return err
			}
			if err := write("model.bin", func(w io.Writer) error { return convert.Legacy(w, m.Checkpoint) }); err != nil || m.Tokenizer == nil {
				return err
			}
			return write("tokenizer.bin", func(w io.Writer) error {
				_, err := w.Write(m.Tokenizer)
				return err
			})
		},
	}
	cmd.Flags().IntVar(&context, "context", 0, "a shorter context than the model's, in tokens: its memory on the board goes by it")
	return cmd
}
