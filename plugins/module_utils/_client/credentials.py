# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods of authentication at Keystone v3: one class for each, with all that the rest has to know about it.

A new method is a subclass of Credential in METHODS, and the documentation of its options in the doc fragment.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from .._errors import ApiError, ConfigurationError, NotFound, Unauthorized, quoted
from .sources import Source, first, group, place

USER_OPTIONS = ("user_id", "username")
# Keystone makes ids of 32 hexadecimal digits; other tools write the same number as a UUID.
PROJECT_ID = re.compile("[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# They are for a user and for a project, if there is no domain for each of them.
ANY_DOMAIN = ("domain", "default_domain")


class Domain(NamedTuple):
    """A domain by id or by name; one of both is set."""

    id: str | None = None
    name: str | None = None

    @property
    def as_json(self) -> dict[str, Any]:
        """The domain as Keystone takes it."""
        return {"id": self.id} if self.id else {"name": self.name}


class InDomain(NamedTuple):
    """A user or a project by id, or by name within its domain."""

    id: str | None
    name: str | None
    domain: Domain

    @property
    def as_json(self) -> dict[str, Any]:
        """What is named so, as Keystone takes it."""
        return {"id": self.id} if self.id else {"name": self.name, "domain": self.domain.as_json}


class User(InDomain):
    """A user."""


class Project(InDomain):
    """A project."""


def plain_project_id(text: str) -> str:
    """An id as Keystone writes it: the image service compares texts, and another form would be nobody's.

    A text that is not an id of Keystone stays as it is.
    """
    return text.replace("-", "").lower() if PROJECT_ID.fullmatch(text) else text


class Credential(ABC):
    """What a task authenticates with. No text of it shows a secret."""

    # What the user may give: the options with their rules, and the OS_* variables, of which the first that is set
    # counts.
    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    variables: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # The options that are secret. The first source that has one decides the method.
    secret_options: ClassVar[tuple[str, ...]] = ()
    # The options that say who authenticates.
    identity_options: ClassVar[tuple[str, ...]] = ()
    # The names of the method in keystoneauth (auth_type), with the secrets that each needs.
    auth_types: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # What the key auth_methods may name beside such an auth_type.
    auth_methods: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    # What to give, for the message if there are no credentials.
    example: ClassVar[str]

    # Whether the request may say for which project or trust the token shall be.
    takes_scope: ClassVar[bool] = True
    # Whether the credential has a project already, so that one of a lower source is not about it.
    has_project: ClassVar[bool] = False
    # The errors with which Keystone says that it does not accept the credential.
    refused_with: ClassVar[tuple[type[ApiError], ...]] = (Unauthorized,)

    # A token that needs no authentication; otherwise None.
    issued_token: str | None = None
    # Whether the same credential gives another token.
    can_renew: bool = True

    @classmethod
    @abstractmethod
    def from_sources(cls, sources: Sequence[Source]) -> Credential:
        """The credential that these sources describe; ConfigurationError if something is missing or wrong."""

    @classmethod
    def accepts(cls, identity_option: str, dummy_sources: Sequence[Source]) -> bool:
        """Whether the identity option of any method may stand above the secret of this one."""
        return identity_option in cls.identity_options

    @classmethod
    def check_auth_type(cls, auth_type: str, source: Source) -> None:
        """Raises ConfigurationError if the source has auth_methods that are not supported for the `auth_type`."""
        methods = {word.strip() for word in source.get("auth_methods", "").split(",") if word.strip()}
        supported = cls.auth_methods.get(auth_type)
        if supported is not None and not methods <= set(supported):
            names = " and ".join(name for name in supported if name.startswith("v3"))
            raise ConfigurationError(
                f"auth_methods: {quoted(source['auth_methods'])} (OS_AUTH_METHODS or clouds.yaml) is not supported. "
                f"Supported are {names}."
            )

    @property
    @abstractmethod
    def secrets(self) -> tuple[str, ...]:
        """What no message may contain."""

    @abstractmethod
    def identity_json(self) -> dict[str, Any]:
        """The object `identity` of Keystone's POST /v3/auth/tokens."""

    @abstractmethod
    def refusal(self, scope: str, scope_options: Sequence[str]) -> str:
        """Why Keystone refuses, and what to check: it follows "Keystone at (address)".

        `scope` says for which project or trust and may be empty; `scope_options` are the options that say so.
        """

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return type(self).__name__


class ApplicationCredential(Credential):
    """By id, or by name together with its user. Keystone binds it to one project, and refuses a scope beside it."""

    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "application_credential_id": {"type": "str"},
        "application_credential_name": {"type": "str"},
        "application_credential_secret": {"type": "str", "no_log": True},
    }
    variables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "application_credential_id": ("OS_APPLICATION_CREDENTIAL_ID",),
        "application_credential_name": ("OS_APPLICATION_CREDENTIAL_NAME",),
        "application_credential_secret": ("OS_APPLICATION_CREDENTIAL_SECRET",),
    }
    secret_options = ("application_credential_secret",)
    identity_options = ("application_credential_id", "application_credential_name")
    auth_types: ClassVar[Mapping[str, tuple[str, ...]]] = {"v3applicationcredential": secret_options}
    example = "application_credential_id with application_credential_secret"
    takes_scope = False
    has_project = True
    # Keystone answers 404 in JSON if no credential has this id.
    refused_with = (Unauthorized, NotFound)

    def __init__(self, id: str | None, name: str | None, user: User | None, secret: str) -> None:
        self.id = id
        self.name = name
        self.user = user
        self.secret = secret

    @classmethod
    def from_sources(cls, sources: Sequence[Source]) -> ApplicationCredential:
        secret = str(first(sources, "application_credential_secret"))
        found = group(sources, *cls.identity_options)
        if "application_credential_id" in found:
            return cls(found["application_credential_id"], None, None, secret)
        if not found:
            raise ConfigurationError(
                "application_credential_id: application_credential_secret was given, but not whose secret it is. "
                "Give application_credential_id, or application_credential_name with username or user_id."
            )
        lacking = "username: application_credential_name is only known together with its user, and none was given."
        return cls(None, found["application_credential_name"], user_from(sources, lacking), secret)

    @classmethod
    def accepts(cls, identity_option: str, sources: Sequence[Source]) -> bool:
        # One that is named by its id has its user.
        is_named_by_id = "application_credential_id" in group(sources, *cls.identity_options)
        return identity_option in cls.identity_options or (identity_option in USER_OPTIONS and not is_named_by_id)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.secret,)

    def identity_json(self) -> dict[str, Any]:
        described: dict[str, Any] = {"secret": self.secret}
        if self.user is None:
            described["id"] = self.id
        else:
            described.update(name=self.name, user=self.user.as_json)
        return {"methods": ["application_credential"], "application_credential": described}

    def refusal(self, dummy_scope: str, dummy_scope_options: Sequence[str]) -> str:
        return (
            f"does not accept application credential {self.id or self.name}. Check application_credential_id (or "
            "application_credential_name and its user) and application_credential_secret, and whether it has expired."
        )


