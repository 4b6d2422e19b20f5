package raftlog

import (
	"go.etcd.io/raft/v3/raftpb"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/snapfile"
)

type reader func(path string) (*raftpb.Snapshot, error)

// readAhead reads the newest snapshot and gives it to use while the log is read: each of them can be hundreds of megabytes.
func readAhead(dir string, use func(*raftpb.Snapshot)) reader {
	files, err := snapfile.List(dir)
	if err != nil || len(files) == 0 {
		return snapfile.Read
	}
	var newest *raftpb.Snapshot
	done := make(chan struct{})
	go func() {
		defer close(done)
		if newest, err = snapfile.Read(files[0]); err == nil {
			use(newest)
		}
	}()
	return func(path string) (*raftpb.Snapshot, error) {
		if path != files[0] {
			return snapfile.Read(path)
		}
		<-done
		return newest, err
	}
}
