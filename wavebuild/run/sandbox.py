"""The private folder of a sandboxed step: where it lies, what goes in, what has been made in it.

It does not know what is recorded, nor how its outputs come to stand in the project.

    .wavebuild/sandbox/NAME/    the same for every run of a step: what holds its path does not differ by that
        tree/NAME       the root as the step sees it; above NAME what it reads as ``../…``
        outside/…       outputs that lie in folders of ``settings.outside``
        taken/…         what the step updates, as it was when it began
        tmp/            its TMPDIR
        lists/          what WAVEBUILD_INPUTS and its like name
        .git/           empty: here ends what tools take for the project
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Artifact, Digest, Kind, Step
from wavebuild.graph import covers, fixed_folder
from wavebuild.judge.digest import Reading
from wavebuild.judge.members import NEVER_NAMES, Folders, made_members
from wavebuild.judge.trace import key
from wavebuild.later import sha256
from wavebuild.run.job import Confines, Excerpt, Furniture
from wavebuild.run.records import SANDBOX

END_OF_PROJECT = ".git"
"""Linters look for this name to know where a project ends: they then do not go by the ``.gitignore`` of
``.wavebuild``, which says that all in it is to be passed over. To git an empty folder is no repository."""

DEVICES = "/dev"
"""Steps write to /dev/null, /dev/tty and /dev/shm; the rest is the system's to guard."""

_DATABASES = (".db", ".sqlite", ".sqlite3")
_LOGS = ("-wal", "-journal")


class Private(Struct, frozen=True):
    """One private folder: ``top``, the ``root`` in it as the step sees it, and the ``real`` root. All absolute."""

    top: str
    root: str
    real: str

    @property
    def tmp(self) -> str:
        return f"{self.top}/tmp"

    @property
    def lists(self) -> str:
        return f"{self.top}/lists"

    @property
    def memory(self) -> str:
        """Where the step writes its values for the shared memory, relative to the real root."""
        return f"{os.path.relpath(self.top, self.real)}/memory.json"

    def inside(self, path: str) -> str:
        """The place in here of a path that is relative to the root, or of an output that lies out of it."""
        return f"{self.top}/outside{path}" if os.path.isabs(path) else os.path.normpath(os.path.join(self.root, path))

    def taken(self, path: str) -> str:
        """What the step updates, as it was when the step began."""
        return f"{self.top}/taken/{path}"

    def meant(self, path: str) -> str:
        """The path that one in here stands for, absolute; any other is what it is."""
        tree = f"{self.top}/tree"
        if not path.startswith(f"{tree}/"):
            return path
        return os.path.normpath(os.path.join(self.real, os.path.relpath(path, self.root)))


def private_folder(real: str, step: Step, readings: Iterable[Reading]) -> Private:
    """The place for a step; so deep that every ``..`` of an input stays in it."""
    paths = (reading.path for reading in readings if reading.of_file and not os.path.isabs(reading.path))
    above = max((path.split("/").count("..") for path in (*paths, step.cwd)), default=0)
    names = real.strip("/").split("/")[-above - 1 :]
    name = sha256(key(step).encode("utf-8", "surrogatepass")).hexdigest()[:10]
    top = f"{real}/{SANDBOX}/{name}"
    return Private(top, "/".join((top, "tree", *filter(None, names))), real)


def known_folder(real: str, root: str) -> Private:
    """The private folder whose root lies at this path, relative to the real root."""
    top = "/".join(root.split("/")[:3])
    return Private(f"{real}/{top}", f"{real}/{root}", real)


def make(private: Private) -> None:
    """The folder is there, empty, and nobody else's to look into."""
    remove(private)
    disk.make_folder(os.path.dirname(private.top))
    os.mkdir(private.top, 0o700)
    for folder in (private.root, private.tmp, private.lists, f"{private.top}/{END_OF_PROJECT}"):
        disk.make_folder(folder)


def remove(private: Private) -> None:
    """Removes all of it, and the folder of all sandboxes with the last."""
    disk.remove_all(private.top)
    disk.remove_empty_folders(os.path.dirname(private.top), f"{private.real}/.wavebuild")


# --- what goes in


