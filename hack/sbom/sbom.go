// Package sbom lists what a Go program was made of, as a CycloneDX document (https://cyclonedx.org/docs/1.6/json/).
package sbom

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// Of reads from a binary which modules are in it. The same binary gives the same document: it has neither a date nor a number.
func Of(path, name, version string) ([]byte, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read modules of %s: %w", path, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("hash program: %w", err)
	}
	sum := sha256.Sum256(data)
	program := cdx.Component{BOMRef: name, Type: cdx.ComponentTypeApplication, Name: name, Version: version, PackageURL: purl(home(info), version),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}}
	// The standard library is a part as any other: its faults are the program's.
	parts := []cdx.Component{module("std", strings.TrimPrefix(info.GoVersion, "go"), "")}
	for _, d := range info.Deps {
		parts = append(parts, dependency(d))
	}
	refs := make([]string, 0, len(parts))
	for i := range parts {
		refs = append(refs, parts[i].BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &program}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: name, Dependencies: &refs}}
	var out bytes.Buffer
	// Scanners are slow to learn new versions of the format.
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write list of modules: %w", err)
	}
	return out.Bytes(), nil
}

// home is the module that the program's package is in. That need not be the one it was built from: a module that does nothing but
// pin what a program is built from has it among its dependencies.
func home(info *debug.BuildInfo) string {
	path := ""
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if (info.Path == m.Path || strings.HasPrefix(info.Path, m.Path+"/")) && len(m.Path) > len(path) {
			path = m.Path
		}
	}
	return path
}

func dependency(d *debug.Module) cdx.Component {
	if d.Replace != nil {
		d = d.Replace
	}
	return module(d.Path, d.Version, d.Sum)
}

func module(path, version, sum string) cdx.Component {
	c := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl(path, version)}
	c.BOMRef = c.PackageURL
	if sum != "" { // of the module's files, as go.sum has it
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: sum}}
	}
	return c
}

// purl names a module as https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md says.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
