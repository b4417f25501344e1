"""A watcher is asked what has moved: it says the same as a look at every file, or that it is not sure."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.support.command import REPOSITORY
from tests.support.processes import namespace
from tests.support.watching import QUESTION, Contest, Site
from wavebuild import __version__
from wavebuild.engine import watched
from wavebuild.engine.glance import SOCKET, looked
from wavebuild.engine.watched import KNOWN, MOST, answered, told
from wavebuild.watch import answers
from wavebuild.watch.answers import UNSURE
from wavebuild.watch.ground import MOST_UNTOLD

PATIENCE = 60.0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < until
        time.sleep(0.002)


@pytest.mark.scenario(id="V10")
@pytest.mark.parametrize("seed", range(3))
def test_whatever_changes_before_and_while_it_answers_it_says_what_a_look_at_everything_says(
    site: Site, seed: int
) -> None:
    """Edits of all kinds, at every point of an answer, and new evidence now and then."""
    contest = Contest(site, Random(seed))

    contest.run(100)

    assert contest.counted["moved"] > 50
    assert sum(count for what, count in contest.counted.items() if what.startswith("edited at")) > 10


@pytest.mark.scenario(id="V6")
def test_what_was_folders_for_a_moment_leaves_nothing_unwatched(site: Site) -> None:
    """A folder made, filled, moved to its place, and the next of its name made at once: each is watched at its end."""
    site.rest()
    assert site.asked() == set()
    for target in ("out", "src/deep/er", "tree/x"):
        new = site.root / "tmp.dir"
        new.mkdir()
        (new / "a").write_text("new")
        for each in (site.root / target).iterdir():
            if each.is_file():
                each.unlink()
        for each in sorted((site.root / target).rglob("*"), reverse=True):
            each.unlink() if each.is_file() else each.rmdir()
        os.rename(new, site.root / target)
    site.settle()
    site.rest()
    assert site.asked() == set()

    (site.root / "tree/x/a").write_text("later")

    assert site.asked() == {"tree/x/a"}
    blind = {site.answers.ground.evidence.names[row] for row in site.answers.ground.journal.blind}  # type: ignore[union-attr]
    assert blind == {os.fsencode(site.outside / "shared")}


@pytest.mark.scenario(id="V1")
def test_events_that_were_lost_are_made_good_by_a_look_at_everything(site: Site) -> None:
    """The queue of the system is full while nobody reads it: what was changed last is not in it."""
    site.rest()
    assert site.asked() == set()
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        room = int(file.read())
    if room > 1 << 16:
        pytest.skip("the system's queue is too long to be filled in a test")
    one, other = site.root / "src/a", site.root / "src/b"
    for _ in range(room // 2 + 2):
        os.utime(one, ns=(1, 1))
        os.utime(other, ns=(1, 1))
    (site.root / "out/a").write_text("lost")

    assert site.asked() is None
    assert site.asked() == site.truth() == {"src/a", "src/b", "out/a"}


def test_evidence_that_it_has_not_read_is_not_answered_for(site: Site) -> None:
    """It may be of another build, which looked at other things."""
    site.rest()
    former = site.question()
    site.settle()
    assert site.answers.answer(site.question()) == UNSURE

    site.rest()
    assert site.answers.answer(former) == UNSURE
    assert site.asked() == set()


def test_an_edit_between_the_look_of_a_build_and_its_evidence_is_seen(site: Site) -> None:
    """The evidence says what the build saw; the file is other by then, and no event comes after the evidence."""
    site.rest()
    before = site.evidence()
    (site.root / "src/a").write_text("after the look")
    site.answers.ground.hear()
    with open(site.layout.settled, "wb") as file:
        file.write(before.data)  # evidence anew, with the same stamps
    site.rest()

    assert site.asked() == {"src/a"}


@pytest.mark.parametrize("part", range(4), ids=["version", "evidence", "place", "question"])
def test_a_question_about_something_else_is_not_answered(site: Site, part: int) -> None:
    """Another version, other evidence, another root or other mounts, other targets."""
    site.rest()
    assert site.answers.answer(site.question()).startswith(KNOWN)
    parts = site.question().split(b"\0")
    parts[part] += b"1"

    assert site.answers.answer(b"\0".join(parts)) == UNSURE
    assert site.answers.answer(b"") == UNSURE
    assert site.answers.answer(b"\0" * 9) == UNSURE


def unheard(site: Site, names: Iterable[str]) -> None:
    """They change, and the watcher is deaf to that; then it looks at everything, as it does now and then."""
    for name in names:
        (site.root / name).write_text("unheard of")
    site.answers.ground._folders.changes()
    while not site.answers.ground.check():
        pass


def test_that_builds_of_another_version_are_not_answered_is_said(site: Site) -> None:
    """After an upgrade, say: whoever asks `doctor` learns why no build is answered."""
    site.rest()
    site.answers.answer(site.question())
    site.answers._go_on(time.monotonic())
    assert "version" not in site.said[-1]

    site.answers.answer(b"9." + site.question())

    site.answers._go_on(time.monotonic())
    assert f"only those of version {__version__}" in site.said[-1]


def test_what_changes_though_nobody_tells_of_it_is_looked_at_each_time_from_then_on(site: Site) -> None:
    """A look at everything, now and then, finds it. Nothing is said before all else was looked at, too."""
    site.rest()
    assert site.asked() == set()

    unheard(site, ["src/a"])

    assert site.answers.ground.doubts
    assert site.answers.answer(site.question()) == UNSURE
    site.rest()
    assert site.asked() == {"src/a"}
    site.settle()
    site.rest()
    assert site.asked() == set()
    (site.root / "src/a").write_text("once more")
    site.answers.ground._folders.changes()
    assert site.asked() == {"src/a"}


def test_while_one_change_is_untold_of_all_others_are_looked_for(site: Site) -> None:
    """The second one comes where the round was already."""
    site.rest()
    assert site.asked() == set()
    unheard(site, ["src/b"])
    (site.root / "src/a").write_text("unheard of")
    site.answers.ground._folders.changes()

    site.rest()

    assert site.answers.ground.untold == {b"src/a", b"src/b"}
    assert site.asked() == {"src/a", "src/b"}


def test_where_much_changes_though_nobody_tells_of_it_nobody_is_answered(site: Site) -> None:
    """The file system does not tell, whatever it says to be."""
    for number in range(MOST_UNTOLD + 1):
        (site.root / f"src/{number}").write_text("as it was")
    names = [f"src/{number}" for number in range(MOST_UNTOLD + 1)]
    site.settle(["src", *names])
    site.rest()
    assert site.asked() == set()

    unheard(site, names)

    assert "have changed" in site.answers.ground.distrusted
    site.rest()
    assert site.answers.answer(site.question()) == UNSURE


def test_what_was_told_of_in_time_is_no_reason_for_distrust(site: Site) -> None:
    """The look may come before the event is read."""
    site.rest()
    assert site.asked() == set()
    (site.root / "src/a").write_text("heard")

    while not site.answers.ground.check():
        pass

    assert site.answers.ground.distrusted == ""
    assert site.asked() == {"src/a"}


def test_a_file_that_had_another_name_is_looked_at_though_that_is_gone(site: Site) -> None:
    """Whoever has opened it by the other name writes on, and nobody tells of it."""
    os.link(site.root / "src/a", site.outside / "other")
    site.settle()
    site.rest()
    assert site.asked() == set()
    with open(site.outside / "other", "r+") as file:
        os.unlink(site.outside / "other")
        site.settle()
        site.rest()
        assert site.asked() == set()
        file.write("by a name that is gone")
        file.flush()

        assert site.asked() == site.truth() == {"src/a"}


MOUNTED_FILE = """
import subprocess, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.support.command import REPOSITORY
from tests.support.processes import namespace
from tests.support.watching import Site
with tempfile.TemporaryDirectory() as folder:
    site = Site(Path(folder))
    file = site.root / "src/a"
    if subprocess.run(["mount", "--bind", site.outside / "shared", file]).returncode:
        sys.exit(77)
    try:
        site.settle(["src", "src/a", "src/b"])
        site.rest()
        print(site.asked())
        (site.outside / "shared").write_text("written to where it comes from")
        print(site.asked())
        site.close()
    finally:
        subprocess.run(["umount", file])
