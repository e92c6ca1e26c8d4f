#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the command does for people: maps shows what is shared once.
#
# usage: cli_people.sh PTWALK_BINARY SCRATCH_DIR
set -u
tests=$(realpath "$(dirname "$0")")
# shellcheck source=tests/cli_tools.sh
. "$tests/cli_tools.sh"

make_good good

# The same with a table outside the image and a reserved bit.
cp good bad
entries bad 3000 2=7fff0007 3=602087

# ------------------------------------------------------------------ maps folds

# A sanitizer's shadow: 32 entries of the root, each through one table a level to
# one page of zeros; and text above, again under other rights.
truncate -s 1M shadow
tables() {
    local i
    for ((i = 0; i < $3; i++)); do
        # shellcheck disable=SC2059
        printf "$2"
    done | dd of=shadow bs=4096 seek=$((0x$1 / 4096)) conv=notrunc status=none
}
tables 10000 '\x63\x10\x01\0\0\0\0\0' 512
tables 11000 '\x63\x20\x01\0\0\0\0\0' 512
tables 12000 '\x61\x30\x01\0\0\0\0\x80' 512
for ((i = 0; i < 512; i++)); do
    entries shadow 10000 $i=11063
    entries shadow 11000 $i=12063
done
for ((i = 472; i < 504; i++)); do
    entries shadow 1000 $i=10063
done
entries shadow 1000 0=2027 511=2023
entries shadow 2000 0=3027
entries shadow 3000 2=4027
entries shadow 4000 0=8067
try 'maps, a shadow' 0 0 maps "${amd64[@]}" shadow
prints <<'T'
# root 0 1000
0000000000400000-0000000000400fff      4K rwxu  4K mt0               8000
ffffec0000000000-ffffec0000000fff      4K r---  4K mt0              13000
ffffec0000001000-ffffec00001fffff    1.9M the 4K at ffffec0000000000 repeats 511 times
ffffec0000200000-ffffec003fffffff   1022M the 2M at ffffec0000000000 repeats 511 times
ffffec0040000000-ffffec7fffffffff    511G the 1G at ffffec0000000000 repeats 511 times
ffffec8000000000-fffffbffffffffff   15.5T the 512G at ffffec0000000000 repeats 31 times
ffffff8000400000-ffffff8000400fff      4K rwx-  4K mt0               8000
# root 0: 16.0T mapped, 8K of it writable, in 3 runs of 4294967298 leaves: 4294967298 of 4K; 15.9T of it not shown again
T
# Who asks for some leaves has them after as many reads as the distinct tables, 36,
# and the ways by which they are come to, 1,600, take: 2^32 entries map a page.
few=("${amd64[@]}" --reads 60000 --limit 100)
for filter in --writable --exec --wx --user '--pa 8000-8fff' --global '--size 2M'; do
    read -ra words <<<"$filter"
    wanted=('0000000000400000' 'ffffff8000400000')
    case $filter in
    --user) wanted=('0000000000400000') ;;
    --global | --size*) wanted=() ;;
    esac
    try "leaves $filter, a shadow" 0 0 leaves "${few[@]}" "${words[@]}" shadow
    check "$name: ${#wanted[@]} of them" [ "$(sed '1d; s/ .*//' out | xargs)" = \
        "${wanted[*]}" ]
    try "leaves --json $filter, a shadow" 0 0 leaves --json "${few[@]}" \
        "${words[@]}" shadow
    check "$name: ${#wanted[@]} of them" [ "$(jq -r 'select(.type == "leaf").va' out |
        xargs)" = "${wanted[*]}" ]
    for how in --all --fold --json; do
        try "maps $how $filter, a shadow" 0 0 maps $how "${few[@]}" "${words[@]}" \
            shadow
        check "$name: ${#wanted[@]} of them" [ "$(grep -oE \
            '^[0-9a-f]{16}|"first":"[0-9a-f]*' out | grep -oE '[0-9a-f]{16}' |
            xargs)" = "${wanted[*]}" ]
    done
done
# A table of which the range had a part is another matter when it has all of it.
cp --sparse=always shadow twice
entries twice 1000 511=2027
try 'leaves --wx, a part of a table before all of it' 0 0 leaves "${few[@]}" --wx \
    --range 401000-ffffffffffffffff twice
prints <<'T'
# root 0 1000
ffffff8000400000 8000 1000 r w x u
T
# The limit is of those that are told.
try 'leaves --pa, as far as it may' 1 1 leaves "${amd64[@]}" --pa 8000-8fff --limit 1 \
    shadow
prints <<'T'
# root 0 1000
0000000000400000 8000 1000 r w x u
T
# A part of a run is global if it is, whatever the run begins with.
cp --sparse=always shadow mixed
entries mixed 4000 0=8167 1=9067
try 'maps --json --pa, global' 0 0 maps --json "${amd64[@]}" --range 400000-401fff \
    --pa 9000-9fff mixed
json '.[0] | .pa == "9000" and (.global == false)'
# Of a run of both kinds nothing is said, unless it is asked: then it is two.
try 'maps --json, a run that is global in part' 0 0 maps --json "${amd64[@]}" \
    --range 400000-401fff mixed
json '(.[0].leaves == 2) and (.[0] | has("global") | not)'
try 'maps --json --attributes, global in part' 0 1 maps --json --attributes \
    "${amd64[@]}" --range 400000-401fff mixed
json '[.[] | select(.type == "run") | .global] == [true, false]'
try 'maps --fold --json, a shadow' 0 0 maps --fold --json "${amd64[@]}" shadow
json '[.[] | .type] ==
    ["run", "run", "again", "again", "again", "again", "run", "total"]'
