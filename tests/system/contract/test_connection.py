# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to log in and to reach the service, and the messages if none of them works."""

from __future__ import annotations

import http.server
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner


@pytest.fixture
def base(sandbox: dict[str, Any]) -> dict[str, Any]:
    """The options that say where, and not who."""
    return {"auth_url": sandbox["keystone_url"], "ca_cert": sandbox["ca_file"], "region_name": sandbox["region"]}


@pytest.fixture
def credential(sandbox: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = sandbox["application_credential"]
    return found


def openrc(server: Server, which: str) -> dict[str, str]:
    """The variables of a shell that has sourced this RC file."""
    file = Path(server.sandbox["clouds_file"]).with_name(f"openrc-{which}.sh")
    lines = subprocess.run(
        ["bash", "-c", '. "$1" && env -0', "bash", str(file)],
        capture_output=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    ).stdout.decode()
    variables = dict(line.split("=", 1) for line in lines.split("\0") if line)
    return {name: value for name, value in variables.items() if name.startswith("OS_")}


def project_of(run: Runner, **how: Any) -> str:
    """The project that an image belongs to when somebody connects like this and creates one."""
    env = how.pop("env", {})
    created = run("pcd_image", None, name=unused("contract"), env=env, **how)
    assert created.tokens == 1
    return str(created.image["owner"])


# Who logs in


def test_a_password_with_names(run: Runner, server: Server) -> None:
    for user in ("member", "other", "admin"):
        assert project_of(run, **server.login(user)) == server.project_id(user)


def test_a_password_with_ids(run: Runner, server: Server, base: dict[str, Any], sandbox: dict[str, Any]) -> None:
    member = sandbox["users"]["member"]
    ids = {"user_id": member["id"], "password": member["password"], "project_id": member["project_id"]}
    assert project_of(run, **base, **ids) == member["project_id"]


def test_the_default_domain_need_not_be_named(
    run: Runner, server: Server, base: dict[str, Any], sandbox: dict[str, Any]
) -> None:
    member = sandbox["users"]["member"]
    login = {"username": "member", "password": member["password"], "project_name": member["project"]}
    assert project_of(run, **base, **login) == member["project_id"]


def test_a_domain_by_its_id(run: Runner, server: Server, sandbox: dict[str, Any]) -> None:
    login = {key: value for key, value in server.login("member").items() if not key.endswith("domain_name")}
    domain = {"user_domain_id": sandbox["domain_id"], "project_domain_id": sandbox["domain_id"]}
    assert project_of(run, **login, **domain) == server.project_id()


def test_a_token(run: Runner, server: Server, base: dict[str, Any]) -> None:
    assert project_of(run, **base, token=server.token("other")) == server.project_id("other")


def test_a_token_with_the_project_that_it_is_for(run: Runner, server: Server, base: dict[str, Any]) -> None:
    project = {"project_name": "demo", "project_domain_name": "Default"}
    assert project_of(run, **base, token=server.token(), **project) == server.project_id()


def test_a_token_for_a_project_that_it_does_not_reach(run: Runner, server: Server, base: dict[str, Any]) -> None:
    refused = run("pcd_image_info", None, **base, token=server.token(), project_id=server.project_id("other"))
    assert refused.result["status"] == 401
    assert "project" in refused.msg


def test_an_application_credential_by_its_id(
    run: Runner, server: Server, base: dict[str, Any], credential: dict[str, str]
) -> None:
    login = {
        "application_credential_id": credential["id"],
        "application_credential_secret": credential["secret"],
    }
    assert project_of(run, **base, **login) == server.project_id()


def test_an_application_credential_by_its_name_and_user(
    run: Runner, server: Server, base: dict[str, Any], credential: dict[str, str], sandbox: dict[str, Any]
) -> None:
    login = {
        "application_credential_name": credential["name"],
        "application_credential_secret": credential["secret"],
    }
    by_name = {"username": credential["user"], "user_domain_name": "Default"}
    assert project_of(run, **base, **login, **by_name) == server.project_id()
    assert project_of(run, **base, **login, user_id=sandbox["users"]["member"]["id"]) == server.project_id()


def test_a_password_and_a_passcode(run: Runner, server: Server) -> None:
    assert project_of(run, **server.login("mfa"), passcode=server.passcode()) == server.project_id("mfa")


def test_a_second_factor_that_lacks_is_named(run: Runner, server: Server) -> None:
    refused = run("pcd_image_info", "mfa")
    assert refused.result["status"] == 401
    assert "totp" in refused.msg
    assert "passcode" in refused.msg


def test_a_first_factor_that_lacks_is_named(run: Runner, server: Server) -> None:
    login = {key: value for key, value in server.login("mfa").items() if key != "password"}
    refused = run("pcd_image_info", None, **login, passcode=server.passcode())
    assert refused.result["status"] == 401
    assert "password" in refused.msg


# Sources of the options


@pytest.mark.parametrize("which", ["admin", "member", "other", "appcred"])
def test_a_sourced_rc_file_is_enough(which: str, run: Runner, server: Server) -> None:
    user = "member" if which == "appcred" else which
    assert project_of(run, env=openrc(server, which)) == server.project_id(user)


def test_a_sourced_rc_file_and_a_passcode(run: Runner, server: Server) -> None:
    variables = openrc(server, "mfa")
    assert project_of(run, env=variables, passcode=server.passcode()) == server.project_id("mfa")
    variables["OS_PASSCODE"] = server.passcode()
    assert project_of(run, env=variables) == server.project_id("mfa")


@pytest.mark.parametrize("variable", ["OS_TOKEN", "OS_AUTH_TOKEN"])
def test_a_token_of_the_environment(variable: str, run: Runner, server: Server) -> None:
    variables = {key: value for key, value in openrc(server, "other").items() if "PASSWORD" not in key}
    assert project_of(run, env={**variables, variable: server.token("other")}) == server.project_id("other")


@pytest.mark.parametrize("cloud", ["admin", "member", "other", "split", "appcred"])
def test_a_cloud_of_clouds_yaml(cloud: str, run: Runner, server: Server, sandbox: dict[str, Any]) -> None:
    user = "member" if cloud in ("split", "appcred") else cloud
    assert project_of(run, cloud=cloud, env={"OS_CLIENT_CONFIG_FILE": sandbox["clouds_file"]}) == server.project_id(
        user
    )


def test_a_cloud_that_a_variable_names(run: Runner, server: Server, sandbox: dict[str, Any]) -> None:
    variables = {"OS_CLIENT_CONFIG_FILE": sandbox["clouds_file"], "OS_CLOUD": "other"}
    assert project_of(run, env=variables) == server.project_id("other")
    assert project_of(run, cloud="admin", env=variables) == server.project_id("admin")


@pytest.mark.parametrize("folder", [".", ".config/openstack"])
def test_clouds_yaml_in_the_folders_of_other_clients(
    folder: str, run: Runner, server: Server, sandbox: dict[str, Any]
) -> None:
    # The runner's folder is both the home directory and the current one.
    there = run.folder / folder
    there.mkdir(parents=True, exist_ok=True)
    files = [shutil.copy(sandbox[key], there) for key in ("clouds_file", "secure_file")]
    try:
        assert project_of(run, cloud="split") == server.project_id()
    finally:
        for file in files:
            Path(file).unlink()


def test_an_option_goes_before_a_variable_and_that_before_clouds_yaml(
    run: Runner, server: Server, sandbox: dict[str, Any]
) -> None:
    cloud = {"OS_CLIENT_CONFIG_FILE": sandbox["clouds_file"], "OS_CLOUD": "member"}
    everywhere = {**openrc(server, "other"), **cloud}
    assert project_of(run, env=cloud) == server.project_id("member")
    assert project_of(run, env=everywhere) == server.project_id("other")
    assert project_of(run, env=everywhere, **server.login("admin")) == server.project_id("admin")


def test_a_token_goes_before_the_password_of_the_environment(run: Runner, server: Server) -> None:
    variables = {key: value for key, value in openrc(server, "other").items() if "PROJECT" not in key}
    assert project_of(run, env=variables, token=server.token("member")) == server.project_id("member")


def test_a_project_option_is_not_mixed_with_the_project_of_the_environment(run: Runner, server: Server) -> None:
    variables = {**openrc(server, "member"), "OS_PROJECT_NAME": "no-such-project"}
    assert project_of(run, env=variables, project_id=server.project_id()) == server.project_id()
    variables["OS_PROJECT_ID"] = "0" * 32
    assert project_of(run, env=variables, project_name="demo") == server.project_id()


def test_an_unknown_cloud_is_named_beside_those_that_are_there(run: Runner, sandbox: dict[str, Any]) -> None:
    refused = run("pcd_image_info", None, cloud="nowhere", env={"OS_CLIENT_CONFIG_FILE": sandbox["clouds_file"]})
    assert "'nowhere'" in refused.msg
    assert all(cloud in refused.msg for cloud in ("admin", "appcred", "member", "split"))
    assert refused.requests == []


def test_a_clouds_yaml_that_is_nowhere_is_said_with_the_places(run: Runner) -> None:
    refused = run("pcd_image_info", None, cloud="member")
    assert "clouds.yaml" in refused.msg
    assert "/etc/openstack" in refused.msg


def test_nothing_at_all_is_said(run: Runner) -> None:
    refused = run("pcd_image_info", None)
    assert "auth_url" in refused.msg or "credentials" in refused.msg
    assert refused.requests == []


# The endpoint of the service


def test_the_public_endpoint_serves_if_there_is_no_admin_one(run: Runner, server: Server) -> None:
    assert project_of(run, **{**server.login("member"), "region_name": "region2"}) == server.project_id()


def test_a_region_with_only_an_internal_endpoint_needs_the_option(run: Runner, server: Server) -> None:
    login = {**server.login("member"), "region_name": "region3"}
    refused = run("pcd_image_info", None, **login)
    assert "interface" in refused.msg
    assert "internal in region3" in refused.msg
    assert refused.glance == []
    assert project_of(run, **login, interface="internal") == server.project_id()


@pytest.mark.parametrize("interface", ["admin", "internal", "public"])
def test_an_interface_that_is_there(interface: str, run: Runner, server: Server) -> None:
    assert not run("pcd_image_info", interface=interface, limit=1).failed


def test_an_interface_that_is_not_there_is_not_replaced(run: Runner, server: Server) -> None:
    refused = run("pcd_image_info", None, **{**server.login("member"), "region_name": "region2"}, interface="admin")
    assert "interface" in refused.msg
    assert "public in region2" in refused.msg


@pytest.mark.parametrize("value", ["internal", "internalURL"])
def test_an_interface_of_the_environment(value: str, run: Runner, server: Server) -> None:
    login = {**server.login("member"), "region_name": "region3"}
    assert project_of(run, **login, env={"OS_INTERFACE": value}) == server.project_id()
    assert project_of(run, **login, env={"OS_ENDPOINT_TYPE": value}) == server.project_id()


@pytest.mark.parametrize("region", [None, "nowhere"])
def test_a_region_is_not_guessed(region: str | None, run: Runner, server: Server) -> None:
    login = {key: value for key, value in server.login("member").items() if key != "region_name"}
    if region:
        login["region_name"] = region
    refused = run("pcd_image_info", None, **login)
    assert "region_name" in refused.msg
    for offered in ("admin, internal, public in regionone", "public in region2", "internal in region3"):
        assert offered in refused.msg
    assert refused.glance == []


@pytest.mark.parametrize("end", ["", "/", "/v2", "/v2/", "/v2.9"])
def test_an_endpoint_of_the_image_service_with_and_without_its_version(
    end: str, run: Runner, server: Server, sandbox: dict[str, Any]
) -> None:
    outcome = run("pcd_image_info", image_endpoint_override=sandbox["glance_url"] + end, region_name="nowhere", limit=1)
    assert not outcome.failed
    assert [request["path"] for request in outcome.glance] == ["/glance/v2/images"]


@pytest.mark.parametrize("end", ["", "/", "/v3", "/v3/", "/v2.0"])
def test_an_address_of_keystone_with_and_without_its_version(
    end: str, run: Runner, server: Server, sandbox: dict[str, Any]
) -> None:
    address = sandbox["keystone_url"].removesuffix("/v3") + end
    assert project_of(run, **{**server.login("member"), "auth_url": address}) == server.project_id()


def test_a_token_and_an_endpoint_are_enough(run: Runner, server: Server, sandbox: dict[str, Any], name: str) -> None:
    server.create(name)
    listed = run(
        "pcd_image_info",
        None,
        name=name,
        token=server.token(),
        image_endpoint_override=sandbox["glance_url"],
        ca_cert=sandbox["ca_file"],
    )
    assert len(listed.images) == 1
    assert listed.tokens == 0


def test_without_keystone_a_public_image_may_be_anybodys(
    run: Runner, server: Server, sandbox: dict[str, Any], name: str
) -> None:
    public = server.create(name, user="admin", visibility="public")
    direct = {
        "token": server.token(),
        "image_endpoint_override": sandbox["glance_url"],
        "ca_cert": sandbox["ca_file"],
        "name": name,
    }
    refused = run("pcd_image", None, state="absent", **direct)
    assert refused.msg.startswith("project_id: the project of the token is not known")
    assert refused.requests == []
    assert not run("pcd_image", None, state="absent", project_id=server.project_id(), **direct).changed
    assert server.get(public["id"]) == public


# What does not work, and how that is said


def test_a_wrong_password(run: Runner, server: Server) -> None:
    refused = run("pcd_image_info", None, **{**server.login("member"), "password": "wrong-Passw0rd-5c1d7a"})
    assert refused.result["status"] == 401
    assert "member" in refused.msg
    assert refused.result["request_id"] in refused.msg
    assert "wrong-Passw0rd-5c1d7a" not in refused.stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("username", "nobody"),
        ("project_name", "no-such-project"),
        ("user_domain_name", "Nowhere"),
        ("project_name", "other"),
    ],
)
def test_an_unknown_user_project_or_domain(option: str, value: str, run: Runner, server: Server) -> None:
    refused = run("pcd_image_info", None, **{**server.login("member"), option: value})
    assert refused.result["status"] == 401
    assert "project" in refused.msg
    assert "Check password, username, user_domain_name, project_name, project_domain_name" in refused.msg


