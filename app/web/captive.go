package web

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
)

// A PC that has just been connected asks a web server of its maker's whether there is an
// Internet, and shows the page that it is sent to instead. This link names no router and no
// name server and takes no name for itself, so such a question comes here only from a PC
// that was set up so; it is then led to the page. What a PC is told without asking is where
// [CaptivePath] is, by DHCP.

// CaptivePath answers as the API of RFC 8908: nothing is held back, and there is a page to
// look at.
const CaptivePath = "/captive-portal"

// checks are the paths of those questions: Android's and ChromeOS's, Apple's, Windows',
// Firefox's, GNOME's and KDE's.
var checks = map[string]bool{
	"/generate_204": true, "/gen_204": true,
	"/hotspot-detect.html": true, "/library/test/success.html": true,
	"/connecttest.txt": true, "/ncsi.txt": true, "/redirect": true,
	"/canonical.html": true, "/success.txt": true,
	"/check_network_status.txt": true, "/nm-check.txt": true,
}

// lead sends a PC that asks for the Internet to the page, and tells whether it did.
func lead(w http.ResponseWriter, r *http.Request) bool {
	if !checks[r.URL.Path] || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	http.Redirect(w, r, here(r), http.StatusFound)
	return true
}

// here is the address of the page by which a request came.
func here(r *http.Request) string {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return "/"
	}
	host := a.IP.String()
	if a.Port != 80 {
		return "http://" + net.JoinHostPort(host, strconv.Itoa(a.Port)) + "/"
	}
	return "http://" + host + "/"
}

func captive(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/captive+json")
	json.NewEncoder(w).Encode(map[string]any{"captive": false, "venue-info-url": here(r)})
}
