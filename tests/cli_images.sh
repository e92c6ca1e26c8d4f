#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command, and where an image lies: holes of files, several files, layouts.
#
# usage: cli_images.sh PTWALK_BINARY SCRATCH_DIR
set -u
# shellcheck source=tests/cli_tools.sh
. "$(dirname "$0")/cli_tools.sh"

# -------------------------------------------------------------------- holes
# An upper table leads to a table in a hole at 9000, and to one that is there
# and maps a page in the hole behind it.
truncate -s 64K holes
entries holes 1000 0=2007
entries holes 2000 0=3007
entries holes 3000 0=4007 1=9007
entries holes 4000 0=a007 1=8000000000001005
cp --sparse=never holes full
holes=(--regime amd64 --root 1000)
note='holes: tables lie in holes of the file, the first at 9000, and are taken'

# Where a file system has no holes there is nothing to ask about.
if [ $(($(stat -c %b holes) * 512)) -ge 65536 ]; then
    echo 'skipped: holes of files: this file system has none'
else
    for way in '' --no-mmap; do
        for command in leaves maps spaces; do
            # shellcheck disable=SC2086
            try "a table in a hole: $command $way" 0 1 $command $way \
                "${holes[@]}" holes
            says "$note"
            mv out noted
            # shellcheck disable=SC2086
            try "a table of zeros: $command $way" 0 0 $command $way \
                "${holes[@]}" full
            check "$name: as in a hole" cmp out noted
            # shellcheck disable=SC2086
            try "a table in a hole: $command --json $way" 0 1 $command --json \
                $way "${holes[@]}" holes
            json '.[-1] == {type: "holes", table: "9000"}'
            # shellcheck disable=SC2086
            try "a table of zeros: $command --json $way" 0 0 $command --json \
                $way "${holes[@]}" full
            json 'all(.type != "holes")'
            # shellcheck disable=SC2086
            try "a hole is zeros: $command $way" 0 0 $command $way \
                --holes zero "${holes[@]}" holes
            check "$name: as in a hole" cmp out noted
            # shellcheck disable=SC2086
            try "a hole is unknown: $command $way" 3 1 $command $way \
                --holes unknown "${holes[@]}" holes
            says "in 1 place, first the pt at 9000 of root 0, for 0000000000200000-00000000003fffff: not in the image"
        done
        # shellcheck disable=SC2086
        try "in a hole: translate $way" 1 1 translate $way "${holes[@]}" holes \
            1234 201234 401234
        prints <<'T'
