# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real places of the names in documents when they are followed, and what is there before a reader begins.

places.yml says it; the words in braces are known here.
"""

from __future__ import annotations

import hashlib
import lzma
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.vendor import PASSWORD, open_vendor
from ansible_collections.platform9.pcd.tests.system.docs.documents import COLLECTION

PLACES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("places.yml").read_text(encoding="utf-8"))
QCOW2_TOOL = COLLECTION / "tests" / "tools" / "qcow2.py"
# The files of the documents, and what distinguishes their content.
DISKS = {
    "debian-13-genericcloud-amd64": "debian",
    "debian-13-genericcloud-amd64-daily": "debian, the next build",
    "appliance": "the first build",
    "appliance-first": "the first build",
    "appliance-next": "the next build",
}


def replaced(text: str, known: Mapping[str, str]) -> str:
    for name, there in PLACES["replaced"].items():
        text = text.replace(name, there.format_map(known))
    return text


@contextmanager
def laid_out(folder: Path, server: Server) -> Iterator[tuple[Callable[[str], str], dict[str, Any]]]:
    """The places, and the variables that the plays of the documents use."""
    images = folder / "images"
    images.mkdir()
    contents = {}
    for name, text in DISKS.items():
        path = images / f"{name}.qcow2"
        subprocess.run([sys.executable, str(QCOW2_TOOL), str(path), text], check=True)
        contents[path.name] = path.read_bytes()
    contents["appliance-7.raw.xz"] = lzma.compress(b"an appliance")
    sandbox = server.sandbox
    clouds = yaml.safe_load(Path(sandbox["clouds_file"]).read_text(encoding="utf-8"))["clouds"]
    named = {"pcd": clouds["member"], "pcd-admin": clouds["admin"]}
    (folder / "clouds.yaml").write_text(yaml.safe_dump({"clouds": named}), encoding="utf-8")
    with open_vendor() as vendor:
        for name, content in contents.items():
            vendor.file(name, content)
        for algorithm in ("sha256", "sha512"):
            lines = [f"{hashlib.new(algorithm, content).hexdigest()}  {name}\n" for name, content in contents.items()]
            vendor.file(f"{algorithm.upper()}SUMS", "".join(lines).encode())
        member = sandbox["users"]["member"]
        known = {
            "keystone": sandbox["keystone_url"],
            "ca": sandbox["ca_file"],
            "password": member["password"],
            "credential_id": sandbox["application_credential"]["id"],
            "credential_secret": sandbox["application_credential"]["secret"],
            "vendor": vendor.url,
            "images": str(images),
            "home": str(folder),
            "artefact": str(next((COLLECTION.parents[2].parent / "dist").glob("*.tar.gz"), "")),
        }
        variables = {
            "mirror_password": PASSWORD,
            "team_projects": [sandbox["users"][user]["project_id"] for user in ("member", "other")],
            "debian_sha512": hashlib.sha512(contents["debian-13-genericcloud-amd64.qcow2"]).hexdigest(),
        }
        yield lambda text: replaced(text, known), variables
