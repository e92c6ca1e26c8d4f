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

needs jq cmp dd mkfifo truncate

# ---------------------------------------------------------------- the checks

# try NAME STATUS LINES ARGS...: runs the command; it must exit with STATUS and
# write LINES lines to standard error, each of which starts as it should.
try() {
    name=$1
    local want=$2 lines=$3
    shift 3
    "$ptwalk" "$@" >out 2>err
    local status=$?
    check "$name: status $status for $want" [ "$status" -eq "$want" ]
    check "$name: one line an error" [ "$(wc -l <err)" -eq "$lines" ]
    check "$name: errors name the command" \
        [ "$(grep -c '^ptwalk: .*: .' err)" -eq "$lines" ]
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
    check "$name: says '$1'" grep -qF -- "$1" err
}

# prints: standard output is exactly standard input.
prints() {
    cat >want
    check "$name: output" diff want out
}

shows() {
    check "$name: shows '$1'" grep -qxF -- "$1" out
}

# json FILTER: every line is an object, and the filter, with all of them in an
# array, says true.
json() {
    check "$name: an object a line" \
        [ "$(jq -c 'select(type == "object")' out | wc -l)" = \
        "$(wc -l <out)" ]
    check "$name: $1" jq -se "$1" out -r >/dev/null
}

# ---------------------------------------------------------------- the images

# put FILE OFFSET VALUE BYTES: a little-endian number, all in hexadecimal.
put() {
    local text='' i value=$((0x$3))
    for ((i = 0; i < $4; i++)); do
        text+=$(printf '\\x%02x' $((value >> 8 * i & 255)))
    done
    # shellcheck disable=SC2059
    printf "$text" | dd of="$1" bs=8 seek=$((0x$2)) oflag=seek_bytes \
        conv=notrunc status=none
}

# entries FILE TABLE INDEX=VALUE...: 64-bit entries; INDEX is decimal.
entries() {
    local file=$1 table=$2 entry
    shift 2
    for entry in "$@"; do
        put "$file" "$(printf %x $((0x$table + 8 * ${entry%%=*})))" \
            "${entry#*=}" 8
    done
}

entries32() {
    local file=$1 table=$2 entry
    shift 2
    for entry in "$@"; do
        put "$file" "$(printf %x $((0x$table + 4 * ${entry%%=*})))" \
            "${entry#*=}" 4
    done
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

# shellcheck disable=SC2034
amd64=(--regime amd64 --root 1000)
registers=(--cr0 80010001 --cr4 20 --efer d00)
