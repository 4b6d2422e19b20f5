package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

const journalFile = "journal.jsonl"

// Journal is an event.Sink that writes a run's events to the operator's machine, one line of JSON each. It is there when the API server
// is not. The output of host commands has files of its own.
type Journal struct {
	warn func(string, ...any)

	mu     sync.Mutex
	file   *os.File
	failed bool
}

// line is one event. Which fields are set depends on the event.
type line struct {
	Time  time.Time     `json:"time"`
	Event string        `json:"event"`
	ID    string        `json:"id,omitempty"`
	State string        `json:"state,omitempty"`
	Took  plan.Duration `json:"took,omitempty"`
	For   string        `json:"for,omitempty"`
	Text  string        `json:"text,omitempty"`
	Error string        `json:"error,omitempty"`
	Steps []string      `json:"steps,omitempty"`
	// Run is in the first line: whose run, and of which plan.
	Run *Run `json:"run,omitempty"`
}

// The events of a journal.
const (
	runBegun     = "run-begun"
	runEnded     = "run-ended"
	stepStarted  = "step-started"
	stepWaiting  = "step-waiting"
	stepFinished = "step-finished"
	notice       = "notice"
	waiting      = "waiting"
	probeGap     = "probe-gap"
)

// Begin starts the journal of a run, beside the logs of its steps.
func (l *Logs) Begin(run Run, warn func(string, ...any)) (*Journal, error) {
	f, err := os.OpenFile(filepath.Join(l.dir, journalFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin journal: %w", err)
	}
	j := &Journal{file: f, warn: warn}
	j.write(line{Time: run.Started, Event: runBegun, Run: &run})
	return j, nil
}

// Emit implements event.Sink.
func (j *Journal) Emit(e event.Event) {
	if l, ok := lineOf(e); ok {
		j.write(l)
	}
}

// lineOf gives the line of an event; ok is false for what is kept elsewhere.
func lineOf(e event.Event) (l line, ok bool) {
	switch e := e.(type) {
	case event.StepStarted:
		return line{Time: e.Time, Event: stepStarted, ID: e.ID}, true
	case event.StepWaiting:
		return line{Time: e.Time, Event: stepWaiting, ID: e.ID, For: e.For}, true
	case event.StepFinished:
		return line{Time: e.Time, Event: stepFinished, ID: e.ID, State: string(e.State), Took: plan.Duration(e.Took), Error: e.Error}, true
	case event.Notice:
		return line{Time: e.Time, Event: notice, Text: e.Text}, true
	case event.Waiting:
		return line{Time: e.Time, Event: waiting, For: e.For}, true
	case event.ProbeGap:
		return line{Time: e.Start, Event: probeGap, Took: plan.Duration(e.End.Sub(e.Start)), Error: e.Error, Steps: e.Steps}, true
	}
	return line{}, false
}

// event gives back the event of a line, as far as it changes what is known of a run.
func (l line) event() event.Event {
	switch l.Event {
	case stepStarted:
		return event.StepStarted{Time: l.Time, ID: l.ID}
	case stepWaiting:
		return event.StepWaiting{Time: l.Time, ID: l.ID, For: l.For}
	case stepFinished:
		return event.StepFinished{Time: l.Time, ID: l.ID, State: event.State(l.State), Took: time.Duration(l.Took), Error: l.Error}
	}
	return nil
}

// write adds a line. That it cannot is said once and stops nothing.
func (j *Journal) write(l line) {
	l.Time = l.Time.UTC()
	b, err := json.Marshal(l)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		_, err = j.file.Write(append(b, '\n'))
	}
	if err != nil && !j.failed {
		j.failed = true
		j.warn("write journal: %v", err)
	}
}

// Finish writes how the run ended and closes the file.
func (j *Journal) Finish(state State, why error) {
	l := line{Time: time.Now(), Event: runEnded, State: string(state)}
	if why != nil {
		l.Error = why.Error()
	}
	j.write(l)
	j.file.Close()
}

// Local reads the journal of a run on this machine; an empty run means the last one. It gives nil when there is none.
func Local(clusterUID, run string) (*Run, error) {
	dir, err := stateDir(clusterUID)
	if err != nil {
		return nil, err
	}
	pattern := "*"
	if run != "" {
		pattern = run
	}
	files, err := filepath.Glob(filepath.Join(dir, pattern, journalFile))
	if err != nil || len(files) == 0 {
		return nil, err
	}
	// Runs are named after the time at which they began.
	return readJournal(slices.Max(files))
}

// Unfinished says whether this machine began an upgrade of the cluster behind a server and knows of no end of it. Which cluster that is can
// only be told by its server, since this is for when nobody answers.
func Unfinished(server string) bool {
	all, err := stateDir("")
	if err != nil {
		return false
	}
	clusters, err := os.ReadDir(all)
	if err != nil {
		return false
	}
	for _, c := range clusters {
		run, err := Local(c.Name(), "")
		if err == nil && run != nil && run.Plan != nil && run.Plan.Cluster.Server == server && run.State != Done && run.State != GivenUp {
			return true
		}
	}
	return false
}

func readJournal(path string) (*Run, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	defer f.Close()
	var run *Run
	for b := bufio.NewReader(f); ; {
		text, err := b.ReadBytes('\n')
		var l line
		// The last line may be cut short, where the run was killed.
		if json.Unmarshal(bytes.TrimSpace(text), &l) == nil {
			if l.Run != nil {
				run = l.Run
			}
			run.replay(l)
		}
		if errors.Is(err, io.EOF) {
			return run, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
	}
}

// replay folds a line into the run; a run whose first line is missing stays unknown.
func (r *Run) replay(l line) {
	switch {
	case r == nil:
	case l.Event == runEnded:
		r.State, r.Updated, r.Steps, r.Error = State(l.State), l.Time, nil, l.Error
	default:
		if e := l.event(); e != nil {
			r.apply(e)
		}
	}
}
