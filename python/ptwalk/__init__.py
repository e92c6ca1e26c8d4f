# SPDX-License-Identifier: Apache-2.0
"""Page tables that somebody hostile wrote: walked and translated.

This is the library libptwalk behind Python's names; every answer is the library's.
What it promises holds here: nothing is read outside of the memory offered, no walk
goes on for ever, and no address or right is invented.

    memory = ptwalk.Memory(mapped_file)
    regime = ptwalk.Regime.from_x86(cr0, cr4, efer)
    root = regime.x86_root(cr3)
    ptwalk.translate(memory, root, 0x401234)
    for item in ptwalk.walk(memory, root): ...
    for item in ptwalk.spaces(memory, [root, other]): ...

Addresses are integers.  The shared library is the one that the loader finds, or
the file that the environment variable PTWALK_LIBRARY names.
"""
import os
import secrets
from typing import NamedTuple, Optional

import cffi

__all__ = [
    "Alias", "Error", "Finding", "Hole", "Mapping", "Memory", "Regime", "Root",
    "Space", "Table", "Translation", "spaces", "translate", "version", "walk",
]

_SONAME = "libptwalk.so.0.2"
_END = (1 << 64) - 1


def _load():
    """Declares what the headers do, opens the library, and compares the two."""
    ffi = cffi.FFI()
    with open(os.path.join(os.path.dirname(__file__), "declarations.h"),
              encoding="ascii") as file:
        ffi.cdef(file.read())
    path = os.environ.get("PTWALK_LIBRARY", _SONAME)
    try:
        lib = ffi.dlopen(path)
    except OSError as why:
        raise ImportError(f"ptwalk: the library can't be opened: {why}") from None
    rows = ffi.new("size_t *")
    table = lib.ptw_layouts(rows)
    for row in table[0:rows[0]]:
        kind = ffi.string(row.type).decode()
        try:
            if row.member == ffi.NULL:
                is_ = 0, ffi.sizeof(kind), ffi.alignof(kind)
            else:
                kind_of_member = dict(ffi.typeof(kind).fields)[
                    ffi.string(row.member).decode()]
                is_ = kind_of_member.offset, ffi.sizeof(kind_of_member.type), 0
        except (ffi.error, KeyError, TypeError):
            is_ = None
        if is_ != (row.offset, row.bytes, row.align):
            raise ImportError(
                f"ptwalk: {path} has another {kind} than declarations.h: install "
                "the module that belongs to it")
    return ffi, lib


_ffi, _lib = _load()


class Error(Exception):
    """A call failed.  `status` is the name of the status, as "PTW_E_BUS"."""

    def __init__(self, what, status, why=None):
        self.status = _status(status)
        text = why or _ffi.string(_lib.ptw_status_text(status)).decode()
        super().__init__(f"{what}: {text}")


def _status(number):
    return _ffi.typeof("enum ptw_status").elements[number]


def _check(status, what, why=None):
    if status != _lib.PTW_OK:
        raise Error(what, status, why)


def version():
    """The version of the library, as a text."""
    return _ffi.string(_lib.ptw_version_text()).decode()


