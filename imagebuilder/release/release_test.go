package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/imagebuilder/compile"
	"duostoryteller/imagebuilder/spdx"
)

const (
	repository = "../.."
	commit     = "0123456789ab"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func when() time.Time { return time.Unix(1_700_000_000, 0) }

// unpacked reads an archive by its kind, and holds what it says of each file against
// what it has to be.
func unpacked(t *testing.T, archive, folder string) (all []file) {
	t.Helper()
	data, err := os.ReadFile(archive)
	check(t, err)
	add := func(name string, mode os.FileMode, at time.Time, r io.Reader) {
		content, err := io.ReadAll(r)
		check(t, err)
		under, ok := strings.CutPrefix(name, folder+"/")
		if !ok || !filepath.IsLocal(under) || !at.Equal(when()) {
			t.Errorf("%s has %s of %v; want it in %s, of %v", archive, name, at, folder, when())
		}
		all = append(all, file{under, mode, content})
	}
	if strings.HasSuffix(archive, ".zip") {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		check(t, err)
		for _, f := range z.File {
			r, err := f.Open()
			check(t, err)
			add(f.Name, f.Mode(), f.Modified, r)
		}
		return all
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	check(t, err)
	if z.Name != "" || !z.ModTime.IsZero() {
		t.Errorf("%s: gzip has the name %q and the time %v; want neither", archive, z.Name, z.ModTime)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		check(t, err)
		if h.Uname != "" || h.Gname != "" || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s: %s belongs to %q (%d), %q (%d); want nobody's name", archive, h.Name, h.Uname, h.Uid, h.Gname, h.Gid)
		}
		add(h.Name, os.FileMode(h.Mode), h.ModTime, r)
	}
}

// TestTwice makes an archive from the sources, and again from a copy of them by somebody
// with another home, time zone and settings of Go; looks into it, and uses it.
func TestTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("compiling takes most of a minute: not with -short")
	}
	here := compile.System{OS: runtime.GOOS, Arch: runtime.GOARCH}
	goCache, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOROOT").Output()
	check(t, err)
	caches := strings.Fields(string(goCache))
	var steps []string
	o := Options{Source: repository, Out: t.TempDir(), Systems: []compile.System{here}, Commit: commit, Time: when(),
		Progress: func(what string, done, total int64) {
			steps = append(steps, fmt.Sprintf("%d/%d %s", done, total, what))
		}}
	first, err := Write(t.Context(), o)
	check(t, err)
	if len(steps) != 5 || !strings.HasPrefix(steps[4], "4/4") {
		t.Errorf("progress = %q; want 5 reports up to 4/4", steps)
	}

	elsewhere := filepath.Join(t.TempDir(), "another place", "of the sources")
	for _, dir := range []string{"app", "imagebuilder"} {
		check(t, os.CopyFS(filepath.Join(elsewhere, dir), os.DirFS(filepath.Join(repository, dir))))
	}
	for _, name := range []string{"go.mod", "go.sum", "LICENSE"} {
		data, err := os.ReadFile(filepath.Join(repository, name))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(elsewhere, name), data, 0o600))
	}
	home := t.TempDir()
	for name, value := range map[string]string{"HOME": home, "XDG_CACHE_HOME": home, "USER": "somebody", "LOGNAME": "somebody", "TZ": "Asia/Tokyo", "LC_ALL": "de_DE.UTF-8",
		"GOMAXPROCS": "1", "GOFLAGS": "-tags=other", "GOAMD64": "v3", "GOARM64": "v9.0", "GOCACHE": caches[0], "GOMODCACHE": caches[1]} {
		t.Setenv(name, value)
	}
	o.Source, o.Out = elsewhere, t.TempDir()
	second, err := Write(t.Context(), o)
	check(t, err)
	t.Setenv("TZ", "UTC")

	folder := Name(commit, here)
	a, b := unpacked(t, first[0].Archive, folder), unpacked(t, second[0].Archive, folder)
	for i := range a {
		if i >= len(b) || a[i].name != b[i].name || !bytes.Equal(a[i].data, b[i].data) {
			t.Errorf("%s differs between two archives of the same sources", a[i].name)
		}
	}
	for _, name := range []string{filepath.Base(first[0].Archive), Sums} {
		x, err := os.ReadFile(filepath.Join(filepath.Dir(first[0].Archive), name))
		check(t, err)
		y, err := os.ReadFile(filepath.Join(o.Out, name))
		check(t, err)
		if !bytes.Equal(x, y) {
			t.Errorf("two files %s of the same sources differ", name)
		}
		if name == Sums {
			data, err := os.ReadFile(second[0].Archive)
			check(t, err)
			if want := fmt.Sprintf("%x  %s\n", sha256.Sum256(data), filepath.Base(second[0].Archive)); string(x) != want {
				t.Errorf("%s = %q; want %q", name, x, want)
			}
		}
	}
	inside(t, a, caches[2])
	used(t, a, here)
}

