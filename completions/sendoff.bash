# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# Completion for sendoff and sendmail in bash. The program itself knows what to offer: sendoff __complete WORDS prints
# a line for each candidate, with a tab and what it is, or ":files".

# The sendoff that the command is, or a link to; nothing where it is another program.
_sendoff_program() {
    local path

    path=$(type -P -- "${1/#\~\//$HOME/}") && path=$(readlink -f -- "$path") && [[ ${path##*/} == sendoff ]] &&
        printf '%s\n' "$path"
}

# Sets the caller's words to those of the line, up to the cursor's: bash has split them at "=" and other characters.
_sendoff_words() {
    local rest=$COMP_LINE blanks i

    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blanks=${rest%%[![:space:]]*}
        rest=${rest#"$blanks"}
        rest=${rest#"${COMP_WORDS[i]}"}
        if [[ $i == 0 || $blanks ]]; then
            words+=("${COMP_WORDS[i]}")
        else
            words[-1]+=${COMP_WORDS[i]}
        fi
    done
    words=("${words[@]:1}")
    words=("${words[@]/#\~\//$HOME/}")
}

_sendoff() {
    local program words line before option=

    COMPREPLY=()
    program=$(_sendoff_program "$1") || return 0
    _sendoff_words
    # What bash replaces is only $2, the end of the word.
    before=${words[-1]%"$2"}
    # Commands and -C are not sendmail's: behind an option, they are not offered.
    [[ ${1##*/} == sendoff ]] || words=(-i "${words[@]}")
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            # Where bash does not split words at "=", $2 has the option, too.
            [[ $2 == --*=* ]] && option=${2%%=*}=
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -P "$option" -f -- "${2#"$option"}")
            return 0
        fi
        printf -v line '%q' "${line%%$'\t'*}"
        COMPREPLY+=("${line#"$before"}")
    done < <("$program" __complete "${words[@]}" </dev/null 2>/dev/null)
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _sendoff sendoff sendmail
