package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
)

// migrate runs etcd-migrate, and gives the seconds of what reads and converts, beside those of the whole.
func (b *bench) migrate(ctx context.Context, dir, to string) (used, float64, error) {
	u, err := measure(ctx, nil, b.program, "migrate", "--data-dir", dir, "--to", to, "--bin-dir", b.bin, "-o", "json")
	if err != nil {
		return u, 0, err
	}
	var r migrate.Result
	if err := json.Unmarshal(u.out, &r); err != nil {
		return u, 0, fmt.Errorf("read result: %w", err)
	}
	converting := r.Read
	say("    read              %7.2f s", r.Read.Seconds())
	for _, s := range r.Steps {
		say("    %-8s %-8s %7.2f s", s.Kind, max(s.Etcd, s.Minor), s.Duration.Seconds())
		if s.Kind == migrate.Convert {
			converting += s.Duration
		}
	}
	return u, converting.Seconds(), nil
}

// v2 compares with "etcdctl migrate" of 3.4, the last that has it. That one reads and converts, and no more; the same work is compared with it, and
// the whole command too, which compares what it has made with what was there, has etcd 3.4 serve it, and waits for the disk.
func (b *bench) v2(ctx context.Context) error {
	origin, err := b.data(ctx)
	if err != nil {
		return err
	}
	var ours, theirs []used
	var convert []float64
	for range b.runs {
		a, err := b.copied(origin)
		if err != nil {
			return err
		}
		c, err := b.copied(origin)
		if err != nil {
			return err
		}
		u, converting, err := b.migrate(ctx, a, "3.4")
		if err != nil {
			return err
		}
		ours, convert = append(ours, u), append(convert, converting)
		u, err = measure(ctx, []string{"ETCDCTL_API=3"}, filepath.Join(b.bin, "etcdctl-3.4.16"), "migrate", "--data-dir", c)
		if err != nil {
			return err
		}
		theirs = append(theirs, u)
		if err := b.same(ctx, a, c); err != nil {
			return err
		}
		b.remove(a, c)
	}
	b.figure("v2_to_v3_time", median(convert), "s")
	b.figure("v2_to_v3_etcdctl_time", seconds(theirs), "s")
	b.figure("v2_to_v3_speedup", seconds(theirs)/median(convert), "x")
	b.figure("v2_to_v3_whole_time", seconds(ours), "s")
	b.figure("v2_to_v3_whole_speedup", seconds(theirs)/seconds(ours), "x")
	b.figure("v2_to_v3_memory", megabytes(ours), "MB")
	b.figure("v2_to_v3_etcdctl_memory", megabytes(theirs), "MB")
	b.figure("v2_to_v3_memory_ratio", megabytes(ours)/megabytes(theirs), "x")
	return nil
}

// image compares with the migrate of the image of Kubernetes, which has the same programs to run.
func (b *bench) image(ctx context.Context) error {
	if b.kubernetes == "" {
		return errors.New("want --kubernetes-migrate")
	}
	origin, err := b.data(ctx)
	if err != nil {
		return err
	}
	var ours, theirs []used
	for range b.runs {
		a, err := b.copied(origin)
		if err != nil {
			return err
		}
		c, err := b.copied(origin)
		if err != nil {
			return err
		}
		u, _, err := b.migrate(ctx, a, "3.3")
		if err != nil {
			return err
		}
		ours = append(ours, u)
		if err := os.WriteFile(filepath.Join(c, "version.txt"), []byte("2.3.8/etcd2"), 0o600); err != nil {
			return err
		}
		const peer = "http://127.0.0.1:18630" // the client's port of its own is the one before
		u, err = measure(ctx, nil, b.kubernetes, "--name", "default", "--data-dir", c, "--bin-dir", b.bin, "--bundled-versions", "2.3.8,3.0.17,3.1.20,3.2.32,3.3.27",
			"--target-version", "3.3.27", "--target-storage", "etcd3", "--initial-cluster", "default="+peer, "--initial-advertise-peer-urls", peer, "--listen-peer-urls", peer)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(c, "version.txt"))
		if err != nil || trim(text) != "3.3.27/etcd3" {
			return fmt.Errorf("the migrate of Kubernetes ended at %q, %w", text, err)
		}
		theirs = append(theirs, u)
		b.remove(a, c)
	}
	b.figure("2.3_to_3.3_time", seconds(ours), "s")
	b.figure("2.3_to_3.3_kubernetes_time", seconds(theirs), "s")
	b.figure("2.3_to_3.3_speedup", seconds(theirs)/seconds(ours), "x")
	return nil
}