// inside holds an archive's files against each other, and wants no path of this machine in them.
func inside(t *testing.T, files []file, goroot string) {
	t.Helper()
	source, err := filepath.Abs(repository)
	check(t, err)
	names := map[string]file{}
	for i, f := range files {
		names[f.name] = f
		if i > 1 && f.name <= files[i-1].name {
			t.Errorf("%s comes after %s: not in order", f.name, files[i-1].name)
		}
		for _, private := range []string{source, os.Getenv("HOME"), os.Getenv("GOMODCACHE"), goroot} {
			if private != "" && bytes.Contains(f.data, []byte(private)) {
				t.Errorf("%s has the path %s of this machine", f.name, private)
			}
		}
	}
	sums := 0
	for line := range strings.Lines(string(names[Sums].data)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if got := fmt.Sprintf("%x", sha256.Sum256(names[name].data)); got != sum {
			t.Errorf("%s: %s = %s; want %s", Sums, name, sum, got)
		}
		sums++
	}
	if sums != len(files)-1 {
		t.Errorf("%s has %d files; want all %d others", Sums, sums, len(files)-1)
	}
	var bill spdx.Document
	check(t, json.Unmarshal(names["sbom.spdx.json"].data, &bill))
	libraries := 0
	for _, p := range bill.Packages {
		if p.Purpose != "LIBRARY" {
			continue
		}
		libraries++
		if strings.Contains(p.Name, "md2man") {
			t.Errorf("what writes the manual's pages is in the programs: %s", p.Name)
		}
		if len(names["licences/"+p.Name+"/LICENCE"].data) < 500 {
			t.Errorf("the licence of %s is missing", p.Name)
		}
	}
	if libraries < 10 {
		t.Errorf("the bill of materials has %d libraries; want cobra, x/sys and all others", libraries)
	}
	if own, err := os.ReadFile(filepath.Join(repository, "LICENSE")); err != nil || !bytes.Equal(names["LICENSE"].data, own) {
		t.Errorf("the archive's LICENSE is not the project's: %v", err)
	}
}

// used runs the programs, and wants a page and an entry in each shell's completion for
// each of their verbs.
func used(t *testing.T, files []file, here compile.System) {
	t.Helper()
	dir := t.TempDir()
	text := map[string]string{}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		check(t, os.WriteFile(name, f.data, f.mode))
		text[f.name] = string(f.data)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(filepath.Join(dir, args[0]+here.Exe()), args[1:]...).CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v: %s", args, err, out)
		}
		return string(out)
	}
	const prompt = "Once upon a time"
	story := run("storyteller", "tell", "--model", filepath.Join(dir, "model", "tiny.bin"), "-z", filepath.Join(dir, "model", "tiny_tok512.bin"), "-s", "1", "-n", "60", prompt)
	if !strings.HasPrefix(story, prompt) || len(story) < 100 {
		t.Errorf("the archive's storyteller tells %q", story)
	}
	for _, p := range programs() {
		if got, want := run(p.name, "--version"), p.name+" 0."; !strings.HasPrefix(got, want) || !strings.Contains(got, commit) {
			t.Errorf("%s --version = %q; want the commit %s", p.name, got, commit)
		}
		verbs := regexp.MustCompile(`(?m)^  ([a-z]+) {2,}\S`).FindAllStringSubmatch(run(p.name, "--help"), -1)
		if len(verbs) < 5 {
			t.Errorf("%s --help names %d verbs", p.name, len(verbs))
		}
		for _, verb := range verbs {
			if verb[1] == "help" {
				continue
			}
			page := text["man/man1/"+p.name+"-"+verb[1]+".1"]
			if !strings.Contains(page, ".TH ") || !strings.Contains(page, `"Nov 2023"`) || !strings.Contains(page, "SYNOPSIS") {
				t.Errorf("%s %s has no page for man, or not of the release's month", p.name, verb[1])
			}
			if got := run(p.name, "__complete", verb[1][:len(verb[1])-1]); !strings.Contains(got, verb[1]+"\t") {
				t.Errorf("%s does not complete %s: %q", p.name, verb[1], got)
			}
		}
		if _, ok := text["man/man1/"+p.name+"-man.1"]; ok {
			t.Errorf("%s shows the verb that is for the release alone", p.name)
		}
		if _, err := exec.Command(filepath.Join(dir, p.name+here.Exe()), "man", dir).Output(); err == nil {
			t.Errorf("%s has what writes the pages in it", p.name)
		}
		for name, want := range map[string]string{
			"bash/" + p.name: "complete -o default", "zsh/_" + p.name: "#compdef " + p.name,
			"fish/" + p.name + ".fish": "complete -c " + p.name, "powershell/" + p.name + ".ps1": "Register-ArgumentCompleter",
		} {
			if !strings.Contains(text["completions/"+name], want) {
				t.Errorf("completions/%s has no %q", name, want)
			}
		}
		if bash, err := exec.LookPath("bash"); err == nil {
			if out, err := exec.Command(bash, "-n", filepath.Join(dir, "completions", "bash", p.name)).CombinedOutput(); err != nil {
				t.Errorf("bash does not read the completions of %s: %v: %s", p.name, err, out)
			}
		}
	}
}

