package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// auditEvent is one line of an API server's audit log, as far as it is judged here.
type auditEvent struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	UserAgent string `json:"userAgent"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	RequestObject  json.RawMessage `json:"requestObject"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	At time.Time `json:"requestReceivedTimestamp"`

	// server is the node whose API server wrote the line.
	server string
	// unsure is set where the client was gone before the answer: the change may be done or not.
	unsure bool
}

// audit is what all API servers together were asked, in order of time.
type audit []auditEvent

// auditSince reads the logs of all API servers. What was refused is left out, for it changed nothing; what was done for somebody who was killed meanwhile is said to
// have run out of time, and is not.
func (e *env) auditSince(ctx context.Context, since time.Time) (audit, error) {
	var all audit
	for _, n := range e.lab.info.controlPlanes() {
		text, err := e.lab.exec(ctx, n, "sh", "-c", "cat /var/log/kubernetes/*.log")
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(strings.NewReader(text))
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			ev := auditEvent{server: n}
			if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
				return nil, fmt.Errorf("read audit log of %s: %w", n, err)
			}
			code := ev.ResponseStatus.Code
			ev.unsure = code == http.StatusGatewayTimeout
			if !ev.At.Before(since) && (code/100 == 2 || ev.unsure) {
				all = append(all, ev)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read audit log of %s: %w", n, err)
		}
	}
	slices.SortStableFunc(all, func(a, b auditEvent) int { return a.At.Compare(b.At) })
	return all, nil
}

// nodeChange is what a patch of a node says of the two things that an upgrade changes.
type nodeChange struct {
	Spec map[string]json.RawMessage `json:"spec"`
}

// nodeChanges gives every change of every node, in order.
func (a audit) nodeChanges(yield func(auditEvent, nodeChange) bool) {
	for _, ev := range a {
		if ev.ObjectRef.Resource != "nodes" || ev.ObjectRef.Subresource != "" || ev.Verb != "patch" && ev.Verb != "update" {
			continue
		}
		var c nodeChange
		// A patch in JSON's own form is a list; neither kubectl nor the product nor a controller cordons by one.
		if json.Unmarshal(ev.RequestObject, &c) == nil && !yield(ev, c) {
			return
		}
	}
}

// cordons are the times at which each node was closed and opened again, by what the API servers were asked.
func (a audit) cordons() map[string][]interval {
	out, unsure := map[string][]interval{}, map[string]bool{}
	for ev, c := range a.nodeChanges {
		to, ok := c.Spec["unschedulable"]
		if !ok {
			continue
		}
		of := out[ev.ObjectRef.Name]
		open := len(of) > 0 && of[len(of)-1].to.IsZero()
		switch {
		case string(to) == "true" && open && (ev.unsure || unsure[ev.ObjectRef.Name]):
			unsure[ev.ObjectRef.Name] = ev.unsure // asked again after a request of which nobody heard
		case string(to) == "true":
			of = append(of, interval{from: ev.At})
			unsure[ev.ObjectRef.Name] = ev.unsure
		case open:
			of[len(of)-1].to = ev.At
		}
		out[ev.ObjectRef.Name] = of
	}
	return out
}

// drainedOnce wants each node closed by one request and opened by a later one, and no pod evicted twice or off a node that is not closed.
func (a audit) drainedOnce(nodes []string) error {
	cordons := a.cordons()
	for _, n := range nodes {
		if all := cordons[n]; len(all) != 1 || all[0].to.IsZero() {
			return fmt.Errorf("node %s was cordoned %d times by the audit log, want once, and opened again: %v", n, len(all), all)
		}
	}
	closed := func(at time.Time) bool {
		for _, n := range nodes {
			if i := cordons[n][0]; at.After(i.from) && at.Before(i.to) {
				return true
			}
		}
		return false
	}
	evicted := map[string]bool{}
	for _, ev := range a {
		if ev.ObjectRef.Subresource != "eviction" || ev.unsure {
			continue
		}
		pod := ev.ObjectRef.Namespace + "/" + ev.ObjectRef.Name
		if evicted[pod] || !closed(ev.At) {
			return fmt.Errorf("pod %s was evicted at %s (again: %t) while a node was closed: %t", pod, ev.At, evicted[pod], closed(ev.At))
		}
		evicted[pod] = true
	}
	if len(evicted) == 0 {
		return fmt.Errorf("the audit log tells of no eviction: nothing was drained, or the log is not whole")
	}
	return nil
}

const markTaint = "kubectl-upgrade.io/to-be-drained"

// markedOnce wants the taint of nodes that are to be drained set on each once and taken away once, the latter not before the cordon.
func (a audit) markedOnce(nodes []string) error {
	set, gone := map[string]int{}, map[string]int{}
	on := map[string]bool{}
	// The list of taints is always written as a whole, by controllers too.
	for ev, c := range a.nodeChanges {
		taints, ok := c.Spec["taints"]
		if !ok {
			continue
		}
		n, has := ev.ObjectRef.Name, strings.Contains(string(taints), `"`+markTaint+`"`)
		switch {
		case has && !on[n]:
			set[n]++
		case !has && on[n]:
			gone[n]++
		}
		on[n] = has
	}
	for _, n := range nodes {
		if set[n] != 1 || gone[n] != 1 {
			return fmt.Errorf("taint %s was set on %s %d times and taken away %d times, want once each", markTaint, n, set[n], gone[n])
		}
	}
	return nil
}
