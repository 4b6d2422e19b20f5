// Command image puts one static binary into an image FROM scratch, without a container engine.
// The same binary gives the same digest, whenever and wherever it is built.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/pflag"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if err := build(args); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		return 1
	}
	return 0
}

// target is where the image goes: to exactly one place.
type target struct {
	push, tar, layout string
	insecure          bool
}

func build(args []string) error {
	var s spec
	var t target
	flags := pflag.NewFlagSet("image", pflag.ContinueOnError)
	flags.StringVar(&s.binary, "binary", "", "path of the static binary")
	flags.StringVar(&s.name, "name", "", "name of the binary in the image, which is also its entry point")
	flags.StringSliceVar(&s.args, "cmd", []string{"serve"}, "default arguments")
	flags.StringVar(&s.platform, "platform", "linux/amd64", "platform of the binary")
	flags.StringVar(&s.version, "version", "", "version for the image's label")
	flags.StringVar(&t.push, "push", "", "push to this reference")
	flags.BoolVar(&t.insecure, "insecure", false, "push over plain HTTP")
	flags.StringVar(&t.tar, "tar", "", "write an archive that engines load")
	flags.StringVar(&t.layout, "layout", "", "add to the OCI layout in this directory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.binary == "" || s.name == "" {
		return errors.New("want --binary and --name")
	}
	img, err := s.image()
	if err != nil {
		return err
	}
	ref, err := t.write(img, s.name)
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return fmt.Errorf("digest image: %w", err)
	}
	fmt.Println(ref + "@" + digest.String())
	return nil
}

// write puts the image where it goes and returns its repository.
func (t target) write(img v1.Image, repo string) (string, error) {
	switch {
	case t.push != "" && t.tar == "" && t.layout == "":
		return t.pushTo(img)
	case t.tar != "" && t.push == "" && t.layout == "":
		tag, err := name.NewTag(repo + ":latest")
		if err != nil {
			return "", err
		}
		return repo, tarball.WriteToFile(t.tar, tag, img)
	case t.layout != "" && t.push == "" && t.tar == "":
		p, err := layout.FromPath(t.layout)
		if err != nil {
			if p, err = layout.Write(t.layout, empty.Index); err != nil {
				return "", err
			}
		}
		return repo, p.AppendImage(img)
	}
	return "", errors.New("want exactly one of --push, --tar and --layout")
}

func (t target) pushTo(img v1.Image) (string, error) {
	var opts []name.Option
	if t.insecure {
		opts = append(opts, name.Insecure)
	}
	ref, err := name.ParseReference(t.push, opts...)
	if err != nil {
		return "", err
	}
	if err := remote.Write(ref, img, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	return ref.Context().Name(), nil
}
