package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"sort"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/aptrepo"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/rootfs"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
)

// RegistryHost is the name of the registry inside of the lab.
const RegistryHost = "registry.lab:5000"

const hostsToml = `server = "http://` + RegistryHost + `"

[host."http://` + RegistryHost + `"]
  capabilities = ["pull", "resolve"]
`

// nodeFiles are the files that tell one node from another; they are in place before the node first starts.
func (s *State) nodeFiles(n Node, a *build.Assets) (map[string]string, error) {
	source, err := aptrepo.LayoutOf(s.Topology.Kubernetes).Source(n.AptStyle)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(a.Key)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	containerd, err := rootfs.Containerd(a.Find(s.Topology.Kubernetes, "pause"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	if s.hasEtcd(n) {
		if files, err = s.etcdFiles(n); err != nil {
			return nil, err
		}
	}
	if s.hasDisk(n) {
		files[diskUnit], files[diskMount] = diskService, diskScript
	}
	maps.Copy(files, map[string]string{
		auditPolicyFile:                                          auditPolicy,
		"etc/lab/routes":                                         s.routes(n),
		"etc/lab/pod-subnet":                                     s.Topology.PodSubnet + "\n",
		"etc/lab/resolv.conf":                                    "nameserver " + s.Infra.IP + "\n",
		"etc/cni/net.d/10-lab.conflist":                          cniConfig(n),
		"etc/containerd/config.toml":                             containerd,
		"etc/containerd/certs.d/registry.k8s.io/hosts.toml":      hostsToml,
		"etc/containerd/certs.d/k8s.gcr.io/hosts.toml":           hostsToml,
		"etc/containerd/certs.d/" + RegistryHost + "/hosts.toml": hostsToml,
		"etc/apt/sources.list.d/" + n.AptFile:                    source,
		strings.TrimPrefix(aptrepo.Keyring, "/"):                 string(key),
	})
	return files, nil
}

func (s *State) routes(n Node) string {
	var b strings.Builder
	for _, o := range s.Nodes {
		if o.Name != n.Name {
			fmt.Fprintf(&b, "%s %s\n", o.PodRange, o.IP)
		}
	}
	return b.String()
}

func cniConfig(n Node) string {
	return fmt.Sprintf(`{
  "cniVersion": "1.0.0",
  "name": "lab",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": %q}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`, n.PodRange)
}

// hosts are the names that every machine of the cluster knows; the engine writes them at every start.
func (s *State) hosts() []string {
	out := []string{"--add-host", "registry.lab:" + s.Infra.IP}
	for _, host := range aptrepo.Hosts {
		out = append(out, "--add-host", host+":"+s.Infra.IP)
	}
	for _, n := range s.Nodes {
		out = append(out, "--add-host", n.Name+":"+n.IP)
	}
	return out
}

// put copies files into a container, running or not.
func put(ctx context.Context, log, container string, files map[string]string) error {
	data, err := pack(files)
	if err != nil {
		return fmt.Errorf("pack files for %s: %w", container, err)
	}
	return run.Do(ctx, run.Cmd{Args: []string{"docker", "cp", "-", container + ":/"}, Stdin: bytes.NewReader(data), Log: log})
}

func pack(files map[string]string) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	names := make([]string, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	sort.Strings(names)
	made := map[string]bool{}
	for _, n := range names {
		if err := folders(w, path.Dir(n), made); err != nil {
			return nil, err
		}
		mode := int64(0o644)
		if path.Ext(n) == ".key" {
			mode = 0o600
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: n, Mode: mode, Size: int64(len(files[n]))}); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(files[n])); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

func folders(w *tar.Writer, dir string, made map[string]bool) error {
	if dir == "." || made[dir] {
		return nil
	}
	if err := folders(w, path.Dir(dir), made); err != nil {
		return err
	}
	made[dir] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755})
}
