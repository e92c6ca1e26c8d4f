#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What was read last, where an input of a target fails that is made to fail:
#
#   fuzz/watch.sh REPLAY_TOY INPUT_TEXT DIRECTORY
set -euo pipefail

replay=$1
text=$2
dir=$3
mkdir -p "$dir"
export PTW_REPLAY_QUIET=1

# The input: tables at 100000 to 103000, and an edit that the toy looks up.
input()
{
    "$text" make >"$dir/in" <<T
header version=1 regime=$1 memory=$2
region base=20 pages=7
root page=0
chain page=0 links=0xff last=$3 flags=present+write+user
entry page=$(($3 - 1)) index=7 flags=present+user+accessed+no-exec to=5
raw page=$(($3 - 1)) index=8 is=$4
address name=1 i0=$5
edit do=$6 pages=9 first=1
T
}

# expect PATTERN: the last line of the reads, and that it is the last.
expect()
{
    {
        "$replay" --explain "$dir/in" >"$dir/words" 2>"$dir/said" || true
    } 2>/dev/null # the shell says it of a command that aborts
    sed -n '/^the last .* reads; /,$p' "$dir/said" >"$dir/reads"
    tail -n 1 "$dir/reads" | grep -qx -- "    $1" || {
        printf 'no line: %s\n' "$1"
        cat "$dir/said"
        exit 1
    }
}

for memory in callbacks borrow direct mixed; do
    input amd64 $memory 4 0 7 map
    expect 'table 103000 of level 0, entry 7: 8000000000105025, a leaf, 105000, r--u'
    head -n 2 "$dir/reads" | diff - <(
        echo "the last 4 of 4 reads; level 0 is that of the smallest pages:"
        echo "    table 100000 of level 3, entry 0: 0000000000101007, a table, 101000, rwxu"
    )
    grep -q '^cause: asked: toy: ' "$dir/said"
    input amd64 $memory 4 0x0010000000105027 8 map
    expect 'table 103000 of level 0, entry 8: 0010000000105027, a leaf, 105000, rwxu'
    input amd64 $memory 4 0 9 map
    expect 'table 103000 of level 0, entry 9: 0000000000000000, not present'
done
input amd64-la57 direct 5 0 7 map
expect 'table 104000 of level 0, entry 7: 8000000000105025, a leaf, 105000, r--u'
input sv39 borrow 3 6 8 map
expect 'table 102000 of level 0, entry 8: 0000000000000006, not present'
input i686 callbacks 2 0x105067 8 map
expect 'table 101000 of level 0, entry 8: 00105067, a leaf, 105000, rwxu'
# A table that refuses to be read.
input amd64 callbacks 4 0 7 map
printf 'refuse page=2\n' | cat <("$text" print "$dir/in") - | "$text" make >"$dir/in2"
mv "$dir/in2" "$dir/in"
expect 'table 102000 of level 1, entry 0: outside the memory offered'
# A crash: no property says so.
input amd64 direct 4 0 7 link
expect 'table 103000 of level 0, entry 7: 8000000000105025, a leaf, 105000, r--u'
if grep -q '^cause:' "$dir/said"; then
    echo "a crash has a cause"
    exit 1
fi
# What does not fail has none.
input amd64 direct 4 0 7 map
"$replay" --oracles=resume --explain "$dir/in" >"$dir/words" 2>"$dir/said"
if grep -q 'reads' "$dir/said" "$dir/words"; then
    echo "reads of an input that does not fail"
    exit 1
fi
