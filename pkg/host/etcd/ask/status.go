package ask

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// probeKey need not exist: a read of nothing needs the quorum as well.
const probeKey = "health"

// Answer is what one member says of itself.
type Answer struct {
	cluster.EtcdStatus
	ID, Leader uint64
	Learner    bool
	// Mute is set for one that does not say at its client URL what it takes the cluster's version for.
	Mute bool
	// Complaints are what it finds wrong with itself, such as that it has no leader. Alarms are none of them.
	Complaints []string
}

// Status asks one member. With an error, what was found out before it is there as well.
func (c *Client) Status(ctx context.Context, endpoint string) (Answer, error) {
	// A member whose client URL speaks gRPC alone (--listen-client-http-urls) does not say its versions there.
	v, verr := c.Versions(ctx, endpoint)
	if verr == nil && v.Server.Major < 3 {
		return c.status2(ctx, endpoint, v)
	}
	if errors.Is(verr, syscall.ECONNREFUSED) {
		return Answer{}, verr // gRPC would go on trying until its time is over
	}
	a, err := c.status3(ctx, endpoint)
	// While a cluster agrees on less than 3.0, its newer members refuse the v3 API as a whole.
	if errors.Is(err, rpctypes.ErrNotCapable) && verr == nil {
		return c.status2(ctx, endpoint, v)
	}
	a.ClusterVersion, a.Mute = v.Cluster, verr != nil
	if a.StorageVersion.IsZero() {
		a.StorageVersion = v.Storage
	}
	return a, err
}

func (c *Client) status3(ctx context.Context, endpoint string) (Answer, error) {
	v3, err := c.Dial(endpoint)
	if err != nil {
		return Answer{}, err
	}
	defer v3.Close()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	s, err := v3.Status(ctx, endpoint)
	if err != nil {
		return Answer{}, fmt.Errorf("ask etcd member at %s: %w", endpoint, err)
	}
	a := Answer{ID: s.Header.GetMemberId(), Leader: s.Leader, Learner: s.IsLearner, Complaints: complaints(s.Errors)}
	a.EtcdStatus = cluster.EtcdStatus{
		Version: known(s.Version), StorageVersion: known(s.StorageVersion), DBSize: s.DbSize, DBInUse: s.DbSizeInUse, Quota: s.DbSizeQuota,
		Revision: s.Header.GetRevision(), RaftTerm: s.RaftTerm, RaftIndex: s.RaftIndex, AppliedIndex: s.RaftAppliedIndex, Leases: -1,
	}
	if l, err := v3.Leases(ctx); err == nil {
		a.Leases = len(l.Leases)
	}
	a.Auth = authenticates(ctx, v3)
	return a, nil
}

// complaints leaves out the alarms, which every member has of all members.
func complaints(said []string) []string {
	return slices.DeleteFunc(slices.Clone(said), func(s string) bool { return strings.Contains(s, "alarm:") })
}

// authenticates tells whether the member asks for a user. Before 3.5 it can only be tried.
func authenticates(ctx context.Context, v3 *clientv3.Client) bool {
	s, err := v3.AuthStatus(ctx)
	if err == nil {
		return s.Enabled
	}
	if status.Code(err) != codes.Unimplemented {
		return false
	}
	_, err = v3.Get(ctx, probeKey, clientv3.WithSerializable())
	return wantsUser(err)
}

func wantsUser(err error) bool {
	return errors.Is(err, rpctypes.ErrUserEmpty) || errors.Is(err, rpctypes.ErrPermissionDenied)
}

// Health asks one member for a read that needs the quorum.
func (c *Client) Health(ctx context.Context, endpoint string) error {
	v, err := c.Versions(ctx, endpoint)
	if err == nil && v.Server.Major < 3 {
		return c.health2(ctx, endpoint)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	v3, err := c.Dial(endpoint)
	if err != nil {
		return err
	}
	defer v3.Close()
	readCtx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	_, err = v3.Get(readCtx, probeKey)
	switch {
	case err == nil:
		return nil
	case wantsUser(err), errors.Is(err, rpctypes.ErrNotCapable):
		return c.health2(ctx, endpoint)
	}
	return fmt.Errorf("read from etcd at %s: %w", endpoint, err)
}

// health2 asks those that cannot be read from: they say by themselves whether they have a leader and can write.
func (c *Client) health2(ctx context.Context, endpoint string) error {
	var said struct {
		Health any `json:"health"` // a word, but true or false in 3.3
	}
	if _, err := c.get(ctx, endpoint, "/health", &said); err != nil {
		return err
	}
	if fmt.Sprint(said.Health) != "true" {
		return fmt.Errorf("ask %s/health: it is not healthy", endpoint)
	}
	return nil
}

// alarms are the alarms of all members, by ID. The question goes through the log: one member is asked for all.
func (c *Client) alarms(ctx context.Context, endpoint string) (map[uint64][]string, error) {
	v3, err := c.Dial(endpoint)
	if err != nil {
		return nil, err
	}
	defer v3.Close()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	list, err := v3.AlarmList(ctx)
	if err != nil {
		return nil, fmt.Errorf("list alarms of etcd: %w", err)
	}
	out := map[uint64][]string{}
	for _, a := range list.Alarms {
		out[a.GetMemberID()] = append(out[a.GetMemberID()], strings.ToUpper(a.GetAlarm().String()))
	}
	return out, nil
}

// Downgrading tells whether the cluster is on its way to an earlier minor than that of v, or has just arrived there and not noticed yet. A release of later
// date that is started meanwhile never gets the cluster to its own version. 3.5 is the first that can be asked, by whether another way back would be allowed.
func (c *Client) Downgrading(ctx context.Context, endpoint string, v version.Version) (bool, error) {
	if v.Less(version.Version{Major: 3, Minor: 5}) {
		return false, nil
	}
	v3, err := c.Dial(endpoint)
	if err != nil {
		return false, err
	}
	defer v3.Close()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	_, err = v3.Downgrade(ctx, clientv3.DowngradeValidate, fmt.Sprintf("%d.%d", v.Major, v.Minor-1))
	return errors.Is(err, rpctypes.ErrDowngradeInProcess), nil
}

// Hash is what a member says of its keys.
type Hash struct {
	Sum uint32
	// Compacted is the revision before which there is nothing any more: members that differ in it differ in the sum as well.
	Compacted int64
	// At is the revision that the member was at.
	At int64
}

// ErrUnknown is returned by a release that cannot be asked, and by one that wants a user for the answer.
var ErrUnknown = errors.New("etcd does not tell")

// ErrCompacted is returned for a revision before which there is nothing any more; up to 3.5 also for the one at which that is so.
var ErrCompacted = rpctypes.ErrCompacted

// HashKV asks a member for the hash of all keys up to a revision, zero for the one it is at. It came with 3.3.
func (c *Client) HashKV(ctx context.Context, endpoint string, revision int64) (Hash, error) {
	v3, err := c.Dial(endpoint)
	if err != nil {
		return Hash{}, err
	}
	defer v3.Close()
	// It reads all of the database.
	ctx, cancel := context.WithTimeout(ctx, 12*Patience)
	defer cancel()
	h, err := v3.HashKV(ctx, endpoint, revision)
	switch {
	case err == nil:
		return Hash{h.Hash, h.CompactRevision, h.Header.GetRevision()}, nil
	case status.Code(err) == codes.Unimplemented, wantsUser(err):
		return Hash{}, ErrUnknown
	}
	return Hash{}, fmt.Errorf("ask %s for the hash of its keys: %w", endpoint, err)
}
