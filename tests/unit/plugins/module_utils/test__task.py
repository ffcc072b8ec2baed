# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image is meant, and the steps of a plan carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._connection import CONNECTION_OPTIONS
from ansible_collections.platform9.pcd.plugins.module_utils._content import (
    Delivery,
    Stores,
    plan_replacement,
    retirement_of,
    with_delivery,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data import Body, Digest, File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    DataError,
    Forbidden,
    NotFinished,
    NotFound,
    PcdError,
    PlanError,
    RefusedData,
    UnsupportedMedia,
    WrongData,
)
from ansible_collections.platform9.pcd.plugins.module_utils._http import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._image import (
    CREATED,
    IDENTITY_OPTIONS,
    REPLACES,
    image_shape,
    is_ours,
)
from ansible_collections.platform9.pcd.plugins.module_utils._images import Image, Images, Query
from ansible_collections.platform9.pcd.plugins.module_utils._plan import (
    Create,
    Delete,
    Plan,
    SetStatus,
    Update,
    plan_absent,
    plan_present,
    plan_status,
    wish_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._task import (
    MOST_LISTED,
    Session,
    Task,
    carry_out,
    perform,
)
from ansible_collections.platform9.pcd.tests.unit.plugins.module_utils.glance import Glance, error, hashed
from ansible_collections.platform9.pcd.tests.unit.plugins.module_utils.glance import session_with as patient
from ansible_collections.platform9.pcd.tests.unit.plugins.module_utils.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    PROJECT,
    TOKEN,
    image,
    options,
)
from ansible_collections.platform9.pcd.tests.unit.plugins.module_utils.service import Reply, Request, Serve, Service

THIRD_PROJECT = "c0ffee00c0ffee00c0ffee00c0ffee00"


class Shelf(Images):
    """A service in memory. What stands in `failures` under the name of an operation is raised instead of it."""

    def __init__(self, *images: Image, **failures: PcdError) -> None:
        self.images = {each["id"]: each for each in images}
        self.failures = failures
        self.done: list[Any] = []
        self.queries: list[list[tuple[str, str]]] = []

    def _do(self, operation: str, *content: Any) -> None:
        self.done.append((operation, *content))
        if operation in self.failures:
            raise self.failures[operation]

    def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
        """As a database that ignores the case of names."""
        self.queries.append([*query])
        asked = dict(query)
        hidden = asked.get("os_hidden") == "true"
        for each in self.images.values():
            if str(each["name"]).lower() != asked["name"].removeprefix("eq:").lower() or each["os_hidden"] != hidden:
                continue
            if asked.get("owner") in (None, each["owner"]):
                yield each

    def get(self, image_id: str) -> Image:
        self._do("get", image_id)
        if image_id not in self.images:
            raise error(NotFound, 404)
        return self.images[image_id]

    def create(self, attributes: Image) -> Image:
        self._do("create", attributes)
        return image(**attributes)

    def update(self, image_id: str, patch: Sequence[dict[str, Any]]) -> Image:
        self._do("update", image_id, [*patch])
        return {**image(id=image_id, updated_at="2026-11-23T08:00:00Z"), **wish_of([*patch])}

    def delete(self, image_id: str) -> None:
        self._do("delete", image_id)

    def deactivate(self, image_id: str) -> None:
        self._do("deactivate", image_id)

    def reactivate(self, image_id: str) -> None:
        self._do("reactivate", image_id)


# --- find --------------------------------------------------------------------------------------------------------


def search(name: str | None = "a", image_id: str | None = None, match: str = "own") -> dict[str, Any]:
    return {"id": image_id, "name": name, "match": match}


def session_with(shelf: Shelf, project: str | None = PROJECT) -> Session:
    return Session(shelf, project, Transport(), unheard)


def found(shelf: Shelf, owner: str | None = None, project: str | None = PROJECT, **given: Any) -> str | None:
    one = session_with(shelf, project).find(search(**given), [owner or project, project])
    return None if one is None else str(one["id"])


def test_an_id_is_looked_up_without_a_list() -> None:
    shelf = Shelf(image(id=ID, owner=OTHER_PROJECT, os_hidden=True))
    assert found(shelf, image_id=ID) == ID
    assert found(shelf, image_id=ID, name=None) == ID
    assert found(shelf, image_id=OTHER_ID) is None
    assert shelf.queries == []


