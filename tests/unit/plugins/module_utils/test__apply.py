# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan, applied to a service that does not always say what it has done."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._apply import (
    MAX_ROUNDS,
    MAX_WAIT_FOR_WINNER_SECONDS,
    MIN_REST_SECONDS,
    applier_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image
from ansible_collections.platform9.pcd.plugins.module_utils._data.delivery import Delivery, with_delivery
from ansible_collections.platform9.pcd.plugins.module_utils._data.replacement import plan_replacement, retirement_of
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Body, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    Abandoned,
    ApiError,
    Conflict,
    ConnectionFailed,
    DataError,
    Forbidden,
    LostRace,
    NotFound,
    PcdError,
    PlanError,
    RefusedData,
    TimedOut,
    TooLarge,
    UnsupportedMedia,
    WrongData,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    CREATED,
    IMPORT_LOCK,
    REPLACES,
    is_ours,
    new_id,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Create,
    Delete,
    Plan,
    SetStatus,
    Stores,
    Update,
    plan_absent,
    plan_present,
    plan_status,
)
from ansible_collections.platform9.pcd.tests.support.byte_sources import DATA
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import (
    Glance,
    RecordingImages,
    error,
    hashed,
    session_with,
)
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    OUR_ID,
    PROJECT,
    Clock,
    image,
)

# --- a whole plan -----------------------------------------------------------------------------------------------


def test_a_plan_without_steps_sends_nothing() -> None:
    shelf = RecordingImages()
    assert applier_of(session_with(shelf)).apply(Plan(image(), image())) == image()
    assert applier_of(session_with(shelf)).apply(Plan(None, None)) is None
    assert shelf.done == []


def test_the_image_after_a_step_is_what_the_service_says() -> None:
    shelf = RecordingImages(image())
    patch = [{"op": "replace", "path": "/min_disk", "value": 20}]
    after = applier_of(session_with(shelf)).apply(Plan(image(), image(min_disk=20), (Update(patch),)))
    assert shelf.done == [("update", ID, patch), ("get", ID)]
    assert after is not None
    assert after["updated_at"] == "2026-11-23T08:00:00Z"


def test_a_new_image_is_what_the_service_says() -> None:
    shelf = RecordingImages()
    after = applier_of(session_with(shelf)).apply(plan_present({"name": "new"}, None))
    assert [operation for operation, *dummy in shelf.done] == ["create"]
    sent = shelf.done[0][1]
    assert sent == {"id": sent["id"], "name": "new"}
    assert is_ours(sent["id"])
    assert after == image(id=sent["id"], name="new")


def test_a_desired_id_goes_before_one_of_ours() -> None:
    shelf = RecordingImages()
    applier_of(session_with(shelf)).apply(plan_present({"name": "new"}, None, new_id=ID))
    assert shelf.done == [("create", {"id": ID, "name": "new"})]


def test_an_id_that_was_used_before_is_explained() -> None:
    shelf = RecordingImages(create=error(Conflict, 409, "Image ID already exists!"))
    with pytest.raises(Conflict, match="Image ID already exists! The service never reuses an image id") as caught:
        applier_of(session_with(shelf)).apply(plan_present({"name": "new"}, None, new_id=ID))
    assert caught.value.status == 409
    assert caught.value.server_message == "Image ID already exists!"
    assert caught.value.facts == {"method": "X", "url": "http://x", "status": 409, "request_id": "req-1"}


def test_another_conflict_of_a_new_image_is_reported_as_it_is() -> None:
    with pytest.raises(Conflict, match="^said so$"):
        applier_of(session_with(RecordingImages(create=error(Conflict, 409)))).apply(
            plan_present({"name": "new"}, None)
        )


@pytest.mark.parametrize(("wanted", "action"), [("deactivated", "deactivate"), ("active", "reactivate")])
def test_the_status_is_read_again_after_it_was_set(wanted: str, action: str) -> None:
    shelf = RecordingImages(image(status=wanted))
    after = applier_of(session_with(shelf)).apply(Plan(image(), image(status=wanted), (SetStatus(action),)))
    assert shelf.done == [(action, ID), ("get", ID)]
    assert after == image(status=wanted)


def test_a_status_that_was_accepted_and_is_not_there_is_an_error() -> None:
    shelf = RecordingImages(image(status="active"))
    with pytest.raises(PlanError, match="deactivate.*its status is active.*run the task again"):
        applier_of(session_with(shelf)).apply(plan_status("deactivated", image()))


