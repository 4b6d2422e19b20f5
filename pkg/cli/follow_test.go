package cli

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestWhoFollowsOutlastsARestart: an API server that restarts is away, and then refuses everybody for a while.
func TestWhoFollowsOutlastsARestart(t *testing.T) {
	refused := fmt.Errorf("get record: %w", apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "run", errors.New("no")))
	synctest.Test(t, func(t *testing.T) {
		var p patience
		for i, err := range []error{syscall.ECONNREFUSED, refused, apierrors.NewUnauthorized("no"), syscall.ECONNREFUSED, refused} {
			if !p.passes(err) {
				t.Errorf("look %d is the last: %v", i, err)
			}
			time.Sleep(refusalPatience / 2)
		}
		time.Sleep(refusalPatience)
		if p.passes(refused) {
			t.Error("a refusal that stays is never believed")
		}
		if p.passes(nil); !p.passes(refused) {
			t.Error("a refusal after a good answer is believed at once")
		}
		if p.passes(errors.New("no such thing")) {
			t.Error("an error that does not pass is waited for")
		}
	})
}
