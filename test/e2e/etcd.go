package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// etcdctl asks the member of the first node's own client about all members.
func (e *env) etcdctl(ctx context.Context, out any, args ...string) error {
	first := e.lab.info.nodes()[0]
	id, err := e.lab.exec(ctx, first, "crictl", "ps", "-q", "--name", "etcd")
	if err != nil {
		return err
	}
	const pki = "/etc/kubernetes/pki/etcd/"
	text, err := e.lab.exec(ctx, first, append([]string{"crictl", "exec", strings.TrimSpace(id), "etcdctl", "--endpoints", "https://127.0.0.1:2379",
		"--cacert", pki + "ca.crt", "--cert", pki + "server.crt", "--key", pki + "server.key", "-w", "json"}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), out); err != nil {
		return fmt.Errorf("read what etcdctl %s says: %w", strings.Join(args, " "), err)
	}
	return nil
}

// membersAgree wants every member of etcd there and healthy, all of one version, and the same data in each.
func (e *env) membersAgree(ctx context.Context) error {
	c, err := e.etcdClient(ctx, slices.Sorted(maps.Values(e.members()))...)
	if err != nil {
		return err
	}
	defer c.Close()
	return poll(ctx, time.Minute, "the members of etcd to agree", func(ctx context.Context) (bool, error) {
		err := e.membersAgreeNow(ctx, c)
		return err == nil, err
	})
}

func (e *env) membersAgreeNow(ctx context.Context, c *clientv3.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := c.MemberList(ctx)
	if err != nil {
		return fmt.Errorf("list members of etcd: %w", err)
	}
	alarms, err := c.AlarmList(ctx)
	if err != nil {
		return fmt.Errorf("list alarms of etcd: %w", err)
	}
	if want := len(e.members()); len(list.Members) != want || len(alarms.Alarms) > 0 {
		return fmt.Errorf("etcd has %d members, want %d; alarms: %v", len(list.Members), want, alarms.Alarms)
	}
	var version string
	// Every member has this revision: it is the lowest.
	at := int64(math.MaxInt64)
	for node, url := range e.members() {
		s, err := c.Status(ctx, url)
		if err != nil {
			return fmt.Errorf("ask member on %s: %w", node, err)
		}
		version, at = cmp.Or(version, s.Version), min(at, s.Header.Revision)
		if s.Version != version || len(s.Errors) > 0 || s.IsLearner {
			return fmt.Errorf("the member on %s is of version %s, another of %s; learner %t; it complains of %q", node, s.Version, version, s.IsLearner, s.Errors)
		}
	}
	var hash uint32
	for node, url := range e.members() {
		h, err := c.HashKV(ctx, url, at)
		if grpcstatus.Code(err) == codes.Unimplemented { // before 3.3
			return e.sameKeys(ctx)
		}
		if err != nil {
			return fmt.Errorf("ask member on %s for its hash: %w", node, err)
		}
		if hash = cmp.Or(hash, h.Hash); h.Hash != hash {
			return fmt.Errorf("the member on %s has hash %x at revision %d, another %x", node, h.Hash, at, hash)
		}
	}
	return nil
}
