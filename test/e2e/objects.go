package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
)

// passing are resources that come and go by themselves or change all the time.
var passing = []string{"events", "leases", "endpointslices", "endpoints", "pods", "nodes", "replicasets",
	"certificatesigningrequests"} // those that were approved go after an hour

// objects lists everything that the API serves and that stays as it is while nobody touches it, as UID by name.
func (e *env) objects(ctx context.Context) (map[string]string, error) {
	lists, err := e.client.Discovery().ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("list resources: %w", err)
	}
	client, err := metadata.NewForConfig(e.config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	out := map[string]string{}
	for _, l := range lists {
		for _, r := range l.APIResources {
			if !slices.Contains(r.Verbs, "list") || slices.Contains(passing, r.Name) {
				continue
			}
			gv := strings.Split(l.GroupVersion, "/")
			gvr := schema.GroupVersionResource{Version: gv[len(gv)-1], Resource: r.Name}
			if len(gv) == 2 {
				gvr.Group = gv[0]
			}
			items, err := client.Resource(gvr).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, fmt.Errorf("list %s: %w", r.Name, err)
			}
			for _, o := range items.Items {
				out[fmt.Sprintf("%s/%s %s/%s", gvr.Group, gvr.Resource, o.Namespace, o.Name)] = string(o.UID)
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("list objects: the API serves none")
	}
	return out, nil
}

// sameObjects wants every object of before there, and the same one.
func (e *env) sameObjects(ctx context.Context, before map[string]string) error {
	after, err := e.objects(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range slices.Sorted(maps.Keys(before)) {
		if after[k] != before[k] {
			errs = append(errs, fmt.Errorf("%s has UID %q, had %q", k, after[k], before[k]))
		}
	}
	return errors.Join(errs...)
}
