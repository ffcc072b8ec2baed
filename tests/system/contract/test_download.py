# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a download leaves in the file system, what it asks of the service, and what it says where there is no data."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Seen, open_proxy
from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, RAW, Server, shape_of
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner

MIB = 1 << 20
SHA512 = hashlib.sha512(BYTES).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


def left(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def downloads(outcome: Outcome) -> int:
    """The requests for data."""
    return sum(request["path"].endswith("/file") for request in outcome.glance)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# What is done, and what is predicted


@pytest.mark.parametrize("there", [None, b"old", b"x" * len(BYTES)], ids=["nothing", "another size", "other bytes"])
def test_check_mode_predicts_what_is_done_once(
    there: bytes | None, run: Runner, server: Server, name: str, folder: Path
) -> None:
    image = server.create(name, active=True)
    dest = folder / "disk.raw"
    if there is not None:
        dest.write_bytes(there)
    before, images = left(folder), server.everything()

    preview = run("pcd_image_download", name=name, dest=str(dest), check=True)
    assert left(folder) == before

    done = run("pcd_image_download", name=name, dest=str(dest))
    assert left(folder) == {"disk.raw": BYTES}
    assert (done.tokens, done.lookups, downloads(done)) == (1, 2, 1)
    assert done.changed is True
    assert done.image == shape_of(image)
    assert (done.result["dest"], done.result["size"]) == (str(dest), len(BYTES))
    assert done.result["checksum"] == f"sha512:{SHA512}"
    assert done.result["action"] == "downloaded"
    for part in ("changed", "action", "diff", "dest", "checksum", "image"):
        assert preview.result[part] == done.result[part], part
    assert done.result["diff"]["before"] != done.result["diff"]["after"]

    written = (dest.stat().st_ino, dest.stat().st_ctime_ns)  # reading it to compare changes its st_atime
    for again in (
        run("pcd_image_download", name=name, dest=str(dest)),
        run("pcd_image_download", name=name, dest=str(dest), check=True),
    ):
        assert (again.changed, again.result["action"]) == (False, "unchanged")
        assert (again.lookups, downloads(again)) == (1, 0)
        assert again.result["diff"]["before"] == again.result["diff"]["after"] == done.result["diff"]["after"]
        assert (dest.stat().st_ino, dest.stat().st_ctime_ns) == written
    assert preview.writes == done.writes == []
    assert server.everything() == images


def test_an_image_is_found_by_its_id_and_hidden_ones_are(run: Runner, server: Server, name: str, folder: Path) -> None:
    image = server.create(name, active=True, os_hidden=True)
    run("pcd_image_download", id=image["id"], dest=str(folder / "by id"))
    run("pcd_image_download", name=name, dest=str(folder / "by name"))
    assert left(folder) == {"by id": BYTES, "by name": BYTES}


def test_the_file_in_a_folder_is_named_after_the_image(run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(f"{name}/$HOME ü", active=True)
    unnamed = server.create(active=True)
    done = run("pcd_image_download", name=f"{name}/$HOME ü", dest=str(folder), mode="0600")
    assert done.result["dest"] == str(folder / f"{name}__HOME ü")
    run("pcd_image_download", id=unnamed["id"], dest=f"{folder}/")
    assert left(folder) == {f"{name}__HOME ü": BYTES, unnamed["id"]: BYTES}
    assert run("pcd_image_download", name=f"{name}/$HOME ü", dest=str(folder), mode="0600").changed is False


def test_an_image_without_a_byte_is_an_empty_file(run: Runner, server: Server, name: str, folder: Path) -> None:
    image = server.create(name, **RAW)
    server.upload(image["id"], b"")
    assert run("pcd_image_download", name=name, dest=str(folder / "disk.raw")).changed is True
    assert left(folder) == {"disk.raw": b""}
    assert run("pcd_image_download", name=name, dest=str(folder / "disk.raw")).changed is False


# The attributes of the file


def test_a_file_gets_the_mode_that_is_asked_for(run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(name, active=True)
    dest = folder / "disk.raw"
    done = run("pcd_image_download", name=name, dest=str(dest), mode="0640")
    assert mode_of(dest) == 0o640
    assert (done.result["mode"], done.result["uid"], done.result["state"]) == ("0640", os.getuid(), "file")

    preview = run("pcd_image_download", name=name, dest=str(dest), mode="u=rw,go=", check=True)
    assert mode_of(dest) == 0o640
    changed = run("pcd_image_download", name=name, dest=str(dest), mode="u=rw,go=")
    assert mode_of(dest) == 0o600
    assert downloads(changed) == 0
    assert preview.changed is changed.changed is True
    assert preview.result["action"] == changed.result["action"] == "updated"
    assert preview.result["diff"] == changed.result["diff"]
    assert (changed.result["diff"]["before"]["mode"], changed.result["diff"]["after"]["mode"]) == ("0640", "0600")
    assert run("pcd_image_download", name=name, dest=str(dest), mode="u=rw,go=").changed is False


def test_a_file_that_is_replaced_keeps_its_mode(run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(name, active=True)
    dest = folder / "disk.raw"
    dest.write_bytes(b"old")
    dest.chmod(0o604)
    run("pcd_image_download", name=name, dest=str(dest))
    assert (dest.read_bytes(), mode_of(dest)) == (BYTES, 0o604)


def test_a_new_file_has_the_mode_of_any_new_file(run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(name, active=True)
    (folder / "other").touch()
    run("pcd_image_download", name=name, dest=str(folder / "disk.raw"))
    assert mode_of(folder / "disk.raw") == mode_of(folder / "other")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_gets_the_owner_that_is_asked_for(run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(name, active=True)
    run("pcd_image_download", name=name, dest=str(folder / "disk.raw"), owner="12345", group="54321")
    found = (folder / "disk.raw").stat()
    assert (found.st_uid, found.st_gid) == (12345, 54321)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(
    ("option", "value"),
    [("mode", "u=q"), ("mode", "rw"), ("owner", "no-such-user-4f1c"), ("group", "no-such-group-4f1c")],
)
def test_attributes_that_cannot_be_are_refused_before_anything_is_asked(
    option: str, value: str, check: bool, run: Runner, server: Server, name: str, folder: Path
) -> None:
    server.create(name, active=True)
    asked: dict[str, Any] = {option: value}
    outcome = run("pcd_image_download", name=name, dest=str(folder), check=check, **asked)
    refused(outcome, folder, f"{option}: ", value)
    assert outcome.requests == []


def test_a_link_is_replaced_as_check_mode_predicts(run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(name, active=True)
    (folder.parent / "target").write_bytes(b"target")
    (folder / "disk.raw").symlink_to(folder.parent / "target")
    predicted = run("pcd_image_download", name=name, dest=str(folder / "disk.raw"), mode="0600", check=True)
    done = run("pcd_image_download", name=name, dest=str(folder / "disk.raw"), mode="0600")
    assert predicted.changed is done.changed is True
    assert predicted.result["diff"] == done.result["diff"]
    assert (left(folder), mode_of(folder / "disk.raw")) == ({"disk.raw": BYTES}, 0o600)
    assert (folder.parent / "target").read_bytes() == b"target"


@pytest.mark.parametrize("called", [".bashrc", "-rf", "..", ".ssh/config"])
def test_no_file_of_a_folder_gets_a_name_that_hides_it_or_is_an_option(
    called: str, run: Runner, server: Server, folder: Path
) -> None:
    image = server.create(called, active=True)
    (folder / ".bashrc").write_bytes(b"mine")
    done = run("pcd_image_download", id=image["id"], dest=f"{folder}/")
    kept = left(folder)
    assert kept.pop(".bashrc") == b"mine"
    assert list(kept.values()) == [BYTES]
    assert Path(done.result["dest"]).name[0] not in ".-"
    assert Path(done.result["dest"]).parent == folder


def test_what_a_killed_run_has_left_is_removed_by_the_next(
    run: Runner, server: Server, name: str, folder: Path
) -> None:
    server.create(name, active=True)
    (folder / ".pcd-image-0123456789abcdef").write_bytes(b"half")
    run("pcd_image_download", name=name, dest=str(folder / "disk.raw"))
    assert left(folder) == {"disk.raw": BYTES}


def test_a_file_that_cannot_be_replaced_is_written_if_that_is_asked_for(
    run: Runner, server: Server, name: str, folder: Path
) -> None:
    """Such as a file that is a mount of its own, as containers have them."""
    server.create(name, active=True)
    (folder.parent / "outside").write_bytes(b"old")
    dest = folder / "disk.raw"
    dest.touch()
    if subprocess.run(
        ["mount", "--bind", folder.parent / "outside", dest], check=False, capture_output=True
    ).returncode:
        pytest.skip("this user may not mount anything here")
    try:
        outcome = run("pcd_image_download", name=name, dest=str(dest))
        assert "set unsafe_writes: true" in outcome.msg
        assert left(folder) == {"disk.raw": b"old"}
        done = run("pcd_image_download", name=name, dest=str(dest), unsafe_writes=True, mode="0640")
        assert (done.changed, left(folder), mode_of(dest)) == (True, {"disk.raw": BYTES}, 0o640)
        assert (folder.parent / "outside").read_bytes() == BYTES
    finally:
        subprocess.run(["umount", dest], check=True)


# In the folder of another user, who exchanges whatever he can while root downloads

HOSTILE = 65534
AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root works in the folders of others")


class Intruder:
    """A process of another user that replaces every temporary file, and dest, by what `plant` makes."""

    def __init__(self, folder: Path, plant: str, secret: Path) -> None:
        self.folder, self.plant, self.secret = folder, plant, secret
        self.child = 0

    def __enter__(self) -> Intruder:
        self.child = os.fork()
        if not self.child:
            try:
                os.setgroups([])
                os.setgid(HOSTILE)
                os.setuid(HOSTILE)
                self._exchange()
            finally:
                os._exit(0)
        return self

    def __exit__(self, *dummy: object) -> None:
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)

    def _exchange(self) -> None:
        while True:
            for name in os.listdir(self.folder):
                if name.startswith("stolen"):
                    continue
                path = os.path.join(self.folder, name)
                with suppress(OSError):
                    if os.path.islink(path) or not os.path.isfile(path):
                        continue
                    if self.plant == "a rename":
                        os.rename(path, os.path.join(self.folder, f"stolen-{os.urandom(4).hex()}"))
                    elif self.plant == "a link":
                        os.rename(path, os.path.join(self.folder, f"stolen-{os.urandom(4).hex()}"))
                        os.symlink(self.secret, path)
                    else:
                        # If the system lets users link files of others.
                        os.rename(path, os.path.join(self.folder, f"stolen-{os.urandom(4).hex()}"))
                        os.link(self.secret, path)


@pytest.fixture
def others_folder() -> Iterator[Path]:
    """A folder that another user owns and can reach, and beside it a secret of root."""
    with TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        folder = Path(top, "images")
        folder.mkdir()
        os.chown(folder, HOSTILE, HOSTILE)
        yield folder


@AS_ROOT
@pytest.mark.parametrize("options", [{}, {"mode": "0666"}, {"mode": "0666", "owner": str(HOSTILE)}], ids=str)
@pytest.mark.parametrize("plant", ["a link", "a hard link", "a rename"])
def test_the_owner_of_the_folder_gets_no_file_of_root(
    plant: str, options: dict[str, Any], run: Runner, server: Server, name: str, others_folder: Path
) -> None:
    image = server.create(name, **RAW)
    server.upload(image["id"], os.urandom(24 * MIB))
    secret = others_folder.parent / "secret"
    secret.write_bytes(b"secret of root")
    secret.chmod(0o600)
    before = secret.stat()
    dest = str(others_folder / "disk.raw")
    with Intruder(others_folder, plant, secret):
        outcomes = [run("pcd_image_download", name=name, dest=dest, **options) for dummy in range(3)]
    now = secret.stat()
    assert secret.read_bytes() == b"secret of root"
    assert (now.st_mode, now.st_uid, now.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    for path in others_folder.iterdir():
        if not path.is_symlink() and path.stat().st_ino != now.st_ino:
            assert b"secret of root" not in path.read_bytes()
    assert [outcome.msg for outcome in outcomes if outcome.failed and not outcome.msg.startswith("dest: ")] == []


@AS_ROOT
@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("option", ["unsafe_writes", "attributes"])
def test_what_is_done_by_path_is_refused_in_the_folder_of_others(
    option: str, check: bool, run: Runner, server: Server, name: str, others_folder: Path
) -> None:
    server.create(name, active=True)
    asked: dict[str, Any] = {option: True if option == "unsafe_writes" else "+d"}
    outcome = run("pcd_image_download", name=name, dest=str(others_folder / "disk.raw"), check=check, **asked)
    refused(outcome, others_folder, f"{option}: ", str(others_folder), "become_user")
    assert downloads(outcome) == 0


@AS_ROOT
def test_a_file_of_root_that_is_linked_into_the_folder_keeps_its_mode(
    run: Runner, server: Server, name: str, others_folder: Path
) -> None:
    """It has the data of the image by chance, so that nothing but its mode would change."""
    server.create(name, active=True)
    secret = others_folder.parent / "secret"
    secret.write_bytes(BYTES)
    secret.chmod(0o600)
    (others_folder / "disk.raw").hardlink_to(secret)
    outcome = run("pcd_image_download", name=name, dest=str(others_folder / "disk.raw"), mode="0644")
    assert "hard links" in outcome.msg
    assert mode_of(secret) == 0o600


@AS_ROOT
def test_a_program_that_runs_as_root_gives_its_mode_to_no_image(
    run: Runner, server: Server, name: str, others_folder: Path
) -> None:
    server.create(name, active=True)
    (others_folder / "disk.raw").write_bytes(b"old")
    (others_folder / "disk.raw").chmod(0o4755)
    run("pcd_image_download", name=name, dest=str(others_folder / "disk.raw"))
    assert (left(others_folder), mode_of(others_folder / "disk.raw")) == ({"disk.raw": BYTES}, 0o755)


# No data


def refused(outcome: Outcome, folder: Path, *words: str) -> None:
    """It failed, says so with these words, and has left nothing."""
    for word in words:
        assert word in outcome.msg
    assert left(folder) == {}


@pytest.mark.parametrize("check", [False, True])
def test_a_queued_image_is_refused(check: bool, run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(name, **RAW)
    outcome = run("pcd_image_download", name=name, dest=str(folder), check=check)
    refused(outcome, folder, name, "has status queued", "Upload")
    assert downloads(outcome) == 0


@pytest.mark.parametrize("check", [False, True])
def test_a_deactivated_image_is_for_administrators(
    check: bool, run: Runner, server: Server, name: str, folder: Path
) -> None:
    image = server.create(name, active=True)
    server.act(image["id"], "deactivate")
    outcome = run("pcd_image_download", name=name, dest=str(folder), check=check)
    refused(outcome, folder, name, "is deactivated", "pcd_image_state", "log in as an administrator")
    assert outcome.result["status"] == 403
    assert outcome.result["request_id"] in outcome.msg
    assert run("pcd_image_download", "admin", id=image["id"], dest=str(folder), check=check).changed is True


@pytest.mark.parametrize("check", [False, True])
def test_a_reader_may_not(check: bool, run: Runner, server: Server, name: str, folder: Path) -> None:
    server.create(name, active=True)
    outcome = run("pcd_image_download", "reader", name=name, dest=str(folder), check=check)
    refused(outcome, folder, "download the data", "not authorized", "roles")
    assert outcome.result["status"] == 403


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize(("store", "interface", "other"), [("pod", "admin", "public"), ("fast", "public", "admin")])
def test_data_behind_the_other_endpoint_is_said_to_be_there(
    store: str, interface: str, other: str, check: bool, run: Runner, server: Server, name: str, folder: Path
) -> None:
    image = server.create(name, **RAW)
    server.upload(image["id"], through="public" if store == "pod" else "library")
    outcome = run("pcd_image_download", name=name, dest=str(folder), interface=interface, check=check)
    refused(outcome, folder, name, f"lies in {store}", "choose the other one with interface")
    run("pcd_image_download", name=name, dest=str(folder / "disk.raw"), interface=other)
    assert left(folder) == {"disk.raw": BYTES}


@pytest.mark.parametrize("check", [False, True])
def test_data_that_the_store_has_lost_is_missed(
    check: bool, run: Runner, server: Server, name: str, folder: Path
) -> None:
    image = server.create(name, active=True)
    (data,) = Path(server.sandbox["clouds_file"]).parent.glob(f"images/*/{image['id']}")
    kept = data.read_bytes()
    data.unlink()
    try:
        refused(run("pcd_image_download", name=name, dest=str(folder), check=check), folder, name, "has no data")
    finally:
        data.write_bytes(kept)


def test_data_that_the_store_has_spoilt_is_not_taken(run: Runner, server: Server, name: str, folder: Path) -> None:
    image = server.create(name, active=True)
    (data,) = Path(server.sandbox["clouds_file"]).parent.glob(f"images/*/{image['id']}")
    data.write_bytes(b"?" * len(BYTES))
    outcome = run("pcd_image_download", name=name, dest=str(folder))
    refused(outcome, folder, name, SHA512, hashlib.sha512(b"?" * len(BYTES)).hexdigest())
    assert (outcome.result["expected"], outcome.result["algorithm"]) == (SHA512, "sha512")


def test_an_image_that_is_not_there_or_of_others_is_not_found(
    run: Runner, server: Server, name: str, folder: Path
) -> None:
    image = server.create(name, "other", active=True, visibility="private")
    references: list[dict[str, Any]] = [{"name": name}, {"id": image["id"]}]
    for reference in references:
        refused(run("pcd_image_download", dest=str(folder), **reference), folder, "No image", "was found")


def test_two_images_of_one_name_are_not_guessed_between(run: Runner, server: Server, name: str, folder: Path) -> None:
    images = [server.create(name, active=True) for dummy in range(2)]
    refused(run("pcd_image_download", name=name, dest=str(folder)), folder, *(image["id"] for image in images))


def test_a_missing_folder_is_reported_before_any_request(run: Runner, name: str, folder: Path) -> None:
    outcome = run("pcd_image_download", name=name, dest=str(folder / "none" / "disk.raw"))
    refused(outcome, folder, "dest: ", str(folder / "none"), "state: directory")
    assert outcome.requests == []


@pytest.mark.parametrize("kind", ["a file", "a pipe", "a link to itself"])
@pytest.mark.parametrize("below", ["", "disk.raw"])
@pytest.mark.parametrize("check", [False, True])
def test_what_is_there_and_no_folder_is_refused_in_check_mode_too(
    check: bool, below: str, kind: str, run: Runner, name: str, folder: Path
) -> None:
    """No task before this one would make a folder of it."""
    there = folder.parent / "there"
    if kind == "a file":
        there.touch()
    elif kind == "a pipe":
        os.mkfifo(there)
    else:
        there.symlink_to(there)
    outcome = run("pcd_image_download", name=name, dest=f"{there}/{below}", check=check)
    refused(outcome, folder, f"dest: {there}", "cannot be used as the folder of the file")
    assert outcome.requests == []


@pytest.fixture
def file_system(folder: Path) -> Iterator[Path]:
    """A file system of its own, of one MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount anything here")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("check", [False, True])
def test_a_file_system_that_cannot_be_written_is_known_in_check_mode_too(
    check: bool, run: Runner, server: Server, name: str, file_system: Path
) -> None:
    server.create(name, active=True)
    dest = file_system / "disk.raw"
    run("pcd_image_download", name=name, dest=str(dest), mode="0644")
    subprocess.run(["mount", "-o", "remount,ro", file_system], check=True)
    assert not run("pcd_image_download", name=name, dest=str(dest), mode="0644", check=check).changed
    changed = run("pcd_image_download", name=name, dest=str(dest), mode="0600", check=check)
    assert changed.msg.startswith("mode: the mode of the file cannot be set to 600: Read-only file system.")
    other = run("pcd_image_download", name=name, dest=str(file_system / "other.raw"), check=check)
    assert other.msg.startswith("dest: the user of this task may not write into")


@pytest.mark.parametrize("there", [None, b"old"])
def test_a_full_file_system_keeps_what_was_there_and_nothing_else(
    there: bytes | None, run: Runner, server: Server, name: str, file_system: Path
) -> None:
    image = server.create(name, **RAW)
    server.upload(image["id"], b"z" * (3 * MIB))
    dest = file_system / "disk.raw"
    if there is not None:
        dest.write_bytes(there)
    outcome = run("pcd_image_download", name=name, dest=str(dest))
    assert "No space left on device" in outcome.msg
    assert left(file_system) == ({} if there is None else {"disk.raw": there})


# On a way that breaks


@contextmanager
def breaking(target: str, ca_file: str, cuts: list[int], knows_range: bool) -> Iterator[str]:
    """The address of a proxy that cuts the next downloads after so many bytes; perhaps it hides Range."""
    parts = urlsplit(target)
    context = ssl.create_default_context(cafile=ca_file)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, context=context, timeout=60)
            dropped = ("host",) if knows_range else ("host", "range")
            headers = {key: value for key, value in self.headers.items() if key.lower() not in dropped}
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            self.send_response(answer.status)
            for key in ("Content-Type", "Content-Length", "Content-Range"):
                if answer.headers[key] is not None:
                    self.send_header(key, answer.headers[key])
            self.end_headers()
            cut = cuts.pop(0) if cuts and self.path.endswith("/file") else None
            self.wfile.write(answer.read(cut))
            connection.close()

        def log_message(self, *arguments: Any) -> None:
            """Nothing: the sandbox has its own log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{parts.path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("knows_range", "asked"), [(True, [None, MIB + 5, 2 * MIB + 7]), (False, [None, None, None])])
def test_a_download_that_breaks_goes_on_as_the_service_allows_it(
    knows_range: bool, asked: list[int | None], run: Runner, server: Server, name: str, folder: Path
) -> None:
    content = os.urandom(3 * MIB + 11)
    image = server.create(name, **RAW)
    server.upload(image["id"], content)
    cuts = [MIB + 5, MIB + 2]
    with breaking(server.sandbox["library_url"], server.sandbox["ca_file"], cuts, knows_range) as url:
        login: dict[str, Any] = {
            "token": server.token(),
            "image_endpoint_override": url,
            "project_id": server.project_id(),
        }
        done = run("pcd_image_download", None, name=name, dest=str(folder / "disk.raw"), **login)
    assert done.changed is True
    assert left(folder) == {"disk.raw": content}
    statuses = [request["status"] for request in done.glance if request["path"].endswith("/file")]
    assert statuses == [206 if start else 200 for start in asked]


def test_a_download_that_never_comes_further_fails_and_leaves_what_was_there(
    run: Runner, server: Server, name: str, folder: Path
) -> None:
    server.create(name, active=True)
    dest = folder / "disk.raw"
    dest.write_bytes(b"old")
    with breaking(server.sandbox["library_url"], server.sandbox["ca_file"], [3, 0, 0, 0], True) as url:
        login: dict[str, Any] = {
            "token": server.token(),
            "image_endpoint_override": url,
            "project_id": server.project_id(),
        }
        outcome = run("pcd_image_download", None, name=name, dest=str(dest), retries=2, **login)
    assert f"3 of {len(BYTES)} bytes had come" in outcome.msg
    assert downloads(outcome) == 3
    assert left(folder) == {"disk.raw": b"old"}


# What it takes


def test_memory_does_not_grow_with_the_image(run: Runner, server: Server, name: str, folder: Path) -> None:
    small = server.create(f"{name}-small", active=True)
    large = server.create(f"{name}-large", **RAW)
    server.upload(large["id"], bytes(256 * MIB))
    peaks = [
        run("pcd_image_download", id=image["id"], dest=str(folder / "disk.raw")).peak_memory for image in (small, large)
    ]
    assert (folder / "disk.raw").stat().st_size == 256 * MIB
    assert peaks[1] - peaks[0] < 16 * 1024


def test_an_image_that_is_deleted_before_its_data_is_read_is_what_the_service_says(
    run: Runner, server: Server, name: str, folder: Path
) -> None:
    image_id = server.create(name, active=True)["id"]

    def watch(seen: Seen, is_answered: bool) -> None:
        if seen.path.endswith("/file") and not is_answered:
            server.delete(image_id)

    with open_proxy(server.sandbox, tls=False) as proxy:
        proxy.watch = watch
        login = proxy.through(server.login("member"))
        outcome = run("pcd_image_download", None, **login, name=name, dest=str(folder / "disk.raw"))
    assert outcome.result["status"] == 404
    assert f"No image found with ID {image_id}" in outcome.msg
    assert "the service itself did not answer this" not in outcome.msg
    assert left(folder) == {}