json '.[5] == {type: "again", root: 0, first: "ffffec8000000000",
    last: "fffffbffffffffff", of_root: 0, of: "ffffec0000000000",
    bytes: 549755813888, times: 31, every: 549755813888}'
printf '1000 shadow\n' >labelled
try 'maps --fold --json, a label' 0 0 maps --fold --json --regime amd64 \
    --roots labelled shadow
json '[.[] | select(.type == "again") | .label] == ["shadow", "shadow", "shadow",
    "shadow"]'
json '.[7] | .runs == 3 and .leaves == 4294967298 and
    .bytes == 4294967298 * 4096 and .folded_bytes == 4294967295 * 4096 and
    .writable_bytes == 8192 and .complete'
try 'maps --json, every run, as far as it may' 1 1 maps --json "${amd64[@]}" \
    --limit 1000 shadow
json '[.[] | select(.type == "run")] | length == 1000'

# The interpreter itself: what is found first may be a script that looks for it.
python=$(python3 -c 'import sys; print(sys.executable)')
# unfolds ARGS...: what maps shows stands for what maps --all shows.
unfolds() {
    "$ptwalk" maps "$@" >folded 2>/dev/null
    "$ptwalk" maps --all "$@" >all 2>/dev/null
    "$python" "$tests/unfold.py" folded >folded.u &&
        "$python" "$tests/unfold.py" all >all.u &&
        [ -s all.u ] && diff folded.u all.u
}
for range in ffffec0000000000-ffffec00000fffff \
    ffffec00001ff000-ffffec0000601fff ffffec003fc00000-ffffec0040800000; do
    check "the shadow, unfolded, $range" unfolds "${amd64[@]}" shadow \
        --range $range
done

# A table twice under the same rights and once under others, a page that comes
# every 64K, a second root that has the same and more, and the first one again.
truncate -s 64K shared
entries shared 1000 0=2067 1=2067 2=2065 3=9067
entries shared 9000 0=2067 511=3063
entries shared 2000 0=3067
entries shared 3000 0=4067 1=4067 5=4067 9=4067
entries shared 4000 1=f067 17=f067 33=f067 49=f067 65=f065 100=a067 101=c067 \
    200=f067 201=e067
entries shared 6000 0=2067 1=2067 7=2067 256=4000000000000067
entries shared 7000 300=2063 301=9063
roots=(--regime amd64 --root 1000 --root 6000 --root 7000 --root 1000)
try 'maps, what is shared' 0 1 maps "${roots[@]}" shared
prints <<'T'
# root 0 1000
0000000000001000-0000000000001fff      4K rwxu  4K mt0               f000
0000000000011000-0000000000031fff    132K the 4K at 0000000000001000 repeats 3 times, every 64K
0000000000041000-0000000000041fff      4K r-xu  4K mt0               f000
0000000000064000-0000000000064fff      4K rwxu  4K mt0               a000
0000000000065000-0000000000065fff      4K rwxu  4K mt0               c000
00000000000c8000-00000000000c8fff      4K rwxu  4K mt0               f000
00000000000c9000-00000000000c9fff      4K rwxu  4K mt0               e000
0000000000200000-00000000013fffff     18M the 2M at 0000000000000000 repeats 3 times, every 8M
0000008000000000-000000ffffffffff    512G as the 512G at 0000000000000000
0000010000001000-0000010000001fff      4K r-xu  4K mt0               f000
0000010000011000-0000010000041fff    196K the 4K at 0000010000001000 repeats 4 times, every 64K
0000010000064000-0000010000064fff      4K r-xu  4K mt0               a000
0000010000065000-0000010000065fff      4K r-xu  4K mt0               c000
00000100000c8000-00000100000c8fff      4K r-xu  4K mt0               f000
00000100000c9000-00000100000c9fff      4K r-xu  4K mt0               e000
0000010000200000-00000100013fffff     18M the 2M at 0000010000000000 repeats 3 times, every 8M
0000018000000000-0000018000000fff      4K rwxu  4K mt0               4000
0000018000001000-0000018000001fff      4K rwxu  4K mt0               4000
0000018000005000-0000018000005fff      4K rwxu  4K mt0               4000
0000018000009000-0000018000009fff      4K rwxu  4K mt0               4000
000001ffc0001000-000001ffc0001fff      4K rwx-  4K mt0               f000
000001ffc0011000-000001ffc0031fff    132K the 4K at 000001ffc0001000 repeats 3 times, every 64K
000001ffc0041000-000001ffc0041fff      4K r-x-  4K mt0               f000
000001ffc0064000-000001ffc0064fff      4K rwx-  4K mt0               a000
000001ffc0065000-000001ffc0065fff      4K rwx-  4K mt0               c000
000001ffc00c8000-000001ffc00c8fff      4K rwx-  4K mt0               f000
000001ffc00c9000-000001ffc00c9fff      4K rwx-  4K mt0               e000
000001ffc0200000-000001ffc13fffff     18M the 2M at 000001ffc0000000 repeats 3 times, every 8M
# root 0: 592K mapped, 400K of it writable, in 21 runs of 148 leaves: 148 of 4K; 508K of it not shown again
# root 1 6000
0000000000000000-000000ffffffffff      1T the 512G at 0000000000000000 of root 0 repeats 2 times
0000038000000000-000003ffffffffff    512G as the 512G at 0000000000000000 of root 0
# root 1: 432K mapped, 384K of it writable, in 0 runs of 108 leaves: 108 of 4K; 432K of it not shown again
# root 2 7000
ffff960000000000-ffff96003fffffff      1G as the 1G at 000001ffc0000000 of root 0
ffff968000000000-ffff968000000fff      4K rwx-  4K mt0               4000
ffff968000001000-ffff968000001fff      4K rwx-  4K mt0               4000
ffff968000005000-ffff968000005fff      4K rwx-  4K mt0               4000
ffff968000009000-ffff968000009fff      4K rwx-  4K mt0               4000
ffff96ffc0000000-ffff96ffffffffff      1G as the 1G at 000001ffc0000000 of root 0
# root 2: 304K mapped, 272K of it writable, in 4 runs of 76 leaves: 76 of 4K; 288K of it not shown again
# root 3 1000
the same as root 0
# root 3: 592K mapped, 400K of it writable, in 0 runs of 148 leaves: 148 of 4K; 592K of it not shown again
T
check 'maps, what is shared, unfolded' unfolds "${roots[@]}" shared
for range in 0-201fff 1000-80001fffff 3000-8000a64fff; do
    check "maps, what is shared, unfolded, $range" unfolds "${roots[@]}" \
        shared --range $range
