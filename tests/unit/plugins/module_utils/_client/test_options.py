# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, variables and clouds.yaml -> Connection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.platform9.pcd.plugins.module_utils._client.clouds import SAME
from ansible_collections.platform9.pcd.plugins.module_utils._client.credentials import (
    ApplicationCredential,
    Domain,
    Password,
    Project,
    Token,
    User,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.options import (
    CONNECTION_OPTIONS,
    VARIABLES,
    Connection,
    connection_from,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.tests.support.certificates import Certificates
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD, PROJECT, TOKEN, options

KEYSTONE = "https://pcd.example.com/keystone/v3"
SECRET = "application-credential-secret-84c1"
DEFAULT = Domain(id="default")
# The least that makes a connection, so that a test can be about something else.
LOGIN = {"OS_AUTH_URL": KEYSTONE, "OS_USERNAME": "u", "OS_PASSWORD": PASSWORD}


def connection(environ: Mapping[str, str] | None = None, /, **given: Any) -> Connection:
    return connection_from(options(CONNECTION_OPTIONS, **given), LOGIN if environ is None else environ)


def refused(environ: Mapping[str, str] | None = None, /, **given: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        connection(environ, **given)
    message = str(caught.value)
    assert PASSWORD not in message
    assert TOKEN not in message
    assert SECRET not in message
    return message


@pytest.fixture
def clouds_yaml(tmp_path: Path) -> Path:
    return tmp_path / "work" / "clouds.yaml"


def write(path: Path, **clouds: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"clouds": clouds}))
    return path


def entry(**auth: Any) -> dict[str, Any]:
    return {"auth": {"auth_url": KEYSTONE, "username": "u", "password": PASSWORD, **auth}}


# --- precedence --------------------------------------------------------------------------------------------------


def seen(found: Connection) -> dict[str, Any]:
    """The parts of a connection by the option that they come from."""
    password = found.credential if isinstance(found.credential, Password) else None
    credential = found.credential if isinstance(found.credential, ApplicationCredential) else None
    user = password.user if password else credential.user if credential else None
    certificate = found.transport.client_cert
    return {
        "auth_url": found.auth_url,
        "token": found.credential.token if isinstance(found.credential, Token) else None,
        "username": user and user.name,
        "user_id": user and user.id,
        "password": password and password.password,
        "passcode": password and password.passcode,
        "user_domain_name": user and user.domain.name,
        "user_domain_id": user and user.domain.id,
        "project_name": found.project and found.project.name,
        "project_id": found.project and found.project.id,
        "project_domain_name": found.project and found.project.domain.name,
        "project_domain_id": found.project and found.project.domain.id,
        "application_credential_id": credential and credential.id,
        "application_credential_name": credential and credential.name,
        "application_credential_secret": credential and credential.secret,
        "region_name": found.region_name,
        "interface": found.interface,
        "image_endpoint_override": found.image_endpoint_override,
        "ca_cert": found.transport.verify,
        "client_cert": certificate[0] if isinstance(certificate, tuple) else certificate,
        "client_key": certificate[1] if isinstance(certificate, tuple) else None,
    }


APPLICATION_CREDENTIAL = {"application_credential_id": "i", "application_credential_secret": SECRET}
# What must stand beside an option for it to have an effect.
BESIDE: dict[str, dict[str, str]] = {
    "user_id": {"password": PASSWORD},
    "project_domain_name": {"project_name": "p"},
    "project_domain_id": {"project_name": "p"},
    "application_credential_id": {"application_credential_secret": SECRET},
    "application_credential_secret": {"application_credential_id": "i"},
    "application_credential_name": {"application_credential_secret": SECRET, "username": "u"},
    "client_key": {"client_cert": "cert"},
}
VALUES = {
    "auth_url": ["https://option.example.com/v3", "https://variable.example.com/v3", "https://cloud.example.com/v3"],
    "image_endpoint_override": ["https://option.example.com", "https://variable.example.com", "https://c.example.com"],
    "interface": ["admin", "internal", "public"],
}
NOT_SET_ELSEWHERE = ("cloud", "validate_certs", "timeout", "retries", "deadline")
NAMES = [option for option in CONNECTION_OPTIONS if option not in NOT_SET_ELSEWHERE]


@pytest.mark.parametrize("option", NAMES)
def test_an_option_goes_before_a_named_cloud_that_before_a_variable_and_that_before_the_cloud_of_os_cloud(
    option: str, clouds_yaml: Path, tmp_path: Path
) -> None:
    values = VALUES.get(option, ["from-option", "from-variable", "from-cloud"])
    if option in ("ca_cert", "client_cert", "client_key"):
        values = [str(tmp_path / value) for value in values]
        for path in (*values, str(tmp_path / "cert")):
            Path(path).touch()
    beside = {
        key: str(tmp_path / "cert") if key == "client_cert" else text for key, text in BESIDE.get(option, {}).items()
    }
    base = {} if option in ("user_id", "username") else {"username": "u"}
    if "application_credential_secret" not in {option, *beside} and option != "token":
        base["password"] = PASSWORD
    sources = [{"auth_url": KEYSTONE, **base, **beside, option: value} for value in values]

    cloud = {SAME.get(key, (key,))[-1]: value for key, value in sources[2].items()}
    write(clouds_yaml, demo={"auth": cloud})
    variables = {VARIABLES[key][0]: value for key, value in sources[1].items()}

    assert seen(connection({}, cloud="demo"))[option] == values[2]
    assert seen(connection(variables, cloud="demo"))[option] == values[2]
    assert seen(connection(variables, cloud="demo", **sources[0]))[option] == values[0]
    assert seen(connection({**variables, "OS_CLOUD": "demo"}))[option] == values[1]
    assert seen(connection({**variables, "OS_CLOUD": "demo"}, **sources[0]))[option] == values[0]


@pytest.mark.parametrize(
    ("key", "names"), [(key, names) for key, names in VARIABLES.items() if len(names) > 1 and key in NAMES]
)
def test_of_several_variables_that_mean_the_same_the_first_that_is_set_counts(key: str, names: tuple[str, ...]) -> None:
    values = VALUES.get(key, ["first", "second"])
    both = {**LOGIN, **dict(zip(names, values, strict=False))}
    assert seen(connection(both))[key] == values[0]
    assert seen(connection({**both, names[0]: ""}))[key] == values[1]
    del both[names[0]]
    assert seen(connection(both))[key] == values[1]


def test_an_empty_option_and_an_empty_variable_are_not_given(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={**entry(), "region_name": "r"})
    assert connection({"OS_REGION_NAME": "", "OS_CLOUD": "demo"}, region_name="").region_name == "r"


def test_an_option_names_the_cloud_before_the_variable(clouds_yaml: Path) -> None:
    write(clouds_yaml, one={**entry(), "region_name": "1"}, two={**entry(), "region_name": "2"})
    assert connection({"OS_CLOUD": "one"}).region_name == "1"
    assert connection({"OS_CLOUD": "one"}, cloud="two").region_name == "2"


# --- what belongs together is not mixed --------------------------------------------------------------------------


def test_a_project_given_by_id_is_not_mixed_with_a_name_of_the_environment() -> None:
    found = connection({**LOGIN, "OS_PROJECT_NAME": "other"}, project_id=PROJECT)
    assert found.project == Project(PROJECT, None, DEFAULT)


def test_a_project_given_by_name_is_not_mixed_with_an_id_of_the_environment() -> None:
    found = connection({**LOGIN, "OS_PROJECT_ID": PROJECT}, project_name="p")
    assert found.project == Project(None, "p", DEFAULT)


def test_a_project_of_the_environment_is_not_mixed_with_one_of_clouds_yaml(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(project_id="other"))
    assert connection({"OS_CLOUD": "demo", "OS_PROJECT_NAME": "p"}).project == Project(None, "p", DEFAULT)


def test_a_user_given_by_name_is_not_mixed_with_an_id_of_the_environment() -> None:
    found = connection({**LOGIN, "OS_USER_ID": "other"}, username="me", password=PASSWORD)
    assert isinstance(found.credential, Password)
    assert found.credential.user == User(None, "me", DEFAULT)


def test_a_domain_given_by_id_is_not_mixed_with_a_name_of_the_environment() -> None:
    found = connection({**LOGIN, "OS_USER_DOMAIN_NAME": "other"}, user_domain_id="d")
    assert isinstance(found.credential, Password)
    assert found.credential.user.domain == Domain(id="d")


def test_a_client_certificate_is_not_mixed_with_a_key_of_the_environment(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate"
    certificate.touch()
    found = connection({**LOGIN, "OS_KEY": str(tmp_path / "other")}, client_cert=str(certificate))
    assert found.transport.client_cert == str(certificate)


TOKEN_LOGIN = Token(TOKEN)
PASSWORD_LOGIN = Password(User(None, "u", DEFAULT), PASSWORD, None)
CREDENTIAL_LOGIN = ApplicationCredential("i", None, None, SECRET)
GIVE_PASSWORD = {"username": "u", "password": PASSWORD}
GIVE_TOKEN = {"token": TOKEN}
VARIABLES_OF = {
    "password": {"OS_USERNAME": "u", "OS_PASSWORD": PASSWORD},
    "token": {"OS_TOKEN": TOKEN},
    "credential": {"OS_APPLICATION_CREDENTIAL_ID": "i", "OS_APPLICATION_CREDENTIAL_SECRET": SECRET},
}
EVERY_VARIABLE = {**VARIABLES_OF["password"], **VARIABLES_OF["token"], **VARIABLES_OF["credential"]}


@pytest.mark.parametrize(
    ("given", "environ", "credential"),
    [
        pytest.param(GIVE_TOKEN, VARIABLES_OF["password"], TOKEN_LOGIN, id="a token given, a password set"),
        pytest.param(GIVE_PASSWORD, VARIABLES_OF["token"], PASSWORD_LOGIN, id="a password given, a token set"),
        pytest.param(
            APPLICATION_CREDENTIAL, VARIABLES_OF["password"], CREDENTIAL_LOGIN, id="a credential given, a password set"
        ),
        pytest.param(
            GIVE_PASSWORD, VARIABLES_OF["credential"], PASSWORD_LOGIN, id="a password given, a credential set"
        ),
        pytest.param(GIVE_TOKEN, VARIABLES_OF["credential"], TOKEN_LOGIN, id="a token given, a credential set"),
        pytest.param(
            APPLICATION_CREDENTIAL, VARIABLES_OF["token"], CREDENTIAL_LOGIN, id="a credential given, a token set"
        ),
        pytest.param({"password": PASSWORD}, EVERY_VARIABLE, PASSWORD_LOGIN, id="a password given, its user set"),
        pytest.param(
            {"password": PASSWORD},
            {**EVERY_VARIABLE, "OS_AUTH_TYPE": "v3token"},
            PASSWORD_LOGIN,
            id="a password given, another type set",
        ),
        pytest.param({}, VARIABLES_OF["token"], TOKEN_LOGIN, id="a token set"),
        pytest.param(
            {}, {**VARIABLES_OF["password"], **VARIABLES_OF["token"]}, TOKEN_LOGIN, id="a token set beside a password"
        ),
        pytest.param({}, EVERY_VARIABLE, CREDENTIAL_LOGIN, id="everything set"),
        pytest.param(
            {}, {**EVERY_VARIABLE, "OS_AUTH_TYPE": "password"}, PASSWORD_LOGIN, id="everything set, and password"
        ),
        pytest.param(
            {}, {**EVERY_VARIABLE, "OS_AUTH_TYPE": "v3password"}, PASSWORD_LOGIN, id="everything set, and v3password"
        ),
        pytest.param({}, {**EVERY_VARIABLE, "OS_AUTH_TYPE": "v3token"}, TOKEN_LOGIN, id="everything set, and v3token"),
        pytest.param({}, {**EVERY_VARIABLE, "OS_AUTH_TYPE": "token"}, TOKEN_LOGIN, id="everything set, and token"),
        pytest.param(
            {},
            {**EVERY_VARIABLE, "OS_AUTH_TYPE": "v3applicationcredential"},
            CREDENTIAL_LOGIN,
            id="everything set, and v3applicationcredential",
        ),
    ],
)
def test_the_first_source_with_a_secret_decides_how_to_log_in(
    given: dict[str, str], environ: dict[str, str], credential: object
) -> None:
    found = connection({"OS_AUTH_URL": KEYSTONE, **environ}, **given)
    assert found.credential == credential


@pytest.mark.parametrize(
    ("auth", "auth_type", "credential"),
    [
        (GIVE_PASSWORD, None, PASSWORD_LOGIN),
        (GIVE_PASSWORD, "password", PASSWORD_LOGIN),
        (GIVE_TOKEN, None, TOKEN_LOGIN),
        (GIVE_TOKEN, "token", TOKEN_LOGIN),
        (APPLICATION_CREDENTIAL, None, CREDENTIAL_LOGIN),
        (APPLICATION_CREDENTIAL, "v3applicationcredential", CREDENTIAL_LOGIN),
        ({**APPLICATION_CREDENTIAL, **GIVE_PASSWORD}, None, CREDENTIAL_LOGIN),
        ({**APPLICATION_CREDENTIAL, **GIVE_PASSWORD}, "v3password", PASSWORD_LOGIN),
    ],
)
def test_a_cloud_of_clouds_yaml_can_log_in_in_every_way(
    auth: dict[str, str], auth_type: str | None, credential: object, clouds_yaml: Path
) -> None:
    write(clouds_yaml, demo={"auth_type": auth_type, "auth": {"auth_url": KEYSTONE, **auth}})
    assert connection({"OS_CLOUD": "demo"}).credential == credential


def test_a_variable_with_a_secret_goes_before_a_cloud_with_another() -> None:
    Path("clouds.yaml").write_text(yaml.safe_dump({"clouds": {"demo": entry()}}))
    assert connection({"OS_CLOUD": "demo", "OS_TOKEN": TOKEN}).credential == TOKEN_LOGIN


def test_an_unknown_auth_type_is_an_error_that_lists_the_known_ones() -> None:
    message = refused({**LOGIN, "OS_AUTH_TYPE": "v3oidcpassword"})
    assert "'v3oidcpassword'" in message
    assert "OS_AUTH_TYPE" in message
    assert "v3applicationcredential" in message


def test_a_passcode_joins_the_password_wherever_it_comes_from() -> None:
    for environ, given in (
        ({**LOGIN, "OS_PASSCODE": "123456"}, {}),
        (LOGIN, {"passcode": "123456"}),
        ({**LOGIN, "OS_AUTH_TYPE": "v3totp", "OS_PASSCODE": "123456"}, {}),
        ({**LOGIN, "OS_AUTH_TYPE": "v3multifactor", "OS_PASSCODE": "123456"}, {}),
    ):
        found = connection(environ, **given)
        assert found.credential == Password(User(None, "u", DEFAULT), PASSWORD, "123456")


def test_a_passcode_without_a_password_is_a_login() -> None:
    environ = {"OS_AUTH_URL": KEYSTONE, "OS_USER_ID": "1", "OS_PASSCODE": "123456", "OS_AUTH_TYPE": "v3totp"}
    assert connection(environ).credential == Password(User("1", None, DEFAULT), None, "123456")


def test_an_application_credential_by_name_needs_its_user() -> None:
    environ = {
        "OS_AUTH_URL": KEYSTONE,
        "OS_APPLICATION_CREDENTIAL_NAME": "n",
        "OS_APPLICATION_CREDENTIAL_SECRET": SECRET,
    }
    assert refused(environ).startswith("username: ")
    found = connection({**environ, "OS_USERNAME": "u", "OS_USER_DOMAIN_NAME": "d"})
    assert found.credential == ApplicationCredential(None, "n", User(None, "u", Domain(name="d")), SECRET)


def test_an_application_credential_given_by_name_is_not_mixed_with_an_id_of_the_environment() -> None:
    found = connection(
        {"OS_AUTH_URL": KEYSTONE, "OS_APPLICATION_CREDENTIAL_ID": "other", "OS_USER_ID": "1"},
        application_credential_name="n",
        application_credential_secret=SECRET,
    )
    assert found.credential == ApplicationCredential(None, "n", User("1", None, DEFAULT), SECRET)


# --- the cloud that a task names ----------------------------------------------------------------------------------

OTHER_KEYSTONE = "https://other.example.com/v3"
RC_FILE = {
    "OS_AUTH_URL": OTHER_KEYSTONE,
    "OS_USERNAME": "rc",
    "OS_PASSWORD": "rc-password",
    "OS_USER_DOMAIN_NAME": "rc-domain",
    "OS_PROJECT_NAME": "rc-project",
    "OS_PROJECT_DOMAIN_NAME": "rc-domain",
    "OS_REGION_NAME": "rc-region",
    "OS_IMAGE_ENDPOINT_OVERRIDE": "https://rc.example.com",
}
RC_FILES: dict[str, dict[str, str]] = {
    "of a password": RC_FILE,
    "of a token": {**RC_FILE, "OS_TOKEN": "rc-token", "OS_AUTH_TYPE": "v3token"},
    "of an application credential": {
        "OS_AUTH_URL": OTHER_KEYSTONE,
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": "rc",
        "OS_APPLICATION_CREDENTIAL_SECRET": "rc-secret",
        "OS_IMAGE_ENDPOINT_OVERRIDE": "https://rc.example.com",
    },
    "of a project by its id": {**RC_FILE, "OS_PROJECT_ID": PROJECT, "OS_USER_ID": "rc"},
    "of a trust": {**RC_FILE, "OS_TRUST_ID": "rc-trust", "OS_PROJECT_NAME": ""},
}
ENTRIES: dict[str, tuple[dict[str, str], object, Project | None]] = {
    "a password and a project": ({**GIVE_PASSWORD, "project_name": "p"}, PASSWORD_LOGIN, Project(None, "p", DEFAULT)),
    "a password and no project": (GIVE_PASSWORD, PASSWORD_LOGIN, None),
    "a token": (GIVE_TOKEN, TOKEN_LOGIN, None),
    "a token and a project": ({**GIVE_TOKEN, "project_id": "1"}, TOKEN_LOGIN, Project("1", None, DEFAULT)),
    "an application credential": (APPLICATION_CREDENTIAL, CREDENTIAL_LOGIN, None),
    "an application credential by its name": (
        {"application_credential_name": "n", "application_credential_secret": SECRET, "username": "u"},
        ApplicationCredential(None, "n", User(None, "u", DEFAULT), SECRET),
        None,
    ),
}


@pytest.mark.parametrize("rc_file", RC_FILES)
@pytest.mark.parametrize("described", ENTRIES)
def test_nothing_of_another_login_is_mixed_into_a_cloud_that_a_task_names(
    described: str, rc_file: str, clouds_yaml: Path
) -> None:
    auth, credential, project = ENTRIES[described]
    write(clouds_yaml, demo={"auth": {"auth_url": KEYSTONE, **auth}, "region_name": "r"})
    found = connection(RC_FILES[rc_file], cloud="demo")
    assert (found.credential, found.project, found.trust_id) == (credential, project, None)
    assert (found.auth_url, found.image_endpoint_override, found.region_name) == (KEYSTONE, None, "r")
    assert found.warnings == ()


def test_variables_say_what_a_named_cloud_does_not(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={"auth": {"auth_url": KEYSTONE, "username": "u", "project_name": "p"}})
    found = connection({"OS_PASSWORD": PASSWORD, "OS_REGION_NAME": "r"}, cloud="demo")
    assert (found.credential, found.project) == (PASSWORD_LOGIN, Project(None, "p", DEFAULT))
    assert (found.auth_url, found.region_name, found.warnings) == (KEYSTONE, "r", ())


def test_an_option_changes_single_things_of_a_named_cloud(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(project_name="p"))
    found = connection(RC_FILE, cloud="demo", project_name="q", password="another-Passw0rd-1c5d")
    assert found.credential == Password(User(None, "u", DEFAULT), "another-Passw0rd-1c5d", None)
    assert found.project == Project(None, "q", DEFAULT)
    assert found.auth_url == KEYSTONE


@pytest.mark.parametrize(
    ("auth", "rc_file", "lacking"),
    [
        ({"application_credential_id": "i"}, "of a password", "application_credential_secret: it is missing"),
        ({"application_credential_id": "i"}, "of a token", "application_credential_secret: it is missing"),
        ({"username": "u"}, "of a token", "password: it is missing"),
        ({"username": "u"}, "of an application credential", "password: it is missing"),
    ],
)
def test_nobody_else_logs_in_for_the_one_whom_a_cloud_names_without_a_secret(
    auth: dict[str, str], rc_file: str, lacking: str, clouds_yaml: Path
) -> None:
    write(clouds_yaml, demo={"auth": {"auth_url": KEYSTONE, **auth}})
    assert refused(RC_FILES[rc_file], cloud="demo").startswith(lacking)


def test_the_secret_of_a_named_cloud_goes_to_no_keystone_of_another_login(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={"auth": GIVE_PASSWORD})
    assert refused(RC_FILE, cloud="demo") == (
        f"auth_url: the cloud demo in {clouds_yaml} has none. Write it into the entry."
    )


def test_the_project_of_another_login_is_not_mixed_into_the_variables(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(project_name="p"))
    environ = {"OS_CLOUD": "demo", "OS_AUTH_URL": OTHER_KEYSTONE, "OS_USERNAME": "rc", "OS_PASSWORD": PASSWORD}
    assert connection(environ).project is None
    # An entry that names nobody is what several people share.
    write(clouds_yaml, demo={"auth": {"auth_url": KEYSTONE, "project_name": "p"}})
    assert connection(environ).project == Project(None, "p", DEFAULT)


def test_the_variables_themselves_may_be_named_as_openstacksdk_calls_them(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(username="other"))
    assert connection(LOGIN, cloud="envvars").credential == PASSWORD_LOGIN
    assert connection({**LOGIN, "OS_CLOUD": "envvars"}).credential == PASSWORD_LOGIN
    assert connection({**LOGIN, "OS_CLOUD_NAME": "shell"}, cloud="shell").credential == PASSWORD_LOGIN


# --- domains ------------------------------------------------------------------------------------------------------

DOMAINS: dict[str, tuple[dict[str, str], Domain, Domain]] = {
    "one for each": ({"user_domain_name": "u", "project_domain_id": "p"}, Domain(name="u"), Domain(id="p")),
    "one for both by name": ({"domain_name": "d"}, Domain(name="d"), Domain(name="d")),
    "one for both by id": ({"domain_id": "d"}, Domain(id="d"), Domain(id="d")),
    "a default by name": ({"default_domain_name": "d"}, Domain(name="d"), Domain(name="d")),
    "a default by id": ({"default_domain_id": "d"}, Domain(id="d"), Domain(id="d")),
    "one for both and a default": ({"domain_name": "d", "default_domain_id": "e"}, Domain(name="d"), Domain(name="d")),
    "one for both, one for the user": (
        {"domain_id": "d", "user_domain_name": "u"},
        Domain(name="u"),
        Domain(id="d"),
    ),
    "none": ({}, DEFAULT, DEFAULT),
}


@pytest.mark.parametrize("place", ["in auth", "beside auth", "variables", "variables over a cloud", "with dashes"])
@pytest.mark.parametrize("case", DOMAINS)
def test_a_domain_has_five_forms_in_every_place(case: str, place: str, clouds_yaml: Path) -> None:
    said, of_user, of_project = DOMAINS[case]
    described: dict[str, Any] = entry(project_name="p")
    environ: dict[str, str] = {"OS_CLOUD": "demo"}
    if place == "in auth":
        described["auth"].update(said)
    elif place == "beside auth":
        described.update(said)
    elif place == "with dashes":
        described["auth"].update({key.replace("_", "-"): value for key, value in said.items()})
    else:
        environ.update({VARIABLES[key][0]: value for key, value in said.items()})
        if place == "variables":
            environ = {**environ, **LOGIN, "OS_PROJECT_NAME": "p"}
    write(clouds_yaml, demo=described)
    found = connection(environ)
    assert isinstance(found.credential, Password)
    assert (found.credential.user.domain, found.project) == (of_user, Project(None, "p", of_project))


def test_the_domain_of_a_user_is_not_that_of_another_source_if_its_own_names_one(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(project_name="p", domain_name="d"))
    found = connection({"OS_USER_DOMAIN_NAME": "left over", "OS_PROJECT_DOMAIN_ID": "left over"}, cloud="demo")
    assert isinstance(found.credential, Password)
    assert found.credential.user.domain == Domain(name="d")
    assert found.project == Project(None, "p", Domain(name="d"))


@pytest.mark.parametrize("key", ["domain_id", "domain_name"])
def test_a_domain_without_a_project_is_an_error_that_names_both(key: str, clouds_yaml: Path) -> None:
    """For openstacksdk it is the scope of the credentials (loader.py, `_handle_domain_id`)."""
    write(clouds_yaml, demo=entry(**{key: "d"}))
    message = refused({}, cloud="demo")
    assert message.startswith("project_name: it is missing")
    assert key in message
    assert refused({**LOGIN, VARIABLES[key][0]: "d"}) == message
    assert connection({}, cloud="demo", project_id=PROJECT).project == Project(PROJECT, None, Domain(**_domain(key)))


def _domain(key: str) -> dict[str, str]:
    return {key.removeprefix("domain_"): "d"}


# --- trusts and systems -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["in auth", "beside auth", "variable"])
def test_a_trust_stands_for_a_project(place: str, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={**entry(**({"trust_id": "t"} if place == "in auth" else {})), "region_name": "r"})
    if place == "beside auth":
        write(clouds_yaml, demo={**entry(), "trust_id": "t"})
    found = connection({"OS_CLOUD": "demo", **({"OS_TRUST_ID": "t"} if place == "variable" else {})})
    assert (found.trust_id, found.project) == ("t", None)


def test_a_trust_is_not_mixed_with_a_project_of_another_source(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(trust_id="t"))
    assert connection({"OS_PROJECT_NAME": "left over"}, cloud="demo").trust_id == "t"
    found = connection({}, cloud="demo", project_name="p")
    assert (found.trust_id, found.project) == (None, Project(None, "p", DEFAULT))


@pytest.mark.parametrize(
    ("auth", "beginning"),
    [
        ({"trust_id": "t", "project_name": "p"}, "trust_id: it cannot be combined with project_name"),
        ({"trust_id": "t", "project_id": "p"}, "trust_id: it cannot be combined with project_id"),
        ({"system_scope": "all", "project_id": "p"}, "system_scope: it cannot be combined with project_id"),
        ({"system_scope": "all", "trust_id": "t"}, "trust_id: it cannot be combined with system_scope"),
        ({"system_scope": "all"}, "system_scope: a token for the system as a whole"),
    ],
)
def test_a_login_is_for_one_project(auth: dict[str, str], beginning: str, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(**auth))
    assert refused({}, cloud="demo").startswith(beginning)
    assert refused({**LOGIN, **{VARIABLES[key][0]: value for key, value in auth.items()}}).startswith(beginning)


def test_a_trust_needs_credentials_that_are_exchanged(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={"auth": {"auth_url": KEYSTONE, **APPLICATION_CREDENTIAL, "trust_id": "t"}})
    assert refused({}, cloud="demo").startswith("trust_id: an application credential is bound")
    auth = {"token": TOKEN, "auth_url": KEYSTONE, "trust_id": "t"}
    write(clouds_yaml, demo={"auth": auth, "image_endpoint_override": "https://images.example.com"})
    assert refused({}, cloud="demo").startswith("trust_id: a token together with image_endpoint_override")


# --- the way to log in that is asked for --------------------------------------------------------------------------

TYPES: dict[str, str] = {
    "password": "password",
    "v3password": "password",
    "v3totp": "passcode",
    "v3multifactor": "password",
    "token": "token",
    "v3token": "token",
    "v3applicationcredential": "application_credential_secret",
}
SECRETS: dict[str, dict[str, str]] = {
    "password": {"username": "u", "password": PASSWORD},
    "passcode": {"username": "u", "passcode": "731946"},
    "token": {"token": TOKEN},
    "application_credential_secret": APPLICATION_CREDENTIAL,
}
# Both of these are factors of it.
ALSO = {"v3multifactor": ("password", "passcode")}


@pytest.mark.parametrize("auth_type", TYPES)
def test_an_auth_type_without_its_secret_is_an_error_and_no_other_login(auth_type: str, clouds_yaml: Path) -> None:
    others: dict[str, str] = {}
    for secret, given in SECRETS.items():
        if secret not in ALSO.get(auth_type, (TYPES[auth_type],)):
            others.update(given)
    beginning = (
        f"{TYPES[auth_type]}: it is missing, and auth_type {auth_type} (OS_AUTH_TYPE or clouds.yaml) logs in with"
    )
    variables = {VARIABLES[key][0]: value for key, value in others.items()}
    assert refused({"OS_AUTH_URL": KEYSTONE, "OS_AUTH_TYPE": auth_type, **variables}).startswith(beginning)
    write(clouds_yaml, demo={"auth_type": auth_type, "auth": {"auth_url": KEYSTONE, **others}})
    assert refused({}, cloud="demo").startswith(beginning)
    write(clouds_yaml, demo={"auth_plugin": auth_type, "auth": {"auth_url": KEYSTONE, **others}})
    assert refused({"OS_CLOUD": "demo"}).startswith(beginning)


def test_the_secret_for_an_auth_type_may_come_from_a_source_below(clouds_yaml: Path) -> None:
    auth = {"auth_url": KEYSTONE, "application_credential_id": "i"}
    write(clouds_yaml, demo={"auth_type": "v3applicationcredential", "auth": auth})
    assert connection({"OS_APPLICATION_CREDENTIAL_SECRET": SECRET}, cloud="demo").credential == CREDENTIAL_LOGIN


@pytest.mark.parametrize("methods", [["v3password", "v3totp"], "v3password,v3totp", "v3password"])
def test_the_factors_of_a_login_may_be_named(methods: Any, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={"auth_type": "v3multifactor", "auth_methods": methods, **entry()})
    assert connection({}, cloud="demo").credential == PASSWORD_LOGIN


def test_a_factor_that_is_not_known_is_an_error(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={"auth_type": "v3multifactor", "auth_methods": ["v3password", "v3oidc"], **entry()})
    assert refused({}, cloud="demo").startswith("auth_methods: 'v3password,v3oidc'")


@pytest.mark.parametrize(
    "auth_type", ["v2password", "v2token", "v3oidcpassword", "v3kerberos", "none", "admin_token", "http_basic"]
)
def test_an_unknown_way_to_log_in_is_refused_by_its_name(auth_type: str, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={"auth_type": auth_type, **entry()})
    assert refused({}, cloud="demo").startswith(f"auth_type: '{auth_type}'")


@pytest.mark.parametrize("version", ["2", "2.0", "v2.0", "4", "x"])
def test_only_version_3_of_keystone_is_spoken(version: str, clouds_yaml: Path) -> None:
    assert refused({**LOGIN, "OS_IDENTITY_API_VERSION": version}).startswith(f"identity_api_version: '{version}'")
    write(clouds_yaml, demo={**entry(), "identity_api_version": version})
    assert refused({}, cloud="demo").startswith(f"identity_api_version: '{version}'")


@pytest.mark.parametrize("version", ["3", "3.14", "v3"])
def test_version_3_of_keystone_may_be_named(version: str) -> None:
    assert connection({**LOGIN, "OS_IDENTITY_API_VERSION": version}).credential == PASSWORD_LOGIN


@pytest.mark.parametrize(
    ("general", "of_images", "key"),
    [
        ("OS_REGION_NAME", "OS_IMAGE_REGION_NAME", "region_name"),
        ("OS_INTERFACE", "OS_IMAGE_INTERFACE", "interface"),
        ("OS_ENDPOINT_TYPE", "OS_IMAGE_ENDPOINT_TYPE", "interface"),
    ],
)
def test_a_variable_for_the_image_service_goes_before_one_for_all(general: str, of_images: str, key: str) -> None:
    found = connection({**LOGIN, general: "public", of_images: "internal"})
    assert getattr(found, key) == "internal"


# --- what is lacking ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "beginning"),
    [
        ({}, "auth_url|No credentials"),
        ({"OS_AUTH_URL": KEYSTONE}, "No credentials"),
        ({"OS_AUTH_URL": KEYSTONE, "OS_USERNAME": "u"}, "password: it is missing, to log in with username u"),
        (
            {"OS_AUTH_URL": KEYSTONE, "OS_APPLICATION_CREDENTIAL_ID": "i"},
            "application_credential_secret: it is missing",
        ),
        (
            {"OS_AUTH_URL": KEYSTONE, "OS_AUTH_TYPE": "v3token", "OS_USERNAME": "u"},
            "token: it is missing, and auth_type",
        ),
        ({"OS_AUTH_URL": KEYSTONE, "OS_PASSWORD": PASSWORD}, "username: "),
        ({"OS_AUTH_URL": KEYSTONE, "OS_PASSCODE": "123456"}, "username: "),
        ({"OS_AUTH_URL": KEYSTONE, "OS_APPLICATION_CREDENTIAL_SECRET": SECRET}, "application_credential_id: "),
        ({"OS_USERNAME": "u", "OS_PASSWORD": PASSWORD}, "auth_url: "),
        ({"OS_TOKEN": TOKEN}, "auth_url: "),
        (
            {"OS_USERNAME": "u", "OS_PASSWORD": PASSWORD, "OS_IMAGE_ENDPOINT_OVERRIDE": "https://images.example.com"},
            "auth_url: ",
        ),
    ],
)
def test_what_is_lacking_is_named(environ: dict[str, str], beginning: str) -> None:
    assert refused(environ).startswith(tuple(beginning.split("|")))


def test_a_token_and_the_address_of_the_images_are_enough() -> None:
    found = connection({}, token=TOKEN, image_endpoint_override="https://images.example.com/")
    assert found.auth_url is None
    assert found.image_endpoint_override == "https://images.example.com"
    assert found.warnings == ()


# --- openrc files ------------------------------------------------------------------------------------------------


def test_the_rc_file_of_platform9_is_understood() -> None:
    found = connection(
        {
            "OS_AUTH_URL": "https://pcd.example.com/keystone/v3",
            "OS_NOVA_URL": "https://pcd.example.com/nova/v2.1",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": "regionone",
            "OS_USERNAME": "me@example.com",
            "OS_USER_DOMAIN_NAME": "default",
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "service",
            "OS_PROJECT_DOMAIN_NAME": "default",
            "OS_INSECURE": "true",
        }
    )
    assert found == Connection(
        auth_url="https://pcd.example.com/keystone/v3",
        credential=Password(User(None, "me@example.com", Domain(name="default")), PASSWORD, None),
        project=Project(None, "service", Domain(name="default")),
        region_name="regionone",
        interface=None,
        image_endpoint_override=None,
        transport=found.transport,
        warnings=found.warnings,
    )
    assert found.transport.verify is False
    assert len(found.warnings) == 1


def test_the_rc_file_of_horizon_is_understood() -> None:
    found = connection(
        {
            "OS_AUTH_URL": "https://cloud.example.com:5000",
            "OS_PROJECT_ID": PROJECT,
            "OS_PROJECT_NAME": "demo",
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_USERNAME": "demo",
            "OS_PASSWORD": PASSWORD,
            "OS_REGION_NAME": "RegionOne",
            "OS_INTERFACE": "public",
            "OS_IDENTITY_API_VERSION": "3",
        }
    )
    assert found.auth_url == "https://cloud.example.com:5000"
    assert found.credential == Password(User(None, "demo", Domain(name="Default")), PASSWORD, None)
    assert found.project is not None
    assert found.project.id == PROJECT
    assert (found.region_name, found.interface, found.warnings) == ("RegionOne", "public", ())


def test_the_rc_file_of_an_application_credential_is_understood() -> None:
    found = connection(
        {
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_AUTH_URL": "https://cloud.example.com:5000/v3",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_REGION_NAME": "RegionOne",
            "OS_INTERFACE": "public",
            "OS_APPLICATION_CREDENTIAL_ID": "21dced0fd20347869b93710d2b98aae0",
            "OS_APPLICATION_CREDENTIAL_SECRET": SECRET,
        }
    )
    assert found.credential == ApplicationCredential("21dced0fd20347869b93710d2b98aae0", None, None, SECRET)
    assert found.project is None


def test_the_variables_of_old_rc_files_are_understood() -> None:
    found = connection({**LOGIN, "OS_TENANT_NAME": "t", "OS_ENDPOINT_TYPE": "publicURL", "OS_DEFAULT_DOMAIN": "d"})
    assert found.project == Project(None, "t", Domain(id="d"))
    assert found.interface == "public"
    assert isinstance(found.credential, Password)
    assert found.credential.user.domain == Domain(id="d")


# --- clouds.yaml -------------------------------------------------------------------------------------------------


def test_everything_can_stand_in_clouds_yaml(clouds_yaml: Path, tmp_path: Path, home: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (home / name).touch()
    write(
        clouds_yaml,
        demo={
            "region_name": "r",
            "interface": "internal",
            "image_endpoint_override": "https://images.example.com",
            "cacert": "~/ca.pem",
            "cert": "~/cert.pem",
            "key": "~/key.pem",
            "identity_api_version": 3,
            **entry(user_domain_name="ud", project_name="p", project_domain_id="pd"),
        },
    )
    found = connection({}, cloud="demo")
    assert found.credential == Password(User(None, "u", Domain(name="ud")), PASSWORD, None)
    assert found.project == Project(None, "p", Domain(id="pd"))
    assert (found.region_name, found.interface) == ("r", "internal")
    assert found.image_endpoint_override == "https://images.example.com"
    assert found.transport.verify == str(home / "ca.pem")
    assert found.transport.client_cert == (str(home / "cert.pem"), str(home / "key.pem"))


def test_the_old_word_for_a_project_is_understood_in_clouds_yaml(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(tenant_name="t"))
    assert connection({}, cloud="demo").project == Project(None, "t", DEFAULT)


@pytest.mark.parametrize(("written", "text"), [("12345", "12345"), ('"0123"', "0123"), ("1.50", "1.5")])
def test_a_password_of_digits_is_a_text(written: str, text: str, clouds_yaml: Path) -> None:
    clouds_yaml.write_text(f"clouds: {{demo: {{auth: {{auth_url: '{KEYSTONE}', username: u, password: {written}}}}}}}")
    assert connection({}, cloud="demo").credential == Password(User(None, "u", DEFAULT), text, None)


def test_the_current_folder_goes_before_the_home_and_yaml_before_yml(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def region() -> str | None:
        return connection({**os.environ, "OS_CLOUD": "demo"}).region_name

    write(home / ".config/openstack/clouds.yml", demo={**entry(), "region_name": "home yml"})
    assert region() == "home yml"
    write(home / ".config/openstack/clouds.yaml", demo={**entry(), "region_name": "home"})
    assert region() == "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    write(tmp_path / "xdg/openstack/clouds.yaml", demo={**entry(), "region_name": "xdg"})
    assert region() == "xdg"
    write(tmp_path / "work/clouds.yml", demo={**entry(), "region_name": "here yml"})
    assert region() == "here yml"
    write(tmp_path / "work/clouds.yaml", demo={**entry(), "region_name": "here"})
    assert region() == "here"
    named = write(tmp_path / "named.yaml", demo={**entry(), "region_name": "named"})
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(named))
    assert region() == "named"


def test_secrets_may_stand_beside_clouds_yaml(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={"region_name": "r", "auth": {"auth_url": KEYSTONE, "username": "u", "password": "below"}})
    write(
        clouds_yaml.with_name("secure.yaml"), demo={"auth": {"password": PASSWORD}}, other={"auth": {"password": "x"}}
    )
    found = connection({}, cloud="demo")
    assert found.credential == PASSWORD_LOGIN
    assert (found.auth_url, found.region_name) == (KEYSTONE, "r")


def test_a_variable_names_the_file_of_secrets(clouds_yaml: Path, tmp_path: Path) -> None:
    write(clouds_yaml, demo=entry(password="below"))
    write(clouds_yaml.with_name("secure.yaml"), demo={"auth": {"password": "beside"}})
    secure = write(tmp_path / "elsewhere" / "secrets.yaml", demo={"auth": {"password": PASSWORD}})
    assert connection({"OS_CLIENT_SECURE_FILE": str(secure)}, cloud="demo").credential == PASSWORD_LOGIN


def test_a_file_of_secrets_need_not_know_the_cloud(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry())
    write(clouds_yaml.with_name("secure.yaml"), other={"auth": {"password": "x"}})
    assert connection({}, cloud="demo").credential == PASSWORD_LOGIN


def test_an_unknown_cloud_is_an_error_that_lists_the_known_ones(clouds_yaml: Path) -> None:
    write(clouds_yaml, zwei=entry(), eins=entry())
    message = refused({}, cloud="drei")
    assert message.startswith("cloud: ")
    assert str(clouds_yaml) in message
    assert "'drei'" in message
    assert "eins, zwei" in message


def test_no_clouds_yaml_is_an_error_that_lists_the_folders(home: Path, tmp_path: Path) -> None:
    message = refused(LOGIN, cloud="demo")
    assert message.startswith("cloud: ")
    for part in ("demo", str(tmp_path / "work"), str(home / ".config/openstack"), "/etc/openstack"):
        assert part in message


def test_a_file_that_the_variable_names_must_be_there(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry())
    message = refused({"OS_CLIENT_CONFIG_FILE": "/nowhere/clouds.yaml"}, cloud="demo")
    assert "OS_CLIENT_CONFIG_FILE" in message
    assert "/nowhere/clouds.yaml" in message


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(clouds_yaml: Path) -> None:
    clouds_yaml.mkdir()
    message = refused({}, cloud="demo")
    assert message.startswith(f"cloud: {clouds_yaml} cannot be read")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"clouds:\n  demo:\n    password: [{PASSWORD}\n", id="a bracket that stays open"),
        pytest.param(f"clouds:\n  demo:\n\t password: {PASSWORD}\n", id="a tab"),
        pytest.param(f"password: '{PASSWORD}\n", id="a quote that stays open"),
        pytest.param(f"clouds: !!python/object/apply:os.system ['{PASSWORD}']\n", id="a tag that would run something"),
        pytest.param(f"password: {PASSWORD}\x07\n", id="a control character"),
        pytest.param(f"password: {PASSWORD}\npassword: *{PASSWORD}\n", id="an unknown alias"),
        pytest.param(f"{{[{PASSWORD}]: x}}\n", id="a key that cannot be one"),
        pytest.param(f"{PASSWORD}: 2026-13-45\n", id="a date that is none"),
    ],
)
def test_yaml_that_is_none_is_an_error_that_shows_no_line_of_the_file(content: str, clouds_yaml: Path) -> None:
    clouds_yaml.write_text(content)
    message = refused({}, cloud="demo")
    assert message.startswith(f"cloud: {clouds_yaml} is not valid YAML")


