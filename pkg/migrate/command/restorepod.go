package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/staticpod"
)

// kubernetesBump is how far the revision moves on unless it is said otherwise: farther than any cluster gets in the time that a snapshot is of use.
const kubernetesBump = 1_000_000_000

// restorePod makes the member anew that a kubelet runs by a manifest: it is ended, restored and given back to the kubelet. Killed at any moment, the same
// command goes on. It is the way where no API server answers, and done the same on every host it makes the whole cluster anew.
func (a *app) restorePod(ctx context.Context) (err error) {
	pod, err := staticpod.Read(a.pod)
	if err != nil {
		return err
	}
	m, err := migrate.Examine(a.args[0])
	if err != nil {
		return err
	}
	who, err := a.fromPod(pod, m)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(a.dataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	a.opts.Dir = datadir.Dir(a.dataDir)
	if err := migrate.CheckRestore(a.opts, a.args[0], m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.opts.Timeout, fmt.Errorf("it has not ended in %s", a.opts.Timeout))
	defer cancel()
	// What is there is either as it was or whole: in both cases it is the kubelet's again.
	defer func() { err = errors.Join(err, pod.Start()) }()
	if err := pod.Stop(ctx); err != nil {
		return err
	}
	if a.is(who) {
		_, err = fmt.Fprintf(a.Out, "%s is that of member %s of the new cluster already: the kubelet starts it again\n", a.dataDir, a.member.Name)
		return err
	}
	empty, err := a.opts.Dir.Empty()
	if err != nil {
		return err
	}
	r, err := migrate.RestoreSnapshot(a.opts, a.args[0], a.member, a.bump, false)
	if err != nil {
		return err
	}
	// A container that was on its way when the manifest went may have written meanwhile.
	if err := pod.Ended(ctx); err != nil {
		return err
	}
	if !a.is(who) {
		return fmt.Errorf("restore %s: something else was written there meanwhile: run the same again", a.dataDir)
	}
	if a.output == "json" {
		return a.json(r)
	}
	fmt.Fprintf(a.Out, "restored %d keys at revision %d into %s, as member %s of %s\n", m.Keys, m.Revision, a.dataDir, a.member.Name, a.member.Cluster)
	if !empty {
		fmt.Fprintf(a.Out, "what was there before is kept as generation %d: etcd-migrate rollback --data-dir %s\n", r.Kept, a.dataDir)
	}
	_, err = fmt.Fprintf(a.Out, "the kubelet starts it; the cluster serves once more than half of its %d members are restored so\n", strings.Count(a.member.Cluster, ",")+1)
	return err
}

// fromPod takes from manifest and snapshot what other flags would say, and says who the member will be.
func (a *app) fromPod(pod *staticpod.Pod, m *migrate.Manifest) (cluster.EtcdIdentity, error) {
	for _, name := range []string{"data-dir", "name", "initial-advertise-peer-urls", "skip-hash-check"} {
		if a.flags.Changed(name) {
			return cluster.EtcdIdentity{}, usageError{fmt.Errorf("--%s does not go with --manifest", name)}
		}
	}
	if !a.flags.Changed("initial-cluster-token") {
		return cluster.EtcdIdentity{}, usageError{errors.New("want --initial-cluster-token with --manifest: a word that is the same on every host, and was never used before, " +
			"such as restore-20260101T1200: members that were left out then belong to another cluster, and cannot join this one with what they remember")}
	}
	switch {
	case pod.HostDataDir == "":
		return cluster.EtcdIdentity{}, fmt.Errorf("%w: %s does not say where on this host the data directory lies", migrate.ErrRefused, a.pod)
	case pod.WALDir != "":
		return cluster.EtcdIdentity{}, fmt.Errorf("%w: the log lies outside of the data directory (--wal-dir=%s): stop etcd, restore with --data-dir, and move member/wal there", migrate.ErrRefused, pod.WALDir)
	case pod.Name == "" || len(pod.AdvertisePeerURLs) != 1:
		return cluster.EtcdIdentity{}, fmt.Errorf("%w: %s does not name the member and one peer URL of it", migrate.ErrRefused, a.pod)
	}
	a.dataDir, a.member.Name, a.member.PeerURL = pod.HostDataDir, pod.Name, pod.AdvertisePeerURLs[0]
	if !a.flags.Changed("to") && !pod.Version.IsZero() {
		a.opts.To = pod.Version.Bare()
	}
	if !a.flags.Changed("revision-bump") {
		a.bump = kubernetesBump
	}
	if a.member.Cluster == "" {
		var all []string
		for _, o := range m.Members {
			for _, u := range o.PeerURLs {
				all = append(all, o.Name+"="+u)
			}
		}
		slices.Sort(all)
		a.member.Cluster = strings.Join(all, ",")
	}
	members := strings.Split(a.member.Cluster, ",")
	if !slices.Contains(members, a.member.Name+"="+a.member.PeerURL) {
		return cluster.EtcdIdentity{}, fmt.Errorf("%w: this is member %s at %s, and the cluster is to be of %s: is this the right snapshot? If so, name every member with --initial-cluster, the same on every host",
			migrate.ErrRefused, a.member.Name, a.member.PeerURL, a.member.Cluster)
	}
	return cluster.EtcdIdentify(a.member.Name, members, a.member.Token)
}

// is tells whether the directory is that of the member that is to be.
func (a *app) is(who cluster.EtcdIdentity) bool {
	i, err := datadir.Outline(a.opts.Dir)
	return err == nil && i.NodeID == who.Member && i.ClusterID == who.Cluster
}
