package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"duostoryteller/app/desk"
	"duostoryteller/app/sentence"
	"duostoryteller/app/story"
	"duostoryteller/app/voice"
)

// tale is a story with what is hard: dialogue, letters of several bytes, one
// beyond the basic plane, paragraphs.
const tale = `, there was a small café. "Hello!" said the 🦆 to the owl. "Are you hungry?"

The owl was not. They sang a song, and the whole wood listened to them until the sun came up. The end.`

const prompt = "Once upon a time"

// report is a suite with a fixed report.
type report string

func (r report) Run(_ context.Context, short bool, w io.Writer) error {
	if short {
		r = "short: " + r
	}
	_, err := io.WriteString(w, string(r))
	return err
}

func (r report) Result(name string) ([]byte, error) {
	if name != "report.html" {
		return nil, fs.ErrNotExist
	}
	return []byte("<p>" + r), nil
}

func do(t testing.TB, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

// begin asks for a story and returns its name.
func begin(t testing.TB, url string) string {
	t.Helper()
	response, text := do(t, "POST", url+"/story", fmt.Sprintf(`{"prompt":%q,"temperature":1,"topp":0.9,"seed":7,"steps":0}`, prompt))
	var answer struct{ ID string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("POST /story = %s %s", response.Status, text)
	}
	return answer.ID
}

// heard is what a browser makes of a stream of events.
type heard struct {
	story desk.Begin
	text  string
	ends  []int
	end   desk.End
	ids   []string // of each event
}

// listen follows /events to the end of a story.
func listen(url, query, lastID string) (h heard, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", url+"/events"+query, nil)
	if err != nil {
		return h, err
	}
	request.Header.Set("Last-Event-ID", lastID)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return h, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return h, errors.New(response.Status)
	}
	var name string
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			h.ids = append(h.ids, value)
		case "data":
			switch name {
			case "story":
				err = json.Unmarshal([]byte(value), &h.story)
			case "text":
				var text desk.Text
				err = json.Unmarshal([]byte(value), &text)
				h.text += text.Text
				h.ends = append(h.ends, text.Ends...)
			case "end":
				return h, json.Unmarshal([]byte(value), &h.end)
			}
			if err != nil {
				return h, err
			}
		}
	}
	return h, io.ErrUnexpectedEOF
}

// sentences cuts what was heard where the events said.
func (h heard) sentences() (all []string) {
	units, from := utf16.Encode([]rune(h.text)), 0
	for _, end := range h.ends {
		all = append(all, string(utf16.Decode(units[from:end])))
		from = end
	}
	return all
}

func wantSentences(text string) []string {
	var s sentence.Splitter
	return append(s.Write([]byte(text)), s.Flush())
}

func TestEvents(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, time.Millisecond))})
	id := begin(t, server.URL)
	h, err := listen(server.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if h.story.ID != id || h.story.Request.Seed != 7 || h.story.Request.Prompt != prompt {
		t.Errorf("story = %+v; want %s with its request", h.story, id)
	}
	if h.text != prompt+tale {
		t.Errorf("text = %q; want %q", h.text, prompt+tale)
	}
	if got, want := fmt.Sprintf("%q", h.sentences()), fmt.Sprintf("%q", wantSentences(prompt+tale)); got != want {
		t.Errorf("sentences = %s; want %s", got, want)
	}
	if h.end != (desk.End{}) {
		t.Errorf("end = %+v; want one by itself", h.end)
	}

	// Whoever reconnects gets exactly what is missing.
	for i, lastID := range h.ids[:len(h.ids)-1] {
		rest, err := listen(server.URL, "", lastID)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(h.text, rest.text) || i > 0 && len(rest.text) >= len(h.text) && rest.text != h.text {
			t.Errorf("after %s: %q", lastID, rest.text)
		}
		if got := len(rest.ends); got > 0 && rest.ends[got-1] != h.ends[len(h.ends)-1] {
			t.Errorf("after %s: ends %v; want the last of %v", lastID, rest.ends, h.ends)
		}
	}
	// A page of another session, or one that makes things up, starts over.
	for _, lastID := range []string{"old-1.5", "old-1.end", "nonsense", ".", id, id + ".x", id + ".-4"} {
		again, err := listen(server.URL, "", lastID)
		if err != nil || again.text != h.text {
			t.Errorf("after %q: %q, %v; want the whole story", lastID, again.text, err)
		}
	}
	past, err := listen(server.URL, "?story="+id, "")
	if err != nil || past.text != h.text || !past.story.Ended {
		t.Errorf("past story = %+v, %v", past, err)
	}
}

