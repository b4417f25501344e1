"""The files of a Wavefile: the one that was named and those it includes, each parsed, in the order they are read.

It does not know any key but `include`.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.declare import paths, schema, syntax
from wavebuild.declare.fields import Fields
from wavebuild.declare.files import Files
from wavebuild.declare.forms import Reading, items_of
from wavebuild.declare.paths import Home
from wavebuild.declare.source import Problems, Spot, Unreadable, word
from wavebuild.declare.syntax import Scalar, Table, Value
from wavebuild.errors import Place, Problem, WavebuildError, mistake

MOST_FILES = 1000
DEEPEST = 100


class Chapter(Struct, frozen=True):
    """One file: its text as values, and how it stands to the file that includes it."""

    path: str  # absolute
    problems: Problems
    value: Value
    folder: str = ""  # relative to the root; "" = the root
    prefix: str = ""  # what stands before the names of its steps: "", or "api."
    outer: Chapter | None = None

    @property
    def file(self) -> str:
        """As problems name it: relative to the root."""
        return self.problems.file

    @property
    def prefixes(self) -> Iterator[str]:
        """Where a name of this file is looked for: its own prefix, then those of the files around it, then none."""
        chapter: Chapter | None = self
        last = None
        while chapter is not None:
            if chapter.prefix != last:
                yield chapter.prefix
            last, chapter = chapter.prefix, chapter.outer


class Book(Struct):
    """All files of a Wavefile, an included one behind its includer; ``top`` is the one that was named."""

    root: str
    chapters: list[Chapter] = field(default_factory=list)
    problems: list[Problems] = field(default_factory=list)  # of every file, readable or not
    files: Files = field(default_factory=Files)  # every file read
    seen: dict[str, Place] = field(default_factory=dict)  # real path → where it is named
    whole: bool = True  # False: some file could not be included, and its steps are not known

    def refuse(self, code: str, place: Place, message: str, remedy: str = "", also: tuple[Place, ...] = ()) -> None:
        """Records a problem at a place in whichever file."""
        of_file = next((one for one in self.problems if one.file == place.file), self.problems[0])
        of_file.record(Problem(code, message, place, remedy, of_file.line(place.line), also))

    def raise_if_any(self) -> None:
        """Everything wrong with any of the files, in one go."""
        found = [problem for of_file in self.problems for problem in of_file.found()]
        if found:
            raise WavebuildError(tuple(found))


def read(path: str, content: bytes | None = None, files: Files | None = None) -> Book:
    """The files of the Wavefile at an absolute path. Raises WavebuildError if the first cannot be used at all.

    ``content``: what would stand there, where nothing does yet. ``files``: those that were read before.
    """
    root, file = os.path.split(path)
    files = files or Files()
    if content is not None:
        files.hold(path, content)
    text = syntax.decoded(_content(path, file, files), file)
    book = Book(root, files=files, seen={disk.real(path): Place(file)})
    problems = Problems(file, text)
    top = _parsed(book, Chapter(path, problems, syntax.Broken(0, 0)))
    if top is None:
        book.raise_if_any()
        raise mistake("empty", "the Wavefile is empty", Place(file), _FIRST_STEP)
    _include(book, top)
    return book


_FIRST_STEP = "give it steps: {NAME: {run: COMMAND}}"


def _content(path: str, file: str, files: Files) -> bytes:
    try:
        return files.read(path, syntax.MAX_BYTES)
    except OSError as error:
        raise mistake("unreadable", f"cannot read the Wavefile: {error.strerror}", Place(file)) from None


def _parsed(book: Book, chapter: Chapter) -> Chapter | None:
    """The chapter with its value; None if its text cannot be read, and that is recorded, or is empty."""
    book.problems.append(chapter.problems)
    try:
        value = syntax.parse(chapter.problems.text, chapter.problems)
    except Unreadable:
        return None
    if value is None:
        return None
    found = Chapter(chapter.path, chapter.problems, value, chapter.folder, chapter.prefix, chapter.outer)
    book.chapters.append(found)
    return found


def _include(book: Book, chapter: Chapter) -> None:
    """Reads what a file includes, and what that includes."""
    reading = Reading(chapter.problems, Home(book.root, chapter.folder))
    if not isinstance(chapter.value, Table) or (entry := chapter.value.entries.get(schema.INCLUDE.name)) is None:
        return
    if isinstance(entry.value, Scalar) and entry.value.is_null:
        return
    try:
        for item in items_of(entry.value, reading):
            _include_one(book, chapter, item, reading)
    except Unreadable:
        return


def _include_one(book: Book, chapter: Chapter, item: Value, reading: Reading) -> None:
    parsed = None
    try:
        text, spot, prefix = _item(item, reading)
        inner = _named(book, chapter, text, spot, prefix, reading)
        parsed = _parsed(book, inner)
        if parsed is None and not len(inner.problems):
            inner.problems.add("empty", None, "the included Wavefile is empty", _FIRST_STEP)
    except Unreadable:
        pass
    except paths.PathProblem as problem:
        reading.refuse("bad-path", item, problem.message, problem.remedy)
    if parsed is None:
        book.whole = False
    else:
        _include(book, parsed)


def _item(item: Value, reading: Reading) -> tuple[str, Spot, str]:
    """The path that an item names, where it stands, and the prefix of its steps."""
    if not isinstance(item, Table):
        return schema.INCLUDED_PATH.form.read(item, reading), item, ""
    fields = Fields.of(schema.INCLUDED, item, reading)
    text, prefix = fields.get(schema.INCLUDED_PATH), fields.get(schema.PREFIX)
    if text is None or not fields.sound or (prefix is None and fields.has(schema.PREFIX)):
        if fields.sound and not fields.has(schema.INCLUDED_PATH):
            reading.refuse("missing-key", item, "an include needs the path of a Wavefile", "write {path: a/Wavefile}")
        raise Unreadable
    return text, fields.spot(schema.INCLUDED_PATH) or item, f"{prefix}." if prefix else ""


def _named(book: Book, chapter: Chapter, text: str, spot: Spot, prefix: str, reading: Reading) -> Chapter:
    file = paths.file_inside(text, reading.home)
    path = os.path.join(book.root, file)
    try:
        data = book.files.read(path, syntax.MAX_BYTES)
        content = syntax.decoded(data, file)
    except OSError as error:
        remedy = f"its path is relative to {chapter.folder or 'the root'}" if chapter.folder else ""
        raise reading.refuse("no-wavefile", spot, f"cannot include {word(text)}: {error.strerror}", remedy) from None
    except WavebuildError as error:
        problem = error.problems[0]
        remedy = f"write {text.rstrip('/')}/Wavefile" if os.path.isdir(path) else problem.remedy
        raise reading.refuse(problem.code, spot, f"cannot include {word(text)}: {problem.message}", remedy) from None
    _refuse_second_time(book, chapter, path, text, spot, reading)
    if _depth(chapter) >= DEEPEST:
        raise reading.refuse("too-deep", spot, f"more than {DEEPEST} files include each other in turn")
    if len(book.problems) >= MOST_FILES:
        raise reading.refuse("too-large", spot, f"more than {MOST_FILES} files are included")
    return Chapter(
        path, Problems(file, content), syntax.Broken(0, 0), posixpath.dirname(file), chapter.prefix + prefix, chapter
    )


def _depth(chapter: Chapter) -> int:
    depth, around = 1, chapter.outer
    while around is not None:
        depth, around = depth + 1, around.outer
    return depth


def _refuse_second_time(book: Book, chapter: Chapter, path: str, text: str, spot: Spot, reading: Reading) -> None:
    real = disk.real(path)
    before = book.seen.get(real)
    if before is None:
        book.seen[real] = reading.problems.place(spot)
        return
    around: Chapter | None = chapter
    loop = [text]
    while around is not None:
        loop.append(around.file)
        if disk.real(around.path) == real:
            message = "files that include each other: " + " → ".join(loop[:0:-1]) + f" → {around.file}"
            reading.problems.add("include-loop", spot, message, "remove this line", (before,) if before.line else ())
            raise Unreadable
        around = around.outer
    message = f"{word(text)} is included already, at {before}"
    reading.problems.add("included-twice", spot, message, "include it once", (before,))
    raise Unreadable
