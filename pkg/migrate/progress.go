package migrate

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
)

// progressEvery is how long nothing is said at most.
const progressEvery = 5 * time.Second

// during tells every few seconds how far work has come that takes longer: for how long it goes on, and how large is what it has
// made. It returns what the work returns.
func (m *migration) during(what string, work func() error) error {
	began, stop := time.Now(), make(chan struct{})
	var teller sync.WaitGroup
	teller.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				m.Log.Info("still at work", zap.String("kind", what), zap.Duration("for", time.Since(began).Round(time.Second)),
					zap.Int64("megabytes", size(string(m.work.Dir()))>>20))
			}
		}
	})
	defer teller.Wait()
	defer close(stop)
	return work()
}

// size counts what can be seen of a directory in which somebody works.
func size(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // files come and go
		if err != nil {
			return nil //nolint:nilerr // it has gone
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// keysWritten says how many keys there are, every few seconds.
func (m *migration) keysWritten(total int) func(int) {
	last := time.Now()
	return func(done int) {
		if time.Since(last) > progressEvery {
			last = time.Now()
			m.Log.Info("keys written", zap.Int("done", done), zap.Int("of", total))
		}
	}
}
