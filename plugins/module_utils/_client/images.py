# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image service: one method for one operation of the Image API v2. Plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from .._errors import ApiError
from .http import Answer, Http

if TYPE_CHECKING:
    import requests

    from .._data.stream import Body

PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
MAX_PAGE_SIZE = 1000
LIST = "list the images"

# Of the attributes that are looked at; each may also be null, or not there.
KINDS: dict[str, type] = {
    **dict.fromkeys(("name", "owner", "visibility", "created_at", "disk_format", "container_format", "stores"), str),
    **dict.fromkeys(("checksum", "os_hash_algo", "os_hash_value"), str),
    **dict.fromkeys(("size", "min_disk", "min_ram"), int),
    **dict.fromkeys(("protected", "os_hidden"), bool),
    "tags": list,
}

# A page begins after an image; if that image has been deleted (400) or hidden from us meanwhile, there is no such page.
NO_SUCH_PAGE = (400, 403, 404)
MAX_RESTARTS = 10

Query = Sequence[tuple[str, str]]
Image = dict[str, Any]
Page = list[Image]
Items = list[dict[str, Any]]
Names = list[str]


def name_filter(name: str) -> str:
    """The value of the query parameter `name` that finds this very name.

    Glance reads what stands before the first colon as an operator, so that the operator must always be there
    (glance/common/utils.py, split_filter_op); what follows `eq:` is compared as it is.
    """
    return f"eq:{name}"


