#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# build-folder.sh use FOLDER: lets .build lead to this folder, and prints `ok` or why not.
# build-folder.sh remove: removes .build, and the folder that it leads to.
# The checks remove what lies in .build, so that it leads only to a folder that was new or empty. A marker says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$(pwd -P) marker=.pcd-build

refuse() {
    echo "$1" >&2
    exit 1
}

use() {
    local folder content
    folder=$(realpath -m -- "$1")
    case $folder in
        "$root/.build") echo ok && return ;; # what it is without BUILD
        "$root" | "$root"/*) refuse "BUILD=$1 is within the clone, and git would take its files. Name a folder outside of it" ;;
    esac
    if [ -e .build ] && [ ! -L .build ]; then
        refuse "BUILD=$1: .build is a folder. Run make clean first, so that .build can lead to $1"
    fi
    mkdir -p -- "$folder"
    if [ ! -e "$folder/$marker" ]; then
        content=$(ls -A -- "$folder")
        if [ -n "$content" ]; then
            refuse "BUILD=$1 holds files that make has not written and could remove. Name a new folder or an empty one"
        fi
        touch -- "$folder/$marker"
    fi
    ln -sfn -- "$folder" .build
    echo ok
}

remove() {
    local folder
    if [ -L .build ]; then
        folder=$(realpath -m .build)
        if [ -e "$folder" ] && [ ! -e "$folder/$marker" ]; then
            refuse ".build leads to $folder, which make has not made: nothing was removed. Remove the link (rm .build), and the folder if you do not need it"
        fi
        rm -rf -- "$folder"
    fi
    rm -rf .build
}

"$@"