// TestArchives writes and reads both kinds.
func TestArchives(t *testing.T) {
	files := []file{{Sums, 0o644, []byte("x")}, {"a/b", 0o755, bytes.Repeat([]byte("program"), 1000)}, {"c", 0o644, nil}}
	for ending, pack := range map[string]func(io.Writer, string, []file, time.Time) error{".tar.gz": tarGzip, ".zip": zipped} {
		name := filepath.Join(t.TempDir(), "x"+ending)
		var archive bytes.Buffer
		check(t, pack(&archive, "folder", files, when().Add(time.Millisecond).In(time.FixedZone("", 3600))))
		check(t, os.WriteFile(name, archive.Bytes(), 0o644))
		if ending == ".tar.gz" {
			var again bytes.Buffer
			check(t, pack(&again, "folder", files, when()))
			if !bytes.Equal(archive.Bytes(), again.Bytes()) {
				t.Error("the time zone shows in the archive")
			}
		}
		got := unpacked(t, name, "folder")
		if !slices.EqualFunc(got, files, func(a, b file) bool { return a.name == b.name && a.mode == b.mode && bytes.Equal(a.data, b.data) }) {
			t.Errorf("%s has %v; want %v", ending, got, files)
		}
	}
}

// TestTried holds what archives say of themselves against the readme, for each system of
// the Makefile.
func TestTried(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	check(t, err)
	readme, err := os.ReadFile(filepath.Join(repository, "README.md"))
	check(t, err)
	systems := regexp.MustCompile(`(?m)^SYSTEMS := (.*)$`).FindSubmatch(makefile)
	if systems == nil {
		t.Fatal("the Makefile has no SYSTEMS")
	}
	for _, text := range strings.Fields(string(systems[1])) {
		system, err := compile.ParseSystem(text)
		check(t, err)
		name := map[string]string{"linux": "Linux", "darwin": "macOS", "windows": "Windows"}[system.OS]
		row := regexp.MustCompile(`(?m)^\|[^|]*` + name + `[^|]*\b` + system.Arch + `\b[^|]*\| (\w+)`).FindSubmatch(readme)
		if row == nil || string(row[1]) != Tried(system) {
			t.Errorf("README.md says of %s: %q; the archive says %s", system, row, Tried(system))
		}
		text, err := page(commit, system)
		if err != nil || !strings.Contains(string(text), "**"+Tried(system)+"**") || strings.Contains(string(text), "<no value>") {
			t.Errorf("the page for %s: %v\n%s", system, err, text)
		}
	}
}

// TestNothing leaves nothing behind of what cannot be made.
func TestNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		ctx     context.Context
		systems []compile.System
		want    string
	}{
		"no system":   {t.Context(), nil, "no system"},
		"interrupted": {ctx, []compile.System{{OS: "linux", Arch: "amd64"}}, context.Canceled.Error()},
	} {
		out := t.TempDir()
		_, err := Write(tt.ctx, Options{Source: repository, Out: out, Systems: tt.systems, Commit: commit, Time: when()})
		if err == nil || !strings.Contains(err.Error(), tt.want) || name == "interrupted" && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
		if left, _ := os.ReadDir(out); len(left) > 0 {
			t.Errorf("%s: it left %v", name, left)
		}
	}
}
