# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The login at Keystone, played by a server in a thread, and the choice of the image endpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.plugins.module_utils._client.login import (
    Access,
    choose_endpoint,
    library_endpoint_beside,
    log_in,
    regions_in,
    subject_of,
    versioned,
    warnings_about,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import CONNECTION_OPTIONS, connection_from
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    ConfigurationError,
    ConnectionFailed,
    Forbidden,
    PcdError,
    Unauthorized,
)
from ansible_collections.platform9.pcd.tests.support.samples import OTHER_PROJECT, PASSWORD, PROJECT, TOKEN, options
from ansible_collections.platform9.pcd.tests.support.scripted_server import BREAK_OFF, Reply, Request, Serve, Service

SECRET = "application-credential-secret-84c1"
NEW_TOKEN = "gAAAAABpNew-token-kept-secret_9876543210"
REQUEST_ID = "req-02063487-bad7-465a-8bb9-0301eea9d9cc"
LIBRARY = "https://library.example.com:9494"
CATALOG: list[Mapping[str, Any]] = [
    {
        "type": "identity",
        "name": "keystone",
        "endpoints": [
            {"interface": "public", "region_id": "r1", "region": "r1", "url": "https://pcd.example.com/keystone"}
        ],
    },
    {
        "type": "image",
        "name": "glance",
        "endpoints": [
            {"interface": "public", "region_id": "r1", "region": "r1", "url": "https://pcd.example.com/glance"},
            {"interface": "admin", "region_id": "r1", "region": "r1", "url": LIBRARY},
        ],
    },
]
DESCRIBED = {
    "expires_at": "2026-11-24T07:39:31.000000Z",
    "project": {"id": PROJECT, "name": "service", "domain": {"id": "default", "name": "Default"}},
    "catalog": CATALOG,
}


def issued(**given: Any) -> Reply:
    return Reply(201, {"token": {**DESCRIBED, **given}}, {"X-Subject-Token": NEW_TOKEN})


def described(**given: Any) -> Reply:
    return Reply(200, {"token": {**DESCRIBED, **given}}, {"X-Subject-Token": TOKEN})


def logged_in(keystone: Service, **given: Any) -> Access:
    spec = options(CONNECTION_OPTIONS, **{"retries": 0, "auth_url": f"{keystone.url}/keystone/v3", **given})
    return log_in(connection_from(spec, {}))


def refused(keystone: Service, kind: type[PcdError], **given: Any) -> PcdError:
    with pytest.raises(kind) as caught:
        logged_in(keystone, **given)
    told = str(caught.value) + json.dumps(caught.value.facts)
    for secret in (PASSWORD, SECRET, TOKEN, NEW_TOKEN):
        assert secret not in told
    return caught.value


USER = {"username": "me", "password": PASSWORD}


# --- what is sent ------------------------------------------------------------------------------------------------

ME = {"name": "me", "domain": {"id": "default"}}


