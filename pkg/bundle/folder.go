package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is a directory with a bundle in it.
type Folder struct {
	*Manifest
	dir string
}

// Open reads the manifest in a directory and looks whether every file is there in its size. Their content is checked when it is read.
func Open(dir string) (*Folder, error) {
	m, err := read(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range m.Files() {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("open bundle %s: %s is missing", dir, f.Path)
		case err != nil:
			return nil, fmt.Errorf("open bundle %s: %w", dir, err)
		case info.Size() != f.Size:
			return nil, fmt.Errorf("open bundle %s: %s has %d bytes instead of %d: it was copied only in part, or changed", dir, f.Path, info.Size(), f.Size)
		}
	}
	return &Folder{m, dir}, nil
}

// OpenPart reads the manifest in a directory that has some of a bundle's files, and wants it to be that of a digest.
func OpenPart(dir, digest string) (*Folder, error) {
	m, err := read(dir)
	if err != nil {
		return nil, err
	}
	if m.digest != digest {
		return nil, fmt.Errorf("open bundle %s: its manifest is %s instead of %s", dir, m.digest, digest)
	}
	return &Folder{m, dir}, nil
}

func read(dir string) (*Manifest, error) {
	text, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open bundle %s: there is no %s in it", dir, ManifestName)
	}
	if err != nil {
		return nil, fmt.Errorf("open bundle %s: %w", dir, err)
	}
	m, err := Decode(text)
	if err != nil {
		return nil, fmt.Errorf("open bundle %s: %w", dir, err)
	}
	return m, nil
}

// ManifestFile is the manifest as a file, to be carried like the others.
func (f *Folder) ManifestFile() (File, error) {
	info, err := os.Stat(filepath.Join(f.dir, ManifestName))
	if err != nil {
		return File{}, fmt.Errorf("open bundle %s: %w", f.dir, err)
	}
	return File{Path: ManifestName, Size: info.Size(), SHA256: f.digest[len("sha256:"):]}, nil
}

// Path is where a file of the bundle lies.
func (f *Folder) Path(file File) string { return filepath.Join(f.dir, filepath.FromSlash(file.Path)) }

// Dir is the directory.
func (f *Folder) Dir() string { return f.dir }

// Read opens a file of the bundle from a byte on.
func (f *Folder) Read(file File, offset int64) (io.ReadCloser, error) {
	r, err := os.Open(f.Path(file))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Short(), err)
	}
	if _, err := r.Seek(offset, io.SeekStart); err != nil {
		r.Close()
		return nil, fmt.Errorf("read %s: %w", f.Short(), err)
	}
	return r, nil
}

// Check reads a file to its end and compares it with what the manifest says.
func (f *Folder) Check(file File) error {
	if err := CheckFile(f.Path(file), file); err != nil {
		return fmt.Errorf("check %s: %w", f.Short(), err)
	}
	return nil
}

// CheckFile reads a file to its end and compares size and checksum.
func CheckFile(path string, want File) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); n != want.Size || got != want.SHA256 {
		return fmt.Errorf("%s is not the file of the manifest: %d bytes with sha256 %s instead of %d bytes with sha256 %s", path, n, got, want.Size, want.SHA256)
	}
	return nil
}
