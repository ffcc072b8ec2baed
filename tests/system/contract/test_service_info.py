# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of the image service, compared with what the service itself says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import ADDRESSES, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner


@pytest.mark.parametrize("user", ["reader", "member", "admin"])
def test_everybody_learns_what_the_service_offers(user: str, run: Runner, server: Server) -> None:
    before = server.everything()
    read = run("pcd_image_service_info", user)
    preview = run("pcd_image_service_info", user, check=True)
    assert read.result == preview.result
    assert read.changed is False
    assert read.writes == preview.writes == []
    assert read.result["endpoint"] == server.sandbox["library_url"]
    assert read.result["import_methods"] == server.ask("GET", "/info/import", user)["import-methods"]["value"]
    assert [store["id"] for store in read.result["stores"]] == ["fast", "slow"]
    assert read.result["regions"] == sorted(server.sandbox["regions"])
    assert server.everything() == before


@pytest.mark.parametrize("through", ADDRESSES)
def test_the_versions_are_those_of_the_service(through: str, run: Runner, server: Server) -> None:
    interface = {"library": "admin", "public": "public"}[through]
    read = run("pcd_image_service_info", interface=interface)
    assert read.result["endpoint"] == server.sandbox[ADDRESSES[through]]
    assert read.result["versions"] == server.ask("GET", "/../versions", "member", through)["versions"]
    assert [version["id"] for version in read.result["versions"] if version["status"] == "CURRENT"] == ["v2.18"]


def test_the_stores_of_each_endpoint_are_its_own(run: Runner) -> None:
    stores = run("pcd_image_service_info", interface="public").result["stores"]
    assert [(store["id"], store["is_default"]) for store in stores] == [("pod", True)]


def test_an_administrator_sees_how_the_stores_are_set_up(run: Runner, server: Server) -> None:
    read = run("pcd_image_service_info", "admin")
    for store, said in zip(read.result["stores"], server.ask("GET", "/info/stores/detail")["stores"], strict=True):
        assert store == {
            "id": said["id"],
            "description": said["description"],
            "is_default": said.get("default") == "true",
            "read_only": said.get("read-only") == "true",
            "type": said["type"],
            "weight": said["weight"],
            "properties": said["properties"],
        }
    assert [store["is_default"] for store in read.result["stores"]] == [True, False]
    assert len(read.glance) == 3


def test_others_see_the_stores_without_that(run: Runner) -> None:
    read = run("pcd_image_service_info")
    assert [{*store} for store in read.result["stores"]] == [{"id", "description", "is_default", "read_only"}] * 2
    assert len(read.glance) == 4


def test_the_regions_are_those_of_the_catalogue_in_every_region_and_with_a_token_too(
    run: Runner, server: Server
) -> None:
    login = server.login("member")
    with_token: dict[str, Any] = {
        "auth_url": login["auth_url"],
        "ca_cert": login["ca_cert"],
        "token": server.token("reader"),
    }
    for region, interfaces in server.sandbox["regions"].items():
        interface: dict[str, Any] = {} if interfaces != ["internal"] else {"interface": "internal"}
        for credentials in (login, with_token):
            read = run("pcd_image_service_info", None, **{**credentials, "region_name": region}, **interface)
            assert read.result["regions"] == sorted(server.sandbox["regions"])
            assert read.tokens == 1


@pytest.mark.parametrize("user", ["reader", "member", "admin", "other"])
def test_the_login_is_shown_as_keystone_knows_it(user: str, run: Runner, server: Server) -> None:
    read = run("pcd_image_service_info", user).result
    account = server.sandbox["users"][user]
    assert read["project"]["id"] == server.project_id(user)
    assert read["project"]["name"] == account["project"]
    assert read["user"]["name"] == user
    assert read["user"]["domain"]["name"] == read["project"]["domain"]["name"] == server.sandbox["domain_name"]
    assert ("admin" in read["roles"]) == (user == "admin")
    assert read["roles"]
    assert read["region"] == server.sandbox["region"]
    login = server.login(user)
    by_token = {key: login[key] for key in ("auth_url", "ca_cert", "region_name")}
    again = run("pcd_image_service_info", None, token=server.token(user), **by_token).result
    assert [again[key] for key in ("project", "user", "roles", "region")] == [
        read[key] for key in ("project", "user", "roles", "region")
    ]


def test_what_others_offer_to_the_project_is_what_is_shared_and_not_its_own(
    run: Runner, server: Server, name: str
) -> None:
    own, offered = server.create(name), server.create(name, user="other")
    server.share(offered["id"], "other", "member", "pending")
    project = run("pcd_image_service_info").result["project"]["id"]
    found = run("pcd_image_info", name=name, visibility="shared", member_status="pending").images
    assert {image["id"] for image in found} == {own["id"], offered["id"]}
    assert [image["id"] for image in found if image["owner"] != project] == [offered["id"]]


def test_nothing_but_a_token_and_an_address_is_needed(run: Runner, server: Server) -> None:
    login: dict[str, Any] = {"token": server.token("reader"), "image_endpoint_override": server.sandbox["library_url"]}
    read = run("pcd_image_service_info", None, ca_cert=server.sandbox["ca_file"], **login)
    assert read.tokens == 0
    assert read.result["endpoint"] == server.sandbox["library_url"]
    assert read.result["regions"] == read.result["roles"] == []
    assert read.result["project"] is read.result["user"] is read.result["region"] is None
    known = run("pcd_image_service_info", None, ca_cert=server.sandbox["ca_file"], project_id="a" * 32, **login)
    assert known.result["project"] == {"id": "a" * 32, "name": None, "domain": None}


def test_a_token_that_is_not_valid_is_refused(run: Runner, server: Server) -> None:
    login: dict[str, Any] = {
        "token": "a-token-that-nobody-has-issued-0815",
        "image_endpoint_override": server.sandbox["library_url"],
    }
    read = run("pcd_image_service_info", None, ca_cert=server.sandbox["ca_file"], **login)
    assert (read.failed, read.result["status"]) == (True, 401)
