# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksum files as vendors publish them, and as nobody should: one digest is found, and none is guessed."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._data.checksum_file import digest_in, is_beside
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Digest
from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError


def hexdigest(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content).hexdigest()


NAME = "debian-13-genericcloud-amd64.qcow2"
GOOD = hexdigest("sha256", b"good")
BAD = hexdigest("sha256", b"bad")


def listing(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(listing(f"{GOOD}  {NAME}"), id="sha256sum"),
        pytest.param(listing(f"{BAD}  other", f"{GOOD}  {NAME}", f"{BAD}  {NAME}.sig"), id="among others"),
        pytest.param(listing(f"{GOOD} *{NAME}"), id="sha256sum --binary"),
        pytest.param(listing(f"{GOOD}  ./{NAME}"), id="in the same folder"),
        pytest.param(listing(f"{GOOD} *./{NAME}"), id="binary, in the same folder"),
        pytest.param(listing(f"{GOOD} {NAME}"), id="one blank"),
        pytest.param(listing(f"{GOOD.upper()}  {NAME}"), id="capitals"),
        pytest.param(f"{GOOD}  {NAME}", id="no end of the line"),
        pytest.param(f"{GOOD}  {NAME}\r\n{BAD}  other\r\n", id="lines of DOS"),
        pytest.param(listing(f"SHA256 ({NAME}) = {GOOD}"), id="BSD"),
        pytest.param(listing(f"SHA256 (./{NAME}) = {GOOD}"), id="BSD, in the same folder"),
        pytest.param(listing(f"SHA256({NAME})= {GOOD}"), id="openssl dgst"),
        pytest.param(listing(f"SHA512 ({NAME}) = {BAD * 2}", f"SHA256 ({NAME}) = {GOOD}"), id="BSD with two hashes"),
        pytest.param(
            listing("# Fedora", f"# {NAME}: 556793856 bytes", f"SHA256 ({NAME}) = {GOOD}"), id="comments, as Fedora"
        ),
        pytest.param(
            listing(
                "-----BEGIN PGP SIGNED MESSAGE-----",
                "Hash: SHA256",
                "",
                f"{GOOD}  {NAME}",
                "-----BEGIN PGP SIGNATURE-----",
                "iQIz",
            ),
            id="signed",
        ),
        pytest.param(GOOD, id="only the digest"),
        pytest.param(listing("", f"  {GOOD}  ", ""), id="only the digest among blanks"),
        pytest.param(listing("# made today", GOOD), id="only the digest under a comment"),
        pytest.param(listing(f"{BAD}", f"{GOOD}  {NAME}"), id="a digest without a name is nobody's among others"),
    ],
)
def test_the_digest_of_a_file_is_found_in_every_form_that_vendors_publish(text: str) -> None:
    assert digest_in(text, (NAME,), "sha256") == Digest("sha256", GOOD)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("# only a comment\n", id="only a comment"),
        pytest.param(listing(f"{GOOD}  other"), id="only another file"),
        pytest.param(listing(f"{GOOD}  x{NAME}", f"{GOOD}  {NAME}.sig"), id="names that hold the name"),
        pytest.param(listing(f"{GOOD}  {NAME.upper()}"), id="another name in capitals"),
        pytest.param(listing(f"{GOOD * 2}  {NAME}"), id="a longer hash"),
        pytest.param(listing(f"{GOOD[:40]}  {NAME}"), id="a shorter hash"),
        pytest.param(GOOD[:40], id="only a shorter hash"),
        pytest.param(listing(f"{GOOD[:-1]}g  {NAME}"), id="no hash"),
        pytest.param(listing(GOOD, BAD), id="two digests without names"),
        pytest.param(listing(f"SHA512/256 ({NAME}) = {GOOD}"), id="another algorithm of the same length"),
        pytest.param(listing(f"SHA3-256 ({NAME}) = {GOOD}"), id="SHA3 of the same length"),
        pytest.param(listing(f"BLAKE2s ({NAME}) = {GOOD}"), id="BLAKE of the same length"),
        pytest.param(listing(f"SHA256 (other) = {GOOD}"), id="BSD of another file"),
        pytest.param("<html><body>404 Not Found</body></html>", id="a page"),
    ],
)
def test_no_digest_is_guessed(text: str) -> None:
    assert digest_in(text, (NAME,), "sha256") is None


@pytest.mark.parametrize(
    "line",
    [
        "{digest}\n",
        "{digest}\n{digest}\n",
        "{digest}  ./\n",
        "{digest} *\n",
        "{digest}  debian.qcow2\n",
        "SHA256 (./) = {digest}\n",
        "SHA256 (debian.qcow2) = {digest}\n",
    ],
)
@pytest.mark.parametrize("names", [(), ("",), ("", "")])
def test_no_line_is_about_a_file_without_a_name(line: str, names: tuple[str, ...]) -> None:
    assert digest_in(line.format(digest="ab" * 32), names, "sha256") is None


