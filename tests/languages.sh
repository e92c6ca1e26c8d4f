#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The consumers of examples/languages, in C, C++, Rust and Python, print the
# leaves of a real guest by the shared library; bindings that do not fit the
# library say so.
# Usage: languages.sh SOURCE_DIR LIBRARY_DIR SCRATCH_DIR
set -uo pipefail
source=$(realpath "$1")
lib=$(realpath "$2")
scratch=$3
. "$source/tests/check.sh"
. "$source/tests/real_guest.sh"
export LD_LIBRARY_PATH=$lib
here=$source/examples/languages

# refuses WORDS COMMAND...: ends with status 3 and says these words.
refuses() {
    local words=$1
    shift
    "$@" >out 2>err
    [ $? = 3 ] && grep -qF "$words" err && [ "$(wc -l <err)" = 1 ] &&
        [ ! -s out ]
}

check "C" gcc -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror \
    -I "$source/include" "$here/leaves.c" -o c -L"$lib" -lptwalk
check "C: the leaves" same_leaves ./c
check "C: no image" refuses "nowhere: can't be opened" ./c nowhere amd64 "$root"
check "C: no mode" refuses "amd65: " ./c image amd65 "$root"

if command -v g++ >/dev/null; then
    check "C++" g++ -std=c++17 -Wall -Wextra -Wpedantic -Wconversion -Werror \
        -I "$source/include" "$here/leaves.cc" -o cc -L"$lib" -lptwalk
    check "C++: the leaves" same_leaves ./cc
    check "C++: no root" refuses "root: not aligned" ./cc image amd64 123
else
    echo "skipped: C++: g++ is not installed"
fi

if command -v rustc >/dev/null; then
    check "Rust" rustc --edition 2021 -D warnings -L "$lib" "$here/leaves.rs" \
        -o rs
    check "Rust: the leaves" same_leaves ./rs
    check "Rust: no root" refuses "root: not aligned" ./rs image amd64 123
    # A binding that does not fit: two members changed places, and a struct is
    # too small.
    mkdir -p wrong
    cp "$here/leaves.rs" wrong
    awk '/^    pub raw: u64,/ { held = $0; next }
        { print }
        held && /^    pub rights/ { print held; held = "" }' \
        "$here/ptwalk.rs" >wrong/ptwalk.rs
    check "Rust: members in another order" rustc --edition 2021 -L "$lib" \
        wrong/leaves.rs -o rs-order
    check "Rust: that is refused" refuses "struct ptw_mapping." \
        ./rs-order image amd64 "$root"
    sed '/pub struct ptw_walk {/,/}/s/\[u64; 2/[u64; 1/' "$here/ptwalk.rs" \
        >wrong/ptwalk.rs
    check "Rust: too small a struct" rustc --edition 2021 -L "$lib" \
        wrong/leaves.rs -o rs-size
    check "Rust: that is refused" refuses "struct ptw_walk." \
        ./rs-size image amd64 "$root"
else
    echo "skipped: Rust: rustc is not installed"
fi

if /usr/bin/python3 -c 'import cffi' 2>/dev/null; then
    mkdir -p module/ptwalk
    cp "$source/python/ptwalk/__init__.py" module/ptwalk
    "$source/scripts/amalgamate" --declarations >module/ptwalk/declarations.h
    export PYTHONPATH=module
    check "Python: the leaves" same_leaves /usr/bin/python3 "$here/leaves.py"
    check "Python: no root" refuses "not aligned" /usr/bin/python3 \
        "$here/leaves.py" image amd64 123
else
    echo "skipped: Python: python3-cffi is not installed"
fi

finish
