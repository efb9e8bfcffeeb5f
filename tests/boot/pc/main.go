//go:build linux

// Pc stands in for the PC at the other end of the board's USB cable, in a machine whose
// kernel has a USB device controller and a host wired to each other. Started from the
// machine's shell it leaves a process behind, which waits until the host has found the
// board, takes its network card into a network of its own, gets an address from the
// board and reads the board's page, then types at the board's serial port. It says what
// it saw, a line each that begins with "pc: ".
//
// The storyteller rests while somebody uses the shell: hence the process behind it.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"golang.org/x/sys/unix"
)

const patience = 2 * time.Minute

func main() {
	role := "start"
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	var err error
	switch role {
	case "start": // leaves the host behind
		_, err = os.StartProcess("/proc/self/exe", []string{os.Args[0], "host"}, &os.ProcAttr{
			Env: append(os.Environ(), "GOGC=20"), Files: []*os.File{nil, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Setsid: true}})
	case "host":
		err = host()
	case "network":
		err = network(os.Args[2])
	}
	if err != nil {
		fmt.Printf("pc: error: %v\n", err)
		os.Exit(1)
	}
}

// host looks at the board, and hands its network card to a process in another network.
func host() error {
	card, err := find("/sys/class/net/*/device/driver", "cdc_ncm")
	if err != nil {
		return err
	}
	function, err := filepath.EvalSymlinks(filepath.Join("/sys/class/net", card, "device"))
	if err != nil {
		return err
	}
	device := filepath.Dir(function)
	var facts []string
	for _, name := range []string{"idVendor", "idProduct", "bcdDevice", "product", "speed"} {
		text, err := os.ReadFile(filepath.Join(device, name))
		if err != nil {
			return err
		}
		facts = append(facts, name+" "+strings.TrimSpace(string(text)))
	}
	fmt.Println("pc: found", strings.Join(facts, ", "))

	child := exec.Command("/proc/self/exe", "network", card)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	begin, err := child.StdinPipe()
	if err != nil {
		return err
	}
	if err := child.Start(); err != nil {
		return err
	}
	if err := move(card, child.Process.Pid); err != nil {
		return fmt.Errorf("%s into the PC's network: %w", card, err)
	}
	io.WriteString(begin, "go\n")
	if err := child.Wait(); err != nil {
		return err
	}
	port, err := find("/sys/class/tty/ttyACM*/device/driver", "cdc_acm")
	if err != nil {
		return err
	}
	return typeAt("/dev/" + port)
}

// find waits for a device that a driver has taken, and returns its name.
func find(pattern, driver string) (string, error) {
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(100 * time.Millisecond) {
		links, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && filepath.Base(target) == driver {
				return filepath.Base(filepath.Dir(filepath.Dir(link))), nil
			}
		}
	}
	return "", fmt.Errorf("the host has no device for its driver %s", driver)
}

