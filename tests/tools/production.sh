#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# production.sh [PART...]: runs parts of the tests on MariaDB behind HAProxy with several workers, one sandbox for all,
# and prints a table with their durations. All parts if none is named: integration contract races faults.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tests=$root/.build/tree/ansible_collections/platform9/pcd/tests
export PYTHONPATH=$root/.build/tree
[ $# -gt 0 ] || set -- integration contract races faults

run() {
    case $1 in
        integration) "$root/tests/tools/integration.sh" ;;
        contract) pytest -q "$tests/system/contract" --ignore "$tests/system/contract/test_races.py" ;;
        races) pytest -q "$tests/system/contract/test_races.py" "$tests/system/contract/test_production.py" ;;
        faults) pytest -q "$tests/system/faults" ;;
        smoke) pytest -q "$tests/system/contract/test_production.py" -k smoke ;;
        *) echo "no such part: $1" >&2 && return 1 ;;
    esac
}

failed=0 table=''
for part; do
    echo "== production: $part"
    start=$SECONDS result=passed
    run "$part" || { result=FAILED failed=1; }
    table+=$(printf '%-12s %-8s %5s s' "$part" "$result" $((SECONDS - start)))$'\n'
done
printf '\n%s' "$table"
exit "$failed"