@pytest.mark.parametrize("token", ["garbage-b81f473f9c1e", "gAAAAABgarbage-b81f473f9c1e"])
def test_a_token_that_is_none(token: str, run: Runner, base: dict[str, Any], sandbox: dict[str, Any]) -> None:
    refused = run("pcd_image_info", None, **base, token=token)
    assert refused.result["status"] in (401, 404)
    assert "does not accept the token" in refused.msg
    assert token not in refused.stdout
    direct = {"image_endpoint_override": sandbox["images_url"], "ca_cert": sandbox["ca_file"]}
    refused = run("pcd_image_info", None, **direct, token=token)
    assert refused.result["status"] == 401
    assert "The token is not valid" in refused.msg
    assert token not in refused.stdout


def test_an_application_credential_with_a_wrong_secret(
    run: Runner, base: dict[str, Any], credential: dict[str, str]
) -> None:
    base["application_credential_id"] = credential["id"]
    base["application_credential_secret"] = "wrong-5c1d7a6a20d5"
    refused = run("pcd_image_info", None, **base)
    assert refused.result["status"] == 401
    assert f"application credential {credential['id']}" in refused.msg
    assert "wrong-5c1d7a6a20d5" not in refused.stdout


def test_a_login_without_a_project(run: Runner, server: Server) -> None:
    login = {key: value for key, value in server.login("member").items() if not key.startswith("project")}
    refused = run("pcd_image_info", None, **login)
    assert "project_name" in refused.msg