class Regime:
    """An architecture, its paging mode, and that mode's parameters."""

    def __init__(self, build, what):
        """By the class methods; build(out, why) is a call of the library."""
        self._c = _ffi.new("struct ptw_regime *")
        why = _ffi.new("char const **")
        status = build(self._c, why)
        # A failure has its reason in words.
        _check(status, what, why[0] != _ffi.NULL and _ffi.string(why[0]).decode())
        self.name = _ffi.string(_lib.ptw_regime_name(self._c)).decode()
        self.page_size = _lib.ptw_page_size(self._c)
        self.levels = _lib.ptw_levels(self._c)
        self._letters = _ffi.string(_lib.ptw_right_letters(self._c)).decode()

    @classmethod
    def by_name(cls, name):
        """The regime of that name: "amd64", "i686", "sv39", "aarch64-4k-48" ..."""
        return cls(
            lambda out, why: _lib.ptw_regime_by_name(
                name.encode(), _ffi.NULL, 0, out, why),
            name)

    @classmethod
    def from_x86(cls, cr0, cr4, efer):
        """The regime that the control registers of an x86 processor select."""
        registers = _ffi.new("struct ptw_x86_registers *", (cr0, cr4, efer))
        return cls(
            lambda out, why: _lib.ptw_regime_from_x86(
                registers, _ffi.NULL, out, why),
            f"CR0 {cr0:x}, CR4 {cr4:x}, EFER {efer:x}")

    @classmethod
    def from_riscv(cls, satp, xlen=64):
        """The regime that satp selects."""
        registers = _ffi.new("struct ptw_riscv_registers *",
                             {"satp": satp, "xlen": xlen})
        return cls(
            lambda out, why: _lib.ptw_regime_from_riscv(
                registers, _ffi.NULL, out, why),
            f"satp {satp:x}")

    def root(self, table):
        """The space whose top table stands at that physical address."""
        return Root(self, table)

    def x86_root(self, cr3):
        """The space that a CR3 names."""
        return Root(self, _lib.ptw_x86_root(self._c, cr3).table.v)

    def riscv_root(self, satp):
        """The space that a satp names."""
        return Root(self, _lib.ptw_riscv_root(self._c, satp).table.v)

    def level_name(self, level):
        """The manual's name of the tables of a level, counted from the leaves."""
        return _ffi.string(_lib.ptw_level_name(self._c, level)).decode()

    def rights(self, number):
        """Rights as the command prints them: "rw-u"."""
        return "".join(
            letter if number & _lib.ptw_right_of(letter.encode()) else "-"
            for letter in self._letters)

    def __repr__(self):
        return f"<ptwalk.Regime {self.name}>"


class Root(NamedTuple):
    """A space: a regime, and the physical address of the top table."""

    regime: Regime
    table: int


class Memory:
    """Physical memory: the only memory that the library reads.

    Memory(buffer, base) is a buffer (bytes, mmap, bytearray, memoryview) that
    stands at a physical address.  Memory.of_regions takes several, [(base,
    buffer), ...].  Memory.of_reader takes a function read(address, count) that
    returns count bytes, or None where there is no memory.
    """

    def __init__(self, buffer, base=0):
        self._regions([(base, buffer)])

    @classmethod
    def of_regions(cls, regions):
        self = cls.__new__(cls)
        self._regions(list(regions))
        return self

    @classmethod
    def of_reader(cls, read):
        self = cls.__new__(cls)
        self._failure = None

        def number(pa, count, out):
            # Nothing may be thrown through C: it is kept, and thrown behind.
            try:
                data = read(pa.v, count)
            except Exception as failure:  # pylint: disable=broad-except
                self._failure = self._failure or failure
                data = None
            if data is None or len(data) != count:
                return _lib.PTW_E_BUS
            out[0] = int.from_bytes(data, "little")
            return _lib.PTW_OK

        callbacks = {
            "read32": _ffi.callback(
                "enum ptw_status(void *, ptw_pa, uint32_t *)",
                lambda ctx, pa, out: number(pa, 4, out), error=_lib.PTW_E_BUS),
            "read64": _ffi.callback(
                "enum ptw_status(void *, ptw_pa, uint64_t *)",
                lambda ctx, pa, out: number(pa, 8, out), error=_lib.PTW_E_BUS),
        }
        self._c = _ffi.new("struct ptw_mem *")
        self._kept = callbacks, _ffi.new("struct ptw_mem_ops *", callbacks)
        _check(_lib.ptw_mem_init_callbacks(
            self._c, self._kept[1], _ffi.NULL, _ffi.NULL, 0), "memory")
        return self

    def _regions(self, regions):
        self._failure = None
        buffers = [_ffi.from_buffer(buffer) for _, buffer in regions]
        array = _ffi.new("struct ptw_region[]", max(len(regions), 1))
        for region, (base, _), buffer in zip(array, regions, buffers):
            if len(buffer) == 0:
                raise Error(f"memory at {base:x}", _lib.PTW_E_RANGE)
            region.first.v = base
            region.last.v = (base + len(buffer) - 1) & _END
            region.host = buffer
        self._c = _ffi.new("struct ptw_mem *")
        # The buffers stay as long as the memory does.
        self._kept = buffers, array
        _check(_lib.ptw_mem_init_regions(self._c, array, len(regions)), "memory")

    def _ask(self, call):
        """The status of a call that may have read; what a reader threw."""
        self._failure = None
        status = call()
        if self._failure is not None:
            raise self._failure
        return status