def test_an_image_is_deleted_in_one_request() -> None:
    shelf = RecordingImages(image())
    assert applier_of(session_with(shelf)).apply(plan_absent(image())) is None
    assert shelf.done == [("delete", ID)]


def test_an_image_that_somebody_else_deletes_at_the_same_moment_is_gone_all_the_same() -> None:
    assert applier_of(session_with(RecordingImages(delete=error(NotFound, 404)))).apply(plan_absent(image())) is None


UNPROTECT = [{"op": "replace", "path": "/protected", "value": False}]
PROTECT = [{"op": "replace", "path": "/protected", "value": True}]


def test_a_forced_deletion_takes_the_protection_off_first() -> None:
    shelf = RecordingImages(image(protected=True))
    assert applier_of(session_with(shelf)).apply(plan_absent(image(protected=True), force=True)) is None
    assert shelf.done == [("update", ID, UNPROTECT), ("delete", ID)]


@pytest.mark.parametrize("failure", [error(Forbidden, 403), error(Conflict, 409), error(ApiError, 500)])
def test_a_forced_deletion_that_is_refused_leaves_the_image_protected(failure: ApiError) -> None:
    shelf = RecordingImages(image(protected=True), delete=failure)
    with pytest.raises(type(failure)) as caught:
        applier_of(session_with(shelf)).apply(plan_absent(image(protected=True), force=True))
    assert caught.value is failure
    assert [each for each in shelf.done if each[0] != "get"] == [
        ("update", ID, UNPROTECT),
        ("delete", ID),
        ("update", ID, PROTECT),
    ]
    assert shelf.images[ID]["protected"] is True


def test_a_deletion_that_was_not_forced_protects_nothing() -> None:
    shelf = RecordingImages(delete=error(Forbidden, 403))
    with pytest.raises(Forbidden):
        applier_of(session_with(shelf)).apply(plan_absent(image()))
    assert shelf.done == [("delete", ID)]


def test_a_forced_deletion_that_finds_the_image_gone_protects_nothing() -> None:
    shelf = RecordingImages(image(protected=True), delete=error(NotFound, 404))
    assert applier_of(session_with(shelf)).apply(plan_absent(image(protected=True), force=True)) is None
    assert shelf.done == [("update", ID, UNPROTECT), ("delete", ID)]


def test_a_protection_that_could_not_be_put_back_is_reported_beside_the_refusal() -> None:
    class Stubborn(RecordingImages):
        def update(self, image_id: str, patch: Sequence[dict[str, Any]]) -> Image:
            if patch == PROTECT:
                raise error(ApiError, 503, "out of order")
            return super().update(image_id, patch)

    shelf = Stubborn(image(protected=True), delete=error(Conflict, 409, "image is in use"))
    with pytest.raises(PlanError, match="image is in use.*could not be put back.*out of order") as caught:
        applier_of(session_with(shelf)).apply(plan_absent(image(protected=True), force=True))
    assert caught.value.facts["status"] == 409


def test_a_forced_deletion_whose_first_step_is_refused_deletes_nothing() -> None:
    shelf = RecordingImages(update=error(Forbidden, 403))
    with pytest.raises(Forbidden):
        applier_of(session_with(shelf)).apply(plan_absent(image(protected=True), force=True))
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
        applier_of(session_with(RecordingImages(**failures))).apply(plan)


# --- answers that do not say what was done ------------------------------------------------------------------------

UNCLEAR = [
    pytest.param(lambda: ConnectionFailed("nothing answered"), id="no answer"),
    pytest.param(lambda: error(ApiError, 500), id="500"),
    pytest.param(lambda: error(ApiError, 503), id="503"),
    pytest.param(lambda: error(ApiError, 408), id="408"),
    pytest.param(lambda: error(ApiError, 200), id="somebody else's answer"),
]
MIN_DISK = [{"op": "replace", "path": "/min_disk", "value": 20}]
OPERATIONS: dict[str, tuple[Image | None, Plan, Callable[[Glance], bool]]] = {
    "create": (None, plan_present({"name": "new"}, None), lambda glance: len(glance.named("new")) == 1),
    "create by id": (None, plan_present({"name": "new"}, None, new_id=ID), lambda glance: [*glance.images] == [ID]),
    "update": (
        image(),
        Plan(image(), image(min_disk=20), (Update(MIN_DISK),)),
        lambda glance: glance.images[ID]["min_disk"] == 20,
    ),
    "delete": (image(), plan_absent(image()), lambda glance: glance.images == {}),
    "deactivate": (
        image(),
        plan_status("deactivated", image()),
        lambda glance: glance.images[ID]["status"] == "deactivated",
    ),
    "reactivate": (
        image(status="deactivated"),
        plan_status("active", image(status="deactivated")),
        lambda glance: glance.images[ID]["status"] == "active",
    ),
}


