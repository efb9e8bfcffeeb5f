package web

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
	"syscall"
	"testing"
	"time"
)

// browser is a headless Chromium, driven through chromedriver with the
// commands of W3C WebDriver (https://www.w3.org/TR/webdriver2/).
type browser struct {
	t       *testing.T
	session string // address of the session
}

// newBrowser starts a Chromium with a window of width x height CSS pixels, dark
// or light, or skips the test where there is none.
func newBrowser(t *testing.T, width, height int, dark bool) *browser {
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
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	command := exec.CommandContext(ctx, driver, fmt.Sprint("--port=", port))
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	profile := t.TempDir()
	b := &browser{t: t, session: fmt.Sprintf("http://127.0.0.1:%d/session", port)}
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

func (b *browser) try(method, path string, body, value any) error {
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

func (b *browser) do(method, path string, body, value any) {
	b.t.Helper()
	if err := b.try(method, path, body, value); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(address string) {
	b.t.Helper()
	b.do("POST", "/url", map[string]any{"url": address}, nil)
}

func (b *browser) reload() {
	b.t.Helper()
	b.do("POST", "/refresh", nil, nil)
}

// resize gives the page a size in CSS pixels, as small as a phone's.
func (b *browser) resize(width, height int) {
	b.t.Helper()
	b.devTools("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
}

// devTools runs a command of the Chrome DevTools protocol.
func (b *browser) devTools(command string, params any) {
	b.t.Helper()
	b.do("POST", "/goog/cdp/execute", map[string]any{"cmd": command, "params": params}, nil)
}

// element returns the address of the element that a CSS selector finds.
func (b *browser) element(css string) string {
	b.t.Helper()
	var found map[string]string
	b.do("POST", "/element", map[string]any{"using": "css selector", "value": css}, &found)
	for _, id := range found {
		return "/element/" + id
	}
	b.t.Fatalf("no element %s", css)
	return ""
}

func (b *browser) click(css string) {
	b.t.Helper()
	b.do("POST", b.element(css)+"/click", nil, nil)
}

// press types keys into the element.
func (b *browser) press(css, keys string) {
	b.t.Helper()
	b.do("POST", b.element(css)+"/value", map[string]any{"text": keys}, nil)
}

// keys types keys, which go where the focus is.
func (b *browser) keys(keys ...string) {
	b.t.Helper()
	var actions []map[string]string
	for _, key := range keys {
		actions = append(actions, map[string]string{"type": "keyDown", "value": key}, map[string]string{"type": "keyUp", "value": key})
	}
	b.do("POST", "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keyboard", "actions": actions}}}, nil)
}

// newWindow opens another window, goes on there, and returns the one before.
func (b *browser) newWindow() (before string) {
	b.t.Helper()
	b.do("GET", "/window", nil, &before)
	var opened struct{ Handle string }
	b.do("POST", "/window/new", map[string]any{"type": "window"}, &opened)
	b.switchTo(opened.Handle)
	return before
}

func (b *browser) switchTo(window string) {
	b.t.Helper()
	b.do("POST", "/window", map[string]any{"handle": window}, nil)
}

// eval runs the body of a JavaScript function and returns its value.
func (b *browser) eval(script string, value any) {
	b.t.Helper()
	b.do("POST", "/execute/sync", map[string]any{"script": script, "args": []any{}}, value)
}

// wait waits until an expression is true in the page.
func (b *browser) wait(expression string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if b.try("POST", "/execute/sync", map[string]any{"script": "return Boolean(" + expression + ")", "args": []any{}}, &ok) == nil && ok {
			return
		}
	}
	var page string
	b.eval("return document.body.innerText", &page)
	b.t.Fatalf("the page never came to %s; it shows:\n%s", expression, page)
}

func (b *browser) text(css string) (text string) {
	b.t.Helper()
	b.do("GET", b.element(css)+"/text", nil, &text)
	return text
}

// complaints returns what the page wrote to the browser's console as errors.
func (b *browser) complaints() (lines []string) {
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

// screenshot saves the whole page as a PNG.
func (b *browser) screenshot(path string) {
	b.t.Helper()
	var shot struct{ Data []byte }
	b.do("POST", "/goog/cdp/execute", map[string]any{"cmd": "Page.captureScreenshot", "params": map[string]any{"captureBeyondViewport": true}}, &shot)
	if err := os.WriteFile(path, shot.Data, 0o666); err != nil {
		b.t.Fatal(err)
	}
}
