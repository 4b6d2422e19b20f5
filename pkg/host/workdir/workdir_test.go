package workdir

import (
	"strings"
	"testing"
)

func TestUnitNamesAreReadableAndUnambiguous(t *testing.T) {
	seen := map[string]string{}
	for id, want := range map[string]string{
		"1.34/control-plane/cp-1/kubeadm-apply": `kubectl-upgrade-1.34-control\x2dplane-cp\x2d1-kubeadm\x2dapply.service`,
		"a/b":                                   "kubectl-upgrade-a-b.service",
		"a-b":                                   `kubectl-upgrade-a\x2db.service`,
		"..":                                    `kubectl-upgrade-\x2e..service`,
	} {
		got := Unit(id)
		if got != want {
			t.Errorf("Unit(%q) = %s, want %s", id, got, want)
		}
		if seen[got] != "" {
			t.Errorf("%q and %q share %s", id, seen[got], got)
		}
		seen[got] = id
		if back, ok := IDOfUnit(got); !ok || back != id {
			t.Errorf("IDOfUnit(%s) = %q, %t", got, back, ok)
		}
		if dir := Default.Run(id); !strings.HasPrefix(dir, Default.Runs()+"/") || strings.Count(dir, "/") != strings.Count(Default.Runs(), "/")+1 {
			t.Errorf("Run(%q) = %s", id, dir)
		}
	}
}

func TestCheckID(t *testing.T) {
	for id, ok := range map[string]bool{
		"a": true, "1.34/w-1/drain_x": true, "": false, "/a": false, "a/": false, "a//b": false, "a b": false, "a;b": false, "a\n": false,
		strings.Repeat("x-", 80): false,
	} {
		if err := CheckID(id); (err == nil) != ok {
			t.Errorf("CheckID(%q) = %v", id, err)
		}
	}
}
