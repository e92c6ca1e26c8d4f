#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compares what the command says about the page tables of real guests with what
# an independent walker said.  What is done with an image depends on the mode in
# its meta.json, and on nothing else.
#
# usage: images.sh PTWALK_BINARY IMAGES_DIR SCRATCH_DIR
set -u
# shellcheck source=tests/check.sh
. "$(dirname "$0")/check.sh"

if [ $# -ne 3 ]; then
    echo "usage: $0 PTWALK_BINARY IMAGES_DIR SCRATCH_DIR" >&2
    exit 2
fi
ptwalk=$(realpath "$1")
images=$(realpath "$2")
scratch=$3

# A sanitizer's complaint must not look like an answer.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}exitcode=99"

needs zstd jq cmp awk dd
rm -rf "$scratch"
mkdir -p "$scratch" || exit 2
scratch=$(realpath "$scratch")
trap 'rm -rf "$scratch"' EXIT

same() {
    cmp -- "$1" "$2"
}

# run OUT ARGS...: the command, with its output in OUT and its complaints in
# $scratch/err; its status is $status.
run() {
    local out=$1
    shift
    "$ptwalk" "$@" >"$out" 2>"$scratch/err"
    status=$?
}

succeeds() {
    run "$@"
    [ "$status" -eq 0 ] && [ ! -s "$scratch/err" ] && return 0
    echo "status $status:"
    cat "$scratch/err"
    return 1
}

# Status 2, one line, no output.
refused() {
    run "$scratch/out" "$@"
    [ "$status" -eq 2 ] && [ ! -s "$scratch/out" ] &&
        [ "$(wc -l <"$scratch/err")" -eq 1 ] &&
        grep -q -e 'not supported yet$' -e 'is called' "$scratch/err" && return 0
    echo "status $status:"
    cat "$scratch/err"
    return 1
}

# split_roots FILE DIR: what `leaves` printed, a file for each root.
split_roots() {
    mkdir -p "$2"
    rm -f "$2"/root-*
    awk -v dir="$2" '
        $1 == "#" && $2 == "root" {
            f = sprintf("%s/root-%02d", dir, $3); printf "" > f
        }
        $1 == "#" { next }
        { print > f }' "$1"
}

# all_roots DIR OUT: compares each expected file of the case with its root.
all_roots() {
    local expected index bad=0 n=0

    split_roots "$2" "$scratch/split"
    for expected in "$1"/expected-*.txt; do
        index=$(basename "$expected" | cut -d- -f2)
        same "$expected" "$scratch/split/root-$index" || bad=1
        n=$((n + 1))
    done
    [ "$n" -eq "$roots" ] && [ "$bad" -eq 0 ] &&
        [ "$(grep -c '^# root ' "$2")" -eq "$roots" ]
}

headers_are_right() {
    jq -r '.roots | to_entries[] | "# root \(.key) \(.value.value)"' \
        "$dir/meta.json" | cmp - <(grep '^# root' "$1")
}

# Each root's own leaves, and those behind its aliases, are all of its leaves.
expansion_is_consistent() {
    jq -r 'select(.type == "alias") | [.root, .va, .last] | @tsv' \
        "$scratch/spaces.json" >"$scratch/ranges"
    jq -r 'select(.type == "leaf") | .root' "$scratch/spaces.json" |
        awk '{ n[$1]++ } END { for (r in n) print r, n[r] }' \
            >"$scratch/own"
    awk '
        FILENAME == ARGV[1] { own[$1] = $2; next }
        FILENAME == ARGV[2] {
            i = count[$1]++
            first[$1, i] = $2 "."; last[$1, i] = $3 "."; next
        }
        $1 == "#" && $2 == "root" { r = $3; at = 0; seen[r] = 1 }
        $1 == "#" { next }
        {
            va = $1 "."
            while (at < count[r] && va > last[r, at]) at++
            if (at < count[r] && va >= first[r, at]) own[r]++
        }
        END { for (r in seen) print r, own[r] + 0 }' \
        "$scratch/own" "$scratch/ranges" "$scratch/leaves" |
        sort -n >"$scratch/expanded"
    jq -r '.roots | to_entries[] | "\(.key) \(.value.leaves)"' \
        "$dir/meta.json" | cmp - "$scratch/expanded"
}

counts_are_right() {
    jq -c 'select(.type == "total") |
        [.root, .leaves, .leaves_by_size]' "$scratch/maps.json" \
        >"$scratch/totals"
    jq -c '.roots | to_entries[] |
        [.key, .value.leaves, .value.leaves_by_size]' "$dir/meta.json" |
        cmp - "$scratch/totals"
}

# Some leaves of each root, asked for one by one.
translations_are_right() {
    local root=$1 expected=$2

    awk 'NR % 997 == 1' "$expected" >"$scratch/some"
    # shellcheck disable=SC2046
    succeeds "$scratch/out" translate "${by_name[@]}" --root "$root" \
        "$dir/image.raw" $(cut -d' ' -f1 "$scratch/some") || return 1
    same "$scratch/some" "$scratch/out"
}

# What `compact` printed: new roots as options.
new_roots() {
    sed -n 's/^root [0-9]* [0-9a-f]* /--new-root /p' "$1" | tr ' ' '\n'
}

# The expected leaves of all roots, where the page map says that their pages
# are; those that are not in it must lie outside of the image.
moved_leaves() {
    cat "$dir"/expected-*.txt | awk -v base="$base" -v length_of="$length" '
        function number(text,  i, n) {
            for (i = 1; i <= length(text); i++)
                n = n * 16 + index("123456789abcdef", substr(text, i, 1))
            return n
        }
        FILENAME == ARGV[1] {
            was = number($1) - base; is = number($2); bytes = number($3)
            for (i = 0; i < bytes; i += 4096)
                now[was + i] = is + i
            next
        }
        {
            if (!($2 in pa)) pa[$2] = number($2)
            if (!($3 in size)) size[$3] = number($3)
            first = pa[$2] - base; last = first + size[$3] - 4096
            if (!(first in now) &&
                (first < 0 || first >= length_of)) next
            if (now[last] - now[first] != last - first || !(last in now))
                print "torn:", $0
            $2 = sprintf("%x", now[first])
            print
        }' "$scratch/page-map" -
}

# change FILE OFFSET BIT: flips a bit of the byte at that (decimal) offset.
change() {
    local byte

    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "$(printf '\\x%02x' $((byte ^ 1 << $3)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# finds WHAT VA OPTIONS...: both commands say no to the changed image, verify
# with WHAT, at that address of the first root.
finds() {
    local what=$1 va=$2 kind=${1%% *}

    shift 2
    run "$scratch/out" verify "$@" "${named[@]}" "${new[@]}" "$dir/image.raw" \
        "$scratch/changed"
    if [ "$status" -ne 1 ] ||
        ! grep -q "^differs 0 $va .* $what\$" "$scratch/out"; then
        cat "$scratch/out" "$scratch/err"
        return 1
    fi
    run "$scratch/out" diff "$@" "${named[@]}" "${new[@]}" "$dir/image.raw" \
        "$scratch/changed"
    [ "$status" -eq 1 ] && grep -q "^0 $va-.* $kind" "$scratch/out" && return 0
    cat "$scratch/err"
    return 1
}

compaction() {
    local case=$1 root va pa at policy
    local -a new=() again=()

    check "$case: compact" succeeds "$scratch/compact" compact \
        "${by_name[@]}" "${named[@]}" --page-map "$scratch/page-map" \
        -o "$scratch/dense" "$dir/image.raw"
    mapfile -t new < <(new_roots "$scratch/compact")
    check "$case: compact: a new root for each" \
        [ "${#new[@]}" -eq $((2 * roots)) ]

    check "$case: verify" succeeds "$scratch/out" verify "${by_name[@]}" \
        "${named[@]}" "${new[@]}" "$dir/image.raw" "$scratch/dense"
    check "$case: verify: the certificate" diff \
        <(tail -n 1 "$scratch/compact") "$scratch/out"
    # Several roots may stand in one of the pages that hold tables.
    check "$case: as many tables and aliases as there were" \
        [ "$(cut -d' ' -f5,7 "$scratch/out")" = "$(jq -r '
            [.roots[].value[:-3]] as $pages |
            "\(.table_pages - ($pages | unique | length) + ($pages | length)
            ) \(.aliases)"' "$dir/meta.json")" ]

    check "$case: compact: leaves" succeeds "$scratch/leaves.new" leaves \
        --regime "$regime" "${new[@]/--new-root/--root}" "$scratch/dense"
    moved_leaves >"$scratch/moved"
    grep -v '^#' "$scratch/leaves.new" >"$scratch/out"
    check "$case: compact: the leaves, at their new places" \
        same "$scratch/moved" "$scratch/out"
    check "$case: compact: some leaves" [ -s "$scratch/moved" ]
    check "$case: compact: spaces" succeeds "$scratch/spaces" spaces \
        --regime "$regime" "${new[@]/--new-root/--root}" "$scratch/dense"
    awk '$2 == "alias" { print $1, $3, $4, $5, $6 }' "$scratch/spaces" \
        >"$scratch/sharing"
    check "$case: compact: what is shared" same "$dir/sharing.txt" \
        "$scratch/sharing"

    # What is dropped is all that is different.
    run "$scratch/out" diff --json "${by_name[@]}" "${named[@]}" "${new[@]}" \
        "$dir/image.raw" "$scratch/dense"
    # shellcheck disable=SC2016
    check "$case: diff: what was dropped" jq -se --argjson status "$status" \
        'last | .different == .only_a and .complete and .pages > 0 and
        $status == if .only_a == 0 then 0 else 1 end' "$scratch/out" >/dev/null

    mapfile -t again < <(printf '%s\n' "${new[@]/--new-root/--root}")
    check "$case: compact, again" succeeds "$scratch/out" compact \
        --regime "$regime" "${again[@]}" -o "$scratch/changed" "$scratch/dense"
    check "$case: compact, again: the same bytes" same "$scratch/dense" \
        "$scratch/changed"

    # A page of the first root that nothing before it maps, and its entry.
    read -r va pa _ < <(awk '!/^#/ && $3 == "1000" && n++ == 100' \
        "$scratch/leaves.new")
    va=$(awk -v pa="$pa" '$2 == pa { print $1; exit }' "$scratch/leaves.new")
    change "$scratch/changed" $((0x$pa + 1234)) 3
    check "$case: a byte is changed" finds 'bytes differ' "$va" "${by_name[@]}"
    change "$scratch/changed" $((0x$pa + 1234)) 3
    root=$(awk '$1 == "root" { print $4; exit }' "$scratch/compact")
    at=$("$ptwalk" explain --json --regime "$regime" --root "$root" \
        "$scratch/changed" "$va" | jq -r '.steps[-1].at')
    change "$scratch/changed" $((0x$at)) "$right"
    check "$case: a right is changed" finds 'rights differ' "$va" \
        "${by_name[@]}"
    rm -f "$scratch/changed" "$scratch/page-map"

    for policy in '--copy-on-write --marked keep' \
        '--copy-on-write --copy-shared --marked clear' --split \
        '--merge --zeros'; do
        # shellcheck disable=SC2086
        check "$case: compact $policy" succeeds "$scratch/compact" compact \
            "${by_name[@]}" "${named[@]}" $policy --force -o "$scratch/dense" \
            "$dir/image.raw"
        mapfile -t new < <(new_roots "$scratch/compact")
        # shellcheck disable=SC2086
        check "$case: verify $policy" succeeds "$scratch/out" verify \
            "${by_name[@]}" "${named[@]}" "${new[@]}" $policy \
            "$dir/image.raw" "$scratch/dense"
    done
    rm -f "$scratch/dense"
}

# A satp is a mode, an ASID and a page number; the levels of tables are l0 and so
# on.  What the rest reads is made of that.
riscv() {
    local value
    local -a roots=()

    for value in $(jq -r '.roots[].value' "$dir/meta.json"); do
        roots+=("$(printf '%x' $(((0x$value & 0xfffffffffff) << 12)))")
    done
    jq '.roots |= [range(length) as $i |
        .[$i] + {satp: .[$i].value, value: $ARGS.positional[$i]}]' \
        "$dir/meta.json" --args "${roots[@]}" >"$dir/meta" &&
        mv "$dir/meta" "$dir/meta.json"
    sed -i 's/ pt / l0 /; s/ pd / l1 /; s/ pdpt / l2 /' "$dir/sharing.txt"
}

