#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command from outside: options, formats, errors, exit statuses.  The images
# are a few tables each, made here.
#
# usage: cli.sh PTWALK_BINARY SCRATCH_DIR [RENAME_BETWEEN]
set -u
# shellcheck source=tests/cli_tools.sh
. "$(dirname "$0")/cli_tools.sh"

make_good good

# The same with a table outside the image and a reserved bit.
cp good bad
entries bad 3000 2=7fff0007 3=602087

# A root whose tables lead to itself, and one whose only entry lies outside.
cp good loops
entries loops b000 0=b007 1=2007
entries loops c000 0=7fff0007

# i686: 4 KiB, 4 MiB, and 4 MiB beyond 4 GiB.
truncate -s 16K small
entries32 small 1000 0=2007 768=400083 769=802083
entries32 small 2000 1=3005

# Many leaves out of few tables, and after them more tables, without any.
truncate -s 64K many
for ((i = 0; i < 512; i++)); do
    printf '\x07\x30\0\0\0\0\0\0' >>pd
    printf '\x07\x80\0\0\0\0\0\0' >>pt
done
entries many 1000 0=2007 1=5007
entries many 5000 0=6007
entries many 6000 0=7007
entries many 7000 0=8007
entries many 2000 0=4007
dd if=pd of=many bs=4096 seek=4 conv=notrunc status=none
dd if=pt of=many bs=4096 seek=3 conv=notrunc status=none


# ------------------------------------------------------------ help, version
try 'help' 0 0 --help
check "$name: usage" grep -q '^usage: ptwalk COMMAND' out
try 'help of a command' 0 0 leaves --help
check "$name: usage" grep -q '^usage: ptwalk leaves ' out
try 'help, short' 0 0 maps -h
try 'version' 0 0 --version
check "$name: a number" grep -qx 'ptwalk [0-9]*\.[0-9]*\.[0-9]*' out
wrong 'no command is given'
wrong "no command 'walk'" walk good

# ------------------------------------------------------------------ leaves
try 'leaves' 0 0 leaves "${amd64[@]}" good
prints <<'T'
# root 0 1000
0000000000000000 8000 1000 r - x u
0000000000001000 9000 1000 r w x -
0000000000002000 a000 1000 r w - u
0000000000200000 200000 200000 r w - u
0000000040000000 40000000 40000000 r w x -
ffffffffffe00000 8000 1000 r - x -
ffffffffffe01000 9000 1000 r w x -
ffffffffffe02000 a000 1000 r w - -
# outside 2 leaves
T
cp out leaves
same_leaves() {
    check "$name: the same leaves" diff leaves out
}
try 'leaves, options after the image' 0 0 leaves good "${amd64[@]}"
same_leaves
POSIXLY_CORRECT=1 try 'leaves, after it, to the letter' 0 0 \
    leaves good "${amd64[@]}"
same_leaves
try 'leaves, --' 0 0 leaves "${amd64[@]}" -- good
same_leaves
try 'leaves, 0x and capitals' 0 0 leaves --regime amd64 --root 0X00001000 good
same_leaves
try 'leaves, --opt=value' 0 0 leaves --regime=amd64 --root=0x1000 good
same_leaves
try 'leaves, registers' 0 0 leaves "${registers[@]}" --cr3 1000 good
same_leaves
try 'leaves, PCID and other bits of CR3' 0 0 \
    leaves "${registers[@]}" --cr3 8000000000001fff good
same_leaves
try 'leaves, a regime and CR3' 0 0 leaves --regime amd64 --cr3 101b good
same_leaves
try 'leaves, not mapped into memory' 0 0 leaves --no-mmap "${amd64[@]}" good
same_leaves

# The second root leads to a table in a hole of the file.
try 'leaves, two roots' 0 1 leaves "${amd64[@]}" --root 2000 good
check "$name: headers" [ "$(grep '^# ' out)" = \
    $'# root 0 1000\n# outside 2 leaves\n# root 1 2000' ]
try 'leaves --json' 0 0 leaves --json "${amd64[@]}" good
json 'length == 9'
json '.[0] == {type: "root", root: 0, pa: "1000"}'
json '.[3] == {type: "leaf", root: 0, va: "0000000000002000", pa: "a000",
    size: 4096, read: true, write: true, exec: false, user: true, level: "pt",
    entry: "800000000000a467", memory_type: 0, global: false, outside: false,
    outside_bytes: 0}'

try 'leaves --range' 0 0 leaves "${amd64[@]}" --range 1fff-200000 good
prints <<'T'
# root 0 1000
0000000000001000 9000 1000 r w x -
0000000000002000 a000 1000 r w - u
0000000000200000 200000 200000 r w - u
# outside 1 leaves
T
try 'leaves --range, the last byte' 0 0 leaves "${amd64[@]}" good \
    --range ffffffffffe02fff-ffffffffffffffff
prints <<'T'
# root 0 1000
ffffffffffe02000 a000 1000 r w - -
T
try 'leaves --range, what no table maps' 0 0 leaves "${amd64[@]}" good \
    --range 0x800000000000-0xffff7fffffffffff
prints <<<'# root 0 1000'

try 'leaves --no-1g' 0 0 leaves "${amd64[@]}" --no-1g good
check "$name: no such page" [ "$(grep -c 40000000 out)" -eq 0 ]
check "$name: the others" [ "$(wc -l <out)" -eq 9 ]
try 'leaves --no-1g, registers' 0 0 leaves "${registers[@]}" --cr3 1000 \
    --no-1g good
check "$name: no such page" [ "$(grep -c 40000000 out)" -eq 0 ]
try 'leaves --no-nx' 0 0 leaves "${amd64[@]}" --no-nx good
check "$name: where bit 63 is reserved" [ "$(wc -l <out)" -eq 7 ]
try 'leaves, EFER.NXE clear' 0 0 leaves --cr0 80010001 --cr4 20 --efer 500 \
    --cr3 1000 good
check "$name: the same" [ "$(wc -l <out)" -eq 7 ]
try 'leaves --pa-bits' 0 0 leaves "${amd64[@]}" --pa-bits 32 good
same_leaves

# -------------------------------------------------------------------- i686
try 'i686' 0 0 leaves --regime i686 --root 1000 small
prints <<'T'
# root 0 1000
0000000000001000 3000 1000 r - x u
00000000c0000000 400000 400000 r w x -
00000000c0400000 100800000 400000 r w x -
# outside 2 leaves
T
cp out leaves32
try 'i686, registers' 0 0 leaves --cr0 80000001 --cr4 10 --cr3 1018 small
check "$name: the same leaves" diff leaves32 out
try 'i686 --pa-bits 32' 0 0 leaves --regime i686 --root 1000 --pa-bits 32 small
check "$name: an address too wide" diff <(
    head -3 leaves32
    echo '# outside 1 leaves'
) out
try 'i686 --no-pse' 3 1 leaves --regime i686 --root 1000 --no-pse small
check "$name: no large pages" diff <(head -2 leaves32) out
says "the pt at 400000 of root 0, for 00000000c0000000-00000000c03fffff"
try 'i686, CR4.PSE clear' 3 1 leaves --cr0 80000001 --cr4 0 --cr3 1000 small
check "$name: no large pages" diff <(head -2 leaves32) out
try 'i686, an address of 33 bits' 1 0 translate --regime i686 --root 1000 \
    small 100000000 c0400123
prints <<'T'
0000000100000000 - - non-canonical
00000000c0400123 100800123 400000 r w x -
T

# -------------------------------------------------------------------- bare
try 'bare' 0 0 leaves --regime bare good
prints <<'T'
# root 0 0
0000000000000000 0 10000000000000 r w x u
# outside 1 leaves
T
try 'bare, registers' 0 0 leaves --cr0 11 good
prints <<'T'
# root 0 0
0000000000000000 0 100000000 r w x u
# outside 1 leaves
T
try 'bare, CR3' 0 0 leaves --cr0 11 --cr3 1234567 good
try 'bare, explained' 0 0 explain --regime bare good 1234
check "$name: itself" grep -q '^physical 1234, rights rwxu' out
try 'bare, spaces' 0 0 spaces --findings --regime bare good
prints <<<'0 0000000000000000 0 10000000000000 r w x u'
try 'bare, maps' 0 0 maps --regime bare good
try 'bare, maps --json' 0 0 maps --json --regime bare good
json '.[0].bytes == 4503599627370496'

# -------------------------------------------------------------------- maps
try 'maps, two roots' 0 1 maps "${amd64[@]}" --root 2000 good
check "$name: two headers, two totals" [ "$(grep -c '^# root' out)" -eq 4 ]
try 'maps' 0 0 maps "${amd64[@]}" good
prints <<'T'
# root 0 1000
0000000000000000-0000000000000fff      4K r-xu  4K mt0               8000
0000000000001000-0000000000001fff      4K rwx-  4K mt0               9000
0000000000002000-0000000000002fff      4K rw-u  4K mt0               a000
0000000000200000-00000000003fffff      2M rw-u  2M mt0             200000 outside
0000000040000000-000000007fffffff      1G rwx-  1G mt0           40000000 outside
ffffffffffe00000-ffffffffffe00fff      4K r-x-  4K mt0               8000
ffffffffffe01000-ffffffffffe01fff      4K rwx-  4K mt0               9000
ffffffffffe02000-ffffffffffe02fff      4K rw--  4K mt0               a000
# root 0: 1.0G mapped, 1.0G of it writable, in 8 runs of 8 leaves: 6 of 4K, 1 of 2M, 1 of 1G; 1.0G outside the image
T
# Totals go by whether the guest can write, columns by the tables.
total() { sed -n 's/.* mapped, \(.*\) of it writable.*/\1/p' out; }
cp good little
entries little 1000 511=0
entries little 2000 1=0
entries little 3000 1=0
entries little 4000 0=8065 1=9003 2=a005
try 'maps, what can be written' 0 0 maps "${amd64[@]}" little
check "$name" [ "$(total)" = 4K ]
try 'maps, what the supervisor can write' 0 0 maps "${amd64[@]}" --no-wp little
check "$name" [ "$(total)" = 12K ]
check "$name: as the tables have it" [ "$(grep -c ' r-.u ' out)" -eq 2 ]
try 'maps, a shadow stack' 0 0 maps "${amd64[@]}" --cet little
check "$name" [ "$(total)" = 8K ]
check "$name: it is marked" grep -q ' r-xu  4K mt0 shadow  *8000$' out
try 'maps --json, a shadow stack' 0 0 maps --json "${amd64[@]}" --cet little
json '.[-1].writable_bytes == 8192 and .[0].shadow_stack and
    (.[1].shadow_stack | not)'
try 'maps --json' 0 0 maps --json "${amd64[@]}" good
json 'length == 9 and (.[:-1] | all(.type == "run"))'
json '.[3].bytes == 2097152 and .[3].first == "0000000000200000"'
json '.[-1] | .type == "total" and .leaves == 8 and .complete and
    .leaves_by_size == {"1000": 6, "200000": 1, "40000000": 1}'

# ----------------------------------------------------- PAE, five levels
# Two roots in one page, that share a PD; a page that may not be run.
truncate -s 64K pae
entries pae 1000 4=2001 7=3021 8=2001
entries pae 2000 0=4067
entries pae 3000 511=e3
entries pae 4000 1=8000000000005025
pae=(--regime pae --root 1020 --root 1040)
try 'pae, leaves' 0 0 leaves "${pae[@]}" pae
prints <<'T'
# root 0 1020
0000000000001000 5000 1000 r - - u
00000000ffe00000 0 200000 r w x -
# outside 1 leaves
# root 1 1040
0000000000001000 5000 1000 r - - u
T
try 'pae, from registers' 0 0 leaves --cr0 80010001 --cr4 20 --efer 800 \
    --cr3 1038 --cr3 1040 pae
prints <<'T'
# root 0 1020
0000000000001000 5000 1000 r - - u
00000000ffe00000 0 200000 r w x -
# outside 1 leaves
# root 1 1040
0000000000001000 5000 1000 r - - u
T
try 'pae, spaces' 0 0 spaces "${pae[@]}" pae
shows '1 alias pd 0000000000000000 0 0000000000000000'
try 'pae, explain' 0 0 explain --regime pae --root 1020 pae 1234
shows 'pdpt  entry 0 at 1020: 0000000000002001 = P'
shows '      leads to the pd at 2000'
shows '      takes x: XD, bit 63, is set'
wrong 'it is not aligned to 32 bytes' leaves --regime pae --root 1010 pae
entries pae 1000 4=2003
try 'pae, a PDPTE with R/W' 1 0 explain --regime pae --root 1020 pae 1234
shows '      stops: reserved bits are set: 1 (2)'
entries pae 1000 4=2001
try 'pae, compact' 0 0 compact "${pae[@]}" -o dense pae
check "$name: the roots" grep -q '^root 1 1040 ' out
mapfile -t rebuilt < <(sed -n 's/^root [0-9]* [0-9a-f]* /--new-root /p' out |
    tr ' ' '\n')
try 'pae, verify' 0 0 verify "${pae[@]}" "${rebuilt[@]}" pae dense

truncate -s 64K la57
entries la57 1000 5=2007 511=2003
entries la57 2000 9=3007
entries la57 3000 0=4007
entries la57 4000 0=5007
entries la57 5000 1=8007
try 'la57, leaves' 0 0 leaves --regime amd64-la57 --root 1000 la57
prints <<'T'
# root 0 1000
0005048000001000 8000 1000 r w x u
ffff048000001000 8000 1000 r w x -
T
try 'la57, from registers' 0 0 translate --cr0 80010001 --cr4 1020 --efer d00 \
    --cr3 1000 la57 5048000001234
prints <<'T'
0005048000001234 8234 1000 r w x u
T
try 'la57, spaces' 0 0 spaces --regime amd64-la57 --root 1000 la57
shows '0 alias pml4 ffff000000000000 0 0005000000000000'

# ------------------------------------------------------------------ RISC-V
# Sv48: entry 256 of the root leads to the same tables as entry 0, and is global.
# Entries 16 to 31 of the l0 are one NAPOT page of 64 KiB; entry 3 is execute-only,
# 4 has W without R, 5 has PBMT 3, 6 has A clear.
truncate -s 64K riscv
entries riscv 1000 0=801 256=821
entries riscv 2000 0=c01 1=80000000000000cf 2=20000000000000cf
entries riscv 3000 0=1001 1=4cf 2=1000cf
entries riscv 4000 0=20d7 1=80000000000020cf 3=20c9 4=20c5 5=60000000000020cf \
    6=208f 7=20df
for i in {16..31}; do
    entries riscv 4000 "$i=80000000000020cf"
done
sv48=(--satp 9abcd00000000001)
rv=(--range 0-ffffffff)
try 'riscv, leaves' 0 0 leaves "${sv48[@]}" "${rv[@]}" riscv
{
    echo '# root 0 1000'
    echo '0000000000000000 8000 1000 r w - u'
    echo '0000000000001000 1000 1000 r w x -'
    echo '0000000000003000 8000 1000 - - x -'
    echo '0000000000006000 8000 1000 r w x -'
    echo '0000000000007000 8000 1000 r w x u'
    for i in {0..15}; do
        printf '%016x %x 1000 r w x -\n' $((0x10000 + 0x1000 * i)) $((0x1000 * i))
    done
    echo '0000000000400000 400000 200000 r w x -'
    echo '0000000080000000 0 40000000 r w x -'
    echo '# outside 2 leaves'
} >rv.leaves
check "$name: output" diff rv.leaves out
try 'riscv, by name' 0 0 leaves --regime sv48 --root 1000 "${rv[@]}" riscv
check "$name: the same" diff rv.leaves out
try 'riscv, without Svnapot' 0 0 leaves "${sv48[@]}" "${rv[@]}" --no-svnapot riscv
check "$name: less" diff <(grep -v '^00000000000\(1.\|01\)000 ' rv.leaves) out
try 'riscv, without Svpbmt' 0 0 leaves "${sv48[@]}" "${rv[@]}" --no-svpbmt riscv
check "$name: less" diff <(grep -v '^0000000080000000' rv.leaves |
    sed 's/outside 2/outside 1/') out
try 'riscv, --memory-type' 0 0 leaves "${sv48[@]}" "${rv[@]}" \
    --memory-type nc riscv
prints <<'T'
# root 0 1000
0000000080000000 0 40000000 r w x -
# outside 1 leaves
T
try 'riscv, --attributes' 0 0 leaves "${sv48[@]}" --range 1000-80000fff \
    --attributes --size 1G riscv
prints <<'T'
# root 0 1000
0000000080000000 0 40000000 r w x - NC -
# outside 1 leaves
T
wrong "--memory-type '3': there are PMA, NC and IO" leaves "${sv48[@]}" \
    --memory-type 3 riscv
wrong "--memory-type 'NC': without Svpbmt there is PMA alone" leaves \
    "${sv48[@]}" --no-svpbmt --memory-type NC riscv
wrong '--pat: this paging mode has no such register' leaves "${sv48[@]}" \
    --pat 0 riscv
try 'riscv, with Zicfiss' 0 0 leaves "${sv48[@]}" --zicfiss --range 4000-4fff riscv
shows '0000000000004000 8000 1000 r - - -'
try 'riscv, spaces' 0 0 spaces "${sv48[@]}" riscv
shows '0 alias l2 ffff800000000000 0 0000000000000000'
try 'riscv, explain' 0 0 explain "${sv48[@]}" riscv 3000
shows 'physical 8000, rights --x-, PBMT 0 (PMA), accessed, dirty'
shows 'the processor lets pass, with ADUE=0:'
shows '  supervisor          read no   write no   exec yes'
shows '  supervisor-mxr      read yes  write no   exec yes'
try 'riscv, explain, a global path' 0 0 explain "${sv48[@]}" riscv \
    ffff800000003000
shows 'physical 8000, rights --x-, PBMT 0 (PMA), global, accessed, dirty'
try 'riscv, explain, a global path in JSON' 0 0 explain --json "${sv48[@]}" riscv \
    3000
json '.[0].global | not'
try 'riscv, explain, a global path in JSON' 0 0 explain --json "${sv48[@]}" riscv \
    ffff800000003000
json '.[0].global'
try 'riscv, explain, PBMT 3' 1 0 explain "${sv48[@]}" riscv 5000
shows '      stops: reserved bits are set: 61, 62 (6000000000000000)'
try 'riscv, explain, Svade' 0 0 explain "${sv48[@]}" riscv 6000
shows '  supervisor      read no   write no   exec no'
shows '  A, bit 6, is clear: every access faults until it is set'
try 'riscv, explain, --adue' 0 0 explain "${sv48[@]}" --adue riscv 6000
shows '  supervisor      read yes  write yes  exec yes'
try 'riscv, explain, a user page' 0 0 explain "${sv48[@]}" riscv 7000
shows '  supervisor-sum  read yes  write yes  exec no'
rm -f dense
try 'riscv, compact' 0 0 compact "${sv48[@]}" --leave-out 12000-12fff --leave-out \
    80000000-bfffffff -o dense riscv
rebuilt=(--new-root "$(sed -n 's/^root 0 1000 //p' out)")
try 'riscv, the new leaves' 0 0 leaves --regime sv48 \
    --root "${rebuilt[1]}" --range 10000-1ffff --no-svnapot dense
check "$name: plain" [ "$(grep -c '^00000000000' out)" -eq 15 ]
try 'riscv, verify' 0 0 verify "${sv48[@]}" "${rebuilt[@]}" --leave-out \
    12000-12fff --leave-out 80000000-bfffffff riscv dense
truncate -s 64K rv32
entries rv32 1000 0=8cf00000801
entries rv32 2000 0=20df
try 'riscv, 32 bits' 0 0 leaves --xlen 32 --satp 80000001 rv32
prints <<'T'
# root 0 1000
0000000000000000 8000 1000 r w x u
T
try 'riscv, 32 bits read as 64' 0 0 translate --satp 80000001 rv32 1234
prints <<'T'
0000000000001234 1234 100000000000000 r w x u
T
wrong 'XLEN is 32, and satp has more bits' leaves --xlen 32 "${sv48[@]}" riscv
wrong 'Sv64, which the manual reserves' leaves --satp b000000000000001 riscv
wrong 'selects sv39, and the paging mode is sv48' leaves "${sv48[@]}" \
    --satp 8000000000000001 riscv

# ----------------------------------------------------------------- aarch64
# Two halves; entry 0 of the upper one leads to a table of the lower one.
truncate -s 64K arm
entries arm 1000 0=2003
entries arm 2000 0=3003
entries arm 3000 2=4003 3=60000000200741
entries arm 4000 0=600000000087c3 1=20000000009743 2=8f03
entries arm 5000 0=2003 256=6000000000006003
entries arm 6000 0=e0000040000705
arm=(--regime aarch64-4k-48 --ttbr0 7000000001001 --ttbr1 5000)
try 'aarch64, leaves' 0 0 leaves "${arm[@]}" arm
prints <<'T'
# root 0 1000
0000000000400000 8000 1000 r - - u -
0000000000401000 9000 1000 r w - u X
0000000000402000 8000 1000 r w x - X
0000000000600000 200000 200000 r w - u -
# outside 1 leaves
# root 1 5000
ffff000000400000 8000 1000 r - - u -
ffff000000401000 9000 1000 r w - u X
ffff000000402000 8000 1000 r w x - X
ffff000000600000 200000 200000 r w - u -
ffff800000000000 40000000 40000000 r - - - -
# outside 2 leaves
T
cp out leaves.name
# TBI0, EPD1 clear, and both halves of 48 bits with pages of 4 KiB.
tcr=20b5503510
try 'aarch64, by registers' 0 0 leaves --tcr $tcr --ttbr0 7000000001001 \
    --ttbr1 5000 --mair ff --sctlr 1 arm
check "$name: the same" cmp leaves.name out
try 'aarch64, --root is the lower half' 0 0 leaves --tcr $tcr --root 1000 \
    --ttbr1 5000 arm
