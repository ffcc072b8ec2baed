# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a sandbox consists of: users, regions, catalogue and servers. Data only.

Both sides read it: the command line (any Python from 3.10, standard library only)
and the seeding inside the virtual environment. A change here changes the seed's
hash, so that databases made from an older layout are not used any more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DOMAIN_ID = "default"
DOMAIN_NAME = "Default"
REGIONS = ("regionone", "region2", "region3")
HOME_REGION = REGIONS[0]


@dataclass(frozen=True)
class User:
    """A person of the domain Default, with their roles on one project."""

    name: str
    password: str
    project: str
    roles: tuple[str, ...]
    totp_required: bool = False


@dataclass(frozen=True)
class ApplicationCredential:
    """A restricted application credential that ``owner`` made on their own project."""

    owner: str
    name: str
    secret: str


@dataclass(frozen=True)
class Endpoint:
    """A row of the catalogue; ``url`` names the origin of a server in braces."""

    service_type: str
    region: str
    interface: str
    url: str


@dataclass(frozen=True)
class Server:
    """A process group: one gunicorn with one worker, because the caches live in that process.

    A Glance has ``stores``; data goes to the first one if no store is named.
    """

    name: str
    application: str
    threads: int
    tls: bool
    stores: tuple[str, ...] = ()

    def origin(self, port: int) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{port}"


ADMIN = User("admin", "admin-Passw0rd-b81f47", "service", ("admin",))
MEMBER = User("member", "member-Passw0rd-3f9c1e", "demo", ("member", "reader"))
READER = User("reader", "reader-Passw0rd-6a20d5", "demo", ("reader",))
OTHER = User("other", "other-Passw0rd-c47e92", "other", ("member", "reader"))
MFA = User("mfa", "mfa-Passw0rd-91d3b8", "demo", ("member",), totp_required=True)
USERS = (ADMIN, MEMBER, READER, OTHER, MFA)

# Glance's own account: it checks the tokens of its callers, and nobody logs in with it.
GLANCE = User("glance", "glance-Passw0rd-05e6fa", "service", ("service", "admin"))

# Base32, as an authenticator application takes it. Keystone silently refuses less than 16 bytes.
TOTP_SECRET = "ONQW4ZDCN54C25DPORYC243FMNZGK5BB"

APPLICATION_CREDENTIAL = ApplicationCredential(MEMBER.name, "sandbox-appcred", "appcred-Secret-e2b7409d1c6a")

KEYSTONE = Server("keystone", "stack.servers.keystone_app:application", threads=10, tls=False)
# Two Glances on one database, as in PCD. The gateway's is a pod of the control plane with a store of its own. The
# library is the host whose stores the hypervisors read. The identifiers differ, because with equal ones the file driver
# would open the other's files: they lie on one machine here.
GATEWAY = Server("gateway", "stack.servers.gateway:application", threads=32, tls=True, stores=("pod",))
LIBRARY = Server("library", "stack.servers.library:application", threads=32, tls=True, stores=("fast", "slow"))
GLANCES = (GATEWAY, LIBRARY)
SERVERS = (KEYSTONE, *GLANCES)
# Of `up --second-region`: the Glance of region2, with a database of its own. Without it, region2 leads to the gateway.
SECOND = Server("second", "stack.servers.library:application", threads=16, tls=True, stores=("remote",))
SECOND_REGION = REGIONS[1]

IDENTITY_URL = "{gateway}/keystone/v3"
IMAGE_URL = "{gateway}/glance"
LIBRARY_URL = "{library}/glance"
SECOND_URL = "{second}/glance"
IMAGE_INTERFACES = {
    "regionone": {"public": IMAGE_URL, "internal": IMAGE_URL, "admin": LIBRARY_URL},
    "region2": {"public": IMAGE_URL},
    "region3": {"internal": IMAGE_URL},
}
ENDPOINTS = tuple(
    Endpoint("identity", region, interface, IDENTITY_URL)
    for region in REGIONS
    for interface in ("public", "internal", "admin")
) + tuple(
    Endpoint("image", region, interface, url)
    for region, interfaces in IMAGE_INTERFACES.items()
    for interface, url in interfaces.items()
)


def servers(has_second_region: bool) -> tuple[Server, ...]:
    return (*SERVERS, SECOND) if has_second_region else SERVERS


def glances(has_second_region: bool) -> tuple[Server, ...]:
    return (*GLANCES, SECOND) if has_second_region else GLANCES


def endpoints(has_second_region: bool) -> tuple[Endpoint, ...]:
    return tuple(
        replace(row, url=SECOND_URL)
        if has_second_region and (row.service_type, row.region) == ("image", SECOND_REGION)
        else row
        for row in ENDPOINTS
    )


def server_names() -> list[str]:
    return [server.name for server in SERVERS]


def origins(ports: dict[str, int]) -> dict[str, str]:
    """The names that endpoint URLs and configuration templates may use, by server name."""
    return {server.name: server.origin(ports[server.name]) for server in (*SERVERS, SECOND) if server.name in ports}
