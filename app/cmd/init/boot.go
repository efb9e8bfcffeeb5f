//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"time"

	"duostoryteller/app/config"
	"duostoryteller/app/machine"
	"duostoryteller/app/results"

	"golang.org/x/sys/unix"
)

// boot brings the machine up, tells stories until it is asked to switch off,
// and switches off.
func boot() {
	cable := &terminal{path: usbSerial, fd: -1}
	out := screen{os.Stdout, cable}
	io.WriteString(cable, os.Getenv(saidEarly)) // the console has it already
	os.Unsetenv(saidEarly)
	mountErr := mountKernel()
	// At once: whatever hangs from here on starts the machine again.
	dog, dogErr := openWatchdog(watchdogDevice)
	stopFeeding := dog.feedFor(startTime)
	console, consoleProblems := openConsole()
	if m, err := machine.ReadMemory(); err == nil {
		stage(out, fmt.Sprintf("init starts, MemTotal %d kB", m.Total))
	}
	report(out, "mount", mountErr)
	report(out, "watchdog", dogErr)
	for _, err := range consoleProblems {
		report(out, "console", err)
	}
	if crashCount() > 0 {
		unix.Kill(-1, unix.SIGKILL) // what the init before this one had started
	}

	// What the kernel says runs into the story: only what it ends with still shows. The
	// rest is for `dmesg`.
	const consoleLevel, emergencies = 8, 1
	klogctl(consoleLevel, emergencies)
	// Below 512 MB huge pages are off unless asked for.
	report(out, "huge pages", write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise"))
	// Asked for, they make the kernel keep 5 % of the memory free so that there are
	// always some; but ours are taken once, at the start.
	report(out, "free memory", write("/proc/sys/vm/min_free_kbytes", "1024"))
	// After a search for a large piece of memory the kernel would keep another 2 MB
	// free for a while, and have the programs read from the card again.
	report(out, "free memory", write("/proc/sys/vm/watermark_boost_factor", "0"))
	// What is freed may stay in lists of the processor's own, by the rules of Linux 7.3
	// 1.3 MB and up to 7.4: not counted as free, so that programs are dropped from memory
	// for its sake. One processor gains nothing by them. Now they hold 12 pages.
	report(out, "free memory", write("/proc/sys/vm/percpu_pagelist_high_fraction", "4096"))
	_, err := machine.SetReadAhead(startReadAhead)
	report(out, "read-ahead", err)
	report(out, "order of out-of-memory kills", write("/proc/self/oom_score_adj", "-1000"))

	if err := mountCard(out); err != nil {
		fmt.Fprintf(out, "init: card: %v\n", err)
	} else {
		stage(out, "card mounted")
	}
	report(out, "network", loopback())
	settings, problems := config.Load(configFile)
	for _, p := range problems {
		fmt.Fprintf(out, "init: %s: %v\n", configFile, p)
	}

	if chooseTree(out, settings) {
		shutDown(out, reboot)
	}

	children := newReaper()
	dead := make(chan os.Signal, 1)
	signal.Notify(dead, unix.SIGCHLD)
	go guard(func() {
		for range dead {
			children.reap()
		}
	})
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGUSR2)
	// All others are caught too and forgotten: at some, Go ends the program.
	signal.Notify(make(chan os.Signal, 1))
	signal.Ignore(unix.SIGTTOU) // init takes the console back from a shell from behind
	lines := make(chan typed)
	go guard(func() { console.readLines(lines) })
	if settings.USB == config.USBDevice {
		go guard(func() { cable.readLines(lines) })
	}

	var keeping sync.WaitGroup
	keep := func(f results.File) {
		keeping.Go(func() { report(out, "card", results.Write(cardDir, f)) })
	}
	if crash, err := os.ReadFile(ownCrash); err == nil {
		os.Remove(ownCrash)
		keep(crashReport([]string{string(crash)}, nil))
	}
	r := newRobot(out, settings, children)
	r.feed, r.worked, r.trial = dog.feed, func() { worked(out, cardDir) }, onTrial
	r.keep = keep
	r.tidy = debug.FreeOSMemory
	r.reads = func(ahead int) { _, _ = machine.SetReadAhead(ahead) } // what does not work was said above
	switch {
	case os.Getenv(damage) != "":
		// A damaged program or tokenizer would tell another story, without a word.
		r.damage = os.Getenv(damage)
		fmt.Fprintf(out, "init: no story: %s; %s; `help` works here\n", r.damage, mend)
		r.prompt()
	case crashCount() < maxCrashes:
		r.tell(r.first())
	default:
		fmt.Fprintln(out, "init: started anew too often, so no story by itself")
		r.prompt()
	}
	debug.FreeOSMemory() // what starting left behind
	stopFeeding()
	asked := r.run(lines, signals)
	finish(out, &keeping, dog)
	if asked == powerOff {
		dog.stop() // it would start the machine again
	}
	shutDown(out, asked)
}

// usbSerial is the serial port that a PC at the USB cable sees, once the storyteller
// has made it (package usbnet).
const usbSerial = "/dev/ttyGS0"

// startTime bounds what boot does before it serves the console: a repair, and reading
// the configuration.
const startTime = checkTime + time.Minute

// finish waits, for a while, until what is being kept is on the card.
func finish(out io.Writer, keeping *sync.WaitGroup, dog *watchdog) {
	kept := make(chan struct{})
	go func() {
		keeping.Wait()
		close(kept)
	}()
	dog.feed()
	select {
	case <-kept:
	case <-time.After(keepTime):
		fmt.Fprintln(out, "init: the card does not take a report of a crash")
	}
}

// keepTime is how long the machine stays on for the sake of a report.
const keepTime = 20 * time.Second

// maxCrashes is how often init may start itself anew and still begin a story.
const maxCrashes = 3

// stage prints what has been reached, and at which time and with how much memory
// left. Programs read these lines; their form does not change.
func stage(out io.Writer, what string) {
	stageAt(out, what, now())
}

// A moment is a time since the kernel started and the memory available then.
type moment struct {
	time      time.Duration
	available int // kB
}

func now() moment {
	m, _ := machine.ReadMemory()
	return moment{machine.SinceBoot(), m.Available}
}

func stageAt(out io.Writer, what string, at moment) {
	fmt.Fprintf(out, "init: %d ms  %s  MemAvailable %d kB\n", at.time.Milliseconds(), what, at.available)
}

// report prints an error with which the machine can still be used.
func report(out io.Writer, what string, err error) {
	if err != nil {
		fmt.Fprintf(out, "init: %s: %v\n", what, err)
	}
}

// write writes a value to a file of the kernel.
func write(path, value string) error {
	return os.WriteFile(path, []byte(value), 0)
}
