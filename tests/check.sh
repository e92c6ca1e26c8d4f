# SPDX-License-Identifier: Apache-2.0
# For the test scripts: . check.sh; check ...; finish

passed=0
failed=0
exec 8>&1 # where failures are said, wherever a check's own output goes

# A sanitizer's complaint must not look like an answer.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}exitcode=99"

# check NAME COMMAND...: passes when the command succeeds.
check() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name" >&8
    fi
}

# needs TOOL...: ends the script when one of them is not installed.
needs() {
    local tool
    for tool; do
        if ! command -v "$tool" >/dev/null; then
            echo "$0: $tool is not installed" >&2
            exit 2
        fi
    done
}

# finish: prints the counts; fails when a check did, or when there was none.
finish() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
