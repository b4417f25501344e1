"""A graph as columns of bytes and back: what is read of it again is made an object only when it is asked for.

It does not know where the columns are kept, nor whether they still say what the Wavefile says.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, TypeAlias, assert_never, overload

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from wavebuild.declare.model import Argument, Call, Step, Text, Wavefile
from wavebuild.graph import files
from wavebuild.graph.link import Graph, Makers, Traits
from wavebuild.graph.names import Names
from wavebuild.graph.owners import Outline, Owners
from wavebuild.graph.shared import Shared, Update

Numbers: TypeAlias = "memoryview[int]"

_TEXT, _ITEMS, _TABLE = range(3)
"""The first entry of what stands for an argument of a call that is no plain value."""


class Columns(Struct, frozen=True, array_like=True):
    """A graph; numbers are packed as the machine has them. What is read back stays where it was read."""

    wavefile: Wavefile  # without its steps
    names: list[str]
    steps: memoryview
    step_ends: memoryview
    makers: tuple[memoryview, memoryview, memoryview]
    data_upstream: tuple[memoryview, memoryview]
    upstream: tuple[memoryview, memoryview]
    downstream: tuple[memoryview, memoryview]
    wave: memoryview
    outline: Outline
    updates: tuple[Update, ...]
    groups: list[int]
    on_demand: list[int]
    growing: list[int]
    secrets: tuple[str, ...]
    reviewed: list[int]
    discovering: list[int]
    estimated: list[int]
    titled: list[int]
    repeated: list[int]
    many: dict[int, tuple[int, int]]  # of a step that reads many files: where in its bytes their paths begin, and they


def packed(graph: Graph) -> Columns:
    """The columns of a graph. Raises ValueError or OverflowError for what cannot be packed: no text, a huge number."""
    steps, ends = BytesIO(), array("q", [0])  # which gives its bytes away without a copy
    many: dict[int, tuple[int, int]] = {}
    for number, step in enumerate(graph.wavefile.steps):
        parts = _parts(step)
        steps.writelines(parts)
        if len(parts) > 1:
            many[number] = (len(parts[0]), len(parts[0]) + len(parts[1]))
        ends.append(steps.tell())
    return Columns(
        replace(graph.wavefile, steps=()),
        list(graph.number),
        memoryview(steps.getvalue()),
        _bytes(ends),
        (
            _bytes(_ends(map(len, graph.makers))),
            *_ragged([of_artifact for of_step in graph.makers for of_artifact in of_step]),
        ),
        _ragged(graph.data_upstream),
        _ragged(graph.upstream),
        _ragged(graph.downstream),
        _bytes(array("q", graph.wave)),
        graph.owners.outline,
        graph.shared.updates,
        sorted(graph.traits.groups),
        sorted(graph.traits.on_demand),
        sorted(graph.traits.growing),
        graph.traits.secrets,
        sorted(graph.traits.reviewed),
        sorted(graph.traits.discovering),
        sorted(graph.traits.estimated),
        sorted(graph.traits.titled),
        sorted(graph.traits.repeated),
        many,
    )


def _parts(step: Step) -> tuple[bytes, ...]:
    """A step as bytes; if it reads many files, with those apart."""
    if not files.are_many(step.inputs):
        return (_ENCODER.encode(_with_arguments(step, _plain)),)
    return (_ENCODER.encode(_with_arguments(replace(step, inputs=()), _plain)), *files.packed(step.inputs))


def unpacked(columns: Columns, read: tuple[str, ...], env_read: tuple[tuple[str, str | None], ...]) -> Graph:
    """The graph of these columns; ``read`` and ``env_read``: files and variables of the Wavefile, as they are now."""
    steps = Steps(columns.steps, _numbers(columns.step_ends), columns.many)
    wavefile = replace(columns.wavefile, steps=steps, files=read, env_read=env_read)
    names = Names(steps, columns.names)
    starts, ends, flat = columns.makers
    return Graph(
        wavefile=wavefile,
        number=names.number,
        makers=MakersOfAll(_numbers(starts), Ragged(_numbers(ends), _numbers(flat))),
        data_upstream=_read_ragged(columns.data_upstream),
        upstream=_read_ragged(columns.upstream),
        downstream=_read_ragged(columns.downstream),
        wave=_numbers(columns.wave),
        owners=Owners(steps, wavefile.root, columns.outline),
        shared=Shared(steps, columns.updates),
        names=names,
        traits=Traits(
            frozenset(columns.groups),
            frozenset(columns.on_demand),
            frozenset(columns.growing),
            columns.secrets,
            frozenset(columns.reviewed),
            frozenset(columns.discovering),
            frozenset(columns.estimated),
            frozenset(columns.titled),
            frozenset(columns.repeated),
        ),
    )


def step_of(columns: Columns, number: int) -> Step:
    """One step, made of these columns alone."""
    step = Steps(columns.steps, _numbers(columns.step_ends), columns.many)[number]
    return replace(step, inputs=(*step.inputs,))


class Ragged(Sequence[tuple[int, ...]]):
    """Rows of numbers of unequal length; ``ends``: where each ends among all, and a zero before the first."""

    __slots__ = ("_ends", "_flat")

    def __init__(self, ends: Numbers, flat: Numbers) -> None:
        self._ends = ends
        self._flat = flat

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> tuple[int, ...]: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[tuple[int, ...], ...]: ...
    def __getitem__(self, at: int | slice) -> tuple[int, ...] | tuple[tuple[int, ...], ...]:
        if isinstance(at, slice):
            return tuple(self[k] for k in range(*at.indices(len(self))))
        at = _within(at, len(self))
        return tuple(self._flat[self._ends[at] : self._ends[at + 1]])


class MakersOfAll(Sequence[Makers]):
    """For every step the makers of each artifact that it reads; ``ends``: of the artifacts of each step."""

    __slots__ = ("_ends", "_of_artifacts")

    def __init__(self, ends: Numbers, of_artifacts: Ragged) -> None:
        self._ends = ends
        self._of_artifacts = of_artifacts

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> Makers: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Makers, ...]: ...
    def __getitem__(self, at: int | slice) -> Makers | tuple[Makers, ...]:
        if isinstance(at, slice):
            return tuple(self[k] for k in range(*at.indices(len(self))))
        at = _within(at, len(self))
        return self._of_artifacts[self._ends[at] : self._ends[at + 1]]


MADE = 1 << 14
"""Steps that stay made at once: as objects they take ten times the room."""

PART = 4
"""Of more than so many, so many times fewer."""


class Steps(Sequence[Step]):
    """Packed steps, each made when it is asked for; of many only those that were asked for last stay."""

    __slots__ = ("_data", "_ends", "_made", "_many", "_most")

    def __init__(self, data: memoryview, ends: Numbers, many: Mapping[int, tuple[int, int]]) -> None:
        self._data = data
        self._ends = ends
        self._many = many
        self._made: dict[int, Step] = {}
        self._most = MADE if len(ends) <= MADE else MADE // PART

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> Step: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, at: int | slice) -> Step | tuple[Step, ...]:
        if isinstance(at, slice):
            return tuple(self[k] for k in range(*at.indices(len(self))))
        found = self._made.get(at)
        return found if found is not None else self._make(_within(at, len(self)))

    def __iter__(self) -> Iterator[Step]:
        return map(self.__getitem__, range(len(self)))

    def passing(self, numbers: Iterable[int]) -> Iterator[Step]:
        """These steps, one after another; of many none stays made, nor any that was made before."""
        if self._most == MADE:
            return map(self.__getitem__, numbers)
        self._made.clear()
        return map(self._made_of, numbers)

    def _make(self, at: int) -> Step:
        step = self._made_of(at)
        if len(self._made) >= self._most:
            self._made.clear()
        self._made[at] = step
        return step

    def _made_of(self, at: int) -> Step:
        data = self._data[self._ends[at] : self._ends[at + 1]]
        apart = self._many.get(at)
        if apart is None:
            return _with_arguments(_DECODER.decode(data), _whole)
        paths, whole = apart
        step: Step = _DECODER.decode(data[:paths])
        return _with_arguments(replace(step, inputs=files.unpacked(data[paths:whole], data[whole:])), _whole)


def passing(steps: Sequence[Step], numbers: Iterable[int]) -> Iterator[Step]:
    """These steps, one after another; of many that are packed none stays made."""
    return steps.passing(numbers) if isinstance(steps, Steps) else map(steps.__getitem__, numbers)


def _within(at: int, length: int) -> int:
    if not -length <= at < length:
        raise IndexError(at)
    return at % length


def _ends(lengths: Iterable[int]) -> "array[int]":
    found, end = array("q", [0]), 0
    for length in lengths:
        end += length
        found.append(end)
    return found


def _bytes(numbers: "array[int]") -> memoryview:
    return memoryview(numbers.tobytes())


def _ragged(rows: Sequence[Sequence[int]]) -> tuple[memoryview, memoryview]:
    flat = array("q")
    for row in rows:
        if row:
            flat.extend(row)
    return _bytes(_ends(map(len, rows))), _bytes(flat)


def _read_ragged(columns: tuple[memoryview, memoryview]) -> Ragged:
    ends, flat = columns
    return Ragged(_numbers(ends), _numbers(flat))


def _numbers(data: memoryview) -> Numbers:
    """The numbers in packed bytes, which are not copied."""
    return data.cast("q")


# The arguments of calls, whose forms are told apart by what stands before them


def _with_arguments(step: Step, form: Callable[[Any], Any]) -> Step:
    """The step with the arguments of its calls in another form."""
    if not step.has_calls:
        return step
    review = step.review
    return replace(
        step,
        action=_call(step.action, form) if isinstance(step.action, Call) else step.action,
        checks=tuple(
            replace(check, action=_call(check.action, form)) if isinstance(check.action, Call) else check
            for check in step.checks
        ),
        review=replace(review, action=_call(review.action, form))
        if review is not None and isinstance(review.action, Call)
        else review,
    )


def _call(call: Call, form: Callable[[Any], Any]) -> Call:
    return replace(call, arguments=tuple((name, form(value)) for name, value in call.arguments))


def _plain(value: Argument) -> Any:
    """An argument in a form that reads back: what is no plain value is a list that says what it is of."""
    match value:
        case Text():
            return [_TEXT, *value.parts]
        case tuple():
            return [_ITEMS, *map(_plain, value)]
        case dict():
            return [_TABLE, *((name, _plain(item)) for name, item in value.items())]
        case None | bool() | int() | float():
            return value
        case _:
            assert_never(value)


def _whole(value: Any) -> Argument:
    """The argument that ``_plain`` packed. Raises msgspec.ValidationError if it is none."""
    match value:
        case [0, *parts]:
            return msgspec.convert([parts], Text)
        case [1, *items]:
            return tuple(map(_whole, items))
        case [2, *pairs]:
            return {name: _whole(item) for name, item in msgspec.convert(pairs, list[tuple[str, Any]])}
        case _:
            return msgspec.convert(value, None | bool | int | float)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Step)
