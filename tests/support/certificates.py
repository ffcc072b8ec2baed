# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for servers and clients on 127.0.0.1 and localhost.

As a program it makes those of the sandbox: certificates.py AUTHORITY_FILE CERTIFICATE_FILE KEY_FILE. It needs only
`cryptography`, so that the Python of the sandbox can run it.
"""

from __future__ import annotations

import os
import ssl
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

VALIDITY = timedelta(days=3650)


@dataclass(frozen=True)
class Certificates:
    """Files in PEM."""

    authority: str
    server_certificate: str
    server_key: str
    client_certificate: str
    client_key: str

    def server_context(self, client_certificate: bool = False) -> ssl.SSLContext:
        """What a server needs to speak TLS; with `client_certificate` it wants one from its clients, too."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authority)
        context.load_cert_chain(self.server_certificate, self.server_key)
        context.verify_mode = ssl.CERT_REQUIRED if client_certificate else ssl.CERT_NONE
        return context


def make_certificates(folder: Path) -> Certificates:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("Authority", authority_key, "Authority", authority_key, is_authority=True)
    files = {}
    for kind in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(kind, key, "Authority", authority_key, is_authority=False)
        files[f"{kind}_certificate"] = _written(folder / f"{kind}.pem", certificate)
        files[f"{kind}_key"] = _written(folder / f"{kind}.key", key)
    # The authority's key is kept nowhere.
    return Certificates(authority=_written(folder / "authority.pem", authority), **files)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    is_authority: bool,
) -> x509.Certificate:
    """Strict checkers (Python 3.13) want the key identifiers and the key usage."""
    now = datetime.now(timezone.utc)
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
    uses = [x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    issuer_identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(issuer_identifier, critical=False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _written(path: Path, content: x509.Certificate | ec.EllipticCurvePrivateKey) -> str:
    pem = serialization.Encoding.PEM
    if isinstance(content, x509.Certificate):
        encoded = content.public_bytes(pem)
    else:
        encoded = content.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(encoded)
    return str(path)


def main(*wanted: str) -> None:
    """Make those of a server at these paths, the authority's last."""
    with tempfile.TemporaryDirectory(dir=Path(wanted[0]).parent) as folder:
        made = make_certificates(Path(folder))
        paths = (made.authority, made.server_certificate, made.server_key)
        for path, target in reversed([*zip(paths, wanted, strict=True)]):
            os.replace(path, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
