# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods by which data comes into an image, what each of them can do, and which one is chosen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .._errors import PlanError
from .._image.plan import Stores


class Method(NamedTuple):
    """One method. All but one are imports, which the service has to offer.

    With `takes_data`, the data is that of a path or url; otherwise it is that of the image itself. With `needs_url`,
    the service fetches the data itself.
    """

    name: str
    is_import: bool = True
    takes_data: bool = True
    needs_url: bool = False
    several_stores: bool = True


UPLOAD, DIRECT, FETCH, COPY = "upload", "glance-direct", "web-download", "copy-image"

METHODS = {
    method.name: method
    for method in (
        Method(UPLOAD, is_import=False, several_stores=False),
        Method(DIRECT),
        Method(FETCH, needs_url=True),
        Method(COPY, takes_data=False),
    )
}


def choose_method(asked: str | None, is_file: bool, is_public: bool, stores: Stores, offered: Sequence[str]) -> str:
    """The method for these bytes; `offered` are the import methods of the service, if `needs_offered` says so."""
    if asked is not None:
        method = asked
    elif is_public and not is_file and FETCH in offered:
        method = FETCH
    else:
        method = DIRECT if stores.are_several else UPLOAD
    if METHODS[method].is_import and method not in offered:
        raise PlanError(
            f"method: the image service does not offer {method}. It offers {', '.join(offered) or 'none'}; "
            f"method upload needs none of them{', but takes one store' if stores.are_several else ''}."
        )
    return method


def streamed_method(stores: Stores, offered: Sequence[str]) -> str | None:
    """The method for data that the service does not fetch, and that the task sends; None if there is none."""
    if not stores.are_several:
        return UPLOAD
    return DIRECT if DIRECT in offered else None


def needs_offered(asked: str | None, is_file: bool, is_public: bool, stores: Stores) -> bool:
    """Whether `choose_method` has to know what the service offers."""
    if asked is None:
        return stores.are_several or (not is_file and is_public)
    return METHODS[asked].is_import
