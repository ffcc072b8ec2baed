# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group and mode of a file: the options for them, and what they do to an open file."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._errors import ConfigurationError, DataError, quoted

# capabilities(7): who has them may change the owner, and the mode, of the files of others.
CAP_CHOWN = 1 << 0
CAP_FOWNER = 1 << 3

MAX_ID = 2**32 - 2  # -1 means "leave it" to chown(2)


class FileAttributes:
    """What the options ask for; None for what they do not. A mode is a number, or text that changes another mode."""

    def __init__(self, uid: int | None = None, gid: int | None = None, mode: int | str | None = None) -> None:
        self.uid = uid
        self.gid = gid
        self.mode = mode

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> FileAttributes:
        """ConfigurationError if there is no such user, group or mode."""
        mode = params.get("mode")
        if isinstance(mode, str):
            with suppress(ValueError):
                mode = int(mode, 8)
        wanted = cls(_uid(params.get("owner")), _gid(params.get("group")), mode)
        wanted.mode_after(0o644)
        return wanted

    def mode_after(self, mode: int) -> int:
        """The mode of a file that had this one."""
        asked: Any = self.mode
        if asked is None:
            return mode
        if isinstance(asked, str):
            asked = _symbolic(mode, asked)
        if isinstance(asked, bool) or not isinstance(asked, int) or not 0 <= asked <= 0o7777:
            raise ConfigurationError(
                f"mode: {quoted(self._mode_as_given)} is not a mode of a file. Write it in octal digits and in quotes, "
                'such as mode: "0644", or in symbols, such as u=rw,g=r,o=.'
            )
        return int(asked)

    def changes(self, found: os.stat_result) -> dict[str, tuple[Any, Any]]:
        """What they change of a file, by the option: before and after, as Ansible's own modules say it."""
        mode = stat.S_IMODE(found.st_mode)
        pairs = {
            "owner": (found.st_uid, found.st_uid if self.uid is None else self.uid),
            "group": (found.st_gid, found.st_gid if self.gid is None else self.gid),
            "mode": (f"0{mode:03o}", f"0{self.mode_after(mode):03o}"),
        }
        return {option: pair for option, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def _mode_as_given(self) -> str:
        # A number beyond the modes was octal digits, or a number of YAML: both are shown as digits.
        return f"{self.mode:o}" if isinstance(self.mode, int) and not isinstance(self.mode, bool) else str(self.mode)

    def check(self, found: os.stat_result | None, is_read_only: bool = False) -> None:
        """Raises if this user may not change the file so, as far as that can be said without a try.

        It is for check mode. None means a file that this user will create.
        """
        uid, gid = (os.geteuid(), os.getegid()) if found is None else (found.st_uid, found.st_gid)
        changed = [
            option
            for option, asked, there in (("owner", self.uid, uid), ("group", self.gid, gid))
            if asked not in (None, there)
        ]
        if found is not None and self.mode_after(stat.S_IMODE(found.st_mode)) != stat.S_IMODE(found.st_mode):
            changed.append("mode")
        capabilities = _capabilities()
        for option in changed:
            if is_read_only:
                raise self._refused(option, OSError(errno.EROFS, os.strerror(errno.EROFS)))
            if capabilities is None or capabilities & (CAP_FOWNER if option == "mode" else CAP_CHOWN):
                continue
            if uid != os.geteuid() or option == "owner" or (option == "group" and not _is_in_group(self.gid)):
                raise self._refused(option, OSError(errno.EPERM, os.strerror(errno.EPERM)))

    def try_ownership(self, descriptor: int) -> None:
        """Raises if this user may not give a file to the owner and the group. The file stays as it is."""
        found = os.fstat(descriptor)
        self._give(descriptor, found)
        with suppress(OSError):
            os.fchown(descriptor, found.st_uid, found.st_gid)

    def apply(self, descriptor: int, mode: int, owner: tuple[int, int] | None = None) -> None:
        """The open file has them; what they do not say is this mode, and this user and group as far as can be."""
        if owner is not None:
            # As Ansible's own atomic_move: who may not give a file away keeps it.
            with suppress(OSError):
                os.fchown(descriptor, *owner)
        self._give(descriptor, os.fstat(descriptor))
        found = os.fstat(descriptor)
        if (found.st_uid, found.st_gid) != owner:
            # What was to run as somebody does not run as somebody else.
            mode &= ~(stat.S_ISUID | stat.S_ISGID)
        self._set_mode(descriptor, self.mode_after(mode))

    def _give(self, descriptor: int, found: os.stat_result) -> None:
        for option, uid, gid in (("owner", self.uid, None), ("group", None, self.gid)):
            if (uid is None or uid == found.st_uid) and (gid is None or gid == found.st_gid):
                continue
            try:
                os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
            except OSError as error:
                raise self._refused(option, error) from None

    def _set_mode(self, descriptor: int, mode: int) -> None:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) == mode:
            return
        try:
            os.fchmod(descriptor, mode)
        except OSError as error:
            if self.mode is not None:
                raise self._refused("mode", error) from None

    def _refused(self, option: str, error: OSError) -> DataError:
        if option == "mode":
            message = f"the mode of the file cannot be set to {self._mode_as_given}: {error.strerror}."
        else:
            kind, number = ("user", self.uid) if option == "owner" else ("group", self.gid)
            message = (
                f"the file cannot be given to the {kind} with the id {number}: {error.strerror}. Only root gives files "
                "away, and others only to groups of their own."
            )
        return DataError(f"{option}: {message} Use become, or leave the option out.", errno=error.errno)


