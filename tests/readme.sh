#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the READMEs show is what the commands print, and their C compiles.
#
#     readme.sh SOURCE_DIR BUILD_DIR PTWALK_BINARY SCRATCH_DIR CC
#
# Commands stand behind "    $ ", their output below.  A line "..." in it stands
# for any lines, "..." among roots for the image's other roots.
set -uo pipefail
# shellcheck source=tests/check.sh
. "$(dirname "$0")/check.sh"

source=$(realpath "$1")
build=$(realpath "$2")
ptwalk=$(realpath "$3")
scratch=$4
cc=$5
case=$source/tests/images/amd64-linux

needs zstd jq awk dd
rm -rf "$scratch"
mkdir -p "$scratch" || exit 2
scratch=$(realpath "$scratch")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2
zstd -dqf --sparse "$case/image.raw.zst" -o amd64-linux.raw || exit 2

# The guests of the examples are built by this compiler; the README has what
# those of gcc 12 print.
exact=false
[ "$("$cc" -dumpfullversion 2>/dev/null | cut -d. -f1)" = 12 ] && exact=true

# shown FILE DIR: each command as DIR/N.command, what is below it as DIR/N.shown.
shown() {
    mkdir -p "$2"
    awk -v dir="$2" '
        /^    \$ / {
            n++
            command = sprintf("%s/%02d.command", dir, n)
            out = sprintf("%s/%02d.shown", dir, n)
            print substr($0, 7) > command
            printf "" > out
            next
        }
        /^    / && out != "" { print substr($0, 5) > out; next }
        { out = "" }' "$1"
}

# like SHOWN PRINTED: the same lines, but for "...".
like() {
    awk '
        FILENAME == ARGV[1] { shown[++n] = $0; next }
        { printed[++m] = $0 }
        END {
            at = 1
            for (i = 1; i <= n; i++) {
                if (shown[i] == "...") {
                    any = 1
                    continue
                }
                while (any && at <= m && printed[at] != shown[i]) at++
                if (printed[at] != shown[i] || at > m) {
                    print "shown:   " shown[i]
                    print "printed: " (at <= m ? printed[at] : "nothing more")
                    exit 1
                }
                at++
                any = 0
            }
            if (at <= m && !any) {
                print "not shown: " printed[at]
                exit 1
            }
        }' "$1" "$2"
}

# What may differ from what is shown: counts that are 0 are left out, and what
# depends on the guest's compiler or the host's processor.
plain() {
    case $1 in
    *" compact "*) grep -v ' 0$' "$2" ;;
    *example_kvm_host*)
        if ! $exact; then
            sed 's/digest .*/digest/; s/[0-9][0-9]*/N/g' "$2"
        elif [[ $1 == *" kvm "* ]]; then
            sed 's/digest .*/digest/' "$2"
        else
            cat "$2"
        fi
        ;;
    *) cat "$2" ;;
    esac
}

# without_remark FILE: takes off it what the README says in a sentence, and not below
# each example, of an image that has holes.
without_remark() {
    grep -q 'a line on standard error says so' "$source/README.md" &&
        sed -i '/^ptwalk: [^ ]*: tables lie in holes of the file, the first at /d' "$1"
}

# prints N: the command of that number prints what is shown.
prints() {
    local line word status
    local -a words=() command=()

    read -r line <"$1.command"
    read -ra words <<<"$line"
    case ${words[0]} in
    ptwalk) command=("$ptwalk") ;;
    cp | printf)
        bash -c "$line" >"$1.printed" 2>&1 && [ ! -s "$1.printed" ]
        return
        ;;
    build/dev/*) command=("$build/${words[0]#build/dev/}") ;;
    *)
        echo "not a command of this project: $line"
        return 1
        ;;
    esac
    for word in "${words[@]:1}"; do
        if [ "$word" = ... ]; then
            mapfile -t -O "${#command[@]}" command < <(
                jq -r '.roots[2:][] | "--root", .value' "$case/meta.json"
            )
        else
            command+=("$word")
        fi
    done
    # Its guests are x86's, and so has to be the host.
    if [[ $line == *example_kvm_host* && ! -e ${command[0]} ]]; then
        echo "skipped: $line: it is not built here"
        return 0
    fi
    "${command[@]}" >"$1.printed" 2>&1
    status=$?
    without_remark "$1.printed"
    if [ "$status" = 77 ]; then
        echo "skipped: $line: $(tail -n 1 "$1.printed")"
        return 0
    fi
    [ "$status" -le 1 ] && like <(plain "$line" "$1.shown") \
        <(plain "$line" "$1.printed")
}

# compiles FILE: the C of a file, as one function.
compiles() {
    {
        cat <<'END'
#include <ptwalk/ptwalk.h>
#include <stdlib.h>
enum ptw_status shown(struct ptw_x86_registers regs, uint64_t cr3, uint64_t va,
                      void *ram, size_t ram_bytes, const struct ptw_root *roots,
                      uint32_t n, struct ptw_rebuild_options options,
                      struct ptw_page_sink sink, void *file,
                      struct ptw_mem new_memory, struct ptw_root *new_roots);
enum ptw_status shown(struct ptw_x86_registers regs, uint64_t cr3, uint64_t va,
                      void *ram, size_t ram_bytes, const struct ptw_root *roots,
                      uint32_t n, struct ptw_rebuild_options options,
                      struct ptw_page_sink sink, void *file,
                      struct ptw_mem new_memory, struct ptw_root *new_roots)
{
    static struct ptw_rebuild rb;
    void *before;
    const char *why;
    enum ptw_status st;
END
        awk '/^```/ { c = $0 == "```c"; next } c' "$1"
        printf 'return st;\n}\n'
    } >shown.c
    "$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -I "$source/include" \
        -fsyntax-only shown.c
}

# quotes FILE SOURCE: each piece of C in a file is there, line by line.
quotes() {
    awk '
        FILENAME == ARGV[1] { source = source "\n" $0; next }
        /^```/ && c {
            if (index(source "\n", piece "\n") == 0) {
                print "not in the source:" piece
                bad = 1
            }
            c = 0
            pieces++
            next
        }
        /^```c$/ { c = 1; piece = ""; next }
        c { piece = piece "\n" $0 }
        END { exit bad || pieces == 0 }' "$2" "$1"
}

# pasted COMMAND: the example in the help of a command, as a shell runs it.
pasted() {
    local line status

    line=$("$ptwalk" "$1" --help | sed -n 's/^    \(ptwalk .*\)/\1/p')
    [ -n "$line" ] || return 1
    PATH=$scratch/bin:$PATH bash -c "$line" >pasted.out 2>pasted.err
    status=$?
    without_remark pasted.err
    [ "$status" -le 1 ] && [ -s pasted.out ] && [ ! -s pasted.err ]
}
mkdir bin && ln -s "$ptwalk" bin/ptwalk
for command in $("$ptwalk" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
    check "ptwalk $command --help: the example" pasted "$command"
done
rm -f small.raw

check "README.md: C" compiles "$source/README.md"
check "docs/from-hyperlights-vmem.md: C" quotes \
    "$source/docs/from-hyperlights-vmem.md" "$source/examples/from_vmem.c"
for file in README.md examples/kvm-host/README.md \
    docs/from-hyperlights-vmem.md; do
    shown "$source/$file" "$scratch/$file.d"
    for command in "$scratch/$file.d"/*.command; do
        check "$file: $(cat "$command")" prints "${command%.command}"
    done
done

finish
