//go:build linux

// Init is process 1 of the storyteller's machine.
//
// Synopsis:
//
//	init
//	init --version    say which one this is, when started by a person
//
// Description:
//
//	The kernel starts init twice: first a copy that boot.sd brings, as /init,
//	which finds the card's root file system, checks that it and the files that a
//	story needs are whole, and makes it the root; then, from there, /sbin/init.
//	Where the root file system cannot be used, the first one says so and goes on
//	by itself, without stories.
//
//	Init mounts the other file systems and the card's FAT partition, reads
//	/boot/storyteller.toml, starts the storyteller with its page, voice and
//	network, has it tell the story, and starts it again when it dies or hangs;
//	it buries orphaned processes and keeps a small console with which a person
//	can ask for stories, look around and switch off.
//
//	The console belongs to init and not to the storyteller so that it still
//	answers when the storyteller or its files are broken: the prompt for stories
//	and the rescue prompt are the same. Init holds no model and touches no sound
//	or network: those belong to the programs it starts.
//
//	Process 1 must not end, or the kernel panics. A panic of init is caught and
//	init executes itself anew; what cannot be caught (the Go runtime giving up)
//	makes the kernel restart the machine after CONFIG_PANIC_TIMEOUT. Init feeds
//	the hardware's watchdog, which restarts the machine when init hangs, or when
//	a storyteller that hangs cannot be killed.
//
// Signals:
//
//	INT   end the story being told (Ctrl-C on the console)
//	TERM  reboot
//	USR2  switch off
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"duostoryteller/app/version"

	"golang.org/x/sys/unix"
)

func main() {
	if os.Getpid() != 1 {
		if len(os.Args) == 2 && os.Args[1] == "--version" {
			fmt.Println(version.Line("init"))
			return
		}
		fmt.Fprintln(os.Stderr, "init: is started by the kernel as process 1; there is nothing to do here")
		os.Exit(2)
	}
	// Init is small and stays small: a garbage collection now and then costs
	// less than the 4 MB that Go would let it grow to. With 3, garbage is 120 KB at most.
	debug.SetGCPercent(3)
	guard(func() {
		if os.Args[0] == earlyName && crashCount() == 0 {
			early()
		}
		boot()
	})
}

// ownCrash is where init leaves the report of its own crash for the init after it.
const ownCrash = "/run/init-crash.txt"

// crashes is the environment variable that counts init's panics.
const crashes = "INIT_CRASHES"

// guard runs f, and when f panics executes init anew.
func guard(f func()) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		text := fmt.Sprintf("init: this is a fault of init itself, starting it anew: %v\n%s\n", fault, debug.Stack())
		fmt.Print(text)
		os.WriteFile(ownCrash, []byte(version.Text()+"\n"+text), 0o600) // for the next one to keep on the card
		time.Sleep(time.Second)
		os.Setenv(crashes, strconv.Itoa(crashCount()+1))
		program, err := os.Executable()
		if err == nil {
			err = unix.Exec(program, os.Args, os.Environ())
		}
		for {
			fmt.Printf("init: cannot start itself anew (%v); pull the plug\n", err)
			time.Sleep(time.Hour)
		}
	}()
	f()
}

// crashCount returns how often init has started itself anew.
func crashCount() int {
	n, _ := strconv.Atoi(os.Getenv(crashes))
	return n
}
