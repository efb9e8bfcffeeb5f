package boot

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"duostoryteller/tests/golden"

	"golang.org/x/crypto/ssh"
)

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// login logs in on the machine over its network.
func (m *machine) login(key ssh.Signer) (c *ssh.Client, host ssh.PublicKey, err error) {
	c, err = ssh.Dial("tcp", m.ssh, &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, Timeout: time.Minute,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { host = key; return nil }})
	return c, host, err
}

// command runs one over SSH.
func (m *machine) command(c *ssh.Client, line string) (out string, status int) {
	m.t.Helper()
	s, err := c.NewSession()
	if err != nil {
		m.t.Fatal(err)
	}
	defer s.Close()
	text, err := s.CombinedOutput(line)
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		return string(text), exit.ExitStatus()
	}
	if err != nil {
		m.t.Fatalf("%s: %v", line, err)
	}
	return string(text), 0
}

// TestShell looks around in a machine of 64 MB with the 15M model: over SSH, with the
// right key alone, and on the console. Stories are told before and after.
func TestShell(t *testing.T) {
	t.Parallel()
	image := buildCard(t, golden.Data(t, "standin15M.bin"), golden.Data(t, "tokenizer.bin"))
	key := newKey(t)
	m, page := bootWithNetwork(t, changed(t, image, func(c contents) {
		configured("prompt = \"A\"\nsteps = 4\nvoice = \"off\"\nmicrophone = \"off\"\n")(c)
		// As an editor of Windows leaves it.
		c.boot["authorized_keys.txt"] = bytes.ReplaceAll(ssh.MarshalAuthorizedKey(key.PublicKey()), []byte("\n"), []byte("\r\n"))
	}))
	m.story()
	m.waitFor(prompt)
	m.said("ssh root@192.168.42.1 opens a shell; its host key is SHA256:")
	fingerprint := regexp.MustCompile(`its host key is (SHA256:\S+)`).FindStringSubmatch(m.Console())[1]

	if c, _, err := m.login(newKey(t)); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("with a wrong key: %v, %v; want it refused", c, err)
	}
	c, host, err := m.login(key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := ssh.FingerprintSHA256(host); got != fingerprint {
		t.Errorf("the host key is %s; the console said %s", got, fingerprint)
	}
	out, status := m.command(c, "uname -m; ls /boot; ps; free; echo $HOME; exit 5")
	t.Logf("over SSH (emulated):\n%s", out)
	for _, want := range []string{"riscv64\n", "ssh_host_key\n", "/bin/storyteller serve", "available", "/tmp\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands lack %q", want)
		}
	}
	if status != 5 {
		t.Errorf("exit status %d; want 5", status)
	}
	// Each of them starts and ends by itself.
	if out, status := m.command(c, `for c in /bin/*; do case $c in */storyteller|*/sh|*/reboot|*/poweroff|*/sleep) ;; *) $c --help >/tmp/out 2>&1 </dev/null; s=$?; [ $s -le 2 ] || echo $c ends with $s;; esac; done`); out != "" || status != 0 {
		t.Errorf("commands fail: %d, %s", status, out)
	}

	// With a shell open there is no memory for a story, and that is said.
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	input, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var screen lockedBuffer
	s.Stdout, s.Stderr = &screen, &screen
	if err := s.RequestPty("vt100", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	screen.wait(t, "/ $ ")
	io.WriteString(input, "echo $((6*7)) on $TERM\r")
	screen.wait(t, "\r\n42 on vt100\r\n")
	response, err := http.Post(page+"/story", "application/json", strings.NewReader(`{"prompt":"A","temperature":1,"topp":0.9,"seed":1,"steps":4}`))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	t.Logf("a story asked for beside a shell: %s: %s", response.Status, bytes.TrimSpace(text))
	if response.StatusCode != http.StatusServiceUnavailable || !bytes.Contains(text, []byte("shell")) {
		t.Errorf("want it refused, with the reason")
	}
	io.WriteString(input, "exit\r")
	if err := s.Wait(); err != nil {
		t.Errorf("the shell ended with %v", err)
	}

	// And the other way round.
	m.send("tell -s 1 -t 0 -n 256 Once upon a time")
	if got := m.waitFor(`story starts[^\n]*\n(?:[^\n]*\n)*?(Once upon|init: not now|[^\n]*(?:story|memory at its) (?:ends|lowest))`); got[1] != "Once upon" {
		t.Fatalf("after a shell there is no story: %q", got[0])
	}
	if out, status := m.command(c, "echo in"); status != 1 || !strings.Contains(out, "a story is being told") {
		t.Errorf("a shell beside a story: %d, %q; want it refused, with the reason", status, out)
	}
	m.send("stop")
	m.waitFor("memory at its lowest")
	m.waitFor(prompt)

	// The console's own shell.
	m.send("shell")
	m.waitFor("the storyteller rests")
	m.waitFor(`/ \$ $`)
	keys := func(text, want string) []string {
		t.Helper()
		fmt.Fprint(m, text)
		return m.waitFor(want)
	}
	keys("cat /pro\tversion\r", `Linux version 7\.`)
	available := keys("free\r", `(?s)available.*?\n +\d+ +(\d+) `)[1]
	t.Logf("%s kB available in the console's shell (emulated)", available)
	keys("sleep 1000\r", "sleep 1000\n")
	time.Sleep(time.Second)
	keys("\x03", `/ \$ $`)
	keys("while true; do :; done\r", "done\n")
	time.Sleep(time.Second)
	keys("\x03", `/ \$ $`)
	keys("exit\r", "shell ends")
	m.waitFor(prompt)

	// The storyteller is back, with its page and the same host key.
	m.send("tell -s 1 -t 0 -n 4 Once upon a time")
	m.story()
	m.waitFor(prompt)
	if response, _ := m.get(page + "/"); response.StatusCode != http.StatusOK {
		t.Errorf("the page is %s", response.Status)
	}
	c, host, err = m.login(key)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := ssh.FingerprintSHA256(host); got != fingerprint {
		t.Errorf("after a restart the host key is %s; want %s", got, fingerprint)
	}
	if got := m.show("stats", `stats: .* OOM kills (\d+), .*\n`); got[1] != "0" {
		t.Errorf("%s; want no process killed", got[0])
	}
	m.powerOff()
}

// lockedBuffer is what a terminal shows.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) wait(t *testing.T, want string) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < 2*silence; time.Sleep(100 * time.Millisecond) {
		b.mu.Lock()
		text := b.text.String()
		b.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
	}
	t.Fatalf("the terminal shows %q; want %q", b.text.String(), want)
}
