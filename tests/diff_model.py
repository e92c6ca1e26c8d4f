#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""diff against a naive reading of what leaves prints, page by page, over random
images whose tables share tables, loop, and face large leaves or nothing; and what
diff tells once against what it tells with --all.

usage: diff_model.py PTWALK DIRECTORY [IMAGES [SEED]]
"""
import json
import os
import random
import subprocess
import sys

PAGE, PAGES, TABLES = 4096, 64, 10
MOST = 4000  # pages that are looked at one by one
ASKED = {"only-a", "only-b", "rights", "bytes", "unreadable"}


def table(rng, leaf_only):
    """A few entries: tables, pages, 2M pages, and pages that no image has."""
    entries = [0] * 512
    for _ in range(rng.randint(1, 4)):
        bits = rng.choice((0x67, 0x67, 0x65, 0x63, 0x7, 1 << 63 | 0x67))
        kind = rng.random()
        if kind < 0.7 and not leaf_only:
            where = rng.randrange(TABLES) * PAGE
        elif kind < 0.9:
            where = rng.randrange(PAGES) * PAGE
        elif kind < 0.95:
            where, bits = rng.randrange(3) << 21, bits | 0x80
        else:
            where = 1 << 30 | rng.randrange(4) * PAGE
        # Often in a row, so that what is alike becomes one run.
        at = rng.choice((0, 1, 2, 3, 256, 511, rng.randrange(512)))
        for i in range(at, min(512, at + rng.choice((1, 1, 2, 3)))):
            entries[i] = where | bits
    return entries


def image(rng):
    memory = bytearray(PAGES * PAGE)
    for i in range(TABLES):
        words = table(rng, i > 6)
        memory[i * PAGE:(i + 1) * PAGE] = b"".join(
            w.to_bytes(8, "little") for w in words)
    for i in range(TABLES, PAGES):
        memory[i * PAGE] = rng.randrange(3)
    return memory


def changed(rng, memory):
    """The same with some entries, tables and bytes changed."""
    memory = bytearray(memory)
    for _ in range(rng.randint(0, 4)):
        what = rng.random()
        if what < 0.3:
            memory[rng.randrange(TABLES, PAGES) * PAGE] ^= 1
        elif what < 0.6:
            at = rng.randrange(TABLES) * PAGE
            used = [i for i in range(at, at + PAGE, 8) if memory[i] & 1]
            if used:
                memory[rng.choice(used)] ^= rng.choice((1, 2, 4, 0x80))
        else:
            at = rng.randrange(1, TABLES) * PAGE
            words = table(rng, False)
            memory[at:at + PAGE] = b"".join(w.to_bytes(8, "little")
                                            for w in words)
    return memory


def run(*args):
    done = subprocess.run(args, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def pages(ptwalk, name, roots):
    """{(root, page of the address): (page of memory, rights)}, or None"""
    out = {}
    for leaf in run(ptwalk, "leaves", "--json", "--limit", str(MOST),
                    *roots, name):
        if leaf["type"] != "leaf":
            continue
        first = int(leaf["va"], 16) // PAGE
        pa = int(leaf["pa"], 16) // PAGE
        rights = tuple(leaf[k] for k in ("read", "write", "exec", "user"))
        for i in range(leaf["size"] // PAGE):
            out[leaf["root"], first + i] = (pa + i, rights)
    return out if len(out) < MOST else None


def differ(a, b, memory_a, memory_b):
    if b is None:
        return {"only-a"}
    if a is None:
        return {"only-b"}
    what = {"rights"} if a[1] != b[1] else set()
    if a[0] < PAGES and b[0] < PAGES:
        if memory_a[a[0] * PAGE:(a[0] + 1) * PAGE] != \
                memory_b[b[0] * PAGE:(b[0] + 1) * PAGE]:
            what.add("bytes")
    elif a[0] < PAGES or b[0] < PAGES or a[0] != b[0]:
        what.add("unreadable")
    return what


def unfolded(lines):
    """{(root, page): kinds}, of changes and of what comes again."""
    out = {}
    for line in lines:
        if line["type"] == "total":
            continue
        first, last = (int(line[k], 16) // PAGE for k in ("first", "last"))
        if line["type"] == "change":
            for page in range(first, last + 1):
                out[line["root"], page] = tuple(line["what"])
            continue
        of, size = int(line["of"], 16) // PAGE, line["bytes"] // PAGE
        for k in range(line["times"]):
            start = first + k * (line["every"] // PAGE)
            for (root, page), what in list(out.items()):
                if root == line["of_root"] and of <= page < of + size:
                    out[line["root"], start + page - of] = what
        if start + size - 1 != last:
            raise ValueError("it ends elsewhere")
    return out


def check(ptwalk, rng, directory):
    memory_a = image(rng)
    memory_b = changed(rng, memory_a)
    names = [os.path.join(directory, n) for n in ("model-a", "model-b")]
    for name, memory in zip(names, (memory_a, memory_b)):
        with open(name, "wb") as f:
            f.write(memory)
    roots = ["--regime", "amd64", "--root", "0"]
    roots += ["--root", "1000"] if rng.random() < 0.5 else []
    a, b = (pages(ptwalk, name, roots) for name in names)
    if a is None or b is None:
        return check(ptwalk, rng, directory)  # another one
    want = {}
    for at in a.keys() | b.keys():
        what = differ(a.get(at), b.get(at), memory_a, memory_b)
        if what:
            want[at] = what
    every = run(ptwalk, "diff", "--json", "--all", *roots, *names)
    once = run(ptwalk, "diff", "--json", "--fold", *roots, *names)
    got = unfolded(every)
    asked = {at: set(what) & ASKED for at, what in got.items()
             if set(what) & ASKED}
    if asked != want:
        at = min(k for k in asked.keys() | want.keys()
                 if asked.get(k) != want.get(k))
        return f"root {at[0]} at {at[1] * PAGE:x}: {asked.get(at)}, not " \
            f"{want.get(at)}"
    if unfolded(once) != got:
        return "--fold is not --all"
    if every[-1] != once[-1] or every[-1]["pages"] != len(a.keys() | b.keys()):
        return f"totals: {every[-1]}, {once[-1]}"
    for kind in ("only-a", "only-b", "rights", "bytes", "shared", "joined"):
        count = sum(kind in what for what in got.values())
        if every[-1][kind.replace("-", "_")] != count:
            return f"{kind}: {count}, not as the total says"
    return None


def main():
    ptwalk, directory = sys.argv[1:3]
    images = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    for i in range(seed, seed + images):
        wrong = check(ptwalk, random.Random(i), directory)
        if wrong:
            print(f"diff_model: seed {i}: {wrong}", file=sys.stderr)
            return 1
    print(f"{images} pairs of images")
    return 0


sys.exit(main())
