#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command, and manifests: what compact writes of what it made, and what all
# commands take from it; and images of several files on the second side.
#
# usage: cli_manifest.sh PTWALK_BINARY SCRATCH_DIR
set -u
# shellcheck source=tests/cli_tools.sh
. "$(dirname "$0")/cli_tools.sh"
needs sha256sum sed iconv

# A build without libcrypto has no manifests, and says so.
make_good good
if ! "$ptwalk" compact "${amd64[@]}" -o probe --manifest probe.m good >out 2>err &&
    grep -q 'built without libcrypto' err; then
    echo 'skipped: this ptwalk has no digests'
    exit 77
fi
rm -f probe probe.m

# ------------------------------------------------------------- what compact writes
# The new roots, segments and the digest are said twice: by the command, and by
# others.
entries good 2000 3=5007
entries good 5000 0=400000ff
printf '1000 the first\ncr3=1018 sec\xc3\xb6nd\n' >roots
made=(--regime amd64 --roots roots --pa-bits 40 --zeros --marked keep
    --absent keep --leave-out 40000000-7fffffff --tables-base 100000)
try 'compact --manifest' 0 0 compact "${made[@]}" -o small --manifest small.m \
    --map 40000000:f0000000:2000:rw good
certificate=$(sed -n 's/^verified .* digest //p' out)
check "$name: as written down" diff small.m - <<T
# ptwalk manifest
# ptwalk lines $(($(wc -l <small.m) - 2))
format 1
image small
bytes $(printf %x "$(stat -c %s small)")
sha256 $(sha256sum small | cut -d' ' -f1)
old-sha256 $(sha256sum good | cut -d' ' -f1)
certificate $certificate
$(sed -n 's/^segment \([^:]*\):\([^:]*\):\(.*\)/segment \1 \2 \3/p' out)
paging regime amd64
paging pa-bits 40
root $(sed -n 's/^root 0 1000 \([0-9a-f]*\) .*/\1/p' out) root=1000 the first
root $(sed -n 's/^root 1 1000 \([0-9a-f]*\) .*/\1/p' out) cr3=1018 secönd
policy leave-out 40000000-7fffffff
policy map 40000000:f0000000:2000:rw
policy zeros
policy marked keep
policy absent keep
T
mv out said

# Every command opens it with no option.
try 'info of a manifest' 0 0 info small.m
shows 'file: a manifest'
shows "image: small, whose SHA-256 is $(sed -n 's/^sha256 //p' small.m)"
shows 'mode: amd64, 40-bit physical addresses'
check "$name: a root" grep -qx 'root 0: [0-9a-f]* the first' out
try 'info --json of a manifest' 0 0 info --json small.m
json '.[0].image == "small" and (.[0].sha256 | length) == 64'
json '[.[] | select(.type == "root") | .label] == ["the first", "secönd"]'
new=$(sed -n 's/^root 0 1000 \([0-9a-f]*\) .*/\1/p' said)
second=$(sed -n 's/^root 1 1000 \([0-9a-f]*\) .*/\1/p' said)
printf '%s the first\n%s secönd\n' "$new" "$second" >new
segments=$(sed -n 's/^segment /--segment /p' said)
for command in leaves maps spaces; do
    # shellcheck disable=SC2086
    "$ptwalk" $command --raw --regime amd64 --pa-bits 40 --roots new --holes zero \
        $segments small >wanted
    try "$command of a manifest" 0 0 $command small.m
    check "$name: as with all options" cmp wanted out
done
try 'translate of a manifest' 1 0 translate small.m 0 7777
check "$name: an answer each root" [ "$(grep -c '^[0-9a-f]\{16\} ' out)" -eq 4 ]
try 'explain of a manifest' 0 0 explain small.m 0
try 'compact of a manifest' 0 0 compact -o again --manifest again.m small.m
check "$name: labels" [ "$(grep -c '^root .* \(the first\|secönd\)$' again.m)" -eq 2 ]
try 'verify of two manifests' 0 0 verify small.m again.m
try 'diff of two manifests' 0 0 diff again.m again.m
try 'diff of two manifests, one without what was mapped besides' 1 0 diff \
    small.m again.m

# verify has all from it: paging, roots, policy.
try 'verify and a manifest' 0 0 verify good small.m
check "$name: the same certificate" \
    [ "$(sed -n 's/^verified .* digest //p' out)" = "$certificate" ]
