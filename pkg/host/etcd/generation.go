package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// generation is a member's data that are kept aside where etcd-migrate keeps them too, so that "etcd-migrate rollback" puts them back:
// DATA/.etcd-migrate/generations/0001. Until it is whole its name ends in ".part".
//
// The database of a member that ended can only be copied, which for one that is alone is time without an etcd. So it is taken as a snapshot before,
// while the member still serves, with links to those files of the log that are not written to any more: after the end, only the newest file of the log
// is left to copy, of 64 MB. Log and database together are all that was acknowledged, since a server applies what its log has more than its database.
// A link to the database would not do, since the next server writes into the same file; nor would one to the newest file of the log.
type generation struct {
	from   disk.Layout
	folder string
	number int
	owner  string
}

// keepers is what marks a generation as one that the agent made.
const keepers = "kubectl-upgrade"

// mostGenerations is how many of the agent's own are left.
const mostGenerations = 2

func generationsDir(dataDir string) string {
	return filepath.Join(dataDir, ".etcd-migrate", "generations")
}

// generations lists the numbers of those that are whole, in order.
func generations(dataDir string) ([]int, error) {
	entries, err := os.ReadDir(generationsDir(dataDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list kept data: %w", err)
	}
	var out []int
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// newGeneration is the next one of a member.
func newGeneration(dataDir, walDir, owner string) (*generation, error) {
	have, err := generations(dataDir)
	if err != nil {
		return nil, err
	}
	g := &generation{from: disk.Of(dataDir, walDir), number: 1, owner: owner}
	if n := len(have); n > 0 {
		g.number = have[n-1] + 1
	}
	g.at(dataDir, g.number)
	return g, nil
}

func (g *generation) at(dataDir string, number int) {
	g.number, g.folder = number, filepath.Join(generationsDir(dataDir), fmt.Sprintf("%04d", number))
}

func (g *generation) into() disk.Layout { return disk.Of(g.folder+part, "") }

// begin does while the member serves what can be done then.
func (g *generation) begin(ctx context.Context, h Host, a hostaction.EtcdAccess, v3 bool) error {
	if err := os.RemoveAll(g.folder + part); err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	need := uint64(0)
	if info, err := os.Stat(g.from.DB()); err == nil {
		need = uint64(info.Size()) //nolint:gosec // sizes are positive
	}
	if err := disk.Room(filepath.Dir(g.from.Member), need); err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	into := g.into()
	if err := into.Make(); err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	if err := errors.Join(disk.Link(g.from.Snap, into.Snap, "*.snap"), g.links()); err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	if !v3 {
		return nil
	}
	if err := h.streamDatabase(ctx, a, into.DB()); err != nil {
		// A member that asks for a user does not stream; it is copied once it has ended.
		h.say("the database is copied after the member's end, since it cannot be taken before: %v", err)
		return os.RemoveAll(into.DB())
	}
	return nil
}

// links takes the files of the log that are not written to any more.
func (g *generation) links() error {
	logs, err := g.from.Logs()
	if err != nil {
		return err
	}
	for _, l := range logs[:max(0, len(logs)-1)] {
		if err := disk.Link(filepath.Dir(l), g.into().WAL, filepath.Base(l)); err != nil {
			return err
		}
	}
	return nil
}

// finish takes the rest after the member's end. Done twice, it does nothing the second time.
func (g *generation) finish() error {
	if _, err := os.Stat(g.folder); err == nil {
		return nil
	}
	into := g.into()
	if err := errors.Join(into.Make(), g.links()); err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	logs, err := g.from.Logs()
	if err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	if n := len(logs); n > 0 {
		if err := disk.Copy(logs[n-1], filepath.Join(into.WAL, filepath.Base(logs[n-1]))); err != nil {
			return fmt.Errorf("keep etcd's data: %w", err)
		}
	}
	if _, err := os.Stat(into.DB()); errors.Is(err, fs.ErrNotExist) {
		// There was no stream: the snapshots that came since are right for this one too.
		err := errors.Join(disk.Link(g.from.Snap, into.Snap, "*.snap"), disk.Copy(g.from.DB(), into.DB()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep etcd's data: %w", err)
		}
	}
	// What etcd-migrate writes beside a generation of its own.
	info, err := json.Marshal(map[string]any{"ready": true, "generation": g.number, "version": "", "before": "", "by": keepers})
	if err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	if err := file.Write(filepath.Join(g.folder+part, "info.json"), info, 0o600); err != nil {
		return err
	}
	state := filepath.Dir(filepath.Dir(g.folder))
	if err := errors.Join(disk.Own(g.folder+part, g.owner), syncTree(g.folder+part), disk.OwnOnly(g.owner, state, filepath.Dir(g.folder))); err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	if err := os.Rename(g.folder+part, g.folder); err != nil {
		return fmt.Errorf("keep etcd's data: %w", err)
	}
	return file.SyncDir(filepath.Dir(g.folder))
}

// prune removes the oldest of the agent's own.
func prune(dataDir string) error {
	all, err := generations(dataDir)
	if err != nil {
		return err
	}
	var ours []string
	for _, n := range all {
		folder := filepath.Join(generationsDir(dataDir), fmt.Sprintf("%04d", n))
		var info struct {
			By string `json:"by"`
		}
		text, err := os.ReadFile(filepath.Join(folder, "info.json"))
		if err == nil && json.Unmarshal(text, &info) == nil && info.By == keepers {
			ours = append(ours, folder)
		}
	}
	for _, folder := range ours[:max(0, len(ours)-mostGenerations)] {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove kept data: %w", err)
		}
	}
	return nil
}
