package programs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/fault"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Offered are the versions of a minor that the bundle has kubeadm of, newest first.
func Offered(from *bundle.Folder, minor string) ([]string, error) {
	if from == nil {
		return nil, noSource()
	}
	var found []version.Version
	for _, p := range from.Programs {
		if p.Name == Names[0] && p.Arch == runtime.GOARCH && p.Version.MinorString() == minor {
			found = append(found, p.Version)
		}
	}
	slices.SortFunc(found, func(a, b version.Version) int { return b.Compare(a) })
	out := []string{}
	for _, v := range found {
		out = append(out, Full(v))
	}
	return out, nil
}

func noSource() error {
	return fault.New(hostaction.CodePackageNotFound, "find programs: kubeadm was put on this host by hand, and there is no bundle to take another one from")
}

// Resolve tells what would be replaced. Without a bundle, a version is one to go back to: that of what was kept.
func (h Host) Resolve(ctx context.Context, from *bundle.Folder, v version.Version) (hostaction.Resolution, error) {
	r := hostaction.Resolution{Versions: map[string]string{}, Files: map[string]hostaction.File{}}
	found, err := h.Find(ctx)
	if err != nil {
		return r, err
	}
	if from == nil {
		return r, resolveKept(found, v, &r)
	}
	if r.Offered, err = Offered(from, v.MinorString()); err != nil {
		return r, err
	}
	for _, p := range found {
		f, ok := from.Program(p.Name, v, runtime.GOARCH)
		if !ok {
			return r, fault.New(hostaction.CodePackageNotFound, "find program %s %s for %s: %s, made for %s and with programs for %s, has none",
				p.Name, v, runtime.GOARCH, from.Short(), from.ReleaseNames(), from.ProgramArches())
		}
		r.Versions[p.Name] = Full(v)
		if p.Version != v {
			c := change(p, v)
			if p.Name == Names[0] {
				r.Kubeadm = append(r.Kubeadm, c)
			} else {
				r.Rest = append(r.Rest, c)
			}
			take(&r, p.Name, f.File)
		}
	}
	return r, h.resolveUnits(from, v, &r)
}

func take(r *hostaction.Resolution, name string, f hostaction.File) {
	r.Files[name] = f
	r.DownloadBytes += uint64(max(f.Size, 0))
	r.InstallBytes += uint64(max(f.Size, 0))
}

func change(p Program, v version.Version) hostaction.PackageChange {
	c := hostaction.PackageChange{Name: p.Name, From: Full(p.Version), To: Full(v), Action: "upgrade"}
	if v.Less(p.Version) {
		c.Action = "downgrade"
	}
	return c
}

// resolveKept wants the kubelet of before; kubeadm may have been replaced more than once since.
func resolveKept(found []Program, v version.Version, r *hostaction.Resolution) error {
	for _, p := range found {
		before, err := kept(p.Path)
		if err != nil {
			return err
		}
		switch {
		case p.Version == v:
			r.Versions[p.Name] = Full(v)
		case slices.Contains(before, v):
			r.Versions[p.Name] = Full(v)
			r.Rest = append(r.Rest, change(p, v))
		case p.Name == "kubelet":
			return fault.New(hostaction.CodePackageNotFound, "find kubelet %s: %s is not there any more", v, keptPath(p.Path, v))
		}
	}
	if len(found) == 0 || r.Versions["kubelet"] == "" {
		return noSource()
	}
	return nil
}

const kubeletUnit = "kubelet.service"

// unitPath is where a unit file of the bundle belongs: where the host has it, or else where administrators put theirs.
func (h Host) unitPath(name string) string {
	rel := filepath.Join(kubeletUnit+".d", name)
	if name == kubeletUnit {
		rel = name
	}
	for _, d := range h.Units {
		if _, err := os.Stat(filepath.Join(d, rel)); err == nil {
			return filepath.Join(d, rel)
		}
	}
	return filepath.Join(h.Units[0], rel)
}

// resolveUnits adds the unit files of the bundle that are other ones than the host's. Those that are the same stay untouched.
func (h Host) resolveUnits(from *bundle.Folder, v version.Version, r *hostaction.Resolution) error {
	for _, u := range from.Units(v) {
		have, err := os.ReadFile(h.unitPath(u.Name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at unit file %s: %w", u.Name, err)
		}
		sum := sha256.Sum256(have)
		if hex.EncodeToString(sum[:]) == u.SHA256 {
			continue
		}
		c := hostaction.PackageChange{Name: u.Name, To: "sha256:" + u.SHA256[:shortSum], Action: "install"}
		if !bytes.Equal(have, nil) {
			c.From, c.Action = "sha256:"+hex.EncodeToString(sum[:])[:shortSum], "replace"
		}
		r.Rest = append(r.Rest, c)
		take(r, u.Name, u.File)
	}
	return nil
}

// shortSum is how much of a checksum people are shown.
const shortSum = 12
