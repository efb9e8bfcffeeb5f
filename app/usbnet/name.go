package usbnet

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
)

const (
	namePort = 5353
	// nameTTL is how long an answer is good, in seconds (RFC 6762 section 10), and
	// legacyTTL for one who asks as ordinary DNS does (section 6.7).
	nameTTL, legacyTTL = 120, 10
	// unicastBit in the class of a question asks for an answer to the asker alone, and in
	// that of an answer says that it replaces all others.
	unicastBit = 1 << 15
	typeNSEC   = dnsmessage.Type(47)
)

// serveName answers for Name by multicast DNS on card until ctx ends. One name, asked
// for and answered, takes no cache: what others say is passed over.
func serveName(ctx context.Context, card string) error {
	iface, err := net.InterfaceByName(card)
	if err != nil {
		return fmt.Errorf("multicast DNS: %w", err)
	}
	group := &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: namePort}
	conn, err := net.ListenMulticastUDP("udp4", iface, group)
	if err != nil {
		return fmt.Errorf("multicast DNS: %w", err)
	}
	// That it came over no router (RFC 6762 section 11). Without it most take it, too.
	options := ipv4.NewPacketConn(conn)
	_ = options.SetMulticastTTL(255)
	_ = options.SetTTL(255)
	context.AfterFunc(ctx, func() { conn.Close() })
	go func() {
		question := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDP(question)
			if ctx.Err() != nil {
				return
			}
			if err != nil { // the card was switched off, for example: it may come back
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
				continue
			}
			answer, alone := answerName(question[:n], from.Port != namePort)
			if answer == nil {
				continue
			}
			to := group
			if alone {
				to = from
			}
			_, _ = conn.WriteToUDP(answer, to) // who got none asks again
		}
	}()
	return nil
}

// answerName returns the answer to a message, nil for none, and whether it is for the
// asker alone. Legacy is a question in ordinary DNS, whose answer repeats it.
func answerName(message []byte, legacy bool) (answer []byte, alone bool) {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || h.Response || h.OpCode != 0 {
		return nil, false
	}
	var asked []dnsmessage.Question
	alone = true
	for len(asked) < 4 { // Name's A, AAAA and all; more is no resolver's question
		q, err := p.Question()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return nil, false
		}
		class := q.Class &^ unicastBit
		if !strings.EqualFold(q.Name.String(), Name+".") || class != dnsmessage.ClassINET && class != dnsmessage.ClassANY {
			continue
		}
		switch q.Type {
		case dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeALL:
			asked = append(asked, q)
			alone = alone && q.Class&unicastBit != 0
		}
	}
	if len(asked) == 0 {
		return nil, false
	}
	reply := dnsmessage.Message{Header: dnsmessage.Header{Response: true, Authoritative: true}}
	class, ttl := dnsmessage.ClassINET|unicastBit, uint32(nameTTL)
	if legacy {
		class, ttl, alone = dnsmessage.ClassINET, legacyTTL, true
		reply.ID, reply.Questions = h.ID, asked
		for i := range asked {
			asked[i].Class &^= unicastBit
		}
	}
	name := dnsmessage.MustNewName(Name + ".")
	header := func(t dnsmessage.Type) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: name, Type: t, Class: class, TTL: ttl}
	}
	reply.Answers = []dnsmessage.Resource{{Header: header(dnsmessage.TypeA), Body: &dnsmessage.AResource{A: Address().Addr().As4()}}}
	// That there is no other address, or who asks for one waits for it (section 6.1).
	none := dnsmessage.Resource{Header: header(typeNSEC), Body: &dnsmessage.UnknownResource{Type: typeNSEC, Data: onlyA()}}
	if !legacy { // ordinary DNS would want it signed
		reply.Additionals = []dnsmessage.Resource{none}
	}
	answer, err = reply.Pack()
	if err != nil {
		return nil, false
	}
	return answer, alone
}

// onlyA is the data of an NSEC record of Name: itself as the next name, and a bit map
// of types in which A's bit alone is set (RFC 4034 section 4.1).
func onlyA() []byte {
	var data []byte
	for label := range strings.SplitSeq(Name, ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	return append(data, 0, 0, 1, 1<<(7-byte(dnsmessage.TypeA)))
}
