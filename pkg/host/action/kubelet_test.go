package action

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// TestMain lets this program stand in for a kubelet, whose file is replaced while it runs.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "kubelet" {
		if len(os.Args) > 1 && os.Args[1] == "--version" {
			_, _ = os.Stdout.WriteString("Kubernetes v1.34.4\n")
			os.Exit(0)
		}
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestKubeletOfAReplacedProgramIsNotTheInstalledOne(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(t.TempDir(), "kubelet")
	install := func() {
		t.Helper()
		if err := os.WriteFile(installed+".new", program, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(installed+".new", installed); err != nil {
			t.Fatal(err)
		}
	}
	install()
	running := exec.CommandContext(t.Context(), installed)
	if _, err := running.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	pid := uint32(running.Process.Pid)
	if got := kubeletOf(t.Context(), pid); got != version.MustParse("v1.34.4") {
		t.Errorf("installed and running: %s", got)
	}
	install()
	if got := kubeletOf(t.Context(), pid); !got.IsZero() {
		t.Errorf("replaced while it runs: %s", got)
	}
	if got := kubeletOf(t.Context(), 0); !got.IsZero() {
		t.Errorf("no process: %s", got)
	}
}
