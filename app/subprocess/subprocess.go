// Package subprocess runs the small C programs that the storyteller speaks and
// hears with: requests on their standard input, frames on their standard output,
// and an end for one that hangs.
//
// A frame is a kind of 4 bytes, the payload's length in bytes (uint32,
// little-endian, at most MaxPayload) and the payload.
package subprocess

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// MaxPayload is the longest payload of a frame, in bytes.
const MaxPayload = 1 << 16

// ReadFrame reads one frame. io.EOF is returned as it is before a frame,
// io.ErrUnexpectedEOF within one; a payload that is too long is an error.
func ReadFrame(r io.Reader) (kind string, payload []byte, err error) {
	return readFrame(r, nil)
}

// readFrame reads into buf what fits.
func readFrame(r io.Reader, buf []byte) (kind string, payload []byte, err error) {
	head := slices.Grow(buf[:0], 8)[:8]
	if _, err := io.ReadFull(r, head); err != nil {
		return "", nil, err
	}
	kind = string(head[:4])
	n := binary.LittleEndian.Uint32(head[4:])
	if n > MaxPayload {
		return "", nil, fmt.Errorf("a frame %q of %d bytes", kind, n)
	}
	payload = slices.Grow(buf[:0], int(n))[:n]
	if _, err := io.ReadFull(r, payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return "", nil, err
	}
	return kind, payload, nil
}

// Process is one life of a program. It is not safe for concurrent use, but for
// Kill.
type Process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	frame  []byte // the last one's memory
	watch  *watch // ends a program that hangs
}

// Start starts the program at path with a niceness, see setpriority(2), where the
// operating system has that.
func Start(path string, niceness int, args ...string) (*Process, error) {
	cmd := exec.Command(path, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	giveWay(cmd.Process.Pid, niceness)
	pid := cmd.Process.Pid
	return &Process{cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout),
		watch: &watch{look: func() activity { return readActivity(pid) }, end: func() { cmd.Process.Kill() }}}, nil
}

// Missing says whether an error of Start means that there is no such program.
func Missing(err error) bool {
	return errors.As(err, new(*exec.Error)) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES)
}

// Expect ends the program unless Expect or Relax is called within d of its own time:
// that in which it computes or sleeps, as against waiting for the processor or the card.
func (p *Process) Expect(d time.Duration) { p.watch.expect(d) }

// Relax lets the program take its time.
func (p *Process) Relax() { p.watch.relax() }

// Write sends a request, or a part of one.
func (p *Process) Write(b []byte) (int, error) {
	n, err := p.stdin.Write(b)
	if err != nil {
		err = p.died(err)
	}
	return n, err
}

// ReadFrame returns the next frame, whose payload is good until the next call. An
// error tells what became of the program.
func (p *Process) ReadFrame() (kind string, payload []byte, err error) {
	kind, payload, err = readFrame(p.stdout, p.frame)
	if err != nil {
		return kind, payload, p.died(err)
	}
	p.frame = payload
	return kind, payload, err
}

// died explains the end of the program's output.
func (p *Process) died(err error) error {
	switch {
	case p.watch.ended():
		return errors.New("it hung")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		p.stdin.Close()
		p.cmd.Wait()
		return fmt.Errorf("it ended (%v)", p.cmd.ProcessState)
	}
	return fmt.Errorf("it sent %w", err)
}

// Kill ends the program at once; any goroutine may call it.
func (p *Process) Kill() { p.cmd.Process.Kill() }

// Close ends the program at once and waits for its end.
func (p *Process) Close() {
	p.watch.relax()
	p.cmd.Process.Kill()
	p.stdin.Close()
	p.cmd.Wait()
}
