package observe

import (
	"context"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// leader names the node whose replica of a component leads, or nothing when that cannot be read: it only decides an order.
func leader(ctx context.Context, c *kube.Client, component string) string {
	lease, err := c.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, component, metav1.GetOptions{})
	if err == nil {
		if lease.Spec.HolderIdentity == nil {
			return ""
		}
		return holder(*lease.Spec.HolderIdentity)
	}
	// Components before 1.20 kept it in an annotation of an Endpoints object (kubernetes/kubernetes#94603).
	e, err := c.CoreV1().Endpoints(metav1.NamespaceSystem).Get(ctx, component, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	var r resourcelock.LeaderElectionRecord
	if err := json.Unmarshal([]byte(e.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]), &r); err != nil {
		return ""
	}
	return holder(r.HolderIdentity)
}

// holder takes the node from an identity, which is its host name, an underscore and something unique.
func holder(identity string) string {
	node, _, _ := strings.Cut(identity, "_")
	return node
}
