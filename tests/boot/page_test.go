package boot

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"duostoryteller/tests/browser"
	"duostoryteller/tests/golden"
)

// bootWithNetwork boots a card in a machine whose network card leads to this
// one, in place of the USB cable, and returns the page's address.
func bootWithNetwork(t *testing.T, image string, args ...string) (m *machine, page string) {
	t.Helper()
	o := machineFor(t, image)
	network, address, ssh := cable(t)
	o.Args = append(append(o.Args, network...), args...)
	m = start(t, patience, o)
	m.ssh = ssh
	return m, "http://" + address
}

// said waits until the console has said text, now or earlier.
func (m *machine) said(text string) {
	m.t.Helper()
	if err := m.Said(m.ctx, text); err != nil {
		m.t.Fatal(err)
	}
}

// get fetches an address from the machine.
func (m *machine) get(address string) (*http.Response, []byte) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, silence)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		m.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		m.t.Fatalf("GET %s = %s, %v", address, response.Status, err)
	}
	return response, body
}

// once is a client that keeps no connections: how long it may, a machine decides by a
// clock of its own, and a POST is not tried again.
var once = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: silence}

// ask asks the page for a story and returns its number.
func (m *machine) ask(page string, c golden.Case) string {
	m.t.Helper()
	body, err := json.Marshal(map[string]any{"prompt": c.Prompt, "seed": c.Seed, "temperature": c.Temperature, "topp": c.TopP, "steps": c.Steps})
	if err != nil {
		m.t.Fatal(err)
	}
	response, err := once.Post(page+"/story", "application/json", bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	defer response.Body.Close()
	var begun struct{ ID string }
	text, _ := io.ReadAll(response.Body)
	if json.Unmarshal(text, &begun) != nil || begun.ID == "" {
		m.t.Fatalf("POST /story = %s: %s", response.Status, text)
	}
	return begun.ID
}

// events follows a story on the page, and returns its text and where its
// sentences end.
func (m *machine) events(address string) (text string, ends []int) {
	m.t.Helper()
	request, err := http.NewRequestWithContext(m.ctx, "GET", address, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		m.t.Fatal(err)
	}
	defer response.Body.Close()
	event := ""
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			event = value
		case name == "data" && event == "text":
			var part struct {
				Text string
				Ends []int
			}
			if err := json.Unmarshal([]byte(value), &part); err != nil {
				m.t.Fatal(err)
			}
			text, ends = text+part.Text, append(ends, part.Ends...)
		case name == "data" && event == "end":
			return text, ends
		}
	}
	m.t.Fatalf("the stream of events broke off after %q", text)
	return "", nil
}

// TestPage asks a booted card for stories over the network.
func TestPage(t *testing.T) {
	t.Parallel()
	image := buildCard(t, golden.Data(t, "stories260K.bin"), golden.Data(t, "stories260K_tok512.bin"))
	cases := slices.DeleteFunc(typeable(t, golden.Data(t, "golden/stories260K.jsonl"), "stories260K.bin"), func(c golden.Case) bool {
		return !utf8.ValidString(c.Prompt) || len(c.Prompt) > 400 || c.Prompt == "" || c.Temperature > 10 || c.TopP > 1 || c.TopP < 0
	})
	m, page := bootWithNetwork(t, changed(t, image, configured("steps = 8\nvoice = \"off\"\n")))
	m.story()
	m.said("storyteller: the page is at http://192.168.42.1/\n")

	response, body := m.get(page + "/")
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") || !bytes.Contains(body, []byte("<textarea")) && !bytes.Contains(body, []byte("<input")) {
		t.Errorf("the page is %s of %d bytes; want one with a form", kind, len(body))
	}

	var id string
	var ends []int
	for _, c := range cases[:min(3, len(cases))] {
		var text string
		id = m.ask(page, c)
		text, ends = m.events(page + "/events?story=" + id)
		if !c.Right([]byte(text + "\n")) {
			t.Errorf("%s: the page got %q", c, text)
		}
		if told := m.story(); !c.Right(told) {
			t.Errorf("%s: the console told %q", c, told)
		}
	}

	// A spoken sentence, as long as it says.
	if len(ends) == 0 {
		t.Fatal("no sentence ended")
	}
	response, wav := m.get(page + "/audio/" + id + "/0.wav")
	if kind := response.Header.Get("Content-Type"); kind != "audio/wav" || len(wav) < 44 || string(wav[:4]) != "RIFF" {
		t.Fatalf("a sentence's sound is %s of %d bytes", kind, len(wav))
	}
	rate := binary.LittleEndian.Uint32(wav[24:])
	seconds := float64(len(wav)-44) / 2 / float64(rate)
	t.Logf("%d characters are %.1f s of speech", ends[0], seconds)
	if perSecond := float64(ends[0]) / seconds; perSecond < 6 || perSecond > 30 {
		t.Errorf("%.1f characters a second; want those of speech, 6 to 30", perSecond)
	}

	m.testBrowser(page, cases[0])

	// The console still works, with the page beside it.
	m.tell(cases[0])
	m.checkCounters()
	_, status := m.get(page + "/status")
	var s struct{ MemoryFree, MemoryTotal int64 }
	if err := json.Unmarshal(status, &s); err != nil || s.MemoryTotal == 0 || s.MemoryFree < 5<<20 {
		t.Errorf("status %s, %v; want the memory of a small machine, 5 MB of it free", status, err)
	}
	m.powerOff()
}

// testBrowser types a prompt into the page.
func (m *machine) testBrowser(page string, c golden.Case) {
	m.t.Run("in a browser", func(t *testing.T) {
		b := browser.New(t, 1000, 800, false)
		b.Patience = 2 * silence
		b.Open(page)
		b.Press("#prompt", c.Prompt)
		b.Click("#tell")
		b.Wait("document.getElementById('text').textContent.startsWith(" + strconv.Quote(c.Prompt) + ")")
		b.Reload() // in the middle, or after the end
		b.Wait("!document.getElementById('ending').hidden")
		var shown string
		b.Eval("return document.getElementById('text').textContent", &shown)
		told := m.story()
		if shown != strings.TrimSuffix(string(told), "\n") || !strings.HasPrefix(shown, c.Prompt) {
			t.Errorf("the page shows %q; the console told %q", shown, told)
		}
		if lines := b.Complaints(); lines != nil {
			t.Errorf("the browser complains: %q", lines)
		}
	})
}
