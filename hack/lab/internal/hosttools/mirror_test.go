package hosttools

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMirror(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"none":     {"etc/apt/sources.list", "# nothing\n", ""},
		"one line": {"etc/apt/sources.list", "deb [arch=amd64] http://mirror.example/debian/ bookworm main\n", "http://mirror.example/debian"},
		"deb822":   {"etc/apt/sources.list.d/debian.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n", "http://mirror.example/debian"},
		"other":    {"etc/apt/sources.list.d/x.list", "deb https://packages.example/apt stable main\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, c.file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if got := Mirror(root); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
