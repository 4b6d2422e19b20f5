package cluster

import (
	"os"
	"strconv"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
)

// Every systemd, containerd and kubelet holds inotify instances, which the kernel counts per user over all
// containers. At the usual limit of 128 the systemd of about the seventh node ends at once, and says nothing.
const (
	inotifyFile = "/proc/sys/fs/inotify/max_user_instances"
	inotifyWant = 8192
)

func raiseInotify(log *progress.Log) {
	data, err := os.ReadFile(inotifyFile)
	if err != nil {
		return
	}
	have, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || have >= inotifyWant {
		return
	}
	if err := os.WriteFile(inotifyFile, []byte(strconv.Itoa(inotifyWant)), 0o644); err != nil {
		log.Say("fs.inotify.max_user_instances is %d, and many nodes need more: %v", have, err)
		return
	}
	log.Say("fs.inotify.max_user_instances raised from %d to %d", have, inotifyWant)
}
