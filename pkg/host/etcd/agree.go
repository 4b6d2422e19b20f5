package etcd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// agreeLook is how often members are asked; the leader looks for a new version of the cluster every four seconds.
const agreeLook = 500 * time.Millisecond

var (
	v33 = version.Version{Major: 3, Minor: 3}
	v34 = version.Version{Major: 3, Minor: 4}
	v36 = version.Version{Major: 3, Minor: 6}
)

// Agree waits until all members agree.
func (h Host) Agree(ctx context.Context, a hostaction.EtcdAgree) (hostaction.EtcdAgreement, error) {
	c, err := ask.New(a.Access)
	if err != nil {
		return hostaction.EtcdAgreement{}, err
	}
	j := agreement{EtcdAgree: a, ask: c}
	if err := h.poll(ctx, agreeLook, "wait for etcd's members to agree", j.look); err != nil {
		return hostaction.EtcdAgreement{}, err
	}
	h.say("all members of etcd agree at revision %d (hash %s, %d leases)", j.out.Revision, j.out.Hash, j.out.Leases)
	return j.out, nil
}

type agreement struct {
	hostaction.EtcdAgree
	ask *ask.Client
	// index and revision are what the furthest member had committed when it was looked at last: all have to get there.
	index, revision uint64
	out             hostaction.EtcdAgreement
}

// look says what is missing, or nothing.
func (j *agreement) look(ctx context.Context) error {
	c, err := j.ask.Cluster(ctx, j.Access.Endpoints)
	if err != nil {
		return err
	}
	if err := j.members(c); err != nil {
		return err
	}
	for _, m := range c.Members {
		if err := j.member(m); err != nil {
			return err
		}
	}
	if err := j.settled(ctx, c); err != nil {
		return err
	}
	if err := j.applied(c); err != nil {
		return err
	}
	if err := j.leases(c); err != nil {
		return err
	}
	return j.hashes(ctx, c)
}

// members compares who they are: one more or one less means that somebody else is at work.
func (j *agreement) members(c *ask.Cluster) error {
	var have []string
	for _, m := range c.Members {
		have = append(have, m.Name)
	}
	want := slices.Sorted(slices.Values(j.Members))
	if !slices.Equal(have, want) {
		return fmt.Errorf("its members are %s, and they should be %s", strings.Join(have, ", "), strings.Join(want, ", "))
	}
	if !slices.ContainsFunc(c.Members, func(m ask.Member) bool { return m.Leader }) {
		return errors.New("no member leads")
	}
	return nil
}

func (j *agreement) member(m ask.Member) error {
	want := j.Version
	switch {
	case len(m.Alarms) > 0:
		return fmt.Errorf("%s has raised the alarm %s", m.Name, strings.Join(m.Alarms, ", "))
	case m.Error != "":
		return fmt.Errorf("%s: %s", m.Name, m.Error)
	case m.Learner:
		return fmt.Errorf("%s is a learner", m.Name)
	case m.Version != want:
		return fmt.Errorf("%s is of %s, and not of %s", m.Name, m.Version, want)
	case !m.Mute && !m.ClusterVersion.SameMinor(want):
		return fmt.Errorf("%s takes the cluster for one of %s, and not of %s", m.Name, orUnknown(m.ClusterVersion), want.MinorString())
	case !want.Less(v36) && !m.StorageVersion.SameMinor(want):
		return fmt.Errorf("the data of %s are of %s, and not of %s", m.Name, orUnknown(m.StorageVersion), want.MinorString())
	}
	return nil
}

// settled wants no way back to be under way any more: 3.5 ends one by itself, some seconds after all members are of it.
func (j *agreement) settled(ctx context.Context, c *ask.Cluster) error {
	under, err := j.ask.Downgrading(ctx, c.Members[0].Endpoint, j.Version)
	if err == nil && under {
		err = errors.New(`a downgrade is under way; where nobody wants it any more, "etcdctl downgrade cancel" ends it`)
	}
	return err
}

