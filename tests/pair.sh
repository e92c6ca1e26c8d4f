#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The pair ptwalk.h and ptwalk.c that scripts/amalgamate makes is the library: it
# compiles alone, exports what the library does, and gives the leaves of a real
# guest.  Usage: pair.sh SOURCE_DIR SCRATCH_DIR
set -uo pipefail
source=$(realpath "$1")
scratch=$2
. "$source/tests/check.sh"
. "$source/tests/exported.sh"
needs python3 nm
. "$source/tests/real_guest.sh"

check "amalgamate" "$source/scripts/amalgamate" pair/ptwalk
for cc in gcc clang; do
    if ! command -v "$cc" >/dev/null; then
        echo "skipped: $cc is not installed"
        continue
    fi
    # Both at once: what is inlined everywhere takes a while.
    "$cc" -std=c11 -O0 -fPIC -Wall -Wextra -Wpedantic -Wconversion -Werror -c \
        pair/ptwalk/ptwalk.c -o "$cc.o" 2>"$cc.log" &
done
wait
for cc in gcc clang; do
    command -v "$cc" >/dev/null || continue
    cat "$cc.log"
    check "$cc compiles ptwalk.c" test -s "$cc.o"
    check "$cc: a program in C" "$cc" -std=c11 -Ipair \
        "$source/examples/languages/leaves.c" "$cc.o" -o "leaves-$cc"
    check "$cc: the leaves" same_leaves "./leaves-$cc"
    check "$cc: a shared library" "$cc" -shared "$cc.o" -o "$cc.so"
    check "$cc: what it exports" exports_the_headers "$cc.so"
done
if command -v g++ >/dev/null; then
    check "a program in C++" g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror \
        -Ipair "$source/examples/languages/leaves.cc" gcc.o -o leaves-cc
    check "C++: the leaves" same_leaves ./leaves-cc
else
    echo "skipped: g++ is not installed"
fi

finish
