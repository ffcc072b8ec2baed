# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this image service can read the data of an image, or only another one of the cloud."""

from __future__ import annotations

from .._client.images import Images
from .._errors import ApiError, PcdError
from .._image.attributes import stores_of
from .._image.plan import Image, describe

# The statuses with which Glance answers for data in a store that it does not know, and proxies for missing data.
UNREADABLE = (404, 410, 500)


def elsewhere(images: Images, image: Image) -> str | None:
    """Why this service cannot read the data, if the stores say so: none that has it is one of this service's."""
    named = stores_of(image)
    if not named:
        return None
    try:
        offered = sorted(str(store.get("id")) for store in images.stores())
    except PcdError:
        return None
    if set(named) & set(offered):
        return None
    return (
        f"The data of {describe(image)} lies in {', '.join(named)}, but the service at {images.base_url} has "
        f"only {', '.join(offered) or 'no stores'}. On PCD each endpoint of the image service reads only its own "
        "stores: choose the other one with interface (admin is the image library, public the control plane)."
    )


def unreadable_here(images: Images, image: Image) -> str | None:
    """The same reason, but only if the service has also failed to give the data.

    A service with a single store has no names of stores, and shows a property `stores` that anybody may have written
    (glance/api/v2/images.py, _format_image). So what the image says decides nothing.
    """
    found = elsewhere(images, image)
    if found is None:
        return None
    try:
        with images.download(image["id"]):
            return None
    except ApiError as error:
        return found if error.status in UNREADABLE else None
    except PcdError:
        return None
