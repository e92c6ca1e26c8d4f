#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the runs of maps, each as ROOT FIRST LAST PA and the rest of the line, in
decimal and without the sign extension.  What stands for others, "as the ...",
"the ... repeats N times" and "the same as root N", is replaced by them, and runs
that continue each other are joined; so what maps shows, and what maps --all does,
come to the same.

usage: unfold.py FILE
"""
import bisect
import re
import sys

ALL = 1 << 48
HEX = re.compile("[0-9a-f]+").fullmatch
runs = {}  # of each root [first, last, pa, rest], in the order of their addresses


def address(text):
    return int(text[4:], 16)


def number_of_bytes(text):
    return int(text[:-1]) << 10 * "BKMGT".index(text[-1])


def keep(root, first, last, pa, rest):
    """Adds a run, or makes the last one longer."""
    if runs[root]:
        before = runs[root][-1]
        if (before[3] == rest and before[1] + 1 == first and
                before[2] + first - before[0] == pa):
            before[1] = last
            return
    runs[root].append([first, last, pa, rest])


def copy(root, of, va, size, to):
    """What the root `of` has from va on, up to size bytes, comes at `to`."""
    start = bisect.bisect_left(runs[of], va, key=lambda run: run[1])
    for i in range(start, len(runs[of])):
        first, last, pa, rest = runs[of][i]
        if first > va + size - 1:
            break
        skip = max(0, va - first)
        last = min(last, va + size - 1)
        keep(root, first + skip - va + to, last - va + to, pa + skip, rest)


def after(words, word):
    """The word after that one, or None."""
    return words[words.index(word) + 1] if word in words[:-1] else None


def main():
    root = None
    with open(sys.argv[1], encoding="ascii") as maps:
        for line in maps:
            words = line.split()
            if words[0] == "#":
                if len(words) == 4:
                    root = int(words[2])
                    runs[root] = []
                continue
            if words[0] == "the":
                copy(root, int(words[4]), 0, ALL, 0)
                continue
            first, last = (address(end) for end in words[0].split("-"))
            if words[2] in ("as", "the"):
                words = words[2:]
                of = int(after(words, "root") or root)
                va = address(after(words, "at"))
                size, times = last - first + 1, 1
                if words[0] == "the":
                    size = number_of_bytes(words[1])
                    times = int(after(words, "repeats"))
                every = after(words, "every")
                every = size if every is None else number_of_bytes(every)
                for k in range(times):
                    copy(root, of, va, size, first + k * every)
                continue
            # Attributes come before the address, and what is said of it after.
            i = next(i for i in range(5, len(words)) if HEX(words[i]))
            pa = int(words[i], 16)
            rest = " ".join(words[2:i] + ["-"] + words[i + 1:])
            keep(root, first, last, pa, rest.partition(" outside")[0])
    for root, listed in runs.items():
        for first, last, pa, rest in listed:
            print(root, first, last, pa, rest)


main()
