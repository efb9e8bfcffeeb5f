//go:build js && wasm

// Command demo tells stories in a browser, as WebAssembly in a worker (worker.js): the
// board's engine, and the desk where the board's own page asks for stories. `make demo`
// builds it and puts the page beside it.
//
// It offers the worker one object, storyteller:
//
//	open(checkpoint, tokenizer, done)  Uint8Arrays: tell by them from now on; done("") or what is wrong with them
//	ask(path, body, done)              what the page asks the board by HTTP; done(status, text)
//	follow(story, last, event)         event(name, id, data) for each event of the stream; returns what ends it
//	hash(file)                         a Uint8Array's SHA-256, in hexadecimal
//
// crypto.subtle would hash, too, but browsers have it only where a page came encrypted.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"syscall/js"
)

func main() {
	t := &teller{}
	js.Global().Set("storyteller", map[string]any{
		"open": js.FuncOf(func(_ js.Value, args []js.Value) any {
			checkpoint, tokenizer := bytesOf(args[0]), bytesOf(args[1])
			// A story that is stopped is waited for: not in the browser's own call.
			go func() {
				wrong := ""
				if err := t.open(checkpoint, tokenizer); err != nil {
					wrong = err.Error()
				}
				args[2].Invoke(wrong)
			}()
			return nil
		}),
		"ask": js.FuncOf(func(_ js.Value, args []js.Value) any {
			go func() {
				status, text := t.ask(args[0].String(), args[1].String())
				args[2].Invoke(status, text)
			}()
			return nil
		}),
		"follow": js.FuncOf(func(_ js.Value, args []js.Value) any {
			return t.follow(args[0].String(), args[1].String(), args[2])
		}),
		"hash": js.FuncOf(func(_ js.Value, args []js.Value) any {
			sum := sha256.Sum256(bytesOf(args[0]))
			return hex.EncodeToString(sum[:])
		}),
	})
	select {} // what is exported lives as long as the worker
}

// bytesOf copies a Uint8Array into Go's memory.
func bytesOf(array js.Value) []byte {
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b
}
