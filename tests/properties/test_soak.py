"""Many builds in one process hold no more at the end than at first.

It does not know what is built; `python -m tests.soak` goes on for as long as one likes.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.support.soak import Held, Soak


@pytest.mark.long
def test_builds_in_one_process_leave_no_memory_descriptor_process_or_file_behind(tmp_path: Path) -> None:
    """A short soak: what only grows shows within some thirty builds."""
    soak = Soak(tmp_path, Random(3))

    soak.go_on(seconds=4, at_least=18)

    assert soak.complaints(allowance=6 << 20) == []


def test_a_soak_notices_what_is_held_for_ever(tmp_path: Path) -> None:
    """A descriptor and a file a build, and memory: each is complained of."""
    soak = Soak(tmp_path, Random(1))
    soak.over_time = [Held(n << 20, 5 + n, 0, 1, n) for n in range(9)]

    found = soak.complaints(allowance=1 << 20)

    assert len(found) == 2
