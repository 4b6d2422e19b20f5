// Package build fills the cache with everything that a topology needs.
package build

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/aptrepo"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/gobuild"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/hosttools"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/images"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/pins"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/rootfs"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// Assets is what a bring-up takes from the cache.
type Assets struct {
	Cache    string
	Base     string              // root file system of a node
	Repos    map[string]string   // path below the web root: repository folder
	Key      string              // signing key, public half
	Registry string              // registry program
	Parts    *gobuild.Parts      // the lab's own programs
	Images   map[string][]string // version: image references as kubeadm lists them
	Packages pins.Packages       // of the installed version's minor
	Etcd     map[string]string   // programs by name of the etcd that kubeadm does not run
}

type builder struct {
	cache  string
	pins   *pins.Pins
	log    *progress.Log
	parts  *gobuild.Parts
	assets *Assets

	pinnedPrograms map[string]map[string]string // of hack/etcd, by version and name
}

// Run builds what is missing; with a full cache it only looks.
func Run(ctx context.Context, cache string, t *topology.Topology, log *progress.Log) (*Assets, error) {
	p, err := pins.Load()
	if err != nil {
		return nil, err
	}
	b := &builder{cache: cache, pins: p, log: log, pinnedPrograms: map[string]map[string]string{}, assets: &Assets{Cache: cache, Repos: map[string]string{}, Images: map[string][]string{}}}
	steps := []func(context.Context, *topology.Topology) error{b.tools, b.rootfs, b.programs, b.etcdReleases, b.repositories, b.images}
	for _, s := range steps {
		if err := s(ctx, t); err != nil {
			return nil, err
		}
	}
	return b.assets, nil
}

// Kubernetes builds the commands of one release only, and returns their folder.
func Kubernetes(ctx context.Context, cache, version string, log *progress.Log) (string, error) {
	p, err := pins.Load()
	if err != nil {
		return "", err
	}
	return (&builder{cache: cache, pins: p, log: log}).kubernetes(ctx, version)
}

// KubernetesCommand builds one command of a release that is older than modules, and returns its path.
func KubernetesCommand(ctx context.Context, cache, version, dir string) (string, error) {
	b := &builder{cache: cache}
	return gobuild.KubernetesCommand(ctx, cache, version, dir, b.logFile("kubernetes-"+version))
}

func (b *builder) logFile(name string) string { return filepath.Join(b.cache, "logs", name+".log") }

func (b *builder) tools(ctx context.Context, t *topology.Topology) error {
	programs := hosttools.Build
	if t.Etcd.DiskMiB > 0 {
		programs = append(slices.Clone(programs), hosttools.Disk...)
	}
	return hosttools.Ensure(ctx, programs, b.logFile("apt"))
}

func (b *builder) rootfs(ctx context.Context, _ *topology.Topology) error {
	b.log.Say("node file system: %s", b.pins.Debian)
	base, err := rootfs.Base(ctx, b.cache, b.pins.Debian, hosttools.Mirror("/"), b.logFile("rootfs"))
	b.assets.Base = base
	return err
}

func (b *builder) programs(ctx context.Context, t *topology.Topology) error {
	var err error
	if b.parts, err = gobuild.BuildParts(ctx, b.cache, b.logFile("parts")); err != nil {
		return err
	}
	b.assets.Parts = b.parts
	dir, err := b.commands(ctx, gobuild.Registry(b.pins.Distribution))
	if err != nil {
		return err
	}
	b.assets.Registry = filepath.Join(dir, "registry")
	for _, v := range t.Versions() {
		if _, err := b.kubernetes(ctx, v); err != nil {
			return err
		}
	}
	return nil
}

// commands builds one set of commands and says so when it takes a while.
func (b *builder) commands(ctx context.Context, s gobuild.Spec) (string, error) {
	if !gobuild.Built(b.cache, s) {
		b.log.Say("building %s %s (minutes, once)", s.Name, s.Version)
	}
	return gobuild.Build(ctx, b.cache, s, b.logFile(s.Name+"-"+s.Version))
}

func (b *builder) kubernetes(ctx context.Context, version string) (string, error) {
	if gobuild.Old(version) {
		if !gobuild.Built(b.cache, gobuild.Kubernetes(version, nil)) {
			b.log.Say("building kubernetes %s (minutes, once)", version)
			if err := hosttools.Ensure(ctx, hosttools.C, b.logFile("apt")); err != nil {
				return "", err
			}
		}
		return gobuild.KubernetesOfOld(ctx, b.cache, version, b.pins.Staging[version], b.logFile("kubernetes-"+version))
	}
	return b.commands(ctx, gobuild.Kubernetes(version, b.pins.Staging[version]))
}

