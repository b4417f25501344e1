"""A project that is watched, as the command sees it: a build looks at nothing, whatever befalls the watcher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from random import Random

import pytest

from tests.support.command import Finished, Site
from tests.support.processes import eventually
from tests.support.watches import watching

FILES = 2600
"""So many that it is worth to ask."""

WAVEFILE = """
steps:
  all: {inputs: "src/*", outputs: all, run: "echo all >> \\"$JOURNAL\\"; cat src/* | sha256sum > all"}
  one: {inputs: src/0000, outputs: one, run: "echo one >> \\"$JOURNAL\\"; cp src/0000 one"}
"""

WITHOUT_A_LOOK = """
import sys
from wavebuild.engine import glance
def looked(*whatever):
    print("looked", flush=True)
    sys.exit(9)
glance.read = glance.moved = looked
from wavebuild.engine import watched
watched._PATIENCE = watched._PATIENCE_AT_MOST = 60.0
sys.argv = ["wavebuild", *sys.argv[1:]]
from wavebuild.ui.front import main
main()
"""
"""The command, which ends with 9 where it looks at files itself; and it is in no haste."""


@pytest.fixture
def large(site: Site) -> Iterator[Site]:
    """Built, and known to be fresh."""
    (site.root / "src").mkdir()
    for number in range(FILES):
        (site.root / f"src/{number:04}").write_text("")
    site.write("Wavefile", WAVEFILE)
    for _ in range(2):
        assert site.wavebuild().code == 0
    yield site
    site.wavebuild("watch", "--stop")


def asked(site: Site) -> subprocess.CompletedProcess[str]:
    """A build that does not look; 9: it would have."""
    program = [sys.executable, "-c", WITHOUT_A_LOOK]
    return subprocess.run(program, cwd=site.root, env=site.environ, capture_output=True, text=True, timeout=100)


def pid_of(site: Site) -> int:
    """Of the watcher, as `doctor` tells."""
    findings = json.loads(site.wavebuild("doctor", "--json").out)["findings"]
    told = next(finding["value"] for finding in findings if finding["name"] == "watcher")
    return int(told.removeprefix("pid ").partition(",")[0])


def ran(finished: Finished) -> set[str]:
    return {line.split()[1] for line in finished.err.splitlines() if line.startswith("  succeeded")}


def test_while_it_is_watched_a_build_looks_at_nothing(large: Site) -> None:
    """It says the same as one that looks, and what changes is built."""
    assert asked(large).returncode == 9

    begun = large.wavebuild("watch", "--daemon")

    assert (begun.code, begun.out) == (0, "")
    assert "answers builds" in begun.err
    told = asked(large)
    assert (told.returncode, told.stderr.split(",")[0]) == (0, "nothing to do (2 steps fresh"), told.stderr
    assert str(pid_of(large)) in begun.err
    large.write("src/0000", "changed")
    assert ran(large.wavebuild()) == {"all", "one"}
    assert eventually(lambda: large.wavebuild().code == 0 and asked(large).returncode == 0, 60)
    (large.root / "src/0001").unlink()
    assert ran(large.wavebuild()) == {"all"}

    again = large.wavebuild("watch", "--daemon")
    assert again.code == 3
    assert str(pid_of(large)) in again.err
    assert large.wavebuild("watch", "--stop").code == 0
    assert asked(large).returncode == 9
    assert large.wavebuild("watch", "--stop").code == 0

    # A watch that builds answers, too, for as long as it runs.
    with watching(large) as watch:
        watch.says("watching")
        assert eventually(lambda: asked(large).returncode == 0, 60)
        watch.end(signal.SIGINT)
    assert asked(large).returncode == 9


@pytest.mark.long
@pytest.mark.scenario(id="V10")
def test_whatever_befalls_the_watcher_nothing_is_missed(large: Site) -> None:
    """It is killed, or stopped so that it answers nobody, and begun again; each build does what it must."""
    random = Random(7)
    large.wavebuild("watch", "--daemon")
    watcher = pid_of(large)
    for number in range(5):
        deed = random.choice(["nothing", "stop", "kill"]) if number else "stop"
        if deed == "stop":
            os.kill(watcher, signal.SIGSTOP)
        large.write("src/0000", f"{number}")
        if deed == "kill":
            os.kill(watcher, signal.SIGKILL)

        built = large.wavebuild()

        assert ran(built) == {"all", "one"}, (number, deed, built.err)
        assert large.read("one") == f"{number}"
        if deed == "stop":
            os.kill(watcher, signal.SIGCONT)
        if deed == "kill":
            assert eventually(lambda: large.wavebuild("watch", "--daemon").code == 0, 60)
            watcher = pid_of(large)
        assert ran(large.wavebuild()) == set()


def test_what_a_watch_in_the_background_does_not_take(site: Site) -> None:
    """Targets are for builds; one thing at a time."""
    site.write("Wavefile", WAVEFILE)
    for arguments in (("--daemon", "one"), ("--stop", "one"), ("--daemon", "--stop"), ("--daemon", "--exec", "true")):
        refused = site.wavebuild("watch", *arguments)
        assert (refused.code, refused.out) == (2, "")
        assert "--daemon" in refused.err or "--stop" in refused.err
