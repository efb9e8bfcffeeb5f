package web

import (
	"context"
	"errors"
	"time"
)

type Request struct {
	Prompt      string  `json:"prompt"`
	Temperature float64 `json:"temperature"`
	TopP        float64 `json:"topp"`
	Seed        uint32  `json:"seed"`
	Steps       int     `json:"steps"`
	Engine      string  `json:"engine"`
}

var ErrBusy = errors.New("busy")

type Stories interface {
	Tell(Request) (Story, error)
	Stop()
	Newest(ctx context.Context, after Story) (Story, error)
}
type End struct {
	Stopped, Cut bool
	Err          error
}
type Speed struct {
	TokensPerSecond float64
	FirstWord       time.Duration
}
type Story interface {
	Request() Request
	Next(ctx context.Context, cursor int) ([]string, *End, error)
	Speed() Speed
}

// watch puts every story on the shelf, wherever it was asked for.
func (s *Server) watch(ctx context.Context) {
	var story Story
	for {
		var err error
		if story, err = s.stories.Newest(ctx, story); err != nil {
			return
		}
		s.shelf.add(story)
	}
}
