package machine

import "testing"

func TestParseMemory(t *testing.T) {
	got, err := parseMemory([]byte("MemTotal:          59392 kB\nMemFree:           40000 kB\nMemAvailable:      41234 kB\n"))
	if want := (Memory{59392, 41234}); got != want || err != nil {
		t.Errorf("parseMemory() = %v, %v; want %v", got, err, want)
	}
	if _, err := parseMemory([]byte("MemTotal: 5 kB\n")); err == nil {
		t.Error("parseMemory() without MemAvailable = nil error; want one")
	}
}

func TestParseCounters(t *testing.T) {
	disks := ` 254       0 vda 100 5 2048 40 0 0 0 0 0 0 0
 254       1 vda1 60 5 1024 20 0 0 0 0 0 0 0
 179       0 mmcblk0 10 0 200 4 0 0 0 0 0 0 0
 179       2 mmcblk0p2 9 0 200 4 0 0 0 0 0 0 0
   7       0 loop0 3 0 30 4 0 0 0 0 0 0 0
`
	got, err := parseCounters([]byte("pgmajfault 12\npswpin 1\npswpout 2\noom_kill 3\n"), []byte(disks))
	if want := (Counters{SwapIn: 1, SwapOut: 2, OOMKills: 3, MajorFaults: 12, Reads: 110, ReadKB: 1124}); got != want || err != nil {
		t.Errorf("parseCounters() = %+v, %v; want %+v", got, err, want)
	}
	if _, err := parseCounters([]byte("pgmajfault 12\n"), nil); err == nil {
		t.Error("parseCounters() without oom_kill = nil error; want one")
	}
	if _, err := parseCounters([]byte("pgmajfault 1\noom_kill 0\n"), []byte("1 0 vda x y z\n")); err == nil {
		t.Error("parseCounters() of a broken diskstats = nil error; want one")
	}
}

func TestThisMachine(t *testing.T) {
	if m, err := ReadMemory(); err != nil || m.Total < m.Available || m.Available <= 0 {
		t.Errorf("ReadMemory() = %+v, %v; want available memory below the total", m, err)
	}
	if SinceBoot() <= 0 {
		t.Error("SinceBoot() = 0; want more")
	}
}
