package apt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
)

// holdRecord is on disk from before the first unhold until every hold is back. While it is there, it and not dpkg
// says what the administrator had held.
type holdRecord struct {
	Held []string `json:"held"`
}

// ReadHolds gives the record that an interrupted installation left behind; nil when there is none.
func ReadHolds(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record of holds: %w", err)
	}
	var r holdRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read record of holds %s: %w", path, err)
	}
	if r.Held == nil {
		r.Held = []string{}
	}
	return r.Held, nil
}

// recordHolds writes down what is held now, unless an older record stands.
func recordHolds(ctx context.Context, path string) ([]string, error) {
	if held, err := ReadHolds(path); held != nil || err != nil {
		return held, err
	}
	_, held, err := Installed(ctx, cluster.PackageNames)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(holdRecord{Held: held})
	if err != nil {
		return nil, fmt.Errorf("record holds: %w", err)
	}
	return held, file.Write(path, b, 0o600)
}

// lift unholds those of the packages that are held.
func lift(ctx context.Context, log io.Writer, names []string) error {
	_, held, err := Installed(ctx, cluster.PackageNames)
	if err != nil {
		return err
	}
	return mark(ctx, log, "unhold", both(held, names))
}

// restoreHolds makes exactly the recorded packages held, looks whether it is so, and only then drops the record.
func restoreHolds(ctx context.Context, log io.Writer, path string, recorded []string) error {
	_, held, err := Installed(ctx, cluster.PackageNames)
	if err == nil {
		err = mark(ctx, log, "hold", without(recorded, held))
	}
	if err == nil {
		err = mark(ctx, log, "unhold", without(held, recorded))
	}
	if err == nil {
		_, held, err = Installed(ctx, cluster.PackageNames)
	}
	if err != nil {
		return fmt.Errorf("restore holds of %v: %w", recorded, err)
	}
	if len(without(recorded, held))+len(without(held, recorded)) > 0 {
		return fmt.Errorf("restore holds: dpkg has %v held, recorded were %v", held, recorded)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("drop record of holds: %w", err)
	}
	return file.SyncDir(filepath.Dir(path))
}

func mark(ctx context.Context, log io.Writer, how string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return proc.Run(ctx, log, "apt-mark", append([]string{how}, names...)...)
}

func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
