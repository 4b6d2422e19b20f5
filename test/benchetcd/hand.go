package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/loopback"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// byHand upgrades a member in place with the flags that it always has, fsync included.
func (b *bench) byHand(ctx context.Context, dir string, versions ...string) error {
	if err := tree.Copy(dir, dir+"-backup"); err != nil {
		return err
	}
	if err := tree.Sync(dir + "-backup"); err != nil {
		return err
	}
	for _, v := range versions {
		if err := b.oneByHand(ctx, dir, v); err != nil {
			return fmt.Errorf("etcd %s: %w", v, err)
		}
	}
	return nil
}

func (b *bench) oneByHand(ctx context.Context, dir, version string) error {
	free, err := loopback.Free(ctx, 2)
	if err != nil {
		return err
	}
	client, peer := "http://"+free[0], "http://"+free[1]
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "etcd-"+version), "--name", "default", "--data-dir", dir, "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	if err := cmd.Start(); err != nil {
		return err
	}
	minor := version[:strings.LastIndexByte(version, '.')]
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !reached(ctx, client, minor) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = cmd.Wait() // it ends by the signal
	return nil
}

// reached says whether the cluster, and from 3.6 on the storage, has the version.
func reached(ctx context.Context, endpoint, minor string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/version", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var v struct{ Cluster, Storage string }
	var raw map[string]string
	if json.NewDecoder(resp.Body).Decode(&raw) != nil {
		return false
	}
	v.Cluster, v.Storage = raw["etcdcluster"], raw["storage"]
	return strings.HasPrefix(v.Cluster, minor+".") && (minor < "3.6" || strings.HasPrefix(v.Storage, minor+"."))
}
