#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every command, with a file of each format, whole and cut off, and with wrong input of
# each kind.  The files are the seeds of the parsers' fuzz targets; dumps of real
# guests have every command in dumps.sh, their memory in images.sh.
#
# usage: every_command.sh PTWALK_BINARY SEEDS_DIR SCRATCH_DIR
set -u
tests=$(realpath "$(dirname "$0")")
seeds=$(realpath "$2")
set -- "$1" "$3"
# shellcheck source=tests/cli_tools.sh
. "$tests/cli_tools.sh"
# shellcheck source=tests/commands.sh
. "$tests/commands.sh"

mapfile -t commands < <(command_names)
check "commands are listed" [ "${#commands[@]}" -ge 9 ]

# ------------------------------------------------------------------ each format
# What is seldom whole is not opened at all: nothing crashes, and errors are lines.
make_good good
gzip -k good
zstd -q good
every_command good "${amd64[@]}" good
for packed in good.gz good.zst; do
    every_command "$packed" "${amd64[@]}" --holes zero "$packed"
    for command in leaves maps spaces; do
        "$ptwalk" $command "${amd64[@]}" good >want
        try "$command $packed" 0 0 $command "${amd64[@]}" --holes zero $packed
        check "$name: as unpacked" cmp want out
    done
done
formats=0
for format in "$seeds"/*; do
    case ${format##*/} in
    arguments | root_list) continue ;; # no images
    esac
    formats=$((formats + 1))
    kind=${format##*/}
    for seed in "$format"/*; do
        [ -s "$seed" ] && break
    done
    cp "$seed" whole
    head -c $((($(stat -c %s whole) + 1) / 2)) whole >half
    for file in whole half; do
        for command in "${commands[@]}"; do
            check "$kind: $command: its usage is known" \
                arguments_of "$command" $file
            check "$kind: $command $file" well_behaved 0 1 2 3 -- "$command" \
                "${amd64[@]}" "${bound[@]}" "${operands[@]}"
        done
    done
done
check "there are seeds of formats" [ "$formats" -ge 9 ]

# ------------------------------------------------------------------- wrong input
mkdir directory
mkfifo fifo
: >empty
head -c 5000 good >half
# The same whenever it is made.
python3 -c 'import random, sys
sys.stdout.buffer.write(random.Random(1).randbytes(65536))' >random
for command in "${commands[@]}"; do
    for file in missing directory fifo empty; do
        check "$command: usage" arguments_of "$command" $file
        check "$command: $file" well_behaved 3 -- "$command" "${amd64[@]}" \
            "${operands[@]}"
        check "$command: $file: nothing else" [ ! -s "$scratch/every.said" ]
    done
    for file in half random; do
        check "$command: usage" arguments_of "$command" $file
        check "$command: $file" well_behaved 0 1 3 -- "$command" \
            "${amd64[@]}" "${bound[@]}" "${operands[@]}"
    done
    check "$command: usage" arguments_of "$command" good
    for wrong in '--regime none' '--regime amd64 --root' '--no-such-option' \
        '--regime amd64 --root xyz' '--regime amd64 --root 10000000000000000' \
        '--regime amd64 --root 1000 --pa-bits 99' '--cr0 80000001 --cr3 1000' \
        '--regime amd64 --root 1000 --base 1' \
        '--regime amd64 --root 1000 --segment 0:0:0' \
        '--regime amd64 --root 1000 --segment 0:2000:0 --segment 1000:1000:0' \
        '--regime amd64 --root 1000 --regime amd64' \
        '--regime amd64 --root 1000 --satp 1' '--regime amd64 --root 1000 -j' \
        '--regime amd64 --root 1000 --limit 99999999999999999999'; do
        # shellcheck disable=SC2086
        check "$command: $wrong" well_behaved 2 -- "$command" \
            "${operands[@]}" $wrong
        check "$command: $wrong: one line" [ "$(wc -l <"$scratch/every.err")" -eq 1 ]
        check "$command: $wrong: nothing else" [ ! -s "$scratch/every.said" ]
    done
    # Of two images each has a root that can't be.
    for root in 1234 ffffffff81000000; do
        check "$command: a root that can't be" well_behaved 2 -- "$command" \
            --regime amd64 --root $root "${operands[@]}"
        check "$command: it is said of $root" \
            [ "$(grep -c ': root 0: .* is not the address of a table' "$scratch/every.err")" -ge 1 ]
    done
    check "$command: no image" well_behaved 2 -- "$command" "${amd64[@]}"
    check "$command: a root outside" well_behaved 3 -- "$command" \
        --regime amd64 --root 7fff0000 "${operands[@]}"
    check "$command: a segment outside" well_behaved 3 -- "$command" \
        "${amd64[@]}" --segment 0:7fff0000:0 "${operands[@]}"
done

finish
