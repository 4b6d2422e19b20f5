package gobuild

import (
	_ "embed"
	"fmt"
	"path"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// Kubernetes builds every command of a release. instead names modules of the release to take at another version.
func Kubernetes(version string, instead map[string]string) Spec {
	const root = "k8s.io/kubernetes"
	var pkgs []string
	for _, c := range []string{"kubeadm", "kubelet", "kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		pkgs = append(pkgs, root+"/cmd/"+c)
	}
	return Spec{Name: "kubernetes", Version: version, Primary: module.Version{Path: root, Version: version},
		Instead: instead, Packages: pkgs, Tags: "grpcnotrace", // Both packages hold a copy of the version: the components report the one, clients the other.
		LDFlags: versionFlags(version, "k8s.io/component-base/version", "k8s.io/client-go/pkg/version")}
}

// versionFlags has the linker write a release's version into packages.
func versionFlags(version string, packages ...string) string {
	parts := strings.SplitN(strings.TrimPrefix(semver.MajorMinor(version), "v"), ".", 2)
	var flags []string
	for _, p := range packages {
		for _, kv := range []string{"gitVersion=" + version, "gitMajor=" + parts[0], "gitMinor=" + parts[1], "gitTreeState=clean"} {
			flags = append(flags, "-X "+p+"."+kv)
		}
	}
	return strings.Join(flags, " ")
}

// Etcd builds server and tools of a release. tools is the version of the tools' source: the same, or an older one
// that is then built against the server's client libraries.
func Etcd(version, tools string) Spec {
	const root = "go.etcd.io/etcd/"
	return Spec{Name: "etcd", Version: "v" + version, Primary: module.Version{Path: root + "server/v3", Version: "v" + version},
		Extra:    []module.Version{{Path: root + "etcdctl/v3", Version: "v" + tools}, {Path: root + "etcdutl/v3", Version: "v" + tools}},
		Packages: []string{root + "server/v3", root + "etcdctl/v3", root + "etcdutl/v3"}}
}

// Parts of CoreDNS and of the registry that kubeadm's Corefile and a folder of images want.
//
//go:embed mains/coredns.txt
var coreDNSMain string

//go:embed mains/registry.txt
var registryMain string

// CoreDNS builds the DNS server.
func CoreDNS(version string) Spec {
	const root = "github.com/coredns/coredns"
	return Spec{Name: "coredns", Version: version, Primary: module.Version{Path: root, Version: version}, Main: coreDNSMain, Tags: "grpcnotrace"}
}

// CNIPlugins builds all plugins that the release carries for Linux.
func CNIPlugins(version string) Spec {
	const root = "github.com/containernetworking/plugins"
	var pkgs []string
	for _, p := range []string{"ipam/dhcp", "ipam/host-local", "ipam/static", "main/bridge", "main/dummy", "main/host-device", "main/ipvlan",
		"main/loopback", "main/macvlan", "main/ptp", "main/tap", "main/vlan", "meta/bandwidth", "meta/firewall", "meta/portmap", "meta/sbr", "meta/tuning", "meta/vrf"} {
		pkgs = append(pkgs, path.Join(root, "plugins", p))
	}
	return Spec{Name: "cni", Version: "v" + version, Primary: module.Version{Path: root, Version: "v" + version}, Packages: pkgs,
		LDFlags: fmt.Sprintf("-X %s/pkg/utils/buildversion.BuildVersion=v%s", root, version)}
}

// Registry builds the OCI registry.
func Registry(version string) Spec {
	const root = "github.com/distribution/distribution/v3"
	return Spec{Name: "registry", Version: version, Primary: module.Version{Path: root, Version: version}, Main: registryMain}
}
