# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a catalogue -> a typed request: all images that it declares, each as pcd_image would declare it.

Everything that the options can say wrong is found here, in all entries, before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_type_dict

from .._arguments import FuturePath, check_arguments, without_nulls
from .._data.options import IMAGE_CONSTRAINTS, IMAGE_OPTIONS, ImageRequest, parse_image
from .._errors import ConfigurationError, DataError, MissingPath, PcdError, quoted
from .._image.attributes import CATALOG, MAX_TEXT_LENGTH
from .._image.options import storable
from .._redact import hidden_texts, redact_secrets
from .._session import Params

CATALOG_OPTIONS: dict[str, Any] = {
    "images": {"type": "list", "elements": "dict", "required": True},
    "defaults": {"type": "dict"},
    "catalog": {"type": "str"},
    "workers": {"type": "int", "default": 4},
    "prune": {"type": "bool", "default": False},
    "prune_limit": {"type": "int", "default": 30},
    "only": {"type": "list", "elements": "str"},
    "fail_fast": {"type": "bool", "default": False},
}
# What stands in these options are options of images.
ENTRIES = {"images": IMAGE_OPTIONS, "defaults": IMAGE_OPTIONS}

MAX_WORKERS = 32
MAX_LISTED = 20

# What says whose image a name means, or how it is found; each entry has its own.
OF_ONE_IMAGE = ("id", "name")
# A default has no effect on an entry that has none of the options after it, or that is without any use for it.
NEEDS_URL = ("url_username", "url_password", "url_headers")
NEEDS_DATA = ("checksum", "decompress", "method")
NEEDS_OTHER = {"purge_properties": ("properties",), "all_stores_must_succeed": ("stores", "all_stores")}
# A default has no effect on an entry that says the same in another way.
INSTEAD = {
    "path": ("url",),
    "url": ("path",),
    "tags": ("tags_present", "tags_absent"),
    "tags_present": ("tags",),
    "tags_absent": ("tags",),
    "stores": ("all_stores",),
    "all_stores": ("stores",),
    "retired_suffix": ("retired",),
    "keep": ("id",),
}

# How Ansible says which option has a value of the wrong kind (ansible.module_utils.common.parameters).
OPTION_IN_ERROR = re.compile(r"(?:argument|option|value of|for option) '?(?P<option>[a-z_]+)'?")


class Entry(NamedTuple):
    """One image of the catalogue: the number that it has in the list, and what is declared."""

    number: int
    name: str
    request: ImageRequest


class CatalogRequest(NamedTuple):
    """Many images. `declared` are all of them, `entries` those that this run works on.

    `catalog` is the name with which images are marked, None if they are not. With `prune`, marked images that are not
    declared are retired, at most `prune_limit` per cent of them, as `retired` says.
    """

    declared: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    catalog: str | None
    workers: int
    prune: bool
    prune_limit: int
    fail_fast: bool
    retired: str
    retired_suffix: str | None
    force: bool
    secrets: tuple[str, ...] = ()


