package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// demo shows an upgrade to a person.
func demo(ctx context.Context, e *env) error {
	if err := e.deployWorkload(ctx); err != nil {
		return err
	}
	fmt.Printf("\nA cluster at %s. Service demo/web has two replicas behind a PodDisruptionBudget; a client on every node asks it five times a second.\n", e.lab.info.Kubernetes)
	if err := e.look(ctx); err != nil {
		return err
	}
	c := e.upgradeCall("cluster", "--to", e.target(), "--yes")
	c.show = true
	fmt.Printf("\n$ %s\n", c)
	began := time.Now()
	o, err := e.product.run(ctx, c)
	if err != nil {
		return err
	}
	if o.code != 0 {
		return fmt.Errorf("%s ended with exit code %d", c, o.code)
	}
	fmt.Printf("\nThat took %s. The cluster after it:\n", o.took.Round(time.Second))
	if err := e.look(ctx); err != nil {
		return err
	}
	fmt.Println()
	if _, err := e.workloadAnswered(ctx, began, began.Add(o.took)); err != nil {
		return err
	}
	fmt.Printf(`
Look around:    export KUBECONFIG=%s
                kubectl get pods -A -o wide
                kubectl -n demo logs daemonset/client
On a node:      cd hack/lab && go run . exec --name %s w-1 -- apt-mark showhold
Take it down:   make lab-down NAME=%s
`, e.lab.info.Kubeconfig, e.lab.name, e.lab.name)
	return nil
}

// look shows what a person would ask for first.
func (e *env) look(ctx context.Context) error {
	for _, args := range [][]string{
		{"get", "nodes"},
		{"-n", "kube-system", "get", "pods", "-l", "tier=control-plane", "-o", "custom-columns=POD:.metadata.name,IMAGE:.spec.containers[0].image"},
		{"-n", "demo", "get", "pods,pdb", "-o", "wide"},
	} {
		fmt.Printf("\n$ kubectl %s\n", strings.Join(args, " "))
		cmd := exec.CommandContext(ctx, e.product.kubectl, append([]string{"--kubeconfig", e.lab.info.Kubeconfig}, args...)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("look at the cluster: %w", err)
		}
	}
	return nil
}
