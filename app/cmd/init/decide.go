//go:build linux

package main

import (
	"fmt"
	"time"

	"duostoryteller/app/config"
	"duostoryteller/app/dialog"

	"golang.org/x/sys/unix"
)

// What follows from an end, of a story or of a process, is decided here by functions
// of values alone. The robot does it.

// A deed is what the robot does next.
type deed int

const (
	follow      deed = iota // tell what was asked for meanwhile, or wait for a line
	explain                 // say that this story cannot be told, and wait
	another                 // tell another story like the configured one
	switchOff               //
	beginAsked              // begin what the storyteller had to leave for
	bringBack               // start the storyteller, then follow
	giveUp                  // leave it: it would say the same again
	startLater              // start it after a while, and tell what was asked for
	anotherLate             // start it after a while, and tell another story
)

// A storyEnd is how a story ended.
type storyEnd struct {
	failed  bool   // it broke off by a fault
	stopped bool   // somebody wanted that
	queued  bool   // another one was asked for meanwhile
	after   string // the configuration's
}

// next decides what comes after a story.
func (e storyEnd) next() deed {
	switch {
	case e.queued, e.stopped:
		return follow
	case e.failed:
		return explain
	case e.after == config.AfterPowerOff:
		return switchOff
	case e.after == config.AfterAgain:
		return another
	}
	return follow
}

// A processEnd is how a process that init has started ended.
type processEnd struct {
	status  unix.WaitStatus
	asked   bool   // to leave, by init
	verb    string // of what was begun; "" for a story, or nothing
	waits   bool   // what was begun is still to be asked for
	told    bool   // the story's text was all there
	failed  bool   // but it broke off by a fault
	stopped bool   // somebody wanted that
	queued  bool   // another story was asked for meanwhile
	run     string // the configuration's
	after   string
}

// next decides what comes after a process. What has been told is not told again
// because its storyteller died while it was being read aloud.
func (e processEnd) next() deed {
	switch {
	case e.asked && (e.verb != "" || e.waits) && !e.stopped:
		return beginAsked
	case e.verb != "" && !e.stopped && e.run == config.RunSuites && e.after == config.AfterPowerOff:
		return switchOff
	case e.asked || e.verb != "", e.stopped && killed(e.status):
		return bringBack
	case e.status.Exited() && e.status.ExitStatus() == dialog.CannotTell:
		return giveUp
	case e.told:
		switch (storyEnd{failed: e.failed, stopped: e.stopped, queued: e.queued, after: e.after}).next() {
		case switchOff:
			return switchOff
		case another:
			return anotherLate
		}
	}
	return startLater
}

// deaths is what is known of the storytellers that died since a story went well.
type deaths struct {
	inRow    int
	crashes  int  // of them by a fault of the program or of the processor
	portable bool // the portable kernels are used from now on
}

// crashesBeforePortable is how many crashes in a row have the portable kernels used: a
// vector unit that does not do what its name promises is the likely one among the
// causes of which init can do something about.
const crashesBeforePortable = 3

// after adds a death. A process that was killed, by init for it hung or by the kernel
// for want of memory, says nothing about the kernels.
func (d deaths) after(status unix.WaitStatus) deaths {
	d.inRow++
	if !killed(status) {
		d.crashes++
	}
	d.portable = d.portable || d.crashes >= crashesBeforePortable
	return d
}

func killed(status unix.WaitStatus) bool {
	return status.Signaled() && status.Signal() == unix.SIGKILL
}

// storyTold begins to count anew.
func (d deaths) storyTold() deaths { return deaths{portable: d.portable} }

// backOff doubles the delay at each death: 1 s to 1 minute.
func backOff(deaths int) time.Duration {
	return min(time.Second<<min(deaths-1, 6), time.Minute)
}

// cause says in words how a process ended.
func cause(status unix.WaitStatus) string {
	if status.Signaled() {
		return unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
