# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a browser: a reader who looks, clicks, types and prints."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.chromium import Page
from ansible_collections.platform9.pcd.tests.system.page.conftest import MANY, SOME, Writer
from ansible_collections.platform9.pcd.tests.system.page.made_up import DRIFT, HOSTILE, OWNERS, cloud, image

Images = list[dict[str, Any]]
ROWS = 100  # of a page of the list
COLUMNS = ("Name", "Status", "Visibility", "Owner", "Size", "Age", "Hash")
NAMES = "#images tbody tr .name summary bdi"


def cells(page: Page, label: str) -> list[str]:
    return page.texts(f"#images tbody td[data-label={label}]")


def choose(page: Page, select: str, shown: str) -> None:
    page.value(
        f"""(() => {{
          const select = document.getElementById("{select}");
          select.value = [...select.options].find((each) => each.text.includes({shown!r})).value;
          select.dispatchEvent(new Event("change"));
        }})()"""
    )


def search(page: Page, text: str) -> None:
    page.value("document.getElementById('search').value = ''")
    page.click("#search")
    page.write(text)


def shown(page: Page) -> int:
    """How many images the list says that it shows."""
    (text,) = page.texts("#shown")
    number = re.match(r"(?:All of )?([\d,]+)", text)
    assert number, text
    return int(number[1].replace(",", ""))


def test_the_page_asks_for_nothing_and_complains_about_nothing(page: Page, written: Path) -> None:
    assert shown(page) == SOME
    assert page.requests == [written.as_uri()]
    assert page.messages == []
    assert page.value("document.title") == "Images of <PCD> & others"


def test_the_policy_stops_a_script_and_a_request_that_came_in_all_the_same(page: Page) -> None:
    page.value(
        """(() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'taken over'";
          document.body.append(script);
          const image = document.createElement("img");
          image.src = "http://127.0.0.1:1/picture";
          document.body.append(image);
        })()"""
    )
    assert page.value("document.title") != "taken over"
    assert page.value("fetch('http://127.0.0.1:1/').then(() => 'asked', () => 'stopped')") == "stopped"
    assert len([text for text in page.messages if "Content Security Policy" in text]) >= 3


def test_hostile_names_are_shown_as_text(page: Page) -> None:
    for number, (name, seen) in enumerate(HOSTILE.items(), start=1):
        search(page, image(number)["id"])
        assert page.texts(NAMES) == [name if seen is None else seen]
        page.click("#images summary")  # its details
        page.wait_for("document.querySelector('#images dl')")
        assert image(number)["id"] in page.texts("#images dl")[0]
    assert page.value("document.querySelectorAll('img, b, svg:not(.chart svg), script').length") == 2
    assert page.value("document.title") == "Images of <PCD> & others"
    assert page.messages == []


def test_a_row_stays_in_its_place_whatever_the_name(page: Page) -> None:
    """No run of letters makes the page wider or covers another row."""
    for number in range(1, len(HOSTILE) + 1):
        search(page, image(number)["id"])
        assert page.value("document.documentElement.scrollWidth <= innerWidth")
        assert page.value("document.querySelector('#images tbody tr').getBoundingClientRect().height < 400")


@pytest.mark.parametrize(
    ("column", "attribute"), [("Size", "size"), ("Age", "created_at"), ("Status", "status"), ("Hash", "os_hash_value")]
)
def test_a_click_on_a_header_sorts_and_a_second_click_sorts_the_other_way(
    page: Page, images: Images, column: str, attribute: str
) -> None:
    at = f"#images th:nth-child({COLUMNS.index(column) + 1})"
    known = {each["id"]: each[attribute] for each in images}
    listed = "document.querySelectorAll('#images tbody details').forEach((each) => { each.open = true; })"
    seen = []
    for direction in ("ascending", "descending"):
        page.click("#images thead button", column)
        assert page.value(f"document.querySelector('{at}').getAttribute('aria-sort')") == direction
        page.value(listed)
        page.wait_for(f"document.querySelectorAll('#images dl').length === {ROWS}")
        ids = [text.split("\n")[1] for text in page.texts("#images dl")]
        seen.append([known[each] for each in ids])
    values = sorted(value for value in known.values() if value is not None)
    if attribute == "created_at":
        values.reverse()  # the younger one has been there for fewer days
        seen = [[value[:10] for value in each] for each in seen]
        values = [value[:10] for value in values]
    assert seen == [values[:ROWS], values[::-1][:ROWS]]  # images without a value come last both times


