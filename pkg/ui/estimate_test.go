package ui

import (
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

func TestEstimate(t *testing.T) {
	c := climb(5, 2)
	workers := c.Phases[3]
	s := newScript(c).phase(c.Phases[0], time.Second).phase(c.Phases[1], 20*time.Second)
	m := s.model()
	want := func(what string, left time.Duration, known bool, wantLeft time.Duration, wantKnown bool) {
		t.Helper()
		if left != wantLeft || known != wantKnown {
			t.Errorf("%s: %s left, known %t; want %s, %t", what, left, known, wantLeft, wantKnown)
		}
	}
	// The next release's control plane is known by that of the one before; of workers nothing is known, and so of the whole.
	left, known := learn(m).phase(m, c.Phases[2], s.now)
	want("control plane", left, known, 3*3*20*time.Second, true)
	left, known = learn(m).phase(m, workers, s.now)
	want("workers", left, known, 0, false)
	left, known = learn(m).run(m, s.now)
	want("all", left, known, 0, false)

	s.phase(c.Phases[2], 20*time.Second)
	s.do(10*time.Second, "1.34/nodes/w-1/w-1/cordon", "1.34/nodes/w-1/w-1/drain", "1.34/nodes/w-1/w-1/kubelet", "1.34/nodes/w-1/w-1/ready", "1.34/nodes/w-1/w-1/uncordon")
	s.begin("1.34/nodes/w-1/w-2/cordon").wait(4 * time.Second)
	m = s.model()
	left, known = learn(m).group(m, workers, workers.Groups[1], s.now)
	want("w-2", left, known, 46*time.Second, true)
	// Two at once: w-2 and w-4 in one lane, w-3 and w-5 in the other.
	left, known = learn(m).phase(m, workers, s.now)
	want("workers", left, known, 100*time.Second, true)
	// The last look at everything is left out, since nothing like it was ever done.
	left, known = learn(m).run(m, s.now)
	want("all", left, known, 100*time.Second, true)
	s.wait(time.Hour)
	left, known = learn(m).group(m, workers, workers.Groups[1], s.now)
	want("w-2 after an hour", left, known, 40*time.Second, true)
}

func TestEstimateLearnsNothingFromWhatWasDoneBefore(t *testing.T) {
	c := climb(2, 1)
	s := newScript(c).begin("prepare/cp-1/packages").end("prepare/cp-1/packages", event.Already, 0, "")
	if e := learn(s.model()); len(e) != 0 {
		t.Errorf("learned %v from what was done already", e)
	}
}

func TestAbout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "10s", 41 * time.Second: "50s", time.Minute: "1m", 61 * time.Second: "1m30s", 4*time.Minute + time.Second: "4m30s",
		10*time.Minute + time.Second: "11m", 65 * time.Minute: "1h5m",
	} {
		if got := about(d); got != want {
			t.Errorf("about(%s) = %s, want %s", d, got, want)
		}
	}
}
