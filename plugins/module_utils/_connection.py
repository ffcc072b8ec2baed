# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options: option, then OS_* variable, then clouds.yaml entry -> Connection.

Things that only make sense together are taken from one source: whoever gives `project_id` as an option does not get the
`OS_PROJECT_NAME` of the environment beside it, and whoever gives a token is not logged in with `OS_PASSWORD`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, quoted
from ansible_collections.platform9.pcd.plugins.module_utils._http import Transport

CONNECTION_OPTIONS: dict[str, Any] = {
    "auth_url": {"type": "str"},
    "cloud": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "user_id": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "passcode": {"type": "str", "no_log": True},
    "user_domain_name": {"type": "str"},
    "user_domain_id": {"type": "str"},
    "project_name": {"type": "str"},
    "project_id": {"type": "str"},
    "project_domain_name": {"type": "str"},
    "project_domain_id": {"type": "str"},
    "application_credential_id": {"type": "str"},
    "application_credential_name": {"type": "str"},
    "application_credential_secret": {"type": "str", "no_log": True},
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

# The variables of an openrc file; where several mean the same, the first one that is set counts.
VARIABLES: dict[str, tuple[str, ...]] = {
    "auth_url": ("OS_AUTH_URL",),
    "token": ("OS_TOKEN", "OS_AUTH_TOKEN"),
    "username": ("OS_USERNAME",),
    "user_id": ("OS_USER_ID",),
    "password": ("OS_PASSWORD",),
    "passcode": ("OS_PASSCODE",),
    "user_domain_name": ("OS_USER_DOMAIN_NAME",),
    "user_domain_id": ("OS_USER_DOMAIN_ID",),
    "project_name": ("OS_PROJECT_NAME", "OS_TENANT_NAME"),
    "project_id": ("OS_PROJECT_ID", "OS_TENANT_ID"),
    "project_domain_name": ("OS_PROJECT_DOMAIN_NAME",),
    "project_domain_id": ("OS_PROJECT_DOMAIN_ID",),
    "default_domain_name": ("OS_DEFAULT_DOMAIN_NAME",),
    "default_domain_id": ("OS_DEFAULT_DOMAIN_ID", "OS_DEFAULT_DOMAIN"),
    "application_credential_id": ("OS_APPLICATION_CREDENTIAL_ID",),
    "application_credential_name": ("OS_APPLICATION_CREDENTIAL_NAME",),
    "application_credential_secret": ("OS_APPLICATION_CREDENTIAL_SECRET",),
    "auth_type": ("OS_AUTH_TYPE",),
    "region_name": ("OS_REGION_NAME",),
    "interface": ("OS_INTERFACE", "OS_ENDPOINT_TYPE"),
    "image_endpoint_override": ("OS_IMAGE_ENDPOINT_OVERRIDE",),
    "insecure": ("OS_INSECURE",),
    "ca_cert": ("OS_CACERT",),
    "client_cert": ("OS_CERT",),
    "client_key": ("OS_KEY",),
}

# keystoneauth's names of the ways to log in, as auth_type has them.
METHOD_OF_AUTH_TYPE = {
    auth_type: method
    for method, auth_types in (
        ("password", ("password", "v3password", "v3totp", "v3multifactor")),
        ("token", ("token", "v3token")),
        ("application_credential", ("v3applicationcredential",)),
    )
    for auth_type in auth_types
}

Source = Mapping[str, str]


class Domain(NamedTuple):
    """A domain by id or by name; one of both is set."""

    id: str | None = None
    name: str | None = None


class User(NamedTuple):
    """By id, or by name within its domain."""

    id: str | None
    name: str | None
    domain: Domain


class Project(NamedTuple):
    """By id, or by name within its domain."""

    id: str | None
    name: str | None
    domain: Domain


class Password(NamedTuple):
    """A login by password, and by one-time passcode where the account asks for both."""

    user: User
    password: str | None
    passcode: str | None

    def __repr__(self) -> str:
        return type(self).__name__  # secrets may stand in no message


class Token(NamedTuple):
    """A token that somebody else got from Keystone."""

    token: str

    def __repr__(self) -> str:
        return type(self).__name__  # the token may stand in no message


class ApplicationCredential(NamedTuple):
    """By id, or by name together with its user."""

    id: str | None
    name: str | None
    user: User | None
    secret: str

    def __repr__(self) -> str:
        return type(self).__name__  # the secret may stand in no message


Credential: TypeAlias = "Password | Token | ApplicationCredential"


class Connection(NamedTuple):
    """Everything that is needed to reach the image service. `warnings` are for the user, once for each run."""

    auth_url: str | None
    credential: Credential
    project: Project | None
    region_name: str | None
    interface: str | None
    image_endpoint_override: str | None
    transport: Transport
    warnings: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may stand in no message."""
        credential = self.credential
        if isinstance(credential, Password):
            return tuple(secret for secret in (credential.password, credential.passcode) if secret)
        return (credential.token if isinstance(credential, Token) else credential.secret,)

    @property
    def can_log_in_again(self) -> bool:
        """Whether the credential gives another token; one that was given, and a one-time passcode, do not."""
        credential = self.credential
        return not isinstance(credential, Token) and not (isinstance(credential, Password) and credential.passcode)


def connection_from(params: Mapping[str, Any], environ: Mapping[str, str]) -> Connection:
    """The connection that the options, the environment and clouds.yaml describe together."""
    options = {key: str(params[key]) for key in CONNECTION_OPTIONS if params[key] not in (None, "")}
    variables = _from_variables(environ)
    cloud_name = options.get("cloud") or environ.get("OS_CLOUD")
    sources: list[Source] = [options, variables]
    if cloud_name:
        sources.append(_from_clouds_yaml(cloud_name, environ))

    override = _address("image_endpoint_override", _first(sources, "image_endpoint_override"))
    auth_url = _address("auth_url", _first(sources, "auth_url"))
    for key, value in options.items():
        if not value.strip() and not CONNECTION_OPTIONS[key].get("no_log"):
            raise ConfigurationError(f"{key}: it is blank. Give a value, or leave the option out.")
    credential, above = _credential(sources)
    # A token and an application credential have their project; one of a lower source is not about them.
    project = _project(sources if isinstance(credential, Password) else above)
    if auth_url is None and (override is None or not isinstance(credential, Token)):
        raise ConfigurationError(
            "auth_url: the address of Keystone is not known. Give auth_url, source an RC file (OS_AUTH_URL), "
            "or name a cloud of clouds.yaml with cloud. (A token together with image_endpoint_override needs none.)"
        )
    transport = _transport(params, sources, environ)
    warnings = []
    if transport.verify is False:
        warnings.append(
            "The certificate of the cloud is not verified (validate_certs, OS_INSECURE, or verify in clouds.yaml)."
        )
    if "cloud" in options:
        overruled = sorted(key for key in variables if sources[-1].get(key, variables[key]) != variables[key])
        if overruled:
            warnings.append(
                f"OS_* variables go before the cloud {cloud_name} of clouds.yaml, and they say something else for "
                f"{', '.join(overruled)}. Unset them if the cloud is meant."
            )
    for option, address in (("auth_url", auth_url), ("image_endpoint_override", override)):
        if address is not None and address.lower().startswith("http:"):
            warnings.append(f"{option} is plain http: everybody on the way can read the credentials. Use https.")
    return Connection(
        auth_url=auth_url,
        credential=credential,
        project=project,
        region_name=_first(sources, "region_name"),
        interface=_interface(_first(sources, "interface")),
        image_endpoint_override=override,
        transport=transport,
        warnings=tuple(warnings),
    )


def _from_variables(environ: Mapping[str, str]) -> Source:
    found = {}
    for key, names in VARIABLES.items():
        name = next((name for name in names if environ.get(name)), None)
        if name is not None:
            try:
                environ[name].encode()
            except UnicodeEncodeError:
                raise ConfigurationError(
                    f"{key}: the variable {name} holds bytes that are no UTF-8. Set it anew."
                ) from None
            found[key] = environ[name]
    return found


def _from_clouds_yaml(name: str, environ: Mapping[str, str]) -> Source:
    from ansible_collections.platform9.pcd.plugins.module_utils._clouds import cloud_from

    cloud, path = cloud_from(name, environ)
    if "verify" in cloud:
        cloud["insecure"] = not _true(str(cloud["verify"]))
    found = {}
    for key in VARIABLES:
        if key in cloud:
            if isinstance(cloud[key], (dict, list)):
                raise ConfigurationError(
                    f"cloud: {key} of cloud {name} in {path} is no single value. Correct the file."
                )
            found[key] = str(cloud[key])
    for key in ("ca_cert", "client_cert", "client_key"):
        if key in found:
            found[key] = os.path.expanduser(found[key])
    return found


def _credential(sources: list[Source]) -> tuple[Credential, list[Source]]:
    """How to log in, which the first source that holds something secret decides; and the sources down to that one."""
    for number, source in enumerate(sources, start=1):
        method, above = _method(source), sources[:number]
        if method == "token":
            return Token(_token(source["token"])), above
        if method == "application_credential":
            return _application_credential(sources), above
        if method == "password":
            user = _user(sources, "username: a password or passcode was given, but no user.")
            return Password(user, password=_first(sources, "password"), passcode=_first(sources, "passcode")), above
    known = _group(sources, "username", "user_id", "application_credential_id", "application_credential_name")
    for key, value in known.items() if not _first(sources, "auth_type") else ():
        secret = "application_credential_secret" if key.startswith("application") else "password"
        raise ConfigurationError(
            f"{secret}: it is missing, to log in with {key} {value}. Give it as an option, as its OS_* variable, or in "
            "clouds.yaml or secure.yaml."
        )
    raise ConfigurationError(
        "No credentials were given. Give token, or application_credential_id with application_credential_secret, or "
        "username with password; as options, as OS_* variables (source an RC file), or in a cloud of clouds.yaml."
    )


def _method(source: Source) -> str | None:
    """What one source says about the way to log in; None where it holds nothing secret."""
    if source.get("auth_type"):
        auth_type = source["auth_type"].lower()
        if auth_type not in METHOD_OF_AUTH_TYPE:
            raise ConfigurationError(
                f"auth_type: {quoted(source['auth_type'])} (OS_AUTH_TYPE or clouds.yaml) is not supported. "
                f"Supported are {', '.join(sorted(METHOD_OF_AUTH_TYPE))}."
            )
        method = METHOD_OF_AUTH_TYPE[auth_type]
        secret = "application_credential_secret" if method == "application_credential" else method
        if secret in source:
            return method
    if "application_credential_secret" in source:
        return "application_credential"
    if "token" in source:
        return "token"
    return "password" if "password" in source or "passcode" in source else None


def _application_credential(sources: list[Source]) -> ApplicationCredential:
    secret = str(_first(sources, "application_credential_secret"))
    found = _group(sources, "application_credential_id", "application_credential_name")
    if "application_credential_id" in found:
        return ApplicationCredential(found["application_credential_id"], None, None, secret)
    if not found:
        raise ConfigurationError(
            "application_credential_id: application_credential_secret was given, but not whose secret it is. "
            "Give application_credential_id, or application_credential_name with username or user_id."
        )
    user = _user(sources, "username: application_credential_name is known for one user alone, and none was given.")
    return ApplicationCredential(None, found["application_credential_name"], user, secret)


def _user(sources: list[Source], lacking: str) -> User:
    found = _group(sources, "user_id", "username")
    if not found:
        raise ConfigurationError(f"{lacking} Give username with user_domain_name, or user_id.")
    return User(found.get("user_id"), found.get("username"), _domain(sources, "user_domain"))


def _project(sources: list[Source]) -> Project | None:
    found = _group(sources, "project_id", "project_name")
    if not found:
        return None
    return Project(found.get("project_id"), found.get("project_name"), _domain(sources, "project_domain"))


def _domain(sources: list[Source], kind: str) -> Domain:
    for group in (kind, "default_domain"):
        found = _group(sources, f"{group}_id", f"{group}_name")
        if found:
            domain_id = found.get(f"{group}_id")
            return Domain(id=domain_id, name=None if domain_id else found[f"{group}_name"])
    return Domain(id="default")


def _group(sources: list[Source], *keys: str) -> dict[str, str]:
    """The values of keys that say the same thing in several ways, all from the first source that has any."""
    for source in sources:
        found = {key: source[key] for key in keys if key in source}
        if found:
            return found
    return {}


def _first(sources: list[Source], key: str) -> str | None:
    return next((source[key] for source in sources if key in source), None)


def _token(value: str) -> str:
    token = value.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(
            "token: it holds characters that no token has. Give the token alone, as `openstack token issue` prints it."
        )
    return token


def _transport(params: Mapping[str, Any], sources: list[Source], environ: Mapping[str, str]) -> Transport:
    timeout, retries = params["timeout"], params["retries"]
    if not 0 < timeout <= 86400:
        raise ConfigurationError(f"timeout: {timeout:g} is not a number of seconds from above 0 to 86400.")
    if not 0 <= retries <= 100:
        raise ConfigurationError(f"retries: {retries} is not a whole number from 0 to 100.")
    if not 0 <= params["deadline"] <= 86400:
        raise ConfigurationError(f"deadline: {params['deadline']:g} is not a number of seconds from 0 to 86400.")
    # Who names a CA wants it to be used, unless the same source says otherwise.
    verification = {} if params["validate_certs"] else _group(sources, "insecure", "ca_cert")
    if params["validate_certs"] is False or _true(verification.get("insecure", "")):
        verify: bool | str = False
    else:
        bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
        verify = _file("ca_cert", _first(sources, "ca_cert")) or bundle or True
    client = _group(sources, "client_cert", "client_key")
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


def _true(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def _file(option: str, path: str | None) -> str | None:
    if path is None:
        return None
    path = os.path.expanduser(path)
    try:
        with open(path, "rb"):
            return path
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{option}: {path} cannot be read: {why}. Correct the path.") from None


def _interface(value: str | None) -> str | None:
    if value is None:
        return None
    # Older openrc files say publicURL (OS_ENDPOINT_TYPE).
    interface = value.removesuffix("URL").lower()
    if interface not in INTERFACES:
        raise ConfigurationError(f"interface: {quoted(value)} is none of {', '.join(INTERFACES)}. Correct it.")
    return interface


def _address(option: str, value: str | None) -> str | None:
    """The address without a trailing slash, once it is one that can be asked."""
    if value is None:
        return None
    address = value.strip()
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not address.isprintable() or any(mark in address for mark in " ?#"):
        # It is not quoted: what stands in the wrong place may be a secret.
        service = "keystone/v3" if option == "auth_url" else "glance/v2"
        raise ConfigurationError(f"{option}: it is not an address such as https://pcd.example.com/{service}.")
    if parts.username or parts.password:
        raise ConfigurationError(f"{option}: it holds a user name or a password. Give those by their own options.")
    return address.rstrip("/")
