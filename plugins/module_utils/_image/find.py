# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that a target means: the one of an id, or the one of a name and an owner."""

from __future__ import annotations

from collections.abc import Sequence

from .._client.images import name_filter
from .._client.retry import poll
from .._errors import ConfigurationError, NotFound, NotReady, PlanError, quoted
from .._session import Session
from .attributes import RETIRED, UUID, is_ours
from .marks import is_retired, standing
from .options import Target
from .plan import Image, describe
from .rotation import retired_images

MAX_LISTED = 20

# Seconds that runs of the same moment get to agree on one of several images.
MAX_AMBIGUITY_SECONDS = 10.0

# The owner of an image whose owner does not matter.
ANYBODY = "*"

# The warning about a name that is the id of an image, with the name in quotes.
ID_AS_NAME = "name: no image was found by this name, but {} is the id of an image. Write id instead if it is meant."

# What an image is needed for that a task only updates; see `missing`.
UPDATED = "updated (create: false)"


def find(session: Session, target: Target) -> Image | None:
    """The image that the target means; None if there is none."""
    if target.id is not None:
        return find_by_id(session, target.id)
    return find_named(session, str(target.name), _owner_of_name(session, target), target.visibility)


def _owner_of_name(session: Session, target: Target) -> str:
    """The project whose images a name can mean, or ANYBODY."""
    if target.owner is not None:
        return target.owner
    if target.match == "visible":
        return ANYBODY
    if session.project_id is None:
        # To an administrator, every project's private images are visible.
        raise ConfigurationError(
            "project_id: the project of the token is not known, so that match: own cannot tell whose image "
            f"{target.called} is meant. Give project_id, or the id of the image, or match: visible."
        )
    return session.project_id


def find_existing(session: Session, target: Target, purpose: str) -> Image:
    """The image that `find` finds; NotReady if there is none. `purpose` says what it is needed for."""
    found = find(session, target)
    if found is None:
        raise missing(session, target, purpose)
    return found


def missing(session: Session, target: Target, purpose: str) -> NotReady:
    """The error that the image of the target is not there, with what helps to find it."""
    said = f"No image {target.called} was found that could be {purpose}."
    if target.id is not None:
        return NotReady(f"{said} Check the id, and the project that is logged in to.")
    if is_id(session, target.name):
        return NotReady(f"{said} The name is the id of an image: write id instead of name if that one is meant.")
    if _owner_of_name(session, target) == ANYBODY:
        return NotReady(
            f"{said} Check the name, and the project that is logged in to. A community image of another project, "
            "or a shared one that was not accepted, is in no list: give its id."
        )
    others = _list_named(session, str(target.name), False, ANYBODY)
    if others:
        return NotReady(
            f"{said} {describe(others[0])} belongs to project {others[0].get('owner')}. Give its id"
            f"{'' if target.owner else ' or match: visible'}, if that one is meant."
        )
    if target.owner:
        return NotReady(f"{said} Check the name, and the project that is its owner.")
    return NotReady(
        f"{said} Check the name, and the project that is logged in to; match: visible also means images of other "
        "projects."
    )


def id_forms(image_id: str) -> list[str]:
    """The id as it was given, and in lower case: the same UUID (RFC 9562), though not to every database."""
    return list(dict.fromkeys((image_id, image_id.lower())))


def find_by_id(session: Session, image_id: str) -> Image | None:
    for candidate in id_forms(image_id):
        try:
            return session.images.get(candidate)
        except NotFound:
            continue
    return None


def is_id(session: Session, name: str | None) -> bool:
    """Whether this name, which no image has, is the id of an image."""
    return name is not None and bool(UUID.fullmatch(name)) and find_by_id(session, name) is not None


def find_named(session: Session, name: str, owner: str, declared: str | None = None) -> Image | None:
    """The one image of this name; None if there is none, PlanError if two could be meant.

    It belongs to the owner (a project id); ANYBODY means all images that the caller's list shows. Hidden images count
    if no other is found. `declared` is the visibility that the task declares.
    """
    found = poll(
        session.clock,
        MAX_AMBIGUITY_SECONDS,
        lambda: _found_named(session, name, owner, declared),
        lambda seen: not _may_be_racing(seen),
    )
    return _only(found, name) if found else None


def _may_be_racing(found: Sequence[Image]) -> bool:
    """Whether runs of the same moment may have made these, which then agree on one of each owner (see Applier)."""
    owners = {image.get("owner") for image in found}
    return len(found) > 1 and len(owners) == 1 and sum(not is_ours(image["id"]) for image in found) < 2


def _found_named(session: Session, name: str, owner: str, declared: str | None) -> list[Image]:
    for hidden in (False, True):
        # What was replaced and hidden is kept for instances that came from it, and only meant by its id.
        found = [image for image in _list_named(session, name, hidden, owner) if not is_retired(image)]
        if found:
            return standing(found, declared)
    return []


class RetiredImages:
    """The images of the own project that were retired from a name: those that are hidden, or those that were renamed.

    They are listed once, by one request.
    """

    def __init__(self, session: Session, name: str | None, renamed: bool) -> None:
        self._session = session
        self._name = name
        self._renamed = renamed
        self._listed: list[Image] | None = None

    def listed(self) -> list[Image]:
        """The oldest first; none if there is no name, or if nobody says which project the own one is."""
        owner = self._session.project_id
        if self._name is None or owner is None:
            return []
        if self._listed is None:
            query = [(RETIRED, self._name), ("owner", owner)]
            hidden = [] if self._renamed else [("os_hidden", "true")]
            found = self._session.images.list([*query, *hidden])
            self._listed = retired_images(found, self._name, owner)
        return self._listed


def _list_named(session: Session, name: str, hidden: bool, owner: str) -> list[Image]:
    query = [("name", name_filter(name))]
    if owner != ANYBODY:
        query.append(("owner", owner))
    if hidden:
        query.append(("os_hidden", "true"))
    # Compared again, since databases may ignore the case.
    return [
        image
        for image in session.images.list(query)
        if image.get("name") == name and owner in (ANYBODY, image.get("owner"))
    ]


def _only(found: Sequence[Image], name: str) -> Image:
    if len(found) == 1:
        return found[0]
    raise two_candidates(found, name)


def two_candidates(found: Sequence[Image], name: str) -> PlanError:
    """The error that several images are called so, which lists them."""
    listed = "; ".join(
        f"{image['id']} (status {image['status']}, owner {image.get('owner') or 'nobody'}, "
        f"created {image.get('created_at')})"
        for image in found[:MAX_LISTED]
    )
    more = f"; and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
    return PlanError(
        f"name: {len(found)} images are named {quoted(name)}: {listed}{more}. Give the id of the one that is meant.",
        images=[{key: image.get(key) for key in ("id", "status", "owner", "created_at")} for image in found],
    )
