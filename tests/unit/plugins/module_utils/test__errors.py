# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of the errors, and what the errors about a response keep of it."""

from __future__ import annotations

from copy import copy

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    BY_STATUS,
    ApiError,
    PcdError,
    TokenRenewed,
    Unauthorized,
    quoted,
)

RESPONSE = {"method": "GET", "url": "https://h/v2/images", "request_id": "req-1"}


def response(kind: type[ApiError] = ApiError, status: int = 500, request_id: str | None = "req-1") -> ApiError:
    return kind(
        "It failed.",
        method="GET",
        url="https://h/v2/images",
        status=status,
        server_message="out of memory",
        request_id=request_id,
        retry_after="7",
    )


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("two\nlines", "two lines"),
        ("at https://me:Tr0ub4dor@h/x?sig=5ignature", "at https://h/x"),
        ("'\x1b[2J'", "'\\x1b[2J'"),
    ],
)
def test_a_message_is_one_line_without_control_characters_and_secrets(message: str, text: str) -> None:
    assert str(PcdError(message)) == text
    assert str(PcdError("First.").with_note(message)) == f"First. {text}"
    assert quoted("a\tb") == "'a\\tb'"


@pytest.mark.parametrize(
    ("message", "begins"), [("It failed", "It failed."), ("It failed.", "It failed."), ("(x)", "(x)")]
)
def test_a_note_follows_the_end_of_a_sentence(message: str, begins: str) -> None:
    error = PcdError(message, size=3)
    assert error.with_note("Nothing is left.") is error
    assert (str(error), error.facts) == (f"{begins} Nothing is left.", {"size": 3})


def test_only_a_second_attempt_is_mentioned() -> None:
    assert str(PcdError("It failed.").tried(1)) == "It failed."
    assert str(PcdError("It failed.").tried(3)) == "It failed. It was tried 3 times."


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
def test_another_message_keeps_the_response(status: int, kind: type[ApiError]) -> None:
    error = response(kind, status).with_message("Could not do it.")
    assert error.__class__ is kind
    assert str(error) == "Could not do it. (request id req-1)"
    assert error.facts == {**RESPONSE, "status": status}
    assert (error.status, error.server_message, error.retry_after) == (status, "out of memory", "7")
    assert str(response(request_id=None).with_message("Could not do it.")) == "Could not do it."


def test_a_renewed_token_keeps_the_response_and_can_be_distinguished() -> None:
    refused = response(Unauthorized, 401)
    assert isinstance(refused, Unauthorized)
    renewed = refused.renewed()
    assert isinstance(renewed, TokenRenewed)
    assert (str(renewed), renewed.facts) == (str(refused), refused.facts)


def test_a_copy_of_any_error_says_the_same_and_gets_notes_of_its_own() -> None:
    for error in (PcdError("It failed.", size=3), response(), response(Unauthorized, 401)):
        copied = copy(error)
        assert type(copied) is type(error)
        assert (str(copied), copied.__dict__) == (str(error), error.__dict__)
        copied.with_note("Nothing is left.")
        assert str(copied) != str(error)
