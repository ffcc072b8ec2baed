#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ansible-test.sh COMMAND...: ansible-test in the tree that tree.sh made, on the Python of the virtual environment.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root/.build/tree/ansible_collections/platform9/pcd"

# ansible-test keeps the environments of its sanity tests in the home directory. Its pip hears of no PIP_* variable, but
# reads two files there: the user's own, perhaps with another package index, and one that makes it quiet.
config=${XDG_CONFIG_HOME:-$HOME/.config}
export HOME=$root/.build/home
mkdir -p "$HOME/.ansible/test/cache" "$HOME/.config" "$HOME/.pip"
ln -sfn "$config/pip" "$HOME/.config/pip"
printf '[global]\nquiet = 2\n' > "$HOME/.pip/pip.conf"

# It downloads get-pip.py from a host of its own unless this file is there; the pip at hand does the same work.
requirements=$(python -c 'import ansible_test; print(ansible_test.__path__[0])')/_internal/python_requirements.py
sed -n "s/^ *pip='\([0-9.]*\)'.*/\1/p" "$requirements" | while read -r version; do
    cat > "$HOME/.ansible/test/cache/get_pip_${version//./_}.py" <<PY
import subprocess
import sys

options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
pip = ["$(command -v python)", "-m", "pip", "--python", sys.executable]
sys.exit(subprocess.call([*pip, "install", "-qq", *options]))
PY
done

exec ansible-test "$@" --python "$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
