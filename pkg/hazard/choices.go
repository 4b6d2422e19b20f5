package hazard

import (
	"strconv"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// choice is a feature gate that somebody has set because he wants something which ends with it, or has to be asked for in another way. It is not
// taken out before he knows.
type choice struct {
	component, gate, value string
	// settled tells that what was wanted is asked for in the other way already.
	settled func(Facts) bool
	Hazard
}

var choices = []choice{
	{component: "kubeadm", gate: "PublicKeysECDSA", value: "true", settled: func(f Facts) bool {
		c, _ := f.kubeadm()
		return c.EncryptionAlgorithm != ""
	}, Hazard: Hazard{ID: "gate-kubeadm-publickeysecdsa-chosen", Since: "1.37", Source: source + "pull/120417",
		Title: "kubeadm of 1.37 has no feature gate PublicKeysECDSA: without encryptionAlgorithm it makes RSA keys again for nodes that join and for certificates that are made anew",
		Fix:   "set encryptionAlgorithm: ECDSA-P256 in ClusterConfiguration, of kubeadm.k8s.io/v1beta4 (kubectl -n kube-system edit configmap kubeadm-config)"}},
	{gate: "ServiceTopology", value: "true", Hazard: Hazard{ID: "gate-servicetopology-chosen", Since: "1.22", Source: source + "pull/102412",
		Title: "feature gate ServiceTopology ends with 1.22, and topologyKeys of Services with it: their traffic goes to endpoints everywhere",
		Fix:   "use internalTrafficPolicy or topology-aware hints, which come with 1.21 as alpha"}},
}

// choiceRows are one for each.
func choiceRows() []Hazard {
	var out []Hazard
	for _, c := range choices {
		h := c.Hazard
		h.Stays, h.Severity, h.Asks, h.Evidence = true, Skippable, true, "%s: %s=%s"
		g := knowledge.EndedGate{Component: c.component, Name: c.gate}
		h.find = func(f Facts) []Offender { return gateOffenders(f, g, f.chosen) }
		h.byHand = func(f Facts) []Offender {
			return gateOffenders(f, g, func(s setting) bool { return f.chosen(s) && s.staysSet() })
		}
		out = append(out, h)
	}
	return out
}

// chosen tells whether a gate was set for something that ends with it.
func (f Facts) chosen(s setting) bool {
	for _, c := range choices {
		if c.gate == s.name && c.value == s.value && (c.component == "kubeadm") == (s.component == "kubeadm") {
			return c.settled == nil || !c.settled(f)
		}
	}
	return false
}

// against tells whether a gate was set to what it cannot be any more: somebody has decided against what is on for everybody, or for what is off.
func against(g knowledge.EndedGate, s setting) bool {
	return g.Locked != "" && s.value != strconv.FormatBool(g.Value)
}