class Images:
    """The images that the token of `http` can see. Errors are those of Http."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.base_url = http.base_url

    def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
        """The images that match, page by page as they are asked for, in the order of the service.

        No image comes twice, even if the list has to start again because images are deleted while it is read.
        """
        size = min(page_size or at_most or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
        first: Query = [*query, ("limit", str(size))]
        page_query, beginnings = first, 1
        seen: set[str] = set()
        passed: set[str] = set()  # since the beginning of the list
        asked: set[tuple[tuple[str, str], ...]] = set()
        while True:
            asked.add(tuple(page_query))
            try:
                page, next_query, answer = self._page(page_query)
            except ApiError as error:
                if page_query == first or error.status not in NO_SUCH_PAGE or beginnings == MAX_RESTARTS:
                    raise
                page_query, beginnings = first, beginnings + 1
                asked.clear()
                passed.clear()
                continue
            ids = {image["id"] for image in page}
            is_new = not ids or not ids <= passed
            passed |= ids
            for image in page:
                if image["id"] in seen:
                    continue
                yield image
                seen.add(image["id"])
                if len(seen) == at_most:
                    return
            if not page or next_query is None:
                return
            if tuple(next_query) in asked or not is_new:
                # It has no end, and whether it is whole nobody knows.
                lacking = "a next page that was there before"
                raise self._http.wrong_shape(answer, "GET", "/images", LIST, lacking)
            page_query = next_query

    def first_page(self, query: Query, at_most: int | None = None) -> tuple[Page, bool]:
        """The first images that match, and whether there are no others."""
        size = min(at_most or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
        page, next_query, dummy = self._page([*query, ("limit", str(size))])
        return page, not page or next_query is None

    def get(self, image_id: str) -> Image:
        """The image. Raises NotFound if there is none with this id that these credentials may see."""
        return self._image("GET", _path(image_id), f"look up image {image_id}", (200,), repeatable=True)

    def create(self, attributes: Image) -> Image:
        called = attributes.get("name") or attributes.get("id") or "without a name"
        return self._image("POST", "/images", f"create image {called}", (201,), body=attributes)

    def update(self, image_id: str, patch: Sequence[dict[str, Any]]) -> Image:
        purpose = f"update image {image_id}"
        return self._image("PATCH", _path(image_id), purpose, (200,), body=patch, content_type=PATCH_TYPE)

    def delete(self, image_id: str) -> None:
        self._http.request("DELETE", _path(image_id), purpose=f"delete image {image_id}", expected=(204,))

    def deactivate(self, image_id: str) -> None:
        self._act(image_id, "deactivate")

    def reactivate(self, image_id: str) -> None:
        self._act(image_id, "reactivate")

    def upload(self, image_id: str, body: Body, store: str | None, timeout: float) -> None:
        """PUT the data; the image becomes active. `timeout`: seconds that the service may take to answer it."""
        headers = {} if store is None else {"X-Image-Meta-Store": store}
        self._put(f"{_path(image_id)}/file", f"upload the data of image {image_id}", body, headers, timeout)

    def stage(self, image_id: str, body: Body, timeout: float) -> None:
        """PUT the data into the staging area, from which an import with the method glance-direct takes it."""
        self._put(f"{_path(image_id)}/stage", f"stage the data of image {image_id}", body, {}, timeout)

    def start_import(self, image_id: str, request: Mapping[str, Any]) -> None:
        purpose = f"import the data of image {image_id}"
        self._http.request("POST", f"{_path(image_id)}/import", purpose=purpose, expected=(202,), body=request)

    def tasks(self, image_id: str) -> Items:
        """The tasks of the service that have worked on the image; the form of the tasks API."""
        purpose = f"look up the tasks of image {image_id}"
        return self._http.items(f"{_path(image_id)}/tasks", "tasks", purpose, _is_object)

    def members(self, image_id: str) -> Items:
        """The projects that a shared image is shared with, each with its `member_id` and `status`.

        Owners and administrators see all of them, a member only itself (glance/db/sqlalchemy/api.py,
        _image_member_find). Forbidden if the image is not shared.
        """
        purpose = f"look up the members of image {image_id}"
        return self._http.items(f"{_path(image_id)}/members", "members", purpose, _is_member)

    def member(self, image_id: str, project_id: str) -> dict[str, Any]:
        """One of them; NotFound if the project is not a member, and if the image is not shared."""
        purpose = f"look up the membership of project {project_id} in image {image_id}"
        return self._member("GET", _member_path(image_id, project_id), purpose, repeatable=True)

    def add_member(self, image_id: str, project_id: str) -> dict[str, Any]:
        """The image is shared with the project. Conflict if it was before, TooLarge beyond the service's quota."""
        purpose = f"share image {image_id} with project {project_id}"
        return self._member("POST", f"{_path(image_id)}/members", purpose, body={"member": project_id})

    def set_member_status(self, image_id: str, project_id: str, status: str) -> dict[str, Any]:
        """The project has accepted or rejected the image; it itself and administrators may say so."""
        purpose = f"set the status of project {project_id} as a member of image {image_id} to {status}"
        return self._member("PUT", _member_path(image_id, project_id), purpose, body={"status": status})

    def remove_member(self, image_id: str, project_id: str) -> None:
        purpose = f"end the membership of project {project_id} in image {image_id}"
        self._http.request("DELETE", _member_path(image_id, project_id), purpose=purpose, expected=(204,))

    @contextmanager
    def download(self, image_id: str, start: int = 0) -> Iterator[requests.Response]:
        """The answer that brings the data, from the byte `start` on: 206 if the service allows that, else 200.

        A queued image has no data: 204.
        """
        headers = {"Range": f"bytes={start}-"} if start else {}
        purpose = f"download the data of image {image_id}"
        with self._http.stream(
            f"{_path(image_id)}/file", purpose=purpose, expected=(200, 204, 206), headers=headers
        ) as response:
            yield response

    def download_broke_off(self, image_id: str, error: Exception) -> Exception:
        """The error for a download whose answer did not come to its end."""
        return self._http.broken(error, f"{_path(image_id)}/file", f"download the data of image {image_id}")

    def import_methods(self) -> Names:
        """The import methods that the service offers."""
        path, purpose = "/info/import", "look up the import methods"
        answer = self._http.request("GET", path, purpose=purpose, expected=(200,), repeatable=True)
        methods = answer.payload.get("import-methods") if isinstance(answer.payload, dict) else None
        offered = methods.get("value") if isinstance(methods, dict) else None
        if not isinstance(offered, list):
            raise self._http.wrong_shape(answer, "GET", path, purpose, "no list of import methods")
        return [str(method) for method in offered]

    def stores(self, detail: bool = False) -> Items:
        """The stores that the service offers: id, perhaps description, default ("true") and read-only ("true").

        An administrator may ask for `detail`: type, weight and properties. NotFound if the service has only one store,
        without a name.
        """
        path = "/info/stores/detail" if detail else "/info/stores"
        return self._http.items(path, "stores", "look up the stores", _is_object)

    def _put(self, path: str, purpose: str, body: Body, headers: Mapping[str, str], timeout: float) -> None:
        headers = {"Content-Type": "application/octet-stream", **headers}
        if body.size is not None:
            # Without it, a body that a proxy has cut could become an active image.
            headers["x-openstack-image-size"] = str(body.size)
        self._http.send(path, body, purpose=purpose, headers=headers, timeout=timeout)

    def _member(self, method: str, path: str, purpose: str, **content: Any) -> dict[str, Any]:
        answer: Answer = self._http.request(method, path, purpose=purpose, expected=(200,), **content)
        if not _is_member(answer.payload):
            raise self._http.wrong_shape(answer, method, path, purpose, "no member")
        member: dict[str, Any] = answer.payload
        return member

    def _act(self, image_id: str, action: str) -> None:
        path = f"{_path(image_id)}/actions/{action}"
        self._http.request("POST", path, purpose=f"{action} image {image_id}", expected=(204,))

    def _page(self, query: Query) -> tuple[Page, Query | None, Answer]:
        answer = self._http.request("GET", "/images", purpose=LIST, expected=(200,), query=query, repeatable=True)
        page = answer.payload.get("images") if isinstance(answer.payload, dict) else None
        if not isinstance(page, list) or not all(_is_image(image) for image in page):
            raise self._http.wrong_shape(answer, "GET", "/images", LIST, "no list of images")
        following = answer.payload.get("next")
        if not following:
            return page, None, answer
        try:
            # It lacks the prefix of the endpoint (/v2/images?... for /glance/v2), so that only its query counts.
            return page, parse_qsl(urlsplit(following).query, keep_blank_values=True), answer
        except (ValueError, AttributeError):
            raise self._http.wrong_shape(answer, "GET", "/images", LIST, "no address of the next page") from None

    def _image(self, method: str, path: str, purpose: str, expected: tuple[int, ...], **content: Any) -> Image:
        answer: Answer = self._http.request(method, path, purpose=purpose, expected=expected, **content)
        if not _is_image(answer.payload):
            raise self._http.wrong_shape(answer, method, path, purpose, "no image")
        image: Image = answer.payload
        return image


def _is_image(document: Any) -> bool:
    if not isinstance(document, dict) or not isinstance(document.get("id"), str):
        return False
    if not isinstance(document.get("status"), str):
        return False
    given = {key: document[key] for key in KINDS if document.get(key) is not None}
    return all(isinstance(value, KINDS[key]) for key, value in given.items()) and all(
        isinstance(tag, str) for tag in given.get("tags", ())
    )


def _is_object(document: Any) -> bool:
    return isinstance(document, dict)


def _is_member(document: Any) -> bool:
    return isinstance(document, dict) and all(isinstance(document.get(key), str) for key in ("member_id", "status"))


def _path(image_id: str) -> str:
    return f"/images/{quote(image_id, safe='')}"


def _member_path(image_id: str, project_id: str) -> str:
    return f"{_path(image_id)}/members/{quote(project_id, safe='')}"
