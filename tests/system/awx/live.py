# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configure an AWX that somebody names, launch every job template there, look at what AWX keeps, and remove all of it.

By hand: `make awx-live CONTROLLER_HOST=... CONTROLLER_OAUTH_TOKEN=... PCD_PROJECT_SCM_URL=... PCD_IMAGE_URL=...`, in a
shell with the RC file of a cloud that this machine and AWX both reach. The first address is that of a repository with
the files of awx/, the second that of a small qcow2 image that the jobs can read. The token must be that of a system
administrator, because a credential type is made. Two organizations are made, each with everything of
awx/configure.yml; nothing else in AWX is changed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from ansible_collections.platform9.pcd.tests.system.awx.files import AWX, COLLECTION, TEMPLATES, configure
from ansible_collections.platform9.pcd.tests.system.awx.jobs import BIN
from ansible_collections.platform9.pcd.tests.system.awx.rules import HIDDEN

DECLARE, ROTATE, CATALOG, STATE, LIST, INVENTORY = TEMPLATES
SECRETS = ("OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET", "OS_TOKEN")
MAX_JOB_SECONDS = 900
REQUEST_SECONDS = 60
# AWX removes nothing of a job whose events it has not stored, except a minute after the end of the job.
MAX_REMOVE_SECONDS = 90
REMOVE_AGAIN_SECONDS = 1
ACTIVE = ("new", "pending", "waiting", "running")
# What awx/configure.yml makes in an organization, in the order in which it can be removed.
OWNED = ("job_templates", "inventories", "projects", "credentials")
Item = dict[str, Any]


class Failed(Exception):
    """AWX has done something else than what was expected."""


def expect(true: object, text: str) -> None:
    if not true:
        raise Failed(text)


