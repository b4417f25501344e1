"""Which scripts need no shell: one plain command and its files, started as the shell that is meant would start it.

It does not know jobs or steps, nor what becomes of the command. Only ``sh`` and ``bash`` as wavebuild starts
them by itself are dealt with, and of these only dash and bash: how they change the environment of what they
start is known. In every doubt the answer is None: then the shell is to be started.
"""

from __future__ import annotations

import functools
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from wavebuild.regular import expression

Kind = Literal["dash", "bash"]

STARTS = (("sh", "-eu", "-c"), ("bash", "-euo", "pipefail", "-c"))
"""What stands before the script, where the Wavefile names no shell of its own."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_SIGNS = frozenset(f"{_LETTERS}./,:@%+=-")
_UNQUOTED = frozenset({*_SIGNS, *" \t<>&"})
_FIRST = frozenset(f"{_LETTERS}./")
_SIGN = r"[A-Za-z0-9_./,:@%+=-]"
_WORD = rf"(?:{_SIGN}|'[ -&(-~]*')+"
_LEAD = rf"(?P<lead>[12]?>>?|0?<)[ \t]*(?P<file>{_WORD})"
_SAME = r"(?P<same>2>&1|1?>&2)"
_LINE = expression(
    rf"[ \t\n]*({_SIGN}+(?:[ \t]+(?:{_WORD}|[12]?>>?[ \t]*{_WORD}|0?<[ \t]*{_WORD}|2>&1|1?>&2))*)[ \t\n]*"
)
_PIECE = expression(rf"{_LEAD}|{_SAME}|{_WORD}")

_OWN = """
    . : alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare
    dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for function getopts hash
    help history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return
    select set shift shopt source suspend test then time times trap true type typeset ulimit umask unalias unset
    until wait while
    setsid
"""
OWN = frozenset(_OWN.split())
"""First words that the shells keep for themselves; `setsid` behaves as who calls it leads its group or not."""

_CHANGED = """
    COMP_WORDBREAKS DIRSTACK ENV EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD IFS LINENO OPTERR OPTIND
    POSIXLY_CORRECT POSIX_PEDANTIC PPID PS4 RANDOM SECONDS SHELLOPTS SRANDOM UID
