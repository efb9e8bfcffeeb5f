// Package buildroot checks buildroot-external/ with and without a Buildroot.
//
// Without one, what the folder names is held against the repository and against
// upstream.txt, the list of what it uses of Buildroot. The environment's
// BUILDROOT, a Buildroot tree, has TestTree try the real thing; BUILDROOT_ARGS
// are variables for its make.
package buildroot

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/commands"
	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/linux"
	"duostoryteller/imagebuilder/voices"
)

const (
	external   = "../../buildroot-external"
	repository = "../.."
)

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(external, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s matches nothing, %v", pattern, err)
	}
	return names
}

// upstream returns the values of a key of upstream.txt.
func upstream(t *testing.T, key string) (values []string) {
	t.Helper()
	for line := range strings.Lines(read(t, "upstream.txt")) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			values = append(values, f[1])
		}
	}
	if values == nil {
		t.Fatalf("upstream.txt has no %s", key)
	}
	return values
}

// defconfig reads a configuration: symbol -> value without quotes, "n" for one
// that is not set.
func defconfig(t *testing.T, name string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(read(t, external, "configs", name)) {
		line = strings.TrimSpace(line)
		symbol, value, ok := strings.Cut(line, "=")
		if !ok {
			symbol, ok = strings.CutSuffix(strings.TrimPrefix(line, "# "), " is not set")
			value = "n"
		}
		if _, again := values[symbol]; !ok || again || !strings.HasPrefix(symbol, "BR2_") {
			t.Errorf("%s: %q is no line of a configuration, or its second", name, line)
		}
		values[symbol] = strings.Trim(value, `"`)
	}
	return values
}

const (
	duo  = "milkv_duo_storyteller_defconfig"
	qemu = "qemu_virt_storyteller_defconfig"
)

func TestSymbols(t *testing.T) {
	var files []string
	for _, pattern := range []string{"configs/*_defconfig", "Config.in", "package/*/Config.in*", "package/*/*.mk", "external.mk"} {
		files = append(files, glob(t, pattern)...)
	}
	symbol := regexp.MustCompile(`BR2_\w+`)
	definition := regexp.MustCompile(`(?m)^config (BR2_\w+)$`)
	used, own := map[string]string{}, map[string]bool{"BR2_EXTERNAL_STORYTELLER_PATH": true}
	for _, name := range files {
		text := read(t, name)
		for _, s := range symbol.FindAllString(text, -1) {
			used[s] = name
		}
		for _, m := range definition.FindAllStringSubmatch(text, -1) {
			if own[m[1]] {
				t.Errorf("%s defines %s a second time", name, m[1])
			}
			own[m[1]] = true
		}
	}
	theirs := upstream(t, "symbol")
	for s, name := range used {
		if !own[s] && !slices.Contains(theirs, s) {
			t.Errorf("%s uses %s, which neither a Config.in here nor upstream.txt has", name, s)
		}
	}
	for _, s := range theirs {
		if used[s] == "" {
			t.Errorf("upstream.txt has %s, which nothing uses", s)
		}
	}
}

// TestPaths looks for whatever is named relative to the external tree.
func TestPaths(t *testing.T) {
	inExternal := regexp.MustCompile(`\$[({]?BR2_EXTERNAL_STORYTELLER_PATH[)}]?(/[\w./-]+)`)
	inRepository := regexp.MustCompile(`\$\(STORYTELLER_REPOSITORY\)(/[\w./-]+)`)
	found := 0
	for _, pattern := range []string{"configs/*", "Config.in", "external.mk", "package/*/*", "board/*/*.sh"} {
		for _, name := range glob(t, pattern) {
			text := read(t, name)
			check := func(root string, m []string) {
				found++
				if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
					t.Errorf("%s names %s: %v", name, m[0], err)
				}
			}
			for _, m := range inExternal.FindAllStringSubmatch(text, -1) {
				check(external, m)
			}
			for _, m := range inRepository.FindAllStringSubmatch(text, -1) {
				check(repository, m)
			}
		}
	}
	if found < 15 {
		t.Errorf("%d paths found; want some 15: do they look otherwise now?", found)
	}
}