@pytest.mark.parametrize(
    ("given", "auth"),
    [
        pytest.param(
            USER,
            {"identity": {"methods": ["password"], "password": {"user": {**ME, "password": PASSWORD}}}},
            id="a password, and nothing about domain and project",
        ),
        pytest.param(
            {**USER, "user_domain_name": "d", "project_name": "service", "project_domain_name": "e"},
            {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "me", "domain": {"name": "d"}, "password": PASSWORD}},
                },
                "scope": {"project": {"name": "service", "domain": {"name": "e"}}},
            },
            id="a password, with domains and project by name",
        ),
        pytest.param(
            {
                "user_id": "u1",
                "user_domain_name": "d",
                "password": PASSWORD,
                "project_id": PROJECT,
                "project_domain_id": "e",
            },
            {
                "identity": {"methods": ["password"], "password": {"user": {"id": "u1", "password": PASSWORD}}},
                "scope": {"project": {"id": PROJECT}},
            },
            id="ids need no domains",
        ),
        pytest.param(
            {**USER, "user_domain_id": "d", "project_name": "service"},
            {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": "me", "domain": {"id": "d"}, "password": PASSWORD}},
                },
                "scope": {"project": {"name": "service", "domain": {"id": "default"}}},
            },
            id="a domain for each of user and project",
        ),
        pytest.param(
            {**USER, "passcode": "731946"},
            {
                "identity": {
                    "methods": ["password", "totp"],
                    "password": {"user": {**ME, "password": PASSWORD}},
                    "totp": {"user": {**ME, "passcode": "731946"}},
                }
            },
            id="a password and a passcode",
        ),
        pytest.param(
            {"username": "me", "passcode": "731946"},
            {"identity": {"methods": ["totp"], "totp": {"user": {**ME, "passcode": "731946"}}}},
            id="only a passcode",
        ),
        pytest.param(
            {"application_credential_id": "i", "application_credential_secret": SECRET, "project_name": "service"},
            {
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": {"id": "i", "secret": SECRET},
                }
            },
            id="an application credential by id, which is never scoped",
        ),
        pytest.param(
            {"application_credential_name": "n", "application_credential_secret": SECRET, "username": "me"},
            {
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": {"name": "n", "secret": SECRET, "user": ME},
                }
            },
            id="an application credential by name, with its user",
        ),
        pytest.param(
            {"application_credential_name": "n", "application_credential_secret": SECRET, "user_id": "u1"},
            {
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": {"name": "n", "secret": SECRET, "user": {"id": "u1"}},
                }
            },
            id="an application credential by name, with the id of its user",
        ),
    ],
)
def test_a_login_is_one_request_with_just_what_keystone_needs(
    given: dict[str, str], auth: dict[str, Any], serve: Serve
) -> None:
    keystone = serve(issued())
    access = logged_in(keystone, **given)
    (request,) = keystone.requests
    assert (request.method, request.path) == ("POST", "/keystone/v3/auth/tokens")
    assert request.document == {"auth": auth}
    assert request.headers["X-Auth-Token"] is None
    assert request.headers["Content-Type"] == "application/json"
    expires = str(DESCRIBED["expires_at"])
    assert access._replace(subject=None) == Access(
        NEW_TOKEN, f"{LIBRARY}/v2", PROJECT, expires, None, "default", "Default", ["r1"]
    )


@pytest.mark.parametrize(
    "project",
    [
        {},
        {"project_id": PROJECT},
        {"project_name": "service"},
        {"project_name": "service", "project_domain_id": "default"},
        {"project_name": "service", "project_domain_name": "Default"},
    ],
)
def test_a_token_for_this_project_is_looked_up_and_used_as_it_is(project: dict[str, str], serve: Serve) -> None:
    keystone = serve(described())
    access = logged_in(keystone, token=TOKEN, **project)
    (request,) = keystone.requests
    assert (request.method, request.path, request.body) == ("GET", "/keystone/v3/auth/tokens", b"")
    assert request.headers["X-Auth-Token"] == request.headers["X-Subject-Token"] == TOKEN
    assert (access.token, access.image_endpoint, access.project_id) == (TOKEN, f"{LIBRARY}/v2", PROJECT)


@pytest.mark.parametrize(
    ("project", "scope"),
    [
        ({"project_id": OTHER_PROJECT}, {"id": OTHER_PROJECT}),
        ({"project_name": "other"}, {"name": "other", "domain": {"id": "default"}}),
        ({"project_name": "service", "project_domain_id": "d"}, {"name": "service", "domain": {"id": "d"}}),
        ({"project_name": "service", "project_domain_name": "d"}, {"name": "service", "domain": {"name": "d"}}),
    ],
)
def test_a_token_for_another_project_is_exchanged(project: dict[str, str], scope: dict[str, Any], serve: Serve) -> None:
    keystone = serve(described(), issued(project={"id": OTHER_PROJECT}))
    access = logged_in(keystone, token=TOKEN, **project)
    assert keystone.methods == ["GET", "POST"]
    assert keystone.requests[1].document == {
        "auth": {"identity": {"methods": ["token"], "token": {"id": TOKEN}}, "scope": {"project": scope}}
    }
    assert (access.token, access.project_id) == (NEW_TOKEN, OTHER_PROJECT)


def test_a_token_without_a_project_is_exchanged_for_one_with(serve: Serve) -> None:
    keystone = serve(described(project=None, catalog=[]), issued())
    assert logged_in(keystone, token=TOKEN, project_name="service").token == NEW_TOKEN


