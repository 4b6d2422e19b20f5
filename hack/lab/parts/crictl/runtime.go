package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func info(ctx context.Context, c *client, args []string) error {
	fs := flag.NewFlagSet("info", flag.ExitOnError)
	quiet := fs.Bool("quiet", false, "without the runtime's verbose part")
	fs.BoolVar(quiet, "q", false, "short for --quiet")
	_ = fs.String("o", "json", "output; only json")
	if err := fs.Parse(args); err != nil {
		return err
	}
	res, err := c.runtime.Status(ctx, &cri.StatusRequest{Verbose: !*quiet})
	if err != nil {
		return fmt.Errorf("read runtime status: %w", err)
	}
	out := map[string]any{"status": res.Status}
	for k, v := range res.Info {
		if json.Valid([]byte(v)) {
			out[k] = json.RawMessage(v)
		} else {
			out[k] = v
		}
	}
	return printJSON(out)
}

func showVersion(ctx context.Context, c *client, _ []string) error {
	v, err := c.runtime.Version(ctx, &cri.VersionRequest{})
	if err != nil {
		return fmt.Errorf("read runtime version: %w", err)
	}
	fmt.Printf("Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n", v.Version, v.RuntimeName, v.RuntimeVersion, v.RuntimeApiVersion)
	return nil
}

type listFlags struct {
	all, quiet        bool
	output, name, pod string
}

func parseList(name string, args []string) (listFlags, error) {
	var l listFlags
	fs := flag.NewFlagSet(name, flag.ExitOnError)
	for _, n := range []string{"a", "all"} {
		fs.BoolVar(&l.all, n, false, "also those that do not run")
	}
	for _, n := range []string{"q", "quiet"} {
		fs.BoolVar(&l.quiet, n, false, "only IDs")
	}
	for _, n := range []string{"o", "output"} {
		fs.StringVar(&l.output, n, "table", "table or json")
	}
	fs.StringVar(&l.name, "name", "", "only names that contain this")
	for _, n := range []string{"p", "pod"} {
		fs.StringVar(&l.pod, n, "", "only this pod's")
	}
	return l, fs.Parse(args)
}

func ps(ctx context.Context, c *client, args []string) error {
	l, err := parseList("ps", args)
	if err != nil {
		return err
	}
	f := &cri.ContainerFilter{PodSandboxId: l.pod}
	if !l.all {
		f.State = &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING}
	}
	res, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{Filter: f})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	kept := []*cri.Container{}
	for _, k := range res.Containers {
		if strings.Contains(k.GetMetadata().GetName(), l.name) {
			kept = append(kept, k)
		}
	}
	if l.output == "json" {
		return printJSON(map[string]any{"containers": kept})
	}
	var rows [][]string
	for _, k := range kept {
		if l.quiet {
			fmt.Println(k.Id)
			continue
		}
		rows = append(rows, []string{short(k.Id), short(k.ImageRef), ago(k.CreatedAt), strings.TrimPrefix(k.State.String(), "CONTAINER_"), k.Metadata.Name,
			fmt.Sprint(k.Metadata.Attempt), short(k.PodSandboxId), k.Labels["io.kubernetes.pod.name"], k.Labels["io.kubernetes.pod.namespace"]})
	}
	if l.quiet {
		return nil
	}
	return table("CONTAINER\tIMAGE\tCREATED\tSTATE\tNAME\tATTEMPT\tPOD ID\tPOD\tNAMESPACE", rows)
}

func pods(ctx context.Context, c *client, args []string) error {
	l, err := parseList("pods", args)
	if err != nil {
		return err
	}
	res, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return fmt.Errorf("list pod sandboxes: %w", err)
	}
	kept := []*cri.PodSandbox{}
	for _, p := range res.Items {
		if strings.Contains(p.GetMetadata().GetName(), l.name) {
			kept = append(kept, p)
		}
	}
	if l.output == "json" {
		return printJSON(map[string]any{"items": kept})
	}
	var rows [][]string
	for _, p := range kept {
		if l.quiet {
			fmt.Println(p.Id)
			continue
		}
		rows = append(rows, []string{short(p.Id), ago(p.CreatedAt), strings.TrimPrefix(p.State.String(), "SANDBOX_"), p.Metadata.Name, p.Metadata.Namespace, fmt.Sprint(p.Metadata.Attempt)})
	}
	if l.quiet {
		return nil
	}
	return table("POD ID\tCREATED\tSTATE\tNAME\tNAMESPACE\tATTEMPT", rows)
}

// each applies f to every argument and goes on after a failure, as one bad ID should not hide the others.
func each(args []string, what string, f func(id string) error) error {
	if len(args) == 0 {
		return fmt.Errorf("%s: no ID given", what)
	}
	var errs []error
	for _, id := range args {
		if err := f(id); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", what, id, err))
			continue
		}
		fmt.Println(id)
	}
	return errors.Join(errs...)
}

func stop(ctx context.Context, c *client, args []string) error {
	return each(args, "stop container", func(id string) error {
		_, err := c.runtime.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id, Timeout: 10})
		return err
	})
}

func rm(ctx context.Context, c *client, args []string) error {
	return each(args, "remove container", func(id string) error {
		_, err := c.runtime.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: id})
		return err
	})
}

func stopPods(ctx context.Context, c *client, args []string) error {
	return each(args, "stop pod sandbox", func(id string) error {
		_, err := c.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id})
		return err
	})
}

func removePods(ctx context.Context, c *client, args []string) error {
	return each(args, "remove pod sandbox", func(id string) error {
		_, err := c.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id})
		return err
	})
}

func logs(ctx context.Context, c *client, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("read log: want one container ID")
	}
	res, err := c.runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: args[0]})
	if err != nil {
		return fmt.Errorf("read container status: %w", err)
	}
	data, err := os.ReadFile(res.Status.LogPath)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	for _, line := range strings.SplitAfter(string(data), "\n") {
		// time, stream, tag, then what the container said
		if f := strings.SplitN(line, " ", 4); len(f) == 4 {
			fmt.Print(f[3])
		}
	}
	return nil
}

func execSync(ctx context.Context, c *client, args []string) error {
	for len(args) > 0 && (args[0] == "-s" || args[0] == "--") {
		args = args[1:]
	}
	if len(args) < 2 {
		return fmt.Errorf("exec: want a container ID and a command")
	}
	res, err := c.runtime.ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: args[0], Cmd: args[1:], Timeout: 60})
	if err != nil {
		return fmt.Errorf("exec in %s: %w", args[0], err)
	}
	os.Stdout.Write(res.Stdout)
	os.Stderr.Write(res.Stderr)
	if res.ExitCode != 0 {
		return fmt.Errorf("command ended with %d", res.ExitCode)
	}
	return nil
}
