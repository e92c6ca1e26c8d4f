# SPDX-License-Identifier: Apache-2.0
"""The Python module: what it says is what the command says of a real guest, and
its declarations are the library's.

usage: python_module.py SOURCE_DIR LIBRARY COMMAND SCRATCH_DIR
"""
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import unittest

SOURCE, LIBRARY, COMMAND, SCRATCH = map(os.path.abspath, sys.argv[1:5])
CASE = os.path.join(SOURCE, "tests/images/amd64-linux")
IMAGE = os.path.join(SCRATCH, "image")
MODULE = os.path.join(SCRATCH, "module")


def set_up():
    """The module as it is installed, and the image."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    shutil.copytree(os.path.join(SOURCE, "python/ptwalk"),
                    os.path.join(MODULE, "ptwalk"))
    with open(os.path.join(MODULE, "ptwalk/declarations.h"), "wb") as file:
        subprocess.run([os.path.join(SOURCE, "scripts/amalgamate"),
                        "--declarations"], stdout=file, check=True)
    subprocess.run(["zstd", "-dqf", "--sparse", CASE + "/image.raw.zst", "-o",
                    IMAGE], check=True)
    os.environ["PTWALK_LIBRARY"] = LIBRARY
    sys.path.insert(0, MODULE)


set_up()
import ptwalk  # noqa: E402 pylint: disable=wrong-import-position

with open(CASE + "/meta.json", encoding="ascii") as meta:
    META = json.load(meta)
ROOTS = [int(root["value"], 16) for root in META["roots"]]
with open(IMAGE, "rb") as image_file:
    MAPPED = mmap.mmap(image_file.fileno(), 0, access=mmap.ACCESS_READ)


def command(*arguments):
    """The lines that the command prints."""
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True,
                          check=False).stdout.splitlines()


def registers(*names):
    return [int(META["registers"][name], 16) for name in names]


class Module(unittest.TestCase):
    def setUp(self):
        self.memory = ptwalk.Memory(MAPPED)
        self.regime = ptwalk.Regime.from_x86(*registers("cr0", "cr4", "efer"))

    def test_spaces_are_those_of_the_command(self):
        # With this many tables the memo grows.
        roots = [self.regime.root(table) for table in ROOTS]
        said = []
        for item in ptwalk.spaces(self.memory, roots, remarks=False):
            if isinstance(item, ptwalk.Mapping):
                said.append(f"{item.space} {item.first:016x} {item.pa:x} "
                            f"{item.size:x} {' '.join(item.rights)}")
            elif isinstance(item, ptwalk.Alias):
                said.append(f"{item.space} alias {item.level} {item.our_va:016x} "
                            f"{item.owner} {item.their_va:016x}")
        options = [word for table in ROOTS for word in ("--root", f"{table:x}")]
        expected = [line for line in command("spaces", "--regime", "amd64",
                                             *options, IMAGE) if line[0] != "#"]
        self.assertEqual(len(said), len(expected))
        self.assertEqual(said, expected)

    def test_translations_are_those_of_the_command(self):
        root = self.regime.x86_root(registers("cr3")[0])
        addresses = [0x401234, 0x400000, 0xffff8a0a40203123, 0xffffffffff5fd008,
                     0x800000000000, 0x7fffffffffff, 0]
        lines = command("translate", "--regime", "amd64", "--root",
                        f"{root.table:x}", IMAGE, *[f"{va:x}" for va in addresses])
        self.assertEqual(len(lines), len(addresses))
        found = 0
        for va, line in zip(addresses, lines):
            t = ptwalk.translate(self.memory, root, va)
            words = line.split()
            self.assertEqual(int(words[0], 16), va)
            if t.pa is None:
                self.assertEqual(words[1], "-", line)
                self.assertNotEqual(t.status, "PTW_OK")
            else:
                found += 1
                self.assertEqual((f"{t.pa:x}", f"{t.size:x}", *t.rights),
                                 tuple(words[1:7]), line)
        self.assertTrue(0 < found < len(addresses))
        self.assertEqual(ptwalk.translate(self.memory, root, 1 << 47).status,
                         "PTW_NOT_CANONICAL")

    def test_holes_and_mappings_tile_the_space(self):
        root = self.regime.root(ROOTS[0])
        at = 0
        for item in ptwalk.walk(self.memory, root, runs=True, holes=True):
            self.assertEqual(item.first, at)
            at = item.last + 1
        self.assertEqual(at, 1 << 64)

    def test_a_limit_is_an_error(self):
        root = self.regime.root(ROOTS[0])
        with self.assertRaises(ptwalk.Error) as caught:
            list(ptwalk.walk(self.memory, root, reads=1000))
        self.assertEqual(caught.exception.status, "PTW_E_LIMIT")

    def test_a_reader_may_refuse_and_may_throw(self):
        asked = []

        def read(address, count):
            asked.append(address)
            if address >= ROOTS[0] + 4096 or address < ROOTS[0]:
                return None
            return MAPPED[address:address + count]

        memory = ptwalk.Memory.of_reader(read)
        t = ptwalk.translate(memory, self.regime.root(ROOTS[0]), 0x401234)
        self.assertEqual((t.status, t.level, t.pa), ("PTW_E_BUS", "pdpt", None))
        self.assertEqual(asked[0], ROOTS[0])

        def broken(address, count):
            raise KeyError(address)

        memory = ptwalk.Memory.of_reader(broken)
        with self.assertRaises(KeyError):
            ptwalk.translate(memory, self.regime.root(ROOTS[0]), 0x401234)
        with self.assertRaises(KeyError):
            list(ptwalk.walk(memory, self.regime.root(ROOTS[0])))

    def test_regions_are_checked(self):
        memory = ptwalk.Memory.of_regions(
            [(0x10000, bytes(4096)), (0, bytes(4096))])
        self.assertEqual(
            ptwalk.translate(memory, self.regime.root(0x10000), 0).status,
            "PTW_NOT_MAPPED")
        with self.assertRaises(ptwalk.Error) as caught:
            ptwalk.Memory.of_regions([(0, bytes(4097)), (4096, bytes(10))])
        self.assertEqual(caught.exception.status, "PTW_E_OVERLAP")
        with self.assertRaises(ptwalk.Error):
            ptwalk.Memory(b"")

    def test_wrong_words_have_a_reason(self):
        for build in (lambda: ptwalk.Regime.by_name("amd65"),
                      lambda: ptwalk.Regime.from_x86(0x80000000, 0, 0)):
            with self.assertRaises(ptwalk.Error) as caught:
                build()
            self.assertRegex(str(caught.exception), ": .")
        with self.assertRaises(ptwalk.Error) as caught:
            ptwalk.translate(self.memory, self.regime.root(123), 0)
        self.assertEqual(caught.exception.status, "PTW_E_ALIGN")

    def test_versions_agree(self):
        self.assertEqual("ptwalk " + ptwalk.version(), command("--version")[0])


class Declarations(unittest.TestCase):
    """The table of src/layout.c has each type and member of the headers."""

    def test_the_table_is_complete(self):
        ffi, lib = ptwalk._ffi, ptwalk._lib
        with open(os.path.join(MODULE, "ptwalk/declarations.h"),
                  encoding="ascii") as file:
            text = file.read()
        with open(os.path.join(SOURCE, "include/ptwalk/private.h"),
                  encoding="ascii") as file:
            private = file.read()
        rows = ffi.new("size_t *")
        table = lib.ptw_layouts(rows)
        there = [(ffi.string(row.type).decode(),
                  None if row.member == ffi.NULL else ffi.string(row.member).decode())
                 for row in table[0:rows[0]]]
        self.assertEqual(len(there), len(set(there)))
        calls = re.sub(r"^(struct|union|enum) \w+ \{.*?^\};", "", text,
                       flags=re.M | re.S)
        wanted = {("ptw_pa", None), ("ptw_va", None)}
        for kind, tag in re.findall(r"^(struct|union) (\w+) \{", text, flags=re.M):
            name = f"{kind} {tag}"
            if name + " {" in private:
                # Only what is handed to calls.
                if re.search(rf"\b{name} \*", calls):
                    wanted.add((name, None))
            else:
                wanted.add((name, None))
                if kind == "struct":
                    wanted |= {(name, member)
                               for member, _ in ffi.typeof(name).fields}
        self.assertEqual(wanted - set(there), set(), "not in src/layout.c")
        self.assertEqual(set(there) - wanted, set(), "not in the headers")
        self.assertGreater(len(wanted), 200)

    def test_other_declarations_are_refused(self):
        shutil.copytree(MODULE, SCRATCH + "/other", dirs_exist_ok=True)
        path = SCRATCH + "/other/ptwalk/declarations.h"
        with open(path, encoding="ascii") as file:
            text = file.read()
        changed = re.sub(r"(struct ptw_mapping \{\s*ptw_pa pa;\s*)(uint64_t raw;)"
                         r"(\s*)(unsigned rights;)", r"\1\4\3\2", text)
        self.assertNotEqual(text, changed)
        with open(path, "w", encoding="ascii") as file:
            file.write(changed)
        done = subprocess.run([sys.executable, "-c", "import ptwalk"],
                              env={**os.environ, "PYTHONPATH": SCRATCH + "/other"},
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("has another struct ptw_mapping", done.stderr)

    def test_a_missing_library_is_said(self):
        done = subprocess.run([sys.executable, "-c", "import ptwalk"],
                              env={**os.environ, "PYTHONPATH": MODULE,
                                   "PTWALK_LIBRARY": "/nowhere.so"},
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ptwalk: the library can't be opened: ", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
