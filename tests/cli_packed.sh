#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command, and images that gzip or zstd packed: cut off at each byte, put
# together of several, with something else behind them.  RFC 1952, "File format";
# RFC 8878, "Zstandard Frames", "Skippable Frames".
#
# usage: cli_packed.sh PTWALK_BINARY SCRATCH_DIR
set -u
# shellcheck source=tests/cli_tools.sh
. "$(dirname "$0")/cli_tools.sh"

needs zstd gzip

make_good good
head -c 32768 good >low
tail -c 32768 good >high
"$ptwalk" leaves --holes zero "${amd64[@]}" good >expected

# all FILE: it is the whole image, as if nobody had packed it.
all() {
    try "$1: the leaves" 0 0 leaves "${amd64[@]}" "$1"
    check "$name: all of them" cmp out expected
    try "$1: how large it is" 0 0 info "$1"
    check "$name: 64K" grep -q '^memory: 64K in 1 segment' out
}
# none FILE TEXT: it is refused in a line that has the text, and nothing is said
# of what could be unpacked.
none() {
    unread "$1: is compressed by ${1##*.}" info "$1"
    says "$2"
    unread "$1: is compressed by ${1##*.}" leaves "${amd64[@]}" "$1"
}
# pack KIND FILE...: packs the files, or what it reads.
pack() {
    local kind=$1
    shift
    if [ "$kind" = gzip ]; then
        gzip -nc "$@"
    else
        zstd -qc "$@"
    fi
}
declare -A sum=([gzip]=8 [zstd]=4) # bytes from its end on
for kind in gzip zstd; do
    for image in good low high; do
        pack $kind $image >$image.$kind
    done
    : | pack $kind >empty.$kind
    all good.$kind
    # Wherever it ends, from where it is known for what it is: header, blocks, and
    # the sum behind them.
    bytes=$(stat -c %s good.$kind)
    wrong=0
    for ((n = 4; n < bytes; n++)); do
        head -c $n good.$kind >cut.$kind
        "$ptwalk" info cut.$kind >out 2>err
        [ $? -eq 3 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] &&
            grep -qE "^ptwalk: cut.$kind: is compressed by $kind, and (it ends too early|(zlib|zstd) can)" err ||
            wrong=$((wrong + 1))
    done
    check "$kind, cut off at each of $bytes bytes" [ $wrong -eq 0 ]
    none cut.$kind "it ends too early: it was not written to the end"
    # Several, one behind the other, are one image, whatever is empty of them.
    cat low.$kind high.$kind >two.$kind
    all two.$kind
    cat empty.$kind low.$kind empty.$kind high.$kind empty.$kind >five.$kind
    all five.$kind
    none empty.$kind 'nothing is in it'
    cat empty.$kind empty.$kind >empties.$kind
    none empties.$kind 'nothing is in it'
    low=$(stat -c %s low.$kind)
    for n in 1 2 3 4 5 $(($(stat -c %s high.$kind) - 1)); do
        head -c $((low + n)) two.$kind >cut.$kind
        none cut.$kind "it ends too early"
    done
    # The sum is right, or it is not the image.
    cp good.$kind sum.$kind
    put sum.$kind "$(printf %x $((bytes - ${sum[$kind]})))" 5a 1
    none sum.$kind "can't unpack it: "
    # What is no part of it.
    for text in x xy xyz xyzw 'something else'; do
        cat good.$kind - <<<"$text" >longer.$kind
        none longer.$kind ''
    done
    # What one of the other kind is inside is said, too.
    other=$([ $kind = gzip ] && echo zstd || echo gzip)
    pack $other good.$kind >in.$other
    all in.$other
    head -c $((bytes - 1)) good.$kind | pack $other >cut-in.$other
    unread "cut-in.$other: is compressed by $kind, compressed by $other, and it ends" info cut-in.$other
done
# The length of what was packed is a part of gzip's sum.
cp good.gzip length.gzip
put length.gzip "$(printf %x $(($(stat -c %s good.gzip) - 4)))" 1 1
none length.gzip "zlib can't unpack it: "
# A member with a comment, so long that it ends where what is read at once does.
commented() {
    local bytes
    bytes=$(stat -c %s "$2")
    printf '\x1f\x8b\x08\x10\0\0\0\0\0\x03'
    head -c $(($1 - bytes - 1)) /dev/zero | tr '\0' c
    printf '\0'
    tail -c +11 "$2"
}
for more in -1 0 1; do
    commented $((131072 + more)) low.gzip >piece.gzip
    check "a member of a piece and $more" \
        [ "$(stat -c %s piece.gzip)" -eq $((131072 + more)) ]
    cp piece.gzip half.gzip
    try "a member of a piece and $more: alone" 0 0 info half.gzip
    check "$name: its half" grep -q '^memory: 32K in 1 segment' out
    cat high.gzip >>piece.gzip
    all piece.gzip
    head -c $((131072 + more - 1)) half.gzip >cut.gzip
    none cut.gzip 'it ends too early'
    # And a frame that is skipped, which ends there.
    {
        cat low.zstd
        printf '\x50\x2a\x4d\x18'
        n=$((131072 + more - $(stat -c %s low.zstd) - 8))
        # shellcheck disable=SC2059
        printf "$(printf '\\x%02x\\x%02x\\x%02x\\0' $((n & 255)) \
            $((n >> 8 & 255)) $((n >> 16)))"
        head -c $n /dev/zero
    } >half.zstd
    try "frames of a piece and $more: alone" 0 0 info half.zstd
    check "$name: its half" grep -q '^memory: 32K in 1 segment' out
    cat half.zstd high.zstd >piece.zstd
    all piece.zstd
    head -c $((131072 + more - 1)) half.zstd >cut.zstd
    none cut.zstd 'it ends too early'
done
# pzstd writes a frame that is skipped before each of its own.
for image in low high; do
    printf '\x50\x2a\x4d\x18\4\0\0\0'
    n=$(stat -c %s $image.zstd)
    # shellcheck disable=SC2059
    printf "$(printf '\\x%02x\\x%02x\\0\\0' $((n & 255)) $((n >> 8)))"
    cat $image.zstd
done >parallel.zstd
all parallel.zstd
# Without a sum, and without the length of what is in it.
zstd -qc --no-check <good >bare.zstd
all bare.zstd
head -c -1 bare.zstd >cut.zstd
none cut.zstd 'it ends too early'

finish
