package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"duostoryteller/app/avoid"
	"duostoryteller/app/cardmodels"
	"duostoryteller/app/commands"
	"duostoryteller/app/llama/builtin"
	"duostoryteller/app/llama/packed"
	"duostoryteller/app/version"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/compile"
	"duostoryteller/imagebuilder/fatcheck"
	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/firmware"
	"duostoryteller/imagebuilder/fit"
	"duostoryteller/imagebuilder/initramfs"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/imagebuilder/manifest"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/imagebuilder/source"
	"duostoryteller/imagebuilder/voices"
)

// share is where the storyteller looks for its files on the board.
const share = "/usr/share/storyteller"

// moreModels has the card's further models; see package cardmodels.
const moreModels = share + "/" + cardmodels.Folder

func (s *state) readBoard(context.Context) (string, error) {
	dir := filepath.Join(s.Source, "board")
	b, err := board.Load(dir, s.Board)
	if err != nil {
		return "", err
	}
	title := b.Title
	if b.CardOf != "" {
		if b, err = board.Load(dir, b.CardOf); err != nil {
			return "", err
		}
		title += ", which boots the card of " + b.Title
	}
	s.board = b
	return title, nil
}

func (s *state) loadFirmware(ctx context.Context) (string, error) {
	from, err := s.findFirmware(ctx)
	if errors.As(err, new(*fetch.Unavailable)) {
		s.fipMissing = err
		return "none, its download failed; the card will boot in the emulator only", nil
	}
	if err != nil {
		return "", err
	}
	if from == "" {
		return "none; the card will boot in the emulator only", nil
	}
	data, im, err := firmware.Load(from)
	if err != nil {
		return "", err
	}
	if s.NoSecondCore && im.SecondCore {
		if data, err = firmware.WithoutSecondCore(data); err != nil {
			return "", err
		}
	}
	s.fip, s.fipInfo = data, im
	return fmt.Sprintf("%s, %s, %s", size(int64(len(data))), im.UBoot, s.fipSource), nil
}

// findFirmware returns the file to take fip.bin from, "" for none.
func (s *state) findFirmware(ctx context.Context) (string, error) {
	if s.FIP != "" {
		s.fipSource = "given by --fip"
		return s.FIP, nil
	}
	if s.Firmware == "" {
		return "", nil
	}
	official, err := firmware.ReadOfficial(s.board.Dir)
	if err != nil {
		return "", err
	}
	version := s.Firmware
	if version == "default" {
		version = official.Default
	}
	r, err := official.Release(version)
	if err != nil {
		return "", err
	}
	s.fipSource = "the vendor's official image " + r.Version + ", " + r.URL
	return firmware.Downloader{Cache: s.Cache, Progress: s.Progress, Log: s.Log}.Get(ctx, r)
}

// missingConfigurations are those that the firmware asks for and boot.sd lacks.
func (s *state) missingConfigurations() (missing []string) {
	for _, want := range s.fipInfo.Configurations {
		if !slices.ContainsFunc(s.board.FIT.Configurations, func(c board.Configuration) bool { return c.Name == want }) {
			missing = append(missing, want)
		}
	}
	return missing
}

// shellPath is where the shell is on the board, with its commands as links beside it.
const shellPath = "/bin/sh"

// program is one that is compiled from this repository for the board.
type program struct {
	pkg  string // import path
	path string // on the board
	file string // on the host
}

func (s *state) buildPrograms(ctx context.Context) (string, error) {
	s.programs = []program{
		{pkg: "./app/cmd/init", path: "/sbin/init"},
		{pkg: "./app/cmd/storyteller", path: "/bin/storyteller"},
		{pkg: "./app/cmd/shell", path: shellPath},
	}
	s.commit = source.Commit(ctx, s.Source)
	if err := s.findPrograms(ctx, s); err != nil {
		return "", err
	}
	built, files := []string{version.Of(s.commit)}, []string(nil)
	for _, p := range s.programs {
		info, err := os.Stat(p.file)
		if err != nil {
			return "", err
		}
		if most := s.board.Card.ShellMax; p.path == shellPath && info.Size() > most {
			return "", fmt.Errorf("the shell has %s, its budget on the card is %s: shell_max in %s", size(info.Size()), size(most), filepath.Join(s.board.Dir, "board.toml"))
		}
		built = append(built, path.Base(p.path)+" "+size(info.Size()))
		files = append(files, p.file)
	}
	var err error
	s.modules, err = manifest.Modules(ctx, s.Source, files...)
	return strings.Join(built, ", "), err
}

