package commands

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"duostoryteller/app/machine"

	"golang.org/x/sys/unix"
)

// system returns the commands that ask the kernel.
func system() map[string]command {
	return map[string]command{
		"df":       df,
		"dmesg":    dmesg,
		"free":     free,
		"kill":     kill,
		"mount":    mount,
		"poweroff": poweroff,
		"ps":       ps,
		"reboot":   reboot,
		"sleep":    sleep,
		"sync":     sync,
		"uname":    uname,
		"uptime":   uptime,
	}
}

// none is for commands without arguments.
func none(s Streams, name string, args []string) error {
	rest, err := options(s, name, name, args, nil)
	if err == nil && len(rest) > 0 {
		err = usagef("takes no arguments")
	}
	return err
}

func ps(s Streams, args []string) error {
	if err := none(s, "ps", args); err != nil {
		return err
	}
	processes, err := machine.Processes()
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "  PID S  RSS kB  COMMAND")
	for _, p := range processes {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.ID))
		command := string(bytes.TrimSpace(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		if command == "" {
			command = "[" + p.Name + "]"
		}
		fmt.Fprintf(s.Out, "%5d %s %7d  %s\n", p.ID, p.State, p.Resident, command)
	}
	return nil
}

func free(s Streams, args []string) error {
	if err := none(s, "free", args); err != nil {
		return err
	}
	m, err := machine.ReadMemory()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "     total  available  in use  (kB)\n%10d %10d %7d\n", m.Total, m.Available, m.Total-m.Available)
	return err
}

func uptime(s Streams, args []string) error {
	if err := none(s, "uptime", args); err != nil {
		return err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "up %v, load %s\n", machine.SinceBoot().Round(time.Second), strings.Join(strings.Fields(string(load))[:3], " "))
	return err
}

func df(s Streams, args []string) error {
	dirs, err := options(s, "df", "df [DIRECTORY...]", args, nil)
	if err != nil {
		return err
	}
	if len(dirs) == 0 {
		mounts, err := os.ReadFile("/proc/mounts")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(mounts)) {
			dirs = append(dirs, strings.Fields(line)[1])
		}
	}
	var table strings.Builder
	for _, dir := range dirs {
		var f unix.Statfs_t
		if err := unix.Statfs(dir, &f); err != nil {
			return &os.PathError{Op: "df", Path: dir, Err: err}
		}
		if f.Blocks == 0 && len(args) == 0 {
			continue // the kernel's own
		}
		size := uint64(f.Bsize)
		fmt.Fprintf(&table, "%10d %10d %10d  %s\n", f.Blocks*size>>10, (f.Blocks-f.Bfree)*size>>10, f.Bavail*size>>10, dir)
	}
	_, err = fmt.Fprintf(s.Out, "        kB       used       free  directory\n%s", &table)
	return err
}

func dmesg(s Streams, args []string) error {
	if err := none(s, "dmesg", args); err != nil {
		return err
	}
	messages, err := machine.KernelMessages()
	if err != nil {
		return err
	}
	_, err = s.Out.Write(messages)
	return err
}

