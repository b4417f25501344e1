"""Whether a path lies in an artifact, and whether some path could lie in two.

It does not know which steps the artifacts belong to, nor what lies on the disk.

A glob is read part by part: ``*`` is any text, ``?`` any character, ``[a-z]`` one of a class,
``[!a-z]`` or ``[^a-z]`` one outside it, none of them across ``/``; a part that is ``**`` is any number of
parts. A name with a leading dot is hidden: only a part written with that dot matches it. A
directory holds all that lies below it, hidden or not, and so do the wildcards of ``exclude``,
which takes away what a directory may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import assert_never

from msgspec import Struct

from wavebuild.declare.model import Artifact, Kind
from wavebuild.later import re
from wavebuild.regular import expression

BELOW = "/"  # stands as the last part of a directory: whatever lies below it; no real part can be "/"
ANY_PARTS = "**"
_WILD = expression(r"[*?\[]")
_UP_TO_LAST_WILD = expression(r"(?s).*[*?\[\]]")


class Pattern(Struct, frozen=True):
    """What an artifact may hold. All its paths begin with ``prefix`` and end with ``suffix``."""

    parts: tuple[str, ...]
    prefix: str
    suffix: str
    exclude: tuple[str, ...] = ()


def is_wild(text: str) -> bool:
    return "*" in text or "?" in text or "[" in text


def fixed_folder(artifact: Artifact) -> str:
    """The folder that all members of an artifact lie in, as far as its text says; "" is the root."""
    if artifact.kind is Kind.DIRECTORY:
        return artifact.path
    if not is_wild(artifact.path):
        return artifact.path.rpartition("/")[0]
    parts = artifact.path.split("/")[:-1]
    wild = next((at for at, part in enumerate(parts) if is_wild(part)), len(parts))
    return "/".join(parts[:wild])


def folder_prefix(path: str) -> str:
    """What every path below a folder begins with."""
    return "" if path in ("", ".") else path.rstrip("/") + "/"


def covers(artifact: Artifact, path: str) -> bool:
    """Whether a path, relative to the root, is a possible member of an artifact."""
    match artifact.kind:
        case Kind.FILE:
            return path == artifact.path
        case Kind.DIRECTORY:
            held = _below(path, folder_prefix(artifact.path))
        case Kind.GLOB:
            held = matches(artifact.path, path)
        case Kind.STEP | Kind.ENV | Kind.PROBE | Kind.MEM | Kind.LIST:
            return False
        case _:
            assert_never(artifact.kind)
    return held and not (artifact.exclude and excluded(artifact.exclude, path))


def matches(glob: str, path: str) -> bool:
    """Whether a path matches a glob; hidden parts only where they are named."""
    return _expression(glob_parts(glob), False).fullmatch(path) is not None


def excluded(globs: Iterable[str], path: str) -> bool:
    """Whether one of these globs takes the path away.

    Text without wildcards takes away that path and all below it; ``x/`` all below ``x``.
    """
    return any(_expression(parts, True).fullmatch(path) for glob in globs for parts in _exclusions(glob))


def _below(path: str, prefix: str) -> bool:
    if prefix:
        return len(path) > len(prefix) and path.startswith(prefix)
    return bool(path) and not path.startswith(("/", "../")) and path not in (".", "..")


@lru_cache(maxsize=65536)
def glob_parts(glob: str) -> tuple[str, ...]:
    """The parts of a glob, spelled so that equal meanings have equal spellings."""
    parts: list[str] = []
    for part in glob.split("/"):
        if part != ANY_PARTS:
            parts.append(re.sub(r"\*+", "*", part))
        elif not parts or parts[-1] != ANY_PARTS:
            parts.append(part)
    # At the end "**" is some file at any depth: at least one part.
    return (*parts, "*") if parts[-1] == ANY_PARTS else tuple(parts)


def _literal_parts(path: str) -> tuple[str, ...]:
    return tuple(_WILD.sub(r"[\g<0>]", part) for part in path.split("/"))


@lru_cache(maxsize=4096)
def _exclusions(glob: str) -> tuple[tuple[str, ...], ...]:
    parts = glob_parts(glob.rstrip("/"))
    if glob.endswith("/"):
        return ((*parts, BELOW),)
    return (parts,) if is_wild(glob) else (parts, (*parts, BELOW))


# A path against a glob: one regular expression.


@lru_cache(maxsize=65536)
def _expression(parts: tuple[str, ...], hidden: bool) -> re.Pattern[str]:
    """The regular expression of a glob; ``hidden``: wildcards match hidden names too.

    All ``**`` but the last take the nearest place where what follows them fits, for good, and
    so do the stars of a part: what does not match is not tried in every way they could share it out.
    """
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == ANY_PARTS:
            runs.append([])
        else:
            runs[-1].append(".+" if part == BELOW else _part_expression(part, hidden))
    folder = "[^/]+/" if hidden else r"(?!\.)[^/]+/"
    first, *rest = ("/".join(run) for run in runs)
    middle = "".join(f"(?>(?:{folder})*?{run}/)" for run in rest[:-1])
    behind = f"(?:{folder})*{rest[-1]}" if rest else ""
    return re.compile(first + ("/" if first and rest else "") + middle + behind, re.DOTALL)


def _part_expression(part: str, hidden: bool) -> str:
    guard = "" if hidden or part.startswith(".") else r"(?!\.)"
    if part == "*":
        return guard + "[^/]+"
    chunks = [""]
    for token in _tokens(part):
        if token is None:
            chunks.append("")
        else:
            chunks[-1] += token.expression
    first, *rest = chunks
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in rest[:-1])
    return guard + first + middle + (f"[^/]*{rest[-1]}" if rest else "")


# One part against another: the product of their automata.


class _Set(Struct, frozen=True):
    """The characters one place of a part may hold; never "/"."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False

    def __contains__(self, code: int) -> bool:
        return any(low <= code <= high for low, high in self.ranges) != self.negated

    @property
    def expression(self) -> str:
        if not self.ranges:
            return "[^/]" if self.negated else "(?!)"
        if not self.negated and len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]:
            return re.escape(chr(self.ranges[0][0]))
        spans = "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in self.ranges)
        return f"(?!/)[{'^' if self.negated else ''}{spans}]"