@pytest.mark.parametrize("name", ["my image.qcow2", "a  b", "(x).img", "größer.img", "a*b", "x) = y"])
def test_names_may_have_blanks_and_signs(name: str) -> None:
    for line in (f"{GOOD}  {name}", f"{GOOD} *{name}", f"SHA256 ({name}) = {GOOD}"):
        assert digest_in(listing(f"{BAD}  other", line), (name,), "sha256") == Digest("sha256", GOOD)


@pytest.mark.parametrize(
    ("written", "algorithm"), [("SHA3-256", "sha3_256"), ("SHA1", "sha1"), ("MD5", "md5"), ("BLAKE2b", "blake2b")]
)
def test_bsd_writes_names_of_algorithms_in_its_own_way(written: str, algorithm: str) -> None:
    value = hexdigest(algorithm, b"x")
    assert digest_in(f"{written} ({NAME}) = {value}", (NAME,), algorithm) == Digest(algorithm, value)


@given(st.text(max_size=50), st.text(max_size=5))
def test_no_text_confuses_the_reading_of_a_checksum_file(text: str, name: str) -> None:
    found: Any = digest_in(text, (name,), "md5")
    assert found is None or len(found.value) == 32


# --- the vendors of the table -----------------------------------------------------------------------------------

SIGNATURE = ("-----BEGIN PGP SIGNATURE-----", "", "iQIzBAEBCAAdFiEEtmZ8", "=Dm7V", "-----END PGP SIGNATURE-----")


def hashes(content: bytes) -> dict[str, str]:
    return {algorithm: hexdigest(algorithm, content) for algorithm in ("md5", "sha1", "sha256", "sha512")}


IMAGE = hashes(b"the image")
OTHER = hashes(b"another image")

