#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Builds the artefact, the only file in .build/dist, and prints its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

source=.build/source dist=.build/dist
rm -rf "$source" "$dist"
mkdir -p "$source"

# Only what git knows or would take: a file that merely lies about, perhaps with secrets, is never packed.
tests/tools/files.sh | while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi # a deleted file is listed until the deletion is staged
done | tar -c --null -T - -f - | tar -x -C "$source" -f -

ansible-galaxy collection build "$source" --output-path "$dist" > /dev/null
echo "$dist"/*.tar.gz
