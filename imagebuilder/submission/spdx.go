package submission

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"duostoryteller/imagebuilder/manifest"
)

// The JSON form of an SPDX 2.3 document: https://spdx.github.io/spdx-spec/v2.3/

type document struct {
	SPDXVersion       string             `json:"spdxVersion"`
	DataLicense       string             `json:"dataLicense"`
	SPDXID            string             `json:"SPDXID"`
	Name              string             `json:"name"`
	DocumentNamespace string             `json:"documentNamespace"`
	CreationInfo      creationInfo       `json:"creationInfo"`
	Packages          []spdxPackage      `json:"packages"`
	Extracted         []extractedLicence `json:"hasExtractedLicensingInfos,omitempty"`
	Relationships     []relationship     `json:"relationships"`
}

type creationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	SPDXID           string        `json:"SPDXID"`
	Name             string        `json:"name"`
	Version          string        `json:"versionInfo,omitempty"`
	FileName         string        `json:"packageFileName,omitempty"`
	Purpose          string        `json:"primaryPackagePurpose"`
	DownloadLocation string        `json:"downloadLocation"`
	FilesAnalyzed    bool          `json:"filesAnalyzed"`
	Checksums        []checksum    `json:"checksums,omitempty"`
	SourceInfo       string        `json:"sourceInfo,omitempty"`
	LicenceConcluded string        `json:"licenseConcluded"`
	LicenceDeclared  string        `json:"licenseDeclared"`
	Copyright        string        `json:"copyrightText"`
	Comment          string        `json:"comment,omitempty"`
	Refs             []externalRef `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type externalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type extractedLicence struct {
	ID   string `json:"licenseId"`
	Text string `json:"extractedText"`
	Name string `json:"name"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const noAssertion = "NOASSERTION"

// spdx returns the manifest, whose JSON is text, as a bill of materials.
func spdx(m manifest.Manifest, text []byte, version string, created time.Time) ([]byte, error) {
	const image = "SPDXRef-image"
	d := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: Name(version),
		DocumentNamespace: fmt.Sprintf("https://spdx.org/spdxdocs/%s-%x", Name(version), sha256.Sum256(text)),
		CreationInfo:      creationInfo{created.UTC().Format(time.RFC3339), []string{"Tool: imagebuilder-" + version}},
		Packages: []spdxPackage{{
			SPDXID: image, Name: Name(version), Version: version, FileName: m.Image.File, Purpose: "OPERATING-SYSTEM",
			DownloadLocation: noAssertion, Checksums: []checksum{{"SHA256", m.Image.SHA256}},
			LicenceConcluded: noAssertion, LicenceDeclared: noAssertion, Copyright: noAssertion,
			Comment: "built with " + strings.Join(m.BuiltWith, ", "),
		}},
		Relationships: []relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", image}},
	}
	var refs []string
	for i, c := range m.Components {
		p := spdxPackage{
			SPDXID: fmt.Sprintf("SPDXRef-%d-%s", i+1, identifier(c.Name)), Name: c.Name, Version: c.Version, Purpose: purpose(c.Kind),
			DownloadLocation: noAssertion, SourceInfo: c.Source, LicenceConcluded: noAssertion, Copyright: noAssertion,
			Comment: strings.Join(slices.DeleteFunc([]string{c.Kind, c.Note}, func(s string) bool { return s == "" }), "; "),
		}
		if strings.HasPrefix(c.Source, "https://") {
			p.DownloadLocation = c.Source
		}
		if sum, ok := strings.CutPrefix(c.Hash, "sha256:"); ok {
			p.Checksums = []checksum{{"SHA256", sum}}
		} else if c.Hash != "" { // a hash of names and hashes is no package's checksum
			p.Comment += "; go.sum has " + c.Hash
		}
		if url := packageURL(c); url != "" {
			p.Refs = []externalRef{{"PACKAGE-MANAGER", "purl", url}}
		}
		var own []string
		p.LicenceDeclared, own = licence(c.Licence)
		refs = append(refs, own...)
		d.Packages = append(d.Packages, p)
		d.Relationships = append(d.Relationships, relationship{image, "CONTAINS", p.SPDXID})
	}
	slices.Sort(refs)
	for _, id := range slices.Compact(refs) {
		d.Extracted = append(d.Extracted, extractedLicence{id, "The text is in the folder licences beside this file, or with the component's source.", strings.TrimPrefix(id, "LicenseRef-")})
	}
	out, err := json.MarshalIndent(d, "", "  ")
	return append(out, '\n'), err
}

// identifier makes a name fit for an SPDXID: letters, digits, "." and "-".
func identifier(name string) string {
	return strings.Trim(regexp.MustCompile(`[^A-Za-z0-9.]+`).ReplaceAllString(name, "-"), "-")
}

// purpose is SPDX's word for what a kind of component is for.
func purpose(kind string) string {
	switch kind {
	case "go module":
		return "LIBRARY"
	case "program", "voice", "baseline program":
		return "APPLICATION"
	case "kernel":
		return "OPERATING-SYSTEM"
	case "firmware":
		return "FIRMWARE"
	case "Debian package":
		return "INSTALL"
	}
	return "FILE"
}

// packageURL names packages the way that scanners look for flaws:
// https://github.com/package-url/purl-spec
func packageURL(c manifest.Component) string {
	version := strings.ReplaceAll(c.Version, "+", "%2B")
	switch {
	case c.Kind == "Debian package":
		arch, _, _ := strings.Cut(c.Note, ";")
		return fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", c.Name, version, arch)
	case c.Kind == "go module" && c.Name == "go":
		return "pkg:golang/stdlib@" + strings.TrimPrefix(version, "go")
	case c.Kind == "go module":
		return fmt.Sprintf("pkg:golang/%s@%s", strings.ToLower(c.Name), version)
	}
	return ""
}

// licence makes an expression valid in SPDX: identifiers that are not on its
// list become references to texts, which are returned too.
func licence(expression string) (valid string, refs []string) {
	onList := []string{
		"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later",
		"ISC", "LGPL-2.0-or-later", "LGPL-2.1-or-later", "MIT", "MIT-CMU", "MPL-2.0", "Zlib",
		"AND", "OR", "WITH", "Linux-syscall-note", "NOASSERTION",
	}
	valid = regexp.MustCompile(`[^\s()]+`).ReplaceAllStringFunc(expression, func(id string) string {
		if slices.Contains(onList, id) {
			return id
		}
		if !strings.HasPrefix(id, "LicenseRef-") {
			id = "LicenseRef-" + id
		}
		id = "LicenseRef-" + identifier(strings.TrimPrefix(id, "LicenseRef-"))
		refs = append(refs, id)
		return id
	})
	return valid, refs
}
