// Package docker drives the engine through its own command line client.
package docker

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
)

// Label marks everything the lab makes, with the cluster's name as its value.
const Label = "kubectl-upgrade.lab.cluster"

// Do runs a docker command for its effect.
func Do(ctx context.Context, log string, args ...string) error {
	return run.Do(ctx, run.Cmd{Args: append([]string{"docker"}, args...), Log: log})
}

// Output runs a docker command and returns its stdout, trimmed.
func Output(ctx context.Context, args ...string) (string, error) {
	out, err := run.Output(ctx, run.Cmd{Args: append([]string{"docker"}, args...)})
	return strings.TrimSpace(out), err
}

// Exec runs a command in a container.
func Exec(ctx context.Context, log, container string, args ...string) (string, error) {
	return run.Output(ctx, run.Cmd{Args: append([]string{"docker", "exec", container}, args...), Log: log})
}

// Import makes an image out of a root file system.
func Import(ctx context.Context, tar io.Reader, image, log string, changes ...string) error {
	args := []string{"docker", "import"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	return run.Do(ctx, run.Cmd{Args: append(args, "-", image), Stdin: tar, Log: log})
}

// HasImage says whether the engine holds the image.
func HasImage(ctx context.Context, image string) bool {
	_, err := Output(ctx, "image", "inspect", "--format", "{{.Id}}", image)
	return err == nil
}

// Labelled lists what of a kind (container, network, volume) belongs to a cluster, or to any when name is empty.
func Labelled(ctx context.Context, kind, name string) ([]string, error) {
	filter := "label=" + Label
	if name != "" {
		filter += "=" + name
	}
	args := map[string][]string{
		"container": {"ps", "-aq", "--no-trunc", "--filter", filter},
		"network":   {"network", "ls", "-q", "--no-trunc", "--filter", filter},
		"volume":    {"volume", "ls", "-q", "--filter", filter},
	}[kind]
	if args == nil {
		return nil, fmt.Errorf("list %s: no such kind", kind)
	}
	out, err := Output(ctx, args...)
	return strings.Fields(out), err
}

// Labels lists the names of all clusters that own a container, network or volume.
func Labels(ctx context.Context) ([]string, error) {
	format := fmt.Sprintf(`{{.Label %q}}`, Label)
	var names []string
	for _, args := range [][]string{{"ps", "-a"}, {"network", "ls"}, {"volume", "ls"}} {
		out, err := Output(ctx, append(args, "--filter", "label="+Label, "--format", format)...)
		if err != nil {
			return nil, err
		}
		names = append(names, strings.Fields(out)...)
	}
	return names, nil
}

// Exited names the containers of a cluster that ran once and do no longer.
func Exited(ctx context.Context, name string) ([]string, error) {
	out, err := Output(ctx, "ps", "-a", "--filter", "label="+Label+"="+name, "--filter", "status=exited", "--format", "{{.Names}}")
	return strings.Fields(out), err
}
