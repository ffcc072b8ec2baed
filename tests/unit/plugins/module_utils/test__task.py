# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task from its options to its result."""

from __future__ import annotations

import traceback
from typing import Any, NamedTuple

import pytest
import requests

from ansible_collections.platform9.pcd.plugins.module_utils._change import ImageChange
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import CONNECTION_OPTIONS
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ConfigurationError,
    Forbidden,
    LostRace,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.find import find
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import IDENTITY_OPTIONS, MATCH, parse_target
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Plan,
    plan_present,
)
from ansible_collections.platform9.pcd.plugins.module_utils._redact import hidden_texts
from ansible_collections.platform9.pcd.plugins.module_utils._replan import MAX_PLANS
from ansible_collections.platform9.pcd.plugins.module_utils._session import Params, Session
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task, perform, readable_diff
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    PROJECT,
    TOKEN,
    image,
    options,
)
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Serve, Service


class Request(NamedTuple):
    """The options as they are."""

    given: Params
    secrets: tuple[str, ...] = ()


def plan_renamed(params: Params, session: Session) -> Plan:
    return plan_present({"name": params["name"]}, find(session, parse_target(params)), new_id=params["id"])


def task(**given: Any) -> Task[Request]:
    planned = given.pop("work", plan_renamed)

    def work(request: Request, session: Session) -> Any:
        plan = planned(request.given, session)
        return ImageChange(session, plan) if isinstance(plan, Plan) else plan

    return Task({**IDENTITY_OPTIONS, "match": MATCH}, **{"parse": Request, "work": work, **given})


def unheard(warning: str) -> None:
    """That the server of the test has no TLS is worth a warning in every test."""


def params_for(service: Service, **given: Any) -> dict[str, Any]:
    spec = {**CONNECTION_OPTIONS, **task().options}
    endpoint = f"{service.url}/glance/v2"
    return options(spec, token=TOKEN, image_endpoint_override=endpoint, project_id=PROJECT, retries=0, **given)


def test_a_task_that_reads_changes_nothing(serve: Serve) -> None:
    reads = task(work=lambda params, session: {"images": [session.project_id]})
    service = serve(Reply(500))
    for check_mode in (False, True):
        assert perform(reads, params_for(service), check_mode, unheard, {}) == {
            "changed": False,
            "images": [PROJECT],
        }


def test_options_are_looked_at_before_anything_is_sent(serve: Serve) -> None:
    def parse(params: Params) -> Request:
        raise ConfigurationError("name: no")

    service = serve(Reply(500))
    with pytest.raises(ConfigurationError, match="^name: no$"):
        perform(task(parse=parse), params_for(service, id=ID, name="x"), False, unheard, {})
    assert service.requests == []


def test_warnings_of_the_connection_reach_the_user(serve: Serve) -> None:
    warned: list[str] = []
    service = serve(Reply(200, image()))
    params = params_for(service, id=ID, name="x", auth_url="http://pcd.invalid", validate_certs=False)
    perform(task(), params, True, warned.append, {})
    assert any("not verified" in warning for warning in warned)
    assert any("unencrypted HTTP" in warning for warning in warned)


def test_the_environment_gives_what_the_options_do_not(serve: Serve) -> None:
    service = serve(Reply(200, image()))
    params = {**params_for(service, id=ID, name="x"), "token": None, "image_endpoint_override": None}
    environ = {"OS_TOKEN": TOKEN, "OS_IMAGE_ENDPOINT_OVERRIDE": f"{service.url}/glance"}
    assert perform(task(), params, True, unheard, environ)["changed"]
    assert service.requests[0].headers["X-Auth-Token"] == TOKEN


def test_a_task_that_loses_a_race_is_planned_again(serve: Serve) -> None:
    class Change:
        applied = 0

        def preview(self) -> dict[str, Any]:
            raise AssertionError("it is not a check")

        def apply(self) -> dict[str, Any]:
            Change.applied += 1
            if Change.applied < 3 or always:
                raise LostRace("others were first")
            return {"changed": False}

    always = False
    change = task(work=lambda params, session: Change())
    assert perform(change, params_for(serve(Reply(500))), False, unheard, {}) == {"changed": False}
    assert Change.applied == 3
    always = True
    with pytest.raises(LostRace, match="^others were first$"):
        perform(change, params_for(serve(Reply(500))), False, unheard, {})
    assert Change.applied == 3 + MAX_PLANS


