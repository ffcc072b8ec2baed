# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the collection beside its peers on the sandbox; print one table, write it as JSON and as a chart."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import certifi
import yaml

from ansible_collections.platform9.pcd.benchmarks import catalog, chart, imports, listing, peers, tasks, upload
from ansible_collections.platform9.pcd.benchmarks.measured import Block, Row, Samples, Time, play_all
from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.sandbox import running_sandbox

HERE = Path(__file__).parent

# For everything but the imports, which are measured first and in a minute.
MINUTES, QUICK_MINUTES = 23.0, 5.0

# What was promised: the case, its contestant, the other one, and the highest ratio of both.
PROMISES = (
    (tasks.named("no-op", 100), tasks.IN_PROCESS, tasks.OPENSTACK_CLOUD, 1 / 12),
    (tasks.named("no-op", 100), tasks.IN_PROCESS, tasks.PING, 1 / 3),
    (tasks.named("loop", 100), tasks.IN_PROCESS, tasks.OPENSTACK_CLOUD, 1 / 30),
    (tasks.named("no-op", 100), tasks.MODULE, tasks.OPENSTACK_CLOUD, 0.6),
    ("list of 10,000 images", listing.COLLECTION, listing.BARE, 1.15),
)

# What was promised of the processor time beyond that of `debug`: the case and the share of the time of `debug` itself.
# Seconds depend on the machine.
SHARES = ((tasks.named("loop", 100), 0.55), (tasks.named("no-op", 100), 0.55))

# The cost of a task is the additional time of the playbook. The start of Ansible is the same for all contestants.
BEYOND = f"beyond a {tasks.NOTHING}"

AUTH = ("auth_url", "username", "password", "project_name", "user_domain_name", "project_domain_name")

NOT_IN_CHART = (tasks.STORE, tasks.CLOUDS, tasks.DEBUG, tasks.NOTHING)

# Whatever store and clouds.yaml there are, a task takes no more.
ALIKE = (tasks.IN_PROCESS, tasks.STORE, tasks.CLOUDS)

# The entries of clouds.yaml of a contestant.
CLOUDS = 30

# The contestant that the others of a block are compared with.
BASES = (
    tasks.OPENSTACK_CLOUD,
    tasks.PING,
    listing.BARE,
    upload.CURL,
    catalog.OPENSTACK_LOOP,
    catalog.LOOP,
    catalog.ONE_BY_ONE,
)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few minutes: 1 and 20 tasks, 1,000 images, 128 MiB")
    parser.add_argument("--minutes", type=float, help=f"how long it may take ({MINUTES:g}; quick {QUICK_MINUTES:g})")
    parser.add_argument("--sizes", type=int, nargs="+", help="how many tasks or items (1 20 100; quick 1 20)")
    parser.add_argument("--rounds", type=int, default=5, help="the maximum number of rounds, if there is time (5)")
    parser.add_argument("--images", type=int, help="how many images a catalogue declares (500; quick 50)")
    parser.add_argument("--only", metavar="TEXT", help="only the cases whose names contain this, such as declared")
    parser.add_argument("--size", type=int, help="MiB of the file to upload (1024; quick 128)")
    parser.add_argument("--openstack-cloud", type=Path, metavar="PATH", help="that collection, instead of a download")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="the folder for JSON and charts")
    parser.add_argument("--tree", type=Path, required=True, help="the folder of ansible_collections/platform9/pcd")
    parser.add_argument("--kept", type=Path, required=True, help="the folder for a download of openstack.cloud")
    return parser.parse_args()


