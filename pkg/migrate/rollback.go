package migrate

import (
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// Preview plans without changing anything.
func Preview(o Options) (*Plan, error) {
	to, err := hops.Minor(o.To)
	if err != nil {
		return nil, err
	}
	bins, err := hops.Find(o.BinDir)
	if err != nil {
		return nil, err
	}
	if empty, err := o.Dir.Empty(); err != nil {
		return nil, err
	} else if empty {
		return &Plan{To: to, Strategy: o.Strategy}, nil
	}
	info, err := datadir.Inspect(o.Dir)
	if err != nil {
		return nil, err
	}
	return plan(info, to, o, bins)
}

// RolledBack says which generation is back, and which holds what was there.
type RolledBack struct {
	Restored int `json:"restored"`
	Kept     int `json:"kept"`
}

// Rollback puts a generation back, 0 being the newest. What is there now becomes the newest generation, and the one put
// back stays too: it can be done again.
func Rollback(o Options, generation int) (*RolledBack, error) {
	work, release, err := open(o)
	if err != nil {
		return nil, err
	}
	defer release()
	numbers, err := work.Generations()
	if err != nil {
		return nil, err
	}
	if len(numbers) == 0 {
		return nil, refuse("no earlier member is kept in %s", o.Dir)
	}
	if generation == 0 {
		generation = numbers[len(numbers)-1]
	}
	from, version, err := work.Generation(generation)
	if err != nil {
		return nil, err
	}
	before, err := o.Dir.ReadVersionFile()
	if err != nil {
		return nil, err
	}
	err = work.Prepare(func(to datadir.Dir) error {
		if err := tree.Copy(from.Member(), to.Member()); err != nil {
			return err
		}
		if _, err := datadir.Inspect(to); err != nil {
			return fmt.Errorf("check generation %d: %w", generation, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept, err := work.Commit(version, before)
	if err != nil {
		return nil, err
	}
	return &RolledBack{Restored: generation, Kept: kept}, nil
}
