package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"duostoryteller/app/opening"
)

// labelFiles has a file a language, named by its tag (BCP 47) as far as browsers
// need it: de.json. English, the first, is the language of who speaks no other.
const labelFiles = "assets/labels"

const fallback = "en"

// readLabels returns the page's texts in a language that there is a file of.
func readLabels(language string) (map[string]string, error) {
	name := path.Join(labelFiles, language+".json")
	text, err := assets.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var labels map[string]string
	if err := json.Unmarshal(text, &labels); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return labels, nil
}

// languages lists the files' languages, the fallback first.
func languages() ([]string, error) {
	files, err := fs.Glob(assets, labelFiles+"/*.json")
	names := []string{fallback}
	for _, f := range files {
		if name := strings.TrimSuffix(path.Base(f), ".json"); name != fallback {
			names = append(names, name)
		}
	}
	return names, err
}

// preferred returns the one of the languages that who sent a request reads best: by
// ?lang=, else by the header Accept-Language (RFC 9110, 12.5.4). Of a tag the first
// part counts: somebody who reads zh-TW reads zh rather than English.
func preferred(r *http.Request, languages []string) string {
	if asked := r.URL.Query().Get("lang"); slices.Contains(languages, asked) {
		return asked
	}
	best, weight := languages[0], 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, parameter, _ := strings.Cut(strings.TrimSpace(part), ";")
		language, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				q = 0
			}
		}
		if q > weight && slices.Contains(languages, language) {
			best, weight = language, q
		}
	}
	return best
}

// pages makes the page in a language when it is first asked for: a board is
// seldom asked for more than one.
type pages struct {
	languages []string
	make      func(language string) ([]byte, error)

	mu   sync.Mutex
	made map[string][]byte
}

func (p *pages) page(language string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if page, ok := p.made[language]; ok {
		return page, nil
	}
	page, err := p.make(language)
	if err != nil {
		return nil, fmt.Errorf("the page in the language %s: %w", language, err)
	}
	p.made[language] = page
	return page, nil
}

// shown is what a page shows beside its labels.
type shown struct {
	Voice, Suites bool
	Version       string
	Small         bool
	Demo          []Download // of a page that a browser answers itself: [Demo]
}

func (s *Server) makePage(language string) ([]byte, error) {
	var names []string
	for _, e := range s.desk.Engines {
		names = append(names, e.Name)
	}
	return makePage(language, s.pages.languages, names, shown{s.voice != nil, s.suites != nil, s.version, s.small, nil}, nil)
}

// engineLabel is what the page calls an engine. One of a further model, MODEL/ENGINE, has
// the model's name before it.
func engineLabel(name string, labels map[string]string) string {
	model, engine, further := strings.Cut(name, "/")
	if !further {
		model, engine = "", name
	}
	label := cmp.Or(labels["engine"+strings.ToUpper(engine[:1])+engine[1:]], engine)
	if further {
		label = model + " · " + label
	}
	return label
}

// makePage fills the template with the labels, the one place of its texts. Beside them
// its scripts get what is in setup.
func makePage(language string, languages, engines []string, what shown, setup map[string]any) ([]byte, error) {
	labels, err := readLabels(language)
	if err != nil {
		return nil, err
	}
	if setup == nil {
		setup = map[string]any{}
	}
	setup["labels"] = labels
	script, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	type choice struct{ Name, Label string }
	var data struct {
		shown
		Language  string // of the labels, as their file is called
		Labels    map[string]string
		Setup     template.JS
		Opening   string
		Rows      []row
		Languages []choice // the others
		Engines   []choice
	}
	data.shown, data.Language = what, language
	data.Labels, data.Setup, data.Opening, data.Rows = labels, template.JS(script), opening.Plain, rows(labels)
	for _, l := range languages {
		if l == language {
			continue
		}
		other, err := readLabels(l)
		if err != nil {
			return nil, err
		}
		data.Languages = append(data.Languages, choice{l, other["languageName"]})
	}
	for _, name := range engines {
		data.Engines = append(data.Engines, choice{name, engineLabel(name, labels)})
	}
	t, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = t.Option("missingkey=error").Execute(&page, data)
	return page.Bytes(), err
}
