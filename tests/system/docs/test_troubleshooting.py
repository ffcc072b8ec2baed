# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every message that the troubleshooting guide quotes is what a module really says.

A message is a `text` block with a :name:, and the case of that name brings it about on the sandbox.
"""

from __future__ import annotations

import gzip
import lzma
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Proxy, Seen, open_proxy
from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor, open_vendor
from ansible_collections.platform9.pcd.tests.system.docs.documents import COLLECTION, blocks_of
from ansible_collections.platform9.pcd.tests.system.docs.follow import pattern_of

GUIDE = COLLECTION / "docs" / "docsite" / "rst" / "guide_troubleshooting.rst"
QUOTED = {block.name: block for block in blocks_of(GUIDE) if block.language == "text"}
FORMATS = {"disk_format": "raw", "container_format": "bare"}
# A port of loopback that nobody can listen on without being root, and nobody does.
NOBODY = "https://127.0.0.1:1"


class Scene:
    """What a case has at hand."""

    def __init__(self, run: Runner, server: Server, vendor: Vendor) -> None:
        self.run, self.server, self.vendor = run, server, vendor
        self.keystone = server.sandbox["keystone_url"]
        self.ca = server.sandbox["ca_file"]

    def file(self, name: str = "disk.raw", content: bytes = BYTES) -> str:
        path = self.run.folder / name
        path.write_bytes(content)
        return str(path)

    def info(self, user: str | None = "member", **options: Any) -> Outcome:
        return self.run("pcd_image_info", user, **options)

    def image(self, user: str | None = "member", **options: Any) -> Outcome:
        return self.run("pcd_image", user, **{"name": "appliance", **options})

    @contextmanager
    def proxy(self) -> Iterator[tuple[Proxy, dict[str, Any]]]:
        """A proxy before the image library, and the options that lead through it."""
        with open_proxy(self.server.sandbox, tls=False) as proxy:
            yield proxy, proxy.through(self.server.login("member"))

    def state(self, **options: Any) -> Outcome:
        return self.run("pcd_image_state", **{"name": "appliance", "state": "deactivated", **options})


Case = Callable[[Scene], Outcome]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Registers a case; its name is that of the quoted message."""
    CASES[function.__name__.replace("_", "-")] = function
    return function


