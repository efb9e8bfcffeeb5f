package child

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// compiler returns a C compiler for this machine.
func compiler(t *testing.T) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler: apt-get install gcc libc6-dev")
	}
	return cc
}

// probe tries what a program that was broken into would.
const probe = `
#define _GNU_SOURCE
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void tried(const char *what, long result) { printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done"); }

int main(int argc, char **argv) {
    const char *held = confine();
    if (held != NULL) {
        printf("%s\n", held);
        return 1;
    }
    tried("read a file", open(argv[0], O_RDONLY));
    tried("write a file", open(argv[1], O_WRONLY));
    tried("make a file", open(argv[2], O_RDWR | O_CREAT, 0600));
    tried("open a socket", socket(AF_INET, SOCK_STREAM, 0));
    tried("start a process", fork());
    tried("become root", setuid(0));
    tried("execute a program", execl("/bin/true", "true", NULL));
    void *little = malloc(1 << 20), *much = malloc(64 << 20);
    tried("take little memory", little != NULL ? 0 : -1);
    tried("take much memory", much != NULL ? 0 : -1);
    fflush(stdout);
    volatile int n = argc + 100; /* the compiler does not know how much is written */
    char small[8];
    strncpy(small, "far too much for eight bytes", n);
    printf("an overflow: done\n");
    return small[0];
}
`

func TestConfine(t *testing.T) {
	cc, dir := compiler(t), t.TempDir()
	if err := WriteSources(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "probe.c"), []byte(probe), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command(cc, append(CompilerFlags(), "-o", "probe", "confine.c", "probe.c")...)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(filepath.Join(dir, "probe"), "/dev/null", filepath.Join(dir, "made")).CombinedOutput()
	want := `read a file: done
write a file: Operation not permitted
make a file: Operation not permitted
open a socket: Operation not permitted
start a process: Operation not permitted
become root: Operation not permitted
execute a program: Operation not permitted
take little memory: done
take much memory: Cannot allocate memory
`
	said, _, _ := strings.Cut(string(out), "***") // what the C library says of the overflow
	if os.Geteuid() != 0 {
		want, said = strings.ReplaceAll(want, "read a file: done\n", ""), strings.ReplaceAll(said, "read a file: done\n", "")
	} else { // the folder is root's alone
		want, said = strings.Replace(want, "read a file: done", "read a file: ", 1), regexp.MustCompile(`(?m)^read a file: .*$`).ReplaceAllString(said, "read a file: ")
	}
	if said != want || err == nil || strings.Contains(string(out), "overflow: done") {
		t.Errorf("it says %q, %v; want %q and an end by the overflow", out, err, want)
	}
}

// TestHeaders has compilers with a sysroot, without one, and that know of none.
func TestHeaders(t *testing.T) {
	for name, test := range map[string]struct {
		answers string // of a shell's case
		options []string
		want    string
	}{
		"a machine's own":      {"-print-multiarch) echo x86_64-linux-gnu;; -print-sysroot) echo", nil, "/usr/include/a /usr/include/x86_64-linux-gnu/a"},
		"Debian's for another": {"-print-multiarch) echo riscv64-linux-gnu;; -print-sysroot) echo /", nil, "/usr/include/a /usr/include/riscv64-linux-gnu/a"},
		"a cross compiler":     {"-print-sysroot) echo /cross/", nil, "/cross/usr/include/a /cross/usr/include/a"},
		"with a wrapper":       {"gcc) test $2 = -print-sysroot && echo /cross", []string{"gcc"}, "/cross/usr/include/a /cross/usr/include/a"},
		"knows none":           {"*) exit 1", nil, "/usr/include/a /usr/include/a"},
	} {
		t.Run(name, func(t *testing.T) {
			cc := filepath.Join(t.TempDir(), "cc")
			if err := os.WriteFile(cc, []byte("#!/bin/sh\ncase $1 in "+test.answers+";; esac\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			got := Program{Includes: []string{"a"}}.headers(t.Context(), append([]string{cc}, test.options...))
			if want := "-I" + strings.ReplaceAll(test.want, " ", " -I"); strings.Join(got, " ") != want {
				t.Errorf("%q; want %q", got, want)
			}
		})
	}
}

// TestRecogniser builds the recogniser with this machine's compiler and headers,
// which in Debian are in two places.
func TestRecogniser(t *testing.T) {
	p := Recogniser()
	if _, err := os.Stat("/usr/include/" + p.Includes[0]); err != nil {
		t.Skip("no headers of the recogniser's: apt-get install " + strings.Join(p.Packages, " "))
	}
	if _, err := p.BuildNative(t.Context(), compiler(t), t.TempDir()); err != nil {
		t.Error(err)
	}
}

// TestPrograms has the programs themselves show what they may, when they have read
// something.
func TestPrograms(t *testing.T) {
	cc := compiler(t)
	for _, p := range Programs() {
		t.Run(p.File(), func(t *testing.T) {
			program, err := p.BuildNative(t.Context(), cc, t.TempDir())
			if err != nil {
				t.Skip(err)
			}
			cmd := exec.Command(program)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer in.Close()
			frames := bufio.NewReader(out)
			// The longest sentence that package sentence makes, and letters that a voice may not know.
			for _, text := range []string{"Once upon a time.", "Жил-был кот, 从前 42 dragons.", strings.Repeat("Once upon a time ", 60)} {
				request := []byte("SAY1")
				for _, n := range []int{1000, 1000, 1000, len(text)} {
					request = binary.LittleEndian.AppendUint32(request, uint32(n))
				}
				if _, err := in.Write(append(request, text...)); err != nil {
					t.Fatal(err)
				}
				if kind, err := answer(frames); kind != "END " || err != nil {
					t.Fatalf("%.20q is answered by %q, %v", text, kind, err)
				}
			}
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if err != nil {
				t.Skip("no Linux: ", err)
			}
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
			if err != nil && os.Geteuid() == 0 {
				t.Fatal(err)
			}
			wants := []string{`NoNewPrivs:\s+1\n`, `Seccomp:\s+2\n`}
			if os.Geteuid() == 0 {
				wants = append(wants, `Uid:\s+65534\s+65534\s+65534\s+65534\n`, `Gid:\s+65534\s+65534\s+65534\s+65534\n`, `Groups:\s*\n`, `CapEff:\s+0+\n`, `Max data size\s+\d+\s+\d+`)
			}
			for _, want := range wants {
				if !regexp.MustCompile(want).Match(append(status, limits...)) {
					t.Errorf("%s: the kernel does not say %q of it", p.File(), want)
				}
			}
			t.Logf("%s: %s of memory for data", p.File(), bytes.TrimSpace(regexp.MustCompile(`VmData:.*`).Find(status)))
		})
	}
}

// answer reads the frames of an answer and returns the kind of the last one.
func answer(in io.Reader) (kind string, err error) {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(in, head); err != nil {
			return "", err
		}
		payload := make([]byte, binary.LittleEndian.Uint32(head[4:]))
		if _, err := io.ReadFull(in, payload); err != nil {
			return "", err
		}
		if kind := string(head[:4]); kind == "END " || kind == "ERR " {
			return kind, nil
		}
	}
}