def test_a_certificate_of_an_unknown_authority(run: Runner, server: Server) -> None:
    login = {key: value for key, value in server.login("member").items() if key != "ca_cert"}
    refused = run("pcd_image_info", None, **login)
    assert "certificate" in refused.msg
    assert "ca_cert" in refused.msg
    assert refused.requests == []


def test_certificates_are_not_verified_if_that_is_asked_for(run: Runner, server: Server) -> None:
    login = {key: value for key, value in server.login("member").items() if key != "ca_cert"}
    for how in ({"validate_certs": False}, {"env": {"OS_INSECURE": "true"}}):
        outcome = run("pcd_image_info", None, **login, **how, limit=1)
        assert not outcome.failed
        assert len(outcome.result["warnings"]) == 1
        assert "not verified" in str(outcome.result["warnings"])


def test_there_is_no_warning_if_nothing_is_wrong(run: Runner) -> None:
    assert "warnings" not in run("pcd_image_info", limit=1).result


def test_a_bundle_of_the_environment_is_used(run: Runner, server: Server, sandbox: dict[str, Any]) -> None:
    login = {key: value for key, value in server.login("member").items() if key != "ca_cert"}
    assert not run("pcd_image_info", None, **login, limit=1, env={"REQUESTS_CA_BUNDLE": sandbox["ca_file"]}).failed


