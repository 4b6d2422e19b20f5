package migrate

import (
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// spare is what is left free beside the copy: logs of 64 MB are laid out in advance, two for each server's start.
const spare = 256 << 20

// checkSpace looks, before anything is written, whether the work fits beside the data.
func (m *migration) checkSpace() error {
	size, err := m.Dir.Size()
	if err != nil {
		return err
	}
	need := size + size/5 + spare
	if m.plan != nil && slices.ContainsFunc(m.plan.Steps, func(s Step) bool { return s.Kind == Check }) {
		need += size + spare // it has a copy of its own
	}
	return needSpace(string(m.Dir), need)
}

// needSpace wants that many bytes to be free where path lies.
func needSpace(path string, need int64) error {
	free, err := tree.Free(path)
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("check space of %s: %d MB are free, and the work beside the data takes %d MB", path, free>>20, need>>20)
	}
	return nil
}
