// Command lab brings up real kubeadm clusters on one machine: nodes are containers with systemd, and packages and
// images come from inside the lab.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

const usage = `Usage: go run . COMMAND

  up         --topology NAME|FILE [--name NAME] [--keep]   bring a cluster up, print its kubeconfig path
  down       --name NAME | --all [--engine]                remove clusters; with --engine also a docker engine of ours
  build      --topology NAME|FILE | --kubernetes VERSION   fill the cache only, or with one release's commands
  list                                                     clusters and topologies
  info       --name NAME [-o json]                         describe a cluster
  kubeconfig --name NAME                                   print the kubeconfig path
  exec       --name NAME NODE -- CMD...                    run a command on a node
  power      --name NAME off|on MACHINE                    pull the plug of a node or of infra, and put it back
  logs       --name NAME --to DIR                          collect logs
  engine                                                   make sure that a docker engine runs

Folders: $LAB_CACHE (what can be built again), $LAB_STATE (what runs).
`

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(start(ctx, os.Args[1:]))
}

func start(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	cmd, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(os.Stderr, "lab: run %q: no such command\n\n%s", args[0], usage)
		return 2
	}
	err := cmd(ctx, args[1:])
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 2
	case args[0] == "exec" && errors.As(err, &exit):
		return exit.ExitCode() // the command's own failure, already told
	}
	fmt.Fprintln(os.Stderr, "lab:", err)
	return 1
}
