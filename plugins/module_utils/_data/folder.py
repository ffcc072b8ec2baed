# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new file in a folder that may belong to another user.

A user who may write into a folder can rename what lies in it at any moment, and put a link or another file there.
So the folder and the new file are identified by their descriptors here, and a name counts only as long as it leads to
the file of the descriptor. Nothing is changed or given away by its path.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .._errors import ConfigurationError, DataError

TEMPORARY = ".pcd-image-"
LEFTOVER = re.compile(r"\.pcd-image-[0-9a-f]{16}")
MAX_LINKS = 40  # as the kernel follows (path_resolution(7))

# Linux has it; elsewhere a folder must be readable, and links on the way to it are followed by the system.
PATH_ONLY: int | None = getattr(os, "O_PATH", None)
EXTENDED = hasattr(os, "listxattr")
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Identity = tuple[int, int]


def identity_of(found: os.stat_result) -> Identity:
    return (found.st_dev, found.st_ino)


class Folder:
    """A folder by its descriptor. `open_to` is the part of its path that other users may change, None if none is."""

    def __init__(self, path: str, descriptor: int, open_to: str | None) -> None:
        self.path = path
        self.descriptor = descriptor
        self.open_to = open_to

    @property
    def identity(self) -> Identity:
        return identity_of(os.fstat(self.descriptor))

    @property
    def is_writable(self) -> bool:
        return os.access(".", os.W_OK | os.X_OK, dir_fd=self.descriptor)

    @property
    def is_read_only(self) -> bool:
        return bool(os.fstatvfs(self.descriptor).f_flag & os.ST_RDONLY)

    def look(self, name: str) -> os.stat_result | None:
        """What has this name, be it a link; None if nothing has."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def holds(self, name: str, identity: Identity) -> bool:
        found = self.look(name)
        return found is not None and identity_of(found) == identity

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """The descriptor of a file, for reading. A link is not followed, and a pipe is not waited for."""
        descriptor = os.open(name, READ, dir_fd=self.descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def require_in_place(self) -> None:
        """Raises unless the path leads to this folder still."""
        try:
            is_same = identity_of(os.stat(self.path)) == self.identity
        except OSError:
            is_same = False
        if not is_same:
            raise DataError(
                f"dest: the folder {self.path} is not the one any more that it was when the task began: somebody has "
                "put another one in its place. The file lies in the former one, if it was complete. Use a folder whose "
                "path only the user of this task may change."
            )


@contextmanager
def open_folder(path: str) -> Iterator[Folder]:
    """The folder at an absolute path. OSError if it is not there.

    A link is followed as long as its owner can be trusted with what it leads to: it is the link of root, of the user of
    this task, or of the folder's owner.
    """
    if PATH_ONLY is None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        way = _Walk(descriptor, path)
    else:
        way = _Walk(os.open("/", PATH_ONLY | os.O_DIRECTORY | os.O_CLOEXEC), "/")
    try:
        if PATH_ONLY is not None:
            way.follow(path, PATH_ONLY)
        yield Folder(path, way.descriptor, way.open_to)
    finally:
        os.close(way.descriptor)


class _Walk:
    """From the root to a folder, part by part."""

    def __init__(self, descriptor: int, at: str) -> None:
        self.descriptor = descriptor
        self.open_to: str | None = None
        self._at = at
        self._links: dict[int, str] = {}  # by the owner whose link it is
        self._count = 0

    def follow(self, path: str, path_only: int) -> None:
        parts = path.split("/")[::-1]
        while parts:
            part = parts.pop()
            if part in ("", "."):
                continue
            self._notice(os.fstat(self.descriptor), stat.S_ISVTX)
            try:
                flags = path_only | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                self._go_to(os.open(part, flags, dir_fd=self.descriptor))
            except NotADirectoryError:
                parts += self._target_of(part, path_only).split("/")[::-1]
            else:
                self._at = os.path.normpath(os.path.join(self._at, part))
        found = os.fstat(self.descriptor)
        self._notice(found, 0)
        for owner, link in self._links.items():
            if owner != found.st_uid:
                raise ConfigurationError(
                    f"dest: {link} is a link of another user (uid {owner}) to {self._at}, which does not belong to "
                    f"that user, so that it is not followed. Give the path of the folder itself: {self._at}"
                )

    def _target_of(self, part: str, path_only: int) -> str:
        """The target of the link `part`; NotADirectoryError if it is not a link."""
        link = os.open(part, path_only | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.descriptor)
        try:
            found = os.fstat(link)
            self._count += 1
            if not stat.S_ISLNK(found.st_mode) or self._count > MAX_LINKS:
                raise OSError(errno.ELOOP if stat.S_ISLNK(found.st_mode) else errno.ENOTDIR, "no folder", part)
            target = os.readlink("", dir_fd=link)
        finally:
            os.close(link)
        if found.st_uid not in (0, os.geteuid()):
            self._links.setdefault(found.st_uid, os.path.join(self._at, part))
        if target.startswith("/"):
            self._go_to(os.open("/", path_only | os.O_DIRECTORY | os.O_CLOEXEC))
            self._at = "/"
        return target

    def _go_to(self, descriptor: int) -> None:
        os.close(self.descriptor)
        self.descriptor = descriptor

    def _notice(self, found: os.stat_result, sticky: int) -> None:
        """Whether others may change what lies in this folder; in a sticky one, what belongs to others is safe."""
        if self.open_to is not None:
            return
        is_ours = found.st_uid in (0, os.geteuid())
        # A group of one's own is usual for the user that it is named after.
        writers = stat.S_IWOTH | (0 if found.st_gid in (0, os.getegid()) else stat.S_IWGRP)
        if not is_ours or (found.st_mode & writers and not found.st_mode & sticky):
            self.open_to = self._at


class NewFile:
    """A file under a temporary name, which only its user can open."""

    def __init__(self, folder: Folder, name: str, descriptor: int) -> None:
        self.folder = folder
        self.name = name
        self.descriptor = descriptor

    @property
    def path(self) -> str:
        return os.path.join(self.folder.path, self.name)

    def put(self, name: str) -> None:
        """Gives the file its name in the folder. DataError if another file has taken the place of this one."""
        identity = identity_of(os.fstat(self.descriptor))
        self._require(self.name, identity)
        os.replace(self.name, name, src_dir_fd=self.folder.descriptor, dst_dir_fd=self.folder.descriptor)
        self._require(name, identity)
        self.folder.require_in_place()

    def _require(self, name: str, identity: Identity) -> None:
        if not self.folder.holds(name, identity):
            raise DataError(
                f"dest: {os.path.join(self.folder.path, name)} is not the file that was downloaded: somebody who may "
                f"write into {self.folder.path} has exchanged it meanwhile. What is there was not changed. "
                "Use a folder that only the user of this task may write into."
            )


@contextmanager
def new_file(folder: Folder) -> Iterator[NewFile]:
    """An empty file that only its user can open; whatever happens, its temporary name does not stay."""
    while True:
        name = f"{TEMPORARY}{os.urandom(8).hex()}"
        descriptor = None
        try:
            descriptor = os.open(name, CREATE, 0o600, dir_fd=folder.descriptor)
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not folder.holds(name, identity_of(os.fstat(descriptor))):
                # Another run has taken it for a leftover before it was locked.
                continue
            yield NewFile(folder, name, descriptor)
            return
        finally:
            # It is gone already if it has got its own name.
            with suppress(OSError):
                os.unlink(name, dir_fd=folder.descriptor)
            if descriptor is not None:
                os.close(descriptor)


def remove_leftovers(folder: Folder) -> None:
    """Removes what killed runs of this user have left: temporary files that no process holds the lock of any more."""
    with suppress(OSError):
        names = _names_in(folder)
        for name in names:
            if LEFTOVER.fullmatch(name):
                with suppress(OSError):
                    _remove_leftover(folder, name)


def _names_in(folder: Folder) -> list[str]:
    readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder.descriptor)
    try:
        return os.listdir(readable)
    finally:
        os.close(readable)


def _remove_leftover(folder: Folder, name: str) -> None:
    with folder.opened(name) as descriptor:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.holds(name, identity_of(found)):
            os.unlink(name, dir_fd=folder.descriptor)


def copy_extended(source: int, target: int) -> None:
    """Access list, SELinux context and what users note go from one descriptor to another, as far as may be.

    Not what makes a program of a file, such as security.capability.
    """
    if not EXTENDED:
        return
    with suppress(OSError):
        for name in os.listxattr(source):
            if name in ("system.posix_acl_access", "security.selinux") or name.startswith("user."):
                with suppress(OSError):
                    os.setxattr(target, name, os.getxattr(source, name))
