# SPDX-License-Identifier: Apache-2.0
# What the tests of the command have in common: the directory that they work in,
# checks of a call, and how images are made.
#
# usage: . cli_tools.sh PTWALK_BINARY SCRATCH_DIR [RENAME_BETWEEN]
# shellcheck source=tests/check.sh
. "$(dirname "$0")/check.sh"

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    echo "usage: $0 PTWALK_BINARY SCRATCH_DIR [RENAME_BETWEEN]" >&2
    exit 2
fi
ptwalk=$(realpath "$1")
between=${3:+$(realpath "$3")}
rm -rf "$2"
mkdir -p "$2" && cd "$2" || exit 2
scratch=$PWD
trap 'rm -rf "$scratch"' EXIT

needs jq cmp dd mkfifo perl truncate

# ---------------------------------------------------------------- the checks

# try NAME STATUS LINES ARGS...: runs the command; it must exit with STATUS and
# write LINES lines to standard error, each of which starts as it should.
try() {
    name=$1
    local want=$2 lines=$3 line all=0 named=0
    shift 3
    "$ptwalk" "$@" >out 2>err
    local status=$?
    while IFS= read -r line; do
        all=$((all + 1))
        [[ $line != 'ptwalk: '*': '?* ]] || named=$((named + 1))
    done <err
    check "$name: status $status for $want" [ "$status" -eq "$want" ]
    check "$name: one line an error" [ "$all" -eq "$lines" ]
    check "$name: errors name the command" [ "$named" -eq "$lines" ]
}

# wrong WHAT ARGS...: a usage error that says WHAT, and prints nothing.
wrong() {
    local what=$1
    shift
    try "wrong: $*" 2 1 "$@"
    says "$what"
    check "$name: no output" [ ! -s out ]
}

# unread WHAT ARGS...: the same for a file that can't be read.
unread() {
    local what=$1
    shift
    try "unread: $*" 3 1 "$@"
    says "$what"
    check "$name: no output" [ ! -s out ]
}

says() {
    local text
    IFS= read -rd '' text <err
    [[ $text == *"$1"* ]]
    check "$name: says '$1'" [ $? -eq 0 ]
}

# prints: standard output is exactly standard input.
prints() {
    check "$name: output" diff - out
}

shows() {
    check "$name: shows '$1'" grep -qxF -- "$1" out
}

# count_lines FILE: $lines is how many there are that end; no process is started.
count_lines() {
    local -a text
    mapfile text <"$1"
    lines=${#text[@]}
    [ "$lines" = 0 ] || [[ ${text[-1]} == *$'\n' ]] || lines=$((lines - 1))
}

# json FILTER: every line is an object, and the filter, with all of them in an
# array, says true.
json() {
    local lines said
    count_lines out
    said=$(jq -s "((map(select(type == \"object\")) | length) == $lines),
        ([$1] | last | . != null and . != false)" out)
    check "$name: an object a line" [ "${said%$'\n'*}" = true ]
    check "$name: $1" [ "${said#*$'\n'}" = true ]
}

# ---------------------------------------------------------------- the images

# One process writes all numbers: to start one for each took most of the time that
# these tests take.
coproc writer {
    exec perl -we '
        use strict;
        $| = 1;
        while (<STDIN>) {
            chomp;
            my ($at, $bytes, $value, $path) = split / /, $_, 4;
            my $digits = substr("0" x 16 . $value, -2 * $bytes);
            my $file;
            my $done = open($file, -e $path ? "+<" : "+>", $path) &&
                binmode($file) && seek($file, $at, 0) &&
                print({$file} scalar reverse pack("H*", $digits)) &&
                close($file);
            print $done ? "written\n" : "$path: $!\n";
        }'
}
# Those of a coprocess are not for subshells.
exec {to_writer}>&"${writer[1]}" {from_writer}<&"${writer[0]}"

# put FILE OFFSET VALUE BYTES: a little-endian number, all in hexadecimal.
put() {
    local path=$1 answer
    case $path in /*) ;; *) path=$PWD/$path ;; esac
    printf '%d %d %s %s\n' "0x$2" "0x$4" "$3" "$path" >&$to_writer
    IFS= read -r answer <&$from_writer
    if [ "$answer" != written ]; then
        echo "put: $answer" >&8
        return 1
    fi
}

put_entries() {
    local bytes=$1 file=$2 table=$3 entry at
    shift 3
    for entry in "$@"; do
        printf -v at %x $((0x$table + bytes * ${entry%%=*}))
        put "$file" "$at" "${entry#*=}" "$bytes"
    done
}

# entries FILE TABLE INDEX=VALUE...: 64-bit entries; INDEX is decimal.
entries() {
    put_entries 8 "$@"
}

entries32() {
    put_entries 4 "$@"
}

# amd64: a page of each size, and a page table that is used twice.
make_good() {
    truncate -s 64K "$1"
    entries "$1" 1000 0=2007 511=6003
    entries "$1" 2000 0=3007 1=40000083
    entries "$1" 3000 0=4007 1=8000000000200087
    entries "$1" 4000 0=8005 1=9003 2=800000000000a467
    entries "$1" 6000 511=7003
    entries "$1" 7000 511=4003
}

# ------------------------------------------------------ a dump, and what it notes
# note FILE NAME TYPE: puts what it reads behind what is there, as a note.
note() {
    local at name_bytes=$((${#2} + 1)) bytes
    cat >note
    bytes=$(stat -c %s note)
    at=$(stat -c %s "$1")
    put "$1" "$(printf %x "$at")" "$(printf %x $name_bytes)" 4
    put "$1" "$(printf %x $((at + 4)))" "$(printf %x "$bytes")" 4
    put "$1" "$(printf %x $((at + 8)))" "$3" 4
    printf '%s' "$2" >>"$1"
    truncate -s $((at + 12 + (name_bytes + 3) / 4 * 4)) "$1"
    cat note >>"$1"
    truncate -s %4 "$1"
}
# cpu CR0 CR3 CR4: adds a processor, as QEMU notes it, to the file of notes.
cpu() {
    rm -f cpu
    truncate -s 432 cpu
    put cpu 0 1 4
    put cpu 4 1b0 4
    put cpu 188 "$1" 8
    put cpu 1a0 "$2" 8
    put cpu 1a8 "$3" 8
    note notes QEMU 0 <cpu
}
# core FILE: an ELF core of the notes, and of the memory of good.
core() {
    rm -f "$1"
    truncate -s 64K "$1"
    printf '\x7fELF\2\1\1' | dd of="$1" conv=notrunc status=none
    put "$1" 10 4 2
    put "$1" 12 3e 2
    put "$1" 14 1 4
    put "$1" 20 40 8
    put "$1" 34 40 2
    put "$1" 36 38 2
    put "$1" 38 2 2
    put "$1" 40 4 4
    put "$1" 48 10000 8
    put "$1" 60 "$(printf %x "$(stat -c %s notes)")" 8
    put "$1" 78 1 4
    put "$1" 80 1000 8
    put "$1" 98 f000 8
    put "$1" a0 f000 8
    # Memory from 0 on, but for the first page, in whose place the headers are.
    put "$1" 90 1000 8
    dd if=good of="$1" bs=4096 skip=1 seek=1 conv=notrunc status=none
    cat notes >>"$1"
}

# shellcheck disable=SC2034
amd64=(--regime amd64 --root 1000)
registers=(--cr0 80010001 --cr4 20 --efer d00)
