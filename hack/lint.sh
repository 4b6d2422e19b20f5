#!/usr/bin/env bash
# Runs golangci-lint over every module, at the version that hack/tools/go.mod pins: "hack/lint.sh [fmt|run]".
# It is built once per version and kept in the user's cache, since building it takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(go -C hack/tools list -m -f '{{.Version}}' github.com/golangci/golangci-lint/v2)
lint=${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-upgrade/tools/golangci-lint-$version
if [[ ! -x $lint ]]; then
	echo "build golangci-lint $version" >&2
	mkdir -p "${lint%/*}"
	go -C hack/tools build -trimpath -gcflags=all=-dwarf=false -ldflags="-s -w" -o "$lint.$$" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	mv "$lint.$$" "$lint" # another build may be under way
fi

status=0
for module in . hack/lab; do
	(cd "$module" && "$lint" "${1:-run}" --config "$OLDPWD/.golangci.yml" ./...) || status=1
done
exit $status