def furniture(
    private: Private,
    step: Step,
    readings: Sequence[Reading],
    more: Iterable[str] = (),
    tools: Sequence[str] = (),
    known: frozenset[str] = frozenset(),
) -> Furniture:
    """What a step that reads this gets to see. ``more``: members of its own to be there, too; ``known``: paths
    in the private folder where something stands already. Raises OSError.
    """
    files = {reading.path: None for reading in readings if reading.of_file and reading.how != "folder"}
    tables: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.how == "rows":
            tables.setdefault(reading.path, []).append(reading)
    whole = {reading.path for reading in readings if reading.of_file and reading.how not in ("rows", "folder")}
    in_part = tables.keys() - whole
    copies: dict[str, str] = {}
    links: dict[str, str] = {}
    lists = [artifact.path for artifact in step.inputs if artifact.kind is Kind.LIST]
    for path in (*(path for path in files if path not in in_part), *lists):
        if not os.path.isabs(path):
            _put_in(private, path, whole, copies, links)
    for path in more:
        if not path.endswith("/"):
            _put_back_in(private, path, copies, links)
    for artifact in step.updates:
        if os.path.lexists(private.taken(artifact.path)):
            copies[private.inside(artifact.path)] = private.taken(artifact.path)
        elif os.path.lexists(os.path.join(private.real, artifact.path)):
            copies[private.taken(artifact.path)] = os.path.join(private.real, artifact.path)
            copies[private.inside(artifact.path)] = private.taken(artifact.path)
    links |= _linked_tools(private, step, tools, (*files, *lists))
    folders = [private.inside(reading.path) for reading in readings if reading.how == "folder"]
    folders += [private.inside(path.rstrip("/")) for path in more if path.endswith("/")]
    folders += _folders(private, step)
    excerpts = tuple(_excerpt(private, path, tables[path]) for path in sorted(in_part))
    return Furniture(
        tuple(dict.fromkeys(folders)),
        tuple((source, to) for to, source in copies.items() if to not in known),
        tuple((path, text) for path, text in links.items() if path not in known),
        tuple(excerpt for excerpt in excerpts if excerpt.target not in known),
        private.lists,
    )


def _put_in(private: Private, path: str, declared: set[str], copies: dict[str, str], links: dict[str, str]) -> None:
    """A file as a copy; a link as a link if what it leads to is declared too, else as a copy of that."""
    source, target = os.path.join(private.real, path), private.inside(path)
    if os.path.islink(source):
        text = disk.read_link(source)
        near = os.path.normpath(os.path.join(os.path.dirname(path), text))
        leads_there = disk.real(source) == disk.real(os.path.join(private.real, near))
        if not os.path.isabs(text) and leads_there and (near in declared or os.path.isdir(source)):
            links[target] = text
            return
        if not os.path.exists(source):
            links[target] = text
            return
    if os.path.isfile(source):
        copies[target] = source
    elif os.path.lexists(source) and not os.path.isdir(source):
        raise OSError(None, f"{path} is neither a file nor a link to one")
    copies |= _logs_of(source, target)


def _put_back_in(private: Private, path: str, copies: dict[str, str], links: dict[str, str]) -> None:
    """What the step itself has made, as it was made; see ``point_home``."""
    source, target = os.path.join(private.real, path), private.inside(path)
    if os.path.islink(source):
        text = disk.read_link(source)
        below = text.startswith(f"{private.real}/")
        links[target] = private.inside(os.path.relpath(text, private.real)) if below else text
    elif os.path.isfile(source):
        copies |= {target: source} | _logs_of(source, target)


def _logs_of(source: str, target: str) -> dict[str, str]:
    """What was committed last to a database may be in the log beside it alone."""
    if not source.endswith(_DATABASES):
        return {}
    return {target + ending: source + ending for ending in _LOGS if os.path.isfile(source + ending)}


def _folders(private: Private, step: Step) -> Iterator[str]:
    """Where it works, where its outputs and its depfile will lie, and the folders that its inputs are looked for in."""
    yield private.inside(step.cwd) if step.cwd else private.root
    for artifact in step.file_outputs:
        yield private.inside(fixed_folder(artifact))
    if step.depfile:
        yield os.path.dirname(private.inside(step.depfile))
    for artifact in step.inputs:
        if artifact.kind in (Kind.DIRECTORY, Kind.GLOB) and not os.path.isabs(artifact.path):
            folder = fixed_folder(artifact)
            if os.path.isdir(os.path.join(private.real, folder)):
                yield private.inside(folder)


def _excerpt(private: Private, path: str, readings: Iterable[Reading]) -> Excerpt:
    artifacts = [reading.artifact for reading in readings if reading.artifact is not None]
    parts = tuple((artifact.rows or (), artifact.columns) for artifact in artifacts)
    return Excerpt(os.path.join(private.real, path), private.inside(path), artifacts[0].delimiter, parts)


# --- tools that lie in the project


