package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duostoryteller/app/avoid"
	"duostoryteller/app/dialog"
	"duostoryteller/app/llama"
	"duostoryteller/app/story"
	"duostoryteller/app/web"
	"duostoryteller/tests/testmodel"
)

// The page is told the same stories as the console.
func TestServe(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	said, stderr := io.Pipe()
	root := rootCommand()
	root.SetArgs([]string{"serve", "--model", checkpoint, "-z", tokenizer, "--listen", "127.0.0.1:0"})
	root.SetErr(stderr)
	ended := make(chan error)
	go func() {
		err := root.ExecuteContext(ctx)
		stderr.Close()
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve = %v; want nil when it is ended", err)
		}
	}()
	lines := bufio.NewScanner(said)
	var address string
	for address == "" && lines.Scan() {
		address = regexp.MustCompile(`http://127\.0\.0\.1:\d+|$`).FindString(lines.Text())
	}
	if address == "" {
		t.Fatal("serve does not say where the page is")
	}
	go io.Copy(io.Discard, said)

	for _, tt := range []struct {
		prompt      string
		temperature string
		seed        int
	}{
		{"the cat", "0", 1}, {"the cat", "1", 5}, {"", "0.7", 6}, {"x\ny \"z\"", "1", 7},
	} {
		want, _, _ := storyteller("", "tell", "--model", checkpoint, "-z", tokenizer, "-t", tt.temperature, "-s", strconv.Itoa(tt.seed), "-n", "50", "-i", tt.prompt)
		body := fmt.Sprintf(`{"prompt":%q,"temperature":%s,"topp":0.9,"seed":%d,"steps":50}`, tt.prompt, tt.temperature, tt.seed)
		response, err := http.Post(address+"/story", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var begun struct{ ID string }
		if err := json.NewDecoder(response.Body).Decode(&begun); err != nil || begun.ID == "" {
			t.Fatalf("POST /story = %s, %v", response.Status, err)
		}
		response.Body.Close()
		got := events(t, address+"/events?story="+begun.ID)
		if want = strings.ToValidUTF8(strings.TrimSuffix(want, "\n"), "\ufffd"); got != want {
			t.Errorf("%+v: the page got %q; the console %q", tt, got, want)
		}
	}
}

// events returns the text of a stream of events, to the end of its story.
func events(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var text strings.Builder
	event := ""
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "event":
			event = value
		case name == "data" && event == "text":
			var part struct{ Text string }
			if err := json.Unmarshal([]byte(value), &part); err != nil {
				t.Fatal(err)
			}
			text.WriteString(part.Text)
		case name == "data" && event == "end":
			return text.String()
		}
	}
	t.Fatal("the stream broke off")
	return ""
}

func TestServeErrors(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	model := []string{"serve", "--model", checkpoint, "-z", tokenizer}
	for _, tt := range []struct {
		args   []string
		want   string
		status int
	}{
		{[]string{"serve"}, "no model", 2},
		{append(model, "--usb", "hub"), "--usb \"hub\": it is device or host", 2},
		{append(model, "--usb", "host"), "--usb host leaves no page", 2},
		{append(model, "--listen", "127.0.0.1:99999"), "cannot offer the page", 1},
		{append(model, "--listen", "256.0.0.1:80"), "cannot offer the page", 1},
		{append(model, "extra"), "extra", 2},
	} {
		_, stderr, status := storyteller("", tt.args...)
		if status != tt.status || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v = %q, %d; want %q, %d", tt.args, stderr, status, tt.want, tt.status)
		}
	}
}

