#!/usr/bin/env bash
# Runs every ```sh block of README.md, in order, in one bash, and holds the output against the block shown after it.
#
#   EPOCHD_URL=http://127.0.0.1:8080 tests/readme.sh [BINARY]
#
# Blocks behind a line «<!-- not run: … -->» are left out. What differs from run to run is compared by shape: ids, times,
# and the digits of numbers behind the second place; «…» stands for anything.
set -euo pipefail
cd "$(dirname "$0")/.."
export EPOCHD_URL=${EPOCHD_URL:-http://127.0.0.1:8080}
# The commands are those of the binary, of the release build if none is named.
PATH=$(realpath "$(dirname "${1:-target/release/epochd}")"):$PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Where --local has its state.
export EPOCHD_DATA_DIR=$work/state

# A second run finds the models and the data sets of the first.
for model in xor xor-copy penguins birds command-line; do
    curl -sS -o /dev/null -X DELETE "$EPOCHD_URL/models/$model"
done
for dataset in penguins penguins-before penguins-2009 by-year birds command-line; do
    curl -sS -o /dev/null -X DELETE "$EPOCHD_URL/datasets/$dataset"
done

# script: the commands, each block's output into a file of its own; shown.N: what the README shows for block N.
awk -v work="$work" '
    /^<!-- not run/ { skip = 1 }
    /^```sh/ { inside = 1; if (!skip) { block++; print "{" > (work "/script") } next }
    /^```(json|text)/ { shown = 1; next }
    /^```/ { if (inside && !skip) print "} >" work "/got." block > (work "/script"); if (inside) skip = 0; inside = shown = 0; next }
    inside && !skip { print > (work "/script") }
    shown { print > (work "/shown." block) }
' README.md
bash -euo pipefail "$work/script"

# Ids, times and late digits are taken out of both sides.
plain() {
    sed -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/ID/g; s/[0-9]{4}-[0-9-]+T[0-9:.]+Z/TIME/g; s/([0-9]\.[0-9]{2})[0-9]+/\1/g' "$1"
}

checked=0
for shown in "$work"/shown.*; do
    got=$work/got.${shown##*.}
    checked=$((checked + 1))
    line=0
    while IFS= read -r expected; do
        line=$((line + 1))
        actual=$(plain "$got" | sed -n "${line}p")
        # shellcheck disable=SC2053 # the pattern is meant: … stands for anything
        if [[ $expected == *…* ]]; then [[ $actual == ${expected%%…*}* ]] && continue; fi
        [[ $actual == "$expected" ]] && continue
        printf 'README.md shows\n  %s\nbut the command printed\n  %s\n' "$expected" "$actual" >&2
        exit 1
    done < <(plain "$shown")
done
((checked >= 24)) || { echo 'README.md shows too few outputs' >&2; exit 1; }
echo "README: $checked outputs as shown"
