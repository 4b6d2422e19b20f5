package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// rebuiltMember is where it is kept that a rebuild was begun: what was written on the cluster of before is gone with it.
const rebuiltMember = ".rebuilt"

// rebuilt gives the rebuild that was begun on this host; nil when there is none.
func (h Host) rebuilt() (*hostaction.EtcdRebuilt, error) {
	text, err := os.ReadFile(h.kept(rebuiltMember).path("record.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	out := &hostaction.EtcdRebuilt{}
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		return nil, fmt.Errorf("read what was rebuilt: %w", err)
	}
	return out, nil
}

func (h Host) noteRebuilt(b hostaction.EtcdRebuilt) error {
	text, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("note rebuild: %w", err)
	}
	k := h.kept(rebuiltMember)
	if err := os.MkdirAll(string(k), 0o700); err != nil {
		return fmt.Errorf("note rebuild: %w", err)
	}
	return file.Write(k.path("record.json"), append(text, '\n'), 0o600)
}
