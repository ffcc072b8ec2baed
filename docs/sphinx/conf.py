# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx renders the pages that antsibull-docs has generated; tests/tools/docs.sh calls both."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

project = "platform9.pcd"
author = "Platform9"
html_title = "platform9.pcd"

extensions = ["sphinx_antsibull_ext", "sphinx_copybutton"]
highlight_language = "YAML+Jinja"
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "source_repository": "https://github.com/platform9/ansible-collection-pcd/",
    "source_branch": "main",
    "top_of_page_buttons": [],
}
pygments_style = "ansible"
pygments_dark_style = "monokai"

# Every reference must have a target. References to Ansible's own documentation would need its inventory from the
# network. They are links on docs.ansible.com, and plain text here.
nitpicky = True
nitpick_ignore = [
    ("std:ref", label) for label in ("action_plugins", "ansible_configuration_settings", "common_return_values")
]
nitpick_ignore_regex = [("std:ref", r"ansible_collections\.ansible\.builtin\..*")]

# Furo shows the table of contents next to the page. The one that guides and modules have for other themes is needed
# only on narrow screens (site.css). This class says to Furo that it is intended.
CONTENTS_ARE_MEANT = "this-will-duplicate-information-and-it-is-still-useful-here"
MODULE = re.compile(r"^    (pcd_\w+)_module$", re.MULTILINE)
SECTION = re.compile(
    r"^(?P<title>.+)\n(?P<line>([-~])\3+)\n\n(?P<between>(?:\* .*\n|\n)*)\.\. toctree::\n", re.MULTILINE
)


def caption_sections(app: Sphinx, docname: str, source: list[str]) -> None:
    """Show the name of the collection as it is written, and sections and names of modules in the navigation."""
    if docname == "index":
        source[0] = source[0].replace("\nPlatform9.Pcd\n", f"\n{project}\n")
        caption = r"\g<title>\n\g<line>\n\n\g<between>.. toctree::\n    :caption: \g<title>\n"
        source[0] = MODULE.sub(r"    \1 <\1_module>", SECTION.sub(caption, source[0]))


def mark_contents(app: Sphinx, doctree: nodes.document) -> None:
    for topic in doctree.findall(nodes.topic):
        if "contents" in topic["classes"]:
            topic["classes"].append(CONTENTS_ARE_MEANT)


def setup(app: Sphinx) -> None:
    app.connect("source-read", caption_sections)
    app.connect("doctree-read", mark_contents)
