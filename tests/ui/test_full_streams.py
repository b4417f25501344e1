"""Streams that take nothing more: a full disk behind --events or stdout ends in a message, never in a traceback.

It does not know what would have been written.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.command import Finished, Site
from wavebuild.ui.event_lines import opened


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.write("Wavefile", "steps:\n  good: {run: 'true'}\n  bad: {on_demand: true, run: exit 3}\n")
    return site


def with_full_stdout(site: Site, *words: str) -> Finished:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            site.argv(*words), cwd=site.root, env=site.environ, stdout=full, stderr=subprocess.PIPE, text=True
        )
    return Finished(done.returncode, "", done.stderr, 0.0)


@pytest.mark.parametrize(("target", "code"), [("good", 0), ("bad", 1)])
def test_events_that_cannot_be_written_leave_the_build_its_exit_code(target: str, code: int, site: Site) -> None:
    """The build goes on to its own end, and says that events are missing."""
    built = site.wavebuild(target, "--events", "/dev/full")

    assert built.code == code
    assert "--events /dev/full: events are missing: No space left on device" in built.err
    assert "Traceback" not in built.err


def test_events_on_a_full_stdout_leave_the_build_its_exit_code(site: Site) -> None:
    """The same for events on stdout."""
    built = with_full_stdout(site, "good", "--events", "-")

    assert built.code == 0
    assert "events are missing" in built.err
    assert "Traceback" not in built.err


@pytest.mark.parametrize("words", [["--help"], ["plan", "-h"], ["--version"], ["plan"]])
def test_an_answer_that_cannot_be_written_ends_in_two(words: list[str], site: Site) -> None:
    """Help is an answer like any other: what nobody could read is no success."""
    done = with_full_stdout(site, *words)

    assert done.code == 2
    assert done.err.splitlines() == ["wavebuild: the answer cannot be written: No space left on device"]


def test_a_long_line_of_events_is_written_at_once(tmp_path: Path) -> None:
    """The names of ten thousand steps: who reads along, or is left after a kill, never has a part of them."""
    path = tmp_path / "events"
    line = "x" * 1_000_000 + "\n"

    with opened(str(path), "events", more=False) as file:
        file.write(line)
        assert path.stat().st_size == 0
        file.flush()
        assert path.stat().st_size == len(line)
