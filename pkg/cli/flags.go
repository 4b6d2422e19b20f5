package cli

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/buildinfo"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// upgradeFlags are shared by the commands that plan an upgrade.
type upgradeFlags struct {
	to               string
	output           string
	events           string
	reports          []string
	save             string // the file that the plan is written to
	agentImage       string
	agentPullPolicy  string
	agentPullSecrets []string
	agentTimeout     time.Duration
	keepAgent        bool
	deleteEmptyDir   bool
	force            bool
	disableEviction  bool
	gracePeriod      int
	drainTimeout     time.Duration
	ignoreKubeadm    []string
	via              []string
	selector         string
	maxUnavailable   string
	maxFailures      int
	fetchAtOnce      int
	pauseAfter       string
	etcd             string
	packagesFrom     string
	imagesFrom       string
	skipChecks       []string
}

func (f *upgradeFlags) add(fs *pflag.FlagSet) {
	f.addCommon(fs)
	f.addVia(fs)
	f.addWorkers(fs)
	fs.IntVar(&f.maxFailures, "max-failures", 0, "How many workers may fail before no other one is started. Those that have been started are finished.")
	fs.IntVar(&f.fetchAtOnce, "fetch-at-once", plan.DefaultFetchAtOnce, "How many nodes may fetch packages and images at once, before anything changes.")
	fs.StringVar(&f.pauseAfter, "pause-after", "", "Stop after: control-plane, first-worker or every-node. The same command goes on.")
	f.addKeepEtcd(fs)
	f.addOrigins(fs)
	fs.StringSliceVar(&f.ignoreKubeadm, "kubeadm-ignore-preflight-errors", nil, "Checks of kubeadm's own preflight that may fail, as its --ignore-preflight-errors.")
}

// addOrigins adds where packages and images come from.
func (f *upgradeFlags) addOrigins(fs *pflag.FlagSet) {
	fs.StringVar(&f.packagesFrom, "packages-from", "", "Where packages come from instead of the nodes' repositories: the folder of a bundle, or an image that carries one (oci://REFERENCE). See 'kubectl upgrade bundle'.")
	fs.StringVar(&f.imagesFrom, "images-from", "", "Where images come from instead of the registry that they are named after: the folder of a bundle, an image that carries one (oci://REFERENCE), or a registry (such as registry.example:5000/k8s), which becomes imageRepository in kubeadm's configuration.")
	f.addSkip(fs)
}

// addKeepEtcd adds who sees to etcd.
func (f *upgradeFlags) addKeepEtcd(fs *pflag.FlagSet) {
	fs.StringVar(&f.etcd, "etcd", "kubeadm", "Who sees to the etcd that kubeadm runs: kubeadm takes it to the release that it comes with, keep leaves it as it is, to be upgraded by 'kubectl upgrade etcd'.")
}

// addVia adds the way to the target.
func (f *upgradeFlags) addVia(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.via, "via", nil, "Releases to pass through, such as v1.33.6,v1.34.2. By default the newest that the package sources offer of each minor between.")
}

// addWorkers adds which workers are upgraded, and how many at once.
func (f *upgradeFlags) addWorkers(fs *pflag.FlagSet) {
	fs.StringVarP(&f.selector, "selector", "l", "", "Label selector of the workers to upgrade; the others are left as they are. The control plane is always upgraded.")
	fs.StringVar(&f.maxUnavailable, "max-unavailable", "1", "How many workers may be down at once: a number, or a percentage of all workers.")
}

// addCommon adds what every command needs that works on nodes: output, agent and drains.
func (f *upgradeFlags) addCommon(fs *pflag.FlagSet) {
	f.addAgent(fs)
	f.addDrain(fs)
}

// addAgent adds what every command needs that sends an agent.
func (f *upgradeFlags) addAgent(fs *pflag.FlagSet) {
	fs.StringVarP(&f.output, "output", "o", "", "Output format: json, yaml, or nothing for text. With either, standard output has one report and nothing else.")
	fs.StringVar(&f.events, "events", "", "With json, standard output has what happens as it happens, one JSON object a line, and nothing else. See docs/events.md.")
	fs.StringArrayVar(&f.reports, "report", nil, "File to write the report to at the end, whatever happens: .html, .md or .json. May be given more than once.")
	fs.StringVar(&f.agentImage, "agent-image", buildinfo.AgentImage(), "Image of the agent that does the work on the hosts. The default is the one that belongs to this release, if its build was told where it is.")
	fs.StringVar(&f.agentPullPolicy, "agent-pull-policy", string(corev1.PullIfNotPresent), "Pull policy of the agent's image: Always, IfNotPresent or Never.")
	fs.StringSliceVar(&f.agentPullSecrets, "agent-pull-secret", nil, "Secrets in namespace "+agent.Namespace+" to pull the agent's image with. The namespace has to exist with them before.")
	fs.DurationVar(&f.agentTimeout, "agent-timeout", 2*time.Minute, "How long to wait for the agent to be ready on every node.")
	fs.BoolVar(&f.keepAgent, "keep-agent", false, "Leave the agent in the cluster at the end.")
}

// addSkip adds the choice to go on in spite of what was found.
func (f *upgradeFlags) addSkip(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.skipChecks, "skip-check", nil, "IDs of findings to go on in spite of, or patterns of them such as 'api-requested-*'. Each finding that can be skipped says so.")
}

