#!/usr/bin/env bash
# Compares the help texts in README.md and docs with what the plugin says; "hack/verify-help.sh --write" brings them up to date.
# A quoted help text stands between two lines: "<!-- help: cluster -->" (kubectl upgrade cluster --help) and "<!-- /help -->".
set -euo pipefail
cd "$(dirname "$0")/.."

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
go build -o "$new/kubectl-upgrade" ./cmd/kubectl-upgrade

status=0
for page in README.md docs/*.md; do
	quoted=
	while IFS= read -r line; do
		if [[ $line == '<!-- /help -->' ]]; then
			quoted=
		fi
		if [[ ! $quoted ]]; then
			printf '%s\n' "$line"
		fi
		if [[ $line =~ ^'<!-- help: '(.*)' -->'$ ]]; then
			quoted=1
			read -ra words <<<"${BASH_REMATCH[1]}"
			printf '```text\n'
			"$new/kubectl-upgrade" "${words[@]}" --help | sed 's/[[:space:]]*$//'
			printf '```\n'
		fi
	done <"$page" >"$new/page"
	if cmp -s "$page" "$new/page"; then
		continue
	fi
	if [[ ${1-} == --write ]]; then
		cp "$new/page" "$page"
	else
		diff -u "$page" "$new/page" || status=1
		echo "$page does not quote the help as it is: run hack/verify-help.sh --write"
	fi
done
exit $status
