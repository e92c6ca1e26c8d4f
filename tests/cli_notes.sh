#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command, and what a dump says of paging: registers of processors, and what
# Linux says of itself.
#
# usage: cli_notes.sh PTWALK_BINARY SCRATCH_DIR
set -u
# shellcheck source=tests/cli_tools.sh
. "$(dirname "$0")/cli_tools.sh"

make_good good
# ------------------------------------------------------------- what goes together
: >notes
cpu 80010001 1000 20
cpu 60000010 0 0
cpu 80010001 1000 0
cpu 80010001 1018 20
core mixed.elf
# Whoever is asked for the mode has to know that what says it was cut off.
head -c 40000 mixed.elf >cut.elf
try 'notes that are cut off' 2 2 leaves cut.elf
says 'cut.elf: ends at 9c40, where'
says 'the paging mode is not given, and the file does not say it'
for way in leaves maps spaces 'translate 0' 'explain 0'; do
    # shellcheck disable=SC2086,SC2046
    "$ptwalk" ${way%% *} mixed.elf $(cut -d' ' -f2- -s <<<"$way") >out 2>err
    name="processors in other modes: $way"
    says 'mixed.elf: has processors in another paging mode than the one that is'
    says 'left out: CPU 1 (paging is off), CPU 2 (32-bit paging)'
    check "$name: in a line" [ "$(wc -l <err)" -eq 1 ]
done
try 'processors in other modes: a root is given' 0 0 leaves --root 1000 mixed.elf
try 'processors in other modes: info says them' 0 0 info mixed.elf
# What an option says of a register holds for every processor.
try 'processors in other modes: CR4 is given' 0 1 leaves --cr4 20 mixed.elf
says 'left out: CPU 1 (paging is off)'
check "$name: the others" [ "$(grep -c '^# root' out)" -eq 1 ]
: >notes
cpu 80010001 1000 1020
cpu 80010001 2000 20
core five.elf
try 'a mode that an option says' 0 0 leaves --cr4 20 five.elf
check "$name: both roots" [ "$(grep -c '^# root' out)" -eq 2 ]
: >notes
cpu 80010001 1000 20
cpu 80010001 1020 20
cpu 80010001 1005 20
core folded.elf
try 'roots that are one in long mode' 0 0 info folded.elf
check "$name: one" [ "$(grep -c '^root' out)" -eq 1 ]
try 'roots that are two in PAE paging' 0 2 info --efer 800 folded.elf
check "$name: two" [ "$(grep -c '^root' out)" -eq 2 ]
# In one mode, they may differ in what makes entries bad or lets accesses pass.
: >notes
cpu 80010001 1000 20
cpu 80000001 2000 20
cpu 80010001 1000 100020
cpu 80010001 1000 20
core differing.elf
for way in leaves maps; do
    try "processors that differ: $way" 0 1 $way differing.elf
    says 'differing.elf: is walked by the registers of CPU 0, and the registers of others differ: CPU 1 (CR0.WP), CPU 2 (CR4.SMEP); --cr0'
done
try 'processors that differ: a register is given' 0 1 leaves --cr0 80010001 \
    differing.elf
says 'differ: CPU 2 (CR4.SMEP); --cr0'
try 'processors that differ: both are given' 0 0 leaves --cr0 80010001 --cr4 20 \
    differing.elf
try 'processors that differ: what makes them alike is given' 0 0 leaves --no-wp \
    --cr4 20 differing.elf
try 'processors that differ: a root is given' 0 0 leaves --root 1000 differing.elf
try 'processors that differ: a name is given' 0 0 leaves --regime amd64 \
    differing.elf
try 'processors that differ: info' 0 0 info differing.elf
check "$name: says so" grep -qF \
    'the registers of others differ: CPU 1 (CR0.WP), CPU 2 (CR4.SMEP)' out
