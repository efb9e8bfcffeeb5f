package usbnet

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"duostoryteller/app/web"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestGadget(t *testing.T) {
	configfs := t.TempDir()
	dir := filepath.Join(configfs, "storyteller")
	write(t, filepath.Join(dir, "functions/ncm.usb0/ifname"), "usb0\n") // the kernel's part
	for range 2 {                                                       // a restarted program finds it made
		card, err := gadget(configfs, "4340000.usb", "card 1")
		if err != nil || card != "usb0" {
			t.Fatalf("gadget() = %q, %v; want usb0", card, err)
		}
	}
	for path, want := range map[string]string{
		"UDC":             "4340000.usb",
		"idVendor":        "0x1d6b",
		"bDeviceClass":    "0xef",
		"os_desc/qw_sign": "MSFT100",
		"functions/ncm.usb0/os_desc/interface.ncm/compatible_id": "WINNCM",
		"functions/ncm.usb0/dev_addr":                            hardwareAddress("board", "card 1").String(),
		"configs/c.1/ncm.usb0/ifname":                            "usb0\n", // through the link
		"os_desc/c.1/MaxPower":                                   "500",
	} {
		if got := read(t, filepath.Join(dir, path)); got != want {
			t.Errorf("%s = %q; want %q", path, got, want)
		}
	}
	if target, err := os.Readlink(filepath.Join(dir, "configs/c.1/acm.usb0")); err != nil || target != filepath.Join(dir, "functions/acm.usb0") {
		t.Errorf("the serial port is at %q, %v", target, err)
	}
}

// A gadget that was made but not handed over, as after a crash, is completed.
func TestGadgetHalfMade(t *testing.T) {
	configfs := t.TempDir()
	dir := filepath.Join(configfs, "storyteller")
	write(t, filepath.Join(dir, "functions/ncm.usb0/ifname"), "usb0\n")
	if _, err := gadget(configfs, "a", "x"); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "UDC"), "\n")
	if _, err := gadget(configfs, "b", "x"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir, "UDC")); got != "b" {
		t.Errorf("UDC = %q; want b", got)
	}
}

func TestGadgetFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	if _, err := gadget(file, "udc", "x"); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("gadget in a file = %v; want an error of one line", err)
	}
}

func TestHardwareAddress(t *testing.T) {
	seen := map[string]bool{}
	for _, identity := range []string{"1", "2", ""} {
		for _, end := range []string{"board", "pc"} {
			a := hardwareAddress(end, identity)
			if a[0]&3 != 2 {
				t.Errorf("%v is not a locally administered address of one station", a)
			}
			if seen[a.String()] {
				t.Errorf("%v twice", a)
			}
			seen[a.String()] = true
			if again := hardwareAddress(end, identity); again.String() != a.String() {
				t.Errorf("hardwareAddress(%q, %q) = %v, then %v", end, identity, a, again)
			}
		}
	}
}

// Windows remembers a device by these three numbers, so they are no other gadget's, and
// others as soon as the device says something else of itself.
func TestDeviceNumber(t *testing.T) {
	a := []attribute{{"idVendor", "0x1d6b"}}
	number := deviceNumber(a, "ncm")
	if !regexp.MustCompile(`^0x[0-9]{4}$`).MatchString(number) || number == "0x0100" {
		t.Errorf("deviceNumber() = %q; want four decimal digits, and not those of other gadgets", number)
	}
	if again := deviceNumber(a, "ncm"); again != number {
		t.Errorf("deviceNumber() = %s, then %s", number, again)
	}
	for _, other := range []string{deviceNumber(a, "rndis"), deviceNumber(append(a, attribute{"os_desc/use", "1"}), "ncm")} {
		if other == number {
			t.Errorf("another device has the number %s, too", other)
		}
	}
}

func TestIdentity(t *testing.T) {
	root := t.TempDir()
	if got := identity(root); got == "" {
		t.Error("a board without a card has no identity")
	}
	write(t, filepath.Join(root, "sys/block/mmcblk0/device/cid"), "035344534330348071\n")
	if got := identity(root); got != "035344534330348071" {
		t.Errorf("identity = %q", got)
	}
}

