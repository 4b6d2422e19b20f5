// Command replay shows a recorded stream of events in the live view, as fast as it is told to.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/ui"
)

func main() {
	speed := flag.Float64("speed", 1, "how many times as fast as it was")
	flag.Parse()
	if flag.NArg() != 1 || *speed <= 0 {
		fmt.Fprintln(os.Stderr, "usage: replay [--speed N] EVENTS")
		os.Exit(2)
	}
	if err := replay(flag.Arg(0), *speed); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

func replay(file string, speed float64) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	view := ui.New(os.Stderr, ui.Options{Getenv: os.Getenv})
	defer view.Close()
	var recorded, began time.Time
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var at struct {
			Time  time.Time `json:"time"`
			Start time.Time `json:"start"`
		}
		if err := json.Unmarshal(lines.Bytes(), &at); err != nil {
			return err
		}
		if recorded.IsZero() {
			recorded, began = at.Time, time.Now()
		}
		// What was then is now, and everything takes as much less time as it goes faster.
		now := func(then time.Time) time.Time {
			return began.Add(time.Duration(float64(then.Sub(recorded)) / speed))
		}
		time.Sleep(time.Until(now(at.Time)))
		moved, err := move(lines.Bytes(), now(at.Time), now(at.Start))
		if err != nil {
			return err
		}
		e, err := event.Decode(moved)
		if err != nil {
			return err
		}
		if e != nil {
			view.Emit(e)
		}
	}
	return lines.Err()
}

// move gives a line other times.
func move(line []byte, at, start time.Time) ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, err
	}
	for name, t := range map[string]time.Time{"time": at, "start": start} {
		if fields[name] == nil {
			continue
		}
		text, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		fields[name] = text
	}
	return json.Marshal(fields)
}
