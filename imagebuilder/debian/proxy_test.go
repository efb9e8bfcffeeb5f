package debian

import (
	"net/http"
	"testing"
)

func TestProxy(t *testing.T) {
	t.Setenv("http_proxy", "")
	t.Setenv("https_proxy", "")
	proxy := aptProxy("Acquire \"\";\nAcquire::http::Proxy \"http://cache.example:3142/\";\nAcquire::http::Proxy::near.example \"DIRECT\";\nAcquire::HTTPS::Proxy::far.example \"http://far-cache.example\";\n")
	for address, want := range map[string]string{
		"http://deb.example/debian":   "http://cache.example:3142/",
		"http://near.example/debian":  "",
		"https://far.example/debian":  "http://far-cache.example",
		"https://deb.example/debian":  "http://cache.example:3142/", // as for http, see apt-transport-https(1)
		"https://near.example/debian": "",
		"http://near.example.org:80/": "http://cache.example:3142/",
	} {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if u, err := proxy(r); err != nil {
			t.Errorf("%s: %v", address, err)
		} else if u != nil {
			got = u.String()
		}
		if got != want {
			t.Errorf("proxy for %s = %q; want %q", address, got, want)
		}
	}
}
