package config

import (
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	for _, test := range []struct{ key, typed, want, wrong string }{
		{"temperature", "0.7", "0.7", ""},
		{"temperature", "2", "2", ""},
		{"temperature", "-1", "1", "a number, 0 or more"},
		{"temperature", "NaN", "1", "a number, 0 or more"},
		{"seed", "42", "42", ""},
		{"seed", "4.2", "0", "a whole number"},
		{"voice", "rms", "rms", ""},
		{"voice", "tom", "kal16", `"kal16", "rms", "espeak" or "off"`},
		{"engine", "fast", "fast", ""},
		{"colour", "red", "", "no such setting"},
	} {
		c := Default()
		err := c.Set(test.key, test.typed)
		if got := c.Get(test.key); got != test.want || (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("Set(%s, %s) = %v, then it is %s; want %q, %s", test.key, test.typed, err, got, test.wrong, test.want)
		}
	}
}
