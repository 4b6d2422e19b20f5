#!/usr/bin/env bash
# Compares the help texts in README.md and docs with what the plugin says; "hack/verify-help.sh --write" brings them up to date.
# So it does with what hack/docs writes: that there is a page for every command, the list of them, and man pages.
# A quoted help text stands between two lines: "<!-- help: cluster -->" (kubectl upgrade cluster --help) and "<!-- /help -->".
# "<!-- help: etcd-migrate -->" is that of the other program.
set -euo pipefail
cd "$(dirname "$0")/.."

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
go build -o "$new/" ./cmd/kubectl-upgrade ./cmd/etcd-migrate ./hack/docs

status=0
"$new/docs" ${1+"$1"} || status=1
for page in README.md docs/*.md docs/commands/*.md; do
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
			program=kubectl-upgrade
			if [[ ${words[0]} == etcd-migrate ]]; then
				program=etcd-migrate words=("${words[@]:1}")
			fi
			printf '```text\n'
			"$new/$program" "${words[@]}" --help 2>&1 | sed 's/[[:space:]]*$//'
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
