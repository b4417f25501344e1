"""What the world may refuse: rights, room on the disk, files of the wrong kind. One clear message each, no traceback.

It does not know how the state is laid out, beyond the names of its files.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import Finished, Site, snapshot
from tests.support.processes import eventually, kill_marked

pytestmark = pytest.mark.long

COPY = "steps: {copy: {inputs: in, outputs: out.txt, run: 'echo copy >> $JOURNAL; cat in > out.txt'}}\n"
SLOW = (
    "steps:\n"
    "  slow:\n"
    "    inputs: in\n"
    "    outputs: [out.txt, out/]\n"
    "    run: |\n"
    "      echo half > out.txt; echo half > out/new\n"
    '      echo slow >> "$JOURNAL"\n'
    "      [ $(cat in) = one ] || sleep 60\n"
    "      cat in > out.txt; mv out/new out/old\n"
)

QUESTIONS = (["plan"], ["status"], ["explain", "copy"], ["-n"], ["-q"])


class Unprivileged(Site):
    """The command as somebody for whom the rights of files count, whoever runs the tests."""

    def argv(self, *arguments: str) -> list[str]:
        powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []
        return [*powerless, *super().argv(*arguments)]


@pytest.fixture
def powerless(tmp_path: Path) -> Iterator[Unprivileged]:
    place = Unprivileged(tmp_path)
    place.write("in", "one\n")
    place.write("Wavefile", COPY)
    yield place
    kill_marked(place.mark)


@contextmanager
def without_rights(path: Path) -> Iterator[None]:
    """Nobody may read or write it meanwhile."""
    rights = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(rights)


def refused(finished: Finished, code: int) -> str:
    assert finished.code == code, (finished.code, finished.out, finished.err)
    assert "Traceback" not in finished.err
    return finished.err


def half_done(site: Site, *arguments: str) -> None:
    """A build of the second content, killed when its step has made half of its outputs."""
    with site.start(*arguments) as process:
        assert eventually(lambda: site.journal.read_text().split() == ["slow", "slow"])
        kill_marked(site.mark)
        process.communicate()
    site.ran()


def built_then_stale(site: Site, *arguments: str) -> None:
    site.write("in", "one\n")
    site.build(*arguments)
    site.write("in", "two\n")


@pytest.mark.scenario(id="D9")
def test_a_lock_of_somebody_else_is_named_with_its_owner_and_the_way_out(powerless: Unprivileged) -> None:
    """Exit 1: the file, whose it is, and what to do."""
    powerless.build()
    powerless.write("in", "two\n")
    with without_rights(powerless.root / ".wavebuild/lock"):
        said = refused(powerless.wavebuild(), 1)

    assert ".wavebuild/lock" in said
    assert f"belongs to {getpass.getuser()}" in said
    assert "chown" in said
    powerless.build()


@pytest.mark.scenario(id="S9")
def test_a_state_folder_of_somebody_else_is_named_with_its_owner(powerless: Unprivileged) -> None:
    """Also where not even the lock can be made."""
    folder = powerless.root / ".wavebuild"
    folder.mkdir()
    with without_rights(folder):
        said = refused(powerless.wavebuild(), 1)

    assert ".wavebuild" in said
    assert f"belongs to {getpass.getuser()}" in said


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_a_question_says_that_the_state_cannot_be_read(question: list[str], powerless: Unprivileged) -> None:
    """Taken for no state at all, everything would seem to be stale."""
    powerless.build()
    powerless.write("in", "two\n")
    with without_rights(powerless.root / ".wavebuild/state/Wavefile.db"):
        said = refused(powerless.wavebuild(*question), 1)

    assert "the state cannot be read: Permission denied" in said


def test_a_state_folder_that_cannot_be_entered_is_no_missing_state(powerless: Unprivileged) -> None:
    """Nor is it a bug of ours."""
    powerless.build()
    powerless.write("in", "two\n")
    with without_rights(powerless.root / ".wavebuild/state"):
        said = refused(powerless.wavebuild("plan"), 1)

    assert "the state cannot be read: Permission denied" in said


@pytest.mark.scenario(id="D9")
@pytest.mark.parametrize(("name", "rights"), [("state", 0), ("state", 0o555), ("state/Wavefile.db", 0)])
def test_a_build_that_may_not_use_the_state_says_whose_it_is(name: str, rights: int, powerless: Unprivileged) -> None:
    """Exit 1, and nothing runs."""
    powerless.build()
    powerless.write("in", "two\n")
    powerless.ran()
    place = powerless.root / ".wavebuild" / name
    with without_rights(place):
        place.chmod(rights)
        said = refused(powerless.wavebuild(), 1)

    assert "the state cannot be used" in said
    assert f"belongs to {getpass.getuser()}" in said
    assert powerless.ran() == []


def test_former_outputs_that_cannot_be_put_back_are_kept_for_later(powerless: Unprivileged) -> None:
    """The step and the place are named, and the next build that may does it."""
    powerless.write("Wavefile", SLOW.replace("out.txt", "deep/out.txt"))
    built_then_stale(powerless)
    half_done(powerless)
    with without_rights(powerless.root / "deep"):
        said = refused(powerless.wavebuild(), 1)

    powerless.write("in", "one\n")
    powerless.build()

    assert "step slow was cut off" in said
    assert "deep" in said
    assert powerless.ran() == []
    assert powerless.read("deep/out.txt") == "one\n"


def test_a_target_of_any_bytes_is_refused_as_unknown(site: Site) -> None:
    """What a shell can type, the lock and the record of the run can hold."""
    site.write("in", "one\n")
    site.write("Wavefile", COPY)

    unknown = site.wavebuild(os.fsdecode(b"m/\xff"))
    known = site.wavebuild("--events", os.fsdecode(str(site.home).encode() + b"/\xff"))

    assert "m/" in refused(unknown, 2)
    assert known.code == 0, known.err


def test_what_a_killed_build_set_aside_survives_a_build_of_another_wavefile(site: Site) -> None:
    """One lock covers the root: the other Wavefile's build puts the former outputs back."""
    site.write("Wavefile", SLOW)
    site.write("Wavefile.b", "steps: {b: {outputs: b.txt, run: 'echo b >> $JOURNAL; echo > b.txt'}}\n")
    built_then_stale(site)
    former = snapshot(site.root / "out")
    half_done(site)

    site.build("-f", "Wavefile.b")

    assert site.read("out.txt") == "one\n"
    assert snapshot(site.root / "out") == former
    site.write("in", "one\n")
    site.ran()
    site.build()
    assert site.ran() == []


