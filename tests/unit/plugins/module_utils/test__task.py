# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image is meant, and the steps of a plan carried out."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from ansible_collections.platform9.pcd.plugins.module_utils._change import ImageChange
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image, Query
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import CONNECTION_OPTIONS
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.compare import Delivery, with_delivery
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    ConfigurationError,
    DataError,
    Forbidden,
    LostRace,
    PlanError,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    CREATED,
    IDENTITY_OPTIONS,
    REPLACES,
    image_shape,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.find import MAX_LISTED, find
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Plan,
    Stores,
    plan_absent,
    plan_present,
)
from ansible_collections.platform9.pcd.plugins.module_utils._redact import hidden_texts
from ansible_collections.platform9.pcd.plugins.module_utils._session import Params, Session
from ansible_collections.platform9.pcd.plugins.module_utils._task import MAX_PLANS, Task, perform
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, RecordingImages, error, hashed
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import session_with as patient
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    OUR_ID,
    PROJECT,
    TOKEN,
    image,
    marked,
    options,
)
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Request, Serve, Service

THIRD_PROJECT = "c0ffee00c0ffee00c0ffee00c0ffee00"


# --- find --------------------------------------------------------------------------------------------------------


def search(name: str | None = "a", image_id: str | None = None, match: str = "own") -> dict[str, Any]:
    return {"id": image_id, "name": name, "match": match}


def session_with(shelf: RecordingImages, project: str | None = PROJECT) -> Session:
    return Session(shelf, project, Transport(), unheard)


def found(shelf: RecordingImages, owner: str | None = None, project: str | None = PROJECT, **given: Any) -> str | None:
    one = find(session_with(shelf, project), {**search(**given), "owner": owner})
    return None if one is None else str(one["id"])


def test_an_id_is_looked_up_without_a_list() -> None:
    shelf = RecordingImages(image(id=ID, owner=OTHER_PROJECT, os_hidden=True))
    assert found(shelf, image_id=ID) == ID
    assert found(shelf, image_id=ID, name=None) == ID
    assert found(shelf, image_id=OTHER_ID) is None
    assert shelf.queries == []


def test_an_id_means_the_same_in_capitals() -> None:
    shelf = RecordingImages(image(id=ID))
    assert found(shelf, image_id=ID.upper()) == ID
    assert shelf.done == [("get", ID.upper()), ("get", ID)]
    assert found(RecordingImages(image(id=ID.upper())), image_id=ID.upper()) == ID.upper()


@pytest.mark.parametrize("kind", [Forbidden, ApiError])
def test_only_a_404_of_the_service_means_that_there_is_no_image(kind: type[ApiError]) -> None:
    with pytest.raises(kind):
        found(RecordingImages(get=error(kind, 404 if kind is ApiError else 403)), image_id=ID)


def test_an_image_of_ones_own_is_found_by_its_name() -> None:
    shelf = RecordingImages(image(id="1", name="a"), image(id="2", name="b"))
    assert found(shelf) == "1"
    assert shelf.queries == [[("name", "eq:a"), ("owner", PROJECT)]]


def test_no_image_of_that_name_takes_two_look_ups() -> None:
    shelf = RecordingImages(image(id="2", name="b"))
    assert found(shelf) is None
    assert shelf.queries == [
        [("name", "eq:a"), ("owner", PROJECT)],
        [("name", "eq:a"), ("owner", PROJECT), ("os_hidden", "true")],
    ]


@pytest.mark.parametrize("visibility", ["public", "community", "shared", "private"])
def test_an_image_of_another_project_is_not_taken_for_ones_own(visibility: str) -> None:
    shelf = RecordingImages(image(id="1", name="a", owner=OTHER_PROJECT, visibility=visibility))
    assert found(shelf) is None
    assert found(shelf, match="visible") == "1"


def test_with_visible_the_list_is_not_narrowed_to_an_owner() -> None:
    shelf = RecordingImages(image(id="1", name="a", owner=OTHER_PROJECT))
    found(shelf, match="visible")
    assert shelf.queries == [[("name", "eq:a")]]


