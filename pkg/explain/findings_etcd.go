package explain

// Pages that are named more than once.
const (
	etcdUpgrades    = "https://etcd.io/docs/v3.6/upgrades/"
	etcdUpgrade36   = "https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/"
	etcdMaintenance = "https://etcd.io/docs/v3.6/op-guide/maintenance/"
	etcdRecovery    = "https://etcd.io/docs/v3.6/op-guide/recovery/"
	etcdCorruption  = "https://etcd.io/docs/v3.6/op-guide/data_corruption/"
	etcdRuntime     = "https://etcd.io/docs/v3.6/op-guide/runtime-configuration/"
	etcdFlags       = "https://etcd.io/docs/v3.6/op-guide/configuration/"
	etcdZombies     = "https://github.com/etcd-io/etcd/issues/20967"
	etcdLearners    = "https://github.com/etcd-io/etcd/issues/19557"
	etcdLeftovers   = "https://github.com/etcd-io/etcd/issues/20809"
	kubeadmEtcd     = "https://github.com/kubernetes/kubernetes/blob/v1.34.4/cmd/kubeadm/app/phases/upgrade/staticpods.go"
	etcdPage        = "docs/etcd.md"
)

// etcdFindings are about the members of etcd and their data.
var etcdFindings = []Row{
	{ID: "etcd-none", Cause: "No member of etcd was found on any host, and the API servers name none.", Fix: "See that etcd runs and answers, and what --etcd-servers of the API servers names.", Source: etcdPage},
	{ID: "etcd-not-reached", Cause: "No member answers from a node, with the certificates that its manifest or its API server names.",
		Fix: "On the node: crictl ps -a and the log of etcd; see that the certificates are not expired: kubeadm certs check-expiration.", Source: "https://etcd.io/docs/v3.6/op-guide/security/"},
	{ID: "etcd-views-differ", Cause: "Two nodes belong to different etcd clusters, or their members know different members. An upgrade of the one would leave the other behind, with half of the data.",
		Fix: "etcdctl member list on each node. Find out which one the API servers use, and take the other away; a change of members that is on its way, wait for.", Source: etcdZombies},
	{ID: "etcd-client-unmatched", Cause: "An API server is told of an address that no member has. It loses requests, or its only member, when the others restart.",
		Fix: "Correct --etcd-servers: etcd.external.endpoints of kubeadm's ClusterConfiguration, or the manifest.", Source: "https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/"},
	{ID: "etcd-overrides", Cause: "An API server keeps some resources, often events, in another etcd cluster. That one is left as it is.",
		Fix: "Upgrade it by itself: docs/etcd-migrate.md.", Source: "https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/"},
	{ID: "etcd-member-begun", Cause: "A member is down in the middle of its replacement, by a run that was cut short.", Fix: "Nothing has to be done: the same command brings it up first.", Source: etcdPage},
	{ID: "etcd-member-down", Cause: "A member does not answer. While another one restarts there may be no quorum, and nobody can write.",
		Fix: "Bring it back; or, if it is gone for good: etcdctl member remove ID, and add another one.", Source: etcdRuntime},
	{ID: "etcd-voter-lost", Cause: "The list of members has a member that raft has forgotten: it gets no entries and has no vote, so that the cluster bears fewer failures than it seems to. A member of 3.6 that starts on a young log, of before all members had joined, takes a snapshot in the middle of it, and from the next start on refuses the changes of members that follow.",
		Fix: "On every member: etcdctl member remove ID for the one that is lost, empty its data directory, and add it anew as a learner. The upgrade itself keeps this from happening, where it has not yet: it has etcd take a snapshot of raft first.", Source: etcdPage},
	{ID: "etcd-learner", Cause: "A member is a learner: it counts for no quorum. Members of 3.5 up to 3.5.19 forget its promotion in the data that 3.6 starts from.",
		Fix: "etcdctl member promote ID once it has caught up, or remove it.", Source: etcdLearners},
	{ID: "etcd-alarm", Cause: "A member has raised an alarm. With NOSPACE the cluster takes no writes; with CORRUPT its data differ from the others'.",
		Fix: "NOSPACE: compact, defragment, then etcdctl alarm disarm. CORRUPT: take the member out and add it anew, with an empty data directory.", Source: etcdMaintenance},
	{ID: "etcd-quota", Cause: "The database is near its quota. Beyond it etcd takes no writes, and neither does Kubernetes.",
		Fix: "Compact and defragment, or raise --quota-backend-bytes, before the upgrade.", Source: etcdMaintenance + "#space-quota"},
	{ID: "etcd-no-leader", Cause: "No member says that it leads: nothing can be written, and a snapshot would be of nobody knows when.",
		Fix: "See that a majority of members runs, and that they reach each other at their peer addresses.", Source: "https://etcd.io/docs/v3.6/op-guide/failures/"},
	{ID: "etcd-several-per-host", Cause: "Several processes of etcd run on one host. Which of them is which member cannot be told safely.", Fix: "Keep one member to a host.", Source: etcdPage},
	{ID: "etcd-external", Cause: "Members run on hosts that are no nodes of this cluster, where no agent can be sent.",
		Fix: "Upgrade them by hand, one after the other, minor by minor, with a snapshot first; etcd-migrate does it where members may be stopped.", Source: etcdUpgrades},
	{ID: "etcd-quorum", Cause: "With one or two members there is no quorum while one restarts: the API does not answer for that time, some seconds each.",
		Fix: "Nothing has to be done if that may be. Else add members until there are three.", Source: "https://etcd.io/docs/v3.6/faq/#why-an-odd-number-of-cluster-members"},
	{ID: "etcd-space", Cause: "The disk of a data directory has no room for a copy of the database and what is written meanwhile.", Fix: "Make room there, or compact and defragment.", Source: etcdMaintenance},
	{ID: "etcd-older", Cause: "The target is older than what a member runs.", Fix: "To go back: kubectl upgrade etcd downgrade --to MINOR, from 3.7 to 3.6 and from 3.6 to 3.5.", Source: "https://etcd.io/docs/v3.6/downgrades/"},
	{ID: "etcd-newer", Cause: "A release is newer, or older, than the other one that it has to do with: a downgrade was asked for to a release that a member is older than, or kubeadm comes with an older etcd and puts that on control-plane nodes that join.",
		Fix: "For the first: kubectl upgrade etcd --to VERSION. For the second: set etcd.local.imageTag in kubeadm's ClusterConfiguration.", Source: kubeadmEtcd},
	{ID: "etcd-mixed", Cause: "Members run different releases: an upgrade was cut short. One minor apart they serve by the rules of the older one; further apart no etcd supports.",
		Fix: "One minor apart: the upgrade goes on. Further: bring the newest members back to the next minor of the oldest.", Source: etcdUpgrades},
	{ID: "etcd-bad-release", Cause: "A release that runs, or that the way could not avoid, can lose or damage data.",
		Fix: "Compare members before you rely on their data: etcdctl endpoint hashkv --cluster. Then upgrade.", Source: etcdCorruption},
	{ID: "etcd-advice", Cause: "A release on the way is one that its makers advise against for this step.", Fix: "Name a newer one of its minor with --via, or make it available.", Source: etcdUpgrades},
	{ID: "etcd-auth", Cause: "Authentication is enabled. Nobody gets at members, data and snapshots then but who has a password; members of 3.4 and 3.5 cannot be in one cluster; and some releases damage what they keep of users.",
		Fix: "etcdctl auth disable for the time of the upgrade, or go to the release that the finding names first. Kubernetes does not use it.", Source: "https://github.com/etcd-io/etcd/issues/11943"},
	{ID: "etcd-backup-inside", Cause: "The directory for snapshots lies in a member's data directory: what wipes or restores the data takes the snapshot along.",
		Fix: "Name another directory, best on another disk: --backup-dir.", Source: etcdRecovery},
	{ID: "etcd-v2-downtime", Cause: "API servers keep their objects by the v2 API of etcd, which no later release of Kubernetes does. They cannot go over one after the other: they would not see the same objects.",
		Fix: "Choose a time at which nobody needs the API for a minute or two, and allow it: --allow-downtime. Pods go on meanwhile.", Source: "https://github.com/kubernetes/kubernetes/pull/69310"},
	{ID: "etcd-v2-elsewhere", Cause: "An API server that keeps its objects by the v2 API runs on a host without a member of etcd: no agent there could have it go over together with the data.",
		Fix: "End the API servers, take the data of one stopped member over with etcd-migrate, start the others from a snapshot of it, and the API servers with --storage-backend=etcd3.", Source: "docs/etcd-migrate.md"},
	{ID: "etcd-v2-release", Cause: "A member runs 3.0 or newer, and API servers still keep their objects by its v2 API. A snapshot of such a member holds the v3 API's data only.",
		Fix: "End API servers and members, copy the data directories, migrate one with etcd-migrate, start the others from a snapshot of it, and the API servers with --storage-backend=etcd3.", Source: "docs/etcd-migrate.md"},
	{ID: "etcd-half-converted", Cause: "Some API servers keep their objects by the v2 API and others by the v3 API: a host could not do its part when the data went over, and runs as before, alone.",
		Fix: "What counts is the etcd with more than half of the members: kubectl upgrade etcd status. On the hosts of the other one end API server and member, remove those members from the one that counts, add them anew with empty data directories, and start the API servers by its backend.", Source: etcdRuntime},
	{ID: "etcd-v2-leftovers", Cause: "The data still have keys or requests of the v2 API, often of years ago: a migration copies them and deletes nothing. 3.6 does not start on them.",
		Fix: "Take a snapshot and restore it on every member: what it is restored to has no v2 data. etcd-migrate does so.", Source: etcdLeftovers},
	{ID: "etcd-zombie", Cause: "A member that was removed is still in the database. Up to 3.5 that does nothing; 3.6 takes the database's word, and counts it.",
		Fix: "Run 3.5.26 or newer on every member, which takes it out at its start, and wait until all are healthy.", Source: etcdZombies},
	{ID: "etcd-image-missing", Cause: "A node cannot have the image of a release on the way.", Fix: "Make it available in the registry that the node asks, or name another one with --etcd-image-repository.", Source: etcdPage},
	{ID: "etcd-program-missing", Cause: "The image of etcd-migrate does not bring the release for a host on which etcd runs as a service.", Fix: "Choose a release that it brings, or name an image that has it: --etcd-migrate-image.", Source: etcdPage},
	{ID: "etcd-no-release", Cause: "No release of the minor that was asked for is both fit and at hand.", Fix: "Name a release, such as --to 3.6.11.", Source: etcdUpgrades},
	{ID: "etcd-no-way", Cause: "There is no way of one minor after the other to the target through releases that are fit and at hand.", Fix: "Make the release available that the finding names, or name another one with --via.", Source: etcdUpgrades},
	{ID: "etcd-unknown", Cause: "The release of etcd is none that these tables know.", Fix: "Use a release that is known: kubectl upgrade etcd plan lists those at hand.", Source: "https://github.com/etcd-io/etcd/tree/main/CHANGELOG"},
	{ID: "etcd-settings", Cause: "The manifest or the unit of a member is written in a way that cannot be changed safely.", Fix: "Write it as kubeadm or a plain unit would, and try again.", Source: etcdPage},
	{ID: "etcd-flag-unknown", Cause: "A member has a flag that a release on the way does not know: it would not start.", Fix: "Remove it, or set what stands for it in that release. The plan shows what is rewritten by itself.", Source: etcdFlags},
	{ID: "etcd-operand", Cause: "The command line of a member has a word that is no flag, or a value after a flag that takes none. etcd does not start with it.", Fix: "Remove it; a switch is set with --FLAG or --FLAG=true.", Source: etcdFlags},
	{ID: "etcd-flag-value", Cause: "A flag has a value that a release on the way does not take.", Fix: "Set one that it takes.", Source: etcdFlags},
	{ID: "etcd-flag-loses", Cause: "What a flag does is no longer there in a release on the way.", Fix: "See that nothing relies on it, then remove it.", Source: etcdFlags},
	{ID: "etcd-flag-conflict", Cause: "Two flags of before become one, and they have different values.", Fix: "Keep one of them.", Source: etcdFlags},
	{ID: "etcd-set-twice", Cause: "A variable and a flag set the same thing. Releases disagree on which of them counts, and some refuse.", Fix: "Remove one of them.", Source: etcdFlags},
	{ID: "etcd-variable-unknown", Cause: "A variable that begins with ETCD_ is heeded by no flag of a release on the way.", Fix: "Remove it if nothing else reads it.", Source: etcdFlags},
	{ID: "etcd-setting-unknown", Cause: "A setting of the configuration file is not heeded by a release on the way.", Fix: "Remove it.", Source: etcdFlags},
	{ID: "etcd-snapshot-bad", Cause: "The file is not on that node, was cut off or changed, or what is in it cannot be restored and served. Nothing was touched.",
		Fix: "Take another snapshot; kubectl upgrade etcd verify FILE@NODE tells of each whether it is in order.", Source: etcdRecovery},
	{ID: "etcd-snapshot-foreign", Cause: "The snapshot holds the objects of another cluster, or was taken of members of which none is here. Restored, it would put one cluster in the place of another.",
		Fix: "See that file and context are the right ones.", Source: etcdRecovery},
	{ID: "etcd-snapshot-members", Cause: "Members came or went since the snapshot was taken. The new cluster is of those of now; the nodes that Kubernetes knows are those of then.",
		Fix: "Nothing has to be done before. Afterwards: kubectl get nodes, delete those that are gone, and join those anew that are not there.", Source: etcdPage},
	{ID: "etcd-snapshot-release", Cause: "A server of etcd reads data of its own minor and of the one before. That of the snapshot is another one.",
		Fix: "Bring the members to a release of the snapshot's minor or of the next one.", Source: etcdUpgrades},
	{ID: "etcd-not-stacked", Cause: "A member is no static pod of kubeadm's on a node of the cluster. Only such are restored from here.",
		Fix: "Restore it where it runs: docs/etcd-migrate.md.", Source: "docs/etcd-migrate.md"},
	{ID: "etcd-no-server", Cause: "No API server answers, and it is the only way to the hosts. Mostly etcd has lost its quorum: more than half of its members are gone.",
		Fix: "Run what the command has printed on each control-plane host.", Source: etcdPage},
	{ID: "etcd-gate-unknown", Cause: "A feature gate is unknown to a release on the way, which would not start.", Fix: "Remove it from --feature-gates.", Source: etcdFlags},
}

