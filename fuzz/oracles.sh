#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Switches the oracles of a target that is made to fail:
#
#   fuzz/oracles.sh REPLAY_TOY INPUT_TEXT FUZZ DIRECTORY
set -euo pipefail

replay=$1
text=$2
fuzz=$3
dir=$4
mkdir -p "$dir"
export PTW_REPLAY_QUIET=1

fail()
{
    echo "oracles.sh: $*"
    exit 1
}

# What is said of input NAME with options: its cause, or "passes".
says()
{
    local name=$1 cause
    shift
    cause=$("$replay" "$@" "$dir/$name" 2>&1 | sed -n 's/^cause: //p' || true)
    echo "${cause:-passes}"
}

expect()
{
    local want=$1 is
    shift
    is=$(says "$@")
    [ "$is" = "$want" ] || fail "$*: '$is', not '$want'"
}

printf '%s\n' 'header version=1' chain 'edit pages=9' |
    "$text" make >"$dir/map"
printf '%s\n' 'header version=1' chain 'edit do=unmap pages=9' |
    "$text" make >"$dir/unmap"

asked='asked: toy: an edit of * pages'
status='status: toy: an unmap of * pages'
law='law: toy: * pages are many'
expect "$asked" map
expect "$asked" map --oracles=all
expect "$asked" map --oracles=asked
expect "$asked" map --oracles=law,all
# What is switched off is ignored, and the run goes on.
expect "$law" map --oracles=all,-asked
expect "$law" map --oracles=-asked
expect "$law" map --oracles=law,status
expect "$law" map --brief --oracles=law
expect "$status" unmap --oracles=-asked
# ... unless it can't: the input ends.
expect passes unmap --oracles=all,-asked,-status
expect passes unmap --oracles=law
expect passes map --oracles=all,-law,-asked
expect passes map --oracles=resume
export FZ_ORACLES=-asked
expect "$law" map
FZ_ORACLES=resume
expect passes map
expect "$asked" map --oracles=asked # the option is nearer
unset FZ_ORACLES

# A list that is wrong is refused, by what is wrong in it.
for list in '' asked,nothing all,-nothing 'asked,' ask -all; do
    status=0
    "$replay" "--oracles=$list" "$dir/map" 2>"$dir/said" || status=$?
    [ "$status" = 2 ] || fail "--oracles=$list: status $status"
    grep -q -- "--oracles=$list: '.*' begins with no oracle" "$dir/said"
    status=0
    FZ_ORACLES=$list "$replay" "$dir/map" 2>"$dir/said" || status=$?
    [ "$status" = 2 ] || fail "FZ_ORACLES=$list: status $status"
done

# The names are unlike each other, and README.md has them all, and no others.
"$replay" --list-oracles >"$dir/list"
[ "$(cut -f 1 "$dir/list" | sort -u | wc -l)" = "$(wc -l <"$dir/list")" ]
if grep -qvP '^[a-z]+(-[a-z]+)*\t\S' "$dir/list"; then
    fail "a line of --list-oracles has another form"
fi
# shellcheck disable=SC2016 # the backquotes are README.md's
sed -n '/^## Oracles/,/^## Targets/s/^| `\([a-z-]*\)` | \(.*\) | [^|]* |$/\1\t\2/p' \
    "$fuzz/README.md" | diff - "$dir/list" || fail "README.md has other oracles"

# The line of the check is named.
line=$(grep -n 'fz_fail(ASK_ASKED' "$fuzz/toy.c" | cut -d : -f 1)
{
    "$replay" "$dir/map" >"$dir/said" 2>&1 || true
} 2>/dev/null # the shell says it of a command that aborts
grep -qx "checked: asked, fuzz/toy.c:$line" "$dir/said" ||
    fail "the line of the check is not named"