_ANY = _Set((), negated=True)
_Token = _Set | None  # None is the star


@lru_cache(maxsize=65536)
def _tokens(part: str) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    position = 0
    while position < len(part):
        character = part[position]
        position += 1
        if character == "*":
            tokens.append(None)
        elif character == "?":
            tokens.append(_ANY)
        elif character == "[" and (end := _class_end(part, position)) > 0:
            tokens.append(_class(part[position:end]))
            position = end + 1
        else:
            tokens.append(_Set(((ord(character), ord(character)),)))
    return tuple(tokens)


def _class_end(part: str, position: int) -> int:
    """Where the class that opens before this position closes; its first character may be ``]``."""
    return part.find("]", position + 1 + part.startswith(("!", "^"), position))


def _class(text: str) -> _Set:
    negated = text.startswith(("!", "^"))
    body = text[negated:]
    ranges = []
    position = 0
    while position < len(body):
        low = high = ord(body[position])
        if body[position + 1 : position + 2] == "-" and position + 2 < len(body):
            high = ord(body[position + 2])
            position += 2
        if low <= high:
            ranges.append((low, high))
        position += 1
    return _Set(tuple(ranges), negated)


def _share(one: _Set, other: _Set, first: bool) -> bool:
    """Whether both hold a common character; ``first``: one that may open a name that is not hidden."""
    # Between these points membership does not change, so the points speak for all characters.
    points = {1, ord("/") + 1}
    for low, high in (*one.ranges, *other.ranges):
        points |= {low, high + 1}
    return any(
        point in one and point in other and point != ord("/") and not (first and point == ord("."))
        for point in points
        if point > 0
    )


def parts_meet(one: str, other: str) -> bool:
    """Whether some name matches two parts, neither of them ``**``."""
    if not is_wild(one) and not is_wild(other):
        return one == other
    if one == other and "[" not in one:
        return True
    return _product(one, other) if one <= other else _product(other, one)