def main() -> None:
    given = parsed()
    server = Server(running_sandbox())
    try:
        results = measured(server, given)
    finally:
        server.clean_up()
    print(told(results))
    given.results.mkdir(exist_ok=True)
    name = "quick" if given.quick else "latest"
    (given.results / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for theme, colours in (("light", chart.LIGHT), ("dark", chart.DARK)):
        picture = charted(results, colours)
        if picture:
            (given.results / f"{name}-{theme}.svg").write_text(picture, encoding="utf-8")
    tell(f"written to {os.path.relpath(given.results)}/{name}*")


def measured(server: Server, given: argparse.Namespace) -> dict[str, Any]:
    root = peers.openstack_cloud(given.openstack_cloud, given.kept)
    contestants = {*tasks.SLOW, *tasks.QUICK} - ({tasks.OPENSTACK_CLOUD} if root is None else set())
    machine = {**about_machine(), "openstack.cloud": None if root is None else peers.version(root)}
    load = [load_average()]
    with tempfile.TemporaryDirectory() as folder:
        environ = runtime(server, Path(folder), [given.tree, *([] if root is None else [root])])
        own = {**environ, "PYTHONPATH": os.environ["PYTHONPATH"]}
        tell("imports")
        imported = imports.measure(server, environ, given.tree, rounds=1 if given.quick else 3)
        time_left = Time(given.minutes or (QUICK_MINUTES if given.quick else MINUTES))
        environs = {
            tasks.STORE: with_public_store(environ, Path(folder)),
            tasks.CLOUDS: with_many_clouds(environ, Path(folder)),
        }
        contest = tasks.Contest(server, Path(folder), environ, contestants, time_left, environs)
        tell("every contestant once, to warm up")
        contest.warm_up()
        path = Path(folder) / "upload"
        write_noise(path, given.size or (128 if given.quick else 1024))
        sizes = given.sizes or (tasks.SIZES[:2] if given.quick else tasks.SIZES)
        *most, last = contest.blocks(sizes, given.rounds)
        lists = listing.blocks(server, own, (1000,) if given.quick else (1000, 10_000), min(3, given.rounds))
        sent = upload.block(server, own, str(path), min(3, given.rounds))
        many = catalog.Contest(server, Path(folder), environ, root is not None)
        declared, uploads = given.images or (50 if given.quick else 500), 5 if given.quick else catalog.UPLOADS
        catalogues = [
            *many.blocks(declared, min(3, given.rounds)),
            catalog.block_of_uploads(server, own, Path(folder), uploads, min(3, given.rounds)),
        ]
        # What nothing is promised about comes last.
        blocks = [block for block in (*most, *lists, sent, *catalogues, last) if (given.only or "") in block.name]
        play_all(blocks, time_left, tell)
    load.append(load_average())
    rows = [row for block in blocks for row in rows_of(block, contestants)]
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "quick": given.quick,
        "machine": {**machine, "load_before_and_after": load},
        "promises": [*promises(blocks), *catalogue_promises(blocks, declared, uploads)],
        "rows": rows,
        "imports_in_milliseconds": imported,
    }


def tell(line: str) -> None:
    print(f"== {line}", file=sys.stderr, flush=True)


def about_machine() -> dict[str, Any]:
    packages = ("ansible-core", "openstacksdk", "python-openstackclient", "requests", "jsonpatch")
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def load_average() -> float:
    return round(os.getloadavg()[0], 1)


def runtime(server: Server, folder: Path, collections: list[Path]) -> dict[str, str]:
    """The environment of every contestant: logged in by what an RC file says, and nothing of the caller's shell."""
    sandbox = server.sandbox
    member = sandbox["users"]["member"]
    kept = inherited_environ()
    kept.pop("PYTHONPATH", None)
    (folder / "ansible.cfg").touch()
    return {
        **kept,
        "HOME": str(folder),
        "no_proxy": "127.0.0.1",
        "OS_AUTH_URL": sandbox["keystone_url"],
        "OS_CACERT": sandbox["ca_file"],
        "OS_CLIENT_CONFIG_FILE": sandbox["clouds_file"],
        "OS_IDENTITY_API_VERSION": "3",
        "OS_INTERFACE": "admin",
        "OS_PASSWORD": member["password"],
        "OS_PROJECT_DOMAIN_NAME": sandbox["domain_name"],
        "OS_PROJECT_NAME": member["project"],
        "OS_REGION_NAME": sandbox["region"],
        "OS_USERNAME": "member",
        "OS_USER_DOMAIN_NAME": sandbox["domain_name"],
        "ANSIBLE_ACTION_PLUGINS": str(HERE / "action_plugins"),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(str(path.resolve()) for path in collections),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_REMOTE_TMP": str(folder / "ansible" / "tmp"),
        "ANSIBLE_NOCOLOR": "true",
    }