try 'processors that differ: info --json' 0 0 info --json differing.elf
json 'any(.[]; .type == "mode" and .differ == "CPU 1 (CR0.WP), CPU 2 (CR4.SMEP)")'
try 'processors that differ: one that no option lets be' 0 1 leaves \
    --cr4 800020 differing.elf
says 'differ: CPU 1 (CR4.CET is set and CR0.WP is clear'
# ------------------------------------------------------------ two dumps together
# Each has the roots that it says itself.
: >notes
cpu 80010001 1000 20
core first.elf
: >notes
cpu 80010001 2000 20
core second.elf
try 'two dumps: diff' 1 0 diff --regime amd64 --root 1000 --new-root 2000 \
    first.elf second.elf
mv out wanted
try 'two dumps: diff, by their own roots' 1 0 diff first.elf second.elf
check "$name: those" cmp out wanted
try 'two dumps: verify' 1 0 verify first.elf second.elf
for said in '--new-cr3 1000' '--root 1000'; do
    # shellcheck disable=SC2086
    try "two dumps: $said" 0 0 verify $said first.elf second.elf
done
try 'two dumps: memory alone' 0 0 diff first.elf good
: >notes
cpu 80010001 2000 20
cpu 80010001 1000 20
core second.elf
try 'two dumps: another number of roots' 2 1 diff first.elf second.elf
says 'diff: first.elf has 1 root and second.elf 2: --new-root is needed'
: >notes
cpu 80010001 2000 1020
core second.elf
try 'two dumps: another mode' 2 1 diff first.elf second.elf
says 'first.elf is walked as amd64, and second.elf says that it is amd64-la57'
try 'two dumps: another mode, and a root' 2 1 diff --root 1000 first.elf second.elf
try 'two dumps: another mode, and a name' 0 0 diff --regime amd64 --root 1000 \
    first.elf second.elf
try 'two dumps: another mode, and a register' 1 0 diff --cr4 20 first.elf second.elf
# What says a part of it does not say the mode.
for said in '--no-nx' '--pa-bits 40' '--flag-bit 47' '--vendor amd' '--efer d00'; do
    # shellcheck disable=SC2086
    try "two dumps: another mode, and $said" 2 1 diff $said first.elf second.elf
    says 'first.elf is walked as amd64, and second.elf says that it is amd64-la57'
done
try 'two dumps: another mode, and all registers' 1 0 diff "${registers[@]}" \
    first.elf second.elf
: >notes
cpu 80010001 2000 20
cpu 60000010 0 0
core second.elf
try 'two dumps: a processor that is left out' 1 1 diff first.elf second.elf
says 'second.elf: has processors in another paging mode than the one that is walked'
: >notes
cpu 80010000 1000 20
core second.elf
for way in diff verify; do
    try "two dumps: registers that can't be: $way" 3 1 $way first.elf second.elf
    says "second.elf: its note QEMU at"
done
try "two dumps: registers that can't be, and others" 0 0 diff --cr0 80010001 \
    first.elf second.elf
try "two dumps: registers that can't be, and a width" 3 1 diff --pa-bits 40 \
    first.elf second.elf
says "second.elf: its note QEMU at"
try "two dumps: registers that can't be, and another one" 2 1 diff --cr4 20 \
    first.elf second.elf
says 'diff: CR0 80010000, CR4 20, EFER d00, by the options and, what they do not say, by the registers of CPU 0 in second.elf: CR0.PG is set'
: >notes
cpu 80000001 1000 100020
core second.elf
try 'two dumps: other rules' 0 1 diff first.elf second.elf
says 'second.elf: is walked as first.elf is, and its own registers differ: CPU 0 (CR0.WP, CR4.SMEP); --cr0'
for said in '--cr4 100020:CR0.WP' '--no-wp:CR4.SMEP' '--pa-bits 40:CR0.WP, CR4.SMEP'; do
    # shellcheck disable=SC2086
    try "two dumps: other rules, and ${said%:*}" 0 1 diff ${said%:*} first.elf \
        second.elf
    says "and its own registers differ: CPU 0 (${said#*:}); --cr0"
