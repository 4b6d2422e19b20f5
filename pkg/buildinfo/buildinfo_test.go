package buildinfo

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The linker says nothing about -X for a variable that does not exist, so a renamed one would go unnoticed.
func TestStamps(t *testing.T) {
	// Opened here, so that the go command does not take this test's result of before when the file changes.
	if _, err := os.ReadFile("buildinfo.go"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const pkg = "github.com/kubectl-upgrade/kubectl-upgrade/pkg/buildinfo"
	flags := "-X " + pkg + ".version=v9.8.7 -X " + pkg + ".commit=abc -X " + pkg + ".agentImage=registry.example/agent:v9"
	bin := filepath.Join(dir, "stamped")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", flags, "-o", bin, "./testdata/stamped").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(out)), "v9.8.7 abc registry.example/agent:v9"; got != want {
		t.Errorf("stamped binary says %q, want %q", got, want)
	}
}

func TestUnstamped(t *testing.T) {
	if Version() == "" {
		t.Error("Version() is empty")
	}
	if got := AgentImage(); got != "" {
		t.Errorf("AgentImage() = %q without a stamp, want none", got)
	}
}
