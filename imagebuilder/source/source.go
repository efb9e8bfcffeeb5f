// Package source says which state of the repository is built.
package source

import (
	"context"
	_ "embed"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"duostoryteller/app/version"
)

// archived is a commit's hash in an archive that git made, such as those that code
// hosts offer for download (gitattributes(5), export-subst), and a pattern elsewhere.
//
//go:embed commit.txt
var archived string

// Commit names the commit of the sources in dir, "0123456789ab", with ".changed"
// if what goes onto the card differs from it. It is "" where nobody knows: the
// sources are a copy without git, git is missing, or refuses another user's folder.
func Commit(ctx context.Context, dir string) string {
	head, err := git(ctx, dir, "rev-parse", "--show-prefix", "HEAD")
	prefix, hash, ok := strings.Cut(head, "\n")
	if err != nil || !ok || prefix != "" { // with a prefix, dir is a folder in somebody else's repository
		return fromArchive(archived)
	}
	changed, err := git(ctx, dir, append([]string{"status", "--porcelain", "--"}, onCard()...)...)
	if err != nil {
		return ""
	}
	return version.Commit(strings.TrimSpace(hash), changed != "")
}

// Time returns when the commit of the sources in dir was made; not ok where nobody knows.
func Time(ctx context.Context, dir string) (at time.Time, ok bool) {
	prefix, err := git(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil || strings.TrimSpace(prefix) != "" {
		return time.Time{}, false
	}
	text, err := git(ctx, dir, "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return time.Unix(seconds, 0).UTC(), err == nil
}

// onCard lists what the card is made from.
func onCard() []string {
	return []string{"app", "board", "imagebuilder", "overlay", "go.mod", "go.sum"}
}

func fromArchive(text string) string {
	hash := strings.TrimSpace(text)
	if strings.HasPrefix(hash, "$") {
		return ""
	}
	return version.Commit(hash, false)
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	at, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", at}, args...)...).Output()
	return string(out), err
}
