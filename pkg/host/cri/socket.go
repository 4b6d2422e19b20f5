package cri

import (
	"errors"
	"os"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// Where the kubelet's endpoint may be configured.
const (
	// InstanceConfig is where kubeadm 1.34 and newer keep the endpoint. https://github.com/kubernetes/kubeadm/issues/3042
	InstanceConfig = "/var/lib/kubelet/instance-config.yaml"
	KubeletFlags   = "/var/lib/kubelet/kubeadm-flags.env"
	KubeletConfig  = "/var/lib/kubelet/config.yaml"
)

// usualSockets are tried when nothing is configured. dockershim comes first: where its socket exists the kubelet itself is the runtime.
var usualSockets = []string{
	"/var/run/dockershim.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/cri-dockerd.sock",
}

var endpointFlag = regexp.MustCompile(`--container-runtime-endpoint[= ]([^\s"']+)`)

// Socket finds the socket that the kubelet uses, as a URL.
func Socket() (string, error) {
	for _, find := range []func() string{
		func() string { return EndpointIn(InstanceConfig) },
		func() string {
			b, err := os.ReadFile(KubeletFlags)
			if err != nil {
				return ""
			}
			return EndpointFlagIn(string(b))
		},
		func() string { return EndpointIn(KubeletConfig) },
	} {
		if s := find(); s != "" {
			return asURL(s), nil
		}
	}
	for _, s := range usualSockets {
		if info, err := os.Stat(s); err == nil && info.Mode()&os.ModeSocket != 0 {
			return asURL(s), nil
		}
	}
	return "", errors.New("find container runtime: no endpoint in the kubelet's configuration and none of the usual sockets")
}

// EndpointIn is the endpoint in a KubeletConfiguration, or nothing.
func EndpointIn(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	c := struct {
		Endpoint string `json:"containerRuntimeEndpoint"`
	}{}
	if yaml.Unmarshal(b, &c) != nil {
		return ""
	}
	return c.Endpoint
}

// EndpointFlagIn is the endpoint among the kubelet's flags, or nothing.
func EndpointFlagIn(env string) string {
	m := endpointFlag.FindStringSubmatch(env)
	if m == nil {
		return ""
	}
	return m[1]
}

// asURL adds the scheme, which the kubelet did not demand before 1.24.
func asURL(s string) string {
	if strings.Contains(s, "://") {
		return s
	}
	return "unix://" + s
}
