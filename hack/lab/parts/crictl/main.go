// Command crictl is a small client of the container runtime interface. It is the lab's own: the well-known tool of
// this name cannot be had as a Go module. It knows the commands and output columns that kubeadm, the
// Kubernetes documentation and a person on a node need, and refuses the rest.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

// version is set when the package is built.
var version = "v0.0.0"

type command struct {
	run   func(ctx context.Context, c *client, args []string) error
	usage string
}

var commands = map[string]command{
	"info":     {info, "info [--quiet]                    runtime status as JSON"},
	"version":  {showVersion, "version                           runtime version"},
	"images":   {images, "images [-q] [-o json] [NAME]      images"},
	"inspecti": {inspect, "inspecti IMAGE...                 an image as JSON; fails when it is not there"},
	"pull":     {pull, "pull IMAGE                        pull an image"},
	"rmi":      {rmi, "rmi IMAGE...                      remove images"},
	"ps":       {ps, "ps [-a] [-q] [-o json] [--name N]  containers"},
	"pods":     {pods, "pods [-q] [-o json] [--name N]     pod sandboxes"},
	"stop":     {stop, "stop CONTAINER...                 stop containers"},
	"rm":       {rm, "rm CONTAINER...                   remove containers"},
	"stopp":    {stopPods, "stopp POD...                      stop pod sandboxes"},
	"rmp":      {removePods, "rmp POD...                        remove pod sandboxes"},
	"logs":     {logs, "logs CONTAINER                    a container's log"},
	"exec":     {execSync, "exec CONTAINER CMD...             run a command and print what it said"},
}

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crictl:", err)
		os.Exit(1)
	}
}

func start(args []string) error {
	fs := flag.NewFlagSet("crictl", flag.ExitOnError)
	endpoint := fs.String("runtime-endpoint", env("CONTAINER_RUNTIME_ENDPOINT", "unix:///run/containerd/containerd.sock"), "address of the runtime")
	fs.StringVar(endpoint, "r", *endpoint, "short for --runtime-endpoint")
	fs.String("image-endpoint", "", "taken to be the same as --runtime-endpoint")
	fs.String("i", "", "short for --image-endpoint")
	fs.Bool("debug", false, "accepted and without effect")
	fs.Bool("D", false, "short for --debug")
	timeout := fs.Duration("timeout", 5*time.Minute, "time limit")
	fs.DurationVar(timeout, "t", *timeout, "short for --timeout")
	showOwn := fs.Bool("version", false, "print this program's version")
	fs.Usage = func() { usage(fs) }
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *showOwn {
		fmt.Println("crictl version", version)
		return nil
	}
	if fs.NArg() == 0 {
		usage(fs)
		return fmt.Errorf("no command given")
	}
	cmd, ok := commands[fs.Arg(0)]
	if !ok {
		return fmt.Errorf("command %q is not in the lab's crictl", fs.Arg(0))
	}
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	c, err := dial(*endpoint)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	return cmd.run(ctx, c, fs.Args()[1:])
}

func usage(fs *flag.FlagSet) {
	fmt.Fprintf(os.Stderr, "crictl %s (the lab's own, a subset)\n\nCommands:\n", version)
	for _, n := range []string{"info", "version", "images", "inspecti", "pull", "rmi", "ps", "pods", "stop", "rm", "stopp", "rmp", "logs", "exec"} {
		fmt.Fprintln(os.Stderr, "  "+commands[n].usage)
	}
	fmt.Fprintln(os.Stderr, "\nFlags:")
	fs.PrintDefaults()
}

func env(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}
