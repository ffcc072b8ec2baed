# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a login, for whom, and for how long. Keystone is played by a server in a thread."""

from __future__ import annotations

import os
import stat
import threading
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ansible_collections.platform9.pcd.plugins.module_utils._client.options import (
    CONNECTION_OPTIONS,
    Connection,
    connection_from,
)
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError
from ansible_collections.platform9.pcd.plugins.plugin_utils._token_cache import (
    NONCE_SIZE,
    SECRET_SIZE,
    TokenCache,
)
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD, PROJECT, options
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Request, Serve, Service

# What the processes of one run share.
SECRET = b"a-secret-of-the-run-of-32-bytes."


def kept(folder: str) -> TokenCache:
    return TokenCache(folder, SECRET)


class Keystone:
    """Gives another token for each login; `life` is in seconds, and so is by how much its clock is `behind`."""

    def __init__(self, serve: Serve, life: float = 3600) -> None:
        self._numbers = count(1)
        self.life = life
        self.behind = 0.0
        self.service: Service = serve(self._answer)

    def _answer(self, request: Request) -> Reply:
        now = datetime.now(timezone.utc) - timedelta(seconds=self.behind)
        expires = now + timedelta(seconds=self.life)
        token = {
            "issued_at": f"{now:%Y-%m-%dT%H:%M:%S}.000000Z",
            "expires_at": f"{expires:%Y-%m-%dT%H:%M:%S.%f}Z",
            "project": {"id": PROJECT},
            "catalog": [
                {
                    "type": "image",
                    "endpoints": [{"interface": "admin", "region_id": "r1", "url": "https://library.example.com"}],
                }
            ],
        }
        return Reply(201, {"token": token}, {"X-Subject-Token": f"token-{next(self._numbers)}"})

    @property
    def tokens(self) -> int:
        return len(self.service.requests)

    def connection(self, **given: Any) -> Connection:
        login = {"auth_url": self.service.url, "username": "anna", "password": PASSWORD, "project_name": "demo"}
        return connection_from(options(CONNECTION_OPTIONS, **{**login, **given}), {})


@pytest.fixture
def keystone(serve: Serve) -> Keystone:
    return Keystone(serve)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """As Ansible makes it for a run."""
    folder = tmp_path / "ansible-local-4711abcdefgh"
    folder.mkdir(mode=0o700)
    return str(folder)


@pytest.mark.parametrize("behind", [3 * 3600.0, 90.0, -3 * 3600.0], ids=["ahead", "a little", "behind"])
def test_a_token_is_kept_as_long_as_it_lives_whatever_the_clock_of_this_host_says(
    behind: float, keystone: Keystone, folder: str
) -> None:
    keystone.behind = behind
    first = kept(folder).access(keystone.connection())
    assert kept(folder).access(keystone.connection()) == first
    assert keystone.tokens == 1
    keystone.life = 50
    kept(folder).renew(keystone.connection(), first.token)
    kept(folder).access(keystone.connection())
    assert keystone.tokens == 3


def test_a_second_process_takes_the_login_of_the_first(keystone: Keystone, folder: str) -> None:
    first = kept(folder).access(keystone.connection())
    second = kept(folder).access(keystone.connection())
    assert first == second
    assert keystone.tokens == 1


