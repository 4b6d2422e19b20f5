#!/usr/bin/env bash
# Runs every fuzz target, one after the other: "hack/fuzz.sh [TIME]", ten minutes each unless told.
set -euo pipefail
cd "$(dirname "$0")/.."

grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9]+' cmd pkg | while IFS=: read -r file func; do
	echo "=== ${func#func } in ${file%/*}"
	go test "./${file%/*}" -run '^$' -fuzz "^${func#func }\$" -fuzztime "${1:-10m}" </dev/null
done
