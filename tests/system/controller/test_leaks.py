# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret stands in anything that a run of ansible-playbook says, leaves, or sends to somebody else.

Everything is looked through: standard output and error at the highest verbosity, the log file, registered results, what
callbacks get and write, every file below the folders of the run while it goes on and afterwards, the arguments of its
processes, and what the other host of a redirect gets to see.
"""

from __future__ import annotations

import base64
import html
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from ansible_collections.platform9.pcd.plugins.module_utils._redact import encodings
from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import FERNET_TOKEN
from ansible_collections.platform9.pcd.tests.support.playbook_runner import (
    AS_MODULE,
    IN_PROCESS,
    MAX_SECONDS,
    Player,
    play,
    step,
)
from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve

BOTH = pytest.mark.parametrize("in_process", [True, False], ids=["in process", "as a module"])

PASSWORD = "wrong-Passw0rd-7f3a9c2e"
TOKEN = "wrong-T0ken-7f3a9c2e5b"
SECRET = "wrong-Credential-7f3a9c2e"
PASSCODE = "wrong-Passc0de-7f3a9c2e"
# What errors repeat in another way in a process of its own is shown by these answers, too.
REPEATED_TO_A_MODULE = ("html and 401", "html and 307", "json and 500", "by HTML")
ODD = {
    "of other letters": "pässwörd-Ключ-7f3a9c2e",
    "with quotes": "quote\"d-7f3a'9c2e-pass",
    "with a line break": "first-7f3a9c2e\nsecond-5b1d8e4f",
    "with the characters of URLs and HTML": "p%40/s?s&a=<b>#7f3a9c2e+x",
}
MIRROR_PASSWORD = "mirror-Passw0rd-7f3a9c2e"
MIRROR_KEY = "mirror-K3y-7f3a9c2e"
SIGNATURE = "mirror-Signature-7f3a9c2e"
# Both are parts of passwords and tokens that make an address irregular.
FIRST, SECOND = "f1rst-P4rt-7f3a9c2e", "sec0nd-P4rt-5b1d8e4f"
HOSTILE = {
    "a password with a slash": f"https://mirror:{FIRST}/{SECOND}@127.0.0.1:1/a.raw",
    "a password with #": f"https://mirror:{FIRST}#{SECOND}@127.0.0.1:1/a.raw",
    "a password with a blank": f"https://mirror:{FIRST} {SECOND}@127.0.0.1:1/a.raw",
    "a token as user": f"https://{FIRST}@127.0.0.1:1/a.raw",
    "a token with # as user": f"https://{FIRST}#{SECOND}@127.0.0.1:1/a.raw",
    "a query with @": f"https://127.0.0.1:1/a.raw?sig={FIRST}@{SECOND}",
    "a query after a blank": f"https://127.0.0.1:1/a.raw ?sig={FIRST} {SECOND}",
    "a fragment": f"https://127.0.0.1:1/a.raw#{FIRST}",
    "no scheme": f"mirror:{FIRST}@127.0.0.1:1/a.raw?{SECOND}",
}
DATA = {"disk_format": "raw", "container_format": "bare"}


@dataclass
class Echo:
    """A server that repeats each request in its answer; `url`/FORM/STATUS/ say how. `seen` has what `elsewhere` got."""

    url: str
    elsewhere: str
    seen: list[str] = field(default_factory=list)


@contextmanager
def open_echo() -> Iterator[Echo]:
    class Other(Handler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            echo.seen.append(f"{self.requestline}\n{self.headers}\n{body}")
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

    class Repeats(Handler):
        def answer(self) -> None:
            form, status = self.path.split("/")[1:3]
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            told = f"{self.requestline}\n{self.headers}\n{sent}"
            kind, body = {
                "html": ("text/html", f"<html><title>Error</title><pre>{html.escape(told)}</pre></html>"),
                "json": ("application/json", json.dumps({"message": told, "code": f"{status} Refused"})),
                "text": ("text/plain", told),
            }[form]
            self.send_response(int(status))
            if self.path.endswith("/login"):
                self.send_header("Location", f"http://me:{FIRST}/{SECOND}@elsewhere.example.com/x?{SIGNATURE}")
            elif status.startswith("3"):
                self.send_header("Location", f"{echo.elsewhere}{self.path}?{quote(sent[:1000])}")
            self.send_header("x-openstack-request-id", f"req-{quote(self.headers.get('X-Auth-Token') or 'none')}")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = answer

    with serve(Other) as elsewhere, serve(Repeats) as url:
        # Another name of this host is another host.
        echo = Echo(url, elsewhere.replace("127.0.0.1", "localhost"))
        yield echo


class Searcher:
    """Looks for secrets in all the forms in which they can be written."""

    def __init__(self, run: Player, *secrets: str) -> None:
        known = run.server.sandbox
        passwords = [user["password"] for user in known["users"].values()]
        self.secrets = [*passwords, known["application_credential"]["secret"], known["totp_secret"], *secrets]
        pieces = [line for secret in self.secrets for line in secret.splitlines()]
        tokens = [base64.b64encode(f"mirror:{secret}".encode()).decode() for secret in pieces]
        self._forms = encodings([*self.secrets, *pieces, *tokens, *(repr(secret)[1:-1] for secret in self.secrets)])

    def found_in(self, text: str) -> list[str]:
        return [form for form in self._forms if form in text] + FERNET_TOKEN.findall(text)


@dataclass
class Seen:
    """What a run has left: `texts` by their places, the `arguments` of its processes, files that others could read.

    `results` are those of the tasks by their names, as callbacks get them.
    """

    stdout: str
    results: dict[str, dict[str, Any]]
    texts: dict[str, str]
    arguments: set[str]
    open_files: set[str]


def watch(
    run: Player, searcher: Searcher, playbook: list[dict[str, Any]], environ: Mapping[str, str] | None = None
) -> Seen:
    """Run the playbook at the highest verbosity and look at everything meanwhile and afterwards."""
    # Its own folder, since a playbook that holds secrets is the one place where they may stand.
    book = run.folder.with_name(f"{run.folder.name}-playbook") / "playbook.yml"
    book.parent.mkdir(mode=0o700, exist_ok=True)
    book.write_text(json.dumps(playbook), encoding="utf-8")
    record, log = run.folder / "record.jsonl", run.folder / "ansible.log"
    record.write_text("", encoding="utf-8")
    environ = {
        **run.environ,
        # Not ansible.builtin.junit, which writes the arguments of tasks as they stand in the playbook.
        "ANSIBLE_CALLBACKS_ENABLED": "record,ansible.builtin.tree",
        "ANSIBLE_CALLBACK_TREE_DIR": str(run.folder / "tree"),
        "ANSIBLE_LOG_PATH": str(log),
        "PCD_RECORD": str(record),
        **(environ or {}),
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-vvvv", "--diff", str(book)]
    ended = threading.Event()
    arguments: set[str] = set()
    open_files: set[str] = set()
    process = subprocess.Popen(
        command,
        env=environ,
        cwd=run.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )

    def look_on() -> None:
        while not ended.wait(0.05):
            arguments.update(arguments_of(process.pid))
            for temporary in (run.folder / "local", run.folder / "remote"):
                open_files.update(
                    str(path)
                    for path, text in texts_below(temporary).items()
                    if not is_private(path, run.folder) and searcher.found_in(text)
                )

    watcher = threading.Thread(target=look_on)
    watcher.start()
    try:
        stdout, stderr = process.communicate(timeout=MAX_SECONDS)
    finally:
        process.kill()
        ended.set()
        watcher.join()
    results = {}
    for line in record.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        results[told["task"]] = {**told["result"], "failed": told["event"] == "failed"}
    files = {str(path.relative_to(run.folder)): text for path, text in texts_below(run.folder).items()}
    return Seen(stdout, results, {"stdout": stdout, "stderr": stderr, **files}, arguments, open_files)


def arguments_of(session: int) -> Iterator[str]:
    """The command lines and, of them, nothing else, of the processes of a session."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name of the program stands in brackets, and may hold blanks.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, IndexError):
            continue


