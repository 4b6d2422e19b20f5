// Package images makes container images out of the built binaries and keeps them as the storage of a registry.
package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"sort"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is what an image is made of.
type Image struct {
	Ref        string            // repository and tag, without a registry: kube-apiserver:v1.33.13
	Key        string            // changes when the content does
	Base       []byte            // a layer below the binaries, may be nil
	Binaries   map[string]string // path in the image: path on this machine
	Entrypoint []string
}

// The time of every file and image, so that the same input gives the same digest.
var epoch = time.Unix(1, 0).UTC()

func (i Image) build() (v1.Image, error) {
	var layers []v1.Layer
	if i.Base != nil {
		l, err := layer(i.Base)
		if err != nil {
			return nil, err
		}
		layers = append(layers, l)
	}
	data, err := i.tar()
	if err != nil {
		return nil, fmt.Errorf("pack image %s: %w", i.Ref, err)
	}
	l, err := layer(data)
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, append(layers, l)...)
	if err != nil {
		return nil, fmt.Errorf("stack image %s: %w", i.Ref, err)
	}
	return mutate.ConfigFile(img, config(img, i.Entrypoint))
}

func config(img v1.Image, entrypoint []string) *v1.ConfigFile {
	c, _ := img.ConfigFile()
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", runtime.GOARCH
	c.Created = v1.Time{Time: epoch}
	c.Config = v1.Config{Entrypoint: entrypoint, Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	return c
}

func layer(data []byte) (v1.Layer, error) {
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithCompressionLevel(1))
}

func (i Image) tar() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	names := make([]string, 0, len(i.Binaries))
	for n := range i.Binaries {
		names = append(names, n)
	}
	sort.Strings(names)
	if err := dirs(w, names); err != nil {
		return nil, err
	}
	for _, n := range names {
		data, err := os.ReadFile(i.Binaries[n])
		if err != nil {
			return nil, err
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: n, Mode: 0o755, Size: int64(len(data)), ModTime: epoch}); err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

// dirs writes the folders above the names; /tmp comes along, as programs expect it.
func dirs(w *tar.Writer, names []string) error {
	all := map[string]int64{"tmp": 0o1777}
	for _, n := range names {
		for d := path.Dir(n); d != "." && d != "/"; d = path.Dir(d) {
			all[d] = 0o755
		}
	}
	keys := make([]string, 0, len(all))
	for d := range all {
		keys = append(keys, d)
	}
	sort.Strings(keys)
	for _, d := range keys {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: all[d], ModTime: epoch}); err != nil {
			return err
		}
	}
	return nil
}
