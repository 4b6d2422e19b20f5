package cluster

import "text/template"

// v1alpha3 is the configuration of kubeadm 1.12, and the only one it writes. A control-plane node joins by it where etcd is not
// kubeadm's; https://github.com/kubernetes/kubernetes/blob/v1.12.0/cmd/kubeadm/app/cmd/join.go refuses it otherwise.
var alphaInitTemplate = template.Must(template.New("init").Parse(`apiVersion: kubeadm.k8s.io/v1alpha3
kind: InitConfiguration
bootstrapTokens:
- token: {{.Token}}
  ttl: 24h0m0s
  usages: [signing, authentication]
  groups: [system:bootstrappers:kubeadm:default-node-token]
apiEndpoint:
  advertiseAddress: {{.Node.IP}}
  bindPort: 6443
nodeRegistration:
  name: {{.Node.Name}}
  criSocket: /run/containerd/containerd.sock
  kubeletExtraArgs:
    node-ip: {{.Node.IP}}
---
apiVersion: kubeadm.k8s.io/v1alpha3
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
    image: k8s.gcr.io/etcd:{{.}}
{{- end}}` + oldEtcdArgs + `
{{- end}}
apiServerCertSANs: [localhost, 127.0.0.1]
apiServerExtraArgs:
{{- range $name, $value := .Topology.APIServerArgs}}
  {{$name}}: "{{$value}}"
{{- end}}
  audit-policy-file: {{.AuditPolicy}}
  audit-log-path: {{.AuditFolder}}/audit.log
apiServerExtraVolumes:
- name: audit-policy
  hostPath: {{.AuditPolicy}}
  mountPath: {{.AuditPolicy}}
  pathType: File
- name: audit-log
  hostPath: {{.AuditFolder}}
  mountPath: {{.AuditFolder}}
  writable: true
  pathType: DirectoryOrCreate
controllerManagerExtraArgs:
  # The lab gives each node its range of pod addresses, and the routes to the others.
  allocate-node-cidrs: "false"
---
` + componentConfigs))

var alphaJoinTemplate = template.Must(template.New("join").Parse(`apiVersion: kubeadm.k8s.io/v1alpha3
kind: JoinConfiguration
token: {{.Token}}
discoveryTokenAPIServers: ["{{.Endpoint}}"]
discoveryTokenCACertHashes: ["{{.CAHash}}"]
nodeRegistration:
  name: {{.Node.Name}}
  criSocket: /run/containerd/containerd.sock
  kubeletExtraArgs:
    node-ip: {{.Node.IP}}
{{- if .ControlPlane}}
controlPlane: true
apiEndpoint:
  advertiseAddress: {{.Node.IP}}
  bindPort: 6443
{{- end}}
`))
