package hostaction

import (
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdFacts looks at etcd on this host, whatever runs it, and at what its API server is told of etcd. It changes nothing. Output: EtcdHost.
type EtcdFacts struct {
	// Data asks for what the data directory's bytes say too, which takes a copy of its database.
	Data bool `json:"data,omitempty"`
}

// EtcdHost is etcd as seen from one host.
type EtcdHost struct {
	// Local is the name of the member that runs here; empty when none does.
	Local string `json:"local,omitempty"`
	// ClusterID, Version and Members are what the local member, or the API server's etcd where none is local, answers.
	ClusterID string               `json:"clusterID,omitempty"`
	Version   version.Version      `json:"version"`
	Members   []cluster.EtcdMember `json:"members,omitempty"`
	// Process is how the local member is run, also when it does not run now.
	Process *cluster.EtcdProcess `json:"process,omitempty"`
	// Client is nil where no API server runs.
	Client *cluster.EtcdClient `json:"client,omitempty"`
	// Releases are those whose programs etcd-migrate has brought to the host.
	Releases []version.Version `json:"releases,omitempty"`
	// Rebuilt is what EtcdRebuild has begun here, or done, until EtcdSettle; nil when that is nothing.
	Rebuilt *EtcdRebuilt `json:"rebuilt,omitempty"`
	// Error is why the members could not be asked.
	Error string `json:"error,omitempty"`
}

// EtcdAccess is how to talk to the members from a host.
type EtcdAccess struct {
	// Endpoints begin with that of the member on the host itself, where one is.
	Endpoints []string `json:"endpoints"`
	CAFile    string   `json:"caFile,omitempty"`
	CertFile  string   `json:"certFile,omitempty"`
	KeyFile   string   `json:"keyFile,omitempty"`
}

// EtcdSnapshot has the local member write a snapshot, and checks it: sums, structure, and by really restoring and serving it once with
// etcd-migrate. A whole and checked snapshot at Path is not made again. Before 3.0 it is a copy of the directory as "etcdctl backup" makes it. Output: Snapshot.
type EtcdSnapshot struct {
	Access  EtcdAccess      `json:"access"`
	Version version.Version `json:"version"`
	// Path is where on the host it goes; its directory is made.
	Path    string `json:"path"`
	DataDir string `json:"dataDir"`
	// WALDir is where the log lies when that is outside of DataDir.
	WALDir string `json:"walDir,omitempty"`
}

// EtcdVerify checks a snapshot on this host as EtcdSnapshot does. Output: Snapshot.
type EtcdVerify struct {
	Path string `json:"path"`
	// SHA256, if not empty, is what the file's sum has to be.
	SHA256 string `json:"sha256,omitempty"`
}

// Snapshot is a snapshot that was checked. Sizes are bytes.
type Snapshot struct {
	Node     string          `json:"node,omitempty"`
	Path     string          `json:"path"`
	Size     int64           `json:"size"`
	SHA256   string          `json:"sha256"`
	Revision int64           `json:"revision"`
	Keys     int             `json:"keys"`
	Leases   int             `json:"leases"`
	Version  version.Version `json:"version"`
	// Hash is of all keys and values, the same on each member.
	Hash     string        `json:"hash"`
	Verified bool          `json:"verified"`
	Took     time.Duration `json:"took"`
	// Kubernetes is the UID of the cluster whose objects are in it, and Members, as name=URL, are those of the etcd that it was taken of; both are empty
	// where it does not tell.
	Kubernetes string    `json:"kubernetes,omitempty"`
	Members    []string  `json:"members,omitempty"`
	Created    time.Time `json:"created,omitzero"`
}

// FileChange replaces a file of the host whole. Before is the SHA-256 of what has to be there, in lower-case hexadecimal, and empty where no file
// may be: another text means that somebody has changed it since the plan was made, which is refused. A file that has its After already is left.
type FileChange struct {
	Path   string `json:"path"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// EtcdReplace replaces the local member's program and settings by those of another release, waits until it serves as Version, and puts back what was there
// when it does not. It refuses while a quorum would not be left without it; a cluster of two or of one cannot have one left. Output: EtcdReplaced.
//
// The data of a member that is alone is kept aside, as a generation of etcd-migrate's, and put back when the old program does not start on what the new
// one has made of it. One of several goes back on its data as they are, which the old program takes as long as the cluster has not agreed on the new
// version: it has promised the others to remember what it voted for and stored, and older data would break that. What was replaced besides is kept in
// /var/lib/kubectl-upgrade-etcd until the next replacement.
type EtcdReplace struct {
	Name    string          `json:"name"`
	Version version.Version `json:"version"`
	From    version.Version `json:"from"`
	Run     cluster.EtcdRun `json:"run"`
	Access  EtcdAccess      `json:"access"`
	// Files are the manifest of a static pod; of a service its unit, drop-ins, environment and configuration.
	Files []FileChange `json:"files,omitempty"`
	// Unit, Binary and Args are those of a service or a process. The new program is the bundled one of Version.
	Unit    string   `json:"unit,omitempty"`
	Binary  string   `json:"binary,omitempty"`
	Args    []string `json:"args,omitempty"`
	Env     []string `json:"env,omitempty"`
	Owner   string   `json:"owner,omitempty"`
	DataDir string   `json:"dataDir"`
	WALDir  string   `json:"walDir,omitempty"`
	// Wait is how long the member may take to serve.
	Wait time.Duration `json:"wait"`
}

// EtcdReplaced is how the replacement of a member went.
type EtcdReplaced struct {
	// Down is how long the local member did not answer.
	Down time.Duration `json:"down"`
	// Generation is the number of the kept data; zero when none was kept.
	Generation int `json:"generation,omitempty"`
	// Unit is the transient unit that a member without a service runs in from now on.
	Unit string `json:"unit,omitempty"`
}

// EtcdAgree waits until every member is of Version and a voter, cluster and storage are of its minor, no alarm is raised, all have applied the same entries, have
// as many leases, and the same hash of all keys at one revision, and no downgrade is under way. What a release cannot tell is not asked of it. It changes nothing. Output: EtcdAgreement.
type EtcdAgree struct {
	Access  EtcdAccess      `json:"access"`
	Version version.Version `json:"version"`
	// Members are the names of all members.
	Members []string `json:"members"`
}

// EtcdAgreement is what the members agree on.
type EtcdAgreement struct {
	// Revision is where the hash was taken; before 3.0 it is the index of the v2 store.
	Revision int64 `json:"revision"`
	// Hash is empty up to 3.2, which cannot be asked for it at a revision.
	Hash string `json:"hash,omitempty"`
	// Leases is -1 up to 3.2, which cannot be asked for their number.
	Leases int `json:"leases"`
}

// EtcdStop ends the local member and keeps it from being started, until EtcdStart. Output: none.
type EtcdStop struct {
	Run    cluster.EtcdRun `json:"run"`
	Unit   string          `json:"unit,omitempty"`
	Binary string          `json:"binary,omitempty"`
	// DataDir tells which process it is.
	DataDir string `json:"dataDir"`
}

// EtcdStart starts what EtcdStop has ended, with the files and the program of another release if there are any, and waits until it serves. Output: none.
type EtcdStart struct {
	Member EtcdReplace `json:"member"`
	// Alone is set for a member of several that is not to wait for a quorum.
	Alone bool `json:"alone,omitempty"`
}

// EtcdMigrate takes the stopped local member's data to another release with etcd-migrate, and leaves a snapshot of the outcome at Snapshot. Output: Snapshot.
type EtcdMigrate struct {
	DataDir  string          `json:"dataDir"`
	To       version.Version `json:"to"`
	Snapshot string          `json:"snapshot"`
	// DropV2 allows to leave behind what has no place in the v3 API.
	DropV2 bool   `json:"dropV2,omitempty"`
	Owner  string `json:"owner,omitempty"`
}

// EtcdRestore makes the stopped local member anew from a snapshot on this host; what was there is kept as a generation. Output: none.
type EtcdRestore struct {
	Snapshot string `json:"snapshot"`
	SHA256   string `json:"sha256"`
	DataDir  string `json:"dataDir"`
	WALDir   string `json:"walDir,omitempty"`
	Name     string `json:"name"`
	PeerURL  string `json:"peerURL"`
	// InitialCluster are all members, as name=URL.
	InitialCluster []string `json:"initialCluster"`
	Token          string   `json:"token"`
	// RevisionBump moves the revision on by this much, and marks what was before as compacted.
	RevisionBump uint64 `json:"revisionBump,omitempty"`
	Owner        string `json:"owner,omitempty"`
	// Version is the release that is to start on it.
	Version version.Version `json:"version,omitzero"`
}

// EtcdRebuild makes the local member anew from a snapshot while every other host does the same with its own. Each goes on by itself from the moment it has
// begun: with the members of etcd the API servers end, and with them every way in. It ends this host's API server and its member, restores, starts both, and
// waits until the member serves. What the host cannot do it says before anything has ended; a restore that fails leaves the member as it was.
//
// Once all is checked it logs EtcdArmed. The one host that does not Follow goes on at once. The others wait until a peer of theirs is of the new cluster,
// for as long as Patience, or until EtcdRecall. Output: none.
type EtcdRebuild struct {
	Restore EtcdRestore `json:"restore"`
	Member  EtcdReplace `json:"member"`
	// Peers are the peer URLs of the other members.
	Peers    []string      `json:"peers,omitempty"`
	Follow   bool          `json:"follow,omitempty"`
	Patience time.Duration `json:"patience"`
	// Convert is set where the snapshot is not there yet, but made of the v2 data of the member that begins.
	Convert *EtcdConversion `json:"convert,omitempty"`
}

// EtcdConversion is what EtcdRebuild does besides where it takes a whole cluster from the v2 API's data to the v3 API's. A host that follows ends its API server
// before it logs EtcdArmed: so that when the last one has begun nobody is left who writes. That one ends its member, migrates, and hands the outcome to the others
// at its peer URL, where they reach it for certain, and where nobody else listens meanwhile. Restore.Snapshot is where each keeps it, and Restore.SHA256 is empty.
//
// A host that cannot do its part runs by its old member, data, program and API server again, and so do all when too few of the new members come to serve.
type EtcdConversion struct {
	// Members are the names of all members, and First is the one that does not follow.
	Members []string `json:"members"`
	First   string   `json:"first"`
	// Secret is shown by who fetches the data; it is of one run.
	Secret string `json:"secret,omitempty"`
	// Listen is where the first one hands over, as host and port, and From the peer URL by which the others know it.
	Listen string `json:"listen"`
	From   string `json:"from"`
	// Peer is what members show to each other; its endpoints are not used.
	Peer EtcdAccess `json:"peer"`
	// Server is the text of the API server's manifest from then on; empty where no API server runs.
	Server string `json:"server,omitempty"`
	// DropV2 allows to leave behind what has no place in the v3 API, and that others than API servers have keys in the v2 API, which they do not find any more.
	DropV2 bool `json:"dropV2,omitempty"`
	// Prefixes are where API servers have their keys.
	Prefixes []string `json:"prefixes,omitempty"`
}

// EtcdArmed begins the line of EtcdRebuild's log after which it needs nobody any more.
const EtcdArmed = "everything is in place to restore"

// EtcdRebuilt is a rebuild that was begun on a host.
type EtcdRebuilt struct {
	// SHA256 is the snapshot's; Token, Bump and ClusterID are those of the new cluster.
	SHA256    string `json:"sha256"`
	Token     string `json:"token"`
	Bump      uint64 `json:"bump"`
	ClusterID string `json:"clusterID"`
}

// EtcdRecall has an EtcdRebuild that waits on this host end without having changed anything. Output: none.
type EtcdRecall struct{}

// EtcdSettle forgets that a rebuild was begun here: all hosts are done with it. Output: none.
type EtcdSettle struct {
	ClusterID string `json:"clusterID"`
}

// EtcdRollback puts back the data, files and program that a replacement, a migration or a restore has kept aside. Output: none.
type EtcdRollback struct {
	// Member is what was done: Files, Binary and Version are undone, and From is what serves afterwards.
	Member EtcdReplace `json:"member"`
	// Alone is as in EtcdStart.
	Alone bool `json:"alone,omitempty"`
}

// EtcdDowngrade tells the cluster by etcd's own API to take its data back to the minor of Version, and waits until it says that it is ready. Output: none.
type EtcdDowngrade struct {
	Access  EtcdAccess      `json:"access"`
	Version version.Version `json:"version"`
}

// EditFiles replaces files of the host atomically, such as the API server's static pod manifest. Output: none.
type EditFiles struct {
	Files []FileChange `json:"files"`
}

// ServerStop ends this host's API server and keeps it from being started until its manifest is put back by ServerStart. Output: none.
type ServerStop struct{}

// ServerStart puts the API server's manifest back, with After as its text where that is not empty, and waits until it serves. Output: none.
type ServerStart struct {
	After string `json:"after,omitempty"`
}

// Kind implements Action.
func (EtcdFacts) Kind() Kind     { return "etcd-facts" }
func (EtcdSnapshot) Kind() Kind  { return "etcd-snapshot" }  // Kind implements Action.
func (EtcdVerify) Kind() Kind    { return "etcd-verify" }    // Kind implements Action.
func (EtcdReplace) Kind() Kind   { return "etcd-replace" }   // Kind implements Action.
func (EtcdAgree) Kind() Kind     { return "etcd-agree" }     // Kind implements Action.
func (EtcdStop) Kind() Kind      { return "etcd-stop" }      // Kind implements Action.
func (EtcdStart) Kind() Kind     { return "etcd-start" }     // Kind implements Action.
func (EtcdMigrate) Kind() Kind   { return "etcd-migrate" }   // Kind implements Action.
func (EtcdRestore) Kind() Kind   { return "etcd-restore" }   // Kind implements Action.
func (EtcdRebuild) Kind() Kind   { return "etcd-rebuild" }   // Kind implements Action.
func (EtcdRecall) Kind() Kind    { return "etcd-recall" }    // Kind implements Action.
func (EtcdSettle) Kind() Kind    { return "etcd-settle" }    // Kind implements Action.
func (EtcdRollback) Kind() Kind  { return "etcd-rollback" }  // Kind implements Action.
func (EtcdDowngrade) Kind() Kind { return "etcd-downgrade" } // Kind implements Action.
func (EditFiles) Kind() Kind     { return "edit-files" }     // Kind implements Action.
func (ServerStop) Kind() Kind    { return "server-stop" }    // Kind implements Action.
func (ServerStart) Kind() Kind   { return "server-start" }   // Kind implements Action.

// Changes implements Action.
func (EtcdFacts) Changes() bool    { return false }
func (EtcdSnapshot) Changes() bool { return true } // Changes implements Action.
func (EtcdVerify) Changes() bool   { return false }
func (EtcdReplace) Changes() bool  { return true } // Changes implements Action.
func (EtcdAgree) Changes() bool    { return false }
func (EtcdStop) Changes() bool     { return true } // Changes implements Action.
func (EtcdStart) Changes() bool    { return true } // Changes implements Action.
func (EtcdMigrate) Changes() bool  { return true } // Changes implements Action.
func (EtcdRestore) Changes() bool  { return true } // Changes implements Action.
func (EtcdRebuild) Changes() bool  { return true } // Changes implements Action.

// Changes implements Action: it has to get through beside the rebuild that waits.
func (EtcdRecall) Changes() bool    { return false }
func (EtcdSettle) Changes() bool    { return true } // Changes implements Action.
func (EtcdRollback) Changes() bool  { return true } // Changes implements Action.
func (EtcdDowngrade) Changes() bool { return true } // Changes implements Action.
func (EditFiles) Changes() bool     { return true } // Changes implements Action.
func (ServerStop) Changes() bool    { return true } // Changes implements Action.
func (ServerStart) Changes() bool   { return true } // Changes implements Action.
