package boardtest

import (
	"context"
	"errors"
	"io"

	"duostoryteller/imagebuilder/emulator"
)

// Emulated is an emulated board.
type Emulated struct {
	*Console
	machine *emulator.Machine
}

// Emulate boots a card in an emulated board. It must be closed. What o.Console
// is, if not nil, gets what the board says.
func Emulate(ctx context.Context, o emulator.Options) (*Emulated, error) {
	e := new(Emulated)
	e.Console = NewConsole(keyboard{e})
	if o.Console == nil {
		o.Console = e.Console
	} else {
		o.Console = io.MultiWriter(e.Console, o.Console)
	}
	var err error
	if e.machine, err = emulator.Start(ctx, o); err != nil {
		return nil, err
	}
	go func() {
		err := e.machine.Wait(context.WithoutCancel(ctx))
		if err == nil {
			err = errors.New("the machine has ended")
		}
		e.Console.Close(err)
	}()
	return e, nil
}

// Close ends the machine.
func (e *Emulated) Close() error { return e.machine.Close() }

// keyboard types on the machine, which is there before anything is typed.
type keyboard struct{ e *Emulated }

func (k keyboard) Write(p []byte) (int, error) { return k.e.machine.Write(p) }
