# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the services answer: a task gives a result, or an error of ours in one line without a secret.

No real service answers so. Only the transport is replaced, below requests; everything above it is the real thing.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._task import Task, perform
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    PASSWORD,
    PROJECT,
    TOKEN,
    image,
    options,
)

MODULES = "ansible_collections.platform9.pcd.plugins.modules"
BYTES = b"the bytes of an image"
KEYSTONE, GLANCE = "https://keystone.invalid/v3", "https://glance.invalid/v2"
LOGIN = {"auth_url": KEYSTONE, "username": "me", "password": PASSWORD, "project_id": PROJECT}
IMPATIENT: dict[str, Any] = {"retries": 0}
NEW = {"name": "new", "disk_format": "raw", "container_format": "bare", "wait_timeout": 0}

CATALOG = [
    {
        "type": "image",
        "name": "glance",
        "id": "1",
        "endpoints": [
            {"id": "2", "interface": interface, "region": "one", "region_id": "one", "url": GLANCE}
            for interface in ("admin", "public")
        ],
    }
]
QUEUED = {
    **image(name="new", status="queued", size=None, checksum=None, os_hash_value=None, os_hash_algo=None),
    "disk_format": "raw",
}
ACTIVE = image(
    name="old", size=len(BYTES), checksum=hashlib.md5(BYTES).hexdigest(), os_hash_value=None, os_hash_algo=None
)


@dataclass
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def told(document: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})


def right_answer(method: str, url: str, active: Mapping[str, Any] = ACTIVE) -> Reply:
    """What a service that works answers; `active` is the image that is there."""
    path = url.partition("?")[0].removeprefix("https://")
    if path.startswith("keystone"):
        token = {"catalog": CATALOG, "project": {"id": PROJECT}, "expires_at": "2026-11-26T23:00:00.000000Z"}
        return told({"token": token}, 201 if method == "POST" else 200, **{"X-Subject-Token": TOKEN})
    if path.startswith("vendor"):
        return Reply(200, BYTES, {"Content-Length": str(len(BYTES))})
    if path.endswith("/versions"):
        return told({"versions": [{"id": "v2.9", "status": "CURRENT", "links": []}]})
    if "/info/stores" in path:
        return told({"stores": [{"id": "fast", "default": "true"}, {"id": "slow"}]})
    if path.endswith("/info/import"):
        return told({"import-methods": {"value": ["glance-direct", "web-download", "copy-image"]}})
    if path.endswith("/tasks"):
        return told({"tasks": [{"message": "failed", "created_at": "2026"}]})
    if path.endswith("/import"):
        return Reply(202, b"")
    if path.endswith("/file") and method == "GET":
        return Reply(200, BYTES, {"Content-Length": str(len(BYTES))})
    if path.endswith("/images") and method == "GET":
        return told({"images": [] if "new" in url else [active]})
    if path.endswith("/images"):
        return told(QUEUED, 201)
    if method == "GET" and path.endswith(OTHER_ID):
        return told(QUEUED)
    if method == "GET":
        return told(active)
    if method == "PATCH":
        return told(active)
    return Reply(204, b"")


class Services(requests.adapters.HTTPAdapter):
    """Every service that a session talks to; the request number `when` gets another answer than the right one."""

    def __init__(self, when: int = -1, spoil: Callable[[Reply], Reply] = lambda reply: reply) -> None:
        super().__init__()
        self.when = when
        self.spoil = spoil
        self.count = 0
        self.active = copy.deepcopy(ACTIVE)

    def send(self, request: requests.PreparedRequest, *dummy: Any, **options: Any) -> requests.Response:
        sent: Any = request.body
        if sent is not None and not isinstance(sent, (str, bytes)):
            deque(sent, maxlen=0)
        url = str(request.url)
        if request.method == "PATCH":
            for operation in json.loads(request.body or b"[]"):
                self.active[operation["path"][1:]] = operation.get("value")
        if "/actions/" in url:
            self.active["status"] = "deactivated" if url.endswith("/deactivate") else "active"
        reply = right_answer(str(request.method), url, self.active)
        if self.count == self.when:
            reply = self.spoil(reply)
        self.count += 1
        raw = urllib3.HTTPResponse(
            io.BytesIO(reply.body),
            headers=urllib3.HTTPHeaderDict(reply.headers),
            status=reply.status,
            preload_content=False,
            decode_content=False,
        )
        response = self.build_response(request, raw)
        if not options.get("stream"):
            assert response.content is not None
        return response


FILE = "FILE"
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "list": ("pcd_image_info", {}),
    "list hidden ones, too": ("pcd_image_info", {"hidden": "any", "limit": 3}),
    "show": ("pcd_image_info", {"id": ID}),
    "create": ("pcd_image", {**NEW}),
    "update": ("pcd_image", {"name": "old", "min_disk": 30}),
    "update by id": ("pcd_image", {"id": ID, "min_disk": 30, "tags": ["a"], "properties": {"os_type": "linux"}}),
    "delete": ("pcd_image", {"name": "old", "state": "absent"}),
    "upload": ("pcd_image", {**NEW, "path": FILE}),
    "compare": ("pcd_image", {"name": "old", "path": FILE, "on_content_change": "keep", "wait_timeout": 0}),
    "replace": ("pcd_image", {"name": "old", "path": FILE, "on_content_change": "replace", "wait_timeout": 0}),
    "stage and import": ("pcd_image", {**NEW, "path": FILE, "method": "glance-direct", "stores": ["fast"]}),
    "import": ("pcd_image", {**NEW, "url": "https://vendor.invalid/a.raw"}),
    "copy": ("pcd_image", {"name": "old", "stores": ["slow"], "wait_timeout": 0}),
    "deactivate": ("pcd_image_state", {"name": "old", "state": "deactivated"}),
    "reactivate": ("pcd_image_state", {"id": ID, "state": "active"}),
    "download": ("pcd_image_download", {"name": "old", "dest": "DEST"}),
    "ask": ("pcd_image_service_info", {}),
}