func (b *builder) images(ctx context.Context, t *topology.Topology) error {
	b.log.Say("images")
	list := []images.Image{{Ref: "demo-web:1", Key: b.parts.ID, Binaries: map[string]string{"demo-web": b.parts.Path("demo-web")}, Entrypoint: []string{"/demo-web"}}}
	for _, v := range t.Versions() {
		more, err := b.release(ctx, v)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	for _, tag := range t.Etcd.ImageTags() {
		i, err := b.image(ctx, "", "etcd:"+tag, false)
		if err != nil {
			return err
		}
		list = append(list, i)
	}
	return images.Store(ctx, b.cache, b.assets.Registry, b.logFile("registry"), list, b.log.Say)
}

// release asks the release's own kubeadm which images it wants, and describes each.
func (b *builder) release(ctx context.Context, version string) ([]images.Image, error) {
	dir, err := b.kubernetes(ctx, version)
	if err != nil {
		return nil, err
	}
	out, err := run.Output(ctx, run.Cmd{Args: []string{filepath.Join(dir, "kubeadm"), "config", "images", "list", "--kubernetes-version", version}})
	if err != nil {
		return nil, err
	}
	var list []images.Image
	for _, ref := range strings.Fields(out) {
		b.assets.Images[version] = append(b.assets.Images[version], ref)
		_, path, _ := strings.Cut(ref, "/")
		i, err := b.image(ctx, dir, path, gobuild.Old(version))
		if err != nil {
			return nil, err
		}
		list = append(list, i)
	}
	return list, nil
}

// image describes an image. An old one has a shell: liveness probes and the pods by which kubeadm pulls ahead run programs in it.
func (b *builder) image(ctx context.Context, kubernetes, ref string, old bool) (images.Image, error) {
	repo, tag, _ := strings.Cut(ref, ":")
	i := images.Image{Ref: ref, Key: "1", Binaries: map[string]string{}}
	if repo == "etcd" {
		old = oldEtcd(tag) // the same image is offered to clusters of different ages
	}
	if old && repo != "pause" {
		base, id, err := rootfs.Shell(b.assets.Base)
		if err != nil {
			return i, err
		}
		i.Base, i.Key = base, id
	}
	switch repo {
	case "kube-apiserver", "kube-controller-manager", "kube-scheduler":
		i.Binaries["usr/local/bin/"+repo] = filepath.Join(kubernetes, repo)
		i.Entrypoint = []string{"/usr/local/bin/" + repo}
	case "kube-proxy":
		base, id, err := rootfs.IPTables(b.assets.Base)
		if err != nil {
			return i, err
		}
		i.Base, i.Key = base, id
		i.Binaries["usr/local/bin/kube-proxy"] = filepath.Join(kubernetes, repo)
		i.Entrypoint = []string{"/usr/local/bin/kube-proxy"}
	case "etcd":
		programs, err := b.etcd(ctx, etcdVersion(tag))
		if err != nil {
			return i, err
		}
		for name, path := range programs {
			i.Binaries["usr/local/bin/"+name] = path
		}
	case "coredns/coredns", "coredns":
		dir, err := b.commands(ctx, gobuild.CoreDNS(b.pins.CoreDNSVersion(tag)))
		if err != nil {
			return i, err
		}
		i.Binaries["coredns"] = filepath.Join(dir, "coredns")
		i.Entrypoint = []string{"/coredns"}
	case "pause":
		i.Key = b.parts.ID
		i.Binaries["pause"] = b.parts.Path("pause")
		i.Entrypoint = []string{"/pause"}
	default:
		return i, fmt.Errorf("build image %s: the lab does not know how", ref)
	}
	return i, nil
}

func (b *builder) repositories(ctx context.Context, t *topology.Topology) error {
	b.log.Say("packages")
	key, err := aptrepo.LoadKey(ctx, b.cache, b.logFile("gpg"))
	if err != nil {
		return err
	}
	b.assets.Key = key.Binary()
	b.assets.Packages, err = b.pins.For(topology.Minor(t.Kubernetes))
	if err != nil {
		return err
	}
	byLayout := map[aptrepo.Layout][]string{}
	for _, v := range t.Versions() {
		debs, err := b.debs(ctx, v)
		if err != nil {
			return err
		}
		l := aptrepo.LayoutOf(v)
		for _, d := range debs {
			// Releases that share a repository share packages too.
			if !slices.Contains(byLayout[l], d) {
				byLayout[l] = append(byLayout[l], d)
			}
		}
	}
	for l, debs := range byLayout {
		dir, err := aptrepo.Build(ctx, key, b.cache, l, debs, b.logFile("repo-"+l.Name))
		if err != nil {
			return err
		}
		b.assets.Repos[l.Path] = dir
	}
	return nil
}

// InfraFiles names what the infra container is made of.
func (a *Assets) InfraFiles() map[string]string {
	return map[string]string{"infra": a.Parts.Path("infra"), "registry": a.Registry}
}

// Find returns the full reference of a release's image by the last part of its repository: coredns ->
// registry.k8s.io/coredns/coredns:v1.12.0, or k8s.gcr.io/coredns:1.3.1.
func (a *Assets) Find(version, repo string) string {
	for _, ref := range a.Images[version] {
		if strings.Contains(ref, "/"+repo+":") {
			return ref
		}
	}
	return ""
}

// Kubectl is the client of the release, for this machine.
func (a *Assets) Kubectl(version string) string {
	return filepath.Join(a.Cache, "bin", "kubernetes", version, "kubectl")
}
