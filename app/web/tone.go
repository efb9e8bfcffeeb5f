package web

import (
	"fmt"
	"net/http"
	"strconv"

	"duostoryteller/app/voice"
)

// slowest is how slow a voice may be asked for: a sentence must fit into a clip.
const slowest = 0.6

// sample is what the page has the voice say to show how it sounds.
const sample = "Once upon a time, there was a little bear who loved stories."

// paramsOf reads ?rate= and ?pitch=, factors of the voice's own; each 1 if not given.
func paramsOf(r *http.Request) (voice.Params, error) {
	p := voice.Normal()
	q := r.URL.Query()
	for name, to := range map[string]*float64{"rate": &p.Rate, "pitch": &p.Pitch} {
		if !q.Has(name) {
			continue
		}
		x, err := strconv.ParseFloat(q.Get(name), 64)
		if err != nil {
			return p, fmt.Errorf("%s=%.20q is no number", name, q.Get(name))
		}
		*to = x
	}
	if p.Rate < slowest {
		return p, fmt.Errorf("rate %g: give a factor of at least %g", p.Rate, slowest)
	}
	return p, p.Check()
}

// hearSample streams a sentence that shows how the voice sounds.
func (s *Server) hearSample(w http.ResponseWriter, r *http.Request) {
	params, err := paramsOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.sendSpeech(w, r, "", 0, sample, params) // no story has an empty ID
}