VENDORS = {
    "Ubuntu": (
        "noble-server-cloudimg-amd64.img",
        "SHA256SUMS",
        "sha256",
        listing(
            f"{OTHER['sha256']} *noble-server-cloudimg-amd64-azure.vhd.tar.gz",
            f"{IMAGE['sha256']} *noble-server-cloudimg-amd64.img",
            f"{OTHER['sha256']} *noble-server-cloudimg-amd64.manifest",
        ),
    ),
    "Debian": (
        "debian-13-genericcloud-amd64.qcow2",
        "SHA512SUMS",
        "sha512",
        listing(
            f"{OTHER['sha512']}  debian-13-genericcloud-amd64.json",
            f"{IMAGE['sha512']}  debian-13-genericcloud-amd64.qcow2",
            f"{OTHER['sha512']}  debian-13-genericcloud-amd64.raw",
        ),
    ),
    "AlmaLinux": (
        "AlmaLinux-9-GenericCloud-latest.x86_64.qcow2",
        "CHECKSUM",
        "sha256",
        listing(
            f"{OTHER['sha256']}  AlmaLinux-9-GenericCloud-9.5-20241120.x86_64.qcow2",
            f"{IMAGE['sha256']}  AlmaLinux-9-GenericCloud-latest.x86_64.qcow2",
        ),
    ),
    "Rocky": (
        "Rocky-9-GenericCloud-Base.latest.x86_64.qcow2",
        "Rocky-9-GenericCloud-Base.latest.x86_64.qcow2.CHECKSUM",
        "sha256",
        listing(
            "# Rocky-9-GenericCloud-Base-9.5-20241118.0.x86_64.qcow2: 609812480 bytes",
            f"SHA256 (Rocky-9-GenericCloud-Base-9.5-20241118.0.x86_64.qcow2) = {IMAGE['sha256']}",
        ),
    ),
    "CentOS Stream": (
        "CentOS-Stream-GenericCloud-10-latest.x86_64.qcow2",
        "CHECKSUM",
        "sha256",
        listing(
            "# CentOS-Stream-GenericCloud-10-20241118.0.x86_64.qcow2: 924581888 bytes",
            f"SHA256 (CentOS-Stream-GenericCloud-10-20241118.0.x86_64.qcow2) = {OTHER['sha256']}",
            "# CentOS-Stream-GenericCloud-10-latest.x86_64.qcow2: 924581888 bytes",
            f"SHA256 (CentOS-Stream-GenericCloud-10-latest.x86_64.qcow2) = {IMAGE['sha256']}",
        ),
    ),
    "Fedora": (
        "Fedora-Cloud-Base-Generic-41-1.4.x86_64.qcow2",
        "Fedora-Cloud-41-1.4-x86_64-CHECKSUM",
        "sha256",
        listing(
            "-----BEGIN PGP SIGNED MESSAGE-----",
            "Hash: SHA256",
            "",
            "# Fedora-Cloud-Base-AmazonEC2-41-1.4.x86_64.raw.xz: 427069292 bytes",
            f"SHA256 (Fedora-Cloud-Base-AmazonEC2-41-1.4.x86_64.raw.xz) = {OTHER['sha256']}",
            "# Fedora-Cloud-Base-Generic-41-1.4.x86_64.qcow2: 491716608 bytes",
            f"SHA256 (Fedora-Cloud-Base-Generic-41-1.4.x86_64.qcow2) = {IMAGE['sha256']}",
            *SIGNATURE,
        ),
    ),
    "openSUSE": (
        "openSUSE-Leap-15.6-Minimal-VM.x86_64-Cloud.qcow2",
        "openSUSE-Leap-15.6-Minimal-VM.x86_64-Cloud.qcow2.sha256",
        "sha256",
        listing(f"{IMAGE['sha256']}  openSUSE-Leap-15.6-Minimal-VM.x86_64-15.6.0-Cloud-Build16.21.qcow2"),
    ),
    "NixOS": (
        "latest-nixos-minimal-x86_64-linux.iso",
        "latest-nixos-minimal-x86_64-linux.iso.sha256",
        "sha256",
        listing(f"{IMAGE['sha256']}  nixos-minimal-24.11.710087.9ecb50d2fae8-x86_64-linux.iso"),
    ),
    "Arch": (
        "Arch-Linux-x86_64-cloudimg.qcow2",
        "Arch-Linux-x86_64-cloudimg.qcow2.SHA256",
        "sha256",
        listing(f"{IMAGE['sha256']}  Arch-Linux-x86_64-cloudimg.qcow2"),
    ),
    "Flatcar": (
        "flatcar_production_openstack_image.img.gz",
        "flatcar_production_openstack_image.img.gz.DIGESTS",
        "sha512",
        listing(
            "# MD5 HASH",
            f"{IMAGE['md5']}  flatcar_production_openstack_image.img.gz",
            "# SHA1 HASH",
            f"{IMAGE['sha1']}  flatcar_production_openstack_image.img.gz",
            "# SHA512 HASH",
            f"{IMAGE['sha512']}  flatcar_production_openstack_image.img.gz",
        ),
    ),
    "FreeBSD": (
        "FreeBSD-14.2-RELEASE-amd64-BASIC-CLOUDINIT.ufs.qcow2.xz",
        "CHECKSUM.SHA512-FreeBSD-14.2-RELEASE-amd64",
        "sha512",
        listing(
            f"SHA512 (FreeBSD-14.2-RELEASE-amd64-BASIC-CI.ufs.raw.xz) = {OTHER['sha512']}",
            f"SHA512 (FreeBSD-14.2-RELEASE-amd64-BASIC-CLOUDINIT.ufs.qcow2.xz) = {IMAGE['sha512']}",
        ),
    ),
    "cirros": (
        "cirros-0.6.3-x86_64-disk.img",
        "MD5SUMS",
        "md5",
        listing(
            f"{OTHER['md5']}  cirros-0.6.3-x86_64-blank.img",
            f"{IMAGE['md5']}  cirros-0.6.3-x86_64-disk.img",
        ),
    ),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_vendors_file_gives_the_digest_of_its_image(vendor: str) -> None:
    name, file, algorithm, text = VENDORS[vendor]
    beside = is_beside(file, (name,), algorithm)
    assert digest_in(text, (name,), algorithm, file, beside) == Digest(algorithm, IMAGE[algorithm])


@pytest.mark.parametrize("vendor", ["Ubuntu", "Debian", "AlmaLinux", "CentOS Stream", "Fedora", "Flatcar", "FreeBSD"])
def test_no_vendors_file_gives_a_digest_for_a_name_that_is_not_in_it(vendor: str) -> None:
    dummy, file, algorithm, text = VENDORS[vendor]
    assert digest_in(text, ("missing.qcow2",), algorithm, file) is None


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [f"_out/{NAME}", f"/srv/images/{NAME}", f"./a/../b/{NAME}", f"C:\\build\\{NAME}", f"a b/{NAME}"]
)
def test_a_name_in_folders_counts_by_its_last_part(name: str) -> None:
    for line in (f"{GOOD}  {name}", f"{GOOD} *{name}", f"SHA256 ({name}) = {GOOD}"):
        assert digest_in(listing(f"{BAD}  other", line), (NAME,), "sha256") == Digest("sha256", GOOD)


def test_the_name_itself_counts_before_names_in_folders() -> None:
    text = listing(f"{BAD}  old/{NAME}", f"{GOOD}  {NAME}", f"{BAD}  older/{NAME}")
    assert digest_in(text, (NAME,), "sha256") == Digest("sha256", GOOD)