done
try 'two dumps: other rules, said' 0 0 diff --cr0 80010001 --cr4 20 first.elf \
    second.elf
: >notes
cpu 60000010 0 0
core second.elf
try 'two dumps: the second has no paging' 2 1 diff first.elf second.elf
says 'first.elf is walked as amd64, and second.elf says that it is bare'
try 'two dumps: the first has no paging' 2 1 verify second.elf first.elf
says 'second.elf is walked as bare, and first.elf says that it is amd64'
: >notes
cpu 80010001 1000 1020
cpu 80000001 2000 20
core second.elf
try 'processors that differ, of one mode by an option' 0 1 leaves --cr4 20 second.elf
says 'differ: CPU 1 (CR0.WP); --cr0'
try 'two dumps: an option holds for both' 0 1 diff --cr4 20 second.elf second.elf
says 'differ: CPU 1 (CR0.WP); --cr0'
cp second.elf third.elf
try 'two dumps: processors of both differ' 0 2 diff --cr4 20 second.elf third.elf
says 'third.elf: is walked as second.elf is, and its own registers differ: CPU 1 (CR0.WP); --cr0'
try 'two dumps: processors of both differ, and a root is given' 0 0 diff --cr4 20 \
    --root 1000 second.elf third.elf
: >notes
cpu 80010001 1000 20
printf 'NUMBER(sme_mask)=5\n' | note notes VMCOREINFO 0
core second.elf
try 'two dumps: a doubt of the second' 0 1 diff first.elf second.elf
says 'second.elf: says NUMBER(sme_mask)=5 in VMCOREINFO'
# A register says nothing of it.
try 'two dumps: a doubt of the second, and a register' 0 1 diff --cr4 20 first.elf \
    second.elf
says 'second.elf: says NUMBER(sme_mask)=5 in VMCOREINFO'
try 'two dumps: a doubt of the second that is answered' 0 0 diff --flag-bit 47 \
    first.elf second.elf
: >notes
cpu 80010001 1000 20
printf 'NUMBER(sme_mask)=140737488355328\n' | note notes VMCOREINFO 0
core second.elf
try 'two dumps: other flag bits' 0 1 diff first.elf second.elf
says 'second.elf: says flag bits 800000000000, and is walked with those of first.elf, 0'
: >notes
cpu 80010001 1000 20
printf 'NUMBER(sme_mask)=5\n' | note notes VMCOREINFO 0
core doubtful.elf
try 'a flag bit that is none' 0 1 leaves doubtful.elf
says 'doubtful.elf: says NUMBER(sme_mask)=5 in VMCOREINFO, which can'
says '--flag-bit says what it is'
check "$name: all leaves" [ "$(grep -vc '^#' out)" -ge 5 ]
try 'a flag bit that is none: info' 0 1 info doubtful.elf
try 'a flag bit that is none: another one is given' 0 0 leaves --flag-bit 47 \
    doubtful.elf
try 'a flag bit that is none: mode and root are given' 0 0 leaves "${amd64[@]}" \
    doubtful.elf
# What an option says goes before it.
: >notes
cpu 80010001 1000 20
printf 'NUMBER(sme_mask)=2251799813685248\n' | note notes VMCOREINFO 0
core flagged.elf
try 'a flag bit: info' 0 0 info flagged.elf
check "$name: that one" grep -q 'flag bits 8000000000000$' out
try 'a flag bit, and an option: info' 0 0 info --flag-bit 47 flagged.elf
check "$name: that of the option" grep -q 'flag bits 800000000000$' out


