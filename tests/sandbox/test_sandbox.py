# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox keeps its promises: two at once, every login, two Glances, an exact log, and no process left behind.

PCD_SANDBOX_VENV names a virtual environment other than .build/sandbox-venv.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "sandbox.py"
VENV = os.environ.get("PCD_SANDBOX_VENV", str(HERE.parent.parent / ".build" / "sandbox-venv"))
DISTURBANCE = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "OS_CLOUD": "nowhere",
    "OS_AUTH_URL": "http://127.0.0.1:9",
    "OS_GLANCE_CONFIG_DIR": "/nonexistent",
    "PYTHONPATH": "/nonexistent",
    "REQUESTS_CA_BUNDLE": "/nonexistent",
    "SSL_CERT_FILE": "/nonexistent",
    "GUNICORN_CMD_ARGS": "--nonsense",
}
MIB = 1 << 20
OCTETS = {"Content_Type": "application/octet-stream"}
PATCH = {"Content_Type": "application/openstack-images-v2.1-json-patch"}


class Answer:
    def __init__(self, status: int, headers: Any, content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    def json(self) -> Any:
        return json.loads(self.content)


class Sandbox:
    """One sandbox as its user sees it: the command, the files, and the TLS ports."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def command(self, verb: str, *options: str) -> list[str]:
        return [sys.executable, str(PROGRAM), verb, "--state", str(self.state), "--venv", VENV, *options]

    def start(self, verb: str, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(verb, *options),
            env={**os.environ, **DISTURBANCE},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, verb: str, *options: str) -> str:
        process = self.start(verb, *options)
        output = process.communicate(timeout=240)[0]
        assert process.returncode == 0, output
        return output

    def facts(self) -> Any:
        return json.loads((self.state / "sandbox.json").read_text())

    def pids(self) -> set[int]:
        """Processes with this state folder in their environment; a zombie has none any more."""
        mark = f"PCD_SANDBOX_STATE={self.state}".encode()
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.add(int(entry.name))
                except OSError:
                    continue
        return found

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "log" / "requests.jsonl").read_text().splitlines()]

    def call(
        self, method: str, path: str, body: Any = None, token: str = "", server: str = "gateway", **headers: str
    ) -> Answer:
        facts = self.facts()
        addresses = {"gateway": facts["images_url"], "library": facts["library_url"], "second": facts["second_url"]}
        origin = addresses[server].removesuffix("/glance/v2")
        context = ssl.create_default_context(cafile=facts["ca_file"])
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        sent = {"X-Auth-Token": token} if token else {}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(origin + path, body, sent, method=method)
        try:
            with opener.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def authenticate(self, identity: dict[str, Any], project: str | None = None) -> Answer:
        auth: dict[str, Any] = {"identity": identity}
        if project:
            auth["scope"] = {"project": {"name": project, "domain": {"id": "default"}}}
        return self.call("POST", "/keystone/v3/auth/tokens", {"auth": auth})

    def login(self, name: str) -> Answer:
        user = self.facts()["users"][name]
        return self.authenticate(by_password(name, user["password"]), user["project"])

    def token(self, name: str = "member") -> str:
        answer = self.login(name)
        assert answer.status == 201, answer.content
        return answer.headers["X-Subject-Token"]

    def create_image(self, token: str, **attributes: Any) -> Any:
        desired = {"name": "test", "disk_format": "raw", "container_format": "bare", **attributes}
        answer = self.call("POST", "/glance/v2/images", desired, token)
        assert answer.status == 201, answer.content
        return answer.json()

    def store_of(self, image: dict[str, Any], token: str) -> str:
        document = self.call("GET", f"/glance/v2/images/{image['id']}", token=token).json()
        assert document["status"] == "active"
        return str(document["stores"])

    def stored_files(self, name: str) -> set[str]:
        """The stores that have a file of this name."""
        return {file.parent.name for file in (self.state / "images").glob(f"*/{name}")}


def by_password(name: str, password: str) -> dict[str, Any]:
    return {
        "methods": ["password"],
        "password": {"user": {"name": name, "domain": {"id": "default"}, "password": password}},
    }


def passcode(secret: str, now: float) -> str:
    """RFC 6238 with its defaults: SHA-1, 30 seconds, six digits."""
    digest = hmac.new(base64.b32decode(secret), int(now // 30).to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


@contextmanager
def vendor(content: bytes) -> Iterator[str]:
    """The URL of a file on a web server of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/image.raw"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Sandbox]]:
    """Two sandboxes, started at the same moment, in an environment full of what must not disturb them."""
    subprocess.run([sys.executable, str(PROGRAM), "install", "--venv", VENV], check=True)
    folder = tmp_path_factory.mktemp("sandbox")
    pair = (Sandbox(folder / "first"), Sandbox(folder / "second one"))
    try:
        starts = [sandbox.start("up") for sandbox in pair]
        for start in starts:
            output = start.communicate(timeout=240)[0]
            assert start.returncode == 0, output
        yield pair
    finally:
        for sandbox in pair:
            sandbox.run("down")
            assert not sandbox.pids()


@pytest.fixture(scope="module")
def sandbox(pair: tuple[Sandbox, Sandbox]) -> Sandbox:
    return pair[0]


def test_a_new_sandbox_has_an_empty_log_and_no_image(sandbox: Sandbox) -> None:
    assert sandbox.log() == []
    answer = sandbox.call("GET", "/glance/v2/images?visibility=all", token=sandbox.token("admin"))
    assert answer.json()["images"] == []
    assert sandbox.stored_files("*") == set()


def test_two_sandboxes_know_nothing_of_each_other(pair: tuple[Sandbox, Sandbox]) -> None:
    first, second = pair
    assert first.facts()["base_url"] != second.facts()["base_url"]
    token = first.token()
    image = first.create_image(token)
    assert second.call("GET", "/glance/v2/images", token=token).status == 401
    assert second.call("GET", f"/glance/v2/images/{image['id']}", token=second.token()).status == 404


def test_only_the_owner_can_read_the_state(sandbox: Sandbox) -> None:
    assert stat.S_IMODE(sandbox.state.stat().st_mode) == 0o700
    files = [path for path in sandbox.state.rglob("*") if path.is_file()]
    assert [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


@pytest.mark.parametrize(
    ("name", "project", "roles"),
    [
        ("admin", "service", {"admin"}),
        ("member", "demo", {"member", "reader"}),
        ("reader", "demo", {"reader"}),
        ("other", "other", {"member", "reader"}),
    ],
)
def test_every_user_has_their_project_and_roles(sandbox: Sandbox, name: str, project: str, roles: set[str]) -> None:
    answer = sandbox.login(name)
    assert answer.status == 201
    token = answer.json()["token"]
    assert token["project"]["name"] == project
    # Roles imply others; reader is the least of them.
    assert roles <= {role["name"] for role in token["roles"]}
    assert ("member" in {role["name"] for role in token["roles"]}) == (name != "reader")
    assert sandbox.facts()["users"][name]["id"] == token["user"]["id"]
    assert sandbox.facts()["users"][name]["project_id"] == token["project"]["id"]
    assert sandbox.call("GET", "/glance/v2/images", token=answer.headers["X-Subject-Token"]).status == 200


def test_the_application_credential_logs_in_and_may_not_make_another(sandbox: Sandbox) -> None:
    credential = sandbox.facts()["application_credential"]
    answer = sandbox.authenticate(
        {
            "methods": ["application_credential"],
            "application_credential": {"id": credential["id"], "secret": credential["secret"]},
        }
    )
    assert answer.status == 201
    token = answer.headers["X-Subject-Token"]
    assert sandbox.create_image(token)["owner"] == sandbox.facts()["users"]["member"]["project_id"]
    path = f"/keystone/v3/users/{sandbox.facts()['users']['member']['id']}/application_credentials"
    assert sandbox.call("POST", path, {"application_credential": {"name": "second"}}, token).status == 403


def test_only_a_password_gets_mfa_a_receipt_and_with_the_passcode_a_token(sandbox: Sandbox) -> None:
    refused = sandbox.login("mfa")
    assert refused.status == 401
    assert refused.headers["Openstack-Auth-Receipt"]
    assert [set(rule) for rule in refused.json()["required_auth_methods"]] == [{"password", "totp"}]

    facts = sandbox.facts()
    identity = by_password("mfa", facts["users"]["mfa"]["password"])
    identity["methods"].append("totp")
    code = passcode(facts["totp_secret"], time.time())
    identity["totp"] = {"user": {"name": "mfa", "domain": {"id": "default"}, "passcode": code}}
    answer = sandbox.authenticate(identity, "demo")
    assert answer.status == 201
    assert set(answer.json()["token"]["methods"]) == {"password", "totp"}


def test_the_catalogue_offers_what_each_region_should(sandbox: Sandbox) -> None:
    offered: dict[str, dict[str, set[str]]] = {}
    for service in sandbox.login("member").json()["token"]["catalog"]:
        for endpoint in service["endpoints"]:
            own = (service["type"], endpoint["interface"]) == ("image", "admin")
            expected = {"identity": "keystone_url", "image": "library_url" if own else "glance_url"}[service["type"]]
            assert endpoint["url"] == sandbox.facts()[expected].removesuffix("/v2")
            offered.setdefault(service["type"], {}).setdefault(endpoint["region_id"], set()).add(endpoint["interface"])
    every = {"public", "internal", "admin"}
    assert offered == {
        "identity": {"regionone": every, "region2": every, "region3": every},
        "image": {"regionone": every, "region2": {"public"}, "region3": {"internal"}},
    }


@pytest.mark.parametrize(("server", "stores"), [("gateway", {"pod": True}), ("library", {"fast": True, "slow": False})])
def test_each_glance_has_its_stores_and_three_import_methods(
    sandbox: Sandbox, server: str, stores: dict[str, bool]
) -> None:
    token = sandbox.token()
    found = sandbox.call("GET", "/glance/v2/info/stores", token=token, server=server).json()["stores"]
    assert {store["id"]: store.get("default") == "true" for store in found} == stores
    methods = sandbox.call("GET", "/glance/v2/info/import", token=token, server=server).json()["import-methods"]
    assert methods["value"] == ["glance-direct", "web-download", "copy-image"]


@pytest.mark.parametrize(("owner", "other", "store"), [("gateway", "library", "pod"), ("library", "gateway", "fast")])
def test_only_the_glance_that_took_the_data_gives_it_and_deletes_it(
    sandbox: Sandbox, owner: str, other: str, store: str
) -> None:
    token = sandbox.token()
    image = sandbox.create_image(token)
    path = f"/glance/v2/images/{image['id']}"
    assert sandbox.call("PUT", f"{path}/file", b"data", token, owner, **OCTETS).status == 204
    assert sandbox.store_of(image, token) == store
    assert sandbox.stored_files(image["id"]) == {store}

    assert sandbox.call("GET", f"{path}/file", token=token, server=owner).content == b"data"
    assert sandbox.call("GET", f"{path}/file", token=token, server=other).status == 500
    patch = [{"op": "replace", "path": "/name", "value": "renamed"}]
    assert sandbox.call("PATCH", path, patch, token, other, **PATCH).json()["name"] == "renamed"
    # Glance does not delete what it cannot reach, and says so in no better way.
    assert sandbox.call("DELETE", path, token=token, server=other).status == 500
    assert sandbox.store_of(image, token) == store

    assert sandbox.call("DELETE", path, token=token, server=owner).status == 204
    assert sandbox.call("GET", path, token=token, server=other).status == 404
    assert sandbox.stored_files(image["id"]) == set()


@pytest.mark.parametrize(("staged", "asked", "store"), [("gateway", "library", "pod"), ("library", "gateway", "fast")])
def test_staged_data_is_imported_by_the_glance_that_has_it(
    sandbox: Sandbox, staged: str, asked: str, store: str
) -> None:
    token = sandbox.token()
    image = sandbox.create_image(token)
    path = f"/glance/v2/images/{image['id']}"
    assert sandbox.call("PUT", f"{path}/stage", b"data", token, staged, **OCTETS).status == 204
    assert list((sandbox.state / "staging").glob(f"*/{image['id']}")) == [
        sandbox.state / "staging" / staged / image["id"]
    ]
    before = len(sandbox.log())
    answer = sandbox.call("POST", f"{path}/import", {"method": {"name": "glance-direct"}}, token, asked)
    assert answer.status == 202, answer.content
    assert [(line["server"], line["status"]) for line in sandbox.log()[before:]] == [(staged, 202), (asked, 202)]
    wait_for_import(sandbox, image, token)
    assert sandbox.store_of(image, token) == store


def test_the_library_fetches_an_image_from_a_web_server(sandbox: Sandbox) -> None:
    token = sandbox.token()
    image = sandbox.create_image(token)
    path = f"/glance/v2/images/{image['id']}"
    content = os.urandom(MIB)
    with vendor(content) as url:
        order = {"method": {"name": "web-download", "uri": url}, "stores": ["slow"]}
        answer = sandbox.call("POST", f"{path}/import", order, token, "library")
        assert answer.status == 202, answer.content
        wait_for_import(sandbox, image, token)
    assert sandbox.store_of(image, token) == "slow"
    assert sandbox.call("GET", f"{path}/file", token=token, server="library").content == content


def wait_for_import(sandbox: Sandbox, image: dict[str, Any], token: str) -> None:
    """Return when the image's only task has ended; the image is active a moment earlier."""
    deadline = time.monotonic() + 60
    task: dict[str, Any] = {"status": "pending"}
    while task["status"] in ("pending", "processing") and time.monotonic() < deadline:
        time.sleep(0.05)
        (task,) = sandbox.call("GET", f"/glance/v2/images/{image['id']}/tasks", token=token).json()["tasks"]
    assert task["status"] == "success", task


def test_each_answered_request_is_already_one_line_of_the_log(sandbox: Sandbox) -> None:
    token = sandbox.token()
    image = sandbox.create_image(token)
    content = os.urandom(3 * MIB)
    requests: list[tuple[str, str, dict[str, Any], int]] = [
        ("PUT", f"/glance/v2/images/{image['id']}/file", {"body": content, **OCTETS}, 204),
        ("GET", f"/glance/v2/images/{image['id']}/file", {}, 200),
        ("GET", "/glance/v2/images?name=in:%22a%2Fb%22&limit=1", {}, 200),
        ("GET", "/glance/v2/images/a%2Fb", {}, 404),
        ("HEAD", "/keystone/v3/auth/tokens", {"X_Subject_Token": token}, 200),
        ("GET", "/elsewhere", {}, 404),
        ("DELETE", f"/glance/v2/images/{image['id']}", {}, 204),
    ]
    for method, target, arguments, status in requests:
        before = len(sandbox.log())
        moment = time.time()
        answer = sandbox.call(method, target, token=token, User_Agent="the-test", **arguments)
        lines = sandbox.log()[before:]
        assert answer.status == status
        assert len(lines) == 1
        path, _dummy, query = target.partition("?")
        assert moment <= lines[0].pop("time") <= time.time()
        assert lines[0].pop("request_id") == answer.headers["x-openstack-request-id"]
        assert lines[0] == {
            "server": "gateway",
            "service": {"glance": "glance", "keystone": "keystone"}.get(path.split("/")[1], "other"),
            "method": method,
            "path": path,
            "query": query,
            "status": status,
            "user_agent": "the-test",
            "body_bytes": len(arguments.get("body", b"")),
        }


def test_the_log_is_exact_when_many_ask_at_once(sandbox: Sandbox) -> None:
    token = sandbox.token()
    before = len(sandbox.log())

    def come_and_go(number: int) -> list[int]:
        image = sandbox.create_image(token, name=f"crowd-{number}")
        path = f"/glance/v2/images/{image['id']}"
        statuses = [sandbox.call("GET", path, token=token).status]
        # A fresh login each, so that Glance has tokens to check meanwhile.
        statuses.append(sandbox.call("GET", path, token=sandbox.token()).status)
        statuses.append(sandbox.call("DELETE", path, token=token).status)
        return statuses

    with ThreadPoolExecutor(12) as crowd:
        results = list(crowd.map(come_and_go, range(40)))
    assert results == [[200, 200, 204]] * 40
    lines = sandbox.log()[before:]
    assert len(lines) == 40 * 5
    assert sum(line["service"] == "keystone" for line in lines) == 40


def test_both_glances_write_to_one_log(sandbox: Sandbox) -> None:
    token = sandbox.token()
    for server in ("gateway", "library"):
        for path, service in (("/glance/v2/images", "glance"), ("/elsewhere", "other")):
            sandbox.call("GET", path, token=token, server=server)
            assert (sandbox.log()[-1]["server"], sandbox.log()[-1]["service"]) == (server, service)
    assert sandbox.call("GET", "/keystone/v3", server="library").status == 404


def test_two_glances_write_to_one_database_at_once(sandbox: Sandbox) -> None:
    token = sandbox.token()
    servers = ("gateway", "library")

    def come_and_go(number: int) -> list[int]:
        """Each request through the other Glance than the one before it."""
        here, there = servers[number % 2], servers[1 - number % 2]
        desired = {"id": str(uuid.uuid4()), "name": f"pair-{number}", "tags": ["a", "b"]}
        path = f"/glance/v2/images/{desired['id']}"
        patch = [{"op": "add", "path": f"/key{number}", "value": "value"}]
        return [
            sandbox.call("POST", "/glance/v2/images", desired, token, here).status,
            sandbox.call("PATCH", path, patch, token, there, **PATCH).status,
            sandbox.call("PUT", f"{path}/tags/c", token=token, server=here).status,
            sandbox.call("DELETE", f"{path}/tags/a", token=token, server=there).status,
            sandbox.call("DELETE", path, token=token, server=here).status,
        ]

    before = len(sandbox.log())
    with ThreadPoolExecutor(8) as crowd:
        results = list(crowd.map(come_and_go, range(80)))
    assert results == [[201, 200, 204, 204, 204]] * 80
    lines = sandbox.log()[before:]
    assert [sum(line["server"] == server for line in lines) for server in servers] == [200, 200]


def test_somebody_who_writes_into_the_database_beside_the_glances_breaks_no_request(sandbox: Sandbox) -> None:
    token = sandbox.token()
    done = threading.Event()

    def write() -> int:
        """How often the images were written without the lock that the Glances share."""
        times = 0
        with closing(sqlite3.connect(sandbox.state / "db" / "glance.db", timeout=60)) as database:
            while not done.is_set():
                with database:
                    database.execute("UPDATE images SET min_ram = min_ram WHERE deleted = 0")
                times += 1
                time.sleep(0.002)
        return times

    def come_and_go(number: int) -> list[int]:
        image = sandbox.create_image(token, name=f"beside-{number}", tags=["a", "b"])
        path = f"/glance/v2/images/{image['id']}"
        patch = [{"op": "replace", "path": "/min_disk", "value": 1}]
        statuses = [sandbox.call("PATCH", path, patch, token, **PATCH).status]
        statuses.append(sandbox.call("DELETE", path, token=token).status)
        return statuses

    with ThreadPoolExecutor(9) as crowd:
        writing = crowd.submit(write)
        try:
            results = list(crowd.map(come_and_go, range(60)))
        finally:
            done.set()
        assert writing.result() > 60
    assert results == [[200, 204]] * 60


def test_the_log_leaves_refused_data_unread(sandbox: Sandbox) -> None:
    unknown = "/glance/v2/images/11111111-2222-3333-4444-555555555555/file"
    answer = sandbox.call("PUT", unknown, bytes(24 * MIB), sandbox.token(), **OCTETS)
    assert answer.status == 404
    assert sandbox.log()[-1]["body_bytes"] < 24 * MIB


def test_a_broken_off_upload_is_one_line_too(sandbox: Sandbox) -> None:
    token = sandbox.token()
    image = sandbox.create_image(token)
    before = len(sandbox.log())
    facts = sandbox.facts()
    port = int(facts["base_url"].rpartition(":")[2])
    context = ssl.create_default_context(cafile=facts["ca_file"])
    head = f"PUT /glance/v2/images/{image['id']}/file HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: {token}\r\n"
    head += f"Content-Type: application/octet-stream\r\nContent-Length: {MIB}\r\n\r\n"
    plain = socket.create_connection(("127.0.0.1", port))
    with context.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(head.encode() + b"beginning")
    deadline = time.monotonic() + 10
    while len(sandbox.log()) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [line["method"] for line in sandbox.log()[before:]] == ["PUT"]
    assert sandbox.log()[-1]["body_bytes"] == len("beginning")
    assert sandbox.call("GET", f"/glance/v2/images/{image['id']}", token=token).json()["status"] == "queued"


def test_a_second_up_changes_nothing_and_status_and_env_tell_about_it(sandbox: Sandbox) -> None:
    pids, lines = sandbox.pids(), len(sandbox.log())
    assert "already running" in sandbox.run("up")
    told = sandbox.run("status")
    assert sandbox.facts()["base_url"] in told
    assert sandbox.facts()["library_url"] in told
    assert (sandbox.pids(), len(sandbox.log())) == (pids, lines)
    exports = sandbox.run("env")
    script = exports + '\nprintf "%s|%s" "$OS_CLIENT_CONFIG_FILE" "$OS_CLOUD"'
    told = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout
    assert told == f"{sandbox.state / 'clouds.yaml'}|member"


def test_an_rc_file_gives_what_a_login_needs(sandbox: Sandbox) -> None:
    script = f'. "{sandbox.state}/openrc-other.sh" && env'
    told = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout
    variables = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("OS_"))
    facts = sandbox.facts()
    assert variables["OS_AUTH_URL"] == facts["keystone_url"]
    assert variables["OS_CACERT"] == facts["ca_file"]
    assert (variables["OS_USERNAME"], variables["OS_PASSWORD"]) == ("other", facts["users"]["other"]["password"])


@pytest.mark.parametrize("which", range(6))
def test_up_repairs_a_sandbox_after_any_of_its_processes_was_killed(pair: tuple[Sandbox, Sandbox], which: int) -> None:
    untouched, sandbox = pair
    image = sandbox.create_image(sandbox.token())
    pids, others, facts = sandbox.pids(), untouched.pids(), sandbox.facts()
    assert len(pids) == 6
    os.kill(sorted(pids)[which], signal.SIGKILL)
    sandbox.run("up")
    assert len(sandbox.pids()) == 6
    assert not sandbox.pids() & pids
    assert untouched.pids() == others
    assert sandbox.facts() == facts
    assert sandbox.log() == []
    assert sandbox.call("GET", f"/glance/v2/images/{image['id']}", token=sandbox.token()).status == 200


def test_down_leaves_no_process_whatever_was_killed_before(pair: tuple[Sandbox, Sandbox]) -> None:
    untouched, sandbox = pair
    masters = [pid for pid in sandbox.pids() if os.getpgid(pid) == pid]
    assert len(masters) == 3
    for pid in masters:
        os.kill(pid, signal.SIGKILL)
    sandbox.run("down")
    assert not sandbox.pids()
    assert "not running" in sandbox.run("down")

    start = sandbox.start("up")
    while not sandbox.pids() and start.poll() is None:
        time.sleep(0.01)
    start.kill()
    start.communicate()
    assert sandbox.pids()
    sandbox.run("down")
    assert not sandbox.pids()
    assert untouched.call("GET", "/glance/v2/images", token=untouched.token()).status == 200


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    start = Sandbox(tmp_path).start("up")
    assert "choose another folder" in start.communicate(timeout=60)[0]
    assert start.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


# A service that converts


def test_convert_without_qemu_img_says_what_is_missing(tmp_path: Path) -> None:
    argv = Sandbox(tmp_path / "state").command("up", "--convert", "raw")
    refused = subprocess.run(
        argv, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "qemu-img" in refused.stderr
    assert "apt-get install qemu-utils" in refused.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not here (Debian: qemu-utils)")
def test_convert_is_a_setting_of_the_start(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "state")
    try:
        sandbox.run("up", "--convert", "raw")
        assert sandbox.facts()["convert"] == "raw"
        configured = list(sandbox.state.glob("etc/*/glance-image-import.conf"))
        assert sorted(path.parent.name for path in configured) == ["gateway", "library"]
        assert "already running" in sandbox.run("up", "--convert", "raw")
        assert "ready" in sandbox.run("up")
        assert sandbox.facts()["convert"] is None
        assert list(sandbox.state.glob("etc/*/glance-image-import.conf")) == []
    finally:
        sandbox.run("down")


# A second region


def test_a_second_region_is_a_setting_of_the_start_and_has_images_of_its_own(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "state")
    try:
        sandbox.run("up", "--second-region")
        token = sandbox.token()
        image = sandbox.create_image(token)
        path = f"/glance/v2/images/{image['id']}"
        found = [sandbox.call("GET", path, token=token, server=server).status for server in ("library", "second")]
        assert found == [200, 404]
        (of_images,) = (s for s in sandbox.login("member").json()["token"]["catalog"] if s["type"] == "image")
        urls = {(each["region_id"], each["interface"]): each["url"] for each in of_images["endpoints"]}
        assert urls["region2", "public"] == sandbox.facts()["second_url"].removesuffix("/v2")
        stores = sandbox.call("GET", "/glance/v2/info/stores", token=token, server="second").json()["stores"]
        assert [store["id"] for store in stores] == ["remote"]
        assert "already running" in sandbox.run("up", "--second-region")

        assert "ready" in sandbox.run("up")
        assert sandbox.facts()["second_url"] is None
        assert sandbox.call("GET", path, token=sandbox.token()).status == 200
    finally:
        sandbox.run("down")
    assert not sandbox.pids()


def test_a_second_region_is_not_to_be_had_in_production(tmp_path: Path) -> None:
    argv = Sandbox(tmp_path / "state").command("up", "--production", "--second-region")
    refused = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "--second-region" in refused.stderr


# Packages of production


def run_in_sandbox_program(script: str, *arguments: str) -> str:
    """What a script prints that can import the parts of the sandbox."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_packages_of_a_store_in_s3_that_cannot_be_installed_leave_the_rest_of_production(tmp_path: Path) -> None:
    script = """if True:
        import subprocess, sys
        from pathlib import Path
        from stack import venv
        from stack.releases import PRODUCTION

        def run(argv, **options):
            print(*argv[argv.index("-m") + 1 :])
            is_lock_of_production = argv[-2:] == ["--requirement", str(PRODUCTION.more)]
            return subprocess.CompletedProcess(argv, int(is_lock_of_production))

        venv.subprocess.run, venv.suitable_python = run, lambda release: sys.executable
        venv.Venv(Path(sys.argv[1]), PRODUCTION)._fill()
    """
    lines = run_in_sandbox_program(script, str(tmp_path / "venv")).splitlines()
    assert lines[-1].endswith("production.lock PyMySQL")
    assert "--constraint" in lines[-1]


def test_a_store_in_s3_without_moto_says_what_is_missing(tmp_path: Path) -> None:
    script = """if True:
        import sys
        from pathlib import Path
        from stack import production, venv
        from stack.folders import SandboxError
        from stack.releases import PRODUCTION
        from stack.state import State

        venv.Venv.install, production.processes.program = lambda self: None, lambda name: name
        environment = venv.Venv(Path(sys.argv[1]), PRODUCTION)
        for object_store in (False, True):
            try:
                production.Production(State(Path(sys.argv[1])), environment, True, object_store).install()
                print("installed")
            except SandboxError as error:
                print(error)
    """
    first, second = run_in_sandbox_program(script, str(tmp_path)).splitlines()
    assert first == "installed"
    assert "--object-store needs moto" in second
    assert "leave --object-store out" in second