def test_a_token_with_the_address_of_the_images_needs_no_keystone(serve: Serve) -> None:
    keystone = serve(Reply(500))
    access = logged_in(keystone, token=TOKEN, image_endpoint_override="https://i.example.com/v2/", project_id=PROJECT)
    assert access == Access(TOKEN, "https://i.example.com/v2", PROJECT, None)
    assert keystone.requests == []


@pytest.mark.parametrize("project", [{}, {"project_name": "service"}])
def test_without_keystone_nobody_knows_the_id_of_the_project(project: dict[str, str], serve: Serve) -> None:
    access = logged_in(serve(Reply(500)), token=TOKEN, image_endpoint_override="https://i.example.com", **project)
    assert access.project_id is None


def test_an_application_credential_of_another_project_is_an_error(serve: Serve) -> None:
    credential = {"application_credential_id": "i", "application_credential_secret": SECRET}
    with pytest.raises(ConfigurationError, match="belongs to project service, but other was asked for"):
        logged_in(serve(issued()), **credential, project_name="other")


def test_the_address_of_the_images_goes_before_the_catalogue(serve: Serve) -> None:
    keystone = serve(issued(catalog=[]))
    access = logged_in(keystone, **USER, image_endpoint_override="https://i.example.com/glance")
    assert access.image_endpoint == "https://i.example.com/glance/v2"


@pytest.mark.parametrize("ending", ["", "/", "/v3", "/v3/", "/v2.0"])
def test_keystone_is_found_with_and_without_its_version(ending: str, serve: Serve) -> None:
    keystone = serve(issued())
    logged_in(keystone, **USER, auth_url=f"{keystone.url}/keystone{ending}")
    assert keystone.requests[0].path == "/keystone/v3/auth/tokens"


def test_a_token_is_shown_in_no_description_of_an_access(serve: Serve) -> None:
    assert NEW_TOKEN not in repr(logged_in(serve(issued()), **USER))


# --- what goes wrong ---------------------------------------------------------------------------------------------

UNAUTHORIZED = {"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "x"}}


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({**USER, "project_name": "service"}, ["user me", "project service", "password", "passcode"]),
        ({"user_id": "u1", "password": PASSWORD, "project_id": PROJECT}, ["user u1", f"project {PROJECT}"]),
        (
            {"application_credential_id": "i", "application_credential_secret": SECRET},
            ["application credential i", "application_credential_secret", "expired"],
        ),
        (
            {"application_credential_name": "n", "application_credential_secret": SECRET, "username": "me"},
            ["application credential n"],
        ),
        ({"token": TOKEN}, ["the token", "expired"]),
    ],
)
def test_a_refused_login_names_the_user_the_project_and_the_reason(
    given: dict[str, str], parts: list[str], serve: Serve
) -> None:
    keystone = serve(Reply(401, UNAUTHORIZED, {"x-openstack-request-id": REQUEST_ID}))
    error = refused(keystone, Unauthorized, **given)
    for part in (
        *parts,
        f"{keystone.url}/keystone/v3",
        "The request you have made requires authentication",
        REQUEST_ID,
    ):
        assert part in str(error)
    assert (error.facts["status"], error.facts["request_id"]) == (401, REQUEST_ID)
    assert len(keystone.requests) == 1


def test_the_factors_that_an_account_needs_are_reported(serve: Serve) -> None:
    """Keystone answers 401 with a receipt, and the ways to log in (Identity API v3, "Auth receipts")."""
    receipt = {
        "receipt": {"methods": ["password"], "expires_at": "2026-11-23T07:44:31.000000Z"},
        "required_auth_methods": [["totp", "password"], ["password", "mapped"]],
    }
    keystone = serve(Reply(401, receipt, {"Openstack-Auth-Receipt": "gAAAAA"}))
    error = refused(keystone, Unauthorized, **USER)
    assert "totp and password or password and mapped" in str(error)
    assert "passcode" in str(error)


