package cli

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
)

// completer is the name under which kubectl looks for a program that completes this plugin's arguments:
// https://github.com/kubernetes/kubectl/blob/v0.37.2/pkg/cmd/plugin/plugin_completion.go
const completer = "kubectl_complete-upgrade"

// completionTime is how long a shell may stand still for a cluster that does not answer. Credential plugins count, too.
const completionTime = 2 * time.Second

// Args gives the arguments that a process was started with. Under the completer's name they are words to complete: a link
// beside the plugin is all that completion through kubectl needs.
func Args(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(argv[0])), ".exe")
	if name == completer {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[1:]
}

// asRoot turns the plugin's arguments into those of the kubectl that is its root here. cobra takes requests for completion at the root only.
func asRoot(args []string) []string {
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		return append([]string{args[0], "upgrade"}, args[1:]...)
	}
	return append([]string{"upgrade"}, args...)
}

// completions tells what the values of flags can be. Commands that have flags of these names get it without asking for it;
// one that means something else by the name registers its own before.
func completions(root *cobra.Command, flags *genericclioptions.ConfigFlags) {
	values := map[string]cobra.CompletionFunc{
		"context":           configured(flags, func(c *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(c.Contexts)) }),
		"cluster":           configured(flags, func(c *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(c.Clusters)) }),
		"user":              configured(flags, func(c *clientcmdapi.Config) []string { return slices.Collect(maps.Keys(c.AuthInfos)) }),
		"namespace":         fromCluster(flags, namespaceNames),
		"rollback-node":     listed(fromCluster(flags, nodeNames)),
		"output":            cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp),
		"events":            cobra.FixedCompletions([]string{"json"}, cobra.ShellCompDirectiveNoFileComp),
		"report":            files("html", "md", "json"),
		"save":              files("json"),
		"agent-pull-policy": cobra.FixedCompletions([]string{string(corev1.PullIfNotPresent), string(corev1.PullAlways), string(corev1.PullNever)}, cobra.ShellCompDirectiveNoFileComp),
		"pause-after": cobra.FixedCompletions([]string{string(plan.PauseAfterControlPlane), string(plan.PauseAfterFirstWorker), string(plan.PauseAfterEveryNode)},
			cobra.ShellCompDirectiveNoFileComp),
		"etcd":                  cobra.FixedCompletions([]string{"kubeadm", "keep"}, cobra.ShellCompDirectiveNoFileComp),
		"skip-check":            listed(cobra.FixedCompletions(hazard.SkippableIDs(), cobra.ShellCompDirectiveNoFileComp)),
		"plan":                  files("json"),
		"download":              cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		"kubeconfig":            files(),
		"certificate-authority": files(),
		"client-certificate":    files(),
		"client-key":            files(),
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		register := func(f *pflag.Flag) {
			value, ok := values[f.Name]
			if _, has := cmd.GetFlagCompletionFunc(f.Name); !ok || has {
				return
			}
			if err := cmd.RegisterFlagCompletionFunc(f.Name, value); err != nil {
				panic(err) // the flag was visited: it is there
			}
		}
		cmd.PersistentFlags().VisitAll(register)
		cmd.LocalNonPersistentFlags().VisitAll(register)
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(root)
}

// releases completes the flags that name a Kubernetes release, from what the last plan for this cluster has seen in the package sources.
func releases(cmd *cobra.Command, flags *genericclioptions.ConfigFlags) {
	offered := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		config, err := flags.ToRawKubeConfigLoader().ClientConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		versions, err := record.Offered(config.Host)
		if err != nil {
			cobra.CompErrorln(err.Error())
		}
		var out []string
		for _, v := range versions {
			out = append(out, v.String())
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
	for name, value := range map[string]cobra.CompletionFunc{"to": offered, "via": listed(offered)} {
		if err := cmd.RegisterFlagCompletionFunc(name, value); err != nil {
			panic(err) // a command that has no such flag is a fault of this program
		}
	}
}

// etcdMinors completes the flag that names a release of etcd, with the minors that this program knows, newest first.
func etcdMinors(cmd *cobra.Command) {
	minors := knowledge.EtcdMinors()
	slices.Reverse(minors)
	if err := cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(minors, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)); err != nil {
		panic(err) // a command that has no such flag is a fault of this program
	}
}

// files completes paths, of files with one of the extensions if any is given.
func files(extensions ...string) cobra.CompletionFunc {
	if len(extensions) == 0 {
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	}
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}

// configured completes names that the kubeconfig has.
func configured(flags *genericclioptions.ConfigFlags, names func(*clientcmdapi.Config) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		raw, err := flags.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			cobra.CompErrorln(err.Error())
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		out := names(&raw)
		slices.Sort(out)
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// fromCluster completes names that only the cluster knows. Where it does not answer in time there are none.
func fromCluster(flags *genericclioptions.ConfigFlags, names func(context.Context, *kube.Client) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		client, err := unattended(flags)
		if err != nil {
			cobra.CompErrorln(err.Error())
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		// A credential plugin knows no context; it is left behind, and the process ends.
		found := make(chan []string, 1)
		go func() { found <- names(ctx, client) }()
		var out []string
		select {
		case out = <-found:
		case <-ctx.Done():
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// unattended connects without a word to the person whose shell completes: nothing is asked on their terminal.
func unattended(flags *genericclioptions.ConfigFlags) (*kube.Client, error) {
	config, err := flags.ToRawKubeConfigLoader().ClientConfig()
	if err != nil {
		return nil, err
	}
	config.Timeout = completionTime
	config.WarningHandler = rest.NoWarnings{}
	if config.ExecProvider != nil {
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = "a shell completes"
	}
	return kube.NewForConfig(config, "")
}

func nodeNames(ctx context.Context, client *kube.Client) []string {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		cobra.CompErrorln(err.Error())
		return nil
	}
	var out []string
	for i := range list.Items {
		out = append(out, list.Items[i].Name)
	}
	return out
}

func namespaceNames(ctx context.Context, client *kube.Client) []string {
	list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		cobra.CompErrorln(err.Error())
		return nil
	}
	var out []string
	for i := range list.Items {
		out = append(out, list.Items[i].Name)
	}
	return out
}

// listed completes the last of several values between commas, with none that is there already.
func listed(one cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		before := ""
		if i := strings.LastIndexByte(toComplete, ','); i >= 0 {
			before = toComplete[:i+1]
		}
		have := strings.Split(before, ",")
		found, directive := one(cmd, args, toComplete[len(before):])
		var out []string
		for _, f := range found {
			if !slices.Contains(have, f) {
				out = append(out, before+f)
			}
		}
		return out, directive | cobra.ShellCompDirectiveNoSpace
	}
}
