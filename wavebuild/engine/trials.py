"""A copy of the project in which steps may run again and again, and nothing of the project itself is touched.

It does not know what is tried in it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat as st
import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from wavebuild import disk, figures
from wavebuild.engine import building
from wavebuild.engine.project import (
    Project,
    layout_of_project,
    load,
    open_attempts,
    open_repaired,
    prepare,
    scope_of,
    wavefile_of,
)
from wavebuild.engine.request import BuildResult, Request
from wavebuild.errors import Problem, WavebuildError, mistake
from wavebuild.run.events import Event, StepStarted
from wavebuild.store.layout import Layout
from wavebuild.store.lock import Lock, take
from wavebuild.store.opening import read_state
from wavebuild.store.places import STATE_VARIABLE

TRIALS = "trials"
"""The folder in ``.wavebuild`` for copies; each lies in one named after the process that made it."""

OURS = ".wavebuild"
FROZEN = "frozen"
"""The list of steps frozen by hand: the only thing that is no memory of past builds."""

LITTER = ("__pycache__",)
"""What Python leaves beside its modules is no trace of a step that went astray."""

Mark = tuple[int, int, int, int]


class Size(Struct, frozen=True):
    """What a copy takes."""

    files: int
    bytes: int


class Copy(Struct):
    """A copy of the project: ``root`` of ``original``; ``request``: what was asked for, of the copy."""

    original: str
    root: str
    request: Request
    marks: dict[str, Mark] = field(default_factory=dict)  # of the original, when it was copied
    made: dict[str, Mark] = field(default_factory=dict)  # of the copy, as it is to be before each build

    def build(
        self, say: Callable[[Event], None] = lambda event: None, **facts: object
    ) -> tuple[BuildResult, list[str]]:
        """A build in the copy, and the steps in the order in which they began."""
        began: list[str] = []

        def tell(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step not in began:
                began.append(event.step)
            say(event)

        result = building.build(replace(self.request, **facts), tell, time.monotonic())
        if result.exit_code > 2:
            raise mistake("interrupted", "stopped; the project is as it was", exit_code=result.exit_code)
        return result, began

    def remember(self) -> None:
        """What stands in the copy now is how it is to be before each build."""
        self.made = dict(_marks(self.root))

    def restore(self) -> None:
        """The copy as it was remembered: what builds left is gone, what they changed is copied anew."""
        for entry in disk.entries(os.path.join(self.root, OURS)):
            if entry.name != FROZEN:
                _remove(entry.path)
        for path, mark in list(_marks(self.root)):
            if self.made.get(path) != mark:
                _remove(os.path.join(self.root, path))
        there = {path for path, _ in _marks(self.root)}
        for path in [path for path in self.made if path not in there]:
            self._copy_again(path)

    def _copy_again(self, path: str) -> None:
        source = os.path.join(self.original, path)
        if _mark(source) != self.marks.get(path):
            raise mistake("moved", f"{path} has changed in the project meanwhile: nothing can be said of the copies")
        _copy(source, os.path.join(self.root, path), self.original, self.root)
        self.made[path] = _mark(os.path.join(self.root, path))

    def strayed(self) -> list[Problem]:
        """What has changed in the project itself since it was copied, as a warning."""
        now = dict(_marks(self.original))
        changed = [path for path, mark in now.items() if self.marks.get(path) != mark and not _is_folder(mark)]
        gone = [path for path in self.marks if path not in now]
        strayed = sorted(path for path in (*changed, *gone) if not set(LITTER) & set(path.split("/")))
        if not strayed:
            return []
        message = f"meanwhile this changed in the project itself: {', '.join(strayed[:5])}"
        message += " …" if len(strayed) > 5 else ""
        remedy = "unless you did it, a step writes there by a path that is not relative to its root"
        return [Problem("astray", message, None, remedy, severity="warning")]


def _marks(root: str) -> Iterator[tuple[str, Mark]]:
    """Each path in a tree, folders too, with what tells whether it was changed; not what is ours."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for entry in disk.entries(os.path.join(root, folder)):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path == OURS:
                continue
            mark = _mark(entry.path)
            yield path, mark
            if _is_folder(mark):
                waiting.append(path)


