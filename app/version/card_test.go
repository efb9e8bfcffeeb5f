package version

import "testing"

func TestCheckpoint(t *testing.T) {
	for list, want := range map[string]string{
		`{"components": [{"name": "a", "kind": "program", "hash": "sha256:1"}, {"name": "b", "kind": "checkpoint", "hash": "sha256:2f"}]}`: "2f",
		`{"components": []}`: "",
		`damaged`:            "",
	} {
		if got := checkpoint([]byte(list)); got != want {
			t.Errorf("checkpoint(%s) = %q; want %q", list, got, want)
		}
	}
}
