# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images of a name have been retired, which of them can be put back, and which of them are deleted. Pure.

A retired image is one that this collection has made and replaced: its id is one of ours, and its mark RETIRED counts.
Nothing else is ever put back or deleted, whatever its name or its properties say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .attributes import RETIRED, RETIRED_AS, is_ours
from .marks import mark_of
from .plan import Image, Plan, Prune, Resume, Retire, plan_absent, retired_entry

# The properties that tell of the data or of an instance that it came from, and that another image does not inherit
# (nova/compute/utils.py, and nova/virt/block_device.py for those of a snapshot of volumes); openstacksdk's hashes; and
# signatures of the data.
ABOUT_DATA_OR_INSTANCE = (
    "base_image_ref",
    "bdm_v2",
    "block_device_mapping",
    "boot_roles",
    "image_type",
    "instance_uuid",
    "user_id",
)
ABOUT_DATA_PREFIXES = ("img_signature", "owner_specified.openstack.md5", "owner_specified.openstack.sha")


def is_about_old_data(attribute: str) -> bool:
    """Whether the property describes the data of its image or an instance, so that it is not true of other data."""
    return attribute in ABOUT_DATA_OR_INSTANCE or attribute.startswith(ABOUT_DATA_PREFIXES)


def retired_images(images: Iterable[Image], name: str, owner: str) -> list[Image]:
    """Of these images, those that were retired from this name, the oldest first.

    A hidden one still has the name; one that was renamed has the name that it was given then, and is not hidden. An
    image that was shown again, or renamed by somebody, has the mark as well, and is not retired any more.
    """
    return in_order({image["id"]: image for image in images if is_retired_from(image, name, owner)}.values())


def is_retired_from(image: Image, name: str, owner: str) -> bool:
    """Whether this collection has made and retired the image, and its name was this one."""
    if not is_ours(image["id"]) or mark_of(image, RETIRED, owner) != name:
        return False
    named = image.get("name")
    return named == name if image.get("os_hidden") else named not in (None, name) and named == image.get(RETIRED_AS)


def is_still_retired(image: Image, planned: Image) -> bool:
    """Whether the image is retired from the name from which it was retired, or about to be, when it was planned."""
    mark = mark_of(image, RETIRED, planned.get("owner"))
    return mark is not None and is_retired_from(image, mark, str(planned.get("owner")))


def with_rotation(plan: Plan, retired: Sequence[Image], keep: int, force: bool) -> Plan:
    """The plan, and then the deletion of those retired images that are more than `keep`.

    `retired` are the images retired by earlier runs; those that the plan retires count as well, and the one that it
    puts back, or has prepared, does not.
    """
    returning = {step.image["id"] for step in plan.steps if isinstance(step, Resume)}
    if plan.after is not None:
        returning.add(plan.after.get("id"))
    images = {image["id"]: image for image in retired if image["id"] not in returning}
    for step in plan.steps:
        if isinstance(step, Retire) and step.action != "deleted" and is_ours(step.image["id"]):
            images[step.image["id"]] = step.image
    pruned, kept = plan_rotation(in_order(images.values()), keep, force)
    return plan._replace(steps=(*plan.steps, *pruned), kept=(*plan.kept, *kept))


def in_order(images: Iterable[Image]) -> list[Image]:
    """The images, the oldest first."""
    return sorted(images, key=lambda image: (str(image.get("created_at")), image["id"]))


def plan_rotation(retired: Sequence[Image], keep: int, force: bool) -> tuple[list[Prune], list[dict[str, Any]]]:
    """The deletions that leave the newest `keep` of the retired images, and those that are not made, with the reason.

    `retired` is as `retired_images` gives it. A protected image is deleted only with `force`.
    """
    pruned: list[Prune] = []
    kept: list[dict[str, Any]] = []
    for image in retired[: max(0, len(retired) - keep)]:
        if image.get("protected") and not force:
            kept.append(retired_entry(image, "kept", "it is protected (force: true deletes it)"))
        else:
            pruned.append(Prune(image, plan_absent(image, force).steps))
    return pruned, kept
