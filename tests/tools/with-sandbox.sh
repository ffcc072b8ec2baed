#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# with-sandbox.sh NAME COMMAND...: runs the command beside a new, empty sandbox of its own and stops that in every case.
# PCD_SANDBOX_RELEASE: an older release of Glance, see tests/sandbox/stack/releases.py.
# PCD_SANDBOX_PRODUCTION: if set, one on MariaDB behind HAProxy with several workers.
# PCD_SANDBOX_OPTIONS: more options of `sandbox.py up`, with blanks between them.
# If PCD_SANDBOX_JSON names the sandbox.json of a running one, the command uses that one and nothing is started.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
sandbox=$root/tests/sandbox/sandbox.py state=$root/.build/sandbox-$1
shift

# The cloud that the caller's shell is logged in to is out of reach here, and no proxy stands before the sandbox.
unset "${!OS_@}"
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

if [ -z "${PCD_SANDBOX_JSON:-}" ]; then
    stop() {
        trap '' INT TERM # a second Ctrl-C does not stop the stopping
        pkill -P $$ 2> /dev/null || true # the command, if it is still running
        python "$sandbox" down --state "$state" > /dev/null
    }
    trap stop EXIT
    read -ra more <<< "${PCD_SANDBOX_OPTIONS:-}"
    python "$sandbox" up --fresh --state "$state" ${PCD_SANDBOX_RELEASE:+--release "$PCD_SANDBOX_RELEASE"} \
        ${PCD_SANDBOX_PRODUCTION:+--production} "${more[@]}" > /dev/null
    PCD_SANDBOX_JSON=$state/sandbox.json
fi
PCD_SANDBOX_JSON=$(realpath "$PCD_SANDBOX_JSON")
export PCD_SANDBOX_JSON
# For tests that start one of another kind.
export PCD_SANDBOX_PROGRAM=$sandbox
"$@"
