# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of clouds.yaml and secure.yaml, by the names of the connection options.

What an entry can hold, and which of two keys counts, is that of openstacksdk (openstack/config/loader.py,
`_fix_backwards_*` and `_handle_domain_id`; openstack/config/cloud_region.py, `_get_config`). A key that would lead
openstacksdk elsewhere and that is not used here is an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from ansible.module_utils.common.dict_transformations import dict_merge

from .._errors import ConfigurationError, quoted
from .files import Version, version_of
from .sources import is_true

# The keys of an entry that say the same, in `auth` or beside it. Two of them that differ are an error.
SAME: dict[str, tuple[str, ...]] = {
    "auth_type": ("auth_type", "auth_plugin"),
    "client_cert": ("client_cert", "cert"),
    "client_key": ("client_key", "key"),
    "ca_cert": ("ca_cert", "cacert"),
    "project_id": ("project_id", "tenant_id"),
    "project_name": ("project_name", "tenant_name"),
    "token": ("token", "auth_token"),
    "username": ("username", "user_name"),
}
# The keys of an entry of which the first counts: what is said for the image service goes before what is said for all.
FIRST: dict[str, tuple[str, ...]] = {
    "interface": ("image_interface", "image_endpoint_type", "interface", "endpoint_type"),
    "region_name": ("image_region_name", "region_name"),
    "image_endpoint_override": ("image_endpoint_override", "image_endpoint"),
}
FILES = ("ca_cert", "client_cert", "client_key")
SUFFIXES = ("yaml", "yml", "json")
# The name of the OS_* variables as a cloud in openstacksdk; OS_CLOUD_NAME can change it.
VARIABLES_AS_CLOUD = "envvars"
# The parser of PyYAML in C is ten times as fast, and ends the process if a file is nested too deeply for its stack.
MAX_DEPTH_IN_C = 1000
INDICATORS = " \t-?:"

Entry = dict[str, Any]

# The files by their paths, as this process or the one that it was forked from has read them. It is in memory only.
_read_before: dict[str, tuple[Version, Any]] = {}


class NotText(NamedTuple):
    """What YAML has read a value as, and in which file."""

    kind: str
    path: str


class Cloud(NamedTuple):
    """An entry of clouds.yaml. `values` are texts by the names of the connection options and a few more.

    `not_text` are the keys whose values YAML has not read as text.
    """

    name: str
    path: str
    values: Mapping[str, str]
    not_text: Mapping[str, NotText]
    warnings: tuple[str, ...] = ()


def named_cloud(name: str, keys: Iterable[str], environ: Mapping[str, str]) -> Cloud | None:
    """The cloud of this name, with the values of `keys`. None if the name means the OS_* variables themselves."""
    if name == (environ.get("OS_CLOUD_NAME") or VARIABLES_AS_CLOUD):
        return None
    path, folders = _clouds_yaml(environ)
    if path is None:
        raise ConfigurationError(
            f"cloud: no clouds.yaml with the cloud {name} was found in {', '.join(folders)}. Put it there, or name it "
            "in the variable OS_CLIENT_CONFIG_FILE."
        )
    clouds = _clouds(path)
    if name not in clouds:
        known = ", ".join(sorted(clouds)) or "none"
        raise ConfigurationError(f"cloud: {path} has no cloud {quoted(name)}. It has: {known}.")
    return _cloud(name, clouds[name], path, keys, environ)


def only_cloud(keys: Iterable[str], environ: Mapping[str, str]) -> Cloud | None:
    """The cloud of a clouds.yaml that has no other, so that it need not be named; None if there is no such file."""
    path = _clouds_yaml(environ)[0]
    if path is None:
        return None
    clouds = _clouds(path)
    if len(clouds) > 1:
        raise ConfigurationError(
            f"cloud: {path} has several clouds, and none was named. Give cloud or OS_CLOUD, one of "
            f"{', '.join(sorted(clouds))}; or other credentials, as options or as OS_* variables."
        )
    for name, entry in clouds.items():
        return _cloud(name, entry, path, keys, environ)
    return None


def cloud_names(environ: Mapping[str, str]) -> list[str]:
    """The clouds of clouds.yaml; none if it cannot be read, which is said once one of them is asked for."""
    try:
        path = _clouds_yaml(environ)[0]
        return [] if path is None else list(_clouds(path))
    except ConfigurationError:
        return []


