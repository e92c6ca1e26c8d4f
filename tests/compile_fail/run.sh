#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh CC INCLUDE_DIR: every file here that has a line "expect: REGEX" must
# not compile, and the compiler's errors have to match it; every other file must
# compile.  Ends with "N passed, M failed".
set -u
cc=${1:?usage: run.sh CC INCLUDE_DIR}
include=${2:?usage: run.sh CC INCLUDE_DIR}
here=$(cd "$(dirname "$0")" && pwd)
passed=0
failed=0

# The project's own flags: a refusal may rest on any of them.
flags="-std=c11 -Wall -Wextra -Wpedantic -Wconversion
    -Wshadow -Wswitch-enum -Wmissing-prototypes -Wvla -Werror"

fail()
{
    failed=$((failed + 1))
    printf '%s: %s\n' "$1" "$2"
    if [ -n "$output" ]; then
        printf '%s\n' "$output" | sed 's/^/    /'
    fi
}

for file in "$here"/*.c; do
    name=$(basename "$file")
    expected=$(sed -n 's|^/\* expect: \(.*\) \*/$|\1|p' "$file")
    # shellcheck disable=SC2086
    output=$(LC_ALL=C "$cc" $flags -I"$include" -c -o /dev/null "$file" 2>&1)
    status=$?
    if [ -z "$expected" ]; then
        if [ "$status" -eq 0 ]; then
            passed=$((passed + 1))
        else
            fail "$name" "must compile"
        fi
    elif [ "$status" -eq 0 ]; then
        fail "$name" "must not compile"
    elif printf '%s\n' "$output" | grep 'error:' | grep -Eq -- "$expected"; then
        passed=$((passed + 1))
    else
        fail "$name" "does not compile, but for another reason than: $expected"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 1 ]