def test_a_file_in_another_encoding_is_an_error_that_shows_nothing_of_it(clouds_yaml: Path) -> None:
    clouds_yaml.write_bytes(f"password: ü{PASSWORD}\n".encode("latin-1"))
    assert "not valid YAML" in refused({}, cloud="demo")


def test_the_place_of_the_mistake_in_clouds_yaml_is_shown(clouds_yaml: Path) -> None:
    clouds_yaml.write_text("clouds:\n  demo:\n   - a\n   b: c\n")
    assert "line 4, column 4" in refused({}, cloud="demo")


@pytest.mark.parametrize("content", ["", "[]", "text", "1", "null", "{}", "clouds:", "clouds: []", "clouds: text"])
@pytest.mark.parametrize("name", ["clouds.yaml", "secure.yaml"])
def test_a_file_without_clouds_is_an_error_that_names_it(name: str, content: str, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry())
    path = clouds_yaml.with_name(name)
    path.write_text(content)
    assert refused({}, cloud="demo").startswith(f"cloud: {path} has no dictionary named clouds")


@pytest.mark.parametrize("value", [None, [], "text", 1, False])
def test_a_cloud_that_is_not_a_dictionary_does_not_count(value: Any, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=value)
    assert "demo" in refused({}, cloud="demo")


