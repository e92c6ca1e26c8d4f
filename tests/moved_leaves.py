#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Leaves of a guest, at the addresses that the page map of compact gives them.

Prints the lines VA PA SIZE ... of the files with the new PA.  A leaf of which the page
map has no page is left out if it lies outside of the image; any other one has to be
in one piece from its first page to its last one, or "torn:" stands before its PA.

usage: moved_leaves.py PAGE_MAP BASE LENGTH FILE...     (decimal; the image's)
"""
import sys

PAGE = 4096


def main():
    base, length = int(sys.argv[2]), int(sys.argv[3])
    new = {}
    with open(sys.argv[1], encoding="ascii") as page_map:
        for line in page_map:
            was, now, size = (int(word, 16) for word in line.split()[:3])
            for at in range(0, size, PAGE):
                new[was - base + at] = now + at

    def moved(pa, size):
        """The new address, None of a leaf outside, or what is wrong."""
        first = int(pa, 16) - base
        last = first + int(size, 16) - PAGE
        if first not in new and not 0 <= first < length:
            return None
        if first not in new or new.get(last) != new[first] + last - first:
            return f"torn: {pa}"
        return f"{new[first]:x}"

    known = {}
    for name in sys.argv[4:]:
        with open(name, encoding="ascii") as leaves:
            for line in leaves:
                va, pa, size, rest = line.split(" ", 3)
                if (pa, size) not in known:
                    known[pa, size] = moved(pa, size)
                if known[pa, size] is not None:
                    sys.stdout.write(f"{va} {known[pa, size]} {size} {rest}")


main()
