package observe

import (
	corev1 "k8s.io/api/core/v1"
	helper "k8s.io/component-helpers/resource"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// requests is what the scheduler counts for a pod.
func requests(p corev1.Pod) cluster.Resources {
	r := resources(helper.PodRequests(&p, helper.PodResourcesOptions{}))
	r.Pods = 1
	return r
}

func resources(l corev1.ResourceList) cluster.Resources {
	return cluster.Resources{CPU: l.Cpu().MilliValue(), Memory: l.Memory().Value(), Pods: l.Pods().Value()}
}
