package arith

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestEmulated runs this package's tests in user-mode QEMU: on the RISC-V vector units, by 5.2, the
// last with vector 0.7.1, and 7.2 or later for 1.0, with registers of the Duo's length and longer;
// and on 64-bit ARM, by an early processor of that kind, without anything added since.
func TestEmulated(t *testing.T) {
	if runtime.GOARCH == "riscv64" || runtime.GOARCH == "arm64" || testing.Short() {
		t.Skip("not inside the emulator, not with -short")
	}
	runs := []struct{ suite, machine, arch, cpu, unit string }{
		{"bullseye", "QEMU 5.2", "riscv64", "rv64,x-v=true,vlen=128,elen=64,vext_spec=v0.7.1", "rvv071"},
		{"bookworm", "QEMU 7.2", "riscv64", "rv64,v=true,vlen=128,vext_spec=v1.0", "rvv10"},
		{"bookworm", "QEMU 7.2", "riscv64", "rv64,v=true,vlen=256,vext_spec=v1.0", "rvv10"},
		{"bookworm", "QEMU 7.2", "riscv64", "rv64", "generic"}, // the trial must survive the lack of both units
		{"bookworm", "QEMU 7.2", "arm64", "cortex-a53", "neon"},
	}
	emulator := map[string]string{"riscv64": "qemu-riscv64-static", "arm64": "qemu-aarch64-static"}
	binary := map[string]string{}
	for arch := range emulator {
		binary[arch] = filepath.Join(t.TempDir(), "arith.test")
		build := exec.Command("go", "test", "-c", "-o", binary[arch], ".")
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "GORISCV64=rva20u64", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go test -c for %s: %v\n%s", arch, err, out)
		}
	}
	for _, run := range runs {
		t.Run(fmt.Sprintf("%s %s %s", run.machine, run.arch, run.cpu), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(emulators(t), run.suite)
			qemu := filepath.Join(dir, "usr/bin", emulator[run.arch])
			if _, err := os.Stat(qemu); err != nil {
				t.Skipf("no %s: go run ./imagebuilder/cmd/imagebuilder debian --suite %s --arch amd64 --into %s qemu-user-static", run.machine, run.suite, dir)
			}
			cmd := exec.Command(qemu, "-cpu", run.cpu, binary[run.arch], "-test.v", "-test.short", "-test.timeout=30m") // ends what hangs; all runs at once are slow beside other work
			// Go's collector fails in QEMU 5.2, in a program without any vector code too.
			cmd.Env = append(os.Environ(), "STORYTELLER_CPU="+run.unit, "GOGC=off")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, name := range []string{"TestSets/" + run.unit, "TestSelect", "FuzzSets"} {
				if !strings.Contains(string(out), "--- PASS: "+name+" ") {
					t.Errorf("%s did not run:\n%s", name, out)
				}
			}
			if run.unit == "generic" && strings.Contains(string(out), "TestSets/rvv") {
				t.Errorf("a vector unit that is not there was found:\n%s", out)
			}
		})
	}
}

// emulators is the folder in the builder's cache that holds a suite's QEMU each.
func emulators(t *testing.T) string {
	if dir := os.Getenv("STORYTELLER_CACHE"); dir != "" {
		return filepath.Join(dir, "emulators")
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Skip("no cache folder: set STORYTELLER_CACHE")
	}
	return filepath.Join(dir, "duo-storyteller", "emulators")
}

// TestSelect holds Select to STORYTELLER_CPU, or to the best if it is not set.
func TestSelect(t *testing.T) {
	want := os.Getenv("STORYTELLER_CPU")
	if want == "" {
		want = All()[0].Name()
	}
	s, err := Select()
	if err != nil {
		t.Fatal(err)
	}
	if s.Name() != want {
		t.Errorf("Select() = %s; want %s", s.Name(), want)
	}
}
