package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// FromBuildroot finds the kernel that Buildroot built in its output folder dir:
// images/Image, and images/NAME.dtb for each device tree source NAME.dts. It
// fails when one is missing, or when the .config that this kernel was built with
// lost a line of the fragments. Key is empty.
func FromBuildroot(dir string, fragments, dts []string) (*Kernel, error) {
	images := filepath.Join(dir, "images")
	k := &Kernel{Image: filepath.Join(images, "Image"), DTBs: make(map[string]string)}
	image, err := os.ReadFile(k.Image)
	if err != nil {
		return nil, fmt.Errorf("linux: %w: is %s an output folder of Buildroot, and its kernel built?", err, dir)
	}
	if k.Release, k.Compiler, err = banner(image); err != nil {
		return nil, fmt.Errorf("linux: %s: %w", k.Image, err)
	}
	for _, d := range dts {
		name := dtbName(d)
		k.DTBs[name] = filepath.Join(images, name+".dtb")
		if _, err := os.Stat(k.DTBs[name]); err != nil {
			return nil, fmt.Errorf("linux: %w: add %s to BR2_LINUX_KERNEL_CUSTOM_DTS_PATH", err, d)
		}
	}
	if k.Config, err = configOf(dir, k.Release); err != nil {
		return nil, err
	}
	want, err := readFragments(fragments)
	if err != nil {
		return nil, err
	}
	return k, checkConfig(k.Config, want)
}

// configOf finds the .config of the kernel of that release. Buildroot keeps the
// trees of other versions, and those of kernel headers beside it.
func configOf(dir, release string) (string, error) {
	pattern := filepath.Join(dir, "build", "linux-*", "include", "config", "kernel.release")
	names, err := filepath.Glob(pattern)
	if err != nil {
		return "", fmt.Errorf("linux: %w", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return "", fmt.Errorf("linux: %w", err)
		}
		if strings.TrimSpace(string(text)) == release {
			return filepath.Join(filepath.Dir(name), "..", "..", ".config"), nil
		}
	}
	return "", fmt.Errorf("linux: no %s says %s, as the kernel itself does: build the kernel again (make linux-rebuild)", pattern, release)
}

// bannerLine is what every kernel prints first. The compiler's name may have
// parentheses, the linker's begins with "GNU ld" or "LLD".
var bannerLine = regexp.MustCompile(`Linux version (\S+) \([^)\n]*\) \(([^\n]{1,200}?), (?:GNU ld|LLD)`)

// banner reads release and compiler from a flat kernel.
func banner(image []byte) (release, compiler string, err error) {
	m := bannerLine.FindSubmatch(image)
	if m == nil {
		return "", "", errors.New("no line \"Linux version\" in it: it is no uncompressed kernel")
	}
	return string(m[1]), string(m[2]), nil
}
