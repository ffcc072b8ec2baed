# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Keystone and two real Glances on 127.0.0.1, laid out like a Platform9 Private Cloud Director.

  install   make the virtual environments (once for each lock)
  up        install if needed, start, wait until it answers, tell how to use it
  down      stop every process of this sandbox; its state stays
  status    tell whether it runs (exit status 0) or not (1)
  env       print shell exports for OpenStack clients: eval "$(python3 sandbox.py env)"
  restart   of one started by `up --production`: end and start the server that --server names
  kill      of such a one: kill a worker of that server, which is replaced; MariaDB and HAProxy are started again
  reload    of such a one: let HAProxy read its configuration again
  freeze    of such a one: let the server that --server names do nothing for so many --seconds

Several sandboxes run at once, each with its own --state, out of one --venv.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from pathlib import Path

# Nothing is written into the source folder, no __pycache__ either.
sys.dont_write_bytecode = True

from stack import layout, processes, releases  # noqa: E402
from stack.folders import SOURCE, SandboxError  # noqa: E402
from stack.lifecycle import Sandbox  # noqa: E402
from stack.production import Production  # noqa: E402
from stack.state import State  # noqa: E402
from stack.venv import Venv  # noqa: E402

BUILD = SOURCE.parent.parent / ".build"
DEFAULT_STATE = BUILD / "sandbox"
DEFAULT_VENV = BUILD / "sandbox-venv"  # of the newest release; others have the name of their release at the end
DEFAULT_CLOUD = layout.MEMBER.name
DISTURBING = ("restart", "kill", "reload", "freeze")


def folder(text: str | Path) -> Path:
    return Path(os.path.realpath(text))


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sandbox.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("install", "up", "down", "status", "env", *DISTURBING), metavar="VERB")
    parser.add_argument(
        "--state", type=folder, default=DEFAULT_STATE, metavar="DIR", help="state folder (default: .build/sandbox)"
    )
    parser.add_argument(
        "--venv",
        type=Path,
        default=DEFAULT_VENV,
        metavar="DIR",
        help="virtual environment of all sandboxes (default: .build/sandbox-venv), and DIR-RELEASE of an older release",
    )
    parser.add_argument(
        "--release",
        choices=releases.BY_NAME,
        default=releases.NEWEST.name,
        help=f"install, up: the release of Glance, {', '.join(releases.BY_NAME)} (default: the last)",
    )
    parser.add_argument(
        "--port", type=int, metavar="N", help="the TLS port (default: the last one of this state, else any free one)"
    )
    parser.add_argument(
        "--convert",
        choices=("raw", "qcow2", "vmdk"),
        help="up: let the image service convert every import to this disk format (needs qemu-img)",
    )
    parser.add_argument(
        "--second-region",
        action="store_true",
        help=f"up: {layout.SECOND_REGION} has an image service of its own, with other images",
    )
    parser.add_argument(
        "--production",
        action="store_true",
        help="install, up: on MariaDB, behind HAProxy, two workers in each server (needs packages of Debian)",
    )
    parser.add_argument("--shared-staging", action="store_true", help="up --production: one staging folder for all")
    parser.add_argument(
        "--object-store", action="store_true", help="up --production: the library has a store in S3, too"
    )
    parser.add_argument(
        "--server", metavar="NAME", help="restart, kill, freeze: mariadb, haproxy, keystone, library1, ..."
    )
    parser.add_argument("--seconds", type=float, default=5.0, metavar="N", help="freeze: how long (default: 5)")
    parser.add_argument("--fresh", action="store_true", help="up: throw this state's images and everything else away")
    return parser.parse_args(arguments)


def up(sandbox: Sandbox, options: argparse.Namespace) -> int:
    started = time.monotonic()
    new = sandbox.up(options.port, options.fresh, options.convert, options.second_region)
    print(summary(sandbox, f"ready after {time.monotonic() - started:.1f} s" if new else "already running"))
    return 0


