# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same clouds.yaml and the same variables lead to the same project as with openstacksdk, on the real Keystone."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

# The sandbox's Keystone has openstacksdk in its environment. Its import takes seconds, so that one process does it. For
# each line of its input, another one finds the files again, from folder, environment and cloud.
OPENSTACKSDK = """
import importlib, json, os, sys
import openstack.config.loader as loader

for line in sys.stdin:
    folder, environ, cloud = json.loads(line)
    if not os.fork():
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environ)
        importlib.reload(loader)
        region = loader.OpenStackConfig().get_one(cloud=cloud or None)
        print(region.get_session().get_project_id(), flush=True)
        os._exit(0)
    if os.wait()[1]:
        sys.exit(1)
"""
CONFIG = ".config/openstack"


@dataclass(frozen=True)
class Case:
    """`files` are by their place in the folder that is home and current folder; `user` is whose project is meant."""

    files: Mapping[str, Any]
    user: str = "member"
    cloud: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


class Words:
    """What the cases are written with: entries, RC files and secrets of the sandbox."""

    def __init__(self, server: Server) -> None:
        self.sandbox = server.sandbox
        self.keystone = server.sandbox["keystone_url"]
        self.token = server.token
        self.trust = ""

    def password(self, user: str = "member", **auth: Any) -> dict[str, Any]:
        """An entry without domains."""
        account = self.sandbox["users"][user]
        login = {"username": user, "password": account["password"], "project_name": account["project"]}
        return self.entry({**login, **auth})

    def entry(self, auth: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        said = {key: value for key, value in auth.items() if value is not None}
        place = {"region_name": self.sandbox["region"], "cacert": self.sandbox["ca_file"]}
        return {"auth": {"auth_url": self.keystone, **said}, **place, **more}

    def credential(self, **more: Any) -> dict[str, Any]:
        credential = self.sandbox["application_credential"]
        auth = {
            "application_credential_id": credential["id"],
            "application_credential_secret": credential["secret"],
        }
        return self.entry(auth, auth_type="v3applicationcredential", **more)

    def rc_file(self, user: str) -> dict[str, str]:
        account = self.sandbox["users"][user]
        return {
            "OS_AUTH_URL": self.keystone,
            "OS_USERNAME": user,
            "OS_PASSWORD": account["password"],
            "OS_PROJECT_NAME": account["project"],
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": self.sandbox["region"],
            "OS_CACERT": self.sandbox["ca_file"],
        }


def clouds(**entries: Any) -> dict[str, Any]:
    return {"clouds": entries}


DASHES = {"user-name": "member", "project-name": "demo"}
DOMAIN = {"domain_name": "Default"}
DOMAINS = {"user_domain_name": "Default", "project_domain_name": "Default"}


def domains(words: Words) -> Iterator[tuple[str, Case]]:
    for forms in (DOMAINS, DOMAIN, {"domain_id": "default"}, {"default_domain_name": "Default"}):
        named = " and ".join(forms)
        yield f"{named} in auth", Case({"clouds.yaml": clouds(pcd=words.password(**forms))}, cloud="pcd")
        beside = {**words.password(), **forms}
        yield f"{named} beside auth", Case({"clouds.yaml": clouds(pcd=beside)}, cloud="pcd")
        rc_file = {key: value for key, value in words.rc_file("member").items() if "DOMAIN" not in key}
        variables = {f"OS_{key.upper()}": value for key, value in forms.items()}
        yield f"{named} in variables", Case({}, environ={**rc_file, **variables})


def named_clouds(words: Words) -> Iterator[tuple[str, Case]]:
    entries = {
        "a password": words.password(**DOMAINS),
        "an application credential": words.credential(),
        # Without a project, openstacksdk exchanges a token for one that has none.
        "a token": words.entry(
            {"token": words.token(), "project_name": "demo", "project_domain_name": "Default"}, auth_type="v3token"
        ),
        "a token of another project": words.entry(
            {"token": words.token("admin"), "project_name": "service", "project_domain_name": "Default"},
            auth_type="v3token",
        ),
        "a trust": words.password("other", project_name=None, trust_id=words.trust, **DOMAINS),
    }
    credential = words.credential()["auth"]
    rc_files = {
        "a password": words.rc_file("other"),
        "a token": {**words.rc_file("admin"), "OS_TOKEN": words.token("admin"), "OS_AUTH_TYPE": "v3token"},
        "an application credential": {
            "OS_AUTH_TYPE": "v3applicationcredential",
            **{f"OS_{key.upper()}": value for key, value in credential.items()},
        },
    }
    for which, entry in entries.items():
        user = "admin" if "another" in which else "member"
        for rc_file, environ in rc_files.items():
            case = Case({"clouds.yaml": clouds(pcd=entry, other=words.password("other"))}, user, "pcd", environ)
            yield f"a named cloud with {which} and an RC file of {rc_file}", case


def single(words: Words) -> Iterator[tuple[str, Case]]:
    demo = words.sandbox["users"]["member"]["project_id"]
    entries = {
        "tenant_name": words.password(project_name=None, tenant_name="demo", **DOMAIN),
        "tenant_id": words.password(project_name=None, tenant_id=demo, **DOMAIN),
        "project_name beside auth": {**words.password(project_name=None, **DOMAIN), "project_name": "demo"},
        "keys with dashes": {**words.password(username=None, project_name=None, **DOMAIN), **DASHES},
        "v3password": {**words.password(**DOMAINS), "auth_type": "v3password"},
        "auth_plugin": {**words.credential(), "auth_plugin": "v3applicationcredential"},
        "image_region_name": {**words.password(**DOMAIN), "region_name": "nowhere", "image_region_name": "regionone"},
        "image_interface": {**words.password(**DOMAIN), "interface": "nowhere", "image_interface": "public"},
        "a list of one region": {**words.password(**DOMAIN), "region_name": None, "regions": ["regionone"]},
    }
    for named, entry in entries.items():
        content = {key: value for key, value in entry.items() if value is not None}
        yield named, Case({"clouds.yaml": clouds(pcd=content, other=words.password("other"))}, cloud="pcd")


def files(words: Words) -> Iterator[tuple[str, Case]]:
    split, secret = words.password(password=None, **DOMAIN), words.sandbox["users"]["member"]["password"]
    secure = clouds(pcd={"auth": {"password": secret}})
    yield "secrets beside", Case({"clouds.yaml": clouds(pcd=split), "secure.yaml": secure}, cloud="pcd")
    yield (
        "secrets in the home folder",
        Case({"clouds.yaml": clouds(pcd=split), f"{CONFIG}/secure.yaml": secure}, cloud="pcd"),
    )
    yield (
        "secrets in the current folder",
        Case({f"{CONFIG}/clouds.yaml": clouds(pcd=split), "secure.yaml": secure}, cloud="pcd"),
    )
    yield (
        "secrets that a variable names",
        Case(
            {"clouds.yaml": clouds(pcd=split), "mine.yaml": secure},
            "member",
            "pcd",
            {"OS_CLIENT_SECURE_FILE": "mine.yaml"},
        ),
    )
    yield (
        "the file of AWX's own credential type",
        Case(
            # awx/main/models/credential, `_openstack_data`, without the path of the authority
            {"awx.yaml": clouds(devstack={**words.password(**DOMAIN), "verify": True})},
            environ={"OS_CLIENT_CONFIG_FILE": "awx.yaml"},
        ),
    )
    yield "the only cloud", Case({f"{CONFIG}/clouds.yaml": clouds(pcd=words.password(**DOMAIN))})
    yield (
        "the only cloud and a region",
        Case({"clouds.yaml": clouds(pcd=words.password(**DOMAIN))}, environ={"OS_REGION_NAME": "regionone"}),
    )
    both = clouds(pcd=words.password(**DOMAIN), other=words.password("other", **DOMAIN))
    yield "OS_CLOUD", Case({"clouds.yaml": both}, "other", environ={"OS_CLOUD": "other"})
    yield "an RC file and no cloud", Case({"clouds.yaml": both}, "admin", environ=words.rc_file("admin"))
    yield (
        "the variables by the name that openstacksdk has for them",
        Case({"clouds.yaml": both}, "admin", "envvars", words.rc_file("admin")),
    )


@pytest.fixture
def trust(server: Server) -> Iterator[str]:
    """The id of a trust by which `other` works in the project of `member`."""
    users = server.sandbox["users"]
    wanted = {
        "trustor_user_id": users["member"]["id"],
        "trustee_user_id": users["other"]["id"],
        "project_id": users["member"]["project_id"],
        "impersonation": False,
        "roles": [{"name": "member"}],
    }
    made = keystone(server, "POST", "/OS-TRUST/trusts", "member", {"trust": wanted})["trust"]["id"]
    yield made
    keystone(server, "DELETE", f"/OS-TRUST/trusts/{made}", "member")


def keystone(server: Server, method: str, path: str, user: str = "admin", body: Any = None) -> Any:
    headers = {"X-Auth-Token": server.token(user)}
    url = server.sandbox["keystone_url"] + path
    answer = server._http.request(method, url, headers=headers, json=body, timeout=60)
    assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


@contextmanager
def laid_out(folder: Path, case: Case) -> Iterator[None]:
    for place, content in case.files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        yield
    finally:
        for place in case.files:
            (folder / place).unlink()
        shutil.rmtree(folder / ".config", ignore_errors=True)


@pytest.fixture(scope="module")
def openstacksdk(server: Server) -> Iterator[subprocess.Popen[str]]:
    command = [server.sandbox["python"], "-W", "ignore", "-c", OPENSTACKSDK]
    environ = {"PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        yield process
        process.communicate()


def with_openstacksdk(process: subprocess.Popen[str], folder: Path, case: Case) -> str:
    environ = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", **case.environ}
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps([str(folder), environ, case.cloud]) + "\n")
    process.stdin.flush()
    found = process.stdout.readline().strip()
    assert found, process.communicate()[1][-2000:]
    return found


def with_collection(run: Runner, case: Case) -> str:
    created = run("pcd_image", None, name=unused("contract"), env=case.environ, cloud=case.cloud or None)
    return str(created.image["owner"])


GROUPS = {"domains": domains, "named clouds": named_clouds, "single keys": single, "files": files}


@pytest.mark.parametrize("group", GROUPS)
def test_openstacksdk_and_the_collection_log_in_to_the_same_project(
    group: str, run: Runner, server: Server, trust: str, openstacksdk: subprocess.Popen[str]
) -> None:
    words = Words(server)
    words.trust = trust
    different: dict[str, Any] = {}
    for named, case in GROUPS[group](words):
        with laid_out(run.folder, case):
            projects = with_openstacksdk(openstacksdk, run.folder, case), with_collection(run, case)
        if set(projects) != {server.project_id(case.user)}:
            different[named] = projects
    assert different == {}, json.dumps(different, indent=1)


# What openstacksdk logs in to and has no images, or does not log in to at all


@pytest.mark.parametrize(
    ("auth", "named"),
    [
        ({"project_name": None, "domain_name": "Default"}, "domain_name"),
        ({"project_name": None, "system_scope": "all", **DOMAINS}, "system_scope"),
        ({"trust_id": "0" * 32, **DOMAINS}, "trust_id"),
    ],
)
def test_a_login_for_something_else_than_a_project_is_refused_by_its_key(
    auth: dict[str, Any], named: str, run: Runner, server: Server
) -> None:
    with laid_out(run.folder, Case({"clouds.yaml": clouds(pcd=Words(server).password(**auth))})):
        refused = run("pcd_image_info", None, cloud="pcd")
    assert named in refused.msg
    assert refused.requests == []


@pytest.mark.parametrize(
    ("auth_type", "secret"),
    [
        ("v3token", "token"),
        ("v3applicationcredential", "application_credential_secret"),
        ("v3totp", "passcode"),
    ],
)
def test_an_auth_type_without_its_secret_does_not_become_a_login_by_password(
    auth_type: str, secret: str, run: Runner, server: Server
) -> None:
    words = Words(server)
    entry = {**words.password(**DOMAINS), "auth_type": auth_type}
    with laid_out(run.folder, Case({"clouds.yaml": clouds(pcd=entry)})):
        in_file = run("pcd_image_info", None, cloud="pcd")
    in_environment = run("pcd_image_info", None, env={**words.rc_file("member"), "OS_AUTH_TYPE": auth_type})
    for refused in (in_file, in_environment):
        assert refused.msg.startswith(f"{secret}: it is missing, and auth_type {auth_type}")
        assert refused.requests == []


@pytest.mark.parametrize(("written", "kind"), [("0123", "a number"), ("2024-01-31", "a date"), ("yes", "a boolean")])
@pytest.mark.parametrize("key", ["password", "project_name", "username"])
def test_a_value_that_is_not_text_is_reported_if_the_login_fails(
    key: str, written: str, kind: str, run: Runner, server: Server
) -> None:
    entry = yaml.safe_dump(clouds(pcd=Words(server).password(**{**DOMAINS, key: "WRITTEN"})))
    path = run.folder / "clouds.yaml"
    path.write_text(entry.replace("WRITTEN", written), encoding="utf-8")
    try:
        refused = run("pcd_image_info", None, cloud="pcd")
    finally:
        path.unlink()
    assert refused.result["status"] == 401
    assert f"In {path}, the value of {key} is read by YAML as {kind}" in refused.msg
    assert "Put it in quotes" in refused.msg


def test_two_endpoints_of_one_interface_and_region_are_not_guessed_between(run: Runner, server: Server) -> None:
    (service,) = keystone(server, "GET", "/services?type=image")["services"]
    second = {"service_id": service["id"], "interface": "admin", "region_id": "regionone", "url": "https://second/"}
    made = keystone(server, "POST", "/endpoints", body={"endpoint": second})["endpoint"]["id"]
    try:
        refused = run("pcd_image_info")
        public = run("pcd_image_info", interface="public", limit=1)
    finally:
        keystone(server, "DELETE", f"/endpoints/{made}")
    assert refused.msg.startswith("image_endpoint_override: the catalogue has 2 admin endpoints of the image service")
    assert server.sandbox["library_url"].removesuffix("/v2") in refused.msg
    assert "https://second/" in refused.msg
    assert refused.glance == []
    assert not public.failed


@pytest.mark.parametrize("variable", ["OS_CLIENT_CONFIG_FILE", "OS_CLIENT_SECURE_FILE", "OS_CACERT"])
def test_a_relative_path_that_is_not_there_is_reported_with_its_folder(
    variable: str, run: Runner, server: Server
) -> None:
    entry = Words(server).password(**DOMAINS)
    del entry["cacert"]
    with laid_out(run.folder, Case({"clouds.yaml": clouds(pcd=entry)})):
        refused = run("pcd_image_info", None, cloud="pcd", env={variable: "no/such.file"})
    assert "no/such.file" in refused.msg
    assert f" {run.folder}" in refused.msg


UNUSABLE: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "a SOCKS proxy without PySocks": ({}, {"HTTPS_PROXY": "socks5h://127.0.0.1:1"}, "the Python library PySocks"),
    "a proxy for everything": ({}, {"ALL_PROXY": "socks5://127.0.0.1:1"}, "the Python library PySocks"),
    "a proxy that is none": ({}, {"HTTPS_PROXY": "http://proxy:99999"}, "cannot be used"),
    "a label that is empty": ({"auth_url": "https://a..b"}, {}, "auth_url: it is not an address"),
    "a label that is too long": ({"auth_url": f"https://{'a' * 64}.b"}, {}, "auth_url: it is not an address"),
    "a bundle that is not there": (
        {"ca_cert": ""},
        {"REQUESTS_CA_BUNDLE": "/no/b"},
        "REQUESTS_CA_BUNDLE: /no/b cannot",
    ),
    "another bundle that is not there": ({"ca_cert": ""}, {"CURL_CA_BUNDLE": "/no/b"}, "CURL_CA_BUNDLE: /no/b cannot"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_connection_is_reported_in_one_line(case: str, run: Runner, server: Server) -> None:
    options, environ, said = UNUSABLE[case]
    refused = run("pcd_image_info", **options, env={"NO_PROXY": "", **environ})
    assert said in refused.msg
    assert "\n" not in refused.msg
    assert refused.requests == []