0000000000001234 1234 1000 r - - u
0000000000201234 - pt in-a-hole
0000000000401234 - pd not-present
T
        says "$note"
    done
    try 'a hole is zeros: translate' 1 0 translate --holes zero "${holes[@]}" \
        holes 201234
    shows '0000000000201234 - pt not-present'
    try 'a hole is unknown: translate' 3 1 translate --holes unknown \
        "${holes[@]}" holes 201234
    shows '0000000000201234 - pt unreadable'
    try 'in a hole: translate, a range' 1 1 translate "${holes[@]}" holes \
        200000-201fff
    shows '0000000000200000 - pt in-a-hole'
    try 'in a hole: translate --json' 1 1 translate --json "${holes[@]}" holes \
        201234
    json '.[0].reason == "in-a-hole" and .[0].mapped == false'
    try 'in a hole: explain' 1 1 explain "${holes[@]}" holes 201234
    check "$name: unknown" grep -q \
        '^unknown: the entry at 9008 lies in a hole of the file' out
    try 'in a hole: explain --json' 1 1 explain --json "${holes[@]}" holes 201234
    json '.[0].outcome == "in-a-hole"'
    try 'a hole is zeros: explain' 1 0 explain --holes zero "${holes[@]}" \
        holes 201234
    shows 'not mapped'

    # A page in a hole has contents, and no table was read there.
    try 'a page in a hole' 0 0 leaves --range 0-0 "${holes[@]}" holes
    shows '0000000000000000 a000 1000 r w x u'
    try 'a page in a hole is unknown' 0 0 leaves --range 0-0 --holes unknown \
        "${holes[@]}" holes
    shows '# outside 1 leaves'

    # A root of which it is said anyway.
    try 'a root in a hole' 0 1 leaves --regime amd64 --root 9000 holes
    says 'or a hole in the layout? It lies in a hole of the file'
    try 'a root in a hole, and a table' 0 2 leaves --regime amd64 --root f000 \
        --root 1000 holes
    says "$note"
    try 'a root in a hole that is unknown' 3 1 leaves --holes unknown \
        --regime amd64 --root 9000 holes
    says 'it is not in the image'

    # What is rebuilt keeps its holes, whichever way they are read; an empty
    # table is none.
    for way in '' --no-mmap '--holes zero'; do
        lines=1
        [ "$way" = '--holes zero' ] && lines=0
        # shellcheck disable=SC2086
        try "holes: compact $way" 0 $lines compact $way "${holes[@]}" --force \
            -o dense holes
        root=$(sed -n 's/^root 0 1000 //p' out)
        try "holes: compact $way: no table is in a hole" 0 0 leaves \
            --regime amd64 --root "$root" dense
        check "$name: the leaves" [ "$(grep -c '^0' out)" -eq 2 ]
        # shellcheck disable=SC2086
        try "holes: compact $way: verify" 0 $lines verify $way "${holes[@]}" \
            --new-root "$root" holes dense
        try "holes: compact $way: what it makes has the hole" 0 0 leaves \
            --holes unknown --regime amd64 --root "$root" dense
        shows '# outside 1 leaves'
    done
    try 'holes that are unknown: compact' 0 0 compact --holes unknown \
        "${holes[@]}" --force -o dense holes
    shows 'dropped-outside 1'
    shows 'dropped-table 1'
    try 'holes: diff' 0 1 diff "${holes[@]}" holes full
    says "$note"
    try 'holes: diff, the second one' 0 1 diff "${holes[@]}" full holes
    says "$note"

    # Segments that do not begin where pages of the file do: what is left of a
    # hole in the memory is whole pages.
    try 'holes, not where pages are' 0 1 leaves "${holes[@]}" \
        --segment 0:9000:0 --segment 9000:6ff8:8008 holes
    says 'the first at 9000'

    truncate -s 64K nothing
    unread 'nothing: is a hole, all of it: with --holes unknown no memory is in' \
        leaves --holes unknown "${holes[@]}" nothing
    try 'nothing but a hole' 0 1 leaves "${holes[@]}" nothing

    # What is unpacked says itself that it is zeros.
    gzip -kf holes
    try 'holes, compressed' 0 0 leaves "${holes[@]}" holes.gz
fi
# ------------------------------------------------- memory that a dump leaves out
# An ELF core whose only segment has 64K of memory, of which 32K are in the file:
# see the System V ABI, "ELF Header" and "Program Header".
truncate -s 120 core
printf '\177ELF\2\1\1' | dd of=core conv=notrunc status=none
put core 10 4 2         # e_type: ET_CORE
put core 12 3e 2        # e_machine: EM_X86_64
put core 14 1 4         # e_version
put core 20 40 8        # e_phoff
put core 34 40 2        # e_ehsize
put core 36 38 2        # e_phentsize
put core 38 1 2         # e_phnum
put core 40 1 4         # p_type: PT_LOAD
put core 48 78 8        # p_offset
put core 60 8000 8      # p_filesz
put core 68 10000 8     # p_memsz
head -c 32768 full >>core
try 'left out: not in the image' 3 1 leaves "${holes[@]}" core
says 'first the pt at 9000 of root 0'
shows '# outside 1 leaves'
for way in '' --no-mmap; do
    # shellcheck disable=SC2086
    try "left out, but zeros: leaves $way" 0 0 leaves $way --holes zero \
        "${holes[@]}" core
    "$ptwalk" leaves "${holes[@]}" full | diff - out >/dev/null
    check "$name: as raw" [ $? -eq 0 ]