"""
_NOT_HANDED_ON = frozenset(_CHANGED.split())
"""Variables that a shell changes, drops or heeds: who has one of them gets the shell."""


class File(Struct, frozen=True):
    """A redirection: ``stream`` becomes the file of this path, opened so; or, without one, the ``same`` as another."""

    stream: int
    path: str | None
    flags: int = 0
    same: int = 0

    @property
    def action(self) -> tuple[int, int, int] | tuple[int, int, str, int, int]:
        """As ``posix_spawn`` is told it."""
        if self.path is None:
            return os.POSIX_SPAWN_DUP2, self.same, self.stream
        return os.POSIX_SPAWN_OPEN, self.stream, self.path, self.flags, 0o666


class Plain(Struct, frozen=True):
    """One command: its words, its redirections in their order, and the line as bash shows it."""

    words: tuple[str, ...]
    files: tuple[File, ...] = ()
    line: str = ""

    @property
    def errors(self) -> str | None:
        """The file that its standard error goes to in the end; None if it is not redirected to any."""
        found: dict[int, str | None] = {}
        for file in self.files:
            found[file.stream] = file.path if file.path is not None else found.get(file.same)
        return found.get(2)


_WRITES = os.O_WRONLY | os.O_CREAT
_OPENED = {">>": _WRITES | os.O_APPEND, ">": _WRITES | os.O_TRUNC, "<": os.O_RDONLY}
_LEADS = frozenset((">", "1>", "2>", ">>", "1>>", "2>>", "<", "0<"))
_SAME_AS = {"2>&1": (2, 1), ">&2": (1, 2), "1>&2": (1, 2)}
_USUAL = {">": "1", ">>": "1", "<": "0"}


def plain_of(argv: tuple[str, ...]) -> Plain | None:
    """The one command that a shell with these arguments would run, if that needs no shell."""
    if argv[:-1] not in STARTS or not sys.platform.startswith("linux"):
        return None
    script = argv[-1]
    plain = _read(script) if "'" in script else _read_unquoted(script.strip(" \t\n"))
    if plain is None or plain.words[0] in OWN:
        return None
    return plain if plain.words[0][0] in _FIRST and "=" not in plain.words[0] else None


def _read_unquoted(line: str) -> Plain | None:
    """As `_read`, without an expression: most lines are of this kind, and to make one takes longer than to begin."""
    if not line or not _UNQUOTED.issuperset(line):
        return None
    pieces = line.split()
    if _SIGNS.issuperset(line.replace(" ", "").replace("\t", "")):
        return Plain(tuple(pieces))
    words, files, shown = [], [], []
    rest = iter(pieces)
    for piece in rest:
        if _SIGNS.issuperset(piece):
            words.append(piece)
        elif not words:
            return None
        elif piece in _SAME_AS:
            stream, same = _SAME_AS[piece]
            files.append(File(stream, None, same=same))
            shown.append(f"{stream}>&{same}")
        else:
            number = piece[0] if piece[0] in "012" else ""
            sign = next((sign for sign in _OPENED if piece.startswith(sign, len(number))), "")
            file = piece[len(number) + len(sign) :] or next(rest, "")
            if f"{number}{sign}" not in _LEADS or not file or not _SIGNS.issuperset(file):
                return None
            files.append(File(int(number or _USUAL[sign]), file, _OPENED[sign]))
            shown.append(f"{'' if number == _USUAL[sign] else number}{sign} {file}")
    return Plain(tuple(words), tuple(files), " ".join((*words, *shown)))


def _read(script: str) -> Plain | None:
    """The words and redirections of a script that is one plain command."""
    found = _LINE.fullmatch(script)
    if found is None:
        return None
    line = found[1]
    words, written, files, shown = [], [], [], []
    for piece in _PIECE.finditer(line):
        if lead := piece["lead"]:
            sign = lead.lstrip("012")
            stream = lead.removesuffix(sign) or _USUAL[sign]
            files.append(File(int(stream), piece["file"].replace("'", ""), _OPENED[sign]))
            shown.append(f"{'' if stream == _USUAL[sign] else stream}{sign} {piece['file']}")
        elif piece["same"]:
            stream = "2" if piece["same"] == "2>&1" else "1"
            files.append(File(int(stream), None, same=int(piece["same"][-1])))
            shown.append(f"{stream}>&{piece['same'][-1]}")
        else:
            words.append(piece[0].replace("'", ""))
            written.append(piece[0])
    return Plain(tuple(words), tuple(files), " ".join((*written, *shown)))


def are_usual(files: Iterable[File]) -> bool:
    """Whether all that is to be opened can be without waiting, and is what its path says: of the rest shells know."""
    return all(file.path is None or _is_usual(file.path, file.flags) for file in files)


def _is_usual(path: str, flags: int) -> bool:
    if path == os.devnull:
        return True
    if path.startswith(("/dev/", "/proc/")):  # bash gives some of these a meaning of its own
        return False
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return bool(flags & os.O_CREAT)
    except OSError:
        return False


def kind_of(shell: str, env: Mapping[str, str]) -> Kind | None:
    """Which shell a name means for who has these variables; None if it is another, or heeds one of them."""
    path = env.get("PATH")
    kind = _kind(shell, path) if path else None
    return kind if kind is not None and _hands_on_all(tuple(env)) else None


@functools.lru_cache(64)
def _kind(shell: str, path: str) -> Kind | None:
    folders = path.split(os.pathsep)
    if "%" in path or not all(map(os.path.isabs, folders)) or any(folder.endswith("/") for folder in folders):
        return None  # whoever looks there names what it finds in its own way
    file = next((file for folder in folders if os.access(file := os.path.join(folder, shell), os.X_OK)), "")
    name = os.path.basename(os.path.realpath(file))
    return "dash" if name == "dash" else "bash" if name == "bash" else None


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier()


@functools.lru_cache(256)
def _hands_on_all(names: tuple[str, ...]) -> bool:
    return all(_is_name(name) and name not in _NOT_HANDED_ON and not name.startswith("BASH") for name in names)


def as_told(kind: Kind, env: Mapping[str, str], executable: str, redirected: bool = False) -> dict[str, str] | None:
    """The variables that a shell of this kind would hand to a command, with the current folder as its own.

    ``executable``: the command's file, as it was found. A bash becomes the command, but not one that is redirected.
    """
    told = dict(env)
    folder = _folder(told.get("PWD", ""), kind)
    if folder is None:
        return None
    told["PWD"] = folder
    if kind == "bash":
        told["_"] = executable
        if not (level := told.get("SHLVL", "0")).isdecimal() or not level.isascii() or int(level) > 998:
            return None
        told["SHLVL"] = str(int(level) + redirected)
        for prompt in ("PS1", "PS2"):
            told.pop(prompt, None)
        if "OLDPWD" in told and not os.path.isdir(told["OLDPWD"]):
            del told["OLDPWD"]
    return told


def _folder(said: str, kind: Kind) -> str | None:
    """What a shell takes for the current folder, where the variable that tells of it says this."""
    if not said.startswith("/"):
        return os.getcwd()
    try:
        here = os.path.samestat(os.stat(said), os.stat("."))
    except OSError:
        here = False
    if not here:
        return os.getcwd()
    return None if kind == "bash" and os.path.normpath(said) != said else said