// TestBoard holds the configurations against the board's description.
func TestBoard(t *testing.T) {
	b, err := board.Load(filepath.Join(repository, "board"), "milkv-duo")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{duo, qemu} {
		c := defconfig(t, name)
		var got []string
		for _, f := range strings.Fields(c["BR2_LINUX_KERNEL_CUSTOM_CONFIG_FILE"] + " " + c["BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES"]) {
			got = append(got, filepath.Join(external, strings.TrimPrefix(f, "$(BR2_EXTERNAL_STORYTELLER_PATH)")))
		}
		if !slices.Equal(got, b.Kernel.Fragments) {
			t.Errorf("%s: kernel fragments = %v; want %v", name, got, b.Kernel.Fragments)
		}
		var trees []string
		for _, f := range strings.Fields(c["BR2_LINUX_KERNEL_INTREE_DTS_NAME"]) {
			trees = append(trees, filepath.Join(b.Dir, filepath.Base(f)+".dts"))
		}
		if !slices.Equal(trees, b.Kernel.DeviceTrees) {
			t.Errorf("%s: device trees = %v; want %v", name, trees, b.Kernel.DeviceTrees)
		}
	}
	var patches []string
	for _, link := range glob(t, "board/storyteller/patches/linux/*.patch") {
		target, err := os.Readlink(link)
		if err != nil {
			t.Fatal(err)
		}
		patches = append(patches, filepath.Join(filepath.Dir(link), target))
	}
	if !slices.Equal(patches, b.Kernel.Patches) {
		t.Errorf("the kernel's patches are %v; want %v", patches, b.Kernel.Patches)
	}
}

