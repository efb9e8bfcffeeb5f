// Package demo makes the storyteller for a browser: a folder of static files for any web
// server. The page is the board's own (package web); what the board answers it by the
// network, a worker answers in the browser itself, with the same engine (app/cmd/demo) as
// WebAssembly. After the first visit it works without a network, in browsers that have
// service workers for its address: https, or localhost.
package demo

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"duostoryteller/app/arith/simd"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/app/version"
	"duostoryteller/app/web"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/source"
)

//go:embed assets
var assets embed.FS

// Program is the file with the WebAssembly, compressed by gzip: the page unpacks it, so
// that it need not be known to the server.
const Program = "storyteller.wasm.gz"

// Kernels is the file with the kernels for WebAssembly's vectors, which start.js puts beside
// the program.
const Kernels = "kernels.wasm"

// Options say what is made of which.
type Options struct {
	Source string // folder with the sources
	Into   string // folder that is made, or made anew

	// Large is the model that a visitor may take in place of the built-in one: the
	// checkpoint, then its tokenizer. They are not part of the demo.
	Large [2]board.File
}

// Size is what a browser loads.
type Size struct {
	Page  int64 // bytes, as they are in the folder: all but the model
	Model int64 // bytes: the built-in one
}

// Make makes the demo.
func Make(ctx context.Context, o Options) (Size, error) {
	var large []web.Download
	for _, f := range o.Large {
		large = append(large, web.Download{File: f.File, URL: f.URL, Size: f.Size})
	}
	commit := source.Commit(ctx, o.Source)
	files, err := web.Demo(version.Of(commit), large)
	if err != nil {
		return Size{}, err
	}
	files[Kernels] = simd.Module()
	for _, name := range []string{"demo.js", "start.js", "worker.js"} {
		if files[name], err = assets.ReadFile("assets/" + name); err != nil {
			return Size{}, err
		}
	}
	if files["files.js"], err = wanted(o.Large); err != nil {
		return Size{}, err
	}
	if files["wasm_exec.js"], err = goScript(ctx); err != nil {
		return Size{}, err
	}
	if files[Program], err = program(ctx, o.Source, commit); err != nil {
		return Size{}, err
	}
	var size Size
	for _, f := range files {
		size.Page += int64(len(f))
	}
	model, err := modelFiles()
	if err != nil {
		return Size{}, err
	}
	for _, f := range model {
		size.Model += int64(len(f))
	}
	maps.Copy(files, model)
	script, err := offline(files)
	if err != nil {
		return Size{}, err
	}
	files["offline.js"] = script
	size.Page += int64(len(script))
	return size, write(o.Into, files)
}

// wanted is the script that tells the worker by which size and hash it knows the large
// model's files.
func wanted(large [2]board.File) ([]byte, error) {
	type file struct {
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
	}
	var list []file
	for _, f := range large {
		list = append(list, file{f.File, f.Size, f.SHA256})
	}
	text, err := json.Marshal(list)
	return fmt.Appendf(nil, "\"use strict\";\n\n// The large model: its checkpoint and its tokenizer.\nconst files = %s;\n", text), err
}

// goScript is the part of WebAssembly programs that Go's distribution has as JavaScript.
// It fits the compiler that it came with only.
func goScript(ctx context.Context) ([]byte, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("the demo is built with Go: go env GOROOT: %w", err)
	}
	return os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
}

// program compiles the storyteller for a browser.
func program(ctx context.Context, source, commit string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "storyteller.wasm")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= "+version.LinkerFlag(commit), "-o", out, "./app/cmd/demo")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOWASM=", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compiling app/cmd/demo for a browser: %w\n%s", err, text)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var small bytes.Buffer
	w, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(code); err != nil {
		return nil, err
	}
	err = w.Close()
	return small.Bytes(), err
}

// modelFiles is the built-in model.
func modelFiles() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "demo")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	checkpoint, tokenizer, err := builtin.Write(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range []string{checkpoint, tokenizer} {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// offline is the script that keeps all of the files in the browser, under a version that
// is another whenever one of them is.
func offline(files map[string][]byte) ([]byte, error) {
	script, err := assets.ReadFile("assets/offline.js.in")
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(script)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[name])
		fmt.Fprintf(h, "%s %x\n", name, sum)
		if name == "index.html" { // servers lead from it to the folder
			name = "./"
		}
		names = append(names, name)
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	return []byte(strings.NewReplacer("@VERSION@", hex.EncodeToString(h.Sum(nil)[:8]), "@FILES@", string(list)).Replace(string(script))), nil
}

// made marks a folder that may be made anew.
const made = "offline.js"

// write writes the files into a new folder, and puts it in place of what an earlier call
// made, never of anything else.
func write(into string, files map[string][]byte) error {
	if entries, err := os.ReadDir(into); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(into, made)); err != nil {
			return fmt.Errorf("%s: there are other files in it: name a new folder", into)
		}
	}
	part := filepath.Clean(into) + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	for name, data := range files {
		file := filepath.Join(part, filepath.FromSlash(path.Clean(name)))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(into); err != nil {
		return err
	}
	return os.Rename(part, into)
}
