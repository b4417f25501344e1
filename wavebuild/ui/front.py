"""The first look at a command line: a plain build with nothing to do ends here, all else goes on to ``cli``.

It does not know any flag but ``-C``, ``-f``, ``-j``, ``-k``, ``-q``, ``-s`` and ``--version``, and imports next to
nothing: what a build with nothing to do costs is mostly what it imports.
"""

from __future__ import annotations

import os
import sys
import time

from wavebuild import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PlainBuild:
    """``[-C DIR] [-f FILE] [-jN] [-k] [-q] [-s]`` and nothing else."""

    __slots__ = ("file", "folder", "question", "quiet")

    def __init__(self, folder: str = "", file: str | None = None, question: bool = False, quiet: bool = False) -> None:
        self.folder = folder
        self.file = file
        self.question = question
        self.quiet = quiet


def plain_build(argv: Sequence[str]) -> PlainBuild | None:
    """What a command line asks for, if it is a plain one."""
    asked = PlainBuild()
    words = list(argv)
    while words:
        word = words.pop(0)
        if word in ("-C", "-f"):
            if not words or words[0].startswith("-"):
                return None
            value = words.pop(0)
            if word == "-C":
                asked.folder = os.path.join(asked.folder, value)
            else:
                asked.file = value
        elif word == "-q":
            asked.question = True
        elif word in ("-s", "--quiet"):
            asked.quiet = True
        elif word != "-k" and not (word.startswith("-j") and word[2:].isascii() and word[2:].isdigit()):
            return None
    return asked


_DECIDE_MORE = ("WAVEBUILD_JOBS", "WAVEBUILD_SCHEDULE", "WAVEBUILD_KEEP_GOING", "WAVEBUILD_PROFILE")
"""Variables that say what flags say: whoever reads those reads them."""


def finished(argv: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """The exit code of a command line that was answered here; None if it takes more to know."""
    began = time.monotonic()
    if list(argv) == ["--version"]:
        return 0 if _said(1, f"wavebuild {__version__}") else None
    asked = plain_build(argv)
    if asked is None or any(name in environ for name in _DECIDE_MORE):
        return None
    from wavebuild.declare.upward import search, trusted_owners
    from wavebuild.engine.glance import glance, is_being_built

    try:
        directory = os.path.normpath(os.path.join(os.getcwd(), asked.folder))
        if asked.file is None:
            wavefile, _ = search(directory, trusted_owners(directory))
        else:
            wavefile = os.path.normpath(os.path.join(directory, asked.file))
        seen = glance(wavefile, directory, (), environ) if wavefile else None
        if seen is None or seen.moved or not (asked.question or not is_being_built(wavefile)):
            return None
    except OSError:
        return None
    if not asked.question and not asked.quiet:
        from wavebuild.ui.figures import nothing_to_do

        _said(2, nothing_to_do(seen.evidence.fresh, time.monotonic() - began))
    return 0


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
            setattr(sys, name, os.fdopen(handle, way, encoding="utf-8"))


def main() -> None:
    """The console script."""
    if os.name == "nt":
        sys.exit("wavebuild: Windows is not supported: run it inside WSL")
    open_closed_streams()
    try:
        code = finished(sys.argv[1:], os.environ)
        if code is None:
            from wavebuild.ui import cli

            cli.main()
        elif not _is_followed():
            os._exit(code)  # nothing is open, and nothing waits to be written: the system takes the memory as it is
    except KeyboardInterrupt:  # while we begin: whoever builds counts it, and answers for itself
        code = 130
    sys.exit(code)


def _is_followed() -> bool:
    """Whether a profiler or a debugger wants to see the end."""
    return sys.getprofile() is not None or sys.gettrace() is not None
