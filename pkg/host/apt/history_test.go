package apt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

func TestParseHistory(t *testing.T) {
	log := `2026-01-10 10:00:00 upgrade kubeadm:amd64 1.31.14-1.1 1.32.13-1.1
2026-01-10 10:05:00 upgrade kubelet:amd64 1.31.14-1.1 1.32.13-1.1
2026-11-24 04:50:00 status half-configured kubelet:amd64 1.32.13-1.1
2026-11-24 04:50:00 upgrade kubeadm:amd64 1.32.13-1.1 1.33.13-1.1
2026-11-24 04:51:00 upgrade kubeadm:amd64 1.33.13-1.1 1.34.4-1.1
2026-11-24 04:52:00 upgrade kubelet:amd64 1.32.13-1.1 1.34.4-1.1
2026-11-24 04:52:01 upgrade kubectl:amd64 1.32.13-1.1 1.34.4-1.1
2026-11-24 04:55:00 upgrade kubelet:amd64 1.34.4-1.1 1.32.13-1.1
2026-11-24 04:55:00 upgrade cri-tools:amd64 1.32.0-1.1 1.34.0-1.1
2026-11-24 04:56:00 upgrade kubelet:am`
	at := func(minute, second int) time.Time { return time.Date(2026, 11, 24, 4, minute, second, 0, time.UTC) }
	want := []cluster.PackageUpgrade{
		{Name: "kubeadm", From: "1.32.13-1.1", To: "1.33.13-1.1", At: at(50, 0)},
		{Name: "kubelet", From: "1.32.13-1.1", To: "1.34.4-1.1", At: at(52, 0)},
		{Name: "kubectl", From: "1.32.13-1.1", To: "1.34.4-1.1", At: at(52, 1)},
	}
	if d := cmp.Diff(want, ParseHistory(log, time.UTC)); d != "" {
		t.Error(d)
	}
	if got := ParseHistory("", time.UTC); got != nil {
		t.Errorf("of an empty log: %v", got)
	}
}