check "$name: the same" cmp leaves.name out
try 'aarch64, bits below the alignment of a root' 0 1 leaves --regime aarch64-4k-48 \
    --ttbr0 7000000001803 --ttbr1 5000 arm
says '--ttbr0 7000000001803: bits 802 are below the alignment of the root, where a processor may take any address: 1000 is walked; check the register, or TnSZ'
check "$name: the same" cmp leaves.name out
# Bits 5:2 are those from 48 on of the address, and bit 1 is none.
try 'aarch64, 52 bits, bits below the alignment' 3 2 leaves --regime aarch64-64k-52 \
    --ttbr0 10006 arm
says '--ttbr0 10006: bits 2 are below the alignment of the root, where a processor may take any address: 1000000010000 is walked'
try 'aarch64, an alias across the halves' 0 0 spaces "${arm[@]}" arm
shows '1 alias l1 ffff000000000000 0 0000000000000000'
# TTBR1 has 39 bits, and its root, 2000, is a table below TTBR0's.
try 'aarch64, a root that is a table below another' 1 1 compact --output two-halves \
    --tcr 20b5593510 --ttbr0 1000 --ttbr1 2000 arm
says 'root 2000 is a table below an earlier root, too, and would become two tables: give it first'
check "$name: nothing written" test ! -e two-halves
try 'aarch64, given first' 0 0 compact --output two-halves --tcr 20b5593510 \
    --ttbr1 2000 --ttbr0 1000 arm
rm -f two-halves
try 'aarch64, a tag is taken off' 0 0 translate --tcr $tcr --ttbr0 1000 arm \
    ab00000000400123
prints <<'T'
ab00000000400123 8123 1000 r - - u -
T
try 'aarch64, no tag by name' 1 0 translate --regime aarch64-4k-48 \
    --ttbr0 1000 arm ab00000000400123
try 'aarch64, explain' 0 0 explain --tcr $tcr --mair bb00 --ttbr1 5000 arm \
    ffff800000000123
shows 'l0    entry 256 at 5800: 6000000000006003 = Valid Table APTable[62:61]=3'
shows 'physical 40000123, rights r----, AttrIndx 1 (MAIR: bb, normal-WT), global, accessed, copy-on-write, outside the image'
shows '  el0            read no   write no   exec no'
shows '  el1            read yes  write no   exec no'
entries arm 4000 4=8001 5=8003
try 'aarch64, explain, a block where there is none' 1 0 explain "${arm[@]}" arm 404000
shows '      stops: bit 1 is clear, a block, and there is none in the l3'
try 'aarch64, explain, AF is clear' 0 0 explain --regime aarch64-4k-48 --ttbr0 1000 arm \
    405000
shows '  AF, bit 10, is clear: every access faults until it is set'
try 'aarch64, explain, HA' 0 0 explain --tcr a0b5503510 --ttbr0 1000 arm 405000
check "$name: no fault" grep -q 'el1 .*read yes' out
check "$name: none named" bash -c '! grep -q "faults until" out'
entries arm 4000 4=0 5=0
wrong "--memory-type 'device': by name it needs --mair" leaves --tcr $tcr \
    --ttbr1 5000 --memory-type device arm
wrong "--memory-type 'device': MAIR has no such type" leaves --tcr $tcr \
    --ttbr1 5000 --mair bbbbbbbbbbbbbbbb --memory-type device arm
# A type a byte: the names of MAIR.
names=
for attribute in 00 04 08 0c 01 40 a0 f0 44 ff 77 bb 4f f4 12 02 10 f1; do
    try "aarch64, MAIR $attribute" 0 0 leaves --json --tcr $tcr --ttbr1 5000 \
        --mair ${attribute}00 --memory-type 1 --range ffff800000000000+1 arm
    names+=" $(jq -r 'select(.type == "leaf").memory_type_name' out)"
done
check 'aarch64, the names of memory types' [ "$names" = " device-nGnRnE \
device-nGnRE device-nGRE device-GRE device-nGnRnE-nXS normal-NC-nXS \
normal-WT-nXS normal-WB-tagged normal-NC normal-WB normal-WB normal-WT \
normal-NC/WB normal-WB/NC normal-WT null null normal-WB/WT" ]
# Who may run it has a letter for each privilege; a filter asks for either.
try 'aarch64, --exec' 0 0 leaves "${arm[@]}" --exec --range 0-7fffffffffff arm
prints <<'T'
# root 0 1000
0000000000401000 9000 1000 r w - u X
0000000000402000 8000 1000 r w x - X
# root 1 5000
T
try 'aarch64, --wx' 0 0 leaves "${arm[@]}" --wx --range 0-401fff arm
shows '0000000000401000 9000 1000 r w - u X'
# The table comes first by a path that lets nobody run it.
entries arm 3000 1=1800000000004003
try 'aarch64, --exec, a table under two sets of rights' 0 0 leaves "${arm[@]}" --exec \
    --range 0-7fffffffffff arm
prints <<'T'
# root 0 1000
0000000000401000 9000 1000 r w - u X
0000000000402000 8000 1000 r w x - X
# root 1 5000
T
entries arm 3000 1=0
# Where instructions are fetched, TBID0 takes no tag off.
try 'aarch64, explain of a tag' 0 0 explain --tcr $tcr --ttbr0 1000 arm \
    ab00000000402000
shows '  el1            read yes  write yes  exec yes'
try 'aarch64, explain of a tag, TBID0' 0 0 explain --tcr 80020b5503510 \
    --ttbr0 1000 arm ab00000000402000
shows '  el1            read yes  write yes  exec no'
# With permission indirection bits 7, 6, 53 and 54 are nDirty and PIIndex: index 0
# of PIR grants no execution, of PIRE0 nothing but reading.
entries arm 4000 3=9743
try 'aarch64, explain, PIE' 0 0 explain --tcr $tcr --tcr2 2 \
    --pir 1111111111111111 --pire0 1111111111111111 --ttbr0 1000 arm 403000
shows '      takes w: PIR grants no such right by PIIndex, bits 54, 53, 51 and 6, or nDirty, bit 7, is set'
shows '      takes x: PIR grants no such right by PIIndex, bits 54, 53, 51 and 6'
shows '      takes X: PIRE0 grants no such right by PIIndex, bits 54, 53, 51 and 6'
check "$name: no AP" bash -c '! grep -q "AP\[" out'
entries arm 4000 3=0
# Tables withhold from the lower half alone: HPD1 is set, HPD0 is not.
truncate -s 64K hpd
entries hpd 1000 0=2003
entries hpd 2000 0=7800000000003003
entries hpd 3000 0=4003
entries hpd 4000 0=8743
for order in '--ttbr0 1000 --ttbr1 1000' '--ttbr1 1000 --ttbr0 1000'; do
    # shellcheck disable=SC2086 # two options
    try "aarch64, halves that differ, $order" 0 0 maps --tcr 40580100010 \
        $order hpd
    shows '0000000000000000-0000000000000fff      4K r----  4K mt0               8000'
    shows 'ffff000000000000-ffff000000000fff      4K rwxuX  4K mt0               8000'
    check "$name: totals" [ "$(total | sort | tr '\n' ' ')" = "0B 4K " ]
done
try 'aarch64, explain, HPD1' 0 0 explain --tcr 420b5503510 --ttbr1 5000 arm \
    ffff800000000123
shows 'the processor lets pass, with HA=0 HD=0 WXN=0 E0PD=0 EPAN=0 HPD=1:'
try 'aarch64, explain in JSON' 0 0 explain --json --tcr $tcr --ttbr0 1000 arm \
    401000
json '.[0].allowed | .el0.exec and (.el1.exec | not) and (."el1-pan".read | not)'
try 'aarch64, EL2 has one half and one privilege' 0 0 leaves --el 2 --tcr 10 \
    --ttbr0 1000 arm --range 400000-402fff
prints <<'T'
# root 0 1000
0000000000400000 8000 1000 r - - - -
0000000000401000 9000 1000 r w x - -
0000000000402000 8000 1000 r w x - -
T
cp out leaves.name
for regime in 'aarch64-4k-48/el2' 'aarch64-4k-48 --el 2'; do
    # shellcheck disable=SC2086
    try "aarch64, $regime" 0 0 leaves --regime $regime --root 1000 arm \
        --range 400000-402fff
    check "$name: the same" cmp leaves.name out
done
wrong '--regime aarch64-4k-48/el2 --el 1: the name says the level itself' \
    leaves --regime aarch64-4k-48/el2 --el 1 --root 1000 arm
# A register of another family would be ignored.
for other in 'cr4 20' 'cr3 1000' 'xlen 32' 'satp 8000000000000001'; do
    # shellcheck disable=SC2086 # an option and its value
    wrong "--tcr and --${other% *} exclude each other: no processor has both" \
        leaves --tcr $tcr --ttbr0 1000 --$other arm
done
for other in 'sctlr 1' 'hcr 1' 'tcr2 2' 'pir 0'; do
    # shellcheck disable=SC2086 # an option and its value
    wrong "--satp and --${other% *} exclude each other: no processor has both" \
        leaves --satp 8000000000000001 --$other arm
    # shellcheck disable=SC2086 # an option and its value
    wrong "--cr0 and --${other% *} exclude each other: no processor has both" \
        leaves --cr0 80010001 --cr4 20 --efer d00 --cr3 1000 --$other arm
done
try 'aarch64, EL2 with E2H has two' 0 0 leaves --el 2 --hcr 400000000 \
    --tcr $tcr --ttbr0 1000 --ttbr1 5000 arm
# A short root: 39 bits, one level less; 25 bits, a root of 16 entries.
try 'aarch64, 39 bits' 0 0 leaves --regime aarch64-4k-39 --ttbr0 2000 arm \
    --range 400000-400fff
prints <<'T'
# root 0 2000
0000000000400000 8000 1000 r - - u -
T
try 'aarch64, 25 bits' 0 0 leaves --regime aarch64-4k-25 --ttbr0 3000 arm \
    --range 400000-400fff
prints <<'T'
# root 0 3000
0000000000400000 8000 1000 r - - u -
T
# Halves of 25 and 48 bits: each one's levels have their own names.
halves=(--tcr 580100027 --ttbr0 3000 --ttbr1 7000)
entries arm 7000 0=2003 1=2003 2=1 3=20003
try 'aarch64, the upper half has more levels' 0 0 spaces --findings \
    "${halves[@]}" arm --range ffff000000000000-ffff017fffffffff
shows '1 alias l1 ffff008000000000 1 ffff000000000000'
shows '1 finding reserved-bits l0 ffff010000000000 ffff017fffffffff 7000'
try 'aarch64, the upper half has more levels, translate' 1 0 translate \
    "${halves[@]}" arm ffff010000000000
shows 'ffff010000000000 - l0 reserved-bits'
try 'aarch64, the upper half has more levels, unread' 3 1 leaves "${halves[@]}" \
    arm
says 'first the l1 at 20000 of root 1'
entries arm 7000 0=0 1=0 2=0 3=0

rm -f dense
try 'aarch64, compact' 0 0 compact "${arm[@]}" -o dense arm
check "$name: the roots" grep -q '^root 1 5000 ' out
mapfile -t rebuilt < <(sed -n 's/^root \([01]\) [0-9a-f]* /--new-ttbr\1 /p' out |
    tr ' ' '\n')
try 'aarch64, verify' 0 0 verify "${arm[@]}" "${rebuilt[@]}" arm dense
try 'aarch64, the halves changed places' 1 0 verify "${arm[@]}" \
    --new-ttbr0 "${rebuilt[3]}" --new-ttbr1 "${rebuilt[1]}" arm dense
wrong 'of the same half: give both in one order' verify "${arm[@]}" \
    --new-ttbr1 "${rebuilt[3]}" --new-ttbr0 "${rebuilt[1]}" arm dense

# A root of two entries, which stands alone in 64 bytes; what is behind it is not its.
truncate -s 8K short
entries short 40 2=1003
try 'aarch64, a short root of zeros' 0 1 leaves --regime aarch64-4k-40-lpa2 \
    --ttbr0 40 short
says 'its table is all zeros'

# A map is of one half; the other one shares tables with it, and has no map.
rm -f dense
try 'aarch64, compact, a map in each half' 0 0 compact "${arm[@]}" -o dense \
    --leave-out 700000-700fff --map 700000:900000:1000:rw \
    --leave-out ffff000000403000-ffff000000403fff \
    --map ffff000000403000:901000:1000:rw arm
mapfile -t rebuilt < <(sed -n 's/^root \([01]\) [0-9a-f]* /--ttbr\1 /p' out |
    tr ' ' '\n')
try 'aarch64, the maps' 1 0 translate --regime aarch64-4k-48 "${rebuilt[@]}" \
    dense 700000 403000 ffff000000403000 ffff000000700000
check "$name: the lower half" grep -qx '0000000000700000 900000 1000 r w - - -' out
check "$name: and no other" grep -qx '0000000000403000 - l3 not-present' out
check "$name: the upper half" \
    grep -qx 'ffff000000403000 901000 1000 r w - - -' out
check "$name: and no other" grep -qx 'ffff000000700000 - l2 not-present' out
wrong 'no table can map these addresses' compact "${arm[@]}" -o dense2 \
    --map 8000000000000000:0:1000 arm

# A granule of 64 KiB: whole pages are larger.
truncate -s 2M k64
entries k64 10000 0=20003
entries k64 20000 0=30003
entries k64 30000 1=40703 2=50783 3=60703
k64=(--regime aarch64-64k-48 --ttbr0 10000)
# Of the tables, 4 KiB are in the file and the rest are a hole of it.
try 'aarch64, 64 KiB' 0 1 leaves "${k64[@]}" k64
prints <<'T'
# root 0 10000
0000000000010000 40000 10000 r w x - X
0000000000020000 50000 10000 r - x - X
0000000000030000 60000 10000 r w x - X
T
rm -f dense
try 'aarch64, 64 KiB, compact' 0 1 compact "${k64[@]}" -o dense \
    --page-map pages --leave-out 30000-3ffff --map 30000:200000:10000 k64
prints_some=$(cat pages)
check "$name: the page map" [ "$prints_some" = "40000 0 20000" ]
for option in '--leave-out 10000-10fff' '--range 10000-10fff' \
    '--map 100000:200000:1000' '--map 100000:201000:10000'; do
    # shellcheck disable=SC2086
    wrong 'is not whole pages' compact "${k64[@]}" -o dense2 $option k64
done
wrong '--new-base 1000: not aligned' compact "${k64[@]}" -o dense2 \
    --new-base 1000 k64

wrong 'an aarch64 regime is called' leaves --regime aarch64 --root 0 arm
wrong 'an aarch64 regime is called' leaves --regime aarch64-8k-48 --root 0 arm
wrong 'addresses have from 16 bits' leaves --regime aarch64-4k-49 --root 0 arm
wrong 'has no LPA2' leaves --regime aarch64-64k-52-lpa2 --root 0 arm
wrong 'have no upper half' leaves --regime aarch64-4k-48/upper/el2 --root 0 arm
wrong 'have no upper half' leaves --regime aarch64-4k-48/el2 --ttbr1 0 arm
wrong 'have no upper half' leaves --el 3 --tcr $tcr --ttbr1 0 arm
wrong 'the name says the level itself' leaves --regime aarch64-4k-48/e2h --el 2 \
    --root 0 arm
wrong 'is not 1, 2 or 3' leaves --el 4 --tcr $tcr --root 0 arm
wrong 'EPD1 is set' leaves --tcr 20b5d03510 --ttbr1 5000 arm
wrong 'SCTLR.M is clear' leaves --tcr $tcr --sctlr 0 --ttbr0 1000 arm
wrong 'big-endian' leaves --tcr $tcr --sctlr 2000001 --ttbr0 1000 arm
wrong 'stage 2' leaves --tcr $tcr --hcr 1 --ttbr0 1000 arm
wrong 'need PIR and PIRE0' leaves --tcr $tcr --tcr2 2 --ttbr0 1000 arm
wrong 'need PIR and PIRE0' leaves --tcr $tcr --tcr2 2 --pir 5 --ttbr0 1000 arm
wrong 'need PIR and PIRE0' leaves --el 2 --hcr 400000000 --tcr $tcr --tcr2 2 \
    --pir 5 --ttbr0 1000 arm
try 'aarch64, EL2 alone has no PIRE0' 0 0 leaves --el 2 --tcr 10 --tcr2 2 \
    --pir 5 --ttbr0 1000 arm --range 400000-402fff
wrong 'permission overlays' leaves --tcr $tcr --tcr2 8 --ttbr0 1000 arm
wrong 'entries of 128 bits' leaves --tcr $tcr --tcr2 20 --ttbr0 1000 arm
wrong 'so --tcr2 is needed too' leaves --tcr $tcr --pir 0 --ttbr0 1000 arm
wrong 'TCR.TnSZ is out of the range' leaves --tcr 20b5503501 --ttbr0 1000 arm
wrong 'pages of different sizes' leaves --tcr 20f5503510 --ttbr0 1000 \
    --ttbr1 5000 arm
wrong 'no processor has both' leaves --tcr $tcr --cr0 80000001 --ttbr0 1000 arm
wrong 'exclude each other' leaves "${arm[@]}" --tcr $tcr arm
wrong 'is no register of aarch64-4k-48' leaves "${arm[@]}" --cr3 1000 arm
wrong 'is no register of amd64' leaves --regime amd64 --ttbr0 1000 arm
wrong 'is no register of aarch64-4k-48/upper' leaves \
    --regime aarch64-4k-48/upper --ttbr0 1000 arm
wrong 'has no such register' leaves --regime amd64 --el 2 --root 1000 arm
wrong 'has no such register' leaves --regime amd64 --mair 0 --root 1000 arm
wrong 'the paging mode is not given' leaves --ttbr0 1000 arm
wrong 'no root is given: --root, or --ttbr0 or --ttbr1' leaves \
    --regime aarch64-4k-48 arm

# ------------------------------------------------- flag bits, tags, AMD
truncate -s 64K flags
entries flags 1000 0=800000002007
entries flags 2000 0=800000003007
entries flags 3000 0=800000004007
entries flags 4000 0=8007 1=800000009005 2=80000000a005 3=8005
flags=(--regime amd64 --flag-bit 47 --cr3 800000001000)
try 'flag bits, leaves' 0 0 leaves "${flags[@]}" flags
prints <<'T'
# root 0 1000
0000000000000000 8000 1000 r w x u
0000000000001000 9000 1000 r - x u
0000000000002000 a000 1000 r - x u
0000000000003000 8000 1000 r - x u
T
try 'flag bits, maps' 0 0 maps "${flags[@]}" flags
check "$name: of a page without" \
    grep -q '^0000000000000000-.* 8000 flags:0$' out
check "$name: of two pages with" \
    grep -q '^0000000000001000-0000000000002fff .* 9000 flags:800000000000$' out
try 'flag bits, JSON' 0 0 leaves --json "${flags[@]}" flags
json '[.[] | select(.type == "leaf") | .flag_bits] ==
    ["0", "800000000000", "800000000000", "0"]'
try 'flag bits, explain' 0 0 explain "${flags[@]}" flags 1234
shows 'pt    entry 1 at 4008: 0000800000009005 = P US flag[47:47]=1'
try 'flag bits, compact' 0 0 compact "${flags[@]}" --merge --force \
    -o dense flags
root=$(sed -n 's/^root 0 800000001000 //p' out)
check "$name: the new root has the flag" [ "${root#8000000}" != "$root" ]
shows 'merged 1'
shows 'flags-differ 0'
try 'flag bits, verify' 0 0 verify "${flags[@]}" --new-root "$root" --merge \
    flags dense
try 'verify, a root without its flag' 1 1 verify "${flags[@]}" --new-root \
    "${root#80000000}" --merge flags dense
says 'root 0 is given with flag bits 0, and the one of flags with 800000000000'
wrong 'is not the address of a table' leaves --regime pae --flag-bit 47 \
    --root 800000001020 pae
try 'flag bits, paging off' 0 0 leaves --cr0 1 --flag-bit 47 flags
try 'without the option' 0 1 leaves --regime amd64 --pa-bits 46 --root 1000 \
    flags
says 'of its entries 1 are bad, 0 lead out of the image, and 0 are neither'
check "$name: nothing is mapped" [ "$(grep -vc '^#' out)" -eq 0 ]
entries flags 4000 4=800000008005
try 'flag bits that differ' 0 1 compact "${flags[@]}" --force -o dense flags
says '1 page is mapped by leaves that differ in flag bits'
shows 'flags-differ 1'
wrong '--flag-bit 31 is not from 32 to 51' leaves --flag-bit 31 "${amd64[@]}" good
wrong '--flag-bit 47 is given twice' leaves --flag-bit 47 "${flags[@]}" flags
wrong 'this paging mode has no flag bits' leaves --regime i686 --flag-bit 47 \
    --root 1000 small

# CR3.LAM_U57, and EFER.UAIE.
try 'a tag' 1 0 translate "${registers[@]}" --cr3 1000 good 7e00000000001234
try 'a tag that is taken off' 0 0 translate "${registers[@]}" \
    --cr3 2000000000001000 good 7e00000000001234
prints <<'T'
7e00000000001234 9234 1000 r w x -
T
try 'explain, a tag that is taken off' 0 0 explain --cr0 80010001 --cr4 20 \
    --efer 100d00 --cr3 1000 good fe00000000001234
shows 'the tag of fe00000000001234 is taken off'

entries good 1000 0=2107
try 'bit 8, ignored' 0 0 translate "${amd64[@]}" good 1234
try 'bit 8, reserved' 1 0 translate "${amd64[@]}" --vendor amd good 1234
check "$name: says so" grep -q 'pml4 reserved' out
entries good 1000 0=2007
wrong "--vendor 'arm' is not amd or intel" leaves --vendor arm "${amd64[@]}" good

