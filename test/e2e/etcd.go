package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// etcdStatus is what etcdctl says of a member.
type etcdStatus struct {
	Endpoint string
	Status   struct {
		Header struct {
			Revision int64 `json:"revision"`
		} `json:"header"`
		Version string   `json:"version"`
		Errors  []string `json:"errors"`
	}
}

type etcdHash struct {
	Endpoint string
	HashKV   struct {
		Hash            uint64 `json:"hash"`
		CompactRevision int64  `json:"compact_revision"`
	}
}

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
	return poll(ctx, time.Minute, "the members of etcd to agree", func(ctx context.Context) (bool, error) {
		err := e.membersAgreeNow(ctx)
		return err == nil, err
	})
}

func (e *env) membersAgreeNow(ctx context.Context) error {
	var members []etcdStatus
	if err := e.etcdctl(ctx, &members, "endpoint", "status", "--cluster"); err != nil {
		return err
	}
	if want := len(e.lab.info.controlPlanes()); len(members) != want {
		return fmt.Errorf("etcd has %d members that answer, want %d", len(members), want)
	}
	// Every member has this revision: it is the lowest.
	at := members[0].Status.Header.Revision
	for _, m := range members {
		at = min(at, m.Status.Header.Revision)
		if m.Status.Version != members[0].Status.Version || len(m.Status.Errors) > 0 {
			return fmt.Errorf("etcd at %s is of version %s, the first of %s; it complains of %q", m.Endpoint, m.Status.Version, members[0].Status.Version, m.Status.Errors)
		}
	}
	var hashes []etcdHash
	if err := e.etcdctl(ctx, &hashes, "endpoint", "hashkv", "--cluster", "--rev", fmt.Sprint(at)); err != nil {
		return err
	}
	for _, h := range hashes {
		if h.HashKV != hashes[0].HashKV {
			return fmt.Errorf("etcd at %s has hash %+v at revision %d, the one at %s %+v", h.Endpoint, h.HashKV, at, hashes[0].Endpoint, hashes[0].HashKV)
		}
	}
	if len(hashes) != len(members) {
		return fmt.Errorf("%d of %d members of etcd tell their hash", len(hashes), len(members))
	}
	return nil
}