"""


def test_a_file_that_is_mounted_over_another_is_always_looked_at() -> None:
    """What happens to it is told in the folder that it comes from."""
    own = namespace()
    if own is None:
        pytest.skip("nothing can be mounted here")
    program = [sys.executable, "-c", MOUNTED_FILE, str(REPOSITORY)]

    done = subprocess.run([*own, *program], capture_output=True, text=True, timeout=PATIENCE)

    if done.returncode == 77:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert done.stdout.splitlines() == ["set()", "{'src/a'}"], done.stderr


CHANGED_TOP = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from wavebuild.engine.watched import whereabouts
here = os.getcwd()
before = whereabouts(here)
print(before == whereabouts(here))
if subprocess.run(["mount", "--rbind", "/", sys.argv[2]]).returncode:
    sys.exit(77)
os.chroot(sys.argv[2])
print(before == whereabouts(here))
"""


def test_a_build_with_another_top_folder_is_not_answered(tmp_path: Path) -> None:
    """The same files at the same paths; but other things may be mounted over them."""
    own = namespace()
    if own is None:
        pytest.skip("nothing can be mounted here")
    (tmp_path / "top").mkdir()
    program = [sys.executable, "-c", CHANGED_TOP, str(REPOSITORY), str(tmp_path / "top")]

    done = subprocess.run([*own, *program], capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path)

    if done.returncode == 77:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_where_too_much_must_be_looked_at_each_time_nobody_is_kept_waiting(site: Site) -> None:
    """It would be late with every answer. Where it is less, it answers again."""
    place = site.layout.settled.removesuffix(".settled") + SOCKET
    several, names = site.outside / "several", [f"src/{number}" for number in range(700)]
    several.mkdir()
    for name in names:
        (site.root / name).write_text("")
        os.link(site.root / name, several / name.rpartition("/")[2])
    for some in (names, names[:100]):
        site.settle(["src", *some])
        site.rest()
        assert site.asked() == set()
        site.answers._go_on(time.monotonic())

        assert site.said[-1].startswith("answers nobody: 700 paths") == (some is names)
        assert os.path.exists(place) == (some is not names)
        site.answers.ground._folders.short = True
        site.answers._go_on(time.monotonic())
        assert "fs.inotify.max_user_watches" in site.said[-1]


