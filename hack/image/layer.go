package main

import (
	"archive/tar"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// entry is a file of the image, or a link.
type entry struct {
	path   string // in the image
	source string // on this machine
	link   string // where it leads to, for a link
	data   []byte // what is in it, for a text that is no file on this machine
}

// layer is a part of the image that changes as a whole.
type layer struct {
	comment string
	entries []entry
}

// epoch is the time of everything in the image: the time of building would make every digest another one.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

func (l layer) v1() (v1.Layer, error) {
	// What was compressed once is kept: the digest needs it, and so does who writes the image.
	out, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(l.write(w)) }()
		return r, nil
	}, tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("make layer %q: %w", l.comment, err)
	}
	return out, nil
}

// write writes a tar with nothing in its headers that depends on where and when it is made.
func (l layer) write(out io.Writer) error {
	w := tar.NewWriter(out)
	entries := slices.Clone(l.entries)
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	for _, dir := range folders(entries) {
		if err := w.WriteHeader(header(dir+"/", 0o755, tar.TypeDir)); err != nil {
			return fmt.Errorf("write layer: %w", err)
		}
	}
	for _, e := range entries {
		if err := e.write(w); err != nil {
			return fmt.Errorf("write layer: %w", err)
		}
	}
	return w.Close()
}

func header(name string, mode int64, kind byte) *tar.Header {
	return &tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: mode, ModTime: epoch(), Typeflag: kind, Format: tar.FormatPAX}
}

func (e entry) write(w *tar.Writer) error {
	if e.link != "" {
		h := header(e.path, 0o777, tar.TypeSymlink)
		h.Linkname = e.link
		return w.WriteHeader(h)
	}
	if e.data != nil {
		h := header(e.path, 0o644, tar.TypeReg)
		h.Size = int64(len(e.data))
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err := w.Write(e.data)
		return err
	}
	f, err := os.Open(e.source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := header(e.path, 0o755, tar.TypeReg)
	h.Size = info.Size()
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// folders are those that the entries lie in, each before what is in it.
func folders(entries []entry) []string {
	seen := map[string]bool{}
	for _, e := range entries {
		for dir := path.Dir(e.path); dir != "/"; dir = path.Dir(dir) {
			seen[dir] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
