package boot

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hangs has the storyteller hang, which init ends and starts again; then init
// itself, and the whole machine, which only the watchdog can start again. Mostly
// these wait, so they do that side by side.
func (k tough) hangs(t *testing.T) {
	t.Run("storyteller", func(t *testing.T) { t.Parallel(); k.storytellerHangs(t) })
	t.Run("init", func(t *testing.T) { t.Parallel(); k.initHangs(t) })
	t.Run("first root", func(t *testing.T) { t.Parallel(); k.firstRootHangs(t) })
	t.Run("machine", func(t *testing.T) { t.Parallel(); k.machineHangs(t) })
}

// bootWithWatchdog boots a card in a machine with a watchdog. When that bites, the
// machine starts again, or, if mayBite is false, is switched off.
func bootWithWatchdog(t *testing.T, image string, mayBite bool, args ...string) *machine {
	t.Helper()
	o := machineFor(t, image)
	action := "poweroff"
	if o.Restarts = mayBite; mayBite {
		action = "reset"
	}
	o.Args = append(append(o.Args, watchdog(action)...), args...)
	return start(t, patience, o)
}

// watchdog gives a machine a watchdog, which does action when it bites.
func watchdog(action string) []string {
	return []string{"-device", "i6300esb", "-action", "watchdog=" + action}
}

// bootAgain boots a machine that starts again, and returns how long that took.
func (m *machine) bootAgain() time.Duration {
	m.t.Helper()
	begin := time.Now()
	if err := m.Boot(m.ctx); err != nil {
		m.t.Fatal(err)
	}
	return time.Since(begin)
}

// startsAgain waits until a machine starts by itself and has told its story.
func (k tough) startsAgain(m *machine) {
	m.t.Helper()
	m.t.Logf("started again by itself, the kernel %.0f s later", m.bootAgain().Seconds())
	if got := m.story(); !k.c.Right(got) {
		m.t.Errorf("%s: told %q", k.c, got)
	}
	m.waitFor(prompt)
}

// The storyteller's process is stopped: the watchdog finds nothing to do.
func (k tough) storytellerHangs(t *testing.T) {
	// Its clock is that of the instructions: minutes in which nothing happens pass at once.
	m := bootWithWatchdog(t, k.image, false, "-icount", "shift=0,sleep=off")
	m.story()
	m.waitFor(prompt)
	m.show("memory", `(?m)^ *1 .* -1000  init$`) // the last to be ended for want of memory
	pid, err := strconv.Atoi(m.waitFor(`(?m)^ *(\d+) .* 0  storyteller$`)[1])
	if err != nil {
		t.Fatal(err)
	}
	m.waitFor(prompt)
	m.send("kill -STOP %d", pid)
	m.waitFor(`the storyteller hangs .*\n`)
	m.waitFor(`died \(SIGKILL\); starting it again`)
	m.tell(k.c)
	m.waitFor(prompt)
	m.powerOff()
}

// holding stops all threads of process 1, which no signal can, for ever.
const holding = `package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

func main() {
	runtime.LockOSThread() // a thread is held by a thread
	const seize, interrupt = 0x4206, 0x4207
	held := make(map[int]bool)
	for more := true; more; { // a thread that was not yet held may have made another one
		more = false
		threads, err := os.ReadDir("/proc/1/task")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for _, t := range threads {
			id, _ := strconv.Atoi(t.Name())
			if held[id] {
				continue
			}
			held[id], more = true, true
			for _, request := range []uintptr{seize, interrupt} {
				_, _, err := syscall.Syscall6(syscall.SYS_PTRACE, request, uintptr(id), 0, 0, 0, 0)
				if err != 0 && err != syscall.ESRCH { // it has ended
					fmt.Println("ptrace:", err)
					os.Exit(1)
				}
			}
		}
	}
	fmt.Println("threads of init held:", len(held))
	for {
		time.Sleep(time.Hour)
	}
}
`

// Init's threads are held while the kernel and everything else run on.
func (k tough) initHangs(t *testing.T) {
	program := compile(t, holding)
	m := bootWithWatchdog(t, changed(t, k.image, func(c contents) { put(t, c.root, "/bin/hold", program) }), true)
	m.story()
	m.waitFor(prompt)
	m.send("shell")
	m.waitFor(`/ \$ $`)
	fmt.Fprint(m, "/bin/hold\r")
	t.Log(strings.TrimSpace(m.waitFor(`threads of init held: [1-9]\d*\n`)[0]))
	k.startsAgain(m)
	m.powerOff()
}

