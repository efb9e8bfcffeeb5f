// Package emulator boots a card image in QEMU the way a board does: firmware,
// U-Boot, boot.sd from the card's FAT partition, kernel, init. It types U-Boot's
// commands when U-Boot asks for them, and gives tests the machine's console and
// QEMU's monitor.
package emulator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"duostoryteller/imagebuilder/board"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/process"
)

// ErrNotInstalled is wrapped by Start's error when QEMU or U-Boot is missing.
var ErrNotInstalled = errors.New("not installed: apt-get install qemu-system-misc u-boot-qemu opensbi (Debian 13 on: qemu-system-riscv for the first)")

// Options says what to boot.
type Options struct {
	Image    string           // the card image
	FIT      board.FIT        // of the board that the card is for
	Memory   uint64           // bytes
	Emulator board.Emulator   // the machine
	Firmware *Firmware        // what a machine starts with that is the board itself; nil: Emulator.UBoot
	Write    bool             // let the machine change the image
	WriteLog string           // if not "", a file that gets all that the machine writes to the card; needs Write
	Faults   string           // if not "", a configuration of QEMU's blkdebug: how reading the card fails
	BootSD   string           // if not "", a boot.sd that lies in the memory already, so that U-Boot need not read the card
	Silence  time.Duration    // how long WaitFor and Wait bear with a silent console; 0: for ever
	Root     string           // the root partition's PARTUUID; "" to take it from the image
	Bootargs string           // added to the kernel's command line
	Restarts bool             // a machine that starts again does, see Boot; else that ends QEMU
	Args     []string         // added to QEMU's command line
	Console  io.Writer        // if not nil, gets what the console says as it comes
	Started  func(cmd string) // if not nil, is told QEMU's command line
}

// Firmware are the files that a machine starts with which is the board itself.
// Its U-Boot knows how to boot the card, so nothing is typed.
type Firmware struct {
	Monitor string // OpenSBI
	Loader  string // U-Boot
	Tree    string // the device tree that the monitor is given
}

// OptionsFor returns the options that boot image on the emulated board called
// name, described in the folder boards.
func OptionsFor(boards, name, image string) (Options, error) {
	machine, err := board.Load(boards, name)
	if err != nil {
		return Options{}, err
	}
	if machine.Emulator == nil {
		return Options{}, fmt.Errorf("the board %s cannot be emulated: %s has no [emulator]", name, machine.Dir)
	}
	o := Options{Image: image, FIT: machine.FIT, Memory: machine.Memory.Size, Emulator: *machine.Emulator}
	if machine.CardOf != "" {
		from, err := board.Load(boards, machine.CardOf)
		if err != nil {
			return Options{}, err
		}
		o.FIT = from.FIT
	}
	return o, nil
}

// A Machine is an emulated machine that runs.
type Machine struct {
	cmd     *exec.Cmd
	input   io.WriteCloser
	copy    io.Writer
	qmp     net.Conn
	qmpRead *bufio.Reader
	qmpLock sync.Mutex
	uBoot   []string      // the commands that start the kernel
	alone   bool          // U-Boot boots by itself
	silence time.Duration // Options.Silence
	ended   chan struct{} // closed when QEMU has ended
	err     error         // how, then

	mu         sync.Mutex
	said       strings.Builder // without carriage returns
	complaints strings.Builder // QEMU's own
	waited     int             // how much of said WaitFor has passed
	changed    chan struct{}   // closed and replaced when more was said
}

// bootSilence is how long Boot bears with a silent console.
const bootSilence = 2 * time.Minute

