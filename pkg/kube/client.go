// Package kube makes the clients that talk to the API server, and tells its errors apart.
// Informers and watches are not used: client-go's WatchList never returns on servers up to 1.26 (derailed/k9s#4044).
package kube

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubeconfigs with an auth-provider stanza need it
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/buildinfo"
)

// requestTimeout bounds one request: while an API server goes away, a connection may hang without an answer.
const requestTimeout = 15 * time.Second

// Client is one connection to a cluster.
type Client struct {
	kubernetes.Interface
	// Config has no timeout of its own, so that streams can be made from it.
	Config  *rest.Config
	Context string
}

// New connects as kubectl's connection flags say. It sends nothing yet. Warnings of the API server go to warn, each once.
func New(flags *genericclioptions.ConfigFlags, warn func(string)) (*Client, error) {
	loader := flags.ToRawKubeConfigLoader()
	raw, err := loader.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config, err := loader.ClientConfig()
	// Without any configuration client-go asks localhost:8080, where nothing of this century listens.
	nowhere := len(raw.Clusters) == 0 && err == nil && config.Host == "http://localhost:8080"
	if nowhere || clientcmd.IsEmptyConfig(err) {
		return nil, errors.New("read kubeconfig: no cluster is configured: set KUBECONFIG or --kubeconfig, or pass --server")
	}
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	context := raw.CurrentContext
	if flags.Context != nil && *flags.Context != "" {
		context = *flags.Context
	}
	config.UserAgent = fmt.Sprintf("kubectl-upgrade/%s (%s/%s)", buildinfo.Version(), runtime.GOOS, runtime.GOARCH)
	// The defaults of 5 and 10 make a client wait for itself on clusters of any size.
	config.QPS, config.Burst = 50, 300
	config.WarningHandler = &warnings{warn: warn}
	return NewForConfig(config, context)
}

// NewForConfig connects with a config made elsewhere.
func NewForConfig(config *rest.Config, context string) (*Client, error) {
	timed := rest.CopyConfig(config)
	if timed.Timeout == 0 {
		timed.Timeout = requestTimeout
	}
	client, err := kubernetes.NewForConfig(timed)
	if err != nil {
		return nil, fmt.Errorf("make client for %s: %w", config.Host, err)
	}
	return &Client{Interface: client, Config: config, Context: context}, nil
}

// warnings hands each warning of the API server on once.
type warnings struct {
	warn func(string)
	seen sync.Map
}

// HandleWarningHeader implements rest.WarningHandler; 299 is the only code that the API server uses.
func (w *warnings) HandleWarningHeader(code int, _, text string) {
	if code != 299 || text == "" {
		return
	}
	if _, known := w.seen.LoadOrStore(text, true); !known {
		w.warn(text)
	}
}
