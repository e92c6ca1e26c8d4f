#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# As a part of another project, ptwalk is the library and nothing else.
# Usage: subproject.sh SOURCE_DIR SCRATCH_DIR CC
set -uo pipefail
source=$1
scratch=$2
cc=$3
. "$(dirname "$0")/check.sh"

rm -rf "$scratch"
mkdir -p "$scratch"
cat >"$scratch/main.c" <<'END'
#include <ptwalk/ptwalk.h>
int main(void)
{
    struct ptw_regime r;
    return ptw_regime_by_name("amd64", NULL, 0, &r, NULL) == PTW_OK ? 0 : 1;
}
END
cat >"$scratch/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES C)
add_subdirectory($source ptwalk)
add_executable(parent main.c)
target_compile_options(parent PRIVATE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Werror)
target_link_libraries(parent PRIVATE ptwalk::ptwalk)
install(TARGETS parent RUNTIME DESTINATION bin)
get_directory_property(tests DIRECTORY $source TESTS)
get_directory_property(targets DIRECTORY $source BUILDSYSTEM_TARGETS)
message(STATUS "build type '\${CMAKE_BUILD_TYPE}' targets '\${targets}'")
message(STATUS "tests '\${tests}' standard '\${CMAKE_C_STANDARD}'")
END
b=$scratch/build
check "configure" cmake -G Ninja -S "$scratch" -B "$b" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_C_FLAGS=-O1 \
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON --log-level=STATUS >"$scratch/said"
check "no build type, no target but the library" grep -qF \
    "build type '' targets 'ptwalk'" "$scratch/said"
check "no test, no standard" grep -qF "tests '' standard ''" "$scratch/said"
check "no cache variables" test -z "$(grep -E '^(PTW_|CMAKE_INSTALL_.*DIR:)' \
    "$b/CMakeCache.txt")"
check "the library is compiled" grep -q 'src/walk/walk\.c' "$b/compile_commands.json"
# `parent` itself asks for -Werror.
check "without -Werror" test -z "$(grep '"command".*/src/' \
    "$b/compile_commands.json" | grep -e -Werror)"
check "build" cmake --build "$b"
check "run" "$b/parent"
check "install" cmake --install "$b" --prefix "$scratch/prefix"
check "what is installed" test "$(cd "$scratch/prefix" && find . -type f)" = \
    ./bin/parent

# Headers, as strict consumers include them, also in C++.
for h in "$source"/include/ptwalk/*.h; do
    # A header may have macros alone; a file of C has a declaration.
    printf '#include <ptwalk/%s>\nextern int one;\n' "$(basename "$h")" \
        >"$scratch/one.c"
    check "$(basename "$h") in C" "$cc" -std=c11 -Wall -Wextra -Wpedantic \
        -Wconversion -Wsign-conversion -Werror -fsyntax-only \
        -I "$source/include" "$scratch/one.c"
    if "$cc" -x c++ -fsyntax-only /dev/null 2>/dev/null; then
        check "$(basename "$h") in C++" "$cc" -x c++ -std=c++17 -Wall -Wextra \
            -Wpedantic -Wconversion -Werror -fsyntax-only \
            -I "$source/include" "$scratch/one.c"
    fi
done

finish
