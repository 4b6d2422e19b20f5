package agent

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestTheAgentAsksForNoPriorityThatAnOldServerRefuses(t *testing.T) {
	for server, want := range map[string]string{"v1.13.0": "", "v1.16.15": "", "v1.17.0": "system-node-critical", "v1.34.2": "system-node-critical"} {
		if got := podTemplate(Options{}, version.MustParse(server)).Spec.PriorityClassName; got != want {
			t.Errorf("%s: got %q, want %q", server, got, want)
		}
	}
}

func TestTheProgramsOfEtcdComeOnlyWhereTheyAreAskedFor(t *testing.T) {
	server := version.MustParse("v1.34.2")
	without := podTemplate(Options{Image: "agent:1"}, server).Spec
	if len(without.InitContainers) != 0 || without.Affinity != nil {
		t.Errorf("without etcd: %d init containers, affinity %v; want none", len(without.InitContainers), without.Affinity)
	}
	with := podTemplate(Options{Image: "agent:1", EtcdMigrate: "etcd-migrate:1", PullPolicy: corev1.PullNever, Nodes: []string{"cp-2", "cp-1"}}, server).Spec
	if len(with.InitContainers) != 1 {
		t.Fatalf("init containers: %+v; want one", with.InitContainers)
	}
	c := with.InitContainers[0]
	if c.Image != "etcd-migrate:1" || c.ImagePullPolicy != corev1.PullNever || !slices.Equal(c.Args, []string{"install", "/var/lib/kubectl-upgrade/etcd"}) {
		t.Errorf("init container %s %s %v", c.Image, c.ImagePullPolicy, c.Args)
	}
	var names []string
	for _, term := range with.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		names = append(names, term.MatchFields[0].Values...)
	}
	if !slices.Equal(names, []string{"cp-1", "cp-2"}) {
		t.Errorf("nodes %v; want cp-1 and cp-2", names)
	}
	for what, other := range map[string]Options{
		"another image":       {Image: "agent:2", EtcdMigrate: "etcd-migrate:1", Nodes: []string{"cp-1", "cp-2"}},
		"another init image":  {Image: "agent:1", EtcdMigrate: "etcd-migrate:2", Nodes: []string{"cp-1", "cp-2"}},
		"no init container":   {Image: "agent:1", Nodes: []string{"cp-1", "cp-2"}},
		"other nodes":         {Image: "agent:1", EtcdMigrate: "etcd-migrate:1", Nodes: []string{"cp-1"}},
		"no choice of nodes ": {Image: "agent:1", EtcdMigrate: "etcd-migrate:1"},
	} {
		if sameAgent(podTemplate(other, server).Spec, with) {
			t.Errorf("%s: an agent of an earlier run is taken for the one that is wanted", what)
		}
	}
	if !sameAgent(podTemplate(Options{Image: "agent:1", EtcdMigrate: "etcd-migrate:1", Nodes: []string{"cp-1", "cp-2"}}, server).Spec, with) {
		t.Error("the same agent is not taken for the same")
	}
}

func TestWhyAnAgentWithInitContainerIsNotReady(t *testing.T) {
	waitsFor := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	waits := func(reason string) corev1.ContainerState { return waitsFor(reason, "no such host") }
	ended := func(code int32) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: "no space left"}}
	}
	for what, tt := range map[string]struct {
		init, agent corev1.ContainerState
		want        string
		pull        pull
	}{
		"the programs' image":  {waits("ErrImagePull"), waits("PodInitializing"), `etcd-migrate image "etcd-migrate:1" cannot be pulled: no such host`, pullFailed},
		"the agent's image":    {ended(0), waits("ImagePullBackOff"), `agent image "agent:1" cannot be pulled: no such host`, pullFailed},
		"an image that is not": {ended(0), waitsFor("ErrImagePull", "failed to resolve image: agent:1: not found"), `agent image "agent:1" cannot be pulled: failed to resolve image: agent:1: not found`, pullRefused},
		"a name that is none":  {ended(0), waits("InvalidImageName"), `agent image "agent:1" cannot be pulled: no such host`, pullRefused},
		"a full disk":          {ended(1), waits("PodInitializing"), "agent pod a ended with exit code 1: no space left", pullNotTried},
		"nothing yet":          {waits("PodInitializing"), waits("PodInitializing"), "agent pod a has not started yet: its images may be on their way", pullNotTried},
	} {
		cause, pull := notReadyCause(corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: corev1.PodStatus{
			Phase:                 corev1.PodPending,
			InitContainerStatuses: []corev1.ContainerStatus{{Name: migrate, Image: "etcd-migrate:1", State: tt.init}},
			ContainerStatuses:     []corev1.ContainerStatus{{Name: container, Image: "agent:1", State: tt.agent}},
		}})
		if cause != tt.want || pull != tt.pull {
			t.Errorf("%s: %q, %d; want %q, %d", what, cause, pull, tt.want, tt.pull)
		}
	}
}