func TestAnswerDHCP(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	message := func(kind dhcpv4.MessageType, options ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
		m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithMessageType(kind), dhcpv4.WithHwAddr(mac)}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	ours, other := net.IPv4(192, 168, 42, 2), net.IPv4(10, 0, 0, 7)
	for _, test := range []struct {
		name string
		m    *dhcpv4.DHCPv4
		want dhcpv4.MessageType // none: no answer
	}{
		{"discover", message(dhcpv4.MessageTypeDiscover), dhcpv4.MessageTypeOffer},
		{"discover, wants another", message(dhcpv4.MessageTypeDiscover, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(other))), dhcpv4.MessageTypeOffer},
		{"request", message(dhcpv4.MessageTypeRequest, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ours))), dhcpv4.MessageTypeAck},
		{"request of another", message(dhcpv4.MessageTypeRequest, dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(other))), dhcpv4.MessageTypeNak},
		{"request of another server", message(dhcpv4.MessageTypeRequest, dhcpv4.WithOption(dhcpv4.OptServerIdentifier(other))), dhcpv4.MessageTypeNone},
		{"renewal", message(dhcpv4.MessageTypeRequest, dhcpv4.WithClientIP(ours)), dhcpv4.MessageTypeAck},
		{"release", message(dhcpv4.MessageTypeRelease), dhcpv4.MessageTypeNone},
		{"an answer", message(dhcpv4.MessageTypeOffer, func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootReply }), dhcpv4.MessageTypeNone},
	} {
		answer := answerDHCP(test.m)
		if answer == nil {
			if test.want != dhcpv4.MessageTypeNone {
				t.Errorf("%s: no answer; want %v", test.name, test.want)
			}
			continue
		}
		if got := answer.MessageType(); got != test.want {
			t.Errorf("%s: %v; want %v", test.name, got, test.want)
		}
		if answer.TransactionID != test.m.TransactionID || answer.ClientHWAddr.String() != mac.String() {
			t.Errorf("%s: an answer to somebody else: %v", test.name, answer)
		}
		if answer.Router() != nil || answer.DNS() != nil {
			t.Errorf("%s: a router or name server in %v; the PC must keep its own", test.name, answer)
		}
		if test.want == dhcpv4.MessageTypeNak {
			continue
		}
		if ones, _ := answer.SubnetMask().Size(); !answer.YourIPAddr.Equal(ours) || ones != 24 || answer.IPAddressLeaseTime(0) != lease {
			t.Errorf("%s: %v", test.name, answer.Summary())
		}
	}
}

// A PC that asks where it can read of a page is told; nobody else is.
func TestPageHint(t *testing.T) {
	if !strings.HasSuffix(pageHint(), web.CaptivePath) {
		t.Errorf("%s is told; the page answers at %s", pageHint(), web.CaptivePath)
	}
	for _, asks := range []bool{true, false} {
		options := []dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover), dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 1})}
		want := ""
		if asks {
			options = append(options, dhcpv4.WithRequestedOptions(dhcpv4.OptionURL))
			want = "http://192.168.42.1/captive-portal"
		}
		m, err := dhcpv4.New(options...)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(answerDHCP(m).Options.Get(dhcpv4.OptionURL)); got != want {
			t.Errorf("asked: %v; told %q, want %q", asks, got, want)
		}
	}
}

func FuzzAnswerDHCP(f *testing.F) {
	m, err := dhcpv4.NewDiscovery(net.HardwareAddr{2, 0, 0, 0, 0, 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.ToBytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := dhcpv4.FromBytes(data)
		if err != nil {
			return
		}
		if answer := answerDHCP(m); answer != nil {
			if answer.Router() != nil || answer.DNS() != nil || answer.OpCode != dhcpv4.OpcodeBootReply {
				t.Errorf("answer %v", answer)
			}
			answer.ToBytes()
		}
	})
}
