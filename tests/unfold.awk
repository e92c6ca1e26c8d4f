# SPDX-License-Identifier: Apache-2.0
# Prints the runs of maps, each as ROOT FIRST LAST PA and the rest of the line, in
# decimal and without the sign extension.  What stands for others, "as the ...",
# "the ... repeats N times" and "the same as root N", is replaced by them, and
# runs that continue each other are joined; so what maps shows, and what maps
# --all does, come to the same.
function number(text,  i, n) {
    for (i = 1; i <= length(text); i++)
        n = n * 16 + index("123456789abcdef", substr(text, i, 1))
    return n + 0
}
function address(text) { return number(substr(text, 5)) }
function bytes(text,  u) {
    u = index("BKMGT", substr(text, length(text)))
    return substr(text, 1, length(text) - 1) * 1024 ^ (u - 1)
}
function keep(first, last, pa, what,  n) {
    n = runs[root]
    if (n > 0 && rest[root, n] == what && to[root, n] + 1 == first &&
        at[root, n] + (first - from[root, n]) == pa) {
        to[root, n] = last
        return
    }
    runs[root] = ++n
    from[root, n] = first; to[root, n] = last; at[root, n] = pa
    rest[root, n] = what
}
# What the root `of` has from va on, up to size bytes, comes at `first`.
function copy(of, va, size, first,  i, n, skip, end) {
    n = runs[of]
    for (i = 1; i <= n; i++) {
        if (to[of, i] < va || from[of, i] > va + size - 1) continue
        skip = from[of, i] < va ? va - from[of, i] : 0
        end = to[of, i] < va + size - 1 ? to[of, i] : va + size - 1
        keep(from[of, i] + skip - va + first, end - va + first,
            at[of, i] + skip, rest[of, i])
    }
}
function after(word,  i) {
    for (i = 3; i < NF; i++) if ($i == word) return $(i + 1)
    return ""
}
$1 == "#" && NF == 4 { root = $3; runs[root] = 0; next }
$1 == "#" { next }
$1 == "the" { copy($5, 0, 2 ^ 48, 0); next }
$3 == "as" || $3 == "the" {
    split($1, range, "-")
    of = after("of") == "root" ? $NF : root
    for (i = 3; i < NF; i++) if ($i == "root") of = $(i + 1)
    va = address(after("at"))
    size = $3 == "as" ? address(range[2]) - address(range[1]) + 1 : bytes($4)
    times = $3 == "as" ? 1 : after("repeats")
    every = after("every") == "" ? size : bytes(after("every"))
    for (k = 0; k < times; k++)
        copy(of, va, size, address(range[1]) + k * every)
    next
}
{
    split($1, range, "-")
    for (i = 6; $i ~ /[^0-9a-f]/; i++) { }
    pa = number($i)
    $i = "-"; $1 = ""; $2 = ""
    sub(/ outside.*/, "")
    keep(address(range[1]), address(range[2]), pa, $0)
}
END {
    for (root = 0; root in runs; root++)
        for (i = 1; i <= runs[root]; i++)
            printf "%d %.0f %.0f %.0f%s\n", root, from[root, i], to[root, i],
                at[root, i], rest[root, i]
}