// Resuming at every position of a running story gives text that fits.
func TestEventsResume(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, 4*time.Millisecond))})
	begin(t, server.URL)
	h, err := listen(server.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	before := ""
	for i, lastID := range h.ids[:len(h.ids)-1] {
		rest, err := listen(server.URL, "", lastID)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && len(rest.text) > len(h.text)-len(before) {
			t.Errorf("after %s: %d bytes; fewer were missing before", lastID, len(rest.text))
		}
		before = strings.TrimSuffix(h.text, rest.text)
		if before+rest.text != h.text {
			t.Errorf("after %s: %q does not end the story", lastID, rest.text)
		}
	}
}

func TestCutAndStopped(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, strings.Repeat(" word", 3000), time.Millisecond))})
	if response, text := do(t, "POST", server.URL+"/story", `{"prompt":"Hi","steps":9}`); response.StatusCode != http.StatusOK {
		t.Fatal(text)
	}
	if h, err := listen(server.URL, "", ""); err != nil || !h.end.Cut {
		t.Errorf("end of 9 steps = %+v, %v; want cut", h.end, err)
	}
	begin(t, server.URL)
	if response, text := do(t, "POST", server.URL+"/story", `{"prompt":"Hi"}`); response.StatusCode != http.StatusConflict || strings.Count(text, "\n") != 1 {
		t.Errorf("a second story = %s %q; want 409 and one line", response.Status, text)
	}
	done := make(chan heard)
	go func() {
		h, _ := listen(server.URL, "", "")
		done <- h
	}()
	if response, _ := do(t, "POST", server.URL+"/stop", ""); response.StatusCode != http.StatusNoContent {
		t.Errorf("POST /stop = %s", response.Status)
	}
	if h := <-done; !h.end.Stopped {
		t.Errorf("end of a stopped story = %+v", h.end)
	}
	begin(t, server.URL) // the next one may begin at once
}

// Stories begun elsewhere, as by the microphone, are followed all the same,
// and the shelf keeps only so many.
func TestShelf(t *testing.T) {
	teller := newTeller(t, tale, 0)
	server := newTestServer(t, Options{Engines: one(teller)})
	for n := range desk.Kept + 3 {
		s, err := teller.Tell(context.Background(), story.Request{Prompt: "Hi"})
		if err != nil {
			t.Fatal(err)
		}
		s.Wait(context.Background())
		for list := []any{}; len(list) < min(n+1, desk.Kept); { // the page is told of it
			_, text := do(t, "GET", server.URL+"/stories", "")
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				t.Fatal(err)
			}
		}
		if h, err := listen(server.URL, "", ""); err != nil || h.text != "Hi"+tale {
			t.Fatalf("heard %q, %v", h.text, err)
		}
	}
	_, text := do(t, "GET", server.URL+"/stories", "")
	var list []struct{ ID, Opening string }
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != desk.Kept {
		t.Fatalf("GET /stories = %d stories, %v; want %d", len(list), err, desk.Kept)
	}
	if !strings.HasPrefix(list[0].Opening, "Hi, there was") || len([]rune(list[0].Opening)) > 70+2 {
		t.Errorf("opening = %q", list[0].Opening)
	}
	if list[0].ID == list[1].ID {
		t.Error("two stories have one name")
	}
}

