//go:build linux

// Room stands in for what surrounds a machine that is tested: somebody who
// speaks, presses its button and looks at its light. Started from the machine's
// shell it leaves a process behind that does what a test asks for over TCP, a line
// each:
//
//	play FILE   of mono int16 samples, little-endian, 48 kHz, in both channels, as
//	            the robot listens to a card that is not USB's, to be heard at the
//	            other end of the loopback card
//	press MS    hold the button of a simulated GPIO chip down so many milliseconds
//	light       the light's changes since it was last asked for: "on:50 off:950",
//	            in milliseconds
//	memory      the lowest MemAvailable since it was last asked for, in kB
//
// The answer is a line, "ok", what was asked for, or "error: " and why.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gen2brain/alsa"
	"github.com/warthog618/go-gpiocdev"
)

const (
	address = ":7000"
	lamp    = 5 // lines of the simulated GPIO chip
	button  = 3
	hz      = 48000
)

func main() {
	if len(os.Args) < 2 {
		// Little of the machine's memory is to be the room's.
		self, err := os.Executable() // by its name: the test asks what the room holds
		if err == nil {
			_, err = os.StartProcess(self, []string{os.Args[0], "stay"}, &os.ProcAttr{
				Env: append(os.Environ(), "GOGC=3"), Files: []*os.File{nil, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Setsid: true}})
		}
		if err != nil {
			fmt.Println("room:", err)
			os.Exit(1)
		}
		return
	}
	var r room
	go r.watch()
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println("room:", err)
		return
	}
	for {
		c, err := l.Accept()
		if err != nil {
			fmt.Println("room:", err)
			return
		}
		r.serve(c)
		c.Close()
	}
}

// room is what was seen.
type room struct {
	mu     sync.Mutex
	light  strings.Builder
	lowest int
}

func (r *room) serve(c net.Conn) {
	in := bufio.NewReaderSize(c, 256)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		command, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.Atoi(argument)
		answer := "ok"
		switch command {
		case "play":
			err = play(argument)
			debug.FreeOSMemory()
		case "press":
			err = errors.Join(watched(), pull("pull-down"), sleep(n), pull("pull-up"))
		case "light":
			sleep(30) // what was just changed is seen
			r.mu.Lock()
			answer = strings.TrimSpace(r.light.String())
			r.light.Reset()
			r.mu.Unlock()
		case "memory":
			r.mu.Lock()
			answer, r.lowest = strconv.Itoa(r.lowest), 0
			r.mu.Unlock()
		default:
			err = fmt.Errorf("what is %q", command)
		}
		if err != nil {
			answer = "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		if _, err := fmt.Fprintln(c, answer); err != nil {
			return
		}
	}
}

func sleep(ms int) error {
	time.Sleep(time.Duration(ms) * time.Millisecond)
	return nil
}

// play plays a file into the loopback card.
func play(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	cards, err := alsa.EnumerateCards()
	if err != nil {
		return err
	}
	for _, c := range cards {
		if !strings.HasPrefix(c.Description, "Loopback") {
			continue
		}
		pcm, err := alsa.PcmOpen(uint(c.ID), 0, alsa.PCM_OUT, &alsa.Config{
			Channels: 2, Rate: hz, PeriodSize: hz / 20, PeriodCount: 4, Format: alsa.SNDRV_PCM_FORMAT_S16_LE})
		if err != nil {
			return err
		}
		defer pcm.Close()
		data, samples := make([]byte, 2*hz/20), make([]int16, 2*hz/20)
		for {
			n, err := io.ReadFull(in, data)
			if err == io.EOF {
				return pcm.Drain()
			}
			if err != nil && err != io.ErrUnexpectedEOF {
				return err
			}
			clear(data[n:])
			for i := range hz / 20 {
				sample := int16(binary.LittleEndian.Uint16(data[2*i:]))
				samples[2*i], samples[2*i+1] = sample, sample
			}
			if _, err := pcm.Write(samples); err != nil {
				return err
			}
		}
	}
	return errors.New("no loopback card")
}

// line is a file of a line of the simulated GPIO chip.
func line(number int, file string) (string, error) {
	found, err := filepath.Glob(fmt.Sprintf("/sys/devices/platform/*/gpiochip*/sim_gpio%d/%s", number, file))
	if err != nil || len(found) == 0 {
		return "", errors.New("no simulated GPIO chip")
	}
	return found[0], nil
}

// watched reports a button that nobody has asked for.
func watched() error {
	c, err := gpiocdev.NewChip("gpiochip0")
	if err != nil {
		return err
	}
	defer c.Close()
	info, err := c.LineInfo(button)
	if err == nil && !info.Used {
		err = errors.New("nobody looks at the button")
	}
	return err
}

func pull(how string) error {
	path, err := line(button, "pull")
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(how), 0)
}

// available is MemAvailable, in kB, of what /proc/meminfo holds; 0 if it is not there.
func available(meminfo []byte) (kB int) {
	_, rest, _ := bytes.Cut(meminfo, []byte("MemAvailable:"))
	for _, c := range bytes.TrimLeft(rest, " ") {
		if c < '0' || c > '9' {
			break
		}
		kB = 10*kB + int(c-'0')
	}
	return kB
}

// watch looks at the light and the memory, a hundred times a second.
func (r *room) watch() {
	var value, memory *os.File
	for value == nil || memory == nil { // until init has mounted them
		time.Sleep(10 * time.Millisecond)
		if path, err := line(lamp, "value"); err == nil {
			value, _ = os.Open(path)
		}
		memory, _ = os.Open("/proc/meminfo")
	}
	b := make([]byte, 256)
	was, since := byte('0'), time.Now()
	for tick := range time.NewTicker(10 * time.Millisecond).C {
		n, _ := memory.ReadAt(b, 0)
		kB := available(b[:n])
		n, _ = value.ReadAt(b, 0)
		r.mu.Lock()
		if kB > 0 && (r.lowest == 0 || kB < r.lowest) {
			r.lowest = kB
		}
		if n > 0 && b[0] != was {
			name := "off"
			if was == '1' {
				name = "on"
			}
			fmt.Fprintf(&r.light, "%s:%d ", name, tick.Sub(since).Milliseconds())
			was, since = b[0], tick
		}
		r.mu.Unlock()
	}
}
