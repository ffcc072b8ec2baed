# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of options and values that other tools have -> what to write here.

The tools are openstack.cloud and its openstacksdk, the provider of Terraform, and the commands openstack and glance.
None of the names is an alias: the meaning often differs, as that of `timeout` does, which is an option of both.
"""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Optional

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
_LOGIN_PROJECT: Advice = ((None, "Write project_name, or project_id."),)
# With `visibility`, the option owner is a project; that of pcd_image_download is the owner of the file.
_OWNER_ID: Advice = (("visibility", "Write owner with the id of the project, which needs none."),)
_DOMAIN = "Write user_domain_{0} for the domain of the user, or project_domain_{0} for that of the project."
_NO_SDK: Advice = (
    (None, "Leave it out: openstacksdk is not used. A failed task returns status, request_id, method and url."),
)

NAMES: dict[str, Advice] = {
    "filename": _PATH,
    "file": _PATH,
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
    "tags": (("tag", "Write tag, which takes one tag."),),
    "min_disk_gb": (("min_disk", None),),
    "min_ram_mb": (("min_ram", None),),
    "sort_direction": (("sort_dir", None),),
    "project": (
        ("projects", None),
        ("visibility", "Write owner for the project of the image, or project_name for the one to log in to."),
        *_LOGIN_PROJECT,
    ),
    "tenant": _LOGIN_PROJECT,
    "tenant_name": ((None, "Write project_name."),),
    "tenant_id": ((None, "Write project_id."),),
    "member": (("projects", None),),
    "members": (("projects", None),),
    "member_id": (("projects", None),),
    "owner_domain": (("project_domain", None), *_OWNER_ID),
    "project_domain": (*_OWNER_ID, (None, "Write project_domain_name, or project_domain_id.")),
    "user_domain": ((None, "Write user_domain_name, or user_domain_id."),),
    "domain_name": ((None, _DOMAIN.format("name")),),
    "domain_id": ((None, _DOMAIN.format("id")),),
    "public": _VISIBILITY,
    "private": _VISIBILITY,
    "community": _VISIBILITY,
    "shared": _VISIBILITY,
    "deactivate": ((None, _STATE.format("deactivated")),),
    "activate": ((None, _STATE.format("active")),),
    "reactivate": ((None, _STATE.format("active")),),
    "accept": (("status", "Write status: accepted."),),
    "reject": (("status", "Write status: rejected."),),
    "volume": (("path", "Make an image of the volume with openstack.cloud or the openstack command."),),
    "auth": ((None, ENTRIES),),
    "auth_type": ((None, "Leave it out: which credentials are given says it."),),
    "os_cloud": ((None, "Write cloud."),),
    "region": ((None, "Write region_name."),),
    "user": ((None, "Write username, or user_id."),),
    "endpoint_type": ((None, "Write interface."),),
    "api_timeout": ((None, "Write timeout: the seconds without a byte after which a request is given up."),),
    "verify": ((None, "Write validate_certs."),),
    "insecure": ((None, "Write validate_certs: false; credentials can then be intercepted."),),
    "cacert": ((None, "Write ca_cert."),),
    "cacert_file": ((None, "Write ca_cert."),),
    "cert": ((None, "Write client_cert."),),
    "key": ((None, "Write client_key."),),
    "sdk_log_path": _NO_SDK,
    "sdk_log_level": _NO_SDK,
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
    found = _advice(NAMES.get(name, ()), options, name)
    if found is not None:
        return found
    bare = name.removeprefix("os_")
    if bare != name and (bare in options or bare in NAMES):
        # Named like a variable, such as OS_AUTH_URL.
        return f"Write {bare} instead." if bare in options else advice_on_name(bare, options)
    if "properties" in options and (name.startswith(PROPERTY_PREFIXES) or name in PROPERTY_NAMES):
        return f"Write properties: {{{name}: ...}}."
    near = get_close_matches(name, options, 1, 0.75)
    return f"Did you mean {near[0]}?" if near else None


def advice_on_state(value: str, choices: Collection[str], options: Collection[str]) -> str | None:
    """What to write instead of a value that `state` does not have here; None if nobody knows."""
    return None if value in choices else _advice(STATES.get(value, ()), options, value)


def _advice(advice: Advice, options: Collection[str], name: str) -> str | None:
    for option, text in advice:
        if option is None or option in options:
            return f"Write {option} instead." if text is None else text.format(name)
    return None