done

# What goes on as what was shown before does, up to where it would be itself.
truncate -s 64K again
entries again 1000 0=2067
entries again 2000 0=3067 1=4067 2=4067
entries again 3000 511=5067
entries again 4000 0=6067 511=5067
entries again 5000 0=8067 5=9065
entries again 6000 0=a067 3=b065
check 'maps, what goes on as itself' unfolds "${amd64[@]}" again
check 'maps, what goes on as itself: two lines' \
    [ "$(grep -c ' as the ' folded)" -eq 2 ]

# The two halves of the addresses are too far from each other for a distance.
truncate -s 64K halves
entries halves 1000 0=2067 1=2067 300=2067
entries halves 2000 0=3067 2=3067
entries halves 3000 0=4067
entries halves 4000 1=8067 5=9067
try 'maps, the same in both halves' 0 0 maps "${amd64[@]}" halves
check "$name: three lines" [ "$(grep -c ' as the ' out)" -eq 3 ]
try 'maps --json, the same in both halves' 0 0 maps --fold --json "${amd64[@]}" \
    halves
json 'all(.[]; .every == null or .every > 0)'

# ----------------------------------------------------- addresses, as they come
try 'translate, as debuggers print addresses' 0 0 translate "${amd64[@]}" good \
    'ffffffff`ffe01234' ffff_ffff_ffe0_1234 '0xffffffff`ffe01234'
prints <<'T'
ffffffffffe01234 9234 1000 r w x -
ffffffffffe01234 9234 1000 r w x -
ffffffffffe01234 9234 1000 r w x -
T
for value in '`1' '1`' '1``2' _ 1_ 0x_1 1K2 K 0x1K 17179869184T; do
    wrong "'$value' is not an address" translate "${amd64[@]}" good "$value"
done
try 'translate, a range' 1 0 translate "${amd64[@]}" good 1ff0-2ff0 2234+4K \
    201000+1 1M
prints <<'T'
0000000000001ff0 9ff0 1000 r w x -
0000000000002000 a000 1000 r w - u
0000000000002234 a234 1000 r w - u
0000000000003000 - pt not-present
0000000000201000 201000 200000 r w - u
0000000000100000 - pt not-present
T
try 'translate, a range up to the end of a page' 0 0 translate "${amd64[@]}" \
    good 1ff0+10 1ff0-1fff
prints <<'T'
0000000000001ff0 9ff0 1000 r w x -
0000000000001ff0 9ff0 1000 r w x -
T
try 'translate, a range of all' 3 1 translate --no-1g "${amd64[@]}" bad \
    0-ffffffffffffffff
says 'in 1 place, first the pt at 7fff0000 of root 0'
prints <<'T'
0000000000000000 8000 1000 r - x u
0000000000001000 9000 1000 r w x -
0000000000002000 a000 1000 r w - u
0000000000003000 - pt not-present
0000000000200000 200000 200000 r w - u
0000000000400000 - pt unreadable
0000000000600000 - pd reserved-bits
0000000000800000 - pd not-present
0000000040000000 - pdpt reserved-bits
0000000080000000 - pdpt not-present
0000008000000000 - pml4 not-present
0000800000000000 - - non-canonical
ffff800000000000 - pml4 not-present
ffffff8000000000 - pdpt not-present
ffffffffc0000000 - pd not-present
ffffffffffe00000 8000 1000 r - x -
ffffffffffe01000 9000 1000 r w x -
ffffffffffe02000 a000 1000 r w - -
ffffffffffe03000 - pt not-present
T
try 'translate --json, a range' 1 0 translate --json "${amd64[@]}" good \
    2800-ffffffffffe00fff
json 'map(.type == "translation") | all'
json '.[0] | .va == "0000000000002800" and .pa == "a800" and
    .last == "0000000000002fff"'
json '.[-1] | .va == "ffffffffffe00000" and .last == "ffffffffffe00fff"'
json '[.[] | select(.reason == "non-canonical")] == [{type: "translation",
    root: 0, va: "0000800000000000", last: "ffff7fffffffffff", mapped: false,
    reason: "non-canonical"}]'
printf ' 1234, 2000\t# two of them\n\n# none\n0xffffffff`ffe01234 1ff0+32\n' >asked
for order in 'good -' '- good'; do
    # shellcheck disable=SC2086
    try "translate, standard input, $order" 0 0 translate "${amd64[@]}" \
        $order <asked
    prints <<'T'
