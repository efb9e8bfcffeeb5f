package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/imagebuilder/owner"

	"golang.org/x/crypto/ssh"
)

func TestReadKeys(t *testing.T) {
	const a = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF51MDMmApLZQVCYTbCZI0o7Rmv4eSOUVlWQ2Az+LwAA"
	write := func(text string) string {
		t.Helper()
		name := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(a)); err != nil {
		t.Fatal(err)
	}
	got, err := readKeys([]string{write("# mine\r\n" + a + " me@desk\r\n"), write(a)})
	if want := a + " me@desk\n" + a + "\n"; string(got) != want || err != nil {
		t.Errorf("readKeys = %q, %v; want %q", got, err, want)
	}
	for text, want := range map[string]string{
		"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n": "private",
		"hello": "line 1 is not used",
		// Without the option the key would open more than its owner wants.
		`command="uptime" ` + a + "\n":    "option",
		"\n" + strings.Repeat(a+"\n", 33): "more than 32 keys",
		"":                                "no key",
	} {
		if _, err := readKeys([]string{write(text)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// The image that is fitted stays as it is, by whatever name the result is asked for.
func TestFitOntoItself(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "card.img"), filepath.Join(dir, "link.img")
	if err := os.WriteFile(name, []byte("a card"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(name, link); err != nil {
		t.Skip("no links here: ", err)
	}
	for _, output := range []string{name, link} {
		if err := fitImage(io.Discard, name, output, owner.Changes{}, nil); !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), "stays as it is") {
			t.Errorf("fitting %s as %s = %v; want it refused", name, output, err)
		}
	}
}
