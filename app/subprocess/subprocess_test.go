package subprocess

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// The kernel ends these programs before the storyteller.
func TestOutOfMemoryOrder(t *testing.T) {
	p, err := Start("/bin/cat", 0)
	if err != nil {
		t.Skip("no /bin/cat: ", err)
	}
	defer p.Kill()
	got, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/oom_score_adj")
	if err != nil || strings.TrimSpace(string(got)) != "500" {
		t.Errorf("oom_score_adj = %q, %v; want 500", got, err)
	}
}
