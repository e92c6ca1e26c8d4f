#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dumps of real guests, with no option but their name: their leaves have to be
# those that an independent walker found.  A dump is dump.* of a case when the
# registers are in it, and image.KIND when it has none.
#
# usage: dumps.sh PTWALK_BINARY IMAGES_DIR SCRATCH_DIR
set -u
# shellcheck source=tests/check.sh
. "$(dirname "$0")/check.sh"
# shellcheck source=tests/commands.sh
. "$(dirname "$0")/commands.sh"

if [ $# -ne 3 ]; then
    echo "usage: $0 PTWALK_BINARY IMAGES_DIR SCRATCH_DIR" >&2
    exit 2
fi
ptwalk=$(realpath "$1")
images=$(realpath "$2")
scratch=$3

needs zstd jq cmp awk
rm -rf "$scratch"
mkdir -p "$scratch" || exit 2
scratch=$(realpath "$scratch")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2

# succeeds ARGS...: the command, with its output in `out` and not a word of
# complaint.
succeeds() {
    "$ptwalk" "$@" >out 2>err && [ ! -s err ] && return 0
    echo "status $?:"
    cat err
    return 1
}

# says TEXT: it is in what was printed.
says() {
    grep -qF -- "$1" out && return 0
    head -n 20 out
    return 1
}

# fails STATUS TEXT ARGS...: the command ends with that status and one line,
# which has the text in it.
fails() {
    local want=$1 text=$2 status
    shift 2
    "$ptwalk" "$@" >out 2>err
    status=$?
    [ "$status" -eq "$want" ] && [ "$(wc -l <err)" -eq 1 ] &&
        grep -qF -- "$text" err && return 0
    echo "status $status:"
    cat err
    return 1
}

# leaves_of N: those that were printed of root N are the expected ones.
leaves_of() {
    awk -v root="$1" '$1 == "#" { on = $2 == "root" && $3 == root; next } on' \
        out | cmp - "$case"/expected-"$(printf %02d "$1")"-*.txt
}

# with_registers DUMP: what a dump that has them gives with no option.
with_registers() {
    local name=${case##*/}/${1##*/} other

    check "$name: leaves" succeeds leaves "$1"
    check "$name: leaves are the expected ones" leaves_of 0
    check "$name: there is one root" [ "$(grep -c '^# root' out)" -eq 1 ]
    check "$name: leaves --no-mmap" succeeds leaves --no-mmap "$1"
    check "$name: not mapped, they are the same" leaves_of 0
    check "$name: maps" succeeds maps "$1"
    check "$name: maps: what was assumed is said" says "assumed: "
    check "$name: spaces" succeeds spaces "$1"
    check "$name: info" succeeds info "$1"
    check "$name: info: the root" says "root 0: $root, of CPU 0"
    check "$name: info: the mode" says "mode: $mode, 52-bit"
    check "$name: info --json" succeeds info --json "$1"
    check "$name: info --json: the mode" \
        [ "$(jq -r 'select(.type == "mode").mode' out)" = "$mode" ]
    check "$name: info --json: the root" \
        [ "$(jq -r 'select(.type == "root").pa' out)" = "$root" ]
    # What is given goes before what the dump says.
    other=$(jq -r '.roots[1].value' "$case/meta.json")
    check "$name: another root" succeeds leaves --root "$other" "$1"
    sed 's/^# root 0/# root 1/' out >out.1 && mv out.1 out
    check "$name: another root's leaves" leaves_of 1
    check "$name: another root, by its register" \
        succeeds leaves --cr3 "$other" "$1"
    sed 's/^# root 0/# root 1/' out >out.1 && mv out.1 out
    check "$name: another root's leaves, by its register" leaves_of 1
    check "$name: a mode that is given" succeeds info --regime bare "$1"
    check "$name: that mode" says "mode: bare"
    check "$name: who said it" says "paging: said by options"
    check "$name: what is given is not assumed" says "assumed: nothing"
    check "$name: a width that is given" succeeds info --pa-bits 40 "$1"
    check "$name: that width" says "mode: $mode, 40-bit"
    check "$name: it is not assumed" [ "$(grep -c 'assumed: .*52 bits' out)" -eq 0 ]
    check "$name: a mode's name" succeeds leaves --regime "$mode" "$1"
    check "$name: the leaves by name" leaves_of 0
    check "$name: --no-nx" succeeds info --no-nx "$1"
    every_command "$name" "$1"
    check "$name: a base is refused" fails 2 "--base goes with raw memory" \
        maps --base 1000 "$1"
    if [[ $name == *.elf ]]; then
        check "$name: a layout that takes its beginning for memory" fails 3 \
            "takes its beginning for memory" maps --segment 0:1000:0 "$1"
        check "$name: a layout is believed" fails 3 \
            "root 0 at $root can't be read" leaves --segment 0:1000:2000 "$1"
    else
        check "$name: no layout" fails 3 "its memory is packed" \
            leaves --segment 0:1000:2000 "$1"
    fi
    check "$name: a mode of another family has no root" fails 2 \
        "no root is given" maps --regime sv39 "$1"
}

# without_registers DUMP: all roots are given.
without_registers() {
    local name=${case##*/}/${1##*/} i
    local -a roots=()

    while read -r i; do
        roots+=(--root "$i")
    done < <(jq -r '.roots[].value' "$case/meta.json")
    check "$name: no mode" fails 2 "and the file does not say it" leaves "$1"
    check "$name: leaves" succeeds leaves --regime "$mode" "${roots[@]}" "$1"
    for ((i = 0; i < ${#roots[@]} / 2; i++)); do
        check "$name: leaves of root $i" leaves_of "$i"
    done
    check "$name: info" succeeds info "$1"
    check "$name: info: no mode" says "mode: not said by the file"
    every_command "$name" --regime "$mode" "${roots[@]:0:2}" "$1"
}

dumps=0
for packed in "$images"/*/dump.*.zst "$images"/*/image.*.zst; do
    case $packed in
    *'*'* | */image.raw.zst) continue ;;
    esac
    case=$scratch/$(basename "$(dirname "$packed")")
    if [ ! -d "$case" ]; then
        mkdir "$case" && cp "$(dirname "$packed")/meta.json" "$case" || exit 2
        for expected in "$(dirname "$packed")"/expected-*.zst; do
            zstd -dq "$expected" \
                -o "$case/$(basename "$expected" .zst)" || exit 2
        done
    fi
    dump=$case/$(basename "$packed" .zst)
    zstd -dq --sparse "$packed" -o "$dump" || exit 2
    root=$(jq -r '.roots[0].value' "$case/meta.json")
    case $(jq -r .mode "$case/meta.json") in
    x86-64-4l) mode=amd64 ;;
    x86-32) mode=i686 ;;
    x86-pae) mode=pae ;;
    esac
    case ${dump##*/} in
    dump.*) with_registers "$dump" ;;
    *) without_registers "$dump" ;;
    esac
    rm "$dump"
    dumps=$((dumps + 1))
done
# A page that can't be unpacked is no change of the tables.
zstd -dq "$images/amd64-linux-dumps/dump.mdf-l-d31.zst" -o cut.kdump &&
    truncate -s -5000 cut.kdump || exit 2
# cut STATUS LINES COMMAND...: the first line on standard error is on the file, and
# any other on tables, in our words.
cut() {
    local status=$1 lines=$2
    shift 2
    "$ptwalk" "$@" cut.kdump >out 2>err
    [ $? = "$status" ] && [ "$(wc -l <err)" = "$lines" ] &&
        grep -qE '^ptwalk: cut.kdump: is cut off at cdbb5, and goes on to cef3d or further: 16 of its 18631 pages are not in the image' err &&
        ! grep -qv 'not in the image' err
}
check "kdump, cut off: info" cut 0 1 info
check "kdump, cut off: maps" cut 3 2 maps
check "kdump, cut off: compact" cut 0 1 compact -o new
check "kdump, cut off: compact counts it" grep -qx 'dropped-table 2' out
truncate -s 470000 cut.kdump
check "kdump, cut off before its pages: info" fails 3 \
    "it is cut off at 72bf0, and goes on to cef3d or further" info cut.kdump
truncate -s 8192 cut.kdump
check "kdump, cut off in its list: info" fails 3 \
    "it is cut off at 2000, within its list of pages" info cut.kdump
# What is compressed once more is read as if it were not.
case=$scratch/amd64-linux
zstd -dq "$images/amd64-linux/dump.elf.zst" -o core && gzip -1k core || exit 2
root=$(jq -r '.roots[0].value' "$case/meta.json")
for packed in "$images"/amd64-linux/dump.*.zst core.gz; do
    check "$packed: leaves" succeeds leaves "$packed"
    check "$packed: the expected ones" leaves_of 0
done
head -c 100000 core.gz >cut.gz
check "gzip, cut off" fails 3 "it ends too early" info cut.gz
head -c 100000 "$images/amd64-linux/dump.elf.zst" >cut.zst
check "zstd, cut off" fails 3 "it ends too early" info cut.zst
cat core.gz core.gz >twice.gz
check "gzip, two members" succeeds info twice.gz
{
    cat core.gz
    head -c 512 /dev/zero
} >padded.gz
check "gzip, padded" succeeds leaves padded.gz
check "gzip, padded: the leaves" leaves_of 0
{
    cat padded.gz
    printf x
} >longer.gz
check "gzip, and something else" fails 3 "behind what is packed" info longer.gz
printf 'not memory' | gzip >tiny.gz
check "gzip of raw memory" succeeds info tiny.gz
check "gzip of raw memory: it is said" says "raw memory, compressed by gzip"
gzip </dev/null >empty.gz
check "gzip of nothing" fails 3 \
    "empty.gz: is compressed by gzip, and nothing is in it" info empty.gz
head -c 1000 core.gz | gzip | gzip | gzip | gzip | gzip >often.gz
check "packed too often" fails 3 "more than 4 times" info often.gz
TMPDIR=/nowhere check "no room" fails 3 "no temporary file can be made in" \
    info core.gz
# The command does not write into the file that it reads.
cp core.gz kept.gz
check "the image as the output" fails 2 "" compact --force -o kept.gz kept.gz
check "the image is as it was" cmp core.gz kept.gz

# The same memory as others would have written it.
zstd -dq --sparse "$images/amd64-linux/image.raw.zst" -o vm.vmem || exit 2
printf '\xd2\xbe\xd2\xbe\0\0\0\0\0\0\0\0' >vm.vmss
check "VMware: leaves" succeeds leaves --regime amd64 --root "$root" vm.vmss
check "VMware: the expected ones" leaves_of 0
check "VMware: info" succeeds info vm.vmss
check "VMware: info: its .vmem" says "a VMware saved state, with its .vmem"
check "VMware: memory alone" fails 0 "vm.vmss beside it says where it lies" \
    leaves --holes zero --regime amd64 --root "$root" vm.vmem
check "VMware: memory that is laid out" succeeds info --segment 0:1000:0 vm.vmem
# The memory beside is protected as the file that is named.
check "VMware: its .vmem as the output" fails 2 "which is never replaced" \
    compact --force --regime amd64 --root "$root" -o vm.vmem vm.vmss
cp vm.vmss alone.vmss
check "VMware: no .vmem" fails 3 "alone.vmem can't be opened" info alone.vmss
cp vm.vmss alone
check "VMware: no name" fails 3 "says no .vmem" info alone
# put OFFSET BYTES: writes them into the Windows dump.
put() {
    # shellcheck disable=SC2059
    printf "$2" | dd of=win.dmp bs=1 seek=$(($1)) conv=notrunc status=none
}
dd if=vm.vmem of=win.dmp bs=8192 seek=1 conv=sparse status=none
put 0 'PAGEDU64'
put 0x10 '\x02\xc0\x64\x02\0\0\0\0' # the root, and a PCID
put 0x30 '\x64\x86\0\0'
put 0x88 '\1\0\0\0PAGE\0\0\1\0\0\0\0\0'
put 0x98 '\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0'
put 0xf98 '\1\0\0\0'
check "Windows: leaves" succeeds leaves win.dmp
check "Windows: the expected ones" leaves_of 0
check "Windows: info" succeeds info win.dmp
check "Windows: info: the mode" says "mode: amd64"
check "Windows: info: the root" \
    says "root 0: $root, of the process that was running"

check "there are dumps in $images" [ "$dumps" -ge 9 ]

finish
