package stock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

func newFile(path, content string) hostaction.File {
	sum := sha256.Sum256([]byte(content))
	return hostaction.File{Path: path, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
}

func open(t *testing.T) Stock {
	t.Helper()
	s, err := Open(workdir.Dir(t.TempDir()), "sha256:abc")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put gives the last word.
func put(t *testing.T, s Stock, f hostaction.File, offset int64, in string) hostaction.Intake {
	t.Helper()
	var out bytes.Buffer
	if err := s.Put(t.Context(), f, offset, strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var i hostaction.Intake
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &i); err != nil {
		t.Fatal(err)
	}
	return i
}

func held(t *testing.T, s Stock, f hostaction.File) hostaction.Held {
	t.Helper()
	h, err := s.Held([]hostaction.File{f})
	if err != nil {
		t.Fatal(err)
	}
	return h[0]
}

func TestAFileThatIsCutOffGoesOn(t *testing.T) {
	s, f := open(t), newFile("packages/a.deb", "0123456789")
	if i := put(t, s, f, 0, "0123"); i.Whole || i.Bytes != 4 || !strings.Contains(i.Error, errCut.Error()) {
		t.Errorf("cut off: %+v", i)
	}
	if h := held(t, s, f); h.Whole || h.Bytes != 4 {
		t.Errorf("held after the cut: %+v", h)
	}
	if i := put(t, s, f, 6, "6789"); i.Whole || !strings.Contains(i.Error, "it cannot go on at 6") {
		t.Errorf("a gap: %+v", i)
	}
	// The sender knows of less than is there, and what follows the file is not the file's.
	if i := put(t, s, f, 3, "3456789 and more"); !i.Whole || i.Error != "" || i.Bytes != 10 {
		t.Errorf("the rest: %+v", i)
	}
	if h := held(t, s, f); !h.Whole || h.Bytes != 10 {
		t.Errorf("held at the end: %+v", h)
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, "packages"))
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
	if b, err := os.ReadFile(filepath.Join(s.dir, "packages/a.deb")); string(b) != "0123456789" || err != nil {
		t.Errorf("content %q, %v", b, err)
	}
}

func TestAFileOfOtherContentIsThrownAway(t *testing.T) {
	s, f := open(t), newFile("a", "0123456789")
	if i := put(t, s, f, 0, "0123456780"); i.Whole || !strings.Contains(i.Error, "its sha256 is") {
		t.Errorf("tampered: %+v", i)
	}
	if h := held(t, s, f); h.Whole || h.Bytes != 0 {
		t.Errorf("it was kept: %+v", h)
	}
	if i := put(t, s, f, 0, "0123456789"); !i.Whole {
		t.Errorf("again: %+v", i)
	}
}

func TestNoFileLeavesTheFolder(t *testing.T) {
	s := open(t)
	for _, path := range []string{"../x", "/etc/passwd", "a/../../x"} {
		if i := put(t, s, newFile(path, "x"), 0, "x"); i.Whole || !strings.Contains(i.Error, "outside of the bundle") {
			t.Errorf("%s: %+v", path, i)
		}
	}
}

func TestFilesOfTheAgentsImage(t *testing.T) {
	s, from, f := open(t), t.TempDir(), newFile("a", "content")
	var out bytes.Buffer
	if err := s.Take(t.Context(), f, from, &out); err == nil || !strings.Contains(err.Error(), "has no such file") {
		t.Errorf("err = %v", err)
	}
	if err := os.WriteFile(filepath.Join(from, "a"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out.Reset()
		if err := s.Take(t.Context(), f, from, &out); err != nil || !strings.Contains(out.String(), `"whole":true`) {
			t.Errorf("%v, %s", err, &out)
		}
	}
}
