package submission

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// faults holds a repository file against the rules of Imager's schema (draft 7), in
// doc/json-schema/os-list-schema.json of github.com/raspberrypi/rpi-imager, for a file that
// lists images alone: names that must be there, their types, and what may be said. The
// forms of dates, hashes and addresses are what the schema tells in words.
func faults(text []byte) (all []string) {
	fault := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	var top map[string]any
	if err := json.Unmarshal(text, &top); err != nil {
		return []string{err.Error()}
	}
	for name := range top {
		if name != "imager" && name != "os_list" { // additionalProperties is false
			fault("%s at the top", name)
		}
	}
	is := func(what string, value any, kind string) bool {
		ok := false
		switch kind {
		case "string":
			_, ok = value.(string)
		case "boolean":
			_, ok = value.(bool)
		case "integer":
			n, number := value.(float64)
			ok = number && n == float64(int64(n)) && n > 0
		case "strings":
			list, array := value.([]any)
			ok = array && !slices.ContainsFunc(list, func(v any) bool { _, ok := v.(string); return !ok })
		}
		if !ok {
			fault("%s is %v, no %s", what, value, kind)
		}
		return ok
	}
	// object checks an object's properties; those that are not required may be missing.
	object := func(what string, value any, required []string, kinds map[string]string) map[string]any {
		o, ok := value.(map[string]any)
		if !ok {
			fault("%s is no object", what)
			return nil
		}
		for _, name := range required {
			if _, ok := o[name]; !ok {
				fault("%s lacks %s", what, name)
			}
		}
		for name, v := range o {
			if kind, known := kinds[name]; !known {
				fault("%s has %s, which the schema does not explain", what, name)
			} else {
				is(what+"'s "+name, v, kind)
			}
		}
		return o
	}
	form := func(what string, value any, pattern string) {
		if s, ok := value.(string); ok && !regexp.MustCompile(pattern).MatchString(s) {
			fault("%s is %q", what, s)
		}
	}
	tags := map[any]bool{}
	if imager, ok := top["imager"].(map[string]any); ok {
		devices, _ := imager["devices"].([]any)
		for i, d := range devices {
			what := fmt.Sprintf("device %d", i)
			o := object(what, d, []string{"name", "description", "tags"}, map[string]string{"name": "string", "description": "string", "icon": "string",
				"tags": "strings", "matching_type": "string", "architecture": "string", "capabilities": "strings"})
			form(what+"'s matching_type", o["matching_type"], `^(exclusive|inclusive)$`)
			list, _ := o["tags"].([]any)
			for _, tag := range list {
				tags[tag] = true
			}
		}
	}
	systems, ok := top["os_list"].([]any)
	if !ok || len(systems) == 0 {
		fault("os_list is no list of systems")
	}
	for i, v := range systems {
		what := fmt.Sprintf("system %d", i)
		o := object(what, v,
			[]string{"name", "description", "icon", "url", "extract_size", "extract_sha256", "image_download_size", "release_date", "devices"},
			map[string]string{"name": "string", "description": "string", "icon": "string", "url": "string", "extract_size": "integer", "extract_sha256": "string",
				"image_download_size": "integer", "release_date": "string", "init_format": "string", "devices": "strings", "website": "string", "architecture": "string",
				"capabilities": "strings", "bmap_url": "string", "random": "boolean", "tooltip": "string", "enable_rpi_connect": "boolean",
				"image_download_sha256": "string"}) // only in the schema's example, and in Imager's source
		form(what+"'s init_format", o["init_format"], `^(|systemd|cloudinit|cloudinit-rpi|rpi-preseed|none)$`)
		form(what+"'s release_date", o["release_date"], `^\d{4}-\d\d-\d\d$`)
		for _, sum := range []string{"extract_sha256", "image_download_sha256"} {
			form(what+"'s "+sum, o[sum], `^[0-9a-f]{64}$`)
		}
		form(what+"'s url", o["url"], `\.(zip|gz|xz)$`)
		for _, address := range []string{"url", "icon", "bmap_url"} {
			form(what+"'s "+address, o[address], `^(https?://[^/]+/|file:).`)
		}
		list, _ := o["devices"].([]any)
		for _, tag := range list {
			if !tags[tag] { // Imager would show it for no board
				fault("%s is for the device %v, which the file does not have", what, tag)
			}
		}
	}
	return all
}

