package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	loadEvery = 20 * time.Millisecond
	// loadPatience is how long one try may take. Whoever hangs on a server that has died is not helped by waiting longer.
	loadPatience = 5 * time.Second
)

// load writes and reads through the API endpoint without a pause, as a user with an ordinary client would see it.
type load struct {
	cancel        context.CancelFunc
	done          sync.WaitGroup
	writes, reads series
}

// series is what became of one kind of request.
type series struct {
	requests, retried, failed int
	last                      time.Time
	longest                   time.Duration
	complaints                []string
}

// startLoad begins with one answer to each kind of request, so that what is counted is what came after.
func (e *env) startLoad(ctx context.Context) (*load, error) {
	writer, err := loadClient(e.config)
	if err != nil {
		return nil, err
	}
	reader, err := loadClient(e.config)
	if err != nil {
		return nil, err
	}
	const name = "e2e-load"
	if _, err := writer.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("start load: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel}
	n := 0
	l.done.Go(func() {
		l.writes.run(ctx, func(ctx context.Context) error {
			n++
			m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"n": fmt.Sprint(n)}}
			_, err := writer.CoreV1().ConfigMaps("default").Update(ctx, m, metav1.UpdateOptions{})
			return err
		})
	})
	l.done.Go(func() {
		l.reads.run(ctx, func(ctx context.Context) error {
			_, err := reader.CoreV1().ConfigMaps("default").Get(ctx, name, metav1.GetOptions{})
			return err
		})
	})
	return l, nil
}

// loadClient has a connection of its own: clients of one configuration share theirs, unless they dial by themselves.
func loadClient(c *rest.Config) (kubernetes.Interface, error) {
	own := rest.CopyConfig(c)
	own.QPS, own.Timeout = -1, loadPatience
	own.Dial = (&net.Dialer{Timeout: loadPatience, KeepAlive: 30 * time.Second}).DialContext
	client, err := kubernetes.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	return client, nil
}

func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

// run sends one request after the other, and each that failed once more at once.
func (s *series) run(ctx context.Context, request func(context.Context) error) {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	s.last = time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := request(ctx)
		if err != nil && ctx.Err() == nil {
			s.retried++
			s.complain("once", err)
			err = request(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		s.note(time.Now(), err)
	}
}

// worthTelling is a gap that a person may want to find the reason of.
const worthTelling = 500 * time.Millisecond

func (s *series) note(now time.Time, err error) {
	s.requests++
	if err != nil {
		s.failed++
		s.complain("again", err)
		return
	}
	gap := now.Sub(s.last)
	if gap > worthTelling {
		s.complaints = append(s.complaints, fmt.Sprintf("%s no answer for %s", now.Format(time.TimeOnly), gap.Round(time.Millisecond)))
	}
	s.longest, s.last = max(s.longest, gap), now
}

func (s *series) complain(how string, err error) {
	s.complaints = append(s.complaints, fmt.Sprintf("%s failed %s: %v", time.Now().Format(time.TimeOnly), how, err))
}

func (s *series) String() string {
	return fmt.Sprintf("%d requests, %d sent again, %d failed, longest gap %s", s.requests, s.retried, s.failed, s.longest.Round(time.Millisecond))
}
