package sbom

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func TestOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dist")
	// A test's own program does not say what modules it is made of.
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../dist").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	text, err := Of(path, "kubectl-upgrade", "v1.2.3+build")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Of(path, "kubectl-upgrade", "v1.2.3+build"); err != nil || !bytes.Equal(text, again) {
		t.Errorf("the second list is another one: %v", err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.SerialNumber != "" || bom.Metadata.Timestamp != "" {
		t.Errorf("it has number %q and time %q", bom.SerialNumber, bom.Metadata.Timestamp)
	}
	main := bom.Metadata.Component
	if want := "pkg:golang/github.com/kubectl-upgrade/kubectl-upgrade@v1.2.3%2Bbuild"; main.PackageURL != want || len((*main.Hashes)[0].Value) != 64 {
		t.Errorf("program %+v, want %s with a hash", main, want)
	}
	want := map[string]string{"std": strings.TrimPrefix(runtime.Version(), "go"), "github.com/CycloneDX/cyclonedx-go": "v"}
	for _, c := range *bom.Components {
		if v, ok := want[c.Name]; ok && strings.HasPrefix(c.Version, v) && c.PackageURL == "pkg:golang/"+c.Name+"@"+c.Version {
			delete(want, c.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("missing are %v in\n%s", want, text)
	}
	pinned := &debug.BuildInfo{Path: "go.etcd.io/etcd/server/v3", Main: debug.Module{Path: "etcd.invalid/v3.5.35"},
		Deps: []*debug.Module{{Path: "go.etcd.io/etcd/api/v3"}, {Path: "go.etcd.io/etcd/server/v3"}, {Path: "go.etcd.io/etcd/server/v3x"}}}
	if got := home(pinned); got != "go.etcd.io/etcd/server/v3" {
		t.Errorf("a program that was built from a module of pins is of %s", got)
	}
	if _, err := Of("sbom.go", "x", "v1"); err == nil {
		t.Error("a source file has modules")
	}
}
