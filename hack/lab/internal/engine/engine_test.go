package engine

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestDropStale(t *testing.T) {
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	self := string(name[:len(name)-1])
	dir := t.TempDir()
	write := func(file, text string) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	alive := write("alive", strconv.Itoa(os.Getpid()))
	other := write("other", strconv.Itoa(os.Getpid()))
	dead := write("dead", "999999999")
	torn := write("torn", "")
	err = dropStale(map[string]string{alive: self, other: "dockerd", dead: "dockerd", torn: "dockerd", filepath.Join(dir, "none"): "dockerd"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(alive); err != nil {
		t.Errorf("the pid file of a running program is gone: %v", err)
	}
	for _, f := range []string{other, dead, torn} {
		if _, err := os.Stat(f); !os.IsNotExist(err) {
			t.Errorf("stale pid file %s is still there", filepath.Base(f))
		}
	}
}
