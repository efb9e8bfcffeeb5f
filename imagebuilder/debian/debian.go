// Package debian fetches Debian packages of any suite and architecture through
// an apt of its own, without touching the host's: state, cache, sources and
// configuration live in a directory of the builder's cache. The host lends
// three things, its archive keyring, its way to the network (proxies,
// credentials) and, unless a mirror is named, its mirror.
//
// The lists are signed and apt verifies them; a package is kept under the
// SHA-256 that the list gives, so one that was fetched before needs no network.
package debian

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"duostoryteller/imagebuilder/fetch"
	"duostoryteller/imagebuilder/flock"
)

// Keyring is where the package debian-archive-keyring puts Debian's keys.
const Keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// Source stands in a [Suite] for source packages, as in Debian's own files.
const Source = "source"

// listsAge is how long fetched lists serve before they are asked for again.
const listsAge = 24 * time.Hour

// Suite names what to read packages from.
type Suite struct {
	Mirror     string    // e.g. a URL ending in /debian; empty: the host's own, see HostMirror
	Name       string    // e.g. "trixie-backports"
	Components []string  // empty: main
	Arch       string    // Debian's name, e.g. "amd64", "riscv64", or Source for source packages; empty: the host's
	Progress   io.Writer // apt's own progress goes here; nil: nowhere
	Log        io.Writer // says whom the Archive waits for; nil: nowhere
}

// Archive is an opened suite. It is safe for use by several processes at once.
type Archive struct {
	suite Suite
	dir   string // apt's state, cache and configuration
	pool  string // fetched packages, by SHA-256

	// Stale tells why the lists could not be brought up to date; nil when they
	// are. An Archive with stale lists works on what they knew.
	Stale error
}

// Package is one fetched binary package.
type Package struct {
	Name    string
	Version string
	Arch    string
	Source  string // name and, where it differs, version of its source package
	SHA256  string // of the file, as the signed list has it
	Path    string // the .deb in the cache
}

// Entry is what a suite's signed lists say of a package.
type Entry struct {
	Name    string
	Version string
	Arch    string // "all" for a package of every architecture
	Source  string // as in Package
	Files   []File // one .deb, or the files of a source package
}

// File is a file of a mirror.
type File struct {
	Path   string // below the mirror's address, e.g. "pool/main/d/dosfstools/dosfstools_4.2-1.2_riscv64.deb"
	Size   int64
	SHA256 string
}

// Open makes a private apt for the suite under cacheDir and brings its lists up
// to date if they are older than a day. Without a network the lists of an
// earlier call serve, and Stale says so. It fails when apt or Debian's keyring
// is missing, when the mirror is not known (see HostMirror), and when the
// mirror does not have the suite.
func Open(ctx context.Context, cacheDir string, s Suite) (*Archive, error) {
	return open(ctx, cacheDir, s, Keyring)
}

func open(ctx context.Context, cacheDir string, s Suite, keyring string) (*Archive, error) {
	for _, tool := range []string{"apt-get", "apt-cache", "apt-config", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("debian: %s is missing: Debian's packages are fetched by apt; build on Debian or Ubuntu, or in a container of one", tool)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		return nil, fmt.Errorf("debian: %s is missing: apt-get install debian-archive-keyring", keyring)
	}
	if s.Mirror == "" {
		var err error
		if s.Mirror, err = HostMirror(ctx); err != nil {
			return nil, err
		}
	}
	out, err := exec.CommandContext(ctx, "dpkg", "--print-architecture").Output()
	if err != nil {
		return nil, fmt.Errorf("debian: dpkg --print-architecture: %w", explain(err))
	}
	hostArch := strings.TrimSpace(string(out))
	s.Arch = cmp.Or(s.Arch, hostArch)
	if len(s.Components) == 0 {
		s.Components = []string{"main"}
	}
	cacheDir, err = filepath.Abs(cacheDir)
	if err != nil {
		return nil, fmt.Errorf("debian: %w", err)
	}
	key := sha256.Sum256([]byte(strings.Join(append([]string{s.Mirror}, s.Components...), " ")))
	a := &Archive{
		suite: s,
		dir:   filepath.Join(cacheDir, "apt", fmt.Sprintf("%s-%s-%x", s.Name, s.Arch, key[:4])),
		pool:  filepath.Join(cacheDir, "pool"),
	}
	for _, d := range []string{a.pool, a.path("etc"), a.path("state/lists/partial"), a.path("cache/archives/partial"), a.path("log")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("debian: %w", err)
		}
	}
	unlock, err := a.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := a.configure(ctx, keyring, hostArch); err != nil {
		return nil, err
	}
	if err := a.update(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// HostMirror returns the mirror that the host's own apt fetches its Debian
// release from. It fails on a host whose sources are not Debian's.
func HostMirror(ctx context.Context) (string, error) {
	return hostMirror(ctx, "/etc/os-release", nil)
}

var errNoMirror = errors.New("debian: this machine's apt sources name no Debian mirror: give one with --debian-mirror URL (any mirror of the Debian archive)")

// hostMirror lets apt itself read the sources, so that both of their formats
// and all of their options are understood; env is added to apt's environment.
func hostMirror(ctx context.Context, osRelease string, env []string) (string, error) {
	text, err := os.ReadFile(osRelease)
	if err != nil {
		return "", errNoMirror
	}
	release := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		release[k] = strings.Trim(v, `"'`)
	}
	if release["ID"] != "debian" {
		return "", errNoMirror
	}
	// Others' repositories may use a release's name as well, but not the
	// component "main" of the names below, or else a path that ends in "debian".
	suites := map[string]bool{"stable": true, "testing": true, "unstable": true, "sid": true, release["VERSION_CODENAME"]: true}
	cmd := exec.CommandContext(ctx, "apt-get", "indextargets", "--no-release-info",
		"--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("debian: apt-get indextargets: %w", explain(err))
	}
	found := ""
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 3 || !suites[f[1]] || f[2] != "main" {
			continue
		}
		uri := strings.TrimSuffix(f[0], "/")
		if path.Base(uri) == "debian" {
			return uri, nil
		}
		if found == "" {
			found = uri
		}
	}
	if found == "" {
		return "", errNoMirror
	}
	return found, nil
}

