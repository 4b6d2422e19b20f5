package record

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// An API server that has just started refuses everybody, with the words for somebody without rights.
func TestRefusalsAreToldOnceTheyLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		w := &Writer{warn: func(string, ...any) { told++ }}
		refused := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "run", errors.New("no role"))
		w.complain(refused)
		time.Sleep(refusal / 2)
		w.complain(errors.New("connection refused"))
		w.complain(refused)
		if told != 0 {
			t.Errorf("told %d times of what may pass", told)
		}
		time.Sleep(refusal/2 + time.Second)
		w.complain(refused)
		w.complain(refused)
		if told != 1 {
			t.Errorf("told %d times of refusals that stay", told)
		}
	})
}
