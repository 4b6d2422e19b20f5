// Command image makes the images of this project without a container engine: static programs, FROM scratch.
// The same programs give the same digest, whenever and wherever it is made.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/sbom"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if err := build(args); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		return 1
	}
	return 0
}

func build(args []string) error {
	m := maker{contents: sbom.Of}
	var t target
	flags := pflag.NewFlagSet("image", pflag.ContinueOnError)
	image := flags.String("image", "", "folder of the image.yaml, such as images/host-agent")
	flags.StringVar(&m.binary, "binary", "", "path of the static program; {arch} in it stands for amd64 and so on")
	flags.StringVar(&m.dir, "etcd", "", "folder of the releases of etcd, as hack/etcd leaves them; {arch} as above (default: the one in the user's cache)")
	flags.StringVar(&m.releases, "releases", "hack/etcd/releases.yaml", "list of the releases of etcd")
	flags.StringSliceVar(&m.hops, "hops", nil, "releases of etcd to put into the image, such as 3.5,3.6 (default: all)")
	platforms := flags.StringSlice("platform", []string{"linux/amd64"}, "platforms; with more than one, what is made is an index of images")
	flags.StringVar(&m.version, "version", "", "version for the image's label")
	twice := flags.Bool("twice", false, "make it a second time, and fail when the digest is another one")
	flags.StringVar(&t.push, "push", "", "push to this reference")
	flags.BoolVar(&t.insecure, "insecure", false, "push over plain HTTP")
	flags.StringVar(&t.tar, "tar", "", "write an archive that engines load, for one platform")
	flags.StringVar(&t.layout, "layout", "", "write an OCI layout into this directory, in place of what is there")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *image == "" || m.binary == "" {
		return errors.New("want --image and --binary")
	}
	var err error
	if m.spec, err = readSpec(*image); err != nil {
		return err
	}
	if m.dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find cache folder: %w (name one with --etcd)", err)
		}
		m.dir = filepath.Join(cache, "kubectl-upgrade", "etcd", "linux-{arch}")
	}
	made, err := m.make(*platforms, *twice)
	if err != nil {
		return err
	}
	repo, err := t.write(made, m.name)
	if err != nil {
		return err
	}
	fmt.Println(repo + "@" + made.digest)
	return nil
}

func (m maker) make(platforms []string, twice bool) (made, error) {
	var first made
	for n := range 2 {
		images, err := m.images(platforms)
		if err != nil {
			return first, err
		}
		next, err := assemble(images)
		switch {
		case err != nil:
			return first, err
		case n == 1 && next.digest != first.digest:
			return first, fmt.Errorf("two images of the same programs: %s and %s", first.digest, next.digest)
		case !twice:
			return next, nil
		}
		first = next
	}
	return first, nil
}
