package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/voice"
)

// served is a page as on the board, with its limits.
func served(t testing.TB, o Options) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o.System = fakeSystem()
	s, err := New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- Serve(ctx, l, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// send sends what a browser would, and more, and returns the open connection.
func send(t testing.TB, address, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	io.WriteString(c, text)
	return c
}

// HEAD on a stream is answered at once, and takes no place.
func TestHead(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, tale, 0)), Voice: hum{}, Followers: 1})
	id := begin(t, server.URL)
	if _, err := listen(server.URL, "", ""); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for path, kind := range map[string]string{"/events": "text/event-stream", "/events?story=" + id: "text/event-stream", "/audio/" + id + "/0.wav": "audio/wav"} {
			response, _ := do(t, "HEAD", server.URL+path, "")
			if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != kind {
				t.Errorf("HEAD %s = %s, %s; want 200, %s", path, response.Status, response.Header.Get("Content-Type"), kind)
			}
		}
	}
	if response, _ := do(t, "HEAD", server.URL+"/events?story=none", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD on no story = %s; want 404", response.Status)
	}
}

// Whoever holds streams, or connections without a request, does not keep others from
// the page.
func TestHeldStreams(t *testing.T) {
	address := served(t, Options{Engines: one(newTeller(t, tale, 0))})
	for i := range 38 {
		c := send(t, address, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case i < 16 && response.StatusCode == http.StatusOK:
		case i >= 16 && response.StatusCode == http.StatusServiceUnavailable && response.Close:
		default:
			t.Fatalf("stream %d = %s, closed: %v; want 16 streams, and the others closed", i, response.Status, response.Close)
		}
	}
	for range maxConnections {
		send(t, address, "") // says nothing
	}
	begun := time.Now()
	response, text := do(t, "GET", "http://"+address+"/", "")
	if response.StatusCode != http.StatusOK || !strings.Contains(text, "<html") {
		t.Errorf("the page beside held streams = %s", response.Status)
	}
	if took := time.Since(begun); took >= headerTimeout {
		t.Errorf("the page came after %v; want it before the silent ones' time is over", took)
	}
}

// sigh is a sentence without a word.
const sigh = `Hi 😀.` + "\n\n" + `😀😀!` + "\n\n" + `The end.`

// What has no word in it is not spoken, on the page as on the board's loudspeaker.
func TestAudioWithoutWords(t *testing.T) {
	asked := make(chan string, 9)
	server := newTestServer(t, Options{Engines: one(newTeller(t, sigh, 0)), Voice: says{asked}})
	id := begin(t, server.URL)
	sentences := wantSentences(prompt + sigh)
	for n, text := range sentences {
		response, _ := do(t, "GET", fmt.Sprintf("%s/audio/%s/%d.wav", server.URL, id, n), "")
		want := http.StatusOK
		if strings.HasPrefix(strings.TrimSpace(text), "😀") {
			want = http.StatusNoContent
		}
		if response.StatusCode != want {
			t.Errorf("sentence %q = %s; want %d", text, response.Status, want)
		}
	}
	close(asked)
	for text := range asked {
		if strings.Contains(text, "😀") {
			t.Errorf("the voice was asked for %q", text)
		}
	}
}

// says is a voice that tells what it is asked for.
type says struct{ asked chan string }

func (says) Start() error { return nil }
func (says) Close() error { return nil }
func (s says) Say(_ context.Context, text string, _ voice.Params, pcm func(int, []int16) error) (voice.Spoken, error) {
	s.asked <- text
	return voice.Spoken{}, pcm(humRate, make([]int16, 100))
}

// A thousand clients that mean no good cost little memory, and nothing when they have
// gone: they hold streams, ask for every sentence, say nothing, half a request, or much.
func TestHostileClients(t *testing.T) {
	const most = 4 << 20 // bytes: of the six that the board has left
	text := strings.Repeat(" One more word and one more, and yet another one.", 40)
	address := served(t, Options{Engines: one(newTeller(t, text, 0)), Voice: hum{}})
	id := begin(t, "http://"+address)
	if _, err := listen("http://"+address, "", ""); err != nil {
		t.Fatal(err)
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	http.DefaultClient.CloseIdleConnections()
	goroutines, before := runtime.NumGoroutine(), inUse()
	worst := before
	host := " HTTP/1.1\r\nHost: localhost\r\n"
	var conns []net.Conn
	for i := range 1000 {
		request := []string{
			"GET /events" + host + "\r\n",
			fmt.Sprintf("GET /audio/%s/%d.wav%s\r\n", id, i%40, host),
			"",
			"POST /story" + host + "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n{",
			"GET /" + strings.Repeat("x", maxHeader) + host,
			"GET /stories" + host + "\r\n" + "GET /stories" + host + "\r\n" + "GET /stories" + host + "\r\n",
		}[i%6]
		c, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			continue // that is as good
		}
		io.WriteString(c, request) // and no byte of the answer is read
		conns = append(conns, c)
		if i%100 == 99 {
			worst = max(worst, inUse())
		}
	}
	worst = max(worst, inUse())
	for _, c := range conns {
		c.Close()
	}
	if worst > before+most {
		t.Errorf("%d bytes of memory for a thousand clients; want at most %d", worst-before, most)
	}
	t.Logf("%d bytes of memory for a thousand clients, both ends", worst-before)
	// The page is there again.
	if response, _ := do(t, "GET", "http://"+address+"/", ""); response.StatusCode != http.StatusOK {
		t.Errorf("the page after a thousand hostile clients = %s", response.Status)
	}
	http.DefaultClient.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines+5; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
	}
}
