//go:build realkrew

package dist

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const version = "v9.8.7"

// top is this project's folder.
const top = "../.."

// released is what hack/dist made for this machine's platform.
type released struct {
	archive, sums string
	// manifest has the name that krew's validator wants.
	manifest string
}

// runIn runs a command that has to succeed, and returns its standard output.
func runIn(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// folder is where the manifest says that the archives are.
const folder = "https://downloads.example/files"

// release builds the archive of this machine's platform from the sources in a folder, with tool.
func release(t *testing.T, tool, source string, env ...string) released {
	t.Helper()
	out := t.TempDir()
	manifest := filepath.Join(out, "upgrade.yaml")
	runIn(t, source, env, tool, "--version", version, "--out", out, "--manifest", manifest, "--url", folder,
		"--commit", "0123456789abcdef", "--time", "1700000000", "--agent-image", "registry.example/host-agent:v9", "--platform", runtime.GOOS+"/"+runtime.GOARCH)
	archives, err := filepath.Glob(filepath.Join(out, "kubectl-upgrade_"+version+"_*"))
	if err != nil || len(archives) != 1 {
		t.Fatalf("archives %q, %v, want one", archives, err)
	}
	return released{archive: archives[0], sums: filepath.Join(out, "SHA256SUMS"), manifest: manifest}
}

// copyTop copies the project's sources to another folder, as they are now but for times and rights.
func copyTop(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "elsewhere")
	for _, name := range []string{"cmd", "pkg", "docs/man", "go.mod", "go.sum", "LICENSE"} {
		err := filepath.WalkDir(filepath.Join(top, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			target := filepath.Join(to, rel)
			if d.IsDir() {
				return os.MkdirAll(target, 0o700)
			}
			data, err := os.ReadFile(path)
			if err == nil {
				err = os.MkdirAll(filepath.Dir(target), 0o700)
			}
			if err == nil {
				err = os.WriteFile(target, data, 0o600)
			}
			if err == nil {
				err = os.Chtimes(target, time.Unix(1, 0), time.Unix(1, 0))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// checkReproducible: who does not trust an archive builds it, and the same bytes have to come out, in another folder and with other settings.
func checkReproducible(t *testing.T, tool string, one released) {
	t.Helper()
	two := release(t, tool, copyTop(t), "GOFLAGS=-buildvcs=true", "GOAMD64=v2", "CGO_ENABLED=1", "TZ=Asia/Tokyo")
	for _, paths := range [][2]string{{one.archive, two.archive}, {one.sums, two.sums}, {one.manifest, two.manifest}} {
		a, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(paths[1])
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s is another one the second time", filepath.Base(paths[0]))
		}
	}
}
