// Package staticpod knows the control plane's static pods on a host: their manifests, and the processes that run for them.
package staticpod

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Where kubeadm has the kubelet look for manifests, and the two that etcd is about.
const (
	Dir    = "/etc/kubernetes/manifests"
	Server = Dir + "/kube-apiserver.yaml"
	Etcd   = Dir + "/etcd.yaml"
)

// Pod is what is asked of a manifest.
type Pod struct {
	Spec struct {
		InitContainers []Container `json:"initContainers"`
		Containers     []Container `json:"containers"`
		Volumes        []Volume    `json:"volumes"`
	} `json:"spec"`
}

// Container is one of a pod.
type Container struct {
	Name    string   `json:"name"`
	Image   string   `json:"image"`
	Command []string `json:"command"`
	Args    []string `json:"args"`
	Env     []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"env"`
	VolumeMounts []struct {
		Name      string `json:"name"`
		MountPath string `json:"mountPath"`
		SubPath   string `json:"subPath"`
	} `json:"volumeMounts"`
}

// Volume is one of a pod; only those of the host count.
type Volume struct {
	Name     string `json:"name"`
	HostPath *struct {
		Path string `json:"path"`
	} `json:"hostPath"`
}

// Read reads a manifest.
func Read(path string) (*Pod, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read static pod: %w", err)
	}
	pod, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("read static pod %s: %w", path, err)
	}
	return pod, nil
}

// Parse reads the text of a manifest, of which only the first container is looked at later: there has to be one.
func Parse(text []byte) (*Pod, error) {
	pod := &Pod{}
	if err := yaml.Unmarshal(text, pod); err != nil {
		return nil, err
	}
	if len(pod.Spec.Containers) == 0 {
		return nil, errors.New("it has no container")
	}
	return pod, nil
}

// Command is the whole command line of a pod's first container.
func Command(pod *Pod) []string {
	c := pod.Spec.Containers[0]
	return slices.Concat(c.Command, c.Args)
}

// Args reads the flags of a manifest's first container, without their dashes.
func Args(path string) (map[string]string, error) {
	pod, err := Read(path)
	if err != nil {
		return nil, err
	}
	args := map[string]string{}
	for _, a := range Command(pod) {
		if k, v, ok := strings.Cut(a, "="); ok && strings.HasPrefix(k, "--") {
			args[k[2:]] = v
		}
	}
	return args, nil
}

// ServerAddress is where an API server with these flags answers on its own host: at its bind address, unless that is every address.
func ServerAddress(args map[string]string) string {
	host, port := args["bind-address"], args["secure-port"]
	switch ip := net.ParseIP(host); {
	case ip == nil || ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, cmp.Or(port, "6443"))
}

// HostPath says where on the host a path of the first container lies, by the pod's mounts; a path that is not mounted is given as it is.
func HostPath(pod *Pod, inside string) string {
	best, found := "", inside
	for _, m := range pod.Spec.Containers[0].VolumeMounts {
		mount := path.Clean(m.MountPath)
		if len(mount) <= len(best) || inside != mount && !strings.HasPrefix(inside, strings.TrimSuffix(mount, "/")+"/") {
			continue
		}
		for _, v := range pod.Spec.Volumes {
			if v.Name == m.Name && v.HostPath != nil {
				best, found = mount, path.Join(v.HostPath.Path, m.SubPath, strings.TrimPrefix(inside, mount))
			}
		}
	}
	return found
}