@pytest.mark.parametrize(
    "text",
    [
        listing(f"{GOOD}  {NAME}", f"{BAD}  {NAME}"),
        listing(f"{GOOD}  {NAME}", f"SHA256 ({NAME}) = {BAD}"),
        listing(f"{GOOD}  a/{NAME}", f"{BAD}  b/{NAME}"),
        listing("# SHA256 HASH", f"{GOOD}  {NAME}", "# MD5 HASH", "# SHA256 HASH", f"{BAD}  {NAME}"),
    ],
)
def test_two_different_digests_are_an_error_and_not_the_first_one(text: str) -> None:
    with pytest.raises(DataError, match="^checksum: https://h/SUMS has 2 different sha256 checksums of") as caught:
        digest_in(text, (NAME,), "sha256", "https://h/SUMS")
    assert GOOD not in str(caught.value)
    assert BAD not in str(caught.value)


def test_the_same_digest_twice_is_one() -> None:
    text = listing(f"{GOOD}  {NAME}", f"{GOOD.upper()} *{NAME}", f"SHA256 ({NAME}) = {GOOD}")
    assert digest_in(text, (NAME,), "sha256") == Digest("sha256", GOOD)


@pytest.mark.parametrize("text", [f"{GOOD}  -\n", f"{GOOD} *-\n", f"SHA256 (-) = {GOOD}\n", f"SHA256(-)= {GOOD}\n"])
def test_the_digest_of_standard_input_counts_if_nothing_else_is_in_the_file(text: str) -> None:
    assert digest_in(text, (NAME,), "sha256") == Digest("sha256", GOOD)
    assert digest_in(text + f"{BAD}  other\n", (NAME,), "sha256") is None


# --- files that are about one image ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "algorithm"),
    [
        (".sha256", "sha256"),
        (".SHA256", "sha256"),
        (".sha512", "sha512"),
        (".sha256sum", "sha256"),
        (".SHA256SUMS", "sha256"),
        (".CHECKSUM", "sha256"),
        (".CHECKSUM", "md5"),
        (".md5", "md5"),
    ],
)
def test_a_file_with_the_name_of_the_image_and_an_ending_is_about_it(ending: str, algorithm: str) -> None:
    assert is_beside(f"{NAME}{ending}", (NAME,), algorithm)


@pytest.mark.parametrize(
    "name", [NAME, f"{NAME}.sha512", f"{NAME}.asc", f"x{NAME}.sha256", f"{NAME}x.sha256", "SHA256SUMS", ".sha256", ""]
)
def test_another_file_is_not_about_one_image(name: str) -> None:
    assert not is_beside(name, (NAME, ""), "sha256")


@pytest.mark.parametrize(
    "text",
    [
        listing(f"{GOOD}  another-name.qcow2"),
        listing("# made by hand", f"{GOOD} *another-name.qcow2"),
        listing(f"MD5 (another) = {GOOD[:32]}", f"SHA256 (another) = {GOOD}"),
        listing(f"{GOOD}  -"),
    ],
)
def test_a_single_digest_beside_the_image_counts_whatever_name_stands_in_it(text: str) -> None:
    assert digest_in(text, (NAME,), "sha256", beside=True) == Digest("sha256", GOOD)


@pytest.mark.parametrize("text", [listing(f"{GOOD}  a", f"{BAD}  b"), listing(f"{GOOD[:40]}  a"), "", "<html></html>"])
def test_beside_the_image_nothing_is_guessed_either(text: str) -> None:
    assert digest_in(text, (NAME,), "sha256", beside=True) is None


# --- sections and signatures -------------------------------------------------------------------------------------


def test_a_section_says_which_of_two_algorithms_of_one_length_its_digests_have() -> None:
    value = {algorithm: hexdigest(algorithm, b"x") for algorithm in ("sha512", "blake2b")}
    text = listing("# BLAKE2B HASH", f"{value['blake2b']}  {NAME}", "# SHA512 HASH", f"{value['sha512']}  {NAME}")
    for algorithm, digest in value.items():
        assert digest_in(text, (NAME,), algorithm) == Digest(algorithm, digest)


def test_only_what_is_signed_counts_in_a_signed_file() -> None:
    signed = ("-----BEGIN PGP SIGNED MESSAGE-----", "Hash: SHA512", "", f"{GOOD}  {NAME}", *SIGNATURE)
    text = listing(f"{BAD}  {NAME}", *signed, f"{BAD}  {NAME}")
    assert digest_in(text, (NAME,), "sha256") == Digest("sha256", GOOD)
    assert digest_in(listing(f"{GOOD}  {NAME}", "-----BEGIN PGP SIGNED MESSAGE-----"), (NAME,), "sha256") is None
