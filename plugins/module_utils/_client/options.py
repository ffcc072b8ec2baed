# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options -> Connection.

An option goes before the entry of clouds.yaml that the option `cloud` names, that before an OS_* variable, and that
before the entry that OS_CLOUD names (or the only one).

Things that only make sense together are taken from one source: whoever gives `project_id` as an option does not get the
`OS_PROJECT_NAME` of the environment beside it, whoever gives a token is not logged in with `OS_PASSWORD`, and an entry
that is a login of its own gets no project of an RC file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from .._errors import ConfigurationError, quoted
from .credentials import METHODS, Credential, Project, domain_from, plain_project_id
from .proxies import is_host
from .sources import Source, first, group, is_true, place
from .transport import Transport

if TYPE_CHECKING:
    from .clouds import Cloud

CONNECTION_OPTIONS: dict[str, Any] = {
    "auth_url": {"type": "str"},
    "cloud": {"type": "str"},
    **{option: rules for method in METHODS for option, rules in method.options.items()},
    "project_name": {"type": "str"},
    "project_id": {"type": "str"},
    "project_domain_name": {"type": "str"},
    "project_domain_id": {"type": "str"},
    "region_name": {"type": "str"},
    "interface": {"type": "str", "choices": ["admin", "internal", "public"]},
    "image_endpoint_override": {"type": "str"},
    "validate_certs": {"type": "bool"},
    "ca_cert": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "timeout": {"type": "float", "default": 60},
    "retries": {"type": "int", "default": 4},
    "deadline": {"type": "float", "default": 120},
}

INTERFACES = ("admin", "internal", "public")

ADDRESSES = ("auth_url", "image_endpoint_override")

# The variables of an openrc file; if several mean the same, the first one that is set counts.
VARIABLES: dict[str, tuple[str, ...]] = {
    "auth_url": ("OS_AUTH_URL",),
    **{option: names for method in METHODS for option, names in method.variables.items()},
    "project_name": ("OS_PROJECT_NAME", "OS_TENANT_NAME"),
    "project_id": ("OS_PROJECT_ID", "OS_TENANT_ID"),
    "project_domain_name": ("OS_PROJECT_DOMAIN_NAME",),
    "project_domain_id": ("OS_PROJECT_DOMAIN_ID",),
    "domain_name": ("OS_DOMAIN_NAME",),
    "domain_id": ("OS_DOMAIN_ID",),
    "default_domain_name": ("OS_DEFAULT_DOMAIN_NAME",),
    "default_domain_id": ("OS_DEFAULT_DOMAIN_ID", "OS_DEFAULT_DOMAIN"),
    "trust_id": ("OS_TRUST_ID",),
    "system_scope": ("OS_SYSTEM_SCOPE",),
    "auth_type": ("OS_AUTH_TYPE", "OS_AUTH_PLUGIN"),
    "auth_methods": ("OS_AUTH_METHODS",),
    "identity_api_version": ("OS_IDENTITY_API_VERSION",),
    "region_name": ("OS_IMAGE_REGION_NAME", "OS_REGION_NAME"),
    "interface": ("OS_IMAGE_INTERFACE", "OS_IMAGE_ENDPOINT_TYPE", "OS_INTERFACE", "OS_ENDPOINT_TYPE"),
    "image_endpoint_override": ("OS_IMAGE_ENDPOINT_OVERRIDE",),
    "insecure": ("OS_INSECURE",),
    "ca_cert": ("OS_CACERT",),
    "client_cert": ("OS_CERT",),
    "client_key": ("OS_KEY",),
}

METHOD_OF_SECRET = {secret: method for method in METHODS for secret in method.secret_options}
METHOD_OF_IDENTITY = {option: method for method in METHODS for option in method.identity_options}
METHOD_OF_AUTH_TYPE = {name: method for method in METHODS for name in method.auth_types}
# A source with one of these says who authenticates.
WHO = {*METHOD_OF_IDENTITY, *METHOD_OF_SECRET}
# What a token is for; only one of them can be.
PROJECTS = ("project_id", "project_name")
SCOPES = (*PROJECTS, "trust_id", "system_scope")