@contextmanager
def silence() -> Iterator[str]:
    """The address of somebody who takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


@case
def no_credentials(scene: Scene) -> Outcome:
    return scene.info(None, auth_url=scene.keystone)


@case
def no_password(scene: Scene) -> Outcome:
    return scene.info(None, auth_url=scene.keystone, username="operator")


@case
def no_auth_url(scene: Scene) -> Outcome:
    return scene.info(None, username="operator", password="a-Passw0rd-of-nobody")


@case
def no_clouds_yaml(scene: Scene) -> Outcome:
    return scene.info(None, cloud="pcd")


@case
def several_clouds(scene: Scene) -> Outcome:
    return scene.run("pcd_image_info", None, env={"OS_CLIENT_CONFIG_FILE": scene.server.sandbox["clouds_file"]})


@case
def no_secret(scene: Scene) -> Outcome:
    return scene.info(None, auth_url=scene.keystone, env={"OS_AUTH_TYPE": "v3token", "OS_USERNAME": "operator"})


@case
def no_text(scene: Scene) -> Outcome:
    auth = f"{{auth_url: '{scene.keystone}', username: 2024, password: a-Passw0rd-of-nobody, project_name: demo}}"
    path = scene.file("clouds-2024.yaml", f"clouds: {{pcd: {{auth: {auth}, cacert: '{scene.ca}'}}}}".encode())
    return scene.run("pcd_image_info", None, cloud="pcd", env={"OS_CLIENT_CONFIG_FILE": path})


@case
def unknown_cloud(scene: Scene) -> Outcome:
    return scene.run(
        "pcd_image_info", None, cloud="pdc", env={"OS_CLIENT_CONFIG_FILE": scene.server.sandbox["clouds_file"]}
    )


@case
def refused_login(scene: Scene) -> Outcome:
    return scene.info(password="a-Passw0rd-of-nobody")


@case
def refused_token(scene: Scene) -> Outcome:
    return scene.info(None, auth_url=scene.keystone, ca_cert=scene.ca, token="a-T0ken-of-nobody")


@case
def refused_credential(scene: Scene) -> Outcome:
    return scene.info(
        None,
        auth_url=scene.keystone,
        ca_cert=scene.ca,
        application_credential_id=scene.server.sandbox["application_credential"]["id"],
        application_credential_secret="a-S3cret-of-nobody",
    )


@case
def several_regions(scene: Scene) -> Outcome:
    return scene.info(region_name="")


@case
def unknown_region(scene: Scene) -> Outcome:
    return scene.info(region_name="Infra")


@case
def not_keystone(scene: Scene) -> Outcome:
    return scene.info(auth_url=scene.server.sandbox["base_url"] + "/horizon")


@case
def refused_connection(scene: Scene) -> Outcome:
    return scene.info(auth_url=f"{NOBODY}/keystone/v3", retries=0)


@case
def no_answer(scene: Scene) -> Outcome:
    with silence() as address:
        return scene.info(auth_url=f"{address}/keystone/v3", timeout=0.5, retries=1)


@case
def untrusted_certificate(scene: Scene) -> Outcome:
    return scene.info(ca_cert="")


@case
def no_tls(scene: Scene) -> Outcome:
    return scene.info(auth_url=scene.vendor.url.replace("http:", "https:") + "/keystone/v3", retries=0)


@case
def wrong_endpoint(scene: Scene) -> Outcome:
    return scene.info(image_endpoint_override=scene.server.sandbox["base_url"] + "/images")


@case
def ambiguous_name(scene: Scene) -> Outcome:
    for dummy in range(2):
        scene.server.create("appliance")
    return scene.image(min_disk=10)


@case
def unknown_project(scene: Scene) -> Outcome:
    sandbox = scene.server.sandbox
    direct = {"token": scene.server.token(), "image_endpoint_override": sandbox["library_url"]}
    return scene.image(None, ca_cert=sandbox["ca_file"], state="absent", **direct)


@case
def no_such_image(scene: Scene) -> Outcome:
    return scene.state()


@case
def image_of_another_project(scene: Scene) -> Outcome:
    scene.server.create("appliance", user="admin", visibility="public", active=True)
    return scene.state()


@case
def nothing_to_update(scene: Scene) -> Outcome:
    return scene.image(min_disk=1, create=False)


@case
def null_id(scene: Scene) -> Outcome:
    return scene.run("pcd_image", id=None, protected=True)


@case
def not_a_uuid(scene: Scene) -> Outcome:
    return scene.info(id="ubuntu-24.04")


@case
def protected(scene: Scene) -> Outcome:
    scene.server.create("appliance", protected=True)
    return scene.image(state="absent")


@case
def queued(scene: Scene) -> Outcome:
    scene.server.create("appliance")
    return scene.state()


@case
def fixed_format(scene: Scene) -> Outcome:
    scene.server.create("appliance", active=True)
    return scene.image(disk_format="qcow2")


@case
def spent_id(scene: Scene) -> Outcome:
    image = scene.server.create("appliance")
    scene.server.delete(image["id"])
    return scene.image(id=image["id"])


@case
def structured_property(scene: Scene) -> Outcome:
    return scene.image(properties={"owners": ["one", "two"]})


@case
def forgotten_property(scene: Scene) -> Outcome:
    scene.server.create("appliance")
    return scene.image(properties={"context": "build"})


@case
def forbidden(scene: Scene) -> Outcome:
    scene.server.create("appliance")
    return scene.image(visibility="public")


@case
def undone(scene: Scene) -> Outcome:
    image_id = scene.server.create("appliance", min_disk=7)["id"]

    def undo(seen: Seen, answered: bool) -> None:
        if seen.method != "GET" and answered:
            scene.server.change(image_id, min_disk=7)

    with scene.proxy() as (proxy, way):
        proxy.watch = undo
        return scene.image(None, **way, min_disk=20)


@case
def unavailable(scene: Scene) -> Outcome:
    with scene.proxy() as (proxy, way):
        proxy.arm(Fault("html 503", "early", "GET", times=2))
        return scene.image(None, **way, retries=1)


@case
def unclear(scene: Scene) -> Outcome:
    scene.server.create("appliance")
    with scene.proxy() as (proxy, way):
        proxy.arm(Fault("html 503", "after", "PATCH"), Fault("html 503", "early", "GET", nth=2))
        return scene.image(None, **way, min_disk=20, retries=0)


@case
def quota(scene: Scene) -> Outcome:
    scene.server.create("appliance")
    return scene.image(tags=[f"tag-{number}" for number in range(200)])


@case
def no_formats(scene: Scene) -> Outcome:
    return scene.image(path=scene.file(), container_format="ova")


@case
def other_format(scene: Scene) -> Outcome:
    return scene.image(path=scene.file(), disk_format="qcow2", container_format="bare")


@case
def packed_data(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, path=scene.file(content=gzip.compress(b"a disk")))


@case
def web_page(scene: Scene) -> Outcome:
    return scene.image(path=scene.file(content=b"<!DOCTYPE html><html><body>Log in</body></html>"))


@case
def unreadable_file(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, path=str(scene.run.folder / "applaince.qcow2"))


@case
def empty_file(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, path=scene.file(content=b""))


@case
def other_data(scene: Scene) -> Outcome:
    scene.server.create("appliance", active=True)
    return scene.image(path=scene.file(content=b"the next build"))


@case
def wrong_checksum(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, path=scene.file(), checksum="sha256:" + "0" * 64)


@case
def no_line_of_checksum(scene: Scene) -> Outcome:
    listing = scene.vendor.file("SHA256SUMS", b"0" * 64 + b"  another.raw\n")
    return scene.image(**FORMATS, path=scene.file(), checksum=f"sha256:{listing}")


@case
def refused_format(scene: Scene) -> Outcome:
    return scene.image(disk_format="vhd", container_format="bare", path=scene.file())


@case
def spent_record(scene: Scene) -> Outcome:
    scene.server.create("appliance", disk_format="vhd", container_format="bare")
    return scene.image(path=scene.file())


@case
def nothing_at_url(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, url=f"{scene.vendor.url}/files/nothing.raw", method="upload")


@case
def refused_url(scene: Scene) -> Outcome:
    url = scene.vendor.file("disk.raw", BYTES).replace("127.0.0.1", "localhost")
    return scene.image(**FORMATS, url=url, method="web-download")


@case
def guarded_url(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, url=scene.vendor.file("disk.raw", BYTES, "guarded"))


@case
def cut_url(scene: Scene) -> Outcome:
    scene.vendor.cuts = 9
    url = scene.vendor.file("disk.raw", bytes(300_000), "cut")
    return scene.image(**FORMATS, url=url, method="upload", retries=2)


@case
def packed_for_the_transfer(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, url=scene.vendor.file("disk.raw", gzip.compress(BYTES), "encoded"))


@case
def packed_twice(scene: Scene) -> Outcome:
    path = scene.file("disk.raw.gz", gzip.compress(lzma.compress(BYTES)))
    return scene.image(**FORMATS, path=path, decompress=True)


@case
def too_much_memory(scene: Scene) -> Outcome:
    """The header of the file asks for a dictionary of 4 GiB."""
    packed = bytearray(lzma.compress(BYTES))
    packed[16] = 40
    end = 12 + (packed[12] + 1) * 4
    packed[end - 4 : end] = zlib.crc32(packed[12 : end - 4]).to_bytes(4, "little")
    return scene.image(**FORMATS, path=scene.file("disk.raw.xz", bytes(packed)), decompress=True)


@case
def url_without_a_name(scene: Scene) -> Outcome:
    url = f"{scene.vendor.url}/latest/"
    return scene.image(**FORMATS, url=url, checksum=f"sha256:{scene.vendor.url}/SHA256SUMS")


@case
def unknown_store(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, path=scene.file(), stores=["ceph"])


@case
def forbidden_copy(scene: Scene) -> Outcome:
    scene.server.create("appliance", active=True)
    return scene.image(stores=["fast", "slow"])


@case
def deactivated(scene: Scene) -> Outcome:
    image = scene.server.create("appliance", active=True)
    scene.server.act(image["id"], "deactivate")
    return scene.run("pcd_image_download", name="appliance", dest=str(scene.run.folder / "appliance.raw"))


def uploaded_by_hand(scene: Scene) -> None:
    image = scene.server.create("appliance", disk_format="raw", container_format="bare")
    scene.server.upload(image["id"], through="public")


@case
def deletion_elsewhere(scene: Scene) -> Outcome:
    uploaded_by_hand(scene)
    return scene.image(state="absent")


@case
def warning_empty_record(scene: Scene) -> Outcome:
    return scene.image(min_disk=1, check=True)


@case
def warning_unverified(scene: Scene) -> Outcome:
    return scene.info(validate_certs=False)


@case
def warning_overruled(scene: Scene) -> Outcome:
    other = scene.server.login("other")
    variables = {
        "OS_CLIENT_CONFIG_FILE": scene.server.sandbox["clouds_file"],
        "OS_CLOUD": "member",
        "OS_USERNAME": other["username"],
        "OS_PASSWORD": other["password"],
    }
    return scene.run("pcd_image_info", None, env=variables, project_name=other["project_name"])


@case
def warning_filled(scene: Scene) -> Outcome:
    variables = {
        "OS_CLIENT_CONFIG_FILE": scene.server.sandbox["clouds_file"],
        "OS_USERNAME": "somebody-else",
        "OS_INTERFACE": "admin",
    }
    return scene.run("pcd_image_info", None, cloud="member", env=variables)


@case
def warning_endpoint(scene: Scene) -> Outcome:
    return scene.image(**FORMATS, path=scene.file(), interface="public")


@case
def warning_kept(scene: Scene) -> Outcome:
    scene.server.create("appliance", active=True)
    return scene.image(path=scene.file(content=b"the next build"), on_content_change="keep")


@case
def warning_elsewhere(scene: Scene) -> Outcome:
    uploaded_by_hand(scene)
    return scene.image(path=scene.file())


@case
def warning_pattern(scene: Scene) -> Outcome:
    return scene.info(name="ubuntu-*")


@case
def warning_future(scene: Scene) -> Outcome:
    return scene.info(created_at="gte:2999-01-01")


@case
def warning_unchecked_project(scene: Scene) -> Outcome:
    image = scene.server.create("appliance")
    return scene.run("pcd_image_member", id=image["id"], projects=["0" * 32])


def warning_of(outcome: Outcome) -> str:
    """The only warning; since ansible-core 2.19 it is not plain text."""
    (warning,) = outcome.result["warnings"]
    return str(warning if isinstance(warning, str) else warning["event"]["msg"])


@pytest.fixture
def scene(run: Runner, server: Server) -> Iterator[Scene]:
    with open_vendor() as vendor:
        yield Scene(run, server, vendor)


def test_every_quoted_message_has_a_case_and_every_case_is_quoted() -> None:
    assert set(QUOTED) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_message_of_the_guide_is_what_the_module_says(name: str, scene: Scene) -> None:
    outcome = CASES[name](scene)
    is_warning = name.startswith("warning-")
    assert outcome.failed != is_warning, outcome.stdout
    said = warning_of(outcome) if is_warning else outcome.msg
    quoted = " ".join(QUOTED[name].text.split())
    assert pattern_of(quoted).fullmatch(said), f"{QUOTED[name].place}\nquoted: {quoted}\nsaid:   {said}"