class Translation(NamedTuple):
    """Where an address leads.  pa is None where it leads nowhere: status says why
    (PTW_NOT_MAPPED, PTW_BAD_ENTRY, PTW_NOT_CANONICAL, PTW_E_BUS), and level, if
    there is one, which table held the entry."""

    va: int
    status: str
    pa: Optional[int]
    size: Optional[int]
    rights: Optional[str]
    level: Optional[str]
    raw: Optional[int]


class Space(NamedTuple):
    """What follows is of that root.  same_as: nothing follows, since it is that
    earlier one; why: nothing follows, since there can't be such a root."""

    space: int
    root: Root
    same_as: Optional[int]
    why: Optional[str]


class Mapping(NamedTuple):
    """A leaf, or a run of leaves of `size` bytes each."""

    space: int
    first: int
    last: int
    pa: int
    size: int
    rights: str
    raw: int


class Alias(NamedTuple):
    """A table that the space `owner` has, too, where it was entered first."""

    space: int
    first: int
    last: int
    level: str
    our_va: int
    their_va: int
    owner: int
    table: int
    rights: str


class Table(NamedTuple):
    """A table is entered."""

    space: int
    first: int
    last: int
    level: str
    table: int
    rights: str


class Hole(NamedTuple):
    """Nothing is mapped there."""

    space: int
    first: int
    last: int
    level: str
    canonical: bool


class Finding(NamedTuple):
    """Something that a careful reader wants to know; kind is "BAD_ENTRY",
    "REFUSED", "SELF" or "TWO_LEVELS"."""

    space: int
    first: int
    last: int
    kind: str
    level: str
    table: int
    raw: int


def translate(memory, root, va):
    """Translates one address."""
    regime = root.regime
    out = _ffi.new("struct ptw_translation *")
    status = memory._ask(lambda: _lib.ptw_lookup(
        memory._c, (regime._c, (root.table,)), (va,), out))
    name = _status(status)
    if status == _lib.PTW_OK:
        return Translation(va, name, out.pa.v, 1 << out.size_log2,
                           regime.rights(out.rights),
                           regime.level_name(out.level), out.raw)
    if status in (_lib.PTW_NOT_MAPPED, _lib.PTW_BAD_ENTRY):
        return Translation(va, name, None, None, None,
                           regime.level_name(out.level), out.raw)
    if status == _lib.PTW_E_BUS:
        return Translation(va, name, None, None, None,
                           regime.level_name(out.level), None)
    if status == _lib.PTW_NOT_CANONICAL:
        return Translation(va, name, None, None, None, None, None)
    raise Error(f"root {root.table:x}", status)


