package staticpod

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
)

// Process is one of the host, known by its command line: the number alone may be given to another once it has ended.
type Process struct {
	PID     int
	Command []string
}

// Find finds the process that runs the very command line of a manifest: a host may run API servers of others too.
func Find(manifest string) (Process, error) {
	pod, err := Read(manifest)
	if err != nil {
		return Process{}, err
	}
	p, err := FindCommand(Command(pod))
	if err != nil {
		return Process{}, fmt.Errorf("find process of %s: %w", manifest, err)
	}
	return p, nil
}

// ErrNotRunning is returned when no process runs a command.
var ErrNotRunning = errors.New("none runs its command")

// FindCommand finds the process that runs a command line.
func FindCommand(command []string) (Process, error) {
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return Process{}, err
	}
	for _, path := range found {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if p := (Process{pid, command}); err == nil && p.Runs() {
			return p, nil
		}
	}
	return Process{}, ErrNotRunning
}

// Runs tells whether the process is still there.
func (p Process) Runs() bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
	return err == nil && slices.Equal(Words(raw), p.Command)
}

// Signal sends a signal; that the process has ended is fine.
func (p Process) Signal(s syscall.Signal) error {
	if !p.Runs() {
		return nil
	}
	if err := syscall.Kill(p.PID, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to process %d: %w", s, p.PID, err)
	}
	return nil
}

// containerID is how runtimes number containers; every one of them names the container's cgroup by it.
var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// Container is the number of the container that the process runs in, or nothing.
func (p Process) Container() string {
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID))
	if err != nil || !p.Runs() {
		return ""
	}
	return innermost(groups)
}

// innermost is the last container in a cgroup's path: nodes may be containers themselves.
func innermost(groups []byte) string {
	all := containerID.FindAll(groups, -1)
	if len(all) == 0 {
		return ""
	}
	return string(all[len(all)-1])
}

// Words splits what the kernel keeps of a process, its command line or its environment, where a zero byte ends each word.
func Words(raw []byte) []string {
	var words []string
	for w := range bytes.SplitSeq(bytes.TrimSuffix(raw, []byte{0}), []byte{0}) {
		words = append(words, string(w))
	}
	return words
}
