package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// hostRows are hosts, repositories and registries that are not in order.
func hostRows(e *env) []row {
	noPackage := strings.Join(strings.Split(e.target(), ".")[:2], ".") + ".99"
	noSpace := "/var/cache/apt/archives"
	return []row{
		// First, because a run that gets further has the image on every node from then on.
		{name: "version without an image", code: 2, words: []string{"kube-proxy:" + e.target(), `node "w-1"`}, hazard: imageMissing},
		{name: "version without a package", args: []string{"cluster", "--to", noPackage, "--yes"}, code: 2,
			words: []string{strings.TrimPrefix(noPackage, "v"), `node "cp-1"`, `node "w-2"`}},
		{name: "apt locked by another process", code: 2, words: []string{`node "w-1"`, "locked", "aptlock"}, hazard: aptLocked},
		{name: "disk full", code: 2, words: []string{`node "w-1"`, noSpace}, hazard: onNode("w-1",
			"mount -t tmpfs -o size=1m full "+noSpace, "umount "+noSpace)},
		{name: "package pinned", code: 2, words: []string{`node "w-2"`, "kubeadm", "version 1.33.*", "/etc/apt/preferences.d/frozen"}, hazard: onNode("w-2",
			`printf 'Package: kubeadm kubelet\nPin: version 1.33.*\nPin-Priority: 1001\n' > /etc/apt/preferences.d/frozen`, "rm /etc/apt/preferences.d/frozen")},
	}
}

// onNode makes a hazard by a command on a node.
func onNode(node, make, back string) func(context.Context, *env, *call) (undo, error) {
	return func(ctx context.Context, e *env, _ *call) (undo, error) {
		if _, err := e.lab.exec(ctx, node, "sh", "-c", make); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			_, err := e.lab.exec(ctx, node, "sh", "-c", back)
			return err
		}, nil
	}
}

// aptLocked runs a process on a node that holds the lock of apt's front end as another apt would.
func aptLocked(ctx context.Context, e *env, _ *call) (undo, error) {
	const node, program = "w-1", "/usr/local/sbin/aptlock"
	f, err := os.Open(e.product.aptLock())
	if err != nil {
		return nil, fmt.Errorf("open aptlock: %w", err)
	}
	defer f.Close()
	back := func(ctx context.Context) error {
		_, err := e.lab.exec(ctx, node, "sh", "-c", "systemctl stop e2e-aptlock; rm "+program)
		return err
	}
	if err := e.lab.put(ctx, node, program, "755", f); err != nil {
		return nil, err
	}
	// Of type notify: the command ends when the lock is held.
	_, err = e.lab.exec(ctx, node, "systemd-run", "--unit=e2e-aptlock", "--service-type=notify", program, "/var/lib/dpkg/lock-frontend")
	return back, err
}

// imageMissing takes an image of the target out of the registry, and out of the nodes that have it.
func imageMissing(ctx context.Context, e *env, _ *call) (undo, error) {
	back, err := e.takeImage(ctx, "kube-proxy", e.target())
	if err != nil {
		return back, err
	}
	image := "registry.k8s.io/kube-proxy:" + e.target()
	for _, n := range e.lab.info.nodes() {
		if _, err := e.lab.exec(ctx, n, "sh", "-c", "! crictl images | grep -q 'kube-proxy *"+e.target()+"' || crictl rmi "+image); err != nil {
			return back, err
		}
	}
	return back, nil
}
