#!/usr/bin/env bash
# Makes the images of images/ without a container engine, each twice, since the same sources have to give the same digest.
# usage: hack/images.sh [--platforms linux/amd64,linux/arm64] [--hops 3.5,3.6] [--push REGISTRY/PATH] [--version V] [--ldflags FLAGS]
# Without --push they are OCI layouts in dist/images. The tag is the version, or "latest".
set -euo pipefail
cd "$(dirname "$0")/.."

platforms=linux/amd64,linux/arm64 hops='' push='' version='' ldflags=''
while (($#)); do
	case $1 in
	--platforms) platforms=$2 ;;
	--hops) hops=$2 ;;
	--push) push=$2 ;;
	--version) version=$2 ;;
	--ldflags) ldflags=$2 ;;
	*)
		sed -n '3,4p' "$0" >&2
		exit 2
		;;
	esac
	shift 2
done

programs=dist/programs
IFS=, read -ra list <<<"$platforms"
for platform in "${list[@]}"; do
	arch=${platform#linux/}
	for program in host-agent etcd-migrate; do
		# What git knows of the folder would be stamped into it: the version is, and the rest must not matter.
		CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOAMD64=v1 GOARM64=v8.0 GOFLAGS='' GOEXPERIMENT='' go build -trimpath -buildvcs=false \
			-ldflags "-s -w $ldflags" -o "$programs/$arch/$program" "./cmd/$program"
	done
	go run ./hack/etcd --platform "linux-$arch" ${hops:+--only "$hops"} >&2
done

for program in host-agent etcd-migrate; do
	to=(--layout "dist/images/$program")
	if [[ $push ]]; then
		# A tag cannot have every character that a version has.
		to=(--push "$push/$program:$(tr -c 'A-Za-z0-9_.\n-' _ <<<"${version:-latest}")")
	fi
	mkdir -p dist/images
	go run ./hack/image --image "images/$program" --binary "$programs/{arch}/$program" --platform "$platforms" --version "$version" \
		${hops:+--hops "$hops"} --twice "${to[@]}"
done
