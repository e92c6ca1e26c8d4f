# SPDX-License-Identifier: Apache-2.0
# For the test scripts, behind check.sh: a real guest in $scratch, which is made,
# entered and at last removed.  $source is the project's directory.

needs zstd
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch" || exit 2
trap 'rm -rf "$scratch"' EXIT
case=$source/tests/images/amd64-linux
zstd -dqf --sparse "$case/image.raw.zst" -o image || exit 2
zstd -dqf "$case/expected-00-gap.txt.zst" -o expected || exit 2
root=$(sed -n 's/^ *"value": "\(.*\)",/\1/p' "$case/meta.json" | head -n 1)

# same_leaves COMMAND...: it prints the leaves of the guest that an independent
# walker found.
same_leaves() {
    "$@" image amd64 "$root" | cmp - expected
}
