package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const interruptedName = "interrupted, then the same again"

// interrupted upgrades half of the cluster, is stopped by Ctrl-C, and goes on with the very same command.
func (e *env) interrupted(ctx context.Context) error {
	c := e.wholeUpgrade()
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	if err := e.halfWay(ctx, c); err != nil {
		return err
	}
	o, err := e.product.run(ctx, c)
	if err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(row{code: 0}.judge(o), after.clean(), e.upgraded(ctx), sameNodes(before, after), sameHolds(before, after))
	if err != nil {
		return fmt.Errorf("after going on: %w\n%s", err, o)
	}
	return nil
}

// halfWay runs an upgrade until the control plane is new and stops it there. It has to say how to go on and to leave nothing
// behind but the half that is done.
func (e *env) halfWay(ctx context.Context, c call) error {
	o, err := e.upgradeUntil(ctx, c, e.controlPlaneUpgraded)
	if err != nil {
		return err
	}
	half, err := e.take(ctx)
	if err != nil {
		return err
	}
	r, err := o.report()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, o)
	}
	if r.ExitCode != 130 || r.Result != "interrupted" {
		err = fmt.Errorf("the report says %q and exit code %d, want %q and 130", r.Result, r.ExitCode, "interrupted")
	}
	if err := errors.Join(err, e.isHalf(half), half.clean(), row{code: 130, words: []string{"interrupted: what has begun", c.String()}}.judge(o)); err != nil {
		return fmt.Errorf("after the interrupt: %w\n%s", err, o)
	}
	return nil
}

// upgradeUntil runs an upgrade and interrupts it as soon as the cluster is so far.
func (e *env) upgradeUntil(ctx context.Context, c call, far func(context.Context) (bool, error)) (outcome, error) {
	p, err := e.product.start(ctx, c)
	if err != nil {
		return outcome{}, err
	}
	ended := make(chan error, 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() { ended <- poll(watching, 10*time.Minute, "the control plane to be upgraded", far) }()
	select {
	case err = <-ended:
		err = errors.Join(err, p.signal(syscall.SIGINT))
	case <-p.done:
		err = errors.New("it ended before the control plane was upgraded")
	}
	o, waitErr := p.wait(ctx)
	if err != nil {
		return o, fmt.Errorf("%w\n%s", err, o)
	}
	return o, waitErr
}

// controlPlaneUpgraded tells whether kubeadm has finished and the new API server answers.
func (e *env) controlPlaneUpgraded(ctx context.Context) (bool, error) {
	v, err := kubeadmVersion(ctx, e.client)
	if err != nil || v != e.target() {
		return false, err
	}
	pods, err := e.client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "component=kube-apiserver"})
	if err != nil {
		return false, err
	}
	for _, p := range pods.Items {
		if !strings.HasSuffix(p.Spec.Containers[0].Image, ":"+e.target()) {
			return false, nil
		}
	}
	return len(pods.Items) > 0, nil
}

// isHalf wants workers that the upgrade has not come to, and a record for whoever comes next.
func (e *env) isHalf(s snapshot) error {
	if !s.recorded() {
		return errors.New("the cluster has no record of the upgrade that is not finished")
	}
	for _, n := range e.lab.info.Nodes {
		if k := s["node "+n.Name+" kubelet"]; n.Role == "worker" && k != e.lab.info.Kubernetes {
			return fmt.Errorf("kubelet of %s is at %s: the interrupt came too late to prove anything", n.Name, k)
		}
	}
	return nil
}
