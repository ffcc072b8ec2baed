# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""search.py SITE: prints what people search for and the search of the site does not find in the guide that answers it.

The search takes the words of a query apart, stems them, and lists the pages that have all of them
(sphinx/themes/basic/static/searchtools.js, _parseQuery and performTermsSearch). Exits with 1 if anything is printed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from sphinx.search.en import SearchEnglish

QUERIES = {
    "guide_cookbook": (
        "idempotent",
        "dry run",
        "rotate",
        "rollback",
        "undo",
        "sync",
        "nightly mirror",
        "typo",
        "precedence",
        "keep last three versions",
        "share with projects",
        "adopt existing image",
        "uploaded by hand",
        "copy to another cloud",
        "migrate",
        "bulk change 100 images",
        "csv report",
        "html report",
        "role vault",
        "async throttle forks",
        "pipeline json drift",
        "junit",
    ),
    "guide_report": ("report page", "html", "duplicates", "drift catalogue", "chart", "sort filter search"),
}


def index_of(site: Path) -> dict[str, Any]:
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return index


def found(query: str, index: dict[str, Any], language: SearchEnglish) -> set[str]:
    """The names of the pages that have all words of the query, in their text or in their titles."""
    pages = set(range(len(index["docnames"])))
    for word in query.lower().split():
        if word in language.stopwords or word.isdigit():
            continue
        stem = language.stem(word)
        numbers: set[int] = set()
        for terms in (index["terms"], index["titleterms"]):
            each = terms.get(stem, [])
            numbers |= set(each if isinstance(each, list) else [each])
        pages &= numbers
    return {Path(index["docnames"][number]).name for number in pages}


def main() -> int:
    index, language = index_of(Path(sys.argv[1])), SearchEnglish({})
    missing = [
        f"{guide}: the search for {query!r} does not find it"
        for guide, queries in QUERIES.items()
        for query in queries
        if guide not in found(query, index, language)
    ]
    print("\n".join(missing), file=sys.stderr, end="\n" if missing else "")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