// TestImager writes the file as for the web, and holds it against the schema and the image.
func TestImager(t *testing.T) {
	o := built(t)
	o.URL, o.Title, o.Released = "https://example.org/a b/storyteller", "Milk-V Duo <64 MB>", time.Date(2026, 3, 1, 1, 0, 0, 0, time.FixedZone("", 7200))
	r, err := Write(t.Context(), o)
	check(t, err)
	text := read(t, r.Folder, imagerFile)
	if all := faults(text); all != nil {
		t.Errorf("%s\nis not as the schema has it: %q", text, all)
	}
	var list repository
	check(t, json.Unmarshal(text, &list))
	packed, image := read(t, r.Folder, "storyteller.img.xz"), unpack(t, read(t, r.Folder, "storyteller.img.xz"))
	const base = "https://example.org/a%20b/storyteller/"
	want := system{
		Name: "Duo Storyteller " + o.Version, Description: list.Systems[0].Description, Icon: base + "icon.svg", URL: base + "storyteller.img.xz", BlockMap: base + "storyteller.img.bmap",
		ExtractSize: int64(len(image)), ExtractSHA256: sumOf(image), DownloadSize: int64(len(packed)), DownloadSHA256: sumOf(packed),
		ReleaseDate: "2026-02-28", InitFormat: "none", Devices: []string{"test"},
	}
	if got := list.Systems[0]; len(list.Systems) != 1 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("system = %+v; want %+v", got, want)
	}
	if !strings.Contains(want.Description, "emulator only") || !strings.Contains(string(text), o.Title) {
		t.Errorf("%s\ndoes not say that this card has no firmware, or for which board it is", text)
	}
	if page := string(read(t, r.Folder, "readme.md")); !strings.Contains(page, "rpi-imager --repo "+base+imagerFile) || strings.Contains(page, "sed ") {
		t.Errorf("readme.md does not say how Imager finds the file on the web:\n%s", page)
	}
}

// TestImagerHere does what the readme says of a folder that is on no web server.
func TestImagerHere(t *testing.T) {
	o := built(t)
	o.Icon = []byte("<svg/>")
	r, err := Write(t.Context(), o)
	check(t, err)
	if all := faults(read(t, r.Folder, imagerFile)); all != nil {
		t.Errorf("not as the schema has it: %q", all)
	}
	line := regexp.MustCompile(`(?m)^    (sed .*)$`).FindStringSubmatch(string(read(t, r.Folder, "readme.md")))
	if line == nil {
		t.Fatal("readme.md has no line with sed")
	}
	cmd := exec.Command("sh", "-c", line[1])
	cmd.Dir = r.Folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line[1], err, out)
	}
	text := read(t, r.Folder, "here.rpi-imager-manifest")
	if all := faults(text); all != nil {
		t.Errorf("%s\nis not as the schema has it: %q", text, all)
	}
	var list repository
	check(t, json.Unmarshal(text, &list))
	for _, address := range []string{list.Systems[0].URL, list.Systems[0].Icon, list.Systems[0].BlockMap, list.Imager.Devices[0].Icon} {
		u, err := url.Parse(address)
		check(t, err)
		if _, err := os.Stat(u.Path); err != nil || u.Scheme != "file" || filepath.Dir(u.Path) != r.Folder {
			t.Errorf("%s is no file of %s: %v", address, r.Folder, err)
		}
	}
}

