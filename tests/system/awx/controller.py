# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the API of AWX, on loopback: it keeps what the modules of awx.awx send, and launches job templates.

AWX needs PostgreSQL, Redis and containers. What is true to it: lists by name or id, names that are unique within an
organization only, hidden secrets, updates of projects, the survey and the credentials of a job template as parts of
their own, slices, events that come in after the end of a job, what it refuses, and what it ignores. `rules` says where
that stands in AWX.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
import jsonschema

from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve
from ansible_collections.platform9.pcd.tests.system.awx.jobs import CredentialType, Finished, Job
from ansible_collections.platform9.pcd.tests.system.awx.rules import (
    ENCRYPTED,
    Inventory,
    answer,
    check_credential,
    check_credential_type,
    check_schedule,
    check_survey,
    host_of,
    missing_inputs,
)

Item = dict[str, Any]
TOKEN = "Controller-T0ken-51c7"
# What makes a second thing of a kind another one.
UNIQUE = {
    "organizations": ("name",),
    "credential_types": ("name", "kind"),
    "credentials": ("name", "organization", "credential_type"),
    "execution_environments": ("name",),
    "projects": ("name", "organization"),
    "inventories": ("name", "organization"),
    "hosts": ("name", "inventory"),
    "groups": ("name", "inventory"),
    "job_templates": ("name", "organization"),
    "schedules": ("name", "unified_job_template"),
}
# Fields that a request may leave out.
DEFAULTS: dict[str, Item] = {
    "credentials": {"organization": None, "inputs": {}},
    "credential_types": {"inputs": {}, "injectors": {}},
    "execution_environments": {"pull": "", "credential": None},
    "hosts": {"variables": ""},
    "groups": {"variables": ""},
    "inventories": {"kind": "", "host_filter": None, "variables": ""},
    "projects": {"scm_revision": "", "status": "never updated", "playbook_files": []},
    "job_templates": {
        "inventory": None,
        "project": None,
        "survey_enabled": False,
        "job_slice_count": 1,
        "diff_mode": False,
    },
}
# AWX makes an empty text of null here.
TEXTS = {"description", "kind", "variables", "pull", "scm_branch", "playbook"}
# What a launch may say, and the switch of the job template that allows it.
PROMPTS = {
    "credentials": "ask_credential_on_launch",
    "job_type": "ask_job_type_on_launch",
    "limit": "ask_limit_on_launch",
    "job_slice_count": "ask_job_slice_count_on_launch",
}
ENDED = ("successful", "failed")


