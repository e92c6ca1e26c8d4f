#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages of a build go into an empty root that has what they depend
# on and nothing else, run there, and leave nothing behind.
# Usage: package.sh SOURCE_DIR BUILD_DIR COMMAND SCRATCH_DIR CC
set -uo pipefail
source=$(realpath "$1")
build=$(realpath "$2")
command=$(realpath "$3")
scratch=$4
cc=$5
. "$source/tests/check.sh"

for tool in cpack dpkg dpkg-shlibdeps zstd pkg-config; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is not installed"
        exit 77
    fi
done
if [ "$(id -u)" != 0 ]; then
    echo "skipped: dpkg --root and chroot want root"
    exit 77
fi
rm -rf "$scratch"
mkdir -p "$scratch/debs"
scratch=$(realpath "$scratch")
trap 'rm -rf "$scratch"' EXIT

check "cpack" cpack -G DEB --config "$build/CPackConfig.cmake" \
    -B "$scratch/debs"
mapfile -t debs < <(find "$scratch/debs" -maxdepth 1 -name '*.deb' | sort)
check "four packages" test "${#debs[@]}" = 4
for deb in "${debs[@]}"; do
    check "$(basename "$deb") has a licence" test -n "$(dpkg-deb -c "$deb" |
        grep '/usr/share/doc/[^/]*/copyright$')"
    check "$(basename "$deb") has a changelog" test -n "$(dpkg-deb -c "$deb" |
        grep '/usr/share/doc/[^/]*/changelog.gz$')"
done

# Others' packages that use the library find it by its SONAME.
check "the library has shlibs, and a trigger" test "$(dpkg-deb --ctrl-tarfile \
    "$scratch"/debs/libptwalk0.2_*.deb | tar -tf - | grep -c -e shlibs -e triggers)" = 2

# needed_by PACKAGE...: these packages and what they depend on, as installed here.
needed_by() {
    local wanted=("$@") seen=" " p
    while [ "${#wanted[@]}" -gt 0 ]; do
        p=${wanted[0]}
        wanted=("${wanted[@]:1}")
        case $seen in *" $p "*) continue ;; esac
        seen="$seen$p "
        echo "$p"
        mapfile -t -O "${#wanted[@]}" wanted < <(
            dpkg-query -W -f '${Depends},${Pre-Depends}\n' "$p" 2>/dev/null |
                tr ',' '\n' | sed 's/|.*//; s/(.*//; s/:any//; s/ //g' | grep .)
    done
}

# A root with the packages that the command and the library name, the shell and
# ldconfig that every system has, and the package system's record of them.
root=$scratch/root
mkdir -p "$root"/{usr/{bin,lib,lib64,sbin},tmp,var/lib/dpkg/{info,updates,triggers}}
for dir in bin lib lib64 sbin; do
    ln -s "usr/$dir" "$root/$dir"
done
: >"$root/var/lib/dpkg/available"
mapfile -t depends < <(for deb in "${debs[@]}"; do
    case $deb in */python3-*) ;; *) dpkg-deb -f "$deb" Depends ;; esac
done | tr ',' '\n' | sed 's/(.*//; s/ //g' | grep . | grep -v ptwalk | sort -u)
for p in $(needed_by dash libc-bin "${depends[@]}"); do
    dpkg-query -s "$p" >>"$root/var/lib/dpkg/status" 2>/dev/null || continue
    echo >>"$root/var/lib/dpkg/status"
    list=/var/lib/dpkg/info/$p.list
    [ -f "$list" ] || list=$(echo "/var/lib/dpkg/info/$p":*.list)
    cp "$list" "$root/var/lib/dpkg/info/"
    while IFS= read -r file; do
        if [ -f "$file" ] || [ -L "$file" ]; then
            echo ".$file"
        fi
    done <"$list" | tar -C / --no-recursion -cf - -T - |
        tar -C "$root" --keep-directory-symlink -xf -
done
find "$root" -name '*ptwalk*' >"$scratch/before"
check "nothing of it is there before" test ! -s "$scratch/before"

others=()
for deb in "${debs[@]}"; do
    case $deb in */python3-*) python=$deb ;; *) others+=("$deb") ;; esac
done
check "dpkg --install" dpkg --root="$root" --install "${others[@]}"
check "without the library, no headers" test -n "$(dpkg --root="$root" \
    --dry-run --remove libptwalk0.2 2>&1 | grep 'libptwalk-dev depends')"

zstd -dqf --sparse "$source/tests/images/i386-linux/image.raw.zst" \
    -o "$root/tmp/image"
table=$(sed -n 's/^ *"value": "\(.*\)",/\1/p' \
    "$source/tests/images/i386-linux/meta.json" | head -n 1)
check "the command says the same" cmp \
    <(chroot "$root" /usr/bin/ptwalk leaves --regime i686 --root "$table" \
        /tmp/image) \
    <("$command" leaves --regime i686 --root "$table" "$root/tmp/image")
check "and something" test "$(chroot "$root" /usr/bin/ptwalk leaves \
    --regime i686 --root "$table" /tmp/image | wc -l)" -gt 1000

pc=$(dirname "$(find "$root/usr" -name ptwalk.pc)")
# The installation was moved, to $root: the .pc file says so by itself.
read -ra flags < <(PKG_CONFIG_PATH=$pc PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
    PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config --cflags --libs ptwalk)
check "a program against the packages" "$cc" \
    "$source/examples/host.c" -o "$root/tmp/host" "${flags[@]}"
check "it needs the shared library" test -n "$(objdump -p "$root/tmp/host" |
    grep 'NEEDED *libptwalk\.so\.')"
check "it runs there" test -n "$(chroot "$root" /tmp/host)"

if /usr/bin/python3 -c 'import cffi' 2>/dev/null; then
    dpkg-deb -x "$python" "$scratch/python"
    check "the Python module" env \
        PYTHONPATH="$scratch/python/usr/lib/python3/dist-packages" \
        PTWALK_LIBRARY="$(find "$root/usr/lib" -name 'libptwalk.so.*.*.*')" \
        /usr/bin/python3 -c 'import ptwalk; print(ptwalk.version())'
else
    echo "skipped: the Python module: python3-cffi is not installed"
fi

check "dpkg --purge" dpkg --root="$root" --purge libptwalk-dev ptwalk \
    libptwalk0.2
check "nothing is left" test -z "$(find "$root/usr" -name '*ptwalk*' | tee /dev/stderr)"

finish