// pairingFindings are about an etcd and the Kubernetes that uses it.
var pairingFindings = []Row{
	{ID: "etcd-below-minimum", Cause: "kubeadm of that release refuses an external etcd that is so old.", Fix: "Upgrade etcd to the release that the finding names first.", Source: "https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/"},
	{ID: "kubeadm-etcd-skips", Cause: "kubeadm would take the etcd that it runs over more than one minor at once, which no etcd supports.", Fix: "Upgrade etcd first: kubectl upgrade etcd --to MINOR. Or --etcd keep.", Source: kubeadmEtcd},
	{ID: "kubeadm-etcd-unready", Cause: "kubeadm would take its etcd to the next minor from a release that must not go there.", Fix: "Upgrade etcd first: kubectl upgrade etcd goes through the releases that are fit. Or --etcd keep.", Source: etcdUpgrade36},
	{ID: "kubeadm-etcd-bad", Cause: "kubeadm would put an etcd in place that can lose data.", Fix: "Set etcd.local.imageTag in kubeadm's ClusterConfiguration to a release that is fit, or use --etcd keep.", Source: etcdCorruption},
	{ID: "pairing-unknown", Cause: "These tables do not know which etcd that release of Kubernetes comes with.", Fix: "See its kubeadm's constants.go.", Source: "https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/constants/constants.go"},
	{ID: "storage-backend-gone", Cause: "The API server of that release does not know the --storage-backend that is set.", Fix: "Move the data to etcd3 while the API server still has the old backend: docs/etcd-migrate.md.", Source: "https://github.com/kubernetes/kubernetes/pull/69310"},
	{ID: "storage-backend-deprecated", Cause: "The --storage-backend that is set is gone in 1.13.", Fix: "Move the data to etcd3 before.", Source: "https://github.com/kubernetes/kubernetes/pull/69310"},
	{ID: "v3-api-missing", Cause: "An API server speaks the v3 API, and the etcd of that release does not serve it.", Fix: "Upgrade etcd to 3.0 or newer.", Source: "https://etcd.io/docs/v3.4/op-guide/v2-migration/"},
	{ID: "v2-api-gone", Cause: "An API server keeps its data by the v2 API, which etcd has no more from 3.6 on.", Fix: "Move the data to etcd3 on an older etcd.", Source: etcdUpgrade36},
	{ID: "v2-api-off", Cause: "An API server keeps its data by the v2 API, which etcd serves from 3.4 on only when it is told to.", Fix: "Set --enable-v2=true.", Source: "https://etcd.io/docs/v3.4/upgrades/upgrade_3_4/"},
}
