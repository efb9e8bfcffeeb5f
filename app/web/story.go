package web

import (
	"context"

	"duostoryteller/app/desk"
)

// What the page's requests and events are, whatever carries them.
type (
	Teller  = desk.Teller
	Engine  = desk.Engine
	Request = desk.Request
)

// watch puts an engine's stories on the shelf, whoever asked for them.
func (s *Server) watch(ctx context.Context, e Engine) {
	for begun := range e.Stories(ctx) {
		s.desk.Shelf.Add(begun, e.Name)
		if s.keeper != nil {
			go s.keepWhenTold(ctx, begun)
		}
	}
}
