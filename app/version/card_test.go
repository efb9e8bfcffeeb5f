package version

import "testing"

func TestCheckpoint(t *testing.T) {
	for list, want := range map[string][2]string{
		`{"components": [{"name": "a", "kind": "program", "hash": "sha256:1"}, {"name": "b", "kind": "checkpoint", "hash": "sha256:2f"}]}`: {"b", "2f"},
		`{"components": [{"name": "a", "kind": "further checkpoint", "hash": "sha256:1"}]}`:                                                {},
		`{"components": []}`: {},
		`damaged`:            {},
	} {
		if name, sum := checkpoint([]byte(list)); name != want[0] || sum != want[1] {
			t.Errorf("checkpoint(%s) = %q, %q; want %q", list, name, sum, want)
		}
	}
}
