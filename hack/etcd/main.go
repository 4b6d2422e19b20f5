// Command etcd builds the etcd programs that etcd-migrate brings along, from pinned modules, and keeps them in the
// user's cache as etcd-3.5.35, etcdctl-3.5.35 and so on. It prints the folder.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"

	"github.com/spf13/pflag"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/etcd/release"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 1
	}
	return 0
}

func build(ctx context.Context, args []string) error {
	b := builder{log: os.Stderr}
	flags := pflag.NewFlagSet("etcd", pflag.ContinueOnError)
	flags.StringVar(&b.source, "source", "hack/etcd", "folder of releases.yaml and of the pinned modules")
	flags.StringVar(&b.out, "out", "", "folder for the programs (default: one in the user's cache)")
	flags.StringVar(&b.platform, "platform", "linux-"+runtime.GOARCH, "platform to build for")
	flags.BoolVar(&b.anySum, "any-sum", false, "do not compare with the known sums: for a change of the pins, and to see what they are then")
	only := flags.StringSlice("only", nil, "versions or minors to build (default: all)")
	printSums := flags.Bool("print-sums", false, "print the sums of what was built")
	printFlags := flags.Bool("print-flags", false, "print the table of what flags each release understands, as Go, and build nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *printFlags {
		list, err := release.Load(filepath.Join(b.source, "releases.yaml"), *only)
		if err != nil {
			return err
		}
		return b.printFlags(ctx, os.Stdout, list)
	}
	if b.out == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find cache folder: %w (name one with --out)", err)
		}
		folder := b.platform
		if base := filepath.Base(b.source); base != "etcd" { // others are not among those that are brought along
			folder += "-" + base
		}
		b.out = filepath.Join(cache, "kubectl-upgrade", "etcd", folder)
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	list, err := release.Load(filepath.Join(b.source, "releases.yaml"), *only)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := b.release(ctx, r); err != nil {
			return err
		}
	}
	if *printSums {
		return sums(b.out, list)
	}
	fmt.Println(b.out)
	return nil
}

func sums(dir string, list []release.Release) error {
	for _, r := range list {
		for _, name := range r.Names() {
			s, err := release.Sum(filepath.Join(dir, name+"-"+r.Version))
			if err != nil {
				return err
			}
			fmt.Printf("%s %s %s\n", r.Version, name, s)
		}
	}
	return nil
}
