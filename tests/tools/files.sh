#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# files.sh [PATTERN...]: the files of the repository, each followed by a NUL: those that git knows or would take. Without
# git, as in an unpacked tarball, all files but what the checks have written.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# A tarball may lie within another repository, which does not know its files.
if [ "$(git rev-parse --show-toplevel 2> /dev/null)" = "$(pwd -P)" ]; then
    git ls-files -coz --exclude-standard -- "$@"
else
    names=()
    for pattern in "$@"; do names+=(${names:+-o} -path "./$pattern" -o -path "./$pattern/*"); done
    find . \( -path ./.build -o -name .git -o -name __pycache__ -o -name '.*_cache' \) -prune -o \
        \( -type f -o -type l \) ${names:+\( "${names[@]}" \)} -printf '%P\0'
fi
