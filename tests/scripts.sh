# SPDX-License-Identifier: Apache-2.0
# Every script says how it is called when it is asked for help, and refuses an option
# that it does not have, from any directory; neither does anything else.
# Usage: scripts.sh SOURCE_DIR SCRATCH_DIR
set -uo pipefail
source=$(realpath "$1")
scratch=$2
. "$source/tests/check.sh"
needs python3

# A copy with nothing beside it, and tools that only say that they were called.
rm -rf "$scratch"
mkdir -p "$scratch/project" "$scratch/tools" "$scratch/elsewhere"
cd "$scratch" || exit 2
scratch=$PWD
cp -r "$source/scripts" project/
for tool in apt-get cmake clang-format-14 ctest dpkg-query git mandoc ninja valgrind; do
    printf '#!/bin/sh\necho "$0" >>"%s/called"\nexit 1\n' "$scratch" >"tools/$tool"
    chmod +x "tools/$tool"
done
find project | sort >before

# call WORD...: calls the script with its name as a path that leads there from
# another directory.
call() {
    (cd elsewhere && PATH=$scratch/tools:$PATH \
        exec timeout 60 "../project/scripts/$script" "$@") >out 2>err </dev/null
}
undone() {
    [ ! -e called ] && [ -z "$(ls -A elsewhere)" ] &&
        find project | sort | cmp -s - before
}
helps() {
    call "$1" && [ ! -s err ] && grep -q "^  scripts/$script\>" out && undone
}
refuses() {
    call --no-such-option
    [ $? = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] &&
        grep -q "^$script: .*--no-such-option.*see --help" err && undone
}

count=0
for path in project/scripts/*; do
    script=${path##*/}
    case $script in
    *.sh | *.py | mutants) continue ;; # parts of scripts, and patches
    esac
    count=$((count + 1))
    check "$script --help" helps --help
    check "$script -h" helps -h
    check "$script --no-such-option" refuses
    rm -f called
done
check "there are scripts" [ "$count" -ge 25 ]
finish
