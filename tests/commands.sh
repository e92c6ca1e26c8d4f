# SPDX-License-Identifier: Apache-2.0
# All that the command can do, from its own table: for the test scripts, behind
# check.sh.  What it says of an image other tests ask; here it may say anything, in
# the way in which it says things.
#
# usage: . commands.sh, with ptwalk and scratch set, before they are called

# command_names: one a line, as --help lists them.
command_names() {
    "$ptwalk" --help | sed -n 's/^  \([a-z]*\)  *\[options\].*/\1/p'
}

# arguments_of COMMAND IMAGE: sets operands, by the command's own usage, and bound:
# options that keep it short.
arguments_of() {
    local usage word

    operands=()
    bound=()
    usage=$("$ptwalk" "$1" --help)
    for word in $(sed -n "1s/^usage: ptwalk $1 \[options\]//p" <<<"$usage"); do
        case $word in
        -o) operands+=(-o) ;;
        OUT) operands+=("$scratch/every.out") ;;
        IMAGE | A | B) operands+=("$2") ;;
        VA...) operands+=(400000 ffffffff81000000) ;;
        *)
            echo "$1: what is $word? teach tests/commands.sh"
            return 1
            ;;
        esac
    done
    grep -q -- '^  --range' <<<"$usage" && bound+=(--range "$(some_range)")
    grep -q -- '^  --limit' <<<"$usage" && bound+=(--limit 1000)
    grep -q -- '^  --allow-empty' <<<"$usage" && bound+=(--allow-empty)
    [ "${#operands[@]}" -gt 0 ]
}

# some_range: one of which the roots can map something, by every_command's options.
some_range() {
    case " ${options[*]} " in
    *' --ttbr0 '* | *' --root '*) echo 0+1T ;;
    *' --ttbr1 '*) echo ffff800000000000+1T ;;
    *) echo 0+1T ;;
    esac
}

# well_behaved STATUS... -- ARGS...: the command ends by itself with one of these
# statuses, and an error is a line.
well_behaved() {
    local want=' ' status

    while [ "$1" != -- ]; do
        want+="$1 "
        shift
    done
    shift
    rm -f "$scratch/every.out"
    "$ptwalk" "$@" >"$scratch/every.said" 2>"$scratch/every.err"
    status=$?
    if [[ $want != *" $status "* ]] ||
        grep -qv '^ptwalk: .*: .' "$scratch/every.err" ||
        { [ "$status" -ge 2 ] && [ ! -s "$scratch/every.err" ]; }; then
        echo "status $status of$want: $*" >&8
        head -n 5 "$scratch/every.err" >&8
        return 1
    fi
    case " $* " in
    *' --json '*) cat "$scratch/every.said" >>"$scratch/every.json" ;;
    esac
}

# every_command NAME ARGS... IMAGE: each one, of an image that opens.
every_command() {
    local name=$1 image=${*: -1} command
    local -a options=("${@:2:$#-2}") operands bound

    : >"$scratch/every.json"
    for command in $(command_names); do
        check "$name: $command: its usage is known" \
            arguments_of "$command" "$image"
        check "$name: $command" well_behaved 0 1 3 -- "$command" --json \
            "${options[@]}" "${bound[@]}" "${operands[@]}"
    done
    rm -f "$scratch/every.out"
    check "$name: objects with a type" jq -e -n \
        'reduce inputs as $o (true; . and ($o | type == "object" and has("type")))' \
        "$scratch/every.json" >"$scratch/every.said"
}
