"""One spelling for every path, and the paths that may not be used.

It does not know what lies on disk: everything here is decided by the text alone.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re

from msgspec import Struct

from wavebuild.declare.source import word
from wavebuild.declare.upward import WAVEFILE_NAMES
from wavebuild.regular import expression

_PROTECTED = (".git", ".wavebuild")
_CONTROL = expression(r"[\x00-\x1f\x7f]")
_WILD_REST = expression(r"/[^/]*[*?\[].*", re.DOTALL)
# Most paths are like this: no name in them begins with a dot or holds a sign with a meaning, none is too long.
_USUAL = expression(r"(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*/)*[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_USUAL_LENGTH = 63
_LONGEST_NAME = 255
_LONGEST_PATH = 4095


class PathProblem(Exception):
    """Why a path cannot be used, and what to write."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


class Home(Struct, frozen=True):
    """Where the paths of a file begin: the root, and the file's own folder in it."""

    root: str = "/"  # absolute
    folder: str = ""  # relative to the root; "" = the root
    wavefiles: frozenset[str] = frozenset(("Wavefile",))  # of the root, relative to it: no output may cover one
    outside: tuple[str, ...] = ()  # absolute folders out of the root that the file wants outputs to lie in
    allowed: tuple[str, ...] = ()  # those of them, or folders in them, that the user agrees to

    @property
    def path(self) -> str:
        """The file's own folder, absolute: the root as its steps see it."""
        return f"{self.root.rstrip('/')}/{self.folder}" if self.folder else self.root


NO_HOME = Home()


class Normal(Struct, frozen=True):
    """A path relative to the root in its one spelling; ``is_directory``: it ended in ``/``."""

    path: str
    is_directory: bool
    is_glob: bool


def usual(text: str, home: Home) -> str | None:
    """The path of a file that is written the usual way, relative to the root; None: ask ``normal``."""
    path = f"{home.folder}/{text}" if home.folder else text
    return path if len(path) <= _USUAL_LENGTH and not home.outside and _USUAL.fullmatch(text) else None


def may_be_output(path: str, home: Home) -> bool:
    """Whether a usual path needs no look by ``refuse_as_output``."""
    return path not in home.wavefiles and path.rpartition("/")[2] not in WAVEFILE_NAMES


def normal(text: str, home: Home) -> Normal:
    _refuse_odd_text(text)
    is_directory = text.endswith(("/", "/.", "/..")) or text in (".", "..")
    is_glob = any(sign in text for sign in "*?[")
    if is_glob:
        _refuse_odd_glob(text)
    path = _from_root(text, home)
    if home.outside and outside(path):
        path = _of_outside(path, home)
    _refuse_long(path)
    if set(path.split("/")) <= {"", ".", ".."} or (home.folder and _holds(path, home.folder)):
        raise PathProblem(f"{word(text)} holds the whole root", "name the folders in it, or a glob like **/*.py")
    return Normal(path, is_directory, is_glob)


def _from_root(text: str, home: Home) -> str:
    """A path or glob relative to the root, or out of it; `//x` is x of the root, whatever file speaks of it."""
    if text.startswith("/"):
        if text.startswith("//") and not text.startswith("///"):
            return posixpath.normpath(text[2:] or ".")
        return _inside(posixpath.normpath(text), home.root)
    return posixpath.normpath(f"{home.folder}/{text}" if home.folder else text)


def _of_outside(path: str, home: Home) -> str:
    """One spelling for what lies in a folder that outputs may be in, or may reach into it: the absolute one."""
    absolute = posixpath.normpath(posixpath.join(home.root, path))
    fixed = _WILD_REST.sub("", absolute) or "/"
    near = any(_holds(folder, fixed) or _holds(fixed, folder) for folder in home.outside)
    return absolute if near else path


