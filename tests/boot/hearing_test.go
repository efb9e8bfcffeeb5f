package boot

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/hearing"
	"duostoryteller/app/sound"
	"duostoryteller/imagebuilder/rootfs"
	"duostoryteller/tests/listen"
)

// panelTree adds to QEMU's device tree, at U-Boot's prompt, what a case has in
// it: a GPIO chip, simulated by the kernel, with the light on line 5.
var panelTree = []string{
	"fdt move ${fdtcontroladdr} 0x82800000 0x8000",
	"fdt mknode / panel",
	"fdt set /panel compatible gpio-simulator",
	"fdt mknode /panel bank",
	"fdt set /panel/bank gpio-controller",
	`fdt set /panel/bank "#gpio-cells" <2>`,
	"fdt set /panel/bank ngpios <8>",
	"fdt set /panel/bank phandle <0x70>",
	"fdt mknode / leds",
	"fdt set /leds compatible gpio-leds",
	"fdt mknode /leds blue",
	"fdt set /leds/blue label blue",
	"fdt set /leds/blue gpios <0x70 5 0>",
}

// lent is a machine with a room about it; see tests/boot/room.
type lent struct {
	*machine
	room net.Conn
	says *bufio.Reader
}

// bootInRoom boots a card in a machine with a sound card that nobody hears, and
// a clock of one nanosecond an instruction, so that processor times count
// instructions, and a busy PC is no slower machine.
func bootInRoom(t *testing.T, image string) *lent {
	t.Helper()
	o := machineFor(t, image)
	commands := o.Emulator.Commands
	last := len(commands) - 1
	o.Emulator.Commands = append(append(append([]string(nil), commands[:last]...), panelTree...),
		strings.ReplaceAll(commands[last], "${fdtcontroladdr}", "0x82800000"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	o.Args = append(o.Args, "-icount", "shift=0,sleep=off",
		"-netdev", "user,id=cable,net=192.168.42.0/24,restrict=on,hostfwd=tcp:"+address+"-192.168.42.1:7000", "-device", "virtio-net-device,netdev=cable",
		"-audiodev", "none,id=speaker", "-device", usbHost, "-device", soundCard)
	m := &lent{machine: start(t, patience, o)}
	t.Cleanup(func() {
		if m.room != nil {
			m.room.Close()
		}
	})
	m.waitFor(prompt)
	m.send("shell")
	m.waitFor(`\$ $`)
	m.send("room")
	m.waitFor(`\$ $`)
	m.send("exit")
	m.waitFor(`storyteller: listening on`) // it comes back
	m.waitFor(prompt)
	ctx, cancel := context.WithTimeout(m.ctx, 2*silence)
	defer cancel()
	for m.enter(address) != nil { // until the machine has its network
		if ctx.Err() != nil {
			t.Fatal("nobody can enter the room")
		}
		time.Sleep(time.Second)
	}
	return m
}

// enter finds the way to the room.
func (m *lent) enter(address string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	says := bufio.NewReader(c)
	_, err = fmt.Fprintln(c, "memory")
	if err == nil {
		_, err = says.ReadString('\n')
	}
	if err != nil {
		c.Close()
		return err
	}
	m.room, m.says = c, says
	return nil
}

// ask has the room do something and returns its answer.
func (m *lent) ask(format string, args ...any) string {
	m.t.Helper()
	m.room.SetDeadline(time.Now().Add(5 * silence))
	fmt.Fprintf(m.room, format+"\n", args...)
	return m.answer()
}

func (m *lent) answer() string {
	m.t.Helper()
	line, err := m.says.ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error: ") {
		m.t.Fatalf("the room says %q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

// hear has the machine hear one of the utterances on its card.
func (m *lent) hear(text string) {
	m.t.Helper()
	if got := m.ask("play %s", saidFile(text)); got != "ok" {
		m.t.Fatalf("the room says %q", got)
	}
}

// saidFile is where on the card an utterance is.
func saidFile(text string) string { return "/room/" + strings.Join(strings.Fields(text), "-") }

// utterance is what a voice says in a quiet room, a second and a half of the room
// before it and after it: int16 samples, 48 kHz.
func utterance(t *testing.T, text string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "said.wav")
	if out, err := exec.CommandContext(t.Context(), "flite", "-voice", "rms", "-t", text, "-o", path).CombinedOutput(); err != nil {
		t.Fatalf("flite: %v: %s", err, out)
	}
	said, err := listen.ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	around := make([]int16, 3*said.Hz/2)
	all := append(append(append([]int16(nil), around...), said.Samples...), around...)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range all {
		all[i] += int16(20 * random.NormFloat64())
	}
	c := sound.NewResampler(said.Hz, sound.Rate)
	var pcm []byte
	for _, s := range c.Flush(c.Process(nil, all)) {
		pcm = binary.LittleEndian.AppendUint16(pcm, uint16(s))
	}
	return pcm
}

// lamp is what the light has shown since it was last asked for.
func (m *lent) lamp() map[string]bool {
	m.t.Helper()
	text := m.ask("light")
	between := func(ms, low, high int) bool { return low < ms && ms < high }
	seen := make(map[string]bool)
	var on int // ms, before the light went off
	for _, run := range strings.Fields(text) {
		state, length, _ := strings.Cut(run, ":")
		ms, err := strconv.Atoi(length)
		if err != nil {
			m.t.Fatalf("the room saw the light %q", text)
		}
		switch {
		case state == "on":
			on = ms
			if ms > 500 {
				seen["lit"] = true
			}
		case between(on, 30, 75) && between(ms, 900, 1000):
			seen["flashes"] = true
		case between(on, 75, 130) && between(ms, 75, 130):
			seen["blinks"] = true
		}
	}
	m.t.Logf("the light: %v, seen in %s", slices.Sorted(maps.Keys(seen)), text)
	return seen
}

// shows checks what the light has shown.
func (m *lent) shows(when string, want ...string) {
	m.t.Helper()
	seen := m.lamp()
	for _, w := range want {
		if !seen[w] {
			m.t.Errorf("%s the light shows %v; want %v", when, slices.Sorted(maps.Keys(seen)), want)
		}
	}
}

// understood is what the machine says of an utterance, and counts what making it
// out cost: with this clock a nanosecond is an instruction.
func (m *lent) understood(answer string) {
	m.t.Helper()
	got := m.waitFor(`storyteller: heard: (.*) \(([\d.]+) s of sound, ([\d.]+) s of computing\)\n`)
	seconds, _ := strconv.ParseFloat(got[2], 64)
	billions, _ := strconv.ParseFloat(got[3], 64)
	m.t.Logf("%s: %.0f M instructions a second of sound (emulated), its start included", got[1], 1000*billions/seconds)
	if got[1] != answer {
		m.t.Errorf("heard %q; want %q", got[1], answer)
	}
	if billions > mostInstructions*seconds {
		m.t.Errorf("%.2f G instructions for %.1f s of sound; want at most %.2f G a second", billions, seconds, mostInstructions)
	}
}

const (
	// mostInstructions is what a second of sound may take, in thousands of
	// millions, the recogniser's start included.
	mostInstructions = 0.9
	// leastAvailable is the memory that must be left at any moment, in kB; the room takes 2 MB of it.
	leastAvailable = 3 << 10
)

// What is said to the machine.
const (
	dragon = "Tell me a story about a little dragon."
	bus    = "The bus to the airport is always late."
)

// TestHearing speaks to a machine, presses its button and looks at its light.
func TestHearing(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("flite"); err != nil {
		t.Skip("hearing needs somebody who speaks: apt-get install flite")
	}
	room := goBuild(t, "./room")
	image := changed(t, storyCard(t), func(c contents) {
		configured("prompt = \"A\"\nsteps = 20\nmicrophone = \"Loopback,1\"\nbutton = \"gpiochip0/3\"\n")(c)
		put(t, c.root, "/bin/room", room)
		for _, text := range []string{dragon, bus} {
			c.root[saidFile(text)] = rootfs.Bytes(saidFile(text), 0o644, utterance(t, text))
		}
	})
	m := bootInRoom(t, image)
	m.lamp()
	m.ask("press 200")
	if text := m.story(); len(text) == 0 {
		t.Error("the button tells no story")
	}
	m.waitFor(prompt)
	m.shows("for a story", "lit")

	m.send("tell -n 256 One day, Timmy")
	m.said("\nOne day, Timmy")
	m.ask("press 200")
	// 256 tokens are some 900 bytes.
	if text := m.story(); len(text) > 400 {
		t.Errorf("the button does not stop a story: %q", text)
	}
	m.waitFor(prompt)

	m.hear(dragon) // the button is not held
	m.lamp()
	m.ask("press 1500")
	m.hear(dragon)
	m.understood("A story about a little dragon.")
	m.shows("when the button was held", "flashes", "blinks")
	if text, want := m.story(), "Once upon a time, there was a little dragon"; !strings.HasPrefix(string(text), want) || len(text) < len(want)+10 {
		t.Errorf("told %q; want a story that begins %q", text, want)
	}
	m.waitFor(prompt)

	m.ask("press 1500")
	m.hear(bus)
	m.understood(hearing.Missed)
	m.send("") // another story: there was none yet
	m.story()
	m.waitFor(prompt)

	lowest, err := strconv.Atoi(m.ask("memory"))
	t.Logf("MemAvailable was %d kB at its lowest, %v (emulated)", lowest, err)
	if err != nil || lowest < leastAvailable {
		t.Errorf("MemAvailable went down to %d kB; want at least %d", lowest, leastAvailable)
	}
	if n := strings.Count(m.Console(), "heard: "); n != 2 {
		t.Errorf("heard %d times; want 2", n)
	}
	// What no file on the card could give back is the room's own.
	held, _ := strconv.Atoi(m.show("memory", `(?m)^ *\d+ +\d+ +(\d+) +-?\d+  room$`)[1])
	m.waitFor(prompt)
	t.Logf("the room holds %d kB", held)
	m.checkCountersBeside(held)
	m.powerOff()
}