def test_processes_that_begin_together_log_in_once(keystone: Keystone, folder: str) -> None:
    found: list[str] = []
    together = threading.Barrier(8)

    def begin() -> None:
        together.wait()
        found.append(kept(folder).access(keystone.connection()).token)

    threads = [threading.Thread(target=begin) for dummy in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["token-1"] * 8
    assert keystone.tokens == 1


@pytest.mark.parametrize(
    "other",
    [
        {"password": "another-password-4482"},
        {"username": "berta"},
        {"user_domain_name": "elsewhere"},
        {"project_name": "service"},
        {"project_id": PROJECT, "project_name": None},
        {"region_name": "r1"},
        {"interface": "admin"},
        {"validate_certs": False},
        {"image_endpoint_override": "https://pod.example.com/glance"},
        {"passcode": "123456"},
        {
            "username": None,
            "password": None,
            "project_name": None,
            "application_credential_id": "anna",
            "application_credential_secret": PASSWORD,
        },
    ],
    ids=" ".join,
)
def test_another_connection_has_a_login_of_its_own(keystone: Keystone, folder: str, other: dict[str, Any]) -> None:
    kept(folder).access(keystone.connection())
    assert kept(folder).access(keystone.connection(**other)).token == "token-2"


def test_what_does_not_change_the_login_shares_it(keystone: Keystone, folder: str) -> None:
    kept(folder).access(keystone.connection())
    kept(folder).access(keystone.connection(timeout=7, retries=0))
    assert keystone.tokens == 1


def test_a_token_that_is_about_to_expire_is_not_used(keystone: Keystone, folder: str) -> None:
    keystone.life = 30
    tokens = kept(folder)
    tokens.access(keystone.connection())
    assert tokens.access(keystone.connection()).token == "token-2"
    assert os.listdir(folder) == [name for name in os.listdir(folder) if name.endswith(".lock")]


def test_a_refused_token_costs_one_login(keystone: Keystone, folder: str) -> None:
    tokens, other = kept(folder), kept(folder)
    for each in (tokens, other):
        each.access(keystone.connection())
    assert tokens.renew(keystone.connection(), "token-1").token == "token-2"
    # The other process still holds the refused one, and finds the new one when it has to renew it.
    assert other.renew(keystone.connection(), "token-1").token == "token-2"
    assert kept(folder).access(keystone.connection()).token == "token-2"
    assert keystone.tokens == 2


def test_only_its_user_can_read_what_is_kept_and_names_tell_nothing(keystone: Keystone, folder: str) -> None:
    kept(folder).access(keystone.connection())
    files = sorted(Path(folder).iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    assert not any(word in path.name for path in files for word in ("anna", PASSWORD, "demo"))
    told = b"".join(path.read_bytes() for path in files)
    assert not any(word in told for word in (PASSWORD.encode(), b"token", b"library.example.com"))


@pytest.mark.parametrize("what", ["open to others", "a link"])
def test_nothing_is_kept_in_a_folder_that_is_not_private(what: str, keystone: Keystone, folder: str) -> None:
    if what == "a link":
        os.rename(folder, f"{folder}-elsewhere")
        os.symlink(f"{folder}-elsewhere", folder)
    else:
        os.chmod(folder, 0o770)
    assert kept(folder).access(keystone.connection()).token == "token-1"
    assert kept(folder).access(keystone.connection()).token == "token-2"
    assert os.listdir(folder) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of other users")
def test_nothing_is_kept_in_the_folder_of_another_user(keystone: Keystone, folder: str) -> None:
    os.chown(folder, 65534, 65534)
    kept(folder).access(keystone.connection())
    assert os.listdir(folder) == []


def test_no_link_is_followed_to_what_is_kept(keystone: Keystone, folder: str, tmp_path: Path) -> None:
    kept(folder).access(keystone.connection())
    (tmp_path / "mine").write_bytes(b"mine")
    for path in Path(folder).iterdir():
        path.unlink()
        path.symlink_to(tmp_path / "mine")
    assert kept(folder).access(keystone.connection()).token == "token-2"
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_what_a_killed_run_leaves_is_of_no_use_to_others(keystone: Keystone, folder: str) -> None:
    kept(folder).access(keystone.connection())
    later = TokenCache(folder, os.urandom(SECRET_SIZE))
    names = os.listdir(folder)
    assert later.access(keystone.connection()).token == "token-2"
    assert len(os.listdir(folder)) == 2 * len(names)


def test_one_file_is_not_taken_for_another(keystone: Keystone, folder: str) -> None:
    kept(folder).access(keystone.connection())
    kept(folder).access(keystone.connection(username="berta"))
    one, other = (path for path in Path(folder).iterdir() if path.suffix != ".lock")
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    for username in ("anna", "berta"):
        kept(folder).access(keystone.connection(username=username))
    assert keystone.tokens == 4


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'{"token": "t"}', b"{", b"\xff", b'{"expires_at": 1}'])
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_file_that_holds_no_login_counts_as_none(
    keystone: Keystone, folder: str, content: bytes, encrypted: bool
) -> None:
    kept(folder).access(keystone.connection())
    file = next(path for path in Path(folder).iterdir() if path.suffix != ".lock")
    nonce, key = os.urandom(NONCE_SIZE), file.name.removeprefix("pcd-login-").encode()
    file.write_bytes(nonce + AESGCM(SECRET).encrypt(nonce, content, key) if encrypted else content)
    assert kept(folder).access(keystone.connection()).token == "token-2"


def test_every_task_logs_in_if_nothing_can_be_kept(keystone: Keystone, folder: str) -> None:
    gone = os.path.join(folder, "gone")
    assert kept(gone).access(keystone.connection()).token == "token-1"
    assert kept(gone).access(keystone.connection()).token == "token-2"


def test_a_login_that_fails_is_not_kept_and_keeps_nobody_waiting(serve: Serve, folder: str) -> None:
    keystone = Keystone(serve)
    refusing = serve(Reply(401, {"error": {"message": "no"}}))
    tokens = kept(folder)
    with pytest.raises(PcdError):
        tokens.access(keystone.connection(auth_url=refusing.url))
    with pytest.raises(PcdError):
        kept(folder).access(keystone.connection(auth_url=refusing.url))
    assert len(refusing.requests) == 2


def test_a_process_that_hangs_in_its_login_is_waited_for_no_longer_than_its_timeout(
    keystone: Keystone, folder: str
) -> None:
    import fcntl

    connection = keystone.connection(timeout=0.2)
    tokens = kept(folder)
    tokens.access(connection)
    lock = next(path for path in Path(folder).iterdir() if path.suffix == ".lock")
    with open(lock, "w", encoding="ascii") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert tokens.renew(connection, "token-1").token == "token-2"


def test_the_items_of_a_loop_share_a_session_and_other_connections_do_not(keystone: Keystone, folder: str) -> None:
    tokens = kept(folder)
    session = tokens.session(keystone.connection())
    assert tokens.session(keystone.connection()) is session
    assert tokens.session(keystone.connection(username="berta")) is not session
