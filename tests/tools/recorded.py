# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures in guides: what a run has measured, written between two marks, with the day and the kind of machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path


def machine() -> str:
    """The kind of machine; nothing that shows which one it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} processors, {memory:.0f} GiB of memory, {platform.system()} on {platform.machine()}"


def programs() -> str:
    return f"Python {platform.python_version()}, ansible-core {version('ansible-core')}"


def today() -> str:
    return date.today().isoformat()


def rst_table(title: str, rows: Iterable[Sequence[object]], widths: str = "auto") -> str:
    """A list-table; the first row is the heading. `widths` are those of its columns, in percent."""
    lines = [f".. list-table:: {title}".rstrip(), "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in rows:
        lines += [f"   {'* -' if not number else '  -'} {cell}" for number, cell in enumerate(row)]
    return "\n".join(lines)


def record(path: Path, name: str, text: str) -> None:
    """Put the text between the marks ``.. begin: name`` and ``.. end: name`` of a guide."""
    begin, end = f".. begin: {name}\n", f".. end: {name}\n"
    content = path.read_text(encoding="utf-8")
    if content.count(begin) != 1 or content.count(end) != 1:
        raise SystemExit(f"{path} needs the lines '{begin.strip()}' and '{end.strip()}', each once")
    head, rest = content.split(begin)
    tail = rest.split(end)[1]
    new = path.with_name(f".{path.name}.new")
    new.write_text(f"{head}{begin}\n{text.strip()}\n\n{end}{tail}", encoding="utf-8")
    os.replace(new, path)
