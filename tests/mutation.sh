#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scripts/mutation on three mutants of its own: one that a property kills, one that
# no test can tell from the library, and one that never ends.
#
#   tests/mutation.sh DIRECTORY
set -euo pipefail

dir=$1
cd "$(dirname "$0")/.."
rm -rf "$dir/patches"
mkdir -p "$dir/patches"

fail()
{
    echo "mutation.sh: $*"
    exit 1
}

# mutant NAME SED-SCRIPT: a patch of src/arch/x86.c.
mutant()
{
    local patch=$dir/patches/$1.patch
    sed "$2" src/arch/x86.c >"$dir/x86.c"
    ! cmp -s src/arch/x86.c "$dir/x86.c" || fail "$1 changes nothing"
    {
        printf 'What: %s\nTarget: registers\nKind: access-rule\n\n' "$1"
        diff -u --label a/src/arch/x86.c --label b/src/arch/x86.c \
            src/arch/x86.c "$dir/x86.c" || true
    } >"$patch"
}

# run WANTED NAME...: measures, with that exit status.
run()
{
    local want=$1 status=0
    shift
    scripts/mutation replay --patches "$dir/patches" --targets registers \
        --build "$dir/build" --count 0 --law 60 --slack 1 "$@" \
        >"$dir/said" 2>"$dir/errors" || status=$?
    [ "$status" = "$want" ] ||
        { cat "$dir/said" "$dir/errors"; fail "$*: status $status, not $want"; }
}

# says PATTERN: that the output has a line like it.
says()
{
    grep -Eq "$1" "$dir/said" || { cat "$dir/said"; fail "no line like $1"; }
}

mutant dies '/PTW_X86_SMEP) != 0/s/!= 0/== 0/'
mutant lives 's/bool user_page = (rights & PTW_USER) != 0;/bool user_page = (rights \& PTW_USER) == PTW_USER;/'
mutant stays '/^    if (access->shadow_stack) {/i\    if (access->user && user_page) {\n        for (;;) {\n        }\n    }'

run 1
says '^3 +1 +3 +33\.3 % +1 +0 +0 +1 +0 +[0-9]+ +[0-9]+$'
says '^lives	lives	[0-9]+ inputs$'
says '^stays	stays	[0-9]+ inputs, too slow$'
grep -q '^mutation: 33.3 % is less than the goal, 98 %$' "$dir/errors" ||
    fail "the goal that is missed is not named"
grep -q '^dies	access-rule	property	fuzz/corpus/registers/' \
    "$dir/build/replay.tsv" || fail "what killed is not kept"
run 0 --goal 50 dies
says '^1 +1 +1 +100\.0 % +1 '
run 1 lives
says '^1 +0 +1 +0\.0 % '
run 2 nobody

# A pointer to a function goes on to whichever version of a function runs.
mkdir -p "$dir/pointer"
rm -rf "$dir/tree"
sed '/^void source_each_file(/,/^}/s/s->file >= 0/s->file > 0/' src/cli/source.c \
    >"$dir/source.c"
{
    printf 'What: pointer\nTarget: cli\nKind: command\n\n'
    diff -u --label a/src/cli/source.c --label b/src/cli/source.c \
        src/cli/source.c "$dir/source.c" || true
} >"$dir/pointer/pointer.patch"
scripts/mutant-sources --patches "$dir/pointer" "$dir/tree" >"$dir/said"
grep -q 'source_each_file_m1(s, each); return;' "$dir/tree/src/cli/source.c" ||
    fail "a pointer to a function is not passed on"

# An input that the project has no more is not measured.
echo gone >"$dir/tree/fuzz/corpus/decode/gone"
scripts/mutant-sources --patches "$dir/pointer" "$dir/tree" >"$dir/said"
diff -rq fuzz/corpus "$dir/tree/fuzz/corpus" >"$dir/said" ||
    fail "the copy has other corpora than the project: $(cat "$dir/said")"
[ -s "$dir/tree/mutants.tsv" ] || fail "the copy has no mutants any more"

# What is made a size is the distance of two pointers, which have no sum.
(cd scripts && python3 -B - <<'END') || fail "a sum of two pointers is made"
import mutant_operators as m


class Function:
    body = "{ n = (size_t)(end - at); k = (size_t)(f(n - 1)) - 2; }"

    def type(self):
        return "void"


made = [c[2] for c in m.candidates(Function(), {}) if c[0] == "operator"]
assert not any("end + at" in b for b in made), made
assert any("n + 1" in b for b in made) and any(" + 2" in b for b in made), made
END