// compilePrograms compiles them with the host's Go.
func compilePrograms(ctx context.Context, s *state) error {
	for i := range s.programs {
		p := &s.programs[i]
		p.file = filepath.Join(s.tmp, path.Base(p.path))
		if err := compile.Program(ctx, compile.Options{Source: s.Source, System: compile.Board(), Commit: s.commit}, p.pkg, p.file); err != nil {
			return err
		}
	}
	return nil
}

// buildVoices finds the programs that read the story aloud. They are over C
// libraries, each in a process of its own.
func (s *state) buildVoices(ctx context.Context) (string, error) {
	s.voices = new(voices.Result)
	if s.NoVoice {
		return "left out", nil
	}
	if err := s.findVoices(ctx, s); err != nil {
		return "", err
	}
	var names []string
	for _, c := range s.voices.Components {
		names = append(names, fmt.Sprintf("%s %s", c.Name, size(c.Size)))
	}
	if names == nil {
		return "none", nil
	}
	return strings.Join(names, ", "), nil
}

// compileVoices makes them from Debian's libraries.
func compileVoices(ctx context.Context, s *state) (err error) {
	if err := linux.CheckTools(); err != nil { // one error for all that is missing
		return err
	}
	s.voices, err = voices.Build(ctx, voices.Options{CacheDir: s.Cache, Locked: s.Locked})
	return err
}

// buildChecker finds the program that repairs the FAT partition.
func (s *state) buildChecker(ctx context.Context) (string, error) {
	s.checker = new(fatcheck.Result)
	if err := s.findChecker(ctx, s); err != nil {
		return "", err
	}
	var names []string
	for _, p := range s.checker.Packages {
		names = append(names, p.Name+" "+p.Version)
	}
	if names == nil {
		return "Buildroot's", nil
	}
	return strings.Join(names, ", "), nil
}

// fetchChecker fetches Debian's.
func fetchChecker(ctx context.Context, s *state) (err error) {
	s.checker, err = fatcheck.Fetch(ctx, fatcheck.Options{CacheDir: s.Cache, Locked: s.Locked})
	return err
}

func (s *state) buildKernel(ctx context.Context) (string, error) {
	if err := s.findKernel(ctx, s); err != nil {
		return "", err
	}
	how := "built"
	if s.kernel.Cached {
		how = "from the cache"
	} else if s.Buildroot != "" {
		how = "Buildroot's"
	}
	return fmt.Sprintf("Linux %s, %s", s.kernel.Release, how), nil
}

// builtKernel fetches the kernel's source and builds it, or takes the result of
// an earlier build from the cache.
func builtKernel(ctx context.Context, s *state) (err error) {
	if err := linux.CheckTools(); err != nil { // before the source is fetched
		return err
	}
	if s.KernelSource != "" {
		s.source, err = linux.ArchiveSource(s.KernelSource, s.KernelSHA256)
	} else {
		s.source, err = linux.DebianSource(ctx, s.Locked)
	}
	if err != nil {
		return err
	}
	o := linux.Options{Source: s.source, Patches: s.board.Kernel.Patches, Fragments: s.board.Kernel.Fragments, DTS: s.board.Kernel.DeviceTrees, CacheDir: s.Cache, Log: s.Log}
	if s.Progress != nil {
		o.Progress = func(done, about int) { s.Progress("kernel", int64(done), int64(about)) }
	}
	s.kernel, err = linux.Build(ctx, o)
	return err
}

func (s *state) writeBoot(context.Context) (string, error) {
	kernel, err := os.ReadFile(s.kernel.Image)
	if err != nil {
		return "", err
	}
	init, err := os.ReadFile(s.programs[0].file)
	if err != nil {
		return "", err
	}
	d := s.board.FIT
	spec := fit.Spec{
		Description: "Duo Storyteller: Linux " + s.kernel.Release,
		Kernel:      kernel, KernelLoad: d.KernelLoad, KernelEntry: d.KernelEntry, MaxSize: d.MaxSize,
		Ramdisk: initramfs.Make(init),
	}
	for _, name := range slices.Sorted(maps.Keys(s.kernel.DTBs)) {
		data, err := os.ReadFile(s.kernel.DTBs[name])
		if err != nil {
			return "", err
		}
		spec.DeviceTrees = append(spec.DeviceTrees, fit.DeviceTree{Name: name, Data: data})
	}
	for _, c := range d.Configurations {
		spec.Configurations = append(spec.Configurations, fit.Configuration(c))
	}
	var text bytes.Buffer
	if err := fit.Write(&text, spec); err != nil {
		return "", err
	}
	s.bootFile = filepath.Join(s.tmp, d.File)
	if err := os.WriteFile(s.bootFile, text.Bytes(), 0o644); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d configurations", size(int64(text.Len())), len(d.Configurations)), nil
}

