package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestOnLinux(t *testing.T) {
	for goos, want := range map[string]string{"linux": "", "windows": "'build' needs Linux", "darwin": "'build' needs Linux"} {
		ran := false
		cmd := onLinux(goos, &cobra.Command{Use: "build", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error {
			ran = true
			return nil
		}})
		cmd.SetOut(io.Discard)
		cmd.SetArgs(nil)
		err := cmd.Execute()
		if want == "" && (err != nil || !ran) {
			t.Errorf("%s: %v, ran: %v; want it run", goos, err, ran)
		}
		if want != "" && (err == nil || ran || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v, ran: %v; want one line with %q", goos, err, ran, want)
		}
	}
}
