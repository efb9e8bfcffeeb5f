package web

import (
	"io"
	"net/http"
	"strings"

	"duostoryteller/app/opening"
)

// A row of pictures to pick one from: who, where or what happens.
type row struct {
	Name     string // of the field, and of what it is in /opening
	Label    string
	Own      string // what may be typed instead
	Pictures []picture
}

type picture struct{ Key, Label string }

// rows returns the pictures with their labels. Every row begins with a surprise.
func rows(labels map[string]string) []row {
	made := func(name, label, own string, choices []opening.Choice) row {
		r := row{name, label, own, []picture{{"surprise", labels["surprise"]}}}
		for _, c := range choices {
			r.Pictures = append(r.Pictures, picture{c.Key, labels[name+strings.ToUpper(c.Key[:1])+c.Key[1:]]})
		}
		return r
	}
	return []row{
		made("hero", labels["mineHero"], labels["mineHeroOwn"], opening.Heroes()),
		made("place", labels["minePlace"], labels["minePlaceOwn"], opening.Places()),
		made("event", labels["mineEvent"], labels["mineEventOwn"], opening.Events()),
	}
}

// makeOpening answers with how a story begins about what was picked or typed.
func makeOpening(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, opening.Chosen(q.Get("hero"), q.Get("name"), q.Get("place"), q.Get("event")).Text())
}