// writeRoot gathers what the board's root file system has and writes it.
func (s *state) writeRoot(context.Context) (string, error) {
	tree := new(rootfs.Tree)
	if err := tree.Add(rootfs.MountPoints()...); err != nil {
		return "", err
	}
	type hostFile struct {
		path, source string
		mode         fs.FileMode
	}
	files := []hostFile{
		{share + "/model.packed", s.model.packed.path, 0o644},
		{share + "/tokenizer.bin", s.model.tokenizer.path, 0o644},
		{share + "/board.toml", filepath.Join(s.board.Dir, "board.toml"), 0o644},
		{share + "/official.toml", filepath.Join(s.board.Dir, "official.toml"), 0o644},
		{share + "/engines.toml", filepath.Join(s.board.Dir, "engines.toml"), 0o644},
		{"/usr/share/licences/duo-storyteller/LICENCE", filepath.Join(s.Source, "LICENSE"), 0o644},
		{"/usr/share/licences/linux/LICENCE", filepath.Join(s.Source, "board", "LICENSES", "GPL-2.0.txt"), 0o644},
	}
	for _, m := range s.more {
		dir := path.Join(moreModels, m.name())
		files = append(files, hostFile{path.Join(dir, cardmodels.Packed), m.packed.path, 0o644})
		if m.tokenizer.sha256 != s.model.tokenizer.sha256 {
			files = append(files, hostFile{path.Join(dir, cardmodels.Tokenizer), m.tokenizer.path, 0o644})
		}
	}
	if s.baseline.program.path != "" {
		files = append(files, hostFile{baselineProgram, s.baseline.program.path, 0o755}, hostFile{baselineModel, s.baseline.checkpoint.path, 0o644})
	}
	if s.Buildroot != "" {
		if err := tree.AddTree("/", s.target(), notInRoot[:]...); err != nil {
			return "", err
		}
	} else {
		for _, p := range s.programs {
			files = append(files, hostFile{p.path, p.file, 0o755})
		}
		for _, name := range commands.Names() {
			if err := tree.Add(rootfs.Symlink(path.Join(path.Dir(shellPath), name), path.Base(shellPath))); err != nil {
				return "", err
			}
		}
	}
	for _, h := range files {
		f, err := rootfs.HostFile(h.path, h.mode, h.source)
		if err != nil {
			return "", err
		}
		if err := tree.Add(f); err != nil {
			return "", err
		}
	}
	if err := s.listParts(); err != nil {
		return "", err
	}
	if err := tree.Add(rootfs.Bytes(share+"/suites/regression.jsonl", 0o644, s.suite), rootfs.Bytes(version.Parts, 0o644, s.parts)); err != nil {
		return "", err
	}
	if err := tree.Add(s.voices.Files...); err != nil {
		return "", err
	}
	if err := tree.Add(s.checker.Files...); err != nil {
		return "", err
	}
	for _, m := range s.modules {
		if m.LicenceText == nil {
			continue
		}
		if err := tree.Add(rootfs.Bytes("/usr/share/licences/"+m.Name+"/LICENCE", 0o644, m.LicenceText)); err != nil {
			return "", err
		}
	}
	if dir := filepath.Join(s.Source, "overlay", "root"); exists(dir) {
		if err := tree.AddTree("/", dir); err != nil {
			return "", err
		}
	}
	if err := s.writeUpdate(tree); err != nil {
		return "", err
	}
	list, err := rootfs.Sums(tree)
	if err != nil {
		return "", err
	}
	if err := tree.Add(list); err != nil {
		return "", err
	}
	if have := s.rootSize(); tree.Size() > have {
		return "", fmt.Errorf("the root file system's files have %s, its partition %s: enlarge root_size in %s", size(tree.Size()), size(have), filepath.Join(s.board.Dir, "board.toml"))
	}
	s.rootFile = filepath.Join(s.tmp, "root.erofs")
	out, err := os.Create(s.rootFile)
	if err != nil {
		return "", err
	}
	defer out.Close()
	if err := tree.Write(out, s.Time, s.tmp); err != nil {
		return "", err
	}
	s.rootTree = tree
	info, err := out.Stat()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d entries", size(info.Size()), len(tree.Files())), out.Close()
}

// updateFile is the root file system without what is the model's: a card that
// gets this file onto its FAT partition tries it in place of its own.
const updateFile = "update.erofs"

