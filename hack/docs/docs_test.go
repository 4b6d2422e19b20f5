package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// tree is a program with a command below a command, as nobody has written pages for.
func tree() []*cobra.Command {
	do := func(*cobra.Command, []string) {}
	kubectl, upgrade, outer := &cobra.Command{Use: "kubectl"}, &cobra.Command{Use: "upgrade", Run: do}, &cobra.Command{Use: "outer", Short: "Do it", Run: do}
	kubectl.AddCommand(upgrade)
	upgrade.AddCommand(outer, &cobra.Command{Use: "secret", Hidden: true, Run: do})
	outer.AddCommand(&cobra.Command{Use: "inner FILE", Short: "Do it within", Run: do})
	return below(kubectl)
}

func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v does not name %q", err, w)
		}
	}
}

func TestPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "commands")
	wantError(t, pages(dir, tree(), false), "kubectl upgrade outer has no page", "kubectl upgrade outer inner has no page")
	if err := pages(dir, tree(), true); err != nil {
		t.Fatal(err)
	}
	if err := pages(dir, tree(), false); err != nil {
		t.Error(err)
	}
	inner := filepath.Join(dir, "outer-inner.md")
	text, err := os.ReadFile(inner)
	if want := "# kubectl upgrade outer inner\n\n<!-- help: outer inner -->\n<!-- /help -->\n"; err != nil || string(text) != want {
		t.Errorf("%s: %q, %v, want %q", inner, text, err, want)
	}
	// What was written by hand stays.
	if err := os.WriteFile(inner, append(text, "by hand\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "removed.md")
	if err := os.WriteFile(old, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, pages(dir, tree(), false), "removed.md belongs to no command")
	if err := pages(dir, tree(), true); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(inner); err != nil || !strings.HasSuffix(string(got), "by hand\n") {
		t.Errorf("%s is now %q, %v", inner, got, err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Errorf("%s is still there", old)
	}
	if err := os.WriteFile(inner, []byte("no help here\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, pages(dir, tree(), false), "outer-inner.md does not quote the help")
}

func TestManPages(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	commands := tree()
	commands[0].PersistentFlags().String("cache-dir", "/home/somebody/.kube/cache", "where")
	got, err := manPages(commands)
	if err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string][]string{
		"kubectl-upgrade.1":             {".SH NAME"},
		"kubectl-upgrade-outer.1":       {"kubectl-upgrade-outer - Do it\n", `"$HOME/.kube/cache"`},
		"kubectl-upgrade-outer-inner.1": {`\fBkubectl upgrade outer inner FILE`, `.TH "KUBECTL-UPGRADE-OUTER-INNER" "1" ""`},
		"etcd-migrate.1":                {"etcd-migrate - works on", "--data-dir", ".SH SYNOPSIS\n\\fBetcd-migrate [COMMAND]"},
	} {
		for _, w := range words {
			if !strings.Contains(string(got[name]), w) {
				t.Errorf("%s does not have %q:\n%s", name, w, got[name])
			}
		}
	}
	if len(got) != 4 {
		t.Errorf("%d pages", len(got))
	}
}
