package record

import (
	"slices"
	"strings"
)

// Merge puts together what two places know of the same run, such as the cluster, which could not be written to for a while, and the
// machine that the run was on. Of each step the newer entry counts. A run that is not the same is left out.
func Merge(cluster, local *Run) *Run {
	if cluster == nil || local == nil || cluster.ID != local.ID {
		return cluster
	}
	older, newer := cluster, local
	if local.Updated.Before(cluster.Updated) {
		older, newer = local, cluster
	}
	out := newer.clone()
	if out.Plan == nil {
		out.Plan = older.Plan
	}
	if out.Plan != nil {
		out.LeftOut = ""
	}
	// What the older place takes to be running has no say: the newer one has seen what became of it.
	out.Journal = entries(older.Journal, newer.Journal)
	return &out
}

// entries joins two journals in the order in which steps ended.
func entries(a, b []Entry) []Entry {
	at := map[string]Entry{}
	for _, e := range slices.Concat(a, b) {
		if have, ok := at[e.ID]; !ok || !e.ended().Before(have.ended()) {
			at[e.ID] = e
		}
	}
	out := make([]Entry, 0, len(at))
	for _, e := range at {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int {
		if c := a.ended().Compare(b.ended()); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}
