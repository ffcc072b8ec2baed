# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_report
short_description: The data of a report page about images
version_added: 1.0.0
description:
  - Turns images into the JSON text that the page of the playbook C(platform9.pcd.image_report) shows.
  - The text can stand in a C(script) element of an HTML page. Whatever the images contain, it does not end the element
    and is not read as a part of the page.
  - Custom properties are left out, because people store anything in them.
  - An image that occurs more than once is shown once.
author:
  - Platform9 Systems (@platform9)
positional: _input
options:
  _input:
    description:
      - Images as returned by M(platform9.pcd.pcd_image_info).
      - If it lists them with O(platform9.pcd.pcd_image_info#module:fields), each attribute that the page shows must be
        among them.
    type: list
    elements: dict
    required: true
  title:
    description: The title of the page.
    type: str
    default: Images
  time:
    description:
      - The time at which the images were listed, such as V(2026-01-31T12:00:00Z). Ages are counted up to it.
      - A time without an offset is in UTC.
    type: str
  projects:
    description: Names of projects by their ids. An owner without a name is shown by its id.
    type: dict
    default: {}
  drift:
    description:
      - The registered result of M(platform9.pcd.pcd_image_catalog) or M(platform9.pcd.pcd_image) in check mode, or of a
        loop of one of them. Everything that it would change is drift, and what cannot be pruned.
      - Skipped items of a loop do not count. Another result, or a part of one, is an error.
    type: dict
seealso:
  - module: platform9.pcd.pcd_image_info
  - module: platform9.pcd.pcd_image_catalog
  - ref: ansible_collections.platform9.pcd.docsite.guide_report
    description: The report page
"""

EXAMPLES = r"""
- name: List the images
  platform9.pcd.pcd_image_info:
    cloud: pcd
    hidden: any
  register: found

- name: Write the data of a page of your own
  ansible.builtin.copy:
    content: "{{ found.images | platform9.pcd.image_report(title='Images of PCD') }}"
    dest: ./images.json
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The JSON text.
  type: str
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._image.attributes import OUR_PREFIX, SETTABLE
from ..module_utils._redact import redacted_text

# What stands in the row of an image, in this order: a key for each of 5,000 images would double the page.
COLUMNS = (
    "id",
    "name",
    "status",
    "visibility",
    "owner",
    "size",
    "created_at",
    "updated_at",
    "hash",
    "disk_format",
    "min_disk",
    "min_ram",
    "tags",
    "hidden",
    "protected",
    "retired",
    "replaces",
)
# The attributes of an image of which its row is made. An image without one of them would be shown as one that has none.
NEEDED = frozenset(COLUMNS) - {"hash", "hidden"} | {"os_hash_algo", "os_hash_value", "checksum", "os_hidden"}
# What an HTML parser could take for markup, what JavaScript takes for the end of a line, and what UTF-8 cannot hold.
NOT_PLAIN = re.compile("[<>&\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
# The actions of a catalogue's entry that say that nothing differs.
AS_DECLARED = "unchanged"


def image_report(
    images: Iterable[Mapping[str, Any]],
    title: str = "Images",
    time: str | date | None = None,
    projects: Mapping[str, str] | None = None,
    drift: Mapping[str, Any] | None = None,
) -> str:
    """The JSON text of the page for these images."""
    if isinstance(images, (str, Mapping)) or not isinstance(images, Iterable):
        raise AnsibleFilterError(
            "platform9.pcd.image_report takes a list of images, such as the images of pcd_image_info."
        )
    rows = {row[0]: row for row in map(_row, images)}
    owners = {str(row[COLUMNS.index("owner")]) for row in rows.values()}
    data = {
        "title": str(title),
        "time": _utc(time) if time else None,
        # Whoever gets the page by mail does not learn the names of other projects.
        "projects": {owner: name for owner, name in (projects or {}).items() if str(owner) in owners},
        "columns": COLUMNS,
        "images": list(rows.values()),
        "drift": None if drift is None else _drift(drift),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return NOT_PLAIN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _utc(time: str | date) -> str:
    """The time in UTC, as Glance writes it. YAML makes an object of a time without quotes."""
    text = time.isoformat() if isinstance(time, date) else str(time)
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        moment = moment.astimezone(timezone.utc) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise AnsibleFilterError(
            f"platform9.pcd.image_report: time: {text!r:.100} is not a time such as '2026-01-31T12:00:00Z'."
        ) from None
    return f"{moment.isoformat(timespec='seconds').removesuffix('+00:00')}Z"


def _row(image: Any) -> list[Any]:
    if not isinstance(image, Mapping) or not isinstance(image.get("id"), str):
        raise AnsibleFilterError(f"platform9.pcd.image_report: this is not an image of pcd_image_info: {image!r:.200}")
    missing = sorted(NEEDED - image.keys())
    if missing:
        raise AnsibleFilterError(
            f"platform9.pcd.image_report: image {image['id']} has no {', '.join(missing)}. List the images with "
            "pcd_image_info, without fields or with these, too."
        )
    known = {
        **{column: image.get(column) for column in COLUMNS},
        "hash": _hash_of(image),
        "tags": list(image.get("tags") or ()),
        "hidden": bool(image.get("os_hidden")),
        "protected": bool(image.get("protected")),
    }
    return [known[column] for column in COLUMNS]


def _hash_of(image: Mapping[str, Any]) -> str | None:
    """The hash of the image's data with its algorithm; None if it has no data."""
    algorithm, value = image.get("os_hash_algo"), image.get("os_hash_value")
    if algorithm and value:
        return f"{algorithm}:{value}"
    return f"md5:{image['checksum']}" if image.get("checksum") else None


def _drift(result: Any) -> dict[str, Any]:
    """What differs from what was declared, and why it may not be all."""
    results = _results(result)
    entries = [entry for found in results for entry in _entries(found)]
    left = [
        {**image, "action": "not pruned", "error": image.get("reason")}
        for found in results
        for image in found.get("not_pruned") or ()
    ]
    return {
        "declared": sum(entry.get("action") != "pruned" for entry in entries),
        "entries": [_difference(entry) for entry in [*entries, *left] if entry.get("action") != AS_DECLARED],
        # The task of a loop fails because of an entry, which says so itself.
        "error": None if entries else _no_comparison(result),
    }


def _results(result: Any) -> list[Mapping[str, Any]]:
    """The results of the items of a loop, or the only one; without those that were skipped."""
    is_loop = isinstance(result, Mapping) and "results" in result
    items = result["results"] if is_loop else [result]
    if not isinstance(items, list):
        raise _no_result(f"results: {items!r:.100}")
    for item in items:
        if not isinstance(item, Mapping):
            raise _no_result(f"{item!r:.100}")
        if "ansible_loop_var" in item and not is_loop:
            raise _no_result("one item of a loop")
    return [item for item in items if not item.get("skipped")]


def _no_comparison(result: Mapping[str, Any]) -> str | None:
    if result.get("skipped"):
        return "The comparison was skipped."
    return str(result.get("msg") or "The comparison failed.") if _has_failed(result) else None


def _has_failed(found: Mapping[str, Any]) -> bool:
    return bool(found.get("failed") or found.get("unreachable"))


def _entries(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of a catalogue, or the only one of pcd_image. A task that failed as a whole has none."""
    listed = found.get("images")
    if listed is None:
        if _has_failed(found):
            return [_entry(found)] if "ansible_loop_var" in found else []
        # An entry of a catalogue has an error, if only null.
        if {"image", "action", "patch"} <= found.keys() and "error" not in found:
            return [_entry(found)]
    elif not isinstance(listed, list):
        raise _no_result(f"images: {listed!r:.100}")
    elif all(isinstance(entry, Mapping) and "action" in entry for entry in listed) and (listed or "summary" in found):
        return listed
    raise _no_result(f"a result with {', '.join(sorted(map(str, found))) or 'nothing'}")


def _no_result(given: str) -> AnsibleFilterError:
    return AnsibleFilterError(
        "platform9.pcd.image_report: drift takes the whole registered result of pcd_image_catalog or pcd_image in "
        f"check mode, or of a loop of one of them. This is not such a result: {given}"
    )


def _entry(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """A result of pcd_image in the form of an entry of a catalogue."""
    image, item = found.get("image") or {}, found.get(found.get("ansible_loop_var", ""))
    # An image that is gone, or that could not be compared, has the name that was declared.
    options = item if isinstance(item, Mapping) else {"name": item}
    given = (found.get("invocation") or {}).get("module_args") or {}
    name = image.get("name") or given.get("name") or options.get("name")
    failed = _has_failed(found)
    return {
        "id": image.get("id"),
        # An item can be an address with a password.
        "name": None if name is None else redacted_text(str(name)),
        "action": "failed" if failed else found["action"],
        "patch": found.get("patch"),
        "replaced_id": found.get("replaced_id"),
        "prepared": found.get("prepared"),
        "retired": found.get("retired"),
        "error": found.get("msg") if failed else None,
    }


def _difference(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One declared image: what would happen to it, the lines that say so, and the ids of all images concerned."""
    others, error = entry.get("retired") or (), entry.get("error")
    lines = [*map(_operation, _patch_of(entry)), *_lines_beside_the_patch(entry)]
    lines += [f"{other['name']} ({other['id']}): {_with_reason(other)}" for other in others]
    if entry.get("action") == "updated" and not lines:
        lines.append("its stores")
    if error:
        lines.append(str(error.get("msg", error)) if isinstance(error, Mapping) else str(error))
    return {"ids": _ids_of(entry), "name": entry.get("name"), "action": entry.get("action"), "lines": lines}


def _ids_of(entry: Mapping[str, Any]) -> list[Any]:
    gone = [other["id"] for other in entry.get("retired") or () if other["action"] != "kept"]
    ids = [entry.get("id"), entry.get("replaced_id"), (entry.get("prepared") or {}).get("id"), *gone]
    return list(dict.fromkeys(each for each in ids if each))


def _with_reason(other: Mapping[str, Any]) -> str:
    return f"{other['action']} ({other['reason']})" if other.get("reason") else str(other["action"])


def _lines_beside_the_patch(entry: Mapping[str, Any]) -> list[str]:
    """What no operation of a patch says."""
    action = entry.get("action")
    if action in ("filled", "uploaded"):
        return ["it has no data"]
    if action in ("replaced", "restored") and entry.get("replaced_id"):
        return [f"it replaces {entry['replaced_id']}"]
    return ["it is deleted"] if action == "pruned" and entry.get("image") is None else []


def _patch_of(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The operations that say how the image differs."""
    action, patch = entry.get("action"), entry.get("patch") or []
    # They are about the new image, which is as declared.
    if action in ("replaced", "prepared"):
        return []
    # How the collection remembers a rotation is left out.
    is_rotation = action in ("restored", "pruned")
    return [each for each in patch if not is_rotation or not each["path"].startswith(f"/{OUR_PREFIX}")]


def _operation(operation: Mapping[str, Any]) -> str:
    """One operation of a JSON patch as a person reads it."""
    attribute = str(operation.get("path", "")).removeprefix("/").replace("~1", "/").replace("~0", "~")
    if operation.get("op") == "remove":
        return f"{attribute} is removed"
    if attribute.partition("/")[0] not in SETTABLE:
        # The value of a custom property may be anything.
        return f"{attribute} is set"
    return f"{attribute}: {json.dumps(operation.get('value'), ensure_ascii=False)}"


class FilterModule:
    """Ansible's entry to the filters of this file."""

    def filters(self) -> dict[str, Any]:
        return {"image_report": image_report}