@pytest.mark.parametrize("value", [["x"], PASSWORD, 1, True])
def test_secrets_of_a_cloud_that_are_no_dictionary_are_an_error(value: Any, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry())
    write(clouds_yaml.with_name("secure.yaml"), demo=value)
    assert refused({}, cloud="demo").startswith("cloud: ")


@pytest.mark.parametrize("value", [[PASSWORD], PASSWORD, 1, True])
@pytest.mark.parametrize("name", ["clouds.yaml", "secure.yaml"])
def test_a_cloud_whose_auth_is_not_a_dictionary_is_an_error(name: str, value: Any, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry())
    write(clouds_yaml.with_name(name), demo={"auth": value})
    assert refused({}, cloud="demo").startswith("cloud: auth of cloud demo")


@pytest.mark.parametrize("value", [[PASSWORD], {"a": PASSWORD}])
def test_a_value_with_parts_in_clouds_yaml_is_an_error_that_names_its_key(value: Any, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo=entry(password=value))
    assert refused({}, cloud="demo").startswith("cloud: password of cloud demo")


def test_the_interface_of_clouds_yaml_must_be_one(clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={**entry(), "interface": "privat"})
    assert refused({}, cloud="demo").startswith("interface: 'privat'")


# --- TLS ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "insecure", "verify", "is_verified"),
    [
        pytest.param(None, None, None, True, id="certificates are verified by default"),
        pytest.param(False, None, None, False, id="the option switches it off"),
        pytest.param(None, "true", None, False, id="the variable switches it off"),
        pytest.param(None, None, False, False, id="clouds.yaml switches it off"),
        pytest.param(None, None, "False", False, id="clouds.yaml switches it off with a text"),
        pytest.param(True, "true", None, True, id="the option goes before the variable"),
        pytest.param(True, None, False, True, id="the option goes before clouds.yaml"),
        pytest.param(True, "1", False, True, id="the option goes before both"),
        pytest.param(False, "false", True, False, id="the option goes before both the other way round"),
        pytest.param(None, "false", False, True, id="the variable goes before clouds.yaml"),
        pytest.param(None, "true", True, False, id="the variable goes before clouds.yaml the other way round"),
        pytest.param(None, "", False, False, id="an empty variable says nothing"),
        pytest.param(None, "1", None, False, id="1 is true"),
        pytest.param(None, "True", None, False, id="True is true"),
        pytest.param(None, " yes ", None, False, id="yes is true"),
        pytest.param(None, "0", None, True, id="0 is false"),
        pytest.param(None, "no", None, True, id="no is false"),
        pytest.param(None, "whatever", None, True, id="what is not understood leaves them verified"),
        pytest.param(None, None, True, True, id="clouds.yaml can say so"),
    ],
)
def test_certificates_are_verified_unless_the_first_who_speaks_says_otherwise(
    given: bool | None, insecure: str | None, verify: Any, is_verified: bool, clouds_yaml: Path
) -> None:
    write(clouds_yaml, demo={**entry(), **({} if verify is None else {"verify": verify})})
    environ = {"OS_CLOUD": "demo", **({} if insecure is None else {"OS_INSECURE": insecure})}
    found = connection(environ, validate_certs=given)
    assert found.transport.verify is is_verified
    assert ["not verified" in warning for warning in found.warnings] == ([] if is_verified else [True])


