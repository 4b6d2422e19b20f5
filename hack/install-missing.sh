#!/usr/bin/env bash
# Installs programs that tests need where they are missing: install-missing.sh PROGRAM..., each from the Debian package of its name.
set -euo pipefail
missing=()
for program in "$@"; do
	command -v "$program" >/dev/null || missing+=("$program")
done
if ((${#missing[@]} == 0)); then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "install ${missing[*]} first" >&2
	exit 1
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
