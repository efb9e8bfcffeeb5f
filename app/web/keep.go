package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"duostoryteller/app/desk"
	"duostoryteller/app/results"
	"duostoryteller/app/story"
)

const (
	// KeptFile is the file in which the last stories survive a restart: JSON, the
	// oldest first.
	KeptFile = "stories.json"
	// KeptKB is how large it may be unless told otherwise, in KB: the oldest stories make
	// room.
	KeptKB = 64
	// MaxKeptKB is the most that it may be told.
	MaxKeptKB = 256
)

// keptStory is a story in that file.
type keptStory struct {
	ID      string   `json:"id"`
	Request Request  `json:"request"` // tells it again
	Text    string   `json:"text"`
	End     desk.End `json:"end"`
}

// keeper has the last stories in a file.
type keeper struct {
	dir  string
	size int // bytes of the file at most
	note func(string)
	busy chan struct{} // one token: one save at a time
	told bool          // that stories cannot be kept; it is said once
}

// keep writes the stories of the shelf that have ended, as many of the last ones as
// there is room for.
func (k *keeper) keep(s *desk.Shelf) {
	k.busy <- struct{}{}
	defer func() { <-k.busy }()
	var kept []keptStory
	left := k.size - len("[]\n")
	for _, b := range s.All() {
		end, ended := b.Story.End()
		told := desk.SoFar(b.Story)
		text := strings.Join(told.Pieces, "")
		if !ended || text == "" || desk.Avoided(end) {
			continue
		}
		one := keptStory{b.ID, b.Request(), text, desk.EndOf(end, len(told.Pieces))}
		line, err := json.Marshal(one)
		if left -= len(line) + len(",\n"); err != nil || left < 0 {
			break
		}
		kept = append(kept, one)
	}
	slices.Reverse(kept)
	if err := results.Write(k.dir, results.File{Name: KeptFile, Data: encodeKept(kept)}); err != nil && !k.told {
		k.told = true
		k.note(fmt.Sprintf("the stories will not be there after a restart: %v", err))
	}
}

// encodeKept writes one story a line.
func encodeKept(stories []keptStory) []byte {
	text := []byte("[")
	for i, s := range stories {
		if i > 0 {
			text = append(text, ",\n"...)
		}
		line, err := json.Marshal(s)
		if err != nil { // a temperature that is no number was never told
			continue
		}
		text = append(text, line...)
	}
	return append(text, "]\n"...)
}

// restore puts the stories of the file on the shelf.
func (k *keeper) restore(s *desk.Shelf) {
	f, err := os.Open(filepath.Join(k.dir, KeptFile))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var text []byte
	if err == nil {
		defer f.Close()
		text, err = io.ReadAll(io.LimitReader(f, MaxKeptKB<<10+1))
	}
	var stories []keptStory
	if err == nil {
		stories, err = decodeKept(text)
	}
	if err != nil {
		k.note(fmt.Sprintf("the stories told earlier are not shown: %s: %v", KeptFile, err))
		return
	}
	for _, t := range stories[max(0, len(stories)-desk.Kept):] {
		s.Add(t.story(), t.Request.Engine)
	}
}

// decodeKept reads the file's text, which a person may have changed. What is no
// story is left out.
func decodeKept(text []byte) ([]keptStory, error) {
	if len(text) > MaxKeptKB<<10 {
		return nil, fmt.Errorf("it is larger than %d KB; delete it", MaxKeptKB)
	}
	var stories []keptStory
	if err := json.Unmarshal(text, &stories); err != nil {
		return nil, fmt.Errorf("%w; delete it", err)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(stories, func(t keptStory) bool {
		bad := t.Text == "" || !utf8.ValidString(t.Text) || strings.ContainsRune(t.Text, 0) || !story.ValidID(t.ID) || seen[t.ID]
		seen[t.ID] = true
		return bad
	}), nil
}

// story makes a story again of what was kept.
func (t keptStory) story() *story.Story {
	r := t.Request.Story()
	r.ID = t.ID
	var end story.End
	switch {
	case t.End.Stopped:
		end.Err = context.Canceled
	case t.End.Error != "":
		end.Err = errors.New(t.End.Error)
	case !t.End.Cut:
		end.Stats.Tokens = 2 // with the end's, one more than pieces: see desk.EndOf
	default:
		end.Stats.Tokens = 1
	}
	return story.Restored(r, t.Text, end)
}

// keepWhenTold keeps the shelf's stories when a story has ended, unless ctx has.
func (s *Server) keepWhenTold(ctx context.Context, told *story.Story) {
	if _, err := told.Wait(ctx); err != nil {
		return
	}
	select { // the voice may just read its last sentences from the same card
	case <-time.After(keepPause):
		s.keeper.keep(s.desk.Shelf)
	case <-ctx.Done():
	}
}

// keepPause lets what follows a story's end have the card first.
const keepPause = 2 * time.Second
