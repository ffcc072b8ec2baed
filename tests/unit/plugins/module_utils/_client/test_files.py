# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a file counts as changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client import files
from ansible_collections.platform9.pcd.plugins.module_utils._client.files import version_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_text("before", encoding="utf-8")
    return file


def test_a_file_that_has_just_changed_has_no_version(file: Path) -> None:
    assert version_of(str(file)) is None


def test_a_file_from_the_future_has_no_version(file: Path) -> None:
    os.utime(file, (0, 1 << 33))
    assert version_of(str(file)) is None


def test_a_file_that_nobody_touches_keeps_its_version(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MIN_AGE_SECONDS", -60)
    with open(file, encoding="utf-8") as stream:
        version = version_of(stream.fileno())
    assert version is not None
    assert version == version_of(str(file))


def test_a_change_makes_another_version_even_with_the_same_size_and_time(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MIN_AGE_SECONDS", -60)
    found = os.stat(file)
    before = version_of(str(file))
    other = file.with_name("other")
    other.write_text("after!", encoding="utf-8")
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(file)
    assert (os.stat(file).st_size, os.stat(file).st_mtime_ns) == (found.st_size, found.st_mtime_ns)
    assert version_of(str(file)) != before


def test_a_file_that_is_not_there_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        version_of(str(tmp_path / "nothing"))
