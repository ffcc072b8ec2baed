# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One authentication for a run. Tokens are in the controller's private temporary folder until the run ends."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..module_utils._client.http import new_session
from ..module_utils._client.login import Access, TokenProvider, log_in, seconds_of
from ..module_utils._client.options import Connection

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    CIPHER: Callable[[bytes], AESGCM] | None = AESGCM
    UNREADABLE: tuple[type[Exception], ...] = (OSError, ValueError, TypeError, InvalidTag)
except ImportError:  # ansible-core requires it; without it, every task authenticates
    CIPHER, UNREADABLE = None, (OSError, ValueError, TypeError)

if TYPE_CHECKING:
    import requests

# A token must be valid for this time, so that it does not expire during a request.
MIN_LIFE_SECONDS = 60
PAUSE = 0.05
# In bytes: the key of AES-256, and what NIST SP 800-38D recommends for GCM.
SECRET_SIZE = 32
NONCE_SIZE = 12


def _name(key: str) -> str:
    return f"pcd-login-{key}"


class TokenCache(TokenProvider):
    """Tokens in files of `folder`, for every process of a run; open connections in memory, for the items of a loop.

    The folder is Ansible's own for the run: only its user can enter it, and it is removed when the run ends. A run that
    is killed leaves it behind, so the files are encrypted with a `secret` that is only in the memory of the processes
    of the run. A file is for one connection: the same credentials, project, region, addresses and TLS options.
    """

    def __init__(self, folder: str, secret: bytes) -> None:
        self._folder = folder
        self._secret = secret
        self._cipher = CIPHER and CIPHER(secret)
        self._known: dict[str, Access] = {}
        self._sessions: dict[str, requests.Session] = {}

    def access(self, connection: Connection) -> Access:
        key = self._key(connection)
        found = self._good(self._known.get(key)) or self._read(key)
        if found is None:
            with self._locked(key, connection.transport.timeout):
                # Another process may have authenticated while this one waited.
                found = self._read(key) or self._logged_in(key, connection)
        self._known[key] = found
        return found

    def renew(self, connection: Connection, refused: str) -> Access:
        key = self._key(connection)
        with self._locked(key, connection.transport.timeout):
            found = self._read(key)
            if found is None or found.token == refused:
                with suppress(OSError), self._private_folder() as folder:
                    os.unlink(_name(key), dir_fd=folder)
                found = self._logged_in(key, connection)
        self._known[key] = found
        return found

    def session(self, connection: Connection) -> requests.Session:
        key = self._key(connection)
        if key not in self._sessions:
            self._sessions[key] = new_session()
        return self._sessions[key]

    def _logged_in(self, key: str, connection: Connection) -> Access:
        access = log_in(connection)
        if self._good(access) is not None:
            with suppress(OSError):
                self._write(key, access)
        return access

    def _key(self, connection: Connection) -> str:
        """A name that reveals nothing about the connection, although it depends on its secrets."""
        fields = {
            "auth_url": connection.auth_url,
            "identity": connection.credential.identity_json(),
            "project": connection.project,
            "trust_id": connection.trust_id,
            "region_name": connection.region_name,
            "interface": connection.interface,
            "image_endpoint_override": connection.image_endpoint_override,
            "verify": connection.transport.verify,
            "client_cert": connection.transport.client_cert,
        }
        return hashlib.blake2b(json.dumps(fields).encode(), key=self._secret, digest_size=20).hexdigest()

    @contextmanager
    def _private_folder(self) -> Iterator[int]:
        """The descriptor of the folder. OSError unless it is not a link, and only its owner, the user, can enter it.

        Ansible creates it like this. But whoever may write to a folder above it could replace it.
        """
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or found.st_mode & 0o077:
                raise PermissionError(errno.EPERM, "it is not private", self._folder)
            yield descriptor
        finally:
            os.close(descriptor)

    def _read(self, key: str) -> Access | None:
        if self._cipher is None:
            return None
        try:
            with self._private_folder() as folder:
                descriptor = os.open(_name(key), os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            with open(descriptor, "rb") as stream:
                content = stream.read()
            text = self._cipher.decrypt(content[:NONCE_SIZE], content[NONCE_SIZE:], key.encode())
            return self._good(Access(**json.loads(text)))
        except UNREADABLE:
            return None

    def _write(self, key: str, access: Access) -> None:
        """The file appears as a whole, so that others may read it at any moment."""
        if self._cipher is None:
            return
        nonce = os.urandom(NONCE_SIZE)
        content = nonce + self._cipher.encrypt(nonce, json.dumps(access._asdict()).encode(), key.encode())
        unfinished = f"{_name(key)}.{os.urandom(8).hex()}"
        with self._private_folder() as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with open(os.open(unfinished, flags, 0o600, dir_fd=folder), "wb") as stream:
                stream.write(content)
            os.replace(unfinished, _name(key), src_dir_fd=folder, dst_dir_fd=folder)

    @contextmanager
    def _locked(self, key: str, timeout: float) -> Iterator[None]:
        """Within it, no other process authenticates with the same connection; at most for `timeout` seconds."""
        try:
            with self._private_folder() as folder:
                flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
                descriptor = os.open(f"{_name(key)}.lock", flags, 0o600, dir_fd=folder)
        except OSError:
            yield
            return
        try:
            deadline = time.monotonic() + timeout
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(PAUSE)
                except OSError:
                    # A file system without locks.
                    break
            yield
        finally:
            # The lock goes with it.
            os.close(descriptor)

    @staticmethod
    def _good(access: Access | None) -> Access | None:
        """The access, unless its token has expired or is about to."""
        if access is None or access.expires_at is None:
            return None
        try:
            life = seconds_of(access.expires_at) - time.time() + access.clock_ahead
        except ValueError:
            return None
        return access if life > MIN_LIFE_SECONDS else None
