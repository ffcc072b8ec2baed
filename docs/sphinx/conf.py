# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How sphinx renders what antsibull-docs has made; tests/tools/docs.sh calls both."""

from __future__ import annotations

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

# Every reference must lead somewhere. Those to Ansible's own documentation would need its inventory from the network: on
# docs.ansible.com they are links, here they are plain text.
nitpicky = True
nitpick_ignore = [("std:ref", label) for label in ("ansible_configuration_settings", "common_return_values")]
nitpick_ignore_regex = [("std:ref", r"ansible_collections\.ansible\.builtin\..*")]