def test_an_authority_does_not_matter_if_nothing_is_verified() -> None:
    found = connection(validate_certs=False, ca_cert="/nowhere/ca.pem")
    assert found.transport.verify is False


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_an_error_that_names_option_and_path(option: str) -> None:
    message = refused(**{option: "/nowhere/file.pem"})
    assert message.startswith(f"{option}: /nowhere/file.pem cannot be read")
    assert os.getcwd() not in message


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
def test_a_relative_path_is_shown_with_its_folder_wherever_it_comes_from(option: str, clouds_yaml: Path) -> None:
    write(clouds_yaml, demo={**entry(), SAME[option][-1]: "no/file.pem"})
    told = f"{option}: no/file.pem cannot be read: No such file or directory in the working directory {os.getcwd()}"
    assert refused(**{option: "no/file.pem"}).startswith(told)
    assert refused({**LOGIN, VARIABLES[option][0]: "no/file.pem"}).startswith(told)
    assert refused({}, cloud="demo").startswith(told)


def test_a_key_without_its_certificate_is_an_error(certificates: Certificates) -> None:
    assert refused(client_key=certificates.client_key).startswith("client_key: ")


def test_a_certificate_may_hold_its_key(certificates: Certificates) -> None:
    certificate = certificates.client_certificate
    assert connection(client_cert=certificate).transport.client_cert == certificate


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["auth_url", "image_endpoint_override"])
@pytest.mark.parametrize(
    "address",
    [
        "pcd.example.com",
        "pcd.example.com/keystone/v3",
        "pcd.example.com:5000",
        "/keystone/v3",
        "ftp://pcd.example.com",
        "file:///etc/passwd",
        "https:/pcd.example.com",
        "https://",
        "https:///v3",
        "https://:5000",
        "https://pcd.example.com:port",
        "https://pcd.example.com:99999",
        "https://pcd.example.com:0",
        "https://[::1",
        "https://pcd.example .com",
        "https://pcd.example.com\n/v3",
        "https://pcd.example.com/v3?a=b",
        "https://pcd.example.com/v3#a",
        "https://a..b",
        "https://.a",
        f"https://{'a' * 64}.example.com",
        f"https://{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 63}.e",
        f"https://{'ü' * 60}.example.com",
        "https://::1",
        "https://fe80::1:5000/v3",
        "https://{region_name}.example.com",
        " ",
        "{{ auth_url }}",
    ],
)
def test_what_cannot_be_asked_is_an_error_that_names_the_option_and_does_not_quote_it(
    option: str, address: str
) -> None:
    message = refused(**{option: address})
    example = {"auth_url": "keystone/v3", "image_endpoint_override": "glance/v2"}[option]
    assert message == f"{option}: it is not an address such as https://pcd.example.com/{example}."