def once(failing: Callable[[], PcdError], times: int = 1) -> Callable[[str], object]:
    """Raises it so many times."""
    left = [failing() for dummy in range(times)]

    def fail(dummy_operation: str) -> None:
        if left:
            raise left.pop()

    return fail


@pytest.mark.parametrize("failing", UNCLEAR)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_was_done_though_nobody_said_so_is_not_done_again(operation: str, failing: Callable[[], PcdError]) -> None:
    there, plan, is_done = OPERATIONS[operation]
    glance = Glance(*([there] if there else []))
    glance.afterwards = once(failing)
    applier_of(session_with(glance, retries=0)).apply(plan)
    assert is_done(glance)
    assert glance.done == [operation.split()[0]]


@pytest.mark.parametrize("failing", UNCLEAR)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_a_look_shows_not_to_be_done_is_done_again(operation: str, failing: Callable[[], PcdError]) -> None:
    there, plan, is_done = OPERATIONS[operation]
    glance, clock = Glance(*([there] if there else [])), Clock()
    glance.before = once(failing, times=2)
    applier_of(session_with(glance, retries=2, clock=clock)).apply(plan)
    assert is_done(glance)
    assert glance.done == [operation.split()[0]]
    assert len([seconds for seconds in clock.slept if seconds > 0.2]) == 2


@pytest.mark.parametrize("failing", UNCLEAR)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_is_tried_as_often_as_allowed_and_then_fails(operation: str, failing: Callable[[], PcdError]) -> None:
    there, plan, is_done = OPERATIONS[operation]
    glance = Glance(*([there] if there else []))
    glance.before = once(failing, times=3)
    with pytest.raises((ApiError, ConnectionFailed)):
        applier_of(session_with(glance, retries=2)).apply(plan)
    assert not is_done(glance)
    assert glance.done == []


@pytest.mark.parametrize(("kind", "status"), [(Forbidden, 403), (ApiError, 400), (TooLarge, 413), (ApiError, 302)])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_is_not_tried_again(operation: str, kind: type[ApiError], status: int) -> None:
    there, plan, dummy = OPERATIONS[operation]
    if (operation, status) == ("delete", 400):
        pytest.skip("another deletion is under way then")
    glance, asked = Glance(*([there] if there else [])), []

    def refuse(name: str) -> None:
        asked.append(name)
        raise error(kind, status)

    glance.before = refuse
    with pytest.raises(kind, match="^said so$"):
        applier_of(session_with(glance, retries=4)).apply(plan)
    assert asked == [operation.split()[0]]


@pytest.mark.parametrize("stores", ["pod", "pod,tape"])
def test_a_deletion_that_the_service_cannot_do_names_the_other_endpoint_at_once(stores: str) -> None:
    glance, clock = Glance(image(stores=stores)), Clock()
    glance.is_readable = False
    glance.before = once(lambda: error(ApiError, 500), times=9)
    with pytest.raises(
        ApiError, match=f"lies in {stores.replace(',', ', ')}, but .* has only fast, http, slow"
    ) as caught:
        applier_of(session_with(glance, retries=4, clock=clock)).apply(plan_absent(image(stores=stores)))
    assert (caught.value.status, clock.slept) == (500, [])


@pytest.mark.parametrize(
    ("stores", "is_readable", "status"),
    [("pod", True, 500), ("pod,fast", False, 500), (None, False, 500), ("pod", False, 503), ("pod", False, 502)],
)
def test_a_service_that_is_only_out_of_order_is_asked_again_to_delete(
    stores: str | None, is_readable: bool, status: int
) -> None:
    """What the image says of its stores decides nothing, if the service can read its data."""
    glance = Glance(image(stores=stores))
    glance.is_readable = is_readable
    glance.before = once(lambda: error(ApiError, status))
    applier_of(session_with(glance, retries=1)).apply(plan_absent(image(stores=stores)))
    assert glance.images == {}


