// Package manifest says what an image is made of: every component with its
// name, version, source, hash and licence.
package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Manifest describes one image. Its JSON depends on the contents alone.
type Manifest struct {
	Image      Image       `json:"image"`
	Version    string      `json:"version"` // of the project; package version
	Board      string      `json:"board"`
	BuiltWith  []string    `json:"built_with"` // compilers and linkers, by version
	Components []Component `json:"components"`
}

// Image is the card.
type Image struct {
	File      string `json:"file"`
	Size      int64  `json:"size"` // bytes
	SHA256    string `json:"sha256"`
	Signature string `json:"disk_signature"`
	RootUUID  string `json:"root_partuuid"`
	// Parts is the SHA-256 of what Manifest.Parts returned for the card, which has
	// it as a file; results that were made on the card name it.
	Parts string `json:"parts_sha256"`
}

// FATFile is the kind of what lies in the FAT partition and has none of its own.
const FATFile = "file in the FAT partition"

// Component is one part of an image.
type Component struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // program, go module, kernel, model, firmware, ...
	Version string `json:"version,omitempty"`
	Source  string `json:"source,omitempty"`
	// Hash is "sha256:" and hexadecimal digits of the file named by Name or
	// Source, or a Go module's "h1:" hash as in go.sum.
	Hash    string `json:"hash,omitempty"`
	Licence string `json:"licence"` // SPDX expression
	Note    string `json:"note,omitempty"`
}

// JSON returns the manifest, its components sorted by kind, name and version.
func (m Manifest) JSON() ([]byte, error) {
	if err := m.sort(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	return append(text, '\n'), err
}

// Parts returns the manifest without the image, which can thus be in the image.
func (m Manifest) Parts() ([]byte, error) {
	if err := m.sort(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(struct {
		Version    string      `json:"version"`
		Board      string      `json:"board"`
		BuiltWith  []string    `json:"built_with"`
		Components []Component `json:"components"`
	}{m.Version, m.Board, m.BuiltWith, m.Components}, "", "  ")
	return append(text, '\n'), err
}

// sort replaces the components by sorted ones, and checks them.
func (m *Manifest) sort() error {
	for _, c := range m.Components {
		if c.Name == "" || c.Kind == "" || c.Licence == "" {
			return fmt.Errorf("manifest: component %+v lacks a name, a kind or a licence", c)
		}
	}
	m.Components = slices.Clone(m.Components)
	slices.SortFunc(m.Components, func(a, b Component) int {
		return strings.Compare(a.Kind+"\x00"+a.Name+"\x00"+a.Version, b.Kind+"\x00"+b.Name+"\x00"+b.Version)
	})
	return nil
}
