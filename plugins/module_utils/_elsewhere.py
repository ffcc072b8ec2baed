# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of options and values that other tools have -> what to write here.

The tools are openstack.cloud and its openstacksdk, the provider of Terraform, and the commands openstack and glance.
None of the names is an alias: the meaning often differs, as that of `timeout` does, which is an option of both.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher, get_close_matches
from typing import Optional

from ._client.options import CONNECTION_OPTIONS

# What shows that a module has the connection options; an image of a catalogue has none.
_LOGIN = "auth_url"

# For each name: options in the order of preference, each with the advice; the first one that the module has counts.
# None as advice: the name is all that differs. None as an option: every module.
Advice = tuple[tuple[Optional[str], Optional[str]], ...]

# What to write instead of `auth`, or of a whole entry of clouds.yaml.
ENTRIES = "Write its entries as options: auth_url, username, password, project_name and so on."
_STATE = "Use the module pcd_image_state with state: {}."
_PATH: Advice = (("path", None), ("dest", None))
_URL: Advice = (("url", None),)
_ID: Advice = (("id", None),)
_NAME: Advice = (("name", "Write name for a name, or id for an id."),)
_PROPERTIES: Advice = (("properties", None),)
_VISIBILITY: Advice = (("visibility", "Write visibility: {}."),)
_LOGIN_PROJECT: Advice = ((_LOGIN, "Write project_name, or project_id."),)
_PROJECTS: Advice = (
    ("projects", None),
    ("name_pattern", "Write owner for the project of the images, or members: true to return their members."),
    ("state", "Use the module pcd_image_member, which takes projects."),
)
_ONE_LIMIT = (
    "Write one text, such as {0}=gte:2026-01-31. It takes one limit; apply another one to the result: "
    "selectattr('{0}', 'lt', TIME)."
)
_ONE_TAG = "Write tag, which takes one tag; filter the result by another one: selectattr('tags', 'contains', TAG)."
# With `visibility`, the option owner is a project; that of pcd_image_download is the owner of the file.
_OWNER_ID: Advice = (("visibility", "Write owner with the id of the project, which needs none."),)
_DOMAIN = "Write user_domain_{0} for the domain of the user, or project_domain_{0} for that of the project."
_NO_SDK: Advice = (
    (None, "Leave it out: openstacksdk is not used. A failed task returns status, request_id, method and url."),
)


def _membership(status: str) -> Advice:
    """The status of a member; in a list of images, `status` is that of the image."""
    return (("projects", f"Write status: {status}."), ("member_status", f"Write member_status: {status}."))