done
try 'left out: info' 0 0 info core
check "$name: what is missing" grep -q '32K more is named and not in the file' out
cp core named
put named 68 ffffffffffffffff 8
try 'more is named than there are addresses: info' 0 0 info --json named
json '.[0].missing == 9223372036854775807'
try 'left out, but zeros: compact' 0 0 compact --holes zero "${holes[@]}" \
    --force -o dense core
shows 'dropped-outside 0'
shows 'dropped-table 0'
# What a file that is cut off lacks is not what its maker left out.
head -c 20000 core >cut
try 'cut off: not zeros' 3 2 leaves --holes zero "${holes[@]}" cut
says 'not in the image'

wrong "--holes 'maybe': it is zero or unknown" leaves --holes maybe \
    "${holes[@]}" full
wrong '--holes is given twice' leaves --holes zero --holes zero "${holes[@]}" full

# ------------------------------------------------------------- several files
# The same memory in two files, with 8000 bytes each.
split -b 32768 full part.
"$ptwalk" leaves "${holes[@]}" full >leaves
for way in '' --no-mmap '-j 1'; do
    # shellcheck disable=SC2086
    try "two files $way" 0 0 leaves $way "${holes[@]}" --file 8000:part.ab \
        --file 0:part.aa
    check "$name: the same leaves" cmp leaves out
done
try 'two files, a size with a suffix' 0 0 leaves "${holes[@]}" \
    --file 32K:part.ab --file 0:part.aa
check "$name: the same leaves" cmp leaves out
try 'two files, translate' 1 0 translate "${holes[@]}" --file 8000:part.ab \
    --file 0:part.aa 1234 201234
shows '0000000000201234 - pt not-present'
try 'two files, explain' 0 0 explain "${holes[@]}" --file 8000:part.ab \
    --file 0:part.aa 1234
try 'two files, info' 0 0 info --file 8000:part.ab --file 0:part.aa
shows 'file: raw memory in 2 files'
for command in maps spaces; do
    try "two files, $command" 0 0 $command "${holes[@]}" --file 0:part.aa \
        --file 8000:part.ab
done
for command in diff verify; do
    try "two files, $command" 0 0 $command "${holes[@]}" --file 0:part.aa \
        --file 8000:part.ab full
done
try 'two files, compact' 0 0 compact "${holes[@]}" --file 0:part.aa \
    --file 8000:part.ab -o two
"$ptwalk" compact "${holes[@]}" -o one full >/dev/null
check "$name: as of one" cmp one two
gzip -kf part.ab
try 'two files, one of them packed' 0 0 leaves "${holes[@]}" --file 0:part.aa \
    --file 8000:part.ab.gz
check "$name: the same leaves" cmp leaves out
try 'one of two files' 3 1 leaves "${holes[@]}" --file 0:part.aa
says 'first the pt at 9000 of root 0'

wrong "--file 'part.aa' is not PA:PATH, with PA in hexadecimal" leaves \
    "${holes[@]}" --file part.aa
wrong "--file '0:' is not PA:PATH" leaves "${holes[@]}" --file 0:
wrong "--file 'x:part.aa' is not PA:PATH" leaves "${holes[@]}" --file x:part.aa
wrong "'full' is one argument too many: the image is of --file" leaves \
    "${holes[@]}" --file 0:part.aa full
wrong 'it takes an address' translate "${holes[@]}" --file 0:part.aa
wrong 'it takes a second image' diff "${holes[@]}" --file 0:part.aa
wrong '--base and --segment go with an image' leaves "${holes[@]}" \
    --file 0:part.aa --base 1000
unread '--file: part.aa and part.ab overlap at physical address 7fff' leaves \
    "${holes[@]}" --file 0:part.aa --file 7fff:part.ab
unread '--file: part.ab and part.aa overlap at physical address 0' leaves \
    "${holes[@]}" --file 0:part.ab --file 0:part.aa
unread '--file: none can'"'"'t be opened: No such file' leaves "${holes[@]}" \
    --file 0:none
unread '--file: core is an ELF core, 64-bit, little-endian, not raw memory' \
    leaves "${holes[@]}" --file 0:core
unread '--file: from ffffffffffff9000 on, part.aa goes beyond the last' leaves \
    "${holes[@]}" --file ffffffffffff9000:part.aa