def test_a_token_that_cannot_be_exchanged_for_the_project_says_so(serve: Serve) -> None:
    error = refused(serve(described(), Reply(401, UNAUTHORIZED)), Unauthorized, token=TOKEN, project_name="other")
    assert "project other" in str(error)


@pytest.mark.parametrize(
    "body", ["<html><h1>404 Not Found</h1></html>", "", {"error": {"code": 404, "message": "not found"}}]
)
@pytest.mark.parametrize("given", [USER, {"token": TOKEN}])
def test_an_address_that_is_not_a_keystone_says_which_option_is_wrong(
    body: Any, given: dict[str, str], serve: Serve
) -> None:
    keystone = serve(Reply(404, body))
    error = refused(keystone, ConfigurationError, **given)
    assert str(error).startswith(f"auth_url: {keystone.url}/keystone/v3 is not a Keystone v3")
    assert "<" not in str(error)
    assert error.facts["status"] == 404


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(302, "", {"Location": "https://sso.example.com"}), "a redirect to https://sso.example.com"),
        (Reply(300, {"versions": {"values": []}}), "300"),
        (Reply(405, ""), "405"),
    ],
)
def test_an_address_that_leads_elsewhere_is_reported_with_its_option_and_target(
    reply: Reply, part: str, serve: Serve
) -> None:
    keystone = serve(reply)
    error = refused(keystone, ConfigurationError, **USER)
    assert str(error).startswith(f"auth_url: {keystone.url}/keystone/v3 is not a Keystone v3")
    assert part in str(error)


@pytest.mark.parametrize(
    ("reply", "kind", "part"),
    [
        (Reply(403, {"error": {"message": "Forbidden by policy."}}), Forbidden, "Forbidden by policy."),
        (Reply(500), ApiError, "500"),
        (Reply(200, {"versions": []}), ApiError, "unexpected status"),
        (Reply(201, {"token": DESCRIBED}), ApiError, "no token"),
        (Reply(201, "null", {"X-Subject-Token": NEW_TOKEN}), ApiError, "nothing in it"),
        (Reply(201, "", {"X-Subject-Token": NEW_TOKEN}), ApiError, "nothing in it"),
        (Reply(201, {"token": None}, {"X-Subject-Token": NEW_TOKEN}), ApiError, "no description of a token"),
        (Reply(201, "<html>", {"X-Subject-Token": NEW_TOKEN}), ApiError, "not JSON"),
        (BREAK_OFF, ConnectionFailed, "broke off"),
    ],
)
def test_other_failures_of_a_login_say_that_it_is_the_login_that_failed(
    reply: Any, kind: type[PcdError], part: str, serve: Serve
) -> None:
    error = refused(serve(reply), kind, **USER)
    assert str(error).startswith("Could not log in at Keystone: ")
    assert part in str(error)


def test_keystone_may_repeat_what_it_was_sent_and_no_message_does(serve: Serve) -> None:
    def repeats_it(request: Request) -> Reply:
        return Reply(400, {"error": {"message": f"bad: {request.body.decode()}"}})

    for given in (USER, {"application_credential_id": "i", "application_credential_secret": SECRET}):
        assert "bad: " in str(refused(serve(repeats_it), ApiError, **given))


def test_a_one_time_passcode_is_never_sent_twice(serve: Serve) -> None:
    for failure in (Reply(503), BREAK_OFF):
        keystone = serve(failure)
        refused(keystone, PcdError, **USER, passcode="731946", retries=3)
        assert len(keystone.requests) == 1


def test_a_login_by_password_is_tried_again_after_a_failure_that_passes(serve: Serve) -> None:
    keystone = serve(Reply(503, "", {"Retry-After": "0"}), issued())
    assert logged_in(keystone, **USER, retries=1).token == NEW_TOKEN
    assert keystone.requests[0].body == keystone.requests[1].body


# --- trusts, and what YAML has made of a value ---------------------------------------------------------------------


def with_cloud(keystone: Service, **auth: Any) -> Access:
    write_cloud({"auth": {"auth_url": keystone.url, **auth}})
    return log_in(connection_from(options(CONNECTION_OPTIONS, cloud="demo", retries=0), {}))