// Stories are printed, whoever asks for them, and a page that cannot be is no
// reason to be silent.
func TestServeConsole(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, prompt := range []string{"first of all", "the cat", "the dog"} {
		text, _, _ := storyteller("", "tell", "--model", checkpoint, "-z", tokenizer, "-s", "5", "-n", "40", "-i", prompt)
		want = append(want, text)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stdin, typed := io.Pipe()
	printed, stdout := io.Pipe()
	root := rootCommand()
	root.SetArgs([]string{"serve", "--model", checkpoint, "-z", tokenizer, "--listen", "127.0.0.1:99999", "--console", "-s", "5", "-n", "40", "-i", "first of all"})
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(io.Discard)
	ended := make(chan error)
	go func() { ended <- root.ExecuteContext(ctx) }()
	for i, text := range want {
		if i > 0 {
			fmt.Fprintln(typed, []string{"the cat", "the dog"}[i-1])
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(printed, got); err != nil || string(got) != text {
			t.Fatalf("story %d on the console = %q, %v; want %q", i, got, err, text)
		}
	}
	typed.Close() // the stories go on without a console
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serve = %v; want nil when it is ended", err)
	}
}

// blocked is an engine that tells one word again and again, when it may.
type blocked struct{ may chan struct{} }

func (blocked) Config() llama.Config              { return llama.Config{VocabSize: 300, SeqLen: 1 << 30} }
func (blocked) Start([]int, *llama.Sampler) error { return nil }
func (b blocked) Next() (int, error) {
	<-b.may
	return 'a' + 3, nil
}
func (blocked) Close() error { return nil }

func smallTokenizer(t *testing.T) *llama.Tokenizer {
	t.Helper()
	m := testmodel.Models()[1]
	_, path, err := m.Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := llama.OpenTokenizer(path, m.Config.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	return tokenizer
}

// One story at a time, over all engines; an empty line stops it.
func TestConsoleTurns(t *testing.T) {
	tokenizer := smallTokenizer(t)
	may, inMemory := make(chan struct{}), &slot{}
	one := turn{story.NewTeller(blocked{may}, tokenizer), inMemory}
	other := turn{story.NewTeller(blocked{may}, tokenizer), inMemory}
	var notes []string
	c := &console{
		engines: []web.Engine{{Name: "one", Teller: one}, {Name: "other", Teller: other}},
		hush:    make(chan struct{}, 2),
		out:     forPeople{note: func(line string) { notes = append(notes, line) }},
	}
	first, err := other.Tell(t.Context(), story.Request{})
	if err != nil {
		t.Fatal(err)
	}
	c.prompts(t.Context(), strings.NewReader("the cat\n"))
	if len(notes) != 1 || !strings.Contains(notes[0], "an empty line stops it") {
		t.Errorf("a second story is answered by %q", notes)
	}
	stopped := make(chan struct{})
	go func() {
		c.prompts(t.Context(), strings.NewReader("\n"))
		close(stopped)
	}()
	for {
		select {
		case may <- struct{}{}: // the engine looks whether it is to stop after each word
			continue
		case <-stopped:
		}
		break
	}
	if end, ended := first.End(); !ended || !errors.Is(end.Err, context.Canceled) {
		t.Errorf("the end of a stopped story = %v, %v", end, ended)
	}
}

// parrot is an engine that tells one text after the other, each when it may.
type parrot struct {
	blocked
	texts  []string
	tokens []byte
}

func (p *parrot) Start([]int, *llama.Sampler) error {
	<-p.may
	p.tokens, p.texts = []byte(p.texts[0]), p.texts[1:]
	return nil
}

func (p *parrot) Next() (int, error) {
	if len(p.tokens) == 0 {
		return llama.BOS, nil
	}
	c := p.tokens[0]
	p.tokens = p.tokens[1:]
	return int(c) + 3, nil
}

// A story that is told in another's place is that story still, for init and for the turn.
func TestConsoleAvoid(t *testing.T) {
	tokenizer := smallTokenizer(t)
	may, inMemory := make(chan struct{}), &slot{}
	list, _ := avoid.Parse("gun")
	teller := story.NewTeller(&parrot{blocked: blocked{may}, texts: []string{"A gun.", "A cat.", "A gun."}}, tokenizer)
	teller.Avoid(list)
	in, out := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	c := &console{
		engines: []web.Engine{{Name: "one", Teller: turn{teller, inMemory}}},
		hush:    make(chan struct{}, 2), out: forInit{out}, hold: func() {}, release: func() {},
		listen: func(context.Context, *story.Story) func() { return func() {} },
	}
	done := make(chan struct{})
	go func() {
		c.print(ctx)
		close(done)
	}()
	said := bufio.NewScanner(in)
	next := func(want string) {
		t.Helper()
		text := ""
		for said.Scan() {
			e, _ := dialog.ParseEvent(said.Bytes())
			if e.Kind == dialog.Alive {
				continue
			}
			if e.Kind == dialog.Text {
				text += string(e.Text)
				continue
			}
			if e.Speed > 0 {
				e.Speed = 1
			}
			if got := fmt.Sprintf("%s|%s %s %d %s", text, e.Kind, e.ID, e.Seed, e.Error); got != want {
				t.Fatalf("the event %q; want %q", got, want)
			}
			return
		}
	}
	ask := func(line string) { c.prompts(ctx, strings.NewReader(line+"\n")) }
	ask(`{"id":"init-1","prompt":"","seed":7,"temperature":1,"topp":1}`)
	next("|begun init-1 7 ")
	may <- struct{}{}
	next("A |anew init-1 8 it came to what is not for children (line 1 of avoid.txt)")
	if err := func() error { inMemory.mu.Lock(); defer inMemory.mu.Unlock(); return inMemory.busy() }(); err != story.ErrBusy {
		t.Errorf("the slot is %v; want it busy", err)
	}
	may <- struct{}{}
	next("A cat.|told init-1 0 ")
	next("|ended init-1 0 ")
	ask(`{"id":"init-2","prompt":"","seed":7,"temperature":1,"topp":1,"exact":true}`)
	may <- struct{}{}
	next("|begun init-2 7 ")
	next("A gun.|told init-2 0 ")
	next("|ended init-2 0 ")
	cancel()
	<-done
}

func TestAvoidList(t *testing.T) {
	var notes []string
	note := func(line string) { notes = append(notes, line) }
	if n := avoidList("off", note).Len(); n != 0 {
		t.Errorf("off has %d entries", n)
	}
	if n := avoidList("", note).Len(); n != avoid.Standard().Len() || notes != nil {
		t.Errorf("unasked: %d entries, notes %q; want the built-in list", n, notes)
	}
	if n := avoidList("/nowhere/avoid.txt", note).Len(); n != avoid.Standard().Len() || len(notes) != 1 || !strings.HasPrefix(notes[0], "/nowhere/avoid.txt: no such file") {
		t.Errorf("a file that is not there: %d entries, notes %q", n, notes)
	}
}

func TestOffered(t *testing.T) {
	if got := offered("plain"); got[0] != "plain" {
		t.Errorf("offered(plain) = %v; want it first", got)
	}
	if got := offered("other"); slices.Contains(got, "plain") || got[0] != "other" {
		t.Errorf("offered(other) = %v; want it first and no plain", got)
	}
}

// The page's button takes the memory's place, and no story is told meanwhile.
func TestSlotReserved(t *testing.T) {
	checkpoint, path, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	open := modelFlags{model: checkpoint, tokenizer: path, engine: defaultEngine}
	engine, tokenizer, err := open.open(serveCommand())
	if err != nil {
		t.Fatal(err)
	}
	inMemory := &slot{name: defaultEngine, engine: engine}
	defer inMemory.close()
	one := turn{story.NewTeller(&choice{name: defaultEngine, engine: defaultEngine, model: checkpoint, shape: engine.Config(), slot: inMemory}, tokenizer), inMemory}
	tell := func() error {
		s, err := one.Tell(t.Context(), story.Request{Seed: 1, Steps: 5})
		if err != nil {
			return err
		}
		end, err := s.Wait(t.Context())
		return errors.Join(err, end.Err)
	}
	if err := tell(); err != nil {
		t.Fatal(err)
	}
	if err := inMemory.reserve("elsewhere"); err != nil || inMemory.engine != nil {
		t.Errorf("reserve() = %v, engine %v; want the memory free", err, inMemory.engine)
	}
	if err := tell(); !errors.Is(err, story.ErrBusy) || err.Error() != "elsewhere" {
		t.Errorf("a story while the slot is reserved = %v; want ErrBusy and why", err)
	}
	inMemory.release()
	if err := tell(); err != nil {
		t.Errorf("a story afterwards = %v", err)
	}
}

// What init is told of a story has the ID that init asked for it with, two stories with
// one seed notwithstanding; so has a request that is refused.
func TestEventIDs(t *testing.T) {
	tokenizer := smallTokenizer(t)
	may, inMemory := make(chan struct{}), &slot{}
	one := turn{story.NewTeller(blocked{may}, tokenizer), inMemory}
	said, stdout := io.Pipe()
	defer said.Close() // whatever is written then is lost
	c := &console{engines: []web.Engine{{Name: "one", Teller: one}}, hush: make(chan struct{}), out: forInit{stdout},
		hold: func() {}, release: func() {}, note: func(string) {},
		listen: func(context.Context, *story.Story) func() { return func() {} }}
	ctx, cancel := context.WithCancel(t.Context())
	printed := make(chan struct{})
	go func() {
		c.print(ctx)
		close(printed)
	}()
	defer func() {
		said.Close()
		cancel()
		<-printed
	}()
	var kinds []string
	lines := bufio.NewScanner(said)
	until := func(kind string) {
		for lines.Scan() {
			e, ok := dialog.ParseEvent(lines.Bytes())
			if !ok || e.Kind == dialog.Alive || e.Kind == dialog.Text {
				continue
			}
			if e.Busy {
				e.ID += ", busy"
			}
			if kinds = append(kinds, e.Kind+" "+e.ID); e.Kind == kind {
				return
			}
		}
	}
	ask := func(id string) {
		c.prompts(ctx, bytes.NewReader(dialog.Line(dialog.Request{ID: id, Seed: 7, Steps: 2})))
	}
	for _, id := range []string{"i-1", "i-2"} {
		go ask(id)
		until(dialog.Begun)
		go ask(id + "-again")
		until(dialog.Refused)
		for range 2 { // a word each
			may <- struct{}{}
		}
		until(dialog.Ended)
	}
	if err := inMemory.reserve("somebody has a shell"); err != nil {
		t.Fatal(err)
	}
	go ask("i-3")
	until(dialog.Refused) // for good, as far as init can tell
	want := []string{"begun i-1", "refused i-1-again, busy", "told i-1", "ended i-1", "begun i-2", "refused i-2-again, busy", "told i-2", "ended i-2", "refused i-3"}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %q; want %q", kinds, want)
	}
}
