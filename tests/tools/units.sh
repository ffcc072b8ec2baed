#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# units.sh [ARGS]: the unit tests by ansible-test, which takes paths and some options. With another option, such as -k or
# --lf, or the name of one test (::), by pytest in the same tree.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

by_pytest=0 paths=0
for argument in "$@"; do
    case $argument in
        -v* | --color* | --collect-only | --coverage* | --num-workers* | --requirements | --docker* | --venv* | --python*) ;;
        -* | *::*) by_pytest=1 ;;
    esac
    case $argument in tests/*) paths=1 ;; esac
done
if [ $by_pytest = 0 ]; then
    exec "$root/tests/tools/ansible-test.sh" units "$@"
fi
cd "$root/.build/tree/ansible_collections/platform9/pcd"
if [ $paths = 0 ]; then set -- tests/unit "$@"; fi
PYTHONPATH=$root/.build/tree exec pytest -q --import-mode=importlib -o "cache_dir=$root/.build/cache/pytest" "$@"