def test_an_id_means_the_same_in_capitals() -> None:
    shelf = Shelf(image(id=ID))
    assert found(shelf, image_id=ID.upper()) == ID
    assert shelf.done == [("get", ID.upper()), ("get", ID)]
    assert found(Shelf(image(id=ID.upper())), image_id=ID.upper()) == ID.upper()


@pytest.mark.parametrize("kind", [Forbidden, ApiError])
def test_only_a_404_of_the_service_means_that_there_is_no_image(kind: type[ApiError]) -> None:
    with pytest.raises(kind):
        found(Shelf(get=error(kind, 404 if kind is ApiError else 403)), image_id=ID)


def test_an_image_of_ones_own_is_found_by_its_name() -> None:
    shelf = Shelf(image(id="1", name="a"), image(id="2", name="b"))
    assert found(shelf) == "1"
    assert shelf.queries == [[("name", "eq:a"), ("owner", PROJECT)]]


def test_no_image_of_that_name_takes_two_look_ups() -> None:
    shelf = Shelf(image(id="2", name="b"))
    assert found(shelf) is None
    assert shelf.queries == [
        [("name", "eq:a"), ("owner", PROJECT)],
        [("name", "eq:a"), ("owner", PROJECT), ("os_hidden", "true")],
    ]


@pytest.mark.parametrize("visibility", ["public", "community", "shared", "private"])
def test_an_image_of_another_project_is_not_taken_for_ones_own(visibility: str) -> None:
    shelf = Shelf(image(id="1", name="a", owner=OTHER_PROJECT, visibility=visibility))
    assert found(shelf) is None
    assert found(shelf, match="visible") == "1"


def test_with_visible_the_list_is_not_narrowed_to_an_owner() -> None:
    shelf = Shelf(image(id="1", name="a", owner=OTHER_PROJECT))
    found(shelf, match="visible")
    assert shelf.queries == [[("name", "eq:a")]]


@pytest.mark.parametrize("name", ["A", "a ", "ä"])
def test_names_are_compared_exactly_even_where_the_database_does_not(name: str) -> None:
    class Careless(Shelf):
        def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
            self.queries.append([*query])
            yield from self.images.values()

    for match in ("own", "visible"):
        assert found(Careless(image(id="1", name=name)), match=match) is None
        assert found(Careless(image(id="1", name=name), image(id="2", name="a")), match=match) == "2"


def test_the_owner_is_compared_even_where_the_service_does_not() -> None:
    class Careless(Shelf):
        def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
            yield from self.images.values()

    assert found(Careless(image(id="1", name="a", owner=OTHER_PROJECT))) is None


def test_an_image_of_the_owner_that_is_wished_goes_first() -> None:
    own, theirs = image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT)
    third = image(id="3", name="a", owner=THIRD_PROJECT)
    assert found(Shelf(own, theirs, third), owner=OTHER_PROJECT) == "2"
    assert found(Shelf(own, third), owner=OTHER_PROJECT) == "1"
    assert found(Shelf(third), owner=OTHER_PROJECT) is None
    assert found(Shelf(own, theirs), owner=PROJECT) == "1"


def test_a_hidden_image_of_the_owner_that_is_wished_goes_before_ones_own() -> None:
    own, theirs = image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT, os_hidden=True)
    shelf = Shelf(own, theirs)
    assert found(shelf, owner=OTHER_PROJECT) == "2"
    assert len(shelf.queries) == 2


def test_an_image_that_shall_get_another_owner_is_not_created_a_second_time() -> None:
    """Before the run it belongs to the caller, after it to the other project; both must be found."""
    before, after = image(id="1", name="a"), image(id="1", name="a", owner=OTHER_PROJECT)
    assert found(Shelf(before), owner=OTHER_PROJECT) == "1"
    assert found(Shelf(after), owner=OTHER_PROJECT) == "1"


@pytest.mark.parametrize("match", ["own", "visible"])
def test_hidden_images_count_where_there_is_no_other(match: str) -> None:
    hidden = image(id="1", name="a", os_hidden=True)
    shown = image(id="2", name="a")
    assert found(Shelf(hidden), match=match) == "1"
    both = Shelf(hidden, shown)
    assert found(both, match=match) == "2"
    assert len(both.queries) == 1


