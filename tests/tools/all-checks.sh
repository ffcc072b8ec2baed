#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# all-checks.sh COMMAND...: runs make with all checks, keeps what they print in .build/test.log, and ends with one line
# that names the checks that failed.
set -uo pipefail
export LC_ALL=C.UTF-8 LANGUAGE='' # make says "Error" in the language of the caller
log=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.build/test.log

"$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" = 0 ]; then
    echo "== All checks passed"
else
    failed=$(sed -nE 's/^make(\[[0-9]+\])?: \*\*\* \[([^]]*: )?([a-z-]+)\] (Error|Terminated|Interrupt).*/\3/p' "$log" | sort -u | paste -sd ' ')
    echo "== Failed: ${failed:-make itself}, see .build/test.log"
fi
exit "$status"
