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
# shellcheck source=tests/commands.sh
. "$(dirname "$0")/commands.sh"
tests=$(realpath "$(dirname "$0")")

if [ $# -ne 3 ]; then
    echo "usage: $0 PTWALK_BINARY IMAGES_DIR SCRATCH_DIR" >&2
    exit 2
fi
ptwalk=$(realpath "$1")
images=$(realpath "$2")
scratch=$3

needs zstd jq cmp awk dd python3
rm -rf "$scratch"
mkdir -p "$scratch" || exit 2
scratch=$(realpath "$scratch")
trap 'rm -rf "$scratch"' EXIT

same() {
    cmp -- "$1" "$2"
}

# run OUT ARGS...: the command, with its output in OUT and its complaints in
# $scratch/err; its status is $status.  Tables of zeros are holes of the images,
# which zstd makes, and that is remarked.
run() {
    local out=$1
    shift
    "$ptwalk" "$@" >"$out" 2>"$scratch/said"
    status=$?
    grep -v ': tables lie in holes of the file, .*, and are taken for zeros: ' \
        "$scratch/said" >"$scratch/err"
}

succeeds() {
    run "$@"
    [ "$status" -eq 0 ] && [ ! -s "$scratch/err" ] && return 0
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

# What maps shows once, put where it is, of the first roots.
unfolds() {
    local option

    for option in --fold --all; do
        "$ptwalk" maps $option "${by_name[@]}" "${named[@]:0:6}" \
            "$dir/image.raw" >"$scratch/out" || return 1
        python3 "$tests/unfold.py" "$scratch/out" >"$scratch/out$option"
    done
    [ -s "$scratch/out--all" ] && same "$scratch/out--fold" "$scratch/out--all"
}

# Some leaves of each root, asked for one by one.
translations_are_right() {
    local option=$1 root=$2 expected=$3

    awk 'NR % 997 == 1' "$expected" >"$scratch/some"
    # shellcheck disable=SC2046
    succeeds "$scratch/out" translate "${by_name[@]}" "$option" "$root" \
        "$dir/image.raw" $(cut -d' ' -f1 "$scratch/some") || return 1
    same "$scratch/some" "$scratch/out"
}

# What `compact` printed: new roots as options, as the old ones are.
new_roots() {
    local index root

    while read -r _ index _ root; do
        printf -- '--new-%s\n%s\n' "${named[2 * index]#--}" "$root"
    done < <(grep '^root ' "$1")
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

# same_in_threads ARGS...: the command says the same, complaints and status
# included, in one thread, in two and in seven.
same_in_threads() {
    local one threads

    run "$scratch/one" "$@" -j 1
    one=$status
    mv "$scratch/err" "$scratch/one.err"
    for threads in 2 7; do
        run "$scratch/out" "$@" -j $threads
        same "$scratch/one" "$scratch/out" || return 1
        same "$scratch/one.err" "$scratch/err" || return 1
        [ "$status" -eq "$one" ] || return 1
    done
    [ -s "$scratch/one" ]
}

compaction() {
    local case=$1 root va pa at policy split
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
        --regime "$regime" "${new[@]/--new-/--}" "$scratch/dense"
    # A leaf of which memory has a part became smaller ones.
    split=$(awk '$1 == "split" { print $2 }' "$scratch/compact")
    grep -v '^#' "$scratch/leaves.new" >"$scratch/out"
    if [ "$split" -eq 0 ]; then
        python3 "$tests/moved_leaves.py" "$scratch/page-map" "$base" "$length" \
            "$dir"/expected-*.txt >"$scratch/moved"
        check "$case: compact: the leaves, at their new places" \
            same "$scratch/moved" "$scratch/out"
    fi
    check "$case: compact: some leaves" [ -s "$scratch/out" ]
    check "$case: compact: spaces" succeeds "$scratch/spaces" spaces \
        --regime "$regime" "${new[@]/--new-/--}" "$scratch/dense"
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

    mapfile -t again < <(printf '%s\n' "${new[@]/--new-/--}")
    check "$case: compact, again" succeeds "$scratch/out" compact \
        --regime "$regime" "${again[@]}" -o "$scratch/changed" "$scratch/dense"
    # The tables of smaller leaves come last, and in their places when they are read.
    if [ "$split" -eq 0 ]; then
        check "$case: compact, again: the same bytes" same "$scratch/dense" \
            "$scratch/changed"
    else
        cp --sparse=always "$scratch/dense" "$scratch/changed"
    fi

    # A page of the first root that nothing before it maps, and its entry.
    read -r va pa _ < <(awk '!/^#/ && n++ == 100' "$scratch/leaves.new")
    va=$(awk -v pa="$pa" '$2 == pa { print $1; exit }' "$scratch/leaves.new")
    change "$scratch/changed" $((0x$pa + 1234)) 3
    check "$case: a byte is changed" finds 'bytes differ' "$va" "${by_name[@]}"
    change "$scratch/changed" $((0x$pa + 1234)) 3
    root=$(awk '$1 == "root" { print $4; exit }' "$scratch/compact")
    at=$("$ptwalk" explain --json --regime "$regime" "${named[0]}" \
        "$root" "$scratch/changed" "$va" | jq -r '.steps[-1].at')
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

# A TTBR has an ASID above the address of its table, and the levels of tables are l3
# and so on.  Registers have the exception level in their names.
aarch64() {
    local value
    local -a roots=()

    for value in $(jq -r '.roots[].value' "$dir/meta.json"); do
        roots+=("$(printf '%x' $((0x$value & 0xfffffffffffe)))")
    done
    jq '.roots |= [range(length) as $i | .[$i] + {register: .[$i].value,
            half: .[$i].ttbr, value: $ARGS.positional[$i]}] |
        .registers |= with_entries(.key |= sub("_el[123]$"; ""))' \
        "$dir/meta.json" --args "${roots[@]}" >"$dir/meta" &&
        mv "$dir/meta" "$dir/meta.json"
    sed -i 's/ pt / l3 /; s/ pd / l2 /; s/ pdpt / l1 /; s/ pml4 / l0 /' \
        "$dir/sharing.txt"
}

supported() {
    local regime=$1 case=$2
    local length half index expected what base right=1 # bit 1 is R/W
    local -a segments=() named=() cr3=() registers=() by_name=()

    zstd -dq "$dir"/expected-*.txt.zst || exit 2
    case $regime in
    sv*)
        riscv
        right=3 # bit 3 is X
        ;;
    aarch64-*)
        aarch64
        right=7 # bit 7 is AP[2]
        ;;
    esac
    base=$((0x$(jq -r '.ram[0].pa' "$dir/meta.json")))
    roots=$(jq '.roots | length' "$dir/meta.json")
    length=$((0x$(jq -r .image_length "$dir/meta.json")))
    half=$((length / 2))
    mapfile -t segments < <(jq -r '.ram[] |
        "--segment", "\(.pa):\(.length):\(.offset)"' "$dir/meta.json")
    mapfile -t named < <(jq -r '.roots[] |
        if .half then "--ttbr\(.half)" else "--root" end, .value' \
        "$dir/meta.json")
    mapfile -t cr3 < <(jq -r '.roots[] |
        if .satp then "--satp", .satp
        elif .half then "--ttbr\(.half)", .register
        else "--cr3", .value end' "$dir/meta.json")
    mapfile -t registers < <(jq -r '(.el // empty | "--el", .),
        (.registers | to_entries[] |
            select(.key | IN("cr0", "cr4", "efer", "tcr", "sctlr", "hcr",
                "mair")) | "--\(.key)", .value)' "$dir/meta.json")
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

    for ((index = 0; index < roots; index++)); do
        expected=$(printf '%s/expected-%02d-' "$dir" "$index")
        check "$case: root $index, some translations" translations_are_right \
            "${named[@]:2 * index:2}" "$expected"*.txt
    done

    for what in leaves maps 'spaces --findings' 'leaves --json --limit 3000' \
        'maps --json --limit 3000' 'spaces --json --findings --limit 3000' \
        'leaves --limit 777' 'maps --limit 1234' 'spaces --limit 9000'; do
        # shellcheck disable=SC2086
        check "$case: $what in threads" same_in_threads $what \
            "${by_name[@]}" "${named[@]}" "$dir/image.raw"
    done

    check "$case: leaves, not mapped into memory" succeeds "$scratch/out" \
        leaves --no-mmap "${by_name[@]}" "${named[@]:0:2}" "$dir/image.raw"
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
    check "$case: maps --fold --json" succeeds "$scratch/maps.json" \
        maps --fold --json "${by_name[@]}" "${named[@]}" "$dir/image.raw"
    check "$case: totals of maps that folds" counts_are_right
    check "$case: what maps folds is what it shows of all" unfolds

    compaction "$case"
    every_command "$case" "${by_name[@]}" "${named[@]:0:2}" --holes zero \
        "$dir/image.raw"

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

# aarch64_name META: the regime's name, from TCR; both halves have the same size.
aarch64_name() {
    local tcr granule el

    {
        read -r tcr
        read -r granule
        read -r el
    } < <(jq -r '[.registers | to_entries[] |
            select(.key | startswith("tcr"))][0].value,
        (.granule | if type == "object" then .ttbr0 else . end),
        (.el // 1)' "$1")
    printf 'aarch64-%dk-%d' $((0x$granule / 1024)) $((64 - (0x$tcr & 63)))
    [ "$el" -eq 1 ] || printf '/el%d' "$el"
}

cases=0
for meta in "$images"/*/meta.json; do
    # A case may have dumps alone: see dumps.sh.
    [ -f "$(dirname "$meta")/image.raw.zst" ] || continue
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
    aarch64) supported "$(aarch64_name "$meta")" "$case" ;;
    *) check "$case: its mode, $mode, is known" false ;;
    esac
    cases=$((cases + 1))
done
check "there are images in $images" [ "$cases" -ge 6 ]

finish