// Mirror returns the address that packages come from.
func (a *Archive) Mirror() string { return a.suite.Mirror }

// Newest returns the package of the highest version among those whose name
// matches the shell pattern, e.g. "linux-source-7.*".
func (a *Archive) Newest(ctx context.Context, pattern string) (name, version string, err error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return "", "", fmt.Errorf("debian: pattern %q: %w", pattern, err)
	}
	prefix, _, _ := strings.Cut(strings.NewReplacer("?", "*", "[", "*", `\`, "*").Replace(pattern), "*")
	out, err := a.run(ctx, "apt-cache", "pkgnames", prefix)
	if err != nil {
		return "", "", err
	}
	for _, n := range strings.Fields(out) {
		if ok, _ := path.Match(pattern, n); !ok {
			continue
		}
		p, err := a.lookUp(ctx, n)
		if err != nil {
			continue // a name that others mention, but no package
		}
		if version == "" || exec.CommandContext(ctx, "dpkg", "--compare-versions", p.Version, "gt", version).Run() == nil {
			name, version = n, p.Version
		}
	}
	if name == "" {
		return "", "", fmt.Errorf("debian: %s has no package %s for %s", a.suite.Name, pattern, a.suite.Arch)
	}
	return name, version, nil
}

// Download fetches packages, each given as "name" (the suite's newest) or
// "name=version", and returns them in that order. What the cache has is not
// fetched again. Dependencies are not followed.
func (a *Archive) Download(ctx context.Context, names ...string) ([]Package, error) {
	unlock, err := a.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var all []Package
	for _, name := range names {
		p, err := a.lookUp(ctx, name)
		if err == nil {
			err = a.fetch(ctx, p)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, *p)
	}
	return all, nil
}

// Extract unpacks the files of a .deb into dir, which is made if need be.
func Extract(ctx context.Context, deb, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("debian: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "--extract", deb, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("debian: unpack %s: %s", deb, firstLine(out, err))
	}
	return nil
}

func (a *Archive) path(elem string) string { return filepath.Join(a.dir, elem) }

// configure writes apt's configuration and its one source.
func (a *Archive) configure(ctx context.Context, keyring, hostArch string) error {
	host, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return fmt.Errorf("debian: apt-config dump: %w", explain(err))
	}
	var conf bytes.Buffer
	for line := range strings.Lines(string(host)) {
		for _, keep := range []string{"Acquire::http", "Acquire::Retries", "Acquire::ForceIPv", "Acquire::Check-"} {
			if strings.HasPrefix(line, keep) {
				conf.WriteString(line)
			}
		}
	}
	fmt.Fprintf(&conf, "Dir::State %q;\n", a.path("state"))
	fmt.Fprintf(&conf, "Dir::State::status %q;\n", a.path("state/status"))
	fmt.Fprintf(&conf, "Dir::Cache %q;\n", a.path("cache"))
	fmt.Fprintf(&conf, "Dir::Log %q;\n", a.path("log"))
	fmt.Fprintf(&conf, "Dir::Etc %q;\n", a.path("etc"))
	fmt.Fprintf(&conf, "Dir::Etc::netrc \"/etc/apt/auth.conf\";\n")
	fmt.Fprintf(&conf, "Dir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n")
	fmt.Fprintf(&conf, "APT::Sandbox::User \"root\";\n") // the cache may lie where user _apt cannot look
	fmt.Fprintf(&conf, "APT::Update::Error-Mode \"any\";\n")
	fmt.Fprintf(&conf, "Acquire::Languages \"none\";\n")
	types, arch := "deb", a.suite.Arch
	if arch == Source {
		types, arch = "deb-src", hostArch
	}
	fmt.Fprintf(&conf, "APT::Architecture %q;\n", arch)
	fmt.Fprintf(&conf, "APT::Architectures { %q; };\n", arch)
	source := fmt.Sprintf("Types: %s\nURIs: %s\nSuites: %s\nComponents: %s\nArchitectures: %s\nSigned-By: %s\n",
		types, a.suite.Mirror, a.suite.Name, strings.Join(a.suite.Components, " "), arch, keyring)
	for _, f := range []struct{ name, text string }{
		{"state/status", ""},
		{"apt.conf", conf.String()},
		{"etc/sources.list.d/suite.sources", source},
	} {
		if err := os.MkdirAll(filepath.Dir(a.path(f.name)), 0o755); err != nil {
			return fmt.Errorf("debian: %w", err)
		}
		if err := os.WriteFile(a.path(f.name), []byte(f.text), 0o644); err != nil {
			return fmt.Errorf("debian: %w", err)
		}
	}
	return nil
}

// update brings the lists up to date, or sets Stale if older ones can serve.
func (a *Archive) update(ctx context.Context) error {
	stamp := a.path("updated")
	st, errStamp := os.Stat(stamp)
	if errStamp == nil && time.Since(st.ModTime()) < listsAge {
		return nil
	}
	if _, err := a.run(ctx, "apt-get", "update"); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if strings.Contains(err.Error(), "Release file") {
			err = fmt.Errorf("debian: %s has no suite %s for %s: it may have moved to Debian's archive of old releases; name a mirror that has it with --debian-mirror URL", a.suite.Mirror, a.suite.Name, a.suite.Arch)
		}
		if errStamp != nil {
			os.RemoveAll(a.dir) // never worked: leave nothing behind
			return err
		}
		a.Stale = err
		return nil
	}
	if err := os.WriteFile(stamp, nil, 0o644); err != nil {
		return fmt.Errorf("debian: %w", err)
	}
	now := time.Now()
	return os.Chtimes(stamp, now, now)
}

// LookUp returns what the lists say of the package called name, or "name=version",
// its newest version without one.
func (a *Archive) LookUp(ctx context.Context, name string) (Entry, error) {
	unlock, err := a.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	if a.suite.Arch == Source {
		return a.lookUpSource(ctx, name)
	}
	return a.lookUpBinary(ctx, name)
}

func (a *Archive) lookUpBinary(ctx context.Context, name string) (Entry, error) {
	out, err := a.run(ctx, "apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		if ctx.Err() != nil {
			return Entry{}, ctx.Err()
		}
		return Entry{}, fmt.Errorf("debian: %s has no package %s for %s", a.suite.Name, name, a.suite.Arch)
	}
	f := fields(out)
	size, _ := strconv.ParseInt(f["Size"], 10, 64) // 0 is refused below
	e := Entry{Name: f["Package"], Version: f["Version"], Arch: f["Architecture"], Source: cmp.Or(f["Source"], f["Package"]),
		Files: []File{{Path: f["Filename"], Size: size, SHA256: f["SHA256"]}}}
	return e, a.check(name, e)
}

// lookUpSource takes the newest of the stanzas that apt has for a name: a suite
// may have several versions of a source package while their binaries are rebuilt.
func (a *Archive) lookUpSource(ctx context.Context, name string) (Entry, error) {
	name, version, _ := strings.Cut(name, "=")
	out, err := a.run(ctx, "apt-cache", "showsrc", "--only-source", name)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	for stanza := range strings.SplitSeq(strings.TrimSpace(out), "\n\n") {
		f := fields(stanza)
		if f["Package"] != name || version != "" && f["Version"] != version {
			continue
		}
		if e.Version != "" && exec.CommandContext(ctx, "dpkg", "--compare-versions", f["Version"], "gt", e.Version).Run() != nil {
			continue
		}
		e = Entry{Name: name, Version: f["Version"], Arch: Source, Source: name}
		for _, line := range continued(stanza, "Checksums-Sha256") { // sum, size, name
			w := strings.Fields(line)
			if len(w) != 3 {
				return Entry{}, fmt.Errorf("debian: the list of %s has %q among the files of %s", a.suite.Name, line, name)
			}
			size, _ := strconv.ParseInt(w[1], 10, 64)
			e.Files = append(e.Files, File{Path: path.Join(f["Directory"], w[2]), Size: size, SHA256: w[0]})
		}
	}
	if e.Version == "" {
		return Entry{}, fmt.Errorf("debian: %s has no source package %s", a.suite.Name, strings.TrimSuffix(name+" "+version, " "))
	}
	return e, a.check(name, e)
}

func (a *Archive) check(name string, e Entry) error {
	right := e.Name != "" && e.Version != "" && len(e.Files) > 0
	for _, f := range e.Files {
		sum, err := hex.DecodeString(f.SHA256)
		right = right && err == nil && len(sum) == sha256.Size && f.Path != "" && f.Size > 0
	}
	if !right {
		return fmt.Errorf("debian: the list of %s says too little of %s: no name, version, file, size or SHA-256", a.suite.Name, name)
	}
	return nil
}

// lookUp reads a package's entry in the lists; Path is where it is or will be.
func (a *Archive) lookUp(ctx context.Context, name string) (*Package, error) {
	e, err := a.lookUpBinary(ctx, name)
	if err != nil {
		return nil, err
	}
	f := e.Files[0]
	return &Package{Name: e.Name, Version: e.Version, Arch: e.Arch, Source: e.Source, SHA256: f.SHA256,
		Path: filepath.Join(a.pool, PoolName(f))}, nil
}

// PoolName is what a file is called in the folder of fetched files.
func PoolName(f File) string { return f.SHA256[:16] + "-" + path.Base(f.Path) }

// continued returns the lines of a field that has several in a stanza of a
// control file (deb822).
func continued(stanza, key string) (list []string) {
	inside := false
	for line := range strings.Lines(stanza) {
		line = strings.TrimRight(line, "\r\n")
		switch k, _, ok := strings.Cut(line, ":"); {
		case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
			if inside {
				list = append(list, strings.TrimSpace(line))
			}
		case ok:
			inside = k == key
		}
	}
	return list
}

// fields reads the first stanza of a control file (deb822): "Key: value" lines.
// Continued lines belong to descriptions and the like and are left out.
func fields(text string) map[string]string {
	f := make(map[string]string)
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			break
		}
		if k, v, ok := strings.Cut(line, ":"); ok && line[0] != ' ' && line[0] != '\t' {
			f[k] = strings.TrimSpace(v)
		}
	}
	return f
}

// fetch brings the package into the pool unless it is there.
func (a *Archive) fetch(ctx context.Context, p *Package) error {
	if sum, _, err := fetch.Sum(p.Path); err == nil && sum == p.SHA256 {
		return nil
	}
	tmp, err := os.MkdirTemp(a.pool, ".download-")
	if err != nil {
		return fmt.Errorf("debian: %w", err)
	}
	defer os.RemoveAll(tmp)
	cmd := a.command(ctx, "apt-get", "download", p.Name+"="+p.Version)
	cmd.Dir = tmp
	if err := a.finish(ctx, cmd); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("debian: apt-get download %s left %d packages, not one", p.Name, len(debs))
	}
	sum, _, err := fetch.Sum(debs[0])
	if err != nil {
		return fmt.Errorf("debian: %w", err)
	}
	if sum != p.SHA256 {
		return fmt.Errorf("debian: %s %s: SHA-256 is %s, the signed list says %s: try again, or another mirror", p.Name, p.Version, sum, p.SHA256)
	}
	if err := os.Rename(debs[0], p.Path); err != nil {
		return fmt.Errorf("debian: %w", err)
	}
	return nil
}

// command prepares a tool of apt under the private configuration.
func (a *Archive) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+a.path("apt.conf"), "LC_ALL=C")
	return cmd
}

// run returns a tool's standard output.
func (a *Archive) run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := a.command(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout = &out
	err := a.finish(ctx, cmd)
	return out.String(), err
}

// finish runs the command; an error carries apt's own first "E:" line.
func (a *Archive) finish(ctx context.Context, cmd *exec.Cmd) error {
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if cmd.Stdout == nil {
		cmd.Stdout = a.suite.Progress
	}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("debian: %s %s: %s", filepath.Base(cmd.Path), cmd.Args[1], firstLine(errs.Bytes(), err))
}

// firstLine returns the first line that apt or dpkg marks as an error, else the
// first line, else what err says.
func firstLine(text []byte, err error) string {
	first := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if e, ok := strings.CutPrefix(line, "E: "); ok {
			return e
		}
		if first == "" {
			first = line
		}
	}
	if first == "" {
		return err.Error()
	}
	return first
}

func explain(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return errors.New(firstLine(exit.Stderr, err))
	}
	return err
}

// lock keeps other processes out of apt's directory until unlock is called.
func (a *Archive) lock(ctx context.Context) (unlock func(), err error) {
	unlock, err = flock.Acquire(ctx, a.path("lock"), a.suite.Log)
	if err != nil {
		return nil, fmt.Errorf("debian: %w", err)
	}
	return unlock, nil
}
