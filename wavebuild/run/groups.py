"""What workers noted of the processes they started, and which processes are of those.

It does not know what the processes are doing. A process id alone is never enough: ids are used
again by processes that are nobody's business.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct

from wavebuild import disk
from wavebuild.run.processes import facts_of, start_time, start_told, variables

ROOTS = (b"WAVEBUILD_ROOT", b"WAVEBUILD_TOP", b"WAVEBUILD_PROJECT")


class Noted(Struct, frozen=True):
    """``firsts``: id of a worker, or of the first process of a group → when such began. ``runs``: for which builds."""

    firsts: dict[int, frozenset[str]]
    runs: frozenset[bytes]


NOTHING = Noted({}, frozenset())


def noted_groups(path: str) -> Noted:
    """What is in the file that workers append to: ``ID START RUN`` on each line."""
    firsts: dict[int, frozenset[str]] = {}
    runs: set[bytes] = set()
    for line in disk.tail(path, 1 << 20).decode("ascii", "replace").splitlines():
        words = line.split()
        if len(words) > 1 and words[0].isdecimal():
            first = int(words[0])
            firsts[first] = firsts.get(first, frozenset()) | {words[1]}
            runs.update(os.fsencode(word) for word in words[2:3])
    return Noted(firsts, frozenset(runs))


class Standing(Struct, frozen=True):
    """What a process is now: ``state`` is one letter, ``start`` when it began, in ticks of this boot."""

    state: str
    parent: int
    group: int
    session: int
    start: str

    @property
    def is_over(self) -> bool:
        return self.state in "ZX"


def standing(process: int) -> Standing | None:
    """None if there is no such process, or the system does not tell."""
    words = facts_of(process)
    try:
        return Standing(words[0], int(words[1]), int(words[2]), int(words[3]), start_told(words)) if words else None
    except ValueError:
        return None


def is_of_a_step(process: int, noted: Noted) -> bool:
    """Whether a child of ours that is no worker is in a noted group or session, or was started in a step."""
    now = standing(process)
    if now is None:
        return False
    return bool({now.group, now.session} & noted.firsts.keys()) or any(
        entry.startswith(b"WAVEBUILD_STEP=") for entry in variables(process)
    )


def is_left_by_a_step(process: int, noted: Noted, root: str) -> bool:
    """Whether a living process, whoever's child, is a worker of a build of ``root``, or was left by one of its steps.

    It is the noted one, or of its group: the same id and the same start. Where that one is gone, the environment
    that the process was started with must name the root. What names a noted run of this root besides is ours
    wherever it went: a run has its name to itself.
    """
    now = standing(process)
    if now is None or now.is_over:
        return False
    leaders = {process, now.group, now.session} & noted.firsts.keys()
    starts = {leader: start_time(leader) for leader in leaders}
    if any(start != "0" and start in noted.firsts[leader] for leader, start in starts.items()):
        return True
    told = variables(process)
    if root not in roots_of(told):
        return False
    return "0" in starts.values() or any(entry.removeprefix(b"WAVEBUILD_RUN=") in noted.runs for entry in told)


def roots_of(environ: Iterable[bytes]) -> list[str]:
    """The root that a step's environment names; of a step of an included file its own folder, and the first root;
    of a sandboxed step its private one, and the project's."""
    named = (entry.partition(b"=") for entry in environ)
    return [os.fsdecode(value) for name, _, value in named if name in ROOTS]
