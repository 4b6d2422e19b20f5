package knowledge

import "github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"

// KubeletLag is how many minors the kubelets may be behind when "kubeadm upgrade apply" takes the control plane to v.
// kubeadm refuses more than one up to 1.28 and more than three from 1.29 on (MaximumAllowedMinorVersionKubeletSkew in
// cmd/kubeadm/app/phases/upgrade/policy.go of those releases); the skew policy allows three to API servers from 1.28 on
// (https://kubernetes.io/releases/version-skew-policy/), so that kubeadm's word is the stricter one everywhere.
func KubeletLag(v version.Version) int {
	if v.Major == 1 && v.Minor <= 28 {
		return 1
	}
	return 3
}
