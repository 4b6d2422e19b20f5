// Package local finds the etcd member of a host, whatever runs it, and how to talk to it from there.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
)

// Member is the member of this host.
type Member struct {
	cluster.EtcdProcess
	Name string
	// Quota is what its settings say, as in cluster.EtcdStatus.
	Quota int64

	settings settings
	// host says where a file lies that the settings name.
	host func(string) string
}

// Find finds it: kubeadm's static pod, a service, a process, in this order. It is nil where there is none. units is nil where services are not
// to be told from processes.
func Find(ctx context.Context, units Units) (*Member, error) {
	running, err := Processes()
	if err != nil {
		return nil, fmt.Errorf("look for etcd: %w", err)
	}
	m, err := pod()
	if err == nil && m == nil {
		m, running, err = ofHost(ctx, units, running)
	}
	if err != nil || m == nil {
		return nil, err
	}
	for _, p := range running {
		s, err := readSettings(p.Args, p.Env, os.ReadFile)
		if err != nil {
			s = settings{"data-dir": fmt.Sprintf("(process %d)", p.PID)}
		}
		m.Others = append(m.Others, s.dataDir(p.Dir))
	}
	return m, nil
}

// ofHost takes the first process, or a service that does not run, and gives back the processes that are left.
func ofHost(ctx context.Context, units Units, running []Process) (*Member, []Process, error) {
	if len(running) == 0 {
		if units == nil {
			return nil, nil, nil
		}
		m, err := stopped(ctx, units)
		return m, nil, err
	}
	m, err := OfProcess(ctx, units, running[0])
	return m, running[1:], err
}

// AtDataDir finds the process that works on a directory; ok is false when none does.
func AtDataDir(dir string) (p Process, ok bool, err error) {
	running, err := Processes()
	if err != nil {
		return Process{}, false, fmt.Errorf("look for etcd: %w", err)
	}
	i := slices.IndexFunc(running, func(p Process) bool {
		s, err := readSettings(p.Args, p.Env, os.ReadFile)
		return err == nil && same(s.dataDir(p.Dir), dir)
	})
	if i < 0 {
		return Process{}, false, nil
	}
	return running[i], true, nil
}

// same compares directories, which may be reached over links.
func same(a, b string) bool { return real(a) == real(b) }

func real(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return filepath.Clean(path)
}

// pod finds kubeadm's static pod, also when it does not run.
func pod() (*Member, error) {
	text, err := os.ReadFile(staticpod.Etcd)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read static pod: %w", err)
	}
	p, err := staticpod.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read static pod %s: %w", staticpod.Etcd, err)
	}
	command := staticpod.Command(p)
	if len(command) == 0 {
		return nil, fmt.Errorf("read static pod %s: it has no command", staticpod.Etcd)
	}
	m := &Member{host: func(path string) string { return staticpod.HostPath(p, path) }}
	m.Run, m.Image, m.Args = cluster.EtcdAsPod, p.Spec.Containers[0].Image, command[1:]
	m.Files = []cluster.TextFile{{Path: staticpod.Etcd, Kind: "manifest", Text: string(text)}}
	for _, e := range p.Spec.Containers[0].Env {
		m.Env = append(m.Env, e.Name+"="+e.Value)
	}
	m.Env = slices.DeleteFunc(m.Env, func(e string) bool { return len(e) < 5 || e[:5] != "ETCD_" })
	if err := m.read("/"); err != nil {
		return nil, err
	}
	if run, err := staticpod.FindCommand(command); err == nil {
		m.PID = run.PID
		m.Owner, err = owner(fmt.Sprintf("/proc/%d", run.PID))
		if err != nil {
			return nil, fmt.Errorf("look at etcd's process: %w", err)
		}
	}
	return m, nil
}

// read takes from the settings what is asked of every member.
func (m *Member) read(cwd string) error {
	s, err := readSettings(m.Args, m.Env, func(path string) ([]byte, error) { return os.ReadFile(m.host(at(cwd, path))) })
	if err != nil {
		return err
	}
	if path := s["config-file"]; path != "" {
		if err := m.file(m.host(at(cwd, path)), "config"); err != nil {
			return err
		}
	}
	m.settings, m.Name, m.Quota = s, s.name(), s.quota()
	m.DataDir = m.host(s.dataDir(cwd))
	m.Disk = disk(m.DataDir)
	if w := s.walDir(cwd); w != "" {
		m.WALDir = m.host(w)
	}
	if m.Owner == "" {
		m.Owner = ownerOf(m.DataDir)
	}
	return nil
}

// file adds one that says how the member is run.
func (m *Member) file(path, kind string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read etcd's %s: %w", kind, err)
	}
	m.Files = append(m.Files, cluster.TextFile{Path: path, Kind: kind, Text: string(text)})
	return nil
}

func ownerOf(path string) string {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return ""
	}
	return fmt.Sprintf("%d:%d", s.Uid, s.Gid)
}

func disk(path string) cluster.Disk {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return cluster.Disk{Path: path}
	}
	size := uint64(s.Bsize) //nolint:gosec // block sizes are positive
	return cluster.Disk{Path: path, Free: s.Bavail * size, Total: s.Blocks * size}
}
