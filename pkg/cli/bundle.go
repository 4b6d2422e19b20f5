package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/kubectl/pkg/util/templates"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/buildinfo"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle/pack"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// bundler is the "bundle" command.
type bundler struct {
	in Invocation

	to, from       string
	via            []string
	debs, programs string
	archives       []string
	arches         []string
	output, push   string
	agentImage     string
	agentArchives  []string
	insecure       bool
}

func newBundle(in Invocation) *cobra.Command {
	b := &bundler{in: in}
	cmd := &cobra.Command{
		Use:                   "bundle --to VERSION (--debs DIR | --binaries DIR) [--images-archive FILE...] (--output DIR | --push REFERENCE)",
		DisableFlagsInUseLine: true,
		Short:                 "Make a bundle of packages and images, for clusters that reach no repository",
		Long: templates.LongDesc(`
			Make a bundle: everything that an upgrade installs, for clusters whose nodes reach no package repository and no registry.

			It is made of files that you have, and asks no network for anything: packages or plain programs, and archives of images.
			Every release's own kubeadm is asked which images it needs. Whatever is missing is named, and no bundle is made without it.

			A bundle is a folder, which "kubectl upgrade plan" and "cluster" take with --packages-from and --images-from and send to the
			nodes piece by piece; or, with --push, an image of the agent that carries the files, and that the nodes pull from a registry
			of yours.`),
		Example: templates.Examples(`
			# A folder with packages and images of one release
			kubectl upgrade bundle --to v1.34.2 --debs ./debs --images-archive images.tar --output ./bundle

			# Several minors at once; each minor between has to be there
			kubectl upgrade bundle --from v1.31.4 --to v1.34.2 --debs ./debs --images-archive images.tar --output ./bundle

			# Programs for hosts without packages, with their unit files, out of folders such as ./bin/v1.34.2/amd64
			kubectl upgrade bundle --to v1.34.2 --binaries ./bin --images-archive images.tar --output ./bundle

			# An image in a registry that the nodes reach, together with the agent
			kubectl upgrade bundle --to v1.34.2 --debs ./debs --push registry.example/upgrade:v1.34.2 --agent-archive host-agent.tar`),
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context()) },
	}
	b.add(cmd.Flags())
	return cmd
}

func (b *bundler) add(fs *pflag.FlagSet) {
	fs.StringVar(&b.to, "to", "", "The Kubernetes version to upgrade to, such as v1.34.2. (required)")
	fs.StringVar(&b.from, "from", "", "The version that the cluster runs: of each minor between, a release has to be there. By default only those of --via and between them.")
	fs.StringSliceVar(&b.via, "via", nil, "Releases to pass through, such as v1.33.6. By default the newest that is there of each minor between.")
	fs.StringVar(&b.debs, "debs", "", "Folder with .deb files: kubeadm, kubelet and kubectl of every release, and all that they depend on and the hosts may not have.")
	fs.StringVar(&b.programs, "binaries", "", "Folder with plain programs kubeadm, kubelet and kubectl, and unit files (kubelet.service, *.conf), for hosts that have no packages of them.")
	fs.StringSliceVar(&b.archives, "images-archive", nil, "Archives with images, as 'docker save', 'ctr images export' and 'skopeo copy' write them, or folders in the OCI layout.")
	fs.StringSliceVar(&b.arches, "arch", nil, "Architectures to pack, such as amd64,arm64. By default those that there are packages or programs for.")
	fs.StringVar(&b.output, "output", "", "Folder to make.")
	fs.StringVar(&b.push, "push", "", "Image to push: the agent, with the bundle in it.")
	fs.StringVar(&b.agentImage, "agent-image", buildinfo.AgentImage(), "With --push: image of the agent to add the bundle to, which is pulled.")
	fs.StringSliceVar(&b.agentArchives, "agent-archive", nil, "With --push: archives with the agent's image, one for each architecture, instead of pulling it.")
	fs.BoolVar(&b.insecure, "insecure-registry", false, "With --push: talk plain HTTP to the registry.")
}

func (b *bundler) run(ctx context.Context) error {
	input, err := b.input()
	if err != nil {
		return err
	}
	if b.push == "" {
		made, err := pack.Make(ctx, input)
		if err != nil {
			return err
		}
		b.told(made.Manifest)
		_, err = fmt.Fprintln(b.in.Out, made.Digest())
		return err
	}
	made, ref, err := pack.Push(ctx, input, pack.Target{
		Reference: b.push, AgentImage: b.agentImage, AgentArchives: b.agentArchives, Insecure: b.insecure,
	})
	if err != nil {
		return err
	}
	b.told(made)
	_, err = fmt.Fprintln(b.in.Out, ref)
	return err
}

func (b *bundler) told(m *bundle.Manifest) { fmt.Fprintln(b.in.ErrOut, "made", m.Describe()) }

func (b *bundler) input() (pack.Input, error) {
	in := pack.Input{Debs: b.debs, Programs: b.programs, Archives: b.archives, Arches: b.arches, Output: b.output}
	in.Note = func(text string) { fmt.Fprintln(b.in.ErrOut, text) }
	switch {
	case b.to == "":
		return in, errors.New("--to is required: the Kubernetes version to upgrade to, such as --to v1.34.2")
	case b.debs == "" && b.programs == "":
		return in, errors.New("--debs or --binaries is required: the folder with packages or plain programs")
	case (b.output == "") == (b.push == ""):
		return in, errors.New("want either --output, for a folder, or --push, for an image")
	case b.push != "" && b.agentImage == "" && len(b.agentArchives) == 0:
		return in, errors.New("--push: this build does not know where the agent's image is: name it with --agent-image, or its archives with --agent-archive")
	}
	for _, v := range []struct {
		flag, text string
		to         *version.Version
	}{{"--to", b.to, &in.To}, {"--from", b.from, &in.From}} {
		if v.text == "" {
			continue
		}
		var err error
		if *v.to, err = version.Parse(v.text); err != nil {
			return in, fmt.Errorf("%s: %w", v.flag, err)
		}
	}
	for _, text := range b.via {
		v, err := version.Parse(text)
		if err != nil {
			return in, fmt.Errorf("--via: %w", err)
		}
		if !v.Less(in.To) || slices.ContainsFunc(in.Via, v.SameMinor) {
			return in, fmt.Errorf("--via: %s is not before %s, or the second of its minor", v, in.To)
		}
		in.Via = append(in.Via, v)
	}
	if !in.From.IsZero() && !in.From.Less(in.To) {
		return in, fmt.Errorf("--from: %s is not before %s", in.From, in.To)
	}
	return in, nil
}
