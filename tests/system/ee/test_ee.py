# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that ansible-builder makes of awx/execution-environment.yml runs jobs, as AWX and ansible-navigator do."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.vendor import open_vendor

ROOT = Path(os.environ["REPOSITORY"])
IMAGE = os.environ["EE_IMAGE"]
BIN = Path(sys.executable).parent
CONTENT = b"in and out of a container\n" * 4096
# What -vvv says where a task runs within the controller.
IN_PROCESS = "runs in process"
MAX_SECONDS = 600


def run(*words: str, given: bytes = b"", folder: Path | None = None) -> str:
    """What the command prints, with podman set up; the command has to succeed."""
    return run_bytes(*words, given=given, folder=folder).decode()


def run_bytes(*words: str, given: bytes = b"", folder: Path | None = None) -> bytes:
    kept = inherited_environ()
    kept.pop("PYTHONPATH", None)  # the tree, which a job does not have
    own = {"PATH": f"{BIN}{os.pathsep}{kept['PATH']}", "TERM": "dumb", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [str(ROOT / "tests" / "system" / "ee" / "containers.sh"), *words],
        input=given,
        capture_output=True,
        cwd=folder,
        env={**kept, **own},
        timeout=MAX_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    return done.stdout


def inside(*words: str) -> str:
    return run("podman", "run", "--rm", IMAGE, *words)


@pytest.fixture(autouse=True)
def _nothing_is_left(server: Server) -> Iterator[None]:
    yield
    server.clean_up()


@pytest.fixture
def folder(tmp_path: Path, sandbox: dict[str, Any]) -> Path:
    """A private data directory of ansible-runner, as AWX fills it. In the container it is /runner."""
    place = tmp_path / "private"
    for name in ("env", "inventory"):
        (place / name).mkdir(parents=True)
    shutil.copytree(ROOT / "awx", place / "project")
    shutil.copy(ROOT / "tests" / "system" / "ee" / "round_trip.yml", place / "project")
    shutil.copy(sandbox["ca_file"], place / "env" / "ca.pem")
    variables = {
        "OS_AUTH_URL": sandbox["keystone_url"],
        "OS_APPLICATION_CREDENTIAL_ID": sandbox["application_credential"]["id"],
        "OS_APPLICATION_CREDENTIAL_SECRET": sandbox["application_credential"]["secret"],
        "OS_REGION_NAME": sandbox["region"],
        "OS_CACERT": "/runner/env/ca.pem",
    }
    (place / "env" / "envvars").write_text(json.dumps(variables), encoding="utf-8")
    (place / "inventory" / "hosts").write_text("localhost ansible_connection=local\n", encoding="utf-8")
    return place


def answers(folder: Path, **variables: Any) -> None:
    (folder / "env" / "extravars").write_text(json.dumps(variables), encoding="utf-8")


def stats(artifacts: Path) -> dict[str, Any]:
    """What the playbook hands on."""
    events = [json.loads(path.read_text(encoding="utf-8")) for path in (artifacts / "job_events").glob("*.json")]
    (end,) = (event["event_data"] for event in events if event["event"] == "playbook_on_stats")
    return dict(end["artifact_data"])


def test_the_guide_builds_it_with_the_same_program() -> None:
    guide = (ROOT / "docs" / "docsite" / "rst" / "guide_awx.rst").read_text(encoding="utf-8")
    script = (ROOT / "tests" / "system" / "ee" / "build.sh").read_text(encoding="utf-8")
    (shown,) = (line.split() for line in guide.splitlines() if line.startswith("    ansible-builder "))
    assert shown == ["ansible-builder", "build", "-f", "execution-environment.yml", "-t", "pcd-ee"]
    assert "ansible-builder build --file" in script


def test_the_collection_and_its_libraries_are_in_it_and_no_setting_of_the_build() -> None:
    assert "platform9.pcd" in inside("ansible-galaxy", "collection", "list")
    assert "PCD" in inside("ansible-doc", "platform9.pcd.pcd_image")
    inside("python3", "-c", "import requests, jsonpatch")
    assert "cert" not in inside("python3", "-m", "pip", "config", "list")


@pytest.mark.parametrize(
    ("user", "number"),
    [("root", "0"), ("1000:0", "1000"), ("1000710000:0", "1000710000")],
    ids=["root", "awx", "openshift"],
)
def test_data_goes_in_and_out_in_a_pod(folder: Path, server: Server, tmp_path: Path, user: str, number: str) -> None:
    """AWX's operator runs pods as 1000, OpenShift as a user that no password file has, in the group 0."""
    name = unused("ee")
    server.remember_name(name)
    digest = hashlib.sha512(CONTENT).hexdigest()
    with open_vendor() as vendor:
        answers(folder, image_name=name, image_url=vendor.file("disk.raw", CONTENT), image_checksum=f"sha512:{digest}")
        words = (str(folder), "--ident", "1", "-p", "round_trip.yml", "--cmdline=-vvv")
        sent = run_bytes("ansible-runner", "transmit", *words)
        # As the pod of AWX: standard input and output are all that connects it.
        pod = ("podman", "run", "--rm", "--interactive", f"--user={user}", IMAGE)
        worked = run_bytes(*pod, "ansible-runner", "worker", "--private-data-dir=/runner", given=sent)
    back = tmp_path / "back"
    back.mkdir()
    output = run_bytes("ansible-runner", "process", str(back), "--ident", "1", given=worked).decode()
    assert "failed=0" in output
    assert output.count(IN_PROCESS) == 3
    assert stats(back / "artifacts" / "1") == {"changed": [True, True], "digest": digest, "user": number}
    assert server.named(name) == []


def test_a_job_runs_in_it_as_on_a_node_of_awx(folder: Path, server: Server) -> None:
    image = server.create(unused("ee"), active=True)
    answers(folder, image_name=image["name"])
    output = run(
        *("ansible-runner", "run", str(folder), "--ident", "1", "-p", "list_images.yml", "--cmdline=-vvv"),
        *("--process-isolation", "--process-isolation-executable", "podman", "--container-image", IMAGE),
        # The folder belongs to root here; to AWX's own user there.
        "--container-option=--user=root",
    )
    assert IN_PROCESS in output
    expected = {"id": image["id"], "name": image["name"], "status": "active"}
    assert stats(folder / "artifacts" / "1") == {"pcd_images": [expected]}


def test_ansible_navigator_plays_a_playbook_in_it(folder: Path, server: Server, sandbox: dict[str, Any]) -> None:
    image = server.create(unused("ee"), active=True)
    state = str(Path(sandbox["ca_file"]).parent)
    output = run(
        *("ansible-navigator", "run", "project/list_images.yml", "-e", f"image_name={image['name']}", "-vvv"),
        *("--ee", "true", "--eei", IMAGE, "--pp", "never", "--ce", "podman", "--mode", "stdout"),
        *("--playbook-artifact-enable", "false", "--log-file", "navigator.log"),
        *("--senv", "OS_CLOUD=member", "--senv", f"OS_CLIENT_CONFIG_FILE={sandbox['clouds_file']}"),
        *("--eev", f"{state}:{state}:ro"),
        folder=folder,
    )
    assert IN_PROCESS in output
    assert f"active  {image['id']}  {image['name']}" in output
