"""The first look at a command line: a plain build with nothing to do ends here, all else goes on to ``cli``.

It does not know any flag but ``-C``, ``-f``, ``-j``, ``-k``, ``-q`` and ``-s``, and imports next to nothing: what a
build with nothing to do costs is mostly what it imports.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence

from msgspec import Struct


class PlainBuild(Struct, frozen=True):
    """``[-C DIR] [-f FILE] [-jN] [-k] [-q] [-s]`` and nothing else."""

    folder: str = ""
    file: str | None = None
    question: bool = False
    quiet: bool = False


def plain_build(argv: Sequence[str]) -> PlainBuild | None:
    """What a command line asks for, if it is a plain one."""
    folder, file, question, quiet = "", None, False, False
    words = list(argv)
    while words:
        word = words.pop(0)
        if word in ("-C", "-f"):
            if not words or words[0].startswith("-"):
                return None
            value = words.pop(0)
            folder, file = (os.path.join(folder, value), file) if word == "-C" else (folder, value)
        elif word == "-q":
            question = True
        elif word in ("-s", "--quiet"):
            quiet = True
        elif word != "-k" and not (word.startswith("-j") and word[2:].isascii() and word[2:].isdigit()):
            return None
    return PlainBuild(folder, file, question, quiet)


def finished(argv: Sequence[str], environ: Mapping[str, str]) -> int | None:
    """The exit code of a plain build that had nothing to do; None if it takes more to know."""
    began = time.monotonic()
    asked = plain_build(argv)
    if asked is None or any(
        name in environ
        for name in ("WAVEBUILD_JOBS", "WAVEBUILD_SCHEDULE", "WAVEBUILD_KEEP_GOING", "WAVEBUILD_PROFILE")
    ):
        return None
    from wavebuild.declare.find import find
    from wavebuild.engine.idle import idle_build, is_idle, layout_of
    from wavebuild.engine.values import Request
    from wavebuild.errors import WavebuildError

    try:
        request = Request(
            os.path.normpath(os.path.join(os.getcwd(), asked.folder)), asked.file, environ=tuple(environ.items())
        )
        layout = layout_of(find(request.directory, request.file), environ)
        if asked.question:
            return 0 if is_idle(request, layout) else None
        result = idle_build(request, layout, began)
    except (WavebuildError, OSError):
        return None
    if result is None:
        return None
    if asked.quiet:
        return 0
    from wavebuild.ui.figures import nothing_to_do

    sys.stderr.write(nothing_to_do(result.fresh, time.monotonic() - began) + "\n")
    return 0


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
    except KeyboardInterrupt:  # while we begin: whoever builds counts it, and answers for itself
        code = 130
    sys.exit(code)