func orUnknown(v version.Version) string {
	if v.IsZero() {
		return "an unknown version"
	}
	return v.MinorString()
}

// applied compares each member with what the furthest had when it was asked the time before: while somebody writes, no two answers are of one instant.
func (j *agreement) applied(c *ask.Cluster) error {
	index, revision := j.index, j.revision
	for _, m := range c.Members {
		j.index, j.revision = max(j.index, m.RaftIndex), max(j.revision, reached(m.EtcdStatus))
	}
	if index == 0 {
		index, revision = j.index, j.revision
	}
	for _, m := range c.Members {
		// Up to 3.3 a member says only what is committed.
		if m.AppliedIndex < index && (!m.Version.Less(v34) || m.Version.Major < 3) {
			return fmt.Errorf("%s has applied entry %d, and others had %d", m.Name, m.AppliedIndex, index)
		}
		if reached(m.EtcdStatus) < revision {
			return fmt.Errorf("%s is at revision %d, and others were at %d", m.Name, reached(m.EtcdStatus), revision)
		}
	}
	return nil
}

// reached is the revision, or before 3.0 the index of the v2 store.
func reached(s cluster.EtcdStatus) uint64 { return max(uint64(s.Revision), s.V2Index) } //nolint:gosec // revisions are positive

// leases compares their number, which 3.3 is the first to tell.
func (j *agreement) leases(c *ask.Cluster) error {
	j.out.Leases = c.Members[0].Leases
	for _, m := range c.Members {
		if m.Leases != j.out.Leases {
			return fmt.Errorf("%s has %d leases, and %s has %d", m.Name, m.Leases, c.Members[0].Name, j.out.Leases)
		}
	}
	return nil
}

// sums asks every member for its hash.
func (j *agreement) sums(ctx context.Context, c *ask.Cluster, revision int64) ([]ask.Hash, error) {
	sums := make([]ask.Hash, len(c.Members))
	var g errgroup.Group
	for i, m := range c.Members {
		g.Go(func() (err error) {
			sums[i], err = j.ask.HashKV(ctx, m.Endpoint, revision)
			return err
		})
	}
	return sums, g.Wait()
}

// hashes compares all keys at one revision that every member has.
func (j *agreement) hashes(ctx context.Context, c *ask.Cluster) error {
	at := uint64(math.MaxInt64)
	for _, m := range c.Members {
		at = min(at, reached(m.EtcdStatus))
	}
	j.out.Revision, j.out.Hash = int64(at), "" //nolint:gosec // not more than MaxInt64
	if j.Version.Less(v33) {
		return nil
	}
	sums, err := j.sums(ctx, c, j.out.Revision)
	if errors.Is(err, ask.ErrCompacted) {
		// Nothing was written since: then the members are where they were, and can be asked for that.
		sums, err = j.sums(ctx, c, 0)
	}
	if errors.Is(err, ask.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, m := range c.Members {
		switch {
		case sums[i].At != sums[0].At && sums[i].Compacted == j.out.Revision:
			return fmt.Errorf("%s is at revision %d, and %s at %d", m.Name, sums[i].At, c.Members[0].Name, sums[0].At)
		case sums[i].Compacted != sums[0].Compacted:
			return fmt.Errorf("%s is compacted at %d, and %s at %d", m.Name, sums[i].Compacted, c.Members[0].Name, sums[0].Compacted)
		case sums[i].Sum != sums[0].Sum:
			return final("the keys of %s and %s differ at revision %d (hashes %08x and %08x): one of the two is wrong; end what writes, and see https://etcd.io/docs/v3.6/op-guide/data_corruption/",
				m.Name, c.Members[0].Name, j.out.Revision, sums[i].Sum, sums[0].Sum)
		}
	}
	j.out.Hash = fmt.Sprintf("%08x", sums[0].Sum)
	return nil
}
