// Command host-agent is the agent that kubectl-upgrade runs on the machines of a cluster. See package host.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/stock"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const usage = `usage: host-agent VERB

  serve                what the agent's pod runs: install the agent on the host and wait
  do [--offset N]      start, or attach to, the request on stdin; frames on stdout
  run --dir DIR        what the transient unit runs on the host
  finish --dir DIR     what the transient unit runs when that has ended
  give --name SUM      write an offered file to stdout, from --offset on
  held --bundle D      how much is here of the files whose list is on stdin
  put --bundle D       take in a file from stdin: --path, --size, --sha256, --offset
  take --bundle D      take in a file from the agent's own image: --path, --size, --sha256
  manifest             print the manifest of the bundle that the agent's own image carries
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
	digest := flags.String("bundle", "", "digest of a bundle's manifest")
	var f hostaction.File
	flags.StringVar(&f.Path, "path", "", "path of the file in the bundle")
	flags.Int64Var(&f.Size, "size", 0, "its size in bytes")
	flags.StringVar(&f.SHA256, "sha256", "", "its checksum")
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
		return host.Finish(ctx, *dir)
	case "give":
		return host.Give(work, *name, *offset, os.Stdout)
	case "held", "put", "take":
		s, err := stock.Open(work, *digest)
		if err != nil {
			return err
		}
		switch verb {
		case "put":
			return s.Put(ctx, f, *offset, os.Stdin, os.Stdout)
		case "take":
			return s.Take(ctx, f, hostaction.CarriedBundle, os.Stdout)
		}
		return held(s)
	case "manifest":
		text, err := os.ReadFile(filepath.Join(hostaction.CarriedBundle, bundle.ManifestName))
		if err != nil {
			return fmt.Errorf("read the bundle of this image: %w", err)
		}
		_, err = os.Stdout.Write(text)
		return err
	case "purge":
		return host.Purge(ctx, work)
	case "sweep":
		return host.Sweep(work)
	}
	return fmt.Errorf("unknown verb %q\n%s", verb, usage)
}

func held(s stock.Stock) error {
	var files []hostaction.File
	if err := json.NewDecoder(os.Stdin).Decode(&files); err != nil {
		return fmt.Errorf("read list of files: %w", err)
	}
	out, err := s.Held(files)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
