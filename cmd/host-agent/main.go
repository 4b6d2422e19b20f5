// Command host-agent is the agent that kubectl-upgrade runs on the machines of a cluster. See package host.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const usage = `usage: host-agent VERB

  serve                what the agent's pod runs: install the agent on the host and wait
  do [--offset N]      start, or attach to, the request on stdin; frames on stdout
  run --dir DIR        what the transient unit runs on the host
  finish --dir DIR     what the transient unit runs when that has ended
  give --name SUM      write an offered file to stdout, from --offset on
  purge                have the host remove what the agent left on it
  sweep                what the unit for that runs on the host
`

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	if err := verb(ctx, args[0], args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "host-agent:", err)
		return 1
	}
	return 0
}

func verb(ctx context.Context, verb string, args []string) error {
	flags := pflag.NewFlagSet("host-agent "+verb, pflag.ContinueOnError)
	offset := flags.Int64("offset", 0, "go on in the log after this many bytes")
	name := flags.String("name", "", "checksum of an offered file")
	dir := flags.String("dir", "", "directory of the request")
	if err := flags.Parse(args); err != nil {
		return err
	}
	work := workdir.Default
	switch verb {
	case "serve":
		return host.Serve(ctx, work, os.Stdout)
	case "do":
		var r hostaction.Request
		if err := json.NewDecoder(os.Stdin).Decode(&r); err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		return host.Do(ctx, work, r, *offset, os.Stdout)
	case "run":
		return host.Run(ctx, work, *dir, os.Stdout)
	case "finish":
		return host.Finish(*dir)
	case "give":
		return host.Give(work, *name, *offset, os.Stdout)
	case "purge":
		return host.Purge(ctx, work)
	case "sweep":
		return host.Sweep(work)
	}
	return fmt.Errorf("unknown verb %q\n%s", verb, usage)
}
