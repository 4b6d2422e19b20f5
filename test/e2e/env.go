package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// env is all that a scenario works with.
type env struct {
	*tally
	root, work string
	// topology is what a cluster that is brought up looks like.
	topology string
	lab      *lab
	product  *product
	config   *rest.Config
	client   kubernetes.Interface
	only     *regexp.Regexp
	// interrupt has basic's upgrade cut short and continued, instead of a second upgrade only for that.
	interrupt bool
	// etcdMigrate is the image of etcd-migrate as pods name it.
	etcdMigrate string
	// gaps are the longest write gaps of upgrades of etcd, by who did them.
	gaps map[string]time.Duration
	// extra are flags of every whole upgrade; sourcesKept tells that it leaves the package sources of the hosts alone.
	extra       []string
	sourcesKept bool
	// seed chooses what is left to chance.
	seed uint64
	// rebooted is a node whose containers have not lived through the upgrade.
	rebooted string
	// workloadGap is the longest time for which a client of the workload had no answer.
	workloadGap time.Duration
	// bills are what the upgrades of availability cost, by who did them.
	bills map[string]*bill
}

// during brings up a cluster for a scenario and takes it down again, unless it is to be kept.
func (e *env) during(ctx context.Context, name string, keep func(failed bool) bool, scenario func(context.Context, *env) error) error {
	if err := e.begin(ctx, name); err != nil {
		return err
	}
	failedBefore := e.failed
	// What has only just joined is not Ready yet, and an upgrade does not begin on it.
	err := e.awaitControlPlane(ctx)
	if err == nil {
		err = scenario(ctx, e)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	failed := err != nil || e.failed > failedBefore
	if failed {
		e.explain(ctx)
	}
	if keep(failed) {
		return err
	}
	return errors.Join(err, e.end(ctx))
}

// end takes the cluster down.
func (e *env) end(ctx context.Context) error {
	held, err := e.lab.holds(ctx)
	if err != nil {
		return errors.Join(err, e.lab.down(ctx))
	}
	if err := e.lab.down(ctx); err != nil {
		return err
	}
	e.check("taking the cluster down leaves nothing of it on this machine", func() error { return held.gone(ctx) })
	return nil
}

func (e *env) begin(ctx context.Context, name string) (err error) {
	if e.root, err = repository(ctx); err != nil {
		return err
	}
	e.work = filepath.Join(e.root, ".e2e", name)
	if err := os.MkdirAll(e.work, 0o755); err != nil {
		return fmt.Errorf("make work folder: %w", err)
	}
	if e.product, err = build(ctx, e.root, e.work); err != nil {
		return err
	}
	if e.lab, err = newLab(ctx, e.root, e.work, name); err != nil {
		return err
	}
	if err := e.lab.up(ctx, e.topology); err != nil {
		return err
	}
	if err := e.product.pushAgent(ctx, e.root, e.lab); err != nil {
		return err
	}
	if err := e.product.findKubectl(e.lab); err != nil {
		return err
	}
	if e.config, err = clientcmd.BuildConfigFromFlags("", e.lab.info.Kubeconfig); err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	// The API server goes away during an upgrade; who looks on must not hang on a request of before.
	e.config.Timeout, e.config.QPS, e.config.Burst = 10*time.Second, 100, 200
	if e.client, err = kubernetes.NewForConfig(e.config); err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return e.fresh(ctx)
}

// fresh refuses a cluster that was upgraded before: nothing could be proven on it.
func (e *env) fresh(ctx context.Context) error {
	v, err := kubeadmVersion(ctx, e.client)
	if err != nil {
		return err
	}
	if v != e.lab.info.Kubernetes {
		return fmt.Errorf("cluster %s is at %s already, want %s: take it down first", e.lab.name, v, e.lab.info.Kubernetes)
	}
	return nil
}

// target is the newest version that the lab offers.
func (e *env) target() string { return e.lab.info.Offers[len(e.lab.info.Offers)-1] }

// upgradeCall is a run with the agent's image and whatever else is given. Where a bundle brings the image, it is not named.
func (e *env) upgradeCall(args ...string) call {
	if e.product.image == "" {
		return call{kubeconfig: e.lab.info.Kubeconfig, args: args}
	}
	return call{kubeconfig: e.lab.info.Kubeconfig, args: append(args, "--agent-image="+e.product.image)}
}

// wholeUpgrade is the call that takes the cluster to its target. On machines with cgroup v1 kubeadm refuses 1.35 and
// later (see docs/lab.md); there an upgrade passes that check by, and elsewhere there is nothing to pass by.
func (e *env) wholeUpgrade() call {
	args := append([]string{"cluster", "--to", e.target(), "--yes", "-o", "json", "--kubeadm-ignore-preflight-errors=SystemVerification"}, e.extra...)
	return e.upgradeCall(args...)
}

// explain shows what the cluster complains of, collects the logs and says where.
func (e *env) explain(ctx context.Context) {
	e.warnings(ctx)
	to := filepath.Join(e.work, "logs")
	if err := os.RemoveAll(to); err != nil {
		fmt.Println("#", err)
	}
	if err := e.lab.logs(ctx, to); err != nil {
		fmt.Println("# collect logs:", err)
		return
	}
	fmt.Printf("# logs of the cluster are in %s, those of host commands in %s\n", to, e.product.state)
}
