package web

import (
	"bufio"
	"io/fs"
	"strconv"
	"strings"
)

// memory reads /proc/meminfo below root and returns MemAvailable and MemTotal
// in bytes, 0 where the kernel does not tell.
func memory(root fs.FS) (free, total int64) {
	f, err := root.Open("proc/meminfo")
	if err != nil {
		return 0, 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		kB, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "MemTotal:":
			total = kB << 10
		case "MemAvailable:":
			free = kB << 10
		}
	}
	return free, total
}

// chipCelsius returns the highest temperature that a thermal zone below
// root/sys reports, 0 where there is none.
func chipCelsius(root fs.FS) float64 {
	zones, err := fs.Glob(root, "sys/class/thermal/thermal_zone*/temp")
	if err != nil {
		return 0
	}
	var highest float64
	for _, zone := range zones {
		text, err := fs.ReadFile(root, zone)
		if err != nil {
			continue
		}
		milli, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
		if err != nil {
			continue
		}
		highest = max(highest, milli/1000)
	}
	return highest
}
