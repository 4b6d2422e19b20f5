package local

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
)

// Process is an etcd that runs on the host itself.
type Process struct {
	PID int
	// Binary is the program's file, also when it was replaced since.
	Binary string
	// Args are without the program's name; Env has the ETCD_ variables only.
	Args, Env []string
	Dir       string
	// Owner is UID:GID.
	Owner string
	// Files is the limit of open files, soft and hard; zero when it cannot be read.
	Files [2]uint64
}

// etcdName are the programs that are taken for etcd: it, and one with its release in its name.
var etcdName = regexp.MustCompile(`^etcd(-v?[0-9][0-9.]*)?$`)

// Processes lists every etcd on the host that is no container's.
func Processes() ([]Process, error) {
	found, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var out []Process
	for _, dir := range found {
		// What has ended meanwhile cannot be read, and does not count.
		if p, err := read(dir); err == nil && p.Binary != "" {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Process) int { return a.PID - b.PID })
	return out, nil
}

// read reads a process; what is none of the host's etcd has no Binary.
func read(dir string) (Process, error) {
	pid, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return Process{}, err
	}
	exe, err := os.Readlink(dir + "/exe")
	if err != nil {
		return Process{}, err
	}
	exe = strings.TrimSuffix(exe, " (deleted)")
	raw, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return Process{}, err
	}
	command := staticpod.Words(raw)
	if !etcdName.MatchString(filepath.Base(exe)) && !etcdName.MatchString(filepath.Base(command[0])) {
		return Process{}, nil
	}
	if foreign, err := contained(dir); err != nil || foreign {
		return Process{}, err
	}
	p := Process{PID: pid, Binary: exe, Args: command[1:]}
	environ, err := os.ReadFile(dir + "/environ")
	if err != nil {
		return Process{}, err
	}
	for _, e := range staticpod.Words(environ) {
		if strings.HasPrefix(e, "ETCD_") {
			p.Env = append(p.Env, e)
		}
	}
	if p.Dir, err = os.Readlink(dir + "/cwd"); err != nil {
		return Process{}, err
	}
	p.Files = openFiles(dir)
	p.Owner, err = owner(dir)
	return p, err
}

// contained tells whether a process is a container's, or one of ours that serves a copy. A container has process numbers of its own, unless its pod
// asks for the host's; a service of the host with a file system of its own has not.
func contained(dir string) (bool, error) {
	own, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return false, err
	}
	other, err := os.Readlink(dir + "/ns/pid")
	if err != nil {
		return false, err
	}
	groups, err := os.ReadFile(dir + "/cgroup")
	if err != nil {
		return false, err
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return false, err
	}
	parent, _ := os.ReadFile("/proc/" + field(status, "PPid:") + "/comm") // who has none has no parent of ours
	ours := strings.TrimSpace(string(parent)) == "etcd-migrate" || strings.HasPrefix(string(parent), "host-agent")
	return own != other || bytes.Contains(groups, []byte("kubepods")) || ours, nil
}

// owner gives the real user and group.
func owner(dir string) (string, error) {
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return "", err
	}
	uid, gid := field(status, "Uid:"), field(status, "Gid:")
	if uid == "" || gid == "" {
		return "", fmt.Errorf("read owner of %s: none is there", dir)
	}
	return uid + ":" + gid, nil
}

// field gives the first word after a name in /proc's status.
func field(status []byte, name string) string {
	for l := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(l, name); ok {
			if words := strings.Fields(rest); len(words) > 0 {
				return words[0]
			}
		}
	}
	return ""
}

// openFiles reads the limit of open files, without which a process that is started anew has fewer than before.
func openFiles(dir string) (limit [2]uint64) {
	raw, err := os.ReadFile(dir + "/limits")
	if err != nil {
		return limit
	}
	for l := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(l, "Max open files"); ok {
			if words := strings.Fields(rest); len(words) >= 2 {
				limit[0], _ = strconv.ParseUint(words[0], 10, 64)
				limit[1], _ = strconv.ParseUint(words[1], 10, 64)
			}
		}
	}
	return limit
}
