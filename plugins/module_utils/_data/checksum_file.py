# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checksum files of vendors: the one digest in them that is about a file. Pure.

Anybody who can write such a file can write anything into it. Only a digest is taken from it, and none is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .._errors import DataError, quoted
from .digest import HEX, Digest, hash_of

FOLDERS = re.compile(r"^(\.{0,2}/)+")
BSD_LINE = re.compile(r"(?P<algorithm>[A-Za-z0-9-]+) ?\((?P<name>.+)\) ?= ?(?P<value>[0-9a-fA-F]+)")
# Flatcar and Gentoo put a section for each algorithm into a file, with the same names in each.
HEADING = re.compile(r"#\s*(?P<algorithm>[A-Za-z0-9-]+) HASH", re.IGNORECASE)
# A message that is signed in clear text (RFC 9580, section 7).
SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
# What sha256sum calls the standard input.
NAMELESS = ("", "-")
# What follows the name of an image in that of its own checksum file: x.iso.sha256, x.iso.CHECKSUM.
ENDINGS = (".{algorithm}", ".{algorithm}sum", ".{algorithm}sums", ".checksum")


class _Entry(NamedTuple):
    name: str
    value: str


def is_beside(name: str, image_names: Iterable[str], algorithm: str) -> bool:
    """Whether a checksum file of this name is about one image only: its name is that of the image and an ending."""
    endings = [ending.format(algorithm=algorithm) for ending in ENDINGS]
    return any(
        image_name and name.startswith(image_name) and name[len(image_name) :].lower() in endings
        for image_name in image_names
    )


def digest_in(
    listing: str, names: Iterable[str], algorithm: str, place: str = "the file", beside: bool = False
) -> Digest | None:
    """The digest of a file in a checksum file: lines of sha256sum, of BSD's or OpenSSL's sha256, or only the digest.

    `names` are what the file may be called there. For a file without a name there is none: any line could be meant.
    A name in folders counts by its last part if no line has the name itself. In a file that is `beside` the image
    (see `is_beside`), a single digest counts, whatever name it has. DataError if two different ones are about the file.
    """
    names = [name for name in names if name]
    if not names:
        return None
    lines = [line for line in _lines(listing) if line]
    entries = list(_entries(lines, algorithm))
    found = {entry.value for entry in entries if FOLDERS.sub("", entry.name) in names}
    found = found or {entry.value for entry in entries if _last_part(entry.name) in names}
    if not found and (beside or _has_one_digest(lines, entries)):
        every = {entry.value for entry in entries}
        found = every if len(every) == 1 else set()
    if len(found) > 1:
        raise DataError(
            f"checksum: {place} has {len(found)} different {algorithm} checksums of {quoted(names[0])}, and does not "
            "say which one counts. State the checksum itself."
        )
    return Digest(algorithm, found.pop()) if found else None


def _lines(listing: str) -> list[str]:
    lines = [line.strip() for line in listing.removeprefix("\ufeff").splitlines()]
    if SIGNED not in lines:
        return lines
    # Only what is signed counts; before the first blank line are headers (Hash: SHA256).
    lines = lines[lines.index(SIGNED) + 1 :]
    lines = lines[lines.index("") :] if "" in lines else []
    signed = lines[: lines.index(SIGNATURE)] if SIGNATURE in lines else lines
    return [line.removeprefix("- ") for line in signed]


def _entries(lines: Iterable[str], algorithm: str) -> Iterator[_Entry]:
    """The names and values of an algorithm."""
    digits = hash_of(algorithm).digest_size * 2
    section: str | None = None
    for line in lines:
        heading = HEADING.fullmatch(line)
        if heading is not None:
            section = _plain(heading["algorithm"])
            continue
        bsd = BSD_LINE.fullmatch(line)
        written: str | None
        if bsd is not None:
            written, name, value = _plain(bsd["algorithm"]), bsd["name"], bsd["value"]
        else:
            value, name = (*line.split(None, 1), "")[:2]
            written, name = section, name.removeprefix("*")
        # SHA512/256 and SHA256 differ in more than their length.
        if written in (None, _plain(algorithm)) and len(value) == digits and HEX.fullmatch(value):
            yield _Entry(name, value.lower())


def _plain(algorithm: str) -> str:
    """An algorithm without what is written in several ways: OpenSSL says SHA2-256, hashlib sha3_256."""
    return algorithm.lower().replace("sha2-", "sha").replace("-", "").replace("_", "")


def _last_part(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _has_one_digest(lines: Iterable[str], entries: list[_Entry]) -> bool:
    """Whether the file holds one digest and nothing else, not even a name."""
    counted = [line for line in lines if not line.startswith("#")]
    return len(counted) == 1 and len(entries) == 1 and entries[0].name in NAMELESS
