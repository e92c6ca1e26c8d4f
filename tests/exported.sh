# SPDX-License-Identifier: Apache-2.0
# For the test scripts: what a shared library has in it.  $source is the
# project's directory.

# soname LIBRARY
soname() {
    objdump -p "$1" | awk '$1 == "SONAME" { print $2 }'
}

# rpath PROGRAM
rpath() {
    objdump -p "$1" | awk '$1 == "RUNPATH" || $1 == "RPATH" { print $2 }'
}

# exports_the_headers LIBRARY: it exports what the headers declare, and no more.
exports_the_headers() {
    diff <("$source/scripts/amalgamate" --names) \
        <(nm -D --defined-only "$1" | awk '{ print $3 }' | sort)
}
