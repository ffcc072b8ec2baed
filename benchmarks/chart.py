# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bars as SVG: one group for each comparison, one bar for each contestant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

WIDTH, LABELS, VALUES = 830, 210, 130
BAR, GAP, TITLE = 20, 6, 34

# On GitHub a picture does not know the theme of the page, so that there is one for each.
LIGHT = {"text": "#1f2328", "faint": "#59636e", "ours": "#0969da", "other": "#afb8c1"}
DARK = {"text": "#f0f6fc", "faint": "#9198a1", "ours": "#4493f8", "other": "#59636e"}


LICENCE = """<!--
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->"""


class Bar(NamedTuple):
    """`value` decides the length, `told` stands behind it; one that is `ours` has another colour."""

    label: str
    value: float
    told: str
    ours: bool


def drawn(title: str, groups: Mapping[str, Sequence[Bar]], footer: str, colours: Mapping[str, str]) -> str:
    """The picture; each group has a scale of its own, which begins at nothing."""
    lines, y = [], 30
    lines.append(_text(0, y, title, colours["text"], size=17, weight=600))
    for heading, bars in groups.items():
        y += TITLE
        lines.append(_text(0, y, heading, colours["text"], size=14, weight=600))
        y += 12
        longest = max(each.value for each in bars)
        for each in bars:
            colour = colours["ours" if each.ours else "other"]
            length = max(2.0, each.value / longest * (WIDTH - LABELS - VALUES))
            middle = y + BAR - 6
            weight = 600 if each.ours else 400
            lines.append(_text(LABELS - 10, middle, each.label, colours["text"], anchor="end", weight=weight))
            lines.append(f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3" fill="{colour}"/>')
            lines.append(_text(round(LABELS + length + 8), middle, each.told, colours["text"], weight=weight))
            y += BAR + GAP
    y += 24
    lines.append(_text(0, y, footer, colours["faint"], size=12))
    described = escape(f"{title}: " + "; ".join(_described(heading, bars) for heading, bars in groups.items()))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 12}" width="{WIDTH}" height="{y + 12}" '
    font = "font-family=\"-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif\" "
    return "\n".join([LICENCE, f'{head}{font}role="img">', f"<title>{described}</title>", *lines, "</svg>", ""])


def _described(heading: str, bars: Sequence[Bar]) -> str:
    return f"{heading}: " + ", ".join(f"{each.label} {each.told}" for each in bars)


def _text(x: int, y: int, text: str, colour: str, size: int = 13, weight: int = 400, anchor: str = "start") -> str:
    place = f'x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"
