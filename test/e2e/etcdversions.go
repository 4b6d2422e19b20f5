package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// etcdVersions is what a member says at /version; it tells its storage version from 3.6 on.
type etcdVersions struct {
	Server  string `json:"etcdserver"`
	Cluster string `json:"etcdcluster"`
	Storage string `json:"storage"`
}

func (e *env) etcdVersions(ctx context.Context) (map[string]etcdVersions, error) {
	members := e.members()
	conf, err := e.etcdTLS(ctx)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}}
	out := map[string]etcdVersions{}
	for node, url := range members {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/version", nil)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, fmt.Errorf("ask member on %s for its version: %w", node, err)
		}
		var v etcdVersions
		err = json.NewDecoder(resp.Body).Decode(&v)
		resp.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("ask member on %s for its version: %w", node, err)
		}
		out[node] = v
	}
	return out, nil
}

// etcdAt wants each member at the version, and cluster and storage at its minor.
func (e *env) etcdAt(ctx context.Context, version string) error {
	all, err := e.etcdVersions(ctx)
	if err != nil {
		return err
	}
	minor := version[:strings.LastIndex(version, ".")] + ".0"
	var errs []error
	for node, v := range all {
		storage := v.Storage
		if !tellsStorage(version) {
			storage = minor
		}
		if v.Server != version || v.Cluster != minor || storage != minor {
			errs = append(errs, fmt.Errorf("the member on %s is at %s, its cluster at %s, its storage at %q; want %s and %s", node, v.Server, v.Cluster, v.Storage, version, minor))
		}
	}
	return errors.Join(errs...)
}

// tellsStorage: from 3.6 on.
func tellsStorage(version string) bool {
	return !strings.HasPrefix(version, "2.") && !strings.HasPrefix(version, "3.0.") && !strings.HasPrefix(version, "3.1.") && !strings.HasPrefix(version, "3.2.") &&
		!strings.HasPrefix(version, "3.3.") && !strings.HasPrefix(version, "3.4.") && !strings.HasPrefix(version, "3.5.")
}

// awaitControlPlane waits for controlPlaneServes.
func (e *env) awaitControlPlane(ctx context.Context) error {
	return poll(ctx, 3*time.Minute, "the control plane to serve", func(ctx context.Context) (bool, error) {
		err := e.controlPlaneServes(ctx)
		return err == nil, err
	})
}

// controlPlaneServes wants every node Ready and every static pod of the control plane Ready.
func (e *env) controlPlaneServes(ctx context.Context) error {
	nodes, err := e.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	var errs []error
	for _, n := range nodes.Items {
		if !nodeReady(&n) || n.Spec.Unschedulable {
			errs = append(errs, fmt.Errorf("node %s: ready %t, unschedulable %t", n.Name, nodeReady(&n), n.Spec.Unschedulable))
		}
	}
	pods, err := e.client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "tier=control-plane"})
	if err != nil {
		return fmt.Errorf("list static pods: %w", err)
	}
	if len(pods.Items) == 0 {
		errs = append(errs, errors.New("there are no static pods of the control plane"))
	}
	for _, p := range pods.Items {
		if !podReady(&p) {
			errs = append(errs, fmt.Errorf("static pod %s is not Ready", p.Name))
		}
	}
	return errors.Join(errs...)
}