def test_filters_and_totals_count_what_is_there(page: Page, images: Images) -> None:
    assert shown(page) == SOME
    for status, number in Counter(each["status"] for each in images).items():
        choose(page, "status", status)
        assert shown(page) == number
        assert set(cells(page, "Status")) == {status}
    page.click("#filters button[type=reset]")
    page.wait_for(f"document.getElementById('shown').textContent.startsWith('All of {SOME} ')")
    owners = Counter(OWNERS[each["owner"]] for each in images)
    rows = page.texts("#totals section:first-child tbody tr")
    assert [row.split("\t")[0] for row in rows] == [name for name, dummy in owners.most_common()]
    assert [int(row.split("\t")[1].replace(",", "")) for row in rows] == sorted(owners.values(), reverse=True)
    page.click("#totals button", "<b>lab</b>")
    assert shown(page) == owners["<b>lab</b>"]
    choose(page, "visibility", "public")
    choose(page, "age", "91 days to 1 year")
    assert 0 < shown(page) < owners["<b>lab</b>"] / 4


@pytest.mark.parametrize(
    ("tile", "counts"),
    [
        ("not active", lambda each: each["status"] != "active"),
        ("hidden", lambda each: each["os_hidden"]),
        ("retired", lambda each: each["retired"]),
        ("drift", lambda each: each["id"] in [image(number)["id"] for number in (2, 3, 4, 5, 6)]),
    ],
)
def test_a_tile_shows_only_its_images_until_it_is_clicked_again(
    page: Page, images: Images, tile: str, counts: Any
) -> None:
    page.click("#tiles button", tile)
    assert shown(page) == len([each for each in images if counts(each)])
    page.click("#tiles button", tile)
    assert shown(page) == SOME


def test_drift_says_what_differs_what_could_not_be_compared_and_what_stays(page: Page) -> None:
    (tile,) = [text for text in page.texts("#tiles button") if "drift" in text]
    assert tile == "6\ndrift from what is declared, 1 not in the list"
    page.click("#tiles button", "drift")
    assert shown(page) == 5
    page.click("#tiles button", "drift")
    (about,) = page.texts("#drift > p:first-of-type")
    assert about == (
        "3 images differ from what is declared (5 images). This is what a run would do. 1 image could not be compared."
        " 1 image is not declared any more, and cannot be pruned."
    )
    names = page.texts("#drift tbody td.name")
    assert names == ["windows", "debian-13", "rocky-11", "appliance", "adopted"]  # the failure first
    page.click("#drift tbody button", "appliance")
    assert shown(page) == 1
    page.click("#images summary")
    page.wait_for("document.querySelector('#images dl')")
    assert "appliance: replaced" in page.texts("#images dl")[0]


def test_an_entry_of_drift_that_is_not_listed_leads_nowhere(browser: Page, write: Writer) -> None:
    browser.open(write([image(1)], "unlisted.html", image_report_drift=DRIFT))
    assert "drift from what is declared, 4 not in the list" in "".join(browser.texts("#tiles button"))
    assert browser.texts("#drift tbody td.name button") == []


def test_no_drift_is_left_out(browser: Page, write: Writer) -> None:
    """The list does not have the images that are not there yet."""
    new: Images = [{"name": f"new-{number}", "id": None, "action": "created", "patch": []} for number in range(450)]
    browser.open(write([image(1)], "all-new.html", image_report_drift={"images": new}))
    assert len(browser.texts("#drift tbody tr")) == 450


def test_owners_with_one_name_are_shown_with_their_ids(browser: Page, write: Writer) -> None:
    owners = ("a1", "b2", "c3", "web")
    images = [image(number, owner=owner) for number, owner in enumerate(owners)]
    projects = {"a1": "admin", "b2": "admin", "c3": "web", "web": "web"}  # one name is the id of another project
    browser.open(write(images, "owners.html", image_report_projects=projects))
    assert set(cells(browser, "Owner")) == {"admin (a1)", "admin (b2)", "web (c3)", "web (web)"}


def test_the_totals_of_many_owners_end_with_the_sum_of_the_others(browser: Page, write: Writer) -> None:
    images = [image(number, owner=f"{number:032x}", size=number * 2**20) for number in range(1, 261)]
    browser.open(write(images, "many-owners.html"))
    assert len(browser.texts("#totals section:first-child tbody tr")) == 200
    size = sum(range(1, 61)) / 1024
    assert browser.texts("#totals section:first-child > p") == [f"And 60 more, with 60 images, {size:.1f} GiB."]