// locked returns what the imagebuilder takes from Debian for a package.
func locked(t *testing.T, need inputs.Need) (version string, file inputs.Pinned) {
	t.Helper()
	lock, err := inputs.Read(filepath.Join(repository, "imagebuilder", "inputs.lock"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := lock.Find(need)
	if err != nil {
		t.Fatal(err)
	}
	// Debian's version is [EPOCH:]UPSTREAM[+dfsg]-REVISION.
	version = p.Version[strings.Index(p.Version, ":")+1:]
	version = strings.TrimSuffix(version[:strings.LastIndex(version, "-")], "+dfsg")
	return version, p.Files[0]
}

// TestKernel: the kernel's source is the very file that the imagebuilder takes.
func TestKernel(t *testing.T) {
	version, file := locked(t, linux.Needs()[0])
	makefile := read(t, external, "external.mk")
	series := strings.Join(strings.Split(version, ".")[:2], ".")
	for _, want := range []string{
		"ifeq ($(LINUX_VERSION)," + version + ")\n",
		"LINUX_SOURCE = " + path.Base(file.Path) + "\n",
		"/" + path.Dir(file.Path) + "\n",
		"/linux-source-" + series + ".tar.xz",
	} {
		if !strings.Contains(makefile, want) {
			t.Errorf("external.mk lacks %q; imagebuilder/inputs.lock has %s", want, file.Path)
		}
	}
	if want := "sha256  " + file.SHA256 + "  " + path.Base(file.Path) + "\n"; !strings.Contains(read(t, external, "board/storyteller/patches/linux/linux.hash"), want) {
		t.Errorf("linux.hash lacks the line %q", want)
	}
	for _, name := range []string{duo, qemu} {
		if got := defconfig(t, name)["BR2_LINUX_KERNEL_CUSTOM_VERSION_VALUE"]; got != version {
			t.Errorf("%s: Linux %s; want %s as in imagebuilder/inputs.lock", name, got, version)
		}
	}
}

// TestVersions: the libraries are of the same releases as those of Debian's that
// the imagebuilder takes.
func TestVersions(t *testing.T) {
	ours := func(name string) string {
		m := regexp.MustCompile(`(?m)^\w+_VERSION = (.*)$`).FindStringSubmatch(read(t, external, "package", name, name+".mk"))
		if m == nil {
			t.Fatalf("%s.mk has no version", name)
		}
		return m[1]
	}
	for _, tt := range []struct{ debian, got string }{
		{"libsphinxbase-dev", ours("libsphinxbase")},
		{"libpocketsphinx-dev", ours("pocketsphinx")},
		{"pocketsphinx-en-us", ours("pocketsphinx")},
		{"libespeak-ng-dev", ours("espeak-ng")},
		{"espeak-ng-data", ours("espeak-ng")},
		{"libsonic-dev", ours("sonic")},
		{"flite1-dev", upstream(t, "flite")[0]},
		{"dosfstools", upstream(t, "dosfstools")[0]},
	} {
		need := inputs.Need{Suite: voices.Suite, Arch: "riscv64", Name: tt.debian}
		if want, _ := locked(t, need); tt.got != want {
			t.Errorf("Buildroot's route has %s of the version %s; want %s, as the imagebuilder takes it", tt.debian, tt.got, want)
		}
	}
}

// TestKernelKept: what the fragments ask for and the kernel drops is named.
func TestKernelKept(t *testing.T) {
	for _, tt := range []struct{ name, fragments, config, want string }{
		{"all kept", "# a comment\nCONFIG_A=y\nCONFIG_B=\"x=1 y\"\n# CONFIG_C is not set\n", "CONFIG_B=\"x=1 y\"\nCONFIG_A=y\n", ""},
		{"nothing asked for", "", "CONFIG_A=y\n", ""},
		{"unknown", "CONFIG_A=y\nCONFIG_SYSCTL=y\n", "CONFIG_A=y\n", "CONFIG_SYSCTL=y (is n)"},
		{"other value", "CONFIG_HZ=100\n", "CONFIG_HZ=250\n", "CONFIG_HZ=100 (is 250)"},
		{"not off", "# CONFIG_A is not set\nCONFIG_B=y\n", "CONFIG_A=y\n", "CONFIG_A=n (is y), CONFIG_B=y (is n)"},
		{"empty configuration", "CONFIG_A=y\n", "", "CONFIG_A=y (is n)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, []byte(tt.fragments), 0o644, dir, "fragments")
			put(t, []byte(tt.config), 0o644, dir, "config")
			script := filepath.Join(external, "board/storyteller/kernel-kept.sh")
			out, err := exec.Command(script, filepath.Join(dir, "fragments"), filepath.Join(dir, "config")).CombinedOutput()
			if tt.want == "" {
				if err != nil || len(out) != 0 {
					t.Errorf("kernel-kept.sh = %v, %q; want it silent", err, out)
				}
			} else if err == nil || !strings.Contains(string(out), " keep "+tt.want+":") || bytes.Count(out, []byte("\n")) != 1 {
				t.Errorf("kernel-kept.sh = %v, %q; want it to fail with one line with %q", err, out, tt.want)
			}
		})
	}
}

// TestQEMU: the emulated machine boots the board's card, so all of the board's
// configuration is in the emulator's.
func TestQEMU(t *testing.T) {
	emulated := defconfig(t, qemu)
	for symbol, want := range defconfig(t, duo) {
		if got := emulated[symbol]; got != want {
			t.Errorf("%s: %s = %q; want %q as in %s", qemu, symbol, got, want, duo)
		}
	}
}

func TestPackages(t *testing.T) {
	mod := struct{ module, version string }{}
	for line := range strings.Lines(read(t, repository, "go.mod")) {
		switch f := strings.Fields(line); {
		case len(f) == 2 && f[0] == "module":
			mod.module = f[1]
		case len(f) == 2 && f[0] == "go":
			mod.version = f[1]
		}
	}
	// Buildroot's Go does not fetch a newer one.
	release := regexp.MustCompile(`^\d+\.\d+`).FindString(upstream(t, "go")[0])
	if mod.version != release && mod.version != release+".0" {
		t.Errorf("go.mod asks for Go %s; want %s, for Buildroot has some patch release of it", mod.version, release)
	}

	variable := regexp.MustCompile(`(?m)^(?:define )?(\w+)(?: [:+?]?= ?(.*))?$`)
	for _, dir := range glob(t, "package/*") {
		name := filepath.Base(dir)
		prefix := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		text := read(t, dir, name+".mk")
		if !strings.Contains(text, "$(eval $(") {
			t.Errorf("%s.mk evaluates no package", name)
		}
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			switch plain := strings.TrimPrefix(m[1], "HOST_"); {
			case slices.Contains([]string{"else", "endif", "endef"}, m[1]):
			case !strings.HasPrefix(plain, prefix+"_"):
				t.Errorf("%s.mk sets %s, which lacks the prefix %s_", name, m[1], prefix)
			case plain == prefix+"_GOMOD" && m[2] != mod.module:
				t.Errorf("%s.mk: %s = %s; want %s as in go.mod", name, m[1], m[2], mod.module)
			case plain == prefix+"_BUILD_TARGETS":
				if _, err := os.Stat(filepath.Join(repository, m[2], "main.go")); err != nil {
					t.Errorf("%s.mk: %s: %v", name, m[1], err)
				}
			}
		}
		config := filepath.Join(dir, "Config.in")
		symbol := "config BR2_PACKAGE_" + prefix + "\n"
		if _, err := os.Stat(config); err != nil {
			config, symbol = config+".host", "config BR2_PACKAGE_HOST_"+prefix+"\n"
		}
		if !strings.HasPrefix(read(t, config), symbol) {
			t.Errorf("%s does not begin with %q", config, symbol)
		}
		if line := "source \"$BR2_EXTERNAL_STORYTELLER_PATH/package/" + name + "/" + filepath.Base(config) + "\""; !strings.Contains(read(t, external, "Config.in"), line) {
			t.Errorf("Config.in lacks the line %s", line)
		}
	}
}

