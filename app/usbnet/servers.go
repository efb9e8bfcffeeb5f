package usbnet

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
)

// pageHint is the option 114 of RFC 8910: where a PC that asks for it reads that there is a
// page. RFC 8908 wants https, for which a board without a name on the Internet has no
// certificate: a PC that insists on that passes over it.
func pageHint() string { return "http://" + Address().Addr().String() + "/captive-portal" }

// lease is how long the PC may keep its address; it is always the same one.
const lease = time.Hour

// serveDHCP hands out the one address on card until ctx ends.
func serveDHCP(ctx context.Context, card string) error {
	server, err := server4.NewServer(card, &net.UDPAddr{IP: net.IPv4zero, Port: dhcpv4.ServerPort},
		func(conn net.PacketConn, from net.Addr, m *dhcpv4.DHCPv4) {
			if answer := answerDHCP(m); answer != nil {
				conn.WriteTo(answer.ToBytes(), from)
			}
		})
	if err != nil {
		return fmt.Errorf("DHCP server: %w", err)
	}
	context.AfterFunc(ctx, func() { server.Close() })
	go server.Serve()
	return nil
}

// answerDHCP returns the answer to a message as in RFC 2131 section 4.3, for a
// server that has one address for the one PC; nil for none.
func answerDHCP(m *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	if m.OpCode != dhcpv4.OpcodeBootRequest {
		return nil
	}
	server := net.IP(Address().Addr().AsSlice())
	offered := net.IP(peer().AsSlice())
	var kind dhcpv4.MessageType
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		kind = dhcpv4.MessageTypeOffer
	case dhcpv4.MessageTypeRequest:
		if id := m.ServerIdentifier(); id != nil && !id.Equal(server) {
			return nil // it took another server's offer
		}
		wanted := m.RequestedIPAddress()
		if wanted == nil {
			wanted = m.ClientIPAddr // it renews
		}
		kind = dhcpv4.MessageTypeAck
		if !wanted.Equal(offered) {
			kind = dhcpv4.MessageTypeNak
		}
	default:
		return nil
	}
	options := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind),
		dhcpv4.WithServerIP(server),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)),
	}
	if kind != dhcpv4.MessageTypeNak {
		options = append(options,
			dhcpv4.WithYourIP(offered),
			dhcpv4.WithNetmask(net.CIDRMask(Address().Bits(), 32)),
			dhcpv4.WithLeaseTime(uint32(lease.Seconds())))
		if m.ParameterRequestList().Has(dhcpv4.OptionURL) { // without a list, nothing is asked for
			options = append(options, dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionURL, []byte(pageHint()))))
		}
	}
	answer, err := dhcpv4.NewReplyFromRequest(m, options...)
	if err != nil {
		return nil // no message that can be answered
	}
	return answer
}
