package tree

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

func sysOwner(info fs.FileInfo, to *unix.Stat_t) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok {
		to.Uid, to.Gid = st.Uid, st.Gid
	}
	return ok
}
