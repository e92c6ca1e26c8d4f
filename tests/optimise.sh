#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The library compiles, without a word, however much it is optimised: what has
# to be inlined is called through descriptors, and compilers differ in how soon
# they see through those.  Usage: optimise.sh CC SOURCE_DIR SCRATCH_DIR
set -uo pipefail
cc=$1
source=$2
scratch=$3
rm -rf "$scratch"
mkdir -p "$scratch"
. "$(dirname "$0")/check.sh"

# compile DIR FLAGS -- SOURCES...: objects in DIR, and nothing to say.
compile()
{
    local dir=$scratch/$1 flags=() c said
    shift
    while [ "$1" != -- ]; do
        flags+=("$1")
        shift
    done
    shift
    mkdir -p "$dir"
    for c; do
        said=$("$cc" -std=c11 -Wall -Wextra "${flags[@]}" -fPIC \
            -I "$source/include" -I "$source/src" -c "$source/src/$c" \
            -o "$dir/$(basename "$c" .c).o" 2>&1) && [ -z "$said" ] || {
            head -n 3 <<<"$c: $said"
            return 1
        }
    done
}

cd "$source/src" || exit 1
all=(*.c arch/*.c software/*.c)
check "sources" test "${#all[@]}" -ge 8

# Everything at -Og, where this went wrong; of the rest one architecture, since
# the engine's code is the same in each.
check "-O0" compile O0 -O0 -- arch/i686.c
check "-Og" compile Og -Og -- "${all[@]}"
check "-O1" compile O1 -O1 -- arch/i686.c
check "-Os" compile Os -Os -- arch/i686.c
check "-O3" compile O3 -O3 -- arch/i686.c

# What is optimised at the link is compiled there.
check "-flto" compile lto -Og -flto -- "${all[@]}"
case $("$cc" --version) in
*clang*) ;;
*)
    check "linked with -flto" "$cc" -Og -flto=1 -shared "$scratch"/lto/*.o \
        -o "$scratch/libptwalk.so"
    ;;
esac

finish
