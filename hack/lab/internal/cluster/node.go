package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/aptrepo"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// privileges give systemd, containerd and the kubelet what they need. It is not --privileged: that asks for every
// capability, and fails where the lab itself lacks one.
var privileges = []string{
	"--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
	"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined",
	"--device-cgroup-rule", "a *:* rwm", "--device", "/dev/kmsg", "--cgroupns", "private",
	"--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777",
	"-e", "container=docker", "--stop-signal", "SIGRTMIN+3",
}

// prepare makes a machine that is ready for kubeadm: started, packages installed and held, images pulled.
func (s *State) prepare(ctx context.Context, n Node, a *build.Assets, log *progress.Log) error {
	if err := s.create(ctx, n, a); err != nil {
		return err
	}
	if err := waitFor(ctx, 2*time.Minute, "containerd to run", func() error { return s.runs(ctx, n) }); err != nil {
		return err
	}
	log.Say("%s: started", n.Name)
	if s.hasDisk(n) {
		if err := s.mountDisk(ctx, n); err != nil {
			return err
		}
	}
	if err := s.install(ctx, n, a); err != nil {
		return err
	}
	log.Say("%s: packages installed", n.Name)
	if n.Role == topology.Worker {
		return s.pull(ctx, n, a)
	}
	return nil
}

// runs says whether the machine has started. One whose first process has ended will not start by waiting longer.
func (s *State) runs(ctx context.Context, n Node) error {
	_, err := docker.Exec(ctx, "", n.Container, "systemctl", "is-active", "lab-boot", "containerd")
	if err == nil {
		return nil
	}
	if state, inspectErr := docker.Output(ctx, "inspect", "--format", "{{.State.Status}} with {{.State.ExitCode}}", n.Container); inspectErr == nil && strings.HasPrefix(state, "exited") {
		return fmt.Errorf("%w: its first process %s", errFinal, state)
	}
	return err
}

func (s *State) create(ctx context.Context, n Node, a *build.Assets) error {
	log := s.logFile(n.Name)
	volume := n.Container + "-var"
	if err := docker.Do(ctx, log, "volume", "create", "--label", docker.Label+"="+s.Name, volume); err != nil {
		return err
	}
	args := append([]string{"create", "--name", n.Container, "--hostname", n.Name, "--label", docker.Label + "=" + s.Name,
		"--network", s.Name, "--ip", n.IP, "-v", volume + ":/var"}, privileges...)
	args = append(args, s.hosts()...)
	args = append(args, fromHost()...)
	if s.hasDisk(n) {
		disk, err := s.makeDisk(ctx, n)
		if err != nil {
			return err
		}
		args = append(args, disk...)
	}
	if s.inMemory(n) {
		memory, err := s.makeMemory(n)
		if err != nil {
			return err
		}
		args = append(args, memory...)
	}
	if err := docker.Do(ctx, log, append(args, s.Image)...); err != nil {
		return err
	}
	files, err := s.nodeFiles(n, a)
	if err != nil {
		return err
	}
	if err := put(ctx, log, n.Container, files); err != nil {
		return err
	}
	return docker.Do(ctx, log, "start", n.Container)
}

// fromHost shows a node the modules and the configuration of the kernel it runs on, where this machine has them.
func fromHost() []string {
	var out []string
	if _, err := os.Stat("/lib/modules"); err == nil {
		out = append(out, "-v", "/lib/modules:/lib/modules:ro")
	}
	if _, err := os.Stat("/proc/config.gz"); err == nil {
		return out
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		config := "/boot/config-" + strings.TrimSpace(string(release))
		if _, err := os.Stat(config); err == nil {
			out = append(out, "-v", config+":"+config+":ro")
		}
	}
	return out
}

// install is what the Kubernetes documentation tells a person to type.
func (s *State) install(ctx context.Context, n Node, a *build.Assets) error {
	log := s.logFile(n.Name)
	revision := aptrepo.LayoutOf(s.Topology.Kubernetes).Revision
	v := strings.TrimPrefix(s.Topology.Kubernetes, "v") + revision
	pkgs := []string{"kubelet=" + v, "kubeadm=" + v, "kubectl=" + v,
		"kubernetes-cni=" + a.Packages.KubernetesCNI + revision, "cri-tools=" + a.Packages.CRITools + revision}
	for _, args := range [][]string{
		{"apt-get", "update"},
		append([]string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends"}, pkgs...),
		append([]string{"apt-mark", "hold"}, n.Hold...),
		{"systemctl", "enable", "--now", "kubelet"},
	} {
		if _, err := docker.Exec(ctx, log, n.Container, args...); err != nil {
			return err
		}
	}
	return nil
}

// pull fetches what a worker will run while the control plane is still being made.
func (s *State) pull(ctx context.Context, n Node, a *build.Assets) error {
	for _, repo := range []string{"pause", "kube-proxy", "coredns"} {
		if _, err := docker.Exec(ctx, s.logFile(n.Name), n.Container, "crictl", "pull", a.Find(s.Topology.Kubernetes, repo)); err != nil {
			return err
		}
	}
	return nil
}

// errFinal marks a failure that asking again will not mend.
var errFinal = errors.New("the machine ended")

// waitFor asks again until there is no error or a final one, and says what it waited for when time is up.
func waitFor(ctx context.Context, limit time.Duration, what string, ask func() error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for tick := time.NewTicker(150 * time.Millisecond); ; {
		err := ask()
		if err == nil || errors.Is(err, errFinal) {
			return err
		}
		select {
		case <-limited.Done():
			return fmt.Errorf("wait %s for %s: %w", limit, what, err)
		case <-tick.C:
		}
	}
}
