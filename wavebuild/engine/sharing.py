"""How many jobs run at once, and with which makes they are shared: the one above us, or those below.

It does not know what runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare.model import Settings
from wavebuild.engine.project import Project, jobs_of
from wavebuild.engine.request import Request
from wavebuild.run import jobserver
from wavebuild.run.cores import cores
from wavebuild.run.jobserver import Tokens
from wavebuild.store.layout import Layout

FORCED = "-j{jobs} is given: the jobs of the {above} that runs this are not shared"
UNAVAILABLE = "the jobs of the {above} that runs this cannot be shared: using -j1 ({remedy}, or give -j)"
REMEDIES = {
    "make": "put + before the command in its rule",
    "wavebuild": "its step must pass on the descriptors it inherits, or its Wavefile say `settings: {jobserver: fifo}`",
}


class Share(Struct, frozen=True):
    """``makeflags``: the MAKEFLAGS of steps; None: the caller's."""

    jobs: int
    makeflags: str | None = None
    tokens: Tokens | None = None
    notice: str = ""


def jobs_foreseen(request: Request, project: Project) -> int:
    """How many jobs a build has at most: those asked for, else those of the make above, else the project's."""
    above = jobserver.above(dict(request.environ).get("MAKEFLAGS", ""))
    if request.jobs is None and (above.auth or above.jobs == 1):
        there = above.jobs or cores()
        return min(there, project.wavefile.settings.jobs or there)
    return jobs_of(request, project)


@contextlib.contextmanager
def joined(request: Request) -> Iterator[Tokens | None]:
    """The tokens of the make above us, all given back in the end; None if there are none, or none are wanted.

    It comes before anything opens a pipe, which could be taken for make's.
    """
    above = jobserver.above(dict(request.environ).get("MAKEFLAGS", ""))
    tokens = None
    if above.auth and request.jobs is None:
        with contextlib.suppress(OSError):
            tokens = jobserver.join(above.auth)
    try:
        yield tokens
    finally:
        if tokens is not None:
            tokens.close()


@contextlib.contextmanager
def shared(request: Request, project: Project, layout: Layout, above: Tokens | None) -> Iterator[Share]:
    """How the jobs of this build are shared, as long as it lasts. ``above``: the tokens of the make that runs it."""
    share = _with_above(request, project, above)
    own = None
    if share.makeflags is None and project.wavefile.settings.jobserver != "off":
        share, own = _with_those_below(request, project.wavefile.settings, layout, share)
    try:
        yield share
    finally:
        if own is not None:
            own.close()


def _with_above(request: Request, project: Project, tokens: Tokens | None) -> Share:
    environ = dict(request.environ)
    flags = environ.get("MAKEFLAGS", "")
    above, who = jobserver.above(flags), "wavebuild" if environ.get("WAVEBUILD_STEP") else "make"
    jobs = jobs_foreseen(request, project)
    if request.jobs is not None:
        return Share(jobs, notice=FORCED.format(jobs=jobs, above=who) if above.auth else "")
    if tokens is not None:
        return Share(jobs, flags, tokens)
    if above.auth:
        return Share(1, notice=UNAVAILABLE.format(above=who, remedy=REMEDIES[who]))
    return Share(jobs)


def _with_those_below(
    request: Request, settings: Settings, layout: Layout, share: Share
) -> tuple[Share, Tokens | None]:
    flags = dict(request.environ).get("MAKEFLAGS", "")
    if share.jobs == 1:
        return replace(share, makeflags=jobserver.with_jobs(flags, 1)), None
    try:
        fifo = f"{layout.home}/jobserver" if settings.jobserver == "fifo" else ""
        own = jobserver.serve(share.jobs, fifo)
    except OSError:  # makes below us go by themselves, as without us
        return replace(share, makeflags=jobserver.with_jobs(flags, None)), None
    return replace(share, makeflags=jobserver.with_jobs(flags, share.jobs, own.auth), tokens=own), own
