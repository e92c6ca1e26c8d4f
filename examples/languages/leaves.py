#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints every leaf of one space: leaves.py IMAGE REGIME ROOT.  See leaves.c."""
import mmap
import sys

import ptwalk


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: leaves.py IMAGE REGIME ROOT")
    try:
        with open(sys.argv[1], "rb") as file:
            image = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        regime = ptwalk.Regime.by_name(sys.argv[2])
        root = regime.root(int(sys.argv[3], 16))
        for item in ptwalk.walk(ptwalk.Memory(image), root):
            if isinstance(item, ptwalk.Mapping):
                print(f"{item.first:016x} {item.pa:x} {item.size:x}", *item.rights)
    except (OSError, ValueError, ptwalk.Error) as why:
        print(f"leaves.py: {why}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
