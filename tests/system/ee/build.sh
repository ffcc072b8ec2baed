#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# build.sh IMAGE BASE: builds awx/execution-environment.yml on BASE with ansible-builder, if IMAGE is not that already. The
# collection is the artefact of .build/dist. Pip's settings of this machine are there during the build only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
image=$1 base=$2 place=.build/ee
mkdir -p "$place/context"

artefact=$(echo .build/dist/*.tar.gz)
# The names and checksums of all files of the collection: unlike the artefact they have no times.
# What the image is made of. The collection counts by the checksums of its files: unlike the artefact they have no times.
contents() {
    tar -xOzf "$artefact" FILES.json
    cat awx/execution-environment.yml tests/system/ee/adapt.py tests/system/ee/build.sh
    podman image inspect --format '{{.Id}}' "$base"
}
key=$(contents | sha256sum | cut -c 1-16)
if [ "$(podman image inspect --format '{{index .Labels "pcd.key"}}' "$image" 2> /dev/null)" = "$key" ]; then exit; fi

echo "Building the execution environment"
cp "$artefact" "$place/collection.tar.gz"
mounts=$(python tests/system/ee/adapt.py awx/execution-environment.yml "$place" "$base")
# In a chroot: a build in containers would ask for more rights than this machine may give.
arguments="--network host --isolation chroot --pull=never --label pcd.key=$key $mounts"
if ! ansible-builder build --file "$place/execution-environment.yml" --context "$place/context" --tag "$image" \
    --container-runtime podman -v 2 --extra-build-cli-args="$arguments" > "$place/build.log" 2>&1; then
    tail -n 40 "$place/build.log" >&2
    exit 1
fi
podman image prune --force > /dev/null
