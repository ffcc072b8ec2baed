#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# production.sh [PART...]: runs parts of the tests on MariaDB behind HAProxy with several workers, one sandbox for all,
# and prints a table with their durations. All parts if none is named: integration contract races faults stores. After
# these, it measures some tasks and writes the figures into the guide; `figures` does only that, and prints them. `stores`
# has a sandbox of its own, whose Glances share a staging folder and have a store in S3.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tests=$root/.build/tree/ansible_collections/platform9/pcd/tests
export PYTHONPATH=$root/.build/tree
whole=''
[ $# -gt 0 ] || { whole=1; set -- integration contract races faults stores; }

run() {
    case $1 in
        integration) "$root/tests/tools/integration.sh" ;;
        contract) pytest -q "$tests/system/contract" --ignore "$tests/system/contract/test_races.py" ;;
        races) pytest -q "$tests/system/contract/test_races.py" "$tests/system/contract/test_production.py" ;;
        faults) pytest -q "$tests/system/faults" ;;
        stores) stores ;;
        smoke) pytest -q "$tests/system/contract/test_production.py" -k smoke ;;
        figures) figures ;;
        *) echo "no such part: $1" >&2 && return 1 ;;
    esac
}

stores() {
    local options=--shared-staging
    if [ -x "$root/.build/sandbox-venv-production/bin/moto_server" ]; then
        options+=' --object-store'
    else
        echo "moto is not in .build/sandbox-venv-production, because pip could not install it: the store in S3 is not tested" >&2
    fi
    env -u PCD_SANDBOX_JSON PCD_SANDBOX_PRODUCTION=1 PCD_SANDBOX_OPTIONS="$options" "$root/tests/tools/with-sandbox.sh" \
        stores pytest -q -rs "$tests/system/contract/test_stores.py"
}

figures() {
    ANSIBLE_COLLECTIONS_PATH=$PYTHONPATH python "$tests/system/load/control_plane.py" "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0 table=''
for part; do
    echo "== production: $part"
    start=$SECONDS
    run "$part" 2>&1 | tee "$log" || failed=1
    # The last line of pytest says how many tests passed, and how long it took.
    result=$(tail -n 1 "$log" | sed 's/ in [0-9.]*s.*//; s/;.*//')
    table+=$part$'\t'$result$'\t'$((SECONDS - start))$'\n'
done
printf '\n%s' "$table"
if [ -n "$whole" ] && [ "$failed" = 0 ]; then
    figures --parts "$table" --record "$root/docs/docsite/rst/guide_releases.rst" || failed=1
fi
exit "$failed"
