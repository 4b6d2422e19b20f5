// Command tarballs fetches releases of etcd as their project publishes them, checks their sums, and lays their programs out
// as etcd-3.5.33, etcdctl-3.5.33 and etcdutl-3.5.33. The Dockerfile of etcd-migrate runs it.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/pflag"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	f := fetcher{client: http.DefaultClient, log: os.Stderr}
	flags := pflag.NewFlagSet("tarballs", pflag.ContinueOnError)
	releases := flags.String("releases", "", "releases to fetch, such as \"3.5.33 3.6.14\"")
	sums := flags.String("sums", "", "lines as sha256sum writes them; a release that is not among them has to have its own SHA256SUMS beside it")
	flags.StringVar(&f.arch, "arch", "amd64", "architecture")
	flags.StringVar(&f.mirror, "mirror", "https://github.com/etcd-io/etcd/releases/download", "where the releases are")
	flags.StringVar(&f.out, "out", "", "folder for the programs")
	if err := flags.Parse(args); err != nil {
		return 1
	}
	f.sums = parseSums(*sums)
	versions := strings.FieldsFunc(*releases, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })
	if len(versions) == 0 || f.out == "" {
		fmt.Fprintln(os.Stderr, "tarballs: want --releases and --out")
		return 1
	}
	for _, v := range versions {
		if err := f.release(ctx, v); err != nil {
			fmt.Fprintln(os.Stderr, "tarballs:", err)
			return 1
		}
	}
	return 0
}
