package explain

// Pages that are named more than once.
const (
	skewPolicy    = "https://kubernetes.io/releases/version-skew-policy/"
	kubeadmDoc    = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/"
	drainDoc      = "https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/"
	evictionDoc   = "https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/"
	budgetDoc     = "https://kubernetes.io/docs/tasks/run-application/configure-pdb/"
	repositoryDoc = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/"
	bundlePage    = "docs/bundle.md"
	planningPage  = "docs/planning.md"
)

// clusterFindings are about the cluster as the API server tells of it.
var clusterFindings = []Row{
	{ID: "version-policy", Cause: "The target is older than what kubeadm's configuration says the cluster is. An API server may have stored what an older one cannot read, and kubeadm takes no control plane back.",
		Fix: "Ask for the version that the cluster has, to finish it, or for a newer one.", Source: skewPolicy},
	{ID: "kubelet-version", Cause: "A kubelet reports no version of Kubernetes that can be read, so that nobody can tell whether it may stay beside the control plane.",
		Fix: "See kubectl get node NODE -o wide, and put a released kubelet there.", Source: skewPolicy},
	{ID: "kubelet-skew", Cause: "A kubelet is newer than the target. No kubelet may be newer than its API server.",
		Fix: "Choose a target that is not older than any kubelet, or take that kubelet back first.", Source: skewPolicy},
	{ID: "node-not-ready", Cause: "A node does not answer, or says that something on it is broken. Its agent cannot be sent, kubeadm refuses a control plane with such a node, and pods that are drained elsewhere may find no place.",
		Fix: "See kubectl describe node NODE for the condition. Mend the node; or take it out for good with kubectl drain and kubectl delete node.", Source: "https://kubernetes.io/docs/reference/node/node-status/#condition"},
	{ID: "no-control-plane", Cause: "No node has the label by which kubeadm marks control-plane nodes.",
		Fix: "kubectl label node NODE node-role.kubernetes.io/control-plane=", Source: "https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane"},
	{ID: "no-static-pods", Cause: "A control-plane node shows no static pods of kubeadm's. Either the label is wrong, or the kubelet reads another folder than /etc/kubernetes/manifests.",
		Fix: "See staticPodPath in /var/lib/kubelet/config.yaml of the node; take the label away if it is no control-plane node.", Source: "https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/"},
	{ID: "static-pod-not-ready", Cause: "A component of the control plane is not Ready before anything was begun. kubeadm would wait for it in vain, and with it the upgrade.",
		Fix: "kubectl -n kube-system describe pod COMPONENT-NODE and its log; where the API server itself is down, crictl ps -a and crictl logs on the node.", Source: "https://kubernetes.io/docs/tasks/debug/debug-cluster/"},
	{ID: "node-cordoned", Cause: "Somebody has cordoned the node. It is upgraded like the others, and its cordon is not lifted, since it is not the upgrade's.",
		Fix: "Nothing has to be done. If nobody knows why any more: kubectl uncordon NODE.", Source: drainDoc},
	{ID: "not-kubeadm", Cause: "The cluster has no ConfigMap kube-system/kubeadm-config, which every cluster of kubeadm has.",
		Fix: "See that this is the right context. What kubeadm did not build is upgraded by what built it.", Source: kubeadmDoc},
}

