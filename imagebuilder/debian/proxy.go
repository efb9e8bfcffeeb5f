package debian

import (
	"context"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
)

// Proxy returns how requests leave this machine: by the proxy that its apt is
// configured with, https as http unless it says otherwise, else by the one that the environment names.
func Proxy(ctx context.Context) func(*http.Request) (*url.URL, error) {
	dump, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil { // no apt, no configuration of it
		return http.ProxyFromEnvironment
	}
	return aptProxy(string(dump))
}

// aptProxy reads what apt-config dump says, apt.conf(5): Acquire::http::Proxy and
// Acquire::http::Proxy::HOST; DIRECT is none.
func aptProxy(dump string) func(*http.Request) (*url.URL, error) {
	conf := make(map[string]string)
	for line := range strings.Lines(dump) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if value = strings.Trim(value, `";`); ok && value != "" {
			conf[strings.ToLower(key)] = value
		}
	}
	return func(r *http.Request) (*url.URL, error) {
		schemes := []string{r.URL.Scheme}
		if r.URL.Scheme == "https" { // apt-transport-https(1): http's are the default
			schemes = append(schemes, "http")
		}
		for _, scheme := range schemes {
			for _, key := range []string{"acquire::" + scheme + "::proxy::" + r.URL.Hostname(), "acquire::" + scheme + "::proxy"} {
				switch value := conf[strings.ToLower(key)]; {
				case strings.EqualFold(value, "DIRECT"):
					return nil, nil
				case value != "":
					return url.Parse(value)
				}
			}
		}
		return http.ProxyFromEnvironment(r)
	}
}