@lru_cache(maxsize=65536)
def _product(one: str, other: str) -> bool:
    if one.startswith(".") != other.startswith("."):
        return False
    guarded = not one.startswith(".")
    left, right = _tokens(one), _tokens(other)
    start = (0, 0, False)  # the place in each part, and whether a character has been read
    seen, left_to_try = {start}, [start]
    while left_to_try:
        state = left_to_try.pop()
        if state == (len(left), len(right), True):
            return True
        for after in _moves(left, right, state, guarded):
            if after not in seen:
                seen.add(after)
                left_to_try.append(after)
    return False


def _moves(
    left: tuple[_Token, ...], right: tuple[_Token, ...], state: tuple[int, int, bool], guarded: bool
) -> Iterator[tuple[int, int, bool]]:
    """The states that one character more, or a star that ends, leads to."""
    i, j, started = state
    if i < len(left) and left[i] is None:
        yield i + 1, j, started
    if j < len(right) and right[j] is None:
        yield i, j + 1, started
    if i == len(left) or j == len(right):
        return
    one, other = left[i], right[j]
    if _share(one or _ANY, other or _ANY, guarded and not started):
        yield i + (one is not None), j + (other is not None), True


def names_meet(one: str, other: str) -> bool:
    """Whether two names that are no paths, with ``*`` for any text in them, could be the same."""
    if "*" not in one and "*" not in other:
        return one == other
    seen, left_to_try = {(0, 0)}, [(0, 0)]
    while left_to_try:
        i, j = left_to_try.pop()
        if i == len(one) and j == len(other):
            return True
        mine, theirs = one[i : i + 1], other[j : j + 1]
        after = [(i + 1, j)] * (mine == "*") + [(i, j + 1)] * (theirs == "*")
        after += [(i, j + 1)] * (mine == "*" and theirs not in ("", "*"))
        after += [(i + 1, j)] * (theirs == "*" and mine not in ("", "*"))
        after += [(i + 1, j + 1)] * (mine == theirs and mine not in ("", "*"))
        left_to_try += [state for state in after if state not in seen]
        seen.update(after)
    return False


# One pattern against another: the same product, a part at a time.


def pattern(artifact: Artifact) -> Pattern:
    """The pattern of a file, directory or glob inside the root."""
    match artifact.kind:
        case Kind.DIRECTORY:
            prefix = folder_prefix(artifact.path)
            parts = _literal_parts(prefix[:-1]) if prefix else ()
            return Pattern((*parts, BELOW), prefix, "", artifact.exclude)
        case Kind.GLOB:
            parts = glob_parts(artifact.path)
            return Pattern(parts, *_ends(parts), artifact.exclude)
        case Kind.FILE | Kind.STEP | Kind.ENV | Kind.PROBE | Kind.MEM | Kind.LIST:
            return Pattern(_literal_parts(artifact.path), artifact.path, artifact.path)
        case _:
            assert_never(artifact.kind)


def inside(artifact: Artifact, root: str) -> tuple[Pattern, ...]:
    """The patterns of what an artifact may hold, relative to the root as far as it lies in it.

    It is one for all but those that are written from outside (``../``, ``/data/*/x``), which may
    hold something outside of the root, too.
    """
    if not artifact.path.startswith(("/", "..")) or not artifact.covers_files:
        return (pattern(artifact),)
    whole = pattern(artifact)
    up = sum(part == ".." for part in whole.parts)
    names = [name for name in root.split("/") if name]
    walked = names if artifact.path.startswith("/") else names[max(0, len(names) - up) :]
    parts = tuple(part for part in whole.parts if part not in ("", ".."))
    reached = tuple(Pattern(rest, *_ends(rest), artifact.exclude) for rest in _walk(parts, walked))
    return (whole, *reached) if artifact.path.startswith("/") else reached