def test_a_hidden_image_of_ones_own_goes_before_nothing_of_ones_own() -> None:
    shelf = Shelf(image(id="1", name="a", owner=OTHER_PROJECT), image(id="2", name="a", os_hidden=True))
    assert found(shelf) == "2"


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("match", ["own", "visible"])
def test_two_images_of_one_name_are_not_guessed_between(match: str, hidden: bool) -> None:
    one = image(id="1", name="a", status="active", created_at="2026-01-01T00:00:00Z", os_hidden=hidden)
    two = image(id="2", name="a", status="queued", created_at="2026-02-02T00:00:00Z", os_hidden=hidden)
    with pytest.raises(PlanError, match="^name: 2 images are named 'a'") as caught:
        found(Shelf(one, two), match=match)
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
    shelf = Shelf(image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT))
    assert found(shelf) == "1"
    with pytest.raises(PlanError, match="2 images"):
        found(shelf, match="visible")


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("match", ["own", "visible"])
def test_an_image_whose_replacement_stands_beside_it_is_meant_no_more(match: str, hidden: bool) -> None:
    old = image(id="1", name="a", os_hidden=hidden)
    new = image(id="2", name="a", os_hidden=hidden, **{REPLACES: "1"})
    assert found(Shelf(old, new), match=match) == "2"
    # Hidden, it does not stand there yet.
    if not hidden:
        assert found(Shelf(old, {**new, "os_hidden": True}), match=match) == "1"


def test_a_replacement_does_not_decide_between_others() -> None:
    images = [image(id="1", name="a"), image(id="2", name="a", **{REPLACES: "1"}), image(id="3", name="a")]
    with pytest.raises(PlanError, match="^name: 2 images are named 'a': 2 .*; 3 "):
        found(Shelf(*images))


def test_very_many_images_of_one_name_are_counted_and_not_all_told() -> None:
    many = [image(id=f"id-{number:03}", name="a") for number in range(MOST_LISTED + 5)]
    with pytest.raises(PlanError, match=f"^name: {MOST_LISTED + 5} images") as caught:
        found(Shelf(*many))
    assert "and 5 more" in str(caught.value)
    assert str(caught.value).count("id-") == MOST_LISTED
    assert len(caught.value.facts["images"]) == MOST_LISTED + 5


@pytest.mark.parametrize("visibility", ["private", "shared"])
def test_without_a_known_project_private_and_shared_images_are_ones_own(visibility: str) -> None:
    shelf = Shelf(image(id="1", name="a", visibility=visibility))
    assert found(shelf, project=None) == "1"
    assert shelf.queries == [[("name", "eq:a")]]


@pytest.mark.parametrize("visibility", ["public", "community"])
def test_without_a_known_project_an_image_that_everybody_sees_is_not_taken_for_ones_own(visibility: str) -> None:
    shelf = Shelf(image(id="1", name="a", visibility=visibility, owner=OTHER_PROJECT))
    with pytest.raises(ConfigurationError, match="^project_id: ") as caught:
        found(shelf, project=None)
    for part in (visibility, OTHER_PROJECT, "match: visible", "1"):
        assert part in str(caught.value)
    assert found(shelf, project=None, match="visible") == "1"


def test_without_a_known_project_the_owner_that_is_wished_is_still_known() -> None:
    shelf = Shelf(image(id="1", name="a", visibility="public", owner=OTHER_PROJECT))
    assert found(shelf, owner=OTHER_PROJECT, project=None) == "1"


# --- carry_out ---------------------------------------------------------------------------------------------------


def test_a_plan_without_steps_sends_nothing() -> None:
    shelf = Shelf()
    assert carry_out(session_with(shelf), Plan(image(), image())) == image()
    assert carry_out(session_with(shelf), Plan(None, None)) is None
    assert shelf.done == []


def test_the_image_after_a_step_is_what_the_service_says() -> None:
    shelf = Shelf()
    patch = [{"op": "replace", "path": "/min_disk", "value": 20}]
    after = carry_out(session_with(shelf), Plan(image(), image(min_disk=20), (Update(patch),)))
    assert shelf.done == [("update", ID, patch)]
    assert after is not None
    assert after["updated_at"] == "2026-11-23T08:00:00Z"


def test_a_new_image_is_what_the_service_says() -> None:
    shelf = Shelf()
    after = carry_out(session_with(shelf), plan_present({"name": "new"}, None))
    assert [operation for operation, *dummy in shelf.done] == ["create"]
    sent = shelf.done[0][1]
    assert sent == {"id": sent["id"], "name": "new"}
    assert is_ours(sent["id"])
    assert after == image(id=sent["id"], name="new")


