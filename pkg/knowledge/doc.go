// Package knowledge holds what is known about releases of etcd and how they go together with releases of Kubernetes: which ones lose data,
// which way leads from one to another, which flags each understands, and what kubeadm makes of them; and what releases of Kubernetes have taken
// away: versions of APIs, flags, feature gates. Every row names its source.
// It is pure: it imports no client, no os and no clock.
package knowledge