def _mark(path: str) -> Mark:
    """Of a folder only that it is one: its time changes with each name in it."""
    status = disk.look(path)
    if status is None:
        return (0, 0, 0, 0)
    if st.S_ISDIR(status.st_mode):
        return (st.S_IFDIR, 0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _is_folder(mark: Mark) -> bool:
    return mark[0] == st.S_IFDIR and not any(mark[1:])


def size_of(root: str) -> Size:
    """What a copy of a project takes."""
    found = [mark for _, mark in _marks(root) if not _is_folder(mark)]
    return Size(len(found), sum(mark[1] for mark in found))


def _copy(source: str, target: str, original: str, root: str) -> None:
    status = disk.look(source)
    if status is None or not (st.S_ISREG(status.st_mode) or st.S_ISLNK(status.st_mode) or st.S_ISDIR(status.st_mode)):
        return
    if st.S_ISLNK(status.st_mode):
        text = disk.read_link(source)
        if text == original or text.startswith(f"{original}/"):  # a link into the project must not lead back to it
            disk.make_folder(os.path.dirname(target))
            os.symlink(root + text[len(original) :], target)
            return
    disk.copy(source, target)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        disk.remove_all(path)
    else:
        disk.remove(path)


@contextlib.contextmanager
def copied(request: Request, with_state: bool) -> Iterator[tuple[Project, Copy]]:
    """The project, and a copy of it that is gone afterwards; ``with_state``: with what is remembered of it."""
    project = load(request, present=True)
    layout = layout_of_project(request, project)
    _refuse_outside(project)
    prepare(layout)
    _remove_left(layout)
    place = f"{layout.home}/{TRIALS}/{os.getpid()}"
    root = project.wavefile.root
    _refuse_lack_of_room(root, layout.home)
    above = _above(project)
    names = root.strip("/").split("/")[-above - 1 :]
    target = "/".join((place, *filter(None, names)))
    lock = take(layout.lock, request.command_line, request.wait, lambda: False)
    assert lock is not None
    try:
        try:
            _repair(request, project, layout, lock)
            copy = Copy(root, target, _of_copy(request, project, target))
            disk.make_folder(target)
            for path, mark in _marks(root):
                copy.marks[path] = mark
                _copy(os.path.join(root, path), os.path.join(target, path), root, target)
            _copy_above(project, target)
            if with_state:
                _copy_state(layout, layout_of_project(copy.request, load(copy.request, present=True)))
            if disk.look(layout.frozen) is not None:
                disk.copy(layout.frozen, f"{target}/{OURS}/{FROZEN}")
        except OSError as error:
            raise mistake(
                "copy", f"the project cannot be copied: {error.strerror}: {error.filename}", exit_code=1
            ) from None
        finally:
            lock.release()
        yield project, copy
    finally:
        disk.remove_all(place)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(place))


def _repair(request: Request, project: Project, layout: Layout, lock: Lock) -> None:
    """What a killed build left half done would be copied half done."""
    state = read_state(layout.state, held=False)  # it is held by us, and nobody writes
    if state is not None:
        waiting = bool(open_attempts(state))
        state.close()
        if waiting:
            open_repaired(layout, project, [], scope_of(request), lock).close()


def _of_copy(request: Request, project: Project, target: str) -> Request:
    """The same request, made in the copy."""
    root = project.wavefile.root
    below = os.path.relpath(request.directory, root)
    folder = target if below == "." or below.startswith("..") else os.path.join(target, below)
    file = None if request.file is None else os.path.join(target, os.path.relpath(wavefile_of(request), root))
    environ = dict(request.environ)
    if environ.get(STATE_VARIABLE) or project.wavefile.settings.state:
        environ[STATE_VARIABLE] = f"{target}/{OURS}/elsewhere"
    return replace(request, directory=folder, file=file, environ=tuple(sorted(environ.items())))


def _copy_state(layout: Layout, copy: Layout) -> None:
    for path, there in zip(layout.remembered(), copy.remembered(), strict=True):
        if disk.look(path) is not None and not path.endswith(("-shm", ".settled")):
            disk.copy(path, there)


def _above(project: Project) -> int:
    """How many folders above the root inputs are read from."""
    paths = (artifact.path for step in project.wavefile.steps for artifact in (*step.inputs, *step.code))
    return max((path.split("/").count("..") for path in paths), default=0)


def _copy_above(project: Project, target: str) -> None:
    """What is read as ``../…`` stands at the same place beside the copy."""
    root = project.wavefile.root
    for above in dict.fromkeys(_read_above(project)):
        source, there = (os.path.normpath(os.path.join(folder, above)) for folder in (root, target))
        if os.path.isdir(source) and not f"{root}/".startswith(f"{source}/"):
            for path, _ in _marks(source):
                _copy(os.path.join(source, path), os.path.join(there, path), root, target)
        elif os.path.isfile(source):
            disk.copy(source, there)


def _read_above(project: Project) -> Iterator[str]:
    """Files and folders above the root that steps read; of a pattern the folder that it looks in."""
    for step in project.wavefile.steps:
        for artifact in (*step.inputs, *step.code):
            if artifact.path.startswith("../"):
                fixed = artifact.path.partition("*")[0]
                yield fixed if fixed == artifact.path else os.path.dirname(fixed)


def _refuse_outside(project: Project) -> None:
    """A copy cannot hold what lies out of the root."""
    found = [
        Problem(
            "outside",
            f"step {step.name!r} makes {artifact.text}, out of the root: a copy of the project would not keep it apart",
            artifact.place,
        )
        for step in project.wavefile.steps
        for artifact in step.file_outputs
        if os.path.isabs(artifact.path)
    ]
    if found:
        raise WavebuildError(tuple(found))


def _refuse_lack_of_room(root: str, home: str) -> None:
    size, free = size_of(root), shutil.disk_usage(home).free
    if size.bytes > free:
        what = f"a copy of the project takes {figures.size(size.bytes)}, and {figures.size(free)} are free"
        raise mistake("no-room", what, exit_code=1)


def _remove_left(layout: Layout) -> None:
    """Copies of those who were killed."""
    for entry in disk.entries(f"{layout.home}/{TRIALS}") if os.path.isdir(f"{layout.home}/{TRIALS}") else ():
        if entry.name.isdecimal() and not os.path.exists(f"/proc/{entry.name}") and not _lives(int(entry.name)):
            disk.remove_all(entry.path)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def remove_outputs(copy: Copy, keep: Callable[[str], bool], known: Sequence[str]) -> None:
    """Removes what steps make, so that all of it must be made anew; ``known``: the members on record as made."""
    for path in known:
        if not keep(path):
            _remove(os.path.join(copy.root, path.rstrip("/")))
            disk.remove_empty_folders(os.path.dirname(os.path.join(copy.root, path.rstrip("/"))), copy.root)
