"""Brings a command line into the one form that is parsed: the command, its flags, then the words.

It does not know what a flag does, only which take a value and which belong to a later version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from wavebuild.errors import did_you_mean, mistake
from wavebuild.later import re
from wavebuild.regular import expression
from wavebuild.ui.vocabulary import COMMANDS, LATER_COMMANDS

ANYWHERE = frozenset({"-C", "-f", "--file", "--pipeline", "-v", "--verbose", "--set", "--profile", "--allow-outside"})
VALUED = frozenset(
    {
        *("-C", "-f", "--file", "--pipeline", "--set", "--profile", "-W", "-o", "-j", "--jobs", "--max-workers"),
        *("--schedule", "--events", "--timeline", "--report", "--wait", "--color", "--format", "--upstream"),
        "--downstream",
        "--show-completion",
        *(
            "--attempt",
            "--run",
            "--last",
            "--mem",
            "--output",
            "--confirm-over",
            "--twice",
            "--on-change",
            "--exec",
            "-l",
            "--load",
            "--load-average",
        ),
    }
)
TURNED = {"history": frozenset({"-n"}), "schema": frozenset({"--events"})}
"""Flags that take a value with every command but this one, or with this one alone."""
LATER_VALUED = frozenset(
    {
        "--cache",
        "--executor",
    }
)
LATER = LATER_VALUED | {
    "--no-cache",
}
JOBS = frozenset({"-j", "--jobs", "--max-workers"})
_SETTING = expression(r"[A-Za-z_][A-Za-z0-9_]*=")


class Piece(Struct, frozen=True):
    """One flag with its value, one word, or the ``--`` after which all are words."""

    kind: Literal["flag", "word", "end"]
    text: str
    value: str | None = None

    def written(self) -> list[str]:
        return [self.text] if self.value is None else [self.text, self.value]


class Arranged(Struct, frozen=True):
    """The command line in its one form. ``bare``: a command's name that could have meant a step."""

    line: tuple[str, ...]
    bare: str | None = None


def arranged(argv: Sequence[str]) -> Arranged:
    """The command first, ``build`` where none is named; then the flags, ``--``, the words."""
    pieces = list(_pieces(argv))
    ends = [at for at, piece in enumerate(pieces) if piece.kind == "end"]
    if any(piece.text == "--version" for piece in _flags(pieces)):
        return Arranged(("--version",))
    if shells := [piece.value for piece in _flags(pieces) if piece.text == "--show-completion"]:
        return Arranged(("--show-completion", shells[-1] or ""))
    at = _command_at(pieces)
    if at is None and _only_help(pieces):
        return Arranged(("--help",))
    command = pieces.pop(at).text if at is not None else "build"
    _refuse_later(pieces, command)
    flags = [part for piece in _flags(pieces) for part in piece.written()]
    said = [piece.text for piece in pieces if piece.kind == "word"]
    bare = command if at is not None and command != "build" and not said and not ends else None
    return Arranged((command, *flags, "--", *said), bare)


def _flags(pieces: Iterable[Piece]) -> list[Piece]:
    return [piece for piece in pieces if piece.kind == "flag"]


def _only_help(pieces: Sequence[Piece]) -> bool:
    return any(piece.text in ("--help", "-h") for piece in _flags(pieces))


def _command_at(pieces: Sequence[Piece]) -> int | None:
    """Where the command stands: it is the first word, and only what may stand anywhere comes before it."""
    for at, piece in enumerate(pieces):
        if piece.kind == "word":
            return at if piece.text in COMMANDS or piece.text in LATER_COMMANDS else None
        if piece.kind == "end" or piece.text not in ANYWHERE:
            return None
    return None


def _refuse_later(pieces: Sequence[Piece], command: str) -> None:
    if command in LATER_COMMANDS:
        remedy = f"a step of that name is built by: wavebuild build {command}"
        raise mistake("not-yet", f"the command {command!r} is not of this version yet", remedy=remedy)
    for piece in _flags(pieces):
        if piece.text in LATER:
            raise mistake("not-yet", f"{piece.text} is not of this version yet")