# ------------------------------------------------------------------ spaces
try 'spaces' 0 1 spaces "${amd64[@]}" --root 2000 --root 1000 good
prints <<'T'
0 0000000000000000 8000 1000 r - x u
0 0000000000001000 9000 1000 r w x -
0 0000000000002000 a000 1000 r w - u
0 0000000000200000 200000 200000 r w - u
0 0000000040000000 40000000 40000000 r w x -
0 alias pt ffffffffffe00000 0 0000000000000000
2 same 0
T
try 'spaces, an alias of an alias' 0 0 spaces "${amd64[@]}" --root b000 loops
shows '1 alias pdpt 0000008000000000 0 0000000000000000'
try 'spaces --findings' 0 0 spaces --findings --regime amd64 --root b000 loops
shows '0 finding self pdpt 0000000000000000 0000007fffffffff b000'
try 'spaces --findings --json' 0 0 spaces --findings --json --regime amd64 \
    --root b000 loops
json 'any(.finding == "self" and .level == "pdpt" and .table == "b000")'
json 'any(.finding == "two-levels")'
try 'spaces, without findings' 0 0 spaces --regime amd64 --root b000 loops
check "$name: none" [ "$(grep -c finding out)" -eq 0 ]
try 'spaces --findings, bad tables' 3 1 spaces --findings "${amd64[@]}" bad
shows '0 finding unreadable pt 0000000000400000 00000000005fffff 7fff0000'
shows '0 finding reserved-bits pd 0000000000600000 00000000007fffff 3000'
try 'spaces --json' 0 0 spaces --json "${amd64[@]}" --root 1000 good
json '.[0] == {type: "root", root: 0, pa: "1000"}'
json 'any(.type == "alias" and .root == 0 and .level == "pt" and
    .va == "ffffffffffe00000" and .last == "ffffffffffffffff" and
    .owner == 0 and .owner_va == "0000000000000000" and .table == "4000" and
    (.user | not) and .write)'
json '.[-1] == {type: "root", root: 1, pa: "1000", same: 0}'

# A guest's memory that it can write its own tables through.
truncate -s 64K open
entries open 1000 0=2007
entries open 2000 0=3007
entries open 3000 0=87
try 'spaces --findings, tables that the guest can write' 0 0 \
    spaces --findings "${amd64[@]}" open
shows '0 finding exposed pd 0000000000000000 00000000001fffff 1000'

# --------------------------------------------------------------- translate
try 'translate' 1 0 translate "${amd64[@]}" good 0 1234 0x2ABC 3000 201234 \
    40000001 800000000000 ffffffffffe00fff ffffffffffffffff
prints <<'T'
0000000000000000 8000 1000 r - x u
0000000000001234 9234 1000 r w x -
0000000000002abc aabc 1000 r w - u
0000000000003000 - pt not-present
0000000000201234 201234 200000 r w - u
0000000040000001 40000001 40000000 r w x -
0000800000000000 - - non-canonical
ffffffffffe00fff 8fff 1000 r - x -
ffffffffffffffff - pt not-present
T
try 'translate, mapped' 0 0 translate "${amd64[@]}" good 1234 2000
try 'translate, the image last' 0 0 translate "${amd64[@]}" 1234 2000 good
prints <<'T'
0000000000001234 9234 1000 r w x -
0000000000002000 a000 1000 r w - u
T
many=()
for ((i = 0; i < 300; i++)); do
    many+=("$(printf %x $((0x1000 + i)))" 2000)
done
try 'translate, more than are looked up together' 0 0 \
    translate "${amd64[@]}" good "${many[@]}"
for ((i = 0; i < 300; i++)); do
    printf '%016x %x 1000 r w x -\n' $((0x1000 + i)) $((0x9000 + i))
    echo '0000000000002000 a000 1000 r w - u'
done >many.expected
prints <many.expected
cp good 1000
try 'translate, an image called like a number' 0 0 \
    translate "${amd64[@]}" 1000 1234
prints <<<'0000000000001234 9234 1000 r w x -'
try 'translate, such an image last' 0 0 translate "${amd64[@]}" 1234 ./1000
try 'translate, each level' 1 0 translate "${amd64[@]}" good 8000000000 \
    80000000 800000
prints <<'T'
0000008000000000 - pml4 not-present
0000000080000000 - pdpt not-present
0000000000800000 - pd not-present
T
try 'translate, reserved bits' 1 0 translate "${amd64[@]}" bad 612345
prints <<<'0000000000612345 - pd reserved-bits'
try 'translate, unreadable' 3 1 translate "${amd64[@]}" bad 1234 400000
says 'at 7fff0000 of root 0, for 0000000000400000-0000000000400fff'
prints <<'T'
0000000000001234 9234 1000 r w x -
0000000000400000 - pt unreadable
T
try 'translate, two roots' 1 1 translate "${amd64[@]}" --root 2000 good 1234
prints <<'T'
# root 0 1000
0000000000001234 9234 1000 r w x -
# root 1 2000
0000000000001234 - pt in-a-hole
T
try 'translate --json' 1 0 translate --json "${amd64[@]}" good 1234 3000 \
    800000000000
json '. == [{type: "translation", root: 0, va: "0000000000001234",
    mapped: true, level: "pt", pa: "9234", size: 4096, read: true, write: true,
    exec: true, user: false, entry: "9003", outside: false},
    {type: "translation", root: 0, va: "0000000000003000", mapped: false,
    level: "pt", reason: "not-present"}, {type: "translation", root: 0,
    va: "0000800000000000", mapped: false, reason: "non-canonical"}]'

# ----------------------------------------------------------------- explain
try 'explain' 0 0 explain "${registers[@]}" --cr3 1018 good ffffffffffe00123
prints <<'T'
ffffffffffe00123 in root 0 at 1000 (amd64, 52-bit physical addresses)
pml4  entry 511 at 1ff8: 0000000000006003 = P RW
      leads to the pdpt at 6000
      takes u: US, bit 2, is clear
pdpt  entry 511 at 6ff8: 0000000000007003 = P RW
      leads to the pd at 7000
      takes u too: US, bit 2, is clear
pd    entry 511 at 7ff8: 0000000000004003 = P RW
      leads to the pt at 4000
      takes u too: US, bit 2, is clear
pt    entry 0 at 4000: 0000000000008005 = P US
      maps the 4K page at 8000
      takes w: RW, bit 1, is clear
physical 8123, rights r-x-, PAT index 0 (WB, if PAT is as after a reset)
the processor lets pass, with CR0.WP=1 SMEP=0 SMAP=0:
  user           read no   write no   exec no
  supervisor     read yes  write no   exec yes
T
try 'explain, CR0.WP clear' 0 0 explain "${amd64[@]}" --no-wp good 0
shows '  supervisor     read yes  write yes  exec yes'
# A leaf with R/W clear and D set, below entries that grant writing, by CR4.CET.
cp good shadow
entries shadow 4000 0=8065
try 'explain, a shadow stack' 0 0 explain "${amd64[@]}" --cet shadow 0
shows 'physical 8000, rights r-xu, PAT index 0 (WB, if PAT is as after a reset), accessed, dirty, shadow stack'
shows 'the processor lets pass, with CR0.WP=1 SMEP=0 SMAP=0 CET=1:'
shows '  user           read yes  write no   exec yes  shadow-stack yes'
shows '  supervisor     read yes  write no   exec yes  shadow-stack no'
try 'explain --json, a shadow stack' 0 0 explain --json "${amd64[@]}" --cet \
    shadow 0
json '.[0] | .shadow_stack and .allowed.user["shadow-stack"] and
    (.allowed.user.write | not)'
try 'explain, a shadow stack of the supervisor' 0 0 explain "${amd64[@]}" \
    --cet shadow ffffffffffe00000
shows '  user           read no   write no   exec no   shadow-stack no'
shows '  supervisor     read yes  write no   exec yes  shadow-stack yes'
try 'explain, none' 0 0 explain "${amd64[@]}" --cet good 0
shows '  user           read yes  write no   exec yes  shadow-stack no'
try 'explain, no CET' 0 0 explain --json "${amd64[@]}" shadow 0
json '.[0] | (.shadow_stack | not) and
    (.allowed.user | has("shadow-stack") | not)'
# The path denies writing, and so there is no shadow stack.
cp shadow narrow
entries narrow 3000 0=4005
try 'explain, no shadow stack below a path that only reads' 0 0 explain \
    "${amd64[@]}" --cet narrow 0
shows '  user           read yes  write no   exec yes  shadow-stack no'
check "$name: it says none" [ "$(grep -c ', shadow stack' out)" -eq 0 ]
try 'explain, SMEP, SMAP, keys' 0 0 explain --cr0 80010001 --cr4 700020 \
    --efer d00 --cr3 1000 good 2000
shows '  supervisor     read no   write no   exec no'
shows '  supervisor-ac  read yes  write yes  exec no'
check "$name: software's bits, XD and the key" grep -q \
    ' = P RW US A D XD sw\[11:9\]=2 key=0$' out
try 'explain, a large page' 0 0 explain "${amd64[@]}" 201234 good
shows '      maps the 2M page at 200000'
check "$name: its bits" grep -q ' = P RW US PS XD$' out
try 'explain, not present' 1 0 explain "${amd64[@]}" good 3000
shows '      stops: not present, P, bit 0, is clear'
check "$name: it says so" [ "$(tail -1 out)" = 'not mapped' ]
try 'explain, reserved bits' 1 0 explain "${amd64[@]}" bad 600000
shows '      stops: reserved bits are set: 13 (2000)'
try 'explain, unreadable' 3 1 explain "${amd64[@]}" bad 400000
shows "      stops: it can't be read"
check "$name: it is not known" [ "$(tail -1 out)" = \
    'unknown: the entry at 7fff0000 is not in the image' ]
try 'explain, not canonical' 1 0 explain "${amd64[@]}" good 800000000000
check "$name: it says so" grep -q '^not mapped: not canonical' out
try 'explain, two roots' 1 1 explain "${amd64[@]}" --root 2000 good 0
check "$name: both" [ "$(grep -c ' in root ' out)" -eq 2 ]
try 'explain, i686' 0 0 explain --regime i686 --root 1000 small c0400000
check "$name: entries of 32 bits" grep -q ': 00802083 = P RW PS$' out
try 'explain --json' 0 0 explain --json "${amd64[@]}" good ffffffffffe00123
json '.[0] | .outcome == "mapped" and .pa == "8123" and
    [.steps[].level] == ["pml4", "pdpt", "pd", "pt"] and
    [.steps[].takes] == [["u"], [], [], ["w"]] and
    .steps[3].bits == ["P", "US"] and .steps[3].at == "4000" and
    .allowed.supervisor == {read: true, write: false, exec: true}'
try 'explain --json, reserved bits' 1 0 explain --json "${amd64[@]}" bad 600000
json '.[0] | .outcome == "reserved-bits" and .steps[-1].reserved == "2000"'
try 'explain --json, unreadable' 3 1 explain --json "${amd64[@]}" bad 400000
json '.[0] | .outcome == "unreadable" and (.steps[-1].readable | not)'
try 'explain --json, not canonical' 1 0 explain --json "${amd64[@]}" good \
    800000000000
json '.[0] | .outcome == "non-canonical" and .steps == []'

# --------------------------------------------------------------- bad roots
try 'a root that is not aligned' 2 1 leaves --regime amd64 --root 1001 \
    --root 1000 good
says "good: root 0: 1001 is not the address of a table: it is not aligned to 4 KiB"
check "$name: the other one" diff <(sed 's/root 0/root 1/' leaves) out
try 'a root that is too wide' 2 1 leaves --regime amd64 --pa-bits 40 \
    --root 10000000000 --root 1000 good
says 'root 0: 10000000000'
check "$name: the other one" diff <(sed 's/root 0/root 1/' leaves) out
try 'a root outside the image' 3 1 leaves --regime amd64 --root 1000 \
    --root 10000 good
says "root 1 at 10000 can't be read"
same_leaves
try 'two bad roots' 3 2 leaves --regime amd64 --root 10000 --root 7 --root \
    1000 good
for command in maps spaces; do
    try "$command, bad roots" 3 2 $command --regime amd64 --root 10000 \
        --root 7 --root 1000 good
    check "$name: the other one" [ "$(grep -c '^[2#]' out)" -ge 2 ]
    try "$command, a bad root" 2 1 $command --regime amd64 --root 7 good
    check "$name: nothing" [ ! -s out ]
done
for command in translate explain; do
    try "$command, bad roots" 3 2 $command --regime amd64 --root 10000 \
        --root 7 --root 1000 good 1234
    check "$name: the other one" [ "$(grep -c 'root 2' out)" -eq 1 ]
    try "$command, a bad root" 2 1 $command --regime amd64 --root 7 good 1234
    check "$name: nothing" [ ! -s out ]
done
try 'i686, a root beyond 4 GiB' 2 1 leaves --regime i686 --root 100001000 small
try 'a root that is partly there' 3 1 leaves --regime amd64 --root 1000 \
    --segment 1000:800:1000 --segment 2000:e000:2000 good
check "$name: what there is" diff <(
    head -6 leaves
    tail -1 leaves
) out
says 'the pml4 at 1000 of root 0, for ffff800000000000-ffffffffffffffff'

# ------------------------------------------------------------- empty roots
# A root whose table is all zeros, and one with a bit set at its very end.
for command in leaves maps spaces; do
    try "$command, an empty root" 0 1 $command --regime amd64 --root 9000 good
    says 'good: root 0 at 9000: its table is all zeros: a wrong root, or a hole'
    try "$command, two of them, --json" 0 2 $command --json --regime amd64 \
        --root 9000 --root 1000 --root a000 good
    says 'good: root 0 at 9000: its table is all zeros'
    says 'good: root 2 at a000: its table is all zeros'
done
for command in translate explain; do
    try "$command, an empty root" 1 1 $command --regime amd64 --root 9000 good 0
    says 'good: root 0 at 9000: its table is all zeros'
done
try 'an empty root, not mapped into memory' 0 1 leaves --no-mmap \
    --regime amd64 --root 9000 good
try 'an empty root of i686' 0 1 maps --regime i686 --root 2000 \
    --segment 2000:1000:3000 small
says 'small: root 0 at 2000: its table is all zeros'
cp good nearly
put nearly 9fff 1 1
try 'a root that is nearly empty' 0 0 leaves --regime amd64 --root 9000 nearly
try 'an empty root, of which there is a part' 3 2 leaves --regime amd64 \
    --root 9000 --segment 9000:800:9000 good
try 'a root of which the part that is not zeros is missing' 3 2 leaves \
    --regime amd64 --root 9000 --segment 9000:800:9000 nearly
says 'nearly: root 0 at 9000: its table is all zeros'
for command in verify diff; do
    try "$command, empty roots" 0 2 $command --regime amd64 --root 9000 \
        --new-root a000 good good
    says 'good: root 0 at 9000: its table is all zeros'
    says 'good: root 0 at a000: its table is all zeros'
done

# ------------------------------------------------------- outside the image
# A run that begins in the image, and a large leaf that does.
cp good edges
entries edges 4000 0=f007 1=10007 2=11007 3=21007
entries edges 3000 1=87
try 'maps, in part outside' 0 0 maps "${amd64[@]}" edges --range 0-3fffff
prints <<'T'
# root 0 1000
0000000000000000-0000000000002fff     12K rwxu  4K mt0               f000 outside:8K
0000000000003000-0000000000003fff      4K rwxu  4K mt0              21000 outside
0000000000200000-00000000003fffff      2M rwxu  2M mt0                  0 outside:1.9M
# root 0: 2.0M mapped, 2.0M of it writable, in 3 runs of 5 leaves: 4 of 4K, 1 of 2M; 1.9M outside the image
T
try 'maps, in part outside, --json' 0 0 maps --json "${amd64[@]}" edges \
    --range 0-3fffff
json '[.[] | .outside] == [true, true, true, true] and
    [.[] | .outside_bytes] == [8192, 4096, 2031616, 2043904]'
try 'leaves, in part outside' 0 0 leaves "${amd64[@]}" edges --range 0-3fffff
check "$name: counted" [ "$(tail -1 out)" = '# outside 4 leaves' ]
for command in leaves spaces; do
    try "$command, in part outside, --json" 0 0 $command --json "${amd64[@]}" \
        edges --range 0-3fffff
    json '[.[] | select(.type == "leaf") | .outside_bytes] ==
        [0, 4096, 4096, 4096, 2031616]'
    json '[.[] | select(.type == "leaf") | .outside] ==
        [false, true, true, true, true]'
done
try 'leaves, a hole between two segments' 0 0 leaves "${amd64[@]}" edges \
    --range 0-3fffff --segment 0:10000:0 --segment 11000:1000:0 \
    --segment 21000:800:0
check "$name: counted" [ "$(tail -1 out)" = '# outside 3 leaves' ]
try 'leaves, each root counts its own' 0 0 leaves "${amd64[@]}" --root 1000 \
    edges
check "$name: so" [ "$(grep -c '^# outside 8 leaves$' out)" -eq 2 ]
try 'leaves, none outside' 0 0 leaves "${amd64[@]}" good --range 0-2fff
check "$name: not a word" [ "$(grep -c outside out)" -eq 0 ]
try 'translate, outside, --json' 0 0 translate --json "${amd64[@]}" edges 0 \
    1000 200fff 212345
json '[.[] | .outside] == [false, true, false, true]'
try 'explain, outside' 0 0 explain "${amd64[@]}" edges 212345
check "$name: it says so" grep -q '^physical 12345, .*, outside the image$' out
try 'explain, inside' 0 0 explain "${amd64[@]}" edges 200fff
check "$name: not a word" [ "$(grep -c outside out)" -eq 0 ]
try 'explain, outside, --json' 0 0 explain --json "${amd64[@]}" edges 1000
json '.[0].outside'

# -------------------------------------------------------------- containers
# container NAME BYTES: a file that begins like that, as printf has it, before
# tables that are good.
container() {
    cp good "$1"
    # shellcheck disable=SC2059
    printf "$2" | dd of="$1" conv=notrunc status=none
}
container core.elf '\x7fELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0'
container program.elf '\x7fELF\1\2\1\0\0\0\0\0\0\0\0\0\0\2'
container lime 'EMiL\1\0\0\0'
container avml 'AVML\2\0\0\0'
container kdump 'KDUMP   \6\0\0\0'
container flattened 'makedumpfile\0\0\0\0'
container dmp 'PAGEDU64'
container vmss '\xd2\xbe\xd2\xbe'
container gz '\x1f\x8b\x08'
unread 'core.elf: is an ELF core, 64-bit, little-endian, and no memory is in' \
    maps "${amd64[@]}" core.elf
unread 'core.elf: is an ELF core' maps core.elf
unread 'gz: is compressed' info gz
try 'info, raw memory' 0 0 info good
check "$name: what it is" grep -qx 'file: raw memory' out
check "$name: no mode" grep -q '^mode: not said by the file' out
try 'info, a mode' 0 0 info "${amd64[@]}" good
check "$name: the mode" grep -q '^mode: amd64, 52-bit' out
check "$name: the root" grep -qx 'root 0: 1000' out
try 'info, flag bits' 0 0 info "${amd64[@]}" --flag-bit 47 good
shows 'mode: amd64, 52-bit physical addresses, flag bits 800000000000'
try 'info, flag bits, --json' 0 0 info --json "${amd64[@]}" --flag-bit 47 good
json 'any(.[]; .type == "mode" and .flag_bits == "800000000000")'
try 'info, a mode and no root' 0 0 info --regime amd64 good
check "$name: no root" grep -q '^roots: none' out
unread 'program.elf: is an ELF file that is no core, 32-bit, big-endian, not' \
    maps "${amd64[@]}" program.elf
unread 'lime: is a LiME file, and at 21 there should be a range' leaves "${amd64[@]}" lime
unread 'avml: is an AVML file, and its chunk at 20 has a length of 0, which none has' spaces "${amd64[@]}" avml
unread 'kdump: is a compressed kdump, and the sizes in its header' translate "${amd64[@]}" kdump 0
unread 'flattened: is a flattened dump of makedumpfile, and its type' explain "${amd64[@]}" \
    flattened 0
unread 'dmp: is a Windows crash dump, 64-bit, and its type is' compact "${amd64[@]}" -o x dmp
unread 'vmss: is a VMware saved state' maps --json "${amd64[@]}" vmss
unread "gz: is compressed by gzip, and zlib can't unpack it" \
    maps --no-mmap "${amd64[@]}" gz
says '; --raw takes it for raw all the same'
unread 'gz: is compressed' maps --regime bare gz
unread 'gz: is compressed' maps --regime amd64 --root 101000 --base 100000 gz
for command in verify diff; do
    unread 'core.elf: is an ELF core' $command "${amd64[@]}" core.elf good
    unread 'core.elf: is an ELF core' $command "${amd64[@]}" good core.elf
    try "$command --raw" 0 0 $command --raw "${amd64[@]}" core.elf gz
done
for image in core.elf program.elf lime avml kdump flattened dmp vmss gz; do
    try "$image, --raw" 0 0 leaves --raw "${amd64[@]}" $image
    same_leaves
done
# Who leaves the signature out knows where memory lies; of what is compressed
# nobody does.
try 'an ELF core, its memory' 0 0 leaves "${amd64[@]}" core.elf \
    --segment 1000:f000:1000
same_leaves
for image in core.elf gz; do
    unread "$image: is" leaves "${amd64[@]}" $image --segment 0:10000:0
    unread "$image: is" leaves "${amd64[@]}" $image --segment 11:1:11 \
        --segment 1000:f000:1000 --segment 0:1:0
done
unread 'gz: is' leaves "${amd64[@]}" gz --segment 1000:f000:1000
unread 'program.elf: is' leaves "${amd64[@]}" program.elf \
    --segment 1000:f000:1000
{
    cat good
    printf conectix
    head -c 504 /dev/zero
} >vhd
unread 'vhd: is a VHD image, not raw memory: it has a disk' maps \
    "${amd64[@]}" vhd
