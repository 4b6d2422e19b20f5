#!/usr/bin/env bash
# The upgrade of a kubeadm cluster by hand, as kubernetes.io has it under "Upgrading kubeadm clusters", "Upgrading Linux
# nodes" and "Changing the Kubernetes package repository": one minor at a time, all nodes one after the other, each drained.
# It is what the product is measured against, so it does nothing that the documentation does not ask for, and waits for
# nothing but what a careful person waits for. Nodes are those of a lab cluster; "lab exec" stands where ssh would.
#
#   hack/runbook/upgrade.sh CLUSTER v1.33.13 v1.34.4 v1.35.4
#
# LAB and KUBECTL name the programs, KUBEADM_FLAGS what kubeadm gets beside the documented flags.
set -euo pipefail

LAB=${LAB:-lab}
KUBECTL=${KUBECTL:-kubectl}
read -ra kubeadm_flags <<<"${KUBEADM_FLAGS:-}"
cluster=$1
shift
KUBECONFIG=$("$LAB" kubeconfig --name "$cluster")
export KUBECONFIG

say() { printf '%s %s\n' "$(date +%T)" "$*"; }

on() {
	local node=$1
	shift
	"$LAB" exec --name "$cluster" "$node" -- "$@"
}

# A person types a command again that found no API server to answer: it restarts during all this.
kube() {
	local try
	for try in 1 2 3 4 5; do
		if "$KUBECTL" "$@"; then return; fi
		say "try $try of 'kubectl $*' failed"
		sleep 1
	done
	return 1
}

switch_repository() {
	local node=$1 minor=$2
	on "$node" sed -i -E "s|/v1\.[0-9]+/deb|/$minor/deb|" $(on "$node" grep -lE '/v1\.[0-9]+/deb' -r /etc/apt/sources.list.d)
}

install() {
	local node=$1 version=$2
	shift 2
	on "$node" apt-mark unhold "$@"
	on "$node" apt-get update
	on "$node" env DEBIAN_FRONTEND=noninteractive apt-get install -y "${@/%/=${version#v}-*}"
	on "$node" apt-mark hold "$@"
}

upgrade_kubelet() {
	local node=$1 version=$2
	kube drain "$node" --ignore-daemonsets
	install "$node" "$version" kubelet kubectl
	on "$node" systemctl daemon-reload
	on "$node" systemctl restart kubelet
	kube uncordon "$node"
	kube wait "node/$node" --for="jsonpath={.status.nodeInfo.kubeletVersion}=$version" --timeout=5m
	kube wait "node/$node" --for=condition=Ready --timeout=5m
}

upgrade_node() {
	local node=$1 version=$2
	shift 2
	say "$node to $version"
	switch_repository "$node" "${version%.*}"
	install "$node" "$version" kubeadm
	"$@"
	upgrade_kubelet "$node" "$version"
}

apply() {
	on "$first" kubeadm upgrade plan "$version" "${kubeadm_flags[@]}"
	on "$first" kubeadm upgrade apply "$version" --yes "${kubeadm_flags[@]}"
}

mapfile -t control_planes < <(kube get nodes -l node-role.kubernetes.io/control-plane -o name)
mapfile -t workers < <(kube get nodes -l '!node-role.kubernetes.io/control-plane' -o name)
control_planes=("${control_planes[@]#node/}") workers=("${workers[@]#node/}")
first=${control_planes[0]}

for version in "$@"; do
	upgrade_node "$first" "$version" apply
	for node in "${control_planes[@]:1}" "${workers[@]}"; do
		upgrade_node "$node" "$version" on "$node" kubeadm upgrade node "${kubeadm_flags[@]}"
	done
done
kube get nodes
