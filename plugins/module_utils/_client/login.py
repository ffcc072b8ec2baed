# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection -> Access: one login at Keystone v3, and the image endpoint out of its catalogue."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from .._errors import (
    ApiError,
    ConfigurationError,
    PcdError,
)
from .credentials import Credential, Project, options_naming
from .http import Answer, Http
from .options import Connection
from .retry import is_transient

if TYPE_CHECKING:
    import requests

VERSION = re.compile(r"/v[0-9]+(\.[0-9]+)?$")
TOKENS = "/auth/tokens"
PURPOSE = "log in at Keystone"
# A token is at most so old when it arrives.
MAX_ANSWER_SECONDS = 30.0


class Access(NamedTuple):
    """What a login gives. `image_endpoint` ends in /v2; `project_id` is None if it is unknown.

    `library_endpoint` is the catalogue's admin endpoint of the image service, if `image_endpoint` is another one.
    The domain is that of the project, None if it is unknown. `image_regions` are the names of the regions in which the
    catalogue has the image service, whatever the interface; none if there is no catalogue. `subject` is what
    `subject_of` makes, None if Keystone was not asked. `clock_ahead` is by how many seconds the clock of this host is
    ahead of that of Keystone, as far as that is known.
    """

    token: str
    image_endpoint: str
    project_id: str | None
    expires_at: str | None
    library_endpoint: str | None = None
    project_domain_id: str | None = None
    project_domain_name: str | None = None
    image_regions: Sequence[str] = ()
    subject: Mapping[str, Any] | None = None
    clock_ahead: float = 0.0

    def __repr__(self) -> str:
        return type(self).__name__  # the token may stand in no message


class TokenProvider:
    """Logs in whenever it is asked to, and keeps nothing."""

    def access(self, connection: Connection) -> Access:
        return log_in(connection)

    def renew(self, connection: Connection, dummy_refused: str) -> Access:
        """Another access that replaces the one whose token the service has refused."""
        return log_in(connection)

    def session(self, dummy_connection: Connection) -> requests.Session | None:
        """A session whose connections are still open; None if a new one is needed."""
        return None


def log_in(connection: Connection) -> Access:
    """A token for the project and its image endpoint. No request is sent if token and endpoint are both given."""
    credential, override = connection.credential, connection.image_endpoint_override
    if credential.issued_token is not None and override:
        project_id = connection.project.id if connection.project else None
        return Access(credential.issued_token, versioned(override, "v2"), project_id, None)
    try:
        token, body = _logged_in(connection)
        endpoint = override or choose_endpoint(body.get("catalog") or [], connection.region_name, connection.interface)
    except (ApiError, ConfigurationError) as error:
        if connection.hint and not is_transient(error):
            raise error.with_note(connection.hint) from None
        raise
    endpoint = versioned(endpoint, "v2")
    library_endpoint = library_endpoint_beside(endpoint, body.get("catalog") or [], connection.region_name)
    project = body.get("project") or {}
    domain = project.get("domain") or {}
    regions = regions_in(body.get("catalog") or [])
    the_only_one = regions[0] if len(regions) == 1 and not override else None
    return Access(
        token,
        endpoint,
        project.get("id"),
        body.get("expires_at"),
        library_endpoint,
        domain.get("id"),
        domain.get("name"),
        regions,
        subject_of(body, connection.region_name or the_only_one),
        # A token that was given was issued some time ago.
        _clock_ahead(body) if credential.issued_token is None else 0.0,
    )


def _clock_ahead(body: Mapping[str, Any]) -> float:
    """By how many seconds the clock of this host is ahead of that of Keystone, which has just issued this token."""
    try:
        issued = seconds_of(str(body.get("issued_at")))
    except ValueError:
        return 0.0
    ahead = time.time() - issued
    # An answer takes some seconds, too.
    return ahead if abs(ahead) > MAX_ANSWER_SECONDS else 0.0


