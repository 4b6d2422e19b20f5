package action

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/cri"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	kubeletUnit = "kubelet.service"
	// steady is how many polls in a row have to succeed: a kubelet that dies of a flag it does not know is active for a moment. Whether it
	// stays up for longer is for those to watch who see its node.
	steady, steadyLook = 5, 400 * time.Millisecond
	// first is how often one that has just been started is asked, which has more to do once it answers.
	first       = 50 * time.Millisecond
	kubeletWait = 2 * time.Minute
	journalTail = "20"
)

// restartKubelet looks first: who asked may have been killed after the restart, before the kubelet told anybody of its new version.
func restartKubelet(ctx context.Context, a hostaction.RestartKubelet, env Env) (any, error) {
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer sd.Close()
	pid, err := sd.MainPID(ctx, kubeletUnit)
	if err != nil {
		return nil, err
	}
	host, port := healthz()
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/healthz"
	healthy := func(ctx context.Context) error { return kubeletHealthy(ctx, sd, url) }
	if kubeletOf(ctx, pid) == a.Version {
		fmt.Fprintln(env.Log, kubeletUnit, "runs", a.Version, "already")
	} else {
		restart := func() error {
			fmt.Fprintln(env.Log, "restarting", kubeletUnit)
			if err := sd.Restart(ctx, kubeletUnit); err != nil {
				return err
			}
			return waitKubelet(ctx, 1, first, healthy)
		}
		if before := programVersion(ctx, fmt.Sprintf("/proc/%d/exe", pid)); pid == 0 || before.SameMinor(a.Version) {
			err = restart()
		} else {
			if err := awaitOtherMembers(ctx, env); err != nil {
				return nil, err
			}
			err = staticpod.WithNewKubelet(ctx, env.Log, a.Others, restart)
		}
		if err != nil {
			return nil, withJournal(ctx, env, err)
		}
	}
	fmt.Fprintln(env.Log, "waiting for", url)
	err = waitKubelet(ctx, steady, steadyLook, func(ctx context.Context) error { return cmp.Or(healthy(ctx), runtimeReady(ctx)) })
	if err != nil {
		return nil, withJournal(ctx, env, err)
	}
	fmt.Fprintln(env.Log, kubeletUnit, "is active and healthy")
	return nil, nil
}

// kubeletOf is the version of a process whose program is still the installed one; zero when it is not, or cannot be told.
// A package manager puts a new file in the place of the old one, which a process that runs on keeps, deleted.
func kubeletOf(ctx context.Context, pid uint32) version.Version {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if pid == 0 || err != nil || strings.HasSuffix(exe, " (deleted)") {
		return version.Version{}
	}
	return programVersion(ctx, exe)
}

// programVersion is what a kubelet's program says of itself; zero when it does not.
func programVersion(ctx context.Context, program string) version.Version {
	out, err := proc.Output(ctx, program, "--version")
	if err != nil {
		return version.Version{}
	}
	v, err := version.Parse(strings.TrimPrefix(strings.TrimSpace(out), "Kubernetes "))
	if err != nil {
		return version.Version{}
	}
	return v
}

// waitKubelet waits until the kubelet is healthy that many times in a row.
func waitKubelet(ctx context.Context, times int, every time.Duration, healthy func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, kubeletWait, fmt.Errorf("not within %s", kubeletWait))
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	bad := fmt.Errorf("it was not so %d times in a row", times)
	for good := 0; good < times; {
		if err := healthy(ctx); err == nil {
			good++
		} else if good = 0; ctx.Err() == nil {
			bad = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to be healthy: %w: %w", kubeletUnit, context.Cause(ctx), bad)
		case <-tick.C:
		}
	}
	return nil
}

func kubeletHealthy(ctx context.Context, sd *systemd.Conn, url string) error {
	state, err := sd.State(ctx, kubeletUnit)
	if err != nil {
		return err
	}
	if state != "active" {
		return fmt.Errorf("%s is %s", kubeletUnit, state)
	}
	if strings.Contains(url, ":0/") {
		return nil // healthzPort 0 switches the endpoint off
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

// runtimeReady asks the container runtime for what the kubelet asks it. One that cannot be found is the kubelet's own (dockershim).
func runtimeReady(ctx context.Context) error {
	socket, err := cri.Socket()
	if err != nil {
		return nil
	}
	rt, err := cri.Connect(socket)
	if err != nil {
		return err
	}
	defer rt.Close()
	missing, err := rt.Missing(ctx)
	if err != nil {
		return fmt.Errorf("ask container runtime at %s for its state: %w", socket, err)
	}
	if missing != "" {
		return fmt.Errorf("container runtime at %s: %s", socket, missing)
	}
	return nil
}

// healthz is where the kubelet answers; the defaults are those of KubeletConfiguration.
func healthz() (host string, port int) {
	c := struct {
		HealthzBindAddress string `json:"healthzBindAddress"`
		HealthzPort        *int   `json:"healthzPort"`
	}{}
	if b, err := os.ReadFile(cri.KubeletConfig); err == nil {
		_ = yaml.Unmarshal(b, &c) // a config that cannot be read is the kubelet's to complain about
	}
	host, port = c.HealthzBindAddress, 10248
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if c.HealthzPort != nil {
		port = *c.HealthzPort
	}
	return host, port
}

// hurry has the kubelet start static pods that are replaced at once, until stop is called. Kubelets before 1.22 do by themselves.
// https://github.com/kubernetes/kubernetes/pull/102344
func hurry(ctx context.Context, env Env) (stop func()) {
	stop = func() {}
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return stop
	}
	defer sd.Close()
	pid, err := sd.MainPID(ctx, kubeletUnit)
	if v := programVersion(ctx, fmt.Sprintf("/proc/%d/exe", pid)); err != nil || v.Major == 1 && v.Minor < 22 || v.Major == 0 {
		return stop
	}
	return staticpod.Hurry(ctx, env.Log)
}

// withJournal adds what the kubelet said last.
func withJournal(ctx context.Context, env Env, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	out, err := proc.Logged(ctx, env.Log, "journalctl", "-u", kubeletUnit, "-n", journalTail, "--no-pager", "-o", "cat")
	if err != nil || strings.TrimSpace(out) == "" {
		return cause
	}
	return fmt.Errorf("%w; the kubelet's last lines:\n%s", cause, strings.TrimSpace(out))
}