def test_what_a_killed_build_set_aside_survives_a_new_name_of_the_wavefile(site: Site) -> None:
    """The state goes by the name, the former outputs do not."""
    site.write("Wavefile", SLOW)
    built_then_stale(site)
    former = snapshot(site.root / "out")
    half_done(site)
    (site.root / "Wavefile").rename(site.root / "Wavefile.yaml")

    site.wavebuild("accept", "slow")

    assert site.read("out.txt") == "one\n"
    assert snapshot(site.root / "out") == former


def test_what_a_wavefile_with_an_unreadable_state_set_aside_is_left_alone(site: Site) -> None:
    """Nobody can say whose it is: it stays, and that is said."""
    site.write("Wavefile", SLOW)
    site.write("Wavefile.b", "steps: {b: {outputs: b.txt, run: 'echo b >> $JOURNAL; echo > b.txt'}}\n")
    built_then_stale(site)
    half_done(site)
    for found in (site.root / ".wavebuild/state").glob("Wavefile.db*"):
        found.write_bytes(b"rubbish" * 1000)

    other = site.build("-f", "Wavefile.b")

    kept = [path.read_text() for path in (site.root / ".wavebuild/aside").rglob("*") if path.is_file()]
    assert sorted(kept) == ["half\n", "one\n"]
    assert ".wavebuild/aside" in other.err


def test_questions_after_a_kill_see_what_the_next_build_will(site: Site) -> None:
    """Half made outputs count as not there, those set aside as standing; nothing is written."""
    site.write("Wavefile", SLOW)
    built_then_stale(site)
    half_done(site)
    stale = site.wavebuild("plan", "--json").out
    site.write("in", "one\n")
    before = snapshot(site.root, folder_times=True)

    fresh = site.wavebuild("-q")
    status = site.wavebuild("status")

    assert '"run"' in stale
    assert "out.txt" not in stale
    assert fresh.code == 0, status.out
    assert snapshot(site.root, folder_times=True) == before
    site.build()
    assert site.ran() == []


