# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image service that a task works on: authenticated, with its client and its clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ._client.credentials import Domain
from ._client.http import Http
from ._client.images import Images
from ._client.login import Access, TokenProvider, versioned, warnings_about
from ._client.options import Connection, connection_from
from ._client.progress import Progress
from ._client.retry import SYSTEM_CLOCK, Clock, Outages
from ._client.transport import Transport
from ._errors import PcdError

if TYPE_CHECKING:
    import requests

    from ._client.projects import Projects

T = TypeVar("T")

Params = Mapping[str, Any]
Result = dict[str, Any]

NO_DOMAIN = Domain()


class Runtime(NamedTuple):
    """What differs between a module's process and the controller.

    `place` moves a finished file to its path by other means than a rename, `tokens` may keep tokens and connections
    from task to task, and `progress` reports how far a transfer is. `outages` are the services that were away.
    """

    place: Callable[[str, str], object] | None = None
    tokens: TokenProvider = TokenProvider()
    progress: Progress = Progress()
    outages: Outages | None = None


class Once:
    """What was asked for, by its key: whoever asks for the same gets the same answer, or the same error."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._locks: dict[Any, Lock] = {}
        self._answers: dict[Any, Any] = {}

    def answer(self, key: Any, ask: Callable[[], T]) -> T:
        """What `ask` answers to the first who asks for the key; others wait for it."""
        with self._lock:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._answers:
                try:
                    self._answers[key] = ask()
                except PcdError as error:
                    self._answers[key] = error
            answer = self._answers[key]
        if isinstance(answer, PcdError):
            # Whoever catches it may add a note to it.
            raise copy(answer)
        found: T = answer
        return found


@dataclass(frozen=True)
class Session:
    """An authenticated service. `project_id` is None if a token came without Keystone.

    `library_endpoint` is the admin endpoint of the catalogue, if another one is used. `projects` makes a client for the
    projects of Keystone, None if no address of Keystone is given; `project_domain` is the domain of the project.
    `image_regions` are the regions of the catalogue that have an image service. `subject` says who has logged in, as
    `subject_of` makes it.
    `more_images` makes another client of the same service, with the same token, for another thread. With `once`, what
    several images ask for is read once.
    """

    images: Images
    project_id: str | None
    transport: Transport
    warn: Callable[[str], object]
    library_endpoint: str | None = None
    runtime: Runtime = field(default_factory=Runtime)
    clock: Clock = SYSTEM_CLOCK
    projects: Callable[[], Projects] | None = None
    project_domain: Domain = NO_DOMAIN
    image_regions: Sequence[str] = ()
    subject: Mapping[str, Any] | None = None
    more_images: Callable[[], Images] | None = None
    once: Once | None = None

    def warn_wrong_endpoint(self) -> None:
        """Data that does not go to the image library reaches no hypervisor; the warning comes before data is sent."""
        if self.library_endpoint is not None:
            self.warn(
                f"The data goes to {self.images.base_url}, because interface or image_endpoint_override says so, and "
                f"not to {self.library_endpoint}, the admin endpoint of the catalogue. On PCD that is the image "
                "library endpoint, and no instance can boot from data that is not there. Leave both options (and "
                "OS_INTERFACE) out."
            )


def _clients(
    connection: Connection, access: Access, runtime: Runtime, secrets: Iterable[str]
) -> Callable[[str, requests.Session | None], Http]:
    """Makes the client for an address, which sends the token and renews it if the credential allows that."""
    secrets, token, lock = tuple(secrets), access.token, Lock()

    def renewed(refused: str) -> str:
        nonlocal token
        # One thread renews it for all of them.
        with lock:
            if refused == token:
                token = runtime.tokens.renew(connection, refused).token
            return token

    def client(address: str, session: requests.Session | None) -> Http:
        return Http(
            address,
            connection.transport,
            headers={"X-Auth-Token": token},
            secrets=(*connection.credential.secrets, access.token, token, *secrets),
            session=session,
            renew=renewed if connection.credential.can_renew else None,
        )

    return client


def open_session(
    params: Params,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    runtime: Runtime,
    secrets: Iterable[str] = (),
) -> Session:
    """A session with the image service that the connection options lead to."""
    connection = connection_from(params, environ)
    transport = connection.transport._replace(progress=runtime.progress, outages=runtime.outages)
    connection = connection._replace(transport=transport)
    for warning in connection.warnings:
        warn(warning)
    access = runtime.tokens.access(connection)
    for warning in warnings_about(access, connection):
        warn(warning)
    client = _clients(connection, access, runtime, secrets)

    def projects() -> Projects:
        # Few tasks ask Keystone for more than a token.
        from ._client.projects import Projects

        return Projects(client(versioned(str(connection.auth_url), "v3"), None))

    return Session(
        Images(client(access.image_endpoint, runtime.tokens.session(connection))),
        access.project_id,
        connection.transport,
        warn,
        access.library_endpoint,
        runtime,
        projects=projects if connection.auth_url else None,
        project_domain=Domain(access.project_domain_id, access.project_domain_name),
        image_regions=access.image_regions,
        subject=access.subject,
        more_images=lambda: Images(client(access.image_endpoint, None)),
    )