class Connection(NamedTuple):
    """Everything that is needed to reach the image service. `warnings` are for the user, once for each run.

    A trust stands for a project. `hint` is what may be wrong if Keystone refuses the login.
    """

    auth_url: str | None
    credential: Credential
    project: Project | None
    region_name: str | None
    interface: str | None
    image_endpoint_override: str | None
    transport: Transport
    warnings: tuple[str, ...] = ()
    trust_id: str | None = None
    hint: str = ""


class _Sources(NamedTuple):
    """The sources of the connection options, in order of precedence.

    `cloud` is the entry of clouds.yaml among them, and `is_named` whether the task names it.
    """

    order: list[Source]
    cloud: Cloud | None
    is_named: bool


class _Login(NamedTuple):
    """Who logs in. `partners` may say more of the user, and what of the project is said, `scope` says."""

    credential: Credential
    partners: list[Source]
    scope: list[Source]


def connection_from(params: Mapping[str, Any], environ: Mapping[str, str]) -> Connection:
    """The connection that the options, the environment and clouds.yaml describe together."""
    options = {key: str(params[key]) for key in CONNECTION_OPTIONS if params[key] not in (None, "")}
    variables = _from_variables(environ)
    sources = _sources(options, variables, environ)
    for key, value in options.items():
        if not value.strip() and not CONNECTION_OPTIONS[key].get("no_log") and key not in ADDRESSES:
            raise ConfigurationError(f"{key}: it is blank. Give a value, or leave the option out.")
    login = _login(sources)
    # The addresses of another login are not those of the cloud that a task names.
    auth_url, override = (
        _address(key, first(login.partners if sources.is_named else sources.order, key)) for key in ADDRESSES
    )
    project, trust_id = _scope(login)
    is_issued = login.credential.issued_token is not None
    if auth_url is None and (override is None or trust_id or not is_issued):
        raise ConfigurationError(_no_auth_url(sources))
    if override and trust_id and is_issued:
        raise ConfigurationError(
            "trust_id: a token together with image_endpoint_override is used as it is, without Keystone, and not "
            "exchanged for one of a trust. Leave image_endpoint_override out, or give a token of the trust."
        )
    _check_version(login.partners)
    transport = _transport(params, sources.order, _speaking_for(sources, login), environ)
    return Connection(
        auth_url=auth_url,
        credential=login.credential,
        project=project,
        region_name=first(sources.order, "region_name"),
        interface=_interface(first(sources.order, "interface")),
        image_endpoint_override=override,
        transport=transport,
        warnings=(*_warnings(sources, login, transport), *_plain_http(auth_url, override)),
        trust_id=trust_id,
        hint=_hint(sources),
    )


def _sources(options: Source, variables: Source, environ: Mapping[str, str]) -> _Sources:
    name = options.get("cloud") or _text_of("cloud", "OS_CLOUD", environ)
    cloud = None
    if name:
        from .clouds import named_cloud

        cloud = named_cloud(name, VARIABLES, environ)
    elif not (WHO | {"auth_url"}) & (options.keys() | variables.keys()):
        # As openstacksdk, which does so if no OS_* variable says anything.
        from .clouds import only_cloud

        cloud = only_cloud(VARIABLES, environ)
    entry: Source = cloud.values if cloud else {}
    is_named = cloud is not None and "cloud" in options
    return _Sources([options, entry, variables] if is_named else [options, variables, entry], cloud, is_named)