# -------------------------------------------------------------------- Xen's cores
# xen FILE LIST: a core of the 16 pages of good, the last one first; LIST says the
# number of each, .xen_pfn, or .xen_p2m with the guest's own in front of it.  Xen,
# docs/misc/dump-core-format.txt.
xen() {
    local i each=8
    rm -f "$1"
    truncate -s 80K "$1"
    printf '\x7fELF\2\1\1' | dd of="$1" conv=notrunc status=none
    put "$1" 10 4 2
    put "$1" 12 3e 2
    put "$1" 28 200 8 # sections
    put "$1" 34 40 2
    put "$1" 3a 40 2
    put "$1" 3c 5 2
    put "$1" 3e 1 2
    printf '\0.xen_pages\0.xen_prstatus\0%s\0' "$2" |
        dd of="$1" bs=1 seek=1024 conv=notrunc status=none
    [ "$2" = .xen_p2m ] && each=16
    # Names, pages, states, and the list.
    section "$1" 1 0 400 40 0
    section "$1" 2 1 4000 10000 1000
    section "$1" 3 c 1000 2860 1430
    section "$1" 4 1a 800 "$(printf %x $((16 * each)))" "$(printf %x $each)"
    for ((i = 0; i < 16; i++)); do
        [ $each = 8 ] || put "$1" "$(printf %x $((0x800 + each * i)))" 7$i 8
        put "$1" "$(printf %x $((0x800 + each * (i + 1) - 8)))" \
            "$(printf %x $((15 - i)))" 8
        dd if=good of="$1" bs=4096 skip=$((15 - i)) seek=$((4 + i)) count=1 \
            conv=notrunc status=none
    done
}
# section FILE INDEX NAME OFFSET BYTES EACH
section() {
    local at=$((0x200 + 0x40 * $2))
    put "$1" "$(printf %x $at)" "$3" 4
    put "$1" "$(printf %x $((at + 24)))" "$4" 8
    put "$1" "$(printf %x $((at + 32)))" "$5" 8
    put "$1" "$(printf %x $((at + 56)))" "$6" 8
}
# state FILE CPU CR0 CR1 CR3 CR4: a state of 64 bits, whose control registers are
# at 1378 (xen/include/public/arch-x86/xen.h).
state() {
    local at=$((0x1000 + 0x1430 * $2)) cr
    put "$1" "$(printf %x $((at + 512)))" 21 8
    at=$((at + 0x1378))
    for cr in "$3" "$4" 0 "$5" "$6"; do
        put "$1" "$(printf %x $at)" "$cr" 8
        at=$((at + 8))
    done
}
"$ptwalk" leaves --holes zero "${amd64[@]}" good >expected
"$ptwalk" leaves --holes zero "${amd64[@]}" --root 2000 good >expected2
xen pv.xen .xen_p2m
state pv.xen 0 80050033 2000 1000 2660
state pv.xen 1 80050033 0 1000 2660
try 'Xen: two tables of a processor' 0 0 leaves pv.xen
check "$name: their leaves" cmp out expected2
try 'Xen: two tables: info' 0 0 info pv.xen
shows 'CPU 0: paravirtualised, its table at 1000, the user'\''s at 2000'
shows "paging: said by Xen's state of its CPUs; 1 more CPU has the root of another one"
shows 'root 1: 2000, of CPU 0, the user'\''s'
try 'Xen: two tables: info --json' 0 0 info --json pv.xen
json '[.[] | select(.type == "cpu") | .user_table] == ["2000", "0"]'
try 'Xen: a root that is given' 0 0 leaves --root 1000 pv.xen
check "$name: its leaves" cmp out expected
# Of 32 bits, Xen walks the upper table, wherever it lies, below one of its own.
# narrow CR3: a core whose processor has that; the page at 2000 of good lies at
# 100002000.
narrow() {
    xen narrow.xen .xen_p2m
    put narrow.xen 12 3 2
    put narrow.xen 1200 21 4
    put narrow.xen 1aa8 "$1" 4
    put narrow.xen 8d8 100002 8
}
"$ptwalk" leaves --holes zero "${amd64[@]}" --range 0-7fffffffff good |
    sed 's/^# root 0 1000$/# root 0 fffffe000/' >expected32