// move gives a network card to the network of a process (rtnetlink(7)).
func move(card string, pid int) error {
	c, err := net.InterfaceByName(card)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const size = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg + unix.SizeofRtAttr + 4
	m := make([]byte, 0, size)
	u16 := func(v uint16) { m = append(m, byte(v), byte(v>>8)) }
	u32 := func(v uint32) { u16(uint16(v)); u16(uint16(v >> 16)) }
	u32(size)
	u16(unix.RTM_NEWLINK)
	u16(unix.NLM_F_REQUEST | unix.NLM_F_ACK)
	u32(1) // sequence
	u32(0)
	u32(0) // family, type
	u32(uint32(c.Index))
	u32(0)
	u32(0) // flags and which of them
	u16(unix.SizeofRtAttr + 4)
	u16(unix.IFLA_NET_NS_PID)
	u32(uint32(pid))
	if err := unix.Sendto(fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseNetlinkMessage(answer[:n])
	if err != nil || len(messages) == 0 || messages[0].Header.Type != unix.NLMSG_ERROR || len(messages[0].Data) < 4 {
		return errors.New("the kernel gives no answer")
	}
	d := messages[0].Data
	if code := int32(uint32(d[0]) | uint32(d[1])<<8 | uint32(d[2])<<16 | uint32(d[3])<<24); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// network does what a PC does with a new network card.
func network(card string) error {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	if err := configure(card, nil, nil); err != nil {
		return fmt.Errorf("%s: %w", card, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	lease, err := ask(ctx, card)
	if err != nil {
		return fmt.Errorf("DHCP: %w", err)
	}
	if err := configure(card, lease.YourIPAddr.To4(), lease.SubnetMask()); err != nil {
		return fmt.Errorf("%s: %w", card, err)
	}
	fmt.Printf("pc: address %v from %v\n", lease.YourIPAddr, lease.ServerIdentifier())
	status, page, err := read(ctx, "http://192.168.42.1/")
	if err != nil {
		return err
	}
	_, title, _ := strings.Cut(string(page), "<title>")
	title, _, _ = strings.Cut(title, "</title>")
	fmt.Printf("pc: page %s, %d bytes, titled %q\n", status, len(page), title)
	return nil
}

// read reads a page, as soon as somebody serves it.
func read(ctx context.Context, address string) (status string, page []byte, err error) {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return "", nil, err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			defer response.Body.Close()
			page, err := io.ReadAll(response.Body)
			return response.Status, page, err
		}
		select {
		case <-ctx.Done():
			return "", nil, err
		case <-time.After(time.Second):
		}
	}
}

// configure switches a card on, with an address if one is given.
func configure(card string, address net.IP, mask net.IPMask) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(card)
	if err != nil {
		return err
	}
	for _, a := range []struct {
		request uint
		value   []byte
	}{{unix.SIOCSIFADDR, address}, {unix.SIOCSIFNETMASK, mask}} {
		if a.value == nil {
			continue
		}
		if err := r.SetInet4Addr(a.value); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(fd, a.request, r); err != nil {
			return err
		}
	}
	r.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}

// ask gets an address by DHCP.
func ask(ctx context.Context, card string) (*dhcpv4.DHCPv4, error) {
	conn, err := server4.NewIPv4UDPConn(card, &net.UDPAddr{IP: net.IPv4zero, Port: dhcpv4.ClientPort})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c, err := net.InterfaceByName(card)
	if err != nil {
		return nil, err
	}
	exchange := func(m *dhcpv4.DHCPv4, err error) (*dhcpv4.DHCPv4, error) {
		for err == nil && ctx.Err() == nil {
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
		return nil, errors.Join(err, ctx.Err())
	}
	offer, err := exchange(dhcpv4.NewDiscovery(c.HardwareAddr, dhcpv4.WithBroadcast(true)))
	if err != nil {
		return nil, err
	}
	return exchange(dhcpv4.NewRequestFromOffer(offer, dhcpv4.WithBroadcast(true)))
}

// typeAt types a command at the board's serial port, and reads what it answers.
func typeAt(port string) error {
	fd, err := unix.Open(port, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", port, err)
	}
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("%s: %w", port, err)
	}
	// Raw, or the board's own echo would come back to it.
	mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, mode); err != nil {
		return fmt.Errorf("%s: %w", port, err)
	}
	file := os.NewFile(uintptr(fd), port)
	defer file.Close()
	var said strings.Builder
	for begun := time.Now(); time.Since(begun) < patience; {
		if _, err := file.WriteString("help\r"); err != nil {
			return err
		}
		file.SetReadDeadline(time.Now().Add(3 * time.Second))
		for buffer := make([]byte, 1024); ; {
			n, err := file.Read(buffer)
			said.Write(buffer[:n])
			if err != nil {
				break
			}
		}
		if strings.Contains(said.String(), "tell [OPTIONS]") {
			fmt.Println("pc: typed at the board's console, which answered")
			return nil
		}
	}
	return fmt.Errorf("%s: the board's console said only %q", port, said.String())
}
