//go:build realetcd

package etcd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/tree"
)

// disk is a file system of its own.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("etcd-migrate", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a small disk (be root): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// small is a directory that is migrated in a moment.
func small(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "3.5.35", dir, nil)
	fillV3(r)
	r.stop()
	return dir
}

func TestBadDisk(t *testing.T) {
	t.Parallel()
	from := small(t)
	t.Run("read-only", func(t *testing.T) {
		mounted := disk(t, "512m")
		dir := filepath.Join(mounted, "data")
		if err := tree.Copy(from, dir); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("", mounted, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		if code, out := cli(t, "migrate", "--data-dir", dir, "--to", "3.6"); code != 1 || !strings.Contains(out, "read-only file system") {
			t.Errorf("migrate: exit code %d: %s", code, out)
		}
		for _, args := range [][]string{{"inspect"}, {"plan", "--to", "3.6"}} {
			if code, out := cli(t, append(args, "--data-dir", dir)...); code != 0 {
				t.Errorf("%s: exit code %d: %s", args[0], code, out)
			}
		}
	})
	t.Run("small", func(t *testing.T) {
		dir := filepath.Join(disk(t, "300m"), "data")
		if err := tree.Copy(from, dir); err != nil {
			t.Fatal(err)
		}
		before := listing(t, dir)
		if code, out := cli(t, "migrate", "--data-dir", dir, "--to", "3.6"); code != 1 || !strings.Contains(out, "MB are free") {
			t.Errorf("exit code %d: %s", code, out)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("the directory has changed:\n%s\n%s", before, after)
		}
	})
	t.Run("full for a snapshot", func(t *testing.T) {
		to := disk(t, "8k")
		before := listing(t, from)
		code, out := cli(t, "snapshot", "save", filepath.Join(to, "snapshot.db"), "--data-dir", from)
		if code != 1 || !strings.Contains(out, "no space left on device") {
			t.Errorf("exit code %d: %s", code, out)
		}
		if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
		if after := listing(t, from); after != before {
			t.Errorf("the directory has changed:\n%s\n%s", before, after)
		}
	})
	// What is measured first may be gone a moment later.
	t.Run("full in the middle", func(t *testing.T) {
		mounted := disk(t, "640m")
		dir := filepath.Join(mounted, "data")
		if err := tree.Copy(from, dir); err != nil {
			t.Fatal(err)
		}
		before := listing(t, dir)
		fill(t, dir, filepath.Join(mounted, "somebody-else"))
		// By every release, so that it is still at work when the disk is full.
		if code, out := cli(t, "migrate", "--data-dir", dir, "--to", "3.7", "--strategy", "stepwise"); code != 1 || !strings.Contains(out, "no space left on device") {
			t.Errorf("exit code %d: %s", code, out)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("the directory has changed:\n%s\n%s", before, after)
		}
	})
}

// fill takes all space of the disk as soon as the work in a directory has begun, and again what is freed later.
func fill(t *testing.T, dir, file string) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan error)
	t.Cleanup(func() {
		close(stop)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := os.Stat(filepath.Join(dir, datadir.StateDir, "work")); err == nil {
				break
			}
		}
		f, err := os.Create(file)
		if err != nil {
			done <- err
			return
		}
		defer f.Close()
		block := make([]byte, 1<<16)
		for {
			if _, err := f.Write(block); err != nil && !errors.Is(err, syscall.ENOSPC) {
				done <- err
				return
			}
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
		}
	}()
}

// TestOwner works as somebody else, and leaves the owner what it makes as root.
func TestOwner(t *testing.T) {
	t.Parallel()
	from := small(t)
	t.Run("of another", func(t *testing.T) {
		dir := clone(t, from)
		before := listing(t, dir)
		// Both have to lie where everybody may look.
		outside, err := os.MkdirTemp("/tmp", "etcd-migrate-") //nolint:usetesting // nobody else may look into those of a test
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(outside) })
		if err := os.Chmod(outside, 0o755); err != nil { //nolint:gosec // that is what it is for
			t.Fatal(err)
		}
		program := filepath.Join(outside, "etcd-migrate")
		if err := os.Rename(build(t), program); err != nil {
			t.Fatal(err)
		}
		dir2 := filepath.Join(outside, "data")
		if err := os.Rename(dir, dir2); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, "migrate", "--data-dir", dir2, "--to", "3.6", "--bin-dir", binDir(t))
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "permission denied") {
			t.Errorf("%v: %s", err, out)
		}
		if after := strings.ReplaceAll(listing(t, dir2), dir2, dir); after != before {
			t.Errorf("the directory has changed:\n%s\n%s", before, after)
		}
	})
	t.Run("as root", func(t *testing.T) {
		dir := clone(t, from)
		own := func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, 1234, 1235)
		}
		if err := filepath.WalkDir(dir, own); err != nil {
			t.Fatal(err)
		}
		if code, out := cli(t, "migrate", "--data-dir", dir, "--to", "3.6"); code != 0 {
			t.Fatalf("exit code %d: %s", code, out)
		}
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if st := info.Sys().(*syscall.Stat_t); st.Uid != 1234 || st.Gid != 1235 {
				t.Errorf("%s belongs to %d:%d", path, st.Uid, st.Gid)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
