//go:build realetcd

package etcdhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// TestAgree has three members that agree, while somebody writes, and then do not.
func TestAgree(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 3)
	m, h := all[0], all[0].host(t)
	start(t, all)
	m.put(t, "a", 20)
	if _, err := m.v3(t).Grant(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	want := hostaction.EtcdAgree{Access: accessAll(m, all), Version: v("3.5.35"), Members: []string{"m3", "m1", "m2"}}
	writing, stop := context.WithCancel(t.Context())
	wrote := make(chan int)
	go func() {
		n := 0
		for c := m.v3(t); writing.Err() == nil; n++ {
			if _, err := c.Put(writing, "/registry/busy", fmt.Sprint(n)); err != nil {
				break
			}
		}
		wrote <- n
	}()
	got, err := h.Agree(t.Context(), want)
	stop()
	if n := <-wrote; n == 0 {
		t.Error("nobody wrote meanwhile")
	}
	must(t, err)
	if got.Revision < 21 || got.Hash == "" || got.Leases != 1 {
		t.Errorf("agreement %+v", got)
	}

	disagree(t, all, want, func(a *hostaction.EtcdAgree) { a.Version = v("3.5.34") }, "is of v3.5.35, and not of v3.5.34")
	disagree(t, all, want, func(a *hostaction.EtcdAgree) { a.Members = []string{"m1", "m2"} }, "its members are m1, m2, m3, and they should be m1, m2")
	// Of one release, but the cluster is of another still.
	disagree(t, all, want, func(a *hostaction.EtcdAgree) { a.Version = v("3.6.16") }, "is of v3.5.35")

	id := all[2].asksID(t)
	alarm(t, m, etcdserverpb.AlarmRequest_ACTIVATE, id, etcdserverpb.AlarmType_NOSPACE)
	disagree(t, all, want, nil, "m3 has raised the alarm NOSPACE")
	alarm(t, m, etcdserverpb.AlarmRequest_DEACTIVATE, id, etcdserverpb.AlarmType_NOSPACE)

	learner := free(t, 1)[0]
	var added *clientv3.MemberAddResponse
	// A cluster takes none before its members have been connected for some seconds.
	eventually(t, "add a learner", func(ctx ctx) (err error) {
		added, err = m.v3(t).MemberAddAsLearner(ctx, []string{"http://" + learner})
		return err
	})
	disagree(t, all, want, nil, "its members are ")
	if _, err := m.v3(t).MemberRemove(t.Context(), added.Member.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Agree(t.Context(), want); err != nil {
		t.Error(err)
	}

	// One that was replaced, and two that were not.
	if _, err := all[1].host(t).Replace(t.Context(), all[1].replace("3.5.35", "3.6.16", all)); err != nil {
		t.Fatal(err)
	}
	disagree(t, all, want, nil, "m2 is of v3.6.16, and not of v3.5.35")
	disagree(t, all, want, func(a *hostaction.EtcdAgree) { a.Version = v("3.6.16") }, "m1 is of v3.5.35, and not of v3.6.16")
}

func (m *member) asksID(t *testing.T) uint64 {
	t.Helper()
	a, err := m.asks(t).Status(t.Context(), m.client)
	must(t, err)
	return a.ID
}

// alarm raises or ends an alarm as a member does itself.
func alarm(t *testing.T, m *member, action etcdserverpb.AlarmRequest_AlarmAction, id uint64, kind etcdserverpb.AlarmType) {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(m.client, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer conn.Close()
	_, err = etcdserverpb.NewMaintenanceClient(conn).Alarm(t.Context(), &etcdserverpb.AlarmRequest{Action: action, MemberID: id, Alarm: kind})
	must(t, err)
}

// disagree wants the wait to end without success, for a reason.
func disagree(t *testing.T, all []*member, a hostaction.EtcdAgree, change func(*hostaction.EtcdAgree), why string) {
	t.Helper()
	if change != nil {
		change(&a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	h := all[0].host(t)
	h.Log = lines{h.Log, func(line string) {
		if strings.Contains(line, why) {
			cancel()
		}
	}}
	_, err := h.Agree(ctx, a)
	if err == nil || !strings.Contains(err.Error(), why) || !errors.Is(err, context.Canceled) {
		t.Errorf("want %q, got %v", why, err)
	}
}

// lines calls a function with what is written.
type lines struct {
	io.Writer
	each func(string)
}

func (l lines) Write(p []byte) (int, error) {
	l.each(string(p))
	return l.Writer.Write(p)
}
