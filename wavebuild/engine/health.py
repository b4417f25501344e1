"""Whether all is well where builds run: the environment, the file systems, the limits, the state.

It does not know how findings are shown. It takes no lock and writes nothing; what a killed build left is only named.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata, util

from wavebuild import __version__, disk, figures
from wavebuild.declare.model import Wavefile
from wavebuild.engine.idle import layout_of
from wavebuild.engine.project import layout_of_project, load, wavefile_of
from wavebuild.engine.values import Finding, Request
from wavebuild.errors import WavebuildError
from wavebuild.run import landlock
from wavebuild.run.cores import cores
from wavebuild.run.orphans import left_running
from wavebuild.store import database
from wavebuild.store.freezes import frozen_names
from wavebuild.store.layout import Layout, refuse_unsafe
from wavebuild.store.lock import holder
from wavebuild.store.mounts import NETWORK, kind_of
from wavebuild.store.opening import examined, read_state
from wavebuild.store.places import STATE_VARIABLE

PACKAGES = ("pyyaml", "jinja2", "msgspec", "typer")
LITTLE = 256 << 20
"""Bytes of free room below which a build may soon find none."""

FEW_FILES, FEW_PROCESSES, FEW_WATCHES = 256, 256, 8192
COARSE = {"vfat": "2 s", "msdos": "2 s", "hfsplus": "1 s", "ext3": "1 s", "ext2": "1 s", "exfat": "10 ms"}
"""How far apart two stamps of such file systems are, at least."""

SHARING = ("btrfs", "xfs", "bcachefs", "zfs", "apfs")
"""File systems on which a copy may share the bytes of its original."""


def examine(request: Request) -> tuple[Finding, ...]:
    """Everything that is to be known, in the order in which it is shown."""
    found = [*_environment(request)]
    try:
        path = wavefile_of(request)
    except WavebuildError as error:
        first = error.problems[0]
        return (*found, Finding("project", "Wavefile", first.message), *_folder("root", request.directory), *_limits())
    try:
        project = load(request)
        layout, wavefile = layout_of_project(request, project), project.wavefile
        found.append(Finding("project", "Wavefile", f"{path}: {figures.counted(len(wavefile.steps), 'step')}"))
    except WavebuildError as error:
        layout, wavefile = layout_of(path, dict(request.environ)), None
        what = f"{path}: {figures.counted(len(error.problems), 'problem')}"
        found.append(Finding("project", "Wavefile", what, "wavebuild check names each"))
    found += [*_folder("root", layout.root), *_state_folder(layout), *_temporary(dict(request.environ)), *_limits()]
    return (*found, *_state(layout, wavefile))


# Environment


def _environment(request: Request) -> Iterator[Finding]:
    environ = dict(request.environ)
    yield Finding("environment", "wavebuild", __version__)
    yield Finding("environment", "Python", f"{sys.version.split()[0]}, {sys.executable}")
    linux = sys.platform.startswith("linux")
    without = "" if linux else " (no ending of what killed builds left running, no walls round sandboxes, no --audit)"
    yield Finding("environment", "system", f"{sys.platform}{without}")
    for package in PACKAGES:
        yield _package(package)
    if util.find_spec("yaml._yaml") is None:
        remedy = "install a pyyaml with its C parser: a wheel, or libyaml and its headers before pip builds it"
        yield Finding("environment", "YAML parser", "pyyaml lacks its C parser", remedy)
    yield Finding("environment", "SQLite", database.LIBRARY)
    search = environ.get("PATH", os.defpath)
    shell = shutil.which("bash", path=search) or shutil.which("sh", path=search)
    yield Finding("environment", "shell", shell or "none", "" if shell else "put bash or sh on the PATH")
    for tool, what in (("git", "git"), ("strace", "strace, for --audit")):
        yield Finding("environment", what, shutil.which(tool, path=search) or "not on the PATH")
    spoken = landlock.version()
    walls = f"version {spoken}" if spoken else "not there: a sandboxed step is kept from no file outside"
    yield Finding("environment", "Landlock", walls)
    above = "--jobserver" in environ.get("MAKEFLAGS", "")
    yield Finding("environment", "jobserver", "that of the make above" if above else "none above: steps share ours")
    if not environ.get("HOME"):
        yield Finding("environment", "HOME", "not set", "many programs that steps run need it: export HOME=~")


def _package(name: str) -> Finding:
    try:
        return Finding("environment", name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding("environment", name, "not installed", f"pip install {name}")


# File systems


def _folder(name: str, folder: str, needs_room: bool = True) -> Iterator[Finding]:
    kind = kind_of(folder)
    there = folder
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    room = os.statvfs(there)
    free = room.f_bavail * room.f_frsize
    facts = [kind or "of unknown type"]
    if kind in NETWORK.split():
        facts.append("of a network")
    if kind in COARSE:
        facts.append(f"stamps {COARSE[kind]} apart")
    facts.append("copies may share bytes" if kind in SHARING else "copies take room")
    if _folds_case(there):
        facts.append("`A` and `a` are one name")
    yield Finding("files", name, f"{folder} ({', '.join(facts)})")
    little = needs_room and free < LITTLE
    yield Finding("files", f"{name}: free", figures.size(free), "make room on this disk" if little else "")
    if room.f_flag & os.ST_RDONLY:
        yield Finding("files", f"{name}: rights", "mounted read-only", "builds need to write there; questions do not")
    elif not os.access(there, os.W_OK):
        yield Finding("files", f"{name}: rights", "you may not write there", "builds need to; questions do not")


def _folds_case(folder: str) -> bool:
    """Whether a name in other letters leads to the same folder."""
    other = os.path.join(os.path.dirname(folder), os.path.basename(folder).swapcase())
    try:
        return other != folder and os.path.samefile(other, folder)
    except OSError:
        return False


def _state_folder(layout: Layout) -> Iterator[Finding]:
    if not layout.folder.startswith(layout.root + "/"):
        yield from _folder("state", layout.folder)
    kind = kind_of(layout.folder)
    if kind in NETWORK.split():
        remedy = f"{STATE_VARIABLE}=FOLDER, or `settings.state`, keeps the state on a disk of this machine"
        yield Finding("files", "state: place", f"on a network file system ({kind})", remedy)
    try:
        refuse_unsafe(layout)
    except OSError as error:
        yield Finding(
            "files", "state: rights", f"{layout.folder}: {error.strerror}", "see who owns the folders above it"
        )
    except WavebuildError as error:
        problem = error.problems[0]
        yield Finding("files", "state: rights", f"{problem.place}: {problem.message}", problem.remedy)


def _temporary(environ: dict[str, str]) -> Iterator[Finding]:
    told = environ.get("TMPDIR", "")
    folder = told or "/tmp"
    if not os.path.isdir(folder):
        yield Finding("files", "temporary files", f"{folder} is not there", "set TMPDIR to a folder that is there")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("files", "temporary files", f"you may not write to {folder}", "set TMPDIR to a folder of yours")
    else:
        yield from _folder("temporary files", folder)


# Limits


def _limits() -> Iterator[Finding]:
    yield Finding("limits", "cores", str(cores()))
    for name, kind, few in (
        ("open files", resource.RLIMIT_NOFILE, FEW_FILES),
        ("processes", resource.RLIMIT_NPROC, FEW_PROCESSES),
    ):
        soft, _ = resource.getrlimit(kind)
        unlimited = soft == resource.RLIM_INFINITY
        flag = "n" if kind == resource.RLIMIT_NOFILE else "u"
        remedy = f"raise it: ulimit -{flag} {4 * few}" if not unlimited and soft < few else ""
        yield Finding("limits", name, "unlimited" if unlimited else str(soft), remedy)
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if soft != resource.RLIM_INFINITY:
        remedy = "a file that grows beyond it kills its step: ulimit -f unlimited"
        yield Finding("limits", "size of a file", figures.size(soft), remedy)
    try:
        watches = int(disk.tail("/proc/sys/fs/inotify/max_user_watches", 32))
    except (OSError, ValueError):
        return
    remedy = f"sysctl fs.inotify.max_user_watches={16 * FEW_WATCHES}" if watches < FEW_WATCHES else ""
    yield Finding("limits", "watched folders", str(watches), remedy)


# The state


def _state(layout: Layout, wavefile: Wavefile | None) -> Iterator[Finding]:
    held = holder(layout.lock)
    yield Finding("state", "lock", f"held by {held}" if held else "free")
    watcher = holder(layout.watcher).replace("\n", "; ")
    yield Finding("state", "watcher", watcher or "none: each build looks at every file itself")
    try:
        status = disk.look(layout.state)
    except OSError as error:
        yield Finding("state", "database", f"{layout.state}: {error.strerror}", "see who owns the folders above it")
        return
    if status is None:
        yield Finding("state", "database", "none yet: nothing was built")
    else:
        yield from _database(layout, bool(held))
    for entry in disk.entries(layout.folder):
        if ".bad-" in entry.name:
            yield Finding("state", "kept", f"{entry.path}: a damaged state; it may be removed")
    if not held and (left := left_running(layout.groups, layout.root)):
        shown = ", ".join(map(str, left[:5]))
        yield Finding("state", "left running", f"processes {shown}", "the next build ends them: wavebuild")
    yield from _frozen(layout, wavefile)
    for folder, what in (
        ("failed", "of failed steps"),
        ("displaced", "your files that were overwritten"),
        ("logs", ""),
    ):
        size = sum(entry.stat(follow_symlinks=False).st_size for _, entry in disk.walk(f"{layout.home}/{folder}"))
        if size:
            yield Finding("state", folder, figures.size(size) + (f", {what}" if what else ""))


def _database(layout: Layout, held: bool) -> Iterator[Finding]:
    anew = "the next build sets it aside and runs all steps again"
    try:
        found = examined(layout.state, held)
    except OSError as error:
        yield Finding("state", "database", f"{layout.state}: {error.strerror}", "see who owns it")
        return
    except WavebuildError as error:
        yield Finding("state", "database", error.problems[0].message, error.problems[0].remedy)
        return
    if found.version or not found.damage:
        yield Finding("state", "database", f"version {found.version}, {figures.size(found.bytes)}: {layout.state}")
    if found.damage:
        yield Finding("state", "damage", found.damage, anew)
        return
    try:
        state = read_state(layout.state, held, layout.claims)
    except WavebuildError as error:
        yield Finding("state", "database", error.problems[0].message, error.problems[0].remedy)
        return
    if state is None:
        yield Finding("state", "damage", "what it says makes no sense", anew)
        return
    try:
        yield Finding("state", "known", f"{len(state.last_results())} steps, {len(state.made())} members")
        names = sorted({attempt.step for attempt, _ in state.attempts()})
        if names and not held:
            yield Finding("state", "cut off", ", ".join(names[:5]), "the next build puts their files right: wavebuild")
    finally:
        state.close()


def _frozen(layout: Layout, wavefile: Wavefile | None) -> Iterator[Finding]:
    try:
        names = frozen_names(layout.frozen)
    except WavebuildError as error:
        yield Finding("state", "frozen", error.problems[0].message, f"see {layout.frozen}")
        return
    if not names:
        return
    yield Finding("state", "frozen", ", ".join(names))
    known = {part for step in wavefile.steps for part in (step.name, step.base)} if wavefile is not None else {*names}
    unknown = [name for name in names if name not in known]
    if unknown:
        yield Finding("state", "frozen, unknown", ", ".join(unknown), f"no step is called so: see {layout.frozen}")