def outcome(what: str, services: Services, folder: Path, login: Mapping[str, Any] | None = None) -> str:
    """ "result" or "error"; any other exception than ours comes out."""
    module, given_options = TASKS[what]
    task: Task = import_module(f"{MODULES}.{module}").TASK
    source = folder / "image.raw"
    source.write_bytes(BYTES)
    places = {FILE: str(source), "DEST": str(folder / "downloaded.raw")}
    params = options(task.argument_spec, **(LOGIN if login is None else login), **IMPATIENT, **given_options)
    params = {key: places.get(value, value) if isinstance(value, str) else value for key, value in params.items()}
    warnings: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "get_adapter", lambda *dummy, **dummy_options: services)
        patch.setattr("time.sleep", lambda dummy: None)
        failure: PcdError | None = None
        try:
            said = perform(task, params, False, warnings.append, {})
        except PcdError as error:
            failure = error
            said = {"msg": str(error), **error.facts}
    if os.path.exists(places["DEST"]):
        os.unlink(places["DEST"])
    if failure is not None:
        assert len(str(failure).splitlines()) == 1
        assert len(str(failure)) < 20_000
    text = json.dumps([said, warnings])
    assert PASSWORD not in text
    assert TOKEN not in text
    return "result" if failure is None else "error"


@cache
def requests_of(what: str) -> int:
    """How many requests the task makes if all answers are right."""
    services = Services()
    with TemporaryDirectory() as folder:
        outcome(what, services, Path(folder))
    return services.count


# These services have no memory of data: what is sent or imported never becomes active.
@pytest.mark.parametrize(
    "what", [what for what in TASKS if what not in ("upload", "stage and import", "import", "replace", "copy")]
)
def test_the_right_answers_give_a_result(what: str, tmp_path: Path) -> None:
    assert outcome(what, Services(), tmp_path) == "result"


# --- answers that are none ---------------------------------------------------------------------------------------

WORDS = ["id", "status", "images", "next", "token", "catalog", "endpoints", "url", "stores", "message", "error", "code"]
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "active", "queued", ID, OTHER_ID, "\ud800", "\x00", "a\nb", "\U0001f600", "x" * 5000]),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    TEXTS,
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=10)), inner, max_size=5),
    ),
    max_leaves=15,
)
STRANGE = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"images": [',
    b"<html><body>Sorry</body></html>",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"9" * 10_000,
    b"NaN",
    b'{"id": "\\ud800", "status": "active"}',
    b'{"error": {"message": "\\u0000\\ud800<b>"}}',
    json.dumps({"error": {"message": f"You are {PASSWORD}"}}).encode(),
    f"<html><pre>Password: {PASSWORD}</pre></html>".encode(),
]
STATUSES = st.sampled_from(
    [200, 201, 202, 204, 206, 300, 302, 307, 400, 401, 403, 404, 405, 409, 410, 413, 415, 416, 429, 500, 503, 599]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        "Content-Type Content-Length Content-Range Location Retry-After X-Subject-Token x-openstack-request-id".split()
    ),
    st.one_of(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30), st.just("-1")),
    max_size=3,
)
BODIES = st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(STRANGE), st.binary(max_size=50))


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[Reply], Reply]:
    """Something that takes a right answer and gives it back with one or two places changed."""
    numbers = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=3))
    value, is_gone = draw(JSON), draw(st.booleans())

    def mutate(reply: Reply) -> Reply:
        try:
            document = json.loads(reply.body)
        except ValueError:
            return Reply(reply.status, json.dumps(value).encode(), reply.headers)
        document = copy.deepcopy(document)
        for number in numbers:
            places = list(places_in(document))
            if places:
                parent, key = places[number % len(places)]
                if is_gone:
                    del parent[key]
                else:
                    parent[key] = copy.deepcopy(value)
        return Reply(reply.status, json.dumps(document).encode(), reply.headers)

    return mutate


def places_in(document: Any) -> Any:
    items = list(document.items()) if isinstance(document, dict) else []
    items = list(enumerate(document)) if isinstance(document, list) else items
    for key, inner in items:
        yield document, key
        yield from places_in(inner)


FUZZING = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("what", TASKS)
@FUZZING
@given(data=st.data())
def test_an_answer_of_any_form_is_a_result_or_a_clear_error(what: str, data: st.DataObject, tmp_path: Path) -> None:
    when = data.draw(st.integers(0, requests_of(what) - 1))
    status, headers, body = data.draw(STATUSES), data.draw(HEADERS), data.draw(BODIES)
    keeps_status = data.draw(st.booleans())

    def spoil(reply: Reply) -> Reply:
        return Reply(reply.status if keeps_status else status, body, {**reply.headers, **headers})

    outcome(what, Services(when, spoil), tmp_path)


@pytest.mark.parametrize("what", TASKS)
@FUZZING
@given(data=st.data())
def test_a_right_answer_with_a_wrong_place_is_a_result_or_a_clear_error(
    what: str, data: st.DataObject, tmp_path: Path
) -> None:
    when = data.draw(st.integers(0, requests_of(what) - 1))
    outcome(what, Services(when, data.draw(mutations())), tmp_path)
