"""Turns parsed flags into a request, and refuses flags that contradict each other.

It does not know what will be done with the request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from msgspec import Struct

from wavebuild.errors import mistake
from wavebuild.later import joined
from wavebuild.run.cores import cores
from wavebuild.ui.arguments import duration, settings, split_words, values
from wavebuild.ui.caller import Caller
from wavebuild.ui.style import When
from wavebuild.ui.vocabulary import COMMANDS

if TYPE_CHECKING:
    from wavebuild.declare.model import Schedule
    from wavebuild.engine import Request
    from wavebuild.ui.manner import Output

_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
Mode = Literal["build", "plan", "question", "touch"]


class Where(Struct, frozen=True):
    """Which project, seen from where: the flags that every command has; ``ask``: questions may run probes."""

    directories: Sequence[str] = ()
    file: str | None = None
    overrides: Sequence[str] = ()
    profile: str | None = None
    ask: bool = False
    memory: Sequence[str] = ()  # --mem
    outside: bool = False  # --allow-outside


class How(Struct, frozen=True):
    """The flags of a build."""

    jobs: int | None = None
    parallel: bool = False
    sequential: bool = False
    schedule: str | None = None
    barrier: bool = False
    keep_going: bool = False
    force: bool = False
    only: bool = False
    wait: str = "0"
    changed: Sequence[str] = ()  # -W
    unchanged: Sequence[str] = ()  # -o
    load: str | None = None  # -l
    paranoid: bool = False
    audit: bool = False
    watcher: bool = True


class Show(Struct, frozen=True):
    """The flags about what is said, and what is done instead of a build."""

    dry_run: bool = False
    question: bool = False
    touch: bool = False
    strict: bool = False
    yes: bool = False
    orphans: bool = False
    state: bool = False
    verbose: bool = False
    quiet: bool = False
    explain: bool = False
    output: Output | None = None
    confirm_over: str | None = None
    watched: bool = False  # one of many builds of a watch: of one with nothing to do nothing is said
    json: bool = False
    events: str | None = None
    timeline: str | None = None
    report: str | None = None
    color: When = "auto"


class WantedLog(Struct, frozen=True):
    """Which log of a step, and what of it."""

    attempt: int | None = None
    run: str | None = None
    follow: bool = False
    path: bool = False


def request_of(caller: Caller, where: Where, words: Sequence[str], how: How | None = None) -> Request:
    """The request, complete but for the Wavefile's own settings."""
    from wavebuild.engine import Request

    how = how or How()
    targets, settled = split_words(words)
    return Request(
        directory=_folder(caller, where.directories),
        file=where.file,
        targets=targets,
        overrides=(*settings(where.overrides), *settled),
        profile=where.profile or caller.environ.get("WAVEBUILD_PROFILE") or None,
        memory=values(where.memory),
        environ=tuple(sorted(caller.environ.items())),
        jobs=_jobs(caller, how),
        schedule=_schedule(caller, how),
        keep_going=True if how.keep_going else _yes_or_no(caller, "WAVEBUILD_KEEP_GOING"),
        force=how.force,
        audit=how.audit,
        only=how.only,
        changed=tuple(how.changed),
        unchanged=tuple(how.unchanged),
        wait=duration("--wait", how.wait),
        load=_load(caller, how),
        paranoid=how.paranoid,
        watcher=how.watcher,
        ask=where.ask,
        allow_outside=where.outside,
        terminal=caller.terminal,
        alone=caller.alone,
        commands=COMMANDS,
        command_line=joined(("wavebuild", *caller.argv)),
    )