func TestAudio(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, time.Millisecond)), Voice: hum{}})
	id := begin(t, server.URL)
	sentences := wantSentences(prompt + tale)
	for range 2 { // while the story is told, and again from memory
		for n, text := range sentences {
			response, wav := do(t, "GET", fmt.Sprintf("%s/audio/%s/%d.wav", server.URL, id, n), "")
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "audio/wav" {
				t.Fatalf("sentence %d: %s %s", n, response.Status, wav)
			}
			if got, want := len(wav)-44, 2*humSamples(sentence.Plain(text)); got != want {
				t.Errorf("sentence %d: %d bytes of sound; want %d", n, got, want)
			}
			if rate := binary.LittleEndian.Uint32([]byte(wav[24:])); wav[:4] != "RIFF" || wav[8:16] != "WAVEfmt " || rate != humRate {
				t.Errorf("sentence %d: header %q", n, wav[:44])
			}
			if size := binary.LittleEndian.Uint32([]byte(wav[40:])); size != uint32(len(wav)-44) && size != 0xffffffff {
				t.Errorf("sentence %d: header says %d bytes; there are %d", n, size, len(wav)-44)
			}
		}
	}
	for _, path := range []string{id + "/999.wav", id + "/-1.wav", id + "/0", id + "/x.wav", "other/0.wav", id + "/99999999999999999999.wav"} {
		if response, text := do(t, "GET", server.URL+"/audio/"+path, ""); response.StatusCode != http.StatusNotFound || strings.Count(text, "\n") != 1 {
			t.Errorf("GET /audio/%s = %s %q; want 404 and one line", path, response.Status, text)
		}
	}
}

// hoarse fails once.
type hoarse struct {
	hum
	once sync.Once
}

func (h *hoarse) Say(ctx context.Context, text string, p voice.Params, pcm func(int, []int16) error) (voice.Spoken, error) {
	err := error(nil)
	h.once.Do(func() { err = errors.New("out of breath") })
	if err != nil {
		return voice.Spoken{}, err
	}
	return h.hum.Say(ctx, text, p, pcm)
}

func TestVoiceFails(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, 0)), Voice: &hoarse{}})
	address := server.URL + "/audio/" + begin(t, server.URL) + "/0.wav"
	if response, text := do(t, "GET", address, ""); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "out of breath") {
		t.Errorf("a voice that fails = %s %s", response.Status, text)
	}
	if response, text := do(t, "GET", address, ""); response.StatusCode != http.StatusOK {
		t.Errorf("the next try = %s %s", response.Status, text)
	}
}

