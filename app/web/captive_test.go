package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A PC that asks for the Internet is led to the page, by whatever name it asks; other names
// and other questions are refused as ever.
func TestCaptive(t *testing.T) {
	server := newTestServer(t, Options{Engines: one(newTeller(t, "x", 0))})
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, test := range []struct {
		method, host, path string
		status             int
	}{
		{"GET", "connectivitycheck.gstatic.com", "/generate_204", http.StatusFound},
		{"HEAD", "captive.apple.com", "/hotspot-detect.html", http.StatusFound},
		{"GET", "www.msftconnecttest.com", "/connecttest.txt", http.StatusFound},
		{"GET", "", "/canonical.html", http.StatusFound},
		{"POST", "captive.apple.com", "/hotspot-detect.html", http.StatusMisdirectedRequest},
		{"GET", "captive.apple.com", "/", http.StatusMisdirectedRequest},
		{"GET", "captive.apple.com", CaptivePath, http.StatusMisdirectedRequest},
	} {
		request, err := http.NewRequest(test.method, server.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = test.host
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.status || test.status == http.StatusFound && response.Header.Get("Location") != server.URL+"/" {
			t.Errorf("%s %s of %s: %s, to %q; want %d, to %s/", test.method, test.path, test.host, response.Status, response.Header.Get("Location"), test.status, server.URL)
		}
	}
	response, text := do(t, "GET", server.URL+CaptivePath, "")
	var answer struct {
		Captive *bool
		Page    string `json:"venue-info-url"`
	}
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&answer); err != nil || answer.Captive == nil || *answer.Captive ||
		answer.Page != server.URL+"/" || response.Header.Get("Content-Type") != "application/captive+json" {
		t.Errorf("%s %s, %s", response.Status, text, response.Header.Get("Content-Type"))
	}
}
