#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The HTML reference is made without a warning, and has every public name.  Usage: reference.sh SOURCE_DIR SCRATCH_DIR
set -uo pipefail
source=$(realpath "$1")
scratch=$2
. "$source/tests/check.sh"

if ! command -v doxygen >/dev/null; then
    echo "skipped: doxygen is not installed"
    exit 77
fi
rm -rf "$scratch"
check "no warning" "$source/scripts/reference" "$scratch"
scratch=$(realpath "$scratch")
check "each public name" test -z "$(comm -23 \
    <("$source/scripts/amalgamate" --names) \
    <(grep -hoE '<td class="memname">[^(]*' "$scratch"/*_8h.html |
        sed 's/<[^>]*>//g; s/[ *]*$//; s/.*[ *]//' | sort -u) | tee /dev/stderr)"
check "the glossary" grep -q 'Glossary' "$scratch/index.html"
rm -rf "$scratch"

finish
