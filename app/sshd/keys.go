package sshd

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"duostoryteller/app/textfile"

	"golang.org/x/crypto/ssh"
)

const (
	// maxKeys bounds the keys used.
	maxKeys = 32
	// minRSA is the shortest RSA key taken, in bits.
	minRSA = 2048
)

// harmless are options of authorized_keys that forbid what is not done here anyway.
var harmless = [...]string{"no-agent-forwarding", "no-port-forwarding", "no-X11-forwarding", "no-user-rc"}

// ReadKeys reads a file in the form of OpenSSH's authorized_keys (sshd(8)). What it
// cannot use is among problems, a line each. A file that is not there has no keys.
func ReadKeys(path string) (keys []ssh.PublicKey, problems []string) {
	text, err := textfile.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, textfile.ErrTooLarge):
		return nil, []string{fmt.Sprintf("is %v; nobody can come in", err)}
	case err != nil:
		return nil, []string{fmt.Sprintf("cannot be read: %v", err)}
	}
	return ParseKeys(text)
}

// ParseKeys reads the contents of such a file, as package textfile reads it.
func ParseKeys(text string) (keys []ssh.PublicKey, problems []string) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		var key ssh.PublicKey
		var options []string
		err := textfile.CheckLine(line)
		if err == nil {
			key, _, options, _, err = ssh.ParseAuthorizedKey([]byte(line))
		}
		if err == nil {
			err = usable(key, options)
		}
		if err == nil && len(keys) == maxKeys {
			err = fmt.Errorf("more than %d keys", maxKeys)
		}
		if err != nil {
			problems = append(problems, fmt.Sprintf("line %d is not used: %v", n, err))
			continue
		}
		keys = append(keys, key)
	}
	return keys, textfile.Few(problems, func(n int) string { return fmt.Sprintf("and %d more lines are not used", n) })
}

// usable refuses keys that are too weak, and those with options that would have to be
// obeyed.
func usable(key ssh.PublicKey, options []string) error {
	for _, o := range options {
		if !slices.Contains(harmless[:], o) {
			return fmt.Errorf("the option %.40q is not known here", o)
		}
	}
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		if k, ok := key.(ssh.CryptoPublicKey); ok {
			if r, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() >= minRSA {
				return nil
			}
		}
		return fmt.Errorf("an RSA key of fewer than %d bits", minRSA)
	}
	return fmt.Errorf("keys of the kind %.40s are not taken; ssh-keygen -t ed25519 makes a better one", key.Type())
}

// HostKey reads the server's own key from a file, in OpenSSH's form. Where there is
// no file it makes a key (Ed25519) and has keep keep it. A key is always returned; an
// error says why it is not the one kept, so that clients will miss it at the next start.
func HostKey(path string, keep func(text []byte) error) (ssh.Signer, error) {
	text, err := textfile.Read(path)
	if err == nil {
		var signer ssh.Signer
		if signer, err = ssh.ParsePrivateKey([]byte(text)); err == nil {
			return signer, nil
		}
		err = fmt.Errorf("%s is damaged (%w): delete it, and a new one is made", path, err)
	}
	_, key, genErr := ed25519.GenerateKey(nil)
	if genErr != nil {
		return nil, genErr
	}
	signer, genErr := ssh.NewSignerFromKey(key)
	if genErr != nil {
		return nil, genErr
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return signer, err
	}
	block, err := ssh.MarshalPrivateKey(key, "storyteller")
	if err == nil {
		err = keep(pem.EncodeToMemory(block))
	}
	if err != nil {
		err = fmt.Errorf("the host key cannot be kept: %w", err)
	}
	return signer, err
}