def _holds(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def outside(path: str) -> bool:
    """Whether a normalised path leads out of the root."""
    return path == ".." or path.startswith(("../", "/"))


def refuse_as_output(found: Normal, home: Home) -> None:
    """An output lies in the root, and is none of the files that say or record what is built."""
    if outside(found.path):
        _refuse_outside(found, home)
    parts = found.path.split("/")
    for protected in _PROTECTED:
        if protected in parts:
            raise PathProblem(f"no output may lie in {protected}/", "choose another folder")
    if parts[-1] in WAVEFILE_NAMES or found.path in home.wavefiles:
        raise PathProblem("a Wavefile cannot be an output", "choose another name")
    if found.is_glob and (covered := next((file for file in home.wavefiles if matches(found.path, file)), None)):
        which = "the Wavefile itself" if "/" not in covered else f"the Wavefile {covered}"
        message = f"the output {word(found.path)} covers {which}"
        raise PathProblem(message, "put the outputs in a folder of their own, like build/*")
    if found.is_directory and (held := next((file for file in home.wavefiles if _holds(found.path, file)), None)):
        message = f"the output {word(found.path + '/')} holds the Wavefile {held}"
        raise PathProblem(message, "put the outputs in a folder of their own, like build/")


def _refuse_outside(found: Normal, home: Home) -> None:
    """It takes two: the file that asks for the folder, and the user who agrees."""
    agree = "--allow-outside, or `outside: [FOLDER]` in your own ~/.config/wavebuild/config.yaml"
    asked = [folder for folder in home.outside if _holds(folder, found.path)]
    message = f"the output {word(found.path)} lies outside the root"
    if not asked:
        remedy = f"outputs lie in the Wavefile's folder, or in one of `settings: {{outside: [FOLDER]}}` with {agree}"
        raise PathProblem(message, remedy)
    if not any(_holds(folder, found.path) for folder in home.allowed):
        raise PathProblem(f"{message}, and you have not allowed that", f"if you agree: {agree}")
    if not any(found.path != folder and _holds(folder, found.path) for folder in home.allowed):
        what = f"the output {word(found.path)} is a whole folder of settings.outside"
        raise PathProblem(what, "name something in it, or ask for the folder above it")


def matches(pattern: str, path: str) -> bool:
    """Whether a glob covers a path; hidden names only where the pattern names them."""
    return _parts_match(pattern.split("/"), path.split("/"))


def check_glob(text: str) -> None:
    """Raises when a glob is not one of ours."""
    _refuse_odd_text(text)
    _refuse_odd_glob(text)


def _parts_match(pattern: list[str], path: list[str]) -> bool:
    reachable = {0}  # positions in the path that the pattern's parts so far can end at
    for part in pattern:
        if part == "**":
            reachable = {end for start in reachable for end in range(start, len(path) + 1)}
        else:
            reachable = {at + 1 for at in reachable if at < len(path) and _part_matches(part, path[at])}
    return len(path) in reachable


def _part_matches(pattern: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


def _inside(path: str, root: str) -> str:
    """An absolute path as a relative one where it lies in the root."""
    if path == root:
        return "."
    above = root.rstrip("/") + "/"
    return path[len(above) :] if path.startswith(above) else path


def _refuse_odd_text(text: str) -> None:
    if not text:
        raise PathProblem("the path is empty", "write a path, or remove the item")
    if text != text.strip():
        raise PathProblem(f"{word(text)} begins or ends with white space", "remove it")
    if _CONTROL.search(text):
        raise PathProblem(f"{word(text)} holds a control character or a line break", "rename the file")
    if "://" in text:
        raise PathProblem(f"{word(text)} is an address, not a path", "write the path of a file")


def _refuse_long(path: str) -> None:
    if len(path) > 63 and (  # shorter than any limit, whatever the letters: most paths end here
        len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH
        or any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST_NAME for part in path.split("/"))
    ):
        raise PathProblem(f"the path {word(path)} is longer than a file system allows", "shorten it")


def _refuse_odd_glob(text: str) -> None:
    parts = text.split("/")
    for part in parts:
        if "**" in part and part != "**":
            remedy = f"write {text.replace(part, '**/' + part.replace('**', '*'))}"
            raise PathProblem(f"** stands alone between slashes, not in {word(part)}", remedy)
        _refuse_open_bracket(part)
    if parts[-1] in ("", ".", ".."):
        raise PathProblem(f"the glob {word(text)} names folders; a glob names files", f"write {text.rstrip('/')}/**")
    if ".." in parts[next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts)) :]:
        raise PathProblem(f"'..' cannot follow a wildcard in {word(text)}", "write the path without '..'")


def _refuse_open_bracket(part: str) -> None:
    start = part.find("[")
    while start >= 0:
        # As in every shell, a ] that comes first belongs to the set.
        end = part.find("]", start + (3 if part[start + 1 : start + 2] == "!" else 2))
        if end < 0:
            raise PathProblem(
                f"the [ in {word(part)} is never closed", "close it with ]; for the sign itself write [[]"
            )
        start = part.find("[", end + 1)


def file_inside(text: str, home: Home) -> str:
    """A file in the root, relative to it."""
    _refuse_odd_text(text)
    path = _from_root(text, home)
    _refuse_long(path)
    if outside(path) or path == ".":
        raise PathProblem(f"{word(text)} is no file in the root", "name a file in the folder of the first Wavefile")
    return path


def folder(text: str, home: Home) -> str:
    """A folder in the root, relative to it; empty for the root itself."""
    _refuse_odd_text(text)
    path = _from_root(text, home)
    _refuse_long(path)
    if outside(path):
        raise PathProblem(f"the folder {word(text)} lies outside the root", "name a folder in the Wavefile's folder")
    return "" if path == "." else path
