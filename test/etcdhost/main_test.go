//go:build realetcd

package etcdhost

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// replaceFile names, for a process of our own that is going to be killed, what it is to do.
const replaceFile = "ETCDHOST_REPLACE"

// tools is a folder with etcd-migrate and the servers, as the agent has it on a host; knownBad one with servers that no agent has.
var tools, knownBad string

func TestMain(m *testing.M) {
	if path := os.Getenv(replaceFile); path != "" {
		os.Exit(replaceAsChild(path))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "etcdhost-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = makeTools(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	tools = dir
	if knownBad = os.Getenv("ETCD_KNOWN_BAD_DIR"); knownBad == "" {
		fmt.Fprintln(os.Stderr, "ETCD_KNOWN_BAD_DIR is not set: run make test-etcd")
		return 1
	}
	return m.Run()
}

func makeTools(dir string) error {
	from := os.Getenv("ETCD_BIN_DIR")
	if from == "" {
		return fmt.Errorf("ETCD_BIN_DIR is not set: run make test-etcd")
	}
	programs, err := filepath.Glob(filepath.Join(from, "etcd*-*"))
	if err != nil {
		return err
	}
	for _, p := range programs {
		if err := os.Symlink(p, filepath.Join(dir, filepath.Base(p))); err != nil {
			return err
		}
	}
	out, err := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(dir, "etcd-migrate"), "../../cmd/etcd-migrate").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build etcd-migrate: %w: %s", err, out)
	}
	return nil
}

// job is a replacement for a process of its own.
type job struct {
	Work   string
	Units  string
	Action hostaction.EtcdReplace
}

func replaceAsChild(path string) int {
	var j job
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		_, err = etcdhost.Host{Work: workdir.Dir(j.Work), Log: os.Stderr, Services: units(j.Units).connect}.Replace(ctx, j.Action)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// limit is how long anything may take.
const limit = 2 * time.Minute
