package web

import "net/http"

// serveStartHere serves the page that opens without the board, too: it is on the
// card's FAT partition as START-HERE.html, and has its styles in itself.
func serveStartHere(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	http.ServeFileFS(w, r, assets, "assets/start-here.html")
}
