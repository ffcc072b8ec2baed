#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# in-venv.sh [COMMAND...]: runs a command in the virtual environment of PYTHON and ANSIBLE_CORE, which is created if it is
# missing. ANSIBLE_CORE=devel: the development branch. TOOLS=docs: in another one, with the packages of docs.txt instead of
# requirements.txt, which most checks need.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-python3}
core=${ANSIBLE_CORE:-}
tools=${TOOLS:-requirements}
lock=$root/tests/tools/$tools.txt

# Without bytecode, each start compiles everything again. Unbuffered, a pipelined module reads itself a byte at a time.
unset PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED
# What the caller has configured for Ansible must not change an outcome, and nothing is written outside .build.
unset "${!ANSIBLE_@}"
mkdir -p "$root/.build/home"
export HOME=${HOME:-$root/.build/home} # in a container, there may be none
touch "$root/.build/home/ansible.cfg"
export ANSIBLE_CORE=$core ANSIBLE_CONFIG=$root/.build/home/ansible.cfg ANSIBLE_HOME=$root/.build/home/.ansible
export ANSIBLE_REMOTE_TMP=$ANSIBLE_HOME/tmp MYPY_CACHE_DIR=$root/.build/cache/mypy RUFF_CACHE_DIR=$root/.build/cache/ruff
export LC_ALL=C.UTF-8 PIP_DISABLE_PIP_VERSION_CHECK=1

key=$("$python" - "$lock" "${core:-locked}" "$tools" <<'PY'
import hashlib
import platform
import sys

if sys.version_info < (3, 10):
    sys.exit(f"{sys.executable} is Python {platform.python_version()}; at least 3.10 is needed: make PYTHON=python3.12 ...")
lock = hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()[:8]
print(f"{platform.python_version()}-{sys.argv[2]}-{sys.argv[3]}-{lock}")
PY
)
venv=$root/.build/venv/$key
if [ ! -e "$venv/ready" ]; then
    echo "Setting up .build/venv/$key" >&2
    "$python" -m venv --clear "$venv"
    "$venv/bin/pip" install -qq --upgrade pip # the one that comes with an older Python takes twice as long
    "$venv/bin/pip" install -qq -r "$lock"
    # a second step, so that pip may also replace what the lock file pins for another ansible-core
    case $core in
        "") ;;
        devel) "$venv/bin/pip" install -qq https://github.com/ansible/ansible/archive/devel.tar.gz ;;
        *) "$venv/bin/pip" install -qq "ansible-core==$core" ;;
    esac
    touch "$venv/ready"
fi
PATH=$venv/bin:$PATH exec "${@:-true}"
