package upgrade

import (
	"context"
	"errors"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
	"github.com/kubectl-upgrade/kubectl-upgrade/test/apiserver"
)

// TestNotKubeadm: every way to look at a cluster gives the finding that kubeadm did not build it to the report, and not only as an error. The API server
// is a real one, in which nobody has put kubeadm's configuration.
func TestNotKubeadm(t *testing.T) {
	client, err := kube.NewForConfig(apiserver.Start(t), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, look := range map[string]func(*Upgrade, context.Context) (*Prepared, error){
		"cluster": (*Upgrade).Prepare, "check": (*Upgrade).Check, "check --hosts": (*Upgrade).CheckHosts,
		"etcd": (*Upgrade).PrepareEtcd, "etcd status": (*Upgrade).EtcdStatus, "etcd snapshot": (*Upgrade).PrepareEtcdSnapshot,
		"etcd verify": func(u *Upgrade, ctx context.Context) (*Prepared, error) {
			return u.PrepareEtcdVerify(ctx, plan.EtcdBackup{Node: "cp-1", Path: "/x.db"})
		},
		"abort": func(u *Upgrade, ctx context.Context) (*Prepared, error) { return u.PrepareAbort(ctx, nil) },
	} {
		u := New(client, Options{To: version.MustParse("v1.34.4")}, event.SinkFunc(func(event.Event) {}))
		p, err := look(u, t.Context())
		if _, ok := errors.AsType[*BlockedError](err); !ok || p == nil || len(p.Findings) != 1 || p.Findings[0].ID != "not-kubeadm" || p.Findings[0].Fix == "" {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}