// make buildroot clones the release that upstream.txt is of.
func TestPinned(t *testing.T) {
	if line := "\nBUILDROOT_TAG    := " + upstream(t, "version")[0] + "\n"; !strings.Contains(read(t, repository, "Makefile"), line) {
		t.Errorf("the Makefile lacks the line %q, which upstream.txt says", line)
	}
}

// The shell's commands are links, which Buildroot's package makes from a list.
func TestShellCommands(t *testing.T) {
	list := regexp.MustCompile(`(?m)^STORYTELLER_SHELL_COMMANDS = ((?:.*\\\n)*.*)`).FindStringSubmatch(read(t, external, "package/storyteller/storyteller.mk"))
	if list == nil {
		t.Fatal("storyteller.mk has no STORYTELLER_SHELL_COMMANDS")
	}
	if got := strings.Fields(strings.ReplaceAll(list[1], "\\", "")); !slices.Equal(got, commands.Names()) {
		t.Errorf("storyteller.mk links %q; want %q", got, commands.Names())
	}
}

func TestScripts(t *testing.T) {
	scripts := glob(t, "board/*/*.sh")
	for _, name := range scripts {
		if info, err := os.Stat(name); err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be executed: %v", name, err)
		}
	}
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("shellcheck is missing: apt-get install shellcheck")
	}
	if text, err := exec.Command(shellcheck, scripts...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, text)
	}
}

