#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example for gdb reads the guest of examples/host.c out of the stopped host,
# and a real guest's memory through QEMU's gdb server.
# Usage: gdb.sh SOURCE_DIR LIBRARY EXAMPLE_HOST SCRATCH_DIR
set -uo pipefail
source=$(realpath "$1")
library=$(realpath "$2")
host=$(realpath "$3")
scratch=$4
. "$source/tests/check.sh"

# gdb has a Python of its own, which needs cffi.
if ! command -v gdb >/dev/null ||
    ! gdb -q -nx -batch -ex 'python import cffi' >/dev/null 2>&1 ||
    gdb -q -nx -batch -ex 'python import cffi' 2>&1 | grep -q Error; then
    echo "skipped: gdb, or cffi for its Python, is not installed"
    exit 77
fi
rm -rf "$scratch"
mkdir -p "$scratch/ptwalk"
cd "$scratch" || exit 2
cp "$source/python/ptwalk/__init__.py" ptwalk
"$source/scripts/amalgamate" --declarations >ptwalk/declarations.h
export PTWALK_LIBRARY=$library PYTHONPATH=$PWD

gdb -q -nx -batch -ex "source $source/examples/gdb/ptwalk_gdb.py" \
    -ex 'set breakpoint pending on' -ex 'break ptw_lookup' -ex run -ex up \
    -ex 'ptwalk memory low' -ex 'ptwalk memory high 0x100000000' \
    -ex 'echo ---\n' -ex 'ptwalk maps amd64 0x1000' \
    -ex 'ptwalk translate amd64 0x1000 0x1234 0x5678 0x800000000000' \
    -ex 'ptwalk translate amd65 0x1000 0x1234' "$host" >said 2>err
sed -n '/^---$/,$p' said | tail -n +2 >tail
cat >expected <<'SAID'
0000000000001000-0000000000001fff a000 rwxu
ffff800000000000-ffff8000001fffff 200000 r-x-
0000000000001234 a234 1000 rwxu
0000000000005678 - pt PTW_NOT_MAPPED
0000800000000000 -  PTW_NOT_CANONICAL
SAID
check "what gdb shows of the guest" diff expected tail
check "an unknown mode" grep -q '^ptwalk: amd65: ' err

if ! command -v qemu-system-x86_64 >/dev/null || ! command -v zstd >/dev/null; then
    echo "skipped: QEMU's gdb server: qemu-system-x86_64 or zstd is not installed"
    finish
    exit
fi
zstd -dqf --sparse "$source/tests/images/amd64-linux/image.raw.zst" -o image
qemu-system-x86_64 -machine pc -accel tcg -cpu max -m 256M -S -display none \
    -nodefaults -device loader,file=image,addr=0,force-raw=on \
    -chardev socket,path=server,server=on,wait=off,id=server -gdb chardev:server \
    >qemu.log 2>&1 &
qemu=$!
trap 'kill "$qemu" 2>/dev/null; rm -f image' EXIT
for ((i = 0; i < 300; i++)); do
    if [ -S server ] || ! kill -0 "$qemu" 2>/dev/null; then
        break
    fi
    sleep 0.2
done
# The processor has not started: paging is off.
timeout 120 gdb -q -nx -batch -ex "source $source/examples/gdb/ptwalk_gdb.py" \
    -ex 'set remotetimeout 60' -ex 'target remote server' -ex 'ptwalk memory qemu' -ex 'echo ---\n' \
    -ex 'ptwalk translate amd64 0x264c000 0x401234 0x400000' \
    -ex 'ptwalk translate registers 0x1000' >said 2>err
sed -n '/^---$/,/^\[/p' said | grep -v '^[-[]' >tail
cat >expected <<'SAID'
0000000000401234 f8c0234 1000 r-xu
0000000000400000 - pt PTW_NOT_MAPPED
0000000000001000 1000 100000000 rwxu
SAID
check "what gdb shows of QEMU's guest" diff expected tail

finish
