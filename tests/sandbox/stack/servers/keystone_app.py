# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSGI application of the Keystone process: plain HTTP, loopback only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

# Keystone hands the command line to oslo.config, and gunicorn's options are not Keystone's.
sys.argv = sys.argv[:1]
STATE = os.environ["PCD_SANDBOX_STATE"]
os.environ["OS_KEYSTONE_CONFIG_DIR"] = os.path.join(STATE, "etc")


def without_saml_schemas() -> None:
    """Spare the start a second of processor time.

    Keystone always imports pysaml2 for federation, and that builds XML schemas at import, a third
    of Keystone's start. Nobody federates here.
    """
    schemas = ModuleType("saml2.xml.schema")

    class XMLSchemaError(Exception):
        pass

    def validate(document: str) -> None:
        raise XMLSchemaError("the sandbox has no SAML schemas")

    schemas.XMLSchemaError = XMLSchemaError  # type: ignore[attr-defined]
    schemas.validate = validate  # type: ignore[attr-defined]
    sys.modules[schemas.__name__] = schemas


without_saml_schemas()

from keystone.common import sql  # noqa: E402

from stack.servers.sqlite_writers import serialize_writers  # noqa: E402

if "PCD_SANDBOX_BEHIND" not in os.environ:
    serialize_writers(os.path.join(STATE, "lock", "keystone.db"), sql.core, sql)

from keystone.wsgi.api import application as keystone  # noqa: E402

PREFIX = "/keystone"


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == PREFIX or path.startswith(PREFIX + "/"):
        environ["SCRIPT_NAME"] = PREFIX
        environ["PATH_INFO"] = path[len(PREFIX) :]
    return keystone(environ, start_response)
