package etcd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// serverPatience is how long an API server may take to end: it lets requests finish, and the kubelet kills it in the end.
const serverPatience = 3 * time.Minute

// ServerStop ends this host's API server and keeps its manifest where the kubelet does not look.
func (h Host) ServerStop(ctx context.Context, _ hostaction.ServerStop) (any, error) {
	k := h.kept(stoppedServer)
	rec, err := k.read()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(staticpod.Server); err == nil {
		if err := k.clear(); err != nil {
			return nil, err
		}
		rec = &record{Phase: forward}
		if rec.Files, err = k.files([]string{staticpod.Server}); err != nil {
			return nil, err
		}
		if err := k.write(rec); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) || rec == nil {
		return nil, fmt.Errorf("stop API server: %w", err)
	}
	p := &pod{h: h, manifest: staticpod.Server}
	if err := before(p, k, rec); err != nil {
		return nil, err
	}
	running, err := p.running()
	if err != nil {
		return nil, err
	}
	if err := p.remove(); err != nil {
		return nil, err
	}
	if running != nil {
		err = until(ctx, serverPatience, "wait for the API server to end", func() (bool, error) { return !running.Runs(), nil })
	}
	if err == nil {
		h.say("this host's API server has ended; its manifest is kept in %s", k)
	}
	return nil, err
}

// ServerStart puts the API server's manifest back. That it serves is for the caller to wait for.
func (h Host) ServerStart(_ context.Context, a hostaction.ServerStart) (any, error) {
	k := h.kept(stoppedServer)
	rec, err := k.read()
	if err != nil {
		return nil, err
	}
	if rec == nil {
		if _, err := os.Stat(staticpod.Server); err != nil {
			return nil, fmt.Errorf("start API server: its manifest is nowhere: %w", err)
		}
		if a.After == "" {
			return nil, nil
		}
		return nil, writeText(staticpod.Server, []byte(a.After))
	}
	texts, err := k.texts(rec.Files)
	if err != nil {
		return nil, err
	}
	if a.After != "" {
		texts = []text{{path: staticpod.Server, text: []byte(a.After)}}
	}
	if err := writeAll(texts); err != nil {
		return nil, err
	}
	h.say("put back %s", staticpod.Server)
	return nil, errors.Join(k.clear(), file.SyncDir(filepath.Dir(staticpod.Server)))
}