def seconds_of(text: str) -> float:
    """A time as Keystone writes it, in seconds since 1970. ValueError if it is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _logged_in(connection: Connection) -> tuple[str, Mapping[str, Any]]:
    """The token, and what Keystone says of it."""
    credential = connection.credential
    keystone = Http(
        versioned(str(connection.auth_url), "v3"), connection.transport, secrets=connection.credential.secrets
    )
    try:
        if credential.issued_token is not None:
            token, body = _with_token(keystone, credential.issued_token, connection)
        else:
            # Authentication changes nothing on the service, but may spend the credential.
            token, body = _issue(keystone, credential, _scope(connection), credential.can_renew)
    except ApiError as error:
        if isinstance(error, credential.refused_with):
            raise _refused(error, connection, keystone) from None
        if error.status not in (404, 405) and not 300 <= error.status < 400:
            raise
        raise ConfigurationError(
            f"auth_url: {keystone.base_url} is not a Keystone v3. Give the address as the RC file has it, "
            f"such as https://pcd.example.com/keystone/v3. ({error})",
            **error.facts,
        ) from None
    project = body.get("project") or {}
    if not credential.takes_scope and connection.project is not None and not _is_for(project, connection.project):
        raise ConfigurationError(
            f"project_name: the application credential belongs to project {project.get('name')}, "
            f"but {connection.project.name or connection.project.id} was asked for. "
            "Leave the project out, or use a credential of that project."
        )
    return token, body


def warnings_about(access: Access, connection: Connection) -> list[str]:
    """What the user should know before the token is sent; the options themselves are looked at by `connection_from`."""
    if connection.image_endpoint_override is not None or not access.image_endpoint.lower().startswith("http:"):
        return []
    return [
        f"The catalogue of Keystone has an unencrypted HTTP address for the image service, {access.image_endpoint}: "
        "token and data can be intercepted. Ask the administrator of the cloud for an https endpoint; until then, give "
        "one with image_endpoint_override, or with interface if the catalogue has another."
    ]


def library_endpoint_beside(endpoint: str, catalog: list[Mapping[str, Any]], region_name: str | None) -> str | None:
    """The admin endpoint of the image service in the region; None if there is none, or if it is this one."""
    libraries = [
        versioned(str(entry["url"]), "v2")
        for entry in _image_endpoints(catalog)
        if entry.get("interface") == "admin" and region_name in (None, _region(entry))
    ]
    return None if endpoint in libraries else next(iter(libraries), None)


def regions_in(catalog: list[Mapping[str, Any]]) -> list[str]:
    """The names of the regions that have an endpoint of the image service, sorted; an endpoint may have no region."""
    endpoints = _image_endpoints(catalog)
    return sorted({_region(entry) for entry in endpoints if entry.get("region_id") or entry.get("region")})


def subject_of(body: Mapping[str, Any], region: str | None) -> dict[str, Any]:
    """Who has logged in, and to what: project, user, the names of the roles, and region; None for what is not known."""
    roles = body.get("roles")
    names = [role.get("name") for role in roles if isinstance(role, dict)] if isinstance(roles, list) else []
    return {
        "project": _named(body.get("project")),
        "user": _named(body.get("user")),
        "roles": sorted(name for name in names if isinstance(name, str)),
        "region": region,
    }


def _named(document: Any) -> dict[str, Any] | None:
    """Id, name and domain of a project or a user."""
    if not isinstance(document, dict):
        return None
    domain = document.get("domain")
    found = {key: document.get(key) for key in ("id", "name")}
    return {**found, "domain": {key: domain.get(key) for key in found} if isinstance(domain, dict) else None}


def versioned(address: str, version: str) -> str:
    """The address with exactly this version at its end, whatever version and slashes it came with."""
    return f"{VERSION.sub('', address.rstrip('/'))}/{version}"


def choose_endpoint(catalog: list[Mapping[str, Any]], region_name: str | None, interface: str | None) -> str:
    """The address of the image service in the region.

    If no interface is asked for: admin, because on PCD that is the image library endpoint, from which the hypervisors
    read; public if the catalogue has no admin endpoint.
    """
    endpoints = _image_endpoints(catalog)
    if not endpoints:
        types = ", ".join(sorted({str(service.get("type")) for service in catalog})) or "nothing"
        raise ConfigurationError(
            f"The catalogue of Keystone has no image service for this project; it offers {types}. "
            "Log in to a project (project_name), or give the address with image_endpoint_override."
        )
    offered = _offer(endpoints)
    regions = sorted({_region(endpoint) for endpoint in endpoints})
    if region_name is None and len(regions) > 1:
        raise ConfigurationError(
            f"region_name: the catalogue has the image service in several regions, and none was named: {offered}. "
            "Give region_name."
        )
    here: dict[str, list[str]] = {}
    for endpoint in endpoints:
        if region_name in (None, _region(endpoint)):
            here.setdefault(str(endpoint.get("interface")), []).append(str(endpoint["url"]))
    if not here:
        raise ConfigurationError(
            f"region_name: the catalogue has no image service in {region_name!r}; it offers {offered}. "
            "Give one of these regions."
        )
    for purpose in [interface] if interface else ["admin", "public"]:
        if purpose in here:
            return _only_one(here[purpose], purpose, region_name or regions[0])
    raise ConfigurationError(
        f"interface: the catalogue has no {interface or 'admin or public'} endpoint of the image service"
        f"{f' in {region_name}' if region_name else ''}; it offers {offered}. Give interface, or region_name."
    )


def _only_one(addresses: list[str], interface: str, region: str) -> str:
    """The address, if it is the same for every endpoint; which of several is meant, the catalogue does not say."""
    different = {versioned(address, "v2"): address for address in addresses}
    if len(different) > 1:
        raise ConfigurationError(
            f"image_endpoint_override: the catalogue has {len(different)} {interface} endpoints of the image service "
            f"in {region}: {', '.join(sorted(different.values()))}. Give the one that is meant with "
            "image_endpoint_override, or have the others removed."
        )
    return addresses[0]


def _image_endpoints(catalog: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    services = [service for service in catalog if service.get("type") == "image"]
    return [endpoint for service in services for endpoint in service.get("endpoints") or [] if endpoint.get("url")]


def _with_token(keystone: Http, token: str, connection: Connection) -> tuple[str, Mapping[str, Any]]:
    """The token that was given, or one for the project if it belongs to another.

    Asking for the token's own data comes first, because a token of an application credential cannot be exchanged.
    """
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}
    answer = keystone.request(
        "GET", TOKENS, purpose="look up the token at Keystone", expected=(200,), headers=headers, repeatable=True
    )
    body = _token_body(keystone, answer, "GET")
    scope, project = _scope(connection), connection.project
    if scope is None or (project is not None and _is_for(body.get("project") or {}, project)):
        return token, body
    if connection.trust_id is not None and (body.get("OS-TRUST:trust") or {}).get("id") == connection.trust_id:
        return token, body
    return _issue(keystone, connection.credential, scope, repeatable=True)


def _issue(
    keystone: Http, credential: Credential, scope: Mapping[str, Any] | None, repeatable: bool
) -> tuple[str, Mapping[str, Any]]:
    auth: dict[str, Any] = {"identity": credential.identity_json()}
    if scope:
        auth["scope"] = scope
    answer = keystone.request(
        "POST", TOKENS, purpose=PURPOSE, expected=(201,), body={"auth": auth}, repeatable=repeatable
    )
    token = answer.headers.get("X-Subject-Token")
    if not token:
        raise keystone.wrong_shape(answer, "POST", TOKENS, PURPOSE, "no token (X-Subject-Token)")
    return token, _token_body(keystone, answer, "POST")


def _token_body(keystone: Http, answer: Answer, method: str) -> Mapping[str, Any]:
    body = answer.payload.get("token") if isinstance(answer.payload, dict) else None
    if not isinstance(body, dict) or not _is_description(body):
        raise keystone.wrong_shape(answer, method, TOKENS, PURPOSE, "no description of a token")
    return body


def _is_description(body: Mapping[str, Any]) -> bool:
    """Whether project and catalogue, as far as they are there, have the form that Keystone gives them."""
    project, catalog = body.get("project") or {}, body.get("catalog") or []
    if not isinstance(project, dict) or not isinstance(project.get("domain") or {}, dict):
        return False
    texts = (project.get("id"), project.get("name"), body.get("expires_at"))
    if not all(text is None or isinstance(text, str) for text in texts) or not _are_objects(catalog):
        return False
    endpoints = [service.get("endpoints") or [] for service in catalog]
    return all(
        _are_objects(group) and all(isinstance(endpoint.get("url") or "", str) for endpoint in group)
        for group in endpoints
    )


def _are_objects(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, dict) for item in items)


def _scope(connection: Connection) -> dict[str, Any] | None:
    if connection.trust_id is not None:
        # keystone/api/_shared/authentication.py; the project is that of the trust.
        return {"OS-TRUST:trust": {"id": connection.trust_id}}
    if not connection.credential.takes_scope or connection.project is None:
        return None
    return {"project": connection.project.as_json}


def _is_for(found: Mapping[str, Any], project: Project) -> bool:
    if project.id:
        return found.get("id") == project.id
    domain = found.get("domain") or {}
    return found.get("name") == project.name and (
        domain.get("id") == project.domain.id if project.domain.id else domain.get("name") == project.domain.name
    )


def _refused(error: ApiError, connection: Connection, keystone: Http) -> PcdError:
    project = connection.project
    scope = f" for project {project.name or project.id}" if project else ""
    scope = f" for trust {connection.trust_id}" if connection.trust_id else scope
    scope_options = options_naming("project", project) if project else []
    scope_options += ["trust_id"] if connection.trust_id else []
    message = f"Keystone at {keystone.base_url} {connection.credential.refusal(scope, scope_options)}"
    return error.with_message(message + (f" Keystone says: {error.server_message}" if error.server_message else ""))


def _offer(endpoints: list[Mapping[str, Any]]) -> str:
    regions: dict[str, list[str]] = {}
    for endpoint in endpoints:
        regions.setdefault(_region(endpoint), []).append(str(endpoint.get("interface")))
    return "; ".join(f"{', '.join(sorted(regions[region]))} in {region}" for region in sorted(regions))


def _region(endpoint: Mapping[str, Any]) -> str:
    return str(endpoint.get("region_id") or endpoint.get("region"))
