// Storyteller continues a prompt into a story with a llama2.c model.
//
// Synopsis:
//
//	storyteller VERB [flags] [arguments]
//
// Each verb has a file of its own in this folder. Exit status: 0 done,
// 1 failed, 2 wrong usage, 130 interrupted; of serve with --events also 78, stories
// cannot be told, see package dialog.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// The model is outside Go's heap and telling leaves next to no garbage: the
	// collector need not wait until the heap has doubled, on a board with 64 MB.
	debug.SetGCPercent(10)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