// mount without arguments shows what is mounted. It mounts, too; remount and the
// usual flags are understood as options, and the rest goes to the file system.
func mount(s Streams, args []string) error {
	const usage = "mount [[-t TYPE] [-o OPTIONS] [DEVICE] DIRECTORY], as in mount -o remount,rw /boot"
	var kind, list string
	rest, err := options(s, "mount", usage, args, func(f *flag.FlagSet) {
		f.StringVar(&kind, "t", "", "file system")
		f.StringVar(&list, "o", "", "options, with commas between")
	})
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		mounts, err := os.ReadFile("/proc/mounts")
		if err == nil {
			_, err = s.Out.Write(mounts)
		}
		return err
	}
	if len(rest) > 2 {
		return usagef("usage: %s", usage)
	}
	device, dir := "", rest[len(rest)-1]
	if len(rest) == 2 {
		device = rest[0]
	}
	known := map[string]uintptr{"remount": unix.MS_REMOUNT, "ro": unix.MS_RDONLY, "bind": unix.MS_BIND,
		"sync": unix.MS_SYNCHRONOUS, "noatime": unix.MS_NOATIME, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
		"rw": 0, "defaults": 0}
	var flags uintptr
	var data []string
	for _, o := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		if f, ok := known[o]; ok {
			flags |= f
		} else {
			data = append(data, o)
		}
	}
	if flags&unix.MS_REMOUNT != 0 {
		// A remount sets all flags anew: keep those that protect.
		var f unix.Statfs_t
		if err := unix.Statfs(dir, &f); err != nil {
			return &os.PathError{Op: "mount", Path: dir, Err: err}
		}
		flags |= uintptr(f.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_SYNCHRONOUS | unix.MS_NOATIME)
	}
	if err := unix.Mount(device, dir, kind, flags, strings.Join(data, ",")); err != nil {
		return &os.PathError{Op: "mount", Path: dir, Err: err}
	}
	return nil
}

func uname(s Streams, args []string) error {
	var all, release, arch bool
	if _, err := options(s, "uname", "uname [-a] [-r] [-m]", args, func(f *flag.FlagSet) {
		f.BoolVar(&all, "a", false, "all")
		f.BoolVar(&release, "r", false, "the kernel's release")
		f.BoolVar(&arch, "m", false, "the machine")
	}); err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	text := func(b [65]byte) string { return unix.ByteSliceToString(b[:]) }
	var fields []string
	for _, f := range []struct {
		wanted bool
		text   string
	}{
		{all || !release && !arch, text(u.Sysname)}, {all, text(u.Nodename)}, {all || release, text(u.Release)}, {all, text(u.Version)}, {all || arch, text(u.Machine)},
	} {
		if f.wanted {
			fields = append(fields, f.text)
		}
	}
	_, err := fmt.Fprintln(s.Out, strings.Join(fields, " "))
	return err
}

func kill(s Streams, args []string) error {
	const usage = "kill [-SIGNAL] PROCESS..., as in kill -STOP 42"
	signal := unix.SIGTERM
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name := strings.TrimPrefix(args[0], "-")
		if n, err := strconv.Atoi(name); err == nil {
			signal = unix.Signal(n)
		} else if signal = unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); signal == 0 {
			return usagef("no signal %s; usage: %s", name, usage)
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return usagef("which process? usage: %s", usage)
	}
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil {
			return usagef("process %q is no number; ps lists them", a)
		}
		if err := unix.Kill(pid, signal); err != nil {
			return fmt.Errorf("process %d: %w", pid, err)
		}
	}
	return nil
}

func sleep(s Streams, args []string) error {
	rest, err := options(s, "sleep", "sleep SECONDS", args, nil)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usagef("how many seconds?")
	}
	seconds, err := strconv.ParseFloat(rest[0], 64)
	if err != nil || !(seconds >= 0 && seconds < 1e9) {
		return usagef("%q is no number of seconds", rest[0])
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return nil
}

func sync(s Streams, args []string) error {
	if err := none(s, "sync", args); err != nil {
		return err
	}
	unix.Sync()
	return nil
}

// reboot and poweroff ask process 1, which leaves everything in order.
func reboot(s Streams, args []string) error   { return askInit(s, "reboot", args, unix.SIGTERM) }
func poweroff(s Streams, args []string) error { return askInit(s, "poweroff", args, unix.SIGUSR2) }

func askInit(s Streams, name string, args []string, signal unix.Signal) error {
	if err := none(s, name, args); err != nil {
		return err
	}
	// Not on somebody's PC, where these signals mean other things.
	if program, err := os.ReadFile("/proc/1/comm"); err != nil || string(bytes.TrimSpace(program)) != "init" || !exists("/usr/share/storyteller") {
		return fmt.Errorf("process 1 is not the storyteller's init")
	}
	return unix.Kill(1, signal)
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Clean(path))
	return err == nil
}