@pytest.mark.parametrize("name", ["A", "a ", "ä"])
def test_names_are_compared_exactly_even_where_the_database_does_not(name: str) -> None:
    class Careless(RecordingImages):
        def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
            self.queries.append([*query])
            yield from self.images.values()

    for match in ("own", "visible"):
        assert found(Careless(image(id="1", name=name)), match=match) is None
        assert found(Careless(image(id="1", name=name), image(id="2", name="a")), match=match) == "2"


def test_the_owner_is_compared_even_where_the_service_does_not() -> None:
    class Careless(RecordingImages):
        def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
            yield from self.images.values()

    assert found(Careless(image(id="1", name="a", owner=OTHER_PROJECT))) is None


@pytest.mark.parametrize("match", ["own", "visible"])
def test_with_an_owner_a_name_means_an_image_of_that_owner_and_no_other(match: str) -> None:
    own, theirs = image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT)
    third = image(id="3", name="a", owner=THIRD_PROJECT)
    assert found(RecordingImages(own, theirs, third), owner=OTHER_PROJECT, match=match) == "2"
    assert found(RecordingImages(own, third), owner=OTHER_PROJECT, match=match) is None
    assert found(RecordingImages(own, theirs), owner=PROJECT, match=match) == "1"


def test_a_hidden_image_of_the_owner_is_found_by_a_second_look() -> None:
    own, theirs = image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT, os_hidden=True)
    shelf = RecordingImages(own, theirs)
    assert found(shelf, owner=OTHER_PROJECT) == "2"
    assert [("owner", OTHER_PROJECT) in query for query in shelf.queries] == [True, True]


@pytest.mark.parametrize("match", ["own", "visible"])
def test_hidden_images_count_where_there_is_no_other(match: str) -> None:
    hidden = image(id="1", name="a", os_hidden=True)
    shown = image(id="2", name="a")
    assert found(RecordingImages(hidden), match=match) == "1"
    both = RecordingImages(hidden, shown)
    assert found(both, match=match) == "2"
    assert len(both.queries) == 1


def test_a_hidden_image_of_ones_own_goes_before_nothing_of_ones_own() -> None:
    shelf = RecordingImages(image(id="1", name="a", owner=OTHER_PROJECT), image(id="2", name="a", os_hidden=True))
    assert found(shelf) == "2"


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("match", ["own", "visible"])
def test_two_images_of_one_name_are_not_guessed_between(match: str, hidden: bool) -> None:
    one = image(id="1", name="a", status="active", created_at="2026-01-01T00:00:00Z", os_hidden=hidden)
    two = image(id="2", name="a", status="queued", created_at="2026-02-02T00:00:00Z", os_hidden=hidden)
    with pytest.raises(PlanError, match="^name: 2 images are named 'a'") as caught:
        found(RecordingImages(one, two), match=match)
    for part in (
        "1 ",
        "2 ",
        "active",
        "queued",
        PROJECT,
        "2026-01-01T00:00:00Z",
        "2026-02-02T00:00:00Z",
        "Give the id",
    ):
        assert part in str(caught.value)
    assert caught.value.facts == {
        "images": [
            {"id": "1", "status": "active", "owner": PROJECT, "created_at": "2026-01-01T00:00:00Z"},
            {"id": "2", "status": "queued", "owner": PROJECT, "created_at": "2026-02-02T00:00:00Z"},
        ]
    }


def test_one_of_ones_own_and_one_of_others_are_two_with_visible_and_one_with_own() -> None:
    shelf = RecordingImages(image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT))
    assert found(shelf) == "1"
    with pytest.raises(PlanError, match="2 images"):
        found(shelf, match="visible")


@pytest.mark.parametrize("match", ["own", "visible"])
def test_an_image_whose_replacement_stands_beside_it_is_meant_no_more(match: str) -> None:
    old = image(id=ID, name="a")
    new = marked(name="a", **{REPLACES: ID})
    assert found(RecordingImages(old, new), match=match) == OUR_ID
    # Hidden, it does not stand there yet, whether the old one is hidden or not.
    assert found(RecordingImages(old, {**new, "os_hidden": True}), match=match) == ID
    assert found(RecordingImages({**old, "os_hidden": True}, {**new, "os_hidden": True}), match=match) == ID


