package step

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestHold(t *testing.T) {
	// Each look lasts until a second of the test, from 0 on; the last one for good.
	type sight struct {
		until         int
		missing, mark string
	}
	for name, c := range map[string]struct {
		sights []sight
		took   time.Duration
		err    string
		// lacks is what is missing at the first of the last looks.
		lacks string
	}{
		"it runs and is Ready":                     {[]sight{{0, "", "a"}}, 10 * time.Second, "", ""},
		"it is Ready after it has run long enough": {[]sight{{15, "pod to be Ready", "a"}, {0, "", "a"}}, 15 * time.Second, "", ""},
		"it is Ready sooner":                       {[]sight{{4, "pod to be Ready", "a"}, {0, "", "a"}}, 10 * time.Second, "", ""},
		"it begins to run later":                   {[]sight{{5, "pod to be there", ""}, {12, "pod to be Ready", "a"}, {0, "", "a"}}, 15 * time.Second, "", ""},
		"it restarts while it is not Ready":        {[]sight{{5, "pod to be Ready", "a"}, {7, "pod to be Ready", "b"}, {0, "", "b"}}, 15 * time.Second, "", ""},
		"it restarts when it was Ready":            {[]sight{{9, "", "a"}, {0, "", "b"}}, 19 * time.Second, "", ""},
		"something breaks meanwhile":               {[]sight{{5, "", "a"}, {6, "API server to answer", ""}, {0, "", "a"}}, 16 * time.Second, "", ""},
		"it is never Ready":                        {[]sight{{0, "pod to be Ready", "a"}}, time.Minute, "wait for pod to be Ready: time is over", ""},
		"a host says no in the end":                {[]sight{{0, "", "a"}}, 21 * time.Second, "", "etcd on node \"w\" to answer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("time is over"))
				defer cancel()
				began := time.Now()
				var said []string
				err := hold(ctx, Reporter{Waiting: func(what string) { said = append(said, what) }}, 10*time.Second, func(context.Context) (string, string) {
					for i, s := range c.sights {
						if i == len(c.sights)-1 || time.Since(began) < time.Duration(s.until)*time.Second {
							return s.missing, s.mark
						}
					}
					panic("unreachable")
				}, func(context.Context) string {
					lacks := c.lacks
					c.lacks = ""
					return lacks
				})
				if took := time.Since(began); took != c.took || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
					t.Errorf("after %s: %v; want %s: %q", took, err, c.took, c.err)
				}
				if first := c.sights[0].missing; first != "" && said[0] != first || first == "" && !strings.HasPrefix(said[0], "everything to stay up") {
					t.Errorf("it waits for %q first", said[0])
				}
			})
		})
	}
}
