package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
	// had is the newest log of each container when it was started last, by folder.
	had map[string]int
}

func (h Host) newPod(a hostaction.EtcdReplace) (*pod, error) {
	for _, f := range a.Files {
		if f.Path != staticpod.Etcd {
			return nil, fmt.Errorf("replace etcd member %s: %s is not the manifest of a static pod of etcd", a.Name, f.Path)
		}
	}
	return &pod{h: h, manifest: staticpod.Etcd, had: newest(podLogs)}, nil
}

// swap replaces the manifest. Where something is to be done while no etcd runs, the kubelet is left without a manifest as long as that takes: it would
// start the new one at once.
func (p *pod) swap(ctx context.Context, to setting, between func() error) error {
	p.had = newest(podLogs)
	return staticpod.WithoutServer(ctx, p.h.Log, false, func(server *staticpod.Leaver) error {
		running, err := p.running()
		if err != nil {
			return err
		}
		server.Leave(ctx)
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

// newest finds the newest log of each container of etcd's pods, by folder. Each start has one of its own, numbered by the kubelet.
func newest(root string) map[string]int {
	out := map[string]int{}
	found, err := filepath.Glob(filepath.Join(root, "kube-system_etcd-*", "*", "*.log"))
	if err != nil {
		return out
	}
	for _, f := range found {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(f), ".log"))
		if dir := filepath.Dir(f); err == nil {
			have, known := out[dir]
			if !known || n > have {
				out[dir] = n
			}
		}
	}
	return out
}

// started counts how often containers were started since then, and names the newest log of the one that was started most often.
func (p *pod) started() (log string, times int) {
	for dir, n := range newest(podLogs) {
		had, known := p.had[dir]
		if !known {
			had = -1
		}
		if n-had > times {
			log, times = filepath.Join(dir, fmt.Sprintf("%d.log", n)), n-had
		}
	}
	return log, times
}

func (p *pod) gaveUp(context.Context) error {
	if log, times := p.started(); times >= hopeless {
		return fmt.Errorf("the container %s was started %d times", filepath.Base(filepath.Dir(log)), times)
	}
	return nil
}

func (p *pod) said(context.Context) string {
	log, times := p.started()
	if times == 0 {
		return "no container of its pod was started: see what the kubelet says (journalctl -u kubelet), which may lack the image"
	}
	raw, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("the last lines of container %s (%s):\n%s", filepath.Base(filepath.Dir(log)), log, strings.Join(plain(proc.Last(string(raw), lastLines)), "\n"))
}

// plain takes off what container runtimes write before each line: time, stream and a tag.
func plain(lines []string) []string {
	for i, l := range lines {
		if parts := strings.SplitN(l, " ", 4); len(parts) == 4 && (parts[1] == "stderr" || parts[1] == "stdout") {
			lines[i] = parts[3]
		}
	}
	return lines
}