// The machine hangs in the first root already, before the card's own init runs.
func (k tough) firstRootHangs(t *testing.T) {
	m := bootWithWatchdog(t, k.image, true)
	m.waitFor(`init: \d+ ms  first root  MemAvailable \d+ kB\n`)
	m.hang()
	if said := m.Console(); strings.Contains(said, "init starts") {
		t.Skip("the first root was left before the machine could be made to hang")
	}
	k.startsAgain(m)
	m.powerOff()
}

// The processor is made to run in a circle, without interrupts: nothing at all
// goes on.
func (k tough) machineHangs(t *testing.T) {
	m := bootWithWatchdog(t, k.image, true)
	m.story()
	m.waitFor(prompt)
	loop := m.hang()
	for m.counter() != loop { // a processor that rests gets there at the next interrupt
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(3 * time.Second)
	if got := m.counter(); got != loop {
		t.Fatalf("the processor is at %#x; want it to stay at %#x", got, loop)
	}
	k.startsAgain(m)
	m.powerOff()
}

// counter is where the processor is.
func (m *machine) counter() uint64 {
	m.t.Helper()
	registers, err := m.Monitor(m.ctx, "info registers")
	if err != nil {
		m.t.Fatal(err)
	}
	var pc uint64
	if got := regexp.MustCompile(`(?m)^ *pc +([0-9a-f]+)`).FindStringSubmatch(registers); got != nil {
		pc, err = strconv.ParseUint(got[1], 16, 64)
	}
	if pc == 0 || err != nil {
		m.t.Fatalf("QEMU does not say where the processor is: %v: %s", err, registers)
	}
	return pc
}

// hang puts an endless loop where the kernel is, and returns where that is.
func (m *machine) hang() (loop uint64) {
	m.t.Helper()
	socket := filepath.Join(m.t.TempDir(), "gdb")
	if _, err := m.Monitor(m.ctx, "gdbserver unix:"+socket+",server=on,wait=off"); err != nil {
		m.t.Fatal(err)
	}
	for range 100 {
		d := m.debug(socket) // which holds the machine
		registers, err := hex.DecodeString(d.ask("g"))
		const pc = 32 * 8 // behind x0 to x31
		if err != nil || len(registers) < pc+8 {
			m.t.Fatalf("the registers are %x, %v", registers, err)
		}
		at := binary.LittleEndian.Uint64(registers[pc:])
		kernel := at>>63 != 0 // by its address; else it is a program, or the firmware
		if kernel {
			code := binary.LittleEndian.AppendUint32(nil, 0x10017073) // csrci sstatus, 2: no interrupts
			code = binary.LittleEndian.AppendUint32(code, 0x0000006f) // j .
			if got := d.ask(fmt.Sprintf("M%x,%x:%x", at, len(code), code)); got != "OK" {
				m.t.Fatalf("writing to %#x: %q", at, got)
			}
		}
		d.ask("D") // it goes on
		d.conn.Close()
		if kernel {
			return at + 4
		}
		time.Sleep(50 * time.Millisecond)
	}
	m.t.Fatal("the kernel was never seen to run")
	return 0
}

// A debugger speaks GDB's remote protocol (Debugging with GDB, appendix E) with
// QEMU.
type debugger struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (m *machine) debug(socket string) debugger {
	m.t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		m.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	return debugger{m.t, conn, bufio.NewReader(conn)}
}

// ask sends a packet and returns the one that answers it.
func (d debugger) ask(packet string) string {
	d.t.Helper()
	var sum byte
	for _, c := range []byte(packet) {
		sum += c
	}
	if _, err := fmt.Fprintf(d.conn, "$%s#%02x", packet, sum); err != nil {
		d.t.Fatal(err)
	}
	for {
		answer, err := d.in.ReadString('#') // behind what acknowledges ours
		if err == nil {
			_, err = d.in.Discard(2) // its sum
		}
		if err != nil {
			d.t.Fatalf("QEMU's debugger: %s: %v", packet, err)
		}
		fmt.Fprint(d.conn, "+")
		_, answer, _ = strings.Cut(answer, "$")
		if !strings.HasPrefix(answer, "T") { // that the machine was stopped
			return strings.TrimSuffix(answer, "#")
		}
	}
}