@pytest.mark.parametrize("match", ["own", "visible"])
def test_a_mark_between_images_of_two_owners_decides_nothing(match: str) -> None:
    old = image(id=ID, name="a")
    planted = marked(name="a", owner=OTHER_PROJECT, visibility="public", **{REPLACES: ID})
    if match == "own":
        assert found(RecordingImages(old, planted)) == ID
        return
    with pytest.raises(PlanError, match="^name: 2 images"):
        found(RecordingImages(old, planted), match=match)


def test_a_replacement_does_not_decide_between_others() -> None:
    third = image(id=OTHER_ID, name="a")
    images = [image(id=ID, name="a"), marked(name="a", **{REPLACES: ID}), third]
    with pytest.raises(PlanError, match=f"^name: 2 images are named 'a': {OUR_ID} .*; {OTHER_ID} "):
        found(RecordingImages(*images))


def test_very_many_images_of_one_name_are_counted_and_not_all_told() -> None:
    many = [image(id=f"id-{number:03}", name="a") for number in range(MAX_LISTED + 5)]
    with pytest.raises(PlanError, match=f"^name: {MAX_LISTED + 5} images") as caught:
        found(RecordingImages(*many))
    assert "and 5 more" in str(caught.value)
    assert str(caught.value).count("id-") == MAX_LISTED
    assert len(caught.value.facts["images"]) == MAX_LISTED + 5


@pytest.mark.parametrize("visibility", ["private", "shared", "public", "community"])
def test_without_a_known_project_a_name_is_refused_before_anything_is_asked(visibility: str) -> None:
    shelf = RecordingImages(image(id="1", name="a", visibility=visibility))
    with pytest.raises(ConfigurationError, match="^project_id: .*'a'.* Give project_id, or the id .* match: visible"):
        found(shelf, project=None)
    assert shelf.queries == []
    assert found(shelf, project=None, match="visible") == "1"
    assert found(shelf, project=None, image_id="1") == "1"


def test_without_a_known_project_the_owner_that_is_wished_is_still_known() -> None:
    shelf = RecordingImages(image(id="1", name="a", visibility="public", owner=OTHER_PROJECT))
    assert found(shelf, owner=OTHER_PROJECT, project=None) == "1"


# --- the way to the library --------------------------------------------------------------------------------------


def test_data_on_another_way_than_to_the_library_is_warned_of() -> None:
    warned: list[str] = []
    patient(Glance(), warned, library="https://library.example.com:9494/v2").warn_wrong_endpoint()
    patient(Glance(), warned).warn_wrong_endpoint()
    (warning,) = warned
    for part in ("http://glance.invalid/v2", "https://library.example.com:9494/v2", "OS_INTERFACE"):
        assert part in warning


# --- perform -----------------------------------------------------------------------------------------------------


def plan_renamed(params: Mapping[str, Any], session: Session) -> Plan:
    return plan_present({"name": params["name"]}, find(session, params), new_id=params["id"])


def task(**given: Any) -> Task:
    returns_patch = given.pop("returns_patch", False)
    chosen: dict[str, Any] = {"check": lambda params: None, "work": plan_renamed, **given}
    planned = chosen["work"]

    def work(params: Mapping[str, Any], session: Session) -> Any:
        plan = planned(params, session)
        return ImageChange(session, plan, returns_patch) if isinstance(plan, Plan) else plan

    chosen["work"] = work
    return Task(options={**IDENTITY_OPTIONS, "match": {"default": "own"}}, **chosen)


def unheard(warning: str) -> None:
    """That the server of the test has no TLS is worth a warning in every test."""


def params_for(service: Service, **given: Any) -> dict[str, Any]:
    spec = {**CONNECTION_OPTIONS, **task().options}
    endpoint = f"{service.url}/glance/v2"
    return options(spec, token=TOKEN, image_endpoint_override=endpoint, project_id=PROJECT, retries=0, **given)


class OneImage:
    """An image service with one image; it takes every change and has done it."""

    def __init__(self) -> None:
        self.image = image()

    def __call__(self, request: Request) -> Reply:
        if request.method == "GET":
            if request.path.endswith("/images"):
                return Reply(200, {"images": []})
            if request.path.endswith(ID):
                return Reply(200, self.image)
            return Reply(404, {"message": "No image found"})
        if request.method == "POST":
            return Reply(201, {"created_at": "2026-11-23T08:00:00Z", **CREATED, **request.document})
        self.image.update({each["path"][1:]: each["value"] for each in request.document})
        return Reply(200, self.image)


