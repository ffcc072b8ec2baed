# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # One image that exists.
    DOCUMENTATION = r"""
options:
  id:
    description:
      - The id of the image, a UUID. Exactly one of O(id) and O(name) is required.
      - V(null) counts as not given, as for every option.
    type: str
  name:
    description:
      - The name of the image. If it matches several images, the task fails and lists them; see O(match).
      - A hidden image is selected only if no other image has this name. An image that this collection has retired is
        never selected by its name.
    type: str
  match:
    description:
      - Which images O(name) can select.
      - V(own) selects only images that belong to your project, the one that the credentials are for.
      - V(visible) selects from all images that your image list shows, whatever project they belong to. For an
        administrator, these are the images of all projects.
      - With only O(token) and O(image_endpoint_override), the project of the token is not known, and V(own) is refused.
        Give O(project_id), O(id) or V(visible).
      - This option has no effect if O(id) is given.
    type: str
    choices: [own, visible]
    default: own
"""