narrow 2001
try 'Xen: a guest of 32 bits' 0 1 leaves narrow.xen
says 'narrow.xen: is of a guest of 32 bits that Xen walks below tables of its own, in four levels: they are not in it, and made, from fffffe000 on'
check "$name: the leaves" cmp out expected32
try 'Xen: a guest of 32 bits: info' 0 1 info narrow.xen
shows 'CPU 0: paravirtualised, its table at 100002000, the user'\''s at 0, Xen'\''s above it made at fffffe000'
shows 'mode: amd64, 52-bit physical addresses'
shows 'root 0: fffffe000, of CPU 0, Xen'\''s above its own'
try 'Xen: a guest of 32 bits: info --json' 0 1 info --json narrow.xen
json '[.[] | select(.type == "cpu") | .upper_table] == ["fffffe000", "0"]'
# What is made is no memory: not to info, and not where a leaf leads there.
check "$name: memory alone" [ "$(jq -s '[.[] | select(.type == "segment") | .bytes] | add' out)" = 65536 ]
json '.[0].memory == 65536 and .[0].segments == ([.[] | select(.type == "segment")] | length)'
put narrow.xen f010 fffffe007 8
try 'Xen: a leaf to what is made' 0 1 leaves narrow.xen
shows '0000000000002000 fffffe000 1000 r w x u'
shows '# outside 3 leaves'
put narrow.xen f010 800000000000a467 8
try 'Xen: a guest of 32 bits: compact' 0 1 compact -o narrow narrow.xen
root=$(sed -n 's/^root 0 fffffe000 //p' out)
try 'Xen: a guest of 32 bits: verify' 0 1 verify --new-root "$root" narrow.xen \
    narrow
narrow 9001
try 'Xen: a table that is not there' 3 3 leaves narrow.xen
says 'the pdpt at 100009000 of root 0'
# Xen of 32 bits leaves the upper table as a processor in PAE paging has it.
narrow 5000
put narrow.xen e000 3001 8
try 'Xen: a guest of 32 bits on Xen of 32' 0 0 info narrow.xen
shows 'mode: pae, 52-bit physical addresses'
shows 'root 0: 5000, of CPU 0'
# One above 4 GiB it walks by a copy below: the page at 2000 lies at 100002000.
put narrow.xen 11000 3001 8
put narrow.xen 1aa8 2001 4
try 'Xen: a guest of 32 bits on Xen of 32, its table above 4 GiB' 0 1 info narrow.xen
says 'narrow.xen: is of a guest of 32 bits that Xen of 32 walks by copies of the upper tables that lie above 4 GiB: they are not in it, and made, from ffffe000 on'
shows 'CPU 0: paravirtualised, its table at 100002000, the user'\''s at 0, Xen'\''s copy of it made at ffffe000'
shows 'mode: pae, 52-bit physical addresses'
shows 'root 0: ffffe000, of CPU 0, Xen'\''s copy of its own'
try 'Xen: a copy of a table, and another mode' 2 2 leaves --regime amd64 narrow.xen
try 'Xen: a copy of a table: leaves' 0 1 leaves narrow.xen
mv out wanted
put narrow.xen 1aa8 5000 4
put narrow.xen e000 3001 8
try 'Xen: a table below 4 GiB: leaves' 0 0 leaves narrow.xen
check "$name: the same" cmp <(tail -n +2 wanted) <(tail -n +2 out)
# Registers of a guest's own, with the list of its frames.
xen full.xen .xen_pfn
state full.xen 0 80010001 0 1000 20
state full.xen 1 80010001 0 1000 20
put full.xen 1288 ffffffff81000000 8 # RIP
try 'Xen: registers' 0 0 leaves full.xen
check "$name: the leaves" cmp out expected
try 'Xen: registers: info' 0 0 info full.xen
shows 'CPU 0: CR0 80010001, CR3 1000, CR4 20'
put full.xen 1288 ffffffff 8
try 'Xen: a mode that is open' 3 1 leaves full.xen
says 'full.xen: its section .xen_prstatus at 1000 has CR4.PAE and no EFER'
try 'Xen: a mode that is open: info' 3 1 info full.xen
shows 'mode: not known from what the file says; give --regime, or registers'
for said in '--regime amd64' '--efer d00'; do
    # shellcheck disable=SC2086,SC2046
    try "Xen: a mode that is open, and $said" 0 0 leaves $said full.xen
    check "$name: the leaves" cmp out expected
