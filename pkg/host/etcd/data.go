package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/tool"
)

// Data reads the bytes of the member's directory. Of one that runs, a directory is put together that is removed afterwards: its log and its snapshots as
// they are, and its database as the member itself streams it, since the file changes under a reader's hands.
func (h Host) Data(ctx context.Context, m *local.Member, c *ask.Cluster) (*cluster.EtcdData, error) {
	dir := m.DataDir
	if c != nil || m.WALDir != "" {
		copied, err := os.MkdirTemp(string(h.Work), "etcd-look-")
		if err != nil {
			return nil, fmt.Errorf("look at etcd's data: %w", err)
		}
		defer os.RemoveAll(copied)
		if err := h.assemble(ctx, m, c, copied); err != nil {
			return nil, fmt.Errorf("look at etcd's data: %w", err)
		}
		dir = copied
	}
	info, err := h.tool().Inspect(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("look at etcd's data: %w", err)
	}
	return judge(info, c), nil
}

// assemble takes the snapshots first and the log last: the log then reaches at least as far as the database, and the database as the snapshots.
func (h Host) assemble(ctx context.Context, m *local.Member, c *ask.Cluster, to string) error {
	from, into := disk.Of(m.DataDir, m.WALDir), disk.Of(to, "")
	need, err := from.Size()
	if err != nil {
		return err
	}
	if info, err := os.Stat(from.DB()); err == nil {
		need += uint64(info.Size()) //nolint:gosec // sizes are positive
	}
	if err := disk.Room(to, need); err != nil {
		return err
	}
	if err := into.Make(); err != nil {
		return err
	}
	if err := disk.Link(from.Snap, into.Snap, "*.snap"); err != nil {
		return err
	}
	if c == nil {
		err = disk.Copy(from.DB(), into.DB())
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	} else if servesV3(c) {
		err = h.streamDatabase(ctx, m.Access(), into.DB())
	}
	if err != nil {
		return err
	}
	return disk.Link(from.WAL, into.WAL, "*.wal")
}

// servesV3 tells whether members have a database that is used: while they agree on less than 3.0 it is empty, and nobody gets at it.
func servesV3(c *ask.Cluster) bool {
	if !c.Version.IsZero() {
		return c.Version.Major >= 3
	}
	l, ok := c.Local()
	return ok && l.Version.Major >= 3
}

// judge says what matters of it.
func judge(i *tool.Info, c *ask.Cluster) *cluster.EtcdData {
	d := &cluster.EtcdData{V2Keys: i.V2.Keys, V2Writes: i.V2.LogWrites, V2Auth: i.V2.AuthEnabled, Storage: "etcd3", Zombies: zombies(i, c)}
	for prefix, n := range i.V2.Prefixes {
		if d.V2Prefixes == nil {
			d.V2Prefixes = map[string]int{}
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(prefix, "/"), "/")
		d.V2Prefixes["/"+first] += n
	}
	if i.Database == nil || i.Database.Keys == 0 && i.Database.Revision <= 1 && i.V2.Keys > 0 {
		d.Storage = "etcd2"
	}
	return d
}

// zombies compares whom the database takes for members with the cluster: from 3.6 on the database is what counts.
func zombies(i *tool.Info, c *ask.Cluster) []string {
	if i.Database == nil {
		return nil
	}
	learner, name := map[uint64]bool{}, map[uint64]string{}
	for _, m := range i.V2.Members {
		learner[m.ID], name[m.ID] = m.Learner, m.Name
	}
	if c != nil { // it knows better than its log
		clear(learner)
		for _, m := range c.Members {
			learner[m.RaftID], name[m.RaftID] = m.Learner, m.Name
		}
	}
	var out []string
	have := map[uint64]bool{}
	for _, m := range i.Database.Members {
		have[m.ID] = true
		is, known := learner[m.ID]
		switch {
		case !known:
			out = append(out, fmt.Sprintf("member %s (%s) is in the database, and no longer in the cluster", ask.Hex(m.ID), m.Name))
		case m.Learner && !is:
			out = append(out, fmt.Sprintf("member %s (%s) is a learner in the database, and a voter in the cluster", ask.Hex(m.ID), m.Name))
		case !m.Learner && is:
			out = append(out, fmt.Sprintf("member %s (%s) is a voter in the database, and a learner in the cluster", ask.Hex(m.ID), m.Name))
		}
	}
	for id := range learner {
		if !have[id] {
			out = append(out, fmt.Sprintf("member %s (%s) is in the cluster, and not in the database", ask.Hex(id), name[id]))
		}
	}
	slices.Sort(out)
	return out
}
