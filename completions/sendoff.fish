# SPDX-License-Identifier: ISC
#
# Completion for sendoff and sendmail in fish. The program itself knows what to offer: sendoff __complete WORDS prints a
# line for each candidate, with a tab and what it is, or ":files".

function __sendoff_complete
    set -l words (commandline -opc | string replace -r '^~/' "$HOME/") (commandline -ct | string replace -r '^~/' "$HOME/")
    set -l command $words[1]
    set -e words[1]
    # The sendoff that the command is, or a link to; nothing is offered where it is another program.
    set -l program (command -s -- $command)
    set program (realpath -- "$program[1]" 2>/dev/null)
    string match -qr '(^|/)sendoff$' -- "$program"
    or return 0
    # Commands and -C are not sendmail's: behind an option, they are not offered.
    string match -qr '(^|/)sendoff$' -- $command
    or set -p words -i
    set -l lines ($program __complete $words </dev/null 2>/dev/null)
    if contains -- :files $lines
        set -l option (string match -r -- '^--[a-z-]+=' (commandline -ct))
        __fish_complete_path (string replace -r -- '^--[a-z-]+=' '' (commandline -ct)) | string replace -r -- '^' "$option"
    else
        string join -- \n $lines
    end
end

complete -c sendoff -f -a '(__sendoff_complete)'
complete -c sendmail -f -a '(__sendoff_complete)'