try 'diff and a manifest' 1 0 diff good small.m
check "$name: only what is mapped besides, and left out" \
    [ "$(grep -c '^[01] .* only-[ab]$' out)" -ge 1 ]
# A manifest that lost a root, or whose policy is another one, proves less than was
# made: the certificate says so.
grep -v '^root .* cr3=1018\|^# ptwalk lines' small.m >lost.m
unread "lost.m: says certificate $certificate, and what it says of roots and" \
    verify good lost.m
try 'verify, with less than was made, asked for' 0 0 verify --no-digest good lost.m
try 'verify of a root, asked for' 0 0 verify --root 1000 good lost.m
sed "s/^certificate .*/certificate ${certificate^^}/" small.m >upper.m
try 'verify: the case of a certificate' 0 0 verify good upper.m
# An option says otherwise, and the policy is not what it was.
try 'verify with another policy' 1 0 verify --marked keep \
    --leave-out 0-1fffff good small.m
check "$name: a difference" grep -q '^differs ' out
try 'verify with other roots' 1 2 verify --root 5000 --root 5000 good small.m
says 'root 0 at 5000: of its entries 1 are bad'
try 'verify with one root' 2 1 verify --root 1000 good small.m
says 'good has 1 root and small.m 2'
try 'verify with new roots' 0 0 verify --new-root "$second" --new-root "$new" \
    good small.m
try 'leaves of another mode' 0 1 leaves --regime pae --root 0 small.m
says 'its table is'
try 'leaves of one root' 0 0 leaves --root "$second" small.m
check "$name: that one" [ "$(grep -c '^# root' out)" -eq 1 ]

# ------------------------------------------------------------- what is said of old
# made_of WHAT ARGS... : compact makes small of these, and the manifest is enough
# for verify, given the last of them alone.
made_of() {
    local what=$1
    shift
    try "$what: compact" 0 0 compact --force -o small --manifest small.m "$@"
    try "$what: verify" 0 0 verify "${@: -1}" small.m
    try "$what: leaves" 0 0 leaves small.m
    check "$name: there are some" [ "$(grep -vc '^#' out)" -ge 1 ]
}
said() {
    check "$name: says '$1'" grep -qxF -- "$1" small.m
}
made_of 'registers' --cr0 80010001 --cr4 20 --efer d00 --cr3 1018 good
said 'paging cr0 80010001'
said 'paging cr4 20'
said 'paging efer d00'
check "$name: the root as it was given" grep -q '^root [0-9a-f]* cr3=1018$' small.m
cp good high
made_of 'a base' "${amd64[@]}" --base 0 high
{
    head -c 4096 /dev/zero
    cat good
} >shifted
made_of 'segments' "${amd64[@]}" --segment 0:8000:1000 --segment 8000:8000:9000 \
    shifted
said 'old segment 0:8000:1000'
said 'old segment 8000:8000:9000'
truncate -s 64K based
entries based 1000 0=80002007
entries based 2000 0=80003007
entries based 3000 0=80004007
entries based 4000 0=80005007
cp --sparse=never based based.full
made_of 'a base that is none' --regime amd64 --root 80001000 --base 80000000 \
    --holes unknown based.full
said 'old base 80000000'
said 'old holes unknown'
{
    printf '# ptwalk layout\n'
    tail -c +17 good
} >like
made_of 'raw memory that begins as something else' "${amd64[@]}" --raw like
said 'old raw'
made_of 'switches' "${amd64[@]}" --vendor amd --no-1g --no-nx --flag-bit 47 \
    --flag-bit 46 good
for line in 'vendor amd' 'no-1g' 'no-nx' 'flag-bit 46' 'flag-bit 47'; do
    said "paging $line"
done
made_of 'a range' "${amd64[@]}" --range 0-3fffffff --copy-on-write --split \
    --merge good
for line in 'range 0-3fffffff' 'copy-on-write' 'split' 'merge'; do
    said "policy $line"
done
truncate -s 64K arm
entries arm 1000 0=2003
entries arm 2000 0=3003
entries arm 3000 0=4003
entries arm 4000 0=40000000008703
cp --sparse=never arm arm.full
made_of 'two halves' --regime aarch64-4k-48 --ttbr0 1000 --ttbr1 1000 arm.full
check "$name: the upper one" grep -q '^root ttbr1=[0-9a-f]* ttbr1=1000$' small.m
# A table above 2^48: its address stands in the register in two parts.
truncate -s 320K arm
entries arm 10000 0=20003
entries arm 20000 0=30003
entries arm 30000 0=40000000040703
cp --sparse=never arm arm.full
made_of 'a root of an upper half above 2^48' --regime aarch64-64k-48 --pa-bits 52 \
    --ttbr1 10000 --new-base 1000000000000 --new-roots new arm.full
