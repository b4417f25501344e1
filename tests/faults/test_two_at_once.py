"""Locks that outlive their owner, and numbers of processes that were given out again."""

from __future__ import annotations

import os

import pytest

from tests.support.workshop import Workshop


@pytest.mark.scenario(id="C3")
@pytest.mark.parametrize(
    "text", ["{pid}\n", "pid {pid} of me on here since now: wavebuild -j4\n", "\0\xff", "x" * 100_000]
)
def test_a_lock_file_that_names_a_living_process_holds_nothing(text: str, shop: Workshop) -> None:
    """The kernel says who holds it; the number in the text may be anybody's by now."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
    shop.settle()
    (shop.root / ".wavebuild/lock").write_text(text.format(pid=os.getppid()))
    shop.put("s", "2")

    assert shop.build().ran == ["a"]