def _cloud(name: str, entry: Any, path: str, keys: Iterable[str], environ: Mapping[str, str]) -> Cloud:
    place = f"cloud {name} in {path}"
    entry = _normalized(entry, place)
    secrets, secure = _secrets(name, path, environ)
    of_secure: Entry = {}
    if secure:
        of_secure = _normalized(secrets, f"cloud {name} in {secure}")
        entry = dict_merge(entry, of_secure)
        of_secure = _values(of_secure, f"cloud {name} in {secure}")
    flat = _values(entry, place)
    warnings = _check(flat, place)
    values, not_text = {}, {}
    for key in keys:
        value = flat.get(key)
        if value is None:
            continue
        if isinstance(value, (dict, list, set, tuple, bytes)):
            raise ConfigurationError(f"cloud: {key} of {place} is not a single value. Correct the file.")
        values[key] = os.path.expanduser(str(value)) if key in FILES else str(value)
        if not isinstance(value, str):
            not_text[key] = NotText(_kind(value), secure if secure and of_secure.get(key) == value else path)
    return Cloud(name, path, values, not_text, warnings)


def _normalized(entry: Any, place: str) -> Entry:
    """The entry with underscores in its keys and without what is empty, as openstacksdk reads it."""
    if not isinstance(entry, dict):
        raise ConfigurationError(f"cloud: {place} is not a dictionary. Correct the file.")
    auth = {} if entry.get("auth") is None else entry["auth"]
    if not isinstance(auth, dict):
        raise ConfigurationError(f"cloud: auth of {place} is not a dictionary. Correct the file.")
    return {**_underscored(entry, place), "auth": _underscored(auth, place)}


def _underscored(entry: Mapping[Any, Any], place: str) -> Entry:
    found: Entry = {}
    for key, value in entry.items():
        _put(found, str(key).replace("-", "_"), value, place)
    return found


def _values(entry: Mapping[str, Any], place: str) -> Entry:
    """What the entry says, by our names."""
    return {**_flat(entry, place), **_regions(entry, place), **_verification(entry)}


def _flat(entry: Mapping[str, Any], place: str) -> Entry:
    """What is said in `auth` and beside it, by our names."""
    ours = {alias: key for key, aliases in SAME.items() for alias in aliases}
    flat: Entry = {}
    for part in (entry["auth"], {key: value for key, value in entry.items() if key != "auth"}):
        for key, value in part.items():
            _put(flat, ours.get(key, key), value, place)
    for key, names in FIRST.items():
        value = next((flat[name] for name in names if name in flat), None)
        if value is not None:
            flat[key] = value
    if isinstance(flat.get("auth_methods"), list):
        flat["auth_methods"] = ",".join(str(method) for method in flat["auth_methods"])
    return flat


def _put(found: Entry, key: str, value: Any, place: str) -> None:
    if value in (None, ""):
        return
    if key in found and found[key] != value:
        # No value is quoted, since it may be a secret.
        raise ConfigurationError(
            f"cloud: {key} is said twice in {place}, with two values (in auth and beside it, or by an older name such "
            "as tenant_name). Keep one."
        )
    found[key] = value


def _regions(entry: Mapping[str, Any], place: str) -> Entry:
    """The region, if the list `regions` has one; of several, one has to be named elsewhere."""
    regions = entry.get("regions")
    if regions is None or regions == "":
        return {}
    if not isinstance(regions, list):
        raise ConfigurationError(f"cloud: regions of {place} is not a list. Correct the file.")
    if any(isinstance(region, dict) and region.get("values") for region in regions):
        raise ConfigurationError(
            f"cloud: a region of {place} has values of its own, which are not used. Write a cloud for each region."
        )
    names = [region.get("name") if isinstance(region, dict) else region for region in regions]
    is_named = any(key in entry for key in FIRST["region_name"])
    return {"region_name": names[0]} if len(names) == 1 and not is_named else {}


def _verification(entry: Mapping[str, Any]) -> Entry:
    said = [is_true(str(entry["insecure"]))] if "insecure" in entry else []
    said += [not is_true(str(entry["verify"]))] if "verify" in entry else []
    # As a text, because nobody has to put it in quotes.
    return {"insecure": str(any(said))} if said else {}


