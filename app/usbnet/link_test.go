//go:build linux

package usbnet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/pion/mdns/v2"
	"golang.org/x/net/ipv4"
)

// The test below runs itself again as the two ends of a cable, each in a
// network of its own; this variable says as which.
const end = "USBNET_TEST_END"

func TestMain(m *testing.M) {
	ends := map[string]func() error{"board": board, "pc": pc}
	if run := ends[os.Getenv(end)]; run != nil {
		if err := run(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// inNetwork returns this program as one of the ends, in a new network.
func inNetwork(ctx context.Context, name string) *exec.Cmd {
	command := exec.CommandContext(ctx, "/proc/self/exe")
	command.Env = append(os.Environ(), end+"="+name)
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	return command
}

// A PC gets its address, finds the board by name and reads its page.
func TestLink(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for networks of its own")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the program ip: apt-get install iproute2")
	}
	if entries, _ := os.ReadDir("/sys/class/udc"); len(entries) > 0 {
		t.Skip("this machine has a USB device controller, which the test must not take")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	command := inNetwork(ctx, "board")
	// Killed as a group: the board starts the PC.
	out, err := command.CombinedOutput()
	if strings.Contains(fmt.Sprint(err), "operation not permitted") || strings.Contains(string(out), "Operation not permitted") {
		t.Skip("this machine gives no network of its own")
	}
	if err != nil || string(out) != "192.168.42.2/24 from the board; storyteller.local is 192.168.42.1; read: hello\n" {
		t.Errorf("the two ends say: %s%v", out, err)
	}
}

// board makes the cable, hands one end to the PC, and serves.
func board() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	other := inNetwork(ctx, "pc")
	other.Stdout, other.Stderr = os.Stdout, os.Stderr
	start, err := other.StdinPipe()
	if err != nil {
		return err
	}
	if err := other.Start(); err != nil {
		return err
	}
	for _, line := range []string{
		"ip link add pc0 type veth peer name duo0",
		fmt.Sprintf("ip link set pc0 netns %d", other.Process.Pid),
	} {
		words := strings.Fields(line)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %s", line, out)
		}
	}
	note := func(line string) { fmt.Println("note:", line) }
	once, stop := context.WithCancel(ctx)
	err = Setup(once, note)
	stop()
	if err != nil {
		return err
	}
	if err := untilFree(ctx, "udp4", ":67"); err != nil {
		return err
	}
	// As after a restart of the program.
	if err := Setup(ctx, note); err != nil {
		return err
	}
	l, err := net.Listen("tcp", Address().Addr().String()+":80")
	if err != nil {
		return err
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }))
	io.WriteString(start, "go\n")
	return other.Wait()
}

// untilFree waits until a port is nobody's any more.
func untilFree(ctx context.Context, network, address string) error {
	for {
		c, err := net.ListenPacket(network, address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// pc does what a PC does when it is plugged in.
func pc() error {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "set", "pc0", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("pc0: %s", out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	got, err := lease4(ctx)
	if err != nil {
		return fmt.Errorf("DHCP: %w", err)
	}
	ones, _ := got.SubnetMask().Size()
	address := fmt.Sprintf("%v/%d", got.YourIPAddr, ones)
	if out, err := exec.Command("ip", "address", "add", address, "dev", "pc0").CombinedOutput(); err != nil {
		return fmt.Errorf("address %s: %s", address, out)
	}
	card, err := net.InterfaceByName("pc0")
	if err != nil {
		return err
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		return err
	}
	resolver, err := mdns.NewServer(ipv4.NewPacketConn(conn), nil, mdns.WithInterfaces(*card))
	if err != nil {
		return err
	}
	defer resolver.Close()
	_, found, err := resolver.QueryAddr(ctx, Name)
	if err != nil {
		return fmt.Errorf("%s: %w", Name, err)
	}
	response, err := http.Get("http://" + found.String() + "/")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	fmt.Printf("%s from the board; %s is %v; read: %s\n", address, Name, found, page)
	return err
}

// lease4 asks for an address and takes what is offered.
func lease4(ctx context.Context) (*dhcpv4.DHCPv4, error) {
	conn, err := server4.NewIPv4UDPConn("pc0", &net.UDPAddr{IP: net.IPv4zero, Port: dhcpv4.ClientPort})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	exchange := func(m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, error) {
		for ctx.Err() == nil {
			if _, err := conn.WriteTo(m.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ServerPort}); err != nil {
				return nil, err
			}
			conn.SetReadDeadline(time.Now().Add(time.Second))
			buffer := make([]byte, 1500)
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				continue // ask again
			}
			if answer, err := dhcpv4.FromBytes(buffer[:n]); err == nil && answer.TransactionID == m.TransactionID {
				return answer, nil
			}
		}
		return nil, ctx.Err()
	}
	card, err := net.InterfaceByName("pc0")
	if err != nil {
		return nil, err
	}
	discover, err := dhcpv4.NewDiscovery(card.HardwareAddr, dhcpv4.WithBroadcast(true))
	if err != nil {
		return nil, err
	}
	offer, err := exchange(discover)
	if err != nil {
		return nil, err
	}
	request, err := dhcpv4.NewRequestFromOffer(offer, dhcpv4.WithBroadcast(true))
	if err != nil {
		return nil, err
	}
	return exchange(request)
}
