package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// fetcher brings the programs of releases to a folder.
type fetcher struct {
	client            *http.Client
	mirror, arch, out string
	// sums are the sha256 of tarballs by their name.
	sums map[string]string
	log  io.Writer
}

func (f *fetcher) release(ctx context.Context, version string) error {
	name := fmt.Sprintf("etcd-v%s-linux-%s.tar.gz", version, f.arch)
	want, err := f.sum(ctx, version, name)
	if err != nil {
		return fmt.Errorf("fetch etcd %s: %w", version, err)
	}
	file, err := os.CreateTemp(f.out, ".tarball-*")
	if err != nil {
		return fmt.Errorf("fetch etcd %s: %w", version, err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	h := sha256.New()
	if err := f.get(ctx, version, name, io.MultiWriter(file, h)); err != nil {
		return fmt.Errorf("fetch etcd %s: %w", version, err)
	}
	// Nothing is unpacked of what is not the right one.
	if have := hex.EncodeToString(h.Sum(nil)); have != want {
		return fmt.Errorf("fetch etcd %s: the sha256 of %s is %s, and has to be %s", version, name, have, want)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("fetch etcd %s: %w", version, err)
	}
	if err := f.unpack(file, version); err != nil {
		return fmt.Errorf("unpack %s: %w", name, err)
	}
	return nil
}

// sum is what the tarball has to have: as it was asked for, or else as its release says, which tells a broken one only.
func (f *fetcher) sum(ctx context.Context, version, name string) (string, error) {
	if s, ok := f.sums[name]; ok {
		return s, nil
	}
	var list strings.Builder
	if err := f.get(ctx, version, "SHA256SUMS", &list); err != nil {
		return "", fmt.Errorf("no sum is given for it: %w", err)
	}
	s, ok := parseSums(list.String())[name]
	if !ok {
		return "", fmt.Errorf("its SHA256SUMS does not list %s", name)
	}
	fmt.Fprintf(f.log, "no sum is given for %s: the one that its release publishes counts\n", name)
	return s, nil
}

func (f *fetcher) get(ctx context.Context, version, name string, to io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.mirror+"/v"+version+"/"+name, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: %s", req.URL, resp.Status)
	}
	_, err = io.Copy(to, resp.Body)
	return err
}

// unpack takes the programs and leaves the documentation.
func (f *fetcher) unpack(r io.Reader, version string) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	found := false
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || strings.Count(h.Name, "/") != 1 || !slices.Contains([]string{"etcd", "etcdctl", "etcdutl"}, name) {
			continue
		}
		found = found || name == "etcd"
		if err := writeProgram(filepath.Join(f.out, name+"-"+version), t); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("there is no etcd in it")
	}
	return nil
}

func writeProgram(path string, from io.Reader) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from) //nolint:gosec // its sum is the right one
	return errors.Join(err, out.Close())
}

// parseSums reads lines of a sum and a name, as sha256sum writes them.
func parseSums(text string) map[string]string {
	sums := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) == 2 && len(f[0]) == sha256.Size*2 {
			sums[strings.TrimPrefix(f[1], "*")] = strings.ToLower(f[0])
		}
	}
	return sums
}
