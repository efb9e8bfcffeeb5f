// Package browser drives a headless Chromium for tests of the page.
package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
)

// Browser is a headless Chromium, driven through chromedriver with the
// commands of W3C WebDriver (https://www.w3.org/TR/webdriver2/).
type Browser struct {
	Patience time.Duration // of Wait and Click

	t       *testing.T
	session string // address of the session
}

// New starts a Chromium with a window of width x height CSS pixels, dark
// or light, or skips the test where there is none.
func New(t *testing.T, width, height int, dark bool) *Browser {
	t.Helper()
	driver, err := exec.LookPath("chromedriver")
	if err != nil {
		t.Skip("no chromedriver: apt-get install chromium chromium-driver runs this test")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium: apt-get install chromium chromium-driver runs this test")
	}
	// Nobody else takes the port in the moment between, or the test says so.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	command := exec.CommandContext(ctx, driver, fmt.Sprint("--port=", port))
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	profile := t.TempDir()
	b := &Browser{Patience: 20 * time.Second, t: t, session: fmt.Sprintf("http://127.0.0.1:%d/session", port)}
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir=" + profile, fmt.Sprintf("--window-size=%d,%d", width, height)}
	if dark {
		args = append(args, "--force-dark-mode", "--blink-settings=preferredColorScheme=0")
	}
	capabilities := map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"goog:chromeOptions": map[string]any{"binary": chromium, "args": args},
		"goog:loggingPrefs":  map[string]any{"browser": "ALL"},
	}}}
	var opened struct{ SessionID string }
	for {
		err = b.try("POST", "", capabilities, &opened)
		if err == nil || ctx.Err() != nil || !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err == nil {
		b.session += "/" + opened.SessionID
	}
	t.Cleanup(func() {
		if opened.SessionID != "" {
			b.try("DELETE", "", nil, nil)
		}
		cancel()
		command.Wait()
		os.RemoveAll(profile)
	})
	if err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return b
}

func (b *Browser) try(method, path string, body, value any) error {
	if body == nil {
		body = struct{}{}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if method != "POST" {
		text = nil
	}
	request, err := http.NewRequest(method, b.session+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct{ Value json.RawMessage }
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, answer.Value)
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, value)
}

func (b *Browser) do(method, path string, body, value any) {
	b.t.Helper()
	if err := b.try(method, path, body, value); err != nil {
		b.t.Fatal(err)
	}
}

// Open goes to an address.
func (b *Browser) Open(address string) {
	b.t.Helper()
	b.do("POST", "/url", map[string]any{"url": address}, nil)
}

// Reload loads the page again.
func (b *Browser) Reload() {
	b.t.Helper()
	b.do("POST", "/refresh", nil, nil)
}

// Resize gives the page a size in CSS pixels, as small as a phone's.
func (b *Browser) Resize(width, height int) {
	b.t.Helper()
	b.devTools("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
}

// devTools runs a command of the Chrome DevTools protocol.
func (b *Browser) devTools(command string, params any) {
	b.t.Helper()
	b.do("POST", "/goog/cdp/execute", map[string]any{"cmd": command, "params": params}, nil)
}

// element returns the address of the element that a CSS selector finds.
func (b *Browser) element(css string) string {
	b.t.Helper()
	var found map[string]string
	b.do("POST", "/element", map[string]any{"using": "css selector", "value": css}, &found)
	for _, id := range found {
		return "/element/" + id
	}
	b.t.Fatalf("no element %s", css)
	return ""
}

// Click clicks the element that a CSS selector finds, when it can be clicked: a page that
// has just been opened catches up with the story, and hides meanwhile what begins one.
func (b *Browser) Click(css string) {
	b.t.Helper()
	for end := time.Now().Add(b.Patience); ; time.Sleep(20 * time.Millisecond) {
		err := b.try("POST", b.element(css)+"/click", nil, nil)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "element not interactable") || time.Now().After(end) {
			b.t.Fatal(err)
		}
	}
}

// Press types keys into the element.
func (b *Browser) Press(css, keys string) {
	b.t.Helper()
	b.do("POST", b.element(css)+"/value", map[string]any{"text": keys}, nil)
}

