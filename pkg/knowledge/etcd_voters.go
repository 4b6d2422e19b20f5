package knowledge

import "github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"

// VotersSource is where 3.6 takes a snapshot of raft in the middle of the log that it replays: the snapshot names as members of raft those of that place in
// the log, and as members of the cluster today's. The next start goes on from it, and refuses the joining of the others, since they are members already.
// 3.7 makes raft's members of the list of members at each start.
const VotersSource = "https://github.com/etcd-io/etcd/blob/v3.6.16/server/etcdserver/apply/apply.go#L418"

// LosesVoters tells whether a release can lose members of raft at a start on a log of before they had joined. As of 3.6.16 it is mended in no release of 3.6.
func LosesVoters(v version.Version) bool { return v.Major == 3 && v.Minor == 6 }
