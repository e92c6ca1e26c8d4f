#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds every fuzz target for OSS-Fuzz, ClusterFuzzLite and whoever else keeps
# the same contract.  Taken from the environment:
#
#   CC CXX CFLAGS CXXFLAGS   the compilers, and flags of coverage and sanitizers
#   LIB_FUZZING_ENGINE       an archive with a main(), or a flag of the linker
#   SANITIZER ARCHITECTURE   what the flags stand for
#   SRC WORK                 $SRC/ptwalk is this project; $WORK is for objects
#   OUT                      where the targets go, with what belongs to each:
#                            seeds, options, dictionary
#   PTW_TARGETS              which targets, by name (all)
#   PTW_FUZZ_HOST            sources of a host's accessor (none)
set -eu

: "${CC:?}" "${CXX:?}" "${LIB_FUZZING_ENGINE:?}" "${SANITIZER:?}"
: "${ARCHITECTURE:?}" "${SRC:?}" "${WORK:?}" "${OUT:?}"
project=$SRC/ptwalk
build=$WORK/ptwalk-$ARCHITECTURE-$SANITIZER

# targets: the names of all targets, each on a line.
targets() {
    local source
    for source in "$project"/fuzz/fuzz_*.c; do
        source=${source##*/fuzz_}
        echo "${source%.c}"
    done
}

# The flags say which sanitizers there are; the project adds none of its own.
# A compiler that is newer than the project may warn of more.
cmake -S "$project" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=None \
    -DPTW_CLI=OFF -DPTW_INSTALL=OFF -DPTW_WERROR=OFF -DPTW_FUZZ=ON \
    -DPTW_FUZZ_ENGINE="$LIB_FUZZING_ENGINE" \
    -DPTW_FUZZ_HOST="${PTW_FUZZ_HOST:-}"

for target in ${PTW_TARGETS:-$(targets)}; do
    cmake --build "$build" --target "fuzz_$target"
    cp "$build/fuzz/fuzz_$target" "$OUT/"
    cp "$project/fuzz/$target.options" "$OUT/fuzz_$target.options"
    rm -f "$OUT/fuzz_${target}_seed_corpus.zip"
    (cd "$project/fuzz/corpus/$target" &&
        find . -type f -print | LC_ALL=C sort |
        zip -q -X -@ "$OUT/fuzz_${target}_seed_corpus.zip")
done
