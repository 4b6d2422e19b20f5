// Package sandbox runs a server of 2.x on a copy of its data, which etcd-migrate does for all later ones.
package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// limit is how long the server may take.
const limit = 2 * time.Minute

// Serve2 serves a copy of a directory, as a cluster of one, and gives the index of the v2 store.
func Serve2(ctx context.Context, program, dir string) (uint64, error) {
	copied, err := os.MkdirTemp(filepath.Dir(dir), ".verify-")
	if err != nil {
		return 0, fmt.Errorf("serve: %w", err)
	}
	defer os.RemoveAll(copied)
	if err := copyTree(dir, copied); err != nil {
		return 0, fmt.Errorf("serve: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client, peer, err := free(ctx)
	if err != nil {
		return 0, fmt.Errorf("serve: %w", err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "--data-dir", copied, "--force-new-cluster", "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ETCD_UNSUPPORTED_ARCH=" + runtime.GOARCH}
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the signal comes when the thread ends: https://github.com/golang/go/issues/27505
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("serve: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		cancel()
		<-ended //nolint:errcheck // it was killed
	}()
	c, err := ask.New(hostaction.EtcdAccess{})
	if err != nil {
		return 0, err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := c.Status(ctx, client)
		if err == nil && a.Leader == a.ID {
			return a.V2Index, nil
		}
		select {
		case werr := <-ended:
			ended <- werr
			return 0, fmt.Errorf("serve: %s ended: %w: %s", filepath.Base(program), werr, last(said.String()))
		case <-ctx.Done():
			return 0, fmt.Errorf("serve: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func last(s string) string { return strings.TrimSpace(s[max(0, len(s)-500):]) }

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		return disk.Copy(path, filepath.Join(to, rel))
	})
}

// free finds two URLs that nothing listens on, of a loopback address that nobody else is likely to use: a port of 127.0.0.1 can become the near end of
// anybody's connection before the server opens it.
func free(ctx context.Context) (client, peer string, err error) {
	host := fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	var urls [2]string
	for i := range urls {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", host)
		if err != nil {
			return "", "", err
		}
		defer l.Close()
		urls[i] = "http://" + l.Addr().String()
	}
	return urls[0], urls[1], nil
}
