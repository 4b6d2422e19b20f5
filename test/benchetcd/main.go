// Command benchetcd measures etcd-migrate against what people had before it, in one run and on the same data: etcdctl's
// migrate, the migrate of the image of Kubernetes, stepping by hand, and copying a file. Its last lines are
// "figure NAME VALUE UNIT". It needs a machine that does nothing else meanwhile.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{}
	flags := pflag.NewFlagSet("benchetcd", pflag.ContinueOnError)
	flags.StringVar(&b.program, "program", "bin/etcd-migrate", "etcd-migrate")
	flags.StringVar(&b.bin, "bin-dir", "", "the releases of etcd, as hack/etcd leaves them")
	flags.StringVar(&b.kubernetes, "kubernetes-migrate", "", "the migrate of the image of Kubernetes")
	flags.IntVar(&b.keys, "keys", 200_000, "keys of 1 kB in etcd 2.3.8")
	flags.IntVar(&b.runs, "runs", 3, "runs of each, of which the median counts")
	flags.IntVar(&b.megabytes, "snapshot-size", 2048, "size of the database for snapshots (MB)")
	only := flags.StringSlice("only", []string{"v2", "kubernetes", "hand", "snapshot"}, "parts to measure")
	dir := flags.String("dir", "", "where to work: a file system with room for ten times the data (default: a temporary folder)")
	if err := flags.Parse(args); err != nil {
		return 1
	}
	if err := b.all(ctx, *dir, *only); err != nil {
		fmt.Fprintln(os.Stderr, "benchetcd:", err)
		return 1
	}
	for _, f := range b.figures {
		fmt.Printf("figure %s %.3f %s\n", f.name, f.value, f.unit)
	}
	return 0
}

func (b *bench) all(ctx context.Context, dir string, only []string) (err error) {
	if b.dir, err = os.MkdirTemp(dir, "benchetcd-"); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(b.dir)
	if b.program, err = filepath.Abs(b.program); err != nil {
		return err
	}
	parts := map[string]func(context.Context) error{"v2": b.v2, "kubernetes": b.image, "hand": b.hand, "snapshot": b.snapshot}
	for _, name := range only {
		part := parts[name]
		if part == nil {
			return fmt.Errorf("there is no part %q", name)
		}
		if err := part(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
