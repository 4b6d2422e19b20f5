package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// lab is one cluster of hack/lab, handled through its command line as anybody would.
type lab struct {
	program string
	// source is where the lab's own code lies, of which it builds parts.
	source string
	name   string
	info   labInfo
}

// labInfo is what "info -o json" says, as far as it is needed here.
type labInfo struct {
	Topology   string   `json:"topology"`
	Kubernetes string   `json:"kubernetes"`
	Offers     []string `json:"offers"`
	Kubeconfig string   `json:"kubeconfig"`
	Nodes      []struct {
		Name    string `json:"name"`
		Role    string `json:"role"`
		IP      string `json:"ip"`
		AptFile string `json:"aptFile"`
	} `json:"nodes"`
	Etcd     labEtcd `json:"etcd"`
	Registry struct {
		Push string `json:"push"`
		Pull string `json:"pull"`
	} `json:"registry"`
	// Stopped are containers that run no longer; the cluster is then of no use.
	Stopped []string `json:"stopped"`
}

// labEtcd is how the lab runs etcd. Of kubeadm's own it knows no files: these are on the nodes.
type labEtcd struct {
	Run      string   `json:"run"`
	Version  string   `json:"version"`
	Images   []string `json:"images"`
	CAFile   string   `json:"caFile"`
	CertFile string   `json:"certFile"`
	KeyFile  string   `json:"keyFile"`
}

func (e labEtcd) stacked() bool { return e.Run == "stacked" }

func (i labInfo) nodes() []string {
	var out []string
	for _, n := range i.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// controlPlanes names the nodes that run etcd and an API server.
func (i labInfo) controlPlanes() []string {
	var out []string
	for _, n := range i.Nodes {
		if n.Role == "control-plane" {
			out = append(out, n.Name)
		}
	}
	return out
}

// newLab builds the lab's program once; "go run" would cost a second for every command on a node.
func newLab(ctx context.Context, root, work, name string) (*lab, error) {
	l := &lab{program: filepath.Join(work, "bin", "lab"), source: filepath.Join(root, "hack", "lab"), name: name}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", l.program, ".")
	cmd.Dir, cmd.Stderr = l.source, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build lab: %w", err)
	}
	return l, nil
}

// up takes the cluster that stands, or brings one up.
func (l *lab) up(ctx context.Context, topology string) error {
	if l.load(ctx) == nil && len(l.info.Stopped) == 0 {
		if l.info.Topology != topology {
			return fmt.Errorf("take cluster %s: it is of topology %s, want %s", l.name, l.info.Topology, topology)
		}
		fmt.Printf("# cluster %s stands already\n", l.name)
		return nil
	}
	fmt.Printf("# bring up cluster %s\n", l.name)
	if err := l.show(ctx, "up", "--topology", topology, "--name", l.name); err != nil {
		return fmt.Errorf("bring up cluster %s: %w", l.name, err)
	}
	return l.load(ctx)
}

func (l *lab) load(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, l.program, "info", "--name", l.name, "-o", "json").Output()
	if err != nil {
		return fmt.Errorf("ask for cluster %s: %w", l.name, withStderr(err))
	}
	if err := json.Unmarshal(out, &l.info); err != nil {
		return fmt.Errorf("read what the lab says of cluster %s: %w", l.name, err)
	}
	if len(l.info.Offers) == 0 && len(l.info.Etcd.Images) == 0 && l.info.Etcd.stacked() {
		return fmt.Errorf("read what the lab says of cluster %s: it offers no version to upgrade to", l.name)
	}
	return nil
}

func (l *lab) down(ctx context.Context) error {
	fmt.Printf("# take down cluster %s\n", l.name)
	return l.show(ctx, "down", "--name", l.name)
}

// power pulls the plug of a machine, or puts it back.
func (l *lab) power(ctx context.Context, to, machine string) error {
	if err := l.show(ctx, "power", "--name", l.name, to, machine); err != nil {
		return fmt.Errorf("switch %s %s: %w", machine, to, err)
	}
	return nil
}

// logs collects all that explains the cluster.
func (l *lab) logs(ctx context.Context, to string) error {
	return l.show(ctx, "logs", "--name", l.name, "--to", to)
}

func (l *lab) show(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.source, os.Stderr, os.Stderr
	return cmd.Run()
}

// exec runs a command on a node and gives its standard output.
func (l *lab) exec(ctx context.Context, node string, args ...string) (string, error) {
	return l.feed(ctx, node, nil, args...)
}

func (l *lab) feed(ctx context.Context, node string, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, l.program, append([]string{"exec", "--name", l.name, node, "--"}, args...)...)
	cmd.Stdin = stdin
	var out bytes.Buffer
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("run %q on node %q: %w: %s", strings.Join(args, " "), node, err, strings.TrimSpace(stderr.String()))
	}
	return out.String(), nil
}

// put writes a file on a node.
func (l *lab) put(ctx context.Context, node, path, mode string, content io.Reader) error {
	_, err := l.feed(ctx, node, content, "sh", "-c", fmt.Sprintf("cat > %s && chmod %s %s", path, mode, path))
	return err
}

func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}