@pytest.mark.parametrize("option", ["auth_url", "image_endpoint_override"])
@pytest.mark.parametrize("user", [f"me:{PASSWORD}", "me", f":{PASSWORD}"])
def test_a_password_in_an_address_is_an_error_that_does_not_quote_it(option: str, user: str) -> None:
    message = refused(**{option: f"https://{user}@pcd.example.com/v3"})
    assert message.startswith(f"{option}: it holds a user name or a password")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://pcd.example.com", "https://pcd.example.com"),
        ("https://pcd.example.com/", "https://pcd.example.com"),
        ("https://pcd.example.com/keystone/v3//", "https://pcd.example.com/keystone/v3"),
        (" https://pcd.example.com/v3 ", "https://pcd.example.com/v3"),
        ("https://[::1]:5000/v3", "https://[::1]:5000/v3"),
        ("HTTPS://PCD.example.com/v3", "HTTPS://PCD.example.com/v3"),
        (f"https://{'a' * 63}.example.com./v3", f"https://{'a' * 63}.example.com./v3"),
        ("https://b\u00fccher.example.com/v3", "https://b\u00fccher.example.com/v3"),
        ("https://my_keystone:5000/v3", "https://my_keystone:5000/v3"),
    ],
)
def test_an_address_is_taken_without_what_stands_around_it(given: str, address: str) -> None:
    found = connection(auth_url=given)
    assert (found.auth_url, found.warnings) == (address, ())


