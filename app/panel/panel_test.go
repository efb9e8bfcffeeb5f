package panel

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	for name, test := range map[string]struct {
		down []time.Duration // how long each press lasts, a second apart
		busy bool
		want []Action
	}{
		"a press":               {[]time.Duration{100 * time.Millisecond}, false, []Action{Story}},
		"held":                  {[]time.Duration{2 * time.Second}, false, []Action{Listen}},
		"held, then pressed":    {[]time.Duration{time.Second, 300 * time.Millisecond}, false, []Action{Listen, Story}},
		"while a story is told": {[]time.Duration{100 * time.Millisecond}, true, []Action{Stop}},
		"held meanwhile":        {[]time.Duration{2 * time.Second}, true, []Action{Stop}},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			edges, done := make(chan bool), make(chan struct{})
			var got []Action
			go func() {
				watch(ctx, edges, func() bool { return test.busy }, func(a Action) { got = append(got, a) })
				close(done)
			}()
			for _, d := range test.down {
				edges <- true
				time.Sleep(d)
				edges <- false
				time.Sleep(time.Second)
			}
			cancel()
			<-done
			if !slices.Equal(got, test.want) {
				t.Errorf("%s: %v; want %v", name, got, test.want)
			}
		})
	}
}

func TestParseLine(t *testing.T) {
	if chip, line, err := ParseLine("gpiochip2/15"); chip != "gpiochip2" || line != 15 || err != nil {
		t.Errorf("ParseLine = %s, %d, %v; want gpiochip2, 15", chip, line, err)
	}
	for _, bad := range []string{"", "15", "gpiochip0", "gpiochip0/", "gpiochip0/-1", "gpiochip0/x", "../gpiochip0/1"} {
		if _, _, err := ParseLine(bad); err == nil {
			t.Errorf("ParseLine(%q) found no fault", bad)
		}
	}
}

func TestLight(t *testing.T) {
	class := t.TempDir()
	if _, err := FindLight(class); err == nil {
		t.Error("a light where there is none")
	}
	dir := filepath.Join(class, "blue")
	os.Mkdir(dir, 0o755)
	for _, f := range []string{"brightness", "trigger", "delay_on", "delay_off"} {
		os.WriteFile(filepath.Join(dir, f), nil, 0o644)
	}
	l, err := FindLight(class)
	if err != nil {
		t.Fatal(err)
	}
	for state, want := range map[State]string{
		Idle: "trigger=none brightness=0", Listening: "trigger=timer delay_on=50 delay_off=950",
		Thinking: "trigger=timer delay_on=100 delay_off=100", Speaking: "trigger=none brightness=255",
	} {
		if err := l.Show(state); err != nil {
			t.Fatal(err)
		}
		for _, f := range strings.Fields(want) {
			name, value, _ := strings.Cut(f, "=")
			if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != value {
				t.Errorf("state %d: %s is %q; want %q", state, name, got, value)
			}
		}
	}
}
