# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How sphinx renders what antsibull-docs has made; tests/tools/docs.sh calls both."""

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

# Every reference must lead somewhere. Those to Ansible's own documentation would need its inventory from the network:
# on docs.ansible.com they are links, here they are plain text.
nitpicky = True
nitpick_ignore = [
    ("std:ref", label) for label in ("action_plugins", "ansible_configuration_settings", "common_return_values")
]
nitpick_ignore_regex = [("std:ref", r"ansible_collections\.ansible\.builtin\..*")]

# Furo shows the table of contents beside the page; the one that guides and modules have for other themes is needed on
# narrow screens alone (site.css), and this class says that it is meant.
CONTENTS_ARE_MEANT = "this-will-duplicate-information-and-it-is-still-useful-here"
MODULE = re.compile(r"^    (pcd_\w+)_module$", re.MULTILINE)
SECTION = re.compile(
    r"^(?P<title>.+)\n(?P<line>([-~])\3+)\n\n(?P<between>(?:\* .*\n|\n)*)\.\. toctree::\n", re.MULTILINE
)


def caption_sections(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let the navigation show the sections of the index as well, and modules by their names."""
    if docname == "index":
        caption = r"\g<title>\n\g<line>\n\n\g<between>.. toctree::\n    :caption: \g<title>\n"
        source[0] = MODULE.sub(r"    \1 <\1_module>", SECTION.sub(caption, source[0]))


def mark_contents(app: Sphinx, doctree: nodes.document) -> None:
    for topic in doctree.findall(nodes.topic):
        if "contents" in topic["classes"]:
            topic["classes"].append(CONTENTS_ARE_MEANT)


def setup(app: Sphinx) -> None:
    app.connect("source-read", caption_sections)
    app.connect("doctree-read", mark_contents)