def with_public_store(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment with the authority of the sandbox among those that browsers trust."""
    store = folder / "store.pem"
    store.write_bytes(Path(certifi.where()).read_bytes() + Path(environ["OS_CACERT"]).read_bytes())
    return {**environ, "OS_CACERT": str(store)}


def with_many_clouds(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment with the last one of 30 entries of clouds.yaml instead of the variables of an RC file."""
    entry = {
        "auth": {
            option: environ[f"OS_{option.upper()}"]
            for option in (
                "auth_url",
                "username",
                "password",
                "project_name",
                "user_domain_name",
                "project_domain_name",
            )
        },
        "cacert": environ["OS_CACERT"],
        "identity_api_version": 3,
        "interface": environ["OS_INTERFACE"],
        "region_name": environ["OS_REGION_NAME"],
    }
    # Without an alias for each value that comes again, as a person writes it.
    clouds = {f"cloud-{number}": json.loads(json.dumps(entry)) for number in range(1, CLOUDS + 1)}
    path = folder / "many-clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": clouds}), encoding="utf-8")
    others = {name: value for name, value in environ.items() if not name.startswith("OS_")}
    return {**others, "OS_CLIENT_CONFIG_FILE": str(path), "OS_CLOUD": f"cloud-{CLOUDS}"}


def write_noise(path: Path, mebibytes: int) -> None:
    with open(path, "wb") as stream:
        for dummy in range(mebibytes):
            stream.write(os.urandom(upload.MEBIBYTE))


def rows_of(block: Block, is_here: set[str]) -> Iterator[Row]:
    samples = block.samples
    for name in block.contestants:
        ratios = {other: samples.ratio(name, other) for other in BASES if other != name}
        yield {
            "case": block.name,
            "contestant": name,
            "rounds": len(samples.seconds(name)),
            "seconds": rounded(samples.median(name)),
            "ratio_to": {other: rounded(ratio) for other, ratio in ratios.items() if ratio is not None},
            **samples.seen.get(name, {}),
            **({} if samples.seconds(name) else {"not_measured": why_not(name, is_here)}),
        }


def why_not(name: str, is_here: set[str]) -> str:
    collection = tasks.OPENSTACK_CLOUD if name == catalog.OPENSTACK_LOOP else name
    is_missing = collection in tasks.SLOW and collection not in is_here
    return "its collection is not to be had" if is_missing else "no time was left"


def rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def promises(blocks: list[Block]) -> list[dict[str, Any]]:
    found = {block.name: block.samples for block in blocks}
    checked = []
    for case, contestant, other, most in PROMISES:
        samples = found.get(case, Samples())
        what = f"{contestant} to {other}, {case}"
        checked.append(promise(what, rounded(samples.ratio(contestant, other)), round(most, 4)))
        if tasks.NOTHING in samples.seen:
            ratio = samples.ratio(contestant, other, beyond=tasks.NOTHING)
            checked.append(promise(f"{what}, {BEYOND}", rounded(ratio), round(most, 4)))
    checked += [
        promise_of_share(found.get(case, Samples()), name, case, most) for case, most in SHARES for name in ALIKE
    ]
    case = tasks.named("no-op", 100)
    tokens = found.get(case, Samples()).seen.get(tasks.IN_PROCESS, {}).get("logins")
    return [*checked, promise(f"logins of {tasks.IN_PROCESS}, {case}", tokens, 1)]


def promise_of_share(samples: Samples, contestant: str, case: str, most: float) -> dict[str, Any]:
    """Of the lowest processor times, because noise only adds to them."""
    used, base = (samples.seen.get(name, {}).get("cpu_seconds") for name in (contestant, tasks.DEBUG))
    value = None if used is None or not base else rounded((used - base) / base)
    return promise(f"processor time of {contestant} beyond {tasks.DEBUG}, as a share of it, {case}", value, most)


