package desk

import (
	"context"
	"slices"
	"sync"

	"duostoryteller/app/story"
)

// Kept is how many stories of this session stay on the shelf: at some 2 KB a
// story, little beside the model.
const Kept = 20

// Shelf holds the stories told lately, by their IDs: no two stories have the same,
// so that an old page cannot mistake one for another.
type Shelf struct {
	mu      sync.Mutex
	books   []Book        // oldest first
	changed chan struct{} // closed and replaced when a story is added
}

// Book is a story on the shelf.
type Book struct {
	ID     string // the story's
	Engine string // that told it
	Story  *story.Story
}

// NewShelf returns an empty one.
func NewShelf() *Shelf { return &Shelf{changed: make(chan struct{})} }

// Add puts a story on the shelf unless it is there, or one in its place, and returns its
// book.
func (s *Shelf) Add(story *story.Story, engine string) Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.books {
		if b.Story == story {
			return b
		}
		if b.Story.InPlace == story { // it was faster
			return Book{story.ID, engine, story}
		}
	}
	// A card of an earlier version may have kept one with the same ID: it makes room.
	s.books = slices.DeleteFunc(s.books, func(b Book) bool { return b.ID == story.ID })
	b := Book{story.ID, engine, story}
	if len(s.books) == Kept {
		s.books = append(s.books[:0], s.books[1:]...)
	}
	s.books = append(s.books, b)
	close(s.changed)
	s.changed = make(chan struct{})
	return b
}

// Find returns the book with an ID.
func (s *Shelf) Find(id string) (Book, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.books {
		if b.ID == id {
			return b, true
		}
	}
	return Book{}, false
}

// Newest waits for a book newer than the one with the ID after ("": any).
func (s *Shelf) Newest(ctx context.Context, after string) (Book, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		if n := len(s.books); n > 0 && s.books[n-1].ID != after {
			defer s.mu.Unlock()
			return s.books[n-1], nil
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Book{}, ctx.Err()
		}
	}
}

// All returns the books, newest first.
func (s *Shelf) All() []Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	books := make([]Book, len(s.books))
	for i, b := range s.books {
		books[len(books)-1-i] = b
	}
	return books
}