0000000000001234 9234 1000 r w x -
0000000000002000 a000 1000 r w - u
ffffffffffe01234 9234 1000 r w x -
0000000000001ff0 9ff0 1000 r w x -
0000000000002000 a000 1000 r w - u
T
done
try 'translate, arguments and standard input' 0 0 translate "${amd64[@]}" good \
    2abc - 1234 <<<2000
check "$name: in order" [ "$(cut -c 13-16 out | tr '\n' ' ')" = \
    '2abc 2000 1234 ' ]
wrong "line 2 of standard input: '12x' is not an address" \
    translate "${amd64[@]}" good - <<<$'12\n 12x 13'
wrong 'standard input, which - stands for, has no address' \
    translate "${amd64[@]}" good - <<<'# nothing'
wrong "line 1 of standard input: '2-1' ends before it starts" \
    translate "${amd64[@]}" good - <<<2-1
wrong "'2-1' ends before it starts" translate "${amd64[@]}" good 2-1
for range in '1+0 has no length' \
    'ffffffffffffffff+2 goes beyond the last address'; do
    wrong "'${range%% *}' ${range#* }" translate "${amd64[@]}" good \
        "${range%% *}"
    wrong "--range '${range%% *}' ${range#* }" leaves "${amd64[@]}" \
        --range "${range%% *}" good
done
wrong "'0-1' is a range: it takes single addresses" explain "${amd64[@]}" \
    good 0-1
try 'explain, several' 1 0 explain "${amd64[@]}" good 1234 - 2000 <<<7654321
check "$name: one after the other" [ "$(grep -o '^[0-9a-f]* in root' out)" = \
    $'0000000000001234 in root\n0000000007654321 in root\n0000000000002000 in root' ]
check "$name: a blank line between" [ "$(grep -c '^$' out)" -eq 2 ]
try 'explain --json, several' 1 0 explain --json "${amd64[@]}" good 1234 7654321
json '[.[] | [.type, .va, .outcome]] ==
    [["explanation", "0000000000001234", "mapped"],
    ["explanation", "0000000007654321", "not-present"]]'

# The same range in each form, and sizes with a unit.
"$ptwalk" leaves "${amd64[@]}" --range 1000-2fff good >ranged
for range in 1000+2000 1000+8K '0x10_00-2fff' 4K+8k '1000+0x2000'; do
    try "leaves --range $range" 0 0 leaves "${amd64[@]}" --range "$range" good
    check "$name: the same" diff ranged out
done
try 'leaves --range, an address' 0 0 leaves "${amd64[@]}" --range 1234 good
check "$name: one leaf" [ "$(wc -l <out)" -eq 2 ]
try 'leaves --segment, a length with a unit' 0 0 leaves "${amd64[@]}" \
    --segment 0:64K:0 good
check "$name: the same" diff <("$ptwalk" leaves "${amd64[@]}" good) out
wrong "--max-bytes '1X' is not a decimal number" compact "${amd64[@]}" \
    --max-bytes 1X -o out.raw good
try 'compact --max-bytes, with a unit' 1 1 compact "${amd64[@]}" \
    --max-bytes 1K -o out.raw good
says 'stopped at the limit of 1024 bytes for the new image'
# ------------------------------------------------------------------- filters
try 'leaves --writable' 0 0 leaves "${amd64[@]}" --writable good
check "$name" [ "$(grep -v '^#' out)" = "$("$ptwalk" leaves "${amd64[@]}" good |
    grep ' w ' | grep -v '^#')" ]
try 'leaves --wx' 0 0 leaves "${amd64[@]}" --wx good
prints <<'T'
# root 0 1000
0000000000001000 9000 1000 r w x -
0000000040000000 40000000 40000000 r w x -
ffffffffffe01000 9000 1000 r w x -
# outside 1 leaves
T
try 'leaves --user --exec' 0 0 leaves "${amd64[@]}" --user --exec good
prints <<'T'
# root 0 1000
0000000000000000 8000 1000 r - x u
T
try 'leaves --size' 0 0 leaves "${amd64[@]}" --size 2M good
prints <<'T'
# root 0 1000
0000000000200000 200000 200000 r w - u
# outside 1 leaves
T
try 'leaves --size, hexadecimal' 0 0 leaves "${amd64[@]}" --size 200000 good
check "$name: the same" [ "$(wc -l <out)" -eq 3 ]
wrong 'no page of this paging mode has that size' leaves "${amd64[@]}" \
    --size 8K good
wrong "--size '3' is not the size of a page" leaves "${amd64[@]}" --size 3 good
try 'leaves --pa' 0 0 leaves "${amd64[@]}" --pa 9fff-200000 good
prints <<'T'
# root 0 1000
0000000000001000 9000 1000 r w x -
0000000000002000 a000 1000 r w - u
0000000000200000 200000 200000 r w - u
ffffffffffe01000 9000 1000 r w x -
ffffffffffe02000 a000 1000 r w - -
# outside 1 leaves
T
try 'leaves --json --pa' 0 0 leaves --json "${amd64[@]}" --pa 9000 good
json '[.[] | select(.type == "leaf") | .pa] == ["9000", "9000"]'
wrong 'it has no option --wx' spaces "${amd64[@]}" --wx good

# PAT, PCD, PWT and G in all ways.
truncate -s 64K types
entries types 1000 0=2067
entries types 2000 0=3067
entries types 3000 0=4067
entries types 4000 0=8067 1=9067 2=a06f 3=b077 4=c07f 5=d0e7 6=e167 7=f167 8=8167 \
    9=906f
for way in '' --json; do
    for type in WB 0 wb; do
        # shellcheck disable=SC2086
        try "leaves --memory-type $type $way" 0 \
            "$([ $type = 0 ] && echo 0 || echo 1)" leaves $way "${amd64[@]}" \
            --memory-type $type types
        check "$name: those alone" [ "$(grep -c '000000000000[01678]000' out)" -eq 5 ]
    done