class _Problems:
    """What is wrong with the options, gathered until all of them have been read."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.missing: list[tuple[str | int, ...]] = []

    def add(self, place: str, error: PcdError | str) -> None:
        self.found.append(f"{place}: {error}" if place else str(error))

    def check(self) -> None:
        """Raises if anything is wrong; MissingPath if nothing is but paths that lead to nothing."""
        if not self.found:
            return
        shown = self.found[:MAX_LISTED]
        more = len(self.found) - len(shown)
        text = " ".join(shown) if len(shown) == 1 else "; ".join(text.rstrip(".") for text in shown) + "."
        message = f"{text} And {more} more." if more else text
        if len(self.missing) == len(self.found):
            raise MissingPath(message, "path", list(dict.fromkeys(self.missing)))
        raise ConfigurationError(message)


def parse_catalog(params: Params) -> CatalogRequest:
    """The request that the options make. One error reports all that is wrong, as far as it fits in."""
    problems = _Problems()
    defaults = _defaults(params, problems)
    declared: list[Entry] = []
    for number, given in enumerate(params["images"]):
        entry = _entry(number, given, defaults, params["catalog"], problems)
        if entry is not None:
            declared.append(entry)
    _check_twins(params["images"], declared, problems)
    _check_task(params, problems)
    only = params["only"]
    if only is not None:
        _check_only(only, params["images"], problems)
    problems.check()
    retired = parse_image({**_without_data(defaults), "name": "x"})
    return CatalogRequest(
        tuple(declared),
        tuple(entry for entry in declared if only is None or entry.name in only),
        params["catalog"],
        params["workers"],
        params["prune"],
        params["prune_limit"],
        params["fail_fast"],
        retired.data.retired,
        retired.data.retired_suffix if retired.data.retired == "rename" else None,
        retired.force,
        tuple(dict.fromkeys(secret for entry in declared for secret in entry.request.secrets)),
    )


# --- the task as a whole


def _check_task(params: Params, problems: _Problems) -> None:
    catalog = params["catalog"]
    if catalog is not None and not (catalog.strip() and len(catalog) <= MAX_TEXT_LENGTH):
        problems.add("catalog", f"it must be a name of 1 to {MAX_TEXT_LENGTH} characters.")
    elif catalog is not None:
        try:
            storable("catalog", catalog)
        except ConfigurationError as error:
            problems.add("", error)
    if not 1 <= params["workers"] <= MAX_WORKERS:
        problems.add("workers", f"{params['workers']} is not a number from 1 to {MAX_WORKERS}.")
    if not 0 <= params["prune_limit"] <= 100:
        problems.add("prune_limit", f"{params['prune_limit']} is not a percentage from 0 to 100.")
    if params["prune"]:
        _check_prune(params, problems)


def _check_prune(params: Params, problems: _Problems) -> None:
    if params["catalog"] is None:
        problems.add(
            "prune",
            "it needs catalog, the name with which the images of this catalogue are marked: no other image is ever "
            "retired.",
        )
    if not params["images"]:
        problems.add(
            "prune",
            "the list of images is empty, so that every image of the catalogue would be retired. If that is meant, "
            "declare them with state: absent.",
        )
    if params["only"] is not None:
        problems.add("prune", "it cannot be combined with only, which leaves most images aside. Leave one out.")


def _check_only(only: Sequence[str], images: Sequence[Mapping[str, Any]], problems: _Problems) -> None:
    if not only:
        problems.add("only", "it is empty, so that there is nothing to do. Leave it out to work on all images.")
    names = {str(entry.get("name")) for entry in images}
    for name in dict.fromkeys(only):
        if name not in names:
            problems.add("only", f"there is no image {quoted(name)} in this catalogue. Correct the name.")


# --- entries


def place_of(number: int, given: Mapping[str, Any]) -> str:
    """An entry in a message: `images[17] (ubuntu-24.04)`."""
    name = given.get("name")
    return f"images[{number}] ({quoted(name)[1:-1]})" if isinstance(name, str) and name else f"images[{number}]"


def _defaults(params: Params, problems: _Problems) -> dict[str, Any]:
    """The defaults, as far as they can be used."""
    given = {str(key): value for key, value in without_nulls(params["defaults"] or {}, IMAGE_OPTIONS).items()}
    before = len(problems.found)
    for option in OF_ONE_IMAGE:
        if option in given:
            problems.add("defaults", f"{option}: each image has its own. Give it in images.")
    checked = _validated("defaults", given, IMAGE_OPTIONS, {}, problems)
    if checked is None or len(problems.found) > before:
        return {}
    try:
        # What the defaults say together must be usable for an image with data.
        parse_image({**_without_data({key: checked[key] for key in given}), "name": "x"})
    except PcdError as error:
        problems.add("defaults", error)
        return {}
    return {key: checked[key] for key in given}


def _without_data(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults without those that only an entry can be right or wrong with."""
    without = (*NEEDS_URL, *NEEDS_DATA, *NEEDS_OTHER, "path", "url")
    return {key: value for key, value in defaults.items() if key not in without}