@pytest.mark.parametrize(
    "address", ["http://pcd.example.com/v3", "HTTP://pcd.example.com/v3", " http://pcd.example.com"]
)
def test_plain_http_is_warned_of(address: str) -> None:
    (warning,) = connection(auth_url=address).warnings
    assert "unencrypted HTTP" in warning


def test_plain_http_for_the_images_is_warned_of_if_the_token_goes_over_it() -> None:
    (warning,) = connection(image_endpoint_override="http://images.example.com").warnings
    assert "unencrypted HTTP" in warning
    assert "image_endpoint_override" in warning


# --- tokens, numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("around", ["\n", " ", "\r\n", "\t"])
def test_a_token_is_taken_without_blanks_around_it(around: str) -> None:
    assert connection(token=f"{around}{TOKEN}{around}").credential == TOKEN_LOGIN


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_authorities_of_the_environment_are_trusted_if_no_others_are_named(variable: str, tmp_path: Path) -> None:
    named, bundle, folder = tmp_path / "ca.crt", tmp_path / "bundle.crt", tmp_path / "certificates"
    named.touch()
    bundle.touch()
    folder.mkdir()
    given = {"token": TOKEN, "auth_url": KEYSTONE}
    assert connection({variable: str(bundle)}, **given).transport.verify == str(bundle)
    assert connection({variable: str(folder)}, **given).transport.verify == str(folder)
    assert connection({variable: str(bundle)}, **given, ca_cert=str(named)).transport.verify == str(named)
    assert connection({variable: "/nowhere.crt"}, **given, ca_cert=str(named)).transport.verify == str(named)
    assert connection({variable: "/nowhere.crt"}, **given, validate_certs=False).transport.verify is False


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_of_the_environment_that_is_not_there_is_an_error_that_names_the_variable(variable: str) -> None:
    assert refused({**LOGIN, variable: "/nowhere/bundle.crt"}).startswith(f"{variable}: /nowhere/bundle.crt cannot be")


