package panel

import (
	"time"

	"github.com/warthog618/go-gpiocdev"
)

// bounce is how long contacts bounce.
const bounce = 10 * time.Millisecond

// press returns a channel that says when the button on a GPIO line goes down (true)
// and up, until release is called.
func press(chip string, line int) (edges <-chan bool, release func(), err error) {
	all := make(chan bool, 16)
	handler := func(e gpiocdev.LineEvent) {
		select {
		case all <- e.Type == gpiocdev.LineEventRisingEdge: // active low: down
		default: // nobody presses that fast
		}
	}
	l, err := gpiocdev.RequestLine(chip, line, gpiocdev.AsInput, gpiocdev.AsActiveLow, gpiocdev.WithPullUp, gpiocdev.WithBothEdges,
		gpiocdev.WithDebounce(bounce), gpiocdev.WithEventHandler(handler), gpiocdev.WithConsumer("storyteller"))
	if err != nil {
		return nil, nil, err
	}
	return all, func() { l.Close() }, nil
}
