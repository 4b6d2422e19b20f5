package gobuild

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// left out of a source tree: what building the commands does not read.
var notNeeded = map[string]bool{"vendor": true, "test": true, "docs": true, "api": true, "logo": true, "Godeps": true}

// copySource copies the Go source of a release so that it can be changed: the module cache is read-only.
func copySource(from, to string) error {
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(p, from+string(filepath.Separator))
		if d.IsDir() {
			if notNeeded[rel] {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		dst := filepath.Join(to, rel)
		if err := store.Copy(p, dst); err != nil {
			return err
		}
		return os.Chmod(dst, 0o644)
	})
	if err != nil {
		return fmt.Errorf("copy source: %w", err)
	}
	return nil
}
