package usbnet

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// ask is a message that asks for a name.
func ask(t testing.TB, name string, class dnsmessage.Class, types ...dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 77}}
	for _, kind := range types {
		m.Questions = append(m.Questions, dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: class})
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswerName(t *testing.T) {
	const in = dnsmessage.ClassINET
	a, aaaa := dnsmessage.TypeA, dnsmessage.TypeAAAA
	for _, tt := range []struct {
		name     string
		message  []byte
		legacy   bool
		answered bool
		alone    bool
	}{
		{"its address", ask(t, "storyteller.local.", in, a), false, true, false},
		{"in capitals", ask(t, "StoryTeller.LOCAL.", in, a), false, true, false},
		{"both addresses", ask(t, "storyteller.local.", in, a, aaaa), false, true, false},
		{"the other address", ask(t, "storyteller.local.", in, aaaa), false, true, false},
		{"all", ask(t, "storyteller.local.", dnsmessage.ClassANY, dnsmessage.TypeALL), false, true, false},
		{"for the asker alone", ask(t, "storyteller.local.", in|unicastBit, a), false, true, true},
		{"as ordinary DNS", ask(t, "storyteller.local.", in, a), true, true, true},
		{"another name", ask(t, "printer.local.", in, a), false, false, false},
		{"a longer name", ask(t, "x.storyteller.local.", in, a), false, false, false},
		{"its text", ask(t, "storyteller.local.", in, dnsmessage.TypeTXT), false, false, false},
		{"nothing", nil, false, false, false},
		{"half a message", ask(t, "storyteller.local.", in, a)[:20], false, false, false},
	} {
		answer, alone := answerName(tt.message, tt.legacy)
		if (answer != nil) != tt.answered || alone != tt.alone {
			t.Errorf("%s: answer %x, for the asker alone %v; want %v, %v", tt.name, answer, alone, tt.answered, tt.alone)
		}
		if answer == nil {
			continue
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil || !m.Response || !m.Authoritative || len(m.Answers) != 1 {
			t.Errorf("%s: %+v, %v", tt.name, m, err)
			continue
		}
		body, ok := m.Answers[0].Body.(*dnsmessage.AResource)
		if !ok || netip.AddrFrom4(body.A) != Address().Addr() || m.Answers[0].Header.Name.String() != Name+"." {
			t.Errorf("%s: %v", tt.name, m.Answers)
		}
		flush := m.Answers[0].Header.Class&unicastBit != 0
		if ordinary := m.ID == 77 && len(m.Questions) == 1 && !flush && m.Answers[0].Header.TTL <= 10; ordinary != tt.legacy {
			t.Errorf("%s: an answer of ordinary DNS: %v; want %v", tt.name, ordinary, tt.legacy)
		}
		if !tt.legacy { // that it has no other address
			if len(m.Additionals) != 1 || m.Additionals[0].Header.Type != typeNSEC || !bytes.HasSuffix(answer, []byte("\x0bstoryteller\x05local\x00\x00\x01\x40")) {
				t.Errorf("%s: %x; want that there is no other address", tt.name, answer)
			}
		}
		if again, _ := answerName(answer, false); again != nil {
			t.Errorf("%s: an answer is answered", tt.name)
		}
	}
}

// What others say unasked, and what is asked for other names, takes no memory.
func TestNameFlood(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := serveName(ctx, "lo"); err != nil {
		t.Skip("no multicast on this machine: ", err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: namePort}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	unasked := dnsmessage.Message{Header: dnsmessage.Header{Response: true}}
	for i := range 10_000 {
		name := dnsmessage.MustNewName(string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + ".local.")
		unasked.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 4500},
			Body: &dnsmessage.TXTResource{TXT: []string{string(make([]byte, 255)), string(make([]byte, 255)), string(make([]byte, 255))}}}}
		b, err := unasked.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.WriteToUDP(b, to); err != nil {
			t.Skip("no multicast on this machine: ", err)
		}
	}
	// It is still there.
	for try := 0; ; try++ {
		conn.WriteToUDP(ask(t, Name+".", dnsmessage.ClassINET, dnsmessage.TypeA), to)
		conn.SetReadDeadline(time.Now().Add(time.Second))
		buf := make([]byte, 1500)
		if n, _, err := conn.ReadFromUDP(buf); err == nil && n > 0 {
			break
		}
		if try == 10 {
			t.Skip("multicast does not come back on this machine's loopback")
		}
	}
	if after := heap(); after > before+256<<10 {
		t.Errorf("%d bytes of memory for what others said; want none", after-before)
	}
}

func FuzzAnswerName(f *testing.F) {
	f.Add(ask(f, Name+".", dnsmessage.ClassINET, dnsmessage.TypeA), false)
	f.Add(ask(f, Name+".", dnsmessage.ClassINET|unicastBit, dnsmessage.TypeAAAA, dnsmessage.TypeALL), true)
	f.Add([]byte("\x00\x00\x00\x00\x00\xff\x00\x00\x00\x00\x00\x00\xc0\x0c"), false)
	f.Fuzz(func(t *testing.T, message []byte, legacy bool) {
		answer, _ := answerName(message, legacy)
		var m dnsmessage.Message
		if answer != nil && (m.Unpack(answer) != nil || len(m.Answers) != 1) {
			t.Errorf("%x is answered by %x", message, answer)
		}
	})
}