// TestFaults has the rules find what is wrong.
func TestFaults(t *testing.T) {
	o := built(t)
	o.URL = "https://example.org/x/"
	r, err := Write(t.Context(), o)
	check(t, err)
	right := string(read(t, r.Folder, imagerFile))
	for from, to := range map[string]string{
		`"os_list"`: `"list"`, `"name": "Duo`: `"title": "Duo`, `"devices": [` + "\n        \"test\"": `"devices": ["pi4"`, `"init_format": "none"`: `"init_format": "off"`,
		`"extract_size": `: `"extract_size": 0.5, "x": `, `"release_date": "`: `"release_date": "1 `, `"extract_sha256": "`: `"extract_sha256": "x`, `.img.xz"`: `.img"`,
		`"matching_type": "exclusive"`: `"matching_type": "all"`, `"url": "https`: `"url": "ftp`, `"imager"`: `"program"`,
	} {
		wrong := strings.Replace(right, from, to, 1)
		if wrong == right {
			t.Errorf("the file has no %s", from)
		} else if faults([]byte(wrong)) == nil {
			t.Errorf("%s in place of %s is not noticed", to, from)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for text, want := range map[string]string{
		"": "file:", "https://example.org": "https://example.org/", "http://example.org/a/": "http://example.org/a/",
		"example.org": "", "ftp://example.org/": "", "https://example.org/?a": "", "https:///a": "", "https://example.org/#a": "", "file:///a": "",
	} {
		got, err := baseURL(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("baseURL(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

// TestBmaptool has bmaptool itself write the card by its block map, from the compressed
// image, and refuse what is damaged.
func TestBmaptool(t *testing.T) {
	program, err := exec.LookPath("bmaptool")
	if err != nil {
		t.Skip("bmaptool is missing: apt-get install bmap-tools")
	}
	o := built(t)
	r, err := Write(t.Context(), o)
	check(t, err)
	image := filepath.Join(r.Folder, "storyteller.img.xz")
	write := func(args ...string) ([]byte, string, error) {
		target := filepath.Join(t.TempDir(), "card")
		out, err := exec.Command(program, append(append([]string{"copy"}, args...), target)...).CombinedOutput()
		card, _ := os.ReadFile(target)
		return card, string(out), err
	}
	card, out, err := write(image) // it finds the map beside the image
	if err != nil || !bytes.Equal(card, read(t, o.Image)) {
		t.Errorf("bmaptool: %v, %s; want the card as it was built", err, out)
	}
	if !strings.Contains(out, "bmap format version 2.0") && !strings.Contains(out, "storyteller.img.bmap") {
		t.Errorf("bmaptool says %q; want it to name the block map", out)
	}
	// A map of another image, and one that was changed on the way.
	text := read(t, r.Folder, "storyteller.img.bmap")
	damaged := read(t, o.Image)
	damaged[mib] ^= 1
	other := filepath.Join(t.TempDir(), "other.img")
	check(t, os.WriteFile(other, damaged, 0o644))
	if _, out, err := write("--bmap", filepath.Join(r.Folder, "storyteller.img.bmap"), other); err == nil || !strings.Contains(out, "checksum mismatch") {
		t.Errorf("bmaptool of a damaged image: %v, %s; want a checksum mismatch", err, out)
	}
	changed := filepath.Join(t.TempDir(), "changed.bmap")
	sum := regexp.MustCompile(`chksum="(.)`)
	digit := string(sum.FindSubmatch(text)[1])
	check(t, os.WriteFile(changed, bytes.Replace(text, []byte(`chksum="`+digit), []byte(`chksum="`+strings.Trim("01", digit)[:1]), 1), 0o644))
	if _, out, err := write("--bmap", changed, image); err == nil || !strings.Contains(out, "checksum mismatch") {
		t.Errorf("bmaptool with a changed map: %v, %s; want a checksum mismatch", err, out)
	}
}
