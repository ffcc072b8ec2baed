#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# lock.sh [NAME...]: renews the pins of NAME.txt from NAME.in, for every Python from 3.10 on; of all if none is named.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

uv=.build/uv
mkdir -p .build
[ -x "$uv/bin/uv" ] || { "${PYTHON:-python3}" -m venv "$uv" && "$uv/bin/pip" install -qq uv; }
[ $# -gt 0 ] || set -- tests/tools/*.in
for name in "$@"; do
    name=$(basename "$name" .in)
    {
        sed -n '/^# GNU/p; /^# SPDX/p' "tests/tools/$name.in"
        printf '\n# Made by tests/tools/lock.sh from %s.in.\n' "$name"
        "$uv/bin/uv" pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate "tests/tools/$name.in"
    } > ".build/$name.txt"
    mv ".build/$name.txt" "tests/tools/$name.txt"
done