def catalogue_promises(blocks: list[Block], declared: int, uploads: int) -> list[dict[str, Any]]:
    found = {block.name: block.samples for block in blocks}
    kept = catalog.promises(found, declared, uploads)
    return [promise(each["what"], rounded(each["measured"]), round(each["at_most"], 4)) for each in kept]


def promise(what: str, value: float | None, most: float) -> dict[str, Any]:
    return {"what": what, "measured": value, "at_most": most, "kept": None if value is None else value <= most}


def told(results: Mapping[str, Any]) -> str:
    """The results as tables in Markdown."""
    machine = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    lines = [f"{results['date']}: {machine}", ""]
    lines += table(
        ["case", "contestant", "rounds", "seconds", "of CPU", "to openstack.cloud", "to ping",
         "to bare loop, curl or own loop", "requests", "logins", "MiB"],
        [
            [
                row["case"],
                row["contestant"],
                *([row["rounds"], row["seconds"]] if row["rounds"] else ["0", f"not measured: {row['not_measured']}"]),
                row.get("cpu_seconds"),
                first_of(row["ratio_to"], tasks.OPENSTACK_CLOUD, catalog.OPENSTACK_LOOP),
                row["ratio_to"].get(tasks.PING),
                first_of(row["ratio_to"], listing.BARE, upload.CURL, catalog.LOOP, catalog.ONE_BY_ONE),
                *(row.get(key) for key in ("requests", "logins", "memory_mib")),
            ]
            for row in results["rows"]
        ],
    )  # fmt: skip
    words = {True: "kept", False: "missed", None: "not measured"}
    lines += ["", *table(
        ["promise", "measured", "at most", ""],
        [[each["what"], each["measured"], each["at_most"], words[each["kept"]]] for each in results["promises"]],
    )]  # fmt: skip
    times = results["imports_in_milliseconds"]
    names = sorted({name for case in times.values() for name in case}, key=lambda name: (not name[0].islower(), name))
    lines += ["", *table(
        ["imported, in ms", *times],
        [*([name, *(case.get(name) for case in times.values())] for name in names),
         ["all", *(round(sum(case.values()), 1) for case in times.values())]],
    )]  # fmt: skip
    return "\n".join(lines)


def first_of(ratios: Mapping[str, float], *others: str) -> float | None:
    return next((ratios[other] for other in others if other in ratios), None)


def table(head: list[str], rows: list[list[Any]]) -> list[str]:
    cells = [head, *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def charted(results: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    """The largest playbooks that were measured; empty if there are none."""
    cases = {row["case"]: True for row in results["rows"] if row["case"].endswith(tuple(tasks.KINDS.values()))}
    largest = max((int(case.split()[0]) for case in cases), default=0)
    groups = {}
    for case in cases:
        bars = [
            chart.Bar(row["contestant"], row["seconds"], worded(row), row["contestant"].startswith("pcd_image"))
            for row in results["rows"]
            if row["case"] == case and row["seconds"] and row["contestant"] not in NOT_IN_CHART
        ]
        if case.startswith(f"{largest} ") and bars:
            groups[case] = sorted(bars, key=lambda bar: -bar.value)
    for case in dict.fromkeys(row["case"] for row in results["rows"] if "declared images" in row["case"]):
        rows = [row for row in results["rows"] if row["case"] == case and row["seconds"]]
        bars = [
            chart.Bar(row["contestant"], row["seconds"], worded(row), row["contestant"] != catalog.OPENSTACK_LOOP)
            for row in rows
        ]
        if bars:
            groups[case] = sorted(bars, key=lambda bar: -bar.value)
    machine = results["machine"]
    versions = [f"{name} {machine[name]}" for name in ("ansible-core", "openstack.cloud", "openstacksdk")]
    about = ", ".join([f"{machine['cores']} cores, Python {machine['python']}", *versions])
    footer = f"{results['date']}, {about}. Repeat it: make bench"
    return chart.drawn("Seconds for a whole playbook (less is better)", groups, footer, colours) if groups else ""


def worded(row: Row) -> str:
    return f"{row['seconds']:.1f} s, {row['logins']} login{'' if row['logins'] == 1 else 's'}"


if __name__ == "__main__":
    main()
