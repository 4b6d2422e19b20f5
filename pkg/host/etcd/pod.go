package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// podLogs is where the kubelet keeps what containers write: NAMESPACE_POD_UID/CONTAINER/RESTART.log.
const podLogs = "/var/log/pods"

// pod is a member that the kubelet runs by a manifest.
type pod struct {
	h        Host
	manifest string
	// before is the manifest that was there, when it is not any more.
	before []byte
	// since is when it was started last: what containers wrote before is of no interest.
	since time.Time
}

func (h Host) newPod(a hostaction.EtcdReplace) (*pod, error) {
	for _, f := range a.Files {
		if f.Path != staticpod.Etcd {
			return nil, fmt.Errorf("replace etcd member %s: %s is not the manifest of a static pod of etcd", a.Name, f.Path)
		}
	}
	return &pod{h: h, manifest: staticpod.Etcd}, nil
}

// swap replaces the manifest. Where something is to be done while no etcd runs, the kubelet is left without a manifest as long as that takes: it would
// start the new one at once.
func (p *pod) swap(ctx context.Context, to setting, between func() error) error {
	p.since = time.Now()
	return staticpod.WithoutServer(ctx, p.h.Log, func() error {
		running, err := p.running()
		if err != nil {
			return err
		}
		if between != nil {
			if err := p.remove(); err != nil {
				return err
			}
			if err := ended(ctx, running); err != nil {
				return err
			}
			if err := between(); err != nil {
				return err
			}
		}
		if err := writeAll(to.files); err != nil {
			return err
		}
		p.h.say("wrote %s; the kubelet starts etcd by it", p.manifest)
		// The API server that ends meanwhile must not come back before etcd has ended.
		return ended(ctx, running)
	})
}

// running finds the process of the manifest that is there, or was.
func (p *pod) running() (*staticpod.Process, error) {
	text, err := os.ReadFile(p.manifest)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = p.before, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read etcd's manifest: %w", err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	manifest, err := staticpod.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read etcd's manifest: %w", err)
	}
	run, err := staticpod.FindCommand(staticpod.Command(manifest))
	if errors.Is(err, staticpod.ErrNotRunning) {
		return nil, nil
	}
	return &run, err
}

func ended(ctx context.Context, p *staticpod.Process) error {
	if p == nil {
		return nil
	}
	return until(ctx, stopPatience, "wait for etcd to end", func() (bool, error) { return !p.Runs(), nil })
}

func (p *pod) remove() error {
	if err := os.Remove(p.manifest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove etcd's manifest: %w", err)
	}
	return file.SyncDir(filepath.Dir(p.manifest))
}

func (p *pod) stop(ctx context.Context) error {
	running, err := p.running()
	if err != nil {
		return err
	}
	if err := p.remove(); err != nil {
		return err
	}
	return ended(ctx, running)
}

func (p *pod) alive(context.Context) bool {
	run, err := p.running()
	return err == nil && run != nil
}

func (p *pod) now() (*keptProcess, error) { return nil, nil }
func (p *pod) binary() string             { return "" }
func (p *pod) unit() string               { return "" }

// logs lists what containers of etcd's pod have written since the start, the newest last.
func (p *pod) logs() []string {
	found, err := filepath.Glob(filepath.Join(podLogs, "kube-system_etcd-*", "*", "*.log"))
	if err != nil {
		return nil
	}
	at := map[string]time.Time{}
	for _, f := range found {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(p.since) {
			at[f] = info.ModTime()
		}
	}
	found = slices.DeleteFunc(found, func(f string) bool { return at[f].IsZero() })
	slices.SortFunc(found, func(a, b string) int { return at[a].Compare(at[b]) })
	return found
}

// gaveUp counts the logs of the newest pod: each start has one, numbered by the kubelet.
func (p *pod) gaveUp(context.Context) error {
	logs := p.logs()
	if len(logs) == 0 {
		return nil
	}
	newest := logs[len(logs)-1]
	var n int
	if _, err := fmt.Sscanf(filepath.Base(newest), "%d.log", &n); err == nil && n >= hopeless {
		return fmt.Errorf("the container %s has ended %d times", filepath.Base(filepath.Dir(newest)), n)
	}
	return nil
}

func (p *pod) said(context.Context) string {
	logs := p.logs()
	if len(logs) == 0 {
		return "no container of its pod has written anything: see what the kubelet says (journalctl -u kubelet), which may lack the image"
	}
	newest := logs[len(logs)-1]
	raw, err := os.ReadFile(newest)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, l := range proc.Last(string(raw), lastLines) {
		// Container runtimes write time, stream and a tag before each line.
		if parts := strings.SplitN(l, " ", 4); len(parts) == 4 && (parts[1] == "stderr" || parts[1] == "stdout") {
			l = parts[3]
		}
		lines = append(lines, l)
	}
	return fmt.Sprintf("the last lines of container %s (%s):\n%s", filepath.Base(filepath.Dir(newest)), newest, strings.Join(lines, "\n"))
}
