# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret stands in anything that a module says, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor
from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve

PASSCODE = "804913"


def tokens(server: Server) -> dict[str, dict[str, Any]]:
    """Every way to log in, as options."""
    keystone = {
        key: value for key, value in server.login("member").items() if key in ("auth_url", "ca_cert", "region_name")
    }
    credential = server.sandbox["application_credential"]
    return {
        "password": server.login("member"),
        "token": {**keystone, "token": server.token()},
        "token and endpoint": {
            "ca_cert": keystone["ca_cert"],
            "token": server.token(),
            "image_endpoint_override": server.sandbox["images_url"],
            "project_id": server.project_id(),
        },
        "application credential": {
            **keystone,
            "application_credential_id": credential["id"],
            "application_credential_secret": credential["secret"],
        },
        "passcode": {**server.login("mfa"), "passcode": server.passcode()},
    }


WAYS = ["password", "token", "token and endpoint", "application credential", "passcode"]
SECRET_OPTIONS = ("password", "token", "application_credential_secret", "passcode")
FAILURES: dict[str, dict[str, Any]] = {
    "refused by the service": {"visibility": "public"},
    "an unknown region": {"region_name": "nowhere"},
    "a bad option": {"min_disk": -1},
    "an unknown option": {"nonsense": True},
    "a bad address of keystone": {"auth_url": "https://127.0.0.1:1/keystone/v3", "retries": 0},
    "a bad address of the images": {"image_endpoint_override": "https://127.0.0.1:1/glance", "retries": 0},
    "keystone's address for the images": {"image_endpoint_override": "KEYSTONE"},
    "no trust": {"ca_cert": None},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_success_shows_no_secret(way: str, run: Runner, server: Server, name: str) -> None:
    login = tokens(server)[way]
    secrets = [str(login[option]) for option in SECRET_OPTIONS if option in login]
    for module, options in (
        ("pcd_image", {"name": name}),
        ("pcd_image", {"name": name, "min_disk": 1}),
        ("pcd_image_info", {"name": name}),
        ("pcd_image", {"name": name, "state": "absent"}),
    ):
        outcome = run(module, None, verbosity=3, **login, **options)
        assert not outcome.failed, outcome.msg
        assert run.told(outcome.stdout + outcome.stderr, *secrets) == []


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("way", WAYS)
def test_a_failure_shows_no_secret(way: str, failure: dict[str, Any], run: Runner, server: Server, name: str) -> None:
    login = {**tokens(server)[way], **failure}
    if login.get("image_endpoint_override") == "KEYSTONE":
        login["image_endpoint_override"] = server.sandbox["keystone_url"]
    secrets = [str(login[option]) for option in SECRET_OPTIONS if option in login]
    outcome = run("pcd_image", None, verbosity=3, name=name, **login)
    assert run.told(outcome.stdout + outcome.stderr, *secrets) == []
    if way == "token and endpoint" and ("auth_url" in failure or "region_name" in failure):
        return  # it asks no Keystone
    assert outcome.failed


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong-Passw0rd-5c1d7a"},
        {"passcode": PASSCODE},
        {"token": "wrong-t0ken-5c1d7a6a20d5"},
        {"token": "wrong t0ken 5c1d7a6a20d5"},
        {"application_credential_id": "0" * 32, "application_credential_secret": "wrong-Secret-5c1d7a"},
    ],
    ids=["password", "passcode", "token", "token with blanks", "application credential"],
)
def test_a_wrong_secret_is_not_repeated_to_the_reader(wrong: dict[str, str], run: Runner, server: Server) -> None:
    outcome = run("pcd_image_info", None, verbosity=3, **{**server.login("mfa"), **wrong})
    assert outcome.failed
    secrets = [value for option, value in wrong.items() if option in SECRET_OPTIONS]
    assert run.told(outcome.stdout + outcome.stderr, *secrets) == []


