//go:build realkrew

package dist

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// home is a person's machine with kubectl, krew and nothing else.
type home struct {
	t         *testing.T
	dir, root string
	env       []string
	validator string
}

// newHome puts kubectl and krew into the path of a bare machine. krew's root is an empty folder.
func newHome(t *testing.T) *home {
	t.Helper()
	kubectl := os.Getenv("KUBECTL")
	if kubectl == "" {
		t.Fatal("KUBECTL is not set: run make test-dist")
	}
	dir := t.TempDir()
	bin, root := filepath.Join(dir, "bin"), filepath.Join(dir, "krew")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	runIn(t, filepath.Join(top, "hack", "krew"), []string{"CGO_ENABLED=0"}, "go", "build", "-o", bin, "sigs.k8s.io/krew/cmd/krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest")
	for old, name := range map[string]string{kubectl: "kubectl", filepath.Join(bin, "krew"): "kubectl-krew"} {
		if err := os.Symlink(old, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return &home{t: t, dir: dir, root: root, validator: filepath.Join(bin, "validate-krew-manifest"), env: []string{
		"HOME=" + dir, "KREW_ROOT=" + root, "PATH=" + filepath.Join(root, "bin") + ":" + bin, "KREW_NO_UPGRADE_CHECK=1",
		"KUBECONFIG=" + filepath.Join(dir, "none"),
	}}
}

func (h *home) run(args ...string) (string, error) {
	h.t.Helper()
	var out, errOut bytes.Buffer
	path := filepath.Join(h.dir, "bin", args[0])
	cmd := exec.CommandContext(h.t.Context(), path, args[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = h.env, h.dir, &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), err, &out, &errOut)
	}
	return out.String(), nil
}

func (h *home) kubectl(args ...string) string {
	h.t.Helper()
	out, err := h.run(append([]string{"kubectl"}, args...)...)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// installed is the folder that krew has put the archive's files into.
func (h *home) installed() string { return filepath.Join(h.root, "store", "upgrade", version) }

func TestArchive(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "dist")
	runIn(t, top, nil, "go", "build", "-o", tool, "./hack/dist")
	r := release(t, tool, top)
	t.Run("reproducible", func(t *testing.T) { checkReproducible(t, tool, r) })
	h := newHome(t)
	t.Run("changed", func(t *testing.T) { h.checkChanged(t, r) }) // first: nothing is installed yet
	h.kubectl("krew", "install", "--manifest="+r.manifest, "--archive="+r.archive)
	h.checkVersion(t)
	t.Run("files", h.checkFiles)
	t.Run("completion", h.checkCompletion)
	// krew uninstalls nothing before it has an index, which people have of "krew update"; an empty one will do.
	runIn(t, h.dir, h.env, "git", "init", "--quiet", filepath.Join(h.root, "index", "default"))
	h.kubectl("krew", "uninstall", "upgrade")
	if _, err := os.Stat(h.installed()); err == nil {
		t.Errorf("%s is still there", h.installed())
	}
	t.Run("download", func(t *testing.T) { newHome(t).checkDownload(t, r) })
}

func (h *home) checkVersion(t *testing.T) {
	t.Helper()
	if got := h.kubectl("upgrade", "version"); got != version+"\n" {
		t.Errorf("kubectl upgrade version prints %q, want %s", got, version)
	}
	if got := h.kubectl("plugin", "list", "--name-only"); !slices.Contains(strings.Fields(got), "kubectl-upgrade") {
		t.Errorf("kubectl knows the plugins %q", got)
	}
}

// checkDownload lets krew fetch the archive, as from a release's page, and its validator do so once more with a root of its own.
func (h *home) checkDownload(t *testing.T, r released) {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(r.archive))))
	defer server.Close()
	text, err := os.ReadFile(r.manifest)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(folder+"/")) {
		t.Fatalf("the manifest names no file in %s:\n%s", folder, text)
	}
	manifest := filepath.Join(t.TempDir(), "upgrade.yaml")
	if err := os.WriteFile(manifest, bytes.ReplaceAll(text, []byte(folder), []byte(server.URL)), 0o644); err != nil {
		t.Fatal(err)
	}
	h.kubectl("krew", "install", "--manifest="+manifest)
	h.checkVersion(t)
	if _, err := h.run(filepath.Base(h.validator), "-manifest="+manifest); err != nil {
		t.Error(err)
	}
}

// checkChanged: a changed archive must not be installed, since the manifest has the sum of the right one.
func (h *home) checkChanged(t *testing.T, r released) {
	t.Helper()
	data, err := os.ReadFile(r.archive)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), filepath.Base(r.archive))
	if err := os.WriteFile(changed, append(data, 'x'), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.run("kubectl", "krew", "install", "--manifest="+r.manifest, "--archive="+changed); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("installing a changed archive: %v", err)
	}
}

// checkFiles looks at what comes beside the program.
func (h *home) checkFiles(t *testing.T) {
	want, err := os.ReadFile(filepath.Join(top, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(h.installed(), "LICENSE")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("LICENSE is not this project's: %v", err)
	}
	if _, err := os.Stat(filepath.Join(h.installed(), "man", "man1", "kubectl-upgrade-cluster.1")); err != nil {
		t.Error(err)
	}
	f, err := os.Open(filepath.Join(h.installed(), "kubectl-upgrade.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, c := range *bom.Components {
		parts[c.Name] = c.Version
	}
	for _, module := range []string{"k8s.io/client-go", "k8s.io/kubectl", "github.com/spf13/cobra"} {
		locked := strings.TrimSpace(runIn(t, top, nil, "go", "list", "-m", "-f", "{{.Version}}", module))
		if parts[module] != locked {
			t.Errorf("the SBOM has %s %q, go.mod has %s", module, parts[module], locked)
		}
	}
	if main := bom.Metadata.Component; main.Version != version {
		t.Errorf("the SBOM is of version %q, want %s", main.Version, version)
	}
}

// checkCompletion does what the manifest's caveats say, and asks kubectl as a shell does.
func (h *home) checkCompletion(t *testing.T) {
	if err := os.Symlink("kubectl-upgrade", filepath.Join(h.root, "bin", "kubectl_complete-upgrade")); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"upgrade pl":                        "plan\tShow what an upgrade would do, and what stands in its way\n:4\n",
		"upgrade cluster --pause":           "--pause-after\tStop after: control-plane, first-worker or every-node. The same command goes on.\n:4\n",
		"upgrade cluster --pause-after con": "control-plane\nfirst-worker\nevery-node\n:4\n",
	} {
		if got := h.kubectl(append([]string{"__complete"}, strings.Split(words, " ")...)...); got != want {
			t.Errorf("kubectl %s completes to %q, want %q", words, got, want)
		}
	}
}

// The manifest that is in git has to be one that krew takes, whatever has been built of it.
func TestManifestIsValid(t *testing.T) {
	h := newHome(t)
	data, err := os.ReadFile(filepath.Join(top, "plugins.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "upgrade.yaml") // as the plugin is called: the validator compares
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.run(filepath.Base(h.validator), "-manifest="+path, "-skip-install"); err != nil {
		t.Error(err)
	}
}