def test_an_id_that_is_wished_goes_before_one_of_ours() -> None:
    shelf = Shelf()
    carry_out(session_with(shelf), plan_present({"name": "new"}, None, new_id=ID))
    assert shelf.done == [("create", {"id": ID, "name": "new"})]


def test_an_id_that_was_used_before_is_explained() -> None:
    shelf = Shelf(create=error(Conflict, 409, "Image ID already exists!"))
    with pytest.raises(Conflict, match="Image ID already exists! An id is never given twice") as caught:
        carry_out(session_with(shelf), plan_present({"name": "new"}, None, new_id=ID))
    assert caught.value.status == 409
    assert caught.value.server_message == "Image ID already exists!"
    assert caught.value.facts == {"method": "X", "url": "http://x", "status": 409, "request_id": "req-1"}


def test_another_conflict_of_a_new_image_is_told_as_it_is() -> None:
    with pytest.raises(Conflict, match="^said so$"):
        carry_out(session_with(Shelf(create=error(Conflict, 409))), plan_present({"name": "new"}, None))


@pytest.mark.parametrize(("wanted", "action"), [("deactivated", "deactivate"), ("active", "reactivate")])
def test_the_status_is_read_again_after_it_was_set(wanted: str, action: str) -> None:
    shelf = Shelf(image(status=wanted))
    after = carry_out(session_with(shelf), Plan(image(), image(status=wanted), (SetStatus(action),)))
    assert shelf.done == [(action, ID), ("get", ID)]
    assert after == image(status=wanted)


def test_a_status_that_was_accepted_and_is_not_there_is_an_error() -> None:
    shelf = Shelf(image(status="active"))
    with pytest.raises(PlanError, match="deactivate.*its status is active.*run the task again"):
        carry_out(session_with(shelf), plan_status("deactivated", image(), "a"))


def test_an_image_is_deleted_in_one_request() -> None:
    shelf = Shelf()
    assert carry_out(session_with(shelf), plan_absent(image())) is None
    assert shelf.done == [("delete", ID)]


def test_an_image_that_somebody_else_deletes_at_the_same_moment_is_gone_all_the_same() -> None:
    assert carry_out(session_with(Shelf(delete=error(NotFound, 404))), plan_absent(image())) is None


UNPROTECT = [{"op": "replace", "path": "/protected", "value": False}]
PROTECT = [{"op": "replace", "path": "/protected", "value": True}]


def test_a_forced_deletion_takes_the_protection_off_first() -> None:
    shelf = Shelf()
    assert carry_out(session_with(shelf), plan_absent(image(protected=True), force=True)) is None
    assert shelf.done == [("update", ID, UNPROTECT), ("delete", ID)]


@pytest.mark.parametrize("failure", [error(Forbidden, 403), error(Conflict, 409), error(ApiError, 500)])
def test_a_forced_deletion_that_is_refused_leaves_the_image_protected(failure: ApiError) -> None:
    shelf = Shelf(delete=failure)
    with pytest.raises(type(failure)) as caught:
        carry_out(session_with(shelf), plan_absent(image(protected=True), force=True))
    assert caught.value is failure
    assert shelf.done == [("update", ID, UNPROTECT), ("delete", ID), ("update", ID, PROTECT)]


def test_a_deletion_that_was_not_forced_protects_nothing() -> None:
    shelf = Shelf(delete=error(Forbidden, 403))
    with pytest.raises(Forbidden):
        carry_out(session_with(shelf), plan_absent(image()))
    assert shelf.done == [("delete", ID)]


def test_a_forced_deletion_that_finds_the_image_gone_protects_nothing() -> None:
    shelf = Shelf(delete=error(NotFound, 404))
    assert carry_out(session_with(shelf), plan_absent(image(protected=True), force=True)) is None
    assert shelf.done == [("update", ID, UNPROTECT), ("delete", ID)]


def test_a_protection_that_could_not_be_put_back_is_told_beside_the_refusal() -> None:
    class Stubborn(Shelf):
        def update(self, image_id: str, patch: Sequence[dict[str, Any]]) -> Image:
            if patch == PROTECT:
                raise error(ApiError, 503, "out of order")
            return super().update(image_id, patch)

    shelf = Stubborn(delete=error(Conflict, 409, "image is in use"))
    with pytest.raises(PlanError, match="image is in use.*could not be put back.*out of order") as caught:
        carry_out(session_with(shelf), plan_absent(image(protected=True), force=True))
    assert caught.value.facts["status"] == 409


