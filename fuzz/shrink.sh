#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shrinks an input of a target that is made to fail:
#
#   fuzz/shrink.sh SHRINK_TOY INPUT_TEXT DIRECTORY
set -euo pipefail

shrink=$1
text=$2
dir=$3
mkdir -p "$dir"
"$text" make >"$dir/in" <<'T'
header version=1 regime=amd64 seed=5 skew=3
edit pages=9 rights=read+write
region base=20 pages=47
root page=3
chain page=2 links=255 flags=present+write+user
entry page=4 index=7 flags=present
edit do=unmap pages=2
edit do=protect root=1 first=3 pages=9 rights=read+write
raw page=3 is=1
T
"$shrink" "$dir/in" "$dir/out" >"$dir/said"
grep -qF 'cause: asked: toy: an edit of * pages' "$dir/said"
"$text" print "$dir/out" >"$dir/text"
diff - "$dir/text" <<'T'
header version=1 regime=amd64
chain
edit pages=9
T
# What does not fail is not made small, and nothing is written.
"$text" make >"$dir/good" <<'T'
header version=1
chain
edit pages=3
T
rm -f "$dir/none"
status=0
"$shrink" "$dir/good" "$dir/none" 2>"$dir/said" || status=$?
[ "$status" = 1 ] && [ ! -e "$dir/none" ]
grep -q 'does not fail' "$dir/said"