def test_another_deletion_that_is_under_way_is_waited_for() -> None:
    glance = Glance(image())
    glance.before = once(lambda: error(ApiError, 400), times=2)
    assert applier_of(session_with(glance, retries=2)).apply(plan_absent(image())) is None
    assert glance.images == {}


@pytest.mark.parametrize("new_id", [None, ID])
def test_an_id_that_is_taken_after_an_unclear_answer_is_that_of_the_first_attempt(new_id: str | None) -> None:
    """The first request arrives only after the look for it."""
    glance = Glance()
    late: list[Image] = []

    def lose(operation: str) -> None:
        if not late:
            late.append({})
            raise ConnectionFailed("nothing answered")
        if len(late) == 1:
            late.append({})
            glance.before = lambda dummy: None
            glance.create(sent)
            raise error(Conflict, 409)

    sent: Image = {"id": new_id or fresh_id(), "name": "new"}
    glance.before = lose
    after = applier_of(session_with(glance, retries=1)).apply(Plan(None, image(), (Create(sent),)))
    assert after is not None
    assert [each["id"] for each in glance.named("new")] == [after["id"]] == [sent["id"]]


@pytest.mark.parametrize("stays", [True, False], ids=["given", "new"])
def test_a_record_with_a_given_id_stays_if_no_answer_says_that_this_run_has_made_it(
    stays: bool, stream: Stream
) -> None:
    """Another run of the same task may have made it."""

    class Refusing(Glance):
        def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
            raise error(Forbidden, 403)

    glance = Refusing()
    glance.afterwards = once(lambda: error(ApiError, 500))
    with pytest.raises(Forbidden):
        applier_of(session_with(glance)).apply(upload(stream, None, **({"id": ID} if stays else {})))
    assert bool(glance.named("new")) is stays


def test_the_outcome_is_reported_as_unknown_if_nothing_answers_any_more() -> None:
    class Silent(Glance):
        def get(self, image_id: str) -> Image:
            raise ConnectionFailed("still nothing answers")

    glance = Silent(image())
    glance.before = once(lambda: ConnectionFailed("nothing answered"))
    with pytest.raises(ConnectionFailed, match="^nothing answered.*not known: still nothing answers"):
        applier_of(session_with(glance, retries=2)).apply(plan_absent(image()))


# --- others at the same moment ------------------------------------------------------------------------------------


def undoing(glance: Glance, times: int) -> None:
    """Somebody else's change undoes ours as soon as it is answered."""
    get, left = glance.get, [times]

    def undo(operation: str) -> None:
        answer = get(ID)

        def answered(image_id: str) -> Image:
            glance.get = get  # type: ignore[method-assign]
            if left[0]:
                left[0] -= 1
                glance.images[ID].update(min_disk=7, theirs=str(left[0]))
            return answer

        glance.get = answered  # type: ignore[method-assign]

    glance.afterwards = undo


def test_a_change_that_another_one_undoes_is_made_again() -> None:
    glance = Glance(image())
    undoing(glance, times=3)
    after = applier_of(session_with(glance)).apply(Plan(image(), image(min_disk=20), (Update(MIN_DISK),)))
    assert after is not None
    assert glance.images[ID]["min_disk"] == after["min_disk"] == 20
    assert glance.images[ID]["theirs"] == "0"
    assert glance.done == ["update"] * 4


def test_a_change_that_others_undo_for_ever_is_an_error_that_names_the_attribute() -> None:
    glance = Glance(image())
    undoing(glance, times=1000)
    with pytest.raises(PlanError, match="^Another client keeps overwriting Image .*: min_disk is 7 instead of 20"):
        applier_of(session_with(glance)).apply(Plan(image(), image(min_disk=20), (Update(MIN_DISK),)))
    assert glance.done == ["update"] * MAX_ROUNDS


class Galera(Glance):
    """Another client's write, refused at the moment of ours, is repeated half a second later with what it had read.

    Something of it, or of a third client, may be seen beside ours.
    """

    def __init__(self, clock: Clock, seen: str, repeated_after: float = 1.0) -> None:
        super().__init__(image())
        self._clock, self._seen, self._before = clock, seen, dict(self.images[ID])
        self._due: float | None = None
        self._repeated_after = repeated_after
        self.looks = 0

    def update(self, image_id: str, patch: Any) -> Image:
        if self._due is None:
            self._due = self._clock.now + self._repeated_after
            if self._seen == "in the answer":
                self.images[ID]["third"] = "x"
        answer = super().update(image_id, patch)
        if self._seen == "in the look":
            self.images[ID]["third"] = "x"
        return answer

    def get(self, image_id: str) -> Image:
        self.looks += 1
        self._repeat()
        return super().get(image_id)

    def _repeat(self) -> None:
        if self._due is not None and self._clock.now >= self._due:
            self._due = float("inf")
            self.images[ID] = {**self._before, "theirs": "y"}


