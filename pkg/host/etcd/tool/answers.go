package tool

import (
	"context"
	"strconv"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Info is what "inspect" says of a data directory, as far as it is used here.
type Info struct {
	Version   string    `json:"version"`
	NodeID    uint64    `json:"nodeID"`
	ClusterID uint64    `json:"clusterID"`
	V2        V2        `json:"v2"`
	Database  *Database `json:"database"`
}

// V2 is what the v2 API has in it.
type V2 struct {
	Index          uint64         `json:"index"`
	ClusterVersion string         `json:"clusterVersion"`
	Members        []Member       `json:"members"`
	Removed        []uint64       `json:"removed"`
	Keys           int            `json:"keys"`
	Prefixes       map[string]int `json:"prefixes"`
	AuthEnabled    bool           `json:"authEnabled"`
	LogWrites      int            `json:"logWrites"`
}

// Database is that of the v3 API.
type Database struct {
	Size           int64    `json:"size"`
	Keys           int      `json:"keys"`
	Leases         int      `json:"leases"`
	Revision       int64    `json:"revision"`
	ClusterVersion string   `json:"clusterVersion"`
	StorageVersion string   `json:"storageVersion"`
	Members        []Member `json:"members"`
	Removed        []uint64 `json:"removed"`
	Hash           string   `json:"hash"`
}

// Member is one that the data know.
type Member struct {
	ID      uint64
	Name    string
	Learner bool
}

// Inspect looks at a data directory and changes nothing.
func (t Tool) Inspect(ctx context.Context, dir string) (*Info, error) {
	i := &Info{}
	return i, t.run(ctx, i, "inspect", "--data-dir", dir)
}

// Manifest is what is in a snapshot; it lies beside it as FILE.json.
type Manifest struct {
	SHA256    string `json:"sha256"`
	Size      int64  `json:"size"`
	Version   string `json:"version"`
	ClusterID uint64 `json:"clusterID"`
	Revision  int64  `json:"revision"`
	Keys      int    `json:"keys"`
	Leases    int    `json:"leases"`
	Hash      string `json:"hash"`
	// Kubernetes is the UID of the cluster whose objects are in it; empty where none is to be read.
	Kubernetes string    `json:"kubernetes"`
	Created    time.Time `json:"created"`
	Members    []struct {
		Name     string   `json:"name"`
		PeerURLs []string `json:"peerURLs"`
	} `json:"members"`
}

// Verify checks a snapshot, and serves it once. raw is the whole answer.
func (t Tool) Verify(ctx context.Context, file string) (m *Manifest, raw map[string]any, err error) {
	m, raw = &Manifest{}, map[string]any{}
	return m, raw, t.run(ctx, &both{m, &raw}, "snapshot", "verify", file)
}

// Migrate brings a stopped member to another release.
func (t Tool) Migrate(ctx context.Context, dir string, to version.Version, dropV2 bool) error {
	args := []string{"migrate", "--data-dir", dir, "--to", to.Bare()}
	if dropV2 {
		args = append(args, "--drop-v2")
	}
	return t.run(ctx, &struct{}{}, args...)
}

// Save writes a snapshot of a stopped member.
func (t Tool) Save(ctx context.Context, dir, file string) error {
	return t.run(ctx, &struct{}{}, "snapshot", "save", file, "--data-dir", dir)
}

// Restored says of which generation what was there is now.
type Restored struct {
	Restored int `json:"restored"`
	Kept     int `json:"kept"`
}

// Founding says who a member that is made of a snapshot will be.
type Founding struct {
	Name, PeerURL string
	// Cluster is every member, as name=url,name=url.
	Cluster, Token string
	// Bump moves the revision on; Release is what is to start on it, zero for 3.5 and newer.
	Bump    uint64
	Release version.Version
}

// Restore makes a new member of a snapshot.
func (t Tool) Restore(ctx context.Context, file, dir string, f Founding) (*Restored, error) {
	args := []string{"snapshot", "restore", file, "--data-dir", dir, "--name", f.Name, "--initial-advertise-peer-urls", f.PeerURL,
		"--initial-cluster", f.Cluster, "--initial-cluster-token", f.Token, "--revision-bump", strconv.FormatUint(f.Bump, 10)}
	if !f.Release.IsZero() {
		args = append(args, "--to", f.Release.Bare())
	}
	r := &Restored{}
	return r, t.run(ctx, r, args...)
}

// Rollback puts a generation back.
func (t Tool) Rollback(ctx context.Context, dir string, generation int) (*Restored, error) {
	r := &Restored{}
	return r, t.run(ctx, r, "rollback", "--data-dir", dir, "--generation", strconv.Itoa(generation))
}