# By the socket


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The watcher in a thread; the place of its socket without the end of its name."""
    ours, its = os.pipe()
    thread = threading.Thread(target=site.answers.serve, args=(ours,))
    thread.start()
    stem = site.layout.settled.removesuffix(".settled")
    try:
        wait_for(lambda: os.path.exists(stem + SOCKET))
        yield stem
    finally:
        os.write(its, b".")
        thread.join()
        os.close(ours)
        os.close(its)


@pytest.fixture
def asks_of_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a few files, and without haste."""
    monkeypatch.setattr(watched, "LEAST", 0)
    monkeypatch.setattr(watched, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(watched, "_PATIENCE_AT_MOST", PATIENCE)


@pytest.mark.usefixtures("asks_of_little")
def test_a_build_is_told_by_the_socket(site: Site) -> None:
    """Nothing has moved, then one file; and the evidence is read only when somebody wants it."""
    with served(site) as stem:
        look = looked(f"{stem}.settled", QUESTION, {}, str(site.root), True)
        assert look is not None
        assert look.is_idle
        assert look.fresh == site.number

        (site.root / "src/a").write_text("changed")
        look = looked(f"{stem}.settled", QUESTION, {}, str(site.root), True)
        assert look is not None
        assert not look.is_idle
        assert [look.evidence.names[row] for row in look.moved] == [b"src/a"]
        assert os.stat(stem + SOCKET).st_mode & 0o777 == 0o600
    assert not os.path.exists(stem + SOCKET)
    assert told(stem, QUESTION, {}, str(site.root)) is None


@pytest.mark.usefixtures("asks_of_little")
def test_while_it_knows_nothing_there_is_nobody_to_ask(site: Site) -> None:
    """A build takes the evidence away when a step begins: nobody waits for an answer until there is new one."""
    with served(site) as stem:
        os.unlink(site.layout.settled)
        wait_for(lambda: not os.path.exists(stem + SOCKET))
        (site.root / "src/a").write_text("made")
        site.settle()
        wait_for(lambda: os.path.exists(stem + SOCKET))

        said = told(stem, QUESTION, {}, str(site.root))

        assert said is not None
        assert said.moved == []


@pytest.mark.usefixtures("asks_of_little")
def test_a_path_that_is_too_long_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    """The system takes 108 bytes."""
    folder = tmp_path / ("f" * 100) / ("g" * 100)
    folder.mkdir(parents=True)
    site = Site(folder)
    with served(site) as stem:
        assert told(stem, QUESTION, {}, str(site.root)) is not None
    os.close(site._stop)
    os.close(site._stopper)


def bind(listener: socket.socket, path: str) -> None:
    """The whole path may be too long for a socket."""
    folder = os.open(os.path.dirname(path), os.O_PATH)
    listener.bind(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    os.close(folder)


@contextmanager
def strange(stem: str, answer: bytes | None) -> Iterator[None]:
    """Somebody else at the place of the watcher, with one answer to everybody; None: none at all."""
    ours, its = os.pipe()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bind(listener, stem + SOCKET)
    listener.listen()

    def serve() -> None:
        line, _ = listener.accept()
        with line:
            if answer is None:
                os.read(ours, 1)
            else:
                line.recv(1 << 16)
                line.send(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        os.write(its, b".")
        thread.join()
        listener.close()
        os.close(ours)
        os.close(its)


@pytest.mark.usefixtures("asks_of_little")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        UNSURE,
        KNOWN,
        KNOWN + b"\0",
        b"\0".join((KNOWN, b"1", b"0", b"")) + b"\0odd",
        b"\0".join((KNOWN, b"one", b"0", b"")),
        b"\0".join((KNOWN, b"1", b"-1", b"")),
        b"\0".join((KNOWN, b"1", b"0", b"-5")),
        b"\0".join((KNOWN, b"9" * 6000, b"0", b"")),
        b"\0".join((KNOWN, b"1", b"0", b"1 2 x")),
        b"\0".join((KNOWN, b"1", b"0", b"", b"HOME", b"another")),
        b"\xff" * 500,
        b"x" * (MOST + 1),
    ],
)
def test_what_makes_no_sense_is_no_answer(site: Site, answer: bytes) -> None:
    """A broken watcher, or one that means ill, harms nobody: the build looks for itself."""
    stem = site.layout.settled.removesuffix(".settled")
    (site.root / "src/a").write_text("changed")
    with strange(stem, answer):
        look = looked(f"{stem}.settled", QUESTION, {}, str(site.root), True)

    assert look is not None
    assert [look.evidence.names[row] for row in look.moved] == [b"src/a"]


@pytest.mark.usefixtures("asks_of_little")
def test_rows_that_the_evidence_does_not_have_vouch_for_nothing(site: Site) -> None:
    """What is said of row 5,000 of a few dozen is nonsense: the evidence is not used, so every step is looked at."""
    stem = site.layout.settled.removesuffix(".settled")
    with strange(stem, answered(1, 0, [5000], [])):
        look = looked(f"{stem}.settled", QUESTION, {}, str(site.root), True)

    assert look is not None
    assert not look.is_idle
    assert look.evidence.names == []


def test_who_does_not_answer_in_time_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that hangs costs a moment, and the build looks for itself."""
    monkeypatch.setattr(watched, "LEAST", 0)
    stem = site.layout.settled.removesuffix(".settled")
    with strange(stem, None):
        assert told(stem, QUESTION, {}, str(site.root)) is None


@pytest.mark.usefixtures("asks_of_little")
def test_a_socket_that_nobody_listens_at_is_passed_by(site: Site) -> None:
    """A watcher that was killed leaves one."""
    stem = site.layout.settled.removesuffix(".settled")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bind(listener, stem + SOCKET)
    listener.close()

    assert told(stem, QUESTION, {}, str(site.root)) is None
    with served(site):
        wait_for(lambda: told(stem, QUESTION, {}, str(site.root)) is not None)


def test_out_of_handles_it_lets_go_of_who_waits_and_rests(site: Site) -> None:
    """Whoever it cannot take would be at the door for ever; when there are handles again, it answers again."""
    place = site.layout.settled.removesuffix(".settled") + SOCKET
    until = time.monotonic() + PATIENCE

    def opened() -> None:
        while not os.path.exists(place):
            assert time.monotonic() < until
            site.answers.turn(site._stop)

    opened()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asks:
        watched._connect(asks, place)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(asks.fileno())
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            site.answers.turn(site._stop)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        assert not os.path.exists(place)
        assert site.answers._patience(time.monotonic()) > 0
        with pytest.raises(ConnectionResetError):
            asks.recv(1)
    opened()


def test_where_no_socket_can_be_made_that_is_said_and_tried_again(site: Site) -> None:
    """As where the state lies on a disk that knows none; it is tried less and less often."""
    place = site.layout.settled.removesuffix(".settled") + SOCKET
    os.mkdir(f"{place}.new")
    site.rest()
    now = time.monotonic()
    site.answers._go_on(now)

    assert site.said[-1].startswith("answers nobody: its socket cannot be used: ")
    os.rmdir(f"{place}.new")
    site.answers._go_on(now)
    assert not os.path.exists(place)
    site.answers._go_on(now + 2 * answers.CHECK_EVERY)
    assert os.path.exists(place)
    assert site.said[-1].startswith("answers builds")


def test_evidence_that_cannot_be_read_for_want_of_handles_is_read_later(site: Site) -> None:
    """No build may come for a long time to say that there is some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    now = time.monotonic()
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        site.answers._go_on(now)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not site.answers.ground.identity

    site.answers._go_on(now + 2)

    assert site.answers.ground.identity
    assert site.asked() == set()


def test_a_name_that_came_and_went_is_remembered(site: Site) -> None:
    """It is gone when somebody looks; whoever has opened it writes on."""
    site.rest()
    assert site.asked() == set()
    os.link(site.root / "src/a", site.root / "src/new")
    site.answers.ground.hear()
    with open(site.root / "src/new", "r+") as file:
        os.unlink(site.root / "src/new")
        site.settle()
        site.rest()
        assert site.asked() == set()
        os.rename(site.root / "src/b", site.root / "src/c")
        assert site.asked() == {"src", "src/b", "src/c"}
        file.write("by a name that is gone")
        file.flush()

        assert site.asked() == site.truth() == {"src", "src/a", "src/b", "src/c"}


def test_who_may_look_into_a_folder_counts_for_all_that_is_in_it(site: Site) -> None:
    """Where a folder is closed, what is in it is not as it was: nobody can tell."""
    site.rest()
    assert site.asked() == set()
    os.chmod(site.root / "src", 0o700)
    site.answers.ground.hear()

    unsure = {site.evidence().names[row] for row in site.answers.ground.journal.unsure}

    assert {b"src", b"src/a", b"src/deep/er/b"} <= unsure
    assert site.asked() == site.truth() == {"src"}