def test_authorities_that_a_task_names_are_used_even_if_the_environment_is_insecure(tmp_path: Path) -> None:
    named = tmp_path / "ca.crt"
    named.touch()
    given = {"token": TOKEN, "auth_url": KEYSTONE}
    assert connection({"OS_INSECURE": "true"}, **given, ca_cert=str(named)).transport.verify == str(named)
    assert connection({"OS_INSECURE": "true", "OS_CACERT": str(named)}, **given).transport.verify is False


def test_a_project_of_the_environment_is_not_mixed_with_a_token_or_an_application_credential_of_the_task() -> None:
    environ = {"OS_PROJECT_NAME": "left over", "OS_AUTH_URL": KEYSTONE}
    assert connection(environ, token=TOKEN).project is None
    credential = {"application_credential_id": "i", "application_credential_secret": SECRET}
    assert connection(environ, **credential).project is None
    assert connection({**environ, "OS_TOKEN": TOKEN}).project is not None
    assert connection(environ, username="u", password=PASSWORD).project is not None


def test_variables_that_overrule_the_cloud_of_os_cloud_are_warned_of(clouds_yaml: Path) -> None:
    write(clouds_yaml, pcd=entry(project_name="p"))
    environ = {"OS_AUTH_URL": KEYSTONE, "OS_USERNAME": "left-over", "OS_PROJECT_NAME": "q"}
    (warning,) = connection({**environ, "OS_CLOUD": "pcd"}).warnings
    assert "override cloud pcd (OS_CLOUD) for: project_name, username." in warning
    assert connection(environ, cloud="pcd").warnings == ()
    # To work in another project of the same login is what these two are for.
    assert connection({"OS_CLOUD": "pcd", "OS_PROJECT_NAME": "q"}).warnings == ()