def texts_below(folder: Path) -> dict[Path, str]:
    found = {}
    for parent, dummy, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with suppress(OSError):  # gone already
                found[path] = path.read_text(encoding="utf-8", errors="replace")
    return found


def is_private(path: Path, top: Path) -> bool:
    """Whether nobody but its user can read the file: by its own mode, or by that of a folder below `top`."""
    try:
        below = [path, *(parent for parent in path.parents if top in parent.parents)]
        return any(stat.S_IMODE(part.stat().st_mode) & 0o077 == 0 for part in below)
    except OSError:
        return True  # gone already


def check(seen: Seen, searcher: Searcher, in_process: bool | None = None) -> None:
    assert {place: searcher.found_in(text) for place, text in seen.texts.items() if searcher.found_in(text)} == {}
    assert [line for line in seen.arguments if searcher.found_in(line)] == []
    assert seen.open_files == set()
    assert any("ansible-playbook" in line for line in seen.arguments)
    for unwanted in ("Traceback", "<html>"):
        assert not [result for result in seen.results.values() if unwanted in json.dumps(result)]
    if in_process is True:
        assert IN_PROCESS.search(seen.stdout)
    if in_process is False:
        assert not IN_PROCESS.search(seen.stdout)
        assert AS_MODULE.search(seen.stdout)