def test_a_file_of_certificates_that_is_not_there(run: Runner, server: Server) -> None:
    refused = run("pcd_image_info", None, **{**server.login("member"), "ca_cert": "no-such-file.pem"})
    assert refused.msg.startswith("ca_cert: ")
    assert refused.requests == []


def test_a_file_of_certificates_that_holds_none(run: Runner, server: Server) -> None:
    (run.folder / "empty.pem").write_text("no certificate\n", encoding="utf-8")
    refused = run("pcd_image_info", None, **{**server.login("member"), "ca_cert": str(run.folder / "empty.pem")})
    assert "ca_cert" in refused.msg
    assert refused.requests == []


def test_plain_http_to_a_port_with_tls(run: Runner, server: Server, sandbox: dict[str, Any]) -> None:
    address = sandbox["keystone_url"].replace("https:", "http:")
    refused = run("pcd_image_info", None, **{**server.login("member"), "auth_url": address}, retries=0)
    assert refused.failed
    assert "http" in refused.msg
    assert "unencrypted HTTP" in str(refused.result["warnings"])


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def plain_server() -> Iterator[str]:
    """The address of a server without TLS that knows nothing about Keystone."""
    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as plain:
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{plain.server_port}"
        plain.shutdown()


def test_tls_to_a_port_without_it(run: Runner, server: Server, plain_server: str) -> None:
    login = {**server.login("member"), "auth_url": f"https://{plain_server}/keystone/v3"}
    refused = run("pcd_image_info", None, **login, retries=0)
    assert "TLS" in refused.msg
    assert "http://" in refused.msg


