// Storyteller continues a prompt into a story with a llama2.c model.
//
// Synopsis:
//
//	storyteller VERB [flags] [arguments]
//
// Each verb has a file of its own in this folder. Exit status: 0 done,
// 1 failed, 2 wrong usage, 130 interrupted.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
