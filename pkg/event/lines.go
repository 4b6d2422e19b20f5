package event

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// StreamVersion is the version of the stream's format. It changes when a consumer would have to; docs/events.md has the rules.
const StreamVersion = "v1"

// line is what any event is in the stream. Fields that say nothing are left out.
type line struct {
	Type    string    `json:"type"`
	Time    time.Time `json:"time"`
	Version string    `json:"version,omitempty"`
	Warning bool      `json:"warning,omitempty"`
	Text    string    `json:"text,omitempty"`
	Tree    *Tree     `json:"tree,omitempty"`
	ID      string    `json:"id,omitempty"`
	State   State     `json:"state,omitempty"`
	For     string    `json:"for,omitempty"`
	Line    string    `json:"line,omitempty"`
	Start   time.Time `json:"start,omitzero"`
	Steps   []string  `json:"steps,omitempty"`
	// Took is a duration in Go's words, as everywhere in this project's JSON.
	Took  string `json:"took,omitempty"`
	Error string `json:"error,omitempty"`
}

// The types of lines. Beside them a command writes documents, such as its plan, under names of its own.
const (
	streamType       = "stream"
	noticeType       = "notice"
	waitingType      = "waiting"
	runStartedType   = "run-started"
	stepStartedType  = "step-started"
	stepWaitingType  = "step-waiting"
	stepOutputType   = "step-output"
	stepFinishedType = "step-finished"
	gapType          = "api-gap"
	runFinishedType  = "run-finished"
)

func encode(e Event) line {
	switch e := e.(type) {
	case Notice:
		return line{Type: noticeType, Time: e.Time, Warning: e.Warning, Text: e.Text}
	case Waiting:
		return line{Type: waitingType, Time: e.Time, For: e.For}
	case RunStarted:
		return line{Type: runStartedType, Time: e.Time, Tree: &e.Tree}
	case StepStarted:
		return line{Type: stepStartedType, Time: e.Time, ID: e.ID}
	case StepWaiting:
		return line{Type: stepWaitingType, Time: e.Time, ID: e.ID, For: e.For}
	case StepOutput:
		return line{Type: stepOutputType, Time: e.Time, ID: e.ID, Line: e.Line}
	case StepFinished:
		return line{Type: stepFinishedType, Time: e.Time, ID: e.ID, State: e.State, Took: e.Took.String(), Error: e.Error}
	case ProbeGap:
		return line{Type: gapType, Time: e.End, Start: e.Start, Steps: e.Steps, Error: e.Error}
	case RunFinished:
		return line{Type: runFinishedType, Time: e.Time, Took: e.Took.String(), Error: e.Error}
	}
	panic(fmt.Sprintf("event: %T has no line", e)) // the types above are all there are
}

// Decode reads a line of the stream. What is no event, such as a document or a type of a later release, is nil.
func Decode(text []byte) (Event, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	var took time.Duration
	if l.Took != "" {
		var err error
		if took, err = time.ParseDuration(l.Took); err != nil {
			return nil, fmt.Errorf("read event %s: %w", l.Type, err)
		}
	}
	switch l.Type {
	case streamType:
		if l.Version != StreamVersion {
			return nil, fmt.Errorf("read events: their version is %q, want %q", l.Version, StreamVersion)
		}
	case noticeType:
		return Notice{Time: l.Time, Warning: l.Warning, Text: l.Text}, nil
	case waitingType:
		return Waiting{Time: l.Time, For: l.For}, nil
	case runStartedType:
		if l.Tree == nil {
			return nil, fmt.Errorf("read event %s: it has no tree", l.Type)
		}
		return RunStarted{Time: l.Time, Tree: *l.Tree}, nil
	case stepStartedType:
		return StepStarted{Time: l.Time, ID: l.ID}, nil
	case stepWaitingType:
		return StepWaiting{Time: l.Time, ID: l.ID, For: l.For}, nil
	case stepOutputType:
		return StepOutput{Time: l.Time, ID: l.ID, Line: l.Line}, nil
	case stepFinishedType:
		return StepFinished{Time: l.Time, ID: l.ID, State: l.State, Took: took, Error: l.Error}, nil
	case gapType:
		return ProbeGap{Start: l.Start, End: l.Time, Steps: l.Steps, Error: l.Error}, nil
	case runFinishedType:
		return RunFinished{Time: l.Time, Took: took, Error: l.Error}, nil
	}
	return nil, nil
}

// backlog is how many lines may wait for a reader that pauses, as a pager does.
const backlog = 1 << 16

// Lines writes events as JSON, one a line. After the first line that cannot be written it writes no other: a stream with a hole tells lies.
type Lines struct {
	failed func(error)
	queue  chan []byte
	done   chan struct{}

	mu sync.Mutex
	// dead is set when nothing is queued any more, and told when the reason was told.
	dead, told bool
	// waits are what is waited for now, by step; that outside of any step is at "".
	waits map[string]string
}

// NewLines begins a stream with the line that tells its version. That it cannot be written any more is told once.
func NewLines(w io.Writer, now time.Time, failed func(error)) *Lines {
	l := &Lines{failed: failed, queue: make(chan []byte, backlog), done: make(chan struct{}), waits: map[string]string{}}
	go l.drain(w)
	l.write(line{Type: streamType, Time: now, Version: StreamVersion})
	return l
}

// Emit implements Sink. That the same is still waited for is no news.
func (l *Lines) Emit(e Event) {
	switch e := e.(type) {
	case Waiting:
		if !l.news("", e.For) {
			return
		}
	case StepWaiting:
		if !l.news(e.ID, e.For) {
			return
		}
	case StepFinished:
		l.news(e.ID, "")
	}
	l.write(encode(e))
}

func (l *Lines) news(id, what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits[id] == what {
		return false
	}
	l.waits[id] = what
	return true
}

// Document writes something that is no event: a line of that type, with the document under the same name.
func (l *Lines) Document(now time.Time, name string, document any) {
	// Who reads by eye looks for the type first, where a map would not have it.
	text, err := json.Marshal(document)
	if err != nil {
		l.failed(fmt.Errorf("write events: %s: %w", name, err))
		return
	}
	l.write(json.RawMessage(fmt.Sprintf(`{"type":%q,"time":%q,%q:%s}`, name, now.Format(time.RFC3339Nano), name, text)))
}

// Close ends the stream, and waits until all of it is written.
func (l *Lines) Close() {
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	close(l.queue)
	<-l.done
}

func (l *Lines) write(v any) {
	text, err := json.Marshal(v)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	if err == nil {
		select {
		case l.queue <- append(text, '\n'):
			return
		default:
			err = fmt.Errorf("their reader is %d lines behind", backlog)
		}
	}
	l.die(err)
}

// drain writes what is queued, so that no step waits for a reader.
func (l *Lines) drain(w io.Writer) {
	defer close(l.done)
	var err error
	for text := range l.queue {
		if err != nil {
			continue
		}
		if _, err = w.Write(text); err != nil {
			l.mu.Lock()
			l.die(err)
			l.mu.Unlock()
		}
	}
}

// die is called with the lock held.
func (l *Lines) die(err error) {
	l.dead = true
	if l.told {
		return
	}
	l.told = true
	l.failed(fmt.Errorf("write events: %w", err))
}