// Start starts QEMU and returns when U-Boot has started the kernel. Cancelling
// ctx kills the machine; Close must be called in any case.
func Start(ctx context.Context, o Options) (*Machine, error) {
	partuuid := o.Root
	if partuuid == "" {
		var err error
		if partuuid, err = rootPartition(o.Image); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Image, err)
		}
	}
	e := o.Emulator
	program, err := exec.LookPath(e.Program)
	if err != nil {
		return nil, fmt.Errorf("%s is %w", e.Program, ErrNotInstalled)
	}
	if o.Firmware != nil {
		if o.Bootargs != "" || o.BootSD != "" || o.Root != "" {
			return nil, fmt.Errorf("the emulated %s boots as its own firmware says: its kernel's command line, root and boot.sd cannot be others", e.Machine)
		}
	} else if _, err := os.Stat(e.UBoot); err != nil {
		return nil, fmt.Errorf("%s is %w", e.UBoot, ErrNotInstalled)
	}
	if o.WriteLog != "" {
		if err := os.WriteFile(o.WriteLog, nil, 0o644); err != nil {
			return nil, err
		}
	}
	e.Bootargs = strings.TrimSpace(e.Bootargs + " " + o.Bootargs)
	commands := e.UBootCommands(o.FIT, partuuid)
	if o.Firmware != nil {
		remove, err := o.fitCard()
		if err != nil {
			return nil, err
		}
		defer remove() // QEMU has it open then
	}
	args := o.arguments()
	if o.BootSD != "" {
		args = append(args, "-device", fmt.Sprintf("loader,file=%s,addr=%#x,force-raw=on", escape(o.BootSD), o.FIT.LoadAddress))
		commands = slices.DeleteFunc(commands, func(c string) bool { return strings.HasSuffix(c, " boot.sd") })
	}
	if o.Started != nil {
		o.Started(shellLine(append([]string{e.Program}, args...)))
	}
	m, err := start(ctx, program, args, o.Console)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Program, err)
	}
	m.uBoot, m.silence = commands, o.Silence
	if m.alone = o.Firmware != nil; m.alone {
		m.uBoot = nil
	}
	if err := m.Boot(ctx); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// arguments returns QEMU's command line without its program.
func (o Options) arguments() []string {
	e := o.Emulator
	args := []string{"-M", e.Machine, "-cpu", e.CPU, "-smp", "1", "-m", fmt.Sprintf("%dM", o.Memory>>20),
		"-nographic", "-serial", "mon:stdio"} // Ctrl-A X ends it
	card := "virtio-blk-device,drive=card"
	if f := o.Firmware; f != nil {
		args = append(args, "-bios", f.Monitor, "-kernel", f.Loader, "-dtb", f.Tree)
		card = "sd-card,drive=card"
	} else {
		args = append(args, "-kernel", e.UBoot)
	}
	if !o.Restarts {
		args = append(args, "-no-reboot")
	}
	args = append(args, o.drive()...)
	args = append(args, "-device", card)
	return append(args, o.Args...)
}

// escape writes a path as QEMU's options want it.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// drive returns the part of the command line that makes the card.
func (o Options) drive() []string {
	if o.WriteLog != "" {
		return []string{
			"-blockdev", "driver=file,node-name=image,filename=" + escape(o.Image),
			"-blockdev", "driver=file,node-name=log,filename=" + escape(o.WriteLog),
			"-blockdev", "driver=blklogwrites,node-name=card,file=image,log=log,log-super-update-interval=1"}
	}
	file := escape(o.Image)
	if o.Faults != "" {
		file = "blkdebug:" + escape(o.Faults) + ":" + file
	}
	return []string{"-drive", "file=" + file + ",format=raw,if=none,id=card,snapshot=" + onOff(!o.Write)}
}

// fitCard makes the image a size that QEMU's SD cards can have, a power of two:
// a longer copy, or, if the machine is to change it, the image itself. The copy is
// removed by calling remove.
func (o *Options) fitCard() (remove func(), err error) {
	info, err := os.Stat(o.Image)
	if err != nil {
		return nil, err
	}
	size := int64(1)
	for size < info.Size() {
		size *= 2
	}
	if size == info.Size() {
		return func() {}, nil
	}
	if o.Write {
		return func() {}, os.Truncate(o.Image, size)
	}
	from, err := os.Open(o.Image)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := os.CreateTemp("", "card-*.img")
	if err != nil {
		return nil, err
	}
	remove = func() { os.Remove(to.Name()) }
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Truncate(size)
	}
	if e := to.Close(); err == nil {
		err = e
	}
	if err != nil {
		remove()
		return nil, fmt.Errorf("a copy of the card: %w", err)
	}
	o.Image = to.Name()
	return remove, nil
}

