# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each method of authentication says about itself."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client import credentials
from ansible_collections.platform9.pcd.plugins.module_utils._client.credentials import (
    METHODS,
    ApplicationCredential,
    Credential,
    Domain,
    Password,
    Token,
    User,
    domain_from,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import (
    CONNECTION_OPTIONS,
    METHOD_OF_AUTH_TYPE,
    METHOD_OF_IDENTITY,
    METHOD_OF_SECRET,
    VARIABLES,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD, TOKEN

SECRET = "application-credential-secret-84c1"
ME = User(None, "me", Domain(id="d"))
ME_JSON = {"name": "me", "domain": {"id": "d"}}

BY_PASSWORD = Password(ME, PASSWORD, None)
BY_BOTH = Password(User("u1", None, Domain()), PASSWORD, "123456")
BY_TOKEN = Token(TOKEN)
BY_ID = ApplicationCredential("a1", None, None, SECRET)
BY_NAME = ApplicationCredential(None, "robot", ME, SECRET)


def test_every_class_of_a_credential_is_a_method() -> None:
    found = {each for each in vars(credentials).values() if isinstance(each, type) and issubclass(each, Credential)}
    assert found - {Credential} == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_method_declares_is_an_option_of_every_module(method: type[Credential]) -> None:
    assert method.options.items() <= CONNECTION_OPTIONS.items()
    assert method.variables.items() <= VARIABLES.items()
    assert method.options.keys() == method.variables.keys()
    assert {*method.secret_options, *method.identity_options} <= method.options.keys()
    for option, rules in method.options.items():
        assert bool(rules.get("no_log")) is (option in method.secret_options)
    assert all(set(secrets) <= set(method.secret_options) for secrets in method.auth_types.values())


def test_no_two_methods_share_a_secret_an_identity_or_a_name() -> None:
    for table, names in (
        (METHOD_OF_SECRET, [name for method in METHODS for name in method.secret_options]),
        (METHOD_OF_IDENTITY, [name for method in METHODS for name in method.identity_options]),
        (METHOD_OF_AUTH_TYPE, [name for method in METHODS for name in method.auth_types]),
    ):
        assert sorted(table) == sorted(names)


@pytest.mark.parametrize(
    ("credential", "identity"),
    [
        (BY_PASSWORD, {"methods": ["password"], "password": {"user": {**ME_JSON, "password": PASSWORD}}}),
        (
            BY_BOTH,
            {
                "methods": ["password", "totp"],
                "password": {"user": {"id": "u1", "password": PASSWORD}},
                "totp": {"user": {"id": "u1", "passcode": "123456"}},
            },
        ),
        (BY_TOKEN, {"methods": ["token"], "token": {"id": TOKEN}}),
        (BY_ID, {"methods": ["application_credential"], "application_credential": {"secret": SECRET, "id": "a1"}}),
        (
            BY_NAME,
            {
                "methods": ["application_credential"],
                "application_credential": {"secret": SECRET, "name": "robot", "user": ME_JSON},
            },
        ),
    ],
)
def test_keystone_gets_the_methods_and_what_each_needs(credential: Credential, identity: dict[str, Any]) -> None:
    assert credential.identity_json() == identity


@pytest.mark.parametrize(
    ("credential", "secrets", "can_renew", "takes_scope", "issued"),
    [
        (BY_PASSWORD, (PASSWORD,), True, True, None),
        (BY_BOTH, (PASSWORD, "123456"), False, True, None),
        (Password(ME, None, "123456"), ("123456",), False, True, None),
        (BY_TOKEN, (TOKEN,), False, True, TOKEN),
        (BY_ID, (SECRET,), True, False, None),
    ],
)
def test_a_credential_says_what_can_be_done_with_it(
    credential: Credential, secrets: tuple[str, ...], can_renew: bool, takes_scope: bool, issued: str | None
) -> None:
    found = (credential.secrets, credential.can_renew, credential.takes_scope, credential.issued_token)
    assert found == (secrets, can_renew, takes_scope, issued)


@pytest.mark.parametrize("credential", [BY_PASSWORD, BY_BOTH, BY_TOKEN, BY_ID, BY_NAME])
def test_no_text_of_a_credential_has_a_secret(credential: Credential) -> None:
    texts = f"{credential} {credential!r} {credential.refusal(' for project p', ['project_name'])}"
    assert not any(secret in texts for secret in credential.secrets)


def test_credentials_are_equal_if_all_that_they_say_is() -> None:
    same = Password(User(None, "me", Domain(id="d")), PASSWORD, None)
    assert same == BY_PASSWORD
    assert hash(same) == hash(BY_PASSWORD)
    assert Password(ME, PASSWORD, "1") != BY_PASSWORD
    assert Token(PASSWORD) != Token(TOKEN)
    assert len({BY_ID, BY_NAME, BY_TOKEN, BY_PASSWORD, same}) == 4


@pytest.mark.parametrize(
    ("credential", "text"),
    [
        (BY_PASSWORD, "user me for project p. Check password, username, user_domain_id, project_id; if"),
        (BY_BOTH, "user u1 for project p. Check password, passcode, user_id, project_id; if"),
        (BY_TOKEN, "does not accept the token for project p: "),
        (BY_ID, "does not accept application credential a1. Check "),
        (BY_NAME, "does not accept application credential robot. Check "),
    ],
)
def test_a_refusal_names_what_was_given(credential: Credential, text: str) -> None:
    assert text in credential.refusal(" for project p", ["project_id"])


@pytest.mark.parametrize(
    ("method", "option", "sources", "expected"),
    [
        (Password, "username", [], True),
        (Password, "application_credential_id", [], False),
        (Token, "username", [], False),
        (ApplicationCredential, "application_credential_name", [], True),
        (ApplicationCredential, "user_id", [{"application_credential_name": "robot"}], True),
        (ApplicationCredential, "user_id", [{"application_credential_id": "a1"}], False),
    ],
)
def test_a_method_says_which_identities_may_stand_above_its_secret(
    method: type[Credential], option: str, sources: list[dict[str, str]], expected: bool
) -> None:
    assert method.accepts(option, sources) is expected


@pytest.mark.parametrize("token", ["", " ", "two words", "tok\u00e9n", "a\x00b"])
def test_what_cannot_be_a_token_is_refused_and_not_quoted(token: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^token: it holds characters that no token has\.") as caught:
        Token.from_sources([{"token": token}])
    assert token.strip() == "" or token not in str(caught.value)


def test_a_domain_comes_at_best_from_where_the_name_is() -> None:
    above, below = {"user_domain_name": "a"}, {"username": "u", "domain_id": "b"}
    assert domain_from([above, below], "user", ("username",)) == Domain(name="a")
    assert domain_from([below, above], "user", ("username",)) == Domain(id="b")
    assert domain_from([{"username": "u"}], "user", ("username",)) == Domain(id="default")
