#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Brings the collection awx.awx to .build/awx-collection, out of the package that awx-collection.txt pins: a package index
# has it, Galaxy is not needed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

lock=tests/tools/awx-collection.txt place=.build/awx-collection
cmp -s "$lock" "$place/ready" && exit
rm -rf "$place"
mkdir -p "$place"
pip download -qq --no-deps --only-binary :all: --require-hashes -r "$lock" --dest "$place"
python - "$place" <<'PY'
import sys
from pathlib import Path
from zipfile import ZipFile

place = Path(sys.argv[1])
(wheel,) = place.glob("*.whl")
with ZipFile(wheel) as archive:
    archive.extractall(place, [name for name in archive.namelist() if name.startswith("ansible_collections/awx/")])
wheel.unlink()
PY
cp "$lock" "$place/ready"
