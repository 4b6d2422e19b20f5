package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// accessRows are ways not to get at the cluster, or not far enough.
func accessRows() []row {
	return []row{
		{name: "no kubeconfig", code: 1, words: []string{"kubeconfig"}, hazard: noKubeconfig},
		{name: "server unreachable", code: 1, words: []string{"https://127.0.0.1:1", "connection refused"}, hazard: unreachable},
		{name: "client certificate expired", code: 1, words: []string{"certificate", "late-operator", "expired"}, hazard: expiredCertificate},
		{name: "credentials refused", code: 1, words: []string{"credentials", "refused"}, hazard: wrongToken},
		{name: "rights missing", code: 2, words: []string{"[rights]"}, hazard: fewRights, and: namesExactlyTheMissing},
	}
}

func noKubeconfig(_ context.Context, e *env, c *call) (undo, error) {
	c.kubeconfig = e.work + "/no-such-kubeconfig"
	c.home = e.work + "/no-such-home"
	return nil, nil
}

func unreachable(_ context.Context, e *env, c *call) (undo, error) {
	return nil, e.variant(c, "unreachable", func(server *clientcmdapi.Cluster, _ *clientcmdapi.AuthInfo) error {
		server.Server = "https://127.0.0.1:1"
		return nil
	})
}

func wrongToken(_ context.Context, e *env, c *call) (undo, error) {
	return nil, e.variant(c, "wrong-token", func(_ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) error {
		*user = clientcmdapi.AuthInfo{Token: "not-a-token"}
		return nil
	})
}

func expiredCertificate(ctx context.Context, e *env, c *call) (undo, error) {
	return nil, e.variant(c, "expired", func(_ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) error {
		cert, key, err := e.clientCertificate(ctx, "late-operator", time.Now().Add(-time.Hour))
		*user = clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
		return err
	})
}

func fewRights(ctx context.Context, e *env, c *call) (undo, error) {
	token, back, err := e.limitedUser(ctx)
	if err != nil {
		return back, err
	}
	return back, e.variant(c, "few-rights", func(_ *clientcmdapi.Cluster, user *clientcmdapi.AuthInfo) error {
		*user = clientcmdapi.AuthInfo{Token: token}
		return nil
	})
}

// mayNot finds what the product says that its user may not do.
var mayNot = regexp.MustCompile(`it may not ([^\n]+)`)

// namesExactlyTheMissing wants every right that the limited user lacks, and no other.
func namesExactlyTheMissing(_ context.Context, _ *env, o outcome) error {
	var got []string
	for _, m := range mayNot.FindAllStringSubmatch(o.stderr, -1) {
		got = append(got, strings.TrimSpace(m[1]))
	}
	slices.Sort(got)
	if want := lackedRights(); !slices.Equal(got, want) {
		return fmt.Errorf("the rights named as missing are\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	return nil
}

// variant writes a changed copy of the cluster's kubeconfig and has the call use it.
func (e *env) variant(c *call, name string, change func(*clientcmdapi.Cluster, *clientcmdapi.AuthInfo) error) error {
	config, err := clientcmd.LoadFromFile(e.lab.info.Kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	current := config.Contexts[config.CurrentContext]
	if err := change(config.Clusters[current.Cluster], config.AuthInfos[current.AuthInfo]); err != nil {
		return err
	}
	c.kubeconfig = e.work + "/kubeconfig-" + name
	if err := clientcmd.WriteToFile(*config, c.kubeconfig); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
