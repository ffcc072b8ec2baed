#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs the integration targets against the sandbox that PCD_SANDBOX_JSON describes.
#
# They run in the environment of in-venv.sh: it has all that they need. With --venv, ansible-test would keep one
# environment for each Python whatever the ansible-core, and would ask pip about it on every run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

python - > "$root/.build/tree/ansible_collections/platform9/pcd/tests/integration/integration_config.yml" <<'PY'
import json
import os

with open(os.environ["PCD_SANDBOX_JSON"], encoding="utf-8") as file:
    sandbox = json.load(file)
variables = {
    "pcd_sandbox": sandbox,
    "pcd_auth_url": sandbox["keystone_url"],
    "pcd_ca_cert": sandbox["ca_file"],
    "pcd_clouds_yaml": sandbox["clouds_file"],
    "pcd_request_log": sandbox["request_log"],
}
print(json.dumps(variables, indent=2))  # JSON is YAML
PY

# Its thousands of lines are of use only if something is wrong.
log=$root/.build/integration.log
if "$root/tests/tools/ansible-test.sh" integration "$@" > "$log" 2>&1; then
    if tasks=$(grep -c '^ok: \|^changed: ' "$log"); then
        echo "$tasks tasks as expected; the output is in .build/integration.log"
    else
        cat "$log"
        [ $# -gt 0 ] # --list-targets and the like run no task, but all of them without arguments must
    fi
else
    status=$?
    cat "$log"
    exit $status
fi