def test_a_forced_deletion_whose_first_step_is_refused_deletes_nothing() -> None:
    shelf = Shelf(update=error(Forbidden, 403))
    with pytest.raises(Forbidden):
        carry_out(session_with(shelf), plan_absent(image(protected=True), force=True))
    assert shelf.done == [("update", ID, UNPROTECT)]


@pytest.mark.parametrize(
    ("plan", "failures"),
    [
        (Plan(image(), None, (Delete([]),)), {"delete": error(Forbidden, 403)}),
        (Plan(image(), image(), (Update([]),)), {"update": error(NotFound, 404)}),
        (Plan(None, image(), (Create({}),)), {"create": error(Forbidden, 403)}),
        (Plan(image(), image(), (SetStatus("deactivate"),)), {"deactivate": error(Forbidden, 403)}),
    ],
)
def test_what_the_service_refuses_fails(plan: Plan, failures: Mapping[str, ApiError]) -> None:
    with pytest.raises(ApiError, match="said so"):
        carry_out(session_with(Shelf(**failures)), plan)


# --- data that does not come as it should ------------------------------------------------------------------------

DATA = b"the data of an image"
FORMATS = {"name": "new", "disk_format": "raw", "container_format": "bare"}


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    path = tmp_path / "image"
    path.write_bytes(DATA)
    return Stream(File(str(path)))


def upload(stream: Stream, current: Image | None = None, **wish: Any) -> Plan:
    delivery = Delivery("upload", Stores(), 60, stream=stream)
    return with_delivery(plan_present({**FORMATS, **wish}, current), delivery)