// TestTree tries a real Buildroot. Building the packages needs the network, or
// BUILDROOT_ARGS that say where else to get things.
func TestTree(t *testing.T) {
	tree := os.Getenv("BUILDROOT")
	if tree == "" {
		t.Skip("no Buildroot to try: BUILDROOT=DIR names one")
	}
	externalPath, err := filepath.Abs(external)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	run := func(name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = tree
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, last(stdout.String()+stderr.String(), 20))
		}
		return stdout.Bytes()
	}
	brmake := func(args ...string) []byte {
		t.Helper()
		args = append(append([]string{"-s", "O=" + out, "BR2_EXTERNAL=" + externalPath}, strings.Fields(os.Getenv("BUILDROOT_ARGS"))...), args...)
		return run("make", args...)
	}

	if version := strings.TrimSpace(string(brmake("print-version"))); version != upstream(t, "version")[0] {
		t.Logf("this is Buildroot %s, upstream.txt is of %s", version, upstream(t, "version")[0])
	}
	if goes := regexp.MustCompile(`(?m)^GO_VERSION = (.*)$`).FindStringSubmatch(read(t, tree, "package/go/go.mk")); goes == nil || goes[1] != upstream(t, "go")[0] {
		t.Errorf("this Buildroot's Go is %v; upstream.txt says %s", goes, upstream(t, "go")[0])
	}
	for _, name := range []string{"flite", "dosfstools"} {
		want := strings.ToUpper(name) + "_VERSION = " + upstream(t, name)[0] + "\n"
		if !strings.Contains(read(t, tree, "package", name, name+".mk"), want) {
			t.Errorf("this Buildroot's %s.mk lacks the line %q, which upstream.txt says", name, want)
		}
	}
	for _, name := range []string{qemu, duo} { // the board's stays for what follows
		brmake(name)
		if strings.Contains(read(t, out, ".config"), "\nBR2_LEGACY=y\n") {
			t.Fatalf("%s sets an option that this Buildroot keeps only to warn of it: see its Config.in.legacy", name)
		}
		saved := filepath.Join(out, "saved")
		brmake("BR2_DEFCONFIG="+saved, "savedefconfig")
		if got, want := read(t, saved), read(t, external, "configs", name); got != want {
			t.Errorf("%s: savedefconfig = \n%s\nwant\n%s", name, got, want)
		}
		config := "\n" + read(t, out, ".config")
		for symbol, value := range defconfig(t, name) {
			if value != "n" && !strings.Contains(config, "\n"+symbol+"=") {
				t.Errorf("%s: %s got lost", name, symbol)
			}
		}
	}

	var files []string
	for _, pattern := range []string{"*", "configs/*", "package/*/*", "board/*/*", "board/*/patches/*/*"} {
		for _, name := range glob(t, pattern) {
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				rel, _ := filepath.Rel(external, name)
				files = append(files, filepath.Join(externalPath, rel))
			}
		}
	}
	// The board's own patch for the kernel, which nobody has signed off for others yet, nor sent.
	unsigned := filepath.Join(externalPath, "board/storyteller/patches/linux/0001-pinctrl-power-source.patch")
	ignore := filepath.Join(t.TempDir(), "ignore")
	put(t, []byte(unsigned+" lib_patch.Sob lib_patch.Upstream\n"), 0o644, ignore)
	t.Logf("check-package: %s", run("utils/check-package", append([]string{"--ignore-list", ignore, "-b"}, files...)...))

	var info map[string]struct{ Version, Licenses string }
	if err := json.Unmarshal(brmake("show-info"), &info); err != nil {
		t.Fatal("show-info: ", err)
	}
	for _, name := range []string{"linux", "storyteller", "storyteller-voices", "host-imagebuilder", "flite", "espeak-ng", "sonic", "libsphinxbase", "pocketsphinx", "host-go-bin"} {
		if p, ok := info[name]; !ok || p.Version == "" || p.Licenses == "" || p.Licenses == "unknown" {
			t.Errorf("show-info has %+v for %s; want a version and licences", p, name)
		}
	}
	for _, name := range []string{"busybox", "uclibc", "glibc"} {
		if _, ok := info[name]; ok {
			t.Errorf("show-info has %s", name)
		}
	}
	vars := string(brmake("printvars", "VARS=LINUX_KCONFIG_DEFCONFIG LINUX_PRE_BUILD_HOOKS LINUX_POST_CONFIGURE_HOOKS"))
	for _, want := range []string{"allnoconfig", "STORYTELLER_LINUX_DTS", "STORYTELLER_LINUX_CHECK"} {
		if !strings.Contains(vars, want) {
			t.Errorf("the kernel is built without %s:\n%s", want, vars)
		}
	}

	defaults := exec.Command(filepath.Join(out, "host", "bin", "go"), "env", "GOPROXY")
	defaults.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GOPROXY=") })
	brmake("host-go")
	if text, err := defaults.Output(); err != nil || len(bytes.TrimSpace(text)) == 0 {
		t.Errorf("go env GOPROXY = %q, %v; want that Buildroot's Go fetches modules from somewhere by default", text, err)
	}
	// After make source nothing more is fetched: Buildroot's make takes the variable
	// GOPROXY from here, not from BUILDROOT_ARGS.
	brmake("storyteller-source", "host-imagebuilder-source")
	brmake("storyteller", "host-imagebuilder", "GOPROXY=off")

	// What was built must make a card, with stand-ins for the kernel and the FAT check,
	// whose compiler takes an hour to build.
	addKernel(t, out)
	put(t, []byte("a check"), 0o755, out, "target/sbin/fsck.fat")
	if stderr, err := postImage(t, out); err != nil {
		t.Fatalf("post-image.sh: %v: %s", err, stderr)
	}
	checkCard(t, out)
}

// last returns the last n lines of a text.
func last(text string, n int) string {
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
