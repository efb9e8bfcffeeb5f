// Package machine tells what the Linux kernel knows about the machine the
// program runs on: memory, what had to be swapped or killed, what was read from
// the card, and the time since the kernel started. On other systems only that time
// is known, and the rest is an error.
package machine

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SinceBoot returns the time since the machine started, with the time that it slept;
// 0 where that cannot be told.
func SinceBoot() time.Duration { return sinceBoot() }

// Memory is the state of the memory in kB, as /proc/meminfo has it.
type Memory struct {
	Total     int // what the kernel manages
	Available int // what programs can still take without swapping
}

// ShellMemory is what a shell and its commands need, in kB: 8 MB.
const ShellMemory = 8 << 10

// ReadMemory reads /proc/meminfo.
func ReadMemory() (Memory, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Memory{}, err
	}
	return parseMemory(data)
}

func parseMemory(meminfo []byte) (Memory, error) {
	values := table(meminfo)
	total, ok1 := values["MemTotal:"]
	available, ok2 := values["MemAvailable:"]
	if !ok1 || !ok2 {
		return Memory{}, fmt.Errorf("/proc/meminfo: no MemTotal or MemAvailable")
	}
	return Memory{Total: total, Available: available}, nil
}

// Counters counts, since the kernel started, the events that a machine with
// little memory must watch.
type Counters struct {
	SwapIn, SwapOut int // pages
	OOMKills        int // processes killed because the memory ran out
	MajorFaults     int // page faults that had to wait for the card
	Reads           int // completed by all disks
	ReadKB          int // read from all disks
}

// ReadCounters reads /proc/vmstat and /proc/diskstats.
func ReadCounters() (Counters, error) {
	vmstat, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return Counters{}, err
	}
	diskstats, err := os.ReadFile("/proc/diskstats")
	if err != nil {
		return Counters{}, err
	}
	return parseCounters(vmstat, diskstats)
}

// parseCounters reads the two files (proc(5) and the kernel's
// Documentation/admin-guide/iostats.rst). A kernel without swap has no swap
// counters: none were swapped. The others must be there.
func parseCounters(vmstat, diskstats []byte) (Counters, error) {
	values := table(vmstat)
	c := Counters{SwapIn: values["pswpin"], SwapOut: values["pswpout"]}
	for name, to := range map[string]*int{"oom_kill": &c.OOMKills, "pgmajfault": &c.MajorFaults} {
		n, ok := values[name]
		if !ok {
			return Counters{}, fmt.Errorf("/proc/vmstat: no %s", name)
		}
		*to = n
	}
	for line := range strings.Lines(string(diskstats)) {
		// major minor name reads merged sectors ...
		f := strings.Fields(line)
		if len(f) < 6 || isPartition(f[2]) {
			continue
		}
		reads, err1 := strconv.Atoi(f[3])
		sectors, err2 := strconv.Atoi(f[5])
		if err1 != nil || err2 != nil {
			return Counters{}, fmt.Errorf("/proc/diskstats: unexpected line %q", line)
		}
		c.Reads += reads
		c.ReadKB += sectors / 2 // always of 512 bytes
	}
	return c, nil
}

// isPartition tells vda2 and mmcblk0p2 from vda and mmcblk0, and leaves out the
// RAM and loop devices.
func isPartition(name string) bool {
	if strings.HasPrefix(name, "ram") || strings.HasPrefix(name, "loop") {
		return true
	}
	stem := strings.TrimRight(name, "0123456789")
	if stem == name {
		return false
	}
	if strings.HasPrefix(name, "mmcblk") || strings.HasPrefix(name, "nvme") {
		return strings.HasSuffix(stem, "p")
	}
	return true
}

// table reads lines of a name, a number and perhaps a unit.
func table(data []byte) map[string]int {
	values := make(map[string]int)
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 2 {
			continue
		}
		if n, err := strconv.Atoi(f[1]); err == nil {
			values[f[0]] = n
		}
	}
	return values
}

// A Process is one that runs, as /proc/*/status has it. Those of the kernel itself
// have no memory and are left out.
type Process struct {
	ID        int
	Name      string
	State     string // R runs, S sleeps, D waits for a device, T is stopped, Z is dead
	Resident  int    // kB in memory
	Anonymous int    // kB of it that cannot be read again from a file
	OOMOrder  int    // who is ended first when the memory runs out: the highest
}

// Processes returns the processes in the order of their numbers.
func Processes() ([]Process, error) {
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		p, ok := parseProcess(status)
		if !ok {
			continue
		}
		order, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "oom_score_adj"))
		p.OOMOrder, _ = strconv.Atoi(string(bytes.TrimSpace(order)))
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Process) int { return a.ID - b.ID })
	return all, nil
}

// parseProcess reads a status file; false for a thread of the kernel.
func parseProcess(status []byte) (Process, bool) {
	var p Process
	var err error
	user := false
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		number := func() (n int) {
			n, err = strconv.Atoi(strings.TrimSuffix(value, " kB"))
			return n
		}
		switch name {
		case "Name":
			p.Name = value
		case "State":
			p.State, _, _ = strings.Cut(value, " ")
		case "Pid":
			p.ID = number()
		case "VmRSS":
			p.Resident, user = number(), true
		case "RssAnon":
			p.Anonymous = number()
		}
		if err != nil {
			return Process{}, false
		}
	}
	return p, user
}

// KernelMessages returns the end of the kernel's log. Systems other than Linux have
// none: errors.ErrUnsupported.
func KernelMessages() ([]byte, error) { return kernelMessages() }