class Api:
    """The API of AWX, as far as it is needed."""

    def __init__(self, login: Mapping[str, str]) -> None:
        self._host = login["CONTROLLER_HOST"].rstrip("/")
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {login['CONTROLLER_OAUTH_TOKEN']}"
        self._session.verify = login.get("CONTROLLER_VERIFY_SSL", "true").lower() not in ("false", "no", "0")

    def ask(self, method: str, path: str, **content: Any) -> Any:
        url = self._host + (path if path.startswith("/") else f"/api/v2/{path}")
        answer = self._session.request(method, url, timeout=REQUEST_SECONDS, **content)
        expect(answer.ok, f"{method} {url}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def make(self, endpoint: str, **fields: Any) -> Item:
        return dict(self.ask("POST", f"{endpoint}/", json=fields))

    def find(self, endpoint: str, **query: Any) -> list[Item]:
        return list(self.ask("GET", f"{endpoint}/", params={**query, "page_size": 200})["results"])

    def only(self, endpoint: str, **query: Any) -> Item:
        found = self.find(endpoint, **query)
        expect(len(found) == 1, f"{len(found)} {endpoint} with {query}, not one")
        return found[0]


@dataclass
class Live:
    """One run. `jobs` are the addresses of the jobs that it has launched."""

    api: Api
    login: Mapping[str, str]
    rc_file: Mapping[str, str]
    scm_url: str
    image_url: str
    environment_image: str
    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    organizations: list[Item] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def name(self, what: str) -> str:
        return f"pcd-live-{self.mark}-{what}"

    def run(self) -> None:
        self.play("prepare")
        self.organizations = [self.api.make("organizations", name=self.name(str(n))) for n in (1, 2)]
        for organization in self.organizations:
            self.configure(organization["name"], again=False)
        for organization in self.organizations:
            self.configure(organization["name"], again=True)
        first, second = self.organizations
        self.launch_all(first)
        # It has things of the same names.
        self.launch(LIST, second["id"], extra_vars={"image_name": self.name("image")})

    def configure(self, organization: str, again: bool) -> None:
        variables = {
            "pcd_organization": organization,
            "pcd_credential_type": self.name("type"),
            "pcd_execution_environment": self.name("environment"),
            "pcd_execution_environment_image": self.environment_image,
            "pcd_project_scm_url": self.scm_url,
        }
        done = configure(self.folder, AWX, self.login, self.rc_file, "-e", json.dumps(variables))
        output = done.stdout + done.stderr
        expect(done.returncode == 0, f"configure.yml failed for {organization}:\n{output}")
        expect(not again or "changed=0 " in output, f"a second configure.yml changed {organization}:\n{output}")
        expect(not [secret for secret in self.secrets() if secret in output], "configure.yml shows a secret")
        say(f"{organization}: configured{', again, nothing changed' if again else ''}")

    def secrets(self) -> list[str]:
        return [self.rc_file[name] for name in SECRETS if self.rc_file.get(name)]

    def launch_all(self, organization: Item) -> None:
        owner = organization["id"]
        image = self.name("image")
        declared = self.launch(DECLARE, owner, extra_vars={"image_name": image, "image_min_disk": 1})
        expect(set(declared["artifacts"]) == {"pcd_image_id"}, f"artifacts of {DECLARE}: {declared['artifacts']}")
        self.launch(STATE, owner, extra_vars={"image_names": image})
        listed = self.launch(LIST, owner, extra_vars={"image_name": image})
        wanted = [{"id": declared["artifacts"]["pcd_image_id"], "name": image, "status": "deactivated"}]
        expect(listed["artifacts"] == {"pcd_images": wanted}, f"artifacts of {LIST}: {listed['artifacts']}")
        self.launch(STATE, owner, extra_vars={"image_names": image, "image_state": "active"})
        version = {"image_name": self.name("rotated"), "image_url": self.image_url, "image_step": "publish"}
        rotated = self.launch(ROTATE, owner, extra_vars=version)["artifacts"]
        expect(set(rotated) == {"pcd_image_id", "pcd_prepared_id"}, f"artifacts of {ROTATE}: {rotated}")
        previewed = self.launch(CATALOG, owner)["artifacts"]
        expect(previewed == {}, f"artifacts of {CATALOG}, which should only preview: {previewed}")
        inventory = self.api.only("inventories", name="PCD images", organization=owner)["id"]
        for number in ("1", "2"):
            variables = json.dumps({"image_min_disk": 1})
            self.api.make("hosts", name=self.name(f"host-{number}"), inventory=inventory, variables=variables)
        limited = self.launch(INVENTORY, owner, limit=self.name("host-1"))
        names = set(limited["artifacts"].get("pcd_image_ids", {}))
        expect(names == {self.name("host-1")}, f"artifacts of {INVENTORY}: {limited['artifacts']}")
        self.launch(INVENTORY, owner, job_slice_count=2)

    def launch(self, template: str, owner: int, **said: Any) -> Item:
        """The job when it was successful, after a look at what AWX keeps of it."""
        item = self.api.only("job_templates", name=template, organization=owner)
        launched = self.api.ask("POST", f"job_templates/{item['id']}/launch/", json=said)
        expect(not launched["ignored_fields"], f"{template}: AWX ignored {launched['ignored_fields']}")
        self.jobs.append(launched["url"])
        job = self.wait(launched["url"], template)
        parts = [job]
        if "workflow_job" in launched:
            nodes = self.api.ask("GET", f"{launched['url']}workflow_nodes/")["results"]
            urls = [node["related"]["job"] for node in nodes]
            self.jobs += urls
            parts = [self.wait(url, template) for url in urls]
            expect(len(parts) == said["job_slice_count"], f"{template}: {len(parts)} slices")
        for ended in (*parts, job):
            reason = ended.get("job_explanation") or ended.get("result_traceback") or f"see {ended['url']}stdout/"
            expect(ended["status"] == "successful", f"{template}: {ended['status']}, {reason}")
        for part in parts:
            self.check_kept(part)
        say(f"{template}: successful")
        return job

    def wait(self, url: str, template: str) -> Item:
        """The job when it has ended and AWX has stored all of its events. A workflow job has none."""
        end = time.monotonic() + MAX_JOB_SECONDS
        job: Item = self.api.ask("GET", url)
        while job["status"] in ACTIVE or not job.get("event_processing_finished", True):
            expect(time.monotonic() < end, f"{template}: not finished after {MAX_JOB_SECONDS} seconds")
            time.sleep(1)
            job = self.api.ask("GET", url)
        return job

    def check_kept(self, job: Item) -> None:
        """Secrets are hidden in the environment that AWX keeps of a job, and stand nowhere else."""
        given = [name for name in SECRETS if self.rc_file.get(name)]
        shown = {name: job["job_env"].get(name) for name in given}
        expect(set(shown.values()) == {HIDDEN}, f"the environment of job {job['id']} is not masked: {list(shown)}")
        text = json.dumps(job)
        expect(not [secret for secret in self.secrets() if secret in text], f"job {job['id']} shows a secret")

    def play(self, step: str) -> None:
        """Make the image that the jobs work on, or remove all images of this run: without AWX."""
        names = [self.name(what) for what in ("image", "rotated", "host-1", "host-2")]
        (self.folder / "disk.raw").write_bytes(b"pcd-live" * 512)
        words = ["-e", json.dumps({"step": step, "names": names, "path": str(self.folder / "disk.raw")})]
        env = {**os.environ, **self.rc_file, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2])}
        playbook = str(Path(__file__).with_name("live_images.yml"))
        done = subprocess.run(
            [str(BIN / "ansible-playbook"), *words, playbook], env=env, capture_output=True, text=True, check=False
        )
        expect(done.returncode == 0, f"could not {step} the images:\n{done.stdout}{done.stderr}")

    def remove(self) -> None:
        """Everything that this run has made. What cannot be removed is named at the end."""
        left: list[str] = []
        end = time.monotonic() + MAX_REMOVE_SECONDS
        for organization in self.organizations:
            for endpoint in OWNED:
                left += self.delete(self.api.find(endpoint, organization=organization["id"]), end)
        left += self.delete([{"url": url} for url in self.jobs], end)
        left += self.delete(self.api.find("execution_environments", name=self.name("environment")), end)
        left += self.delete(self.api.find("credential_types", name=self.name("type")), end)
        left += self.delete(self.organizations, end)
        self.play("remove")
        expect(not left, f"these are left, remove them by hand: {', '.join(left)}")
        say("everything removed")

    def delete(self, items: list[Item], end: float) -> list[str]:
        """What AWX has refused to delete until then."""
        left = []
        for item in items:
            refusal = self._refusal(item)
            while refusal and time.monotonic() < end:
                time.sleep(REMOVE_AGAIN_SECONDS)
                refusal = self._refusal(item)
            left += [f"{item['url']} ({refusal})"] if refusal else []
        return left

    def _refusal(self, item: Item) -> str:
        try:
            self.api.ask("DELETE", item["url"])
        except Failed as error:
            return str(error)
        return ""


def say(text: str) -> None:
    print(text, flush=True)


def main(environment: Mapping[str, str]) -> int:
    needed = ("CONTROLLER_HOST", "CONTROLLER_OAUTH_TOKEN", "PCD_PROJECT_SCM_URL", "PCD_IMAGE_URL", "OS_AUTH_URL")
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        say(f"awx-live needs {', '.join(missing)}. {' '.join((__doc__ or '').split('By hand: ')[1].split())}")
        return 2
    login = {name: value for name, value in environment.items() if name.startswith("CONTROLLER_")}
    rc_file = {name: value for name, value in environment.items() if name.startswith("OS_")}
    sources = environment["PCD_PROJECT_SCM_URL"], environment["PCD_IMAGE_URL"]
    environment_image = environment.get("PCD_EXECUTION_ENVIRONMENT_IMAGE", "")
    with tempfile.TemporaryDirectory() as folder:
        live = Live(Api(login), login, rc_file, *sources, environment_image, Path(folder))
        failed = False
        for step in (live.run, live.remove):
            try:
                step()
            except (Failed, requests.RequestException) as error:
                say(f"FAILED: {error}")
                failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
