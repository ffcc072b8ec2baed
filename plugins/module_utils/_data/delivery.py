# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that bring data into an image and its stores. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._errors import PlanError, quoted
from .._image.attributes import (
    FIXED_BY_DATA,
    stores_of,
)
from .._image.plan import (
    Image,
    Import,
    Plan,
    Stage,
    Stores,
    Upload,
    attributes_of,
    describe,
)
from .digest import Content, Digest
from .methods import COPY, METHODS
from .stream import Stream


class Delivery(NamedTuple):
    """How data gets into an image.

    `stream` holds the bytes that the task sends. With web-download it is None: the service fetches `address`, of which
    `known` is known, and the first bytes are `start`, None if they are not known. The task can read the same bytes from
    `fetched`, and uses the method `fallback` if the service refuses to fetch them. `timeout` is in seconds.
    """

    method: str
    stores: Stores
    timeout: float
    wait: bool = True
    stream: Stream | None = None
    address: str | None = None
    known: Content | None = None
    stated: Digest | None = None
    fetched: Stream | None = None
    fallback: str | None = None
    start: bytes | None = None

    @property
    def steps(self) -> tuple[Upload | Stage | Import, ...]:
        if self.stream is not None and not METHODS[self.method].is_import:
            return (Upload(self.stream, next(iter(self.stores.names), None), self.timeout),)
        method = {"name": self.method}
        if self.address is not None:
            method["uri"] = self.address
        instead: tuple[Upload | Stage | Import, ...] = ()
        if self.fallback is not None and self.fetched is not None:
            instead = Delivery(self.fallback, self.stores, self.timeout, self.wait, stream=self.fetched).steps
        bring = Import(
            {"method": method, **self.stores.request},
            self.timeout,
            self.wait,
            self.known,
            self.stream,
            self.stated,
            self.fetched,
            instead,
        )
        return (bring,) if self.stream is None else (Stage(self.stream, self.timeout), bring)


def check_stores(stores: Stores, offered: Sequence[Mapping[str, Any]]) -> None:
    """Raises PlanError unless the service has the named stores and can write them."""
    for name in stores.names:
        found = next((store for store in offered if store.get("id") == name), None)
        if found is None or found.get("read-only") == "true":
            what = "has no store" if found is None else "cannot write the store"
            raise PlanError(
                f"stores: the image service {what} {quoted(name)}. It has {', '.join(_writable(offered)) or 'none'}."
            )


def missing_stores(image: Image, stores: Stores, offered: Sequence[Mapping[str, Any]]) -> list[str]:
    """The desired stores that do not hold the data yet."""
    wanted = _writable(offered) if stores.every else list(stores.names)
    return [store for store in dict.fromkeys(wanted) if store not in stores_of(image)]


def _writable(offered: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(store.get("id")) for store in offered if store.get("read-only") != "true"]


def with_copies(plan: Plan, stores: Sequence[str], must_succeed: bool | None, timeout: float, wait: bool) -> Plan:
    """The plan, followed by copies of the active image into more stores."""
    if not stores or plan.after is None:
        return plan
    _refuse_without_data(plan.after)
    request = {"method": {"name": COPY}, **Stores(tuple(stores), must_succeed=must_succeed).request}
    everywhere = ",".join(sorted({*stores_of(plan.after), *stores}))
    after = {**plan.after, "stores": everywhere, "updated_at": None}
    return plan._replace(after=after, steps=(*plan.steps, Import(request, timeout, wait)))


def with_delivery(plan: Plan, delivery: Delivery) -> Plan:
    """The plan of a record, followed by its data."""
    after = plan.after
    if after is None:
        raise ValueError("data needs a record")
    # In check mode, the format of a file that will be there is not known.
    is_unseen = delivery.stream is not None and not delivery.stream.is_there
    lacking = [key for key in FIXED_BY_DATA if not (after.get(key) or (is_unseen and key == "disk_format"))]
    if lacking:
        raise PlanError(
            f"{' and '.join(lacking)}: an image without {'them' if len(lacking) > 1 else 'it'} takes no data. "
            "Say what the data is, such as disk_format: qcow2 and container_format: bare."
        )
    filled = {
        **after,
        **({} if delivery.known is None else attributes_of(delivery.known)),
        # If nobody waits for an import, nobody can predict how far it is.
        "status": "active" if delivery.wait or not METHODS[delivery.method].is_import else None,
        "updated_at": None,
    }
    if delivery.stores.names:
        filled["stores"] = ",".join(delivery.stores.names)
    return plan._replace(after=filled, steps=(*plan.steps, *delivery.steps), stream=delivery.stream)


def _refuse_without_data(image: Image) -> None:
    if image["status"] != "active":
        raise PlanError(
            f"stores: {describe(image)} has status {image['status']}; only an active image can be copied into further "
            "stores. Give its data with path or url, or make it active first."
        )
