#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Built with BUILD_SHARED_LIBS, the command uses the shared library, and finds it
# where both are moved to.  Usage: shared.sh SOURCE_DIR SCRATCH_DIR CC
set -uo pipefail
source=$1
scratch=$2
cc=$3
. "$source/tests/check.sh"
. "$source/tests/exported.sh"
needs python3 nm objdump

mkdir -p "$scratch"
rm -rf "$scratch/prefix" "$scratch/moved"
check "configure" cmake -G Ninja -S "$source" -B "$scratch/build" \
    -DCMAKE_C_COMPILER="$cc" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 \
    -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_LIBDIR=lib/somewhere
check "build" cmake --build "$scratch/build"
check "install" cmake --install "$scratch/build" --prefix "$scratch/prefix"
mv "$scratch/prefix" "$scratch/moved"
so=$(echo "$scratch"/moved/lib/somewhere/libptwalk.so.*.*.*)
check "what is exported" exports_the_headers "$so"
check "there is no static library" test -z "$(find "$scratch/moved" -name '*.a')"
program=$scratch/moved/bin/ptwalk
check "where the command looks" test "$(rpath "$program")" = \
    "\$ORIGIN/../lib/somewhere"
check "the command needs the library" test -n "$(objdump -p "$program" |
    grep -F "NEEDED               $(soname "$so")")"
check "the command runs" "$program" --version
check "pkg-config from there" test "$(realpath -m "$(PKG_CONFIG_PATH=$(
    dirname "$so")/pkgconfig pkg-config --variable=libdir ptwalk)")" = \
    "$(realpath "$(dirname "$so")")"

cat >"$scratch/main.c" <<'C'
#include <ptwalk/ptwalk.h>
int main(void)
{
    return ptw_version() == PTW_VERSION_NUMBER ? 0 : 1;
}
C
cat >"$scratch/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(ptwalk 0.2 REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE ptwalk::shared)
CMAKE
check "configure with find_package" cmake -G Ninja -S "$scratch" \
    -B "$scratch/user" -DCMAKE_C_COMPILER="$cc" \
    -Dptwalk_DIR="$(dirname "$so")/cmake/ptwalk"
check "build with find_package" cmake --build "$scratch/user"
check "run with find_package" "$scratch/user/user"

finish
