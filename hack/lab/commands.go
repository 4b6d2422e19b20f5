package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/paths"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/topologies"
)

var commands = map[string]func(context.Context, []string) error{
	"up": up, "down": down, "build": fill, "list": list, "info": info, "kubeconfig": kubeconfig, "exec": execute, "power": power, "logs": logs, "engine": startEngine,
}

// loadTopology takes the name of a built-in topology or the path of a file.
func loadTopology(name string) (*topology.Topology, error) {
	var data []byte
	var err error
	if strings.ContainsAny(name, "/.") {
		data, err = os.ReadFile(name)
	} else {
		data, err = topologies.FS.ReadFile(name + ".yaml")
	}
	if err != nil {
		return nil, fmt.Errorf("read topology: %w", err)
	}
	return topology.Parse(data)
}

func up(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("up", flag.ContinueOnError)
	topo := fs.String("topology", "basic", "topology: a name or a file")
	name := fs.String("name", "", "cluster name (default: the topology's)")
	keep := fs.Bool("keep", false, "leave a failed cluster standing")
	if err := fs.Parse(args); err != nil {
		return err
	}
	t, err := loadTopology(*topo)
	if err != nil {
		return err
	}
	if *name == "" {
		*name = t.Name
	}
	cache, state, err := folders()
	if err != nil {
		return err
	}
	log := progress.New()
	if err := engine.In(state).Ensure(ctx, log); err != nil {
		return err
	}
	assets, err := build.Run(ctx, cache, t, log)
	if err != nil {
		return err
	}
	s, err := cluster.Up(ctx, cluster.Options{Root: state, Name: *name, Topology: t, Keep: *keep}, assets, log)
	if err != nil {
		return err
	}
	fmt.Println(s.Kubeconfig())
	return nil
}

func fill(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("build", flag.ContinueOnError)
	topo := fs.String("topology", "basic", "topology: a name or a file")
	release := fs.String("kubernetes", "", "only the commands of this release; their folder is printed")
	single := fs.String("command", "", "with --kubernetes, of a release before modules: only the command in this folder of it, whose path is printed")
	if err := fs.Parse(args); err != nil {
		return err
	}
	cache, err := paths.Cache()
	if err != nil {
		return err
	}
	if *release != "" {
		var path string
		version := "v" + strings.TrimPrefix(*release, "v")
		if *single != "" {
			path, err = build.KubernetesCommand(ctx, cache, version, *single)
		} else {
			path, err = build.Kubernetes(ctx, cache, version, progress.New())
		}
		if err != nil {
			return err
		}
		fmt.Println(path)
		return nil
	}
	t, err := loadTopology(*topo)
	if err != nil {
		return err
	}
	_, err = build.Run(ctx, cache, t, progress.New())
	return err
}

func down(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("down", flag.ContinueOnError)
	name := fs.String("name", "", "cluster name")
	all := fs.Bool("all", false, "every cluster of the lab")
	stop := fs.Bool("engine", false, "with --all: also stop a docker engine that the lab started")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if (*name == "") == !*all || *stop && !*all {
		return errors.New("take down: want --name NAME, or --all [--engine]")
	}
	_, state, err := folders()
	if err != nil {
		return err
	}
	log := progress.New()
	names := []string{*name}
	if *all {
		if names, err = cluster.Names(ctx, state); err != nil {
			return err
		}
	}
	for _, n := range names {
		if err := cluster.Down(ctx, state, n, log); err != nil {
			return err
		}
	}
	if *stop {
		return engine.In(state).Stop(ctx, log)
	}
	return nil
}

func list(context.Context, []string) error {
	_, state, err := folders()
	if err != nil {
		return err
	}
	names, err := cluster.List(state)
	if err != nil {
		return err
	}
	for _, n := range names {
		s, err := cluster.Load(state, n)
		if err != nil {
			return err
		}
		fmt.Printf("cluster   %s  %s  %s  %d nodes\n", n, s.Topology.Kubernetes, s.Subnet, len(s.Nodes))
	}
	entries, err := topologies.FS.ReadDir(".")
	if err != nil {
		return fmt.Errorf("list topologies: %w", err)
	}
	for _, e := range entries {
		fmt.Printf("topology  %s\n", strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return nil
}

// named parses flags plus --name and loads that cluster.
func named(fs *flag.FlagSet, args []string) (*cluster.State, error) {
	name := fs.String("name", "basic", "cluster name")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	_, state, err := folders()
	if err != nil {
		return nil, err
	}
	return cluster.Load(state, *name)
}

func info(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("info", flag.ContinueOnError)
	output := fs.String("o", "text", "text or json")
	s, err := named(fs, args)
	if err != nil {
		return err
	}
	i, err := s.Info(ctx)
	if err != nil {
		return err
	}
	if *output == "json" {
		return i.WriteJSON(os.Stdout)
	}
	return i.WriteText(os.Stdout)
}

func kubeconfig(_ context.Context, args []string) error {
	s, err := named(flag.NewFlagSet("kubeconfig", flag.ContinueOnError), args)
	if err != nil {
		return err
	}
	fmt.Println(s.Kubeconfig())
	return nil
}

func execute(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("exec", flag.ContinueOnError)
	s, err := named(fs, args)
	if err != nil {
		return err
	}
	rest := fs.Args()
	if len(rest) > 1 && rest[1] == "--" {
		rest = append(rest[:1:1], rest[2:]...)
	}
	if len(rest) < 2 {
		return errors.New("exec: want NODE -- CMD")
	}
	n, err := s.Node(rest[0])
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "docker", append([]string{"exec", "-i", n.Container}, rest[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

func power(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("power", flag.ContinueOnError)
	s, err := named(fs, args)
	if err != nil {
		return err
	}
	rest := fs.Args()
	if len(rest) != 2 {
		return errors.New("power: want off|on MACHINE")
	}
	switch rest[0] {
	case "off":
		return s.PowerOff(ctx, rest[1])
	case "on":
		return s.PowerOn(ctx, rest[1])
	}
	return fmt.Errorf("power: want off or on, not %q", rest[0])
}

func logs(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("logs", flag.ContinueOnError)
	to := fs.String("to", "", "folder for the logs")
	s, err := named(fs, args)
	if err != nil {
		return err
	}
	if *to == "" {
		return errors.New("collect logs: want --to DIR")
	}
	return s.Logs(ctx, *to)
}

func startEngine(ctx context.Context, _ []string) error {
	_, state, err := folders()
	if err != nil {
		return err
	}
	return engine.In(state).Ensure(ctx, progress.New())
}

func folders() (cache, state string, err error) {
	if cache, err = paths.Cache(); err != nil {
		return "", "", err
	}
	state, err = paths.State()
	return cache, state, err
}
