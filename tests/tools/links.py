# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""links.py SITE FILE.md...: prints links without a target, and exits with 1 if there are any.

A link within the site must have its page and its place on the page, and one of a Markdown file its file. Links to other
hosts are not followed, because a check must not depend on them: of those, the form is looked at.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# [text](address), an image's too
MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Names that are reserved for examples are no places to send a reader to (RFC 2606).
EXAMPLE = re.compile(r"(^|\.)example(\.(com|org|net))?$")


class Page(HTMLParser):
    """What a page links to, and the places that can be linked to on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            if (name == "id" or (tag == "a" and name == "name")) and value:
                self.places.add(value)


def wrong_form(address: str) -> str | None:
    """What is wrong with the address of another host; None if nothing is wrong."""
    parts = urlsplit(address)
    if parts.scheme != "https":
        return "is not https"
    host = parts.hostname or ""
    if "." not in host or EXAMPLE.search(host) or parts.username or " " in address:
        return "is not an address of the web"
    return None


def of_site(site: Path) -> Iterator[str]:
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme in ("data", "mailto"):
                continue
            place = f"{path.relative_to(site)}: {link}"
            if parts.scheme or parts.netloc:
                wrong = wrong_form(link)
                if wrong:
                    yield f"{place} {wrong}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                yield f"{place}: there is no such file"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                yield f"{place}: there is no such place on that page"


def of_markdown(path: Path) -> Iterator[str]:
    for link in MARKDOWN_LINK.findall(FENCED.sub("", path.read_text(encoding="utf-8"))):
        parts = urlsplit(link)
        if parts.scheme:
            wrong = wrong_form(link)
            if wrong:
                yield f"{path.name}: {link} {wrong}"
        elif parts.path and not (path.parent / parts.path).exists():
            yield f"{path.name}: {link}: there is no such file"


def main() -> int:
    site, *files = (Path(word).resolve() for word in sys.argv[1:])
    found = [*of_site(site), *(line for path in files for line in of_markdown(path))]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
