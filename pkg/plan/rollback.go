package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Rollback is a node whose kubelet goes back to the version that it had before the upgrade.
type Rollback struct {
	Node     string
	From, To version.Version
	// Config and Flags are what kubeadm has kept of the kubelet's files from then; empty when it kept none.
	Config, Flags string
}

// keepsConfig is the first kubeadm that keeps the kubelet's configuration before it replaces it.
var keepsConfig = version.Version{Major: 1, Minor: 27}

// FindRollback tells to what a node can go back, or why it cannot. Path are the versions of the upgrade: what an earlier one
// has moved is not its business. The control plane never goes back, since kubeadm has no downgrade.
func FindRollback(c *cluster.Cluster, name string, path []version.Version) (Rollback, error) {
	n, ok := c.Node(name)
	if !ok {
		return Rollback{}, fmt.Errorf("the cluster has no such node")
	}
	if n.Host == nil {
		return Rollback{}, fmt.Errorf("its host was not looked at")
	}
	moved, ok := n.Host.Upgrade("kubelet")
	if !ok {
		return Rollback{}, fmt.Errorf("the log of its package manager knows of no upgrade of the kubelet")
	}
	from, _ := version.OfPackage(moved.To)
	to, _ := version.OfPackage(moved.From)
	if !slices.Contains(path, from) || n.KubeletVersion != from && n.KubeletVersion != to {
		return Rollback{}, fmt.Errorf("its kubelet (%s) was not moved by this upgrade; the last that did was from %s to %s", n.KubeletVersion, to, from)
	}
	if _, newest := servers(c); to.MinorsTo(newest) > kubeletSkew(newest) {
		return Rollback{}, fmt.Errorf("its kubelet would be at %s, %d minors older than an API server (%s): the version skew policy allows %d",
			to, to.MinorsTo(newest), newest, kubeletSkew(newest))
	}
	r := Rollback{Node: name, From: from, To: to}
	if left, ok := n.Host.Upgrade("kubeadm"); ok {
		r.Config, r.Flags = oldest(n.Host.Backups, "config.yaml", left.At), oldest(n.Host.Backups, "kubeadm-flags.env", left.At)
	}
	if r.Config == "" && !from.Less(keepsConfig) {
		return Rollback{}, fmt.Errorf("kubeadm's copy of the kubelet configuration from before is not in /etc/kubernetes/tmp")
	}
	return r, nil
}

// oldest finds the first file that was kept since a time: kubeadm may have run several times, and only its first run has replaced what
// belonged to the old kubelet. The package log has whole seconds.
func oldest(all []cluster.Backup, name string, since time.Time) string {
	for _, b := range all {
		if strings.HasSuffix(b.Path, "/"+name) && !b.At.Before(since.Truncate(time.Second)) {
			return b.Path
		}
	}
	return ""
}

// back is the group that takes a node back: drained, with the packages and the configuration from before. The configuration comes first,
// so that no kubelet is ever started in the old version with the new one.
func (a *aborter) back(r Rollback) Group {
	n, _ := a.in.Cluster.Node(r.Node)
	id := "back/" + n.Name
	versions := a.in.Packages[n.Name][r.To].Versions
	if n.Role == cluster.ControlPlane {
		// Its static pods stay at the version that this kubeadm belongs to.
		versions = without(versions, "kubeadm")
	}
	steps := a.finishPackages(id, n)
	steps = append(steps, a.send(id, n, bundled(a.in.Packages[n.Name][r.To], versions))...)
	steps = append(steps, a.emptied(id, n, r.To)...)
	if r.Config != "" {
		title := "put back the kubelet configuration of " + r.Config
		steps = append(steps, a.host(id+"/config", title, n.Name,
			hostaction.RestoreKubeletConfig{Version: r.To, Config: r.Config, Flags: r.Flags}, time.Minute))
	}
	steps = append(steps, a.host(id+"/packages", "install "+names(versions), n.Name, hostaction.InstallPackages{Version: r.To, Versions: versions, Bundle: a.in.Options.PackagesFrom.bundle()}, 15*time.Minute))
	return Group{ID: id, Title: n.Name, Steps: append(steps, a.started(id, n, r.To)...)}
}