supported() {
    local regime=$1 case=$2
    local length half value index expected base right=1 # bit 1 is R/W
    local -a segments=() named=() cr3=() registers=() by_name=()

    zstd -dq "$dir"/expected-*.txt.zst || exit 2
    case $regime in
    sv*)
        riscv
        right=3 # bit 3 is X
        ;;
    esac
    base=$((0x$(jq -r '.ram[0].pa' "$dir/meta.json")))
    roots=$(jq '.roots | length' "$dir/meta.json")
    length=$((0x$(jq -r .image_length "$dir/meta.json")))
    half=$((length / 2))
    mapfile -t segments < <(jq -r '.ram[] |
        "--segment", "\(.pa):\(.length):\(.offset)"' "$dir/meta.json")
    mapfile -t named < <(jq -r '.roots[] | "--root", .value' "$dir/meta.json")
    mapfile -t cr3 < <(jq -r '.roots[] |
        if .satp then "--satp", .satp else "--cr3", .value end' \
        "$dir/meta.json")
    mapfile -t registers < <(jq -r '.registers | select(.cr0) |
        "--cr0", .cr0, "--cr4", .cr4, "--efer", .efer' "$dir/meta.json")
    by_name=(--regime "$regime" "${segments[@]}")

    check "$case: leaves, by name" succeeds "$scratch/leaves" \
        leaves "${by_name[@]}" "${named[@]}" "$dir/image.raw"
    check "$case: leaves, by name, are the expected ones" \
        all_roots "$dir" "$scratch/leaves"
    check "$case: each root's header" headers_are_right "$scratch/leaves"

    check "$case: leaves, by registers" succeeds "$scratch/out" \
        leaves "${registers[@]}" "${cr3[@]}" "${segments[@]}" "$dir/image.raw"
    check "$case: leaves, by registers, are the same" \
        same "$scratch/leaves" "$scratch/out"

    index=0
    for value in $(jq -r '.roots[].value' "$dir/meta.json"); do
        expected=$(printf '%s/expected-%02d-' "$dir" $index)
        check "$case: root $index, some translations" \
            translations_are_right "$value" "$expected"*.txt
        index=$((index + 1))
    done

    value=$(jq -r '.roots[0].value' "$dir/meta.json")
    check "$case: leaves, not mapped into memory" succeeds "$scratch/out" \
        leaves --no-mmap "${by_name[@]}" --root "$value" "$dir/image.raw"
    grep -v '^#' "$scratch/out" >"$scratch/out.leaves"
    check "$case: leaves, not mapped, are the expected ones" \
        same "$dir"/expected-00-*.txt "$scratch/out.leaves"

    check "$case: spaces" succeeds "$scratch/spaces" \
        spaces "${by_name[@]}" "${named[@]}" "$dir/image.raw"
    awk '$2 == "alias" { print $1, $3, $4, $5, $6 }' "$scratch/spaces" \
        >"$scratch/sharing"
    check "$case: what is shared" same "$dir/sharing.txt" "$scratch/sharing"
    check "$case: how much is shared" \
        [ "$(wc -l <"$scratch/sharing")" = "$(jq .aliases "$dir/meta.json")" ]

    check "$case: spaces --json" succeeds "$scratch/spaces.json" \
        spaces --json "${by_name[@]}" "${named[@]}" "$dir/image.raw"
    check "$case: expanded, the spaces have all their leaves" \
        expansion_is_consistent

    check "$case: maps --json" succeeds "$scratch/maps.json" \
        maps --json "${by_name[@]}" "${named[@]}" "$dir/image.raw"
    check "$case: totals of maps" counts_are_right

    compaction "$case"

    # The halves of the image, in the other order.
    dd if="$dir/image.raw" of="$scratch/swapped" bs=65536 conv=sparse \
        skip=$((half / 65536)) status=none
    truncate -s $((length - half)) "$scratch/swapped"
    dd if="$dir/image.raw" of="$scratch/swapped" bs=65536 conv=sparse,notrunc \
        count=$((half / 65536)) seek=$(((length - half) / 65536)) status=none
    truncate -s "$length" "$scratch/swapped"
    check "$case: two segments" succeeds "$scratch/out" leaves \
        --regime "$regime" "${named[@]}" "$scratch/swapped" \
        --segment "$(printf '%x:%x:%x' $((base + half)) $((length - half)) 0)" \
        --segment "$(printf '%x:%x:%x' $base "$half" $((length - half)))"
    check "$case: two segments, the same leaves" \
        same "$scratch/leaves" "$scratch/out"
    rm -f "$scratch/swapped"

    # Without its first MiB, which has no tables.
    dd if="$dir/image.raw" of="$scratch/tail" bs=1048576 skip=1 conv=sparse \
        status=none
    truncate -s $((length - 1048576)) "$scratch/tail"
    check "$case: --base" succeeds "$scratch/out" leaves \
        --base "$(printf '%x' $((base + 1048576)))" --regime "$regime" \
        "${named[@]}" "$scratch/tail"
    # The leaves of that MiB lie outside now.
    grep -v '^# outside' "$scratch/leaves" >"$scratch/inside"
    grep -v '^# outside' "$scratch/out" >"$scratch/out.leaves"
    check "$case: --base, the same leaves" same "$scratch/inside" \
        "$scratch/out.leaves"
    rm -f "$scratch/tail"

    # Behind a header that no page, and then no word, is aligned to.
    for shift in 24 3; do
        dd if="$dir/image.raw" of="$scratch/shifted" bs=65536 \
            oflag=seek_bytes seek=$shift conv=sparse status=none
        truncate -s $((length + shift)) "$scratch/shifted"
        check "$case: at offset $shift" succeeds "$scratch/out" leaves \
            --segment "$(printf '%x:%x:%x' $base "$length" $shift)" \
            --regime "$regime" "${named[@]}" "$scratch/shifted"
        check "$case: at offset $shift, the same leaves" \
            same "$scratch/leaves" "$scratch/out"
        rm -f "$scratch/shifted"
    done
}

unsupported() {
    local regime=$1 case=$2 base value
    local -a registers=()

    base=$(jq -r '.ram[0].pa' "$dir/meta.json")
    value=$(jq -r '.roots[0].value' "$dir/meta.json")
    mapfile -t registers < <(jq -r '.registers |
        if .satp then "--satp", .satp
        elif .tcr_el1 then "--ttbr0", .ttbr0_el1, "--ttbr1", .ttbr1_el1,
            "--tcr", .tcr_el1
        else "--cr0", .cr0, "--cr3", .cr3, "--cr4", .cr4, "--efer", .efer
        end' "$dir/meta.json")
    for command in leaves maps spaces; do
        check "$case: $command, refused by name" refused "$command" \
            --regime "$regime" --root "$value" --base "$base" "$dir/image.raw"
        check "$case: $command, refused by registers" refused "$command" \
            "${registers[@]}" --base "$base" "$dir/image.raw"
    done
}

cases=0
for meta in "$images"/*/meta.json; do
    [ -f "$meta" ] || continue
    case=$(basename "$(dirname "$meta")")
    dir=$scratch/case
    rm -rf "$dir"
    cp -r "$(dirname "$meta")" "$dir" || exit 2
    chmod -R u+w "$dir"
    zstd -dq --sparse "$dir/image.raw.zst" || exit 2
    mode=$(jq -r .mode "$meta")
    case $mode in
    x86-64-4l) supported amd64 "$case" ;;
    x86-32) supported i686 "$case" ;;
    x86-pae) supported pae "$case" ;;
    sv39) supported "$mode" "$case" ;;
    aarch64) unsupported "$mode" "$case" ;;
    *) check "$case: its mode, $mode, is known" false ;;
    esac
    cases=$((cases + 1))
done
check "there are images in $images" [ "$cases" -ge 5 ]

finish
