# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports from the archive that Ansible sends to the host of a task, in half of the time.

zipimport compiles a file twice, because it only knows the name of a file once it has compiled it, and compiles it
again to run it (zipimporter.find_spec, get_filename, get_code). Most of the time of a short task would be for that.
Here the name of the file is given, so that it is compiled once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from zipimport import ZipImportError, zipimporter


def compile_once() -> None:
    """Let the imports after this compile each file of the archive once. Without an archive, nothing changes."""
    loader: object = __spec__.loader if __spec__ is not None else None
    if isinstance(loader, zipimporter):
        sys.meta_path.insert(0, _Archive(f"{loader.archive}/"))


class _Archive(MetaPathFinder):
    """Finds modules in folders of this archive. All else, packages included, is left to the other finders."""

    def __init__(self, begin: str) -> None:
        self._begin = begin

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for folder in path or ():
            if not folder.startswith(self._begin):
                continue
            loader = zipimporter(folder)
            try:
                if loader.is_package(fullname):
                    continue
            except ZipImportError:
                continue
            file = f"{folder}/{fullname.rpartition('.')[2]}.py"
            return spec_from_file_location(fullname, file, loader=loader)
        return None