# The end of the first page of a machine whose pages are 16 KiB.
cp good swap
printf 'S1SUSPEND\0' | dd of=swap bs=1 seek=16374 conv=notrunc status=none
unread 'swap: is a Linux hibernation image' leaves "${amd64[@]}" swap
container lzma '\x5d\0\0\x80\0\0\0\x10\0\0\0\0\0\0'
unread 'lzma: is compressed by lzma' leaves "${amd64[@]}" lzma
container initrd 07070100000001
unread 'initrd: is a cpio archive' leaves "${amd64[@]}" initrd
container part PK00PK'\x03\x04'
unread 'part: is a zip archive in parts' leaves "${amd64[@]}" part
rm swap lzma initrd part
printf '\x1f\x8b\x08' >short
unread 'short: is compressed by gzip, and it ends too early' maps "${amd64[@]}" short
printf '\x1f\x8b' >short
try 'two bytes of a signature' 3 1 maps "${amd64[@]}" short
says "root 0 at 1000 can't be read"
rm -f core.elf program.elf lime avml kdump flattened dmp vmss gz vhd

# ------------------------------------------------------- what may be meant
wrong 'is amd64 meant? there are i686, pae' maps --regime x86_64 --root 1000 good
wrong 'is aarch64-4k-48 meant?' maps --regime arm64 --root 1000 good
wrong 'is sv39 meant?' maps --regime sv_39 --root 1000 good
wrong 'this name; there are i686' maps --regime zebra --root 1000 good
try 'a virtual address as a root' 2 1 maps --regime amd64 \
    --root ffffffff82610000 good
says 'It looks like a virtual address'
# A register keeps a part of such a value: what was given is looked at.
virtual_roots() {
    local status=$1
    shift
    try "a virtual address: $*" "$status" 1 maps "$@" good
    says 'It looks like a virtual address'
}
virtual_roots 3 --regime amd64 --cr3 ffffffff82610000
virtual_roots 3 "${registers[@]}" --cr3 'ffff8880`02610000'
virtual_roots 3 --regime pae --cr3 ffffffff82610000
virtual_roots 3 --regime pae --root c2610000
virtual_roots 3 --regime i686 --cr3 c2610000
virtual_roots 3 --regime aarch64-4k-48 --ttbr1 ffff800082610000
virtual_roots 2 --regime sv39 --root ffffffff82610000
virtual_roots 2 --satp ffffffff82610000
printf 'cr3=ffffffff82610000\n' >listed
virtual_roots 3 --regime amd64 --roots listed
try 'a virtual address, twice' 3 2 verify --regime amd64 --cr3 ffffffff82610000 \
    --new-cr3 ffffffff82610000 good good
check "$name: is said of both" \
    [ "$(grep -c 'looks like a virtual address' err)" -eq 2 ]
# One whose lower part is a table of the image is walked, and asked about.
virtual_roots 0 --regime pae --cr3 ffffffff00001000
try 'a register with flags above the address' 0 0 maps --regime amd64 \
    --cr3 8000000000001000 good
for root in '--regime i686 --cr3 bf000000' '--regime i686 --root c2610800' \
    '--satp 800070000000f001'; do
    # shellcheck disable=SC2086
    "$ptwalk" maps $root good >out 2>err
    check "$root: no such advice" [ "$(grep -c 'a virtual address' err)" -eq 0 ]
done
try 'a physical address beyond the width' 2 1 maps --regime amd64 \
    --root 10000000000000 good
check "$name: no such advice" [ "$(grep -c 'a virtual address' err)" -eq 0 ]
{
    head -c 4096 /dev/zero
    seq -f 'entries that are none %g' 300 | head -c 4096
} >words
try 'words as a table' 0 1 maps --regime sv39 --root 1000 words
says 'root 0 at 1000: of its entries'
says 'another paging mode'
try 'words as another table' 3 2 maps --regime amd64 --root 1000 words
says 'root 0 at 1000: of its entries 0 are bad, 252 lead out of the image'
rm words

# -------------------------------------------------------- bad tables, loops
for command in leaves maps spaces; do
    try "$command, a table outside the image" 3 1 $command "${amd64[@]}" bad
    says 'bad: tables can'
    says 'in 1 place, first the pt at 7fff0000 of root 0'
    says 'for 0000000000400000-00000000005fffff: not in the image'
done
try 'leaves, two of them' 3 3 leaves "${amd64[@]}" --root c000 --root 1000 \
    --root 2000 loops
says 'in 1 place, first the pdpt at 7fff0000 of root 1'
try 'leaves, all else is printed' 3 1 leaves "${amd64[@]}" bad
same_leaves
try 'leaves, not mapped into memory' 3 1 leaves --no-mmap "${amd64[@]}" bad
same_leaves
cp good reserved
entries reserved 3000 3=602087
for command in leaves maps spaces; do
    try "$command, reserved bits are no failure" 0 0 $command "${amd64[@]}" \
        reserved
done
try 'maps, reserved bits are counted' 0 0 maps "${amd64[@]}" reserved
check "$name: in the total" grep -q '; reserved bits in 1 entry$' out
try 'leaves, tables that lead to themselves' 0 0 leaves --regime amd64 \
    --root b000 loops
check "$name: leaves" [ "$(wc -l <out)" -gt 10 ]

# ------------------------------------------------------------------ limits
try 'leaves --limit' 1 1 leaves "${amd64[@]}" --limit 3 good
says 'good: stopped at the limit of 3 leaves, in root 0 at 1000, address '
says '--range 0000000000200000-ffffffffffffffff'
check "$name: 3 leaves" diff <(head -4 leaves) out
try 'leaves --limit, as many as there are' 0 0 leaves "${amd64[@]}" --limit 8 \
    good
same_leaves
try 'leaves --limit 0' 1 1 leaves "${amd64[@]}" --limit 0 good
prints <<<'# root 0 1000'
try 'leaves --limit, over all roots' 1 2 leaves "${amd64[@]}" --root 2000 \
    --root 1000 --limit 9 good
says 'in root 2 at 1000'
try 'leaves --json --limit' 1 1 leaves --json "${amd64[@]}" --limit 3 good
json 'length == 4'
try 'maps --limit' 1 1 maps "${amd64[@]}" --limit 3 good
check "$name: 3 runs" [ "$(grep -c '^[0-9a-f]*-' out)" -eq 3 ]
check "$name: it says so" grep -q '; not complete$' out
try 'spaces --limit' 1 1 spaces "${amd64[@]}" --limit 3 good
check "$name: where" grep -qx \
    'ptwalk: good: stopped at the limit of 3 leaves, in root 0 at 1000, address 0000000000200000' err
check "$name: 3 lines" [ "$(wc -l <out)" -eq 3 ]
try 'leaves --reads' 1 1 leaves "${amd64[@]}" --reads 100 good
says 'stopped at the limit of 100 reads, in root 0'
try 'leaves --reads 0' 1 1 leaves "${amd64[@]}" --reads 0 good
says '--range 0000000000000000-ffffffffffffffff'
for command in maps spaces 'spaces --findings'; do
    # shellcheck disable=SC2086
    try "$command --reads 0" 1 1 $command "${amd64[@]}" --reads 0 good
    says 'stopped at the limit of 0 reads, in root 0'
done
try 'leaves --reads, enough' 0 0 leaves "${amd64[@]}" --reads 10000 good
same_leaves
try 'maps --reads' 1 1 maps "${amd64[@]}" --reads 600 good
try 'spaces --reads' 1 1 spaces "${amd64[@]}" --reads 600 good
try 'spaces --findings --reads' 1 1 spaces --findings "${amd64[@]}" --reads \
    4000 good
says 'stopped at the limit of 4000 reads, in root 0'
try 'spaces --findings --reads, enough' 0 0 spaces --findings "${amd64[@]}" \
    --reads 10000 good
try 'spaces --reads, enough' 0 0 spaces "${amd64[@]}" --reads 10000 good

# resume OPTION VALUE: stops and goes on as it says, until it is through.
resume() {
    local range=0-ffffffffffffffff status=1 n=0
    : >all
    while [ $status -eq 1 ] && [ $n -lt 100 ]; do
        "$ptwalk" leaves "${amd64[@]}" "$1" "$2" --range "$range" good \
            >part 2>err
        status=$?
        grep -v '^#' part >>all
        range=$(sed -n 's/.*--range //p' err)
        n=$((n + 1))
    done
    [ $status -eq 0 ] && [ $n -gt 2 ] && diff <(grep -v '^#' leaves) all
}
check 'to go on after --limit 1' resume --limit 1
check 'to go on after --limit 3' resume --limit 3
check 'to go on after --reads 600' resume --reads 600

# Runs that are longer than any limit, two of them side by side with other
# rights, a large leaf, an empty stretch, and two roots.
truncate -s 64K runs
entries runs 1000 0=2007 511=2003
entries runs 2000 0=3007
entries runs 3000 0=4007 1=200087 2=400087 5=4005
for ((i = 0; i < 410; i++)); do
    printf -v page '\\x%x\\x%02x\\x%02x\\0\\0\\0\\0\\0' \
        $((i < 400 ? 7 : 5)) $((i % 16 * 16)) $((16 + i / 16))
    printf %b "$page"
done >pt
dd if=pt of=runs bs=4096 seek=4 conv=notrunc status=none

# joined FILE: lines of maps or diff, where those that continue each other are
# one.
joined() {
    awk '
        function number(text,  i, n) {
            for (i = 1; i <= length(text); i++)
                n = n * 16 + index("123456789abcdef", substr(text, i, 1))
            return n
        }
        /^#/ { next }
        {
            at = $1 ~ /-/ ? 1 : 2
            split($at, range, "-")
            from = number(substr(range[1], 5)); to = number(substr(range[2], 5))
            pa = at == 1 && $6 !~ /[^0-9a-f]/ ? number($6) : ""
            rest = at == 1 ? $3 " " $4 " " $5 : $0
            if (at == 2) sub(range[1] "-" range[2], "", rest)
            if (rest == was && from == next_va &&
                (pa == "" || pa == next_pa)) {
                last = range[2]
            } else {
                if (first != "") print first "-" last, was
                first = range[1]; last = range[2]; was = rest
            }
            next_va = to + 1
            next_pa = pa + to - from + 1
        }
        END { if (first != "") print first "-" last, was }' "$1"
}

