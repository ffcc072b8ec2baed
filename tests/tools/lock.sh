#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Renews the pins of requirements.txt from requirements.in, for every Python from 3.10 on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

uv=.build/uv
mkdir -p .build
[ -x "$uv/bin/uv" ] || { "${PYTHON:-python3}" -m venv "$uv" && "$uv/bin/pip" install -qq uv; }
{
    sed -n '/^# GNU/p; /^# SPDX/p' tests/tools/requirements.in
    printf '\n# Made by tests/tools/lock.sh from requirements.in.\n'
    "$uv/bin/uv" pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate tests/tools/requirements.in
} > .build/requirements.txt
mv .build/requirements.txt tests/tools/requirements.txt