def tools_in(real: str, folder: str, path: str) -> tuple[str, ...]:
    """Folders of the root that hold installed programs and libraries, relative to it: no sources of the project.

    Looked for in the root and down to ``folder``; and what is on the ``path``, and where our own Python lies.
    """
    found: dict[str, None] = {}
    place = ""
    for part in ("", *folder.split("/")):
        place = f"{place}/{part}".strip("/")
        for entry in disk.entries(os.path.join(real, place)):
            if entry.is_dir() and (entry.name == "node_modules" or _is_environment(entry.path)):
                found[f"{place}/{entry.name}".strip("/")] = None
    here = (os.path.join(real, folder, each) for each in path.split(os.pathsep) if each)
    for each in (*here, sys.prefix, sys.base_prefix):
        home = os.path.dirname(each) if _is_environment(os.path.dirname(each)) else each
        inside = os.path.relpath(home, real)
        if inside != "." and not inside.startswith("..") and os.path.isdir(home):
            found[inside] = None
    return tuple(tool for tool in found if not any(tool.startswith(f"{other}/") for other in found))


def _is_environment(folder: str) -> bool:
    """Whether a folder is a virtual environment of Python or conda."""
    return os.path.exists(f"{folder}/pyvenv.cfg") or os.path.isdir(f"{folder}/conda-meta")


def _linked_tools(private: Private, step: Step, tools: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """Links to the tools of the project, but where the step itself reads or makes something."""
    made = [fixed_folder(output) for output in step.file_outputs]
    free = {
        tool: f"{tool}/"
        for tool in tools
        if not any(f"{path}/".startswith(f"{tool}/") for path in made)
        and not any(covers(output, f"{tool}/any") for output in step.file_outputs)
    }
    for path in files:
        for tool in [tool for tool, below in free.items() if path.startswith(below)]:
            del free[tool]
    return {private.inside(tool): os.path.join(private.real, tool) for tool in free}


def confines(private: Private, tools: Iterable[str], scratch: str) -> Confines:
    """What a step in here may read and write, where the kernel can hold it to that."""
    readable = tuple(os.path.join(private.real, tool) for tool in tools)
    writable = (private.top, DEVICES, *((os.path.join(private.real, scratch),) if scratch else ()))
    return Confines(walls=True, readable=readable, writable=writable, hidden=(private.real,))


# --- what was made


def made_in(private: Private, outputs: Iterable[Artifact], ignore: tuple[str, ...]) -> dict[str, str]:
    """The members that the outputs have in the private folder, and where they lie there.

    Folders that the step has closed are opened: what is in them is to be moved.
    """
    disk.open_folders(private.top)
    folders = Folders(private.root, ignore)
    found: dict[str, str] = {}
    for artifact in outputs:
        if not artifact.covers_files:
            continue
        if os.path.isabs(artifact.path):
            shift = f"{private.top}/outside"
            below = replace(
                artifact, path=shift + artifact.path, exclude=tuple(shift + one for one in artifact.exclude)
            )
            found |= {path.removeprefix(shift): path for path in _members(folders, below)}
        else:
            found |= {path: private.inside(path.rstrip("/")) for path in _members(folders, artifact)}
    return found


def _members(folders: Folders, artifact: Artifact) -> list[str]:
    """With what SQLite keeps beside a database."""
    return made_members(folders, replace(artifact, digest=Digest.BYTES))


def point_home(private: Private, made: Mapping[str, str]) -> None:
    """Links that name their target by its place in the private folder lead to where that will stand."""
    for path in made.values():
        if os.path.islink(path) and (text := disk.read_link(path)) != (meant := private.meant(text)):
            disk.point_link(path, meant)


def unfinished_log(made: Mapping[str, str]) -> str:
    """A database among what was made that would lose what was committed last; "" if there is none."""
    for member, path in made.items():
        status = disk.look(f"{path}{_LOGS[0]}") if member.endswith(_DATABASES) else None
        if status is not None and status.st_size and f"{member}{_LOGS[0]}" not in made:
            return member
    return ""


def changed_inputs(private: Private, copies: Mapping[str, str], step: Step) -> list[str]:
    """The inputs that were written to in the private folder; ``copies``: from where each file in it was taken."""
    found = []
    for target, source in copies.items():
        was, now = disk.look_through(source), disk.look(target)
        if was and now and (was.st_size, was.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            found.append(os.path.relpath(target, private.root))
    own = (*step.outputs, *step.updates)
    return sorted(path for path in found if not any(covers(artifact, path) for artifact in own))


def undeclared(private: Private, furnished: frozenset[str], made: Mapping[str, str], step: Step) -> list[str]:
    """What was written in the root of the private folder and is nobody's output: it will be gone."""
    known = {*furnished, *made.values()}
    found = []
    for path, entry in disk.walk(private.root):
        if entry.path in known or path == step.depfile or not NEVER_NAMES.isdisjoint(path.split("/")):
            continue
        if any(covers(output, path) for output in step.outputs) or any(path == one.path for one in step.updates):
            continue
        found.append(path)
    return sorted(found)