: >empty
unread '--file: empty is empty, or neither a regular file' leaves \
    "${holes[@]}" --file 0:empty
# No output takes the name of any of the files.
for file in part.aa part.ab; do
    wrong "is the image $file itself, which is never replaced" compact \
        "${holes[@]}" --file 0:part.aa --file 8000:part.ab --force -o $file
done

# ------------------------------------------------------------------- layouts
mkdir -p below
cat >below/layout <<'T'
# ptwalk layout
# PA SIZE OFFSET PATH

0x4000 4000	4000 ../full
0 4K 0
\t # a comment, and a path that begins a directory
1000 3000 1000
8000 4000 0  ../part.ab 	
c000 4000 4000
T
sed -i 's/\\t/\t/g' below/layout
for way in '' --no-mmap; do
    # shellcheck disable=SC2086
    try "a layout $way" 0 0 leaves $way "${holes[@]}" below/layout
    check "$name: the same leaves" cmp leaves out
done
try 'a layout, info' 0 0 info below/layout
shows 'file: a layout'
shows 'memory: 64K in 2 segments'
try 'a layout, diff' 0 0 diff "${holes[@]}" full below/layout
# It says itself where memory lies, whatever is said of the first image.
try 'a layout, diff with segments' 0 0 diff "${holes[@]}" \
    --segment 0:10000:0 full below/layout
unread "below/layout: is a layout, and says itself where memory lies" leaves \
    "${holes[@]}" --segment 0:1000:0 below/layout
sed 's/$/\r/' below/layout >below/crlf
try 'a layout with CR' 0 0 leaves "${holes[@]}" below/crlf
check "$name: the same leaves" cmp leaves out
try 'a layout as raw memory' 3 1 leaves --raw "${holes[@]}" below/layout

# bad TEXT WHAT: a layout of that second line is refused, for that reason.
bad() {
    printf '# ptwalk layout\n%s\n' "$1" >bad
    unread "ptwalk: bad:$2" leaves "${holes[@]}" bad
}
bad '0 1000 0' '2: it names no file, and no line before it does'
bad '0 1000' '2: it has no OFFSET: a segment is PA SIZE OFFSET'
bad '0' '2: it has no SIZE'
bad 'x 1000 0 full' "2: its PA 'x' is not a hexadecimal number"
bad '0 1000 -1 full' "2: its OFFSET '-1' is not a hexadecimal number"
bad '0 10000000000000000 0 full' '2: its SIZE '
bad '0 0 0 full' '2: it has no length'
bad 'fffffffffffff000 1001 0 full' '2: it goes beyond the last physical address'
bad '0 1000 7ffffffffffff001 full' '2: it goes beyond the last offset'
bad '0 10001 0 full' '2: it goes beyond the end of full at 10000'
bad '0 1000 10000 full' '2: it goes beyond the end of full at 10000'
bad '0 1000 0 none' "2: none can't be opened: No such file or directory"
bad '0 1000 0 core' '2: core is an ELF core'
bad '0 1000 0 bad' '2: bad is a layout, not raw memory'
bad $'0 2000 0 full\n4000 1000 0\n1fff 1 0' \
    '4: it overlaps line 2 at physical address 1fff'
bad $'1fff 1 0 full\n4000 1000 0\n0 2000 0' \
    '4: it overlaps line 2 at physical address 1fff'
bad '' ' no segment is in it'
printf '# ptwalk layout\n0 1000 0 fu\0ll\n' >bad
unread 'ptwalk: bad:2: it is no text' leaves "${holes[@]}" bad

# 100,000 segments, out of order, are put in order and searched.
{
    echo '# ptwalk layout'
    seq 99999 -1 16 | awk '{ printf "%x 1000 8000 full\n", $1 * 4096 }'
    seq 0 15 | awk '{ printf "%x 1000 %x\n", $1 * 4096, $1 * 4096 }'
} >many
try '100,000 segments' 0 0 leaves "${holes[@]}" many
check "$name: the same leaves" cmp leaves out

