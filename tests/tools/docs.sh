#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Builds the documentation site in .build/docs from the tree that tree.sh made. Every warning is an error.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source=$root/.build/docs-source site=$root/.build/docs

rm -rf "$source" "$site"
mkdir -p "$source"
chmod go-w "$source" # antsibull-docs writes into no folder that others may change

ANSIBLE_COLLECTIONS_PATH=$root/.build/tree antsibull-docs collection \
    --use-current --squash-hierarchy --fail-on-error --dest-dir "$source" platform9.pcd > /dev/null
# No plugin declares variables of the environment in the way that this page would list.
rm "$source/environment_variables.rst"
# It copies the guides without their pictures. The chart is drawn by the benchmarks.
cp -R "$root/docs/docsite/rst/images" "$source/docsite/"
cp "$root"/benchmarks/results/*.svg "$source/docsite/images/" 2> /dev/null || true

sphinx-build -b html -c "$root/docs/sphinx" --fail-on-warning --keep-going --quiet --jobs 2 "$source" "$site"
python "$root/tests/tools/links.py" "$site" "$root"/*.md
python "$root/tests/tools/search.py" "$site"
echo "file://$site/index.html"