def shown(steps: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each of the tasks, whatever comes of it, and at the end all registered results."""
    tasks = [
        {**task, "ignore_errors": True, "register": f"outcome_{number}"} for number, task in enumerate(steps.values())
    ]
    outcomes = "".join(f"outcome_{number}, " for number in range(len(tasks)))
    return [*tasks, {"name": "Show", "ansible.builtin.debug": {"var": f"[{outcomes}]"}}]


def login(run: Player, user: str = "member") -> dict[str, Any]:
    return run.server.login(user)


def failures(run: Player, echo: Echo) -> dict[str, dict[str, Any]]:
    """Tasks that fail, by their names."""
    keystone = {key: login(run)[key] for key in ("auth_url", "ca_cert", "region_name")}
    named = {key: value for key, value in login(run).items() if key != "password"}
    nowhere = {"auth_url": "https://127.0.0.1:1/keystone/v3", "retries": 0}
    options: dict[str, dict[str, Any]] = {
        "a wrong password": {**named, "password": PASSWORD},
        "a wrong passcode": {**login(run, "mfa"), "passcode": PASSCODE},
        "a wrong token": {**keystone, "token": TOKEN},
        "a token with a blank": {**keystone, "token": f"{TOKEN} and more"},
        "a wrong token without Keystone": {
            "token": TOKEN,
            "image_endpoint_override": run.server.sandbox["library_url"],
            "ca_cert": keystone["ca_cert"],
        },
        "a wrong application credential": {
            **keystone,
            "application_credential_id": "0" * 32,
            "application_credential_secret": SECRET,
        },
        "nobody at the address": {**login(run), **nowhere},
        "no trust in the certificate": {**login(run), "ca_cert": None},
        "a region that is none": {**login(run), "region_name": "nowhere"},
        "a password in the address": {**login(run), "auth_url": f"https://member:{PASSWORD}@127.0.0.1/"},
        "a password as the address": {**named, "auth_url": PASSWORD, "password": PASSWORD},
        "a password as the name of the cloud": {"cloud": PASSWORD, "password": PASSWORD},
        "a password as the path of the CA": {**login(run), "ca_cert": f"/{PASSWORD}", "password": PASSWORD},
        "a password as a number": {**login(run), "timeout": PASSWORD, "password": PASSWORD},
        "a password as a choice": {**login(run), "interface": PASSWORD, "password": PASSWORD},
        "a password that is a dictionary": {**named, "password": {"a": PASSWORD}},
        "a password that is a list": {**named, "password": [[PASSWORD]]},
        "a token that is a dictionary": {**keystone, "token": {"a": {"b": TOKEN}}},
        "a password with a NUL": {**named, "password": f"{PASSWORD}\0"},
        "an unknown option": {**login(run), "password": PASSWORD, "pass_word": "nonsense"},
        "an option that cannot be": {**login(run), "limit": -1},
        "a broken clouds.yaml": {"cloud": "broken"},
    }
    for what, odd in ODD.items():
        options[f"a password {what}"] = {**named, "password": odd}
        options[f"a password {what}, repeated by HTML"] = {**named, "password": odd, "auth_url": f"{echo.url}/html/401"}
        options[f"a password {what}, repeated by JSON"] = {**named, "password": odd, "auth_url": f"{echo.url}/json/500"}
        options[f"a password {what}, repeated by text"] = {**named, "password": odd, "auth_url": f"{echo.url}/text/403"}
    for form, status in (
        *(("html", status) for status in (200, 401, 403, 404, 409, 500, 302, 307)),
        *(("json", status) for status in (200, 401, 404, 500)),
    ):
        here = f"{echo.url}/{form}/{status}"
        options[f"a token repeated by {form} and {status}"] = {
            "token": TOKEN,
            "image_endpoint_override": here,
            "retries": 0,
        }
        options[f"a password repeated by {form} and {status}"] = {
            **named,
            "password": PASSWORD,
            "auth_url": here,
            "retries": 0,
        }
    for what, address in HOSTILE.items():
        options[f"Keystone at {what}"] = {**login(run), "auth_url": address, "retries": 0}
    options["a cloud that leads to an address with a password"] = {
        "token": TOKEN,
        "image_endpoint_override": f"{echo.url}/json/302/login",
    }
    options["a misspelt option"] = {**login(run), "pasword": PASSWORD}
    tasks = {what: step(what, "pcd_image_info", given) for what, given in options.items()}
    mirror: dict[str, Any] = {
        "url_username": "mirror",
        "url_password": MIRROR_PASSWORD,
        "url_headers": {"X-Key": MIRROR_KEY},
    }
    given: dict[str, Any]
    for what, given in {
        "a mirror that refuses": {**mirror, "url": f"{echo.url}/html/401/a.raw"},
        "a mirror that leads elsewhere": {**mirror, "url": f"{echo.url}/html/302/a.raw"},
        "a mirror whose address is signed": {"url": f"{echo.url}/text/403/a.raw?signature={SIGNATURE}"},
        "a mirror with the password in its address": {
            "url": echo.url.replace("//", f"//mirror:{MIRROR_PASSWORD}@") + "/text/403/a.raw"
        },
        "headers that are text": {**mirror, "url_headers": f"X-Key: {MIRROR_KEY}"},
        "headers that are words": {**mirror, "url": f"{echo.url}/html/401/a.raw", "url_headers": f"X-Key={MIRROR_KEY}"},
        "headers that are JSON": {
            "url": f"{echo.url}/text/403/a.raw",
            "url_headers": json.dumps({"X-Key": MIRROR_KEY}),
        },
        "a mirror that leads to an address with a password": {"url": f"{echo.url}/text/302/login"},
        **{f"a mirror with {what}": {"url": address} for what, address in HOSTILE.items()},
        "checksums at a password with a slash": {
            "url": "https://127.0.0.1:1/a.raw",
            "checksum": f"sha256:{HOSTILE['a password with a slash']}",
        },
        "headers that are a list": {**mirror, "url_headers": [{"X-Key": MIRROR_KEY}]},
        "a header with a list": {"url": f"{echo.url}/text/200/a.raw", "url_headers": {"X-Key": [MIRROR_KEY]}},
        "a header that is a name": {"url": f"{echo.url}/text/200/a.raw", "url_headers": {f"X-Key: {MIRROR_KEY}": ""}},
        "a header with a line break": {"url": f"{echo.url}/a.raw", "url_headers": {"X-Key": f"{MIRROR_KEY}\nb"}},
        "a password of a mirror without its user": {"url": f"{echo.url}/a.raw", "url_password": MIRROR_PASSWORD},
        "a checksum that is a password": {**mirror, "url": f"{echo.url}/a.raw", "checksum": MIRROR_PASSWORD},
        "a policy": {"visibility": "public"},
    }.items():
        data = DATA if "url" in given or "url_password" in given else {}
        method = {"method": "upload", "retries": 0} if "url" in given else {}
        tasks[what] = step(what, "pcd_image", {**login(run), "name": "leaks", **data, **method, **given})
    tasks["no image"] = step("no image", "pcd_image_state", {**login(run), "name": "leaks", "state": "active"})
    tasks["no folder"] = step("no folder", "pcd_image_download", {**login(run), "name": "leaks", "dest": "/a/b/c"})
    return tasks


@BOTH
def test_a_failure_shows_no_secret(in_process: bool, run: Player) -> None:
    secrets = [PASSWORD, TOKEN, SECRET, PASSCODE, MIRROR_PASSWORD, MIRROR_KEY, SIGNATURE, FIRST, SECOND, *ODD.values()]
    searcher = Searcher(run, *secrets, run.server.token())
    # The search leaves out the places into which somebody has put secrets on purpose.
    broken = run.folder.with_name(f"{run.folder.name}-broken.yaml")
    broken.write_text(f"clouds:\n  broken:\n    auth:\n      password: {PASSWORD}: [\n", encoding="utf-8")
    with open_echo() as echo:
        tasks = {
            what: task
            for what, task in failures(run, echo).items()
            if in_process or "repeated" not in what or what.endswith(REPEATED_TO_A_MODULE)
        }
        playbook = play(*shown(tasks), module_defaults={}, vars={"platform9_pcd_in_process": in_process})
        seen = watch(run, searcher, playbook, {"OS_CLIENT_CONFIG_FILE": str(broken)})
        others = echo.seen
    assert [what for what in tasks if not seen.results.get(what, {}).get("failed")] == []
    check(seen, searcher, in_process)
    # Only the redirect of the mirror is followed; none of its secrets goes along.
    assert len(others) == 1
    assert [found for request in others for found in searcher.found_in(request)] == []
    assert not any(word in others[0].lower() for word in ("authorization", "x-auth-token", "x-key"))
    plain = seen.results["a password repeated by html and 401"]
    assert any("unencrypted HTTP" in warning for warning in plain["warnings"])


def successes(run: Player, name: str, user: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Tasks that succeed, by every way to log in, by their names."""
    credential = run.server.sandbox["application_credential"]
    keystone = {key: login(run)[key] for key in ("auth_url", "ca_cert", "region_name")}
    ways: dict[str, dict[str, Any]] = {
        "password": login(run),
        "odd password": {**login(run), **user},
        "token": {**keystone, "token": run.server.token()},
        "token and endpoint": {
            "ca_cert": keystone["ca_cert"],
            "token": run.server.token(),
            "image_endpoint_override": run.server.sandbox["library_url"],
        },
        "application credential": {
            **keystone,
            "application_credential_id": credential["id"],
            "application_credential_secret": credential["secret"],
        },
        "passcode": {**login(run, "mfa"), "passcode": run.server.passcode()},
        "no verification": {**login(run), "ca_cert": None, "validate_certs": False},
    }
    # A passcode of half a minute ago is taken, too, but is spent after one login.
    tasks = {f"list by {way}": step(f"list by {way}", "pcd_image_info", {**ways[way], "limit": 1}) for way in ways}
    changes: dict[str, dict[str, Any]] = {"create": {}, "update": {"min_disk": 1}, "delete": {"state": "absent"}}
    for what, options in changes.items():
        tasks[what] = step(what, "pcd_image", {**ways["odd password"], "name": name, **options})
    # First, while the passcode is fresh.
    return {key: tasks[key] for key in sorted(tasks, key=lambda key: "passcode" not in key)}


@contextmanager
def user_with(server: Server, password: str) -> Iterator[dict[str, str]]:
    """The options that name a new user of the member's project, with this password."""
    url = server.sandbox["keystone_url"]

    def keystone(method: str, path: str, **content: Any) -> Any:
        answer = requests.request(
            method,
            url + path,
            headers={"X-Auth-Token": server.token("admin")},
            verify=server.sandbox["ca_file"],
            timeout=60,
            **content,
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    name = unused("user")
    user = {"name": name, "password": password, "domain_id": server.sandbox["domain_id"]}
    user_id = keystone("POST", "/users", json={"user": user})["user"]["id"]
    try:
        role = keystone("GET", "/roles?name=member")["roles"][0]["id"]
        keystone("PUT", f"/projects/{server.project_id()}/users/{user_id}/roles/{role}")
        yield {"username": name, "password": password}
    finally:
        keystone("DELETE", f"/users/{user_id}")


@BOTH
def test_a_success_shows_no_secret(in_process: bool, run: Player, name: str) -> None:
    with user_with(run.server, "".join(ODD.values())) as user:
        tasks = successes(run, name, user)
        searcher = Searcher(run, *ODD.values(), user["password"], run.server.token())
        playbook = play(*shown(tasks), module_defaults={}, vars={"platform9_pcd_in_process": in_process})
        seen = watch(run, searcher, playbook)
    failed = {task: seen.results.get(task) for task in tasks if seen.results.get(task, {"failed": True})["failed"]}
    assert failed == {}
    check(seen, searcher, in_process)
    assert any("not verified" in warning for warning in seen.results["list by no verification"]["warnings"])
    assert "warnings" not in seen.results["list by password"]


def test_nothing_is_left_but_the_module_that_ansible_is_asked_to_keep(run: Player) -> None:
    """Ansible packs the options of a task into the file that it runs; ANSIBLE_KEEP_REMOTE_FILES leaves that there."""
    searcher = Searcher(run)
    tasks = [step("List", "pcd_image_info", {**login(run), "limit": 1})]
    variables = {"platform9_pcd_in_process": False}
    seen = watch(run, searcher, play(*tasks, module_defaults={}, vars=variables), {"ANSIBLE_KEEP_REMOTE_FILES": "true"})
    holding = {place for place, text in seen.texts.items() if searcher.found_in(text)}
    assert {Path(place).name for place in holding} == {"AnsiballZ_pcd_image_info.py"}
    assert [place for place in holding if not is_private(run.folder / place, run.folder)] == []
    assert seen.open_files == set()
    # Within the controller there is no such file.
    seen = watch(run, searcher, play(*tasks, module_defaults={}), {"ANSIBLE_KEEP_REMOTE_FILES": "true"})
    assert {place for place, text in seen.texts.items() if searcher.found_in(text)} <= holding
    assert IN_PROCESS.search(seen.stdout)


@BOTH
def test_a_bug_shows_no_secret(in_process: bool, run: Player, name: str) -> None:
    """An error that is not ours ends in a traceback, whose text holds none of the values that were at hand."""
    library = run.folder.with_name(f"{run.folder.name}-library")
    library.mkdir()
    (library / "jsonpatch.py").write_text("def apply_patch(*arguments):\n    raise RuntimeError('a planted bug')\n")
    image = run.server.create(name)
    searcher = Searcher(run)
    options = {**login(run), "name": name, "min_disk": 1}
    playbook = play(
        *shown({"Change": step("Change", "pcd_image", options)}),
        module_defaults={},
        vars={"platform9_pcd_in_process": in_process},
    )
    seen = watch(run, searcher, playbook, {"PYTHONPATH": str(library)})
    assert seen.results["Change"]["failed"]
    assert "a planted bug" in seen.stdout
    assert {place: searcher.found_in(text) for place, text in seen.texts.items() if searcher.found_in(text)} == {}
    assert [line for line in seen.arguments if searcher.found_in(line)] == []
    assert run.server.get(image["id"]) == image


HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
HEADERS: dict[str, tuple[Any, Any]] = {
    "a dictionary": ({"Accept": "raw"}, {"Accept": HIDDEN}),
    "JSON": ('{"Accept": "raw"}', HIDDEN),
    "words": ("Accept=raw", HIDDEN),
    "a template of a dictionary": ("{{ {'Accept': 'raw'} }}", None),
    "a template of words": ("Accept={{ 'raw' }}", HIDDEN),
}


@BOTH
def test_every_leaf_of_a_secret_option_is_hidden_by_its_place(in_process: bool, run: Player, name: str) -> None:
    """Short ones, too; and in the same way by both ways in which a task runs."""
    url = f"https://me:{FIRST}/{SECOND}@127.0.0.1:1/a.raw?sig={SIGNATURE}"
    options = {"name": name, **DATA, "method": "upload", "retries": 0}
    with open_echo() as echo:
        tasks = {
            what: step(what, "pcd_image", {**options, "url": f"{echo.url}/text/403/a.raw", "url_headers": given})
            for what, (given, dummy) in HEADERS.items()
        }
        tasks["an address"] = step("an address", "pcd_image", {**options, "url": url})
        tasks["a success"] = step(
            "a success", "pcd_image", {"name": name, "state": "absent", "token": None, "passcode": None}
        )
        playbook = play(*shown(tasks), vars={"platform9_pcd_in_process": in_process})
        played = run(playbook, "-vvv", environ={"ANSIBLE_INJECT_INVOCATION": "true"})
    told = {what: played.tasks[what]["invocation"]["module_args"] for what in tasks}
    for what, (dummy, expected) in HEADERS.items():
        assert told[what]["url_headers"] in ([expected] if expected else [HIDDEN, {"Accept": HIDDEN}])
    assert told["an address"]["url"] == "https://127.0.0.1:1/a.raw"
    assert (told["a success"]["token"], told["a success"]["name"]) == (None, name)
    assert [secret for secret in ("'raw'", '"raw"', "=raw", FIRST, SECOND, SIGNATURE) if secret in played.stdout] == [
        '"raw"'  # disk_format
    ]


@BOTH
@pytest.mark.parametrize("login", [f"{FIRST}/{SECOND}", f"{FIRST}#{SECOND}", f"{FIRST} {SECOND}", f"{FIRST}[{SECOND}"])
def test_the_password_of_a_proxy_is_not_told(login: str, in_process: bool, run: Player) -> None:
    proxy = f"http://me:{login}@127.0.0.1:1"
    variables = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": "", "ANSIBLE_DISPLAY_TRACEBACK": "always"}
    url = {"url": "http://127.0.0.1:1/a.raw", **DATA, "retries": 0, "method": "upload"}
    tasks = {
        "the cloud": step("the cloud", "pcd_image_info", {"retries": 0}),
        "a vendor": step("a vendor", "pcd_image", {"name": "leaks", **url}),
    }
    playbook = play(*shown(tasks), vars={"platform9_pcd_in_process": in_process})
    played = run(playbook, "-vvv", environ=variables)
    for what in tasks:
        assert "proxy" in played.tasks[what]["msg"]
    assert [secret for secret in (FIRST, SECOND) if secret in played.stdout + played.stderr] == []


@BOTH
def test_no_control_character_of_a_name_reaches_the_terminal(in_process: bool, run: Player, tmp_path: Path) -> None:
    name = "\x1b]0;owned\x07\x1b[2J\x9b31m"
    image = run.server.create(name, active=True)
    queued = run.server.create(f"{name}queued")
    dest = str(tmp_path / "copy.raw")
    tasks = {
        "download": step("download", "pcd_image_download", {"id": image["id"], "dest": dest}),
        "fail": step("fail", "pcd_image_state", {"id": queued["id"], "state": "active"}),
        "list": step("list", "pcd_image_info", {"id": image["id"]}),
    }
    playbook = play(*shown(tasks), vars={"platform9_pcd_in_process": in_process})
    played = run(
        playbook,
        "-vvv",
        "--diff",
        environ={"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
        platform9_pcd_progress_interval=0,
        platform9_pcd_progress=True,
    )
    # In the JSON of a result, Ansible escapes all but those beyond ASCII.
    assert [text for text in ("\x1b", "\x07") if text in played.stdout + played.stderr] == []
    assert "\x9b" not in played.stderr + played.tasks["fail"]["msg"]
    assert (r"\x1b]0;owned\x07\x1b[2J\x9b31m: downloading" in played.stderr) == in_process
    assert r"\x1b]0;owned" in played.tasks["fail"]["msg"]
