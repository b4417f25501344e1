"""Problems as lines that a person is shown.

It does not know who found them, nor how the command line ends by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from msgspec.structs import replace

from wavebuild.errors import Problem
from wavebuild.ui.arguments import JOBS, arranged, is_command, meant
from wavebuild.ui.escapes import escaped


def problem_lines(problem: Problem) -> list[str]:
    """A problem as it is shown; its words may quote a file, so no line of it is trusted."""
    return [escaped(line) for line in problem.lines()]


def refusal_lines(problems: Sequence[Problem], argv: Sequence[str]) -> list[str]:
    """The problems by which a command line is refused; an unknown target may have been meant as a command."""
    out: list[str] = []
    for problem in problems:
        where = "" if problem.place else "wavebuild: "
        hints = _hints(problem, argv) if problem.code == "unknown-target" and not problem.place else []
        if hints:
            problem = replace(problem, remedy="\n".join(hints))
        elif problem.code == "unknown-target" and not problem.remedy and not problem.place:
            problem = replace(problem, remedy="wavebuild list tells what there is")
        lines = problem_lines(problem)
        out += [where + lines[0], *lines[1:]]
    return out


def _hints(problem: Problem, argv: Sequence[str]) -> list[str]:
    """What else a word that is no step may have meant; nothing if the problem's own remedy says more."""
    line = arranged(argv).line
    said = line[line.index("--") + 1 :] if "--" in line else ()
    named = line[0] if line[0] in argv else ""
    unknown = [word for word in said if f"'{word}'" in problem.message]
    jobs = [f"{flag} takes a number: {flag} 4" for flag, word in pairwise(argv) if flag in JOBS and word in unknown]
    if jobs:
        return [*problem.remedy.splitlines(), *jobs]
    return [hint for word in unknown if (hint := meant(word, named)) and (not problem.remedy or is_command(word))]
