#!/usr/bin/env bash
# Checks what needs no test to be seen wrong: formatting, go vet, go.mod, and help texts that the docs quote.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(gofmt -l cmd hack pkg test)
if [[ $unformatted ]]; then
	printf 'not formatted (make fmt):\n%s\n' "$unformatted"
	exit 1
fi
for module in . hack/lab; do
	go -C "$module" vet ./...
	go -C "$module" mod tidy -diff
done
hack/verify-help.sh
