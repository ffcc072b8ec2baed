# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local copies of what the vendors of docs/examples/catalog publish: small disks, and checksum files in their forms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve
from ansible_collections.platform9.pcd.tests.tools.qcow2 import qcow2

COLLECTION = Path(__file__).resolve().parents[2]
EXAMPLE = COLLECTION / "docs" / "examples" / "catalog"
RANGE = re.compile(r"bytes=0-(\d+)")
VENDOR = re.compile(r"{{ (\w+) }}")
# Vendor -> the line of a checksum file, from algorithm, name, digest and size; see the checksum files of each.
Form = Callable[[str, str, str, int], str]


def _bsd(algorithm: str, name: str, digest: str, size: int) -> str:
    return f"# {name}: {size} bytes\n{algorithm.upper()} ({name}) = {digest}\n"


FORMS: dict[str, Form] = {
    "almalinux": lambda algorithm, name, digest, size: f"{digest}  {name}\n",
    "centos": _bsd,
    "debian": lambda algorithm, name, digest, size: f"{digest}  {name}\n",
    # It names the build, and not the file that leads to it.
    "opensuse": lambda algorithm, name, digest, size: (
        f"{digest}  {name.replace('-Cloud', '-15.6.0-Cloud-Build19.143')}\n"
    ),
    "rocky": _bsd,
    "ubuntu": lambda algorithm, name, digest, size: f"{digest} *{name}\n",
}


def variables_of_example() -> dict[str, Any]:
    """All that group_vars of the example says, with its templates."""
    files = sorted((EXAMPLE / "group_vars" / "all").glob("*.yml"))
    return {key: value for path in files for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items()}


@dataclass
class Vendors:
    """`files` by path; `asked` are the paths of files that were asked for as a whole.

    `addresses` are the variables of vendors.yml.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sums: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def addresses(self) -> dict[str, str]:
        return {vendor: f"{self.url}/{vendor}" for vendor in FORMS}

    def publish(self, image: Mapping[str, Any], build: str) -> bytes:
        """The data of a new build of this image of the example, and its line in the checksum file."""
        content = qcow2(f"{image['name']}, {build}")
        path = self._path(image["url"])
        algorithm, dummy, address = image["checksum"].partition(":")
        name, listed = path.rpartition("/")[2], self._path(address)
        line = FORMS[path.split("/")[1]](algorithm, name, hashlib.new(algorithm, content).hexdigest(), len(content))
        self.files[path] = content
        self.sums.setdefault(listed, {})[name] = line
        self.files[listed] = "".join(self.sums[listed].values()).encode()
        return content

    def downloads(self, since: int = 0) -> list[str]:
        """The images that were asked for."""
        return [path for path in self.asked[since:] if path not in self.sums]

    @staticmethod
    def _path(template: str) -> str:
        return VENDOR.sub(lambda found: f"/{found[1]}", template)


@contextmanager
def open_vendors() -> Iterator[Vendors]:
    """All vendors, with the first build of each image of the example."""

    class Answers(Handler):
        def do_GET(self) -> None:
            content = vendors.files.get(self.path)
            beginning = RANGE.fullmatch(self.headers.get("Range", ""))
            if beginning and content is not None:
                # The format of the data stands in its first bytes.
                part = content[: int(beginning[1]) + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes 0-{len(part) - 1}/{len(content)}")
                content = part
            else:
                vendors.asked.append(self.path)
                self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

    with serve(Answers) as address:
        vendors = Vendors(address)
        for image in variables_of_example()["catalog_images"]:
            if "url" in image:
                vendors.publish(image, "the first build")
        yield vendors
