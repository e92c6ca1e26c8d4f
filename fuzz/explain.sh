#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Explains an input, and requires lines that match the patterns, in that order:
#
#   fuzz/explain.sh REPLAY FILE PATTERN...
set -euo pipefail

replay=$1
file=$2
shift 2
words=$("$replay" --explain "$file" 2>/dev/null)
mapfile -t lines <<<"$words"
at=0
for pattern; do
    while [ "$at" -lt "${#lines[@]}" ] && ! [[ ${lines[at]} =~ $pattern ]]; do
        at=$((at + 1))
    done
    if [ "$at" -eq "${#lines[@]}" ]; then
        printf 'no line (any more) that matches: %s\n%s\n' "$pattern" "$words"
        exit 1
    fi
    at=$((at + 1))
done
