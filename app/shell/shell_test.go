package shell

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// The test runs itself again as the shell on a terminal of its own.
const asShell = "STORYTELLER_TEST_SHELL"

func TestMain(m *testing.M) {
	if os.Getenv(asShell) != "" {
		os.Exit(Interactive(context.Background(), os.Stdin, []string{"head", "hexdump"}))
	}
	os.Exit(m.Run())
}

// typist is somebody at the terminal.
type typist struct {
	t    *testing.T
	file *os.File
	mu   sync.Mutex
	said bytes.Buffer
}

// wait waits until what was not yet looked at contains want.
func (p *typist) wait(want string) {
	p.t.Helper()
	for range 6000 {
		p.mu.Lock()
		i := strings.Index(p.said.String(), want)
		if i >= 0 {
			p.said.Next(i + len(want))
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatalf("the shell does not say %q but %q", want, p.said.String())
}

func (p *typist) send(text string) {
	p.t.Helper()
	if _, err := p.file.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func TestInteractive(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "story"), []byte("Once"), 0o644); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), asShell+"=1", "TERM=vt100")
	cmd.Dir = dir
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 200})
	if err != nil {
		t.Skip("no terminal here: ", err)
	}
	defer file.Close()
	defer cmd.Process.Kill()
	p := &typist{t: t, file: file}
	go func() {
		buf := make([]byte, 1024)
		for {
			n, err := file.Read(buf)
			p.mu.Lock()
			p.said.Write(buf[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	ready := dir + " $ "
	p.wait(ready)
	p.send("echo fo''x; cd ..; cd -\r")
	p.wait("\r\nfox\r\n")
	p.wait(ready)
	p.send("for i in 1 2\rdo echo $i.; done\r") // over two lines
	p.wait("\r\n1.\r\n2.\r\n")
	p.send("if then\r") // wrong
	p.wait("must be followed by")
	p.wait(ready)
	p.send("cat st\t | head -c 2\r") // completed
	p.wait("cat story ")
	p.wait("\r\nOn")
	p.wait(ready)
	p.send("echo wrong\x03") // changed one's mind
	p.wait("\r\n" + ready)
	p.send("echo \"open\r")
	p.wait("> ")
	p.send("\x03")
	p.wait(ready)
	for _, endless := range []string{"sleep 1000", "while true; do :; done", "cat"} {
		p.send("echo be''gin; " + endless + "\r")
		p.wait("begin\r\n")
		time.Sleep(50 * time.Millisecond)
		p.send("\x03")
		p.wait(ready)
	}
	p.send("(exit 3)\r")
	p.wait(ready)
	p.send("echo $?.\r")
	p.wait("\r\n3.\r\n")
	p.send("while true; do :; done\r")
	time.Sleep(50 * time.Millisecond)
	p.send("\x03")
	p.wait(ready)
	p.send("exit\r") // with the status of the last command
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("the shell ended with %v; want status 130", cmd.ProcessState)
	}
	if p.mu.Lock(); strings.Contains(p.said.String(), "context") {
		t.Errorf("the shell said %q", &p.said)
	}
	p.mu.Unlock()
}

func TestRun(t *testing.T) {
	for script, want := range map[string]int{
		"true":                           0,
		"exit 7":                         7,
		`[ "$1$2" = onetwo ] || exit 5`:  0,
		"no-such-program-at-all 2>&-":    127,
		"case x in x) exit 4;; esac":     4,
		"if":                             2,
		"(exit 3); exit $?":              3,
		"sh -c 'exit 6' || exit $(($?))": 6,
	} {
		if got := Run(t.Context(), strings.NewReader(script), "test", "one", "two"); got != want {
			t.Errorf("Run(%q) = %d; want %d", script, got, want)
		}
	}
}

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"model.packed", "model.bin", "two words", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "voices"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &completer{programs: []string{"cat", "head", "hexdump"}, dir: func() string { return dir }}
	for _, s := range []struct{ line, want string }{
		{"ca", "cat "},
		{"he", "he"},
		{"hex", "hexdump "},
		{"zz", "zz"},
		{"cat m", "cat model."},
		{"cat model.p", "cat model.packed "},
		{"cat v", "cat voices/"},
		{"cat two", "cat two"},
		{"cat " + dir + "/v", "cat " + dir + "/voices/"},
		{"cat /no/such/x", "cat /no/such/x"},
	} {
		got, at, ok := c.key(s.line, len(s.line), '\t')
		if got != s.want || at != len(s.want) || !ok {
			t.Errorf("Tab behind %q = %q, %d, %v; want %q", s.line, got, at, ok, s.want)
		}
	}
	if got, at, _ := c.key("ca x", 2, '\t'); got != "cat  x" || at != 4 {
		t.Errorf("Tab within a line = %q, %d", got, at)
	}
	if _, _, ok := c.key("ca", 2, 'x'); ok {
		t.Error("another key than Tab is taken")
	}
}

// FuzzComplete presses Tab anywhere.
func FuzzComplete(f *testing.F) {
	f.Add("cat /et", 3)
	f.Add("é \xff/", 2)
	f.Fuzz(func(t *testing.T, line string, at int) {
		if at < 0 || at > len(line) {
			return
		}
		c := &completer{programs: []string{"cat"}, dir: func() string { return "/" }}
		if got, to, ok := c.key(line, at, '\t'); !ok || to < 0 || to > len(got) {
			t.Errorf("Tab in %q at %d = %q, %d, %v", line, at, got, to, ok)
		}
	})
}
