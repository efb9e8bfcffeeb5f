package web

import (
	"context"
	"slices"
	"sync"

	"duostoryteller/app/story"
)

// kept is how many stories of this session stay on the shelf: at some 2 KB a
// story, little beside the model.
const kept = 20

// shelf holds the stories told lately, by their IDs: no two stories have the same,
// so that an old page cannot mistake one for another.
type shelf struct {
	mu      sync.Mutex
	books   []book        // oldest first
	changed chan struct{} // closed and replaced when a story is added
}

// book is a story on the shelf.
type book struct {
	id     string
	engine string
	story  *story.Story
}

func newShelf() *shelf { return &shelf{changed: make(chan struct{})} }

// add puts a story on the shelf unless it is there, or one in its place, and returns its
// book.
func (s *shelf) add(story *story.Story, engine string) book {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.books {
		if b.story == story {
			return b
		}
		if b.story.InPlace == story { // it was faster
			return book{story.ID, engine, story}
		}
	}
	// A card of an earlier version may have kept one with the same ID: it makes room.
	s.books = slices.DeleteFunc(s.books, func(b book) bool { return b.id == story.ID })
	b := book{story.ID, engine, story}
	if len(s.books) == kept {
		s.books = append(s.books[:0], s.books[1:]...)
	}
	s.books = append(s.books, b)
	close(s.changed)
	s.changed = make(chan struct{})
	return b
}

// find returns the book with an ID.
func (s *shelf) find(id string) (book, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.books {
		if b.id == id {
			return b, true
		}
	}
	return book{}, false
}

// newest waits for a book newer than the one with the ID after ("": any).
func (s *shelf) newest(ctx context.Context, after string) (book, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		if n := len(s.books); n > 0 && s.books[n-1].id != after {
			defer s.mu.Unlock()
			return s.books[n-1], nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return book{}, ctx.Err()
		}
	}
}

// all returns the books, newest first.
func (s *shelf) all() []book {
	s.mu.Lock()
	defer s.mu.Unlock()
	books := make([]book, len(s.books))
	for i, b := range s.books {
		books[len(books)-1-i] = b
	}
	return books
}
