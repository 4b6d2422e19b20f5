package agent

import (
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestTheAgentAsksForNoPriorityThatAnOldServerRefuses(t *testing.T) {
	for server, want := range map[string]string{"v1.13.0": "", "v1.16.15": "", "v1.17.0": "system-node-critical", "v1.34.2": "system-node-critical"} {
		if got := podTemplate(Options{}, version.MustParse(server)).Spec.PriorityClassName; got != want {
			t.Errorf("%s: got %q, want %q", server, got, want)
		}
	}
}