done
try 'leaves --memory-type, the name of two' 0 1 leaves "${amd64[@]}" \
    --memory-type wt --attributes types
says 'memory types are those of PAT after a reset, 0007040600070406: --pat says'
prints <<'T'
# root 0 1000
0000000000002000 a000 1000 r w x u WT -
0000000000009000 9000 1000 r w x u WT -
T
try 'leaves --pat' 0 0 leaves "${amd64[@]}" --pat 0407050600070106 \
    --memory-type WC types
prints <<'T'
# root 0 1000
0000000000002000 a000 1000 r w x u
0000000000009000 9000 1000 r w x u
T
try 'leaves --global --attributes' 0 0 leaves "${amd64[@]}" --global \
    --attributes --pat 0007040600070406 types
prints <<'T'
# root 0 1000
0000000000006000 e000 1000 r w x u WB global
0000000000007000 f000 1000 r w x u WB global
0000000000008000 8000 1000 r w x u WB global
T
for option in --all --fold; do
    try "maps $option --attributes" 0 1 maps "${amd64[@]}" $option --attributes \
        --range 0-1fffff types
    prints <<'T'
# root 0 1000
0000000000000000-0000000000001fff      8K rwxu  4K mt0               8000 WB
0000000000002000-0000000000002fff      4K rwxu  4K mt1               a000 WT
0000000000003000-0000000000003fff      4K rwxu  4K mt2               b000 UC-
0000000000004000-0000000000004fff      4K rwxu  4K mt3               c000 UC
0000000000005000-0000000000005fff      4K rwxu  4K mt4               d000 WB
0000000000006000-0000000000007fff      8K rwxu  4K mt0               e000 WB global
0000000000008000-0000000000008fff      4K rwxu  4K mt0               8000 WB global
0000000000009000-0000000000009fff      4K rwxu  4K mt1               9000 WT
# root 0: 40K mapped, 40K of it writable, in 8 runs of 10 leaves: 10 of 4K
T
    try "maps $option --global" 0 0 maps "${amd64[@]}" $option --global types
    check "$name: two runs" [ "$(grep -c ' mt0 ' out)" -eq 2 ]
    try "maps $option --memory-type" 0 0 maps "${amd64[@]}" $option \
        --memory-type 3 types
    prints <<'T'
# root 0 1000
0000000000004000-0000000000004fff      4K rwxu  4K mt3               c000
# root 0: 4K mapped, 4K of it writable, in 1 run of 1 leaf: 1 of 4K
T
done
# A run that goes on, though global in part: it is cut where that is asked for.
entries types 4000 10=a167 11=b067
try 'maps --attributes, a run in parts' 0 0 maps "${amd64[@]}" --attributes \
    --pat 0007040600070406 --range a000-bfff types
check "$name: two" [ "$(grep -c ' mt0 ' out)" -eq 2 ]
try 'maps, a run in parts' 0 0 maps "${amd64[@]}" --range a000-bfff types
check "$name: one" [ "$(grep -c ' mt0 ' out)" -eq 1 ]
try 'explain --pat' 0 0 explain "${amd64[@]}" --pat 0407050600070106 types 2000
check "$name" grep -q ', PAT index 1 (WC), ' out
try 'explain --json' 0 0 explain --json "${amd64[@]}" types 2000
json '.[0] | .memory_type_name == "WT" and .pat == "7040600070406" and
    .pat_assumed'
try 'leaves --json: no name that is not known' 0 0 leaves --json "${amd64[@]}" types
json 'all(.[]; .memory_type_name == null)'
wrong "--pat '2': each byte of it is 0, 1, 4, 5, 6 or 7" leaves "${amd64[@]}" \
    --pat 2 types
for type in '' X 8 U 10; do
    wrong "--memory-type '$type': there are UC, UC-, WC" leaves "${amd64[@]}" \
        --memory-type "$type" types
done
wrong 'this paging mode has none' leaves --regime bare --memory-type 0 types
wrong 'it has no option --global' spaces "${amd64[@]}" --global types
wrong 'it has no option --pat' translate "${amd64[@]}" --pat 0 types 0
wrong '--absent goes without' leaves "${amd64[@]}" --absent linux --global good
for command in 'leaves types' 'maps types' 'maps --fold types' 'explain types 0'; do
    # shellcheck disable=SC2086
    try "$command --json" 0 "$([[ $command = explain* ]] && echo 0 || echo 1)" \
        $command --json "${amd64[@]}" \
        $([[ $command = explain* ]] || echo --attributes)
    json 'all(.[]; .memory_type == null or .memory_type_name != null)'
done

# A run, of which the part is told that touches the range.
truncate -s 64K line
entries line 1000 0=2007
entries line 2000 0=3007
entries line 3000 0=4007
for ((i = 0; i < 16; i++)); do
    entries line 4000 $i=$(printf %x $((0x20000 + 0x1000 * i + 7)))
done
for option in --all --fold; do
    try "maps --pa $option" 0 0 maps "${amd64[@]}" $option --pa 22fff-25000 line
    check "$name: four pages" grep -qx \
        '0000000000002000-0000000000005fff     16K rwxu  4K mt0              22000 outside' out
    check "$name: the total" grep -q '^# root 0: 16K mapped, 16K .* 4 leaves' out
    for range in 1ffff 30000 0-1ffff; do
        try "maps --pa $range $option" 0 0 maps "${amd64[@]}" $option --pa \
            $range line
        check "$name: nothing" [ "$(wc -l <out)" -eq 2 ]
    done
    try "maps --user $option" 0 0 maps "${amd64[@]}" $option --user good
    check "$name" [ "$(grep -c '^[0-9a-f]*-' out)" -eq 3 ]
    check "$name: the totals" grep -q '^# root 0: 2.0M mapped, 2.0M of it' out
