package host

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func newStore(t *testing.T, r hostaction.Request) (workdir.Dir, store) {
	t.Helper()
	work := workdir.Dir(t.TempDir())
	must(t, work.Make())
	s := store(work.Run(r.ID))
	must(t, os.MkdirAll(string(s), 0o700))
	must(t, s.reset(r))
	return work, s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func result(t *testing.T, s store) hostaction.Result {
	t.Helper()
	r, ok, err := s.readResult()
	if err != nil || !ok {
		t.Fatalf("no result: %v", err)
	}
	return r
}

func TestRunLeavesAResultWhateverHappens(t *testing.T) {
	r := hostaction.Request{ID: "a/b", Nonce: "n", Kind: "no-such-kind", Params: json.RawMessage(`{}`)}
	work, s := newStore(t, r)
	if settledNow, err := settled(s, r); settledNow || err != nil {
		t.Errorf("settled before it began: %t, %v", settledNow, err)
	}
	must(t, Run(t.Context(), work, string(s), &bytes.Buffer{}))
	got := result(t, s)
	if got.ID != "a/b" || got.Nonce != "n" || !strings.Contains(got.Error, "no-such-kind") || got.Finished.Before(got.Started) {
		t.Errorf("result = %+v", got)
	}
	must(t, Finish(t.Context(), string(s)))
	if d := cmp.Diff(got, result(t, s)); d != "" {
		t.Errorf("finish changed a result: %s", d)
	}
	for nonce, want := range map[string]bool{"n": true, "another": false} {
		r.Nonce = nonce
		if known, err := settled(s, r); known != want || err != nil {
			t.Errorf("settled(%s) = %t, %v", nonce, known, err)
		}
	}
}

func TestWhatCannotBeSeenIsDoneOnce(t *testing.T) {
	first, err := hostaction.NewRequest("w-1/node", "n", hostaction.KubeadmNode{Version: version.MustParse("v1.34.4")}, 0)
	must(t, err)
	other, err := hostaction.NewRequest("w-1/node", "m", hostaction.KubeadmNode{Version: version.MustParse("v1.34.5")}, 0)
	must(t, err)
	again := first
	again.Nonce = "m"
	_, s := newStore(t, first)
	for _, c := range []struct {
		failed string
		ask    hostaction.Request
		want   bool
	}{{"", again, true}, {"", other, false}, {"exit status 1", again, false}, {"exit status 1", first, true}} {
		must(t, writeJSON(s.result(), hostaction.Result{ID: first.ID, Nonce: first.Nonce, Error: c.failed}))
		if known, err := settled(s, c.ask); known != c.want || err != nil {
			t.Errorf("failed %q, asked for %s as %s: settled = %t, %v", c.failed, c.ask.Params, c.ask.Nonce, known, err)
		}
	}
}

func TestChangesWaitForEachOtherWithinTheirTime(t *testing.T) {
	r, err := hostaction.NewRequest("x", "n", hostaction.RestartKubelet{}, 300*time.Millisecond)
	must(t, err)
	work, s := newStore(t, r)
	unlock, err := file.Lock(t.Context(), work.Changes(), "w-1/install", func(string) {})
	must(t, err)
	defer unlock()
	var journal bytes.Buffer
	must(t, Run(t.Context(), work, string(s), &journal))
	if got := result(t, s); got.Code != hostaction.CodeTimeout {
		t.Errorf("result = %+v", got)
	}
	if journal.String() != "waiting for w-1/install\n" {
		t.Errorf("log = %q", journal.String())
	}
}

func TestFinishSaysHowTheProcessEnded(t *testing.T) {
	for word, code := range map[string]string{"oom-kill": hostaction.CodeInterrupted, "timeout": hostaction.CodeTimeout} {
		t.Setenv("SERVICE_RESULT", word)
		t.Setenv("EXIT_CODE", "killed")
		t.Setenv("EXIT_STATUS", "KILL")
		r := hostaction.Request{ID: "x", Nonce: "n", Kind: "facts"}
		_, s := newStore(t, r)
		must(t, Finish(t.Context(), string(s)))
		if got := result(t, s); got.Code != code || !strings.Contains(got.Error, word) || !strings.Contains(got.Error, "killed KILL") {
			t.Errorf("result = %+v", got)
		}
	}
}

func TestFollowGoesOnAtAnOffset(t *testing.T) {
	r := hostaction.Request{ID: "x", Nonce: "n", Kind: "facts"}
	_, s := newStore(t, r)
	must(t, os.WriteFile(s.log(), []byte("one\ntwo <&>\nno end"), 0o600))
	must(t, writeJSON(s.result(), hostaction.Result{ID: "x", Nonce: "n"}))
	for offset, want := range map[int64][]string{0: {"one", "two <&>", "no end"}, 4: {"two <&>", "no end"}, 18: nil, 99: {"one", "two <&>", "no end"}} {
		var out bytes.Buffer
		f := follower{store: s, unit: "u", id: "x", offset: offset, out: &out}
		must(t, f.follow(t.Context()))
		var texts []string
		var last hostaction.Frame
		for sc := bufio.NewScanner(&out); sc.Scan(); {
			last = hostaction.Frame{}
			must(t, json.Unmarshal(sc.Bytes(), &last))
			if last.Log != nil {
				texts = append(texts, last.Log.Text)
			}
		}
		if d := cmp.Diff(want, texts); d != "" || last.Result == nil {
			t.Errorf("from %d: %s", offset, d)
		}
	}
}

func TestInstallIsWholeAndOnce(t *testing.T) {
	work := workdir.Dir(filepath.Join(t.TempDir(), "w"))
	var paths []string
	for range 2 {
		p, err := Install(work)
		must(t, err)
		paths = append(paths, p)
	}
	info, err := os.Stat(paths[0])
	must(t, err)
	entries, err := os.ReadDir(work.Bin())
	must(t, err)
	if paths[0] != paths[1] || info.Mode().Perm() != 0o755 || len(entries) != 1 || info.Size() == 0 {
		t.Errorf("%v, %v, %v", paths, info.Mode(), entries)
	}
}

func TestPurgeKeepsARecordOfHolds(t *testing.T) {
	work := workdir.Dir(filepath.Join(t.TempDir(), "w"))
	must(t, work.Make())
	must(t, os.WriteFile(work.Holds(), []byte(`{}`), 0o600))
	must(t, Sweep(work))
	entries, err := os.ReadDir(string(work))
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	must(t, os.Remove(work.Holds()))
	must(t, Sweep(work))
	if _, err := os.Stat(string(work)); !os.IsNotExist(err) {
		t.Errorf("directory: %v", err)
	}
}