class Token(Credential):
    """A token that somebody else got from Keystone."""

    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {"token": {"type": "str", "no_log": True}}
    variables: ClassVar[Mapping[str, tuple[str, ...]]] = {"token": ("OS_TOKEN", "OS_AUTH_TOKEN")}
    secret_options = ("token",)
    auth_types: ClassVar[Mapping[str, tuple[str, ...]]] = {"token": secret_options, "v3token": secret_options}
    example = "token"
    has_project = True
    can_renew = False

    def __init__(self, token: str) -> None:
        self.token = self.issued_token = token

    @classmethod
    def from_sources(cls, sources: Sequence[Source]) -> Token:
        token = str(first(sources, "token")).strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigurationError(
                "token: it holds characters that no token has. Give only the token, as `openstack token issue` "
                "prints it."
            )
        return cls(token)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.token,)

    def identity_json(self) -> dict[str, Any]:
        return {"methods": ["token"], "token": {"id": self.token}}

    def refusal(self, scope: str, dummy_scope_options: Sequence[str]) -> str:
        return (
            f"does not accept the token{scope}: it is not valid, has expired, or does not reach this project. Get a "
            "new one, or give other credentials."
        )


class Password(Credential):
    """A password, a one-time passcode, or both if the account asks for both."""

    options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "username": {"type": "str"},
        "user_id": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "passcode": {"type": "str", "no_log": True},
        "user_domain_name": {"type": "str"},
        "user_domain_id": {"type": "str"},
    }
    variables: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "username": ("OS_USERNAME",),
        "user_id": ("OS_USER_ID",),
        "password": ("OS_PASSWORD",),
        "passcode": ("OS_PASSCODE",),
        "user_domain_name": ("OS_USER_DOMAIN_NAME",),
        "user_domain_id": ("OS_USER_DOMAIN_ID",),
    }
    secret_options = ("password", "passcode")
    identity_options = USER_OPTIONS
    auth_types: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "password": ("password",),
        "v3password": ("password",),
        "v3totp": ("passcode",),
        "v3multifactor": secret_options,
    }
    auth_methods: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "v3multifactor": ("v3password", "v3totp", "password", "totp")
    }
    example = "username with password"

    def __init__(self, user: User, password: str | None, passcode: str | None) -> None:
        self.user = user
        self.password = password
        self.passcode = passcode
        # A one-time passcode is spent by its first use.
        self.can_renew = not passcode

    @classmethod
    def from_sources(cls, sources: Sequence[Source]) -> Password:
        user = user_from(sources, "username: a password or passcode was given, but no user.")
        return cls(user, first(sources, "password"), first(sources, "passcode"))

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(secret for secret in (self.password, self.passcode) if secret)

    def identity_json(self) -> dict[str, Any]:
        identity: dict[str, Any] = {"methods": []}
        for method, key, secret in (("password", "password", self.password), ("totp", "passcode", self.passcode)):
            if secret:
                identity["methods"].append(method)
                identity[method] = {"user": {**self.user.as_json, key: secret}}
        return identity

    def refusal(self, scope: str, scope_options: Sequence[str]) -> str:
        given = [option for option in self.secret_options if getattr(self, option)]
        given += options_naming("user", self.user)
        return (
            f"refused to log in user {self.user.name or self.user.id}{scope}. Check "
            f"{', '.join([*given, *scope_options])}; if the account has a second factor, give a fresh passcode."
        )


