#!/usr/bin/env bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# test-core.sh: runs the checks on each line of ansible-core, on a Python that it needs, beside one sandbox for all, and
# prints one table. CORES and CHECKS name some of them: make test-core CORES='2.16.19 2.22.0rc1' CHECKS=integration
# What a check has to say lies in .build/core.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit

# The newest release of each line, and the Python that it runs on: the oldest one that the collection supports for the
# oldest line, and at least one line for every other.
lines=(2.16.19:3.10 2.17.14:3.11 2.18.19:3.11 2.19.14:3.11 2.20.10:3.12 2.21.5:3.13 2.22.0rc1:3.13)
read -ra checks <<< "${CHECKS:-units sanity integration}"
logs=.build/core
mkdir -p "$logs"

# python_of VERSION: a Python of this version, in PATH or among those of pyenv, that really starts.
python_of() {
    local candidate
    for candidate in "$(command -v "python$1")" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python3; do
        if "$candidate" -c '' 2> /dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# words_of CHECK CORE: what is said to the check beside its name.
words_of() {
    case $1:$2 in
        # It wants a release of astroid that is not on the package index.
        sanity:2.22.*) echo "--skip-test pylint" ;;
    esac
}

table=$(printf '%-12s %-7s' ansible-core Python && printf ' %-16s' "${checks[@]}")$'\n'
failed=()
for line in "${lines[@]}"; do
    core=${line%:*} version=${line#*:}
    case " ${CORES:-$core} " in *" $core "*) ;; *) continue ;; esac
    row=$(printf '%-12s %-7s' "$core" "$version")
    if python=$(python_of "$version"); then
        for check in "${checks[@]}"; do
            echo "== $core on Python $version: $check"
            log=$logs/$core-$check.log start=$SECONDS result=passed
            words=$(words_of "$check" "$core")
            if ! make --no-print-directory "$check" PYTHON="$python" ANSIBLE_CORE="$core" ARGS="$words" > "$log" 2>&1; then
                result=FAILED
                failed+=("$log")
            fi
            row+=$(printf ' %-16s' "$result, $((SECONDS - start)) s")
        done
    else
        row+=" no such Python here"
    fi
    table+=$row$'\n'
done

for log in "${failed[@]}"; do
    printf '\n== The end of %s\n' "$log"
    tail -n 40 "$log"
done
printf '\n%s' "$table"
[ ${#failed[@]} -eq 0 ]
