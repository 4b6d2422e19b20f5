package record

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
	"github.com/kubectl-upgrade/kubectl-upgrade/test/apiserver"
)

// line to the server that a test can cut.
type wire struct {
	next http.RoundTripper
	cut  atomic.Bool
}

var errCut = errors.New("connection refused")

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.cut.Load() {
		return nil, errCut
	}
	return w.next.RoundTrip(r)
}

func cuttable(t *testing.T, config *rest.Config) (kubernetes.Interface, *wire) {
	t.Helper()
	w := &wire{}
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { w.next = next; return w })
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func testRun(id string) Run {
	return Run{
		ID: id, ClusterUID: "uid", Holder: Me(), Command: "kubectl upgrade cluster --to v1.34.4", State: Running, Digest: "sha256:abc",
		From: version.MustParse("v1.33.1"), To: version.MustParse("v1.34.4"), Started: time.Now().UTC(), Updated: time.Now().UTC(),
		Plan: &plan.Plan{Kind: "ClusterUpgradePlan", Phases: []plan.Phase{{ID: "1.34/nodes", Groups: []plan.Group{{ID: "1.34/nodes/w-1"}}}}},
	}
}

func keep(t *testing.T, c kubernetes.Interface, l *Lock, r Run) *Writer {
	t.Helper()
	w, err := Keep(t.Context(), c, l, r, t.Errorf)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// eventually reads the record until it is as wanted.
func eventually(t *testing.T, c kubernetes.Interface, what string, ok func(*Run) bool) *Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := Read(ctx, c)
		if err == nil && ok(r) {
			return r
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: the record is %+v, %v", what, r, err)
		case <-tick.C:
		}
	}
}

