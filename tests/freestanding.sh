#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The core needs nothing of its host but four functions, has no writable data,
# and does not call itself.  Usage: freestanding.sh CC SOURCE_DIR SCRATCH_DIR
set -uo pipefail
cc=$1
source=$2
scratch=$3
mkdir -p "$scratch"
. "$(dirname "$0")/check.sh"

# ok NAME WHAT: passes when there is nothing to say.
ok()
{
    check "$1: $2" test -z "$2"
}

objects=()
mapfile -t sources < <(find "$source/src" -name '*.c' ! -path '*/src/cli/*' |
    sort)
for c in "${sources[@]}"; do
    name=${c#"$source"/src/}
    o=$scratch/${name//\//-}.o
    if "$cc" -std=c11 -O2 -DNDEBUG -ffreestanding -fno-pic -fno-stack-protector \
        -I "$source/include" -I "$source/src" -c "$c" -o "$o"; then
        objects+=("$o")
    else
        ok "$c" "does not compile freestanding"
    fi
done
ok "objects" "$([ ${#objects[@]} -ge 8 ] || echo "only ${#objects[@]}")"

defined=$(nm -g --defined-only "${objects[@]}" | awk 'NF == 3 { print $3 }' | sort -u)
needed=$(nm -u "${objects[@]}" | awk '$1 == "U" { print $2 }' | sort -u |
    grep -vxF "$defined" | grep -vxE 'memcpy|memset|memcmp|_GLOBAL_OFFSET_TABLE_')
ok "functions of the host" "$needed"
ok "writable data" "$(nm "${objects[@]}" | awk '$2 ~ /^[bBdDcC]$/')"
ok "exported names" "$(printf '%s\n' "$defined" | grep -v '^ptw_')"

# Recursion: the graph of calls between functions has no cycle (tsort finds
# one).
for o in "${objects[@]}"; do
    objdump -dr --no-show-raw-insn "$o" | awk '
        /^[0-9a-f]+ <.*>:$/ { gsub(/[<>:]/, "", $2); from = $2; next }
        /\<(call|jmp)\>/ && match($0, /<[a-zA-Z_][a-zA-Z_0-9.]*>/) {
            print from, substr($0, RSTART + 1, RLENGTH - 2) }
        /R_X86_64_(PLT32|PC32)/ && match($0, /[a-zA-Z_][a-zA-Z_0-9.]*-0x/) {
            print from, substr($0, RSTART, RLENGTH - 3) }'
done | sort -u >"$scratch/calls"
ok "calls" "$([ -s "$scratch/calls" ] || echo "none found")"
ok "recursion" "$(awk '$1 == $2' "$scratch/calls"
    awk '$1 != $2' "$scratch/calls" | tsort 2>&1 >/dev/null)"

finish