// writeUpdate writes it.
func (s *state) writeUpdate(tree *rootfs.Tree) error {
	update := new(rootfs.Tree)
	for _, f := range tree.Files() {
		switch f.Path {
		case share + "/model.packed", share + "/tokenizer.bin", baselineModel, moreModels:
			continue
		}
		if strings.HasPrefix(f.Path, moreModels+"/") {
			continue
		}
		if err := update.Add(f); err != nil {
			return err
		}
	}
	list, err := rootfs.Sums(update)
	if err != nil {
		return err
	}
	if err := update.Add(list); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(s.tmp, updateFile))
	if err != nil {
		return err
	}
	defer out.Close()
	if err := update.Write(out, s.Time, s.tmp); err != nil {
		return err
	}
	info, err := out.Stat()
	if err != nil {
		return err
	}
	s.updateSize = info.Size()
	return out.Close()
}

func exists(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// cardInfo is what is known of the card once it is written.
type cardInfo struct {
	signature uint32
	files     []card.File
	image     file
}

func (s *state) writeCard(context.Context) (string, error) {
	root, err := os.Open(s.rootFile)
	if err != nil {
		return "", err
	}
	defer root.Close()
	info, err := root.Stat()
	if err != nil {
		return "", err
	}
	out, err := os.Create(filepath.Join(s.tmp, Image))
	if err != nil {
		return "", err
	}
	defer out.Close()
	c := s.board.Card
	s.layout.signature, err = card.Write(out, card.Spec{
		Layout: card.Layout{BootStart: c.BootStart, BootSize: c.BootSize, RootStart: c.RootStart, RootSize: s.rootSize()},
		Label:  c.BootLabel, Files: s.layout.files,
		Root: root, RootSize: info.Size(), Time: s.Time,
	})
	if err != nil {
		return "", err
	}
	if err := out.Close(); err != nil {
		return "", err
	}
	s.layout.image, err = describe(out.Name(), "")
	return fmt.Sprintf("%s, SHA-256 %.12s…", size(s.layout.image.size), s.layout.image.sha256), err
}

// startHere is the page for whom the storyteller's own does not open.
const startHere = "app/web/assets/start-here.html"

// avoidList is the storyteller's built-in list of what stories do not have, for people to
// change.
const avoidList = "app/avoid/avoid.txt"

// bootFiles are the files of the FAT partition: boot.sd, those of overlay/boot
// and, where it was given, fip.bin.
func (s *state) bootFiles() ([]card.File, error) {
	boot, err := os.ReadFile(s.bootFile)
	if err != nil {
		return nil, err
	}
	var files []card.File
	if s.fip != nil {
		files = append(files, card.File{Name: "fip.bin", Data: s.fip})
	}
	files = append(files, card.File{Name: s.board.FIT.File, Data: boot})
	dir := filepath.Join(s.Source, "overlay", "boot")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s is no regular file: the FAT partition has files in its root directory only", filepath.Join(dir, e.Name()))
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, card.File{Name: e.Name(), Data: data})
	}
	help, err := os.ReadFile(filepath.Join(s.Source, startHere))
	if err != nil {
		return nil, err
	}
	files = append(files, card.File{Name: "START-HERE.html", Data: help})
	list, err := os.ReadFile(filepath.Join(s.Source, avoidList))
	if err != nil {
		return nil, err
	}
	files = append(files, card.File{Name: avoid.File, Data: list})
	return files, nil
}

