package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/cri"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// keptDir is where kubeadm keeps what it replaces. From 1.27 on "kubeadm upgrade" copies the kubelet's configuration into a directory of
// its own there, and from 1.35 on the file of flags too, when it takes one out (WriteKubeletConfigFiles and RemoveKubeletArgsFromFile in
// cmd/kubeadm/app/phases/upgrade/postupgrade.go of these releases).
const keptDir = "/etc/kubernetes/tmp"

// leftovers finds what kubeadm has kept.
func leftovers(_ context.Context, _ Env, h *cluster.Host) error {
	var err error
	h.Backups, err = backups(keptDir)
	return err
}

func backups(dir string) ([]cluster.Backup, error) {
	var out []cluster.Backup
	for _, pattern := range []string{"kubeadm-kubelet-config*/config.yaml", "kubeadm-kubelet-env*/kubeadm-flags.env"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, fmt.Errorf("find kubeadm's backups: %w", err)
		}
		for _, p := range paths {
			info, err := os.Stat(p)
			if err != nil {
				return nil, fmt.Errorf("find kubeadm's backups: %w", err)
			}
			out = append(out, cluster.Backup{Path: p, At: info.ModTime().UTC()})
		}
	}
	slices.SortFunc(out, func(a, b cluster.Backup) int { return a.At.Compare(b.At) })
	return out, nil
}

func restoreKubeletConfig(_ context.Context, a hostaction.RestoreKubeletConfig, env Env) (any, error) {
	for _, p := range []string{a.Config, a.Flags} {
		if p != "" && (filepath.Clean(p) != p || !strings.HasPrefix(p, keptDir+"/")) {
			return nil, fmt.Errorf("restore kubelet configuration: %q is no file that kubeadm keeps", p)
		}
	}
	// "kubeadm upgrade node" has to run again before the next upgrade, whatever is known of an earlier one.
	if err := forget(env, hostaction.KubeadmNode{}.Kind()); err != nil {
		return nil, err
	}
	if a.Flags != "" {
		b, err := os.ReadFile(a.Flags)
		if err == nil {
			err = putBack(cri.KubeletFlags, b)
		}
		if err != nil {
			return nil, fmt.Errorf("restore kubelet flags: %w", err)
		}
		fmt.Fprintln(env.Log, cri.KubeletFlags, "is that of", a.Flags, "again")
	}
	b, err := os.ReadFile(a.Config)
	if err != nil {
		return nil, fmt.Errorf("restore kubelet configuration: %w", err)
	}
	flags, err := os.ReadFile(cri.KubeletFlags)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("restore kubelet configuration: %w", err)
	}
	if endpoint := cri.EndpointIn(cri.InstanceConfig); cri.EndpointFlagIn(string(flags)) == "" && endpoint != "" {
		b = withEndpoint(b, endpoint)
	}
	if err := putBack(cri.KubeletConfig, b); err != nil {
		return nil, fmt.Errorf("restore kubelet configuration: %w", err)
	}
	fmt.Fprintln(env.Log, cri.KubeletConfig, "is that of", a.Config, "again")
	return nil, nil
}

// putBack replaces a file and keeps its mode.
func putBack(path string, content []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return file.Write(path, content, info.Mode().Perm())
}

var endpointLine = regexp.MustCompile(`(?m)^containerRuntimeEndpoint:.*$`)

// withEndpoint names the container runtime in a configuration that does not: kubeadm 1.34 and later moves it there from the flags
// (https://github.com/kubernetes/kubeadm/issues/3042), and the configuration from before has no word of it.
func withEndpoint(config []byte, endpoint string) []byte {
	line := "containerRuntimeEndpoint: " + endpoint
	if endpointLine.Match(config) {
		return endpointLine.ReplaceAllLiteral(config, []byte(line))
	}
	return append(slices.Clone(config), newline(config)+line+"\n"...)
}

// newline is what has to come before a line that is added.
func newline(text []byte) string {
	if len(text) == 0 || text[len(text)-1] == '\n' {
		return ""
	}
	return "\n"
}

// forget drops the results of a kind of requests.
func forget(env Env, k hostaction.Kind) error {
	requests, err := filepath.Glob(filepath.Join(env.Work.Runs(), "*", "request.json"))
	if err != nil {
		return fmt.Errorf("forget results: %w", err)
	}
	for _, path := range requests {
		var r hostaction.Request
		b, err := os.ReadFile(path)
		if err != nil || json.Unmarshal(b, &r) != nil || r.Kind != k {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(path), "result.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget result of %s: %w", r.ID, err)
		}
	}
	return nil
}
