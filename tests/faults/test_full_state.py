"""A full disk, a lock of another program, a missing right: no damage. The build stops, says why, nothing is lost."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.processes import namespace
from tests.support.workshop import Built, Workshop
from wavebuild.errors import WavebuildError
from wavebuild.run.events import Event, StepSettled, StepStarted
from wavebuild.store import database, opening
from wavebuild.store.database import Database

pytestmark = pytest.mark.long

STEPS = """\
steps:
  a: {inputs: s, outputs: one, run: 'note a; cat s > one'}
  b: {inputs: one, outputs: d/, run: 'note b; cp one d/x'}
"""


@pytest.fixture
def built(shop: Workshop) -> Workshop:
    shop.put("s", "1")
    shop.wavefile(STEPS)
    shop.settle()
    return shop


def state_of(shop: Workshop) -> Path:
    return shop.root / ".wavebuild/state/Wavefile.db"


def stopped(shop: Workshop, *words: str) -> None:
    """A build that the state stops, at once or at a step: exit 1, the reason, the state kept."""
    try:
        found = shop.build()
        code, said = found.code, "\n".join(step.detail for step in found.steps.values())
    except WavebuildError as error:
        code, said = error.exit_code, str(error)
    assert code == 1
    for word in words:
        assert word in said, said
    assert not list(state_of(shop).parent.glob("*.bad-*"))


def is_well(shop: Workshop, first: Built, text: str) -> None:
    assert (first.code, shop.read("one"), shop.read("d/x")) == (0, text, text), first.steps
    again = shop.build()
    assert (again.code, again.ran) == (0, [])
    assert not (shop.root / ".wavebuild/displaced").exists()


def opens_with(monkeypatch: pytest.MonkeyPatch, pragma: str) -> None:
    """From now on every state is opened so."""
    opened = database.opened

    def odd(path: str) -> Database:
        found = opened(path)
        found.ask(f"pragma {pragma}")
        return found

    monkeypatch.setattr(opening, "opened", odd)


@pytest.mark.scenario(id="S3")
@pytest.mark.parametrize(
    ("pragma", "said"), [("max_page_count=1", "full"), ("query_only=on", "attempt to write a readonly database")]
)
def test_a_state_that_cannot_be_written_stops_the_build(
    built: Workshop, monkeypatch: pytest.MonkeyPatch, pragma: str, said: str
):
    """S3: SQLite's own full disk, and a file that may not be written; afterwards all is as if nothing had been."""
    more = "".join(f"  {'x' * 90}{n}: {{outputs: {'y' * 90}{n}, run: ':> {'y' * 90}{n}'}}\n" for n in range(40))
    built.wavefile(STEPS + more)
    with monkeypatch.context() as patched:
        opens_with(patched, pragma)
        stopped(built, "the state cannot be written", said)
    built.wavefile(STEPS)
    assert built.plan() == {"a": "FRESH", "b": "FRESH"}

    is_well(built, built.build(), "1")


def test_another_program_that_writes_to_the_state_is_waited_for_then_named(
    built: Workshop, monkeypatch: pytest.MonkeyPatch
):
    """S3: busy is not damage; when it has ended, all is well."""
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    built.put("s", "2")
    with closing(sqlite3.connect(state_of(built), isolation_level=None)) as other, other:
        other.execute("begin immediate")
        stopped(built, "locked", "another program has the state open")
        other.execute("rollback")
    other.close()

    is_well(built, built.build(), "2")


@pytest.mark.scenario(id="S3")
@pytest.mark.parametrize("when", [StepStarted, StepSettled])
def test_another_program_locks_the_state_in_the_middle_of_a_build(
    built: Workshop, monkeypatch: pytest.MonkeyPatch, when: type
):
    """What was told as done stays done; what runs is put back by the next build."""
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    built.put("s", "2")
    locks: list[sqlite3.Connection] = []

    def lock(event: Event) -> None:
        if isinstance(event, when) and not locks:
            locks.append(sqlite3.connect(state_of(built), isolation_level=None))
            locks[0].execute("begin immediate")

    with pytest.raises(WavebuildError, match="locked"):
        built.build(meanwhile=lock)
    for each in locks:
        each.close()

    is_well(built, built.build(), "2")


def test_a_folder_in_the_place_of_the_state_is_named(built: Workshop):
    """SQLITE_CANTOPEN: nothing of it is moved away."""
    state_of(built).unlink()
    state_of(built).mkdir()
    built.put("s", "2")

    stopped(built, str(state_of(built)))
    state_of(built).rmdir()

    is_well(built, built.build(), "2")


@pytest.mark.scenario(id="D1")
@pytest.mark.parametrize("kilobytes", [24, 130])
def test_on_a_disk_that_is_too_small_every_build_says_so_and_none_lies(kilobytes: int, tmp_path: Path) -> None:
    """D1, S3: wherever the room ends (the folder, the state, an output, a log), exit 1 and a reason. With room again
    the next build is right, and the one after it has nothing to do.

    Where nothing may be mounted, a limit on the size of files stands for the full disk.
    """
    site = Site(tmp_path)
    big = "head -c 30000 /dev/zero"
    site.write("s", "1")
    site.write(
        "Wavefile",
        f"steps:\n  a: {{inputs: s, outputs: one, run: 'echo a >> $JOURNAL; {big} > one; echo out'}}\n"
        f"  b: {{inputs: one, outputs: d/, run: 'echo b >> $JOURNAL; {big} > d/x; cat s >> d/x'}}\n",
    )
    (tmp_path / "kept").mkdir()
    words = namespace()
    build = shlex.join(site.argv("-j1"))
    full = f"{build} 2> ../first; echo $? > ../code"
    if words is None:
        script = f"cp Wavefile s ../kept; cd ../kept; (trap '' XFSZ; ulimit -f {kilobytes // 4}; {full})"
        words = []
    else:
        script = (
            f"mount -t tmpfs -o size={kilobytes}k none ../kept; cp Wavefile s ../kept; cd ../kept; {full};"
            " mount -o remount,size=50m ../kept"
        )
    script += f"; {build} 2> ../second; {build} 2> ../third; cat one d/x | wc -c > ../size; du -a .wavebuild > ../files"

    done = subprocess.run(
        [*words, "sh", "-c", script], cwd=site.root, env=site.environ, capture_output=True, text=True, timeout=100
    )

    said = {name: (tmp_path / name).read_text() for name in ("first", "second", "third", "code", "size")}
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in said["first"] + said["second"], said
    if said["code"].strip() == "0":
        assert kilobytes == 130
    else:
        assert said["code"].strip() == "1", said
        assert any(word in said["first"] for word in ("No space left", "make room", "cannot be written")), said
    assert said["size"].split() == ["60001"], said
    assert "nothing to do" in said["third"], said
    assert ".bad-" not in (tmp_path / "files").read_text()
