// Command etcd-migrate brings the data directory of an etcd member from one release to another. See package migrate.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/command"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return command.Run(ctx, os.Args[1:], command.IO{Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
}
