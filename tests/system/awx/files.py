# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of awx/, and commands that are run with them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.system.awx.jobs import BIN

COLLECTION = Path(__file__).resolve().parents[3]
AWX = COLLECTION / "awx"
CREDENTIAL_TYPE = "Platform9 Private Cloud Director"
TEMPLATES = {
    "PCD: declare an image": "declare_image.yml",
    "PCD: publish or roll back an image": "rotate_image.yml",
    "PCD: declare a catalogue": "declare_catalog.yml",
    "PCD: set the state of images": "set_image_state.yml",
    "PCD: list images": "list_images.yml",
    "PCD: declare the images of the inventory": "declare_images.yml",
}


def load(name: str) -> Any:
    return yaml.safe_load((AWX / name).read_text(encoding="utf-8"))


def attempt(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command as it ends, in a shell that knows of no cloud but by `more`."""
    kept = inherited_environ()
    kept.pop("PYTHONPATH", None)  # the tree, which a job does not have
    own = {
        "HOME": str(folder),
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{BIN}{os.pathsep}{kept['PATH']}",
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    return subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=folder,
        env={**kept, **own, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def command(folder: Path, *words: str, **more: str) -> str:
    """What the command prints; it has to succeed."""
    done = attempt(folder, *words, **more)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def configure(
    folder: Path, project: Path, login: Mapping[str, str], rc_file: Mapping[str, str], *more: str
) -> subprocess.CompletedProcess[str]:
    """configure.yml with awx.awx, on the AWX that `login` names."""
    folders = f"{os.environ['AWX_COLLECTION']}{os.pathsep}{project.parents[3]}"
    words = ["ansible-playbook", *more, str(project / "configure.yml")]
    return attempt(folder, *words, ANSIBLE_COLLECTIONS_PATH=folders, **login, **rc_file)