// Keys types keys, which go where the focus is.
func (b *Browser) Keys(keys ...string) {
	b.t.Helper()
	var actions []map[string]string
	for _, key := range keys {
		actions = append(actions, map[string]string{"type": "keyDown", "value": key}, map[string]string{"type": "keyUp", "value": key})
	}
	b.do("POST", "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keyboard", "actions": actions}}}, nil)
}

// NewWindow opens another window, goes on there, and returns the one before.
func (b *Browser) NewWindow() (before string) {
	b.t.Helper()
	b.do("GET", "/window", nil, &before)
	var opened struct{ Handle string }
	b.do("POST", "/window/new", map[string]any{"type": "window"}, &opened)
	b.SwitchTo(opened.Handle)
	return before
}

// SwitchTo goes on in another window.
func (b *Browser) SwitchTo(window string) {
	b.t.Helper()
	b.do("POST", "/window", map[string]any{"handle": window}, nil)
}

// Eval runs the body of a JavaScript function and returns its value.
func (b *Browser) Eval(script string, value any) {
	b.t.Helper()
	b.do("POST", "/execute/sync", map[string]any{"script": script, "args": []any{}}, value)
}

// Wait waits until an expression is true in the page.
func (b *Browser) Wait(expression string) {
	b.t.Helper()
	for end := time.Now().Add(b.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if b.try("POST", "/execute/sync", map[string]any{"script": "return Boolean(" + expression + ")", "args": []any{}}, &ok) == nil && ok {
			return
		}
	}
	var page string
	b.Eval("return document.body.innerText", &page)
	b.t.Fatalf("the page never came to %s; it shows:\n%s", expression, page)
}

// Text returns what the element shows.
func (b *Browser) Text(css string) (text string) {
	b.t.Helper()
	b.do("GET", b.element(css)+"/text", nil, &text)
	return text
}

// Complaints returns what the page wrote to the browser's console as errors.
func (b *Browser) Complaints() (lines []string) {
	b.t.Helper()
	var log []struct{ Level, Message string }
	b.do("POST", "/se/log", map[string]any{"type": "browser"}, &log)
	for _, entry := range log {
		if entry.Level == "SEVERE" {
			lines = append(lines, entry.Message)
		}
	}
	return lines
}

// Downloads has files that the page saves go to a folder.
func (b *Browser) Downloads(dir string) {
	b.t.Helper()
	b.devTools("Browser.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": dir})
}

// Media shows the page as it is for a medium, "screen" or "print".
func (b *Browser) Media(medium string) {
	b.t.Helper()
	b.devTools("Emulation.setEmulatedMedia", map[string]any{"media": medium})
}

// StillMotion has the page know that who looks at it wants no movement.
func (b *Browser) StillMotion() {
	b.t.Helper()
	b.devTools("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-reduced-motion", "value": "reduce"}}})
}

// Node is one that a screen reader knows.
type Node struct {
	Role, Name string
	Focusable  bool
}

// Accessible returns what a screen reader finds in the page.
func (b *Browser) Accessible() (nodes []Node) {
	b.t.Helper()
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value any }
			Properties []struct {
				Name  string
				Value struct{ Value any }
			}
		}
	}
	b.do("POST", "/goog/cdp/execute", map[string]any{"cmd": "Accessibility.getFullAXTree", "params": map[string]any{}}, &tree)
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		node := Node{Role: fmt.Sprint(n.Role.Value)}
		if n.Name.Value != nil {
			node.Name = fmt.Sprint(n.Name.Value)
		}
		for _, p := range n.Properties {
			if p.Name == "focusable" {
				node.Focusable, _ = p.Value.Value.(bool)
			}
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// PDF returns the page as it is printed.
func (b *Browser) PDF() []byte {
	b.t.Helper()
	var printed struct{ Data []byte }
	b.do("POST", "/goog/cdp/execute", map[string]any{"cmd": "Page.printToPDF", "params": map[string]any{"printBackground": true}}, &printed)
	return printed.Data
}

// Screenshot saves the whole page as a PNG.
func (b *Browser) Screenshot(path string) {
	b.t.Helper()
	var shot struct{ Data []byte }
	b.do("POST", "/goog/cdp/execute", map[string]any{"cmd": "Page.captureScreenshot", "params": map[string]any{"captureBeyondViewport": true}}, &shot)
	if err := os.WriteFile(path, shot.Data, 0o666); err != nil {
		b.t.Fatal(err)
	}
}
