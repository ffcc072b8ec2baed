#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Brings the fragments of the changelog into CHANGELOG.rst and changelogs/changelog.yaml, for the version in galaxy.yml,
# and removes them. It works in the tree of tree.sh: antsibull-changelog copies a collection that lies anywhere else, with
# all that is in .build.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tree=$root/.build/tree/ansible_collections/platform9/pcd

cd "$tree"
antsibull-changelog release --update-existing
cp CHANGELOG.rst "$root/"
cp changelogs/changelog.yaml "$root/changelogs/"
for fragment in "$root"/changelogs/fragments/*.yml; do
    [ -e "changelogs/fragments/${fragment##*/}" ] || rm "$fragment"
done
