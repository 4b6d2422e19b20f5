package command

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
)

// terminationLog is where a kubelet reads what it shows in the status of a container that has ended:
// https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure.
const terminationLog = "/dev/termination-log"

// terminationLimit is how much of it is kept (bytes).
const terminationLimit = 4096

// summary is a result without its steps, which a kubelet would cut off.
type summary struct {
	From       string           `json:"from"`
	To         string           `json:"to"`
	Strategy   migrate.Strategy `json:"strategy,omitempty"`
	Notes      []string         `json:"notes,omitempty"`
	Version    string           `json:"version"`
	Generation int              `json:"generation,omitempty"`
	Keys       int              `json:"keys"`
	Revision   int64            `json:"revision"`
	Leases     int              `json:"leases"`
	Hash       string           `json:"hash,omitempty"`
	Duration   time.Duration    `json:"duration"`
}

func summarize(r *migrate.Result) summary {
	return summary{From: r.Plan.From, To: r.Plan.To, Strategy: r.Plan.Strategy, Notes: r.Plan.Notes, Version: r.Version, Generation: r.Generation,
		Keys: r.Keys, Revision: r.Revision, Leases: r.Leases, Hash: r.Hash, Duration: r.Duration}
}

// failure is what is said in place of a result.
type failure struct {
	Error    string `json:"error"`
	ExitCode int    `json:"exitCode"`
}

// fail says so where a result would have been. That it may be impossible there too does not change the exit code.
func (a *app) fail(err error) {
	f := failure{Error: err.Error(), ExitCode: code(err)}
	if a.output == "json" {
		_ = a.json(f) // standard error has it
	}
	if n := len(f.Error); n > terminationLimit/2 {
		f.Error = f.Error[:terminationLimit/2] // the cause comes first, and what a server said last
	}
	_ = a.terminate(f) // standard error has it
}

// terminate writes to the termination log, where there is one.
func (a *app) terminate(v any) error {
	path := a.termination
	if path == "" {
		if info, err := os.Stat(terminationLog); err != nil || !info.Mode().IsRegular() {
			return nil //nolint:nilerr // no kubelet has started this
		}
		path = terminationLog
	}
	data, err := json.Marshal(v)
	if s, ok := v.(summary); ok && len(data) > terminationLimit {
		s.Notes = []string{"see the log"}
		data, err = json.Marshal(s)
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}