def write_cloud(cloud: dict[str, Any]) -> None:
    Path("clouds.yaml").write_text(yaml.safe_dump({"clouds": {"demo": cloud}}), encoding="utf-8")


TRUST = {"OS-TRUST:trust": {"id": "t"}}


def test_a_trust_is_the_scope_of_a_login(serve: Serve) -> None:
    keystone = serve(issued())
    assert with_cloud(keystone, **USER, trust_id="t").project_id == PROJECT
    assert keystone.requests[0].document["auth"]["scope"] == TRUST


def test_a_token_is_exchanged_for_one_of_the_trust_unless_it_is_one(serve: Serve) -> None:
    keystone = serve(described(), issued())
    assert with_cloud(keystone, token=TOKEN, trust_id="t").token == NEW_TOKEN
    assert keystone.requests[1].document["auth"]["scope"] == TRUST
    keystone = serve(described(**TRUST))
    assert with_cloud(keystone, token=TOKEN, trust_id="t").token == TOKEN


def test_a_refused_login_for_a_trust_names_it(serve: Serve) -> None:
    with pytest.raises(Unauthorized, match=r"for trust t\. Check password, username, user_domain_id, trust_id;"):
        with_cloud(serve(Reply(401, UNAUTHORIZED)), **USER, trust_id="t")


@pytest.mark.parametrize(
    ("auth", "key", "kind"),
    [
        ({"username": "me", "password": 83}, "password", "a number"),
        ({"username": True, "password": PASSWORD}, "username", "a boolean"),
        ({**USER, "project_name": 2024}, "project_name", "a number"),
        ({**USER, "project_id": 1.5}, "project_id", "a number"),
        ({**USER, "project_name": date(2024, 1, 31)}, "project_name", "a date"),
        (
            {"application_credential_id": "i", "application_credential_secret": 83},
            "application_credential_secret",
            "a ",
        ),
    ],
)
@pytest.mark.parametrize("reply", [Reply(401, UNAUTHORIZED), Reply(400, UNAUTHORIZED), Reply(404, UNAUTHORIZED)])
def test_a_login_that_fails_is_reported_with_what_yaml_has_made_of_a_value(
    auth: dict[str, Any], key: str, kind: str, reply: Reply, serve: Serve
) -> None:
    with pytest.raises(PcdError) as caught:
        with_cloud(serve(reply), **auth)
    message = str(caught.value)
    assert f"the value of {key} is read by YAML as {kind}" in message
    assert "Put it in quotes" in message
    assert str(Path.cwd() / "clouds.yaml") in message
    assert "\n" not in message


def test_what_is_text_and_what_is_not_used_is_not_told(serve: Serve) -> None:
    refusing = serve(Reply(401, UNAUTHORIZED))
    with pytest.raises(Unauthorized) as caught:
        with_cloud(refusing, username="me", password="0123", project_name="p")
    assert "quotes" not in str(caught.value)
    write_cloud({"auth": {"auth_url": refusing.url, "username": "me", "password": 83}})
    spec = options(CONNECTION_OPTIONS, cloud="demo", password=PASSWORD, retries=0)
    with pytest.raises(Unauthorized) as caught:
        log_in(connection_from(spec, {}))
    assert "quotes" not in str(caught.value)


def test_a_region_that_yaml_takes_for_a_boolean_is_reported(serve: Serve) -> None:
    keystone = serve(issued())
    write_cloud({"auth": {"auth_url": keystone.url, **USER}, "region_name": False})
    with pytest.raises(
        ConfigurationError, match=r"no image service in 'False'.* region_name is read by YAML as a boolean"
    ):
        log_in(connection_from(options(CONNECTION_OPTIONS, cloud="demo"), {}))


# --- the endpoint ------------------------------------------------------------------------------------------------


def catalog(*endpoints: str) -> list[Mapping[str, Any]]:
    """The catalogue with image endpoints such as "r1 admin"; the address of each is its description."""
    described = [each.split() for each in endpoints]
    images = [
        {"region_id": region, "region": region, "interface": interface, "url": f"https://{region}/{interface}"}
        for region, interface in described
    ]
    return [CATALOG[0], {"type": "image", "endpoints": images}]