def mode_of_new_files() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask


def about_file(path: str) -> dict[str, Any]:
    """What AnsibleModule adds to the result of a module that has written this file (AnsibleModule.add_path_info)."""
    if not os.path.exists(path):
        return {}
    found = os.lstat(path)
    kind = "file" if found.st_nlink < 2 else "hard"
    if stat.S_ISLNK(found.st_mode):
        kind = "link"
    about = {
        "uid": found.st_uid,
        "gid": found.st_gid,
        "owner": str(found.st_uid),
        "group": str(found.st_gid),
        "mode": f"0{stat.S_IMODE(found.st_mode):03o}",
        "state": kind,
        "size": found.st_size,
    }
    with suppress(KeyError):
        about["owner"] = pwd.getpwuid(found.st_uid).pw_name
    with suppress(KeyError):
        about["group"] = grp.getgrgid(found.st_gid).gr_name
    with suppress(OSError, AttributeError):
        about["secontext"] = os.getxattr(path, "security.selinux", follow_symlinks=False).rstrip(b"\0").decode()
    return about


def _capabilities() -> int | None:
    """The effective capabilities of this process (proc_pid_status(5)); None if the system does not show them."""
    try:
        with open("/proc/self/status", "rb") as status:
            return next((int(line.split()[1], 16) for line in status if line.startswith(b"CapEff:")), None)
    except (OSError, ValueError):
        return None


def _is_in_group(gid: int | None) -> bool:
    return gid in (os.getegid(), *os.getgroups())


def _uid(owner: str | None) -> int | None:
    return _id_of("owner", "user", owner, lambda name: pwd.getpwnam(name).pw_uid)


def _gid(group: str | None) -> int | None:
    return _id_of("group", "group", group, lambda name: grp.getgrnam(name).gr_gid)


def _id_of(option: str, kind: str, given: str | None, look_up: Callable[[str], int]) -> int | None:
    if given is None:
        return None
    number = _number(option, given)
    if number is not None:
        return number
    try:
        return look_up(given)
    except (KeyError, ValueError):
        raise ConfigurationError(
            f"{option}: there is no {kind} {quoted(given)} on the host of this task. Give the name of a {kind}, or the "
            "id."
        ) from None


def _number(option: str, text: str) -> int | None:
    """The id that the text is; None if it is a name."""
    try:
        number = int(text)
    except ValueError:
        return None
    if not 0 <= number <= MAX_ID:
        raise ConfigurationError(f"{option}: {number} is not an id, which is a number from 0 to {MAX_ID}.")
    return number


def _symbolic(mode: int, asked: str) -> int | None:
    """The mode after symbols, which mean here what they mean to every module of Ansible; None if they mean nothing."""
    if not any(operator in asked for operator in "+-="):
        return None
    try:
        changed: int = AnsibleModule._symbolic_mode_to_octal(SimpleNamespace(st_mode=stat.S_IFREG | mode), asked)
    except (ValueError, KeyError):
        return None
    return changed
