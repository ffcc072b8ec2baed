# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""adapt.py DEFINITION FOLDER BASE: the definition of the execution environment as it can be built on this machine.

Four things differ: the base image, the package manager that belongs to it, the origin of pip (Debian's
Python has it from a package, and no ensurepip), and the origin of the collection (the artefact instead of Galaxy).
Prints the mounts of the build: pip's settings of this machine, and the certificates that they name.
"""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

# The settings by which pip reaches its index. Those about files of this machine would not hold in a container.
SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries", "cert")
CERTIFICATES = "/etc/pip-build.crt"


def adapted(definition: dict[str, Any], base: str) -> dict[str, Any]:
    return {
        **definition,
        "images": {"base_image": {"name": base}},
        "options": {"package_manager_path": "/usr/bin/apt-get", "skip_pip_install": True},
        "additional_build_files": [{"src": "collection.tar.gz", "dest": "dist"}],
        "dependencies": {
            **definition["dependencies"],
            "galaxy": {"collections": [{"name": "dist/collection.tar.gz", "type": "file"}]},
        },
    }


def pip_settings() -> dict[str, str]:
    """What pip uses here, from its variables and its files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, str] = {}
    for line in listed.splitlines():
        name, dummy, value = line.partition("=")
        setting = name.rpartition(".")[2]
        if setting in SETTINGS and name.startswith(("global.", "install.")):
            found[setting] = value.strip("'\"")
    for setting in SETTINGS:
        variable = os.environ.get(f"PIP_{setting.upper().replace('-', '_')}")
        if variable:
            found[setting] = variable
    return {name: value for name, value in found.items() if "file:" not in value}


def main(source: str, folder: str, base: str) -> None:
    place = Path(folder).resolve()
    definition = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    text = yaml.safe_dump(adapted(definition, base), sort_keys=False)
    (place / "execution-environment.yml").write_text(text, encoding="utf-8")
    settings = pip_settings()
    mounts = [f"--volume {place}/pip.conf:/etc/pip.conf:ro"]
    if "cert" in settings:
        mounts.append(f"--volume {settings['cert']}:{CERTIFICATES}:ro")
        settings["cert"] = CERTIFICATES
    config = configparser.ConfigParser(interpolation=None)
    config["global"] = settings
    with (place / "pip.conf").open("w", encoding="utf-8") as file:
        config.write(file)
    print(" ".join(mounts))


if __name__ == "__main__":
    main(*sys.argv[1:])
