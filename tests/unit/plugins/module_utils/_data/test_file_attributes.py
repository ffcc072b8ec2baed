# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group and mode: what is refused before anything is done, and what an open file gets."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.file_attributes import (
    FileAttributes,
    about_file,
    mode_of_new_files,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, DataError

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (None, 0o640),
        ("0600", 0o600),
        ("600", 0o600),
        (0o600, 0o600),
        ("0o644", 0o644),
        ("4755", 0o4755),
        ("u=rw,g=r,o=", 0o640),
        ("go=", 0o600),
        ("a+r", 0o644),
        ("u+x,o=u", 0o747),
        ("g-r", 0o600),
    ],
)
def test_a_mode_is_what_ansible_makes_of_it(mode: Any, expected: int) -> None:
    assert FileAttributes.from_params({"mode": mode}).mode_after(0o640) == expected


@pytest.mark.parametrize(
    "mode",
    [
        "",
        "rw",
        "preserve",
        "u=q",
        "z+r",
        "77777",
        "-1",
        "9",
        "u",
        -1,
        0o10000,
        True,
        6.5,
        ["0644"],
        {"u": "rw"},
        "0644 x",
    ],
)
def test_a_value_that_is_not_a_mode_is_refused_in_one_line(mode: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^mode: .* is not a mode of a file") as caught:
        FileAttributes.from_params({"mode": mode})
    assert "\n" not in str(caught.value)


def test_a_number_that_is_not_a_mode_is_shown_as_it_was_written() -> None:
    with pytest.raises(ConfigurationError, match=r"^mode: '10000' is not a mode of a file"):
        FileAttributes.from_params({"mode": "10000"})


def test_users_and_groups_are_names_or_ids() -> None:
    for owner, group, found in (("root", "0", (0, 0)), ("12345", "54321", (12345, 54321))):
        wanted = FileAttributes.from_params({"owner": owner, "group": group})
        assert (wanted.uid, wanted.gid, wanted.mode) == (*found, None)


@pytest.mark.parametrize("option", ["owner", "group"])
@pytest.mark.parametrize("value", ["no-such-one", "", "-1", str(2**32 - 1), "99999999999", "a\0b"])
def test_who_is_not_there_is_refused_in_one_line(option: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{option}: ") as caught:
        FileAttributes.from_params({option: value})
    assert "\n" not in str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    yield path, descriptor
    os.close(descriptor)


def test_a_new_file_gets_the_mode_of_new_files(file: tuple[Path, int]) -> None:
    path, descriptor = file
    before = os.umask(0o027)
    try:
        FileAttributes().apply(descriptor, mode_of_new_files())
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@AS_ROOT
def test_what_is_not_asked_for_is_as_it_was(file: tuple[Path, int]) -> None:
    path, descriptor = file
    FileAttributes(mode="g+w").apply(descriptor, 0o604, (12345, 54321))
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 54321, 0o624)
    FileAttributes(uid=1).apply(descriptor, 0o4755, (12345, 54321))
    found = path.stat()
    # What ran as one user does not run as another.
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1, 54321, 0o755)


@AS_ROOT
def test_trying_changes_nothing(file: tuple[Path, int]) -> None:
    path, descriptor = file
    before = path.stat()
    FileAttributes(uid=12345, gid=54321, mode=0o666).try_ownership(descriptor)
    now = path.stat()
    assert (now.st_uid, now.st_gid, now.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


OTHER_USER = 65534


def as_other_user(act: Callable[[], object]) -> str:
    """The message of the error that `act` ends in for a user without privileges; empty if it ends well."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(OTHER_USER)
        os.setuid(OTHER_USER)
        try:
            act()
        except DataError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, encoding="utf-8") as answer:
        return answer.read()


@AS_ROOT
@pytest.mark.parametrize(
    "wanted",
    [
        FileAttributes(),
        FileAttributes(mode=0o640),
        FileAttributes(mode="u+x"),
        FileAttributes(uid=0),
        FileAttributes(uid=OTHER_USER),
        FileAttributes(gid=0),
        FileAttributes(gid=OTHER_USER),
        FileAttributes(uid=1, gid=1, mode=0o600),
    ],
    ids=lambda wanted: str(vars(wanted)),
)
@pytest.mark.parametrize("owner", [0, OTHER_USER])
def test_what_a_user_may_not_change_is_known_without_a_try(
    owner: int, wanted: FileAttributes, file: tuple[Path, int]
) -> None:
    path, descriptor = file
    os.chown(path, owner, owner)
    found = path.stat()
    predicted = as_other_user(lambda: wanted.check(found))
    assert (path.stat().st_mode, path.stat().st_uid) == (found.st_mode, found.st_uid)
    assert predicted == as_other_user(lambda: wanted.apply(descriptor, stat.S_IMODE(found.st_mode)))


@AS_ROOT
def test_root_may_change_every_file_that_can_be_written(file: tuple[Path, int]) -> None:
    found = file[0].stat()
    wanted = FileAttributes(uid=1, gid=2, mode=0o600)
    wanted.check(None)
    wanted.check(found)
    with pytest.raises(DataError, match="^owner: .*Read-only file system"):
        wanted.check(found, is_read_only=True)


def test_changes_are_shown_as_ansible_shows_them(file: tuple[Path, int]) -> None:
    found = file[0].stat()
    wanted = FileAttributes(uid=found.st_uid, gid=found.st_gid + 1, mode=0o4644)
    assert wanted.changes(found) == {"group": (found.st_gid, found.st_gid + 1), "mode": ("0600", "04644")}
    assert FileAttributes().changes(found) == {}


def test_a_file_is_shown_as_ansible_shows_it(file: tuple[Path, int]) -> None:
    path = file[0]
    about = about_file(str(path))
    assert (about["state"], about["mode"], about["size"]) == ("file", "0600", 0)
    assert (about["uid"], about["owner"]) == (os.geteuid(), pwd.getpwuid(os.geteuid()).pw_name)
    (path.parent / "hard").hardlink_to(path)
    (path.parent / "link").symlink_to(path)
    (path.parent / "dangling").symlink_to("none")
    assert about_file(str(path))["state"] == "hard"
    assert about_file(str(path.parent / "link"))["state"] == "link"
    assert about_file(str(path.parent / "dangling")) == about_file(str(path.parent / "none")) == {}