// listParts makes the list of the card's parts, which is itself on the card.
func (s *state) listParts() (err error) {
	if s.layout.files, err = s.bootFiles(); err != nil {
		return err
	}
	m := &s.manifest
	m.Version = version.Of(s.commit)
	m.Board, m.BuiltWith = s.board.Name, []string{s.kernel.Compiler}
	add := func(c manifest.Component) { m.Components = append(m.Components, c) }
	for _, mod := range s.modules {
		add(mod.Component)
		if mod.Name == "go" {
			m.BuiltWith = append(m.BuiltWith, mod.Version)
		}
	}
	for _, p := range s.programs {
		sum, _, err := fetch.Sum(p.file)
		if err != nil {
			return err
		}
		add(manifest.Component{Name: p.path, Kind: "program", Version: m.Version, Source: p.pkg, Hash: "sha256:" + sum, Licence: projectLicence(s.Source)})
	}
	for _, c := range s.voices.Components {
		source := "Debian " + strings.Join(c.Packages, ", ")
		if s.Buildroot != "" {
			source = "Buildroot"
		}
		add(manifest.Component{Name: c.Name, Kind: "voice", Source: source, Licence: c.License})
	}
	packages := slices.Concat(s.voices.Packages, s.checker.Packages)
	for _, p := range packages {
		add(manifest.Component{Name: p.Name, Kind: "Debian package", Version: p.Version, Source: p.Source, Hash: "sha256:" + p.SHA256,
			Licence: "LicenseRef-Debian-copyright", Note: p.Arch + "; its licences are in usr/share/doc/" + p.Name + "/copyright"})
	}
	kernel := manifest.Component{Name: "linux", Kind: "kernel", Version: s.kernel.Release,
		Source:  strings.TrimSpace(fmt.Sprintf("%s %s, %s", s.source.Name, s.source.Version, s.source.Origin)),
		Licence: "GPL-2.0-only WITH Linux-syscall-note", Note: "its configuration: board/*/kernel.fragment"}
	if s.source.SHA256 != "" {
		kernel.Hash, kernel.Note = "sha256:"+s.source.SHA256, "the hash is the source's; "+kernel.Note
	}
	add(kernel)
	for i, one := range s.models() {
		which, name := "", "model.packed"
		if i > 0 { // the card's own is the one that is called just "checkpoint": package version
			which, name = "further ", path.Join(cardmodels.Folder, one.name(), cardmodels.Packed)
		}
		licence := s.licence(one.checkpoint, s.board.Model, "MIT")
		add(manifest.Component{Name: one.checkpoint.name, Kind: which + "checkpoint", Source: one.checkpoint.source, Hash: "sha256:" + one.checkpoint.sha256,
			Licence: licence, Note: strings.TrimPrefix(one.checkpoint.note, "; ")})
		add(manifest.Component{Name: one.tokenizer.name, Kind: which + "tokenizer", Source: one.tokenizer.source, Hash: "sha256:" + one.tokenizer.sha256,
			Licence: s.licence(one.tokenizer, s.board.Tokenizer, "LicenseRef-Llama-2")})
		add(manifest.Component{Name: name, Kind: "packed checkpoint", Version: strconv.Itoa(packed.Version), Source: one.checkpoint.name,
			Hash: "sha256:" + one.packed.sha256, Licence: licence})
	}
	if s.baseline.program.path != "" {
		add(manifest.Component{Name: baselineProgram, Kind: "baseline program", Source: s.baseline.program.source, Hash: "sha256:" + s.baseline.program.sha256,
			Licence: "NOASSERTION", Note: "the user's build of llama2.c's run.c, for comparison"})
		add(manifest.Component{Name: baselineModel, Kind: "baseline checkpoint", Source: s.baseline.checkpoint.source, Hash: "sha256:" + s.baseline.checkpoint.sha256,
			Licence: s.licence(s.baseline.checkpoint, s.board.Model, "MIT"), Note: "the baseline program's"})
	}
	for _, f := range s.layout.files {
		sum := sha256.Sum256(f.Data)
		c := manifest.Component{Name: f.Name, Kind: manifest.FATFile, Hash: "sha256:" + hex.EncodeToString(sum[:]), Licence: projectLicence(s.Source)}
		switch f.Name {
		case "fip.bin":
			c.Kind, c.Version, c.Licence = "firmware", s.fipInfo.UBoot, "LicenseRef-vendor"
			c.Source = s.fipSource
			if s.NoSecondCore {
				c.Note = "patched: starts nothing on the second core"
			}
		case s.board.FIT.File:
			c.Licence, c.Note = "GPL-2.0-only WITH Linux-syscall-note AND "+projectLicence(s.Source), "kernel, device trees and, for a first root, /sbin/init"
		}
		add(c)
	}
	s.parts, err = m.Parts()
	return err
}

func (s *state) writeManifest(context.Context) (string, error) {
	im, sum := s.layout.image, sha256.Sum256(s.parts)
	s.manifest.Image = manifest.Image{
		File: Image, Size: im.size, SHA256: im.sha256,
		Signature: fmt.Sprintf("%08x", s.layout.signature), RootUUID: fmt.Sprintf("%08x-02", s.layout.signature),
		Parts: hex.EncodeToString(sum[:]),
	}
	text, err := s.manifest.JSON()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d components", len(s.manifest.Components)), os.WriteFile(filepath.Join(s.tmp, "manifest.json"), text, 0o644)
}

// licence is known of the pinned file; of another one nothing is.
func (s *state) licence(f file, pinned board.File, known string) string {
	switch {
	case f.sha256 == pinned.SHA256:
		return known
	case f.name == standIn:
		return "CC0-1.0"
	case f.source == builtinSource:
		return builtin.Licence
	}
	return "NOASSERTION"
}

// projectLicence reads the project's licence, if it states one.
func projectLicence(dir string) string {
	if id, _, err := manifest.Licence(dir); err == nil {
		return id
	}
	return "NOASSERTION"
}
