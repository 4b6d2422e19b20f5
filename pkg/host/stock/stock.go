// Package stock takes files of a bundle in on a host: piece by piece, going on where it was cut off, and under its final name only
// once its checksum is right. What has its final name is therefore whole.
package stock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// part ends the name of a file that is not whole.
const part = ".part"

// signOfLife is how often is told how far it is.
const signOfLife = 2 * time.Second

// Stock is the folder of one bundle on the host.
type Stock struct {
	dir string
}

// Open makes the folder of a bundle. Others may read it: apt looks at packages as a user of its own.
func Open(work workdir.Dir, digest string) (Stock, error) {
	if err := work.Make(); err != nil {
		return Stock{}, err
	}
	s := Stock{dir: work.Bundle(digest)}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return Stock{}, fmt.Errorf("make folder for bundle: %w", err)
	}
	return s, nil
}

func (s Stock) path(f hostaction.File) (string, error) {
	name := filepath.FromSlash(f.Path)
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("take in file %q: it lies outside of the bundle", f.Path)
	}
	return filepath.Join(s.dir, name), nil
}

// Held tells how much of each file is there.
func (s Stock) Held(files []hostaction.File) ([]hostaction.Held, error) {
	out := make([]hostaction.Held, 0, len(files))
	for _, f := range files {
		path, err := s.path(f)
		if err != nil {
			return nil, err
		}
		h := hostaction.Held{Path: f.Path}
		if info, err := os.Stat(path); err == nil && info.Size() == f.Size {
			h.Bytes, h.Whole = f.Size, true
		} else if info, err := os.Stat(path + part); err == nil {
			h.Bytes = min(info.Size(), f.Size)
		}
		out = append(out, h)
	}
	return out, nil
}

// Put appends to what is there of a file, from offset on, and gives it its name when all of it is there. It tells on out, as JSON
// lines of hostaction.Intake, how far it is and how it ended. The returned error means that out cannot be written to.
func (s Stock) Put(ctx context.Context, f hostaction.File, offset int64, in io.Reader, out io.Writer) error {
	t := &teller{out: json.NewEncoder(out)}
	t.bytes.Store(offset)
	stop := t.keepTelling()
	whole, err := s.put(ctx, f, offset, in, t)
	stop()
	last := hostaction.Intake{Bytes: t.bytes.Load(), Whole: whole}
	if err != nil {
		last.Error = err.Error()
	}
	return t.tell(last)
}

// errCut is the cause when the sender went away; what came until then is kept.
var errCut = errors.New("the stream ended before the file")

func (s Stock) put(ctx context.Context, f hostaction.File, offset int64, in io.Reader, t *teller) (whole bool, err error) {
	path, err := s.path(f)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("take in %s: %w", f.Path, err)
	}
	unlock, err := file.Lock(ctx, path+".lock", "a sender", func(string) {})
	if err != nil {
		return false, err
	}
	defer unlock()
	w, err := os.OpenFile(path+part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, fmt.Errorf("take in %s: %w", f.Path, err)
	}
	defer w.Close()
	info, err := w.Stat()
	if err != nil {
		return false, fmt.Errorf("take in %s: %w", f.Path, err)
	}
	if offset < 0 || offset > info.Size() || offset > f.Size {
		return false, fmt.Errorf("take in %s: %d bytes are there, it cannot go on at %d", f.Path, info.Size(), offset)
	}
	if err := w.Truncate(offset); err != nil {
		return false, fmt.Errorf("take in %s: %w", f.Path, err)
	}
	if _, err := w.Seek(offset, io.SeekStart); err != nil {
		return false, fmt.Errorf("take in %s: %w", f.Path, err)
	}
	_, err = io.Copy(io.MultiWriter(w, t), io.LimitReader(in, f.Size-offset))
	if serr := w.Sync(); err == nil {
		err = serr
	}
	if err != nil {
		return false, fmt.Errorf("take in %s: %w", f.Path, err)
	}
	if t.bytes.Load() < f.Size {
		return false, fmt.Errorf("take in %s: %w", f.Path, errCut)
	}
	return s.accept(f, path, w)
}

// accept checks a whole file and gives it its name. One with another content is thrown away: going on with it would never mend it.
func (s Stock) accept(f hostaction.File, path string, w *os.File) (bool, error) {
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("check %s: %w", f.Path, err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, w); err != nil {
		return false, fmt.Errorf("check %s: %w", f.Path, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		err := fmt.Errorf("check %s: its sha256 is %s instead of %s: it was changed, or damaged on the way", f.Path, got, f.SHA256)
		return false, errors.Join(err, os.Remove(path+part))
	}
	if err := os.Rename(path+part, path); err != nil {
		return false, fmt.Errorf("take in %s: %w", f.Path, err)
	}
	_ = os.Remove(path + ".lock") // a sender that waits for it finds the file whole
	return true, file.SyncDir(filepath.Dir(path))
}

// Take takes a file out of a folder of the agent's own image.
func (s Stock) Take(ctx context.Context, f hostaction.File, from string, out io.Writer) error {
	held, err := s.Held([]hostaction.File{f})
	if err != nil {
		return err
	}
	if held[0].Whole {
		return json.NewEncoder(out).Encode(hostaction.Intake{Bytes: f.Size, Whole: true})
	}
	src, err := os.Open(filepath.Join(from, filepath.FromSlash(f.Path)))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take in %s: the agent's image has no such file", f.Path)
	}
	if err != nil {
		return fmt.Errorf("take in %s: %w", f.Path, err)
	}
	defer src.Close()
	return s.Put(ctx, f, 0, src, out)
}

// teller says how far an intake is.
type teller struct {
	bytes atomic.Int64
	mu    sync.Mutex
	out   *json.Encoder
}

func (t *teller) Write(b []byte) (int, error) {
	t.bytes.Add(int64(len(b)))
	return len(b), nil
}

func (t *teller) tell(i hostaction.Intake) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.out.Encode(i); err != nil {
		return fmt.Errorf("tell of intake: %w", err)
	}
	return nil
}

func (t *teller) keepTelling() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(signOfLife)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_ = t.tell(hostaction.Intake{Bytes: t.bytes.Load()}) // the last word tells whether anybody listens
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
