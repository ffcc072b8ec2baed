#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# containers.sh COMMAND...: runs the command with podman set up so that its images and its state lie in .build/ee, apart from
# those of the machine, and so that it works on machines that are containers or virtual machines themselves:
# - crun refuses a machine with cgroup v1 if a hierarchy of v2 is mounted, too. It is unmounted, in a mount namespace of the
#   command only. Podman's own mounts are in that namespace as well and end with it.
# - Podman asks for higher limits than the caller may have. The caller's own are used.
# - The network is that of the machine: the sandbox listens on 127.0.0.1, and no bridge has to be made.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
place=$root/.build/ee
mkdir -p "$place/cni"

cat > "$place/storage.conf" << END
[storage]
driver = "overlay"
graphroot = "$place/storage"
runroot = "$place/run"
END
cat > "$place/containers.conf" << END
[containers]
netns = "host"
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "crun"
tmp_dir = "$place/run/libpod"
[network]
cni_config_dir = "$place/cni"
END
export CONTAINERS_STORAGE_CONF=$place/storage.conf CONTAINERS_CONF=$place/containers.conf

# shellcheck disable=SC2016 # it is expanded by the inner shell
exec unshare --mount --propagation private bash -c '
    unified=/sys/fs/cgroup/unified
    # what the kernel lists there has no size, so that test -s does not see it
    if grep -qs . "$unified/cgroup.controllers"; then umount "$unified"; fi
    [ -d /dev/mqueue ] || mkdir /dev/mqueue # ansible-navigator mounts it into its containers
    exec "$@"' containers "$@"