check "$name: the register" grep -q '^root ttbr1=10004 ttbr1=10000$' small.m
check "$name: in the list, too" grep -qx ttbr1=10004 new
truncate -s 64K risc
entries risc 1000 0=801
entries risc 2000 0=c01
entries risc 3000 0=10d7
cp --sparse=never risc risc.full
made_of 'a satp' --satp 8000700000000001 risc.full
said 'paging satp 8000700000000001'
check "$name: the root as it was given" \
    grep -q '^root [0-9a-f]* satp=8000700000000001$' small.m
made_of 'a satp, and a name' --regime sv39 --satp 8000700000000001 risc.full
check "$name: a root" grep -q '^root [0-9a-f]* root=1000$' small.m

# Two that are not of one mode.
try 'another mode' 0 0 compact --regime sv39 --root 1000 -o other \
    --manifest other.m risc.full
made_of 'registers' --cr0 80010001 --cr4 20 --efer d00 --cr3 1018 good
try 'diff of two modes' 2 1 diff small.m other.m
says 'ptwalk: other.m: says sv39'
try 'diff of two modes, the other way round' 2 1 diff other.m small.m
says 'ptwalk: small.m: says amd64'
for said in '--pa-bits 40' '--flag-bit 47' '--vendor amd'; do
    # shellcheck disable=SC2086
    try "diff of two modes, and $said" 2 1 diff $said small.m other.m
done
# One that says no mode has that of the other image.
grep -vE '^(# ptwalk lines|paging) ' small.m >bare.m
try 'diff, and a manifest without a mode' 0 0 diff small.m bare.m
# What a manifest and a dump say is compared as what two of a kind say.
: >notes
cpu 80010001 1000 20
core core.elf
try 'compact of a dump' 0 0 compact -o core.small --manifest core.m core.elf
new=$(sed -n 's/^root \([0-9a-f]*\) cr3=1000$/\1/p' core.m)
try 'diff of a manifest and a dump, whose roots are said' 1 0 diff --root "$new" \
    --new-root 1000 core.m core.elf
mv out wanted
try 'diff of a manifest and a dump' 1 0 diff core.m core.elf
check "$name: each by its own root" cmp out wanted
try 'diff of a dump and its manifest' 1 0 diff core.elf core.m
for said in --no-nx --no-wp; do
    try "a manifest of registers, a mode's name, and $said" 0 0 maps $said \
        --regime amd64 core.m
    mv out wanted
    try "a manifest of registers, and $said" 0 0 maps $said core.m
    check "$name: the same" cmp out wanted
done
for said in --no-nx --no-wp '--efer 500' '--cr0 80000001'; do
    # shellcheck disable=SC2086
    try "diff of a dump and its manifest, and $said" 1 0 diff $said core.elf core.m
done
: >notes
cpu 80000001 1000 20
core core.elf
try 'diff of a manifest and a dump of other rules' 1 1 diff core.m core.elf
says 'core.elf: is walked as core.m is, and its own registers differ: CPU 0 (CR0.WP)'
: >notes
cpu 80010001 1000 1020
core core.elf
try 'diff of a manifest and a dump of another mode' 2 1 diff core.m core.elf
says 'core.m is walked as amd64, and core.elf says that it is amd64-la57'
# Of aarch64, a dump has a root of the upper half alone.
: >notes
printf '%s\n' PAGESIZE=4096 'NUMBER(VA_BITS)=48' \
    'NUMBER(kimage_voffset)=0xffff7fffc8000000' \
    'SYMBOL(swapper_pg_dir)=ffff7fffc8001000' | note notes VMCOREINFO 0
core core.elf
put core.elf 12 b7 2
try 'compact of a lower half' 0 0 compact --force --regime aarch64-4k-48 \
    --ttbr0 1000 --allow-empty -o core.small --manifest core.m core.elf
