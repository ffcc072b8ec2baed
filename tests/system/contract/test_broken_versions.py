# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new version that is broken leaves every image of its name as it is, whatever is wrong and however it is sent."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Proxy, Seen
from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Image, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner
from ansible_collections.platform9.pcd.tests.support.rotation import Rotation
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor, open_vendor
from ansible_collections.platform9.pcd.tests.tools.qcow2 import qcow2

CONTENT = os.urandom(300_000)
# More than the task reads before it writes anything.
LARGE = os.urandom(3 << 20)
# The beginning of raw data does not show that it is not VHD: the service refuses it only at the end.
VHD: dict[str, Any] = {"disk_format": "vhd"}
QCOW2: dict[str, Any] = {"disk_format": "qcow2"}
WITH_BACKING_FILE = b"QFI\xfb\0\0\0\3" + (512).to_bytes(8, "big") + qcow2()[16:]
BROKEN_GZ = gzip.compress(LARGE, 1)[:-9] + b"x" * 9


class Scene(NamedTuple):
    """A name with a current and a retired image, and the place that a new version comes from."""

    rotate: Rotation
    vendor: Vendor
    proxy: Proxy
    folder: Path

    def path(self, content: bytes, method: str, name: str = "new.raw") -> dict[str, Any]:
        path = self.folder / name
        path.write_bytes(content)
        return {"path": str(path), "method": method}

    def url(self, content: bytes, method: str, folder: str = "files", name: str = "new.raw") -> dict[str, Any]:
        return {"url": self.vendor.file(name, content, folder), "method": method}

    def everything(self) -> tuple[dict[str, Image], list[bytes]]:
        """The documents of all images of the name, and the data of the current ones."""
        ids = self.rotate.current()
        data = [self.rotate.server.call("GET", f"/images/{image_id}/file").content for image_id in ids]
        return self.rotate.everything(), data


@pytest.fixture(scope="module")
def rotate(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rotation]:
    """The images are the same ones for all tests, since none may change them."""
    server = Server(sandbox)
    run = Runner(server, tmp_path_factory.mktemp("home"))
    run.by_token = True
    rotation = Rotation(run, server, unused("standing"), tmp_path_factory.mktemp("builds"))
    try:
        rotation.builds(1, 2)
        yield rotation
    finally:
        for image_id in rotation.everything():
            server.remember(image_id)
        server.clean_up()
        run.close()


@pytest.fixture
def scene(rotate: Rotation, proxy: Proxy, tmp_path: Path) -> Iterator[Scene]:
    with open_vendor() as vendor:
        yield Scene(rotate, vendor, proxy, tmp_path)


def wrong(algorithm: str) -> dict[str, Any]:
    return {"checksum": f"{algorithm}:{'0' * hashlib.new(algorithm).digest_size * 2}"}


def nowhere() -> dict[str, Any]:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        return {"url": f"http://127.0.0.1:{deaf.getsockname()[1]}/new.raw"}


def gone_after(kind: str, scene: Scene, options: dict[str, Any]) -> dict[str, Any]:
    """The vendor removes the file once the service has answered a request of this kind."""

    def watch(seen: Seen, is_answered: bool) -> None:
        if is_answered and seen.kind == kind:
            scene.vendor.files.clear()

    scene.proxy.watch = watch
    return options


def cut_each_time(scene: Scene, folder: str, method: str) -> dict[str, Any]:
    scene.vendor.cuts, scene.vendor.behind = 99, 2 << 20
    return scene.url(LARGE, method, folder)


Break = Callable[[Scene, str], dict[str, Any]]