NAMES: dict[str, Advice] = {
    "filename": _PATH,
    "file": _PATH,
    "path": (("dest", None),),
    "file_path": _PATH,
    "local_file_path": _PATH,
    "src": _PATH,
    "source": (("path", "Write path for a file, or url for an address."),),
    "uri": _URL,
    "image_source_url": _URL,
    "copy_from": _URL,
    "location": _URL,
    "import_method": (("method", "Write method, or only url or path: the method is then chosen."),),
    "use_import": (("method", "Write method: glance-direct."),),
    "web_download": (("method", "Write method: web-download."),),
    "verify_checksum": (("checksum", "Write checksum with the checksum that the data must have."),),
    "image_cache_path": (("url", "Leave it out: no copy of the data is kept on a host."),),
    "image_source_username": (("url_username", None),),
    "image_source_password": (("url_password", None),),
    "store": (("stores", None),),
    "backend": (("stores", None),),
    "format": (("disk_format", "Write disk_format, and container_format if the data has a container."),),
    "is_public": (
        ("visibility", "Write visibility: public for true. For false, write private, or leave it out to keep it."),
    ),
    "is_protected": (("protected", None),),
    "unprotected": (("protected", "Write protected: false."),),
    "is_hidden": (("hidden", None),),
    "os_hidden": (("hidden", None),),
    "unhidden": (("hidden", "Write hidden: false."),),
    "kernel": (("properties", "Write properties: {{kernel_id: ...}} with the id of that image."),),
    "kernel_id": (("properties", "Write properties: {{kernel_id: ...}}."),),
    "ramdisk": (("properties", "Write properties: {{ramdisk_id: ...}} with the id of that image."),),
    "ramdisk_id": (("properties", "Write properties: {{ramdisk_id: ...}}."),),
    "property": _PROPERTIES,
    "metadata": _PROPERTIES,
    "meta": _PROPERTIES,
    "image": _NAME,
    "name_or_id": _NAME,
    "image_name": (("name", None),),
    "image_id": _ID,
    "uuid": _ID,
    "name_regex": (("name_pattern", "Write name_pattern, a shell pattern such as ubuntu-*."),),
    "filters": (
        ("size_min", "Write each filter as an option, such as status or tag, and custom properties in properties."),
    ),
    "tag": (("tags", "Write tags for all tags, or tags_present for those to add."),),
    "tags": (("tag", _ONE_TAG),),
    "min_disk_gb": (("min_disk", None),),
    "min_ram_mb": (("min_ram", None),),
    "sort_direction": (("sort_dir", None),),
    "project": (
        ("projects", None),
        ("visibility", "Write owner for the project of the image. project_name of the task is the one to log in to."),
        *_LOGIN_PROJECT,
    ),
    "tenant": _LOGIN_PROJECT,
    "tenant_name": ((_LOGIN, "Write project_name."),),
    "tenant_id": ((_LOGIN, "Write project_id."),),
    "projects": _PROJECTS,
    "project_names": _PROJECTS,
    "project_ids": _PROJECTS,
    "member": _PROJECTS,
    "members": _PROJECTS,
    "member_id": _PROJECTS,
    "membership": (("member_status", None),),
    "owner_domain": (("project_domain", None), *_OWNER_ID),
    "project_domain": (*_OWNER_ID, (_LOGIN, "Write project_domain_name, or project_domain_id.")),
    "user_domain": ((_LOGIN, "Write user_domain_name, or user_domain_id."),),
    "domain_name": ((_LOGIN, _DOMAIN.format("name")),),
    "domain_id": ((_LOGIN, _DOMAIN.format("id")),),
    "public": _VISIBILITY,
    "private": _VISIBILITY,
    "community": _VISIBILITY,
    "shared": _VISIBILITY,
    "deactivate": ((None, _STATE.format("deactivated")),),
    "activate": ((None, _STATE.format("active")),),
    "reactivate": ((None, _STATE.format("active")),),
    "accept": _membership("accepted"),
    "reject": _membership("rejected"),
    "pending": _membership("pending"),
    "volume": (("path", "Make an image of the volume with openstack.cloud or the openstack command."),),
    "availability_zone": ((None, "Leave it out: an image belongs to no availability zone."),),
    "auth": ((_LOGIN, ENTRIES),),
    "auth_type": ((None, "Leave it out: which credentials are given says it."),),
    "os_cloud": ((_LOGIN, "Write cloud."),),
    "region": ((_LOGIN, "Write region_name."),),
    "user": ((_LOGIN, "Write username, or user_id."),),
    "passwd": ((_LOGIN, "Write password."),),
    "endpoint_override": ((_LOGIN, "Write image_endpoint_override."),),
    "max_retries": ((_LOGIN, "Write retries."),),
    "endpoint_type": ((_LOGIN, "Write interface."),),
    "api_timeout": ((_LOGIN, "Write timeout: the seconds without a byte after which a request is given up."),),
    "verify": ((_LOGIN, "Write validate_certs."),),
    "validate_ssl": ((_LOGIN, "Write validate_certs."),),
    "insecure": ((_LOGIN, "Write validate_certs: false; credentials can then be intercepted."),),
    "cacert": ((_LOGIN, "Write ca_cert."),),
    "cacert_file": ((_LOGIN, "Write ca_cert."),),
    "cert": ((_LOGIN, "Write client_cert."),),
    "client_cert_file": ((_LOGIN, "Write client_cert."),),
    "key": ((_LOGIN, "Write client_key."),),
    "sdk_log_path": _NO_SDK,
    "sdk_log_level": _NO_SDK,
}