# goes_on LIMIT N FROM-LAST COMMAND...: stops and goes on until it is through;
# each call gets further than the one before; all parts are the whole.
goes_on() {
    local limit=$1 n=$2 range=$3 last=${3#*-} status=1 calls=0 from='' said
    shift 3
    "$ptwalk" "$@" --range "$range" >all.out 2>err
    : >gone-on
    while [ $status -eq 1 ] && [ $calls -lt 3000 ]; do
        "$ptwalk" "$@" "$limit" "$n" --range "$range" >>gone-on 2>err
        status=$?
        IFS= read -rd '' said <err
        if [ "$1" = diff ] && [[ $said != *' stopped at the limit'* ]]; then
            status=0
        fi
        range=''
        [[ $said != *'--range '* ]] || range=${said##*--range }
        range=${range%$'\n'}
        calls=$((calls + 1))
        if [ $status -eq 1 ] && { [ "${range#*-}" != "$last" ] ||
            ! [[ ${range%-*} > $from ]]; }; then
            echo "no progress: $* $limit $n: $(cat err)"
            return 1
        fi
        from=${range%-*}
    done
    [ $status -eq 0 ] || return 1
    if [ "$1" = leaves ]; then
        diff <(grep -v '^#' all.out) <(grep -v '^#' gone-on)
    else
        diff <(joined all.out) <(joined gone-on)
    fi
}
everything=0000000000000000-ffffffffffffffff
for n in 7 39 399 400 401 410 5000; do
    for command in leaves maps; do
        check "to go on, $command --limit $n" goes_on --limit $n $everything \
            $command "${amd64[@]}" runs
        check "to go on within a large leaf, $command --limit $n" goes_on \
            --limit $n 0000000000201000-00000000005fffff $command \
            "${amd64[@]}" runs
    done
done
for n in 1 9 130 600 5000; do
    for command in leaves maps; do
        check "to go on, $command --reads $n" goes_on --reads $n \
            000000000000f000-0000000000600fff $command "${amd64[@]}" runs
    done
done
cp runs other_runs
entries other_runs 4000 7=107005 405=0
for n in 3 40 2000; do
    check "to go on, diff --limit $n" goes_on --limit $n \
        0000000000000000-0000000000a31fff diff "${amd64[@]}" runs other_runs
done
for n in 1 150 600 5000; do
    check "to go on, diff --reads $n" goes_on --reads $n \
        0000000000000000-0000000000231fff diff "${amd64[@]}" runs other_runs
done

check 'to go on, maps --limit 1' goes_on --limit 1 \
    000000000018e000-0000000000600fff maps "${amd64[@]}" runs

# The second root has its place, whatever the first one used up.
entries runs 9000 0=2007
try 'maps --limit, two roots' 1 1 maps "${amd64[@]}" --root 9000 runs \
    --range 201000-3fffff --limit 1
says 'in root 1 at 9000, address 0000000000201000; it goes on with --range 0000000000201000-00000000003fffff'
try 'maps --limit, a run is cut' 1 1 maps "${amd64[@]}" runs --limit 5
shows '0000000000000000-0000000000004fff     20K rwxu  4K mt0             100000 outside'
says 'address 0000000000005000; it goes on with --range 0000000000005000-'
try 'maps --limit, a run that another one leaves no room' 1 1 maps \
    "${amd64[@]}" runs --limit 405
check "$name: it is whole the next time" [ "$(grep -vc '^#' out)" -eq 1 ]
says 'address 0000000000190000; it goes on'
for limit in '--limit 0' '--reads 0'; do
    for command in leaves maps; do
        # shellcheck disable=SC2086
        try "$command $limit" 1 1 $command "${amd64[@]}" runs $limit
        says '; it goes on with a larger limit and --range 0000000000000000-'
    done
    # shellcheck disable=SC2086
    try "diff $limit" 1 1 diff "${amd64[@]}" runs runs $limit
    says '; it goes on with a larger limit and --range 0000000000000000-'
done

try 'leaves, more than a batch' 1 1 leaves "${amd64[@]}" --limit 100000 many
check "$name: so many" [ "$(wc -l <out)" -eq 100001 ]
check "$name: in order" diff <(seq 0 4096 409599999 | xargs printf '%016x\n') \
    <(tail -n +2 out | cut -d' ' -f1)

# ---------------------------------------------------------------- segments
dd if=good of=shuffled bs=4096 count=8 status=none
{
    printf 'header  '
    dd if=good bs=4096 skip=8 status=none
    printf '.'
    dd if=good bs=4096 count=8 status=none
} >shuffled
for way in --json --no-mmap; do
    try "two segments, $way" 0 0 leaves $way "${amd64[@]}" shuffled \
        --segment 8000:8000:8 --segment 0x0:8000:0x8009
    "$ptwalk" leaves $way "${amd64[@]}" good >want
    check "$name: the same leaves" diff want out
done
try 'the same bytes twice' 0 0 leaves --regime amd64 --root 101000 \
    --segment 100000:10000:0 --segment 0:10000:0 good
check "$name: the same leaves" diff <(sed 's/^# root.*/# root 0 101000/' leaves) out
try '--base' 3 2 leaves --regime amd64 --root 101000 --base 100000 good
says 'at 2000 of root 0'
says '0 are bad, 2 lead out of the image, and 0 are neither'
try '--base, at the end' 3 2 leaves --regime amd64 --root ffffffff1000 \
    --base ffffffff0000 good

wrong 'two segments overlap at physical address 7fff' leaves "${amd64[@]}" \
    good --segment 7fff:1000:0 --segment 0:8000:0
wrong 'has no length' leaves "${amd64[@]}" good --segment 0:0:0
wrong 'beyond the last physical address' leaves "${amd64[@]}" good \
    --segment fffffffffffff000:1001:0
wrong 'beyond the last offset' leaves "${amd64[@]}" good \
    --segment 0:2:ffffffffffffffff
wrong 'exclude each other' leaves "${amd64[@]}" good --segment 0:1000:0 --base 0
for segment in '' 0 0:1000 0:1000: :1000:0 0:1000:0:0 0:-1:0 0:1000:0x g:1:1 \
    ' 0:1000:0'; do
    wrong 'is not PA:LENGTH:OFFSET' leaves "${amd64[@]}" good \
        --segment "$segment"
done
wrong 'beyond the last physical address' leaves "${amd64[@]}" \
    --base ffffffffffff1000 good
unread 'segment 0:10001:0 goes beyond the end of the file at 10000' \
    leaves "${amd64[@]}" good --segment 0:10001:0
unread 'goes beyond the end' leaves "${amd64[@]}" good --segment 0:1:10000
unread 'goes beyond the end' leaves "${amd64[@]}" good \
    --segment 0:1:ffffffffffffffff
try 'a segment to the last byte' 0 0 leaves "${amd64[@]}" good \
    --segment 0:ffff:1

# ------------------------------------------------------------------- files
: >empty
mkfifo fifo
mkdir directory
unread 'empty: is empty' leaves "${amd64[@]}" empty
unread 'directory: is a directory' leaves "${amd64[@]}" directory
unread 'fifo: is neither' leaves "${amd64[@]}" fifo
unread '/dev/null: is neither' leaves "${amd64[@]}" /dev/null
unread "missing: can't be opened: No such file" leaves "${amd64[@]}" missing
unread "can't be opened" leaves "${amd64[@]}" good/good
unread "two?lines: can't be opened" leaves "${amd64[@]}" $'two\nlines'
unread 'is empty' translate "${amd64[@]}" empty 0

# Whatever a name is made of, a terminal only shows it.  harmless: there is
# nothing in the message but what can be seen.
harmless() {
    check "$name: $1: nothing that a terminal obeys" test -s err -a \
        "$(LC_ALL=C tr -d '\n -~' <err | LC_ALL=C sed "$2" | wc -c)" -eq 0
}
letters=$'\xc3\xa9\xe4\xb8\x80\xf0\x9f\x98\x80'
for bytes in '\x9b' '\xc2\x9b' '\xc2\x80' '\xc2\x9f' '\x1b' '\x7f' '\x01' \
    '\x80' '\x9f' '\xe2\x80\x8e' '\xe2\x80\x8f' '\xe2\x80\xaa' \
    '\xe2\x80\xae' '\xe2\x81\xa6' '\xe2\x81\xa9' '\xe2\x80\xa8' \
    '\xe0\x82\x9b' '\xc2' '\xff' '\xed\xa0\x80'; do
    odd=$(printf "$bytes")1J
    for locale in C C.UTF-8; do
        export LC_ALL=$locale
        seen=s/x/x/
        [ $locale = C ] || seen="s/$letters//g"
        : >err
        calls=0
        for where in "leaves ${amd64[*]} $letters$odd" "$odd$letters good" \
            "leaves --$odd$letters good" "leaves -$odd good" \
            "leaves --regime $odd --root 0 good" \
            "leaves ${amd64[*]} --base $odd good" \
            "leaves ${amd64[*]} --range $odd good" \
            "leaves ${amd64[*]} --limit $odd good" \
            "leaves ${amd64[*]} --segment $odd good" \
            "leaves ${amd64[*]} --pa-bits 1$odd good" \
            "translate ${amd64[*]} good $odd$letters" \
            "compact ${amd64[*]} -o $odd/$letters good" \
            "compact ${amd64[*]} -o x --map $odd good" \
            "compact ${amd64[*]} -o x --leave-out $odd good" \
            "leaves ${amd64[*]} good $letters$odd"; do
            # shellcheck disable=SC2086
            "$ptwalk" $where >out 2>>err
            calls=$((calls + 1))
            count_lines err
            check "$locale, $bytes: ${where%% *}: one line" [ "$lines" = $calls ]
        done
        name="$locale, $bytes"
        harmless 'all of them' "$seen"
    done
    unset LC_ALL
done
cp good "$letters"
LC_ALL=C.UTF-8 "$ptwalk" leaves --regime amd64 --root 7 "$letters" 2>err >out
check 'a name is shown as it is' grep -q "^ptwalk: $letters: root 0" err
rm "$letters"
if [ "$(id -u)" -ne 0 ]; then
    cp good locked
    chmod 0 locked
    unread "can't be opened: Permission denied" leaves "${amd64[@]}" locked
fi
printf 'short' >short
try 'a file shorter than a table' 3 1 leaves "${amd64[@]}" short
try 'a file that ends in a table' 0 0 leaves "${amd64[@]}" good
head -c 16400 good >ends
try 'a file that ends in a table' 3 1 leaves "${amd64[@]}" ends
prints <<'T'
# root 0 1000
0000000000000000 8000 1000 r - x u
0000000000001000 9000 1000 r w x -
0000000000200000 200000 200000 r w - u
0000000040000000 40000000 40000000 r w x -
# outside 4 leaves
T
cp out want
try 'a file that ends in a table, not mapped' 3 1 leaves --no-mmap \
    "${amd64[@]}" ends
check "$name: the same leaves" diff want out

# A file that becomes shorter while it is read: the command has to wait for its
# reader, and by then the file has changed.
shrink() {
    cp many shrinking
    rm -f pipe
    mkfifo pipe
    "$ptwalk" leaves "$@" "${amd64[@]}" shrinking >pipe 2>err &
    local pid=$! line
    exec 3<pipe
    read -r line <&3
    truncate -s 4096 shrinking
    if [ "$line" != '# root 0 1000' ]; then
        echo "read '$line'"
    fi
    cat <&3 >shrunk
    exec 3<&-
    wait $pid
    status=$?
}
shrink
check 'a mapped file that becomes shorter: status' [ $status -eq 3 ]
check 'a mapped file that becomes shorter: one line' [ "$(wc -l <err)" -eq 1 ]
check 'a mapped file that becomes shorter: where' grep -qx \
    'ptwalk: shrinking: the file has become shorter, or the disk failed, at offset [34][0-9a-f]*' err
check 'a mapped file that becomes shorter: whole lines' \
    [ "$(tail -c 8 shrunk | od -An -c | tr -d ' ')" = 'rwxu\n' ]
shrink --no-mmap
check 'a file that becomes shorter: status' [ $status -eq 3 ]
check 'a file that becomes shorter: one line' [ "$(wc -l <err)" -eq 1 ]
check 'a file that becomes shorter: where' grep -qx \
    'ptwalk: shrinking: tables .* at offset 5000 failed: .* become shorter' err
check 'a file that becomes shorter: all that was read' \
    [ "$(wc -l <shrunk)" -eq 262144 ]

# ----------------------------------------------------------------- threads
# 40 page tables, of which each is used several times, in two spaces.  Runs go on
# from the first to the second; then there are single pages, large ones, tables
# that the image does not have, one that refers to itself, and reserved bits.
# leaf_table FIRST_PAGE STEP COUNT: entries for pages, each so many after the last.
leaf_table() {
    local i page text
    for ((i = 0; i < $3; i++)); do
        page=$((0x$1 + i * $2))
        printf -v text '\\x07\\x%02x\\x%02x\\x%02x\\0\\0\\0\\0' \
            $((page % 16 * 16)) $((page / 16 % 256)) $((page / 4096 % 256))
        printf %b "$text"
    done
}
truncate -s 64K crew
entries crew 1000 0=2007 256=2007 511=1007
entries crew 2000 0=3007 1=3003 3=2007
tables=(8007 9007 a007 b007)
list=(40=200087 41=400087 43=ffff0007 44=8000100000087)
for ((i = 0; i < 40; i++)); do
    list+=("$i=${tables[i % 4]}")
done
entries crew 3000 "${list[@]}"
entries crew 4000 0=2005 3=8000000002007
for what in '8 100 1 512' '9 300 1 512' 'a 900 2 512' 'b 5 1 77'; do
    # shellcheck disable=SC2086
    set -- $what
    leaf_table "$2" "$3" "$4" |
        dd of=crew bs=4096 seek=$((0x$1)) conv=notrunc status=none
done
# in_threads ARGS...: the command does the same in one thread, in two and seven.
in_threads() {
    local threads one
    "$ptwalk" "$@" -j 1 --regime amd64 --root 1000 --root 4000 crew >one 2>one.err
    one=$?
    for threads in 2 7; do
        "$ptwalk" "$@" -j $threads --regime amd64 --root 1000 --root 4000 crew \
            >out 2>err
        [ $? -eq $one ] && cmp one out && cmp one.err err || return 1
    done
    [ -s one ]
}
for what in leaves maps spaces; do
    for option in '' --json --findings '--limit 1' '--limit 700' \
        '--limit 1100' '--limit 3000' '--limit 20000' '--reads 100000000' \
        '--reads 3000' '--range 1ff000-4a01fff' '--range 200001-3fffff'; do
        if [ "$option" != --findings ] || [ $what = spaces ]; then
            # shellcheck disable=SC2086
            check "$what $option in threads" in_threads $what $option
        fi
    done
done
"$ptwalk" maps -j 2 --regime amd64 --root 1000 crew >out 2>err
name='maps in threads'
check "$name: a run goes on from one table to the next" \
    grep -q '^0000000000000000-00000000003fffff  *4M rwxu  *4K .* 100000 outside$' out
wrong '--jobs 0: nobody would walk' leaves -j 0 --regime amd64 --root 1000 crew
wrong '--jobs 65 is more than 64' leaves -j 65 --regime amd64 --root 1000 crew
try '-j 64, the most' 0 0 leaves -j 64 --regime amd64 --root 1000 good
# Numbers: both ends of what the help says, and more than 64 bits.
huge=18446744073709551616
for number in 'jobs 1 64 0 65' 'pa-bits 32 52 31 53' 'flag-bit 32 51 31 52'; do
    read -r option least most below above <<<"$number"
    for value in $least $most; do
        try "--$option $value" 0 0 leaves --$option $value --regime amd64 \
            --root 1000 good
    done
    for value in $below $above $huge -1 '' 0x20 '40 '; do
        try "wrong: --$option '$value'" 2 1 leaves --$option "$value" \
            --regime amd64 --root 1000 good
        check "$name: no output" [ ! -s out ]
    done
done
try '--pa-bits 56' 0 1 leaves --pa-bits 56 --regime sv39 --root 1000 good
wrong '--pa-bits 57 is not' leaves --pa-bits 57 --regime sv39 --root 1000 good
wrong '--el 0 is not' leaves --el 0 --tcr 10 --ttbr0 1000 good
wrong '--el 4 is not' leaves --el 4 --tcr 10 --ttbr0 1000 good
wrong '--xlen 33 is not' leaves --xlen 33 --satp 80000001 good
for option in limit reads; do
    wrong "--$option '$huge' is not a decimal number" leaves "${amd64[@]}" \
        --$option $huge good
    try "--$option, the most" 0 0 leaves "${amd64[@]}" \
        --$option 18446744073709551615 good
done
for value in $huge 16777216T x 10X; do
    wrong "--max-bytes '$value' is not a decimal number" compact "${amd64[@]}" \
        -o made-not --max-bytes $value good
done
wrong "--jobs 'x' is not a decimal number" maps --jobs x --regime amd64 \
    --root 1000 crew

# ------------------------------------------------------------------ sparse
if truncate -s 8T sparse 2>/dev/null; then
    high=70000000000
    entries sparse "$high" 0=70000001007
    entries sparse 70000001000 0=70000002007
    entries sparse 70000002000 0=7fffffff007 1=20000000087
    entries sparse 7fffffff000 0=8067 511=10000000067
    before=$(stat -c %b sparse)
    for way in --json --no-mmap; do
        try "8 TiB, $way" 0 0 leaves $way --regime amd64 --root $high sparse
        check "$name: leaves" [ "$(wc -l <out)" -eq 4 ]
    done
    prints <<'T'
# root 0 70000000000
0000000000000000 8000 1000 r w x u
00000000001ff000 10000000000 1000 r w x u
0000000000200000 20000000000 200000 r w x u
T
    cp out want
    check '8 TiB: the holes are as they were' \
        [ "$(stat -c %b sparse)" -eq "$before" ]
    # Sanitizers reserve more than that for themselves.
    if ! grep -q __asan_init "$ptwalk"; then
        (ulimit -v 4000000 && exec "$ptwalk" leaves --regime amd64 \
            --root $high sparse) >out 2>err
        status=$?
        check '8 TiB, little address space: status' [ $status -eq 0 ]
        check '8 TiB, little address space: leaves' diff want out
    fi
    rm -f sparse
else
    echo 'skipped: files of 8 TiB are not possible here'
fi

# ------------------------------------------------------------------ output
"$ptwalk" leaves "${amd64[@]}" good >/dev/full 2>err
status=$?
check 'a full disk: status' [ $status -eq 3 ]
check 'a full disk: one line' [ "$(cat err)" = \
    'ptwalk: standard output: writing failed: No space left on device' ]
"$ptwalk" leaves "${amd64[@]}" many --limit 100000 >/dev/full 2>err
status=$?
check 'a full disk, a long output: status' [ $status -eq 3 ]
check 'a full disk, a long output: one line' [ "$(wc -l <err)" -eq 1 ]
(ulimit -f 1 && exec env --default-signal=XFSZ "$ptwalk" leaves "${amd64[@]}" \
    many --limit 100000 2>&1 >out) | cat >err
status=${PIPESTATUS[0]}
check 'a file that may not grow: status' [ "$status" -eq 3 ]
check 'a file that may not grow: one line' [ "$(cat err)" = \
    'ptwalk: standard output: writing failed: File too large' ]
for command in --help --version; do
    "$ptwalk" $command >/dev/full 2>err
    status=$?
    check "a full disk, $command: status" [ $status -eq 3 ]
done
"$ptwalk" leaves "${amd64[@]}" good >&- 2>err
status=$?
check 'no standard output: status' [ $status -eq 3 ]
check 'no standard output: one line' [ "$(wc -l <err)" -eq 1 ]
"$ptwalk" leaves "${amd64[@]}" good >out 2>&-
status=$?
check 'no standard error: status' [ $status -eq 0 ]
check 'no standard error: leaves' diff leaves out
"$ptwalk" leaves "${amd64[@]}" good <&- >out 2>err
check 'no standard input: leaves' diff leaves out
env --default-signal=PIPE "$ptwalk" leaves "${amd64[@]}" many 2>err |
    head -1 >out
status=${PIPESTATUS[0]}
check 'nobody reads on: status' [ "$status" -eq 141 ]
check 'nobody reads on: quiet' [ ! -s err ]
(trap '' PIPE; exec "$ptwalk" leaves "${amd64[@]}" many) 2>err | head -1 >out
status=${PIPESTATUS[0]}
check 'nobody reads on, SIGPIPE is ignored: status' [ "$status" -eq 3 ]
check 'nobody reads on, SIGPIPE is ignored: quiet' [ ! -s err ]

# ----------------------------------------------------------------- compact
# Three pages with contents.
cp good full
for page in 8 9 a; do
    put full ${page}000 1122334455667788 8
    put full ${page}ff8 $page 8
done
mkdir made
new=(--new-root 3000)

# holds FILES...: what there is in the directory, and nothing else.
holds() {
    check "$name: what is there" \
        [ "$(find made -mindepth 1 -printf '%f\n' | sort | tr '\n' ' ')" = \
        "${*:+$* }" ]
}

# fails STATUS WHAT ARGS...: compact fails with one line that says WHAT, prints
# nothing, and leaves nothing behind.
fails() {
    local want=$1 what=$2
    shift 2
    try "fails: compact $*" "$want" 1 compact "$@"
    says "$what"
    check "$name: no output" [ ! -s out ]
    holds
}

# compact NAME ARGS...: into made/new, whatever is there.
compact() {
    local what=$1
    shift
    try "compact, $what" 0 0 compact "${amd64[@]}" -o made/new --force "$@"
}

# words FILE: what is not 0 in it, word by word.
words() {
    od -Ax -v -t x8 -w8 "$1" | grep -v ' 0000000000000000$'
}

try 'compact' 0 0 compact "${amd64[@]}" -o made/new full
prints <<'T'
root 0 1000 3000
spaces 1
pages 3
tables 6
leaves 3
large 0
aliases 1
split 0
copy-on-write 0
copy-on-write-pages 0
shared-writable 0
writable-pages 2
marked-before 0
merged 0
writable-selves 0
zeros 0
dropped-outside 262656
dropped-partial 0
dropped-unreadable 0
dropped-bad-entry 0
dropped-table 0
dropped-self 0
absent-kept 0
absent-cleared 0
absent-followed 0
absent-unknown 0
bytes-before 65536
bytes-after 36864
verified spaces 1 tables 6 aliases 1 leaves 5 pages 3 partial 0 selves 0 bad 0 dropped 262656 outside 0 absent-kept 0 absent-cleared 0 absent-followed 0 absent-unknown 0 marked-before 0 digest 0066fdfe99ed54fdc88a2e327d5396b3
T
holds new
cp out printed
words made/new >out
check 'compact: the image' diff out - <<'T'
000000 1122334455667788
000ff8 0000000000000008
001000 1122334455667788
001ff8 0000000000000009
002000 1122334455667788
002ff8 000000000000000a
003000 0000000000004007
003ff8 0000000000007003
004000 0000000000005007
005000 0000000000006007
006000 0000000000000005
006008 0000000000001003
006010 8000000000002467
007ff8 0000000000008003
008ff8 0000000000006003
009000
T
check 'compact: its mode' [ "$(stat -c %a made/new)" = \
    "$(printf %o $((0666 & ~$(umask))))" ]
cp made/new dense
try 'compact, again' 0 0 compact "${amd64[@]}" --output made/again full
check "$name: the same bytes" cmp dense made/again
check "$name: the same output" diff printed out
holds again new
rm made/again
compact 'what was compacted' --json full
json 'length == 3'
json '.[0] == {type: "root", root: 0, old_pa: "1000", new_pa: "3000"}'
json '.[1] == {type: "counts", spaces: 1, pages: 3, tables: 6, leaves: 3,
    large: 0, aliases: 1, split: 0, copy_on_write: 0, copy_on_write_pages: 0,
    shared_writable: 0, writable_pages: 2, marked_before: 0, merged: 0,
    writable_selves: 0, zeros: 0,
    dropped_outside: 262656, dropped_partial: 0, dropped_unreadable: 0,
    dropped_bad_entry: 0, dropped_table: 0, dropped_self: 0,
    absent_kept: 0, absent_cleared: 0, absent_followed: 0, absent_unknown: 0,
    bytes_before: 65536, bytes_after: 36864}'
json '.[2] == {type: "certificate", spaces: 1, tables: 6, aliases: 1,
    leaves: 5, pages: 3, partial: 0, selves: 0, bad: 0, dropped: 262656,
    outside: 0, absent_kept: 0, absent_cleared: 0, absent_followed: 0,
    absent_unknown: 0, marked_before: 0, digest: "0066fdfe99ed54fdc88a2e327d5396b3"}'

try 'compact, a fixed point' 0 0 compact --regime amd64 --root 3000 \
    -o made/new --force dense
check "$name: the same bytes" cmp dense made/new
compact 'not mapped into memory' --no-mmap full
check "$name: the same bytes" cmp dense made/new
check "$name: the same output" diff printed out
compact 'two segments' --segment 8000:8000:8000 --segment 0:8000:0 full
check "$name: the same bytes" cmp dense made/new
{
    printf abc
    cat full
} >odd
compact 'at an odd offset' --segment 0:10000:3 odd
check "$name: the same bytes" cmp dense made/new
try 'compact, registers' 0 0 compact "${registers[@]}" --cr3 1018 -o made/new \
    --force full
check "$name: the same bytes" cmp dense made/new

compact '--page-map' --page-map made/map full
check "$name: the map" diff made/map - <<<'8000 0 3000'
holds map new
check "$name: the same bytes" cmp dense made/new
rm made/map
compact '--new-base' --new-base 0x700000000 --page-map made/map full
shows 'root 0 1000 700003000'
check "$name: the map" diff made/map - <<<'8000 700000000 3000'
try 'compact --new-base: leaves' 0 0 leaves --regime amd64 --root 700003000 \
    --base 700000000 made/new
check "$name: those that are in the image" diff <(
    awk '$2 ~ /^[89a]000$/ { $2 = sprintf("70000%x000", index("89a",
        substr($2, 1, 1)) - 1); print }' leaves) <(tail -n +2 out)
