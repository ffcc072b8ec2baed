# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the image service itself is: its regions, its API versions, its import methods and its stores; and the login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ._client.http import Http
from ._client.images import Images, Items
from ._errors import ApiError
from ._session import Params, Result, Session

VERSIONS = "/versions"
PURPOSE = "look up the API versions"

# What only the detailed list of the stores has (glance/api/v2/discovery.py, get_stores_detail).
DETAILS = ("type", "weight", "properties")


class ServiceRequest(NamedTuple):
    """What the service is and offers; there is nothing to choose."""

    secrets: tuple[str, ...] = ()


def parse_service(dummy_params: Params) -> ServiceRequest:
    """The request of pcd_image_service_info, which has no options but those of the connection."""
    return ServiceRequest()


def read_service(dummy_request: ServiceRequest, session: Session) -> Result:
    images = session.images
    return {
        "endpoint": images.base_url,
        **_login(session),
        "regions": list(session.image_regions),
        "versions": _versions(session),
        "import_methods": images.import_methods(),
        "stores": [_store_shape(store) for store in _stores(images)],
    }


def _login(session: Session) -> Mapping[str, Any]:
    """Project, user, roles and region of the credentials, as far as they are known."""
    if session.subject is not None:
        return session.subject
    # A token that came without Keystone.
    project = None if session.project_id is None else {"id": session.project_id, "name": None, "domain": None}
    return {"project": project, "user": None, "roles": [], "region": None}


def _versions(session: Session) -> Items:
    # Its document is above /v2 and open to all, so that it needs no token.
    root = Http(session.images.base_url.removesuffix("/v2"), session.transport)
    try:
        answer = root.request("GET", VERSIONS, purpose=PURPOSE, expected=(200, 300), repeatable=True)
    except ApiError as error:
        if error.status not in (401, 403, 404):
            raise
        # A proxy that lets nothing but the API itself through.
        return []
    versions = answer.payload.get("versions") if isinstance(answer.payload, dict) else None
    if not isinstance(versions, list) or not all(isinstance(version, dict) for version in versions):
        raise root.wrong_shape(answer, "GET", VERSIONS, PURPOSE, "no list of versions")
    return [{key: version.get(key) for key in ("id", "status", "links")} for version in versions]


def _stores(images: Images) -> Items:
    """The stores, with details if the service shows them; none if it has one store without a name."""
    # Only administrators get the details, and older services do not have them.
    for detail, is_lacking in ((True, (403, 404)), (False, (404,))):
        try:
            return images.stores(detail)
        except ApiError as error:
            if error.status not in is_lacking:
                raise
    return []


def _store_shape(store: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": store.get("id"),
        "description": store.get("description"),
        # The service says "true", or nothing.
        "is_default": _is_true(store.get("default")),
        "read_only": _is_true(store.get("read-only")),
        **{key: store[key] for key in DETAILS if key in store},
    }


def _is_true(word: Any) -> bool:
    return str(word).lower() == "true"
