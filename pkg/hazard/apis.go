package hazard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// flowControl is what API servers themselves ask for, from 1.23 to 1.26 by a version that they do not prefer: that somebody asks tells nothing.
const flowControl = "flowcontrol.apiserver.k8s.io"

// apiRows are three for each version of an API that ends: its objects are lost, somebody asks for it, somebody has written by it.
func apiRows() []Hazard {
	var out []Hazard
	for _, a := range knowledge.RemovedAPIs() {
		name := a.GroupVersion() + " " + a.Kind
		id := strings.ToLower(strings.TrimPrefix(a.Group+"-", "-") + a.Version + "-" + a.Kind)
		fix := "use " + a.Replacement
		if a.Replacement == "" {
			fix = "use a version that stays, where there is one: kubectl api-resources"
		}
		out = append(out,
			Hazard{ID: "api-objects-" + id, Since: a.Removed, Severity: Skippable, Source: a.Source,
				Title:    fmt.Sprintf("%s ends with %s, and no other version of it is left: its objects stay in etcd, where nobody can read or delete them", name, a.Removed),
				Evidence: "%s %s", Fix: "keep a copy of what is needed, and delete the objects before the upgrade",
				find: func(f Facts) []Offender { return storedObjects(f, a) }},
			Hazard{ID: "api-written-" + id, Since: a.Removed, Severity: Advice, Source: a.Source,
				Title:    fmt.Sprintf("%s ends with %s, and objects were last written by it: who applies the same files again is refused", name, a.Removed),
				Evidence: "%s %s was written by %s%s", Fix: fix + " in the files that these are made from",
				find: func(f Facts) []Offender { return writers(f, a) }},
		)
		if a.Group == flowControl {
			continue
		}
		out = append(out, Hazard{ID: "api-requested-" + id, Since: a.Removed, Severity: Skippable, Source: a.Source,
			Title:    fmt.Sprintf("%s ends with %s, and somebody asks for it: he is told that there is no such thing", name, a.Removed),
			Evidence: "%s has been asked for since API server %s started", Fix: fix + "; the audit log of the API server tells who asks",
			find: func(f Facts) []Offender { return requests(f, a) }})
	}
	return out
}

func stored(f Facts, a knowledge.RemovedAPI) cluster.StoredAPI {
	i := slices.IndexFunc(f.Cluster.Survey.Stored, func(s cluster.StoredAPI) bool {
		return s.Group == a.Group && s.Version == a.Version && s.Kind == a.Kind
	})
	if i < 0 {
		return cluster.StoredAPI{}
	}
	return f.Cluster.Survey.Stored[i]
}

func storedObjects(f Facts, a knowledge.RemovedAPI) []Offender {
	s := stored(f, a)
	var out []Offender
	for _, o := range s.Objects {
		out = append(out, Offender{a.Kind, o})
	}
	if len(s.Objects) > 0 && s.More > 0 {
		out = append(out, Offender{a.Kind, fmt.Sprintf("(%d more)", s.More)})
	}
	return out
}

func writers(f Facts, a knowledge.RemovedAPI) []Offender {
	s := stored(f, a)
	var out []Offender
	for _, w := range s.Writers {
		at := ""
		if !w.Time.IsZero() {
			at = " at " + w.Time.UTC().Format(time.RFC3339)
		}
		out = append(out, Offender{a.Kind, w.Object, w.Manager, at})
	}
	return out
}

// requests finds those of clients that chose this version. The version that a server prefers is asked for by the garbage collector all the time,
// and that alone tells nothing.
func requests(f Facts, a knowledge.RemovedAPI) []Offender {
	served := f.Cluster.Survey.APIs
	i := slices.IndexFunc(served, func(s cluster.ServedAPI) bool {
		return s.Group == a.Group && s.Version == a.Version && s.Kind == a.Kind
	})
	if i < 0 || served[i].Preferred {
		return nil
	}
	var out []Offender
	for _, r := range f.Cluster.Survey.Requested {
		if r.Group != a.Group || r.Version != a.Version || r.Resource != served[i].Resource {
			continue
		}
		for _, s := range r.Servers {
			out = append(out, Offender{strings.TrimPrefix(r.Group+"/"+r.Version, "/") + " " + r.Resource, s})
		}
	}
	return out
}