@pytest.mark.parametrize("seen", ["in the answer", "in the look"])
def test_a_change_that_a_cluster_undoes_later_is_made_again_if_others_write_too(seen: str) -> None:
    clock = Clock()
    glance = Galera(clock, seen)
    session = session_with(glance, clock=clock)
    left = applier_of(session).apply(Plan(image(), image(min_disk=20), (Update(MIN_DISK),)))
    assert left is not None
    assert glance.images[ID]["min_disk"] == left["min_disk"] == 20
    assert glance.images[ID]["theirs"] == "y"


def test_an_undisturbed_change_is_looked_at_once_after_a_short_time() -> None:
    clock = Clock()
    glance = Galera(clock, "nowhere", repeated_after=1000.0)
    applier_of(session_with(glance, clock=clock)).apply(Plan(image(), image(min_disk=20), (Update(MIN_DISK),)))
    # Two of the update itself, and one look.
    assert glance.looks == 3
    assert sum(clock.slept) <= 1.5 * MIN_REST_SECONDS


def test_a_change_is_believed_in_the_end_though_others_write_all_the_time() -> None:
    clock = Clock()
    glance = Galera(clock, "in the answer", repeated_after=1000.0)
    get, count = glance.get, itertools.count()

    def busy(image_id: str) -> Image:
        glance.images[ID]["third"] = str(next(count))
        return get(image_id)

    glance.get = busy  # type: ignore[method-assign]
    applier_of(session_with(glance, clock=clock)).apply(Plan(image(), image(min_disk=20), (Update(MIN_DISK),)))
    assert glance.done == ["update"]


def test_with_purge_a_property_that_comes_meanwhile_goes_too() -> None:
    glance = Glance(image())
    plan = plan_present({"min_disk": 20}, image(), purge=True)
    undoing(glance, times=1)
    applier_of(session_with(glance)).apply(plan)
    assert "theirs" not in glance.images[ID]
    assert "os_distro" not in glance.images[ID]


def fresh_id() -> str:
    """One that this collection could have made."""
    return new_id()


def rival(image_id: str, **given: Any) -> Image:
    return {**CREATED, "id": image_id, "name": "new", "owner": PROJECT, "created_at": "2026-11-23T09:00:00Z", **given}


def made_by(glance: Glance) -> list[str]:
    return [each["id"] for each in glance.named("new")]


def racing(glance: Glance, other: Image, first: bool, stays: bool) -> None:
    """Another run makes an image at the same moment, before ours or after it."""

    def appear(operation: str) -> None:
        if operation != "create":
            return
        glance.before = glance.afterwards = lambda dummy: None
        glance.images = {other["id"]: other, **glance.images} if first else {**glance.images, other["id"]: other}
        if not stays:
            looks = glance.list

            def leave(*arguments: Any, **options: Any) -> Iterator[Image]:
                found = [*looks(*arguments, **options)]
                glance.images.pop(other["id"], None)
                return iter(found)

            glance.list = leave  # type: ignore[method-assign]

    if first:
        glance.before = appear
    else:
        glance.afterwards = appear


@pytest.mark.parametrize("ours", [True, False])
def test_whoever_was_not_first_removes_its_own_image(ours: bool) -> None:
    glance, other = Glance(), rival(fresh_id() if ours else OTHER_ID)
    racing(glance, other, first=True, stays=True)
    with pytest.raises(LostRace):
        applier_of(session_with(glance)).apply(plan_present({"name": "new", "protected": True}, None))
    assert made_by(glance) == [other["id"]]


def test_whoever_is_first_stays_if_the_others_go() -> None:
    glance, other = Glance(), rival(fresh_id())
    racing(glance, other, first=False, stays=False)
    after = applier_of(session_with(glance)).apply(plan_present({"name": "new"}, None))
    assert after is not None
    assert made_by(glance) == [after["id"]]