done
# Pages that are cut off are not in the image.
head -c $((0x13000 + 4095)) pv.xen >cut.xen
try 'Xen: cut off' 0 1 leaves cut.xen
says 'cut.xen: ends at 13fff, before the pages that it should have do'
check "$name: the leaves" cmp out expected2
try 'Xen: cut off: info' 0 1 info cut.xen
check "$name: it is missing" grep -qx \
    'memory: 60K in 15 segments; 4K more is named and not in the file' out

# ----------------------------------------- VMware's states with their memory in them
# Numbers are little-endian, a tag has the bytes of the value, the number of indices
# and the length of the name; 3f is a block, which says its bytes in the file and in
# memory, and those of a padding before it.  crash(8), vmware_vmss.h.
# number VALUE BYTES: prints it; VALUE is hexadecimal.
number() {
    rm -f number
    put number 0 "$1" "$2"
    cat number
}
# item BYTES NAME INDICES [VALUE]: prints an item; BYTES is hexadecimal.
item() {
    local bytes=$1 text=$2 value=${4-} index
    # shellcheck disable=SC2086
    set -- $3
    number "$(printf %x $((0x$bytes | $# << 6 | ${#text} << 8)))" 2
    printf %s "$text"
    for index; do
        number "$index" 4
    done
    [ -z "$value" ] || number "$value" $((0x$bytes))
}
# region NUMBER PAGE FRAME: 8 pages from that page of the block on.
region() {
    item 4 regionPageNum "$1" "$2"
    item 4 regionPPN "$1" "$3"
    item 4 regionSize "$1" 8
}
# vmware FILE: the memory of good, its second half first, and two processors.
vmware() {
    local cpu
    rm -f "$1"
    truncate -s $((12 + 2 * 80)) "$1"
    printf '\xd2\xbe\xd2\xbe\x08\0\0\0\2\0\0\0memory' |
        dd of="$1" conv=notrunc status=none
    printf cpu | dd of="$1" bs=1 seek=$((12 + 80)) conv=notrunc status=none
    put "$1" 4c ac 8
    put "$1" 9c 10400 8
    {
        item 4 align_mask 0 ffff
        item 4 regionsCount '' 2
        region 0 0 8
        region 1 8 0
        item 3f Memory '0 0'
        number 10000 8
        number 10000 8
        number 40 2
        # A padding that no memory is.
        head -c 64 /dev/zero | tr '\0' '\7'
        tail -c 32K good
        head -c 32K good
        number 0 2
    } >>"$1"
    truncate -s $((0x10400)) "$1"
    {
        item 4 cpu:numVCPUs '' 2
        for cpu in 0 1; do
            item 8 CR64 "$cpu 0" 80010001
            item 8 CR64 "$cpu 3" $((cpu + 1))000
            item 8 CR64 "$cpu 4" 20
            item 8 EFER "$cpu" d00
        done
        number 0 2
    } >>"$1"
}
vmware in.vmss
cp in.vmss in.vmsn
# Memory beside it is not looked at.
head -c 64K /dev/zero >in.vmem
for state in in.vmss in.vmsn; do
    try "VMware: memory inside: $state" 0 0 leaves --holes zero $state
    check "$name: the leaves" cmp out expected2