func TestGuard(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, 0)), Hosts: []string{"storyteller.local"}})
	address := strings.TrimPrefix(server.URL, "http://")
	_, port, _ := net.SplitHostPort(address)
	request := `{"prompt":"Hi","temperature":1,"topp":0.9}`
	for _, test := range []struct {
		method, path, body string
		header             []string
		want               int
	}{
		{"GET", "/", "", nil, 200},
		{"HEAD", "/", "", nil, 200},
		{"GET", "/", "", []string{"Host", "storyteller.local"}, 200},
		{"GET", "/", "", []string{"Host", "Storyteller.local.:80"}, 200},
		{"GET", "/", "", []string{"Host", "192.168.42.1"}, 200},
		{"GET", "/", "", []string{"Host", "[fe80::1]:80"}, 200},
		{"GET", "/", "", []string{"Host", "localhost:" + port}, 200},
		{"GET", "/", "", []string{"Host", "evil.example"}, 421},
		{"GET", "/stories", "", []string{"Host", "127.0.0.1.evil.example"}, 421},
		{"GET", "/", "", []string{"Host", "192.168.42.1.nip.example:80"}, 421},
		{"GET", "/nothing", "", nil, 404},
		{"GET", "/events", "", []string{"Origin", "http://evil.example"}, 403},
		{"GET", "/stories", "", []string{"Origin", "null"}, 403},
		{"GET", "/stories", "", []string{"Origin", "http://" + address}, 200},
		{"GET", "/assets/../web.go", "", nil, 404},
		{"POST", "/", "", nil, 405},
		{"GET", "/story", "", nil, 405},
		{"PUT", "/story", request, nil, 405},
		{"DELETE", "/stories", "", nil, 405},
		{"POST", "/story", request, []string{"Origin", "http://evil.example"}, 403},
		{"POST", "/story", request, []string{"Origin", "null"}, 403},
		{"POST", "/stop", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", "/stop", "", []string{"Origin", "http://" + address}, 204},
		{"POST", "/story", request, []string{"Content-Type", "text/plain"}, 415},
		{"POST", "/story", request, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"POST", "/story", "", nil, 400},
		{"POST", "/story", "[]", nil, 400},
		{"POST", "/story", `{"prompt":1}`, nil, 400},
		{"POST", "/story", `{"colour":"red"}`, nil, 400},
		{"POST", "/story", `{"temperature":-1}`, nil, 400},
		{"POST", "/story", `{"temperature":1e39}`, nil, 400},
		{"POST", "/story", `{"topp":1.1}`, nil, 400},
		{"POST", "/story", `{"steps":-1}`, nil, 400},
		{"POST", "/story", `{"seed":-1}`, nil, 400},
		{"POST", "/story", `{"seed":18446744073709551616}`, nil, 400},
		{"POST", "/story", `{"engine":"steam"}`, nil, 400},
		{"POST", "/story", `{"prompt":"a\u0000b"}`, nil, 400},
		{"POST", "/story", fmt.Sprintf(`{"prompt":%q}`, strings.Repeat("a", desk.MaxPrompt+1)), nil, 400},
		{"POST", "/story", fmt.Sprintf(`{"prompt":%q}`, strings.Repeat("a", 2*maxBody)), nil, 413},
		{"POST", "/suites", "", nil, 404}, // there are none
		{"GET", "/audio/x/0.wav", "", nil, 404},
		{"GET", "/events?story=x", "", nil, 404},
	} {
		response, text := do(t, test.method, server.URL+test.path, test.body, test.header...)
		if response.StatusCode != test.want {
			t.Errorf("%s %s %.60s %v = %s %.80s; want %d", test.method, test.path, test.body, test.header, response.Status, text, test.want)
		}
		if response.StatusCode >= 400 && strings.Count(strings.TrimSpace(text), "\n") != 0 {
			t.Errorf("%s %s: more than one line: %q", test.method, test.path, text)
		}
	}
}

func TestStatus(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, time.Millisecond))})
	get := func() (status map[string]float64) {
		_, text := do(t, "GET", server.URL+"/status", "")
		if err := json.Unmarshal([]byte(text), &status); err != nil {
			t.Fatal(err)
		}
		return status
	}
	if got := get(); got["memoryFree"] != 12240<<10 || got["memoryTotal"] != 59392<<10 || got["chipCelsius"] != 41.25 || got["tokensPerSecond"] != 0 {
		t.Errorf("GET /status before a story = %v", got)
	}
	begin(t, server.URL)
	for get()["firstWordSeconds"] == 0 { // known while it is told
		time.Sleep(time.Millisecond)
	}
	if _, err := listen(server.URL, "", ""); err != nil {
		t.Fatal(err)
	}
	if got := get(); got["tokensPerSecond"] <= 0 || got["tokensPerSecond"] > 1000 || got["firstWordSeconds"] <= 0 {
		t.Errorf("GET /status after a story of 1 ms a token = %v", got)
	}
}

