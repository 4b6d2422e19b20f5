package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// offers is what the package sources of a cluster had when they were asked last.
type offers struct {
	Server   string            `json:"server"`
	Versions []version.Version `json:"versions"`
}

// KeepOffered remembers on this machine which releases the package sources of a cluster have, for shell completion, which
// cannot send an agent to ask them. The minors' values are full package versions, such as "1.34.2-1.1".
func KeepOffered(server string, minors map[string][]string) error {
	o := offers{Server: server}
	for _, packages := range minors {
		for _, full := range packages {
			if v, ok := version.OfPackage(full); ok {
				o.Versions = append(o.Versions, v)
			}
		}
	}
	slices.SortFunc(o.Versions, func(a, b version.Version) int { return b.Compare(a) })
	o.Versions = slices.Compact(o.Versions) // one release may have been packaged twice
	path, err := offeredFile(server)
	if err != nil {
		return err
	}
	data, err := json.Marshal(o)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		return fmt.Errorf("keep offered versions: %w", err)
	}
	return replace(path, data)
}

// replace puts a file in place of another at once: a shell may complete at this moment.
func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new")
	if err != nil {
		return fmt.Errorf("keep offered versions: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keep offered versions: %w", err)
	}
	return nil
}

// Offered gives the releases that KeepOffered was told of last, newest first; none when it never was.
func Offered(server string) ([]version.Version, error) {
	path, err := offeredFile(server)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var o offers
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		return nil, fmt.Errorf("read offered versions: %w", err)
	}
	return o.Versions, nil
}

// offeredFile is named after the server and not after the cluster's UID, which only the server itself could tell.
func offeredFile(server string) (string, error) {
	dir, err := stateDir("offered")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(server))
	return filepath.Join(dir, hex.EncodeToString(sum[:8])+".json"), nil
}