def summary(sandbox: Sandbox, remark: str) -> str:
    base, library = (server.origin(sandbox.port(server)) for server in layout.GLANCES)
    state = shlex.quote(str(sandbox.state.root))
    program = shlex.quote(os.path.relpath(Path(__file__).resolve()))
    chosen = "" if sandbox.state.root == DEFAULT_STATE else f" --state {state}"
    names = ", ".join([*(user.name for user in layout.USERS if user is not layout.MEMBER), "appcred"])
    return "\n".join(
        [
            f"PCD sandbox: {base} ({remark})",
            f"  identity   {base}/keystone/v3",
            f"  images     {base}/glance/v2",
            f"  library    {library}/glance/v2",
            f"  log in     . {state}/openrc-{layout.MEMBER.name}.sh   (or {names})",
            f'  or         eval "$(python3 {program} env{chosen})"',
            f"  details    {state}/sandbox.json, requests in {state}/log/requests.jsonl",
            f"  stop       python3 {program} down{chosen}",
        ]
    )


def down(sandbox: Sandbox) -> int:
    count = sandbox.down()
    print(f"stopped {count} processes" if count else "not running")
    return 0


def status(sandbox: Sandbox) -> int:
    if sandbox.is_whole():
        print(summary(sandbox, "running"))
        return 0
    left = processes.find(sandbox.state.root)
    print(f"broken: {len(left)} processes left, `up` starts it again" if left else "stopped")
    return 1


def env(sandbox: Sandbox) -> int:
    if not sandbox.state.clouds_file.exists():
        raise SandboxError(f"there is no sandbox in {sandbox.state.root} yet: start it with `up`")
    print(f"export OS_CLIENT_CONFIG_FILE={shlex.quote(str(sandbox.state.clouds_file))}")
    # openstacksdk looks for secure.yaml in its usual folders, not beside a file named by hand.
    print(f"export OS_CLIENT_SECURE_FILE={shlex.quote(str(sandbox.state.secure_file))}")
    print(f"export OS_CLOUD={DEFAULT_CLOUD}")
    return 0


def disturb(sandbox: Sandbox, options: argparse.Namespace) -> int:
    if not isinstance(sandbox, Production):
        raise SandboxError(f"{options.verb}: only for a sandbox that was started with --production")
    if options.verb == "reload":
        sandbox.reload()
        return 0
    if not options.server:
        raise SandboxError(f"{options.verb}: name a server with --server")
    if options.verb == "freeze":
        sandbox.freeze(options.server, options.seconds)
        return 0
    {"restart": sandbox.restart, "kill": sandbox.kill}[options.verb](options.server)
    return 0


def sandbox_of(options: argparse.Namespace, keystone: Venv, glance: Venv) -> Sandbox:
    """The one that is asked for; for other verbs than `up`, the one that was started last in this state folder."""
    state = State(options.state)
    production = Venv(folder(f"{options.venv}-production"), releases.PRODUCTION)
    if options.production:
        if glance is not keystone:
            raise SandboxError("--production: only with the newest release")
        if options.second_region:
            raise SandboxError("--second-region: not with --production")
        return Production(state, production, options.shared_staging, options.object_store)
    remembered = None if options.verb in ("install", "up") else Production.remembered(state, production)
    return remembered or Sandbox(state, keystone, glance)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    release = releases.BY_NAME[options.release]
    newest = Venv(folder(options.venv))
    older = options.venv.with_name(f"{options.venv.name}-{release.name}")
    # As an exception, so that a terminated `up` also stops what it has started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        if not os.path.exists("/proc/self/environ"):
            raise SandboxError("this needs Linux: processes are found in /proc")
        sandbox = sandbox_of(options, newest, newest if release is releases.NEWEST else Venv(folder(older), release))
        if options.verb == "install":
            sandbox.install()
            return 0
        if options.verb == "up":
            return up(sandbox, options)
        if options.verb in DISTURBING:
            return disturb(sandbox, options)
        return {"down": down, "status": status, "env": env}[options.verb](sandbox)
    except (SandboxError, PermissionError) as error:
        print(f"sandbox.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
