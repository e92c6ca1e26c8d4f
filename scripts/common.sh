# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What all scripts have in common.  A script that sources it is in the project's
# directory from there on.
self=$(basename "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# fail WORD...: says what is wrong with the call, or with the machine.
fail() {
    echo "$self: $*" >&2
    exit 2
}

# other_option WORD: what a script does with an option that it does not have: asked
# for help, it prints the comment at its head, without the licence.
other_option() {
    case $1 in
    -h | --help)
        sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "scripts/$self"
        exit 0
        ;;
    esac
    fail "no option $1; see --help"
}

# no_options WORD...: for a script that has no options.
no_options() {
    local word
    for word; do
        [[ $word != -?* ]] || other_option "$word"
    done
}

# no_arguments WORD...: for a script that takes nothing at all.
no_arguments() {
    no_options "$@"
    [ $# -eq 0 ] || fail "$1: expected nothing; see --help"
}

# check_number VALUE WHAT: that it is a number above 0.
check_number() {
    [[ $1 =~ ^[1-9][0-9]*$ ]] || fail "not a number of $2: $1"
}
