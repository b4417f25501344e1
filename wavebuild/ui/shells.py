"""What bash, zsh and fish run to complete a command line, and how each of them writes a word.

It does not know what there is to complete.
"""

from __future__ import annotations

import re

from msgspec import Struct

SHELLS = ("bash", "zsh", "fish")

_BASH = r"""# bash completion of wavebuild:  eval "$(wavebuild --show-completion bash)"
_wavebuild_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(_WAVEBUILD_COMPLETE=bash _WAVEBUILD_LINE="${COMP_LINE:0:COMP_POINT}" \
        _WAVEBUILD_BREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null </dev/null)
}
complete -o nospace -o nosort -F _wavebuild_completion wavebuild 2>/dev/null ||
    complete -o nospace -F _wavebuild_completion wavebuild
"""

_ZSH = r"""#compdef wavebuild
# zsh completion of wavebuild:  eval "$(wavebuild --show-completion zsh)"
_wavebuild_completion() {
    local line word
    local -a parts before done_words done_shown open_words open_shown
    for word in "${(@)words[2,CURRENT-1]}"; do before+=("${(Q)word}"); done
    while IFS= read -r line; do
        parts=("${(@ps:\t:)line}")
        word="${parts[2]}"
        if [[ -n "${parts[3]}" ]]; then line="$word  -- ${parts[3]}"; else line="$word"; fi
        if [[ "${parts[1]}" == open ]]; then
            open_words+=("$word"); open_shown+=("$line")
        else
            done_words+=("$word"); done_shown+=("$line")
        fi
    done < <(_WAVEBUILD_COMPLETE=zsh "${(Q)words[1]}" "${(@)before}" "${(Q)PREFIX}" 2>/dev/null </dev/null)
    (( $#done_words )) && compadd -o nosort -l -d done_shown -a done_words
    (( $#open_words )) && compadd -o nosort -l -S '' -d open_shown -a open_words
    return 0
}
if [[ "${funcstack[1]}" == _wavebuild ]]; then
    _wavebuild_completion "$@"
else
    compdef _wavebuild_completion wavebuild
fi
"""

_FISH = r"""# fish completion of wavebuild:  wavebuild --show-completion fish | source
function __wavebuild_completion
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l plain (string unescape -- "$current" 2>/dev/null)
    or set plain (string replace -r -- '^[\'"]' '' "$current")
    env _WAVEBUILD_COMPLETE=fish $before[1] $before[2..-1] "$plain" 2>/dev/null </dev/null
end
complete -c wavebuild -e
complete -c wavebuild -f -k -a '(__wavebuild_completion)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


class Typed(Struct, frozen=True):
    """A command line up to the cursor, as bash reads it."""

    before: tuple[str, ...]  # the words before, without their quotes; the command first
    current: str  # the word at the cursor, without its quotes
    kept: str  # what of it the shell leaves standing: only what comes after that is put in again
    start: int  # where in the line that begins
    quote: str = ""  # the quote that is still open


_SPACE = " \t\n"
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]")
_HOST = "@"
"""A break that bash takes for the first sign of the word behind it."""


def read_by_bash(line: str, breaks: str) -> Typed:
    """The words of a line that bash would complete; ``breaks``: its ``COMP_WORDBREAKS``."""
    words: list[str] = []
    word, kept, quote = "", "", ""
    within = False  # a word has begun
    at = start = 0
    while at < len(line):
        char = line[at]
        at += 1
        if quote:
            if char == quote:
                quote = ""
            elif quote == '"' and char == "\\" and at < len(line) and line[at] in '\\"$`':
                word += line[at]
                at += 1
            else:
                word += char
        elif char in _SPACE:
            if within:
                words.append(word)
            word, kept, within, start = "", "", False, at
        else:
            within = True
            if char in "'\"":
                quote, kept, start = char, word, at
            elif char == "\\":
                word += line[at : at + 1]
                at += 1
            else:
                word += char
                if char in breaks:
                    kept, start = (word[:-1], at - 1) if char == _HOST else (word, at)
    return Typed(tuple(words), word, kept, start, quote)


def written_for_bash(text: str, typed: Typed, whole: bool) -> str:
    """What bash puts in the place of the word at the cursor; ``whole``: nothing more is to come to this word."""
    rest = text.removeprefix(typed.kept)
    if typed.quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", rest)  # bash closes the quote
    if typed.quote == "'":
        return rest.replace("'", "'\\''")
    shown = "".join(char if _PLAIN.match(char) or ord(char) > 127 else f"\\{char}" for char in rest)
    return f"{shown} " if whole else shown