@pytest.mark.parametrize("ours", [True, False])
def test_whoever_is_first_goes_if_another_one_stays(ours: bool) -> None:
    """It may have looked before ours was there; and what was made by hand goes for nobody."""
    glance, other = Glance(), rival(fresh_id() if ours else OTHER_ID)
    racing(glance, other, first=False, stays=True)
    with pytest.raises(LostRace):
        applier_of(session_with(glance)).apply(plan_present({"name": "new"}, None))
    assert made_by(glance) == [other["id"]]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"owner": OTHER_PROJECT}, id="of another project"),
        pytest.param({"os_hidden": True}, id="hidden"),
        pytest.param({"name": "other"}, id="of another name"),
    ],
)
def test_an_image_that_does_not_stand_in_its_place_is_not_a_rival(other: Mapping[str, Any]) -> None:
    glance = Glance(rival(OTHER_ID, **other))
    assert applier_of(session_with(glance)).apply(plan_present({"name": "new"}, None)) is not None
    assert len(glance.images) == 2


def test_one_look_is_enough_if_nobody_else_makes_it() -> None:
    glance, looks = Glance(), []
    look = glance.list

    def counted(*arguments: Any, **options: Any) -> Iterator[Image]:
        looks.append(arguments)
        return look(*arguments, **options)

    glance.list = counted  # type: ignore[method-assign]
    assert applier_of(session_with(glance)).apply(plan_present({"name": "new"}, None)) is not None
    assert len(looks) == 1


def test_an_image_of_a_given_id_has_no_rivals() -> None:
    glance = Glance(rival(OTHER_ID))
    assert applier_of(session_with(glance)).apply(plan_present({"name": "new"}, None, new_id=ID)) is not None
    assert sorted(glance.images) == sorted([ID, OTHER_ID])


def test_an_id_that_another_run_has_taken_at_the_same_moment_is_planned_again() -> None:
    """The next plan finds the image, and changes only what differs."""
    glance = Glance()
    glance.before = lambda dummy: glance.images.setdefault(ID, rival(ID))
    with pytest.raises(LostRace, match="^Image 'new' .* was made and deleted by others at the same moment"):
        applier_of(session_with(glance)).apply(plan_present({"name": "new"}, None, new_id=ID))
    assert glance.images == {ID: rival(ID)}


# --- data that does not come as it should ------------------------------------------------------------------------

FORMATS = {"name": "new", "disk_format": "raw", "container_format": "bare"}


def upload(stream: Stream, current: Image | None = None, **desired: Any) -> Plan:
    delivery = Delivery("upload", Stores(), 60, stream=stream)
    return with_delivery(plan_present({**FORMATS, **desired}, current), delivery)


