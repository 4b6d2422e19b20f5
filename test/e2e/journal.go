package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// hostRun is one host action as systemd has run it.
type hostRun struct {
	node, kind string
	interval
}

var (
	unitStarted = regexp.MustCompile(`^Started (\S+\.service) - kubectl upgrade: \S+ \((\S+)\)\.?$`)
	unitEnded   = regexp.MustCompile(`^(kubectl-upgrade-\S+\.service): (Deactivated successfully|Succeeded|Failed with result)`)
)

// hostRuns are the host actions that ended since then, by the journal of every host.
func (e *env) hostRuns(ctx context.Context, since time.Time) ([]hostRun, error) {
	var all []hostRun
	for _, n := range e.lab.info.nodes() {
		text, err := e.lab.exec(ctx, n, "journalctl", "--no-pager", "_PID=1", "-o", "json", "--output-fields=MESSAGE", "--since", fmt.Sprintf("@%.3f", float64(since.UnixMilli())/1000))
		if err != nil {
			return nil, err
		}
		open := map[string]hostRun{}
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			var entry struct {
				Message any    `json:"MESSAGE"` // a list of numbers where it is no text
				At      string `json:"__REALTIME_TIMESTAMP"`
			}
			if err := json.Unmarshal([]byte(line), &entry); err != nil {
				return nil, fmt.Errorf("read journal of %s: %w", n, err)
			}
			micros, err := strconv.ParseInt(entry.At, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read journal of %s: %w", n, err)
			}
			message, _ := entry.Message.(string)
			if m := unitStarted.FindStringSubmatch(message); m != nil {
				open[m[1]] = hostRun{node: n, kind: m[2], interval: interval{from: time.UnixMicro(micros)}}
			} else if m := unitEnded.FindStringSubmatch(message); m != nil {
				if r, ok := open[m[1]]; ok {
					r.to = time.UnixMicro(micros)
					all = append(all, r)
					delete(open, m[1])
				}
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the journals tell of no host action")
	}
	return all, nil
}