def mode_of(show: Show, how: How, words: Sequence[str]) -> Mode:
    """What a build command is asked for; the contradictions are refused here, before anything is loaded."""
    _at_most_one("-n, -q and -t exclude each other", show.dry_run, show.question, show.touch)
    _at_most_one("-v and -s exclude each other", show.verbose, show.quiet)
    _at_most_one("-q answers by its exit code: it goes with neither --json nor --events", show.question, show.json)
    if show.timeline is not None and (show.question or show.dry_run or show.touch):
        raise mistake("flags", "--timeline draws what runs: it goes with none of -n, -q and -t")
    _at_most_one("--json has stdout for itself: give --events a file", show.json, show.events == "-")
    if show.report == "-":
        _at_most_one("stdout holds one thing: the report or --json", True, show.json)
    if show.timeline == "-":
        raise mistake("flags", "--timeline needs the name of a file, not '-'")
    _each_its_own(show)
    if show.report is not None and (show.dry_run or show.question or show.touch):
        raise mistake("flags", "--report tells of a build: it goes with none of -n, -q and -t")
    if show.touch and (how.changed or how.unchanged):
        raise mistake("flags", "-t takes what stands as it is: it goes with neither -W nor -o")
    if show.quiet and show.output:
        raise mistake("flags", "-s shows failures alone: it does not go with --output")
    if how.audit and (show.dry_run or show.question or show.touch):
        raise mistake("flags", "--audit follows what runs: it goes with none of -n, -q and -t")
    if show.strict and not show.question:
        raise mistake("flags", "--strict says how -q judges: it needs -q")
    if show.touch and not show.yes and not split_words(words)[0]:
        raise mistake("flags", "-t without targets accepts every output there is", remedy="name targets, or add --yes")
    if show.question:
        return "question"
    if show.dry_run:
        return "plan"
    return "touch" if show.touch else "build"


def mode_under_make(environ: Mapping[str, str]) -> Mode:
    """What a plain build is when make starts it: a + in the rule has make start it even under its -n and -q."""
    flags = environ.get("MAKEFLAGS", "") if environ.get("MAKELEVEL") else ""
    letters = flags.split(" ")[0]
    if letters.isalpha() and "t" in letters:
        remedy = "say which results you accept: wavebuild -t TARGETS"
        raise mistake("make-touch", "make -t is not passed on to wavebuild: nothing is touched", remedy=remedy)
    if letters.isalpha() and "q" in letters:
        return "question"
    return "plan" if letters.isalpha() and "n" in letters else "build"


def _each_its_own(show: Show) -> None:
    """No two of the files that a build is to write are one, however they are spelled."""
    taken: set[str] = set()
    for flag, name in (("--events", show.events), ("--timeline", show.timeline), ("--report", show.report)):
        if name:
            if os.path.normpath(name) in taken:
                raise mistake("flags", f"{name} can hold one thing: give {flag} a file of its own")
            taken.add(os.path.normpath(name))


def _at_most_one(message: str, *given: bool) -> None:
    if sum(given) > 1:
        raise mistake("flags", message)


def _folder(caller: Caller, directories: Sequence[str]) -> str:
    folder = os.path.normpath(os.path.join(caller.folder, *directories))
    if not os.path.isdir(folder):
        raise mistake("no-folder", f"-C: there is no folder {os.path.join(*directories) if directories else folder}")
    return folder


def _jobs(caller: Caller, how: How) -> int | None:
    _at_most_one(
        "--sequential is -j1, and the contrary of -j and --parallel: give one",
        how.jobs is not None or how.parallel,
        how.sequential,
    )
    if how.sequential:
        return 1
    if how.parallel and how.jobs is None:
        return cores()
    jobs = how.jobs if how.jobs is not None else _number(caller, "WAVEBUILD_JOBS")
    if jobs is not None and jobs < 0:
        raise mistake("bad-jobs", f"-j needs a number from 0, not {jobs}")
    return cores() if jobs == 0 else jobs


def _load(caller: Caller, how: How) -> float | None:
    text = how.load if how.load is not None else caller.environ.get("WAVEBUILD_LOAD") or None
    if text is None:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise mistake("bad-load", f"-l needs a number from 0, not {text!r}", remedy="write -l4 or -l2.5")
    return limit


def _schedule(caller: Caller, how: How) -> Schedule | None:
    if how.barrier and how.schedule not in (None, "barrier"):
        raise mistake("flags", f"--barrier and --schedule {how.schedule} exclude each other")
    said = "barrier" if how.barrier else how.schedule or caller.environ.get("WAVEBUILD_SCHEDULE") or None
    if said not in (None, "flow", "barrier"):
        raise mistake("bad-schedule", f"the schedule is flow or barrier, not {said!r}")
    return cast("Schedule | None", said)


def _number(caller: Caller, name: str) -> int | None:
    text = caller.environ.get(name, "")
    if text and not (text.isascii() and text.isdecimal()):
        raise mistake("bad-environment", f"{name} needs a number, not {text!r}")
    return int(text) if text else None


def _yes_or_no(caller: Caller, name: str) -> bool | None:
    text = caller.environ.get(name, "").lower()
    if text and text not in (*_YES, *_NO):
        raise mistake("bad-environment", f"{name} needs yes or no, not {text!r}")
    return text in _YES if text else None
