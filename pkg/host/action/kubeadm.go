package action

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/proc"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/programs"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func kubeadmDiff(ctx context.Context, a hostaction.KubeadmDiff, env Env) (any, error) {
	kubeadm, err := kubeadmOf(ctx, a.Version, env)
	if err != nil {
		return nil, err
	}
	out, err := proc.Output(ctx, kubeadm, "upgrade", "diff", a.Version.String())
	if err != nil {
		return nil, err
	}
	return onlyDiff(out), nil
}

// onlyDiff leaves out what kubeadm says of itself, which it writes between.
func onlyDiff(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "[") {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

func kubeadmPlan(ctx context.Context, a hostaction.KubeadmPlan, env Env) (any, error) {
	kubeadm, err := kubeadmProgram()
	if err != nil {
		return nil, err
	}
	return nil, proc.Run(ctx, env.Log, kubeadm, append([]string{"upgrade", "plan", a.Version.String()}, ignore(a.IgnorePreflight)...)...)
}

func kubeadmApply(ctx context.Context, a hostaction.KubeadmApply, env Env) (any, error) {
	args := append([]string{"upgrade", "apply", a.Version.String(), "--yes"}, ignore(a.IgnorePreflight)...)
	if a.SkipEtcd {
		args = append(args, "--etcd-upgrade=false")
	}
	return nil, upgradeStaticPods(ctx, env, a.Version, args)
}

func kubeadmNode(ctx context.Context, a hostaction.KubeadmNode, env Env) (any, error) {
	_, err := os.Stat(staticpod.Server)
	return nil, upgradeStaticPods(ctx, env, a.Version, nodeArgs(a, err == nil))
}

// upgradeStaticPods runs kubeadm, which may replace etcd's manifest. From 1.31 on it does so whenever it replaces that of the API server, for the sake of
// new certificates: https://github.com/kubernetes/kubernetes/pull/124688
func upgradeStaticPods(ctx context.Context, env Env, to version.Version, args []string) error {
	kubeadm, err := kubeadmProgram()
	if err != nil {
		return err
	}
	defer hurry(ctx, env)()
	return staticpod.WithoutServer(ctx, env.Log, to.Major > 1 || to.Minor >= 31, func(server *staticpod.Leaver) error {
		return proc.Watched(ctx, env.Log, server.Hold, kubeadm, args...)
	})
}

// nodeArgs knows how `kubeadm upgrade node` looked: up to 1.14 it was two other commands, and preflight checks came with 1.17.
// https://github.com/kubernetes/kubernetes/pull/78408
func nodeArgs(a hostaction.KubeadmNode, controlPlane bool) []string {
	args := []string{"upgrade", "node"}
	switch {
	case a.Version.Minor <= 14 && controlPlane:
		args = append(args, "experimental-control-plane")
	case a.Version.Minor <= 14:
		return append(args, "config", "--kubelet-version", a.Version.String())
	}
	if a.Version.Minor >= 17 {
		args = append(args, ignore(a.IgnorePreflight)...)
	}
	if a.SkipEtcd {
		args = append(args, "--etcd-upgrade=false")
	}
	return args
}

func ignore(checks []string) []string {
	if len(checks) == 0 {
		return nil
	}
	return []string{"--ignore-preflight-errors=" + strings.Join(checks, ",")}
}

// kubeadmOf finds a kubeadm of exactly a version: the one that was unpacked aside, or the installed one.
func kubeadmOf(ctx context.Context, v version.Version, env Env) (string, error) {
	aside := filepath.Join(env.Work.Kubeadm(v.String()), "usr/bin/kubeadm")
	if _, err := os.Stat(aside); err == nil {
		return aside, nil
	}
	have, err := kubeadmVersion(ctx)
	if err != nil {
		return "", err
	}
	if have != v {
		return "", fmt.Errorf("find kubeadm %s: the installed one is %s and no other was downloaded to %s", v, have, env.Work.Kubeadm(v.String()))
	}
	return kubeadmProgram()
}

// kubeadmVersion asks the installed binary; the zero version means that there is none.
func kubeadmVersion(ctx context.Context) (version.Version, error) {
	kubeadm, err := kubeadmProgram()
	if err != nil || kubeadm == "" {
		return version.Version{}, err
	}
	out, err := proc.Output(ctx, kubeadm, "version", "-o", "short")
	if err != nil {
		return version.Version{}, err
	}
	return version.Parse(strings.TrimSpace(out))
}

// kubeadmProgram is where kubeadm lies: where packages put it or, where none did, where hands do. It is empty on a host without.
func kubeadmProgram() (string, error) {
	const packaged = "/usr/bin/kubeadm"
	if _, err := os.Stat(packaged); err == nil {
		return packaged, nil
	}
	return programs.Default().Locate("kubeadm")
}
