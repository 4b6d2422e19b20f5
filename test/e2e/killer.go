package main

import (
	"fmt"
	"math/rand/v2"
	"path"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// killer knows where runs have died, so that each dies somewhere else.
type killer struct {
	random *rand.Rand
	// began are the steps at whose beginning a run died, inside those within which, and how often.
	began  map[string]bool
	inside map[string]int
	within int
}

// killsPerStep spreads the random ones.
const killsPerStep = 3

// enough wants a death at the beginning of each step, and the random ones.
func (k *killer) enough(steps []string) error {
	var missed []string
	for _, id := range steps {
		if !k.began[id] {
			missed = append(missed, id)
		}
	}
	if k.within < killsInside || len(missed) > 0 {
		return fmt.Errorf("%d runs were killed inside of a step, want %d; none at the beginning of %s", k.within, killsInside, strings.Join(missed, ", "))
	}
	return nil
}

// victim is one run that may be killed.
type victim struct {
	*killer
	mu      sync.Mutex
	process *process
	// armed is the step inside of which the run is to die.
	armed string
	timer *time.Timer
	why   string
	// last is the step that it has begun after the signal was sent.
	last string
}

var stepLine = regexp.MustCompile(`^\S+ (\S+/\S+): (started|done|already done|failed)`)

// heard takes what the run says of its steps and decides whether this is its end.
func (v *victim) heard(line string) {
	m := stepLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	id, started := m[1], m[2] == "started"
	// A step that has come true by itself since the last run died never starts: that is seen at its beginning.
	begins := started || m[2] == "already done"
	switch {
	case v.why != "":
		if started { // it was quicker than the signal, and this is where it has died
			v.last = id
		}
	case !started && id == v.armed:
		v.timer.Stop() // too late: it dies inside another one
		v.armed = ""
	case begins && !v.began[id]:
		v.began[id] = true
		v.die("at the beginning of " + id)
	case path.Base(id) == "image": // every run looks at it again: the instants are for what changes something
	case started && v.armed == "" && v.within < killsInside && v.inside[id] < killsPerStep:
		v.armed = id
		after := time.Duration(v.random.Int64N(int64(lasts(id))))
		v.timer = time.AfterFunc(after, func() { v.dieInside(id, after) })
	}
}

func (v *victim) dieInside(id string, after time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.armed != id || v.why != "" {
		return
	}
	v.inside[id]++
	v.within++
	v.die(fmt.Sprintf("%s into %s", after.Round(time.Millisecond), id))
}

// lasts is about how long a step of the lab takes.
func lasts(id string) time.Duration {
	switch path.Base(id) {
	case "apply", "node":
		return 30 * time.Second
	case "stable", "ready", "drain", "packages":
		return 10 * time.Second
	case "cordon", "uncordon", "taint", "leader":
		return 300 * time.Millisecond
	}
	return 3 * time.Second
}

func (v *victim) die(why string) {
	v.why = why
	if v.process != nil {
		_ = v.process.signal(syscall.SIGKILL) // it may have ended by itself just now
	}
}

// strikes names the process to be killed, which may have said enough for that already.
func (v *victim) strikes(p *process) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.process = p
	if v.why != "" {
		v.die(v.why)
	}
}

func (v *victim) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.armed = ""
	if v.last != "" {
		v.began[v.last] = true
	}
	if v.timer != nil {
		v.timer.Stop()
	}
}