# ------------------------------------------------------------ lists of roots
printf '# the two spaces\n1000 the first \t\n\ncr3=200b sec\xc3\xb6nd\n' >roots
listed=(--regime amd64 --roots roots)
try 'a list of roots: leaves' 0 0 leaves "${listed[@]}" full
check "$name: labels" diff <(grep '^# root' out) - <<'T'
# root 0 1000 the first
# root 1 2000 secönd
T
try 'a list of roots: leaves --json' 0 0 leaves --json "${listed[@]}" full
json '[.[] | select(.type == "root") | .label] == ["the first", "secönd"]'
try 'a list of roots: maps' 0 0 maps "${listed[@]}" full
shows '# root 0 1000 the first'
try 'a list of roots: maps --json' 0 0 maps --json "${listed[@]}" full
json '[.[] | select(.type == "total") | .label] == ["the first", "secönd"]'
try 'a list of roots: spaces --json' 0 0 spaces --json "${listed[@]}" full
json '[.[] | select(.type == "root") | .label] == ["the first", "secönd"]'
try 'a list of roots: spaces' 0 0 spaces "${listed[@]}" full
check "$name: labels" diff <(grep '^#' out) - <<'T'
# root 0 1000 the first
# root 1 2000 secönd
T
check "$name: before its leaves" [ "$(sed -n '/^# root 1/,$p' out |
    grep -c '^0 ')" -eq 0 ]
try 'roots without labels: spaces' 0 0 spaces --regime amd64 --root 1000 full
check "$name: no such line" [ "$(grep -c '^#' out)" -eq 0 ]
printf '1000 the first\n1000 the first again\n' >twice
try 'a root twice: spaces' 0 0 spaces --regime amd64 --roots twice full
check "$name: labels" diff <(tail -n 2 out) - <<'T'
# root 1 1000 the first again
1 same 0
T
try 'a root twice: maps --fold --json' 0 0 maps --fold --json --regime amd64 \
    --roots twice full
json '[.[] | select(.type == "same") | .label] == ["the first again"]'
try 'a list of roots: diff --json' 1 0 diff --json "${listed[@]}" \
    --new-root 2000 --new-root 1000 full full
json '[.[] | select(.type == "change")] | length > 0 and
    all(.label == (["the first", "secönd"][.root]))'
try 'a list of roots: translate' 1 0 translate "${listed[@]}" full 1234
shows '# root 1 2000 secönd'
try 'a list of roots: translate --json' 1 0 translate --json "${listed[@]}" \
    full 1234
json '.[1].label == "secönd" and .[0].label == "the first"'
try 'a list of roots: explain' 1 0 explain "${listed[@]}" full 1234
check "$name: a label" grep -q ' in root 0 the first at 1000 ' out
try 'a list of roots: explain --json' 1 0 explain --json "${listed[@]}" full 1234
json '.[0].label == "the first"'
try 'a list of roots: info' 0 0 info "${listed[@]}" full
shows 'root 0: 1000 the first'
try 'a list of roots: info --json' 0 0 info --json "${listed[@]}" full
json '[.[] | select(.type == "root") | .label] == ["the first", "secönd"]'
try 'a list of roots: compact' 0 0 compact "${listed[@]}" --force -o dense full
check "$name: labels" [ "$(grep -c '^root [01] .* \(the first\|secönd\)$' out)" \
    -eq 2 ]
try 'a list of roots: compact --json' 0 0 compact --json "${listed[@]}" \
    --force -o dense full
json '[.[] | select(.type == "root") | .label] == ["the first", "secönd"]'
jq -r 'select(.type == "root") | .new_pa' out >new
try 'a list of roots: verify' 0 0 verify "${listed[@]}" --new-roots new full dense
try 'a list of roots: diff' 0 0 diff "${listed[@]}" --new-roots new full dense
try 'a list of roots: verify, not the same' 1 0 verify --json "${listed[@]}" \
    --new-root 2000 --new-root 1000 full full
json '.[0].type == "difference" and .[0].label == "the first"'
try 'a list, and a root by itself' 0 0 leaves --regime amd64 --root 3000 \
    --roots roots full