@pytest.mark.parametrize("check_mode", [False, True])
def test_another_change_gives_its_own_result(check_mode: bool, serve: Serve) -> None:
    class Change:
        def preview(self) -> dict[str, Any]:
            return {"changed": True, "done": False}

        def apply(self) -> dict[str, Any]:
            return {"changed": True, "done": True}

    change = task(work=lambda params, session: Change())
    result = perform(change, params_for(serve(Reply(500))), check_mode, unheard, {})
    assert result == {"changed": True, "done": not check_mode}


def test_no_error_shows_the_token(serve: Serve) -> None:
    service = serve(lambda request: Reply(403, {"message": f"no right for {request.headers['X-Auth-Token']}"}))
    with pytest.raises(Forbidden, match="no right for") as caught:
        perform(task(), params_for(service, id=ID, name="x"), False, unheard, {})
    assert TOKEN not in str(caught.value)


def test_a_warning_has_no_control_characters_and_no_passwords(serve: Serve) -> None:
    def work(request: Request, session: Session) -> dict[str, Any]:
        session.warn("'\x1b[2J' is at https://me:Tr0ub/S3cret@h/x?sig=1")
        return {}

    warned: list[str] = []
    params = options(CONNECTION_OPTIONS, token=TOKEN, image_endpoint_override=serve().url)
    perform(Task({}, Request, work), params, False, warned.append, {})
    assert "'\\x1b[2J' is at https://h/x" in warned


HEADERS: dict[str, Any] = {
    "url_headers": {"type": "dict", "no_log": True},
    "url": {"type": "str"},
    "checksum": {"type": "str"},
}


@pytest.mark.parametrize(
    ("given", "found", "hidden"),
    [
        ({"url_headers": {"X": "a-long-secret"}}, ["a-long-secret"], {"a-long-secret"}),
        ({"url_headers": {"Accept": "raw"}}, ["raw"], set()),
        ({"url_headers": {"X": [{"y": "a-long-secret"}]}}, [], {"a-long-secret"}),
        ({"url_headers": {"X": 1234567890}}, [], {"1234567890"}),
        ({"url_headers": {"Accept": "raw"}, "token": "raw"}, ["raw"], {"raw"}),
        ({"url": "https://me:Tr0ub/S3cret@h/x"}, [], {"Tr0ub/S3cret", "Tr0ub%2FS3cret"}),
        ({"checksum": "sha256:https://a-long-secret@h/x"}, [], {"a-long-secret"}),
        ({"url": "me:S3cret@h"}, [], {"S3cret"}),
        ({"token": "a\nb"}, [], {"a\nb", "a b", "a%0Ab", "a\\nb"}),
    ],
)
def test_what_results_are_searched_for(given: dict[str, Any], found: list[str], hidden: set[str]) -> None:
    spec = Task(HEADERS, Request, lambda request, session: {}).argument_spec
    assert hidden_texts(spec, given, found) == hidden


def test_the_traceback_of_a_bug_has_no_secret_of_an_address(serve: Serve) -> None:
    address = "http://127.0.0.1:1/x?sig=5ignature-7f3a9c2e"

    def work(request: Request, session: Session) -> dict[str, Any]:
        try:
            requests.get(address, timeout=1)
        except requests.RequestException as error:
            raise KeyError(f"a bug at {address}") from error
        return {}

    params = options({**CONNECTION_OPTIONS, **HEADERS}, token=TOKEN, image_endpoint_override=serve().url, url=address)
    with pytest.raises(KeyError) as caught:
        perform(Task(HEADERS, Request, work), params, False, lambda text: None, {})
    told = "".join(traceback.format_exception(caught.value))
    assert "Max retries exceeded" in told
    assert "a bug at" in told
    assert "5ignature" not in told


# --- the diff ----------------------------------------------------------------------------------------------------


def test_a_diff_beyond_ascii_is_text_with_real_letters_and_any_other_stays_as_it_is() -> None:
    plain = {"before": {"name": "a"}, "after": {"name": "b\n"}, "before_header": "a"}
    assert readable_diff(plain) is plain
    shown = readable_diff([plain, {"before": {}, "after": {"name": "neu \u2014 \u00fc", "id": 1}, "after_header": "x"}])
    assert shown == [
        plain,
        {"before": "{}\n", "after": '{\n    "id": 1,\n    "name": "neu \u2014 \u00fc"\n}\n', "after_header": "x"},
    ]


@pytest.mark.parametrize("letter", ["\u202e", "\x9b", "\u2028", "\x85"])
def test_what_could_control_a_terminal_is_escaped(letter: str) -> None:
    shown = readable_diff({"before": {"name": f"a{letter}b"}, "after": {}})
    assert letter not in shown["before"]
    assert len(shown["before"].splitlines()) == 3
