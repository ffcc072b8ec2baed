#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# run.sh [PYTEST ARGUMENT...]: builds the execution environment and runs jobs in it. If that cannot be done, it says why,
# and what was not checked therefore.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
image=localhost/pcd-ee:test base=localhost/pcd-ee-base:debian place=.build/ee

skip() {
    echo "SKIPPED: $1"
    echo "The execution environment was not built, and no job was run in it. tests/tools/debian-packages.sh installs what it takes."
    exit 0
}

missing=()
for program in podman crun mmdebstrap unshare apt-get; do
    command -v "$program" > /dev/null || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] || skip "missing here: ${missing[*]}"
[ "$(id -u)" = 0 ] || skip "root is needed: it makes a Debian, and runs containers as several users"
mkdir -p "$place"
if ! tests/system/ee/containers.sh podman info > "$place/info.log" 2>&1; then
    skip "podman does not work here: $(tail -n 1 "$place/info.log")"
fi
tests/system/ee/containers.sh tests/system/ee/base.sh "$base"
if ! tests/system/ee/containers.sh podman run --rm "$base" true > "$place/probe.log" 2>&1; then
    skip "containers do not run here: $(tail -n 1 "$place/probe.log")"
fi

tests/system/ee/containers.sh tests/system/ee/build.sh "$image" "$base"
tests/tools/with-sandbox.sh ee env REPOSITORY="$PWD" EE_IMAGE="$image" \
    PYTHONPATH="$PWD/.build/tree" pytest -q -p ansible_collections.platform9.pcd.tests.support.fixtures tests/system/ee "$@"
