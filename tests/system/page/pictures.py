# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pictures.py FOLDER: the pictures of guide_report.rst, of a made-up cloud."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ansible_collections.platform9.pcd.tests.support.chromium import open_page
from ansible_collections.platform9.pcd.tests.system.page.conftest import Writer
from ansible_collections.platform9.pcd.tests.system.page.made_up import DRIFT, OWNERS, image


def main() -> None:
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as place, open_page(Path(place)) as page:
        names = {owner: name.removeprefix("<b>").removesuffix("</b>") for owner, name in OWNERS.items()}
        images = [image(number) for number in range(1, 300)]
        written = Writer(Path(place))(
            images, image_report_title="Images of PCD", image_report_projects=names, image_report_drift=DRIFT
        )
        page.open(written)
        page.look(1200, 880)
        page.picture(folder / "report-wide.png")
        page.look(400, 640, dark=True)
        page.value("document.getElementById('search').value = 'debian'")
        page.value("document.getElementById('search').dispatchEvent(new Event('input'))")
        page.value("document.getElementById('list').scrollIntoView()")
        page.picture(folder / "report-narrow.png")


if __name__ == "__main__":
    main()
