# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts that fuzz have in common; sourcing it is sourcing common.sh.
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# targets: the names of all targets, each on a line.
targets() {
    local source
    for source in fuzz/fuzz_*.c; do
        source=${source##*/fuzz_}
        echo "${source%.c}"
    done
}

# list_targets: the targets, with what each is about and how many seeds it has.
list_targets() {
    local target
    for target in $(targets); do
        printf '%-10s %4d seeds   %s\n' "$target" \
            "$(find "fuzz/corpus/$target" -type f | wc -l)" \
            "$(sed -n '2s|^/\* \(.*\) \*/$|\1|p' "fuzz/fuzz_$target.c")"
    done
}

# check_target NAME: that it is a target, and has seeds.
check_target() {
    local names
    names=$(targets | tr '\n' ' ')
    [ -f "fuzz/fuzz_$1.c" ] || fail "no target '$1'; there are: $names"
    [ -n "$(ls -A "fuzz/corpus/$1" 2>/dev/null)" ] ||
        fail "fuzz/corpus/$1 has no inputs"
}

# option TARGET NAME: the value of an option in fuzz/TARGET.options.
option() {
    sed -n "s/^$2 *= *//p" "fuzz/$1.options"
}

# say_progress TEXT: shows a line that the next one takes the place of; in a file
# each is a line.
if [ -t 2 ]; then
    pause=1
    say_progress() {
        printf '\r\033[K%s' "$*" >&2
    }
    end_progress() {
        printf '\r\033[K' >&2
    }
else
    pause=${PTW_PROGRESS:-15}
    say_progress() {
        printf '%s\n' "$*" >&2
    }
    end_progress() {
        :
    }
fi

# watch PID COMMAND...: while the process runs, shows the line that the command
# prints, every second on a terminal and every 15 elsewhere.  Returns the status
# of the process.
watch() {
    local pid=$1 since=$SECONDS line status=0
    shift
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        if [ $((SECONDS - since)) -ge "$pause" ]; then
            since=$SECONDS
            line=$("$@") || line=
            [ -z "$line" ] || say_progress "$line"
        fi
    done
    wait "$pid" || status=$?
    end_progress
    return "$status"
}

# steps LOG NAME: how far ninja has come, by its log.
steps() {
    local far
    far=$(grep -o '^\[[0-9]*/[0-9]*\]' "$1" | tail -n 1)
    [ -z "$far" ] || echo "building $2: $far, $SECONDS s"
}

# build NAME COMMAND...: runs it with its output in build/NAME.log; shows how far
# it has come, and the end of the log when it fails.
build() {
    local name=$1 log=build/$1.log status=0
    shift
    mkdir -p build
    "$@" >"$log" 2>&1 </dev/null &
    watch $! steps "$log" "$name" || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$log" >&2
        fail "the build failed; all of it is in $log"
    fi
}

# preset NAME TARGET...: builds programs of a preset.
preset() {
    local name=$1
    shift
    cmake --preset "$name" && cmake --build --preset "$name" --target "$@"
}

# input HERE FILE: makes `file` the input's whole path, seen from where the script
# was called, and sets `target`, if it is not set, to the name of its directory.
input() {
    file=$2
    [[ $file == /* ]] || file=$1/$file
    [ -f "$file" ] || fail "$2: no such file"
    file=$(cd "$(dirname "$file")" && pwd)/$(basename "$file")
    [ -n "$target" ] || target=$(basename "$(dirname "$file")")
    [ -f "fuzz/fuzz_$target.c" ] ||
        fail "'$target' is no target; name one with --target"
}

# build_for NAME PROGRAM...: builds programs that run inputs without a fuzzer, in
# build/NAME: `replay` by gcc, `replay-sanitized` by clang.  Where REPLAY_DIR has
# them, nothing is built.
build_for() {
    [ -z "${REPLAY_DIR:-}" ] || return 0
    build "$1" make_for "$@"
}
make_for() {
    local name=$1 how=(-DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug)
    shift
    [ "$name" = replay ] ||
        how=(-DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo
            -DPTW_SANITIZE=address,undefined)
    cmake -S . -B "build/$name" -G Ninja "${how[@]}" -DPTW_CLI=OFF \
        -DPTW_FUZZ=ON && cmake --build "build/$name" --target "$@"
}

# keep FROM TO: copies the inputs of one directory to another one that has them
# not yet, each under the hash of its bytes, as libFuzzer names them; prints how
# many were new.
keep() {
    local input name new=0
    mkdir -p "$2"
    for input in "$1"/*; do
        [ -f "$input" ] || continue
        name=$(sha1sum <"$input")
        name=${name%% *}
        if [ ! -e "$2/$name" ]; then
            cp "$input" "$2/$name"
            new=$((new + 1))
        fi
    done
    echo "$new"
}
