# SPDX-License-Identifier: Apache-2.0
"""gdb commands over the Python module of ptwalk: a guest's spaces, from the
debugger of its host, or from QEMU's own gdb server.

    (gdb) source ptwalk_gdb.py
    (gdb) ptwalk memory low                the guest's memory is the variable low
    (gdb) ptwalk memory high 0x100000000   and another part stands there
    (gdb) ptwalk memory qemu               gdb is connected to QEMU's gdb server
    (gdb) ptwalk translate amd64 0x1000 0x401234
    (gdb) ptwalk maps amd64 0x1000

The second word of the last two is a regime, or `registers`: those of the
processor that gdb stopped, whose CR3 is then the root.  Everything else is an
expression of gdb.
"""
import gdb

import ptwalk

# What "ptwalk memory" has named: (physical address, address in gdb, bytes).
REGIONS = []
QEMU = []


def number(text):
    return int(gdb.parse_and_eval(text)) & ((1 << 64) - 1)


def read(address, count):
    """The bytes of the guest's memory, out of gdb's inferior."""
    if QEMU:
        gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
        try:
            return bytes(gdb.selected_inferior().read_memory(address, count))
        except gdb.MemoryError:
            return None
        finally:
            gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)
    for base, place, size in REGIONS:
        if base <= address and address + count <= base + size:
            at = place + (address - base)
            return bytes(gdb.selected_inferior().read_memory(at, count))
    return None


def root_of(words):
    """A root, of the words "REGIME ROOT" or "registers"; and the other words."""
    if words and words[0] == "registers":
        value = {name: number("$" + name) for name in ("cr0", "cr3", "cr4", "efer")}
        regime = ptwalk.Regime.from_x86(value["cr0"], value["cr4"], value["efer"])
        return regime.x86_root(value["cr3"]), words[1:]
    if len(words) < 2:
        raise gdb.GdbError("usage: ptwalk translate|maps REGIME ROOT ...")
    return ptwalk.Regime.by_name(words[0]).root(number(words[1])), words[2:]


def set_memory(words):
    if words == ["qemu"]:
        QEMU[:] = [True]
        return
    if len(words) not in (1, 2):
        raise gdb.GdbError("usage: ptwalk memory EXPRESSION [ADDRESS] | qemu")
    value = gdb.parse_and_eval(words[0])
    base = number(words[1]) if len(words) == 2 else 0
    if value.address is None:
        raise gdb.GdbError(f"{words[0]}: has no address")
    REGIONS.append((base, int(value.address), value.type.sizeof))


def translate(words):
    root, rest = root_of(words)
    for word in rest:
        t = ptwalk.translate(ptwalk.Memory.of_reader(read), root, number(word))
        if t.pa is None:
            print(f"{t.va:016x} - {t.level or ''} {t.status}")
        else:
            print(f"{t.va:016x} {t.pa:x} {t.size:x} {t.rights}")


def maps(words):
    root, _ = root_of(words)
    for item in ptwalk.walk(ptwalk.Memory.of_reader(read), root, runs=True):
        if isinstance(item, ptwalk.Mapping):
            print(f"{item.first:016x}-{item.last:016x} {item.pa:x} {item.rights}")
        else:
            print(f"{item.first:016x}-{item.last:016x} {item.kind} {item.level}")


class Command(gdb.Command):
    """ptwalk memory|translate|maps: the page tables of a guest."""

    def __init__(self):
        super().__init__("ptwalk", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        del from_tty
        words = gdb.string_to_argv(argument)
        does = {"memory": set_memory, "translate": translate, "maps": maps}
        if not words or words[0] not in does:
            raise gdb.GdbError("usage: ptwalk memory|translate|maps ...")
        try:
            does[words[0]](words[1:])
        except ptwalk.Error as why:
            raise gdb.GdbError(f"ptwalk: {why}")


Command()
