"""A place to build in for every end-to-end test; after the test no process of it may be alive.

It does not know what the tests build.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.processes import kill_marked


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    place = Site(tmp_path)
    yield place
    left = not place.nothing_alive()
    kill_marked(place.mark)
    assert not left, "a process outlived the test"
