#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the command does on a terminal and nowhere else: progress, and colours.

usage: terminal.py PTWALK DIRECTORY
"""
import os
import pty
import re
import select
import subprocess
import sys
import time

PTWALK, DIRECTORY = sys.argv[1:3]
IMAGE = os.path.join(DIRECTORY, "terminal.raw")
MODE = ["--regime", "amd64", "--root", "0"]
os.makedirs(DIRECTORY, exist_ok=True)
failed = passed = 0


def check(name, ok, seen=b""):
    global failed, passed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {name}: {seen[-300:]!r}")


def run(args, out="pipe", err="pipe", env=None):
    """Runs the command; its output and errors, each a pipe's or a terminal's."""
    full = {**os.environ, "TERM": "xterm", "NO_COLOR": None, **(env or {})}
    full = {k: v for k, v in full.items() if v is not None}
    ours, theirs = {}, {}
    for name, kind in (("out", out), ("err", err)):
        if kind == "null":
            theirs[name] = os.open("/dev/null", os.O_WRONLY)
            continue
        ours[name], theirs[name] = pty.openpty() if kind == "terminal" \
            else os.pipe()
    p = subprocess.Popen([PTWALK, *args], stdin=subprocess.DEVNULL,
                         stdout=theirs["out"], stderr=theirs["err"], env=full)
    for fd in theirs.values():
        os.close(fd)
    got = {"out": b"", "err": b""}
    end = time.monotonic() + 120
    while ours and time.monotonic() < end:
        ready, _, _ = select.select(list(ours.values()), [], [], 1)
        for name in [n for n, fd in ours.items() if fd in ready]:
            try:
                data = os.read(ours[name], 65536)
            except OSError:  # a terminal that nobody has open any more
                data = b""
            got[name] += data
            if not data:
                os.close(ours.pop(name))
    if ours:
        p.kill()
    p.wait()
    return got["out"].replace(b"\r\n", b"\n"), got["err"]


def make_image(entries):
    """A root with so many entries, all to one table, and so on: 2^18 leaves each;
    the last page can be written and executed, and one lies outside."""
    memory = bytearray(0x6000)

    def put(table, index, value):
        memory[table + 8 * index:table + 8 * index + 8] = \
            value.to_bytes(8, "little")
    for i in range(entries):
        put(0, i, 0x1067)
    put(0x1000, 0, 0x2067)
    for i in range(512):
        put(0x2000, i, 0x3067)
        put(0x3000, i, 0x4065)
    put(0x3000, 511, 0x5067)
    put(0x3000, 510, 0x7fff0065)
    with open(IMAGE, "wb") as f:
        f.write(memory)


SEQUENCE = re.compile(rb"\x1b\[[0-9;]*m")
make_image(1)
plain, _ = run(["maps", *MODE, IMAGE])
check("maps in a pipe: no colour", plain and b"\x1b" not in plain, plain)
shown, _ = run(["maps", *MODE, IMAGE], out="terminal")
check("maps on a terminal: w and x", b"\x1b[31mrwxu\x1b[0m" in shown, shown)
check("maps on a terminal: outside", b"\x1b[33moutside\x1b[0m" in shown, shown)
check("maps on a terminal: not r-x", b"\x1b[31mr-xu" not in shown, shown)
check("maps on a terminal: else the same", SEQUENCE.sub(b"", shown) == plain,
      shown)
for what, env in (("NO_COLOR", {"NO_COLOR": "1"}), ("TERM=dumb", {"TERM": "dumb"}),
                  ("no TERM", {"TERM": None})):
    shown, errors = run(["maps", *MODE, IMAGE], out="terminal", env=env)
    check(f"maps with {what}: no colour", shown == plain, shown)
    _, errors = run(["maps", *MODE, "no such"], err="terminal", env=env)
    check(f"an error with {what}: no colour", b"\x1b[" not in errors, errors)
shown, _ = run(["maps", *MODE, IMAGE], out="terminal", env={"NO_COLOR": ""})
check("NO_COLOR that is empty is none", b"\x1b[31m" in shown, shown)
shown, _ = run(["maps", *MODE, IMAGE, "--color", "never"], out="terminal")
check("--color never", shown == plain, shown)
shown, _ = run(["maps", *MODE, IMAGE, "--color", "always"],
               env={"NO_COLOR": "1"})
check("--color always", SEQUENCE.sub(b"", shown) == plain != shown, shown)
shown, _ = run(["maps", "--json", "--limit", "9", *MODE, IMAGE], out="terminal")
check("JSON has no colour", shown and b"\x1b" not in shown, shown)
_, errors = run(["maps", *MODE, "no such"], err="terminal")
check("an error on a terminal", errors.startswith(b"\x1b[31mptwalk:\x1b[0m no "),
      errors)
_, errors = run(["maps", *MODE, "no such"])
check("an error in a pipe", errors.startswith(b"ptwalk: no such: "), errors)
with open(IMAGE, "rb") as image, open(IMAGE + ".b", "wb") as other:
    memory = bytearray(image.read())
    memory[0x3000:0x3008] = bytes(8)
    other.write(memory)
shown, _ = run(["diff", *MODE, IMAGE, IMAGE + ".b"], out="terminal")
check("diff: what went", b" \x1b[31monly-a\x1b[0m" in shown, shown)
shown, _ = run(["diff", *MODE, IMAGE + ".b", IMAGE], out="terminal")
check("diff: what came", b" \x1b[32monly-b\x1b[0m" in shown, shown)
shown, _ = run(["explain", *MODE, IMAGE, "1fe123"], out="terminal")
check("explain: outside", b", \x1b[33moutside the image\x1b[0m" in shown, shown)

# Progress, of work that takes some seconds.
_, errors = run(["leaves", *MODE, IMAGE], out="null", err="terminal")
check("progress: not of short work", errors == b"", errors)
make_image(256)
long = ["leaves", "-j", "1", *MODE, IMAGE]
_, errors = run(long, out="null", err="terminal")
check("progress: where, and how fast", re.search(
    rb"\rleaves: root 0 of 1, at [0-9a-f]{16}, \d+ leaves, \d+ a second",
    errors) is not None, errors)
check("progress: how much, and how long", re.search(
    rb", \d+ %, about \d+ (s|min) left\x1b\[K", errors) is not None, errors)
shares = [int(n) for n in re.findall(rb", (\d+) %", errors)]
check("progress: it rises", shares == sorted(shares) and shares[-1] < 100, errors)
check("progress: it is erased", errors.endswith(b"\r\x1b[K"), errors)
_, errors = run(long, out="null")
check("progress: not in a pipe", errors == b"", errors)
for command in (["leaves", "-j", "2"], ["spaces", "-j", "1", "--root", "0"]):
    _, errors = run([*command, *MODE, IMAGE], out="null", err="terminal")
    check(f"progress: {command[0]}, erased if there was any",
          errors == b"" or errors.endswith(b"\r\x1b[K"), errors)

# What is rebuilt and compared is 16 GiB of a hole, by pages of 1 GiB.
HUGE = IMAGE + ".huge"
with open(HUGE, "wb") as f:
    f.truncate(16 << 30)
    f.write((0x1067).to_bytes(8, "little"))
    f.seek(0x1000)
    for i in range(16):
        f.write((i << 30 | 0x80000000000000e5).to_bytes(8, "little"))
holes = ["--holes", "zero", *MODE]
for command in (["verify", *holes, HUGE, HUGE],
                ["compact", *holes, "--max-bytes", "32G", "-o", HUGE + ".o",
                 HUGE]):
    _, errors = run(command, out="null", err="terminal")
    name = f"progress: {command[0]}"
    check(f"{name}: how much of how much, and how fast", re.search(
        rb"\r" + command[0].encode() + rb": comparing pages, [0-9.]+[KMG] of 16G, "
        rb"[0-9.]+[KMG] a second, \d+ %, about \d+ s left\x1b\[K", errors)
          is not None, errors)
    shares = [int(n) for n in re.findall(rb" pages, [^\r]*, (\d+) %", errors)]
    check(f"{name}: it rises", shares and shares == sorted(shares) and
          shares[-1] <= 100, errors)
    check(f"{name}: it is erased", errors.endswith(b"\r\x1b[K"), errors)
_, errors = run(["verify", *holes, HUGE, HUGE], out="null")
check("progress: verify, not in a pipe", errors == b"", errors)
os.remove(HUGE)
os.remove(HUGE + ".o")
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