def _item(roots, item):
    """What the library gave, as one of the classes above."""
    regime = roots[item.space].regime
    place = item.space, item.first.v, item.last.v
    u = item.u
    if item.kind == _lib.PTW_ITEM_SPACE:
        kind = u.space_info.kind
        return Space(
            item.space, roots[item.space],
            u.space_info.same_as if kind == _lib.PTW_SPACE_SAME else None,
            _status(u.space_info.why) if kind == _lib.PTW_SPACE_BAD else None)
    if item.kind == _lib.PTW_ITEM_MAPPING:
        m = u.mapping
        return Mapping(*place, m.pa.v, 1 << m.size_log2, regime.rights(m.rights),
                       m.raw)
    if item.kind == _lib.PTW_ITEM_ALIAS:
        level = _ffi.new("unsigned *")
        ref = _lib.ptw_alias_view(regime._c, _ffi.addressof(item), level)
        return Alias(*place, regime.level_name(level[0]), ref.our_va.v,
                     ref.their_va.v, ref.owner, ref.table.v,
                     regime.rights(ref.rights))
    if item.kind == _lib.PTW_ITEM_TABLE:
        t = u.table
        return Table(*place, regime.level_name(t.level), t.table.v,
                     regime.rights(t.rights))
    if item.kind == _lib.PTW_ITEM_HOLE:
        return Hole(*place, regime.level_name(u.hole.level), u.hole.canonical)
    f = u.finding
    kind = _ffi.typeof("enum ptw_finding_kind").elements[f.kind]
    return Finding(*place, kind.replace("PTW_FINDING_", ""),
                   regime.level_name(f.level), f.table.v, f.raw)


def _options(first, last, runs, holes, tables, remarks, reads):
    options = _ffi.new("struct ptw_walk_options *")
    options.first.v = first
    options.last.v = last
    options.max_reads = reads
    options.flags = ((_lib.PTW_WALK_RUNS if runs else 0)
                     | (_lib.PTW_WALK_HOLES if holes else 0)
                     | (_lib.PTW_WALK_TABLES if tables else 0)
                     | (_lib.PTW_WALK_REMARKS if remarks else 0))
    return options


def _items(memory, roots, c, grow):
    """All items of a walk that was started."""
    room = 256
    item = _ffi.new("struct ptw_item[]", room)
    items = _ffi.new("size_t *")
    while True:
        status = memory._ask(lambda: _lib.ptw_walk_next(c, item, room, items))
        if status == _lib.PTW_E_SPACE:
            grow()
        elif status == _lib.PTW_END:
            return
        else:
            _check(status, "walk")
            for i in range(items[0]):
                yield _item(roots, item[i])


def walk(memory, root, first=0, last=_END, *, runs=False, holes=False,
         tables=False, remarks=False, reads=0):
    """The items of one space, in order: what hardware would find, each leaf as
    often as it is mapped.  `reads` limits the entries that are read (0: nothing
    does): Error with the status PTW_E_LIMIT when there is more."""
    roots = [root]
    c = _ffi.new("struct ptw_walk *")
    _check(memory._ask(lambda: _lib.ptw_virt_to_phys_init(
        c, memory._c, (root.regime._c, (root.table,)),
        _options(first, last, runs, holes, tables, remarks, reads))),
        f"root {root.table:x}")
    return _items(memory, roots, c, None)


def spaces(memory, roots, first=0, last=_END, *, runs=False, holes=False,
           tables=False, remarks=True, reads=0):
    """The items of several spaces, one after the other: a table that was entered
    before comes as an Alias."""
    roots = list(roots)
    c = _ffi.new("struct ptw_walk *")
    array = _ffi.new("struct ptw_root[]", max(len(roots), 1))
    for place, root in zip(array, roots):
        place.regime = root.regime._c
        place.table.v = root.table
    memo = _ffi.new("struct ptw_memo *")
    kept = {"tables": 1024, "array": array, "memo": memo}

    def storage():
        count = _lib.ptw_memo_bytes(kept["tables"])
        return _ffi.new("uint64_t[]", (count + 7) // 8), count

    def grow():
        kept["tables"] *= 2
        more, count = storage()
        _check(_lib.ptw_memo_grow(memo, more, count), "memo")
        kept["storage"] = more

    kept["storage"], count = storage()
    _check(_lib.ptw_memo_init(memo, kept["storage"], count,
                              secrets.randbits(64)), "memo")
    _check(memory._ask(lambda: _lib.ptw_walk_va_spaces_init(
        c, memory._c, array, len(roots), memo,
        _options(first, last, runs, holes, tables, remarks, reads))), "spaces")
    return _items(memory, roots, c, grow)
