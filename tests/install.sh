#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An installed ptwalk can be used: through find_package, through pkg-config, and
# from C++.  Usage: install.sh BUILD_DIR SCRATCH_DIR CC
set -uo pipefail
build=$1
scratch=$2
cc=$3
. "$(dirname "$0")/check.sh"

rm -rf "$scratch"
mkdir -p "$scratch/user"
prefix=$scratch/prefix
check "cmake --install" cmake --install "$build" --prefix "$prefix"

cat >"$scratch/user/main.c" <<'END'
#include <ptwalk/ptwalk.h>
#include <string.h>
int main(void)
{
    struct ptw_regime r;
    return ptw_regime_by_name("amd64", NULL, 0, &r, NULL) == PTW_OK &&
                   strcmp(ptw_level_name(&r, 3), "pml4") == 0
               ? 0
               : 1;
}
END
cat >"$scratch/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(ptwalk 0.2 REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE ptwalk::ptwalk)
END
check "configure with find_package" cmake -G Ninja -S "$scratch/user" \
    -B "$scratch/user/build" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$prefix"
check "build with find_package" cmake --build "$scratch/user/build"
check "run with find_package" "$scratch/user/build/user"

pc=$(dirname "$(find "$prefix" -name ptwalk.pc)")
export PKG_CONFIG_PATH=$pc
read -ra flags < <(pkg-config --define-variable=prefix="$prefix" --cflags --libs ptwalk)
check "pkg-config answers" test "${#flags[@]}" -ge 3
check "build with pkg-config" "$cc" "$scratch/user/main.c" \
    -o "$scratch/user/plain" "${flags[@]}"
check "run with pkg-config" "$scratch/user/plain"

for header in "$prefix"/include/ptwalk/*.h; do
    printf '#include <ptwalk/%s>\nint main(void) { return 0; }\n' \
        "$(basename "$header")" >"$scratch/user/one.c"
    check "$(basename "$header") alone" "$cc" -std=c11 -Wall -Wextra \
        -Wpedantic -Werror -I "$prefix/include" -c "$scratch/user/one.c" \
        -o "$scratch/user/one.o"
done
if [ -x "$prefix/bin/ptwalk" ]; then
    check "the command" "$prefix/bin/ptwalk" --version
    check "the man page" test -s "$prefix/share/man/man1/ptwalk.1"
fi

finish