def test_questions_during_a_build_show_a_running_step_as_running(site: Site) -> None:
    """Its half made outputs are no stranger's files, and what it set aside is not missing."""
    site.write("in", "one\n")
    site.write("Wavefile", SLOW + "  reader: {inputs: out.txt, outputs: r.txt, run: 'cat out.txt > r.txt'}\n")
    site.build()
    site.write("in", "two\n")
    with site.start() as process:
        assert eventually(lambda: site.journal.read_text().split() == ["slow", "slow"])
        answers = [site.wavebuild(*question) for question in (["plan"], ["status"], ["explain", "reader"])]
        stale = site.wavebuild("-q")
        kill_marked(site.mark)
        process.communicate()

    for answer in answers:
        assert answer.code == 0, answer.err
        assert "no step made it" not in answer.out
        assert "missing" not in answer.out
    assert stale.code == 1


def test_a_missing_source_is_told_by_questions_as_by_a_build(site: Site) -> None:
    """All of them at once, exit 2."""
    site.write(
        "Wavefile",
        "steps:\n"
        "  copy: {inputs: in, outputs: out.txt, run: 'cat in > out.txt'}\n"
        "  other: {inputs: [one, two], outputs: o.txt, run: 'cat one two > o.txt'}\n",
    )
    built = refused(site.wavebuild(), 2)

    for question in (["plan"], ["status"], ["-n"], ["-q"]):
        assert refused(site.wavebuild(*question), 2) == built
    assert "reads in," in refused(site.wavebuild("explain", "copy"), 2)
    assert all(f"reads {name}," in built for name in ("in", "one", "two"))


@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_an_input_that_cannot_be_read_blocks_its_readers_alone(kind: str, site: Site) -> None:
    """In the plan as in the build."""
    site.write("good", "x\n")
    site.write(
        "Wavefile",
        "settings: {keep_going: true}\n"
        "steps:\n"
        "  bad: {inputs: odd, outputs: bad.txt, run: 'cat odd > bad.txt'}\n"
        "  reader: {inputs: bad.txt, outputs: r.txt, run: 'cat bad.txt > r.txt'}\n"
        "  good: {inputs: good, outputs: good.txt, run: 'cat good > good.txt'}\n",
    )
    if kind == "folder":
        (site.root / "odd").mkdir()
    else:
        os.mkfifo(site.root / "odd")

    plan = site.wavebuild("status", "--json")
    stale = site.wavebuild("-q")
    build = site.wavebuild("--json")

    words = {step["name"]: step["plan"] for step in plan.json["steps"]}
    assert words == {"bad": "blocked", "reader": "blocked", "good": "run"}
    assert stale.code == 1
    assert build.code == 1
    assert {name: step["outcome"] for name, step in build.steps.items()} == {
        "bad": "failed",
        "reader": "blocked",
        "good": "succeeded",
    }


def test_without_its_state_nothing_is_taken_as_fresh(site: Site) -> None:
    """The evidence that all was fresh stems from the state and goes with it."""
    site.write("in", "one\n")
    site.write("Wavefile", COPY)
    site.build()
    assert "nothing to do" in site.build().err
    for path in (site.root / ".wavebuild/state").glob("*.db*"):
        path.unlink()

    assert site.wavebuild("-q").code == 1
    assert "nothing to do" not in site.wavebuild().err


@pytest.mark.scenario(id="D1")
@pytest.mark.scenario(id="S3")
def test_a_full_disk_is_told_with_the_step_and_with_what_may_go(site: Site) -> None:
    """A limit on the size of files stands for the full disk: the state cannot grow beyond it."""
    site.write("in", "one\n")
    long = "x" * 200
    steps = "".join(f"  s{n}: {{inputs: in, outputs: o/{long}{n}, run: 'cat in > o/{long}{n}'}}\n" for n in range(60))
    site.write("Wavefile", f"steps:\n{steps}")
    limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 100; exec "$@"', "bash", *site.argv("-j1")]

    done = subprocess.run(limited, cwd=site.root, env=site.environ, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "the state cannot be written, as step s" in done.stderr
    assert ".wavebuild/failed" in done.stderr
    site.build()


def test_folders_that_a_sandboxed_step_has_closed_are_opened_again(powerless: Unprivileged):
    """What is in them comes back, or goes; and the next run replaces it."""
    powerless.write(
        "Wavefile",
        """
steps:
  s:
    inputs: in
    outputs: out/
    sandbox: true
    run: |
      mkdir -p junk/x out/sub; touch junk/x/y; cat in > out/sub/o
      chmod 500 out/sub junk/x; chmod 000 junk
""",
    )
    first = powerless.build().err
    powerless.write("in", "two\n")
    powerless.build()

    assert "an undeclared file, gone with its sandbox: junk/x/y" in first
    assert (powerless.read("out/sub/o"), (powerless.root / ".wavebuild/sandbox").exists()) == ("two\n", False)