// addDrain adds the choices that drains leave to the operator.
func (f *upgradeFlags) addDrain(fs *pflag.FlagSet) {
	f.addAllowed(fs)
	fs.IntVar(&f.gracePeriod, "grace-period", -1, "Seconds that drained pods get to end; -1 leaves it to the pods.")
	fs.DurationVar(&f.drainTimeout, "drain-timeout", 15*time.Minute, "How long the drain of one node may take.")
}

// addAllowed adds what drains may only do when they are told to.
func (f *upgradeFlags) addAllowed(fs *pflag.FlagSet) {
	fs.BoolVar(&f.deleteEmptyDir, "delete-emptydir-data", false, "Let drains evict pods with emptyDir volumes, whose data is lost.")
	fs.BoolVar(&f.force, "force", false, "Let drains delete pods that no controller starts again.")
	fs.BoolVar(&f.disableEviction, "disable-eviction", false, "Let drains delete pods instead of evicting them. This passes over every disruption budget.")
}

// options checks the flags. Nothing is sent to the cluster before they are all right.
func (f *upgradeFlags) options() (upgrade.Options, error) {
	o := upgrade.Options{
		Agent:        f.agentOptions(),
		AgentTimeout: f.agentTimeout,
		KeepAgent:    f.keepAgent,
		SkipChecks:   f.skipChecks,
		Plan: plan.Options{
			DeleteEmptyDir: f.deleteEmptyDir, Force: f.force, DisableEviction: f.disableEviction, GracePeriodSeconds: f.gracePeriod,
			DrainTimeout: plan.Duration(f.drainTimeout), IgnoreKubeadmPreflight: f.ignoreKubeadm,
		},
	}
	if err := hazard.CheckSkips(f.skipChecks); err != nil {
		return o, fmt.Errorf("--skip-check: %w", err)
	}
	if err := f.versions(&o); err != nil {
		return o, err
	}
	if err := f.workers(&o); err != nil {
		return o, err
	}
	if err := f.sources(&o, f.agentImage != buildinfo.AgentImage()); err != nil {
		return o, err
	}
	if f.drainTimeout <= 0 {
		return o, fmt.Errorf("--drain-timeout: %s is not a time to wait for: want more than zero", f.drainTimeout)
	}
	return o, f.checkAgent(&o)
}

func (f *upgradeFlags) agentOptions() agent.Options {
	return agent.Options{Image: f.agentImage, PullPolicy: corev1.PullPolicy(f.agentPullPolicy), PullSecrets: f.agentPullSecrets}
}

// checkAgent checks the flags of addAgent.
func (f *upgradeFlags) checkAgent(o *upgrade.Options) error {
	if err := f.checkOutput(); err != nil {
		return err
	}
	switch o.Agent.PullPolicy {
	case corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
	default:
		return fmt.Errorf("--agent-pull-policy: %q is none of Always, IfNotPresent, Never", f.agentPullPolicy)
	}
	switch {
	case o.Agent.Image == "":
		return fmt.Errorf("--agent-image: this build does not know where its agent's image is: name it, such as --agent-image=registry.example/host-agent:v1.0.0")
	case f.agentTimeout <= 0:
		return fmt.Errorf("--agent-timeout: %s is not a time to wait for: want more than zero", f.agentTimeout)
	}
	return nil
}

func (f *upgradeFlags) versions(o *upgrade.Options) error {
	if f.to != "" {
		v, err := version.Parse(f.to)
		if err != nil {
			return fmt.Errorf("--to: %w", err)
		}
		o.To = v
	}
	for _, text := range f.via {
		v, err := version.Parse(text)
		if err != nil {
			return fmt.Errorf("--via: %w", err)
		}
		o.Via = append(o.Via, v)
	}
	return nil
}

func (f *upgradeFlags) workers(o *upgrade.Options) error {
	if _, err := labels.Parse(f.selector); err != nil {
		return fmt.Errorf("--selector: %w", err)
	}
	o.Selector = f.selector
	o.MaxUnavailable = intstr.Parse(f.maxUnavailable)
	if n, err := intstr.GetScaledValueFromIntOrPercent(&o.MaxUnavailable, 100, false); err != nil || n < 1 {
		return fmt.Errorf("--max-unavailable: %q is neither a number above zero nor a percentage such as 20%%", f.maxUnavailable)
	}
	if f.maxFailures < 0 {
		return fmt.Errorf("--max-failures: %d is below zero", f.maxFailures)
	}
	o.Plan.MaxFailures = f.maxFailures
	if f.fetchAtOnce < 1 {
		return fmt.Errorf("--fetch-at-once: %d nodes can fetch nothing: want more than zero", f.fetchAtOnce)
	}
	o.Plan.FetchAtOnce = f.fetchAtOnce
	switch f.etcd {
	case "kubeadm", "":
	case "keep":
		o.Plan.KeepEtcd = true
	default:
		return fmt.Errorf("--etcd: %q is none of kubeadm, keep", f.etcd)
	}
	switch o.Plan.PauseAfter = plan.PauseAfter(f.pauseAfter); o.Plan.PauseAfter {
	case plan.PauseNever, plan.PauseAfterControlPlane, plan.PauseAfterFirstWorker, plan.PauseAfterEveryNode:
		return nil
	}
	return fmt.Errorf("--pause-after: %q is none of %s, %s, %s", f.pauseAfter, plan.PauseAfterControlPlane, plan.PauseAfterFirstWorker, plan.PauseAfterEveryNode)
}