def waiting(**given: Any) -> Image:
    nothing = {"size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None, "stores": None}
    return image(**{"status": "queued", **nothing, **FORMATS, **given})


class Failing(Glance):
    """Raises this instead of taking data; what arrived before stays."""

    def __init__(self, failure: PcdError, *images: Image) -> None:
        super().__init__(*images)
        self.failure = failure

    def upload(self, image_id: str, body: Body, store: str | None, patience: float) -> None:
        self._do("upload")
        raise self.failure


FAILURES = [
    pytest.param(lambda: error(Forbidden, 403), id="refused"),
    pytest.param(lambda: error(ApiError, 500), id="broken"),
    pytest.param(lambda: DataError("the file was changed"), id="a wrong source"),
    pytest.param(lambda: ConnectionFailed("nothing answered"), id="no answer"),
]


@pytest.mark.parametrize("protected", [None, False, True])
@pytest.mark.parametrize("failing", FAILURES)
def test_an_image_that_the_run_has_made_goes_again_where_its_data_does_not_come(
    failing: Callable[[], PcdError], protected: bool | None, stream: Stream
) -> None:
    failure = failing()
    glance = Failing(failure)
    wish: dict[str, Any] = {} if protected is None else {"protected": protected}
    with pytest.raises(type(failure), match=r"has been removed again\.$") as caught:
        carry_out(patient(glance), upload(stream, **wish))
    assert caught.value is failure
    assert glance.images == {}


def test_an_image_that_the_service_still_works_on_is_left_to_it(stream: Stream) -> None:
    class Saving(Glance):
        def upload(self, image_id: str, body: Body, store: str | None, patience: float) -> None:
            self.images[image_id]["status"] = "saving"

    glance = Saving()
    with pytest.raises(NotFinished) as caught:
        carry_out(patient(glance), upload(stream))
    assert "removed" not in str(caught.value)
    (left,) = glance.images.values()
    assert left["status"] == "saving"
    assert glance.done == ["create"]


def test_an_image_that_was_there_before_stays_where_its_data_does_not_come(stream: Stream) -> None:
    glance = Failing(error(ApiError, 500), waiting())
    with pytest.raises(ApiError, match="^said so$"):
        carry_out(patient(glance), upload(stream, waiting()))
    assert glance.images == {ID: waiting()}


def test_an_image_that_was_there_before_is_deactivated_where_its_data_is_wrong(stream: Stream) -> None:
    """Nobody shall make a machine of it; to delete what the run has not made is not for the run to decide."""
    glance = Glance(waiting())
    glance.arrives = lambda data: data[:-1]
    with pytest.raises(WrongData, match="was there before, so that it was deactivated and not removed; delete it"):
        carry_out(patient(glance), upload(stream, waiting()))
    assert glance.images[ID]["status"] == "deactivated"


def test_wrong_data_that_cannot_be_taken_out_of_use_is_told(stream: Stream) -> None:
    class Stubborn(Glance):
        def deactivate(self, image_id: str) -> None:
            raise error(Forbidden, 403, "not for you")

    glance = Stubborn(waiting())
    glance.arrives = lambda data: data[:-1]
    with pytest.raises(WrongData, match="is active and could not be deactivated, delete it: not for you"):
        carry_out(patient(glance), upload(stream, waiting()))


def test_a_record_that_takes_no_more_data_is_told_where_it_was_there_before(stream: Stream) -> None:
    class Refusing(Glance):
        def upload(self, image_id: str, body: Body, store: str | None, patience: float) -> None:
            self.images[image_id]["checksum"] = "a" * 32
            raise error(UnsupportedMedia, 415, "not qcow2")

    glance = Refusing(waiting())
    with pytest.raises(RefusedData, match="not qcow2.*takes no other data after this: delete it .state: absent."):
        carry_out(patient(glance), upload(stream, waiting()))
    assert list(glance.images) == [ID]
    with pytest.raises(RefusedData, match="has been removed again"):
        carry_out(patient(Refusing()), upload(stream))


def test_an_image_that_cannot_be_removed_again_is_told_with_its_id(stream: Stream) -> None:
    class Stubborn(Failing):
        def delete(self, image_id: str) -> None:
            raise error(Conflict, 409, "in use")

    glance = Stubborn(error(ApiError, 500, "the first one"))
    with pytest.raises(ApiError, match="^the first one") as caught:
        carry_out(patient(glance), upload(stream))
    (left,) = glance.images
    assert f"The image that was made for it, {left}, could not be removed again: in use" in str(caught.value)


def test_an_image_that_somebody_else_has_removed_by_then_is_gone_all_the_same(stream: Stream) -> None:
    class Helpful(Failing):
        def upload(self, image_id: str, body: Body, store: str | None, patience: float) -> None:
            del self.images[image_id]
            raise self.failure

    with pytest.raises(Forbidden, match="has been removed again"):
        carry_out(patient(Helpful(error(Forbidden, 403))), upload(stream))


def test_a_record_that_could_not_be_made_is_not_removed() -> None:
    glance = Glance()

    def refuse(operation: str) -> None:
        raise error(Forbidden, 403)

    glance.before = refuse
    with pytest.raises(Forbidden, match="^said so$"):
        carry_out(patient(glance), plan_present({"name": "new"}, None))


def there_before() -> Image:
    return {**image(**FORMATS), **hashed(b"old"), "stores": "fast"}


def replacing(old: Image, how: str, stream: Stream) -> Plan:
    retired = retirement_of(old, how, None, False, FORMATS["name"], False)
    return plan_replacement(old, {}, FORMATS, Delivery("upload", Stores(), 60, stream=stream), [retired])


@pytest.mark.parametrize(
    ("how", "failing"), [("hide", 4), ("deactivate", 4), ("deactivate", 5), ("rename", 4), ("delete", 4)]
)
@pytest.mark.parametrize(("kind", "status"), [(Forbidden, 403), (Conflict, 409), (ApiError, 500)])
def test_a_replacement_stays_where_the_old_image_cannot_be_retired(
    how: str, failing: int, kind: type[ApiError], status: int, stream: Stream
) -> None:
    """It is seen by then: whoever makes a machine of it at this moment must not lose it."""
    glance = Glance(there_before())
    count = 0

    def refuse(operation: str) -> None:
        nonlocal count
        count += 1
        if count == failing:
            raise error(kind, status)

    glance.before = refuse
    with pytest.raises(kind, match=r"^said so\. .*stands in its place, but .* could not be retired") as caught:
        carry_out(patient(glance), replacing(there_before(), how, stream))
    assert "removed" not in str(caught.value)
    assert {key: glance.images[ID][key] for key in hashed(b"old")} == hashed(b"old")
    (new,) = [each for each in glance.images.values() if each["id"] != ID]
    assert (new["status"], new["os_hidden"], new["name"], new[REPLACES]) == ("active", False, "new", ID)
    assert {key: new[key] for key in hashed(DATA)} == hashed(DATA)


@pytest.mark.parametrize("failing", [2, 3])
def test_a_replacement_that_is_not_seen_yet_goes_again(failing: int, stream: Stream) -> None:
    """Its data did not come, or it could not be shown."""
    glance = Glance(there_before())

    def refuse(operation: str) -> None:
        if len(glance.done) + 1 == failing:
            glance.before = lambda operation: None
            raise error(ApiError, 500)

    glance.before = refuse
    with pytest.raises(ApiError, match="has been removed again"):
        carry_out(patient(glance), replacing(there_before(), "hide", stream))
    assert glance.images == {ID: there_before()}


def test_of_several_images_to_retire_the_new_one_stays_from_the_first_on(stream: Stream) -> None:
    first = {**there_before(), "id": OTHER_ID}
    second = {**there_before(), REPLACES: OTHER_ID}
    glance = Glance(first, second)
    name = FORMATS["name"]
    retired = [retirement_of(each, "delete", None, False, name, False) for each in (first, second)]
    plan = plan_replacement(second, {}, FORMATS, Delivery("upload", Stores(), 60, stream=stream), retired)

    def refuse(operation: str) -> None:
        if operation == "delete" and "delete" in glance.done:
            raise error(Conflict, 409)

    glance.before = refuse
    with pytest.raises(Conflict, match=f"stands in its place, but .*{ID}.* could not be retired"):
        carry_out(patient(glance), plan)
    assert ID in glance.images
    assert OTHER_ID not in glance.images
    assert len(glance.images) == 2


def test_a_replacement_stays_once_the_old_image_is_retired(stream: Stream) -> None:
    old = there_before()
    glance = Glance(old)
    plan = replacing(old, "delete", stream)

    def fail_at_the_end(operation: str) -> None:
        if operation == "update" and "delete" in glance.done:
            raise error(ApiError, 500)

    glance.before = fail_at_the_end
    with pytest.raises(ApiError, match="^said so$"):
        carry_out(patient(glance), plan)
    (new,) = glance.images.values()
    assert (new["status"], new["os_hidden"], new["name"]) == ("active", False, "new")


def test_an_old_image_that_somebody_else_has_deleted_needs_no_retirement(stream: Stream) -> None:
    old = there_before()
    glance = Glance(old)
    plan = replacing(old, "hide", stream)

    def delete_meanwhile(operation: str) -> None:
        if operation == "upload":
            del glance.images[ID]

    glance.before = delete_meanwhile
    after = carry_out(patient(glance), plan)
    assert after is not None
    assert list(glance.images) == [after["id"]]


def test_a_step_that_needs_an_image_without_one_is_a_bug_and_no_error_of_the_user() -> None:
    with pytest.raises(ValueError, match="needs an image"):
        carry_out(patient(Glance()), Plan(None, image(), (Update([]),)))


# --- the way to the library --------------------------------------------------------------------------------------


def test_data_on_another_way_than_to_the_library_is_warned_of() -> None:
    warned: list[str] = []
    patient(Glance(), warned, library="https://library.example.com:9494/v2").warn_of_the_way()
    patient(Glance(), warned).warn_of_the_way()
    (warning,) = warned
    for part in ("http://glance.invalid/v2", "https://library.example.com:9494/v2", "OS_INTERFACE"):
        assert part in warning


# --- perform -----------------------------------------------------------------------------------------------------


def plan_renamed(params: Mapping[str, Any], session: Session) -> Plan:
    return plan_present({"name": params["name"]}, session.find(params, [session.project_id]), new_id=params["id"])


def task(**given: Any) -> Task:
    chosen: dict[str, Any] = {"check": lambda params: None, "work": plan_renamed, **given}
    return Task(options={**IDENTITY_OPTIONS, "match": {"default": "own"}}, **chosen)


def unheard(warning: str) -> None:
    """That the server of the test has no TLS is worth a warning in every test."""


def params_for(service: Service, **given: Any) -> dict[str, Any]:
    spec = {**CONNECTION_OPTIONS, **task().options}
    endpoint = f"{service.url}/glance/v2"
    return options(spec, token=TOKEN, image_endpoint_override=endpoint, project_id=PROJECT, retries=0, **given)


def glance(request: Request) -> Reply:
    """An image service with one image; it takes every change and has done it."""
    if request.method == "GET":
        if request.path.endswith(ID):
            return Reply(200, image())
        return Reply(404, {"message": "No image found"})
    if request.method == "POST":
        return Reply(201, {"created_at": "2026-11-23T08:00:00Z", **CREATED, **request.document})
    return Reply(200, image(**{each["path"][1:]: each["value"] for each in request.document}))


@pytest.mark.parametrize(
    ("image_id", "name", "changed"), [(ID, "ubuntu-24.04", False), (ID, "renamed", True), (OTHER_ID, "new", True)]
)
def test_check_mode_writes_nothing_and_says_the_same(image_id: str, name: str, changed: bool, serve: Serve) -> None:
    service = serve(glance)
    params = params_for(service, id=image_id, name=name)
    foretold = perform(task(returns_patch=True), params, True, unheard, {})
    assert set(service.methods) == {"GET"}
    real = perform(task(returns_patch=True), params, False, unheard, {})
    assert [method for method in service.methods if method != "GET"] == (
        [] if not changed else ["PATCH"] if image_id == ID else ["POST"]
    )
    for key in ("changed", "diff", "patch"):
        assert foretold[key] == real[key]
    assert foretold["changed"] == changed
    for key, value in foretold["image"].items():
        assert value is None or value == real["image"][key]


def test_the_image_of_a_result_has_the_shape_that_users_get(serve: Serve) -> None:
    result = perform(task(), params_for(serve(glance), id=ID, name="renamed"), False, unheard, {})
    assert result["image"] == image_shape(image(name="renamed"))
    assert "patch" not in result


def test_an_image_that_is_gone_is_null(serve: Serve) -> None:
    service = serve(glance)
    absent = task(work=lambda params, session: plan_absent(session.find(params, [session.project_id])))
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
    service = serve(glance)
    params = params_for(service, id=ID, name="x", auth_url="http://pcd.invalid", validate_certs=False)
    perform(task(), params, True, warned.append, {})
    assert any("not verified" in warning for warning in warned)
    assert any("plain http" in warning for warning in warned)


def test_the_environment_gives_what_the_options_do_not(serve: Serve) -> None:
    service = serve(glance)
    params = {**params_for(service, id=ID, name="x"), "token": None, "image_endpoint_override": None}
    environ = {"OS_TOKEN": TOKEN, "OS_IMAGE_ENDPOINT_OVERRIDE": f"{service.url}/glance"}
    assert perform(task(), params, True, unheard, environ)["changed"]
    assert service.requests[0].headers["X-Auth-Token"] == TOKEN


def glance_that_takes_data(request: Request) -> Reply:
    if request.method == "PUT":
        return Reply(204)
    if request.method == "GET":
        queried = request.path.endswith(ID)
        return Reply(200, {**image(), **hashed(DATA)}) if queried else Reply(404, {"message": "No image found"})
    return Reply(201, {"created_at": "2026-11-23T08:00:00Z", **CREATED, **request.document, "id": ID})


def test_check_mode_reads_the_data_and_sends_none(stream: Stream, serve: Serve) -> None:
    """So that what is foretold is what a real run finds, and a wrong checksum fails in check mode, too."""
    service = serve(glance_that_takes_data)
    with_data = task(work=lambda params, session: upload(stream))
    params = params_for(service, id=OTHER_ID)
    foretold = perform(with_data, params, True, unheard, {})
    assert service.requests == []
    real = perform(with_data, params, False, unheard, {})
    assert service.methods == ["POST", "PUT", "GET"]
    for key, value in hashed(DATA).items():
        assert foretold["image"][key] == real["image"][key] == value
    assert foretold["changed"] is real["changed"] is True
    assert foretold["diff"] == real["diff"]


def test_check_mode_finds_a_wrong_checksum(stream: Stream, serve: Serve) -> None:
    service = serve(Reply(500))
    wrong = Stream(stream.source, Digest("md5", "0" * 32))
    with pytest.raises(DataError, match="^checksum: "):
        perform(task(work=lambda params, session: upload(wrong)), params_for(service, id=ID), True, unheard, {})
    assert service.requests == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_another_deed_tells_its_own_result(check_mode: bool, serve: Serve) -> None:
    class Deed:
        def foretold(self) -> dict[str, Any]:
            return {"changed": True, "done": False}

        def carry_out(self) -> dict[str, Any]:
            return {"changed": True, "done": True}

    deed = task(work=lambda params, session: Deed())
    result = perform(deed, params_for(serve(Reply(500))), check_mode, unheard, {})
    assert result == {"changed": True, "done": not check_mode}


def test_no_error_tells_the_token(serve: Serve) -> None:
    service = serve(lambda request: Reply(403, {"message": f"no right for {request.headers['X-Auth-Token']}"}))
    with pytest.raises(Forbidden, match="no right for") as caught:
        perform(task(), params_for(service, id=ID, name="x"), False, unheard, {})
    assert TOKEN not in str(caught.value)