def waiting(**given: Any) -> Image:
    nothing = {"size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None, "stores": None}
    return image(**{"status": "queued", **nothing, **FORMATS, **given})


class Failing(Glance):
    """Raises this instead of taking data; what arrived before stays."""

    def __init__(self, failure: PcdError, *images: Image) -> None:
        super().__init__(*images)
        self.failure = failure

    def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
        self._do("upload")
        raise self.failure


FAILURES = [
    pytest.param(lambda: error(Forbidden, 403), id="refused"),
    pytest.param(lambda: error(ApiError, 500), id="broken"),
    pytest.param(lambda: DataError("the file was changed"), id="a wrong source"),
    pytest.param(lambda: ConnectionFailed("nothing answered"), id="no answer"),
]


@pytest.mark.parametrize(
    ("given", "sends", "waits"),
    [
        pytest.param({}, True, True, id="queued"),
        pytest.param({"status": "active"}, True, False, id="with its data"),
        pytest.param({IMPORT_LOCK: "req-1"}, True, False, id="about to be imported"),
        pytest.param({}, False, False, id="and no data is to be sent"),
    ],
)
def test_a_run_that_gave_way_plans_again_once_the_data_of_the_other_image_has_begun(
    given: dict[str, Any], sends: bool, waits: bool, stream: Stream
) -> None:
    clock, glance = Clock(), Glance()
    racing(glance, rival(fresh_id(), **given), first=True, stays=True)
    plan = upload(stream) if sends else plan_present({"name": "new"}, None)
    with pytest.raises(LostRace):
        applier_of(session_with(glance, clock=clock)).apply(plan)
    assert (sum(clock.slept) > MAX_WAIT_FOR_WINNER_SECONDS / 2) is waits


@pytest.mark.parametrize("protected", [None, False, True])
@pytest.mark.parametrize("failing", FAILURES)
def test_an_image_that_the_run_has_made_is_removed_if_its_data_does_not_come(
    failing: Callable[[], PcdError], protected: bool | None, stream: Stream
) -> None:
    failure = failing()
    glance = Failing(failure)
    desired: dict[str, Any] = {} if protected is None else {"protected": protected}
    with pytest.raises(type(failure), match=r"has been removed again\.$") as caught:
        applier_of(session_with(glance)).apply(upload(stream, **desired))
    assert caught.value is failure
    assert glance.images == {}


@pytest.mark.parametrize("given_id", [None, ID])
@pytest.mark.parametrize("at", ["upload", "look"])
def test_a_run_whose_new_image_is_deleted_by_another_client_plans_again(
    at: str, given_id: str | None, stream: Stream
) -> None:
    """A run with other data for the same image does this. An id that was given cannot be given again."""

    class Deleting(Glance):
        def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
            if at == "look":
                super().upload(image_id, body, store, timeout)
            del self.images[image_id]
            if at == "upload":
                raise error(NotFound, 404)

    glance = Deleting()
    delivery = Delivery("upload", Stores(), 60, stream=stream)
    plan = with_delivery(plan_present(FORMATS, None, new_id=given_id), delivery)
    with pytest.raises(PcdError, match="was deleted by another client before it was finished") as caught:
        applier_of(session_with(glance)).apply(plan)
    assert isinstance(caught.value, PlanError if given_id else LostRace)
    assert not getattr(caught.value, "kept", False)
    assert ("The service never reuses an image id" in str(caught.value)) is (given_id is not None)


def test_an_image_that_the_service_still_works_on_is_left_to_it(stream: Stream) -> None:
    class Saving(Glance):
        def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
            self.images[image_id]["status"] = "saving"

    glance = Saving()
    with pytest.raises(TimedOut) as caught:
        applier_of(session_with(glance)).apply(upload(stream))
    assert "removed" not in str(caught.value)
    (left,) = glance.images.values()
    assert left["status"] == "saving"
    assert glance.done == ["create"]


def test_an_image_that_was_there_before_stays_if_its_data_does_not_come(stream: Stream) -> None:
    glance = Failing(error(ApiError, 500), waiting())
    with pytest.raises(ApiError, match="^said so$"):
        applier_of(session_with(glance)).apply(upload(stream, waiting()))
    assert glance.images == {ID: waiting()}


def test_an_image_that_was_there_before_is_deactivated_if_its_data_is_wrong(stream: Stream) -> None:
    """Nobody shall make a machine of it; to delete what the run has not made is not for the run to decide."""
    glance = Glance(waiting())
    glance.arrives = lambda data: data[:-1]
    with pytest.raises(WrongData, match="was there before, so that it was deactivated and not removed; delete it"):
        applier_of(session_with(glance)).apply(upload(stream, waiting()))
    assert glance.images[ID]["status"] == "deactivated"


def test_wrong_data_that_cannot_be_taken_out_of_use_is_reported(stream: Stream) -> None:
    class Stubborn(Glance):
        def deactivate(self, image_id: str) -> None:
            raise error(Forbidden, 403, "not for you")

    glance = Stubborn(waiting())
    glance.arrives = lambda data: data[:-1]
    with pytest.raises(WrongData, match="is active and could not be deactivated, delete it: not for you"):
        applier_of(session_with(glance)).apply(upload(stream, waiting()))


def test_a_record_that_takes_no_more_data_is_reported_if_it_was_there_before(stream: Stream) -> None:
    class Refusing(Glance):
        def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
            self.images[image_id]["checksum"] = "a" * 32
            raise error(UnsupportedMedia, 415, "not qcow2")

    glance = Refusing(waiting())
    with pytest.raises(RefusedData, match="not qcow2.*takes no other data after this: delete it .state: absent."):
        applier_of(session_with(glance)).apply(upload(stream, waiting()))
    assert list(glance.images) == [ID]
    with pytest.raises(RefusedData, match="has been removed again"):
        applier_of(session_with(Refusing())).apply(upload(stream))


def test_an_image_that_cannot_be_removed_again_is_reported_with_its_id(stream: Stream) -> None:
    class Stubborn(Failing):
        def delete(self, image_id: str) -> None:
            raise error(Conflict, 409, "in use")

    glance = Stubborn(error(ApiError, 500, "the first one"))
    with pytest.raises(ApiError, match="^the first one") as caught:
        applier_of(session_with(glance)).apply(upload(stream))
    (left,) = glance.images
    assert f"The image that was made for it, {left}, could not be removed again: in use" in str(caught.value)


def test_an_image_that_somebody_else_has_removed_by_then_is_gone_all_the_same(stream: Stream) -> None:
    class Helpful(Failing):
        def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
            del self.images[image_id]
            raise self.failure

    with pytest.raises(Forbidden, match="has been removed again"):
        applier_of(session_with(Helpful(error(Forbidden, 403)))).apply(upload(stream))


class Dying(Glance):
    """Its process ends in the middle of so many uploads."""

    deaths = 1

    def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
        if self.deaths:
            self.deaths -= 1
            self.images[image_id]["status"] = "saving"
            raise ConnectionFailed("broken off")
        super().upload(image_id, body, store, timeout)


def test_data_whose_process_has_died_goes_into_another_record(stream: Stream) -> None:
    glance = Dying()
    after = applier_of(session_with(glance)).apply(upload(stream, name="new"))
    assert after is not None
    assert list(glance.images) == [after["id"]]
    assert after["status"] == "active"
    assert glance.done.count("create") == 2


def test_data_is_not_sent_for_ever_though_each_process_dies(stream: Stream) -> None:
    glance = Dying()
    glance.deaths = 9
    with pytest.raises(Abandoned, match="has been removed again"):
        applier_of(session_with(glance)).apply(upload(stream, name="new"))
    assert glance.deaths == 7
    assert glance.images == {}


def test_a_record_that_was_there_before_stays_though_the_process_has_died(stream: Stream) -> None:
    glance = Dying(waiting())
    with pytest.raises(Abandoned, match="Delete the image .state: absent. and run the task again"):
        applier_of(session_with(glance)).apply(upload(stream, waiting()))
    assert list(glance.images) == [ID]


def test_a_record_that_could_not_be_made_is_not_removed() -> None:
    glance = Glance()

    def refuse(operation: str) -> None:
        raise error(Forbidden, 403)

    glance.before = refuse
    with pytest.raises(Forbidden, match="^said so$"):
        applier_of(session_with(glance)).apply(plan_present({"name": "new"}, None))


def there_before() -> Image:
    return {**image(**FORMATS), **hashed(b"old"), "stores": "fast"}


def replacing(old: Image, how: str, stream: Stream) -> Plan:
    retired = retirement_of(old, how, None, False, FORMATS["name"], False)
    return plan_replacement(old, FORMATS, Delivery("upload", Stores(), 60, stream=stream), [retired])


@pytest.mark.parametrize(
    ("how", "failing"), [("hide", 4), ("deactivate", 4), ("deactivate", 5), ("rename", 4), ("delete", 4)]
)
@pytest.mark.parametrize(("kind", "status"), [(Forbidden, 403), (Conflict, 409), (ApiError, 500)])
def test_a_replacement_stays_if_the_old_image_cannot_be_retired(
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
        applier_of(session_with(glance)).apply(replacing(there_before(), how, stream))
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
        applier_of(session_with(glance)).apply(replacing(there_before(), "hide", stream))
    assert glance.images == {ID: there_before()}


def test_of_several_images_to_retire_the_new_one_stays_from_the_first_on(stream: Stream) -> None:
    first = {**there_before(), "id": OTHER_ID}
    second = {**there_before(), "id": OUR_ID, REPLACES: OTHER_ID, BOUND_TO: OUR_ID}
    glance = Glance(first, second)
    name = FORMATS["name"]
    retired = [retirement_of(each, "delete", None, False, name, False) for each in (first, second)]
    plan = plan_replacement(second, FORMATS, Delivery("upload", Stores(), 60, stream=stream), retired)

    def refuse(operation: str) -> None:
        if operation == "delete" and "delete" in glance.done:
            raise error(Conflict, 409)

    glance.before = refuse
    with pytest.raises(Conflict, match=f"stands in its place, but .*{OUR_ID}.* could not be retired"):
        applier_of(session_with(glance)).apply(plan)
    assert OUR_ID in glance.images
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
        applier_of(session_with(glance)).apply(plan)
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
    after = applier_of(session_with(glance)).apply(plan)
    assert after is not None
    assert list(glance.images) == [after["id"]]


def test_a_step_that_needs_an_image_without_one_is_a_bug_and_no_error_of_the_user() -> None:
    with pytest.raises(ValueError, match="needs an image"):
        applier_of(session_with(Glance())).apply(Plan(None, image(), (Update([]),)))