@pytest.mark.parametrize(
    ("endpoints", "region", "interface", "url"),
    [
        pytest.param("r1 public, r1 internal, r1 admin", None, None, "r1/admin", id="admin if there is one"),
        pytest.param("r1 public, r1 internal", None, None, "r1/public", id="public if there is no admin"),
        pytest.param("r1 admin", None, None, "r1/admin", id="only admin"),
        pytest.param("r1 public, r1 internal, r1 admin", None, "public", "r1/public", id="public if asked for"),
        pytest.param("r1 public, r1 internal, r1 admin", None, "internal", "r1/internal", id="internal if asked for"),
        pytest.param("r1 public, r2 public", "r2", None, "r2/public", id="the region asked for"),
        pytest.param("r1 admin, r2 public", "r2", None, "r2/public", id="no admin of another region"),
        pytest.param("r1 admin, r2 admin, r2 public", "r2", "public", "r2/public", id="region and interface"),
        pytest.param("r1 public", "r1", None, "r1/public", id="the only region by its name"),
    ],
)
def test_the_endpoint_is_the_one_that_is_meant(
    endpoints: str, region: str | None, interface: str | None, url: str
) -> None:
    assert choose_endpoint(catalog(*endpoints.split(", ")), region, interface) == f"https://{url}"