def _walk(parts: tuple[str, ...], names: list[str]) -> set[tuple[str, ...]]:
    """What is left of a pattern after the names of these folders."""
    rests = {parts}
    for name in names:
        rests = {after for rest in rests for after in _step_into(rest, name)}
    return {rest for rest in rests if rest}


def _step_into(parts: tuple[str, ...], name: str) -> Iterator[tuple[str, ...]]:
    if not parts:
        return
    if parts[0] == BELOW:
        yield parts
    elif parts[0] == ANY_PARTS:
        yield from _step_into(parts[1:], name)
        if not name.startswith("."):
            yield parts
    elif _expression((parts[0],), False).fullmatch(name):
        yield parts[1:]


def _ends(parts: tuple[str, ...]) -> tuple[str, str]:
    """What all paths of these parts begin and end with."""
    text = "/".join("*" if part == BELOW else part for part in parts)
    wild = _WILD.search(text)
    if wild is None:
        return text, text
    suffix = _UP_TO_LAST_WILD.sub("", text)
    # "**/x" matches "x" alone: the slash after "**" need not be there.
    behind_any = text[: len(text) - len(suffix)].endswith(ANY_PARTS)
    return text[: wild.start()], suffix[1:] if behind_any else suffix


def ends_fit(one: Pattern, other: Pattern) -> bool:
    """Whether the fixed ends of two patterns leave room for a common path: quick, and needed."""
    return (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)) and (
        one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
    )


def meet(one: Pattern, other: Pattern) -> bool:
    """Whether some path could lie in both.

    Exact but for ``exclude``, which counts only where it takes away one of the two wholly.
    """
    if not ends_fit(one, other) or not _parts_meet(one.parts, other.parts):
        return False
    return not (_takes_away(one.exclude, other.parts) or _takes_away(other.exclude, one.parts))


def _parts_meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    seen, left_to_try = {(0, 0)}, [(0, 0)]
    while left_to_try:
        i, j = left_to_try.pop()
        if i == len(one) or j == len(other):
            if i == len(one) and j == len(other):
                return True
            continue
        if one[i] == BELOW or other[j] == BELOW:
            return True  # the other has a part left, and never ends in "**": some name fits
        for after in _part_moves(one[i], other[j], i, j):
            if after not in seen:
                seen.add(after)
                left_to_try.append(after)
    return False


def _part_moves(one: str, other: str, i: int, j: int) -> Iterator[tuple[int, int]]:
    if one == ANY_PARTS:
        yield i + 1, j
    if other == ANY_PARTS:
        yield i, j + 1
    if one == ANY_PARTS and other != ANY_PARTS and parts_meet("*", other):
        yield i, j + 1
    if other == ANY_PARTS and one != ANY_PARTS and parts_meet(one, "*"):
        yield i + 1, j
    if ANY_PARTS not in (one, other) and parts_meet(one, other):
        yield i + 1, j + 1


def _takes_away(globs: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return any(_holds(exclusion, parts) for glob in globs for exclusion in _exclusions(glob))


def _holds(outer: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    """Whether an exclusion clearly matches every path of a pattern; when in doubt it does not."""
    if not outer or not inner:
        return outer == inner
    if outer[0] == BELOW:
        return True
    if outer[0] == ANY_PARTS:
        below = inner[0] == BELOW and outer == (ANY_PARTS, "*")
        return below or _holds(outer[1:], inner) or _holds(outer, inner[1:])
    if inner[0] in (BELOW, ANY_PARTS) or not _part_holds(outer[0], inner[0]):
        return False
    return _holds(outer[1:], inner[1:])


def _part_holds(outer: str, inner: str) -> bool:
    """The same for one part; ``outer`` stands in ``exclude``, where wildcards match hidden names."""
    if outer in (inner, "*"):
        return True
    if not is_wild(inner):
        return _expression((outer,), True).fullmatch(inner) is not None
    start, star, end = outer.partition("*")
    if not star or is_wild(start + end):
        return False
    # One star between fixed ends matches whatever begins and ends alike.
    prefix, suffix = _ends((inner,))
    return prefix.startswith(start) and suffix.endswith(end)
