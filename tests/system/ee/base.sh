#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# base.sh IMAGE: makes a Debian of the release and from the mirror that this machine's apt uses, if IMAGE is not there. So no
# registry of images is asked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
image=$1 place=.build/ee packages=ca-certificates,python3,python3-venv,python3-pip
podman image exists "$image" && exit

# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
echo "Making a base image of Debian $release"
# shellcheck disable=SC2016 # apt-get fills these in
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    mmdebstrap --quiet --variant=minbase --include="$packages" "$release" "$place/base.tar" -
podman import --quiet "$place/base.tar" "$image" > /dev/null 2>&1
rm "$place/base.tar"