done
"$ptwalk" maps "${roots[@]}" --writable shared >folded
"$ptwalk" maps "${roots[@]}" --writable --all shared >all
check 'maps --writable, unfolded' diff <("$python" "$tests/unfold.py" folded) \
    <("$python" "$tests/unfold.py" all)
check 'maps --writable: something is left' grep -q ' rwxu ' all
check 'maps --writable: and nothing else' [ "$(grep -c ' r-x' all)" -eq 0 ]
"$ptwalk" leaves -j 1 "${amd64[@]}" --writable --size 4K good >one
"$ptwalk" leaves -j 3 "${amd64[@]}" --writable --size 4K good >three
check 'filters in threads' diff one three

# ------------------------------------------------ what is absent means something
truncate -s 64K absent
entries absent 8000 0=9027
entries absent 9000 0=a027
entries absent a000 2=b027 3=62
entries absent b000 0=c067 1=4166 2=fffffffffa120
try 'leaves --absent linux' 0 0 leaves --regime amd64 --root 8000 --absent linux \
    absent
prints <<'T'
# root 0 8000
0000000000400000 c000 1000 r w x u
0000000000401000 - pt 4166 linux: a page that may not be touched, frame fffffffffb000 of 4K, outside the image
0000000000402000 - pt fffffffffa120 linux: a page that may not be touched, frame 5000 of 4K
0000000000600000 - pd 62 linux: not known, its frame can't be told
T
cp out out.linux
try 'leaves --absent linux-plain' 0 0 leaves --regime amd64 --root 8000 \
    --absent linux-plain absent
shows '0000000000401000 - pt 4166 linux-plain: a page that may not be touched, frame 4000 of 4K'
try 'leaves --absent --json' 0 0 leaves --json --regime amd64 --root 8000 \
    --absent linux absent
json '[.[] | .type] == ["root", "leaf", "absent", "absent", "absent"]'
json '.[3] == {type: "absent", root: 0, va: "0000000000402000", level: "pt",
    entry: "fffffffffa120", meaning: {system: "linux", use: "prot-none",
    frame_known: true, pa: "5000", size: 4096, outside: false}}'
try 'leaves --absent --range' 0 0 leaves --regime amd64 --root 8000 --absent \
    linux --range 402fff-ffffffffffffffff absent
check "$name: the last ones alone" diff <(sed '2,3d' out.linux) out
try 'leaves --absent --limit' 1 1 leaves --regime amd64 --root 8000 --absent \
    linux --limit 2 absent
says 'address 0000000000402000; it goes on with --range 0000000000402000-'
check "$name: two" diff <(head -3 out.linux) out
try 'leaves --absent --reads' 1 1 leaves --regime amd64 --root 8000 --absent \
    linux --reads 3000 absent
says 'stopped at the limit of 3000 reads'
wrong "--absent 'keep' names no system" leaves "${amd64[@]}" --absent keep good
wrong '--absent goes without' leaves "${amd64[@]}" --absent linux --user good
wrong 'it has no option --absent' maps "${amd64[@]}" --absent linux good
try 'explain, what an absent entry means' 1 0 explain --regime amd64 --root 8000 \
    absent 402000
shows '      to linux: a page that may not be touched, frame 5000 of 4K'
shows '      to windows: a place in a page file, page fffff of number 10'
try 'explain --absent' 1 0 explain --regime amd64 --root 8000 --absent windows \
    absent 402000
check "$name: that alone" [ "$(grep -c '^      to ' out)" -eq 1 ]
try 'explain --json, what an absent entry means' 1 0 explain --json \
    --regime amd64 --root 8000 absent 401000
json '.[0].steps[-1].meanings | map(select(.system == "linux-plain")) ==
    [{system: "linux-plain", use: "prot-none", frame_known: true, pa: "4000",
    size: 4096, outside: false}]'
try 'explain, an entry of zeros means nothing' 1 0 explain "${amd64[@]}" good 3000
check "$name" [ "$(grep -c '^      to ' out)" -eq 0 ]

# --------------------------------------------------- help, completion, and order
try 'options before the command' 0 0 --json --regime amd64 --root=1000 -j 2 \
    leaves good
json 'length == 9'
try 'options on both sides' 0 0 --regime amd64 leaves --root 1000 good
check "$name: the same" diff <("$ptwalk" leaves "${amd64[@]}" good) out
wrong 'there is no option --what' --what leaves good
wrong 'no command is given' --json
wrong "there is no command 'good'" --root 1000 good leaves
# Each command, with its options in front of it, behind it and at the end; and when
# nobody reads what it prints.
# shellcheck disable=SC2086
while read -r command rest; do
    "$ptwalk" $command "${amd64[@]}" $rest >in_order 2>err
    for order in "${amd64[*]} $command $rest" "$command $rest ${amd64[*]}"; do
        "$ptwalk" $order >out 2>err
        check "$command: options stand anywhere" cmp -s in_order out
    done
    (sleep 0.3; exec env --default-signal=PIPE "$ptwalk" $command "${amd64[@]}" \
        $rest) 2>err | true
    status=${PIPESTATUS[0]}
    check "$command: nobody reads: status $status" [ "$status" -eq 141 ]
    check "$command: nobody reads: quiet" [ ! -s err ]