def test_an_address_that_is_not_keystones(run: Runner, server: Server, sandbox: dict[str, Any]) -> None:
    for address in (sandbox["base_url"], sandbox["glance_url"]):
        refused = run("pcd_image_info", None, **{**server.login("member"), "auth_url": address})
        assert "auth_url" in refused.msg
        assert "Keystone" in refused.msg


def test_an_address_that_is_not_glances(run: Runner, sandbox: dict[str, Any]) -> None:
    for address in (sandbox["base_url"], sandbox["keystone_url"]):
        refused = run("pcd_image", name="contract", image_endpoint_override=address)
        assert refused.failed
        assert address.removesuffix("/v3") in refused.msg


def test_a_port_that_nobody_listens_on(run: Runner, server: Server) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{free.getsockname()[1]}/keystone/v3"
    refused = run("pcd_image_info", None, **{**server.login("member"), "auth_url": address}, retries=0)
    assert "refuses the connection" in refused.msg
    assert address.split("/")[2] in refused.msg


def test_a_host_that_has_no_address(run: Runner, server: Server) -> None:
    login = {**server.login("member"), "auth_url": "https://pcd.invalid/keystone/v3"}
    refused = run("pcd_image_info", None, **login, retries=0)
    assert "pcd.invalid" in refused.msg
    assert "cannot be resolved" in refused.msg


def test_a_server_that_never_answers(run: Runner, server: Server) -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/keystone/v3"
        refused = run("pcd_image_info", None, **{**server.login("member"), "auth_url": address}, timeout=0.2)
    assert "did not answer within 0.2 seconds" in refused.msg
    assert "timeout" in refused.msg


def test_a_reader_may_look_and_not_write(run: Runner, server: Server, name: str) -> None:
    image = server.create(name)
    assert run("pcd_image_info", "reader", name=name).ids == [image["id"]]
    refused = [
        run("pcd_image", "reader", name=unused("contract")),
        run("pcd_image", "reader", name=name, min_disk=1),
        run("pcd_image", "reader", name=name, state="absent"),
    ]
    for outcome in refused:
        assert outcome.result["status"] == 403
        assert outcome.result["request_id"] == outcome.glance[-1]["request_id"]
        assert outcome.result["request_id"] in outcome.msg
        assert "You are not authorized to complete" in outcome.msg
        assert "<" not in outcome.msg
    assert server.get(image["id"]) == image


def test_a_member_may_not_publish(run: Runner, server: Server, name: str) -> None:
    refused = run("pcd_image", name=name, visibility="public")
    assert refused.result["status"] == 403
    assert "publicize_image" in refused.msg
    assert server.named(name) == []
