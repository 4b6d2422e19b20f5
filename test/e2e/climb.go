package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// climbed wants every version of the way to have run on every control-plane node, one after the other and none twice. That a
// static pod was started is told by the pod that its kubelet made the API show; that the API server served, by the lease that
// it renewed in its own log.
func (a audit) climbed(controlPlanes, way []string) error {
	started, err := a.started()
	if err != nil {
		return err
	}
	for _, n := range controlPlanes {
		for _, component := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
			if got := started[n+" "+component]; !slices.Equal(got, way) {
				return fmt.Errorf("%s on %s ran %s, want %s", component, n, strings.Join(got, " "), strings.Join(way, " "))
			}
		}
		served := a.served(n)
		// The version of before was serving when the upgrade began.
		if len(served) == 0 || !slices.Equal(served[1:], way) {
			return fmt.Errorf("the API server on %s served as %s, want the one of before and then %s", n, strings.Join(served, " "), strings.Join(way, " "))
		}
	}
	return nil
}

// started gives the versions of each static pod, by node and component, in order.
func (a audit) started() (map[string][]string, error) {
	out := map[string][]string{}
	for _, ev := range a {
		if ev.Verb != "create" || ev.ObjectRef.Resource != "pods" || ev.ObjectRef.Subresource != "" || !strings.HasPrefix(ev.User.Username, "system:node:") {
			continue
		}
		var p corev1.Pod
		if err := json.Unmarshal(ev.RequestObject, &p); err != nil {
			return nil, fmt.Errorf("read pod from audit log: %w", err)
		}
		_, version, _ := strings.Cut(p.Spec.Containers[0].Image, ":")
		key := p.Spec.NodeName + " " + p.Labels["component"]
		out[key] = appendNew(out[key], version)
	}
	return out, nil
}

var serverVersion = regexp.MustCompile(`^kube-apiserver/(v[0-9.]+) `)

// served gives the versions in which a node's own API server renewed its lease, in order.
func (a audit) served(node string) []string {
	var out []string
	for _, ev := range a {
		if m := serverVersion.FindStringSubmatch(ev.UserAgent); m != nil && ev.server == node && ev.ObjectRef.Resource == "leases" {
			out = appendNew(out, m[1])
		}
	}
	return out
}

// appendNew leaves out what is there at the end already.
func appendNew(list []string, s string) []string {
	if len(list) > 0 && list[len(list)-1] == s {
		return list
	}
	return append(list, s)
}
