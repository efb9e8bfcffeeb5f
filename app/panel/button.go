// Package panel is what the storyteller can have in its case: a push-button on a
// GPIO line, and the board's light.
package panel

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Action is what the button asks for.
type Action int

const (
	Story  Action = iota // a new one: a short press
	Listen               // held
	Stop                 // pressed while a story is told
)

// hold is how long a button is down to be held.
const hold = 700 * time.Millisecond

// ParseLine reads the name of a GPIO line, "gpiochip1/15": chip and number.
func ParseLine(name string) (chip string, line int, err error) {
	chip, number, ok := strings.Cut(name, "/")
	line, errNumber := strconv.Atoi(number)
	if !ok || !strings.HasPrefix(chip, "gpiochip") || strings.ContainsAny(chip, " \x00") || errNumber != nil || line < 0 || line > 1023 {
		return "", 0, fmt.Errorf("%.40q is no GPIO line: write gpiochip, its number, / and the line's number, as in gpiochip1/15", name)
	}
	return chip, line, nil
}

// Watch reports what a button between a GPIO line and ground asks for, until ctx
// ends. The line's pull-up is switched on. busy is asked whether a story is told.
func Watch(ctx context.Context, name string, busy func() bool, act func(Action)) error {
	chip, line, err := ParseLine(name)
	if err != nil {
		return err
	}
	edges, release, err := press(chip, line)
	if err != nil {
		return fmt.Errorf("no button on %s: %w", name, err)
	}
	defer release()
	watch(ctx, edges, busy, act)
	return nil
}

// watch turns edges (true: down) into actions.
func watch(ctx context.Context, edges <-chan bool, busy func() bool, act func(Action)) {
	var held <-chan time.Time // comes when a button that is down counts as held
	for {
		select {
		case <-ctx.Done():
			return
		case down := <-edges:
			switch {
			case down && busy():
				held = nil
				act(Stop)
			case down:
				held = time.After(hold)
			case held != nil:
				held = nil
				act(Story)
			}
		case <-held:
			held = nil
			act(Listen)
		}
	}
}
