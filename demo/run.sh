#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# `make demo` runs this: demo/playbook.yml, part by part, on a Keystone and a Glance of its own. Each claim is
# checked against the report of ansible-playbook and against the request log of the service.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${PCD_SANDBOX_JSON:?is not set; use make demo}"
state=$(dirname "$PCD_SANDBOX_JSON")

scratch=$root/.build/demo
rm -rf "$scratch"
mkdir -p "$scratch"
export ANSIBLE_CONFIG=$root/demo/ansible.cfg
bold='' plain=''
if [ -t 1 ]; then
    bold=$'\e[1m' plain=$'\e[0m'
    export ANSIBLE_FORCE_COLOR=1 # Ansible sees a pipe
fi

say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
fail() {
    echo "The demo failed: $*" >&2
    exit 1
}
writes() { python -c 'import json, sys
lines = map(json.loads, open(sys.argv[1]))
print(sum(line["service"] == "glance" and line["method"] not in ("GET", "HEAD") for line in lines))' "$state/log/requests.jsonl"; }

# play PART [OPTION...]: runs the tasks of this part, and counts the requests that change something in the image service.
play() {
    local before
    before=$(writes)
    ansible-playbook --diff --tags "$1" "${@:2}" "$root/demo/playbook.yml" | tee "$scratch/output"
    sent=$(($(writes) - before))
}
# expect CHANGED SENT: checks how many tasks of the last part changed something, and how many changing requests they sent.
expect() {
    grep -q "changed=$1 " "$scratch/output" || fail "$1 changed tasks were expected"
    [ "$sent" = "$2" ] || fail "$2 changing requests were expected, and there were $sent"
}

say "The artefact, as users get it from Galaxy, is installed."
ansible-galaxy collection install "$root"/.build/dist/*.tar.gz --offline -p "$scratch/collections" | tail -n 1

say "The RC file of the project is sourced: the playbook contains no credentials."
# shellcheck source=/dev/null
. "$state/openrc-member.sh"
env | grep -E '^OS_(AUTH_URL|USERNAME|PROJECT_NAME)=' | sort

say "An image is declared, first in check mode: the diff shows what would change, and nothing is sent."
play declare --check
expect 1 0

say "Now in a real run, with one request."
play declare
expect 1 1

say "The same again: the image is already as declared, so nothing changes."
play declare
expect 0 0

say "A small disk becomes the data of the image. Check mode predicts its size and its hashes."
disk=$scratch/alpine.qcow2
python "$root/tests/tools/qcow2.py" "$disk" the first build
sha512sum "$disk" | cut -d ' ' -f 1 > "$disk.sha512"
play upload --check -e demo_disk="$disk"
expect 1 0
mv "$scratch/output" "$scratch/predicted"

say "Now the data is sent, with one request, and verified. A second run changes nothing."
play upload -e demo_disk="$disk"
expect 1 1
cmp "$scratch/predicted" "$scratch/output" || fail "check mode predicted another result"
play upload -e demo_disk="$disk"
expect 0 0
play list

say "The desired state changes. Check mode shows the patch. Attributes that the task does not name stay unchanged."
play change --check
expect 1 0
mv "$scratch/output" "$scratch/predicted"

say "The real run prints exactly the same, and sends one request."
play change
expect 1 1
cmp "$scratch/predicted" "$scratch/output" || fail "check mode predicted another result"

say "Once more: nothing changes."
play change
expect 0 0

say "A deactivated image keeps its record and its data, but nobody can use the data until it is active again."
play deactivate,list
expect 1 1
play reactivate,list
expect 1 1

say "The vendor has a new build: a new image is created and verified, and only then replaces the old one."
python "$root/tests/tools/qcow2.py" "$disk.next" the second build
play replace,list -e demo_disk="$disk"
expect 1 5
play replace -e demo_disk="$disk"
expect 0 0

say "The image and the retired one are deleted."
play delete
expect 1 1
play cleanup,list
expect 1 1

say "Everything was as claimed: check mode sent nothing and predicted each change, and a second run changed nothing."
