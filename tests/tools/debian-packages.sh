#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Installs the packages of Debian that some checks need, if they are missing, and says what is skipped if it cannot:
# qemu-utils: an image service that converts what it imports
# chromium: a browser for the report page (make page), and a font for it
# podman, crun, mmdebstrap and so on: the execution environment, really built (make ee)
set -euo pipefail
packages=(qemu-utils chromium fonts-dejavu-core podman buildah crun mmdebstrap uidmap catatonit)
missing=()
for package in "${packages[@]}"; do
    dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2> /dev/null | grep -q '^ii' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

apt=(apt-get --option DPkg::Lock::Timeout=300 --option Dpkg::Use-Pty=0 --quiet=2)
export DEBIAN_FRONTEND=noninteractive
echo "Installing ${missing[*]}"
if ! { "${apt[@]}" update && "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"; } > /dev/null 2>&1 < /dev/null; then
    echo "could not be installed: ${missing[*]}. The checks that need them are skipped and say so." >&2
fi