// hand compares with what the upgrade guides tell to do by hand: a copy to go back to, then each release in turn until the
// cluster's version is its. A hand that asks twenty times a second, and never pauses.
func (b *bench) hand(ctx context.Context) error {
	origin, err := b.data(ctx)
	if err != nil {
		return err
	}
	start, err := b.copied(origin)
	if err != nil {
		return err
	}
	if _, _, err := b.migrate(ctx, start, "3.4"); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(start, ".etcd-migrate")); err != nil {
		return err
	}
	var ours, theirs []used
	for range b.runs {
		a, err := b.copied(start)
		if err != nil {
			return err
		}
		c, err := b.copied(start)
		if err != nil {
			return err
		}
		u, _, err := b.migrate(ctx, a, "3.6")
		if err != nil {
			return err
		}
		ours = append(ours, u)
		unix.Sync()
		began := time.Now()
		if err := b.byHand(ctx, c, "3.5.35", "3.6.16"); err != nil {
			return err
		}
		u = used{seconds: time.Since(began).Seconds()}
		say("  %-16s %7.2f s", "by hand", u.seconds)
		theirs = append(theirs, u)
		if err := b.same(ctx, a, c); err != nil {
			return err
		}
		b.remove(a, c)
	}
	b.remove(start)
	b.figure("3.4_to_3.6_time", seconds(ours), "s")
	b.figure("3.4_to_3.6_by_hand_time", seconds(theirs), "s")
	b.figure("3.4_to_3.6_speedup", seconds(theirs)/seconds(ours), "x")
	return nil
}

// snapshot compares with copying the database and waiting for the disk.
func (b *bench) snapshot(ctx context.Context) error {
	data := filepath.Join(b.dir, "large", "data")
	began := time.Now()
	err := b.run(ctx, "3.6.16", data, func(endpoint string) error { return fillV3(ctx, endpoint, b.megabytes) })
	if err != nil {
		return err
	}
	db := filepath.Join(data, "member", "snap", "db")
	info, err := os.Stat(db)
	if err != nil {
		return err
	}
	say("a database of %d MB written through etcd 3.6.16 in %s", info.Size()>>20, time.Since(began).Round(time.Second))
	var save, restore, plain []used
	for range b.runs {
		unix.Sync()
		began := time.Now()
		if err := copyFile(db, filepath.Join(b.dir, "copy")); err != nil {
			return err
		}
		plain = append(plain, used{seconds: time.Since(began).Seconds()})
		say("  %-16s %7.2f s", "copy", plain[len(plain)-1].seconds)
		file, to := filepath.Join(b.dir, "snapshot.db"), filepath.Join(b.dir, "restored")
		u, err := measure(ctx, nil, b.program, "snapshot", "save", file, "--data-dir", data, "--bin-dir", b.bin)
		if err != nil {
			return err
		}
		save = append(save, u)
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
		if u, err = measure(ctx, nil, b.program, "snapshot", "restore", file, "--data-dir", to, "--bin-dir", b.bin); err != nil {
			return err
		}
		restore = append(restore, u)
		if err := b.same(ctx, data, to); err != nil {
			return err
		}
		for _, path := range []string{file, file + ".json", to, filepath.Join(b.dir, "copy")} {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	b.figure("snapshot_database", float64(info.Size())/(1<<20), "MB")
	b.figure("file_copy_time", seconds(plain), "s")
	b.figure("snapshot_save_time", seconds(save), "s")
	b.figure("snapshot_restore_time", seconds(restore), "s")
	b.figure("snapshot_save_slowdown", seconds(save)/seconds(plain), "x")
	b.figure("snapshot_restore_slowdown", seconds(restore)/seconds(plain), "x")
	b.figure("snapshot_save_memory", megabytes(save), "MB")
	b.figure("snapshot_restore_memory", megabytes(restore), "MB")
	return nil
}

// copyFile copies the bytes, as cp did before file systems shared blocks, and waits for the disk.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 1<<20))
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
