package node

import (
	"context"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// kubectl's drain keeps only the texts of most errors of the API server. These are client-go's own words for status codes
// (NewGenericServerResponse in k8s.io/apimachinery/pkg/api/errors), the server's, and those of the network.

// away tells errors of an API server, or its etcd, that does not answer just now.
func away(err error) bool {
	return kube.IsRetryable(err) && !doubtful(err) || has(err, "connection refused", "connection reset", "EOF", "i/o timeout", "TLS handshake timeout",
		"etcdserver:", "Client.Timeout", "apiserver not ready", "http2: client connection", "no route to host",
		"unable to handle the request", "unable to return a response in the time allotted", "Timeout: request did not complete", "too many requests")
}

// doubtful tells errors that are those of an API server that has just started, or will stay.
func doubtful(err error) bool {
	return kube.IsRetryableLater(err) && !kube.IsRetryable(err) || has(err, "is forbidden: ", "Unauthorized", "asked for the client to provide credentials",
		"Internal error occurred", "an error on the server")
}

func has(err error, texts ...string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(err.Error(), s) })
}

// restarting asks for the node itself, of which errors keep their type.
func (d *drainer) restarting(ctx context.Context) bool {
	_, err := d.client.CoreV1().Nodes().Get(ctx, d.node, metav1.GetOptions{})
	return kube.IsRetryableLater(err)
}
