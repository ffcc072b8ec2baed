#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Builds the artefact and lays out the tree that the tests run in, .build/tree/ansible_collections/platform9/pcd:
# exactly the files that a user gets, with the tests and what they need laid over them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tree=.build/tree new=.build/tree.new collection=ansible_collections/platform9/pcd
artefact=$(tests/tools/build.sh)
rm -rf "$new"
ANSIBLE_COLLECTIONS_PATH=$new ansible-galaxy collection install "$artefact" --offline -p "$new" > /dev/null
for part in tests benchmarks changelogs galaxy.yml pyproject.toml .gitignore Makefile; do
    cp -Rp ".build/source/$part" "$new/$collection/"
done
# ansible-test looks for a repository upwards, and the outer one would tell it that all of .build is ignored. Without git,
# it takes all files.
if command -v git > /dev/null; then git -C "$new/$collection" init -q; fi

# All is new, so that no file outlives its source; only what ansible-test has written stays.
if [ -d "$tree/$collection/tests/output" ]; then
    mv "$tree/$collection/tests/output" "$new/$collection/tests/"
fi
rm -rf "$tree"
mv "$new" "$tree"
echo "$artefact"
