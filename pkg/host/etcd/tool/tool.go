// Package tool runs etcd-migrate, which knows data directories: the agent itself links nothing of etcd's server.
package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Tool is etcd-migrate, and the programs of etcd that lie beside it.
type Tool struct {
	Dir string
	// Log gets the command lines.
	Log io.Writer
}

// Program is the path of a release's program, such as "etcd" or "etcdctl".
func (t Tool) Program(name string, v version.Version) (string, error) {
	path := filepath.Join(t.Dir, name+"-"+v.Bare())
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find %s %s: %w", name, v.Bare(), err)
	}
	return path, nil
}

// run runs a command of etcd-migrate and reads its answer into out.
func (t Tool) run(ctx context.Context, out any, args ...string) error {
	args = append(args, "--bin-dir", t.Dir, "-o", "json")
	fmt.Fprintf(t.Log, "$ etcd-migrate %s\n", strings.Join(args, " "))
	said, err := proc.Output(ctx, filepath.Join(t.Dir, "etcd-migrate"), args...)
	if err != nil {
		var failed struct {
			Error    string `json:"error"`
			ExitCode int    `json:"exitCode"`
		}
		if json.Unmarshal([]byte(said), &failed) == nil && failed.Error != "" {
			return fmt.Errorf("etcd-migrate (exit code %d): %s", failed.ExitCode, failed.Error)
		}
		return plain(err)
	}
	if err := json.Unmarshal([]byte(said), out); err != nil {
		return fmt.Errorf("read the answer of etcd-migrate %s: %w", args[0], err)
	}
	return nil
}

// plain keeps of a failure without an answer what etcd-migrate says at its end: before it, it logs what it does.
func plain(err error) error {
	failed, ok := errors.AsType[*proc.Error](err)
	if !ok {
		return err
	}
	for i, l := range failed.Last {
		if rest, ok := strings.CutPrefix(l, "etcd-migrate: "); ok {
			return fmt.Errorf("etcd-migrate (exit code %d): %s", failed.Code, strings.Join(append([]string{rest}, failed.Last[i+1:]...), "; "))
		}
	}
	return err
}
