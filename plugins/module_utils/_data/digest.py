# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of data: those that users state, those that the image service reports, and those that are computed here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from .._errors import ConfigurationError, DataError, quoted
from .._redact import redacted

# In bytes: how much is read, hashed and sent at a time.
BLOCK = 1 << 20

HEX = re.compile(r"[0-9a-fA-F]+")
NOT_A_WORD = re.compile(r"\W+")
MAX_ALGORITHM_LENGTH = 20


class Digest(NamedTuple):
    """A hash value in lowercase hexadecimal digits; `algorithm` is its name in hashlib."""

    algorithm: str
    value: str


class Content(NamedTuple):
    """What is known about some bytes: their number (None if unknown), and their hash values by algorithm."""

    size: int | None
    digests: Mapping[str, str]


def digest_from(option: str, text: str) -> tuple[str, str]:
    """Algorithm and rest of `<algorithm>:<hexadecimal digits or URL>`. ConfigurationError if it has another form."""
    algorithm, colon, rest = text.partition(":")
    algorithm = algorithm.strip().lower()
    if not colon or not rest.strip() or algorithm not in _algorithms():
        found = quoted(redacted(algorithm)[:MAX_ALGORITHM_LENGTH])
        raise ConfigurationError(
            f"{option}: {found} does not begin <algorithm>:<checksum>, such as "
            "sha256:0123abcd..., or sha256:https://vendor.example.com/SHA256SUMS. The algorithms are "
            f"{', '.join(_algorithms())}."
        )
    return algorithm, rest.strip()


def digest_of(option: str, algorithm: str, value: str) -> Digest:
    """The digest with these hexadecimal digits. ConfigurationError if they are not those of the algorithm."""
    digits = hash_of(algorithm).digest_size * 2
    # Text that is copied from a web page may contain invisible characters.
    seen = NOT_A_WORD.sub("", value)
    if not HEX.fullmatch(seen) or len(seen) != digits:
        raise ConfigurationError(
            f"{option}: {quoted(redacted(value))} is not a {algorithm} checksum, which has {digits} hexadecimal digits."
        )
    return Digest(algorithm, seen.lower())


def digest_of_image(image: Mapping[str, Any]) -> Digest | None:
    """The strongest digest of the data that the image service reports and this Python can compute; None if none."""
    for algorithm, value in ((image.get("os_hash_algo"), image.get("os_hash_value")), ("md5", image.get("checksum"))):
        with suppress(DataError):
            # A digest of variable length (shake_*) does not say how long it is.
            if algorithm and value and hash_of(algorithm).digest_size:
                return Digest(algorithm, value.lower())
    return None


def hash_of(algorithm: str) -> hashlib._Hash:
    """A new hash object; DataError if this Python does not know the algorithm."""
    try:
        # To compare, not for security: the service uses md5, which hardened systems refuse otherwise.
        return hashlib.new(algorithm, usedforsecurity=False)
    except ValueError:
        raise DataError(f"The hash algorithm {algorithm} of the service is not known to this Python.") from None


def hash_of_file(descriptor: int, algorithm: str) -> str:
    """The hexadecimal digits of an open file, read from where it stands to its end."""
    digest = hash_of(algorithm)
    with open(descriptor, "rb", buffering=0, closefd=False) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _algorithms() -> list[str]:
    # A digest of variable length (shake_*) does not say how long it is.
    return sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake_"))
