package proc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRunLogsLinesAndExplains(t *testing.T) {
	var log bytes.Buffer
	err := Run(t.Context(), &log, "sh", "-c", `printf 'one\n10%%\r20%%\rdone\n'; echo two >&2; printf 'no end'; exit 3`)
	p, ok := errors.AsType[*Error](err)
	if !ok || p.Code != 3 || !strings.HasSuffix(err.Error(), "exit status 3: one; done; two; no end") {
		t.Errorf("err = %v", err)
	}
	if _, out, _ := strings.Cut(log.String(), "exit 3\n"); out != "one\ndone\ntwo\nno end\n" {
		t.Errorf("log = %q", log.String())
	}
}

func TestRunSaysWhyItWasStopped(t *testing.T) {
	why := errors.New("the time is over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
	defer cancel()
	if err := Run(ctx, &bytes.Buffer{}, "sleep", "60"); !errors.Is(err, why) {
		t.Errorf("err = %v", err)
	}
}

func TestProgramsAskNothing(t *testing.T) {
	out, err := Output(t.Context(), "sh", "-c", "echo $DEBIAN_FRONTEND $LC_ALL $NEEDRESTART_SUSPEND; cat")
	if err != nil || out != "noninteractive C 1\n" {
		t.Errorf("%q, %v", out, err)
	}
}