def _entry(
    number: int, given: Mapping[str, Any], defaults: Mapping[str, Any], catalog: str | None, problems: _Problems
) -> Entry | None:
    place = place_of(number, given)
    own = without_nulls(given, IMAGE_OPTIONS)
    if "name" not in own or own["name"] == "":
        # A mistyped option may be the reason.
        _validated(place, own, IMAGE_OPTIONS, {}, problems)
        problems.add(place, "name: each image of a catalogue needs its name, also if it has an id.")
        return None
    merged = {**{key: defaults[key] for key in _usable(defaults, own)}, **own}
    properties = _merged_properties(defaults, own)
    if properties is not None:
        merged["properties"] = properties
    checked = _validated(place, merged, IMAGE_OPTIONS, IMAGE_CONSTRAINTS, problems)
    if checked is None:
        return None
    try:
        request = parse_image(checked)
    except MissingPath as error:
        problems.add(place, error)
        problems.missing.append(("images", number, "path") if "path" in own else ("defaults", "path"))
        return None
    except (ConfigurationError, DataError) as error:
        problems.add(place, error)
        return None
    if catalog is not None and request.state == "present":
        request = request._replace(desired={**request.desired, CATALOG: catalog})
    return Entry(number, str(request.target.name), request)


def _usable(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """The defaults that an entry has a use for."""
    for option in defaults:
        if option in own or any(other in own for other in INSTEAD.get(option, ())):
            continue
        sources = {name for name in ("path", "url") if name in own or (name in defaults and not _is_other(name, own))}
        if (option in NEEDS_URL and "url" not in sources) or (option in NEEDS_DATA and not sources):
            continue
        if option in NEEDS_OTHER and not any(other in own or other in defaults for other in NEEDS_OTHER[option]):
            continue
        yield option


def _is_other(source: str, own: Mapping[str, Any]) -> bool:
    return any(other in own for other in INSTEAD[source])


def _merged_properties(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any] | None:
    """The properties of both, key by key; None if only one of them has some, or if one is not a dictionary."""
    found = []
    for options in (defaults, own):
        try:
            found.append(check_type_dict(options["properties"]))
        except (KeyError, TypeError):
            return None
    return {**found[0], **found[1]}


def _validated(
    place: str,
    given: Mapping[str, Any],
    spec: Mapping[str, Any],
    constraints: Mapping[str, Any],
    problems: _Problems,
) -> dict[str, Any] | None:
    """The options in their types, as a module of their own would get them; None if something is wrong."""
    before, said = len(problems.found), ""
    try:
        check_arguments(given, spec, ("name",))
    except PcdError as error:
        said = str(error)
        problems.add(place, said)
    for option in given:
        if option not in spec and not said.startswith(f"{option}: "):
            problems.add(place, _unknown(str(option)))
    if len(problems.found) > before:
        return None
    validation = ArgumentSpecValidator({**spec}, **constraints).validate({**given})
    hidden = hidden_texts(spec, given, ()) if validation.error_messages else set()
    for text in validation.error_messages:
        message = redact_secrets(text, hidden)
        named = OPTION_IN_ERROR.search(message)
        problems.add(place, f"{named['option']}: {message}" if named and named["option"] in spec else message)
    if validation.error_messages:
        return None
    checked: dict[str, Any] = validation.validated_parameters
    if isinstance(given.get("path"), FuturePath):
        # Ansible's check of a path returns a mere text.
        checked["path"] = FuturePath(checked["path"])
    return checked


def _unknown(option: str) -> str:
    from .._elsewhere import is_of_login  # only a task that fails needs it

    if is_of_login(option):
        return f"{quoted(option)} belongs to the task, and not to one of its images."
    return f"{quoted(option)} is not an option of an image."


def _check_twins(images: Sequence[Mapping[str, Any]], declared: Sequence[Entry], problems: _Problems) -> None:
    """Find entries that declare the same image, also among those that have other faults."""
    first: dict[tuple[str, str], int] = {}
    targets = {entry.number: entry.request.target for entry in declared}
    for number, given in enumerate(images):
        target = targets.get(number)
        owner = given.get("owner") if target is None else target.owner
        keys = [("name", f"{owner or ''}\n{given['name']}")] if given.get("name") else []
        if target is not None and target.id:
            keys.append(("id", target.id.lower()))
        for key in keys:
            other = first.setdefault(key, number)
            if other != number:
                problems.add(
                    place_of(number, given),
                    f"{key[0]}: images[{other}] declares the same image. Leave one of the two out.",
                )
