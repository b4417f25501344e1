"""Of a graph before and after an edit it is said which steps are others, or that more is."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from wavebuild.declare import load
from wavebuild.graph import link
from wavebuild.graph.alike import other_steps
from wavebuild.graph.columns import Columns, packed

TEXT = """
settings: {schedule: flow}
probes: {p: {run: echo 1}}
targets: [b]
steps:
  a: {inputs: a.txt, outputs: out/a, run: "cp a.txt out/a"}
  b: {inputs: [out/a, b.txt], outputs: out/b, checks: test -s out/b, run: "cat out/a b.txt > out/b"}
  c: {inputs: out/b, outputs: {here: c/}, call: "m:f", with: {n: 1}}
"""


def columns(folder: Path, text: str) -> Columns:
    """As they are read again."""
    (folder / "Wavefile").write_text(text)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(packed(link(load(str(folder / "Wavefile"))))), type=Columns)


@pytest.mark.parametrize(
    ("was", "now", "other"),
    [
        ("", "", set()),
        ("settings:", "# a line more\n\nsettings:", set()),
        ("cp a.txt", "cp -p a.txt", {0}),
        ("test -s", "test -f", {1}),
        ("n: 1", "n: 2", {2}),
        ("n: 1", "n: true", {2}),
        ("n: 1", "n: 1.0", {2}),
        ("outputs: out/a,", "outputs: out/a, env: {X: y}, timeout: 3s, always: true, title: A,", {0}),
    ],
    ids=str,
)
def test_steps_are_others_by_what_concerns_them_alone(was: str, now: str, other: set[int], tmp_path: Path) -> None:
    """Not by where they are written."""
    before = columns(tmp_path, TEXT)

    assert other_steps(before, columns(tmp_path, TEXT.replace(was, now) if was else TEXT)) == frozenset(other)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("schedule: flow", "schedule: barrier"),
        ("echo 1", "echo 2"),
        ("targets: [b]", "targets: [c]"),
        ("[out/a, b.txt]", "[out/a, c.txt]"),
        ("[out/a, b.txt]", "[b.txt]"),
        ("{here: c/}", "{here: c/}, needs: a"),
        ("  a:", "  d:"),
        ("outputs: out/b,", "outputs: [out/b, out/d],"),
        ("checks: test -s out/b", "checks: {run: test -s out/b, inputs: c.txt}"),
        ("here: c/", "here: d/"),
        ("here: c/", "there: c/"),
        ("outputs: out/a,", "outputs: out/a, sandbox: true,"),
        ("outputs: out/a,", "outputs: out/a, on_demand: true,"),
        ("outputs: out/a,", "outputs: out/a, tags: [x],"),
        ("steps:", "steps:\n  d: {outputs: out/d, run: touch out/d}"),
        ("inputs: a.txt", "inputs: {path: a.txt, optional: true}"),
        ("outputs: out/a,", "outputs: out/a, secrets: [KEY],"),
    ],
    ids=str,
)
def test_what_may_concern_others_is_more_than_a_step(was: str, now: str, tmp_path: Path) -> None:
    """What steps read and make, which there are and which are wanted, and what holds for all of them."""
    assert was in TEXT
    before = columns(tmp_path, TEXT)

    assert other_steps(before, columns(tmp_path, TEXT.replace(was, now))) is None