@pytest.mark.parametrize(
    ("endpoints", "region", "interface", "beginning", "parts"),
    [
        pytest.param(
            "r2 public, r1 admin, r1 public",
            None,
            None,
            "region_name: ",
            ["admin, public in r1; public in r2", "Give region_name"],
            id="several regions are not guessed between",
        ),
        pytest.param(
            "r1 admin, r2 public",
            None,
            "admin",
            "region_name: ",
            ["several regions"],
            id="not even by their interfaces",
        ),
        pytest.param(
            "r1 admin, r2 public",
            "r3",
            None,
            "region_name: ",
            ["'r3'", "admin in r1", "public in r2"],
            id="region",
        ),
        pytest.param(
            "r1 public", "R1", None, "region_name: ", ["'R1'", "public in r1"], id="the case of a region counts"
        ),
        pytest.param("r1 public", None, "internal", "interface: ", ["internal", "public in r1"], id="interface"),
        pytest.param("r1 internal", None, None, "interface: ", ["admin or public", "internal in r1"], id="internal"),
        pytest.param(
            "r1 admin, r2 public", "r2", "admin", "interface: ", ["in r2; it offers", "admin in r1"], id="elsewhere"
        ),
    ],
)
def test_an_endpoint_that_is_not_there_is_an_error_that_lists_the_offer(
    endpoints: str, region: str | None, interface: str | None, beginning: str, parts: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose_endpoint(catalog(*endpoints.split(", ")), region, interface)
    assert str(caught.value).startswith(beginning)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize("which", ["first", "last"])
def test_two_endpoints_of_one_interface_and_region_are_not_guessed_between(which: str) -> None:
    offer = catalog("r1 admin", "r1 public")
    second = {"region_id": "r1", "interface": "admin", "url": "https://second"}
    offer.insert(0 if which == "first" else 2, {"type": "image", "endpoints": [second]})
    with pytest.raises(ConfigurationError) as caught:
        choose_endpoint(offer, None, None)
    assert str(caught.value).startswith("image_endpoint_override: the catalogue has 2 admin endpoints of the image")
    assert "in r1: https://r1/admin, https://second" in str(caught.value)
    assert choose_endpoint(offer, "r1", "public") == "https://r1/public"


def test_an_endpoint_that_is_there_twice_is_one() -> None:
    offer = [*catalog("r1 admin"), *catalog("r1 admin")]
    offer[-1]["endpoints"][0]["url"] += "/v2/"
    assert versioned(choose_endpoint(offer, None, None), "v2") == "https://r1/admin/v2"


@pytest.mark.parametrize(
    ("offer", "said"),
    [([], "nothing"), ([CATALOG[0]], "identity"), ([CATALOG[0], {"type": "image", "endpoints": []}], "identity")],
)
def test_a_catalogue_without_images_is_an_error_that_says_what_there_is(
    offer: list[Mapping[str, Any]], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"no image service.*{said}.*image_endpoint_override"):
        choose_endpoint(offer, None, None)


def test_a_login_without_project_says_that_a_project_is_lacking(serve: Serve) -> None:
    keystone = serve(Reply(201, {"token": {"expires_at": "x"}}, {"X-Subject-Token": NEW_TOKEN}))
    assert "project_name" in str(refused(keystone, ConfigurationError, **USER))


def test_the_region_and_the_interface_of_the_connection_choose_the_endpoint(serve: Serve) -> None:
    keystone = serve(issued(catalog=catalog("r1 admin", "r2 admin", "r2 public")))
    access = logged_in(keystone, **USER, region_name="r2", interface="public")
    assert access.image_endpoint == "https://r2/public/v2"


@pytest.mark.parametrize(
    ("address", "version", "result"),
    [
        ("https://h", "v2", "https://h/v2"),
        ("https://h/", "v2", "https://h/v2"),
        ("https://h/v2", "v2", "https://h/v2"),
        ("https://h/v2/", "v2", "https://h/v2"),
        ("https://h/v2//", "v2", "https://h/v2"),
        ("https://h/v2.9", "v2", "https://h/v2"),
        ("https://h/v1", "v2", "https://h/v2"),
        ("https://h/glance/v2", "v2", "https://h/glance/v2"),
        ("https://h/glance", "v2", "https://h/glance/v2"),
        ("https://h:9494", "v2", "https://h:9494/v2"),
        ("https://h/keystone/v3", "v3", "https://h/keystone/v3"),
        ("https://h/v2.0", "v3", "https://h/v3"),
        ("https://h/v2/glance", "v2", "https://h/v2/glance/v2"),
        ("https://h/vault", "v2", "https://h/vault/v2"),
        ("https://h/av2", "v2", "https://h/av2/v2"),
    ],
)
def test_an_address_gets_exactly_one_version(address: str, version: str, result: str) -> None:
    assert versioned(address, version) == result


# --- the library beside it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "endpoints", "region", "library_endpoint"),
    [
        pytest.param("https://r1/admin/v2", "r1 public, r1 admin", None, None, id="it is the library"),
        pytest.param(
            "https://r1/public/v2", "r1 public, r1 admin", None, "https://r1/admin/v2", id="public beside a library"
        ),
        pytest.param(
            "https://elsewhere/v2", "r1 public, r1 admin", "r1", "https://r1/admin/v2", id="somewhere of one's own"
        ),
        pytest.param("https://r1/public/v2", "r1 public, r1 internal", None, None, id="there is no library"),
        pytest.param("https://r2/public/v2", "r1 admin, r2 public", "r2", None, id="only in another region"),
        pytest.param(
            "https://r2/public/v2", "r1 admin, r2 public, r2 admin", "r2", "https://r2/admin/v2", id="the region's own"
        ),
        pytest.param("https://r2/admin/v2", "r1 admin, r2 admin", None, None, id="one of several, without a region"),
    ],
)
def test_a_library_endpoint_is_reported_if_another_endpoint_is_used(
    endpoint: str, endpoints: str, region: str | None, library_endpoint: str | None
) -> None:
    assert library_endpoint_beside(endpoint, catalog(*endpoints.split(", ")), region) == library_endpoint


@pytest.mark.parametrize("offer", [[], [CATALOG[0]], [{"type": "image"}], [{"type": "image", "endpoints": []}]])
def test_a_catalogue_without_images_has_no_library(offer: list[Mapping[str, Any]]) -> None:
    assert library_endpoint_beside("https://r1/public/v2", offer, None) is None


@pytest.mark.parametrize(
    ("offer", "regions"),
    [
        pytest.param(catalog("r2 public", "r1 admin", "r1 public", "r3 internal"), ["r1", "r2", "r3"], id="each once"),
        pytest.param([{"type": "image", "endpoints": [{"region": "old", "url": "https://a"}]}], ["old"], id="by name"),
        pytest.param([{"type": "image", "endpoints": [{"url": "https://a"}]}], [], id="an endpoint without a region"),
        pytest.param([{"type": "image", "endpoints": [{"region_id": "r1"}]}], [], id="an endpoint without an address"),
        pytest.param([CATALOG[0]], [], id="another service"),
        pytest.param([], [], id="an empty catalogue"),
    ],
)
def test_the_regions_are_those_with_an_image_service(offer: list[Mapping[str, Any]], regions: list[str]) -> None:
    assert regions_in(offer) == regions


