"""The phases of a measurement: what is done to a tree before a tool is run, and what it must make then.

It does not know how long anything takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.trees import Tree
from benchmarks.works import Work, edit_source


@dataclass(frozen=True, slots=True)
class Phase:
    """``must_make``: outputs that are new afterwards, or the tool has not done its work.

    ``small``: little is to be done, so it is measured several times. ``dry``: by the dry run; it must make nothing.
    ``cold``: after the system was made to forget the files. ``idle``: there was nothing to do.
    """

    name: str
    prepare: Callable[[Tree, int], None]
    must_make: Callable[[Work], set[str]]
    small: bool = True
    dry: bool = False
    cold: bool = False
    idle: bool = False
    by_command: bool = False


def _nothing(tree: Tree, turn: int) -> None:
    pass


def _start_afresh(tree: Tree, turn: int) -> None:
    tree.begin_afresh()


def _touch(tree: Tree, turn: int) -> None:
    os.utime(tree.folder / tree.work.sources[0])


def _change(tree: Tree, turn: int) -> None:
    edit_source(tree.work, tree.folder, 0, f"changed in turn {turn} ")


def _change_in_vain(tree: Tree, turn: int) -> None:
    """Another second line: the first step of `layers` and `chain` makes the same of it."""
    edit_source(tree.work, tree.folder, 1, f"changed in turn {turn} ")


def _delete(tree: Tree, turn: int) -> None:
    os.unlink(tree.folder / tree.work.steps[0].output)


def _touch_file(tree: Tree, turn: int) -> None:
    os.utime(tree.main_file())


def _edit_file(tree: Tree, turn: int) -> None:
    tree.edit(turn)


def _every_output(work: Work) -> set[str]:
    return {step.output for step in work.steps}


def _downstream(work: Work) -> set[str]:
    return work.downstream(work.sources[0])


def _first_readers(work: Work) -> set[str]:
    return {step.output for step in work.steps if work.sources[0] in step.inputs}


def _first_output(work: Work) -> set[str]:
    return {work.steps[0].output}


def _edited_output(work: Work) -> set[str]:
    return {work.steps[work.edited].output}


def _none(work: Work) -> set[str]:
    return set()


COLD_LOAD = "cold load"
FULL = "full build"
NO_OP = "no-op"
COLD_NO_OP = "no-op, cold files"
TOUCHED = "one leaf touched"
CHANGED = "one leaf changed"
CUTOFF = "changed, output the same"
DELETED = "deleted output"
FILE_TOUCHED = "Wavefile touched"
FILE_EDITED = "Wavefile edited in one step"
NAMES = (
    COLD_LOAD, FULL, NO_OP, COLD_NO_OP, TOUCHED, CHANGED, CUTOFF, DELETED, FILE_TOUCHED, FILE_EDITED,
)  # fmt: skip


def phases(work: Work) -> Iterator[Phase]:
    """The phases of a work, in the order in which they are run."""
    yield Phase(COLD_LOAD, _start_afresh, _none, dry=True)
    yield Phase(FULL, _start_afresh, _every_output, small=False)
    yield Phase(NO_OP, _nothing, _none, idle=True)
    yield Phase(COLD_NO_OP, _nothing, _none, small=False, cold=True, idle=True)
    yield Phase(TOUCHED, _touch, _none)
    yield Phase(CHANGED, _change, _first_readers if work.name == "example" else _downstream)
    if work.name in ("layers", "chain"):
        yield Phase(CUTOFF, _change_in_vain, _first_readers)
    yield Phase(DELETED, _delete, _first_output)
    yield Phase(FILE_TOUCHED, _touch_file, _none)
    if work.name != "python":  # its functions are called, not written, in the file
        yield Phase(FILE_EDITED, _edit_file, _edited_output, by_command=True)