func TestSystem(t *testing.T) {
	if free, total := memory(fstest.MapFS{}); free != 0 || total != 0 {
		t.Errorf("memory of nothing = %d, %d", free, total)
	}
	if got := chipCelsius(fstest.MapFS{}); got != 0 {
		t.Errorf("temperature of nothing = %v", got)
	}
	system := fstest.MapFS{
		"proc/meminfo":                         {Data: []byte("\nMemTotal:\nMemTotal: x kB\nHugePages_Total: 0\nMemAvailable: 7 kB")},
		"sys/class/thermal/thermal_zone0/temp": {Data: []byte("38000\n")},
		"sys/class/thermal/thermal_zone1/temp": {Data: []byte("not yet\n")},
		"sys/class/thermal/thermal_zone2/temp": {Data: []byte("52500")},
	}
	if free, total := memory(system); free != 7<<10 || total != 0 {
		t.Errorf("memory = %d, %d; want 7168, 0", free, total)
	}
	if got := chipCelsius(system); got != 52.5 {
		t.Errorf("temperature = %v; want 52.5", got)
	}
}

func TestSuites(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, 20*time.Millisecond)), Suites: report("regression: 12 of 12\n")})
	if response, text := do(t, "POST", server.URL+"/suites?short=1", ""); response.StatusCode != http.StatusOK || text != "short: regression: 12 of 12\n" {
		t.Errorf("POST /suites?short=1 = %s %q", response.Status, text)
	}
	response, text := do(t, "GET", server.URL+"/results/report.html", "")
	if response.StatusCode != http.StatusOK || text != "<p>regression: 12 of 12\n" || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		t.Errorf("GET /results/report.html = %s %q", response.Status, text)
	}
	if policy := response.Header.Get("Content-Security-Policy"); strings.Contains(policy, "script-src") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("the report's policy is %q; want no script to run", policy)
	}
	if response, _ := do(t, "GET", server.URL+"/results/boot.sd", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("GET /results/boot.sd = %s; want 404", response.Status)
	}
	if response, text := do(t, "POST", server.URL+"/suites", ""); response.StatusCode != http.StatusOK || text != "regression: 12 of 12\n" {
		t.Errorf("POST /suites = %s %q", response.Status, text)
	}
	begin(t, server.URL)
	if response, text := do(t, "POST", server.URL+"/suites", ""); response.StatusCode != http.StatusConflict {
		t.Errorf("POST /suites beside a story = %s %q; want 409", response.Status, text)
	}
	do(t, "POST", server.URL+"/stop", "")

	huge := newTestServer(t, Options{Engines: one(newTeller(t, tale, 0)), Suites: report(strings.Repeat("x", 2*maxReport))})
	if _, text := do(t, "POST", huge.URL+"/suites", ""); len(text) > maxReport+200 || !strings.Contains(text, "broke off") {
		t.Errorf("a report of %d bytes; want at most %d and the reason", len(text), maxReport)
	}
}

// A browser that connects and reads nothing does not slow the story.
func TestDeafBrowser(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, strings.Repeat(" word", 3000), 0)), Voice: hum{}})
	deaf, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	fmt.Fprintf(deaf, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for range 5 {
		begin(t, server.URL)
		if h, err := listen(server.URL, "", ""); err != nil || len(h.text) != len(prompt)+15000 {
			t.Fatalf("heard %d bytes, %v", len(h.text), err)
		}
	}
}

