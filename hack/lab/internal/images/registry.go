package images

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// Config is the registry's configuration for a storage folder and an address.
func Config(storage, listen string) string {
	return fmt.Sprintf(`version: 0.1
log:
  level: info
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: %s
  delete:
    enabled: true
http:
  addr: %q
`, storage, listen)
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func stamp(cache string, i Image) string {
	return filepath.Join(cache, "registry-stamps", unsafe.ReplaceAllString(i.Ref+"-"+i.Key, "_"))
}

// Storage is the folder in the cache that holds every image built so far.
func Storage(cache string) string { return filepath.Join(cache, "registry") }

// Store builds the images that the cached registry does not hold yet.
func Store(ctx context.Context, cache, registry, log string, list []Image, say func(string, ...any)) error {
	var missing []Image
	for _, i := range list {
		if !store.Exists(stamp(cache, i)) {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	addr, stop, err := serve(ctx, cache, registry, log)
	if err != nil {
		return err
	}
	defer stop()
	for _, i := range missing {
		say("storing image %s", i.Ref)
		img, err := i.build()
		if err != nil {
			return err
		}
		ref, err := name.ParseReference(addr+"/"+i.Ref, name.Insecure)
		if err != nil {
			return fmt.Errorf("name image %s: %w", i.Ref, err)
		}
		if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
			return fmt.Errorf("push image %s: %w", i.Ref, err)
		}
		if err := os.MkdirAll(filepath.Dir(stamp(cache, i)), 0o755); err != nil {
			return fmt.Errorf("create stamp folder: %w", err)
		}
		if err := os.WriteFile(stamp(cache, i), nil, 0o644); err != nil {
			return fmt.Errorf("write stamp: %w", err)
		}
	}
	return nil
}

// serve runs the registry on a free local port over the cache's storage.
func serve(ctx context.Context, cache, registry, log string) (string, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("find free port: %w", err)
	}
	addr := l.Addr().String()
	l.Close()
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return "", nil, fmt.Errorf("create log folder: %w", err)
	}
	conf := filepath.Join(filepath.Dir(log), "registry.yml")
	if err := os.WriteFile(conf, []byte(Config(Storage(cache), addr)), 0o644); err != nil {
		return "", nil, fmt.Errorf("write registry configuration: %w", err)
	}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return "", nil, fmt.Errorf("open registry log: %w", err)
	}
	cmd := exec.CommandContext(ctx, registry, "serve", conf)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		f.Close()
		return "", nil, fmt.Errorf("start registry: %w", err)
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); f.Close() }
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if res, err := http.Get("http://" + addr + "/v2/"); err == nil {
			res.Body.Close()
			return addr, stop, nil
		}
		select {
		case <-ctx.Done():
			stop()
			return "", nil, fmt.Errorf("wait for registry at %s: %w\n  log: %s", addr, ctx.Err(), log)
		case <-tick.C:
		}
	}
}

// Seed gives a cluster its own registry storage. Blobs never change, so they are linked; everything small (tags may
// be moved later) is copied.
func Seed(cache, to string) error {
	from := Storage(cache)
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("seed registry: %w", err)
		}
		rel := strings.TrimPrefix(p, from)
		switch {
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case d.Name() == "data":
			return store.Link(p, filepath.Join(to, rel))
		}
		return store.Copy(p, filepath.Join(to, rel))
	})
}
