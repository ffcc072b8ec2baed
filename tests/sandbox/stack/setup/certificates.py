# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a certification authority and a server certificate for 127.0.0.1 and localhost.

Run with the virtual environment's Python: python -m stack.setup.certificates CA_FILE CERTIFICATE_FILE KEY_FILE
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

VALIDITY = datetime.timedelta(days=3650)


def builder(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePublicKey, is_ca: bool
) -> x509.CertificateBuilder:
    """What both certificates share; strict checkers (Python 3.13) want the key identifiers and the key usage."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=0 if is_ca else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_ca,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_ca,
                crl_sign=is_ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )


def write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(content)


def main(ca_file: str, certificate_file: str, key_file: str) -> None:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    authority = "PCD sandbox CA"
    ca = builder(authority, authority, ca_key.public_key(), ca_key.public_key(), is_ca=True)
    server = (
        builder("localhost", authority, key.public_key(), ca_key.public_key(), is_ca=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            critical=False,
        )
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write(key_file, private)
    write(certificate_file, server.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    # Last: its presence says that all three are there. The authority's key is kept nowhere.
    write(ca_file, ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))


if __name__ == "__main__":
    main(*sys.argv[1:])
