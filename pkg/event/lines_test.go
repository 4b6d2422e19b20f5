package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 1, 2, 15, 4, 5, 600_000_000, time.UTC)

// every has an event of every type, with every field set.
func every() []Event {
	tree := Tree{Title: "t", Phases: []Phase{{ID: "p", Title: "P", Hop: "v1.34.2", Parallel: 2, Groups: []Group{{ID: "g", Title: "G", Steps: []Step{{ID: "s", Title: "S"}}}}}}}
	return []Event{
		Notice{now, true, "beware"}, Waiting{now, "agent on w-1"}, RunStarted{now, tree}, StepStarted{now, "s"}, StepWaiting{now, "s", "pod x"},
		StepOutput{now, "s", "Get:1 http://…"}, StepFinished{now, "s", Failed, 1500 * time.Millisecond, "no"},
		ProbeGap{now.Add(-time.Second), now, []string{"s"}, "refused"}, RunFinished{now, time.Minute, "no"},
	}
}

func TestLinesCanBeReadAgain(t *testing.T) {
	var b bytes.Buffer
	l := NewLines(&b, now, func(err error) { t.Error(err) })
	l.Document(now, "plan", map[string]string{"digest": "sha256:1"})
	for _, e := range every() {
		if v := reflect.ValueOf(e); fields(v) < v.NumField() {
			t.Errorf("%T has fields that are not set: they would not be missed", e)
		}
		l.Emit(e)
	}
	l.Close()
	var got []Event
	for text := range bytes.Lines(b.Bytes()) {
		e, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if e != nil {
			got = append(got, e)
		}
	}
	if want := every(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if first, _, _ := strings.Cut(b.String(), "\n"); first != `{"type":"stream","time":"2026-01-02T15:04:05.6Z","version":"v1"}` {
		t.Errorf("first line %s", first)
	}
}

func fields(v reflect.Value) int {
	n := 0
	for _, f := range v.Fields() {
		if !f.IsZero() {
			n++
		}
	}
	return n
}

// A later release may add types and fields; another version is another format.
func TestDecodeOfOtherReleases(t *testing.T) {
	if e, err := Decode([]byte(`{"type":"news","time":"2026-01-02T15:04:05Z","more":1}`)); e != nil || err != nil {
		t.Errorf("an unknown type is %v, %v; want nothing", e, err)
	}
	for _, text := range []string{`{"type":"stream","version":"v2"}`, `{"type":"run-started"}`, `{"type":"run-finished","took":"long"}`, `{`} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// A step that waits is asked again and again what it waits for.
func TestLinesTellAWaitOnce(t *testing.T) {
	var b bytes.Buffer
	l := NewLines(&b, now, func(err error) { t.Error(err) })
	for _, e := range []Event{
		Waiting{now, ""}, Waiting{now, "agent"}, Waiting{now, "agent"}, Waiting{now, ""}, Waiting{now, ""},
		StepWaiting{now, "s", "pod"}, StepWaiting{now, "s", "pod"}, StepWaiting{now, "r", "pod"}, StepFinished{now, "s", Done, 1, ""}, StepWaiting{now, "s", "pod"},
	} {
		l.Emit(e)
	}
	l.Close()
	if got := strings.Count(b.String(), "waiting\""); got != 5 {
		t.Errorf("%d lines of waits, want 5:\n%s", got, &b)
	}
}

type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) { b.writes++; return 0, errors.New("nobody reads") }

func TestLinesEndAtTheFirstThatIsLost(t *testing.T) {
	var told []error
	w := &broken{}
	l := NewLines(w, now, func(err error) { told = append(told, err) })
	l.Emit(StepStarted{now, "s"})
	l.Close()
	if len(told) != 1 || w.writes != 1 || !strings.Contains(fmt.Sprint(told), "nobody reads") {
		t.Errorf("%d writes, told %v; want one of each", w.writes, told)
	}
}

// TestLinesWaitForNoReader: a pager that shows the first page keeps no step from going on. One that never goes on loses the stream.
func TestLinesWaitForNoReader(t *testing.T) {
	reader, writer := io.Pipe()
	var told []error
	l := NewLines(writer, now, func(err error) { told = append(told, err) })
	for range backlog + 2 {
		l.Emit(StepOutput{now, "s", "x"})
	}
	if len(told) != 1 || !strings.Contains(told[0].Error(), "behind") {
		t.Errorf("told %v", told)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestEventsAreDocumented holds docs/events.md against the code, both ways.
func TestEventsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "`" + StreamVersion + "`"; !strings.Contains(string(text), want) {
		t.Errorf("docs/events.md does not name version %s", want)
	}
	types := []string{streamType}
	for _, e := range every() {
		types = append(types, encode(e).Type)
	}
	for _, name := range types {
		if !strings.Contains(string(text), "| `"+name+"` |") {
			t.Errorf("docs/events.md has no row for %s", name)
		}
	}
	for _, v := range []any{line{}, Tree{}, Phase{}, Group{}, Step{}} {
		for f := range reflect.TypeOf(v).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("docs/events.md does not tell of field %s", name)
			}
		}
	}
}
