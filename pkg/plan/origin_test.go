package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	oneBundle   = "sha256:aaaa"
	otherBundle = "sha256:bbbb"
)

// bundledInput makes the input one in which every node takes packages and images from bundles.
func bundledInput(c *cluster.Cluster, packages, images string, path ...version.Version) Input {
	in := input(c, path...)
	in.Images = map[string][]string{}
	for node, all := range in.Packages {
		in.Images[node] = []string{"registry.k8s.io/kube-proxy:v1.34.4"}
		for v, r := range all {
			r.Kubeadm = []hostaction.PackageChange{{Name: "kubeadm", To: r.Versions["kubeadm"], Action: "upgrade"}}
			r.Rest = []hostaction.PackageChange{{Name: "kubelet", To: r.Versions["kubelet"], Action: "upgrade"}}
			r.Files = map[string]hostaction.File{"kubeadm": {Path: "kubeadm " + v.Bare(), Size: 1 << 20}, "kubelet": {Path: "kubelet " + v.Bare(), Size: 1 << 20}}
			all[v] = r
		}
	}
	in.Options.PackagesFrom = &Origin{Location: "/here", Bundle: packages, Contents: "contents"}
	in.Options.ImagesFrom = &Origin{Location: "/here", Bundle: images}
	return in
}

func stepsOf(p *Plan, prefix string) []Step {
	var out []Step
	for s := range p.Steps() {
		if strings.HasPrefix(s.ID, prefix) {
			out = append(out, s)
		}
	}
	return out
}

func sent(t *testing.T, s Step) SendParams {
	t.Helper()
	p, err := Params[SendParams](s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestABundleIsSentBeforeAnythingElse(t *testing.T) {
	p := planOf(t, bundledInput(build(from, []string{"cp-1"}, []string{"w-1"}), oneBundle, oneBundle))
	steps := stepsOf(p, "prepare/w-1/")
	var ids []string
	for _, s := range steps {
		ids = append(ids, s.ID)
	}
	if d := cmp.Diff([]string{"prepare/w-1/send", "prepare/w-1/import", "prepare/w-1/1.34/packages", "prepare/w-1/1.34/images"}, ids); d != "" {
		t.Fatal(d)
	}
	got := sent(t, steps[0])
	want := SendParams{Bundle: oneBundle, Images: []string{"registry.k8s.io/kube-proxy:v1.34.4"}, Files: []hostaction.File{{Path: "kubeadm 1.34.4", Size: 1 << 20}, {Path: "kubelet 1.34.4", Size: 1 << 20}}}
	if d := cmp.Diff(want, got); d != "" || steps[0].Changes {
		t.Errorf("sent: %s", d)
	}
	for _, s := range slices.Concat(steps[2:], stepsOf(p, "1.34/")) {
		switch s.Kind {
		case "install-packages", "download-packages", "pull-images":
			if !strings.Contains(string(s.Params), oneBundle) {
				t.Errorf("%s does not name the bundle: %s", s.ID, s.Params)
			}
		}
	}
}

func TestPackagesAndImagesOfTwoBundles(t *testing.T) {
	steps := stepsOf(planOf(t, bundledInput(build(from, []string{"cp-1"}, nil), oneBundle, otherBundle)), "prepare/cp-1/send")
	if len(steps) != 2 {
		t.Fatalf("%d steps", len(steps))
	}
	packages, images := sent(t, steps[0]), sent(t, steps[1])
	if packages.Bundle != oneBundle || len(packages.Files) != 2 || packages.Images != nil || images.Bundle != otherBundle || images.Files != nil || len(images.Images) != 1 {
		t.Errorf("%+v, %+v", packages, images)
	}
}

// On the way, a control-plane node needs kubeadm alone.
func TestOnlyWhatIsInstalledIsSent(t *testing.T) {
	p := planOf(t, bundledInput(build(version.MustParse("v1.32.13"), []string{"cp-1"}, []string{"w-1"}), oneBundle, oneBundle, from, to))
	var paths []string
	for _, f := range sent(t, stepsOf(p, "prepare/cp-1/send")[0]).Files {
		paths = append(paths, f.Path)
	}
	if d := cmp.Diff([]string{"kubeadm 1.33.13", "kubeadm 1.34.4", "kubelet 1.34.4"}, paths); d != "" {
		t.Error(d)
	}
}

func TestNodesThatAreLeftGetTheImagesOfAddOns(t *testing.T) {
	in := bundledInput(build(from, []string{"cp-1"}, []string{"w-1", "w-2"}), oneBundle, oneBundle)
	in.Options.Workers = []string{"w-1"}
	var ids []string
	for _, s := range stepsOf(planOf(t, in), "prepare/w-2/") {
		ids = append(ids, s.ID)
	}
	if d := cmp.Diff([]string{"prepare/w-2/send", "prepare/w-2/import"}, ids); d != "" {
		t.Error(d)
	}
}

func TestTheDigestIsOfTheBundleAndNotOfItsPlace(t *testing.T) {
	make := func(location, digest string) string {
		in := bundledInput(build(from, []string{"cp-1"}, nil), digest, digest)
		in.Options.PackagesFrom.Location, in.Options.ImagesFrom.Location = location, location
		return planOf(t, in).Digest
	}
	if make("/here", oneBundle) != make("/there", oneBundle) {
		t.Error("another place is another plan")
	}
	if make("/here", oneBundle) == make("/here", otherBundle) {
		t.Error("another bundle is the same plan")
	}
}

func TestAnotherRegistryIsSetOnceAndSaid(t *testing.T) {
	c := build(from, []string{"cp-1"}, []string{"w-1"})
	c.Kubeadm.ImageRepository = "registry.k8s.io"
	in := input(c)
	in.Options.ImagesFrom = &Origin{Location: "r.example:5000/k8s"}
	p := planOf(t, in)
	set := stepsOf(p, "image-repository/")
	if len(set) != 1 || set[0].Kind != SetImageRepository || !set[0].Changes || !strings.Contains(set[0].Title, "r.example:5000/k8s (now registry.k8s.io)") {
		t.Fatalf("%+v", set)
	}
	for _, s := range stepsOf(p, "prepare/") {
		if s.Kind == "pull-images" && !strings.Contains(string(s.Params), "r.example:5000/k8s") {
			t.Errorf("%s pulls from elsewhere: %s", s.ID, s.Params)
		}
	}
	var phases []string
	for _, ph := range p.Phases {
		phases = append(phases, ph.ID)
	}
	if i := slices.Index(phases, "image-repository"); i != 1 {
		t.Errorf("phases %v", phases)
	}
	other := input(c)
	other.Options.ImagesFrom = &Origin{Location: "r.example:5000/other"}
	if planOf(t, other).Digest == p.Digest {
		t.Error("another registry is the same plan")
	}
	c.Kubeadm.ImageRepository = "r.example:5000/k8s"
	if set := stepsOf(planOf(t, in), "image-repository/"); set != nil {
		t.Errorf("it is set already: %+v", set)
	}
}
