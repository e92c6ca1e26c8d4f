# SPDX-License-Identifier: Apache-2.0
# Completion of ptwalk for bash.  Commands and options are those that the command
# itself tells of in its help.
_ptwalk()
{
    local ptwalk=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} command='' i
    local commands

    commands=$("$ptwalk" --help 2>/dev/null |
        sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ " ${commands//$'\n'/ } " == *" ${COMP_WORDS[i]} "* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
    if [[ $word == -* ]]; then
        # shellcheck disable=SC2086
        mapfile -t COMPREPLY < <(compgen -W "$("$ptwalk" $command --help \
            2>/dev/null | grep -o -- '--[a-z][a-z0-9-]*' | sort -u)" -- "$word")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == --regime ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'i686 pae amd64 amd64-la57 sv32 sv39
            sv48 sv57 bare aarch64-4k-39 aarch64-4k-48 aarch64-16k-47
            aarch64-64k-48' -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _ptwalk ptwalk
