#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# screenshots.sh [PAGE...]: pictures of the pages of .build/docs as a browser shows them, wide and narrow, in
# .build/screenshots; of all pages if none is named. Wants chromium (CHROMIUM names it). To be looked at by hand.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
site=$root/.build/docs shots=$root/.build/screenshots
chromium=${CHROMIUM:-chromium}
command -v "$chromium" > /dev/null || { echo "No $chromium here: install it, or name a browser in CHROMIUM." >&2 && exit 1; }

profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
mkdir -p "$shots"
[ $# -gt 0 ] || mapfile -t < <(cd "$site" && find . -name '*.html' ! -name genindex.html ! -name search.html -printf '%P\n' | sort)
for page in "${@:-${MAPFILE[@]}}"; do
    for size in 1400,3000 390,6000; do
        picture=$shots/$(basename "$page" .html)-${size%,*}.png
        "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
            --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$profile" \
            --window-size="$size" --screenshot="$picture" "file://$site/$page" > /dev/null 2>&1
        echo "$picture"
    done
done
