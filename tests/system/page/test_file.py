# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that the playbook writes, read as text: this needs no browser."""

from __future__ import annotations

import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.system.page.conftest import MANY, SOME, Writer
from ansible_collections.platform9.pcd.tests.system.page.made_up import DRIFT, HOSTILE, cloud, image

MAX_BYTES = 5_000_000
POLICY = re.compile(
    r"default-src 'none'; script-src 'nonce-(\w{64})'; style-src 'nonce-\1'; base-uri 'none'; form-action 'none'"
)


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data


def data_of(page: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Elements(page.read_text(encoding="utf-8")).scripts[0])
    return data


def test_the_page_holds_every_image_with_its_name_and_no_custom_property(written: Path) -> None:
    data = data_of(written)
    rows = [dict(zip(data["columns"], row, strict=True)) for row in data["images"]]
    assert [row["name"] for row in rows[: len(HOSTILE)]] == list(HOSTILE)
    assert len({row["id"] for row in rows}) == SOME
    assert "a-Passw0rd-in-a-property" not in written.read_text(encoding="utf-8")


def test_5000_images_take_less_than_5_mb(many: Path) -> None:
    assert len(data_of(many)["images"]) == MANY
    assert many.stat().st_size < MAX_BYTES


def test_to_write_the_page_costs_little_more_than_to_copy_its_images_to_a_file(many: Path, write: Writer) -> None:
    write(cloud(MANY), "many.html")
    page = write.seconds
    copy = {"content": "{{ found.images | to_json }}", "dest": str(write.folder / "copy.json"), "mode": "0644"}
    (listed, dummy) = json.loads((write.folder / "play.yml").read_text(encoding="utf-8"))
    tasks = [*listed["tasks"], {"ansible.builtin.copy": copy, "diff": False}]
    (write.folder / "copy.yml").write_text(json.dumps([{**listed, "tasks": tasks}]), encoding="utf-8")
    write.run("ansible-playbook", "copy.yml")
    print(f"page: {page:.1f} s of processor time, copy: {write.seconds:.1f} s")
    assert page < 1.5 * write.seconds  # usually, it is the same


def test_the_policy_of_the_page_forbids_everything_but_its_own_script_and_style(written: Path) -> None:
    elements = Elements(written.read_text(encoding="utf-8")).found
    (policy,) = (each["content"] for tag, each in elements if each.get("http-equiv") == "Content-Security-Policy")
    found = POLICY.fullmatch(policy or "")
    assert found
    carriers = [(tag, each) for tag, each in elements if tag in ("script", "style")]
    assert [(tag, each.get("nonce")) for tag, each in carriers] == [
        ("style", found[1]),
        ("script", None),  # the data, which no browser runs
        ("script", found[1]),
    ]
    assert carriers[1][1]["type"] == "application/json"


def test_the_page_refers_to_nothing_outside_of_it(written: Path) -> None:
    elements = Elements(written.read_text(encoding="utf-8")).found
    referring = ("src", "href", "action", "data", "srcset", "poster", "background", "ping", "formaction")
    assert [each[name] for _tag, each in elements for name in referring if name in each] == ["#list"]
    assert not [tag for tag, _each in elements if tag in ("link", "iframe", "object", "embed", "base", "img")]
    style = written.read_text(encoding="utf-8").partition("<style")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_no_hostile_name_adds_an_element(write: Writer, written: Path) -> None:
    harmless = write([{**image, "name": "harmless"} for image in cloud(3)], image_report_drift=DRIFT)
    found = [[tag for tag, _each in Elements(page.read_text(encoding="utf-8")).found] for page in (harmless, written)]
    assert found[0] == found[1]


def test_a_second_run_with_the_same_images_and_time_changes_nothing_and_check_mode_says_what_a_run_does(
    write: Writer,
) -> None:
    images = cloud(2)
    page = write(images, "again.html", "--check")
    assert not page.exists()
    assert "changed=1" in write.output
    before = write(images, "again.html").read_bytes()
    assert "changed=1" in write.output
    assert write(images, "again.html").read_bytes() == before
    assert "changed=0" in write.output


def test_the_file_has_the_mode_that_is_asked_for_and_no_diff_shows_it(write: Writer) -> None:
    page = write(cloud(2), "mode.html", "--diff", image_report_mode="0600")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "<!DOCTYPE" not in write.output
    assert stat.S_IMODE(write(cloud(2), "plain.html").stat().st_mode) == 0o644


def test_a_page_for_a_folder_has_a_name_of_its_own(write: Writer) -> None:
    (write.folder / "pages").mkdir()
    write([image(1)], "pages")
    assert len(data_of(write.folder / "pages/image-report.html")["images"]) == 1
    assert len(list((write.folder / "pages").iterdir())) == 1


def test_a_variable_of_the_user_with_a_common_name_changes_nothing(write: Writer) -> None:
    for name in ("file", "here", "given", "names"):
        (write.folder / name).write_text("mine", encoding="utf-8")
        write([image(1)], "common.html", "-e", f"{name}={write.folder / name}")
        assert (write.folder / name).read_text(encoding="utf-8") == "mine"
        assert data_of(write.folder / "common.html")["images"]
        (write.folder / "common.html").unlink()


def test_a_relative_path_is_refused_if_nobody_knows_where_it_begins(write: Writer) -> None:
    with pytest.raises(AssertionError, match="image_report_dest: PWD is not set, give an absolute path"):
        write(cloud(1), "nowhere.html", environ={"PWD": ""})
    assert write(cloud(1), str(write.folder / "absolute.html"), environ={"PWD": ""}).exists()


@pytest.mark.parametrize(
    ("name", "environ"),
    [("clouds.yml", {}), ("clouds.json", {}), ("mine.yml", {"OS_CLIENT_CONFIG_FILE": "./mine.yml"})],
)
def test_the_clouds_are_those_beside_the_user(write: Writer, name: str, environ: dict[str, str]) -> None:
    """The playbook is in the collection, and Ansible works in its folder."""
    file = write.folder / name
    file.write_text(json.dumps({"clouds": {"elsewhere": {}}}), encoding="utf-8")
    try:
        with pytest.raises(AssertionError) as failed:
            write.run(
                *("ansible-playbook", "platform9.pcd.image_report", "-e", "image_report_cloud=pcd"), environ=environ
            )
        assert "elsewhere" in str(failed.value)
    finally:
        file.unlink()


def test_a_cloud_without_images_has_a_page(write: Writer) -> None:
    assert data_of(write([], "none.html"))["images"] == []


def test_a_comparison_that_failed_is_said_on_the_page(write: Writer) -> None:
    failed = {"failed": True, "msg": "images[0] (golden): min_disk: -1 is not a number of GB."}
    assert data_of(write(cloud(1), "failed.html", image_report_drift=failed))["drift"]["error"] == failed["msg"]
