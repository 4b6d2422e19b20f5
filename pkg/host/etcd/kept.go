package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// kept is the folder of one member in which lies what it was run by before: by default /var/lib/kubectl-upgrade-etcd/NAME. The agent's own directory
// goes at the end of a run, and what is needed after a reboot of the host is in neither.
//
//	record.json    what was kept, and of what
//	files/0 ...    texts of the files, in the order of the record
//	program        the program of a service or a process
type kept string

// Where it is kept what EtcdStop and ServerStop have ended. No member has such a name.
const (
	stoppedMember = ".stopped"
	stoppedServer = ".server"
)

func (h Host) kept(name string) kept { return kept(filepath.Join(h.Work.EtcdKept(), name)) }

// phase says in which direction a replacement goes: all else about it is looked at.
type phase string

const (
	forward phase = "forward"
	back    phase = "back"
	done    phase = "done"
)

// record says what was kept.
type record struct {
	Phase phase `json:"phase"`
	// Reason is why it goes back.
	Reason string `json:"reason,omitempty"`
	// Action is what was asked for.
	Action hostaction.EtcdReplace `json:"action"`
	Files  []keptFile             `json:"files,omitempty"`
	// Program is set when the program was kept.
	Program bool `json:"program,omitempty"`
	// Alone is set for the only member of a cluster: its data may go back to what they were.
	Alone bool `json:"alone,omitempty"`
	// Stopped is the instant of the stop with which this began; zero for a replacement.
	Stopped int64 `json:"stopped,omitempty"`
	// Process is how a process without a service ran.
	Process *keptProcess `json:"process,omitempty"`
	// Generation is that of the kept data, zero when there is none; Generations were there before anything was done.
	Generation  int   `json:"generation,omitempty"`
	Generations []int `json:"generations,omitempty"`
}

// keptFile is one file; Absent is set when there was none.
type keptFile struct {
	Path   string `json:"path"`
	Absent bool   `json:"absent,omitempty"`
}

// keptProcess is what a process was started with.
type keptProcess struct {
	Args  []string  `json:"args"`
	Env   []string  `json:"env,omitempty"`
	Dir   string    `json:"dir"`
	Owner string    `json:"owner"`
	Limit [2]uint64 `json:"limit"`
}

func (k kept) path(parts ...string) string {
	return filepath.Join(append([]string{string(k)}, parts...)...)
}

func (k kept) program() string { return k.path("program") }

// read gives the record; nil when there is none.
func (k kept) read() (*record, error) {
	text, err := os.ReadFile(k.path("record.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was kept of etcd: %w", err)
	}
	r := &record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read what was kept of etcd in %s: %w", k.path("record.json"), err)
	}
	return r, nil
}

func (k kept) write(r *record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write what is kept of etcd: %w", err)
	}
	return file.Write(k.path("record.json"), append(text, '\n'), 0o600)
}

// clear removes all of an earlier replacement, the record first: without it the rest means nothing.
func (k kept) clear() error {
	if err := os.Remove(k.path("record.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear what was kept of etcd: %w", err)
	}
	if err := os.RemoveAll(string(k)); err != nil {
		return fmt.Errorf("clear what was kept of etcd: %w", err)
	}
	return nil
}

// files keeps files that are about to be replaced.
func (k kept) files(paths []string) ([]keptFile, error) {
	if err := os.MkdirAll(k.path("files"), 0o700); err != nil {
		return nil, fmt.Errorf("make folder for what is kept of etcd: %w", err)
	}
	var out []keptFile
	for i, path := range paths {
		f := keptFile{Path: path}
		err := disk.Copy(path, k.path("files", fmt.Sprint(i)))
		if errors.Is(err, fs.ErrNotExist) {
			f.Absent, err = true, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, file.SyncDir(k.path("files"))
}

// texts reads the files that were kept.
func (k kept) texts(files []keptFile) ([]text, error) {
	var out []text
	for i, f := range files {
		if f.Absent {
			out = append(out, text{path: f.Path, absent: true})
			continue
		}
		b, err := os.ReadFile(k.path("files", fmt.Sprint(i)))
		if err != nil {
			return nil, fmt.Errorf("read what was kept of %s: %w", f.Path, err)
		}
		out = append(out, text{path: f.Path, text: b})
	}
	return out, nil
}

// text is what a file is to be.
type text struct {
	path   string
	text   []byte
	absent bool
}

func (t text) write() error {
	if !t.absent {
		return writeText(t.path, t.text)
	}
	if err := os.Remove(t.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove file: %w", err)
	}
	return nil
}