// Two hundred browsers follow one story; afterwards nothing is left of them.
func TestManyBrowsers(t *testing.T) {
	const browsers, perBrowser = 200, 128 << 10
	text := strings.Repeat(" One more word.", 60)
	server := newTestServer(t, Options{Engines: one(newTeller(t, text, 5*time.Millisecond)), Voice: hum{}, Followers: browsers})
	before := runtime.NumGoroutine()
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	memoryBefore := memory.HeapInuse + memory.StackInuse

	id := begin(t, server.URL)
	var wait sync.WaitGroup
	problems := make(chan error, browsers)
	for i := range browsers {
		wait.Go(func() {
			h, err := listen(server.URL, "", "")
			if err == nil && h.text != prompt+text {
				err = fmt.Errorf("heard %d bytes; want %d", len(h.text), len(prompt+text))
			}
			if err == nil && i%4 == 0 {
				var response *http.Response
				if response, err = http.Get(fmt.Sprintf("%s/audio/%s/%d.wav", server.URL, id, i/4%10)); err == nil {
					io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			}
			problems <- err
		})
	}
	time.Sleep(200 * time.Millisecond)
	runtime.GC()
	runtime.ReadMemStats(&memory)
	wait.Wait()
	close(problems)
	for err := range problems {
		if err != nil {
			t.Error(err)
		}
	}
	// Both ends of each connection are in this process.
	each := (int64(memory.HeapInuse+memory.StackInuse) - int64(memoryBefore)) / browsers
	if each > perBrowser {
		t.Errorf("%d bytes of memory for each browser, both ends; want at most %d", each, perBrowser)
	}
	t.Logf("%d bytes of memory for each browser, both ends", each)
	http.DefaultClient.CloseIdleConnections()
	server.CloseClientConnections()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+10; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestTooManyBrowsers(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, 0)), Followers: 1})
	first, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	if response, text := do(t, "GET", server.URL+"/events", ""); response.StatusCode != http.StatusServiceUnavailable || strings.Count(text, "\n") != 1 {
		t.Errorf("one follower too many = %s %q; want 503 and one line", response.Status, text)
	}
}

func TestServeEnds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, Options{Engines: one(newTeller(t, tale, 0)), System: fakeSystem()})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- Serve(ctx, l, s) }()
	response, err := http.Get("http://" + l.Addr().String() + "/events") // left open
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	// More header than anyone needs is refused, or the connection is closed
	// before all of it is sent.
	request, _ := http.NewRequest("GET", "http://"+l.Addr().String()+"/", nil)
	request.Header.Set("X-Much", strings.Repeat("x", 3*maxHeader))
	if huge, err := http.DefaultClient.Do(request); err == nil {
		huge.Body.Close()
		if huge.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a huge header = %s; want 431", huge.Status)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v; want nil after its context ended", err)
	}
}

func TestLimit(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 2)
	accepted := make(chan net.Conn)
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	accept := func() {
		c, err := l.Accept()
		if err != nil {
			close(accepted)
			return
		}
		l.state(c, http.StateActive)
		accepted <- c
	}
	go accept()
	dial()
	first := <-accepted
	go accept()
	second := dial()
	l.state(<-accepted, http.StateIdle)
	go accept()
	dial()
	third := <-accepted // the second one's place: it had no request
	if _, err := second.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a connection without a request, when there is no room = %v; want its end", err)
	}
	go accept()
	dial()
	select {
	case <-accepted:
		t.Error("one connection too many was accepted; want it to wait for one with a request")
	case <-time.After(20 * time.Millisecond):
	}
	first.Close()
	first.Close() // gives its place back once
	<-accepted
	go accept()
	l.state(third, http.StateIdle)
	l.Close()
	if _, more := <-accepted; more {
		t.Error("a connection after the end")
	}
	if n := len(l.open); n > 2 {
		t.Errorf("%d connections are counted; want two at most", n)
	}
}

func TestByteLog(t *testing.T) {
	l := newByteLog(10)
	go func() {
		for _, part := range []string{"one", "two", "three"} {
			l.Write([]byte(part))
		}
		l.close(errFull)
	}()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var got []byte
			for {
				part, whole, err := l.next(t.Context(), len(got))
				got = append(got, part...)
				if whole {
					if string(got) != "onetwothre" || err != errFull {
						t.Errorf("read %q, %v; want onetwothre, %v", got, err, errFull)
					}
					return
				}
			}
		})
	}
	readers.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := newByteLog(1).next(ctx, 0); err != context.Canceled {
		t.Errorf("next after cancel = %v", err)
	}
}

