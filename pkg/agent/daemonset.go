// Package agent puts the host agent on the nodes, reaches it by pods/exec, and takes it away again.
package agent

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	// Namespace holds the agent and nothing else, so that removing it removes everything.
	Namespace = "kubectl-upgrade"
	name      = "host-agent"
	container = "agent"
	madeBy    = "app.kubernetes.io/part-of"
	madeByUs  = "kubectl-upgrade"
	// WorkDir is where the agent keeps its binary, requests, logs and results on each host. It is mounted at the same path in the pod.
	WorkDir = "/var/lib/kubectl-upgrade"
	// EtcdDir is where etcd-migrate and the programs of etcd's releases are on each host.
	EtcdDir = WorkDir + "/etcd"
	// migrate is the init container that brings them.
	migrate = "etcd-migrate"
)

// Options say where the agent's image comes from.
type Options struct {
	Image      string
	PullPolicy corev1.PullPolicy
	// PullSecrets are names of secrets in the agent's namespace. The namespace has to exist with them before.
	PullSecrets []string
	// EtcdMigrate, if not empty, is the image that brings etcd-migrate and the programs of etcd's releases to each host, under EtcdDir.
	EtcdMigrate string
	// Nodes, if not empty, are the only nodes to have an agent.
	Nodes []string
}

func labels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": name, madeBy: madeByUs}
}

func namespace() *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: Namespace,
		Labels: map[string]string{
			madeBy: madeByUs,
			// Host paths need the privileged level; servers without Pod Security ignore the labels.
			"pod-security.kubernetes.io/enforce": "privileged",
			"pod-security.kubernetes.io/audit":   "privileged",
			"pod-security.kubernetes.io/warn":    "privileged",
		},
	}}
}

// daemonSet describes the agent. It holds no API credentials, listens on nothing, and reaches the host only through
// its work directory and systemd's sockets.
func daemonSet(template corev1.PodTemplateSpec) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: Namespace, Labels: labels()},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels()},
			// Pods are never replaced behind our back while an upgrade runs.
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType},
			Template:       template,
		},
	}
}

func podTemplate(o Options, server version.Version) corev1.PodTemplateSpec {
	no, yes, root, grace := false, true, int64(0), int64(1)
	secrets := make([]corev1.LocalObjectReference, 0, len(o.PullSecrets))
	for _, s := range o.PullSecrets {
		secrets = append(secrets, corev1.LocalObjectReference{Name: s})
	}
	create, directory := corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels: labels(),
		},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no,
			EnableServiceLinks:           &no,
			// The host's network carries the pod through an outage of the pod network.
			HostNetwork:                   true,
			DNSPolicy:                     corev1.DNSDefault,
			PriorityClassName:             priority(server),
			Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			TerminationGracePeriodSeconds: &grace,
			ImagePullSecrets:              secrets,
			Containers: []corev1.Container{{
				Name:            container,
				Image:           o.Image,
				ImagePullPolicy: o.PullPolicy,
				Args:            []string{"serve"},
				SecurityContext: &corev1.SecurityContext{
					RunAsUser:                &root,
					ReadOnlyRootFilesystem:   &yes,
					AllowPrivilegeEscalation: &no,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
					// Hosts with SELinux refuse systemd's socket to any other type; hosts without ignore it.
					SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"},
				},
				VolumeMounts: []corev1.VolumeMount{
					{Name: "work", MountPath: WorkDir},
					{Name: "systemd", MountPath: "/run/systemd"},
					{Name: "dbus", MountPath: "/run/dbus"},
				},
			}},
			Volumes: []corev1.Volume{
				{Name: "work", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: WorkDir, Type: &create}}},
				{Name: "systemd", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/run/systemd", Type: &directory}}},
				{Name: "dbus", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/run/dbus", Type: &create}}},
			},
		},
	}
	template.Spec.InitContainers = initContainers(o)
	template.Spec.Affinity = affinity(o.Nodes)
	unconfine(&template, server)
	return template
}

// initContainers has the image bring its programs to the host: what runs there in a transient unit cannot look into an image.
func initContainers(o Options) []corev1.Container {
	if o.EtcdMigrate == "" {
		return nil
	}
	no, yes, root := false, true, int64(0)
	return []corev1.Container{{
		Name:            migrate,
		Image:           o.EtcdMigrate,
		ImagePullPolicy: o.PullPolicy,
		Args:            []string{"install", EtcdDir},
		SecurityContext: &corev1.SecurityContext{
			RunAsUser:                &root,
			ReadOnlyRootFilesystem:   &yes,
			AllowPrivilegeEscalation: &no,
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SELinuxOptions:           &corev1.SELinuxOptions{Type: "spc_t"},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: "work", MountPath: WorkDir}},
	}}
}

// affinity keeps the agent to some nodes, by their names: labels are anybody's to change. A field takes one value, and any of the terms will do.
func affinity(nodes []string) *corev1.Affinity {
	if len(nodes) == 0 {
		return nil
	}
	var terms []corev1.NodeSelectorTerm
	for _, n := range slices.Sorted(slices.Values(nodes)) {
		terms = append(terms, corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{
			{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{n}},
		}})
	}
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
	}}
}

// priority is the class of the agent's pods. Servers before 1.17 admit the critical ones in kube-system only,
// and the agent wants no others there.
func priority(server version.Version) string {
	if server.Less(version.Version{Major: 1, Minor: 17}) {
		return ""
	}
	return "system-node-critical"
}

// unconfine lifts the runtime's AppArmor profile, which would deny D-Bus. Servers from 1.30 on have a field for it and warn of the annotation.
func unconfine(t *corev1.PodTemplateSpec, server version.Version) {
	if server.Less(version.Version{Major: 1, Minor: 30}) {
		t.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/" + container: "unconfined"}
		return
	}
	t.Spec.Containers[0].SecurityContext.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
}
