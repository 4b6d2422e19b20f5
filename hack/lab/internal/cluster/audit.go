package cluster

const (
	// auditPolicyFile is on every node, so that each one can become a control-plane node.
	auditPolicyFile = "etc/lab/audit-policy.yaml"
	auditFolder     = "/var/log/kubernetes"
)

// auditPolicy has the API servers write down what an upgrade does to nodes and pods, and nothing else, so that the log of a
// whole upgrade stays small enough to be read by a test. Of a change to a node the request itself is kept: it tells a
// cordon from any other change. The pods that kubelets create are the images of static pods and tell what was started
// where; the lease that each server renews for itself tells which version of it served.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  verbs: [patch, update]
  resources: [{group: "", resources: [nodes]}]
- level: Request
  verbs: [create]
  userGroups: [system:nodes]
  resources: [{group: "", resources: [pods]}]
- level: Metadata
  verbs: [create, update]
  users: [system:apiserver]
  namespaces: [kube-system]
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: Metadata
  verbs: [create]
  resources: [{group: "", resources: [pods/eviction]}]
- level: Metadata
  verbs: [delete]
  resources: [{group: "", resources: [pods]}]
- level: Metadata
  verbs: [create, update, patch, delete]
  namespaces: [kube-system]
  resources: [{group: "", resources: [configmaps]}]
- level: Metadata
  verbs: [create, update, patch, delete]
  resources: [{group: apps, resources: [daemonsets]}]
- level: None
`
