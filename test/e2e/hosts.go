package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/version"
)

// packages wants the three packages of the target on every host, and the two beside them untouched.
func (e *env) packages(before, after snapshot) error {
	var errs []error
	want := strings.TrimPrefix(e.target(), "v") + "-1.1"
	for _, n := range e.lab.info.nodes() {
		key := "host " + n + " packages"
		was, is := fields(before[key]), fields(after[key])
		for name, f := range is {
			switch name {
			case "kubeadm", "kubelet", "kubectl":
				if f[0] != want {
					errs = append(errs, fmt.Errorf("%s on %s is at %s, want %s", name, n, f[0], want))
				}
			default:
				if f[0] != was[name][0] {
					errs = append(errs, fmt.Errorf("%s on %s went from %s to %s", name, n, was[name][0], f[0]))
				}
			}
			if now := strings.Join(f[1:], " "); now != strings.Join(was[name][1:], " ") {
				errs = append(errs, fmt.Errorf("%s on %s is %q, was %q", name, n, now, strings.Join(was[name][1:], " ")))
			}
		}
		if len(is) != len(was) {
			errs = append(errs, fmt.Errorf("%s has the packages\n%s\nhad\n%s", n, after[key], before[key]))
		}
	}
	return errors.Join(errs...)
}

// fields reads lines whose first word is a name.
func fields(text string) map[string][]string {
	out := map[string][]string{}
	for _, l := range strings.Split(text, "\n") {
		if f := strings.Fields(l); len(f) > 1 {
			out[f[0]] = f[1:]
		}
	}
	return out
}

// sources wants the package source of each host to name the new minor and to be as before in all else, and no other file of apt's changed.
func (e *env) sources(before, after snapshot) error {
	var errs []error
	for _, n := range e.lab.info.Nodes {
		key := "host " + n.Name + " "
		want := strings.ReplaceAll(before[key+"apt sources"], "/"+minor(e.lab.info.Kubernetes)+"/", "/"+minor(e.target())+"/")
		if got := after[key+"apt sources"]; got != want || got == before[key+"apt sources"] {
			errs = append(errs, fmt.Errorf("apt sources of %s are\n%s\nwant\n%s", n.Name, got, want))
		}
		var others strings.Builder
		lines(&others, "- ", before[key+"apt files"], after[key+"apt files"])
		lines(&others, "+ ", after[key+"apt files"], before[key+"apt files"])
		for _, l := range strings.Split(strings.TrimSpace(others.String()), "\n") {
			if !strings.HasSuffix(l, " "+n.AptFile) {
				errs = append(errs, fmt.Errorf("a file of apt's on %s changed that is not its source: %s", n.Name, l))
			}
		}
	}
	return errors.Join(errs...)
}

// minor gives "v1.34" of "v1.34.4".
func minor(version string) string { return version[:strings.LastIndex(version, ".")] }

func sameHolds(before, after snapshot) error {
	return same(before, after, " holds")
}

// sameNodes compares what people and controllers have set on the nodes.
func sameNodes(before, after snapshot) error {
	return same(before.withoutSocket(), after.withoutSocket(), " labels", " annotations", " taints", " unschedulable", " ready")
}

// withoutSocket leaves out the one annotation that kubeadm itself takes away from 1.34 on: the socket is in a file of the host then.
func (s snapshot) withoutSocket() snapshot {
	out := snapshot{}
	for k, v := range s {
		var kept []string
		for _, l := range strings.Split(v, "\n") {
			if !strings.HasSuffix(k, " annotations") || !strings.HasPrefix(l, "kubeadm.alpha.kubernetes.io/cri-socket: ") {
				kept = append(kept, l)
			}
		}
		out[k] = strings.Join(kept, "\n")
	}
	return out
}

// same compares only what the names end in.
func same(before, after snapshot, suffixes ...string) error {
	only := func(s snapshot) snapshot {
		out := snapshot{}
		for k, v := range s {
			for _, suffix := range suffixes {
				if strings.HasSuffix(k, suffix) {
					out[k] = v
				}
			}
		}
		return out
	}
	if d := only(before).diff(only(after)); d != "" {
		return errors.New(d)
	}
	return nil
}

var kubeletVersion = regexp.MustCompile(`kubeletVersion="(v[^"]+)"`)

// kubeletStarts gives the version of every start of each kubelet since a time, as the kubelet itself tells systemd's journal.
func (e *env) kubeletStarts(ctx context.Context, since time.Time) (map[string][]string, error) {
	out := map[string][]string{}
	for _, n := range e.lab.info.nodes() {
		text, err := e.lab.exec(ctx, n, "journalctl", "--no-pager", "-u", "kubelet", "-o", "cat", "--since", fmt.Sprintf("@%.3f", float64(since.UnixMilli())/1000))
		if err != nil {
			return nil, err
		}
		for _, m := range kubeletVersion.FindAllStringSubmatch(text, -1) {
			out[n] = append(out[n], m[1])
		}
	}
	return out, nil
}

// restartedOnce wants each kubelet started once, in its new version. On the way to 1.33 kubeadm itself restarts the old kubelet of
// each control-plane node, undrained and whoever calls it: it has the kubelet ask the API server of its own node from then on.
func (e *env) restartedOnce(ctx context.Context, since time.Time) error {
	starts, err := e.kubeletStarts(ctx, since)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range e.lab.info.Nodes {
		want := []string{e.target()}
		if n.Role == "control-plane" && version.MustParseSemantic(e.lab.info.Kubernetes).LessThan(version.MajorMinor(1, 33)) {
			want = []string{e.lab.info.Kubernetes, e.target()}
		}
		if !slices.Equal(starts[n.Name], want) {
			errs = append(errs, fmt.Errorf("the kubelet of %s was started as %q, want %q", n.Name, starts[n.Name], want))
		}
	}
	return errors.Join(errs...)
}

func (e *env) noWorkDir(ctx context.Context) error {
	var errs []error
	for _, n := range e.lab.info.nodes() {
		out, err := e.lab.exec(ctx, n, "sh", "-c", "ls -ld "+workDir+" || true")
		if err != nil {
			return err
		}
		if out != "" {
			errs = append(errs, fmt.Errorf("%s is still there on %s", workDir, n))
		}
	}
	return errors.Join(errs...)
}