done
try 'VMware: memory inside: info' 0 0 info in.vmss
shows 'file: a VMware saved state'
shows 'memory: 64K in 2 segments'
shows 'CPU 1: CR0 80010001, CR3 2000, CR4 20, EFER d00'
shows 'root 1: 2000, of CPU 1'
# The memory beside a state does not say the mode: the state is to be given.
try 'VMware: memory alone' 2 2 leaves in.vmem
says 'in.vmem: is taken for memory from 0 on, and in.vmss beside it says where'
says 'the paging mode is not given'
try 'VMware: memory alone, and a mode' 2 2 leaves --regime amd64 in.vmem
says 'in.vmss beside it'
try 'VMware: memory alone, laid out' 2 1 leaves --segment 0:1000:0 in.vmem
# What is cut off is unknown, the last table of the first half.
head -c $((0xff00)) in.vmss >cut.vmss
try 'VMware: memory inside, cut off' 3 1 leaves cut.vmss
says "cut.vmss: is a VMware saved state, and it ends at ff00, within its group 'cpu'"
put cut.vmss 5c 0 1
try 'VMware: memory inside, cut off behind it' 3 2 leaves "${amd64[@]}" cut.vmss
says 'bytes of its memory are not in the file of ff00'
says 'not in the image'

# --------------------------------------------------------------- what can't be
# The file says it: its registers can't be read, whatever is asked of it.
# impossible WHAT FILE OPTION...: what can't be is said in a line; info says the
# rest as well, and the options say the mode.
impossible() {
    local what=$1 file=$2 way
    shift 2
    for way in leaves maps spaces 'translate 0' 'explain 0' 'compact -o new'; do
        # shellcheck disable=SC2086,SC2046
        unread "$what" ${way%% *} "$file" $(cut -d' ' -f2- -s <<<"$way")
        says "ptwalk: $file: "
    done
    for way in '' --json; do
        # shellcheck disable=SC2086,SC2046
        try "$file: info $way" 3 1 info $way "$file"
        says "$what"
        check "$name: no mode" [ "$(grep -cE '^mode: [^n]|"mode"' out)" -eq 0 ]
        check "$name: the rest" grep -q 'ELF core' out
    done
    "$ptwalk" info "$@" "$file" >out 2>err
    name="$file: info $*"
    check "$name: a mode" grep -q '^mode: [a-z0-9/-]*, ' out
    check "$name: it is not asked" [ "$(grep -c "which can't be" err)" -eq 0 ]
}
# With a processor of VirtualBox's note: CR0 CR3 CR4 EFER.
vbox() {
    rm -f cpu
    truncate -s 1024 cpu
    put cpu 120 "$1" 8
    put cpu 130 "$2" 8
    put cpu 138 "$3" 8
    put cpu 1e8 "$4" 8
    note notes VBCPU b01 <cpu
}
: >notes
cpu 80010000 1000 20
core no-pe.elf
impossible 'its note QEMU at 10014 has CR0 80010000, CR4 20 for CPU 0, which can'\''t be: CR0.PG is set and CR0.PE is clear; --regime says' \
    no-pe.elf --cr0 80010001
impossible 'CR0.PG is set and CR0.PE is clear' no-pe.elf --regime amd64
# Nor are those of another processor taken for granted.
: >notes
cpu 80010001 1000 20
cpu 80000001 2000 800020
core cet.elf
impossible 'its note QEMU at 101d8 has CR0 80000001, CR4 800020 for CPU 1, which' \
    cet.elf --regime amd64
for said in '80010001 1000 0 d00:EFER.LME is set and CR4.PAE is clear' \
    '80010001 1000 20 400:EFER.LMA is not what CR0.PG' \
    '11 1000 20 d00:EFER.LMA is not what CR0.PG'; do
    : >notes
    # shellcheck disable=SC2086,SC2046
    vbox ${said%%:*}
    core efer.elf
    impossible "${said#*:}" efer.elf --regime amd64
    says_efer=${said%%:*}
    try 'its EFER is said' 3 1 leaves efer.elf
    says ", EFER ${says_efer##* } for CPU 0"
done
# linux MACHINE LINE...: a core whose kernel says the lines.
linux() {
    local machine=$1
    shift
    : >notes
    printf '%s\n' "$@" | note notes VMCOREINFO 0
    core linux.elf
    put linux.elf 12 "$machine" 2
}
offset='NUMBER(kimage_voffset)=0xffff7fffc8000000'
linux b7 PAGESIZE=65536 'NUMBER(VA_BITS)=48' 'NUMBER(TCR_EL1_T1SZ)=48' "$offset" \
    'SYMBOL(swapper_pg_dir)=ffff7fffc8001000'
impossible 'its VMCOREINFO at 10018 makes the mode aarch64-64k-16, which' linux.elf \
    --tcr 80100010
linux b7 PAGESIZE=4096 'NUMBER(VA_BITS)=57' "$offset" \
    'SYMBOL(swapper_pg_dir)=ffff7fffc8001000'
impossible 'says NUMBER(VA_BITS)=57 in VMCOREINFO, which can' linux.elf \
    --regime aarch64-4k-48
linux b7 PAGESIZE=4096 'NUMBER(VA_BITS)=48' "$offset" \
    'SYMBOL(swapper_pg_dir)=ffff7fffc8001234'
impossible 'says the address of swapper_pg_dir=1234 in VMCOREINFO, which can' \
    linux.elf --regime aarch64-4k-48 --ttbr1 1000
try 'no mode, for an address' 3 1 leaves linux.elf
says 'is not known: give --regime and --ttbr1'
linux 3e 'NUMBER(phys_base)=0' 'SYMBOL(swapper_pg_dir)=ffffffff80001020'
impossible 'says the address of swapper_pg_dir=1020 in VMCOREINFO, which can' \
    linux.elf --regime amd64 --root 1000
linux f3 'NUMBER(satp)=0xf000000000000001'
impossible 'says NUMBER(satp)=0xf000000000000001 in VMCOREINFO, which can' \
    linux.elf --satp 8000000000000001
try 'no mode, for a satp' 3 1 leaves linux.elf
says 'is not known: give --satp'
linux f3 'NUMBER(VA_BITS)=40' 'NUMBER(va_kernel_pa_offset)=0' \
    'SYMBOL(swapper_pg_dir)=1000'
impossible 'says NUMBER(VA_BITS)=40 in VMCOREINFO, which can' linux.elf \
    --regime sv39
# Of 32 bits, it selects Sv32.
linux f3 'NUMBER(satp)=0x80000001'
try 'a satp of 32 bits' 0 1 info linux.elf
shows 'mode: sv32, 34-bit physical addresses'
shows "root 0: 1000, of the kernel's satp"
# What options say besides is theirs, and so is what does not go with it.
try 'options and registers: a bad EFER' 2 1 leaves --efer 400 doubtful.elf
says 'leaves: CR0 80010001, CR4 20, EFER 400, by the options and, what they do not say, by the registers of CPU 0 in doubtful.elf: EFER.LMA'
try 'options and registers: a satp' 2 1 leaves "${registers[@]}" linux.elf
says 'no root is given'
linux 3e 'NUMBER(phys_base)=0' 'SYMBOL(swapper_pg_dir)=ffffffff80001000'
try 'options and a mode by name: CR4' 2 1 leaves --cr4 1020 linux.elf
says 'leaves: --cr4 goes with the other registers, and the mode is amd64, by VMCOREINFO in linux.elf: give all of them, or --regime'
try 'options and a mode by name: a width' 2 1 leaves --pa-bits 55 linux.elf
says 'leaves: amd64, by VMCOREINFO in linux.elf: the physical address width'
try 'options and a mode by name: another one' 0 0 leaves \
    "${registers[@]}" linux.elf
linux f3 'NUMBER(satp)=0x8000000000000001'
try 'options and a satp' 2 1 leaves --xlen 32 linux.elf
says 'leaves: satp 8000000000000001 --xlen 32, by VMCOREINFO in linux.elf: XLEN'

finish
