package action

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/apt"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/cri"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/programs"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// facts looks at everything that decides how the host can be upgraded. What is not there stays empty; what cannot be read is an error,
// because a plan that takes "unknown" for "absent" would be wrong.
func facts(ctx context.Context, a hostaction.Facts, env Env) (any, error) {
	if a.PackagesOnly {
		h := cluster.Host{}
		_, err := installed(ctx, env, &h)
		return h, err
	}
	h := cluster.Host{Arch: runtime.GOARCH, Kernel: kernel(), CgroupVersion: cgroupVersion(), Disks: disks()}
	for _, look := range []func(context.Context, Env, *cluster.Host) error{osRelease, serviceManager, packages, kubernetes, leftovers, risks} {
		if err := look(ctx, env, &h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func osRelease(_ context.Context, _ Env, h *cluster.Host) error {
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return fmt.Errorf("read os release: %w", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		k, v, _ := strings.Cut(s.Text(), "=")
		v = strings.Trim(v, `"'`)
		switch k {
		case "ID":
			h.OS.ID = v
		case "VERSION_ID":
			h.OS.VersionID = v
		case "PRETTY_NAME":
			h.OS.Name = v
		}
	}
	return nil
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// cgroupVersion takes the hybrid layout, with a tmpfs at the top, for version 1, as the kubelet does.
func cgroupVersion() int {
	var s unix.Statfs_t
	if unix.Statfs("/sys/fs/cgroup", &s) != nil {
		return 0
	}
	if s.Type == unix.CGROUP2_SUPER_MAGIC {
		return 2
	}
	return 1
}

func serviceManager(ctx context.Context, env Env, h *cluster.Host) error {
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return err
	}
	defer sd.Close()
	h.Systemd = sd.Version
	state, err := sd.State(ctx, kubeletUnit)
	h.KubeletActive = state == "active"
	if err != nil {
		return err
	}
	h.Running, err = changing(ctx, sd, env)
	return err
}

// installed finds the packages and who brought them. A host with another package manager is a fact, not a failure. The programs are those that nobody did.
func installed(ctx context.Context, env Env, h *cluster.Host) (hand []programs.Program, err error) {
	if h.HeldBefore, err = apt.ReadHolds(env.Work.Holds()); err != nil {
		return nil, err
	}
	if hand, err = byHand(ctx); err != nil {
		return nil, err
	}
	switch {
	case hand != nil:
		h.PackageManager, h.Packages = programs.Manager, programs.Packages(hand)
	case hasApt():
		h.PackageManager = "apt"
		h.Packages, _, err = apt.Installed(ctx, cluster.PackageNames)
	}
	return hand, err
}

func packages(ctx context.Context, env Env, h *cluster.Host) error {
	hand, err := installed(ctx, env, h)
	switch {
	case err != nil:
		return err
	case hand != nil:
		h.Upgrades, err = programs.History(hand)
		return err
	case h.PackageManager == "":
		return nil
	}
	if h.Upgrades, err = apt.History(); err != nil {
		return err
	}
	_, sources, err := apt.Sources(ctx)
	if err != nil {
		return err
	}
	for _, s := range sources {
		key, ends := s.KeyEnds()
		h.Sources = append(h.Sources, cluster.PackageSource{File: s.File, Style: s.Style, URL: s.URL, Minor: s.Minor, Key: key, KeyEnds: ends})
	}
	if h.Pins, err = apt.Pins(cluster.PackageNames); err != nil {
		return err
	}
	if h.PackageLock, err = apt.LockHolder(); err != nil || h.PackageLock == nil {
		return err
	}
	return ownLock(ctx, h)
}

// ownLock counts an action of ours that has the lock for one that runs: somebody who is dead by now may have asked for it since those were listed.
func ownLock(ctx context.Context, h *cluster.Host) error {
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return err
	}
	defer sd.Close()
	unit, err := sd.UnitOf(ctx, h.PackageLock.PID)
	if _, gone := os.Stat(fmt.Sprintf("/proc/%d", h.PackageLock.PID)); gone != nil {
		h.PackageLock = nil
		return nil
	}
	if err != nil {
		return err
	}
	id, ours := workdir.IDOfUnit(unit)
	if ours {
		h.PackageLock = nil
	}
	if ours && !slices.Contains(h.Running, id) {
		h.Running = append(h.Running, id)
	}
	return nil
}

func hasApt() bool {
	for _, tool := range []string{"apt-get", "apt-cache", "apt-mark", "dpkg-query"} {
		if _, err := exec.LookPath(tool); err != nil {
			return false
		}
	}
	return true
}

// byHand gives the programs of a host on which kubeadm and kubelet are there and no package brought either; nil on any other.
func byHand(ctx context.Context) ([]programs.Program, error) {
	if hasApt() {
		packages, _, err := apt.Installed(ctx, []string{"kubeadm", "kubelet"})
		if err != nil || len(packages) > 0 {
			return nil, err
		}
	}
	for _, n := range []string{"kubeadm", "kubelet"} {
		if path, err := programs.Default().Locate(n); err != nil || path == "" {
			return nil, err
		}
	}
	if _, err := exec.LookPath("rpm"); err == nil {
		if _, err := proc.Output(ctx, "rpm", "-q", "--whatprovides", "kubelet"); err == nil {
			return nil, nil // rpm says so with status 0: they are that package manager's
		}
	}
	return programs.Default().Find(ctx)
}

func kubernetes(ctx context.Context, _ Env, h *cluster.Host) error {
	var err error
	if h.Kubeadm, err = kubeadmVersion(ctx); err != nil {
		return err
	}
	// A host without a runtime is for the plan to complain about.
	h.CRISocket, _ = cri.Socket()
	return nil
}
