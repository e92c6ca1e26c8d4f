# SPDX-License-Identifier: Apache-2.0
# A header of the project as doxygen reads it: each comment is one of doxygen's,
# of what follows or, behind code, of what stands before it; the first one is of
# the file.  In a comment nothing is a command, a tag or a link.
#
# Declarations without an empty line between them share the comment above them,
# as they do for a reader: each gets it.

function plain(text)
{
    gsub(/[\\@<>#%&*]/, "\\\\&", text)
    return text
}

# One line of a comment, and whether it ends there.  What is indented below an
# empty line, a table or an example, stays as it is, in a block of code.
function comment(text, start,    end)
{
    if (text ~ /^ \*   *[^ *]/ && (code || empty)) {
        code = text ~ /^ \*   /
    } else if (text !~ /^ \*$/) {
        code = 0
    }
    empty = text ~ /^ \*$/
    if (code && !empty) {
        sub(/^ \* /, " *     ", text)
        inside = index(text, "*/") == 0
        return text
    }
    end = index(text, "*/")
    inside = end == 0
    if (!inside) {
        return start plain(substr(text, 1, end - 1)) "*/" substr(text, end + 2)
    }
    return start plain(text)
}

NR == 1 && /SPDX/ { next }

inside {
    line = comment($0, "")
    shared = shared line "\n"
    print line
    next
}

/^\/\* -+ / { print; next } # a heading of the source

/\/\*/ {
    at = index($0, "/*")
    before = substr($0, 1, at - 1)
    if (!headed) {
        # The one that includes the others has the glossary.
        start = FILENAME ~ /\/ptwalk\.h$/ ? "/** @mainpage ptwalk\n *" : "/** @file\n *"
        headed = 1
    } else if (before ~ /[^ ]/) {
        start = "/**<"
    } else {
        start = "/**"
    }
    line = before comment(substr($0, at + 2), start)
    print line
    if (before == "") {
        shared = line "\n"
    }
    ended = $0 ~ /;/
    next
}

ended && /^[A-Z]*.*PTW_API / { printf "%s", shared }

{
    ended = /;$/
    print
}
