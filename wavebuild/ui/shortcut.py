"""A plain build that has something to do: from what was read of its words to the deed, without the parser.

It does not know how the words were read; they mean here what they mean to the parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wavebuild.ui import builds
from wavebuild.ui.asking import How, Show, Where
from wavebuild.ui.ending import called, ended

if TYPE_CHECKING:
    from wavebuild.ui.caller import Caller
    from wavebuild.ui.front import PlainBuild


def build(argv: Sequence[str], asked: PlainBuild) -> int:
    """The exit code of the build, or of what kept it from being one."""
    return called(argv, lambda caller: built(caller, asked))


def built(caller: Caller, asked: PlainBuild) -> int:
    where = Where(tuple(asked.folders), asked.file)
    how = How(asked.jobs, keep_going=asked.keep_going)
    show = Show(question=asked.question, quiet=asked.quiet)
    return ended(caller, lambda caller: builds.build(caller, asked.targets, where, how, show, asked.seen))