def _warnings(sources: _Sources, login: _Login, transport: Transport) -> list[str]:
    warnings = []
    if transport.verify is False:
        warnings.append(
            "The certificate of the cloud is not verified (validate_certs, OS_INSECURE, or verify in clouds.yaml)."
        )
    cloud = sources.cloud
    if cloud is None:
        return warnings
    warnings += cloud.warnings
    if sources.is_named:
        variables = sources.order[2]
        filled = [key for key in ("interface", "region_name") if first(sources.order[:2], key) is None]
        filled = [key for key in filled if key in variables]
        if filled and not any(source is variables for source in _speaking_for(sources, login)):
            warnings.append(
                f"The cloud {cloud.name} of clouds.yaml does not say {' and '.join(filled)}, so that OS_* variables of "
                "other credentials do. Write it into the entry, or unset them."
            )
        return warnings
    variables = sources.order[1]
    overruled = sorted(key for key in variables if cloud.values.get(key, variables[key]) != variables[key])
    # To work in another project with the same login is valid. An address that was left over gets the entry's secret.
    if overruled and (WHO & variables.keys() or set(ADDRESSES) & set(overruled)):
        warnings.append(
            f"OS_* variables override cloud {cloud.name} (OS_CLOUD) for: {', '.join(overruled)}. To use the values of "
            "clouds.yaml, name the cloud in the task, or unset the variables."
        )
    return warnings


def _speaking_for(sources: _Sources, login: _Login) -> list[Source]:
    """The sources without variables of another login, and so perhaps of another cloud, than the one the task names."""
    if not sources.is_named:
        return sources.order
    variables = sources.order[2]
    is_of_others = WHO & variables.keys() and not any(partner is variables for partner in login.partners)
    return sources.order[:2] if is_of_others else sources.order


def _plain_http(auth_url: str | None, override: str | None) -> list[str]:
    return [
        f"{option} uses unencrypted HTTP: credentials can be intercepted. Use https."
        for option, address in (("auth_url", auth_url), ("image_endpoint_override", override))
        if address is not None and address.lower().startswith("http:")
    ]


def _no_auth_url(sources: _Sources) -> str:
    if sources.is_named and sources.cloud is not None:
        return f"auth_url: the cloud {sources.cloud.name} in {sources.cloud.path} has none. Write it into the entry."
    return (
        "auth_url: the address of Keystone is not known. Give auth_url, source an RC file (OS_AUTH_URL), "
        "or name a cloud of clouds.yaml with cloud. (A token together with image_endpoint_override needs none.)"
    )


def _hint(sources: _Sources) -> str:
    """What YAML has made of values that are in use, which only a refused login shows."""
    cloud = sources.cloud
    if cloud is None:
        return ""
    used = [key for key in cloud.not_text if next(each for each in sources.order if key in each) is cloud.values]
    return " ".join(
        f"In {cloud.not_text[key].path}, the value of {key} is read by YAML as {cloud.not_text[key].kind}, not as text "
        "(0123 becomes 83, for example). Put it in quotes if it is meant as it stands there."
        for key in used
        if key != "identity_api_version"
    )


def _check_version(sources: list[Source]) -> None:
    version = first(sources, "identity_api_version")
    if version is not None and version.strip().lower().removeprefix("v").partition(".")[0] != "3":
        raise ConfigurationError(
            f"identity_api_version: {quoted(version)} (OS_IDENTITY_API_VERSION or clouds.yaml) is not supported, "
            "only version 3 of Keystone's API is. Set it to 3, or remove it."
        )


def _text_of(key: str, name: str, environ: Mapping[str, str]) -> str | None:
    """The value of a variable; None if it is not set, or empty."""
    value = environ.get(name)
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"{key}: the variable {name} holds bytes that are not valid UTF-8. Correct its value."
        ) from None
    return value or None


def _from_variables(environ: Mapping[str, str]) -> Source:
    # To ask os.environ for a variable that is not set takes ten times as long.
    there, found = set(environ), {}
    for key, names in VARIABLES.items():
        value = next((value for name in names if name in there and (value := _text_of(key, name, environ))), None)
        if value is not None:
            found[key] = value
    return found


def _login(sources: _Sources) -> _Login:
    """Who authenticates and how, which the first source that has a secret decides."""
    order = sources.order
    method, at = _method(order)
    _check_who(method, order[:at], order)
    last = max(at, place(order, method.identity_options))
    partners = _partners(sources, last)
    return _Login(method.from_sources(partners), partners, order[: last + 1] if method.has_project else partners)


