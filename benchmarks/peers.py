# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of openstack.cloud: the package `ansible`, which contains it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

# The newest one; its wheel is the same for every Python, whatever ansible-core it asks for.
ANSIBLE = "ansible==14.5.0"
PART = "ansible_collections/openstack/cloud/"


def openstack_cloud(given: Path | None, kept: Path) -> Path | None:
    """The folder that holds `ansible_collections/openstack/cloud`; None if it cannot be downloaded.

    `given` is that folder, or the collection's own; without it, the collection is fetched into `kept` once.
    """
    if given is not None:
        root = next((folder for folder in (given, *given.resolve().parents) if (folder / PART).is_dir()), None)
        if root is None:
            raise SystemExit(f"--openstack-cloud: {given} holds no {PART}")
        return root
    if not (kept / PART / "MANIFEST.json").is_file():
        try:
            _fetch(kept)
        except (OSError, subprocess.SubprocessError, zipfile.BadZipFile, IndexError) as error:
            print(f"openstack.cloud is not measured: {ANSIBLE} could not be fetched ({error})", file=sys.stderr)
            return None
    return kept


def _fetch(kept: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        words = ["download", "-qq", "--no-deps", "--only-binary=:all:", "--python-version=3.13", "--dest", folder]
        subprocess.run([sys.executable, "-m", "pip", *words, ANSIBLE], check=True, timeout=300)
        wheel = next(iter(Path(folder).glob("*.whl")))
        unpacked = Path(folder) / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(unpacked, [name for name in archive.namelist() if name.startswith(PART)])
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(unpacked, kept)


def version(root: Path) -> str:
    manifest = json.loads((root / PART / "MANIFEST.json").read_text(encoding="utf-8"))
    return str(manifest["collection_info"]["version"])