@pytest.mark.parametrize(
    ("image_id", "name", "changed"), [(ID, "ubuntu-24.04", False), (ID, "renamed", True), (OTHER_ID, "new", True)]
)
def test_check_mode_writes_nothing_and_says_the_same(image_id: str, name: str, changed: bool, serve: Serve) -> None:
    service = serve(OneImage())
    params = params_for(service, id=image_id, name=name)
    preview = perform(task(returns_patch=True), params, True, unheard, {})
    assert set(service.methods) == {"GET"}
    real = perform(task(returns_patch=True), params, False, unheard, {})
    assert [method for method in service.methods if method != "GET"] == (
        [] if not changed else ["PATCH"] if image_id == ID else ["POST"]
    )
    for key in ("changed", "diff", "patch"):
        assert preview[key] == real[key]
    assert preview["changed"] == changed
    for key, value in preview["image"].items():
        assert value is None or value == real["image"][key]


def test_the_image_of_a_result_has_the_shape_that_users_get(serve: Serve) -> None:
    result = perform(task(), params_for(serve(OneImage()), id=ID, name="renamed"), False, unheard, {})
    assert result["image"] == image_shape(image(name="renamed"))
    assert "patch" not in result


def test_an_image_that_is_gone_is_null(serve: Serve) -> None:
    service = serve(OneImage())
    absent = task(work=lambda params, session: plan_absent(find(session, params)))
    assert perform(absent, params_for(service, id=ID), True, unheard, {})["image"] is None
    assert perform(absent, params_for(service, id=OTHER_ID), False, unheard, {}) == {
        "changed": False,
        "image": None,
        "diff": {"before": {}, "after": {}},
    }


def test_a_task_that_reads_changes_nothing(serve: Serve) -> None:
    reads = task(work=lambda params, session: {"images": [session.project_id]})
    service = serve(Reply(500))
    for check_mode in (False, True):
        assert perform(reads, params_for(service), check_mode, unheard, {}) == {
            "changed": False,
            "images": [PROJECT],
        }


def test_options_are_looked_at_before_anything_is_sent(serve: Serve) -> None:
    def check(params: Mapping[str, Any]) -> None:
        raise ConfigurationError("name: no")

    service = serve(Reply(500))
    with pytest.raises(ConfigurationError, match="^name: no$"):
        perform(task(check=check), params_for(service, id=ID, name="x"), False, unheard, {})
    assert service.requests == []


def test_warnings_of_the_connection_reach_the_user(serve: Serve) -> None:
    warned: list[str] = []
    service = serve(OneImage())
    params = params_for(service, id=ID, name="x", auth_url="http://pcd.invalid", validate_certs=False)
    perform(task(), params, True, warned.append, {})
    assert any("not verified" in warning for warning in warned)
    assert any("plain http" in warning for warning in warned)


def test_the_environment_gives_what_the_options_do_not(serve: Serve) -> None:
    service = serve(OneImage())
    params = {**params_for(service, id=ID, name="x"), "token": None, "image_endpoint_override": None}
    environ = {"OS_TOKEN": TOKEN, "OS_IMAGE_ENDPOINT_OVERRIDE": f"{service.url}/glance"}
    assert perform(task(), params, True, unheard, environ)["changed"]
    assert service.requests[0].headers["X-Auth-Token"] == TOKEN


DATA = b"the data of an image"
FORMATS = {"name": "new", "disk_format": "raw", "container_format": "bare"}


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    path = tmp_path / "image"
    path.write_bytes(DATA)
    return Stream(File(str(path)))


def upload(stream: Stream) -> Plan:
    return with_delivery(plan_present(FORMATS, None), Delivery("upload", Stores(), 60, stream=stream))


def glance_that_takes_data(request: Request) -> Reply:
    if request.method == "PUT":
        return Reply(204)
    if request.method == "GET":
        if request.path.endswith("/images"):
            return Reply(200, {"images": []})
        queried = request.path.endswith(ID)
        return Reply(200, {**image(), **hashed(DATA)}) if queried else Reply(404, {"message": "No image found"})
    return Reply(201, {"created_at": "2026-11-23T08:00:00Z", **CREATED, **request.document, "id": ID})


