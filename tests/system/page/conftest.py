# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that the playbook of the collection has written, and a browser."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.chromium import Page, open_page
from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.system.page.made_up import DRIFT, OWNERS, TIME, cloud

HERE = Path(__file__).absolute().parent
MANY = 5000
SOME = 600


class Writer:
    """Writes pages with the playbook, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            **inherited_environ(),
            "ANSIBLE_ACTION_PLUGINS": str(HERE / "action_plugins"),
            "ANSIBLE_COLLECTIONS_PATH": str(HERE.parents[5]),
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_REMOTE_TMP": str(folder / "remote"),
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PWD": str(folder),
        }

    def __call__(
        self,
        images: list[dict[str, Any]],
        name: str = "page.html",
        *words: str,
        environ: Mapping[str, str] = MappingProxyType({}),
        **variables: Any,
    ) -> Path:
        """The page of these images, and the output of the run in `self.output`."""
        (self.folder / "images.json").write_text(json.dumps(images), encoding="utf-8")
        listed = {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"listed": {"path": str(self.folder / "images.json")}, "register": "found"}],
        }
        report = {
            "import_playbook": "platform9.pcd.image_report",
            "vars": {
                "image_report_images": "{{ found.images }}",
                "image_report_time": f"{TIME:%Y-%m-%dT%H:%M:%SZ}",
                "image_report_dest": name,
                **variables,
            },
        }
        (self.folder / "play.yml").write_text(json.dumps([listed, report]), encoding="utf-8")
        self.run("ansible-playbook", "play.yml", *words, environ=environ)
        return self.folder / name

    def run(self, *words: str, environ: Mapping[str, str] = MappingProxyType({})) -> None:
        """Runs the command; `self.seconds` is the processor time that it took."""
        before = _seconds()
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.output = done.stdout + done.stderr
        self.seconds = _seconds() - before
        assert done.returncode == 0, self.output


def _seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Writer:
    return Writer(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="session")
def images() -> list[dict[str, Any]]:
    return cloud(SOME)


@pytest.fixture(scope="session")
def written(write: Writer, images: list[dict[str, Any]]) -> Path:
    """The page of some images, with names of owners and with drift."""
    return write(
        images,
        "some.html",
        image_report_title="Images of <PCD> & others",
        image_report_projects=OWNERS,
        image_report_drift=DRIFT,
    )


@pytest.fixture(scope="session")
def many(write: Writer) -> Path:
    return write(cloud(MANY), "many.html", image_report_projects=OWNERS)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_page(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def page(browser: Page, written: Path) -> Page:
    """The page of some images as it was opened, in a wide window."""
    browser.look(1600)
    browser.open(written)
    return browser
