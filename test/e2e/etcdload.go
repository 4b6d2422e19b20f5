package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// etcdLoadPrefix is away from what API servers keep.
const etcdLoadPrefix = "/e2e/"

// etcdPatience is how long one try of a write may take.
const etcdPatience = 5 * time.Second

// etcdLoad writes to etcd without a pause and keeps what was acknowledged; a watcher beside it keeps what it is told.
type etcdLoad struct {
	client, watching *clientv3.Client
	writing, watch   context.CancelFunc
	writer, watcher  sync.WaitGroup
	writes           series
	// acknowledged are the revisions by the number that was written.
	acknowledged map[int]int64
	mu           sync.Mutex
	told         []telling
	watchErr     error
}

// telling is one event of the watcher's.
type telling struct {
	number   int
	revision int64
}

// startEtcdLoad begins with one write, so that what is counted is what came after it.
func (e *env) startEtcdLoad(ctx context.Context) (*etcdLoad, error) {
	endpoints := slices.Sorted(maps.Values(e.members()))
	l := &etcdLoad{acknowledged: map[int]int64{}}
	var err error
	if l.client, err = e.etcdClient(ctx, endpoints...); err != nil {
		return nil, err
	}
	if l.watching, err = e.etcdClient(ctx, endpoints...); err != nil {
		return nil, err
	}
	first, err := l.client.Put(ctx, etcdLoadPrefix+"0", "0")
	if err != nil {
		return nil, fmt.Errorf("start load on etcd: %w", err)
	}
	watchCtx, watch := context.WithCancel(ctx)
	l.watch = watch
	events := l.watching.Watch(watchCtx, etcdLoadPrefix, clientv3.WithPrefix(), clientv3.WithRev(first.Header.Revision+1))
	l.watcher.Go(func() { l.keep(events) })
	writeCtx, writing := context.WithCancel(ctx)
	l.writing = writing
	n := 0
	l.writer.Go(func() {
		l.writes.run(writeCtx, func(ctx context.Context) error {
			n++
			ctx, cancel := context.WithTimeout(ctx, etcdPatience)
			defer cancel()
			r, err := l.client.Put(ctx, etcdLoadPrefix+strconv.Itoa(n), strconv.Itoa(n))
			if err == nil {
				l.acknowledged[n] = r.Header.Revision
			}
			return err
		})
	})
	return l, nil
}

func (l *etcdLoad) keep(events clientv3.WatchChan) {
	for r := range events {
		l.mu.Lock()
		if err := r.Err(); err != nil && l.watchErr == nil && !r.Canceled {
			l.watchErr = err
		}
		for _, ev := range r.Events {
			n, err := strconv.Atoi(string(ev.Kv.Value))
			if err != nil || string(ev.Kv.Key) != etcdLoadPrefix+strconv.Itoa(n) {
				l.watchErr = errors.Join(l.watchErr, fmt.Errorf("key %q has value %q", ev.Kv.Key, ev.Kv.Value))
			}
			l.told = append(l.told, telling{n, ev.Kv.ModRevision})
		}
		l.mu.Unlock()
	}
}

// stop ends the writer, waits until the watcher has heard of the last write, and ends it too.
func (l *etcdLoad) stop(ctx context.Context) error {
	l.writing()
	l.writer.Wait()
	last := int64(0)
	for _, r := range l.acknowledged {
		last = max(last, r)
	}
	err := poll(ctx, time.Minute, fmt.Sprintf("the watcher to hear of revision %d", last), func(context.Context) (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.told) > 0 && l.told[len(l.told)-1].revision >= last, l.watchErr
	})
	l.watch()
	l.watcher.Wait()
	return errors.Join(err, l.watching.Close())
}

// nothingLost wants each acknowledged write there, with the revision that it was acknowledged with.
func (l *etcdLoad) nothingLost(ctx context.Context) error {
	r, err := l.client.Get(ctx, etcdLoadPrefix, clientv3.WithPrefix())
	if err != nil {
		return fmt.Errorf("read what was written: %w", err)
	}
	have := map[string]int64{}
	for _, kv := range r.Kvs {
		have[string(kv.Value)] = kv.ModRevision
	}
	var lost []string
	for n, at := range l.acknowledged {
		if is := have[strconv.Itoa(n)]; is != at {
			lost = append(lost, fmt.Sprintf("write %d was acknowledged at revision %d and is at %d", n, at, is))
		}
	}
	if len(l.acknowledged) == 0 {
		return errors.New("no write was acknowledged: the load did not run")
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		return fmt.Errorf("%d of %d acknowledged writes are lost: %s", len(lost), len(l.acknowledged), strings.Join(lost[:min(5, len(lost))], "; "))
	}
	return nil
}

// everyEventOnce wants the watcher told of each acknowledged write once, in the order of revisions.
func (l *etcdLoad) everyEventOnce() error {
	if l.watchErr != nil {
		return l.watchErr
	}
	told := map[int]int64{}
	before := int64(0)
	for _, t := range l.told {
		if t.revision <= before {
			return fmt.Errorf("the watcher was told of revision %d after %d", t.revision, before)
		}
		if was, again := told[t.number]; again {
			return fmt.Errorf("the watcher was told of write %d twice, at revisions %d and %d", t.number, was, t.revision)
		}
		told[t.number], before = t.revision, t.revision
	}
	for n, at := range l.acknowledged {
		if told[n] != at {
			return fmt.Errorf("write %d was acknowledged at revision %d, and the watcher was told of %d", n, at, told[n])
		}
	}
	return nil
}

func (l *etcdLoad) close() error { return l.client.Close() }