def test_check_mode_reads_the_data_and_sends_none(stream: Stream, serve: Serve) -> None:
    """So that what is foretold is what a real run finds, and a wrong checksum fails in check mode, too."""
    service = serve(glance_that_takes_data)
    with_data = task(work=lambda params, session: upload(stream))
    params = params_for(service, id=OTHER_ID)
    preview = perform(with_data, params, True, unheard, {})
    assert service.requests == []
    real = perform(with_data, params, False, unheard, {})
    assert service.methods == ["POST", "PUT", "GET"]
    for key, value in hashed(DATA).items():
        assert preview["image"][key] == real["image"][key] == value
    assert preview["changed"] is real["changed"] is True
    assert preview["diff"] == real["diff"]


def test_check_mode_finds_a_wrong_checksum(stream: Stream, serve: Serve) -> None:
    service = serve(Reply(500))
    wrong = Stream(stream.source, Digest("md5", "0" * 32))
    with pytest.raises(DataError, match="^checksum: "):
        perform(task(work=lambda params, session: upload(wrong)), params_for(service, id=ID), True, unheard, {})
    assert service.requests == []


def test_a_task_that_another_run_overtakes_is_planned_again(serve: Serve) -> None:
    class Change:
        carried_out = 0

        def preview(self) -> dict[str, Any]:
            raise AssertionError("it is no check")

        def apply(self) -> dict[str, Any]:
            Change.carried_out += 1
            if Change.carried_out < 3 or always:
                raise LostRace("others were first")
            return {"changed": False}

    always = False
    change = task(work=lambda params, session: Change())
    assert perform(change, params_for(serve(Reply(500))), False, unheard, {}) == {"changed": False}
    assert Change.carried_out == 3
    always = True
    with pytest.raises(LostRace, match="^others were first$"):
        perform(change, params_for(serve(Reply(500))), False, unheard, {})
    assert Change.carried_out == 3 + MAX_PLANS


@pytest.mark.parametrize("check_mode", [False, True])
def test_another_deed_tells_its_own_result(check_mode: bool, serve: Serve) -> None:
    class Change:
        def preview(self) -> dict[str, Any]:
            return {"changed": True, "done": False}

        def apply(self) -> dict[str, Any]:
            return {"changed": True, "done": True}

    change = task(work=lambda params, session: Change())
    result = perform(change, params_for(serve(Reply(500))), check_mode, unheard, {})
    assert result == {"changed": True, "done": not check_mode}


def test_no_error_tells_the_token(serve: Serve) -> None:
    service = serve(lambda request: Reply(403, {"message": f"no right for {request.headers['X-Auth-Token']}"}))
    with pytest.raises(Forbidden, match="no right for") as caught:
        perform(task(), params_for(service, id=ID, name="x"), False, unheard, {})
    assert TOKEN not in str(caught.value)


def test_a_warning_has_no_control_characters_and_no_passwords(serve: Serve) -> None:
    def work(params: Params, session: Session) -> dict[str, Any]:
        session.warn("'\x1b[2J' is at https://me:Tr0ub/S3cret@h/x?sig=1")
        return {}

    warned: list[str] = []
    params = options(CONNECTION_OPTIONS, token=TOKEN, image_endpoint_override=serve().url)
    perform(Task({}, lambda params: None, work), params, False, warned.append, {})
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
    spec = Task(HEADERS, lambda params: None, lambda params, session: {}).argument_spec
    assert hidden_texts(spec, given, found) == hidden


def test_the_traceback_of_a_bug_has_no_secret_of_an_address(serve: Serve) -> None:
    address = "http://127.0.0.1:1/x?sig=5ignature-7f3a9c2e"

    def work(params: Params, session: Session) -> dict[str, Any]:
        try:
            requests.get(address, timeout=1)
        except requests.RequestException as error:
            raise KeyError(f"a bug at {address}") from error
        return {}

    params = options({**CONNECTION_OPTIONS, **HEADERS}, token=TOKEN, image_endpoint_override=serve().url, url=address)
    with pytest.raises(KeyError) as caught:
        perform(Task(HEADERS, lambda params: None, work), params, False, lambda text: None, {})
    told = "".join(traceback.format_exception(caught.value))
    assert "Max retries exceeded" in told
    assert "a bug at" in told
    assert "5ignature" not in told
