// Package spdx writes software bills of materials: what something is made of, in the
// form that scanners for licences and known flaws read.
package spdx

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"duostoryteller/imagebuilder/manifest"
)

// Document is the JSON form of an SPDX 2.3 document: https://spdx.github.io/spdx-spec/v2.3/
type Document struct {
	SPDXVersion       string             `json:"spdxVersion"`
	DataLicense       string             `json:"dataLicense"`
	SPDXID            string             `json:"SPDXID"`
	Name              string             `json:"name"`
	DocumentNamespace string             `json:"documentNamespace"`
	CreationInfo      CreationInfo       `json:"creationInfo"`
	Packages          []Package          `json:"packages"`
	Extracted         []ExtractedLicence `json:"hasExtractedLicensingInfos,omitempty"`
	Relationships     []Relationship     `json:"relationships"`
}

// CreationInfo says when and by what a document was made.
type CreationInfo struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

// Package is a part, or the whole.
type Package struct {
	SPDXID           string        `json:"SPDXID"`
	Name             string        `json:"name"`
	Version          string        `json:"versionInfo,omitempty"`
	FileName         string        `json:"packageFileName,omitempty"`
	Purpose          string        `json:"primaryPackagePurpose"`
	DownloadLocation string        `json:"downloadLocation"`
	FilesAnalyzed    bool          `json:"filesAnalyzed"`
	Checksums        []Checksum    `json:"checksums,omitempty"`
	SourceInfo       string        `json:"sourceInfo,omitempty"`
	LicenceConcluded string        `json:"licenseConcluded"`
	LicenceDeclared  string        `json:"licenseDeclared"`
	Copyright        string        `json:"copyrightText"`
	Comment          string        `json:"comment,omitempty"`
	Refs             []ExternalRef `json:"externalRefs,omitempty"`
}

// Checksum is of a package's file.
type Checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

// ExternalRef is how others call a package.
type ExternalRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

// ExtractedLicence is a licence that is not on SPDX's list.
type ExtractedLicence struct {
	ID   string `json:"licenseId"`
	Text string `json:"extractedText"`
	Name string `json:"name"`
}

// Relationship is what two parts have to do with each other.
type Relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

const noAssertion = "NOASSERTION"

// Subject is what a bill is of.
type Subject struct {
	Name    string // with the version
	Version string
	Purpose string // SPDX's word: APPLICATION, OPERATING-SYSTEM, ...
	File    string // that it is, "" for several files
	SHA256  string // of File
	Comment string
	Hash    string // of the contents, in hexadecimal digits: no other bill's
	Created time.Time
}

// Bill returns the bill of materials of what is made of the components, as JSON.
func Bill(s Subject, components []manifest.Component) ([]byte, error) {
	const subject = "SPDXRef-subject"
	whole := Package{
		SPDXID: subject, Name: s.Name, Version: s.Version, FileName: s.File, Purpose: s.Purpose,
		DownloadLocation: noAssertion, LicenceConcluded: noAssertion, LicenceDeclared: noAssertion, Copyright: noAssertion, Comment: s.Comment,
	}
	if s.SHA256 != "" {
		whole.Checksums = []Checksum{{"SHA256", s.SHA256}}
	}
	d := Document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT", Name: s.Name,
		DocumentNamespace: fmt.Sprintf("https://spdx.org/spdxdocs/%s-%s", s.Name, s.Hash),
		CreationInfo:      CreationInfo{s.Created.UTC().Format(time.RFC3339), []string{"Tool: imagebuilder-" + s.Version}},
		Packages:          []Package{whole},
		Relationships:     []Relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", subject}},
	}
	var refs []string
	for i, c := range components {
		p := Package{
			SPDXID: fmt.Sprintf("SPDXRef-%d-%s", i+1, identifier(c.Name)), Name: c.Name, Version: c.Version, Purpose: purpose(c.Kind),
			DownloadLocation: noAssertion, SourceInfo: c.Source, LicenceConcluded: noAssertion, Copyright: noAssertion,
			Comment: strings.Join(slices.DeleteFunc([]string{c.Kind, c.Note}, func(s string) bool { return s == "" }), "; "),
		}
		if strings.HasPrefix(c.Source, "https://") {
			p.DownloadLocation = c.Source
		}
		if sum, ok := strings.CutPrefix(c.Hash, "sha256:"); ok {
			p.Checksums = []Checksum{{"SHA256", sum}}
		} else if c.Hash != "" { // a hash of names and hashes is no package's checksum
			p.Comment += "; go.sum has " + c.Hash
		}
		if url := packageURL(c); url != "" {
			p.Refs = []ExternalRef{{"PACKAGE-MANAGER", "purl", url}}
		}
		var own []string
		p.LicenceDeclared, own = licence(c.Licence)
		refs = append(refs, own...)
		d.Packages = append(d.Packages, p)
		d.Relationships = append(d.Relationships, Relationship{subject, "CONTAINS", p.SPDXID})
	}
	slices.Sort(refs)
	for _, id := range slices.Compact(refs) {
		d.Extracted = append(d.Extracted, ExtractedLicence{id, "The text is in the folder licences beside this file, or with the component's source.", strings.TrimPrefix(id, "LicenseRef-")})
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