def test_an_access_says_who_has_logged_in_and_to_what(serve: Serve) -> None:
    user = {
        "id": "u1",
        "name": "ci",
        "domain": {"id": "d1", "name": "customers", "more": 1},
        "password_expires_at": None,
    }
    told = issued(user=user, roles=[{"id": "1", "name": "reader"}, {"id": "2", "name": "member"}])
    access = logged_in(serve(told), **USER)
    assert access.subject == {
        "project": DESCRIBED["project"],
        "user": {"id": "u1", "name": "ci", "domain": {"id": "d1", "name": "customers"}},
        "roles": ["member", "reader"],
        "region": "r1",
    }


@pytest.mark.parametrize(
    "body", [{}, {"project": None, "user": "ci", "roles": {}}, {"roles": ["member", {"name": 1}, None]}]
)
def test_what_keystone_does_not_tell_is_not_known(body: dict[str, Any]) -> None:
    assert subject_of(body, None) == {"project": None, "user": None, "roles": [], "region": None}
    user = subject_of({"user": {"id": "u1", "domain": None}}, "r1")["user"]
    assert user == {"id": "u1", "name": None, "domain": None}


@pytest.mark.parametrize("address", [LIBRARY, f"{LIBRARY}/", f"{LIBRARY}/v2", f"{LIBRARY}/v2/", f"{LIBRARY}/v2.9"])
def test_the_version_at_its_end_makes_no_other_library(address: str) -> None:
    endpoint = {"interface": "admin", "region_id": "r1", "url": address}
    offer: list[Mapping[str, Any]] = [{"type": "image", "endpoints": [endpoint]}]
    assert library_endpoint_beside(f"{LIBRARY}/v2", offer, None) is None
    assert library_endpoint_beside("https://pcd.example.com/glance/v2", offer, None) == f"{LIBRARY}/v2"


@pytest.mark.parametrize(
    ("given", "library_endpoint"),
    [
        ({}, None),
        ({"interface": "public"}, f"{LIBRARY}/v2"),
        ({"interface": "admin"}, None),
        ({"image_endpoint_override": "https://pcd.example.com/glance"}, f"{LIBRARY}/v2"),
        ({"image_endpoint_override": f"{LIBRARY}/v2"}, None),
    ],
)
def test_a_login_shows_the_library_that_it_does_not_use(
    given: dict[str, str], library_endpoint: str | None, serve: Serve
) -> None:
    assert logged_in(serve(issued()), **USER, **given).library_endpoint == library_endpoint


def test_without_a_login_no_library_is_known(serve: Serve) -> None:
    keystone = serve(Reply(500))
    assert logged_in(keystone, token=TOKEN, image_endpoint_override="https://h/glance").library_endpoint is None
    assert keystone.requests == []


@pytest.mark.parametrize(
    ("url", "override", "warned"),
    [
        ("http://library.example.com:9494", None, True),
        ("HTTP://library.example.com:9494", None, True),
        ("https://library.example.com:9494", None, False),
        # The option has a warning of its own.
        ("http://library.example.com:9494", "http://images.example.com", False),
        ("http://library.example.com:9494", "https://images.example.com", False),
    ],
)
def test_a_plain_http_address_of_the_catalogue_is_warned_of(
    url: str, override: str | None, warned: bool, serve: Serve
) -> None:
    offer = [{"type": "image", "endpoints": [{"interface": "admin", "region_id": "r1", "url": url}]}]
    keystone = serve(issued(catalog=offer))
    spec = options(
        CONNECTION_OPTIONS, auth_url=f"{keystone.url}/v3", image_endpoint_override=override, retries=0, **USER
    )
    connection = connection_from(spec, {})
    warnings = warnings_about(log_in(connection), connection)
    assert len(warnings) == warned
    assert all("unencrypted HTTP" in warning and "library.example.com:9494" in warning for warning in warnings)