// rootPartition returns the PARTUUID that Linux gives to partition 2 of a card:
// the disk signature of its master boot record, and the number.
func rootPartition(image string) (string, error) {
	f, err := os.Open(image)
	if err != nil {
		return "", fmt.Errorf("no card image (`imagebuilder build` makes one): %w", errors.Unwrap(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	c, err := card.Open(f, info.Size())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%08x-02", c.Signature), nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// shellLine joins arguments such that a shell takes them apart again.
func shellLine(args []string) string {
	plain := regexp.MustCompile(`^[-+=:,./\w@%]+$`)
	var quoted []string
	for _, a := range args {
		if !plain.MatchString(a) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted = append(quoted, a)
	}
	return strings.Join(quoted, " ")
}

// start starts QEMU with a monitor for this program at file descriptor 3.
func start(ctx context.Context, program string, args []string, console io.Writer) (*Machine, error) {
	theirs, qmp, err := process.Socket()
	if err != nil {
		return nil, fmt.Errorf("the emulator's monitor: %w", err)
	}
	defer theirs.Close()
	args = append(slices.Clip(args), "-chardev", "socket,id=monitor,fd=3", "-mon", "chardev=monitor,mode=control")
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = 5 * time.Second
	cmd.ExtraFiles = []*os.File{theirs}
	process.Bind(cmd) // no machine outlives us, and Ctrl-C is for us, or, raw, for the machine
	m := &Machine{cmd: cmd, copy: console, qmp: qmp, qmpRead: bufio.NewReader(qmp),
		ended: make(chan struct{}), changed: make(chan struct{})}
	m.input, err = cmd.StdinPipe()
	if err == nil {
		cmd.Stdout, cmd.Stderr = output{m, &m.said}, output{m, &m.complaints}
		err = cmd.Start()
	}
	if err != nil {
		qmp.Close()
		return nil, err
	}
	go func() {
		m.err = cmd.Wait()
		close(m.ended)
	}()
	return m, nil
}

// output takes what QEMU writes: the machine's console, or its own complaints, which
// would else stand in the middle of what the machine says.
type output struct {
	m    *Machine
	into *strings.Builder
}

func (o output) Write(p []byte) (int, error) {
	m := o.m
	m.mu.Lock()
	o.into.WriteString(strings.ReplaceAll(string(p), "\r", ""))
	close(m.changed)
	m.changed = make(chan struct{})
	m.mu.Unlock()
	if m.copy != nil {
		m.copy.Write(p)
	}
	return len(p), nil
}

var (
	autoboot     = regexp.MustCompile(`Hit any key to stop autoboot`)
	uBootPrompt  = regexp.MustCompile(`(?m)^=> $`)
	kernelStarts = regexp.MustCompile(`(?m)^Starting kernel|^=> $`)
	// The board's own U-Boots prompt with the machine's name.
	boardStarts = regexp.MustCompile(`(?m)^Starting kernel|^[\w.-]+# $`)
)

// Boot waits for U-Boot, stops its automatic boot and types the commands that
// start the kernel, each when U-Boot prompts for one. Start does this; it is to
// be done again when a machine that may has started again.
func (m *Machine) Boot(ctx context.Context) error {
	if _, err := m.waitFor(ctx, autoboot, bootSilence); err != nil {
		return fmt.Errorf("U-Boot does not come up: %w", err)
	}
	begin, starts := 0, kernelStarts
	if m.alone {
		begin, starts = len(m.Console()), boardStarts
	} else {
		m.Send("")
	}
	for _, c := range m.uBoot {
		if _, err := m.waitFor(ctx, uBootPrompt, bootSilence); err != nil {
			return fmt.Errorf("U-Boot does not prompt: %w", err)
		}
		if begin == 0 {
			begin = len(m.Console())
		}
		m.Send(c)
	}
	got, err := m.waitFor(ctx, starts, bootSilence)
	if err != nil {
		return fmt.Errorf("U-Boot does not start the kernel: %w", err)
	}
	if !strings.HasPrefix(got[0], "Starting") {
		said := strings.Fields(m.Console()[begin:])
		return fmt.Errorf("U-Boot cannot start the card: its console says: %s", strings.Join(said, " "))
	}
	return nil
}

// Console returns all that the console has said, without carriage returns.
func (m *Machine) Console() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said.String()
}

// WaitFor waits until the console says what pattern matches, looking only at
// what follows the last match, and returns the match and its groups. It fails
// when ctx is done, the machine has ended, or the console is silent for too long.
func (m *Machine) WaitFor(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	return m.waitFor(ctx, pattern, m.silence)
}

func (m *Machine) waitFor(ctx context.Context, pattern *regexp.Regexp, silence time.Duration) (groups []string, err error) {
	err = m.await(ctx, silence, func() bool {
		rest := m.said.String()[m.waited:]
		at := pattern.FindStringSubmatchIndex(rest)
		if at == nil {
			return false
		}
		m.waited += at[1]
		groups = make([]string, len(at)/2)
		for i := range groups {
			if at[2*i] >= 0 {
				groups[i] = rest[at[2*i]:at[2*i+1]]
			}
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("the console did not say %q: %w", pattern, err)
	}
	return groups, nil
}

// Said waits until the console has said a text, now or at any time before. It fails
// as WaitFor does, and does not count as a match.
func (m *Machine) Said(ctx context.Context, text string) error {
	if err := m.await(ctx, m.silence, func() bool { return strings.Contains(m.said.String(), text) }); err != nil {
		return fmt.Errorf("the console never said %q: %w", text, err)
	}
	return nil
}

// await waits until enough, which is called with the console held, says that it has
// said enough.
func (m *Machine) await(ctx context.Context, silence time.Duration, enough func() bool) error {
	ctx, alive, cancel := m.bear(ctx, silence)
	defer cancel()
	for {
		// Looked at first, so that what QEMU said last is still seen.
		var end error
		select {
		case <-m.ended:
			end = errors.New("the machine has ended")
		case <-ctx.Done():
			end = context.Cause(ctx)
		default:
		}
		m.mu.Lock()
		done, rest, complaints, changed := enough(), m.said.String()[m.waited:], m.complaints.String(), m.changed
		m.mu.Unlock()
		if done {
			return nil
		}
		if end != nil {
			if complaints != "" {
				end = fmt.Errorf("%w; QEMU says: %q", end, lastWords(complaints))
			}
			return fmt.Errorf("%w; its last words: %q", end, lastWords(rest))
		}
		select {
		case <-changed:
			alive()
		case <-m.ended:
		case <-ctx.Done():
		}
	}
}

// lastWords returns the end of a text.
func lastWords(text string) string {
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-500):]
}

// Write types p on the console, as it is.
func (m *Machine) Write(p []byte) (int, error) { return m.input.Write(p) }

// Send types a line on the console.
func (m *Machine) Send(line string) error {
	_, err := io.WriteString(m.input, line+"\n")
	return err
}

// Monitor has QEMU's monitor execute a command, such as "device_del sound", and
// returns its answer, which is empty if all went well with most commands.
func (m *Machine) Monitor(ctx context.Context, command string) (string, error) {
	m.qmpLock.Lock()
	defer m.qmpLock.Unlock()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Minute)
	}
	m.qmp.SetDeadline(deadline)
	if _, err := m.execute(`{"execute": "qmp_capabilities"}`); err != nil {
		return "", fmt.Errorf("QEMU's monitor: %w", err)
	}
	line, err := json.Marshal(map[string]any{
		"execute": "human-monitor-command", "arguments": map[string]string{"command-line": command}})
	if err != nil {
		return "", err
	}
	answer, err := m.execute(string(line))
	if err != nil {
		return "", fmt.Errorf("QEMU's monitor: %s: %w", command, err)
	}
	return strings.TrimSpace(strings.ReplaceAll(answer, "\r", "")), nil
}

// execute speaks QEMU's machine protocol (docs/interop/qmp-spec): one JSON
// object a line, answers among greetings and events.
func (m *Machine) execute(command string) (string, error) {
	if _, err := io.WriteString(m.qmp, command+"\n"); err != nil {
		return "", err
	}
	for {
		line, err := m.qmpRead.ReadBytes('\n')
		if err != nil {
			return "", err
		}
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Class, Desc string }
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return "", err
		}
		switch {
		case answer.Error != nil && answer.Error.Class == "CommandNotFound":
			return "", nil // capabilities were negotiated before
		case answer.Error != nil:
			return "", errors.New(answer.Error.Desc)
		case answer.Return != nil:
			var text string
			json.Unmarshal(answer.Return, &text) // not a text: no answer
			return text, nil
		}
	}
}

// Wait waits for the machine's end and returns how QEMU ended. It fails when ctx
// is done, or the console is silent for too long.
func (m *Machine) Wait(ctx context.Context) error {
	ctx, alive, cancel := m.bear(ctx, m.silence)
	defer cancel()
	for {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-m.ended:
			return m.err
		case <-changed:
			alive()
		case <-ctx.Done():
			return fmt.Errorf("the machine still runs: %w", context.Cause(ctx))
		}
	}
}

// Close kills the machine, if it still runs, and waits for its end.
func (m *Machine) Close() error {
	m.cmd.Process.Kill()
	<-m.ended
	return m.qmp.Close()
}
