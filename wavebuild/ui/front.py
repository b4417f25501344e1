"""The first look at a command line: a plain build with nothing to do ends here.

One with something to do goes on to ``shortcut``, all else to ``cli``. It does not know any flag but ``-C``, ``-f``,
``-j``, ``-k``, ``-q``, ``-s`` and ``--version``, and imports next to nothing: what a build with nothing to do costs is
mostly what it imports.
"""

from __future__ import annotations

import os
import sys
import time

from wavebuild import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wavebuild.engine.glance import Glance


class PlainBuild:
    """``[-C DIR] [-f FILE] [-j[N]] [-k] [-q] [-s] [TARGETS]`` and nothing else."""

    __slots__ = ("file", "folders", "jobs", "keep_going", "question", "quiet", "seen", "targets")

    def __init__(self, question: bool = False) -> None:
        self.folders: list[str] = []
        self.file: str | None = None
        self.jobs: int | None = None
        self.keep_going = False
        self.question = question
        self.quiet = False
        self.targets: list[str] = []
        self.seen: Glance | None = None  # what the first look has found


def plain_build(argv: Sequence[str]) -> PlainBuild | None:
    """What a command line asks for, if it is a plain one."""
    asked = PlainBuild()
    words = list(argv)
    while words:
        word = words.pop(0)
        if word in ("-C", "-f"):
            if not words or words[0].startswith("-"):
                return None
            if word == "-C":
                asked.folders.append(words.pop(0))
            else:
                asked.file = words.pop(0)
        elif word == "-q":
            asked.question = True
        elif word in ("-s", "--quiet"):
            asked.quiet = True
        elif word == "-k":
            asked.keep_going = True
        elif word.startswith("-j"):
            said = word[2:] or (words.pop(0) if words and _is_of_digits(words[0]) else "0")
            if not _is_number(said):
                return None
            asked.jobs = int(said)
        elif _is_target(word):
            asked.targets.append(word)
        else:
            return None
    return asked


def _is_number(text: str) -> bool:
    return _is_of_digits(text) and len(text) < 10


def _is_of_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_target(word: str) -> bool:
    """Whether a word is a target and can be nothing else: no flag, no setting, no command."""
    from wavebuild.ui.vocabulary import COMMANDS, LATER_COMMANDS

    return bool(word) and word[0] != "-" and "=" not in word and word not in COMMANDS and word not in LATER_COMMANDS


FEW_COLLECTIONS = (100_000, 50, 100)
"""Thresholds of the garbage collector: what is imported and loaded stays, and is not worth walking each time."""

_DECIDE_MORE = (
    *("WAVEBUILD_JOBS", "WAVEBUILD_SCHEDULE", "WAVEBUILD_KEEP_GOING", "WAVEBUILD_PROFILE"),
    "WAVEBUILD_LOAD",
)
"""Variables that say what flags say: whoever reads those reads them."""

COMPLETION = "_WAVEBUILD_COMPLETE"
"""The variable of a shell that asks what a line that is half typed may go on with: nothing is built by that."""


def finished(asked: PlainBuild, environ: Mapping[str, str]) -> int | None:
    """The exit code of a plain build that had nothing to do; None if it takes more to know."""
    began = time.monotonic()
    if any(name in environ for name in _DECIDE_MORE) or _is_told_by_make(environ):
        return None
    from wavebuild.declare.upward import search, trusted_owners
    from wavebuild.engine.glance import glance, is_being_built

    try:
        directory = os.path.normpath(os.path.join(os.getcwd(), *asked.folders))
        if asked.file is None:
            wavefile, _ = search(directory, trusted_owners(directory))
        else:
            wavefile = os.path.normpath(os.path.join(directory, asked.file))
        if not wavefile:
            return None
        asked.seen = seen = glance(wavefile, asked.file is not None, directory, tuple(asked.targets), environ)
        if seen is None or not seen.is_idle or not (asked.question or not is_being_built(wavefile)):
            return None
    except OSError:
        return None
    if not asked.question and not asked.quiet:
        from wavebuild.figures import nothing_to_do

        _said(2, nothing_to_do(seen.fresh, time.monotonic() - began))
    return 0


def _is_told_by_make(environ: Mapping[str, str]) -> bool:
    """Whether a make that starts us is to build nothing: -n, -q and -t have answers of their own."""
    letters = environ.get("MAKEFLAGS", "").split(" ")[0] if environ.get("MAKELEVEL") else ""
    return letters.isalpha() and not set("nqt").isdisjoint(letters)


def _said(handle: int, line: str) -> bool:
    """Writes a line at once; whether somebody listens."""
    try:
        return os.write(handle, f"{line}\n".encode()) > 0
    except OSError:
        return False


def open_closed_streams() -> None:
    """A standard stream that was closed is the null device, for us and for all that we start.

    Else the next file that is opened gets its number, and whatever is said by habit goes into that file.
    """
    for name, way in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this stream's
            os.set_inheritable(handle, True)
            stream = os.fdopen(handle, way, encoding="utf-8")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # a worker that is forked begins with what was there at first


def main() -> None:
    """The console script."""
    if os.name == "nt":
        sys.exit("wavebuild: Windows is not supported: run it inside WSL")
    open_closed_streams()
    try:
        argv = sys.argv[1:]
        if argv == ["--version"] and _said(1, f"wavebuild {__version__}"):
            _end(0)
        if COMPLETION in os.environ:
            _end(_completed(argv))
        asked = plain_build(argv)
        if asked is not None and (code := finished(asked, os.environ)) is not None:
            _end(code)
        _end(_built(argv, asked))
    except KeyboardInterrupt:  # while we begin: whoever builds counts it, and answers for itself
        sys.exit(130)


def _completed(argv: Sequence[str]) -> int:
    import wavebuild.structs  # noqa: F401  before msgspec
    from wavebuild.ui import completing

    return completing.main(os.environ[COMPLETION], argv)


def _built(argv: Sequence[str], asked: PlainBuild | None) -> int:
    import gc

    gc.set_threshold(*FEW_COLLECTIONS)
    from wavebuild import bytecode

    bytecode.take("wavebuild")
    import wavebuild.structs  # noqa: F401  before msgspec

    if asked is not None:
        from wavebuild.ui import shortcut

        return shortcut.build(argv, asked)
    from wavebuild.ui import cli

    return cli.main()


def _end(code: int) -> None:
    """The end, once all that asked to be called at the end has been: the system takes the memory as it is.

    To let go of every module and value one by one takes as long as to import them.
    """
    if _is_followed():
        sys.exit(code)
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    if "atexit" in sys.modules:
        sys.modules["atexit"]._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.exit(code)  # the interpreter's own end says so
    os._exit(code)


def _is_followed() -> bool:
    """Whether a profiler or a debugger wants to see the end."""
    return sys.getprofile() is not None or sys.gettrace() is not None
