package programs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Prepare checks what is to be installed, and lays kubeadm aside, where its list of images can be asked for. What is installed in that
// version needs neither.
func (h Host) Prepare(ctx context.Context, log io.Writer, from *bundle.Folder, v version.Version, versions map[string]string, aside string) error {
	if from == nil {
		return noSource()
	}
	found, err := h.Find(ctx)
	if err != nil {
		return err
	}
	for _, have := range found {
		if _, wanted := versions[have.Name]; !wanted || have.Version == v {
			continue
		}
		p, ok := from.Program(have.Name, v, runtime.GOARCH)
		if !ok {
			return fmt.Errorf("prepare program %s %s: %s has none for %s", have.Name, v, from.Short(), runtime.GOARCH)
		}
		if err := from.Check(p.File); err != nil {
			return err
		}
		fmt.Fprintf(log, "%s %s is there and whole\n", p.Name, p.Version)
		if p.Name != Names[0] {
			continue
		}
		to := filepath.Join(aside, "usr/bin", p.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("lay %s aside: %w", p.Name, err)
		}
		if err := copyTo(from.Path(p.File), to, 0o755, nil); err != nil {
			return fmt.Errorf("lay %s aside: %w", p.Name, err)
		}
	}
	return nil
}

// Install brings programs to exactly these versions: out of the bundle or, without one, out of what was kept beside them. A
// program is replaced at once, so that it may be cut off anywhere and called again.
func (h Host) Install(ctx context.Context, log io.Writer, from *bundle.Folder, a hostaction.InstallPackages) ([]hostaction.PackageChange, error) {
	found, err := h.Find(ctx)
	if err != nil {
		return nil, err
	}
	var changes []hostaction.PackageChange
	for _, p := range found {
		if want, ok := a.Versions[p.Name]; !ok || want == Full(p.Version) {
			continue
		}
		c := change(p, a.Version)
		fmt.Fprintf(log, "%s %s %s -> %s\n", c.Action, p.Path, p.Version, a.Version)
		if p.Name == "kubelet" {
			if err := h.installUnits(log, from, a.Version, p.Version); err != nil {
				return changes, err
			}
		}
		if err := replace(ctx, from, p, a.Version); err != nil {
			return changes, fmt.Errorf("install %s %s: %w", p.Name, a.Version, err)
		}
		changes = append(changes, c)
	}
	for name, want := range a.Versions {
		path, err := h.Locate(name)
		if err != nil {
			return changes, err
		}
		if path == "" {
			return changes, fmt.Errorf("install %s %s: the host has no program of that name to replace", name, want)
		}
	}
	return changes, nil
}

// replace puts another version in a program's place and looks whether it says so.
func replace(ctx context.Context, from *bundle.Folder, p Program, v version.Version) error {
	path, err := filepath.EvalSymlinks(p.Path)
	if err != nil {
		return err
	}
	source := keptPath(p.Path, v)
	if from != nil {
		b, ok := from.Program(p.Name, v, runtime.GOARCH)
		if !ok {
			return fmt.Errorf("%s has none for %s", from.Short(), runtime.GOARCH)
		}
		if err := from.Check(b.File); err != nil {
			return err
		}
		source = from.Path(b.File)
	}
	if err := keep(path, keptPath(p.Path, p.Version)); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := copyTo(source, path, info.Mode().Perm(), info); err != nil {
		return err
	}
	says, err := ask(ctx, p.Name, p.Path)
	if err == nil && says != v {
		err = fmt.Errorf("it says that it is %s", says)
	}
	if err != nil {
		return errors.Join(err, copyTo(keptPath(p.Path, p.Version), path, info.Mode().Perm(), info))
	}
	return dropOlder(p.Path, p.Version, v)
}

// keep gives a file a second name. What has that name already is the same, of an attempt that was cut off.
func keep(path, to string) error {
	err := os.Link(path, to)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// dropOlder leaves of what was kept of a program only what it was replaced from last, and what it is now.
func dropOlder(path string, last, now version.Version) error {
	versions, err := kept(path)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v == last || v == now {
			continue
		}
		if err := os.Remove(keptPath(path, v)); err != nil {
			return err
		}
	}
	return nil
}

// copyTo puts a copy in a file's place, at once. The owner is that of like, if it is not nil.
func copyTo(source, path string, mode os.FileMode, like os.FileInfo) error {
	src, err := os.Open(source)
	if err != nil {
		return err
	}
	defer src.Close()
	return file.Replace(path, func(f *os.File) error {
		if _, err := io.Copy(f, src); err != nil {
			return err
		}
		if like != nil {
			if st, ok := like.Sys().(*syscall.Stat_t); ok {
				if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
					return err
				}
			}
		}
		return f.Chmod(mode)
	})
}

// installUnits replaces the unit files that the bundle has other ones of, and keeps the old ones beside them; going back without a
// bundle puts those back. systemd passes such names by.
func (h Host) installUnits(log io.Writer, from *bundle.Folder, v, before version.Version) error {
	if from == nil {
		return h.restoreUnits(log, v)
	}
	var r hostaction.Resolution
	r.Files = map[string]hostaction.File{}
	if err := h.resolveUnits(from, v, &r); err != nil {
		return err
	}
	for name, f := range r.Files {
		if err := from.Check(f); err != nil {
			return err
		}
		path := h.unitPath(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("install unit file: %w", err)
		}
		if _, err := os.Stat(path); err == nil {
			if err := keep(path, keptPath(path, before)); err != nil {
				return fmt.Errorf("keep unit file: %w", err)
			}
		}
		fmt.Fprintf(log, "replace %s\n", path)
		if err := copyTo(from.Path(f), path, 0o644, nil); err != nil {
			return fmt.Errorf("install unit file: %w", err)
		}
	}
	return nil
}

// restoreUnits puts back the unit files that were kept when the kubelet of v was replaced.
func (h Host) restoreUnits(log io.Writer, v version.Version) error {
	for _, d := range h.Units {
		for _, pattern := range []string{kubeletUnit, kubeletUnit + ".d/*.conf"} {
			files, err := filepath.Glob(filepath.Join(d, keptPath(pattern, v)))
			if err != nil {
				return fmt.Errorf("find old unit files: %w", err)
			}
			for _, f := range files {
				path := f[:len(f)-len(keptPath("", v))]
				fmt.Fprintf(log, "put back %s\n", path)
				if err := copyTo(f, path, 0o644, nil); err != nil {
					return fmt.Errorf("put back unit file: %w", err)
				}
			}
		}
	}
	return nil
}