FILES: dict[str, Break] = {
    "wrong sha512": lambda scene, method: {**scene.path(CONTENT, method), **wrong("sha512")},
    "wrong sha256": lambda scene, method: {**scene.path(CONTENT, method), **wrong("sha256")},
    "wrong md5": lambda scene, method: {**scene.path(LARGE, method), **wrong("md5")},
    "refused by the service": lambda scene, method: {**scene.path(CONTENT, method), **VHD},
    "another format": lambda scene, method: {**scene.path(CONTENT, method), **QCOW2},
    "backing file": lambda scene, method: {**scene.path(WITH_BACKING_FILE, method), **QCOW2},
    "packed": lambda scene, method: scene.path(gzip.compress(CONTENT), method),
    "empty": lambda scene, method: scene.path(b"", method),
    "missing": lambda scene, method: {"path": "/nowhere/new.raw", "method": method},
    "broken gz": lambda scene, method: {**scene.path(BROKEN_GZ, method, "new.raw.gz"), "decompress": True},
}
STREAMED: dict[str, Break] = {
    "wrong sha256": lambda scene, method: {**scene.url(LARGE, method), **wrong("sha256")},
    "cut": lambda scene, method: cut_each_time(scene, "cut", method),
    "reset": lambda scene, method: cut_each_time(scene, "reset", method),
    "cut among chunks": lambda scene, method: cut_each_time(scene, "chunks", method),
    "ends early": lambda scene, method: scene.url(LARGE, method, "short"),
    "gone": lambda scene, method: scene.url(CONTENT, method, "status/404"),
    "forbidden": lambda scene, method: scene.url(CONTENT, method, "status/403"),
    "server error": lambda scene, method: scene.url(CONTENT, method, "status/500"),
    "nobody listens": lambda scene, method: {**nowhere(), "method": method},
    "a web page": lambda scene, method: scene.url(b"<!DOCTYPE html><html>Log in</html>", method),
    "packed for the way": lambda scene, method: scene.url(CONTENT, method, "encoded"),
}
FETCHED: dict[str, Break] = {
    "wrong sha512": lambda scene, method: {**scene.url(CONTENT, method), **wrong("sha512")},
    "wrong sha256": lambda scene, method: {**scene.url(CONTENT, method), **wrong("sha256")},
    "refused by the service": lambda scene, method: {**scene.url(CONTENT, method), **VHD},
    "another format": lambda scene, method: {**scene.url(CONTENT, method), **QCOW2},
    "ends early": lambda scene, method: scene.url(CONTENT, method, "short"),
    "gone": lambda scene, method: scene.url(CONTENT, method, "status/404"),
    "forbidden": lambda scene, method: scene.url(CONTENT, method, "status/403"),
    "server error": lambda scene, method: scene.url(CONTENT, method, "status/500"),
    "nobody listens": lambda scene, method: {**nowhere(), "method": method},
    "gone once there is a record": lambda scene, method: gone_after("create", scene, scene.url(CONTENT, method)),
    "empty": lambda scene, method: scene.url(b"", method),
    "a web page": lambda scene, method: scene.url(b"<!DOCTYPE html><html>Log in</html>", method),
}
CASES = [
    pytest.param(method, make, id=f"{method}: {what}")
    for methods, table in (
        (("upload", "glance-direct"), FILES),
        (("upload",), STREAMED),
        (("glance-direct",), {key: STREAMED[key] for key in ("cut", "ends early")}),
        (("web-download",), FETCHED),
    )
    for what, make in table.items()
    for method in methods
]
# On the way to the service; each time, so that no repetition helps.
FAULTS = [
    ("upload", Fault("reset", "inside", "upload", times=9)),
    ("upload", Fault("cut", "inside", "upload", times=9)),
    ("upload", Fault("short unannounced", "inside", "upload", times=9)),
    ("upload", Fault("413", "early", "upload", times=9)),
    ("upload", Fault("503", "before", "upload", times=9)),
    ("upload", Fault("500", "before", "create", times=9)),
    ("glance-direct", Fault("reset", "inside", "stage", times=9)),
    ("glance-direct", Fault("short unannounced", "inside", "stage", times=9)),
    ("glance-direct", Fault("503", "before", "import", times=9)),
    ("web-download", Fault("reset", "before", "import", times=9)),
    ("web-download", Fault("413", "before", "import", times=9)),
]


@contextmanager
def untouched(scene: Scene) -> Iterator[None]:
    before = scene.everything()
    assert len(before[0]) == 2
    assert [image["status"] for image in before[0].values()] == ["active", "active"]
    yield
    assert scene.everything() == before


def bring(scene: Scene, how: str, options: dict[str, Any]) -> str:
    """The message of the run that cannot bring this version, though it would have retired and deleted others."""
    server = scene.rotate.server
    login = scene.proxy.through({"token": server.token(), "project_id": server.project_id()})
    wanted = {"name": scene.rotate.name, "on_content_change": how, "keep": 0, "retries": 0, **RAW, **options}
    return scene.rotate.run("pcd_image", None, **wanted, **login).msg


@pytest.mark.parametrize("how", ["replace", "prepare"])
@pytest.mark.parametrize(("method", "make"), CASES)
def test_a_version_that_is_broken_touches_no_image(method: str, make: Break, how: str, scene: Scene) -> None:
    with untouched(scene):
        assert "\n" not in bring(scene, how, make(scene, method))


@pytest.mark.parametrize("how", ["replace", "prepare"])
@pytest.mark.parametrize(("method", "fault"), FAULTS, ids=lambda value: str(getattr(value, "what", value)))
def test_a_version_that_does_not_come_through_touches_no_image(
    method: str, fault: Fault, how: str, scene: Scene
) -> None:
    options = scene.url(CONTENT, method) if method == "web-download" else scene.path(CONTENT, method)
    scene.proxy.arm(fault)
    with untouched(scene):
        assert "\n" not in bring(scene, how, options)


@pytest.mark.parametrize("method", ["upload", "glance-direct", "web-download"])
def test_a_version_comes_through_if_nothing_is_wrong_with_it(method: str, scene: Scene) -> None:
    """Otherwise the tests above would show nothing."""
    content = os.urandom(1000)
    source = scene.url(content, method) if method == "web-download" else scene.path(content, method)
    assert scene.rotate(None, **RAW, **source, on_content_change="prepare").changed
