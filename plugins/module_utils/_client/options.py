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
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from .._errors import ConfigurationError, quoted
from .proxies import is_host
from .transport import Transport

if TYPE_CHECKING:
    from .clouds import Cloud

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

ADDRESSES = ("auth_url", "image_endpoint_override")

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
    "domain_name": ("OS_DOMAIN_NAME",),
    "domain_id": ("OS_DOMAIN_ID",),
    "default_domain_name": ("OS_DEFAULT_DOMAIN_NAME",),
    "default_domain_id": ("OS_DEFAULT_DOMAIN_ID", "OS_DEFAULT_DOMAIN"),
    "application_credential_id": ("OS_APPLICATION_CREDENTIAL_ID",),
    "application_credential_name": ("OS_APPLICATION_CREDENTIAL_NAME",),
    "application_credential_secret": ("OS_APPLICATION_CREDENTIAL_SECRET",),
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

# keystoneauth's names of the ways to log in, as auth_type has them, and the secrets that each asks for.
SECRETS_OF_AUTH_TYPE: dict[str, tuple[str, ...]] = {
    "password": ("password",),
    "v3password": ("password",),
    "v3totp": ("passcode",),
    "v3multifactor": ("password", "passcode"),
    "token": ("token",),
    "v3token": ("token",),
    "v3applicationcredential": ("application_credential_secret",),
}
# The factors that v3multifactor may name.
FACTORS = ("v3password", "v3totp", "password", "totp")

# In one source, the first of these that is there says how to log in, unless auth_type does.
METHOD_OF_SECRET = {
    secret: method
    for method, secrets in (
        ("application_credential", ("application_credential_secret",)),
        ("token", ("token",)),
        ("password", ("password", "passcode")),
    )
    for secret in secrets
}
USERS = ("user_id", "username")
CREDENTIALS = ("application_credential_id", "application_credential_name")
# Whoever says one of these says who logs in.
WHO = {*USERS, *CREDENTIALS, *METHOD_OF_SECRET}
# What says for what one logs in; only one of them can.
PROJECTS = ("project_id", "project_name")
SCOPES = (*PROJECTS, "trust_id", "system_scope")
# Said of a user and of a project, if nothing is said of their domains in particular.
ANY_DOMAIN = ("domain", "default_domain")

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