rm made/map
# Pages, then tables, each at an address of its own.
for base in 0:700000 700000:0 0:3000; do
    compact "--tables-base, $base" --new-base ${base%:*} \
        --tables-base ${base#*:} full
    check "$name: the parts" diff <(grep ^segment out) <(
        printf 'segment %s\n' ${base%:*}:3000:0 ${base#*:}:6000:3000 |
            sort -k2)
    root=$(sed -n 's/^root 0 1000 //p' out)
    check "$name: the root" [ "$root" = "${base#*:}" ]
    mapfile -t layout < <(sed -n 's/^segment /--new-segment /p' out)
    try "compact --tables-base, $base: verify" 0 0 verify "${amd64[@]}" full \
        made/new --new-root "$root" ${layout[@]}
    try "compact --tables-base, $base: leaves" 0 0 leaves --regime amd64 \
        --root "$root" ${layout[@]/--new-segment/--segment} made/new
    check "$name: those that are in the image" diff <(tail -n +2 out) <(
        awk -v base=${base%:*} '$2 ~ /^[89a]000$/ {
            $2 = sprintf("%s%x000", base == "0" ? "" : "70",
                index("89a", substr($2, 1, 1)) - 1)
            sub(/^0000?$/, "0", $2); print }' leaves)
done
compact '--tables-base --json' --tables-base 700000 --json full
json 'map(select(.type == "segment")) == [
    {type: "segment", pa: "0", bytes: 12288, offset: 0},
    {type: "segment", pa: "700000", bytes: 24576, offset: 12288}]'
compact '--range' --range 1000-1fff full
shows 'pages 1'
shows 'bytes-after 20480'
try 'compact --range: leaves' 0 0 leaves --regime amd64 --root 1000 made/new
prints <<'T'
# root 0 1000
0000000000001000 0 1000 r w x -
T
compact '--leave-out' --leave-out 2000-2fff --leave-out 0-fff full
shows 'pages 3'
try 'compact --leave-out: maps' 0 0 leaves --regime amd64 --root 3000 made/new
check "$name: what is left" [ "$(grep -vc '^#' out)" -eq 4 ]
check "$name: not those" [ "$(grep -c '^000000000000[02]000' out)" -eq 0 ]
compact '--map' --leave-out 5000-7fff --map 0x7000:123000:1000 \
    --map 0x5000:90000000:2000:rwu full
try 'compact --map: leaves' 0 0 leaves --regime amd64 --root 3000 \
    --range 5000-7fffffffffff made/new
prints <<'T'
# root 0 3000
0000000000005000 90000000 1000 r w - u
0000000000006000 90001000 1000 r w - u
0000000000007000 123000 1000 r w - -
# outside 3 leaves
T
try 'compact --map, verified' 0 0 verify "${amd64[@]}" full made/new \
    --new-root 3000 --leave-out 5000-7fff
compact '--map, where no table was' --leave-out 8000800000-8000800fff \
    --map 8000800000:123000:1000 full
root=$(awk '/^root 0 / { print $4 }' out)
try 'compact --map, where no table was: leaves' 0 0 leaves --regime amd64 \
    --root "$root" --range 8000000000-7fffffffffff made/new
prints <<T
# root 0 $root
0000008000800000 123000 1000 r w - -
# outside 1 leaves
T
try 'compact --map, i686' 0 0 compact --regime i686 --root 1000 -o made/new \
    --force --leave-out 5000-5fff --map 5000:3000:1000 small
shows 'root 0 1000 1000'
try 'compact --map, i686: what it maps' 0 0 translate --regime i686 \
    --root 1000 made/new 5123
prints <<<'0000000000005123 3123 1000 r w x -'

# Two leaves that can be written lead to one page, and there is a large page.
cp full shared
truncate -s 4M shared
entries shared 4000 3=9007 4=b005 5=c005 6=d007 7=e005 8=f005
put shared b000 1 8
put shared c000 1 8
put shared 212340 abcd 8
compact 'a large page' shared
shows 'large 1'
shows 'pages 520'
shows 'shared-writable 1'
shows 'dropped-outside 262144'
try 'compact, a large page: where' 0 0 translate --regime amd64 \
    --root 208000 made/new 212340 201000
prints <<'T'
0000000000212340 12340 200000 r w - u
0000000000201000 1000 200000 r w - u
T
check "$name: its contents" [ "$(od -An -tx8 -j $((0x12340)) -N 8 made/new |
    tr -d ' ')" = 000000000000abcd ]
compact '--split' --split shared
shows 'large 0'
shows 'split 1'
shows 'leaves 521'
compact '--copy-on-write' --copy-on-write shared
shows 'copy-on-write 3'
shows 'shared-writable 1'
"$ptwalk" maps --regime amd64 --root 208000 made/new >out
check "$name: what is shared stays" grep -q '^0000000000001000.* rwx-  4K mt0 ' out
check "$name: what is not is marked" grep -q '^0000000000002000.* r--u  4K mt0 cow ' out
check "$name: a large one too" grep -q '^0000000000200000.* r--u  2M mt0 cow ' out
compact '--copy-shared' --copy-on-write --copy-shared shared
shows 'copy-on-write 5'
shows 'shared-writable 1'
"$ptwalk" maps --regime amd64 --root 208000 made/new >out
check "$name: nothing can be written" [ "$(grep -c '^0.* rw' out)" -eq 0 ]
compact '--merge' --merge shared
shows 'merged 2'
shows 'pages 518'
compact '--merge, the supervisor writes everywhere' --merge --no-wp shared
shows 'merged 0'
shows 'pages 520'
# A recursive slot: the guest can write its own tables.
cp shared slot
entries slot 1000 510=1007
for option in --merge --zeros; do
    try "$option beside a recursive slot" 0 1 compact --regime amd64 \
        --root 1000 $option --force -o made/new slot
    shows 'merged 0'
    shows 'writable-selves 1'
    says 'slot: no pages are merged: 1 entry refers to the table that holds it'
    try "$option beside a recursive slot that is left out" 0 0 compact \
        --regime amd64 --root 1000 $option \
        --leave-out ffffff0000000000-ffffff7fffffffff --force -o made/new slot
    shows 'writable-selves 0'
    check "$name: merged" [ "$(sed -n 's/^merged //p' out)" -gt 0 ]
done
entries slot 1000 510=1005
try '--merge beside a recursive slot that only reads' 0 0 compact --regime amd64 \
    --root 1000 --merge --force -o made/new slot
shows 'merged 2'
cp shared slot
entries slot 1000 510=1007
try 'a recursive slot, and nothing to merge' 0 0 compact --regime amd64 \
    --root 1000 --force -o made/new slot
try '--cet without WP' 2 1 leaves --regime amd64 --root 1000 --cet --no-wp \
    shared
compact '--zeros' --zeros shared
shows 'zeros 513'
shows 'merged 1'
shows 'pages 519'
check "$name: holes" [ "$(stat -c %b made/new)" -lt 400 ]
check "$name: the size" [ "$(stat -c %s made/new)" -eq 2150400 ]
cp made/new zeros
rm made/new

# Holes of the old file are holes of the new one, data of zeros is not.
cp --sparse=never shared solid
cp --sparse=always shared sparse
for image in sparse solid; do
    compact "holes of $image" --page-map made/map $image
    mv made/new $image.new
done
check 'compact, holes: the same bytes' cmp sparse.new solid.new
check 'compact, holes: they stay' [ "$(stat -c %b sparse.new)" -lt 400 ]
check 'compact, holes: no others' [ "$(stat -c %b solid.new)" -gt 4000 ]
compact 'holes, not mapped into memory' --no-mmap sparse
check "$name: the same bytes" cmp sparse.new made/new
rm -f made/* sparse sparse.new solid solid.new

# The first page of the new image is one of a program.
cp full program
put program 8000 464c457f 4
put program 8004 000000000000010102 8
put program 8010 3 2
try 'compact, it begins like a container' 0 1 compact "${amd64[@]}" \
    -o made/new program
says 'made/new: is made, and begins like what is an ELF file that is no core'
unread 'made/new: is an ELF file' leaves --regime amd64 --root 3000 made/new
try 'verify, it begins like a container' 0 0 verify --raw "${amd64[@]}" \
    program made/new "${new[@]}"
rm made/new program

# Entries that are not present: one names a page as old kernels do, one inverted.
truncate -s 65536 none
put none 1000 2007 8
put none 2000 3007 8
put none 3000 4007 8
put none 4000 8067 8
put none 4008 6166 8
put none 4010 fffffffff8120 8
printf 'secret!' | dd of=none bs=1 seek=$((0x6000)) conv=notrunc status=none
printf 'hidden!' | dd of=none bs=1 seek=$((0x7000)) conv=notrunc status=none
# followed POLICY KEPT CLEARED FOLLOWED UNKNOWN
followed() {
    local counts="absent-kept $2 absent-cleared $3 absent-followed $4 absent-unknown $5"
    compact "--absent $1" --absent "$1" none
    check "$name: counts" [ "$(grep ^absent out | tr '\n' ' ')" = "$counts " ]
    check "$name: certificate" grep -q " $counts marked-before 0 digest" out
    try "verify --absent $1" 0 0 verify "${amd64[@]}" --absent "$1" none made/new \
        --new-root "$(sed -n 's/^root 0 1000 //p' out)"
    check "$name: counts" grep -q " $counts marked-before 0 digest" out
}
followed keep 2 0 0 0
followed clear 0 2 0 0
check "$name: no secret" [ "$(grep -c 'secret!\|hidden!' made/new)" -eq 0 ]
followed linux 0 0 1 1
check "$name: the page" grep -q 'hidden!' made/new
followed linux-plain 0 0 1 1
check "$name: the page" grep -q 'secret!' made/new
followed windows 2 0 0 0
followed linux,migration=30,migration=31,frame-bits=34 0 0 1 1
compact '--absent keep' none
try 'verify, another policy' 1 0 verify "${amd64[@]}" --absent linux none made/new \
    --new-root "$(sed -n 's/^root 0 1000 //p' out)"
shows "differs 0 0000000000002000 7000 7000 ---- ---- the new page can't be read"
rm -f made/* none
absent() {
    fails 2 "--absent '$1': $2" "${amd64[@]}" -o made/new --absent "$1" full
}
absent foo "there is no policy 'foo'; there are keep, clear, linux, linux-plain, windows"
absent linux,mask=1000 "linux has no parameter 'mask'; it has migration, frame-bits"
absent keep,mask=1000 "keep has no parameter 'mask'; it has none"
absent linux,migration=5 'migration is a swap type from 16 to 31'
absent linux,migration 'migration is a swap type from 16 to 31'
absent windows,mask=xyz 'mask is a hexadecimal number'
absent windows,mask=1000,mask=1000 'mask is given twice'
absent linux,frame-bits=34 "these parameters can't be under amd64"
fails 2 '--absent is given twice' "${amd64[@]}" -o made/new --absent keep --absent clear full

# Leaves that carry the mark of copy-on-write before: one is read-only, one is
# written, and one has other bits beside it.
cp full marked
entries marked 4000 3=b225 4=c267 5=d625
put marked b000 1 8
put marked c000 2 8
put marked d000 3 8
# with_marks CHOICE LINES ARGS...: compact, into made/new, and verify.
with_marks() {
    local choice=$1 lines=$2
    shift 2
    try "compact, marks: $choice $*" 0 "$lines" compact "${amd64[@]}" \
        -o made/new --force ${choice:+--marked "$choice"} "$@" marked
    shows 'marked-before 1'
    check "$name: certificate" grep -q ' marked-before 1 digest' out
    root=$(sed -n 's/^root 0 1000 //p' out)
    try "verify, marks: $choice $*" 0 0 verify "${amd64[@]}" \
        ${choice:+--marked "$choice"} "$@" marked made/new --new-root "$root"
    check "$name: certificate" grep -q ' marked-before 1 digest' out
}
# cow VA...: those of the three that are copy-on-write in the new image.
cow() {
    local va is=''
    for va in 3000 4000 5000; do
        "$ptwalk" explain --regime amd64 --root "$root" made/new $va |
            grep -q '^physical .*, copy-on-write' && is+=" $va"
    done
    check "$name: copy-on-write" [ "$is" = "${*:+ $*}" ]
}
with_marks '' 0
cow 3000 4000
for flags in --copy-on-write --copy-shared; do
    try "compact, marks: $flags" 0 1 compact "${amd64[@]}" -o made/new --force \
        $flags marked
    says 'marked: read-only leaves that carried the copy-on-write mark before, and keep it: 1;'
    says '--marked refuse or clear'
    with_marks keep 0 $flags
    cow 3000 4000
    with_marks clear 0 $flags
    cow 4000
    try "verify, marks: another choice $flags" 1 0 verify "${amd64[@]}" $flags \
        marked made/new --new-root "$root"
    shows 'differs 0 0000000000003000 b000 3000 r-xu r-xu copy-on-write differs'
done
with_marks clear 0
cow 4000
compact '--marked keep' --marked keep marked
for choice in refuse clear; do
    try "verify, marks: $choice" 1 0 verify "${amd64[@]}" --marked $choice \
        marked made/new --new-root "$root"
    shows 'differs 0 0000000000003000 b000 3000 r-xu r-xu copy-on-write differs'
done
compact 'marks, --json' --json --marked keep marked
json 'any(.[]; .type == "counts" and .marked_before == 1) and
    any(.[]; .type == "certificate" and .marked_before == 1)'
rm made/new
for flags in '' --copy-on-write; do
    # shellcheck disable=SC2086
    fails 1 'marked: root 0: the read-only leaf at 0000000000003000 carries the copy-on-write mark already' \
        "${amd64[@]}" -o made/new --marked refuse $flags marked
    says 'with --marked keep it stays as it is, with --marked clear it loses the mark'
done
compact '--marked refuse' --copy-on-write --marked refuse --range 0-ffff \
    --leave-out 3000-3fff marked
shows 'marked-before 0'
compact '--marked refuse, no such leaf' --copy-on-write --marked refuse full
rm made/new marked
fails 2 "--marked 'foo': it is one of keep, refuse, clear" "${amd64[@]}" \
    -o made/new --marked foo full
fails 2 '--marked is given twice' "${amd64[@]}" -o made/new --marked keep \
    --marked clear full
wrong 'diff: it has no option --marked' diff "${amd64[@]}" --marked keep full full

# What the guest says that is not so.
try 'compact, what is outside or bad' 0 0 compact "${amd64[@]}" -o made/new bad
shows 'dropped-bad-entry 1'
shows 'dropped-table 1'
try 'compact, loops' 0 0 compact --regime amd64 --root b000 -o made/new \
    --force loops
shows 'bytes-before 65536'
try 'compact, a root twice' 0 0 compact "${amd64[@]}" --root 1000 -o made/new \
    --force full
shows 'root 0 1000 3000'
shows 'root 1 1000 3000'
shows 'spaces 1'
rm made/new

# ----------------------------------------------------- compact, when it fails
: >made/new
chmod 600 made/new
try 'compact, a file that is there' 3 1 compact "${amd64[@]}" -o made/new full
says 'made/new: is there already; with --force it is replaced'
check "$name: no output" [ ! -s out ]
check "$name: it is as it was" [ ! -s made/new ]
holds new
compact 'over a file' full
check "$name: it is replaced" cmp dense made/new
for mode in 600 640 200 666; do
    chmod $mode made/new
    compact "over a file of mode $mode" full
    check "$name: it keeps its mode" [ "$(stat -c %a made/new)" = $mode ]
done
rm made/new

# The image is never replaced, by whatever name, and whatever is written there.
cp full made/itself
ln made/itself made/hard
ln -s itself made/soft
ln -s soft made/softer
ln -s made by_way
cp dense made/other
cp dense made/map
for target in made/itself ./made/itself made/../made/itself "$PWD/made/itself" \
    by_way/itself made/hard made/soft made/softer /proc/self/cwd/made/itself \
    /dev/fd/9; do
    for image in made/itself made/hard made/softer; do
        for force in '' --force; do
            # shellcheck disable=SC2086
            try "compact $force, $image over $target" 2 1 compact \
                "${amd64[@]}" $force -o "$target" "$image" 9<made/itself
            says "$target: is the image $image itself"
            # shellcheck disable=SC2086
            try "compact $force, the map of $image over $target" 2 1 compact \
                "${amd64[@]}" $force -o made/new --page-map "$target" "$image" \
                9<made/itself
            says "$target: is the image $image itself"
        done
        try "compact, an image and a map, $image over $target" 2 1 compact \
            "${amd64[@]}" --force -o made/other --page-map "$target" "$image" \
            9<made/itself
        check "$name: it is as it was" cmp full made/itself
        check "$name: the other is as it was" cmp dense made/other
    done
done
# Standard output is an output too.
standard() {
    name="standard output, $1"
    "$ptwalk" "${@:3}" 1<>"$2" 2>err
    check "$name: status 2" [ $? -eq 2 ]
    check "$name: one line" [ "$(wc -l <err)" -eq 1 ]
    check "$name: says so" grep -q "$1" err
}
cp good self
ln self self.link
standard 'is the image and standard output' self.link leaves "${amd64[@]}" self
standard 'is the image and standard output' self compact "${amd64[@]}" \
    -o self.new self
standard 'is the image and standard output' self verify "${amd64[@]}" good self
check "$name: untouched" cmp good self
cp good self.new
for option in '-o self.new' '-o self.other --page-map self.new'; do
    # shellcheck disable=SC2086
    standard 'self.new: is standard output too' self.new compact \
        "${amd64[@]}" --force $option self
    check "$name: untouched" cmp good self.new
    check "$name: nothing else" [ ! -e self.other ]
done
try 'standard output beside it' 0 0 compact "${amd64[@]}" --force -o self.new \
    self
rm self self.link self.new
name='compact, over the image'
holds hard itself map other soft softer
try 'compact, the map over the image, the image over a file' 2 1 compact \
    "${amd64[@]}" --force -o made/itself --page-map made/map made/itself
check "$name: the map is as it was" cmp dense made/map
rm made/* by_way

# Nothing that is kept, and what looks like it.
for option in '' --no-mmap --json '--merge --zeros' '--range 8000000-8000fff'; do
    root=9000 lines=2
    case $option in
    --range*) root=1000 lines=1 ;;
    esac
    # shellcheck disable=SC2086
    try "compact $option, nothing" 1 $lines compact $option --regime amd64 \
        --root $root -o made/new good
    says 'good: nothing is kept: no root leads to a page that the image has: a '
    says '--allow-empty'
    check "$name: no output" [ ! -s out ]
    holds
    # shellcheck disable=SC2086
    try "compact $option, nothing, allowed" 0 $((lines - 1)) compact $option \
        --regime amd64 --root $root --allow-empty -o made/new good
    check "$name: an image" [ -s made/new ]
    rm made/new
done
try 'compact, all that there is lies outside' 1 1 compact "${amd64[@]}" \
    -o made/new good --segment 0:8000:0
says 'good: nothing is kept'
cp dense made/new
try 'compact --force, nothing' 1 2 compact --regime amd64 --root 9000 --force \
    -o made/new good
check "$name: the file is as it was" cmp dense made/new
rm made/new
try 'compact, one root of two' 0 1 compact "${amd64[@]}" --root b000 \
    -o made/new full
rm made/new
try 'compact, nothing but a --map' 0 1 compact --regime amd64 --root 9000 \
    --leave-out 5000-5fff --map 5000:1000:1000 -o made/new good
rm made/new
for command in verify 'diff good' leaves; do
    # shellcheck disable=SC2086
    wrong 'it has no option --allow-empty' $command "${amd64[@]}" \
        --allow-empty good
done

# Images that lie at an address which no page has.
for base in 1 fff 1001 ffffffffff800; do
    wrong "--base '$base' is no multiple of a page, which is 1000" leaves \
        "${amd64[@]}" --base $base good
    for command in verify diff; do
        wrong "--new-base '$base' is no multiple of a page" $command \
            "${amd64[@]}" --new-base $base full full
    done
done
ln -s ../good made/link
try 'compact, over a link' 3 1 compact "${amd64[@]}" --force -o made/link full
says 'is no regular file'
check "$name: it is still there" [ -L made/link ]
holds link
rm made/link

fails 3 'made: is a directory' "${amd64[@]}" -o made full
fails 3 'made: is a directory' "${amd64[@]}" --force -o made full
fails 3 'made/: is a directory' "${amd64[@]}" -o made/ full
fails 3 "its directory can't be opened: No such file" "${amd64[@]}" \
    -o missing/new full
fails 3 "can't be" "${amd64[@]}" -o full/new full
fails 3 "can't be" "${amd64[@]}" -o "made/$(printf '%0300d' 0)" full
fails 2 'compact: -o: an empty name' "${amd64[@]}" -o '' full
fails 2 'compact: -o: an empty name' "${amd64[@]}" --output= full
fails 2 'compact: --page-map: an empty name' "${amd64[@]}" -o made/new \
    --page-map '' full
fails 3 '/dev/full: is no regular file' "${amd64[@]}" --force -o /dev/full full
fails 2 'made/./new: is to be written twice' "${amd64[@]}" -o made/new \
    --page-map made/./new full
fails 3 'its directory' "${amd64[@]}" -o made/new --page-map missing/map full
touch map
fails 3 'map: is there already' "${amd64[@]}" -o made/new --page-map map full
check "$name: it is as it was" [ ! -s map ]
rm map
if [ "$(id -u)" -ne 0 ]; then
    mkdir -m 555 locked-directory
    fails 3 'Permission denied' "${amd64[@]}" -o locked-directory/new full
fi
fails 3 "root 0 at 10000 can't be read" --regime amd64 --root 10000 \
    -o made/new full
fails 2 "root 1: 1001 is not the address of a table" "${amd64[@]}" --root 1001 -o made/new full
fails 1 'stopped at the limit of 100 reads' "${amd64[@]}" --reads 100 \
    -o made/new full
fails 1 'stopped at the limit of 0 reads' "${amd64[@]}" --reads 0 \
    -o made/new full
fails 1 'stopped at the limit of 0 bytes for the new image' \
    "${amd64[@]}" --max-bytes 0 -o made/new full
fails 1 'stopped at the limit of 36863 bytes for the new image' \
    "${amd64[@]}" --max-bytes 36863 -o made/new full
compact '--max-bytes' --max-bytes 36864 full
rm made/new
fails 2 '--tables-base 1000: the new tables, 6000 bytes, would overlap the new pages, which are 3000 bytes from 0 on' \
    "${amd64[@]}" --tables-base 1000 -o made/new full
fails 2 '--tables-base 1000: the new tables, 6000 bytes, would overlap' \
    "${amd64[@]}" --new-base 5000 --tables-base 1000 -o made/new full
fails 2 '--tables-base 1001: not aligned' "${amd64[@]}" --tables-base 1001 \
    -o made/new full
fails 2 '--tables-base 10000000000000: beyond' "${amd64[@]}" \
    --tables-base 10000000000000 -o made/new full
fails 2 '--new-base 0, --tables-base ffffffffff000: from there on' \
    "${amd64[@]}" --tables-base ffffffffff000 -o made/new full
fails 2 'compact: --new-base ffffffffff000: from there on, the new image does' \
    "${amd64[@]}" --new-base ffffffffff000 -o made/new full
fails 2 '--new-base 1001: not aligned' "${amd64[@]}" --new-base 1001 \
    -o made/new full
fails 2 '--new-base 10000000000000: beyond' "${amd64[@]}" \
    --new-base 10000000000000 -o made/new full
fails 2 'paging is off' --regime bare -o made/new full
for option in --copy-on-write --copy-shared; do
    fails 2 "$option: CR0.WP is clear" "${amd64[@]}" --no-wp $option \
        -o made/new full
    wrong "$option: CR0.WP is clear" verify "${amd64[@]}" --no-wp $option \
        full full
done
wrong 'paging is off: there is nothing to compare' verify --regime bare full \
    full
fails 2 '--map 5000:1000:1000: these addresses are kept' "${amd64[@]}" \
    -o made/new --leave-out 6000-7fff --map 5000:1000:1000 \
    --map 6000:1000:2000 full
fails 2 '--map 6000:1000:2000: these addresses are kept' "${amd64[@]}" \
    -o made/new --leave-out 5000-6fff --map 5000:1000:1000 \
    --map 6000:1000:2000 full
fails 2 '--map 5000:3000:1000: there is no XD, so its rights must have x' \
    --regime i686 --root 1000 -o made/new --leave-out 5000-6fff \
    --map 5000:3000:1000:r --map 6000:3000:1000:rx small
fails 2 'no output is given: -o' "${amd64[@]}" full
fails 3 "missing: can't be opened" "${amd64[@]}" -o made/new missing
printf 'short' >short
fails 3 "root 0 at 1000 can't be read" "${amd64[@]}" -o made/new short

# Small entries of i686 have 32 bits; and the root of this guest lets nobody
# write.
fails 2 '--map 5000:100000000:1000: beyond the physical address width' \
    --regime i686 --root 1000 -o made/new --leave-out 5000-5fff \
    --map 5000:100000000:1000 small
cp full read_only
entries read_only 1000 0=2005
fails 2 '--map 5000:1000:1000: rights that' "${amd64[@]}" -o made/new \
    --leave-out 5000-6fff --map 5000:1000:1000 read_only
fails 2 '--map 5000:1000:1000: rights that' "${amd64[@]}" -o made/new \
    --leave-out 5000-6fff --map 5000:1000:1000 --map 6000:1000:1000:r read_only

# Files of at most so many blocks of 1024 bytes: pages, then tables do not fit.
for blocks in 8 16 35; do
    name="compact, a file of $blocks K"
    (ulimit -f $blocks && exec "$ptwalk" compact "${amd64[@]}" -o made/new full \
        2>&1 >/dev/null) | cat >err
    status=${PIPESTATUS[0]}
    check "$name: status" [ "$status" -eq 3 ]
    check "$name: one line" [ "$(cat err)" = \
        'ptwalk: made/new: writing failed: File too large' ]
    holds
done

# A file system on which a file can be had that nobody can replace: it is mounted
# there.
cat >mounted <<'T'
mkdir made/a made/b && touch pinned && : >made/a/new && : >made/b/map || exit 78
cp good made/a/new && cp small made/b/map || exit 78
mount --bind pinned "made/$2" || exit 77
"$1" compact --regime amd64 --root 1000 --force -o made/a/new \
    --page-map made/b/map full
status=$?
umount "made/$2" || exit 78
exit $status
T
for pinned in a/new b/map; do
    name="compact --force, $pinned can't be replaced"
    unshare -rm bash mounted "$ptwalk" $pinned >out 2>err
    status=$?
    if [ $status -eq 77 ] || ! grep -q ^ptwalk err; then
        echo "skipped: $name: nothing can be mounted here"
    else
        check "$name: status" [ $status -eq 3 ]
        check "$name: one line" [ "$(wc -l <err)" -eq 1 ]
        check "$name: which" grep -q "^ptwalk: made/$pinned: can't be put in " \
            err
        check "$name: no output" [ ! -s out ]
        check "$name: the image is as it was" cmp good made/a/new
        check "$name: the map is as it was" cmp small made/b/map
        check "$name: nothing else" [ "$(find made -type f | wc -l)" -eq 2 ]
    fi
    rm -rf made/a made/b pinned
done

# What others do at the last moment, on file systems that can and that can't
# exchange two names: both files are replaced or none, and nothing is lost.
# at_last STATUS WHAT [VARIABLE=VALUE...]: compact --force over two files.
at_last() {
    local want=$1 what=$2
    shift 2
    rm -rf made/*
    cp full made/in
    cp good made/new
    cp small made/map
    env LD_PRELOAD="$between" "$@" "$ptwalk" compact "${amd64[@]}" --force \
        -o made/new --page-map made/map made/in >out 2>err
    status=$?
    name="compact --force: $*"
    check "$name: status" [ $status -eq "$want" ]
    check "$name: $what" grep -q "$what" err out
    if [ "$want" -ne 0 ]; then
        check "$name: no output" [ ! -s out ]
        check "$name: one line" [ "$(wc -l <err)" -eq 1 ]
    fi
}
if [ -z "$between" ]; then
    echo 'skipped: what others do at the last moment'
else
    for no in nothing exchange all; do
        way=(BETWEEN_NO=$no)
        [ $no != nothing ] || way=()
        at_last 0 '^verified ' "${way[@]}"
        check "$name: both" cmp dense made/new
        check "$name: the map" diff made/map - <<<'8000 0 3000'
        holds in map new
        for which in new map; do
            at_last 3 "made/$which: can't be put in its place: Operation not" \
                "${way[@]}" BETWEEN_FAIL=$which
            check "$name: the image is as it was" cmp good made/new
            check "$name: the map is as it was" cmp small made/map
            holds in map new
            for link in 'mv' 'ln -f'; do
                at_last 2 "made/$which: is the image made/in itself" \
                    "${way[@]}" BETWEEN_RUN="$link made/in made/$which"
                check "$name: nothing is lost" cmp full made/$which
                cp good made/new
                cp small made/map
                check "$name: nothing else is there" \
                    [ -z "$(find made -name '.*' -type f)" ]
            done
            at_last 3 "made/$which: is no regular file" "${way[@]}" \
                BETWEEN_RUN="ln -sf in made/$which"
            check "$name: it is a link" [ -L made/$which ]
            check "$name: the image of the link is as it was" cmp full made/in
            holds in map new
            at_last 0 '^verified ' "${way[@]}" BETWEEN_RUN="rm made/$which"
            holds in map new
        done
        at_last 3 'made/new: is a directory' "${way[@]}" \
            BETWEEN_RUN='rm made/new; mkdir made/new'
        check "$name: it is a directory" [ -d made/new ]
        check "$name: the map is as it was" cmp small made/map
        # A name that can't be given back, since another file has it by now.
        rm -rf made/*
        cp small made/map
        env LD_PRELOAD="$between" "${way[@]}" BETWEEN_FAIL=new \
            BETWEEN_THEN='cp good made/other; mv -f made/other made/map' \
            "$ptwalk" compact "${amd64[@]}" --force -o made/new \
            --page-map made/map full >out 2>err
        status=$?
        name="compact --force, nothing can be put back, $no"
        check "$name: status" [ $status -eq 3 ]
        check "$name: no output" [ ! -s out ]
        check "$name: the other file stays" cmp good made/map
        check "$name: where what was there is" cmp small "made/$(sed -n \
            's/^ptwalk: made.map: can.t be put back: what was there is \([^ ]*\) in the same directory$/\1/p' err)"
        rm -f made/.ptwalk-*
        holds map
    done
    rm -rf made/*
    env LD_PRELOAD="$between" BETWEEN_RUN='cp good made/new' "$ptwalk" compact \
        "${amd64[@]}" -o made/new --page-map made/map full >out 2>err
    status=$?
    name='compact, another file comes first'
    check "$name: status" [ $status -eq 3 ]
    check "$name: one line" [ "$(cat err)" = \
        'ptwalk: made/new: is there by now; with --force it is replaced' ]
    check "$name: no output" [ ! -s out ]
    check "$name: it is as it was" cmp good made/new
    holds new
    rm made/new
fi

# A disk that is full, where a small one can be had.
cat >full_disk <<'T'
mount -t tmpfs -o size=28k none made || exit 77
"$1" compact --regime amd64 --root 1000 -o made/new full
status=$?
[ -z "$(ls -A made)" ] || exit 78
exit $status
T
unshare -rm bash full_disk "$ptwalk" >out 2>err
status=$?
if [ $status -eq 77 ] || ! grep -q ^ptwalk err; then
    echo 'skipped: a full disk: no file system can be mounted here'
else
    check 'compact, a full disk: status' [ $status -eq 3 ]
    check 'compact, a full disk: one line' [ "$(cat err)" = \
        'ptwalk: made/new: writing failed: No space left on device' ]
    check 'compact, a full disk: no output' [ ! -s out ]
fi

# No one to tell the new roots: what was there is there again.
name='compact --force, a full disk'
cp good made/new
cp small made/map
"$ptwalk" compact "${amd64[@]}" --force -o made/new --page-map made/map full \
    >/dev/full 2>err
status=$?
check "$name: status" [ $status -eq 3 ]
check "$name: one line" [ "$(cat err)" = 'ptwalk: made/new: not written: '\
'writing to standard output failed: No space left on device' ]
check "$name: the image is as it was" cmp good made/new
check "$name: the map is as it was" cmp small made/map
holds map new
"$ptwalk" compact "${amd64[@]}" --force -o made/new --page-map made/map full \
    >out 2>err
status=$?
name='compact --force, an image and a map'
check "$name: status" [ $status -eq 0 ]
check "$name: both are replaced" cmp dense made/new
check "$name: the map" diff made/map - <<<'8000 0 3000'
holds map new
rm made/*
name='compact, no standard output'
for sink in /dev/full closed; do
    if [ $sink = closed ]; then
        "$ptwalk" compact "${amd64[@]}" -o made/new full >&- 2>err
    else
        "$ptwalk" compact "${amd64[@]}" -o made/new full >$sink 2>err
    fi
    status=$?
    check "$name, $sink: status" [ $status -eq 3 ]
    check "$name, $sink: one line" [ "$(wc -l <err)" -eq 1 ]
    holds
done

name='compact, nobody reads its output'
mkfifo unread
# shellcheck disable=SC2094
exec 4<>unread 5>unread 4<&-
"$ptwalk" compact "${amd64[@]}" -o made/new full >&5 2>err
status=$?
exec 5>&-
check "$name: status" [ $status -eq 3 ]
check "$name: one line" [ "$(cat err)" = \
    'ptwalk: made/new: not written: nobody reads standard output' ]
holds

# Held up when the new image has its name and nothing is said of it: nobody
# reads what is printed.
mkfifo stalled
exec 4<>stalled
stall() {
    dd if=/dev/zero of=stalled bs=4096 count=1024 oflag=nonblock 2>/dev/null
    ! dd if=/dev/zero of=stalled bs=1 count=1 oflag=nonblock 2>/dev/null
}
drain() {
    dd if=stalled of=/dev/null bs=65536 count=1024 iflag=nonblock 2>/dev/null
}
check 'a pipe that is full' stall

# wait_for NAME: until that file is in the directory, a minute at most.
wait_for() {
    local n=0
    while [ ! -e "made/$1" ] && [ $n -lt 600 ]; do
        sleep 0.1
        n=$((n + 1))
    done
    [ $n -lt 600 ]
}

# ends PID: waits until it does; after ten seconds it is ended.
ends() {
    local n=0
    while kill -0 "$1" 2>/dev/null && [ $n -lt 100 ]; do
        sleep 0.1
        n=$((n + 1))
    done
    kill -s KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# All that end a command and can be caught, though whoever starts it has blocked
# them; a sanitizer takes some for itself.
not_its_own=handle_segv=0:handle_sigbus=0:handle_sigfpe=0
for signal in HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 ALRM TERM \
    STKFLT XCPU VTALRM PROF IO PWR SYS RTMIN RTMAX; do
    name="compact, SIG$signal"
    case $signal in
    RT*) said="signal $(kill -l $signal)" ;;
    *) said=SIG$signal ;;
    esac
    (ulimit -c 0 && exec env --default-signal=$signal --block-signal \
        ASAN_OPTIONS="$ASAN_OPTIONS:$not_its_own" "$ptwalk" compact "${amd64[@]}" -o made/new --page-map made/map \
        full) >stalled 2>err &
    pid=$!
    check "$name: it writes" wait_for new
    kill -s $signal $pid
    ends $pid 2>/dev/null
    status=$?
    check "$name: status" [ $status -eq $((128 + $(kill -l $signal))) ]
    check "$name: one line" [ "$(cat err)" = "ptwalk: made/new: not written: \
the command was ended by $said" ]
    holds
done

# The same, where both replace a file: what was there is there again.
for signal in TERM BUS RTMIN; do
    name="compact --force, SIG$signal"
    cp good made/new
    cp small made/map
    (ulimit -c 0 && exec env --default-signal=$signal \
        ASAN_OPTIONS="$ASAN_OPTIONS:$not_its_own" "$ptwalk" compact \
        "${amd64[@]}" --force -o made/new --page-map made/map full) \
        >stalled 2>err &
    pid=$!
    n=0
    while cmp -s good made/new && [ $n -lt 600 ]; do
        sleep 0.1
        n=$((n + 1))
    done
    check "$name: it has its name" cmp dense made/new
    kill -s $signal $pid
    ends $pid 2>/dev/null
    check "$name: the image is as it was" cmp good made/new
    check "$name: the map is as it was" cmp small made/map
    holds map new
    rm made/*
done
name='compact, nohup'
ASAN_OPTIONS="$ASAN_OPTIONS:$not_its_own" \
    env --ignore-signal=HUP,TERM,INT,BUS,RTMIN "$ptwalk" compact "${amd64[@]}" \
    -o made/new full >stalled 2>err &
pid=$!
check "$name: it writes" wait_for new
for signal in HUP TERM INT BUS RTMIN; do
    kill -s $signal $pid
done
drain
wait $pid
status=$?
check "$name: status" [ $status -eq 0 ]
check "$name: quiet" [ ! -s err ]
check "$name: the image" cmp dense made/new
holds new
rm made/new

# Two at a time.
for options in '' '--force'; do
    name="compact, two at a time $options"
    check "$name: held up" stall
    pids=()
    for i in 1 2; do
        # shellcheck disable=SC2086
        "$ptwalk" compact "${amd64[@]}" $options -o made/new full >stalled \
            2>err$i &
        pids+=($!)
    done
    check "$name: one writes" wait_for new
    sleep 0.5
    drain
    wait "${pids[0]}"
    first=$?
    wait "${pids[1]}"
    second=$?
    check "$name: the image" cmp dense made/new
    holds new
    if [ -n "$options" ]; then
        check "$name: both succeed" [ "$first $second" = '0 0' ]
        check "$name: quiet" [ ! -s err1 ] && [ ! -s err2 ]
    else
        check "$name: one succeeds" [ $((first + second)) -eq 3 ]
        check "$name: one line of the other" \
            grep -qx 'ptwalk: made/new: is there .*; with --force it is replaced' \
            <(cat err1 err2)
        check "$name: no more" [ "$(cat err1 err2 | wc -l)" -eq 1 ]
    fi
    rm -f made/new
done
exec 4<&-

# A file that is touched while it is copied.  The command is stopped as soon as
# it has begun; if it was through by then, that was no try.
truncate -s 256M long
entries long 1000 0=2007
entries long 2000 0=3007
for ((i = 1; i < 128; i++)); do
    entries long 3000 $i="$(printf '%x' $((i << 21 | 0x87)))"
done
copy_while() {
    local touch=$1 tries=0
    shift
    status=0
    while [ $status -eq 0 ] && [ $tries -lt 10 ]; do
        rm -f made/new
        cp --sparse=never long touched
        "${start[@]}" "$ptwalk" compact "${amd64[@]}" "$@" -o made/new \
            touched >out 2>err &
        local pid=$!
        until [ -n "$(find made -name '.ptwalk-*' -size +0)" ] ||
            ! kill -0 $pid 2>/dev/null; do
            :
        done
        kill -STOP $pid 2>/dev/null
        $touch
        kill -CONT $pid 2>/dev/null
        wait $pid
        status=$?
        tries=$((tries + 1))
    done
}
shorten() {
    truncate -s 4M touched
}
start=(env)
for way in '' --no-mmap --block-signal --ignore-signal; do
    name="compact, a file that becomes shorter $way"
    case $way in
    --*-signal) start=(env $way=BUS,TERM) ;;
    esac
    # shellcheck disable=SC2046
    copy_while shorten $(echo $way | grep -x -- --no-mmap)
    check "$name: status" [ $status -eq 3 ]
    check "$name: one line" [ "$(wc -l <err)" -eq 1 ]
    check "$name: why" grep -q '^ptwalk: touched: .*become shorter' err
    check "$name: no output" [ ! -s out ]
    holds
done
# The first byte that was copied is another one by now.
change() {
    put touched 200000 1 1
}
start=(env)
name='compact, a guest that runs'
copy_while change
check "$name: status" [ $status -eq 1 ]
check "$name: one line" [ "$(cat err)" = 'ptwalk: touched: what was rebuilt is '\
'not the same: 0 0000000000200000 200000 0 rwxu rwxu bytes differ' ]
check "$name: no output" [ ! -s out ]
holds
rm -f long touched

# ------------------------------------------------------------------ verify
try 'verify' 0 0 verify "${amd64[@]}" full dense "${new[@]}"
prints <<<"$(tail -1 printed)"
try 'verify --json' 0 0 verify --json "${amd64[@]}" full dense "${new[@]}"
json '. == [{type: "certificate", spaces: 1, tables: 6, aliases: 1,
    leaves: 5, pages: 3, partial: 0, selves: 0, bad: 0, dropped: 262656,
    outside: 0, absent_kept: 0, absent_cleared: 0, absent_followed: 0,
    absent_unknown: 0, marked_before: 0, digest: "0066fdfe99ed54fdc88a2e327d5396b3"}]'
try 'verify, registers' 0 0 verify "${registers[@]}" --cr3 1018 \
    --new-cr3 3018 full dense
prints <<<"$(tail -1 printed)"
try 'verify, not mapped into memory' 0 0 verify --no-mmap "${amd64[@]}" \
    "${new[@]}" full dense
prints <<<"$(tail -1 printed)"
try 'verify, an image and itself' 0 0 verify --regime amd64 --root 3000 \
    dense dense
cp out itself
{
    printf abc
    cat dense
} >odd
try 'verify, the same layout' 0 0 verify --regime amd64 --root 3000 \
    --segment 8000:1000:8003 --segment 0:8000:3 odd odd
prints <itself
try 'verify, an image with devices and itself' 0 0 verify "${amd64[@]}" \
    full full
check "$name: counts them" grep -q \
    '^verified .* dropped 0 outside 262656 absent-kept 0 .* digest' out
"$ptwalk" compact "${amd64[@]}" -o made/new --new-base 7000000000 full >out
try 'verify --new-base' 0 0 verify "${amd64[@]}" full made/new \
    --new-base 7000000000 --new-root 7000003000
prints <<<"$(tail -1 printed)"
try 'verify --new-segment' 0 0 verify "${amd64[@]}" full made/new \
    --new-segment 7000000000:4000:0 --new-segment 0x7000004000:5000:4000 \
    --new-root 7000003000
prints <<<"$(tail -1 printed)"
rm made/new
try 'verify, two roots' 0 0 verify "${amd64[@]}" --root 1000 full dense \
    "${new[@]}" "${new[@]}"

# differs WHAT ARGS...: verify says no, and where.
differs() {
    local what=$1
    shift
    try "verify: $*" 1 0 verify "${amd64[@]}" full changed "${new[@]}" "$@"
    prints <<<"differs $what"
}
cp dense changed
put changed 1abc 55 1
differs '0 0000000000001000 9000 1000 rwx- rwx- bytes differ'
differs '0 0000000000001000 9000 1000 rwx- rwx- bytes differ' --no-mmap
try 'verify --json, bytes' 1 0 verify --json "${amd64[@]}" full changed \
    "${new[@]}"
json '. == [{type: "difference", root: 0, va: "0000000000001000",
    what: "bytes differ", old: {pa: "9000", entry: "9003", read: true,
    write: true, exec: true, user: false}, new: {pa: "1000", entry: "1003",
    read: true, write: true, exec: true, user: false}}]'
try 'verify, a range without it' 0 0 verify "${amd64[@]}" full changed \
    "${new[@]}" --range 2000-ffffffff
try 'verify, without it' 0 0 verify "${amd64[@]}" full changed "${new[@]}" \
    --leave-out 1000-1fff --leave-out ffffffffffe01000-ffffffffffe01fff
cp dense changed
entries changed 6000 1=1001
differs '0 0000000000001000 9000 1000 rwx- r-x- rights differ'
entries changed 6000 1=0
differs '0 0000000000001000 9000 0 rwx- ---- not mapped any more'
entries changed 6000 1=1003 7=2003
try 'verify, a page too many' 1 0 verify "${amd64[@]}" full changed "${new[@]}"
check "$name: says so" grep -q \
    '^differs 0 0000000000007000 .* was not mapped before$' out
cp dense changed
entries changed 4000 0=5003
try 'verify, a table with other rights' 1 0 verify "${amd64[@]}" full changed \
    "${new[@]}"
check "$name: says so" grep -q \
    '^differs 0 0000000000000000 .* tables differ$' out
for policy in --copy-on-write '--copy-on-write --copy-shared' --split --merge \
    --zeros; do
    # shellcheck disable=SC2086
    compact "to be verified with $policy" $policy shared
    root=$(sed -n 's/^root 0 1000 //p' out)
    tail -1 out >certificate
    # shellcheck disable=SC2086
    try "verify $policy" 0 0 verify "${amd64[@]}" shared made/new \
        --new-root "$root" $policy
    prints <certificate
    # Holes of the file are no difference, but two pages that are one now are.
    try "verify, without $policy" 1 0 verify "${amd64[@]}" shared made/new \
        --new-root "$root"
done
rm made/new
try 'verify --reads' 1 1 verify "${amd64[@]}" full dense "${new[@]}" --reads 100
says 'stopped at the limit of 100 reads'
check "$name: no output" [ ! -s out ]
try 'verify --reads 0' 1 1 verify "${amd64[@]}" full dense "${new[@]}" --reads 0
says 'stopped at the limit of 0 reads'
unread "full: root 0 at 100000 can't be read" verify --regime amd64 \
    --root 100000 full dense "${new[@]}"
unread "dense: root 0 at 100000 can't be read" verify "${amd64[@]}" \
    full dense --new-root 100000
unread "missing: can't be opened" verify "${amd64[@]}" full missing
unread "missing: can't be opened" verify "${amd64[@]}" missing full

# Pages that two segments have together, and pages that memory ends in.
truncate -s 32K parts
entries parts 0 0=1067
entries parts 1000 0=2067
entries parts 2000 0=3067
entries parts 3000 0=4067 1=5067
put parts 4000 5511 2
put parts 5000 66 1
for byte in 5803 5804 58ff 5900; do
    cp parts parts-$byte
    put parts-$byte $byte 22 1
done
whole=(--regime amd64 --root 0 --segment 0:5804:0 --segment 5804:27fc:5804)
odd=(--regime amd64 --root 0 --segment 0:5803:0 --segment 5803:27fd:5803)
holed=(--regime amd64 --root 0 --segment 0:5804:0 --segment 5900:2700:5900)
short=(--regime amd64 --root 0 --segment 0:5804:0)
for way in '' --no-mmap; do
    for cut in whole odd; do
        declare -n segments=$cut
        # shellcheck disable=SC2086
        try "verify, a page in two segments, $cut $way" 0 0 verify $way \
            "${segments[@]}" parts parts
        check "$name: it is whole" grep -q ' pages 2 partial 0 ' out
        for byte in 5803 5804 5900; do
            # shellcheck disable=SC2086
            try "verify, byte $byte of two segments, $cut $way" 1 0 verify \
                $way "${segments[@]}" parts parts-$byte
            prints <<<'differs 0 0000000000001000 5000 5000 rwxu rwxu bytes differ'
        done
        # shellcheck disable=SC2086
        try "compact, a page in two segments, $cut $way" 0 0 compact $way \
            "${segments[@]}" -o made/parts parts
        shows 'pages 2'
        shows 'dropped-partial 0'
        check "$name: its bytes" cmp -n 8192 <(head -c $((0x6000)) parts |
            tail -c 8192) made/parts
        rm made/parts
    done
    for cut in holed short; do
        declare -n segments=$cut
        # shellcheck disable=SC2086
        try "verify, a page in part, $cut $way" 0 0 verify $way \
            "${segments[@]}" parts parts-5804
        check "$name: it is counted" grep -q ' pages 1 partial 1 ' out
        for byte in 5803 5900; do
            want=1
            [ $cut = short ] && [ $byte = 5900 ] && want=0
            # shellcheck disable=SC2086
            try "verify, byte $byte of a page in part, $cut $way" $want 0 \
                verify $way "${segments[@]}" parts parts-$byte
        done
        # shellcheck disable=SC2086
        try "compact, a page in part, $cut $way" 0 0 compact $way \
            "${segments[@]}" -o made/parts parts
        shows 'pages 1'
        shows 'dropped-partial 1'
        shows 'dropped-outside 0'
        check "$name: certified" grep -q '^verified .* dropped 1 ' out
        rm made/parts
    done
    # shellcheck disable=SC2086
    try "verify, more of a page than there was $way" 1 0 verify $way \
        "${short[@]}" --new-base 0 parts parts
    check "$name: says so" grep -q ' could not be read before, ' out
    # shellcheck disable=SC2086
    try "verify, less of a page than there was $way" 1 0 verify $way \
        --regime amd64 --root 0 --new-segment 0:5804:0 parts parts
    check "$name: says so" grep -q " the new page can't be read$" out
done

# -------------------------------------------------------------------- diff
try 'diff, the same' 0 0 diff "${amd64[@]}" full full
prints <<<'# 262662 pages compared, 0 different'
try 'diff, a dense image' 1 0 diff "${amd64[@]}" full dense "${new[@]}"
prints <<'T'
0 0000000000200000-00000000003fffff only-a
0 0000000040000000-000000007fffffff only-a
# 262662 pages compared, 262656 different, only-a 262656
T
cp full changed
put changed 8123 1 1
put changed 9fff 1 1
entries changed 4000 2=800000000000a465 3=8005 4=8005
entries changed 3000 1=2000200097
entries changed 2000 1=0 2=40000083
cat >runs <<'T'
0 0000000000000000-0000000000001fff bytes
0 0000000000002000-0000000000002fff rights rw-u->r--u
0 0000000000003000-0000000000004fff only-b
0 0000000000200000-00000000003fffff rights rw-u->rwxu attributes mt0->mt2 unreadable
0 0000000040000000-000000007fffffff only-a
0 0000000080000000-00000000bfffffff only-b
0 ffffffffffe00000-ffffffffffe01fff bytes
0 ffffffffffe02000-ffffffffffe02fff rights rw--->r---
0 ffffffffffe03000-ffffffffffe04fff only-b
# 524810 pages compared, 524810 different, only-a 262144, only-b 262148, rights 514, attributes 512, bytes 4, unreadable 512
T
for way in '' --no-mmap; do
    # shellcheck disable=SC2086
    try "diff $way" 1 0 diff $way "${amd64[@]}" full changed
    prints <runs
done
try 'diff --json' 1 0 diff --json "${amd64[@]}" full changed
json 'length == 10'
json '.[0] == {type: "change", root: 0, first: "0000000000000000",
    last: "0000000000001fff", what: ["bytes"]}'
json '.[3] | .what == ["rights", "attributes", "unreadable"] and
    .a == {read: true, write: true, exec: false, user: true, memory_type: 0,
        key: 0, global: false, copy_on_write: false} and
    .b.exec and .b.memory_type == 2'
json '.[9] == {type: "total", pages: 524810, different: 524810,
    only_a: 262144, only_b: 262148, rights: 514, attributes: 512, bytes: 4,
    unreadable: 512, shared: 0, joined: 0, complete: true}'
try 'diff, the other way' 1 0 diff "${amd64[@]}" changed full
check "$name: only here is only there" diff <(grep only- runs | sed \
    's/only-a/only-x/;s/only-b/only-a/;s/only-x/only-b/' | grep -v '^#') \
    <(grep only- out | grep -v '^#')
check "$name: bytes are bytes" diff <(grep bytes$ runs) <(grep bytes$ out)
try 'diff --range' 1 0 diff "${amd64[@]}" --range 1000-2fff full changed
prints <<'T'
0 0000000000001000-0000000000001fff bytes
0 0000000000002000-0000000000002fff rights rw-u->r--u
# 2 pages compared, 2 different, rights 1, bytes 1
T
try 'diff, a part of a large page' 1 0 diff "${amd64[@]}" full changed \
    --range 234000-235fff
check "$name: that part" grep -q '^0 0000000000234000-0000000000235fff ' out
try 'diff --limit' 1 1 diff "${amd64[@]}" full changed --limit 2
says 'full: stopped at the limit of 2 pages, in root 0 at 1000, address '
says '--range 0000000000002000-ffffffffffffffff'
prints <<'T'
0 0000000000000000-0000000000001fff bytes
# 2 pages compared, 2 different, bytes 2; not complete
T
try 'diff --limit, the same' 1 1 diff "${amd64[@]}" full full --limit 2
prints <<<'# 2 pages compared, 0 different; not complete'
try 'diff --limit 0' 1 1 diff "${amd64[@]}" full full --limit 0
try 'diff --reads' 1 1 diff "${amd64[@]}" full changed --reads 100
says 'stopped at the limit of 100 reads'
check "$name: not complete" grep -q '; not complete$' out
try 'diff --reads 0' 1 1 diff "${amd64[@]}" full changed --reads 0
says 'stopped at the limit of 0 reads'
try 'diff, two roots, one of them empty' 1 2 diff "${amd64[@]}" --root b000 full changed
check "$name: the first" diff <(grep ^0 runs) <(grep ^0 out)
says 'full: root 1 at b000: its table is all zeros: a wrong root, or a hole in '
says 'changed: root 1 at b000: its table is all zeros'
try 'diff, roots of their own' 1 1 diff "${amd64[@]}" full full \
    --new-cr3 b01b --json
json '.[0].what == ["only-a"]'
try 'diff, runs end at a root' 1 2 diff --all "${amd64[@]}" --root 1000 \
    --new-root b000 --new-root b000 full full
check "$name: as often for each" \
    [ "$(grep -c ^0 out)" -eq "$(grep -c ^1 out)" ]

# Pages that are one on one side and two on the other.
truncate -s 8M once
entries once 0 0=1067
entries once 1000 0=2067
entries once 2000 0=3067
entries once 3000 0=4067 1=4067
cp once two
entries two 3000 1=5067
try 'diff, one page became two' 1 0 diff --regime amd64 --root 0 once two
prints <<'T'
0 0000000000001000-0000000000001fff shared
# 2 pages compared, 1 different, shared 1
T
try 'verify, one page became two' 1 0 verify --regime amd64 --root 0 once two
check "$name: says so" grep -q ' one page became two$' out
try 'diff, two pages became one' 1 0 diff --regime amd64 --root 0 two once
prints <<'T'
0 0000000000001000-0000000000001fff joined
# 2 pages compared, 1 different, joined 1
T
try 'diff --json, two pages became one' 1 0 diff --json --regime amd64 --root 0 \
    two once
json '.[0].what == ["joined"] and .[1].joined == 1 and .[1].shared == 0'
try 'diff, two pages are two' 0 0 diff --regime amd64 --root 0 two two
try 'diff, one page is one' 0 0 diff --regime amd64 --root 0 once once
try 'diff, one page is one, two roots' 0 2 diff --regime amd64 --root 0 \
    --root 1000 once once
# Pages that nobody writes can be one: it can't be noticed.
entries once 3000 0=4065 1=4065
entries two 3000 0=4065 1=5065
try 'diff, pages that nobody writes became one' 0 0 diff --regime amd64 \
    --root 0 two once
try 'diff, a page that nobody writes became two' 1 0 diff --regime amd64 \
    --root 0 once two
check "$name: says so" grep -qx \
    '0 0000000000001000-0000000000001fff shared' out
try 'diff, pages that the supervisor writes became one' 1 0 diff \
    --regime amd64 --no-wp --root 0 two once
check "$name: says so" grep -qx \
    '0 0000000000001000-0000000000001fff joined' out
entries once 3000 5=4067
entries two 3000 5=4067
try 'diff, the one that they became is written elsewhere' 1 0 diff \
    --regime amd64 --root 0 two once
prints <<'T'
0 0000000000005000-0000000000005fff joined
# 3 pages compared, 1 different, joined 1
T
# The same of large pages, and of a large one and its parts.
entries once 3000 0=0 1=0 5=0
entries once 2000 1=2000e7 2=2000e7
cp --sparse=never once two
entries two 2000 2=4000e7
try 'diff, a large page became two' 1 0 diff --regime amd64 --root 0 once two
prints <<'T'
0 0000000000400000-00000000005fffff shared
# 1024 pages compared, 512 different, shared 512
T
try 'diff, two large pages became one' 1 0 diff --regime amd64 --root 0 two \
    once
prints <<'T'
0 0000000000400000-00000000005fffff joined
# 1024 pages compared, 512 different, joined 512
T
entries once 2000 1=2000e5 2=2000e5 3=2000e7
entries two 2000 1=2000e5 2=2000e5 3=2000e7
entries once 3000 0=204065
entries two 3000 0=5065
try 'diff, a page became a part of a large one' 1 0 diff --regime amd64 \
    --root 0 two once
prints <<'T'
0 0000000000604000-0000000000604fff joined
# 1537 pages compared, 1 different, joined 1
T
try 'diff, a part of a large page became one' 1 0 diff --regime amd64 \
    --root 0 once two
prints <<'T'
0 0000000000204000-0000000000204fff shared
0 0000000000404000-0000000000604fff    2.0M the 4K at 0000000000204000 repeats 2 times, every 2M
# 1537 pages compared, 3 different, shared 3
T
rm once two

# Thousands of segments cost no more than they are: 64 GiB, a page every 16 MiB.
truncate -s 4M scattered
for ((i = 0; i < 64; i++)); do
    leaves+=("$i=$(printf '%x' $((i << 30 | 0xe7)))")
done
entries scattered 0 0=1067
entries scattered 1000 "${leaves[@]}"
for ((i = 0; i < 4000; i++)); do
    printf -v segment %x:1000:%x $((i << 24)) $((i % 512 << 12))
    scattered+=(--segment $segment)
done
scattered[1]=0:4000:0
name='diff, thousands of segments'
(ulimit -t 10; exec "$ptwalk" diff --regime amd64 --root 0 "${scattered[@]}" \
    scattered scattered >out 2>err)
check "$name: in no time" [ $? -eq 0 ]
prints <<<'# 16777216 pages compared, 0 different'
rm scattered

# Holes are not read, on either side.
truncate -s 4G sparse
leaves=()
for ((i = 0; i < 4; i++)); do
    leaves+=("$i=$(printf '%x' $((i << 30 | 0xe7)))")
done
entries sparse 0 0=1067
entries sparse 1000 "${leaves[@]}"
put sparse c0001234 55 1
cp --sparse=always sparse sparse-2
for command in 'compact -o made/new' 'compact --zeros -o made/new' \
    'verify sparse-2' 'diff sparse-2'; do
    name="$command, 4 GiB of holes"
    # shellcheck disable=SC2086
    (ulimit -t 6; exec "$ptwalk" $command --regime amd64 --root 0 sparse \
        >out 2>err)
    check "$name: in no time" [ $? -eq 0 ]
    rm -f made/new
done
put sparse-2 c0001234 56 1
try 'verify, a byte between holes' 1 0 verify --regime amd64 --root 0 sparse \
    sparse-2
check "$name: says where" grep -q ' c0001000 c0001000 .* bytes differ$' out
rm sparse sparse-2

# Pages that segments have together, and pages that memory ends in.
for way in '' --no-mmap; do
    for cut in whole odd holed short; do
        declare -n segments=$cut
        for byte in 5803 5804 5900; do
            want=1
            [ $byte = 5804 ] && [ $cut = holed ] && want=0
            [ $byte != 5803 ] && [ $cut = short ] && want=0
            # shellcheck disable=SC2086
            try "diff, byte $byte of a page, $cut $way" $want 0 diff $way \
                "${segments[@]}" parts parts-$byte
            [ $want = 0 ] || check "$name: bytes" grep -qx \
                '0 0000000000001000-0000000000001fff bytes' out
        done
    done
    # shellcheck disable=SC2086
    try "diff, less of a page $way" 1 0 diff $way --regime amd64 --root 0 \
        --new-segment 0:5804:0 parts parts-5803
    check "$name: says both" grep -qx \
        '0 0000000000001000-0000000000001fff bytes unreadable' out
done

# Leaves of different sizes, holes, and a page that is partly there.
"$ptwalk" compact "${amd64[@]}" --split -o made/new shared >out
root=$(sed -n 's/^root 0 1000 //p' out)
try 'diff, large pages and small ones' 1 0 diff "${amd64[@]}" shared made/new \
    --new-root "$root"
prints <<'T'
0 0000000040000000-000000007fffffff only-a
# 262674 pages compared, 262144 different, only-a 262144
T
put made/new 12340 1 8
try 'diff, a byte of a large page' 1 0 diff "${amd64[@]}" shared made/new \
    --new-root "$root" --range 0-3fffffff
prints <<'T'
0 000000000020a000-000000000020afff bytes
# 521 pages compared, 1 different, bytes 1
T
rm made/new
head -c $((0x9800)) full >ends
try 'diff, a file that ends in a page' 1 0 diff "${amd64[@]}" full ends
check "$name: it can't be compared" grep -qx \
    '0 0000000000001000-0000000000002fff unreadable' out
try 'diff, both end there' 0 0 diff "${amd64[@]}" ends ends
try 'diff, an unreadable table' 3 1 diff "${amd64[@]}" full bad
says 'bad: tables can'
check "$name: not complete" grep -q '; not complete$' out
try 'diff, a bad root' 3 1 diff "${amd64[@]}" full full --new-root 100000
says "full: root 0 at 100000 can't be read"
prints <<<'# 0 pages compared, 0 different; not complete'
try 'diff --json, a bad root' 3 1 diff --json "${amd64[@]}" full full \
    --new-root 100000
json 'length == 1 and .[0].complete == false'
try 'diff, a bad root and a good one' 3 1 diff --regime amd64 --root 100000 \
    --root 1000 full changed --new-root 1000 --new-root 1000
check "$name: the good one" diff <(sed -n 's/^0/1/p' runs) <(grep ^1 out)
check "$name: not complete" grep -q '; not complete$' out
try 'diff, bare' 1 0 diff --regime bare full changed
check "$name: pages of the file" [ "$(grep -c 'bytes$' out)" -eq 2 ]
try 'diff, loops' 1 0 diff --regime amd64 --root b000 --new-root 1000 loops \
    loops --reads 100000000
rm changed

# Tables that are mapped by an entry that refers to its own table have addresses
# in them: these differ in a rebuilt image, which is the same all the same.
cp full window
entries window 1000 510=1003
"$ptwalk" compact "${amd64[@]}" -o made/new window >out
root=$(sed -n 's/^root 0 1000 //p' out)
try 'verify, a window on the tables' 0 0 verify "${amd64[@]}" window made/new \
    --new-root "$root"
try 'diff, a window on the tables' 1 0 diff "${amd64[@]}" window made/new \
    --new-root "$root" --range ffffff0000000000-ffffff7fffffffff
check "$name: the tables" grep -qx \
    '0 ffffff0000000000-ffffff0000000fff bytes' out
rm made/new

# Sixty-four spaces that share everything.
for ((i = 0; i < 64; i++)); do
    roots+=(--root 1000)
done
try 'diff, many roots' 0 0 diff --regime amd64 "${roots[@]}" shared shared
prints <<<"# $((64 * 262674)) pages compared, 0 different"

wrong 'it takes two images' diff "${amd64[@]}" full
wrong 'it takes two images' verify "${amd64[@]}" full
wrong "'c' is one argument too many" diff "${amd64[@]}" full full c
wrong "full has 1 root and dense 2: --new-root is needed as often as --root" \
    verify "${amd64[@]}" full dense "${new[@]}" "${new[@]}"
wrong '--new-base and --new-segment exclude each other' diff "${amd64[@]}" \
    full full --new-base 0 --new-segment 0:1000:0
wrong 'two segments overlap' diff "${amd64[@]}" full full \
    --new-segment 0:1000:0 --new-segment fff:1000:0
wrong "--new-segment '0:0:0' has no length" diff "${amd64[@]}" full full \
    --new-segment 0:0:0
wrong "--new-root 'x' is not a hexadecimal number" diff "${amd64[@]}" full \
    full --new-root x
for range in 1-fff 0-ffe 0-1000; do
    wrong "--leave-out '$range' is not whole pages" verify "${amd64[@]}" \
        full full --leave-out $range
done
for command in 'compact -o made/new' 'verify full' 'diff full'; do
    for range in 1-fff 0-ffe 0-1000 1000-17ff; do
        # shellcheck disable=SC2086
        wrong "--range '$range' is not whole pages: from the first byte" \
            $command "${amd64[@]}" full --range $range
    done
    # shellcheck disable=SC2086
    wrong "--range '800000000000-800000000fff': no table can map any of it" \
        $command "${amd64[@]}" full --range 800000000000-800000000fff
    # shellcheck disable=SC2086
    wrong "--range '100000000-ffffffffffffffff': no table can map any of it" \
        $command --regime i686 --root 1000 full \
        --range 100000000-ffffffffffffffff
done
try 'diff, a range of which no table can map a part' 0 0 diff "${amd64[@]}" \
    --range 7ffffffff000-800000000fff full full
for command in 'compact -o made/new' 'verify full'; do
    # shellcheck disable=SC2086
    wrong '--leave-out: of 0000000000000000-ffffffffffffffff nothing is kept' \
        $command "${amd64[@]}" full --leave-out 0-ffffffffffffffff
    # shellcheck disable=SC2086
    wrong '--leave-out: of 0000000000001000-0000000000002fff nothing is kept' \
        $command "${amd64[@]}" full --range 1000-2fff \
        --leave-out 1000-1fff --leave-out 2000-3fff
done
wrong "--leave-out '0-0' is not whole pages" verify "${amd64[@]}" full full \
    --leave-out 0
wrong 'left out overlap at address 0000000000001000' verify "${amd64[@]}" full \
    full --leave-out 1000-1fff --leave-out 0-1fff
for map in '' 1000 1000:2000 1000:2000: 1000::1000 1000:2000:g; do
    wrong 'is not VA:PA:LENGTH or VA:PA:LENGTH:RIGHTS' compact "${amd64[@]}" \
        -o made/new full --map "$map"
done
wrong 'its rights must have r' compact "${amd64[@]}" -o made/new full \
    --map 1000:2000:1000:w
wrong 'this paging mode has no such right' compact "${amd64[@]}" \
    -o made/new full --map 1000:2000:1000:rX
for rights in '' rr rwz r:w; do
    wrong 'the rights are not some of r, w, x, u and X, each once' compact "${amd64[@]}" \
        -o made/new full --map "1000:2000:1000:$rights"
done
for map in 1000:2000:0 fffffffffffff000:0:1001 0:fffffffffffff000:1001; do
    wrong 'has no length, or too much of it' compact "${amd64[@]}" \
        -o made/new full --map "$map"
done
for map in 1001:2000:1000 1000:2001:1000 1000:2000:1001; do
    wrong 'is not whole pages' compact "${amd64[@]}" -o made/new full \
        --map "$map"
done
for map in 800000000000:0:1000 7ffffffff000:0:2000 \
    7ffffffff000:0:ffff800000001000; do
    wrong "--map $map: no table can map these addresses" compact \
        "${amd64[@]}" -o made/new full --map "$map"
done
wrong '--map 0:ffffffffff000:2000: it ends beyond the last physical' compact \
    "${amd64[@]}" -o made/new full --map 0:ffffffffff000:2000
wrong '--map 2000:0:1000: another --map has some of these' compact \
    "${amd64[@]}" -o made/new full --map 2000:0:1000 --map 1000:0:2000
wrong '--max-bytes' compact "${amd64[@]}" -o made/new full --max-bytes 1X
for option in -o --page-map --max-bytes --new-base; do
    wrong 'is given twice' compact "${amd64[@]}" -o made/new full \
        --page-map map --max-bytes 1 --new-base 0 $option 0
done
wrong '--force is given twice' compact "${amd64[@]}" --force --force full
for command in leaves verify diff; do
    for option in '-o x' --force '--page-map x' '--max-bytes 1' \
        '--map 0:0:1000'; do
        # shellcheck disable=SC2086
        wrong 'it has no option --' $command "${amd64[@]}" $option full
    done
done
for command in leaves diff; do
    for option in --merge --zeros --split --copy-on-write --copy-shared \
        '--leave-out 0-fff'; do
        # shellcheck disable=SC2086
        wrong 'it has no option --' $command "${amd64[@]}" $option full
    done
done
for option in --new-root --new-cr3 --new-segment --limit; do
    wrong "it has no option $option" compact "${amd64[@]}" -o x $option 0 full
done
wrong 'it has no option --limit' verify "${amd64[@]}" --limit 1 full full
wrong 'it has no option --new-base' leaves "${amd64[@]}" --new-base 0 full

# --------------------------------------------------------------- arguments
wrong 'no image is given' leaves "${amd64[@]}"
wrong "'good' is one argument too many" leaves "${amd64[@]}" good good
wrong 'an image and an address' translate "${amd64[@]}" good
wrong 'an image and an address' explain "${amd64[@]}" good
wrong 'paging mode is not given' leaves good
wrong 'paging mode is not given' leaves --root 1000 good
wrong 'paging mode is not given' leaves --cr3 1000 --cr4 20 --efer d00 good
wrong 'no root is given' leaves --regime amd64 good
wrong 'no root is given' leaves "${registers[@]}" good
wrong 'so --cr4 is needed too' leaves --cr0 80000001 --cr3 1000 good
wrong 'so --efer is needed too' leaves --cr0 80000001 --cr4 20 --cr3 1000 good
wrong 'so --efer is needed too' leaves --cr0 1 --cr4 20 --cr3 1000 good
wrong 'exclude each other' leaves "${amd64[@]}" --cr0 80000001 good
wrong 'exclude each other' leaves "${amd64[@]}" --cr4 0 good
wrong 'exclude each other' leaves "${amd64[@]}" --efer 0 good
wrong 'CR0.PG is set and CR0.PE is clear' leaves --cr0 80000000 --cr4 0 \
    --cr3 1000 good
wrong 'EFER.LMA is not what' leaves --cr0 80000001 --cr4 20 --efer 100 \
    --cr3 1000 good
wrong 'EFER.LME is set and CR4.PAE is clear' leaves --cr0 80000001 --cr4 0 \
    --efer 500 --cr3 1000 good
for option in --no-nx --no-pse --no-wp; do
    wrong 'go with --regime' leaves "${registers[@]}" --cr3 1000 $option good
done
for regime in '' x86 AMD64 amd64x; do
    wrong 'no paging mode has this name' leaves --regime "$regime" --root 1000 \
        good
done
for value in '' ' 1' '1 ' +1 1h 0x 0x0x1 10000000000000000 1,0; do
    for option in --root --cr3 --base; do
        wrong "$option '$value' is not a hexadecimal number" \
            leaves --regime amd64 --root 1000 $option "$value" good
    done
    for option in --cr0 --cr4 --efer; do
        wrong "$option '$value' is not a hexadecimal number" \
            leaves $option "$value" --cr3 1000 good
    done
    if [ -n "$value" ]; then
        wrong "'$value' is not an address" translate "${amd64[@]}" good "$value"
    fi
done
try 'leading zeros' 0 0 leaves --regime amd64 --root 0x00000000000000000001000 \
    good
same_leaves
wrong "option --root needs a value" leaves good --root
wrong "no option -1" translate "${amd64[@]}" good -1
wrong 'there is no option --what' leaves "${amd64[@]}" good --what
wrong 'there is no option --rooted=1' leaves "${amd64[@]}" good --rooted=1
wrong 'option --no is ambiguous: --no-1g, for instance' \
    leaves "${amd64[@]}" good --no
wrong '--version goes without a command: ptwalk --version' compact --version
wrong 'no option -x' leaves "${amd64[@]}" good -x
wrong 'option --json takes no value' leaves "${amd64[@]}" good --json=1
for value in '' x 1x 0x10 -1 ' 1' 18446744073709551616; do
    wrong 'is not a decimal number' leaves "${amd64[@]}" --limit "$value" good
    wrong 'is not a decimal number' leaves "${amd64[@]}" --reads "$value" good
    wrong 'is not a decimal number' leaves "${amd64[@]}" --pa-bits "$value" good
done
wrong 'is not from 32 to 52' leaves "${amd64[@]}" --pa-bits 31 good
wrong 'from 32 to 52' leaves "${amd64[@]}" --pa-bits 53 good
wrong 'is not from 32 to 52' leaves "${amd64[@]}" --pa-bits 57 good
for range in '' - 0- -0 0:1 0-1-2 0+ 0+x 0+0x ' 0-1' 0-g 0-10000000000000000; do
    wrong 'is not FIRST-LAST' leaves "${amd64[@]}" --range "$range" good
done
wrong 'ends before it starts' leaves "${amd64[@]}" --range 2-1 good
try 'a range of one byte' 0 0 leaves "${amd64[@]}" --range 0-0 good
check "$name: one leaf" [ "$(wc -l <out)" -eq 2 ]
for option in --regime --base --range --limit --reads --pa-bits; do
    case $option in
    --regime) value=amd64 ;;
    --range) value=0-1 ;;
    --base) value=40000 ;;
    *) value=40 ;;
    esac
    wrong "$option is given twice" leaves --root 1000 $option $value \
        $option $value good
done
for command in translate explain; do
    wrong 'has no option --range' $command "${amd64[@]}" --range 0-1 good 0
    wrong 'has no option --limit' $command "${amd64[@]}" --limit 1 good 0
    wrong 'has no option --reads' $command "${amd64[@]}" --reads 1 good 0
done
for command in leaves maps translate explain; do
    wrong 'has no option --findings' $command "${amd64[@]}" --findings good
done

finish
