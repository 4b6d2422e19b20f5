package cluster

import (
	"bytes"
	"context"
	"strings"
	"text/template"

	"golang.org/x/mod/semver"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
)

// old says that the cluster's kubeadm is one of those that know v1beta1 at most and share no certificates: up to 1.14.
func (s *State) old() bool { return semver.Compare(s.Topology.Kubernetes, "v1.15.0") < 0 }

// ignoredPreflight are the preflight checks that cannot pass. kubeadm of that time knows no kernel newer than 4; 1.12 fails where it finds
// no list of what is built into the kernel, which it reads for a mode of kube-proxy that is not in use; and none takes an etcd older than 3.
func (s *State) ignoredPreflight() []string {
	var checks []string
	if s.old() {
		checks = append(checks, "SystemVerification")
	}
	if semver.Compare(s.Topology.Kubernetes, "v1.13.0") < 0 {
		checks = append(checks, "RequiredIPVSKernelModulesAvailable")
	}
	if s.Topology.Etcd.External() && semver.Compare("v"+s.Topology.Etcd.Version, "v3.0.0") < 0 {
		checks = append(checks, "ExternalEtcdVersion")
	}
	if len(checks) == 0 {
		return nil
	}
	return []string{"--ignore-preflight-errors=" + strings.Join(checks, ",")}
}

var oldInitTemplate = template.Must(template.New("init").Parse(`apiVersion: kubeadm.k8s.io/v1beta1
kind: InitConfiguration
bootstrapTokens:
- token: {{.Token}}
  ttl: 24h0m0s
  usages: [signing, authentication]
  groups: [system:bootstrappers:kubeadm:default-node-token]
localAPIEndpoint:
  advertiseAddress: {{.Node.IP}}
  bindPort: 6443
nodeRegistration:
  name: {{.Node.Name}}
  criSocket: /run/containerd/containerd.sock
  kubeletExtraArgs:
    node-ip: {{.Node.IP}}
---
apiVersion: kubeadm.k8s.io/v1beta1
kind: ClusterConfiguration
clusterName: {{.Name}}
kubernetesVersion: {{.Topology.Kubernetes}}
{{- if .LoadBalancer}}
controlPlaneEndpoint: {{.Endpoint}}
{{- end}}
networking:
  podSubnet: {{.Topology.PodSubnet}}
  serviceSubnet: {{.Topology.ServiceSubnet}}
{{- if .Topology.Etcd.External}}` + externalEtcd + `
{{- else if or .Topology.Etcd.LocalTag .Topology.Etcd.Args}}
etcd:
  local:
{{- with .Topology.Etcd.LocalTag}}
    imageTag: {{.}}
{{- end}}` + oldEtcdArgs + `
{{- end}}
apiServer:
  certSANs: [localhost, 127.0.0.1]
  extraArgs:
{{- range $name, $value := .Topology.APIServerArgs}}
    {{$name}}: "{{$value}}"
{{- end}}
    audit-policy-file: {{.AuditPolicy}}
    audit-log-path: {{.AuditFolder}}/audit.log
  extraVolumes:
  - name: audit-policy
    hostPath: {{.AuditPolicy}}
    mountPath: {{.AuditPolicy}}
    readOnly: true
    pathType: File
  - name: audit-log
    hostPath: {{.AuditFolder}}
    mountPath: {{.AuditFolder}}
    pathType: DirectoryOrCreate
controllerManager:
  extraArgs:
    # The lab gives each node its range of pod addresses, and the routes to the others.
    allocate-node-cidrs: "false"
---
` + componentConfigs))

var oldJoinTemplate = template.Must(template.New("join").Parse(`apiVersion: kubeadm.k8s.io/v1beta1
kind: JoinConfiguration
discovery:
  bootstrapToken:
    token: {{.Token}}
    apiServerEndpoint: {{.Endpoint}}
    caCertHashes: [{{.CAHash}}]
nodeRegistration:
  name: {{.Node.Name}}
  criSocket: /run/containerd/containerd.sock
  kubeletExtraArgs:
    node-ip: {{.Node.IP}}
{{- if .ControlPlane}}
controlPlane:
  localAPIEndpoint:
    advertiseAddress: {{.Node.IP}}
    bindPort: 6443
{{- end}}
`))

// sharedKeys are what kubeadm's documentation has a person copy to each further control-plane node. Of an etcd that kubeadm does not
// run, every such node has its client's certificate already.
func (s *State) sharedKeys() []string {
	keys := []string{"ca.crt", "ca.key", "sa.key", "sa.pub", "front-proxy-ca.crt", "front-proxy-ca.key"}
	if s.Topology.Etcd.External() {
		return keys
	}
	return append(keys, "etcd/ca.crt", "etcd/ca.key")
}

func (s *State) shareKeys(ctx context.Context, n Node) error {
	args := []string{"tar", "-C", "/", "-cf", "-"}
	for _, k := range s.sharedKeys() {
		args = append(args, "etc/kubernetes/pki/"+k)
	}
	keys, err := docker.Exec(ctx, "", s.First().Container, args...)
	if err != nil {
		return err
	}
	return run.Do(ctx, run.Cmd{Args: []string{"docker", "cp", "-", n.Container + ":/"}, Stdin: bytes.NewReader([]byte(keys)), Log: s.logFile(n.Name)})
}

// mendCorefile replaces the plugin proxy, which kubeadm 1.13 and older configure and the oldest CoreDNS that can be built lacks.
func (s *State) mendCorefile(ctx context.Context, a *build.Assets) error {
	kubectl := []string{a.Kubectl(s.Topology.Kubernetes), "--kubeconfig", s.Kubeconfig(), "-n", "kube-system"}
	have, err := run.Output(ctx, run.Cmd{Args: append(kubectl, "get", "configmap", "coredns", "-o", "yaml")})
	if err != nil {
		return err
	}
	want := strings.ReplaceAll(have, "proxy . ", "forward . ")
	if want == have {
		return nil
	}
	return run.Do(ctx, run.Cmd{Args: append(kubectl, "replace", "-f", "-"), Stdin: strings.NewReader(want), Log: s.logFile("settle")})
}