def test_what_variables_of_another_login_say_of_a_named_cloud_is_warned_of(clouds_yaml: Path) -> None:
    write(clouds_yaml, pcd=entry())
    environ = {**LOGIN, "OS_REGION_NAME": "r", "OS_INTERFACE": "public"}
    found = connection(environ, cloud="pcd")
    assert (found.region_name, found.interface) == ("r", "public")
    (warning,) = found.warnings
    assert "does not say interface and region_name" in warning
    assert connection(environ, cloud="pcd", region_name="s", interface="admin").warnings == ()
    assert connection({"OS_REGION_NAME": "r"}, cloud="pcd").warnings == ()


def test_variables_of_another_login_do_not_weaken_a_named_cloud(clouds_yaml: Path, tmp_path: Path) -> None:
    write(clouds_yaml, pcd=entry())
    certificate = tmp_path / "client.pem"
    certificate.touch()
    weak = {"OS_INSECURE": "true", "OS_CERT": str(certificate)}
    found = connection({**LOGIN, **weak}, cloud="pcd").transport
    assert (found.verify, found.client_cert) == (True, None)
    # They belong to no login here, or to this one.
    for environ in (weak, {**weak, "OS_CLOUD": "pcd"}):
        given = {} if "OS_CLOUD" in environ else {"cloud": "pcd"}
        found = connection(environ, **given).transport
        assert (found.verify, found.client_cert) == (False, str(certificate))
    assert connection({**LOGIN, **weak}).transport.verify is False


def test_a_named_cloud_with_a_secret_takes_nothing_of_its_login_from_variables(clouds_yaml: Path) -> None:
    given = entry()
    write(clouds_yaml, pcd=given)
    unmixed = connection(cloud="pcd")
    left_over = {"OS_PROJECT_DOMAIN_NAME": "corp", "OS_USER_DOMAIN_NAME": "corp", "OS_PROJECT_ID": "0" * 32}
    found = connection(left_over, cloud="pcd")
    assert (found.credential, found.project, found.auth_url) == (unmixed.credential, unmixed.project, unmixed.auth_url)


@pytest.mark.parametrize("variable", ["OS_AUTH_URL", "OS_IMAGE_ENDPOINT_OVERRIDE"])
def test_an_address_that_was_left_over_beside_a_cloud_of_the_shell_is_warned_of(
    variable: str, clouds_yaml: Path
) -> None:
    write(clouds_yaml, pcd={**entry(), "image_endpoint_override": "https://images.example.com"})
    found = connection({"OS_CLOUD": "pcd", variable: "https://other.example.com"})
    (warning,) = found.warnings
    assert "OS_* variables override cloud pcd (OS_CLOUD) for: " in warning


@pytest.mark.parametrize("token", [f"{TOKEN}\nX-Other: 1", f"{TOKEN} x", f"{TOKEN}\x00", f"{TOKEN}ü", " ", "\n"])
def test_a_token_that_cannot_be_one_is_an_error_that_does_not_quote_it(token: str) -> None:
    assert refused(token=token).startswith("token: ")


@pytest.mark.parametrize("timeout", [0, -1, 86401, float("inf"), float("nan")])
def test_a_timeout_out_of_range_is_an_error(timeout: float) -> None:
    assert refused(timeout=timeout).startswith("timeout: ")


@pytest.mark.parametrize("retries", [-1, 101])
def test_a_number_of_retries_out_of_range_is_an_error(retries: int) -> None:
    assert refused(retries=retries).startswith("retries: ")


@pytest.mark.parametrize("deadline", [-1, 86401, float("nan")])
def test_a_deadline_out_of_range_is_an_error(deadline: float) -> None:
    assert refused(deadline=deadline).startswith("deadline: ")


@pytest.mark.parametrize(("timeout", "retries", "deadline"), [(0.1, 0, 0), (86400, 100, 86400), (60, 4, 120)])
def test_timeout_retries_and_deadline_reach_the_transport(timeout: float, retries: int, deadline: float) -> None:
    transport = connection(timeout=timeout, retries=retries, deadline=deadline).transport
    assert (transport.timeout, transport.retries, transport.deadline) == (timeout, retries, deadline)


# --- secrets -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "secrets"),
    [
        ({"token": TOKEN}, (TOKEN,)),
        ({"username": "u", "password": PASSWORD}, (PASSWORD,)),
        ({"username": "u", "password": PASSWORD, "passcode": "731946"}, (PASSWORD, "731946")),
        (APPLICATION_CREDENTIAL, (SECRET,)),
        ({**APPLICATION_CREDENTIAL, "application_credential_id": None, "application_credential_name": "n"}, (SECRET,)),
    ],
)
def test_secrets_are_known_and_shown_nowhere(given: dict[str, str], secrets: tuple[str, ...]) -> None:
    found = connection({"OS_AUTH_URL": KEYSTONE, "OS_USERNAME": "u"}, **given)
    assert found.credential.secrets == secrets
    for secret in secrets:
        assert secret not in repr(found)
        assert secret not in str(found.credential)


def test_a_connection_says_nothing_about_who_made_it() -> None:
    assert connection(LOGIN) == connection(LOGIN)
    with pytest.raises(AttributeError):
        connection(LOGIN).auth_url = "x"  # type: ignore[misc]