def _check(flat: Mapping[str, Any], place: str) -> tuple[str, ...]:
    """Raises for keys that lead openstacksdk elsewhere and are not used here; what else is to be known of others."""
    service = flat.get("image_service_type", "image")
    if service != "image":
        raise ConfigurationError(
            f"cloud: image_service_type of {place} is not used. Give the address of that service with "
            "image_endpoint_override."
        )
    profile = flat.get("profile", flat.get("cloud"))
    if profile is None:
        return ()
    if "auth_url" not in flat:
        raise ConfigurationError(
            f"cloud: {place} has the vendor profile {quoted(str(profile))}, which is not read. "
            "Write into the entry what it says: auth_url, and region_name if there are several."
        )
    return (
        f"The vendor profile {quoted(str(profile))} of {place} is not read. What it says of regions, interfaces or "
        "domains counts only if it is written into the entry.",
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    return "a number" if isinstance(value, (int, float)) else "a date"


def _folders(environ: Mapping[str, str]) -> list[str]:
    """The folders that openstacksdk searches: the current folder, then those of the user and of the host."""
    home = os.path.join(os.path.expanduser("~"), ".config")
    of_user = [environ.get("XDG_CONFIG_HOME") or home, home]
    of_host = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    configured = [os.path.join(folder, "openstack") for folder in [*of_user, *of_host, "/etc"] if folder]
    return list(dict.fromkeys([os.getcwd(), *configured]))


def _clouds_yaml(environ: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """The path of clouds.yaml, and the folders that were searched."""
    named = _named_file("OS_CLIENT_CONFIG_FILE", environ)
    folders = _folders(environ)
    return (named, []) if named else (_found("clouds", folders), folders)


def _named_file(variable: str, environ: Mapping[str, str]) -> str | None:
    given = environ.get(variable)
    if not given:
        return None
    path = os.path.expanduser(given)
    if not os.path.exists(path):
        place = "" if os.path.isabs(path) else f" in {os.getcwd()}"
        raise ConfigurationError(
            f"cloud: {variable} names {given}, which is not there{place}. Correct the variable, or unset it."
        )
    return path


def _found(name: str, folders: Iterable[str]) -> str | None:
    paths = (os.path.join(folder, f"{name}.{suffix}") for folder in folders for suffix in SUFFIXES)
    return next((path for path in paths if os.path.exists(path)), None)


def _secrets(name: str, path: str, environ: Mapping[str, str]) -> tuple[Any, str | None]:
    """What the first file of secrets that knows the cloud says of it, and that file.

    It is the one that a variable names, or else one next to clouds.yaml or in the folders that are searched for it.
    """
    named = _named_file("OS_CLIENT_SECURE_FILE", environ)
    if named:
        candidates = [named]
    else:
        folders = dict.fromkeys([os.path.dirname(os.path.abspath(path)), *_folders(environ)])
        found = [_found("secure", [folder]) for folder in folders]
        # Another user's file, in /etc for example, is passed over as openstacksdk does.
        candidates = [file for file in found if file and os.access(file, os.R_OK)]
    for candidate in candidates:
        clouds = _clouds(candidate)
        if clouds.get(name) is not None:
            return clouds[name], candidate
    return None, None


def _clouds(path: str) -> Entry:
    """The entries of a file by their names, as they stand there."""
    document = _document(path)
    clouds = document.get("clouds") if isinstance(document, dict) else None
    if not isinstance(clouds, dict):
        raise ConfigurationError(f"cloud: {path} has no dictionary named clouds at its top. Correct the file.")
    return {str(name): entry for name, entry in clouds.items()}


def _document(path: str) -> Any:
    """What the file holds. It must not be changed, because the next task or item of this process gets it, too."""
    place = os.path.abspath(path)
    try:
        with open(path, encoding="utf-8") as stream:
            # Before it is read: a change meanwhile then makes another version.
            version = version_of(stream.fileno())
            known = _read_before.get(place)
            if known is not None and known[0] == version:
                return known[1]
            text = stream.read()
    except OSError as error:
        raise ConfigurationError(f"cloud: {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise _invalid(path, error) from None
    document = _parsed(path, text)
    if version is not None:
        _read_before[place] = version, document
    return document


def _parsed(path: str, text: str) -> Any:
    try:
        return json.loads(text) if path.endswith(".json") else _from_yaml(path, text)
    except (ValueError, RecursionError) as error:
        raise _invalid(path, error) from None


def _from_yaml(path: str, text: str) -> Any:
    # Only who names a cloud needs PyYAML; ansible-core brings it along on the controller.
    try:
        import yaml
    except ImportError:
        raise ConfigurationError(
            f"cloud: reading {path} needs the Python library PyYAML, which is not installed for the "
            "Python of this task. Install it, or give the connection by options or OS_* variables."
        ) from None
    if hasattr(yaml, "CSafeLoader") and _max_depth(text) <= MAX_DEPTH_IN_C:
        # What is wrong is said by the other loader, which knows the place better.
        with suppress(yaml.YAMLError):
            return yaml.load(text, Loader=yaml.CSafeLoader)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _invalid(path, error) from None


def _max_depth(text: str) -> int:
    """A number that the depth of nesting does not exceed.

    Each level has a bracket, or begins in a column of its own, before which there are only blanks and indicators.
    """
    indents = (len(line) - len(line.lstrip(INDICATORS)) for line in text.splitlines())
    return text.count("[") + text.count("{") + max(indents, default=0)


def _invalid(path: str, error: Exception) -> ConfigurationError:
    # The error's own text may quote a line of the file, and that line may hold a password.
    mark = getattr(error, "problem_mark", None)
    position = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    kind = "JSON" if path.endswith(".json") else "YAML"
    return ConfigurationError(f"cloud: {path} is not valid {kind}{position}. Correct the file.")
