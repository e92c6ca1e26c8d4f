#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An installed ptwalk can be used: through find_package, through pkg-config, and
# from where it was moved to.  A shared library exports what the headers declare.
# Usage: install.sh BUILD_DIR SCRATCH_DIR CC
set -uo pipefail
build=$1
scratch=$2
cc=$3
source=$(realpath "$(dirname "$0")/..")
. "$source/tests/check.sh"
. "$source/tests/exported.sh"
needs python3 pkg-config nm objdump

rm -rf "$scratch"
mkdir -p "$scratch/user"
prefix=$scratch/prefix
check "cmake --install" cmake --install "$build" --prefix "$scratch/before"
mv "$scratch/before" "$prefix"

cat >"$scratch/user/main.c" <<'END'
#include <ptwalk/ptwalk.h>
#include <string.h>
int main(void)
{
    struct ptw_regime r;
    return ptw_version() == PTW_VERSION_NUMBER &&
                   strcmp(ptw_version_text(), PTW_VERSION) == 0 &&
                   ptw_regime_by_name("amd64", NULL, 0, &r, NULL) == PTW_OK &&
                   strcmp(ptw_level_name(&r, 3), "pml4") == 0
               ? 0
               : 1;
}
#if PTW_VERSION_NUMBER < 200
#error "the version counts down"
#endif
END
cat >"$scratch/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES C)
find_package(ptwalk 0.2 REQUIRED)
add_executable(user main.c)
target_link_libraries(user PRIVATE ptwalk::ptwalk)
add_executable(user_shared main.c)
target_link_libraries(user_shared PRIVATE ptwalk::shared)
END
check "configure with find_package" cmake -G Ninja -S "$scratch/user" \
    -B "$scratch/user/build" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$prefix"
check "build with find_package" cmake --build "$scratch/user/build"
check "run with find_package" "$scratch/user/build/user"
check "run with find_package, shared" "$scratch/user/build/user_shared"
# A minor version before 1.0 is an interface of its own.
sed -i 's/find_package(ptwalk 0.2/find_package(ptwalk 0.1/' \
    "$scratch/user/CMakeLists.txt"
check "another minor version is refused" test -n "$(cmake -G Ninja \
    -S "$scratch/user" -B "$scratch/user/other" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_PREFIX_PATH="$prefix" 2>&1 | grep 'version: 0.2')"

so=$(find "$prefix" -name 'libptwalk.so.*' -type l)
lib=$(dirname "$so")
export PKG_CONFIG_PATH=$lib/pkgconfig
# Neither the directory of the build nor the first prefix is in it.
check "the .pc file names its own place" test "$(realpath -m \
    "$(pkg-config --variable=prefix ptwalk)")" = "$(realpath "$prefix")"
check "the .pc file has no other place" test -z "$(grep -E '=/|-[IL]/' \
    "$lib/pkgconfig/ptwalk.pc")"
version=$(sed -n 's/^#define PTW_VERSION  *"\(.*\)"/\1/p' \
    "$source/include/ptwalk/version.h")
check "the .pc file's version" test "$(pkg-config --modversion ptwalk)" = \
    "$version"
read -ra flags < <(pkg-config --cflags --libs ptwalk)
check "pkg-config answers" test "${#flags[@]}" -ge 3
check "build with pkg-config" "$cc" "$scratch/user/main.c" \
    -o "$scratch/user/plain" "${flags[@]}"
check "run with pkg-config" env LD_LIBRARY_PATH="$lib" "$scratch/user/plain"

check "the SONAME has the minor version" test "$(soname "$so")" = \
    "libptwalk.so.${version%.*}"
check "the link is named so" test "$(basename "$so")" = "$(soname "$so")"
check "what is exported" exports_the_headers "$so"
# What takes the static library in shows no more of it.
check "a library with the static one in it" "$cc" -shared -o "$scratch/taken.so" \
    -Wl,--whole-archive "$lib/libptwalk.a" -Wl,--no-whole-archive
check "what that one exports" exports_the_headers "$scratch/taken.so"

for header in "$prefix"/include/ptwalk/*.h; do
    printf '#include <ptwalk/%s>\nint main(void) { return 0; }\n' \
        "$(basename "$header")" >"$scratch/user/one.c"
    check "$(basename "$header") alone" "$cc" -std=c11 -Wall -Wextra \
        -Wpedantic -Werror -I "$prefix/include" -c "$scratch/user/one.c" \
        -o "$scratch/user/one.o"
done
doc=$prefix/share/doc/ptwalk
for file in LICENSE README.md CHANGELOG.md docs/abi.md examples/host.c; do
    check "$file is installed" cmp "$source/$file" "$doc/$file"
done
check "an installed example" "$cc" "$doc/examples/host.c" -o "$scratch/user/host" \
    -I "$prefix/include" "$lib/libptwalk.a"
check "it runs" test -n "$("$scratch/user/host")"
check "no empty directory is installed" test -z "$(find "$prefix" -type d -empty)"
if [ -x "$prefix/bin/ptwalk" ]; then
    check "the command" "$prefix/bin/ptwalk" --version
    # Compressed, where packages are made of the same build.
    check "the schema of --json" cmp "$source/docs/json-schema.json" \
        "$doc/docs/json-schema.json"
    check "the man page" test -s "$prefix/share/man/man1/ptwalk.1" -o \
        -s "$prefix/share/man/man1/ptwalk.1.gz"
fi

finish