done <<'T'
info good
leaves good
maps good
spaces good
translate good 1234
explain good 1234
verify good good
diff good good
T
(sleep 0.3; exec "$ptwalk" compact "${amd64[@]}" -o unread.raw good) 2>err | true
check 'compact: nobody reads: no image' [ ! -e unread.raw ]
check 'compact: nobody reads: it says so' grep -q 'nobody reads standard output' err
(sleep 0.3; exec env --default-signal=PIPE "$ptwalk" --help) 2>err | true
check 'help: nobody reads: status' [ "${PIPESTATUS[0]}" -eq 141 ]
for command in $("$ptwalk" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
    try "help of $command" 0 0 "$command" --help
    check "$name: how it is called" grep -q "^usage: ptwalk $command " out
    check "$name: an example" grep -q "^    ptwalk $command " out
    cp out helped
    try "help of $command, in front" 0 0 help "$command"
    check "$name: the same" diff helped out
    # What it says that the command takes, the command does not refuse as unknown.
    for option in $(grep -o -- '--[a-z][a-z0-9-]*' helped | sort -u); do
        "$ptwalk" "$command" "$option" >out 2>err
        check "$command --help: $option" [ "$(grep -c 'no option' err)" -eq 0 ]
    done
done
try 'help of maps' 0 0 maps --help
check "$name: what it takes" grep -q -- '--fold' out
check "$name: not what it does not" [ "$(grep -c -- '--merge' out)" -eq 0 ]
check "$name: lines fit" [ "$(awk 'length > 79' out | wc -l)" -eq 0 ]
wrong "there is no command 'mapz'" help mapz

# complete WORDS...: what bash offers for the last of them.
complete_words() {
    PATH=$scratch/bin:$PATH bash -c '
        . "$0"
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _ptwalk
        printf "%s\n" "${COMPREPLY[@]}"' "$tests/../completion/ptwalk.bash" \
        ptwalk "$@"
}
mkdir bin && ln -s "$ptwalk" bin/ptwalk
check 'completion: commands' [ "$(complete_words ma)" = maps ]
check 'completion: options' [ "$(complete_words maps --fo)" = --fold ]
check 'completion: options of the command' [ -z "$(complete_words leaves --fo)" ]
check 'completion: behind options' [ "$(complete_words --json ex)" = explain ]
check 'completion: modes' [ "$(complete_words maps --regime sv3)" = \
    $'sv32\nsv39' ]
check 'completion: files' [ "$(complete_words maps goo)" = good ]
if command -v zsh >/dev/null; then
    check 'completion: zsh' zsh -n "$tests/../completion/_ptwalk"
fi

# -------------------------------------------------------------- the JSON schema
# as_documented ARGS...: there are objects, and each is as the schema has it.
as_documented() {
    "$ptwalk" "$@" >documented 2>/dev/null
    [ -s documented ] && [ -z "$(jq -c --slurpfile s \
        "$tests/../docs/json-schema.json" -f "$tests/json_schema.jq" \
        documented | grep -v true)" ]
}
cp good other
printf 'x' | dd of=other bs=1 seek=$((0x9010)) conv=notrunc status=none
"$ptwalk" compact "${amd64[@]}" -o dense good >made.text
new=$(awk '/^root 0/ { print $4 }' made.text)
for command in 'info good' 'leaves bad' 'maps bad' 'maps --fold shared' \
    'spaces --findings bad' 'translate bad 0 2345 400000 600000 0-ffffffff' \
    'explain bad 0 2345 400000 600000' 'leaves --absent linux absent' \
    'compact -o made.raw good' "verify --new-root $new good dense" \
    'verify good other' 'diff good other'; do
    # shellcheck disable=SC2086
    check "as documented: $command" as_documented $command --json "${amd64[@]}"
done
check 'as documented: explain absent' as_documented explain --json --regime amd64 \
    --root 8000 absent 401000 402000
truncate -s 64K sparse
entries sparse 1000 0=2007
entries sparse 2000 0=9007
if [ $(($(stat -c %b sparse) * 512)) -lt 65536 ]; then
    check 'as documented: tables in holes' as_documented leaves --json \
        "${amd64[@]}" sparse
fi
check 'as documented: roots that share' as_documented maps --fold --json \
    "${roots[@]}" shared
check 'the schema is not for anything' [ "$(echo '{"type":"leaf","va":"12"}' |
    jq -c --slurpfile s "$tests/../docs/json-schema.json" \
        -f "$tests/json_schema.jq")" = false ]

# ------------------------------------------------ diff compares tables once
name='diff, a shadow'
timeout 60 "$ptwalk" diff "${amd64[@]}" shadow shadow >out 2>err
check "$name: at once" [ $? -eq 0 ]
prints <<<'# 4294967298 pages compared, 0 different'
# Three times the same tables: the third time under other rights, on one side.
truncate -s 64K three
entries three 1000 0=2067 1=2067 2=2067
entries three 2000 0=3067
entries three 3000 0=4067
entries three 4000 0=8065 1=9065 2=a065
for ((i = 8; i < 11; i++)); do
    printf same | dd of=three bs=4096 seek=$i conv=notrunc status=none
done
cp three rights
entries rights 1000 2=2065
entries rights 2000 0=3067
entries three 4000 3=b067
entries rights 4000 3=b067
try 'diff, other rights of the same tables' 1 0 diff "${amd64[@]}" three rights
prints <<'T'
0 0000010000003000-0000010000003fff rights rwxu->r-xu
# 12 pages compared, 1 different, rights 1
T
cp three bytes
printf x | dd of=bytes bs=1 seek=$((0x9123)) conv=notrunc status=none
try 'diff, a difference below tables that come again' 1 0 diff "${amd64[@]}" \
    three bytes
prints <<'T'
0 0000000000001000-0000000000001fff bytes
0 0000008000001000-0000010000001fff  512.0G the 4K at 0000000000001000 repeats 2 times, every 512G
# 12 pages compared, 3 different, bytes 3
T
for option in --all --json; do
    try "diff $option, the same" 1 0 diff "${amd64[@]}" $option three bytes
    check "$name: all three" [ "$(grep -c 1fff out)" -eq 3 ]
done
wrong '--all and --fold exclude each other' diff "${amd64[@]}" --all --fold \
    three bytes
# Two read-only pages became one, which is nothing until somebody may write it: it
# is told there, and not of tables that were compared before, and come again.
cp three joined
entries joined 4000 1=8065
entries three 1000 3=c067
entries joined 1000 3=c067
for image in three joined; do
    entries $image c000 0=d067
    entries $image d000 0=e067
    entries $image e000 0=8067
    entries $image 1000 4=2067
done
try 'diff, what was the same is told where it is no more' 1 0 diff "${amd64[@]}" three joined
prints <<'T'
0 0000018000000000-0000018000000fff joined
# 17 pages compared, 1 different, joined 1
T
try 'diff --range, tables that are cut' 0 0 diff "${amd64[@]}" three three \
    --range 1000-8000001fff
prints <<<'# 5 pages compared, 0 different'
try 'diff, the limit counts a pair of tables once' 0 0 diff "${amd64[@]}" \
    --limit 9 three three

# 2^32 pages below tables that come again and again, and differ.
cp shadow shadow.b
printf x | dd of=shadow.b bs=1 seek=$((0x13000)) conv=notrunc status=none
at_once() {
    name=$1
    shift
    timeout 60 "$ptwalk" diff "${amd64[@]}" "$@" >out 2>err
    check "$name: at once" [ $? -eq 1 ]
}
at_once 'diff, a shadow that differs' shadow shadow.b
prints <<'T'
0 ffffec0000000000-fffffbffffffffff bytes
# 4294967298 pages compared, 4294967296 different, bytes 4294967296
T
# Some of the pages alone, so that there are more and more runs.
entries shadow 12000 7=8061 9=8061
entries shadow.b 12000 7=8061 9=8061
at_once 'diff, a shadow in parts' shadow shadow.b
prints <<'T'
0 ffffec0000000000-ffffec0000006fff bytes
0 ffffec0000008000-ffffec0000008fff bytes
0 ffffec000000a000-ffffec00001fffff bytes
0 ffffec0000200000-ffffec003fffffff   1022M the 2M at ffffec0000000000 repeats 511 times
0 ffffec0040000000-ffffec7fffffffff    511G the 1G at ffffec0000000000 repeats 511 times
0 ffffec8000000000-fffffbffffffffff   15.5T the 512G at ffffec0000000000 repeats 31 times
# 4294967298 pages compared, 4278190080 different, bytes 4278190080
T
at_once 'diff --fold --json, a shadow in parts' --fold --json shadow shadow.b
json '[.[] | .type] ==
    ["change", "change", "change", "again", "again", "again", "total"]'
json '.[5] == {type: "again", root: 0, first: "ffffec8000000000",
    last: "fffffbffffffffff", of_root: 0, of: "ffffec0000000000",
    bytes: 549755813888, times: 31, every: 549755813888}'
