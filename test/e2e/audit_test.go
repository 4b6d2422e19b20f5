package main

import (
	"encoding/json"
	"testing"
	"time"
)

// TestCordons: a request that was done for somebody who was killed meanwhile counts, and one that was asked again does not count twice.
func TestCordons(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type patch struct {
		to     string
		unsure bool
	}
	for name, c := range map[string]struct {
		patches []patch
		times   int
		open    bool
	}{
		"once":                              {[]patch{{"true", false}, {"null", false}}, 1, true},
		"never opened":                      {[]patch{{"true", false}}, 1, false},
		"twice":                             {[]patch{{"true", false}, {"null", false}, {"true", false}, {"null", false}}, 2, true},
		"twice without an opening":          {[]patch{{"true", false}, {"true", false}, {"null", false}}, 2, true},
		"opened for somebody who was gone":  {[]patch{{"true", false}, {"null", true}}, 1, true},
		"closed for somebody who was gone":  {[]patch{{"true", true}, {"null", false}}, 1, true},
		"closed again, since nobody knew":   {[]patch{{"true", true}, {"true", false}, {"null", false}}, 1, true},
		"closed again, and once more":       {[]patch{{"true", true}, {"true", false}, {"true", false}, {"null", false}}, 2, true},
		"opened again, since nobody knew":   {[]patch{{"true", false}, {"null", true}, {"null", false}}, 1, true},
		"closed again when it was known of": {[]patch{{"true", true}, {"null", false}, {"true", false}, {"null", false}}, 2, true},
	} {
		var a audit
		for i, p := range c.patches {
			ev := auditEvent{Verb: "patch", At: at.Add(time.Duration(i+1) * time.Second), unsure: p.unsure, RequestObject: json.RawMessage(`{"spec":{"unschedulable":` + p.to + `}}`)}
			ev.ObjectRef.Resource, ev.ObjectRef.Name = "nodes", "w-1"
			a = append(a, ev)
		}
		got := a.cordons()["w-1"]
		if len(got) != c.times || got[len(got)-1].to.IsZero() == c.open {
			t.Errorf("%s: %v", name, got)
		}
	}
}