# For options that take one text: what to write instead of a list or a dictionary.
SINGLES = {
    "sort": "Write one text, such as sort=name:asc,size:desc.",
    "sort_key": "Write sort, which takes several keys in one text, such as sort=name,size.",
    "created_at": _ONE_LIMIT.format("created_at"),
    "updated_at": _ONE_LIMIT.format("updated_at"),
    "tag": _ONE_TAG,
}

# How the names of custom properties begin that services and guests know; other tools take some of them as options.
PROPERTY_PREFIXES = ("hw_", "os_", "img_", "vmware_")
PROPERTY_NAMES = ("architecture", "hypervisor_type", "vm_mode")

_DEACTIVATE: Advice = (
    ("path", _STATE.format("deactivated")),
    ("projects", _STATE.format("deactivated")),
    ("state", "Write state: deactivated."),
)
_ACTIVATE: Advice = (
    ("path", _STATE.format("active")),
    ("projects", _STATE.format("active")),
    ("state", "Write state: active."),
)

# Values of `state` -> the option that shows which module it is, and the advice.
STATES: dict[str, Advice] = {
    "inactive": _DEACTIVATE,
    "deactivate": _DEACTIVATE,
    "deactivated": _DEACTIVATE,
    "activate": _ACTIVATE,
    "reactivate": _ACTIVATE,
    "active": _ACTIVATE,
    "present": (("state", "Use the module pcd_image to create or update an image."),),
    "absent": (("state", "Use the module pcd_image with state: absent to delete an image."),),
    "accepted": (("status", "Write status: accepted."),),
    "rejected": (("status", "Write status: rejected."),),
}


def advice_on_name(name: str, options: Collection[str]) -> str | None:
    """What to write instead of an option that the module does not have; None if nobody knows."""
    plain = _plain(name)
    found = f"Write {plain} instead." if plain in options else _advice(NAMES.get(plain, ()), options, plain)
    if found is not None:
        return found
    if is_of_login(name) and _LOGIN not in options:
        return None  # it has its place in the task
    bare = plain.removeprefix("os_")
    if bare != plain and (bare in options or bare in NAMES):
        # Named like a variable, such as OS_AUTH_URL.
        return f"Write {bare} instead." if bare in options else advice_on_name(bare, options)
    if "properties" in options and (plain.startswith(PROPERTY_PREFIXES) or plain in PROPERTY_NAMES):
        return f"Write properties: {{{plain}: ...}}."
    return _guess(plain, options)


def is_of_login(name: str) -> bool:
    """Whether it is the name of a connection option, here or in another tool."""
    bare = _plain(name).removeprefix("os_")
    advice = NAMES.get(bare, ())
    return bare in CONNECTION_OPTIONS or (bool(advice) and all(option == _LOGIN for option, dummy in advice))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _guess(name: str, options: Collection[str]) -> str | None:
    """The nearest option. What is meant for one party must not be sent to another one: a connection option, or
    one for the server of a url, is only named if it is certainly that one."""
    near = get_close_matches(name, sorted({*options, *CONNECTION_OPTIONS}), 1, 0.75)
    if not near or near[0] not in options:
        return None
    (option,) = near
    if option in CONNECTION_OPTIONS:
        # A letter too much or too few, or letters in another order.
        is_sure = SequenceMatcher(None, name, option).ratio() > 0.9 or sorted(name) == sorted(option)
    else:
        is_sure = not option.startswith("url_") or name.startswith("url")
    return f"Did you mean {option}?" if is_sure else None


def advice_on_state(value: str, choices: Collection[str], options: Collection[str]) -> str | None:
    """What to write instead of a value that `state` does not have here; None if nobody knows."""
    return None if value in choices else _advice(STATES.get(value, ()), options, value)


def _advice(advice: Advice, options: Collection[str], name: str) -> str | None:
    for option, text in advice:
        if option is None or option in options:
            return f"Write {option} instead." if text is None else text.format(name)
    return None