check 'as documented: diff --fold' as_documented diff --fold --json \
    "${amd64[@]}" shadow shadow.b
try 'diff --reads, a shadow in parts' 1 0 diff "${amd64[@]}" --reads 80000 \
    shadow shadow.b
# Every run of them is too much; which ones is known without another look.
timeout 60 "$ptwalk" diff "${amd64[@]}" --all --limit 200000 --reads 400000 \
    shadow shadow.b >out 2>err
check 'diff --all, a shadow in parts: up to the limit' [ $? -eq 1 ]
check 'diff --all, a shadow in parts: of runs' grep -q 'the limit of 200000 pages' err
check 'diff --all, a shadow in parts: all of them' [ "$(wc -l <out)" -gt 100000 ]
# Nothing on one side, and a large leaf on one side.
cp shadow nothing
for ((i = 472; i < 504; i++)); do
    entries nothing 1000 $i=0
done
at_once 'diff, a shadow and nothing' shadow nothing
prints <<'T'
0 ffffec0000000000-fffffbffffffffff only-a
# 4294967298 pages compared, 4294967296 different, only-a 4294967296
T
at_once 'diff, nothing and a shadow' nothing shadow
cp shadow leaf
for ((i = 0; i < 512; i++)); do
    entries leaf 10000 $i=80000000000000e1
done
at_once 'diff, a shadow and large leaves' shadow leaf
check "$name: all of it, each part of the leaf by itself" grep -q \
    '^# 4294967298 pages compared, .* bytes 114688, unreadable 4290772992, ' out
check "$name: in some lines" [ "$(wc -l <out)" -lt 3000 ]
# A table that is in neither of the images changes nothing of that.
for image in shadow shadow.b; do
    entries $image 1000 1=7fff0067
done
name='diff, a shadow, and a table that is not in the image'
timeout 60 "$ptwalk" diff "${amd64[@]}" shadow shadow.b >out 2>err
check "$name: at once" [ $? -eq 3 ]
check "$name: the totals" [ "$(tail -1 out)" = '# 4294967298 pages compared, 4278190080 different, bytes 4278190080; not complete' ]

check 'diff, against a naive reading of leaves' "$python" "$tests/diff_model.py" \
    "$ptwalk" "$scratch" 40
finish