def test_a_whole_id_finds_its_image_and_not_one_that_has_it_as_a_tag(browser: Page, write: Writer) -> None:
    browser.open(write([image(1), image(2, tags=[image(1)["id"]])], "tagged.html"))
    search(browser, image(1)["id"])
    assert shown(browser) == 1


def test_the_search_finds_names_ids_hashes_tags_and_owners(page: Page, images: Images) -> None:
    one = next(each for each in images if each["os_hash_value"] and each["name"] not in HOSTILE)
    for text in (one["name"].upper(), one["id"]):
        search(page, text)
        assert one["name"] in page.texts(NAMES)
    search(page, one["os_hash_value"])
    assert shown(page) == len([each for each in images if each["os_hash_value"] == one["os_hash_value"]])
    search(page, "team-3 web golden")
    found = [each for each in images if "team-3" in each["tags"] and OWNERS[each["owner"]] == "web"]
    assert shown(page) == len([each for each in found if each["name"].startswith("golden")])
    search(page, "no such image")
    assert (shown(page), page.texts("#images tbody tr")) == (0, [])


def test_the_pages_of_the_list_hold_every_image_once(page: Page) -> None:
    names = page.texts(NAMES)
    for dummy in range(SOME // ROWS - 1):
        page.click("#next")
        names += page.texts(NAMES)
    assert page.value("document.getElementById('next').disabled")
    assert len(names) == SOME
    page.click("#previous")
    assert page.texts(NAMES) == names[-2 * ROWS : -ROWS]


def test_duplicates_retired_images_and_drift_have_sections(page: Page, images: Images) -> None:
    hashes = Counter(each["os_hash_value"] for each in images if each["os_hash_value"])
    duplicates = [value for value, number in hashes.items() if number > 1]
    assert len(page.texts("#duplicates tbody tr")) == len(duplicates)
    retired = len([each for each in images if each["retired"]])
    (about,) = page.texts("#retired > p:first-of-type")
    assert about.startswith(f"{retired} images, ")
    assert page.texts("#drift tbody td:last-child") == [
        "windows: <no> file.",
        "min_disk: 20\nhw_disk_bus is removed\nnote is set",
        "",
        f"it replaces {image(3)['id']}\nappliance ({image(3)['id']}): hidden\nappliance ({image(4)['id']}): deleted"
        f"\nappliance ({image(6)['id']}): deleted",
        "this collection has not made it",
    ]
    page.click("#duplicates tbody tr:first-child td:last-child button")
    assert shown(page) == max(hashes[value] for value in duplicates) or shown(page) > 1
    assert page.value("new Set([...document.querySelectorAll('#images code')].map((each) => each.title)).size") == 1


def test_all_of_it_works_by_keyboard(page: Page) -> None:
    page.press("Tab")
    assert page.value("document.activeElement.className") == "skip"
    page.press("Enter")
    reached = []
    for dummy in range(20):
        page.press("Tab")
        reached.append(page.value("document.activeElement.id || document.activeElement.innerText"))
    for each in ("search", "status", "visibility", "owner", "age", "sort", "Show all", "Name", "Size", "Hash"):
        assert each in reached
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.value("document.querySelector('#images thead button').focus()")
    page.press("Enter")
    assert page.value("document.querySelector('#images th').getAttribute('aria-sort')") == "descending"
    page.value("document.querySelector('#images summary').focus()")
    page.press(" ")
    assert page.value("document.querySelector('#images details').open")
    assert page.value("document.querySelectorAll('#images tbody [tabindex]').length") == 0


def test_a_narrow_window_shows_cards_with_labels(page: Page) -> None:
    page.look(400)
    assert page.value("document.documentElement.scrollWidth") <= 400
    assert page.value("getComputedStyle(document.querySelector('#images thead')).display") == "none"
    label = "getComputedStyle(document.querySelector('#images td[data-label=Owner]'), '::before').content"
    assert page.value(label) == '"Owner"'
    choose(page, "sort", "Size, descending")
    assert cells(page, "Size")[0].endswith("GiB")
    page.look(1600)
    assert page.value("document.documentElement.scrollWidth") <= 1600
    assert page.value("getComputedStyle(document.querySelector('#images thead')).display") != "none"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(page: Page, dark: bool) -> None:
    """The contrast of WCAG 2.1, level AA: at least 4.5."""
    page.look(1600, dark=dark)
    colours = page.value(
        """(() => {
          const style = getComputedStyle(document.documentElement);
          return Object.fromEntries(["back", "panel", "hover", "text", "soft", "mark", "warn"]
            .map((name) => [name, style.getPropertyValue("--" + name).trim()]));
        })()"""
    )
    assert page.value("getComputedStyle(document.body).backgroundColor") == (
        "rgb(18, 22, 27)" if dark else "rgb(255, 255, 255)"
    )

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    for name in ("text", "soft", "mark", "warn"):
        for behind in ("back", "panel", "hover"):
            pair = sorted((light(colours[name]), light(colours[behind])))
            assert pair[1] / pair[0] >= 4.5, (name, behind)


def test_a_print_holds_every_image_that_the_list_shows_and_no_controls(page: Page) -> None:
    choose(page, "status", "active")
    number = shown(page)
    assert number > ROWS
    page.value("dispatchEvent(new Event('beforeprint'))")
    assert len(page.texts("#images tbody tr")) == number
    page.look(1000, media="print")
    assert page.value("getComputedStyle(document.getElementById('filters')).display") == "none"
    page.look(1000)
    page.value("dispatchEvent(new Event('afterprint'))")
    assert len(page.texts("#images tbody tr")) == ROWS
    assert page.printed().startswith(b"%PDF")


def test_a_print_on_paper_is_a_table_with_headers(page: Page) -> None:
    """A4 is 794 pixels wide, and narrower than the windows that show cards."""
    page.look(794)
    head = "getComputedStyle(document.querySelector('#images thead')).display"
    cell = "getComputedStyle(document.querySelector('#images td')).display"
    assert (page.value(head), page.value(cell)) == ("none", "block")
    page.look(794, media="print")
    assert (page.value(head), page.value(cell)) == ("table-header-group", "table-cell")
    assert page.value("document.documentElement.scrollWidth") <= 794


def test_a_cloud_without_images_is_said_to_have_none(browser: Page, write: Writer) -> None:
    browser.open(write([], "nothing.html"))
    assert browser.messages == []
    assert browser.texts("#shown") == ["All of 0 images, 0 B"]


def test_a_failed_comparison_is_shown(browser: Page, write: Writer) -> None:
    browser.open(write(cloud(1), "failed.html", image_report_drift={"failed": True, "msg": "<b>broken</b>"}))
    assert browser.texts("#more .note") == ["<b>broken</b>"]
    assert [text for text in browser.texts("#tiles button") if "drift" in text] == []


# What a click may cost, as a part of what laying out all images as a plain table costs the same browser: about 1 s of
# processor time, so that sorting and filtering stay below 200 ms.
MAX_COST = 0.2


def busy(page: Page, script: str) -> float:
    """The seconds of processor time that the page takes for this, until it is painted; the least of several."""
    seconds = []
    for dummy in range(3):
        page.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        before = task_seconds(page)
        page.value(script)
        page.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        seconds.append(task_seconds(page) - before)
    return min(seconds)


def task_seconds(page: Page) -> float:
    metrics = page.call("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def test_to_sort_or_filter_5000_images_costs_a_fraction_of_showing_them_all(
    browser: Page, many: Path, record_property: Callable[[str, object], None]
) -> None:
    page = browser
    page.look(1600)
    page.open(many)
    page.call("Performance.enable", timeDomain="threadTicks")
    table = busy(
        page,
        f"""(() => {{
          const table = document.createElement("table");
          for (let row = 0; row < {MANY}; row++) {{
            const cells = table.insertRow();
            for (let cell = 0; cell < 7; cell++) cells.insertCell().textContent = "text " + row + " " + cell;
          }}
          document.body.append(table);
          document.body.offsetHeight;
          table.remove();
        }})()""",
    )
    done = {}
    for column in ("name", "size", "days", "hash"):
        done[f"sort by {column}"] = busy(page, f"document.querySelector('th[data-column={column}] button').click()")
    for text in ("g", "golden", "no such image", ""):
        done[f"search {text!r}"] = busy(
            page,
            f"""(() => {{
              const search = document.getElementById("search");
              search.value = {text!r};
              search.dispatchEvent(new Event("input"));
            }})()""",
        )
    page.call("Performance.disable")
    for name, seconds in done.items():
        record_property(name, round(seconds, 3))
    print({name: f"{seconds * 1000:.0f} ms" for name, seconds in done.items()}, f"whole table: {table * 1000:.0f} ms")
    assert {name: seconds for name, seconds in done.items() if seconds > MAX_COST * table} == {}