def _pieces(argv: Sequence[str]) -> Iterable[Piece]:
    rest = list(argv)
    command = ""
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            yield Piece("end", "--")
            yield from (Piece("word", each) for each in rest)
            return
        if argument.startswith("--"):
            yield _long(argument, rest, command)
        elif argument.startswith("-") and argument != "-":
            yield from _cluster(argument, rest, command)
        else:
            command = command or argument
            yield Piece("word", argument)


def _long(argument: str, rest: list[str], command: str) -> Piece:
    name, equals, value = argument.partition("=")
    if equals:
        # Kept in one, so that an empty or dashed value stays the value of this flag.
        return Piece("flag", name, value) if is_valued(name, command) else Piece("flag", argument)
    return _with_value(name, rest, command)


def _cluster(argument: str, rest: list[str], command: str) -> Iterable[Piece]:
    """``-kj4`` as ``-k -j 4``."""
    for at, letter in enumerate(argument[1:], start=1):
        name, glued = f"-{letter}", argument[at + 1 :]
        if is_valued(name, command) and glued:
            yield Piece("flag", name, glued)
            return
        yield _with_value(name, rest, command)


def _with_value(name: str, rest: list[str], command: str) -> Piece:
    if name in JOBS:
        # Like make: a number that follows is meant, any other word is a target.
        number = bool(rest) and re.fullmatch(r"-?[0-9]+", rest[0]) is not None
        return Piece("flag", name, rest.pop(0) if number else "0")
    if not is_valued(name, command):
        return Piece("flag", name)
    if not rest:
        remedy = "one of bash, zsh, fish" if name == "--show-completion" else ""
        raise mistake("no-value", f"{name} needs a value", remedy=remedy)
    return Piece("flag", name, rest.pop(0))


def is_valued(name: str, command: str) -> bool:
    """Whether the next word is this flag's value; ``command``: the first word, be it one or not."""
    return (name in VALUED or name in LATER_VALUED) != (name in TURNED.get(command, ()))


def split_words(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The targets, and what among them is ``IDENTIFIER=value`` and so a setting."""
    targets = tuple(word for word in words if not _SETTING.match(word))
    return targets, settings(word for word in words if _SETTING.match(word))


def settings(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of ``--set NAME=VALUE``."""
    return tuple(_setting(text) for text in texts)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise mistake("bad-set", f"--set needs NAME=VALUE, not {text!r}")
    return name, value


def values(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The pairs of ``--mem KEY=VALUE``."""
    found = [text.partition("=") for text in texts]
    for key, equals, value in found:
        if not key or not equals:
            raise mistake("bad-mem", f"--mem needs KEY=VALUE, not {key + equals + value!r}")
    return tuple((key, value) for key, _, value in found)


def duration(flag: str, text: str) -> float:
    """The seconds of a flag's duration as the Wavefile writes it; a bare 0 is none."""
    if text == "0":
        return 0.0
    from wavebuild.declare.forms import seconds

    found = seconds(text)
    if found is None:
        raise mistake(
            "bad-duration", f"{flag}: {text!r} is no duration", remedy="write 90s, 15m, 2h or a sum like 1h30m"
        )
    return found


def is_command(word: str) -> bool:
    return word in COMMANDS or word in LATER_COMMANDS


def meant(word: str, named: str = "") -> str:
    """What a word that is no step may have meant among the commands; ``named``: the command it was said to."""
    if word == "help":
        return "wavebuild --help tells of the commands and flags"
    if not is_command(word):
        return did_you_mean(word, (*COMMANDS, *LATER_COMMANDS))
    if named == "build":
        return f"{word!r} is a command: wavebuild {word}"
    if named and named != word:
        return f"{named!r} and {word!r} are both commands: a command line has one"
    return f"{word!r} is a command: write it first, before the flags"
