package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/server"
)

// text is n bytes that do not compress, as the same for the same seed.
func text(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	return base64.RawStdEncoding.EncodeToString(raw)[:n]
}

// run runs a server for as long as use takes.
func (b *bench) run(ctx context.Context, version, dir string, use func(endpoint string) error) error {
	s, err := server.Start(ctx, server.Options{Binary: filepath.Join(b.bin, "etcd-"+version), Version: version, DataDir: dir, Name: "default"})
	if err != nil {
		return err
	}
	if err = s.Await(ctx); err == nil {
		err = use(s.Endpoint)
	}
	if err != nil {
		s.Kill()
		return err
	}
	return s.Stop(ctx)
}

// data is the directory of a 2.3.8 with the keys.
func (b *bench) data(ctx context.Context) (string, error) {
	if b.origin != "" {
		return b.origin, nil
	}
	began := time.Now()
	dir := filepath.Join(b.dir, "origin", "data")
	err := b.run(ctx, "2.3.8", dir, func(endpoint string) error { return b.fillV2(ctx, endpoint) })
	if err != nil {
		return "", fmt.Errorf("fill etcd 2.3.8: %w", err)
	}
	say("%d keys written through etcd 2.3.8 in %s", b.keys, time.Since(began).Round(time.Second))
	b.origin = dir
	return dir, nil
}

func (b *bench) fillV2(ctx context.Context, endpoint string) error {
	const writers = 64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}}
	group, ctx := errgroup.WithContext(ctx)
	for w := range writers {
		group.Go(func() error {
			for i := w; i < b.keys; i += writers {
				target := fmt.Sprintf("%s/v2/keys/registry/pods/namespace-%03d/pod-%06d", endpoint, i%200, i)
				req, err := http.NewRequestWithContext(ctx, http.MethodPut, target, strings.NewReader(url.Values{"value": {text(uint64(i), 1024)}}.Encode())) //nolint:gosec // counts up from 0
				if err != nil {
					return err
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				resp, err := client.Do(req)
				if err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err == nil && resp.StatusCode != http.StatusCreated {
					err = errors.New(resp.Status)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// fillV3 makes a database of about that many megabytes, of values as large as they are let.
func fillV3(ctx context.Context, endpoint string, megabytes int) error {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer c.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	value := text(1, 256<<10)
	for i := range megabytes * 4 {
		group.Go(func() error {
			_, err := c.Put(ctx, fmt.Sprintf("/registry/secrets/namespace-%03d/secret-%06d", i%100, i), value)
			return err
		})
	}
	return group.Wait()
}

func trim(b []byte) string { return string(bytes.TrimSpace(b)) }