# If one source has the secrets of several methods and no auth_type, the first of these counts.
METHODS: tuple[type[Credential], ...] = (ApplicationCredential, Token, Password)


def user_from(sources: Sequence[Source], lacking: str) -> User:
    """The user that the sources name; ConfigurationError, which begins with `lacking`, if none is named."""
    found = group(sources, *USER_OPTIONS)
    if not found:
        raise ConfigurationError(f"{lacking} Give username with user_domain_name, or user_id.")
    return User(found.get("user_id"), found.get("username"), domain_from(sources, "user", USER_OPTIONS))


def domain_from(sources: Sequence[Source], kind: str, named_by: tuple[str, ...]) -> Domain:
    """The domain of what `named_by` names, at best from the source that names it or one above."""
    at = place(sources, named_by) + 1
    particular = f"{kind}_domain"
    order = [(source, particular) for source in sources[:at]]
    order += [(source, general) for source in reversed(sources[:at]) for general in ANY_DOMAIN]
    order += [(source, each) for source in sources[at:] for each in (particular, *ANY_DOMAIN)]
    for source, each in order:
        if f"{each}_id" in source:
            return Domain(id=source[f"{each}_id"])
        if f"{each}_name" in source:
            return Domain(name=source[f"{each}_name"])
    return Domain(id="default")


def options_naming(kind: str, named: User | Project) -> list[str]:
    """The options by which a user or a project was named."""
    if named.id:
        return [f"{kind}_id"]
    name = "username" if kind == "user" else f"{kind}_name"
    return [name, f"{kind}_domain_{'id' if named.domain.id else 'name'}"]