def _partners(sources: _Sources, last: int) -> list[Source]:
    """The sources that may say more about a login that those down to number `last` describe.

    Variables or an entry that say who logs in are about another login. Options are not, since they change single things
    of what is said elsewhere: of the cloud that the task names, or else of any.
    """
    order = sources.order
    if sources.is_named:
        # The entry is complete, unless a variable has its secret.
        return order[: max(last, 1) + 1]
    if last == 0:
        return order
    own = last + 1
    return [*order[:own], *(source for source in order[own:] if not WHO & source.keys())]


def _method(sources: list[Source]) -> tuple[type[Credential], int]:
    """The method of authentication, and the number of the source whose secret decides it."""
    for number, source in enumerate(sources):
        if source.get("auth_type"):
            return _asked_for(source, sources, number)
        for secret, method in METHOD_OF_SECRET.items():
            if secret in source:
                return method, number
    for key, value in group(sources, *METHOD_OF_IDENTITY).items():
        raise ConfigurationError(_lacking(key, value))
    *examples, last = (method.example for method in METHODS)
    raise ConfigurationError(
        f"No credentials were given. Give {', '.join(examples)}, or {last}; as options, as OS_* variables (source an "
        "RC file), or in a cloud of clouds.yaml."
    )


def _asked_for(source: Source, sources: list[Source], number: int) -> tuple[type[Credential], int]:
    """The method that `auth_type` of the source asks for, and the source of its secret; never another method."""
    auth_type = source["auth_type"].lower()
    method = METHOD_OF_AUTH_TYPE.get(auth_type)
    if method is None:
        raise ConfigurationError(
            f"auth_type: {quoted(source['auth_type'])} (OS_AUTH_TYPE or clouds.yaml) is not supported. "
            f"Supported are {', '.join(sorted(METHOD_OF_AUTH_TYPE))}."
        )
    method.check_auth_type(auth_type, source)
    secrets = method.auth_types[auth_type]
    for below, other in enumerate(sources[number:], start=number):
        if any(secret in other for secret in secrets):
            return method, below
    raise ConfigurationError(
        f"{secrets[0]}: it is missing, and auth_type {source['auth_type']} (OS_AUTH_TYPE or clouds.yaml) logs in with "
        "it. Give it, or remove auth_type (unset OS_AUTH_TYPE) to log in in another way."
    )


def _check_who(method: type[Credential], above: list[Source], order: list[Source]) -> None:
    """Raises if a source above the one with the secret names somebody who does not authenticate in this way."""
    for each in METHODS:
        for key, value in group(above, *each.identity_options).items():
            if not method.accepts(key, order):
                raise ConfigurationError(_lacking(key, value))


def _lacking(key: str, value: str) -> str:
    secret = METHOD_OF_IDENTITY[key].secret_options[0]
    return (
        f"{secret}: it is missing, to log in with {key} {value}. Give it as an option, as its OS_* variable, or in "
        "clouds.yaml or secure.yaml."
    )


def _scope(login: _Login) -> tuple[Project | None, str | None]:
    """The project, or else the id of the trust that stands for one."""
    sources = login.scope
    found = group(sources, *SCOPES)
    named = [key for key in found if key not in PROJECTS]
    if named and len(found) > 1:
        raise ConfigurationError(
            f"{named[0]}: it cannot be combined with {' and '.join(key for key in found if key != named[0])}: a token "
            "is for one of them. Keep one."
        )
    if "system_scope" in found:
        raise ConfigurationError(
            "system_scope: a token for the system as a whole (OS_SYSTEM_SCOPE or clouds.yaml) has no project, and so "
            "no images. Remove it, and give project_name or project_id."
        )
    if "trust_id" in found:
        if not login.credential.takes_scope:
            raise ConfigurationError(
                "trust_id: an application credential is bound to its project, and cannot be combined with a trust. "
                "Remove one of the two."
            )
        return None, found["trust_id"]
    if found:
        project_domain = domain_from(sources, "project", PROJECTS)
        project_id = found.get("project_id")
        return Project(project_id and plain_project_id(project_id), found.get("project_name"), project_domain), None
    domain = next(iter(group(sources, "domain_id", "domain_name")), None)
    if domain and login.credential.takes_scope:
        raise ConfigurationError(
            f"project_name: it is missing, and {domain} without it asks for a token of a domain, which has no images. "
            "Give project_name or project_id."
        )
    return None, None