try 'diff of two halves' 2 1 diff core.m core.elf
says 'core.m has roots of the lower half, and core.elf says one of the upper half: --new-ttbr1 1000 compares'
try 'diff of two halves all the same' 3 1 diff --new-ttbr1 1000 core.m core.elf
try 'diff of two halves, the other way round' 3 1 diff core.elf core.m
# What is of the upper half alone is of the mode that the dump says.
for said in '--ttbr1 1000' '--regime aarch64-4k-48/upper --root 1000' \
    '--tcr 5b5103510 --ttbr1 1000'; do
    # shellcheck disable=SC2086
    "$ptwalk" compact --force --allow-empty $said -o core.small \
        --manifest core.m core.elf >/dev/null 2>&1
    "$ptwalk" diff core.m core.elf >out 2>err
    name="diff of an upper half, $said"
    check "$name: nothing is asked" [ "$(grep -c 'paging modes' err)" -eq 0 ]
    check "$name: all of it" grep -q ' 0 different' out
    "$ptwalk" diff core.elf core.m >out 2>err
    name="diff of an upper half, the other way round, $said"
    check "$name: nothing is asked" [ "$(grep -c 'the mode that is meant' err)" -eq 0 ]
    check "$name: all of it" grep -q ' 0 different' out
done

# A manifest in another directory names the image wherever that is.
mkdir -p else/where
try 'a manifest in another directory' 0 0 compact "${amd64[@]}" -o else/small \
    --manifest else/where/m good
try 'a manifest in another directory: it is an image' 0 0 verify good else/where/m
try 'a manifest beside the image' 0 0 compact "${amd64[@]}" --force \
    -o else/small --manifest else/m good
check "$name: by its last name" grep -qx 'image small' else/m
wrong 'has blanks at its ends or a line feed' compact "${amd64[@]}" -o 'x ' \
    --manifest x.m good

# ------------------------------------------------------------------- what is wrong
try 'a manifest' 0 0 compact "${amd64[@]}" --force -o small --manifest small.m \
    good