// Whatever is sent, the answer is an answer, and a refusal is one line.
func FuzzHandler(f *testing.F) {
	f.Add("GET", "/", "localhost", "", "", "")
	f.Add("POST", "/story", "127.0.0.1:80", "http://127.0.0.1:80", "application/json", `{"prompt":"Hi","seed":1}`)
	f.Add("POST", "/story", "[::1]:80", "null", "application/json; charset=utf-8", `{"prompt":"\ud800"}`)
	f.Add("POST", "/stop", "storyteller.local", "", "", "")
	f.Add("GET", "/audio/a-1/0.wav", "localhost", "", "", "")
	f.Add("GET", "/events?story=%00", "localhost:x:y", "", "", "")
	f.Add("GET", "/assets/%2e%2e/web.go", "::1", "", "", "")
	ctx, cancel := context.WithCancel(context.Background())
	f.Cleanup(cancel)
	teller := newTeller(f, tale, 0)
	s, err := New(ctx, Options{Engines: one(teller), Voice: hum{}, Suites: report("ok\n"), Hosts: []string{"storyteller.local"}, System: fakeSystem()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, host, origin, contentType, body string) {
		var raw bytes.Buffer
		fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", method, path, host, origin, contentType, len(body), body)
		request, err := http.ReadRequest(bufio.NewReader(&raw))
		if err != nil {
			return
		}
		limited, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // a stream of events has no end
		defer cancel()
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, request.WithContext(limited))
		if answer.Code >= 400 && strings.Count(strings.TrimSpace(answer.Body.String()), "\n") > 0 {
			t.Errorf("%s %q = %d, several lines: %q", method, path, answer.Code, answer.Body)
		}
		if answer.Code >= 500 && answer.Code != http.StatusServiceUnavailable {
			t.Errorf("%s %q = %d %s", method, path, answer.Code, answer.Body)
		}
	})
}

// occupied is a teller whose memory somebody else has.
type occupied struct{ Teller }

func (occupied) Tell(context.Context, story.Request) (*story.Story, error) {
	return nil, fmt.Errorf("somebody has a shell: %w", story.ErrBusy)
}

// Where there is no story to listen to instead, the page is told why there is none.
func TestOccupied(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(occupied{newTeller(t, tale, 0)})})
	response, text := do(t, "POST", server.URL+"/story", `{"prompt":"Hi","temperature":1,"topp":0.9}`)
	if response.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(text, "somebody has a shell") || strings.Count(text, "\n") != 1 {
		t.Errorf("POST /story = %s %q; want 503 and why", response.Status, text)
	}
}

// resting counts how often it was sent to rest.
type resting struct {
	hum
	rested atomic.Int32
}

func (r *resting) Close() error { r.rested.Add(1); return nil }

// A voice that nobody asks gives its memory back, and not before.
func TestVoiceRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := new(resting)
		ctx, cancel := context.WithCancel(t.Context())
		s, err := New(ctx, Options{Voice: v, Engines: one(newTeller(t, tale, 0)), System: fakeSystem()})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		speak := func() {
			n++
			k, leave, err := s.clips.join(ctx, "story", n, voice.Normal(), func(ctx context.Context, k *clip) { s.speak(ctx, "A duck.", k) })
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
			for whole := false; !whole; {
				_, whole, _ = k.next(t.Context(), k.size())
			}
		}
		for range 5 {
			speak()
			time.Sleep(voiceRests - time.Second)
		}
		if n := v.rested.Load(); n != 0 {
			t.Errorf("the voice rested %d times between sentences", n)
		}
		time.Sleep(2 * time.Second)
		if n := v.rested.Load(); n != 1 {
			t.Errorf("the voice rested %d times; want once", n)
		}
		speak()
		cancel() // from here on it is its owner's
		time.Sleep(2 * voiceRests)
		if n := v.rested.Load(); n != 1 {
			t.Errorf("the voice rested %d times; want once", n)
		}
	})
}