def _transport(
    params: Mapping[str, Any], sources: list[Source], own: list[Source], environ: Mapping[str, str]
) -> Transport:
    """How the services are reached. Authorities come from all sources, and what weakens or identifies from `own`."""
    timeout, retries = params["timeout"], params["retries"]
    if not 0 < timeout <= 86400:
        raise ConfigurationError(f"timeout: {timeout:g} is not a number of seconds from above 0 to 86400.")
    if not 0 <= retries <= 100:
        raise ConfigurationError(f"retries: {retries} is not a whole number from 0 to 100.")
    if not 0 <= params["deadline"] <= 86400:
        raise ConfigurationError(f"deadline: {params['deadline']:g} is not a number of seconds from 0 to 86400.")
    # Who names a CA wants it to be used, unless the same source says otherwise.
    verification = {} if params["validate_certs"] else group(own, "insecure", "ca_cert")
    if params["validate_certs"] is False or is_true(verification.get("insecure", "")):
        verify: bool | str = False
    else:
        verify = _file("ca_cert", first(sources, "ca_cert")) or _bundle(environ) or True
    client = group(own, "client_cert", "client_key")
    client_cert = _file("client_cert", client.get("client_cert"))
    client_key = _file("client_key", client.get("client_key"))
    if client_key and not client_cert:
        raise ConfigurationError("client_key: a key without its certificate is of no use. Give client_cert, too.")
    return Transport(
        verify=verify,
        client_cert=(client_cert, client_key) if client_cert and client_key else client_cert,
        timeout=timeout,
        retries=retries,
        deadline=params["deadline"],
    )


def _bundle(environ: Mapping[str, str]) -> str | None:
    """The authorities that requests trusts by a variable: a file, or a folder of them."""
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = environ.get(variable)
        if path:
            return path if os.path.isdir(path) else _file(variable, path)
    return None


def _file(option: str, path: str | None) -> str | None:
    if path is None:
        return None
    path = os.path.expanduser(path)
    try:
        with open(path, "rb"):
            return path
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        place = "" if os.path.isabs(path) else f" in the working directory {os.getcwd()}"
        raise ConfigurationError(f"{option}: {path} cannot be read: {why}{place}. Correct the path.") from None


def _interface(value: str | None) -> str | None:
    if value is None:
        return None
    # Older openrc files say publicURL (OS_ENDPOINT_TYPE).
    interface = value.removesuffix("URL").lower()
    if interface not in INTERFACES:
        raise ConfigurationError(f"interface: {quoted(value)} is not one of {', '.join(INTERFACES)}. Correct it.")
    return interface


def _address(option: str, value: str | None) -> str | None:
    """The address without a trailing slash, once it is one that can be asked."""
    if value is None:
        return None
    address = value.strip()
    try:
        parts = urlsplit(address)
        usable = (
            parts.scheme in ("http", "https") and is_host(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        usable = False
    # Braces are those of a template that nobody has filled in; openstacksdk puts region_name there.
    if not usable or not address.isprintable() or any(mark in address for mark in " ?#{}"):
        # It is not quoted: what stands in the wrong place may be a secret.
        service = "keystone/v3" if option == "auth_url" else "glance/v2"
        raise ConfigurationError(f"{option}: it is not an address such as https://pcd.example.com/{service}.")
    if parts.username or parts.password:
        raise ConfigurationError(f"{option}: it holds a user name or a password. Give those by their own options.")
    return address.rstrip("/")
