// Package dialog is what init, which owns the machine's console, and the
// storyteller, which it has started, say to each other: one JSON object a line
// in either direction.
//
// Init writes requests to the storyteller's standard input; an empty line stops
// the story and its reading aloud. The storyteller writes events to its standard
// output. What it writes to standard error goes the same way and is for people:
// a line that is no event.
//
// A story is a Begun, Texts, perhaps an Anew and Texts again, a Told and, once it was read aloud too, an Ended.
// Between stories an Alive comes every few seconds, so that silence always means
// a storyteller that hangs.
package dialog

import (
	"bytes"
	"encoding/json"
)

// Request asks for a story.
type Request struct {
	ID          string  `json:"id,omitempty"` // of the story, chosen by init: letters, digits, dashes; "": the storyteller draws one
	Prompt      string  `json:"prompt"`
	Seed        uint64  `json:"seed"`        // 0 for the clock
	Temperature float64 `json:"temperature"` // these mean what run.c's options mean
	TopP        float64 `json:"topp"`
	Steps       int     `json:"steps"`
	Exact       bool    `json:"exact,omitempty"` // this very story, whatever is in it: avoid.txt does not count
}

// CannotTell is the exit status of a storyteller that cannot tell stories and has said
// why: a file is damaged or does not fit, say. Started again it would say the same
// again. Every other end that was not asked for is a death. The number is EX_CONFIG of
// sysexits.h; Go's own, for a panic, is 2.
const CannotTell = 78

// Kinds of events. All but Alive carry the ID of the story, or of the request.
const (
	Begun   = "begun"   // a story, whoever asked for it: Seed
	Text    = "text"    // some of it: Text
	Anew    = "anew"    // it is left for what Error says; the Texts that follow begin another one: Seed
	Told    = "told"    // it has no more text: Speed, Stopped, Error
	Ended   = "ended"   // it was read aloud
	Refused = "refused" // a request: Error, Busy
	Alive   = "alive"
)

// Event is something that happened.
type Event struct {
	Kind    string  `json:"event"`
	ID      string  `json:"id,omitempty"`
	Seed    uint64  `json:"seed,omitempty"`
	Text    []byte  `json:"text,omitempty"`    // any bytes, thus in base64
	Speed   float64 `json:"speed,omitempty"`   // tokens a second; 0 if unknown
	Stopped bool    `json:"stopped,omitempty"` // by somebody
	Busy    bool    `json:"busy,omitempty"`    // refused for another story's sake, whose Begun and Ended come, or have just come
	Error   string  `json:"error,omitempty"`   // why a story broke off or was refused
}

// Line returns a request or an event as a line.
func Line[T Request | Event](v T) []byte {
	line, err := json.Marshal(v)
	if err != nil { // a temperature that is no number
		return []byte("\n")
	}
	return append(line, '\n')
}

// ParseRequest reads a line, which may be any.
func ParseRequest(line []byte) (Request, bool) {
	var r Request
	return r, bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &r) == nil
}

// ParseEvent reads a line, which may be any.
func ParseEvent(line []byte) (Event, bool) {
	var e Event
	return e, bytes.HasPrefix(line, []byte(`{"event":`)) && json.Unmarshal(line, &e) == nil && e.Kind != ""
}
