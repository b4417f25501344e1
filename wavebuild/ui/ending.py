"""How a command line ends, whatever befalls it: its exit code, and what is said of what went wrong.

It does not know which command it was, nor how it was parsed.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence

from wavebuild.errors import Problem, WavebuildError
from wavebuild.ui.caller import Caller, the_caller

OF_THE_SYSTEM = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ESTALE),
    *(errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN),
)
"""What no care of ours can prevent."""


def called(argv: Sequence[str], deed: Callable[[Caller], int]) -> int:
    """What a deed does for whoever started this process; the exit code."""
    try:
        caller = the_caller(argv)
    except WavebuildError as error:
        sys.stderr.write(f"wavebuild: {error}\n")
        return error.exit_code
    return deed(caller)


def ended(caller: Caller, deed: Callable[[Caller], int]) -> int:
    """The exit code of a deed, or of the error that it ended with, which is told."""
    try:
        return deed(caller)
    except WavebuildError as error:
        return _refused(caller, error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever listened has gone
        return 1
    except OSError as error:
        return _denied(caller, error) if error.errno in OF_THE_SYSTEM else _bug(caller)
    except Exception:
        return _bug(caller)


def _refused(caller: Caller, error: WavebuildError) -> int:
    """The author's mistake: its lines and its exit code."""
    try:
        from wavebuild.ui.excerpts import located
        from wavebuild.ui.problems import refusal_lines

        lines = refusal_lines(located(error.problems, caller), caller.argv)
    except OSError:  # no file can be opened any more, of the project or of ours
        lines = [f"wavebuild: {error}"]
    caller.say(lines)
    if caller.environ.get("GITHUB_ACTIONS") == "true":
        annotate(caller, error.problems)
    return error.exit_code


def annotate(caller: Caller, problems: Sequence[Problem]) -> None:
    """On GitHub Actions, problems stand beside the lines that they are about."""
    from wavebuild.ui.excerpts import root_of
    from wavebuild.ui.github import Paths, problem_annotations

    workspace = caller.environ.get("GITHUB_WORKSPACE", "")
    try:
        caller.say(problem_annotations(problems, lambda: Paths(root_of(caller), workspace)))
    except (OSError, WavebuildError):  # the root is gone: the problems were told
        return


def _denied(caller: Caller, error: OSError) -> int:
    """A disk that fails, a system that has no more to give: no mistake of the author, and none of ours."""
    from wavebuild.ui.escapes import escaped

    where = f": {escaped(os.fsdecode(error.filename))}" if isinstance(error.filename, str | bytes) else ""
    caller.say(
        [
            f"wavebuild: {error.strerror}{where}",
            "    what was told as done stays so: see to it, and build again; .wavebuild/failed may be removed for room",
        ]
    )
    return 1


def _bug(caller: Caller) -> int:
    """Our own mistake is loud."""
    import traceback

    caller.say([*traceback.format_exc().splitlines(), "this is a bug of wavebuild, not of your Wavefile"])
    return 70