check "$name: in that order" diff <(grep '^# root' out) - <<'T'
# root 0 3000
# root 1 1000 the first
# root 2 2000 secönd
T
printf '1000 a\033[31mb\xff\n' >roots
try 'a label that a terminal obeys' 0 0 leaves "${listed[@]}" full
shows '# root 0 1000 a?[31mb?'
printf 'satp=8000000000000001 kernel\n' >roots
try 'a list of a register that says the mode' 0 1 leaves --roots roots \
    --segment 1000:1000:e000 full
says 'root 0 at 1000: its table is all zeros'
shows '# root 0 1000 kernel'
printf 'cr3=1000\n' >roots
wrong '--cr3 is no register of sv39' leaves --regime sv39 --roots roots full

# bad_list TEXT WHAT: a list of that second line is refused, for that reason.
bad_list() {
    printf '1000 a\n%s\n' "$1" >roots
    wrong "ptwalk: roots:2: $2" leaves "${listed[@]}" full
}
bad_list 'x' "'x' is not a hexadecimal number of at most 64 bits"
bad_list '10000000000000000' "'10000000000000000' is not a hexadecimal number"
bad_list 'cr4=1000' "'cr4' is none of root, cr3, ttbr0, ttbr1 and satp"
bad_list 'root=' "'' is not a hexadecimal number"
printf '# nothing\n' >roots
wrong 'ptwalk: roots: no root is in it' leaves "${listed[@]}" full
printf '10\0000\n' >roots
wrong 'ptwalk: roots:1: it is no text' leaves "${listed[@]}" full
rm roots
unread "ptwalk: roots: can't be read as a list of roots: No such file" leaves \
    "${listed[@]}" full
mkfifo roots
unread "can't be read as a list of roots: Invalid argument" leaves \
    "${listed[@]}" full

# ------------------------------------------------------ what compact writes of it
rm -f roots
printf '1000 the first\n2000\n' >roots
try 'compact --new-layout --new-roots' 0 0 compact "${listed[@]}" --force \
    -o dense --tables-base 100000 --new-layout dense.layout \
    --new-roots dense.roots full
check "$name: the layout" diff dense.layout - <<T
# ptwalk layout
# ptwalk lines 2
$(sed -n 's/^segment \([^:]*\):\([^:]*\):\(.*\)/\1 \2 \3 dense/p' out)
T
check "$name: the roots" diff dense.roots - <<T
# ptwalk lines 2
$(sed -n 's/^root 0 1000 //p; s/^root 1 2000 //p' out)
T
try 'what compact wrote: verify' 0 0 verify "${listed[@]}" \
    --new-roots dense.roots full dense.layout
try 'what compact wrote: diff' 0 0 diff "${listed[@]}" \
    --new-roots dense.roots full dense.layout
try 'what compact wrote: maps' 0 0 maps --regime amd64 --roots dense.roots \
    dense.layout
check "$name: the label" grep -q '^# root 0 [0-9a-f]* the first$' out
# What was cut off is no such text, whichever command reads it.
for end in "head -n -1" "head -n -2" "head -c -1" "head -c -3"; do
    $end dense.layout >cut.layout
    $end dense.roots >cut.roots
    unread 'line 2 says that 2 lines follow, each with a line feed' maps \
        --regime amd64 --roots dense.roots cut.layout
    says ': it was cut off'
    unread ': it was cut off' verify "${listed[@]}" --new-roots dense.roots full \
        cut.layout
    wrong 'line 1 says that 2 lines follow, each with a line feed' maps \
        --regime amd64 --roots cut.roots dense.layout
    says 'ptwalk: cut.roots:'
    wrong ': it was cut off' diff "${listed[@]}" --new-roots cut.roots full \
        dense.layout
done
# Written by hand, none of them says how long it is; editors leave marks and other
# ends of lines.
grep -v '^# ptwalk lines' dense.layout >hand.layout
grep -v '^# ptwalk lines' dense.roots >hand.roots
"$ptwalk" maps --regime amd64 --roots hand.roots hand.layout >wanted
for kind in layout roots; do
    sed 's/$/\r/' hand.$kind >dos.$kind
    printf '\xef\xbb\xbf' | cat - dos.$kind >mark.$kind
    head -c -1 hand.$kind >open.$kind