for way in 'leaves small.m' 'verify good small.m' 'diff small.m small.m' \
    'info small.m'; do
    cp small kept
    printf X | dd of=small bs=1 seek=5000 conv=notrunc status=none
    # shellcheck disable=SC2086
    unread 'small.m: says SHA-256' $way
    says 'it has changed, or is another image'
    # shellcheck disable=SC2086
    "$ptwalk" ${way%% *} --no-digest ${way#* } >/dev/null 2>err
    check "$way: --no-digest" [ ! -s err ]
    mv kept small
done
# The old image is the one that it was made of, or verify does not compare.
cp good kept
printf X | dd of=good bs=1 seek=5000 conv=notrunc status=none
unread 'small.m: was made of another file than good, whose SHA-256 is' \
    verify good small.m
says "$(sha256sum good | cut -d' ' -f1): that has changed, or is another image"
try 'another old image: --no-digest' 1 0 verify --no-digest good small.m
try 'another old image: diff' 1 0 diff good small.m
mv kept good
head -c 32768 good >low
tail -c +32769 good >upper
unread 'small.m: was made of another file than low' verify --file 0:low \
    --file 8000:upper small.m
try 'an old image of two files' 0 0 compact "${amd64[@]}" --file 0:low \
    --file 8000:upper --force -o pair --manifest pair.m
check "$name: a line each" [ "$(grep -c '^old-sha256 ' pair.m)" -eq 2 ]
try 'an old image of two files, in another order' 0 0 verify --file 8000:upper \
    --file 0:low pair.m
sed -i "/$(sha256sum low | cut -d' ' -f1)/d; /^# ptwalk lines/d" pair.m
unread 'pair.m: was made of another file than low' verify --file 0:low \
    --file 8000:upper pair.m
echo "old-sha256 $(sha256sum low | cut -d' ' -f1)" >>pair.m
echo "old-sha256 $(sha256sum good | cut -d' ' -f1)" >>pair.m
unread 'pair.m: was made of 3 files, and low is of 2' verify --file 0:low \
    --file 8000:upper pair.m
try 'an old image that is not read for its digest' 0 0 compact "${amd64[@]}" \
    --no-digest --force -o pair --manifest pair.m good
check "$name: there is none" [ "$(grep -c '^old-sha256 ' pair.m)" -eq 0 ]
try 'an old image that is not said' 0 0 verify good pair.m
printf X >>small
unread "small.m: small has $(printf %x "$(stat -c %s small)") bytes, and it says" \
    leaves small.m
rm small
unread "small.m:9: small can't be opened: No such file" leaves small.m
unread "small.m:9: small can't be opened: No such file" verify good small.m
mkdir small
unread 'small.m:9: small is empty, or neither a regular file' leaves small.m
rmdir small
mkfifo small
unread 'small.m:9: small is empty, or neither a regular file' leaves small.m
rm small
wrong 'other.m: is a manifest, which says itself where memory lies' leaves \
    --base 1000 other.m
unread 'other.m: is a manifest, and says itself where memory lies' leaves \
    --segment 0:1000:0 other.m

# One that was cut off is known to every command: by a line, by all but one, or
# within its last line.
try 'a manifest to be cut' 0 0 compact "${made[@]}" -o cut --force \
    --manifest whole.m good
lines=$(($(wc -l <whole.m) - 2))
for end in "head -n -1" "head -n 6" "head -n 3" "head -c -1" "head -c -2"; do
    $end whole.m >cut.m
    for way in 'leaves cut.m' 'maps cut.m' 'spaces cut.m' 'translate cut.m 0' \
        'explain cut.m 0' 'info cut.m' 'verify good cut.m' 'diff cut.m cut.m' \
        'compact -o x cut.m'; do
        # shellcheck disable=SC2086
        unread "line 2 says that $lines lines follow, each with a line feed" $way
        says 'ptwalk: cut.m:'
        says ': it was cut off'
    done
done
head -n 2 whole.m >cut.m
unread 'it was cut off' leaves cut.m
head -c 33 whole.m >cut.m
unread "cut.m:2: '' is no number of lines that follow" leaves cut.m
# Without that line it is read as it is, and one that was added to says so.
sed '2d' whole.m >cut.m
try 'a manifest that does not say how long it is' 0 0 leaves cut.m
echo >>whole.m
unread "whole.m:2: it says that $lines lines follow, and there are $((lines + 1))" \
    leaves whole.m
# The ends of lines, and marks, that other systems' editors leave.
sed 's/$/\r/' cut.m >dos.m
printf '\xef\xbb\xbf' | cat - cut.m >mark.m
head -c -1 cut.m >open.m
for file in dos.m mark.m open.m; do
    try "leaves of $file" 0 0 leaves $file
    check "$name: there are some" [ "$(grep -vc '^#' out)" -ge 1 ]
done
for code in UTF-16LE UTF-16BE; do
    { printf '\xef\xbb\xbf' && cat cut.m; } | iconv -f UTF-8 -t $code >wide.m
    unread "wide.m: is a text of ptwalk's in UTF-16, not raw memory" leaves wide.m
done
head -c 14 cut.m >begun.m
unread "begun.m: is a text of ptwalk's, and no layout or manifest" leaves \
    "${amd64[@]}" begun.m

# bad LINE WHAT: a manifest with that line behind its first two.
bad() {
    {
        printf '# ptwalk manifest\nformat 1\n%s\n' "$1"
        printf 'image good\nbytes 10000\nsha256 %s\nsegment 0 10000 0\n' \
            "$(sha256sum good | cut -d' ' -f1)"
        printf 'root 1000 1000\npaging regime amd64\n'
    } >bad
    try "bad: $1" "$2" 1 leaves bad
    says "ptwalk: bad:$3"
    check "$name: no output" [ ! -s out ]
}
bad 'nothing' 3 "3: 'nothing' is nothing that a manifest says"
bad 'format 1' 3 '3: format is said twice'
bad 'image x' 3 '4: image is said twice'
bad 'image' 3 '3: image names no file'
bad 'bytes 10000' 3 '5: bytes is said twice'
bad 'bytes x' 3 "3: bytes 'x' is not a hexadecimal number"
bad 'sha256 00' 3 '3: sha256 is not 64 hexadecimal digits'
bad 'old-sha256 00' 3 '3: old-sha256 is not 64 hexadecimal digits'
bad 'certificate 0123' 3 '3: certificate is not 32 hexadecimal digits'
bad 'segment 0 1000 0' 3 '3: a segment of no file: image comes before it'
bad $'image small\nbytes 10000' 3 '5: image is said twice'
bad $'image good\nsegment 0 1000 0 0' 3 \
    '4: a segment is PA SIZE OFFSET, and nothing behind it'
bad 'root 1000' 3 '3: it lacks the value of a root'
bad 'root x 1000' 3 "3: 'x' is not a hexadecimal number"
bad 'root cr5=1 1000' 3 "3: 'cr5' is none of root"
bad 'paging' 3 "3: paging has no ''"
bad 'paging zeros' 3 "3: paging has no 'zeros'"
bad 'policy no-nx' 3 "3: policy has no 'no-nx'"
bad 'paging no-nx 1' 3 '3: no-nx takes no value'
bad 'paging efer' 3 '3: efer has no value'
bad 'paging efer x' 2 "3: --efer 'x' is not a hexadecimal number"
bad 'paging efer 0' 2 ' --regime and --efer exclude each other'
bad $'paging no-nx\npaging no-nx' 3 '4: no-nx is said twice'
bad 'paging pa-bits 99' 2 '3: --pa-bits 99 is not from 32 to 52'
bad 'paging regime pae' 3 '9: regime is said twice'
good_manifest() {
    printf '# ptwalk manifest\n%s\n' "$1"
    sed 1,3d bad
}
good_manifest 'format 2' >other.bad
unread "other.bad:2: its format is '2', and this version reads format 1" leaves \
    other.bad
good_manifest 'image good' >other.bad
unread "other.bad:2: it begins with 'format 1'" leaves other.bad
printf '# ptwalk manifest\n' >other.bad
unread "other.bad: no line of it says 'format'" leaves other.bad
printf '# ptwalk manifest\nformat 1\nimage good\nbytes 10000\n' >other.bad
unread "other.bad: no line of it says 'sha256'" leaves other.bad
unread "other.bad: no line of it says 'sha256'" verify good other.bad
printf '# ptwalk layout\n0 1000 0 bad\n' >lay
unread 'lay:2: bad is a manifest, not raw memory: it is an image by itself' \
    leaves "${amd64[@]}" lay

# Nothing is left when something goes wrong, and nothing is replaced unasked.
: >there
try '--manifest: a file that is there' 3 1 compact "${amd64[@]}" -o dense \
    --manifest there good
check "$name: no image" [ ! -e dense ]
check "$name: as it was" [ ! -s there ]
wrong '--manifest: an empty name' compact "${amd64[@]}" -o dense --manifest '' good
wrong 'it has no option --manifest' leaves "${amd64[@]}" --manifest x good
wrong 'is the image good itself, which is never replaced' compact "${amd64[@]}" \
    --force -o dense --manifest good good
try 'a limit, and nothing is left' 1 1 compact "${amd64[@]}" -o dense \
    --max-bytes 1 --manifest dense.m good
check "$name: neither file" [ ! -e dense -a ! -e dense.m ]
check "$name: no other" [ -z "$(find . -name '.ptwalk-*')" ]

# ------------------------------------------------- a second image of several files
head -c 32768 good >low
tail -c +32769 good >upper
other=("${amd64[@]}" --new-file 0:low --new-file 8000:upper)
both=("${other[@]}" --file 8000:upper --file 0:low)
try 'diff and files' 0 0 diff "${other[@]}" good
try 'diff of files' 0 0 diff "${both[@]}"
try 'files and an image' 0 0 diff "${amd64[@]}" --file 0:low --file 8000:upper good
"$ptwalk" compact "${amd64[@]}" -o dense good >out
head -c 8192 dense >low
tail -c +8193 dense >upper
new=$(sed -n 's/^root 0 1000 //p' out)
try 'verify and files' 0 0 verify "${amd64[@]}" --new-root "$new" \
    --new-file 2000:upper --new-file 0:low good
unread 'ptwalk: --new-file: low and upper overlap at physical address 1000' verify \
    "${amd64[@]}" --new-file 0:low --new-file 1000:upper good
unread "ptwalk: --new-file: none can't be opened: No such file" diff "${amd64[@]}" \
    --new-file 0:none good
wrong "--new-file 'low' is not PA:PATH" diff "${amd64[@]}" --new-file low good
wrong "'good' is one argument too many: the second image is of --new-file" diff \
    "${other[@]}" good good
wrong 'it takes an image before that of --new-file' diff "${other[@]}"
wrong "'good' is one argument too many" diff "${both[@]}" good
wrong '--new-file says itself where memory lies: --new-base and --new-segment go' \
    diff "${other[@]}" --new-base 1000 good
wrong '--new-file says itself where memory lies' diff "${other[@]}" \
    --new-segment 0:1000:0 good
wrong 'it has no option --new-file' maps "${amd64[@]}" --new-file 0:low good

finish
