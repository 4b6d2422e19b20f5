package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// file is a file of an archive. Nothing of the file on this machine gets into the archive but what is in it.
type file struct {
	name string // in the archive
	// source is its path on this machine; without one, data is what is in it.
	source string
	data   []byte
	mode   fs.FileMode // 0644 unless set
}

func (f file) content() ([]byte, error) {
	if f.source == "" {
		return f.data, nil
	}
	return os.ReadFile(f.source)
}

func (f file) perm() fs.FileMode {
	if f.mode == 0 {
		return 0o644
	}
	return f.mode
}

// write makes an archive of files that are all of one time: a zip, or a tar.gz with a name of any other kind.
func write(path string, files []file, modified time.Time) error {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	pack := tarball
	if strings.HasSuffix(path, ".zip") {
		pack = zipped
	}
	if err := errors.Join(pack(out, files, modified), out.Close()); err != nil {
		return fmt.Errorf("write archive %s: %w", path, err)
	}
	return nil
}

// tarball has no entries for folders and no links: krew takes none of the latter.
func tarball(out io.Writer, files []file, modified time.Time) error {
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(compressed)
	for _, f := range files {
		data, err := f.content()
		if err != nil {
			return err
		}
		err = w.WriteHeader(&tar.Header{Name: f.name, Mode: int64(f.perm()), Size: int64(len(data)), ModTime: modified, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), compressed.Close())
}

func zipped(out io.Writer, files []file, modified time.Time) error {
	w := zip.NewWriter(out)
	for _, f := range files {
		data, err := f.content()
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: modified}
		h.SetMode(f.perm())
		entry, err := w.CreateHeader(h)
		if err == nil {
			_, err = entry.Write(data)
		}
		if err != nil {
			return err
		}
	}
	return w.Close()
}
