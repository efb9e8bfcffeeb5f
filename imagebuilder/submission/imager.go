package submission

import (
	"bytes"
	"encoding/json"
	"path"
	"time"
)

// repository is what Raspberry Pi Imager lists in place of its own systems.
//
// Format: doc/json-schema/os-list-schema.json of github.com/raspberrypi/rpi-imager. Names
// stand in the order in which the schema has them.
type repository struct {
	Imager struct {
		Devices []device `json:"devices"`
	} `json:"imager"`
	Systems []system `json:"os_list"`
}

// device is a board that Imager asks for first.
type device struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Icon        string   `json:"icon"`
	Tags        []string `json:"tags"`
	Matching    string   `json:"matching_type"`
}

// system is an image to write.
type system struct {
	Name           string   `json:"name"`
	Description    string   `json:"description"`
	Icon           string   `json:"icon"`
	URL            string   `json:"url"`
	BlockMap       string   `json:"bmap_url"`
	ExtractSize    int64    `json:"extract_size"` // bytes
	ExtractSHA256  string   `json:"extract_sha256"`
	DownloadSize   int64    `json:"image_download_size"` // bytes
	DownloadSHA256 string   `json:"image_download_sha256"`
	ReleaseDate    string   `json:"release_date"`
	InitFormat     string   `json:"init_format"`
	Devices        []string `json:"devices"`
}

// Files of the folder that are Imager's. Imager opens files with this ending by itself.
const (
	imagerFile = "storyteller.rpi-imager-manifest"
	iconFile   = "icon.svg"
)

// imager writes Imager's file: addresses are within the folder at base.
func (s *submission) imager(base, packedSum string) ([]byte, error) {
	image := path.Base(s.manifest.Image.File)
	tag := s.manifest.Board
	var r repository
	r.Imager.Devices = []device{{
		Name: s.Title, Description: "The board that the card is for", Icon: base + iconFile, Tags: []string{tag}, Matching: "exclusive",
	}}
	description := "Makes up children's stories and reads them aloud"
	if !s.result.Firmware {
		description += "; without the vendor's firmware, for the emulator only"
	}
	r.Systems = []system{{
		Name: "Duo Storyteller " + s.Version, Description: description, Icon: base + iconFile,
		URL: base + image + ".xz", BlockMap: base + image + ".bmap",
		ExtractSize: s.manifest.Image.Size, ExtractSHA256: s.manifest.Image.SHA256,
		DownloadSize: s.result.Image, DownloadSHA256: packedSum,
		ReleaseDate: s.Released.UTC().Format(time.DateOnly),
		// The card is no Raspberry Pi's: Imager's own settings would be written for nobody.
		InitFormat: "none",
		Devices:    []string{tag},
	}}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(r)
	return out.Bytes(), err
}