// drainFindings are about the pods that have to move.
var drainFindings = []Row{
	{ID: "bare-pod", Cause: "A pod belongs to no controller: once a drain has deleted it, nobody starts it again.",
		Fix: "Make a Deployment or a Job of it, delete it yourself, or allow its loss with --force.", Source: drainDoc},
	{ID: "emptydir-data", Cause: "A pod keeps data in an emptyDir volume, which goes with the pod.",
		Fix: "If it is a cache: --delete-emptydir-data. Else move the data to a persistent volume first.", Source: "https://kubernetes.io/docs/concepts/storage/volumes/#emptydir"},
	{ID: "pdb-two", Cause: "More than one PodDisruptionBudget selects the pod. The API server evicts no such pod, whatever the budgets say, and answers with an error each time.",
		Fix: "Leave it one budget: kubectl get pdb -A shows their selectors. Or let drains delete pods with --disable-eviction, which heeds no budget.", Source: evictionDoc},
	{ID: "pdb-never", Cause: "A PodDisruptionBudget allows no eviction even when all of its pods are healthy, such as minAvailable: 1 with one replica. The drain would wait until its time is over.",
		Fix: "Add a replica, allow one disruption for the time of the upgrade, or use --disable-eviction.", Source: budgetDoc},
	{ID: "pdb-zero-now", Cause: "A PodDisruptionBudget allows no eviction now, because some of its pods are not healthy. The drain waits until they are.",
		Fix: "kubectl describe pdb NAME, then see which of its pods is not Ready and why.", Source: budgetDoc},
	{ID: "pod-stuck", Cause: "Nothing but its node can run the pod: a volume, a node selector or an affinity ties it there. It is down while the node is drained and comes back with it.",
		Fix: "Nothing has to be done if that may be. Else give it another node that fits.", Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/"},
	{ID: "capacity", Cause: "The pods of a node ask for more than the other nodes have left. Some of them wait until the node is back, and a drain may wait with them for a budget.",
		Fix: "Add a node, or scale something down for the time of the upgrade.", Source: "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"},
}

// hostFindings are about what the hosts said.
var hostFindings = []Row{
	{ID: "not-a-package", Cause: "kubeadm or kubelet on the host came from no package, so that no package manager can bring another one.",
		Fix: "Bring programs with a bundle: kubectl upgrade bundle --binaries, then --packages-from. Or install both from packages first.", Source: bundlePage},
	{ID: "package-manager", Cause: "The host has no apt, and no programs that were put there by hand. Other package managers are not worked with.",
		Fix: "Upgrade such a worker by hand and leave it out with --selector. A control-plane node cannot be left out.", Source: kubeadmDoc},
	{ID: "no-package-source", Cause: "None of apt's sources serves Kubernetes packages. pkgs.k8s.io has one repository for each minor, from 1.24 on.",
		Fix: "Add the repository of the target's minor, or bring packages with --packages-from.", Source: repositoryDoc},
	{ID: "package-pinned", Cause: "A file in /etc/apt/preferences.d pins a package to a version. apt would pass over a pin when it is told a version by name, and somebody's will with it.",
		Fix: "Ask who wanted the version, then remove or change the pin.", Source: "https://manpages.debian.org/bookworm/apt/apt_preferences.5.en.html"},
	{ID: "apt-locked", Cause: "Another process works with apt or dpkg now, often unattended-upgrades.",
		Fix: "Wait until it has ended. For the time of the upgrade: systemctl stop unattended-upgrades apt-daily.timer apt-daily-upgrade.timer.", Source: "https://wiki.debian.org/UnattendedUpgrades"},
	{ID: "kubelet-unit", Cause: "The kubelet does not run as the systemd unit kubelet.service, which the upgrade restarts.",
		Fix: "On the host: systemctl status kubelet; journalctl -u kubelet -e.", Source: "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/kubelet-integration/"},
	{ID: "packages", Cause: "apt was asked, without changing anything, what the installation would do, and refused. Its own words are in the finding.",
		Fix: "On the host: apt-get check; apt-get --simulate install kubeadm kubelet.", Source: "https://manpages.debian.org/bookworm/apt/apt-get.8.en.html"},
	{ID: "package-not-found", Cause: "The repository, or the bundle, has no package of the version that the way leads through.",
		Fix: "Choose a version that is offered (kubectl upgrade plan lists them), or make a bundle that has it: kubectl upgrade bundle --to VERSION.", Source: repositoryDoc},
	{ID: "repository-failed", Cause: "apt could not read the repository of the target's minor: it is not reachable from the host, or its signature is not good. The key of pkgs.k8s.io for repositories up to 1.27 has expired.",
		Fix: "On the host: apt-get update. Check proxy, mirror and key, or bring packages with --packages-from.", Source: "https://github.com/kubernetes/kubernetes/issues/128609"},
	{ID: "drags-kubelet", Cause: "Installing kubeadm alone would move the kubelet or kubectl with it, by the packages' dependencies: the kubelet would restart before its node is drained.",
		Fix: "Choose a kubeadm whose dependencies allow the kubelet that is there, or correct the packages of your repository.", Source: "https://github.com/kubernetes/release/issues/2412"},
	{ID: "removes-package", Cause: "The installation would remove another package, because of a conflict.",
		Fix: "On the host: apt-get --simulate install kubeadm kubelet. Remove the package yourself if it is not needed, or choose another version.", Source: "https://www.debian.org/doc/debian-policy/ch-relationships.html"},
	{ID: "image-not-pullable", Cause: "The container runtime of a node cannot have an image of the target from the registry that kubeadm's configuration names.",
		Fix: "On the node: crictl pull IMAGE. Mend proxy, mirror or credentials, put the image there, or bring images with --images-from.", Source: "https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-init/#custom-images"},
	{ID: "image-not-in-bundle", Cause: "The bundle lacks an image of a release on the way, and the registry is not asked when images come from a bundle.",
		Fix: "Make a bundle with the images of every release on the way: kubectl upgrade bundle --images-archive.", Source: bundlePage},
	{ID: "disk-full", Cause: "A file system has less free than packages, images or files of a bundle need, and a reserve. A kubelet that runs out of room evicts pods, and an etcd that does stops.",
		Fix: "Make room there: apt-get clean, journalctl --vacuum-size, crictl rmi --prune.", Source: "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/"},
}

// runFindings are about the command that was given, and what it needs.
var runFindings = []Row{
	{ID: "rights", Cause: "The user of the kubeconfig lacks a right that the upgrade needs. All of them are asked for before anything is begun, so that none is missing half way.",
		Fix: "Use credentials that have them, or grant the role that the page shows.", Source: "docs/permissions.md"},
	{ID: "agent-refused", Cause: "The agent's pods were refused, or their image cannot be had: an admission plugin or webhook, a quota, Pod Security, or the registry.",
		Fix: "The finding has the words of who refused. Let privileged pods run in namespace kubectl-upgrade, and make the image available: --agent-image, --agent-pull-secret.", Source: "https://kubernetes.io/docs/concepts/security/pod-security-admission/"},
	{ID: "selector", Cause: "No worker has the labels that --selector asks for.", Fix: "kubectl get nodes --show-labels", Source: "https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"},
	{ID: "no-way", Cause: "There is no way of one minor after the other to the target: the package sources lack a minor between, or it is unknown which of its releases there are.",
		Fix: "Name the releases between with --via, or make their packages available.", Source: planningPage},
	{ID: "via", Cause: "The releases of --via are not one of each minor between.", Fix: "Name one release of each minor between the running one and the target.", Source: planningPage},
	{ID: "no-such-node", Cause: "The cluster has no node of that name.", Fix: "kubectl get nodes", Source: "https://kubernetes.io/docs/concepts/architecture/nodes/"},
	{ID: "rollback", Cause: "A node was named with --rollback-node whose kubelet cannot go back: nothing tells the version from before, its packages or its configuration of then are gone, or the skew policy does not allow that age.",
		Fix: "See the finding's own words, and docs/undo.md for what goes back and what does not.", Source: "docs/undo.md"},
	{ID: "other-upgrade-unfinished", Cause: "The cluster has the record of another upgrade that was begun and not finished. Two upgrades at once would each undo what the other relies on.",
		Fix: "Go on with it by the command that the finding names, or give it up: kubectl upgrade abort.", Source: "docs/undo.md"},
}