class Refused(Exception):
    """A request that AWX would answer with an error of this status."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Controller:
    """`items` by endpoint and id. `runner` runs jobs. A project whose address is in `unreachable` cannot be updated."""

    url: str
    project: Path
    runner: Callable[[Job], Finished]
    items: dict[str, dict[int, Item]] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    unreachable: set[str] = field(default_factory=set)
    finished: dict[int, Finished] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def named(self, endpoint: str, name: str, organization: str | None = None) -> Item:
        owner = self.named("organizations", organization)["id"] if organization else None
        items = self.items[endpoint].values()
        (found,) = (item for item in items if item["name"] == name and owner in (None, item.get("organization")))
        return found

    def part(self, endpoint: str, name: str, part: str, organization: str | None = None) -> Any:
        return self.parts[f"{self.named(endpoint, name, organization)['url']}{part}/"]

    def make(self, endpoint: str, **fields: Any) -> Item:
        number = sum(len(group) for group in self.items.values()) + 1
        url = f"/api/v2/{endpoint}/{number}/"
        item = {**DEFAULTS.get(endpoint, {}), "id": number, "url": url, "summary_fields": {}}
        item["related"] = {"survey_spec": f"{url}survey_spec/", "update": f"{url}update/"}
        self._take(endpoint, item, fields)
        self.items.setdefault(endpoint, {})[number] = item
        return item

    def change(self, endpoint: str, number: int, fields: Item) -> Item:
        item = self.items[endpoint][number]
        changed = dict(item)
        self._take(endpoint, changed, fields)
        item.update(changed)
        return item

    def _take(self, endpoint: str, item: Item, fields: Item) -> None:
        """Put the fields into the item, or raise Refused if AWX would."""
        before = json.loads(json.dumps(item))
        item.update({name: "" if value is None and name in TEXTS else value for name, value in fields.items()})
        if endpoint == "job_templates" and item["project"] in self.items.get("projects", {}):
            item["organization"] = self.items["projects"][item["project"]]["organization"]
        try:
            if endpoint == "hosts":
                item["name"], port = host_of(item["name"])
                item["variables"] = json.dumps({**json.loads(item["variables"] or "{}"), **port})
            check = CHECKS.get(endpoint)
            if check:
                check(self, item, before, fields)
        except (AssertionError, jsonschema.ValidationError, jinja2.TemplateError) as error:
            raise Refused(str(error)) from error
        key = UNIQUE.get(endpoint, ())
        same = [other for other in self.items.get(endpoint, {}).values() if other["id"] != item["id"]]
        if key and any(all(other.get(name) == item.get(name) for name in key) for other in same):
            raise Refused(f"{endpoint} with this {', '.join(key)} already exists.")

    def update(self, project: Item) -> Item:
        """The update of a project, which ends at once. After the first that fails, no playbook is known."""
        failed = project["scm_url"] in self.unreachable
        if not failed:
            files = [path.name for path in self.project.glob("*.yml")]
            project.update(playbook_files=files, scm_revision="1")
        project["status"] = "failed" if failed else "successful"
        return self.make(
            "project_updates",
            **{"name": project["name"], "status": project["status"], "failed": failed, "finished": "now"},
            **{"event_processing_finished": True, "scm_revision": project["scm_revision"]},
        )

    def look(self, endpoint: str, number: int) -> Item:
        """An item as it is shown. The events of a job are there from the second look at the ended job on."""
        item = self.items[endpoint][number]
        shown = dict(self.shown(endpoint, item))
        if endpoint == "jobs" and item["status"] in ENDED:
            item["event_processing_finished"] = True
        return shown

    def shown(self, endpoint: str, item: Item) -> Item:
        """AWX shows no secret."""
        if endpoint != "credentials":
            return item
        fields = self.items["credential_types"][item["credential_type"]]["inputs"].get("fields", [])
        secret = {entry["id"] for entry in fields if entry.get("secret")}
        return {**item, "inputs": {k: ENCRYPTED if k in secret else v for k, v in item["inputs"].items()}}

    def check_events(self, endpoint: str, number: int) -> None:
        """Raise Refused if events of the job, or of a job of the item, are to come. The next request finds them."""
        for job in self.items.get("jobs", {}).values():
            own = endpoint == "jobs" and job["id"] == number
            if (own or job["origins"].get(endpoint) == number) and not job["event_processing_finished"]:
                job["event_processing_finished"] = job["status"] in ENDED
                if own:
                    raise Refused("Job has not finished processing events.")
                raise Refused(f"Related job {job['id']} is still processing events.", 403)

    def delete(self, endpoint: str, number: int) -> None:
        item = self.items[endpoint].pop(number)
        if endpoint == "inventories":
            for kind in ("hosts", "groups"):
                own = [n for n, part in self.items.get(kind, {}).items() if part["inventory"] == number]
                for part_number in own:
                    self.delete(kind, part_number)
        for place in [place for place in self.parts if place.startswith(item["url"])]:
            del self.parts[place]

    def inventory(self, number: int) -> Inventory:
        hosts = [host for host in self.items.get("hosts", {}).values() if host["inventory"] == number]
        groups = [group for group in self.items.get("groups", {}).values() if group["inventory"] == number]
        names = {host["id"]: host["name"] for host in hosts}
        return Inventory(
            {host["name"]: json.loads(host["variables"] or "{}") for host in hosts},
            json.loads(self.items["inventories"][number]["variables"] or "{}"),
            {group["name"]: json.loads(group["variables"] or "{}") for group in groups},
            {group["name"]: [names[i] for i in self.parts.get(f"{group['url']}hosts/", [])] for group in groups},
        )

    def launch(self, template: Item, said: Mapping[str, Any]) -> Item:
        """The job, or the workflow job of the slices; it runs on in a thread."""
        survey = self.parts.get(f"{template['url']}survey_spec/", {}) if template["survey_enabled"] else {}
        answered = answer(survey, said.get("extra_vars", {}))
        allowed = {name for name, switch in PROMPTS.items() if template.get(switch)}
        ignored = {name: value for name, value in said.items() if name in PROMPTS and name not in allowed}
        if answered.ignored:
            ignored["extra_vars"] = answered.ignored
        if self.items["projects"][template["project"]]["status"] != "successful":
            answered.errors.append("The project could not be updated.")
        if answered.errors:
            raise Refused(str({"variables_needed_to_start": answered.errors}))
        prompts = {name: said[name] for name in allowed if name in said}
        hosts = len(self.inventory(template["inventory"]).hosts)
        wanted: int = prompts["job_slice_count"] if "job_slice_count" in prompts else template["job_slice_count"]
        slices = min(wanted, hosts)
        origins = {f"{name}s": template[name] for name in ("project", "organization")}
        origins.update(job_templates=template["id"], inventories=template["inventory"])
        common = {"origins": origins, "template": template["id"], "prompts": prompts, "answers": answered.extra_vars}
        jobs = [self._job(common, number + 1, max(1, slices)) for number in range(max(1, slices))]
        whole = jobs[0]
        if slices > 1:
            whole = self.make("workflow_jobs", name=template["name"], status="running", failed=False, artifacts={})
            self.parts[f"{whole['url']}workflow_nodes/"] = [job["id"] for job in jobs]
        self.threads.append(threading.Thread(target=self._run, args=(jobs, whole), daemon=True))
        self.threads[-1].start()
        return {**whole, "workflow_job" if slices > 1 else "job": whole["id"], "ignored_fields": ignored}

    def _job(self, common: Item, number: int, count: int) -> Item:
        state = {"status": "pending", "failed": False, "artifacts": {}, "job_env": {}, "job_explanation": ""}
        state["event_processing_finished"] = False
        slices = {"job_slice_number": number, "job_slice_count": count, "summary_fields": {}}
        return self.make("jobs", **state, **slices, **common, extra_vars=json.dumps(common["answers"]))

    def _run(self, jobs: list[Item], whole: Item) -> None:
        try:
            for job in jobs:
                self._run_job(job)
        finally:
            whole["failed"] = any(job["status"] != "successful" for job in jobs)
            whole["status"] = "failed" if whole["failed"] else "successful"

    def _run_job(self, job: Item) -> None:
        template = self.items["job_templates"][job["template"]]
        given = [*self.parts.get(f"{template['url']}credentials/", []), *job["prompts"].get("credentials", [])]
        # A credential of the launch takes the place of that of its type.
        by_type = {self.items["credentials"][n]["credential_type"]: self.items["credentials"][n] for n in given}
        ((kind, credential),) = by_type.items()
        described = self.items["credential_types"][kind]
        missing = missing_inputs(described["inputs"], credential["inputs"])
        if missing:
            job["job_explanation"] = (
                f"Job cannot start because Credential {credential['name']} does not provide {missing}"
            )
            job.update(status="failed", failed=True)
            return
        prompts = job["prompts"]
        options = ["--check"] if prompts.get("job_type", template.get("job_type")) == "check" else []
        options += ["--diff"] if template.get("diff_mode") else []
        options += ["-l", prompts["limit"]] if prompts.get("limit") else []
        done = self.runner(
            Job(
                template["playbook"],
                job["answers"],
                credential["inputs"],
                self.inventory(template["inventory"]),
                job["job_slice_number"],
                job["job_slice_count"],
                tuple(options),
                CredentialType(described["inputs"], described["injectors"]),
            )
        )
        self.finished[job["id"]] = done
        job.update(artifacts=done.stats, job_env=dict(done.safe), failed=done.rc != 0)
        job["status"] = "failed" if job["failed"] else "successful"


def _check_type(controller: Controller, item: Item, before: Item, fields: Item) -> None:
    users = controller.items.get("credentials", {}).values()
    in_use = any(credential["credential_type"] == item["id"] for credential in users)
    if in_use and "inputs" in fields and item["inputs"] != before["inputs"]:
        raise Refused("Modifications to inputs are not allowed for credential types that are in use", 403)
    assert item["kind"] in ("cloud", "net"), f"Must be 'cloud' or 'net', not {item['kind']}"
    check_credential_type(item["inputs"], item["injectors"])


def _check_credential(controller: Controller, item: Item, before: Item, dummy: Item) -> None:
    made = "credential_type" in before
    assert not made or before["credential_type"] == item["credential_type"], "You cannot change the credential type"
    assert item["organization"], "Missing 'user', 'team', or 'organization'."
    check_credential(controller.items["credential_types"][item["credential_type"]]["inputs"], item["inputs"], made)
    kept = before["inputs"]
    item["inputs"] = {name: kept[name] if value == ENCRYPTED else value for name, value in item["inputs"].items()}


def _check_template(controller: Controller, item: Item, dummy: Item, dummy_fields: Item) -> None:
    assert item["project"], "Job Templates must have a project assigned."
    assert item["inventory"], "You must either set a default value or ask to prompt on launch."
    assert item["inventory"] in controller.items["inventories"], "Invalid pk: object does not exist."
    playbooks = controller.items["projects"][item["project"]]["playbook_files"]
    assert item["playbook"] in playbooks, "Playbook not found for project."


def _check_environment(controller: Controller, item: Item, dummy: Item, dummy_fields: Item) -> None:
    assert item.get("image"), "image: This field is required."
    assert item["pull"] in ("", "always", "missing", "never"), f"{item['pull']} is not a valid choice."
    if item["credential"]:
        kind = controller.items["credentials"][item["credential"]]["credential_type"]
        assert controller.items["credential_types"][kind]["kind"] == "registry", "Only Container Registry credentials"


def _check_schedule(controller: Controller, item: Item, dummy: Item, dummy_fields: Item) -> None:
    template = controller.items["job_templates"][item["unified_job_template"]]
    survey = controller.parts.get(f"{template['url']}survey_spec/", {}) if template["survey_enabled"] else {}
    check_schedule(item["rrule"], item.get("extra_data", {}), survey)


CHECKS = {
    "credential_types": _check_type,
    "credentials": _check_credential,
    "execution_environments": _check_environment,
    "job_templates": _check_template,
    "schedules": _check_schedule,
}


def _matches(item: Item, query: list[tuple[str, str]]) -> bool:
    either = [(name[4:], value) for name, value in query if name.startswith("or__")]
    every = [(name, value) for name, value in query if not name.startswith("or__") and name != "page_size"]
    return all(str(item.get(name)) == value for name, value in every) and (
        not either or any(str(item.get(name)) == value for name, value in either)
    )


class Answers(Handler):
    """Requests to the controller that the server is opened for."""

    controller: Controller

    def do_GET(self) -> None:
        endpoint, number, part = self.place()
        items = self.controller.items.get(endpoint, {})
        if endpoint == "unified_job_templates":
            items = {**self.controller.items.get("job_templates", {}), **self.controller.items.get("projects", {})}
        path = urlsplit(self.path).path
        if part == "survey_spec":
            self.answer(200, self.controller.parts.get(path, {}))
        elif part == "workflow_nodes":
            jobs = self.controller.parts[path]
            self.list([{"id": n, "related": {"job": self.controller.items["jobs"][n]["url"]}} for n in jobs])
        elif part:
            self.list([self.controller.items[part][n] for n in self.controller.parts.get(path, [])])
        elif number and number not in items:
            self.answer(404, {"detail": "Not found."})
        elif number:
            self.answer(200, self.controller.look(endpoint, number))
        else:
            query = parse_qsl(urlsplit(self.path).query)
            found = [item for item in items.values() if _matches(item, query)]
            self.list([self.controller.shown(endpoint, item) for item in found])

    def do_POST(self) -> None:
        endpoint, number, part = self.place()
        content = self.content()
        try:
            if part in ("launch", "update", "survey_spec"):
                self.act(endpoint, number, part, content)
            elif part:
                ids = self.controller.parts.setdefault(self.path, [])
                if content.get("disassociate"):
                    ids.remove(content["id"])
                else:
                    ids.append(content["id"])
                self.answer(204)
            else:
                self.answer(201, self.written(endpoint, self.controller.make(endpoint, **content), content))
        except (Refused, AssertionError) as error:
            self.answer(getattr(error, "status", 400), {"error": str(error)})

    def act(self, endpoint: str, number: int, part: str, content: Any) -> None:
        item = self.controller.items[endpoint][number]
        if part == "launch":
            self.answer(201, self.controller.launch(item, content))
        elif part == "update":
            self.answer(202, self.controller.update(item))
        else:
            check_survey(content, self.controller.parts.get(self.path))
            self.controller.parts[self.path] = content
            self.answer(200, {})

    def do_PATCH(self) -> None:
        endpoint, number, dummy = self.place()
        content = self.content()
        try:
            item = self.controller.change(endpoint, number, content)
        except Refused as error:
            self.answer(error.status, {"detail": str(error)})
        else:
            self.answer(200, self.written(endpoint, item, content))

    def written(self, endpoint: str, item: Item, content: Item) -> Item:
        """The response to a write. A project whose source has changed is updated at once."""
        shown = self.controller.shown(endpoint, item)
        if endpoint == "projects" and {"scm_url", "scm_branch"} & set(content):
            return {**shown, "summary_fields": {"current_update": {"id": self.controller.update(item)["id"]}}}
        return shown

    def do_DELETE(self) -> None:
        endpoint, number, dummy = self.place()
        self.controller.writes.append(f"{self.command} {self.path}")
        try:
            self.controller.check_events(endpoint, number)
        except Refused as error:
            self.answer(error.status, {"error": str(error)})
        else:
            self.controller.delete(endpoint, number)
            self.answer(204)

    def place(self) -> tuple[str, int, str]:
        """Endpoint, id and part of a path such as /api/v2/job_templates/7/survey_spec/."""
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        words = [*urlsplit(self.path).path.strip("/").split("/")[2:], "", ""]
        return words[0], int(words[1] or 0), words[2]

    def content(self) -> Any:
        self.controller.writes.append(f"{self.command} {self.path}")
        return json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")

    def list(self, items: list[Item]) -> None:
        self.answer(200, {"count": len(items), "next": None, "results": items})

    def answer(self, status: int, content: Any = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def open_controller(project: Path, runner: Callable[[Job], Finished]) -> Iterator[Controller]:
    class Bound(Answers):
        """For this controller only."""

    with serve(Bound) as address:
        controller = Bound.controller = Controller(address, project, runner)
        try:
            yield controller
        finally:
            for thread in controller.threads:
                thread.join()
