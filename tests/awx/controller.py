# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the API of AWX, on loopback: it keeps what the modules of awx.awx send, under the rules of `rules`.

AWX needs PostgreSQL, Redis and containers. What is true to it: lists by name, ids, hidden secrets, the survey and the
credentials of a job template as parts of their own, and what it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
import jsonschema
from loopback import Handler, serve
from rules import check_credential_type, check_survey

Item = dict[str, Any]
TOKEN = "Controller-T0ken-51c7"


class Refused(Exception):
    """A request that AWX would answer with 400."""


@dataclass
class Controller:
    """`items` by endpoint and id. Playbooks of job templates must be in `project`."""

    url: str
    project: Path
    items: dict[str, dict[int, Item]] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def named(self, endpoint: str, name: str) -> Item:
        (found,) = (item for item in self.items[endpoint].values() if item["name"] == name)
        return found

    def part(self, endpoint: str, name: str, part: str) -> Any:
        return self.parts[f"{self.named(endpoint, name)['url']}{part}/"]

    def make(self, endpoint: str, **fields: Any) -> Item:
        self.check(endpoint, fields)
        items = self.items.setdefault(endpoint, {})
        number = sum(len(group) for group in self.items.values()) + 1
        url = f"/api/v2/{endpoint}/{number}/"
        item = {**fields, "id": number, "url": url, "related": {"survey_spec": f"{url}survey_spec/"}}
        items[number] = {**item, "summary_fields": {}, "scm_revision": "1"}
        return items[number]

    def check(self, endpoint: str, fields: Item) -> None:
        """Raise Refused where AWX would."""
        try:
            if endpoint == "credential_types":
                check_credential_type(fields["inputs"], fields["injectors"])
            elif endpoint == "credentials":
                inputs = self.items["credential_types"][fields["credential_type"]]["inputs"]
                unknown = set(fields["inputs"]) - {entry["id"] for entry in inputs["fields"]}
                missing = set(inputs["required"]) - set(fields["inputs"])
                assert not unknown | missing, f"unknown {unknown}, missing {missing}"
            elif endpoint == "job_templates":
                assert (self.project / fields["playbook"]).is_file(), "Playbook not found for project."
        except (AssertionError, jsonschema.ValidationError, jinja2.TemplateError) as error:
            raise Refused(str(error)) from error

    def shown(self, endpoint: str, item: Item) -> Item:
        """AWX tells no secret."""
        if endpoint != "credentials":
            return item
        fields = self.items["credential_types"][item["credential_type"]]["inputs"]["fields"]
        secret = {entry["id"] for entry in fields if entry.get("secret")}
        return {**item, "inputs": {k: "$encrypted$" if k in secret else v for k, v in item["inputs"].items()}}


@contextmanager
def open_controller(project: Path) -> Iterator[Controller]:
    class Answers(Handler):
        def do_GET(self) -> None:
            endpoint, number, part = self.place()
            items = controller.items.get(endpoint, {})
            if part == "survey_spec":
                self.answer(200, controller.parts.get(self.path, {}))
            elif part:
                self.list([items_of(controller, part)[number] for number in controller.parts.get(self.path, [])])
            elif number:
                self.answer(200, controller.shown(endpoint, items[number]))
            else:
                query = dict(parse_qsl(urlsplit(self.path).query))
                found = [item for item in items.values() if all(str(item.get(k)) == v for k, v in query.items())]
                self.list([controller.shown(endpoint, item) for item in found])

        def do_POST(self) -> None:
            endpoint, dummy, part = self.place()
            content = self.content()
            try:
                if part == "survey_spec":
                    check_survey(content)
                    controller.parts[self.path] = content
                    self.answer(200, {})
                elif part:
                    controller.parts.setdefault(self.path, []).append(content["id"])
                    self.answer(204)
                else:
                    self.answer(201, controller.shown(endpoint, controller.make(endpoint, **content)))
            except (Refused, AssertionError) as error:
                self.answer(400, {"error": str(error)})

        def do_PATCH(self) -> None:
            endpoint, number, dummy = self.place()
            item = controller.items[endpoint][number]
            item.update(self.content())
            self.answer(200, controller.shown(endpoint, item))

        def place(self) -> tuple[str, int, str]:
            """Endpoint, id and part of a path such as /api/v2/job_templates/7/survey_spec/."""
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            words = [*urlsplit(self.path).path.strip("/").split("/")[2:], "", ""]
            return words[0], int(words[1] or 0), words[2]

        def content(self) -> Any:
            controller.writes.append(f"{self.command} {self.path}")
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def list(self, items: list[Item]) -> None:
            self.answer(200, {"count": len(items), "next": None, "results": items})

        def answer(self, status: int, content: Any = None) -> None:
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serve(Answers) as address:
        controller = Controller(address, project)
        yield controller


def items_of(controller: Controller, part: str) -> dict[int, Item]:
    return controller.items[part]