class _Sources(NamedTuple):
    """Where the connection comes from, the first that counts at the beginning.

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
        _address(key, _first(login.partners if sources.is_named else sources.order, key)) for key in ADDRESSES
    )
    project, trust_id = _scope(login)
    if auth_url is None and (override is None or trust_id or not isinstance(login.credential, Token)):
        raise ConfigurationError(_no_auth_url(sources))
    if override and trust_id and isinstance(login.credential, Token):
        raise ConfigurationError(
            "trust_id: a token together with image_endpoint_override is used as it is, without Keystone, and not "
            "exchanged for one of a trust. Leave image_endpoint_override out, or give a token of the trust."
        )
    _check_version(login.partners)
    transport = _transport(params, sources.order, environ)
    return Connection(
        auth_url=auth_url,
        credential=login.credential,
        project=project,
        region_name=_first(sources.order, "region_name"),
        interface=_interface(_first(sources.order, "interface")),
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
        filled = [key for key in ("interface", "region_name") if _first(sources.order[:2], key) is None]
        filled = [key for key in filled if key in variables]
        # They are about another login, and so perhaps about another cloud.
        if filled and not any(partner is variables for partner in login.partners):
            warnings.append(
                f"The cloud {cloud.name} of clouds.yaml does not say {' and '.join(filled)}, so that OS_* variables of "
                "another login do. Write it into the entry, or unset them."
            )
        return warnings
    variables = sources.order[1]
    overruled = sorted(key for key in variables if cloud.values.get(key, variables[key]) != variables[key])
    # To work in another project of the same login is no mistake.
    if overruled and WHO & variables.keys():
        warnings.append(
            f"OS_* variables go before the cloud {cloud.name} that OS_CLOUD names, and they say something else for "
            f"{', '.join(overruled)}. Name the cloud in the task if it is meant, or unset them."
        )
    return warnings


def _plain_http(auth_url: str | None, override: str | None) -> list[str]:
    return [
        f"{option} is plain http: everybody on the way can read the credentials. Use https."
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
        f"In {cloud.path}, the value of {key} is {cloud.not_text[key]} for YAML and no text (0123 becomes 83, for "
        f"example); put it in quotes if it is meant as it stands there."
        for key in used
        if key != "identity_api_version"
    )


def _check_version(sources: list[Source]) -> None:
    version = _first(sources, "identity_api_version")
    if version is not None and version.strip().lower().removeprefix("v").partition(".")[0] != "3":
        raise ConfigurationError(
            f"identity_api_version: {quoted(version)} (OS_IDENTITY_API_VERSION or clouds.yaml) is not spoken, only "
            "version 3 of Keystone's API. Set it to 3, or remove it."
        )


def _text_of(key: str, name: str, environ: Mapping[str, str]) -> str | None:
    """The value of a variable; None if it is not set, or empty."""
    value = environ.get(name)
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{key}: the variable {name} holds bytes that are no UTF-8. Set it anew.") from None
    return value or None


def _from_variables(environ: Mapping[str, str]) -> Source:
    found = {}
    for key, names in VARIABLES.items():
        value = next((value for name in names if (value := _text_of(key, name, environ))), None)
        if value is not None:
            found[key] = value
    return found


def _login(sources: _Sources) -> _Login:
    """Who logs in and how, which the first source that holds something secret decides."""
    order = sources.order
    method, at = _method(order)
    _check_who(method, order[:at], order)
    last = at
    if method != "token":
        last = max(at, _place(order, USERS if method == "password" else CREDENTIALS))
    partners = _partners(sources, last)
    if method == "token":
        credential: Credential = Token(_token(str(_first(order[at:], "token"))))
    elif method == "application_credential":
        credential = _application_credential(partners)
    else:
        user = _user(partners, "username: a password or passcode was given, but no user.")
        credential = Password(user, password=_first(partners, "password"), passcode=_first(partners, "passcode"))
    # A token and an application credential have their project; one of a lower source is not about them.
    return _Login(credential, partners, partners if method == "password" else order[: last + 1])


def _partners(sources: _Sources, last: int) -> list[Source]:
    """The sources that may say more about a login that those down to number `last` describe.

    Variables or an entry that say who logs in are about another login. Options are not, since they change single things
    of what is said elsewhere: of the cloud that the task names, or else of any.
    """
    order = sources.order
    if last == 0 and not sources.is_named:
        return order
    own = max(last, 1 if sources.is_named else 0) + 1
    return [*order[:own], *(source for source in order[own:] if not WHO & source.keys())]


def _place(sources: list[Source], keys: tuple[str, ...]) -> int:
    """The number of the first source that has one of the keys; 0 if none has."""
    return next((number for number, source in enumerate(sources) if any(key in source for key in keys)), 0)


def _method(sources: list[Source]) -> tuple[str, int]:
    """The way to log in, and the number of the source whose secret decides it."""
    for number, source in enumerate(sources):
        if source.get("auth_type"):
            return _asked_for(source, sources, number)
        for secret, method in METHOD_OF_SECRET.items():
            if secret in source:
                return method, number
    for key, value in _group(sources, *USERS, *CREDENTIALS).items():
        raise ConfigurationError(_lacking(key, value))
    raise ConfigurationError(
        "No credentials were given. Give token, or application_credential_id with application_credential_secret, or "
        "username with password; as options, as OS_* variables (source an RC file), or in a cloud of clouds.yaml."
    )


def _asked_for(source: Source, sources: list[Source], number: int) -> tuple[str, int]:
    """The way to log in that `auth_type` of the source asks for, and where its secret is; never another way."""
    auth_type = source["auth_type"].lower()
    if auth_type not in SECRETS_OF_AUTH_TYPE:
        raise ConfigurationError(
            f"auth_type: {quoted(source['auth_type'])} (OS_AUTH_TYPE or clouds.yaml) is not supported. "
            f"Supported are {', '.join(sorted(SECRETS_OF_AUTH_TYPE))}."
        )
    factors = [word.strip() for word in source.get("auth_methods", "").split(",") if word.strip()]
    if auth_type == "v3multifactor" and not set(factors) <= set(FACTORS):
        raise ConfigurationError(
            f"auth_methods: {quoted(source['auth_methods'])} (OS_AUTH_METHODS or clouds.yaml) is not supported. "
            "Supported are v3password and v3totp."
        )
    secrets = SECRETS_OF_AUTH_TYPE[auth_type]
    for place, below in enumerate(sources[number:], start=number):
        found = next((secret for secret in secrets if secret in below), None)
        if found:
            return METHOD_OF_SECRET[found], place
    raise ConfigurationError(
        f"{secrets[0]}: it is missing, and auth_type {source['auth_type']} (OS_AUTH_TYPE or clouds.yaml) logs in with "
        "it. Give it, or remove auth_type (unset OS_AUTH_TYPE) to log in in another way."
    )


def _check_who(method: str, above: list[Source], order: list[Source]) -> None:
    """Raises if a source above the one with the secret names somebody who does not log in in this way."""
    for key, value in _group(above, *CREDENTIALS).items():
        if method != "application_credential":
            raise ConfigurationError(_lacking(key, value))
    # An application credential that is named by its id has its user.
    is_anothers = method == "token" or "application_credential_id" in _group(order, *CREDENTIALS)
    for key, value in _group(above, *USERS).items():
        if method != "password" and is_anothers:
            raise ConfigurationError(_lacking(key, value))


def _lacking(key: str, value: str) -> str:
    secret = "application_credential_secret" if key in CREDENTIALS else "password"
    return (
        f"{secret}: it is missing, to log in with {key} {value}. Give it as an option, as its OS_* variable, or in "
        "clouds.yaml or secure.yaml."
    )


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
    return User(found.get("user_id"), found.get("username"), _domain(sources, "user", USERS))


def _scope(login: _Login) -> tuple[Project | None, str | None]:
    """The project, or else the id of the trust that stands for one."""
    sources = login.scope
    found = _group(sources, *SCOPES)
    named = [key for key in found if key not in PROJECTS]
    if named and len(found) > 1:
        raise ConfigurationError(
            f"{named[0]}: it stands beside {' and '.join(key for key in found if key != named[0])}, and a login is for "
            "one of them. Keep one."
        )
    if "system_scope" in found:
        raise ConfigurationError(
            "system_scope: a login to the system as a whole (OS_SYSTEM_SCOPE or clouds.yaml) has no project, and so no "
            "images. Remove it, and give project_name or project_id."
        )
    if "trust_id" in found:
        if isinstance(login.credential, ApplicationCredential):
            raise ConfigurationError(
                "trust_id: an application credential is bound to its project, and logs in for no trust. Remove one of "
                "both."
            )
        return None, found["trust_id"]
    if found:
        return Project(found.get("project_id"), found.get("project_name"), _domain(sources, "project", PROJECTS)), None
    domain = next(iter(_group(sources, "domain_id", "domain_name")), None)
    if domain and not isinstance(login.credential, ApplicationCredential):
        raise ConfigurationError(
            f"project_name: it is missing, and {domain} alone is a login to a domain, which has no images. Give "
            "project_name or project_id."
        )
    return None, None


def _domain(sources: list[Source], kind: str, named_by: tuple[str, ...]) -> Domain:
    """The domain of what `named_by` names, at best from the source that names it or one above."""
    at = _place(sources, named_by) + 1
    particular = f"{kind}_domain"
    order = [(source, particular) for source in sources[:at]]
    order += [(source, group) for source in reversed(sources[:at]) for group in ANY_DOMAIN]
    order += [(source, group) for source in sources[at:] for group in (particular, *ANY_DOMAIN)]
    for source, group in order:
        if f"{group}_id" in source:
            return Domain(id=source[f"{group}_id"])
        if f"{group}_name" in source:
            return Domain(name=source[f"{group}_name"])
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
        verify = _file("ca_cert", _first(sources, "ca_cert")) or _bundle(environ) or True
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
        place = "" if os.path.isabs(path) else f" in {_shown(os.getcwd())}, where a relative path begins"
        raise ConfigurationError(f"{option}: {_shown(path)} cannot be read: {why}{place}. Correct the path.") from None


def _shown(path: str) -> str:
    """A path within a message, which may hold bytes that are no UTF-8."""
    return path.encode(errors="replace").decode()


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
