"""The inputs of a trace that has many: told apart from others without being unpacked, and the same when they are."""

from __future__ import annotations

import msgspec
import pytest

from wavebuild.judge.freshness import Fresh, Now, Stale, judge
from wavebuild.judge.reasons import InputChanged
from wavebuild.judge.trace import Packed, Trace
from wavebuild.store.text import packed
from wavebuild.store.views import LONG, decoded

INPUTS = {f"src/file {number}.txt": f"sha256:{number:064x}" for number in range(400)}
LAST = "src/file 399.txt"


def trace_of(inputs: dict[str, str], run: str = "r1") -> Trace:
    return Trace("s", run, 1.0, 1.0, {"command": "x"}, {}, inputs, {}, {"o": "sha256:0"})


def read_back(trace: Trace) -> Trace:
    data = packed(trace)
    assert len(data) > LONG
    found = decoded(data)
    assert found is not None
    assert isinstance(found.inputs, Packed)
    return found


def test_a_long_trace_says_what_was_recorded():
    """Asked in any way, and when it is recorded again."""
    found = read_back(trace_of(INPUTS))

    assert found == trace_of(INPUTS)
    assert dict(found.inputs) == {**found.inputs} == INPUTS
    assert found.inputs[LAST] == INPUTS[LAST]
    assert (len(found.inputs), "src/other" in found.inputs) == (400, False)
    assert packed(found) == packed(trace_of(INPUTS))


def test_names_of_any_bytes_are_as_they_were():
    """They stand there under other names, so such a trace is read as a whole."""
    strange = {**INPUTS, "src/\udcff": "sha256:1"}

    found = decoded(packed(trace_of(strange)))

    assert found is not None
    assert found.inputs == strange


def test_what_they_lack_is_seen_without_unpacking_them():
    """Another digest, another member; and of what they have it is not said."""
    inputs = read_back(trace_of(INPUTS)).inputs
    assert isinstance(inputs, Packed)

    for _ in range(2):
        assert inputs.lack(LAST, "sha256:1")
        assert inputs.lack("src/other", INPUTS[LAST])
        assert not inputs.lack(LAST, INPUTS[LAST])
        inputs.plain()  # afterwards it is the same


def test_a_damaged_long_trace_is_none():
    """One bit that is another is enough."""
    data = bytearray(packed(trace_of(INPUTS)))
    data[len(data) // 2] ^= 1

    assert decoded(bytes(data)) is None


@pytest.mark.parametrize("looked_at", [(LAST,), ()], ids=["where it is known what was looked at", "where it is not"])
def test_an_older_long_trace_is_found_fresh_and_no_other(looked_at: tuple[str, ...]):
    """What is known of the inputs spares work and changes no verdict."""
    changed = {**INPUTS, LAST: "sha256:new"}
    kept = [read_back(trace_of(changed, "r2")), read_back(trace_of(INPUTS, "r1"))]

    def now(inputs: dict[str, str]) -> Now:
        return Now({"command": "x"}, {}, inputs, {}, {"o": "sha256:0"}, {}, looked_at=looked_at)

    fresh = judge(now(INPUTS), kept)
    stale = judge(now({**INPUTS, LAST: "sha256:third"}), kept)

    assert fresh == Fresh(kept[1])
    assert isinstance(stale, Stale)
    assert stale.reasons == (InputChanged(LAST, "sha256:new", "sha256:third", None),)


def test_what_is_sealed_and_no_trace_is_none():
    """Whoever wrote it, it is not believed."""
    assert decoded(packed(msgspec.defstruct("Other", [("text", str)])("x" * 2 * LONG))) is None