done
for text in dos mark open; do
    try "a layout and roots: $text" 0 0 maps --regime amd64 --roots $text.roots \
        $text.layout
    check "$name: as without that" cmp wanted out
done
for code in UTF-16LE UTF-16BE; do
    iconv -f UTF-8 -t $code mark.layout >wide.layout
    iconv -f UTF-8 -t $code mark.roots >wide.roots
    unread "wide.layout: is a text of ptwalk's in UTF-16, not raw memory" maps \
        --regime amd64 --roots hand.roots wide.layout
    wrong 'wide.roots:1: it is no text in UTF-8' maps --regime amd64 \
        --roots wide.roots hand.layout
done
head -c 12 hand.layout >begun.layout
unread "begun.layout: is a text of ptwalk's, and no layout or manifest" maps \
    "${amd64[@]}" begun.layout
unread "dense.roots: is a text of ptwalk's, and no layout or manifest" maps \
    "${amd64[@]}" dense.roots
# A layout elsewhere names the image wherever that is.
mkdir -p else/where
try 'a layout in another directory' 0 0 compact "${listed[@]}" --force \
    -o else/dense --new-layout else/where/layout --new-roots new full
try 'a layout in another directory: it is an image' 0 0 verify "${listed[@]}" \
    --new-roots new full else/where/layout
try 'a layout in the same other directory' 0 0 compact "${listed[@]}" --force \
    -o else/dense --new-layout else/layout full
check "$name: by its last name" grep -q ' dense$' else/layout
# Both halves of aarch64 stay what they are.
truncate -s 64K arm
entries arm 1000 0=2003
entries arm 2000 0=3003
entries arm 3000 0=4003
entries arm 4000 0=40000000008703
cp --sparse=never arm arm.full
arm=(--regime aarch64-4k-48 --ttbr0 1000 --ttbr1 1000)
try 'the roots of two halves' 0 0 compact "${arm[@]}" --force -o dense \
    --new-roots new arm.full
check "$name: the upper one" grep -q '^ttbr1=[0-9a-f]*$' new
try 'the roots of two halves: verify' 0 0 verify "${arm[@]}" --new-roots new \
    arm.full dense

# Nothing is left when something goes wrong, and nothing is replaced unasked.
rm -f dense.layout dense.roots
: >there
for option in --new-layout --new-roots; do
    rm -f dense3
    try "$option: a file that is there" 3 1 compact "${listed[@]}" -o dense3 \
        $option there full
    check "$name: no image" [ ! -e dense3 ]
    check "$name: as it was" [ ! -s there ]
    wrong "$option: an empty name" compact "${listed[@]}" -o dense3 $option '' \
        full
    wrong "it has no option $option" leaves "${listed[@]}" $option x full \
        2>/dev/null
    wrong 'is the image full itself, which is never replaced' compact \
        "${listed[@]}" --force -o dense3 $option full full
done
try '--max-bytes, and nothing is left' 1 1 compact "${listed[@]}" -o dense3 \
    --max-bytes 1 --new-layout dense.layout --new-roots dense.roots full
check "$name: none of the files" \
    [ ! -e dense3 -a ! -e dense.layout -a ! -e dense.roots ]
check "$name: no other" [ -z "$(find . -name '.ptwalk-*')" ]
wrong 'has blanks at its ends or a line feed, which such a text' compact \
    "${listed[@]}" -o 'dense ' --new-layout dense.layout full

# What can't be an image is said before it is asked what the paging mode is.
: >nothing
mkdir folder
mkfifo pipe
for file in nothing folder pipe /dev/null; do
    for words in maps leaves spaces 'compact -o new'; do
        # shellcheck disable=SC2086
        try "$words $file, no mode" 3 1 $words "$file"
        check "$name: it says what it is" grep -qE \
            "^ptwalk: $file: is (empty|a directory, not an image|neither a regular file)" err
    done
done

finish
