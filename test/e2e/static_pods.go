package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// promised are the lines that a plan says kubeadm will write into the manifests of cp-1.
func (e *env) promised(ctx context.Context) ([]string, error) {
	c := e.wholeUpgrade()
	c.args = append(c.args, "--dry-run")
	o, err := e.product.run(ctx, c)
	if err != nil {
		return nil, err
	}
	var r struct {
		Plan struct {
			StaticPods struct{ Node, Diff string }
		}
	}
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		return nil, fmt.Errorf("read the plan of %s: %w", o, err)
	}
	if r.Plan.StaticPods.Node != "cp-1" {
		return nil, fmt.Errorf("the plan tells of the static pods of node %q, want cp-1: %s", r.Plan.StaticPods.Node, o)
	}
	var out []string
	for line := range strings.Lines(r.Plan.StaticPods.Diff) {
		if added, ok := strings.CutPrefix(line, "+"); ok && !strings.HasPrefix(added, "++") {
			out = append(out, strings.TrimSpace(added))
		}
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if image := "/" + name + ":" + e.target(); !strings.Contains(strings.Join(out, "\n"), image) {
			return nil, fmt.Errorf("the plan does not tell of image %s:\n%s", image, r.Plan.StaticPods.Diff)
		}
	}
	return out, nil
}

// kept wants everything that was promised in the manifests.
func (e *env) kept(ctx context.Context, promised []string) error {
	text, err := e.lab.exec(ctx, "cp-1", "sh", "-c", "cat /etc/kubernetes/manifests/*.yaml")
	if err != nil {
		return err
	}
	var errs []error
	for _, line := range promised {
		if !strings.Contains(text, line) {
			errs = append(errs, fmt.Errorf("%q is in no manifest", line))
		}
	}
	return errors.Join(errs...)
}
