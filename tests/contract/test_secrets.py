# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret stands in anything that a module says, whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Runner, Server

PASSCODE = "804913"


def logins(server: Server) -> dict[str, dict[str, Any]]:
    """Every way to log in, as options."""
    where = {
        key: value for key, value in server.login("member").items() if key in ("auth_url", "ca_cert", "region_name")
    }
    credential = server.sandbox["application_credential"]
    return {
        "password": server.login("member"),
        "token": {**where, "token": server.token()},
        "token and endpoint": {
            "ca_cert": where["ca_cert"],
            "token": server.token(),
            "image_endpoint_override": server.sandbox["images_url"],
        },
        "application credential": {
            **where,
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
def test_a_success_tells_no_secret(way: str, run: Runner, server: Server, name: str) -> None:
    login = logins(server)[way]
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
def test_a_failure_tells_no_secret(way: str, failure: dict[str, Any], run: Runner, server: Server, name: str) -> None:
    login = {**logins(server)[way], **failure}
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


def test_a_secret_in_the_place_of_another_option_is_not_sent_on_by_an_error(run: Runner, server: Server) -> None:
    password = server.sandbox["users"]["member"]["password"]
    for option in ("auth_url", "image_endpoint_override"):
        outcome = run(
            "pcd_image_info", None, **{**server.login("member"), option: f"https://member:{password}@127.0.0.1/"}
        )
        assert option in outcome.msg
        assert run.told(outcome.stdout + outcome.stderr) == []