def test_a_secret_of_the_environment_is_not_told(run: Runner, server: Server) -> None:
    variables = {
        "OS_AUTH_URL": server.sandbox["keystone_url"],
        "OS_CACERT": server.sandbox["ca_file"],
        "OS_USERNAME": "member",
        "OS_PASSWORD": "wrong-Passw0rd-5c1d7a",
    }
    outcome = run("pcd_image_info", None, verbosity=3, env=variables)
    assert outcome.failed
    assert run.told(outcome.stdout + outcome.stderr, "wrong-Passw0rd-5c1d7a") == []


@pytest.mark.parametrize(
    "content",
    [
        "clouds:\n  here:\n    auth:\n      password: secret-Passw0rd-5c1d7a: [\n",
        "clouds:\n  here:\n    auth: secret-Passw0rd-5c1d7a\n",
        "clouds:\n  here:\n    auth:\n      password: [secret-Passw0rd-5c1d7a]\n",
        "clouds: secret-Passw0rd-5c1d7a\n",
        "secret-Passw0rd-5c1d7a\n",
    ],
    ids=["no YAML", "auth no dictionary", "password a list", "clouds no dictionary", "no dictionary"],
)
def test_a_broken_clouds_yaml_is_not_quoted(content: str, run: Runner) -> None:
    file = run.folder / "broken.yaml"
    file.write_text(content, encoding="utf-8")
    outcome = run("pcd_image_info", None, verbosity=3, cloud="here", env={"OS_CLIENT_CONFIG_FILE": str(file)})
    assert "cloud" in outcome.msg
    assert str(file) in outcome.msg
    assert run.told(outcome.stdout + outcome.stderr, "secret-Passw0rd-5c1d7a") == []


def test_a_secret_in_another_option_is_not_sent_on_by_an_error(run: Runner, server: Server) -> None:
    password = server.sandbox["users"]["member"]["password"]
    for option in ("auth_url", "image_endpoint_override"):
        outcome = run(
            "pcd_image_info", None, **{**server.login("member"), option: f"https://member:{password}@127.0.0.1/"}
        )
        assert option in outcome.msg
        assert run.told(outcome.stdout + outcome.stderr) == []


HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
FIRST, SECOND = "f1rst-P4rt-7f3a9c2e", "sec0nd-P4rt-5b1d8e4f"
# Addresses that are not regular; nobody is at their port.
HOSTILE = {
    "a password": "http://mirror:{FIRST}@127.0.0.1:1/a.raw",
    "a password with a slash": "http://mirror:{FIRST}/{SECOND}@127.0.0.1:1/a.raw",
    "a password with #": "http://mirror:{FIRST}#{SECOND}@127.0.0.1:1/a.raw",
    "a password with ?": "http://mirror:{FIRST}?{SECOND}@127.0.0.1:1/a.raw",
    "a password with @": "http://mirror:{FIRST}@{SECOND}@127.0.0.1:1/a.raw",
    "a password with a blank": "http://mirror:{FIRST} {SECOND}@127.0.0.1:1/a.raw",
    "a password with a bracket": "http://mirror:{FIRST}[{SECOND}@127.0.0.1:1/a.raw",
    "a password with a per cent sign": "http://mirror:{FIRST}%{SECOND}@127.0.0.1:1/a.raw",
    "a password with an encoded slash": "http://mirror:{FIRST}%2F{SECOND}@127.0.0.1:1/a.raw",
    "a password and an encoded @": "http://mirror:{FIRST}%40127.0.0.1:1/a.raw",
    "a password with a number before a slash": "http://127.0.0.1:1/{SECOND}@127.0.0.1:1/a.raw",
    "a token as user": "http://{FIRST}@127.0.0.1:1/a.raw",
    "a token with # as user": "http://{FIRST}#{SECOND}@127.0.0.1:1/a.raw",
    "a query": "http://127.0.0.1:1/a.raw?sig={FIRST}",
    "a query with @": "http://127.0.0.1:1/a.raw?sig={FIRST}@{SECOND}",
    "a query after a blank": "http://127.0.0.1:1/a.raw ?sig={FIRST} {SECOND}",
    "a fragment": "http://127.0.0.1:1/a.raw#{FIRST}",
    "no scheme": "mirror:{FIRST}@127.0.0.1:1/a.raw?{SECOND}",
    "one slash": "http:/mirror:{FIRST}@127.0.0.1:1/a.raw",
    "no two slashes": "//mirror:{FIRST}@127.0.0.1:1/a.raw",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_part_of_an_irregular_address_is_shown(what: str, run: Runner, server: Server, name: str) -> None:
    address = HOSTILE[what].replace("{FIRST}", FIRST).replace("{SECOND}", SECOND)
    data: dict[str, Any] = {"disk_format": "raw", "container_format": "bare", "method": "upload"}
    places: list[dict[str, Any]] = [
        {**data, "url": address},
        {**data, "url": "http://127.0.0.1:1/a.raw", "checksum": f"sha256:{address}"},
        {"auth_url": address},
        {"image_endpoint_override": address},
    ]
    for options in places:
        outcome = run("pcd_image", verbosity=3, name=name, retries=0, **options)
        assert outcome.failed
        assert run.told(outcome.stdout, FIRST, SECOND) == []
    assert server.named(name) == []


@pytest.mark.parametrize("path", ["a.raw", "a.raw?sig={FIRST}", "a.raw#{FIRST}"])
def test_no_part_of_an_address_is_shown_by_a_task_that_succeeds(
    path: str, vendor: Vendor, run: Runner, name: str
) -> None:
    vendor.file("a.raw", b"some data")
    address = f"{vendor.url}/files/{path}".replace("//", f"//mirror:{FIRST}%2F{SECOND}@", 1).replace("{FIRST}", FIRST)
    options: dict[str, Any] = {"name": name, "url": address, "disk_format": "raw", "container_format": "bare"}
    outcome = run("pcd_image", verbosity=3, **options)
    assert not outcome.failed, outcome.msg
    assert run.told(outcome.stdout, FIRST, SECOND) == []
    shown = outcome.result["invocation"]["module_args"]["url"]
    assert shown == f"{vendor.url}/files/a.raw"


HEADERS: dict[str, tuple[Any, Any]] = {
    "a dictionary": ({"X-Key": "q7Z"}, {"X-Key": HIDDEN}),
    "JSON": ('{"X-Key": "q7Z"}', HIDDEN),
    "words": ("X-Key=q7Z", HIDDEN),
    "words with quotes": ("X-Key='q7Z'", HIDDEN),
    "what a template makes of a dictionary": ("{'X-Key': 'q7Z'}", HIDDEN),
}


@pytest.mark.parametrize("key", ["q7Z", "Mirror-K3y-91ab"])
@pytest.mark.parametrize("form", HEADERS)
def test_the_value_of_a_header_is_hidden_in_whichever_form_it_is_given(
    form: str, key: str, vendor: Vendor, run: Runner, name: str
) -> None:
    given, shown = HEADERS[form]
    vendor.key = key
    given = {"X-Key": key} if isinstance(given, dict) else given.replace("q7Z", key)
    data: dict[str, Any] = {"disk_format": "raw", "container_format": "bare", "url_headers": given}
    options: dict[str, Any]
    for folder, options in (
        ("guarded", {}),
        ("guarded", {"min_disk": 1}),
        ("status/403", {"on_content_change": "replace"}),
        ("guarded", {"timeout": "soon"}),
    ):
        outcome = run(
            "pcd_image", verbosity=3, name=name, url=vendor.file("a.raw", b"some data", folder), **data, **options
        )
        assert outcome.failed == ("403" in folder or "timeout" in options), outcome.msg
        assert outcome.result["invocation"]["module_args"]["url_headers"] == shown
        assert key not in outcome.stdout
    assert vendor.headers_of("/guarded/a.raw")[0]["x-key"] == key


@pytest.mark.parametrize("option", ["pasword", "riddle"])
def test_the_value_of_an_option_that_no_module_knows_is_hidden(option: str, run: Runner) -> None:
    options: dict[str, Any] = {option: FIRST}
    outcome = run("pcd_image_info", verbosity=3, **options)
    assert option in outcome.msg
    # If another option is likely to be meant, none is shown.
    assert outcome.result["invocation"]["module_args"].get(option, HIDDEN) == HIDDEN
    assert run.told(outcome.stdout, FIRST) == []


@pytest.mark.parametrize(
    "address",
    [
        "https://mirror:{FIRST}",
        "https://127.0.0.1:{FIRST}/a.raw",
        *(address for address in HOSTILE.values() if "://" in address),
    ],
)
def test_an_address_instead_of_another_value_is_not_repeated(address: str, run: Runner, name: str) -> None:
    given = address.replace("{FIRST}", FIRST).replace("{SECOND}", SECOND)
    for option in ("method", "min_disk"):
        options: dict[str, Any] = {"name": name, option: given}
        outcome = run("pcd_image", verbosity=3, **options)
        assert option in outcome.msg
        assert run.told(outcome.stdout, FIRST, SECOND) == []
    outcome = run("pcd_image_catalog", verbosity=3, images=[{"name": name, "method": given}])
    assert "method" in outcome.msg
    assert run.told(outcome.stdout, FIRST, SECOND) == []


def test_the_service_says_nothing_of_an_address_that_it_could_not_fetch(run: Runner, name: str) -> None:
    outcome = run(
        "pcd_image",
        verbosity=3,
        name=name,
        url=f"http://127.0.0.1:1/a.raw?sig={FIRST}",
        method="web-download",
        disk_format="raw",
        container_format="bare",
        retries=0,
    )
    assert outcome.failed
    assert run.told(outcome.stdout, FIRST) == []


def test_a_redirect_of_the_cloud_is_reported_without_its_secrets(run: Runner, server: Server) -> None:
    class Elsewhere(Handler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"https://me:{FIRST}/{SECOND}@elsewhere.example.com/x?ticket={FIRST}")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serve(Elsewhere) as address:
        outcome = run("pcd_image_info", None, token=server.token(), image_endpoint_override=address, verbosity=3)
    assert "https://elsewhere.example.com/x" in outcome.msg
    assert run.told(outcome.stdout, FIRST, SECOND) == []


@pytest.fixture
def plain_region(server: Server) -> Iterator[str]:
    """A region of the catalogue whose image service has a plain http address."""

    class Empty(Handler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "14")
            self.end_headers()
            self.wfile.write(b'{"images": []}')

    def keystone(method: str, path: str, **content: Any) -> Any:
        url, headers = f"{server.sandbox['keystone_url']}{path}", {"X-Auth-Token": server.token("admin")}
        answer = requests.request(method, url, headers=headers, verify=server.sandbox["ca_file"], timeout=60, **content)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    region = unused("plain")
    services = keystone("GET", "/services?type=image")["services"]
    keystone("POST", "/regions", json={"region": {"id": region}})
    try:
        with serve(Empty) as address:
            offer = {"interface": "admin", "region_id": region, "url": address, "service_id": services[0]["id"]}
            made = keystone("POST", "/endpoints", json={"endpoint": offer})["endpoint"]["id"]
            try:
                yield region
            finally:
                keystone("DELETE", f"/endpoints/{made}")
    finally:
        keystone("DELETE", f"/regions/{region}")


def test_a_plain_http_address_of_the_catalogue_is_warned_of(plain_region: str, run: Runner) -> None:
    outcome = run("pcd_image_info", region_name=plain_region)
    (warning,) = outcome.result["warnings"]
    assert "The catalogue of Keystone has an unencrypted HTTP address" in str(warning)


def test_a_name_with_control_characters_is_shown_with_escapes(run: Runner, server: Server) -> None:
    image = server.create("\x1b]0;owned\x07\x1b[2J\x9b31m")
    outcome = run("pcd_image_state", id=image["id"], state="active")
    assert "\\x1b]0;owned\\x07\\x1b[2J\\x9b31m" in outcome.msg
    assert outcome.msg.isprintable()