// TestOnServer is what depends on how a real API server takes writes. The subtests follow one another on one server.
func TestOnServer(t *testing.T) {
	config := apiserver.Start(t)
	client, toServer := cuttable(t, config)
	acquire := func(t *testing.T) *Lock {
		t.Helper()
		l, _, err := Acquire(t.Context(), client, claim(t, "upgrade to v1.34.4"))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	release := func(t *testing.T, l *Lock) {
		t.Helper()
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("the record follows the run and stays when it failed", func(t *testing.T) {
		l := acquire(t)
		w := keep(t, client, l, testRun("1"))
		eventually(t, client, "begin", func(r *Run) bool { return r != nil && r.State == Running && r.Plan != nil })
		w.Emit(event.StepStarted{Time: time.Now(), ID: "a"})
		w.Emit(event.StepWaiting{Time: time.Now(), ID: "a", For: "pod shop/db-0"})
		r := eventually(t, client, "a step that waits", func(r *Run) bool { return len(r.Steps) == 1 && r.Steps[0].Waiting == "pod shop/db-0" })
		if r.Steps[0].Started.IsZero() || r.Steps[0].Since.IsZero() || len(r.Journal) != 0 {
			t.Errorf("steps %+v, journal %+v", r.Steps, r.Journal)
		}
		w.Emit(event.StepFinished{Time: time.Now(), ID: "a", State: event.Failed, Took: time.Second, Error: "blocked"})
		if err := w.Finish(t.Context(), Failed, errors.New("step a: blocked")); err != nil {
			t.Fatal(err)
		}
		r, err := Read(t.Context(), client)
		if err != nil || r.State != Failed || r.Error != "step a: blocked" || len(r.Steps) != 0 || len(r.Journal) != 1 || r.Journal[0].Error != "blocked" {
			t.Errorf("record %+v, %v", r, err)
		}
		release(t, l)
	})

	t.Run("the next run takes its place and leaves nothing when it is done", func(t *testing.T) {
		l := acquire(t)
		w := keep(t, client, l, testRun("2"))
		eventually(t, client, "begin", func(r *Run) bool { return r != nil && r.ID == "2" && len(r.Journal) == 0 })
		if err := w.Finish(t.Context(), Done, nil); err != nil {
			t.Fatal(err)
		}
		if r, err := Read(t.Context(), client); r != nil || err != nil {
			t.Errorf("record %+v, %v; want none", r, err)
		}
		release(t, l)
	})

	t.Run("an API server that is away holds up nothing and is caught up with", func(t *testing.T) {
		l := acquire(t)
		w := keep(t, client, l, testRun("3"))
		eventually(t, client, "begin", func(r *Run) bool { return r != nil && r.ID == "3" })
		toServer.cut.Store(true)
		began := time.Now()
		for _, id := range []string{"a", "b", "c"} {
			w.Emit(event.StepStarted{Time: time.Now(), ID: id})
			w.Emit(event.StepFinished{Time: time.Now(), ID: id, State: event.Done})
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("events were held up for %s", took)
		}
		<-time.After(2 * writeEvery)
		toServer.cut.Store(false)
		eventually(t, client, "after the outage", func(r *Run) bool { return len(r.Journal) == 3 })
		if err := w.Finish(t.Context(), Done, nil); err != nil {
			t.Fatal(err)
		}
		release(t, l)
	})

	t.Run("who lost the lock never writes over the heir's record", func(t *testing.T) {
		for _, wroteBefore := range []bool{true, false} {
			late := acquire(t)
			late.stop()
			late.beat.Wait() // as if its machine slept
			w := &Writer{client: client, lock: late, warn: t.Errorf, run: testRun("late")}
			if wroteBefore {
				if _, err := w.write(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := client.CoreV1().ConfigMaps("kube-system").Delete(t.Context(), lockName, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			heir := acquire(t)
			hw := keep(t, client, heir, testRun("heir"))
			eventually(t, client, "heir begins", func(r *Run) bool { return r != nil && r.ID == "heir" })
			// The first try may meet the conflict, the one after it looks at the lock.
			_, first := w.write(t.Context())
			_, second := w.write(t.Context())
			if first == nil || !errors.Is(second, ErrLost) {
				t.Errorf("writes after the loss end with %v and %v", first, second)
			}
			select {
			case <-late.Lost():
			default:
				t.Error("the loss is not told")
			}
			if err := w.lock.Remove(t.Context()); !errors.Is(err, ErrLost) {
				t.Errorf("removing the heir's record ends with %v", err)
			}
			if r, err := Read(t.Context(), client); err != nil || r == nil || r.ID != "heir" {
				t.Errorf("record %+v, %v; want the heir's", r, err)
			}
			if err := hw.Finish(t.Context(), Done, nil); err != nil {
				t.Fatal(err)
			}
			release(t, late)
			release(t, heir)
		}
	})

	t.Run("the server's clock tells a heartbeat's age, whatever the holder's says", func(t *testing.T) {
		c, err := kube.NewForConfig(config, "")
		if err != nil {
			t.Fatal(err)
		}
		l := acquire(t)
		defer release(t, l)
		maps := client.CoreV1().ConfigMaps("kube-system")
		for _, off := range []time.Duration{-5 * time.Hour, 5 * time.Hour} {
			have, err := maps.Get(t.Context(), lockName, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			have.Data["renewed"] = time.Now().Add(off).UTC().Format(time.RFC3339)
			if _, err := maps.Update(t.Context(), have, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			h, err := ReadHolder(t.Context(), client, c.Now)
			if err != nil || !h.Alive() || h.Heartbeat > 3*time.Second {
				t.Errorf("clock off by %s: holder %+v, %v", off, h, err)
			}
			here := claim(t, "plan")
			here.Clock = c.Now
			if _, _, err := Acquire(t.Context(), client, here); err == nil || !errors.As(err, new(*HeldError)) {
				t.Errorf("clock off by %s: acquire ended with %v", off, err)
			}
		}
	})

	t.Run("a free lock has no holder", func(t *testing.T) {
		if h, err := ReadHolder(t.Context(), client, nil); h != nil || err != nil {
			t.Errorf("holder %+v, %v; want none", h, err)
		}
	})
}
