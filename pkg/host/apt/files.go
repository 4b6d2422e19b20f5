package apt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

const (
	sourceList  = "/etc/apt/sources.list"
	sourceParts = "/etc/apt/sources.list.d"
	prefs       = "/etc/apt/preferences"
	prefParts   = "/etc/apt/preferences.d"
)

// partName is what apt reads in its .d directories, apt.conf(5): other names are backups and the like.
var partName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// Files reads the source files of the host.
func Files() (map[string][]byte, error) {
	return read(sourceList, sourceParts, ".list", ".sources")
}

// read reads main, if it is there, and the files of parts with one of the endings, "" standing for none.
func read(main, parts string, endings ...string) (map[string][]byte, error) {
	paths := []string{main}
	entries, err := os.ReadDir(parts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read package sources: %w", err)
	}
	for _, e := range entries {
		if partName.MatchString(e.Name()) && slices.Contains(endings, filepath.Ext(e.Name())) {
			paths = append(paths, filepath.Join(parts, e.Name()))
		}
	}
	files := map[string][]byte{}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read package sources: %w", err)
		}
		files[p] = b
	}
	return files, nil
}

// ParseAll reads all files, in the order of their names.
func ParseAll(files map[string][]byte) []Source {
	var out []Source
	for _, f := range sorted(files) {
		out = append(out, Parse(f, files[f])...)
	}
	return out
}

func sorted(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for f := range files {
		names = append(names, f)
	}
	slices.Sort(names)
	return names
}

// privateName keeps the main file apart from a part that has the same name.
func privateName(path string) string {
	if path == sourceList {
		return "00-main.list"
	}
	return filepath.Base(path)
}
