# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new file in a folder that others may write into."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.folder import new_file, open_folder, remove_leftovers
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, DataError

LEFTOVER = ".pcd-image-0123456789abcdef"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def secret(folder: Path) -> Path:
    path = folder.parent / "secret"
    path.write_text("secret")
    path.chmod(0o600)
    return path


def test_a_new_file_is_only_for_its_user_until_it_is_put_into_its_place(folder: Path) -> None:
    before = os.umask(0)
    try:
        with open_folder(str(folder)) as opened, new_file(opened) as made:
            assert stat.S_IMODE(os.fstat(made.descriptor).st_mode) == 0o600
            os.write(made.descriptor, b"data")
            made.put("disk.raw")
    finally:
        os.umask(before)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"disk.raw": b"data"}


EXCHANGES: dict[str, Callable[[Path, Path], object]] = {
    "a link": lambda path, other: path.symlink_to(other),
    "a hard link": lambda path, other: path.hardlink_to(other),
    "another file": lambda path, other: path.write_text("planted"),
    "nothing": lambda path, other: None,
}


@pytest.mark.parametrize("what", EXCHANGES)
def test_a_file_that_somebody_has_exchanged_is_not_put_into_its_place(what: str, folder: Path) -> None:
    other = secret(folder)
    before = other.stat()
    with open_folder(str(folder)) as opened, new_file(opened) as made:
        os.rename(made.path, folder / "stolen")
        EXCHANGES[what](Path(made.path), other)
        with pytest.raises(DataError, match=r"^dest: .*exchanged"):
            made.put("disk.raw")
    assert not (folder / "disk.raw").exists()
    now = other.stat()
    assert (now.st_mode, now.st_uid, other.read_text()) == (before.st_mode, before.st_uid, "secret")


def test_a_folder_that_somebody_has_exchanged_is_reported(folder: Path) -> None:
    with open_folder(str(folder)) as opened, new_file(opened) as made:
        folder.rename(folder.with_name("former"))
        folder.mkdir()
        with pytest.raises(DataError, match=r"^dest: the folder .* is not the one any more"):
            made.put("disk.raw")
    assert list(folder.iterdir()) == []


# --- the way to a folder -----------------------------------------------------------------------------------------


def test_a_folder_is_found_as_the_system_finds_it(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder.parent / "absolute").symlink_to(folder / "inner")
    (folder / "relative").symlink_to("../absolute")
    (folder / "upwards").symlink_to("inner/../../folder/./inner/")
    for name in ("inner", "relative", "upwards"):
        with open_folder(str(folder / name)) as opened:
            assert os.fstat(opened.descriptor).st_ino == (folder / "inner").stat().st_ino


def test_a_path_that_is_not_a_folder_is_an_error(folder: Path) -> None:
    (folder / "file").touch()
    (folder / "loop").symlink_to("loop")
    for name in ("file", "file/below", "none", "loop"):
        with pytest.raises(OSError), open_folder(str(folder / name)):  # noqa: PT011
            pass


def test_no_descriptor_is_left(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    (folder.parent / "loop").symlink_to("loop")
    before = os.listdir("/proc/self/fd")
    with open_folder(str(folder.parent / "link")) as opened, new_file(opened):
        remove_leftovers(opened)
    with pytest.raises(OSError), open_folder(str(folder.parent / "loop")):  # noqa: PT011
        pass
    assert os.listdir("/proc/self/fd") == before


@AS_ROOT
def test_a_link_of_another_user_leads_to_folders_of_that_user_only(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    os.lchown(link, NOBODY, NOBODY)
    with pytest.raises(ConfigurationError, match=rf"^dest: {link} is a link of another user"), open_folder(str(link)):
        pass
    os.chown(folder, NOBODY, NOBODY)
    with open_folder(str(link)) as opened:
        assert opened.open_to == str(folder)


def test_a_folder_that_others_may_write_into_is_reported(folder: Path) -> None:
    for mode, is_open in ((0o755, False), (0o777, True), (0o1777, True)):
        folder.chmod(mode)
        with open_folder(str(folder)) as opened:
            assert opened.open_to == (str(folder) if is_open else None)
    # In a sticky folder on the way, what lies in it cannot be exchanged by others.
    (folder / "inner").mkdir()
    with open_folder(str(folder / "inner")) as opened:
        assert opened.open_to is None
    folder.chmod(0o777)
    with open_folder(str(folder / "inner")) as opened:
        assert opened.open_to == str(folder)


# --- what killed runs leave --------------------------------------------------------------------------------------


def removed(folder: Path) -> bool:
    before = set(folder.iterdir())
    with open_folder(str(folder)) as opened:
        remove_leftovers(opened)
    return set(folder.iterdir()) != before


def test_what_a_killed_run_has_left_is_removed(folder: Path) -> None:
    (folder / LEFTOVER).write_text("half")
    (folder / "disk.raw").touch()
    assert removed(folder)
    assert [path.name for path in folder.iterdir()] == ["disk.raw"]


def test_the_file_of_a_run_that_goes_on_stays(folder: Path) -> None:
    with open_folder(str(folder)) as opened, new_file(opened) as made:
        assert not removed(folder)
        made.put("disk.raw")
    assert (folder / "disk.raw").exists()


def test_nothing_but_a_file_of_that_name_is_removed(folder: Path) -> None:
    other = secret(folder)
    (folder / LEFTOVER).symlink_to(other)
    assert not removed(folder)
    (folder / LEFTOVER).unlink()
    os.mkfifo(folder / LEFTOVER)
    assert not removed(folder)
    (folder / ".pcd-image-of-mine").touch()
    assert not removed(folder)
    assert other.read_text() == "secret"


@AS_ROOT
def test_the_file_of_another_user_stays(folder: Path) -> None:
    (folder / LEFTOVER).touch()
    os.chown(folder / LEFTOVER, NOBODY, NOBODY)
    assert not removed(folder)


def test_a_file_that_another_run_takes_for_a_leftover_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the moment when it is made and the one when it is locked."""
    lock = fcntl.flock
    names: list[set[str]] = []

    def late(descriptor: int, operation: int) -> None:
        names.append({path.name for path in folder.iterdir()})
        if len(names) == 1:
            (folder / names[0].copy().pop()).unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with open_folder(str(folder)) as opened, new_file(opened) as made:
        os.write(made.descriptor, b"data")
        made.put("disk.raw")
    assert len(names) == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"disk.raw": b"data"}
