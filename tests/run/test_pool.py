"""Worker processes: what they run ends as it should, leaves nothing behind, and any of them may die."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import spawn
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.crew import Crew
from tests.support.processes import alive, children, eventually
from wavebuild.run import grip, pool
from wavebuild.run.groups import standing
from wavebuild.run.job import NOT_BEGUN, Ended
from wavebuild.run.pool import guarded
from wavebuild.run.wire import Shelf


@pytest.fixture(params=[False, True], ids=["spawned", "forked"])
def crew(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Crew]:
    """A pool of two; after the test none of its processes may be alive."""
    place = Crew(tmp_path, alone=request.param)
    yield place
    place.pool.close()
    assert eventually(lambda: not alive(place.mark)), "a process outlived the pool"


def in_time(run: Callable[[float], Ended], has_come: Callable[[Ended], object]) -> Ended:
    """A run that its timeout ended when it had come far enough: on a busy machine it gets there with a longer one."""
    for seconds in (0.3, 2.0, 8.0):
        ended = run(seconds)
        if has_come(ended):
            break
    return ended


class Contended(Shelf):
    """A shelf of which the worker takes what comes next as soon as one was taken back."""

    def __init__(self, former: Shelf, let_the_worker_take: Callable[[], None]) -> None:
        self.theirs, self._ours = former.theirs, former._ours
        self._let = let_the_worker_take

    def take_back(self) -> int | None:
        found = super().take_back()
        self._let()
        return found


class TestCommands:
    def test_output_and_errors_go_to_the_log_in_the_order_they_were_written(self, crew: Crew):
        """One stream, as a person would have seen it."""
        ended = crew.run("echo one; echo two >&2; echo three", "echo four")

        assert ended.failure == ""
        assert crew.log == "one\ntwo\nthree\nfour\n"

    def test_standard_output_can_go_to_a_file_of_its_own(self, crew: Crew):
        """What a question prints is no part of the log; what stood in the file before is gone."""
        crew.write("answer", "what was said the last time")
        ended = crew.run(argv=("sh", "-c", "echo 12; echo trouble >&2"), stdout=str(crew.folder / "answer"))

        assert ended.failure == ""
        assert (crew.folder / "answer").read_text() == "12\n"
        assert crew.log == "trouble\n"

    def test_a_file_for_the_output_that_cannot_be_had_fails_the_job(self, crew: Crew):
        """As a command that cannot be started."""
        ended = crew.run(argv=("true",), stdout=str(crew.folder / "nowhere/answer"))

        assert ended.failure == "start"
        assert "nowhere" in ended.detail

    def test_the_second_command_does_not_run_after_a_failure(self, crew: Crew):
        """And the end says which it was, and its code."""
        ended = crew.run("echo one", "exit 7", "echo three")

        assert (ended.failure, ended.exit_code, ended.command) == ("exit", 7, 1)
        assert crew.log == "one\n"

    def test_a_death_by_signal_names_it(self, crew: Crew):
        """Not an exit code over 128."""
        ended = crew.run("kill -SEGV $$")

        assert (ended.failure, ended.signal, ended.exit_code) == ("signal", signal.SIGSEGV, None)

    def test_the_environment_is_the_callers_with_the_jobs_own_over_it(self, crew: Crew):
        """Both are there; the job's wins."""
        crew.run('echo "$MINE $SITE_MARK"', env={"MINE": "x  y"})
        assert crew.log == f"x  y {crew.mark}\n"

        crew.run('echo "$SITE_MARK" "${MINE-unset}"', env={"SITE_MARK": crew.mark + "2"})
        assert crew.log == f"{crew.mark}2 unset\n", "the next job knows nothing of it"

    def test_lists_are_files_that_the_environment_names(self, crew: Crew):
        """However long; each job has its own."""
        long = "".join(f"file {number}\n" for number in range(20_000)).encode()
        crew.run('wc -l < "$MANY"; wc -l < "$FEW"', lists={"MANY": long, "FEW": b"a\n"})
        assert crew.log.split() == ["20000", "1"]

        crew.run('cat "$FEW" "$MANY"', lists={"FEW": b"b\n", "MANY": b""})
        assert crew.log == "b\n"

    def test_waiting_ends_when_another_descriptor_has_something(self, crew: Crew):
        """Whoever waits for jobs may wait for a token of a make, too; it is left to them to read it."""
        read, write = os.pipe()
        crew.submit(1, "until test -e go; do sleep 0.02; done")
        os.write(write, b"+")
        assert crew.pool.wait(3600.0, read) == []
        crew.write("go", "")
        assert os.read(read, 9) == b"+"
        os.close(read)
        os.close(write)
        assert [ended.failure for ended in crew.ends(1)] == [""]

    @pytest.mark.scenario(id="P9")
    def test_standard_input_is_empty(self, crew: Crew):
        """A command that asks gets no answer and does not hang."""
        crew.run("wc -c; test -t 0 || echo no terminal")

        assert crew.log.split("\n")[:2] == ["0", "no terminal"]

    @pytest.mark.scenario(id="P11")
    def test_what_one_job_does_to_itself_does_not_reach_the_next(self, crew: Crew):
        """Folder, mask, limits, variables."""
        crew.run("umask 077; cd /; ulimit -n 20; export LEAK=1; touch $TMP_FILE", env={"TMP_FILE": f"{crew.folder}/a"})
        crew.run('touch b; pwd; ulimit -n; echo "${LEAK-none}"', cwd=str(crew.folder))

        assert (crew.folder / "a").stat().st_mode & 0o777 == 0o600
        assert (crew.folder / "b").stat().st_mode & 0o777 == 0o666 & ~crew.umask
        pwd, limit, leak = crew.log.split()
        assert (pwd, leak) == (str(crew.folder), "none")
        assert limit != "20"

    @pytest.mark.scenario(id="S5")
    def test_commands_inherit_no_descriptors(self, crew: Crew):
        """A pipe of ours that a command holds open would hide the death of a worker."""
        crew.run("ls /proc/self/fd | wc -l")

        assert int(crew.log) <= 4  # 0, 1, 2 and the listing itself

    def test_each_command_is_alone_in_its_session(self, crew: Crew):
        """A signal to its group reaches nobody else."""
        crew.run("ps -o sid= -p $$ | tr -d ' '; echo $$")
        session, pid = crew.log.split()

        assert session == pid

    def test_two_jobs_run_at_once(self, crew: Crew):
        """Each waits for what the other does."""
        crew.submit(1, "touch one; until [ -e two ]; do sleep 0.01; done")
        crew.submit(2, "touch two; until [ -e one ]; do sleep 0.01; done")

        assert {ended.failure for ended in crew.ends(2)} == {""}

    def test_a_workers_next_job_has_a_log_of_its_own(self, crew: Crew):
        """Silent ones have none at all."""
        crew.run("echo first", log="a.log")
        crew.run(":", log="b.log")
        crew.run("echo third", log="c.log")

        assert (crew.folder / "a.log").read_text() == "first\n"
        assert (crew.folder / "c.log").read_text() == "third\n"
        assert not (crew.folder / "b.log").exists()

    def test_a_step_that_removes_the_folder_of_logs_loses_its_own(self, crew: Crew):
        """The worker goes on, and the next job has a log again."""
        (crew.folder / "logs").mkdir()
        first = crew.run("rm -rf logs; echo lost", log="logs/a")
        second = crew.run("echo kept; rm -rf logs; sleep 0.4; echo lost", log="logs/b")
        third = crew.run("echo said", log="logs/c")

        assert [first.failure, second.failure, third.failure] == ["", "", ""]
        assert (crew.folder / "logs" / "c").read_text() == "said\n"
        assert len(crew.workers()) == 1

    def test_a_step_whose_log_cannot_be_written_runs_all_the_same(self, crew: Crew):
        """Its work counts, not its words."""
        (crew.folder / "logs").write_text("in the way")

        crew.submit(1, "echo unheard; touch done", log="logs/a")
        (ended,) = crew.ends(1)

        assert (ended.failure, (crew.folder / "done").exists()) == ("", True)

    def test_a_log_can_be_read_while_the_job_still_runs(self, crew: Crew):
        """After a moment at the latest."""
        crew.submit(1, "echo begun; until [ -e go ]; do sleep 0.02; done; echo done")
        shown = eventually(lambda: (crew.folder / "log").exists() and crew.log == "begun\n")
        (crew.folder / "go").touch()
        crew.ends(1)

        assert shown
        assert crew.log == "begun\ndone\n"

    @pytest.mark.scenario(id="P5")
    def test_a_crash_leaves_no_image_of_its_memory_unless_the_step_wants_one(self, crew: Crew):
        """The soft limit alone is 0 (P5)."""
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        try:
            crew.run("ulimit -S -c; ulimit -H -c")
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
        allowed = "unlimited" if hard == resource.RLIM_INFINITY else str(hard // 512)

        assert crew.log.split() == ["0", allowed]


class TestWhoLiesReady:
    """A job that lies ready with a worker begins when the one before it has ended well, and else comes back."""

    @pytest.fixture
    def crew(self, tmp_path: Path) -> Iterator[Crew]:
        """Its workers are copies of this process: others have no shelf."""
        place = Crew(tmp_path, alone=True)
        yield place
        place.pool.close()
        assert eventually(lambda: not alive(place.mark)), "a process outlived the pool"

    def test_it_begins_without_anybody_hearing_of_the_end_before_it(self, crew: Crew):
        """The end says so; one after another, in the order in which they were laid there."""
        crew.submit(1, "until test -e go; do sleep 0.01; done")
        laid = [crew.lay(number, f"echo {number} >> ran", behind=1) for number in (2, 3)]
        crew.write("go", "")
        assert eventually(lambda: (crew.folder / "ran").exists() and "3" in (crew.folder / "ran").read_text())

        ended = crew.ends(3)

        assert laid == [True, True]
        assert [(one.id, one.failure, one.then) for one in ended] == [(1, "", 2), (2, "", 3), (3, "", None)]
        assert (crew.folder / "ran").read_text() == "2\n3\n"

    def test_what_is_taken_back_never_begins(self, crew: Crew):
        """And the worker goes on with what it is given."""
        crew.submit(1, "until test -e go; do sleep 0.01; done")
        assert crew.lay(2, "touch ran", behind=1)
        assert crew.lay(3, "touch ran", behind=1)

        back = crew.pool.take_back()
        crew.write("go", "")

        assert back == [2, 3]
        assert [(one.id, one.then) for one in crew.ends(1)] == [(1, None)]
        assert crew.run("true").failure == ""
        assert not (crew.folder / "ran").exists()

    def test_a_worker_may_take_one_while_those_before_it_are_taken_back(self, crew: Crew):
        """What comes back is what was taken back, and not as many from the end."""
        crew.submit(1, "until test -e go; do sleep 0.01; done")
        assert crew.lay(2, "touch ran2", behind=1)
        assert crew.lay(3, "touch ran3", behind=1)
        (hired,) = (hired for hired in crew.pool._workers if hired.job is not None)
        assert hired.shelf is not None

        def let_the_worker_take() -> None:
            crew.write("go", "")
            assert eventually(lambda: (crew.folder / "ran3").exists())

        hired.shelf = Contended(hired.shelf, let_the_worker_take)

        assert crew.pool.take_back() == [2]
        ended = crew.ends(2)

        assert [(one.id, one.failure, one.then) for one in ended] == [(1, "", 3), (3, "", None)]
        assert not (crew.folder / "ran2").exists()
        assert (crew.folder / "ran3").exists()

    def test_after_a_failure_it_comes_back(self, crew: Crew):
        """Whoever is told of the failure says what becomes of it; the end of the other is told after."""
        crew.submit(1, "until test -e go; do sleep 0.01; done; exit 3")
        assert crew.lay(2, "touch ran", behind=1)
        crew.write("go", "")

        ended = crew.ends(2)

        assert [(one.id, one.failure) for one in ended] == [(2, NOT_BEGUN), (1, "exit")]
        assert not (crew.folder / "ran").exists()

    def test_it_does_not_begin_when_it_has_lain_too_long(self, crew: Crew):
        """What was judged of it may be true no more."""
        crew.submit(1, "until test -e go; do sleep 0.01; done")
        assert crew.lay(2, "touch ran", behind=1, seconds=0.0)
        crew.write("go", "")

        ended = crew.ends(2)

        assert [(one.id, one.failure, one.then) for one in ended] == [(2, NOT_BEGUN, None), (1, "", None)]
        assert not (crew.folder / "ran").exists()

    def test_it_comes_back_when_its_worker_dies(self, crew: Crew):
        """The job that the worker ran has failed by that, and no other."""
        crew.submit(1, "sleep 60")
        assert crew.lay(2, "touch ran", behind=1)
        assert eventually(lambda: any("sleep 60" in line for line in crew.command_lines()))
        os.kill(crew.worker_of("sleep 60"), signal.SIGKILL)

        ended = crew.ends(2)

        assert [(one.id, one.failure) for one in ended] == [(2, NOT_BEGUN), (1, "worker died")]

    def test_an_interrupt_ends_the_one_that_runs_alone(self, crew: Crew):
        """What was laid ready and not taken back comes back with it."""
        crew.submit(1, "sleep 60")
        assert crew.lay(2, "touch ran", behind=1)
        assert eventually(lambda: any("sleep 60" in line for line in crew.command_lines()))
        crew.pool.interrupt()

        ended = crew.ends(2)

        assert [(one.id, one.failure) for one in ended] == [(2, NOT_BEGUN), (1, "interrupted")]
        assert not (crew.folder / "ran").exists()

    def test_what_needs_more_than_a_worker_that_runs_commands_is_not_laid(self, crew: Crew):
        """Nor is anything behind a job that is over, or that nobody runs."""
        crew.submit(1, "until test -e go; do sleep 0.01; done")

        assert not crew.lay(2, "true", behind=1, console="/dev/tty")
        assert not crew.lay(2, "true", behind=7)
        assert not crew.lay(2, "x" * (1 << 20), behind=1)
        crew.write("go", "")
        assert [(one.id, one.then) for one in crew.ends(1)] == [(1, None)]
        assert not crew.lay(2, "true", behind=1)

    def test_a_folder_with_a_name_of_any_bytes_takes_the_other_way(self, crew: Crew):
        """What goes over the shelf is text."""
        crew.submit(1, "true")
        assert not crew.lay(2, os.fsdecode(b"echo \xff"), behind=1)
        assert len(crew.ends(1)) == 1


class TestWhatCannotStart:
    @pytest.mark.scenario(id="P6")
    def test_an_unknown_command_is_no_crash(self, crew: Crew):
        """As a shell says it: 127."""
        ended = crew.run(argv=("no-such-command-anywhere",))

        assert (ended.failure, ended.exit_code) == ("start", 127)
        assert "command not found" in ended.detail

    @pytest.mark.scenario(id="P6")
    def test_a_file_that_may_not_be_run(self, crew: Crew):
        """126."""
        (crew.folder / "plain").write_text("#!/bin/sh\n")

        ended = crew.run(argv=("./plain",))

        assert (ended.failure, ended.exit_code) == ("start", 126)

    def test_a_folder_that_is_not_there_is_named(self, crew: Crew):
        """The remedy is to make it."""
        ended = crew.run("true", cwd=f"{crew.folder}/gone")

        assert ended.failure == "start"
        assert f"{crew.folder}/gone does not exist" in ended.detail

    @pytest.mark.scenario(id="P6")
    def test_an_argument_list_that_is_too_long_is_told_so(self, crew: Crew):
        """With the way out."""
        ended = crew.run(argv=("/bin/echo", *["x" * 100_000] * 40))

        assert ended.failure == "start"
        assert "WAVEBUILD_INPUTS" in ended.detail

    def test_a_call_says_it_like_a_command(self, crew: Crew):
        """Whether the module is in memory already or not."""
        crew.write("one.py", "def f(): pass\n")
        (crew.folder / "sub").mkdir()
        crew.call("one:f", cwd=f"{crew.folder}/sub")
        (crew.folder / "sub").rmdir()

        for folder in ("sub", "gone"):
            ended = crew.call("one:f", cwd=f"{crew.folder}/{folder}")
            command = crew.run("true", cwd=f"{crew.folder}/{folder}")
            assert (ended.failure, ended.exit_code, ended.detail) == ("start", 127, command.detail)

    def test_what_cannot_be_noted_may_not_run(self, tmp_path: Path):
        """Nobody could end it after a kill; so it is ended before it is reported as failed."""
        full = Crew(tmp_path, groups="/dev/full")
        full.write("one.py", "import time\ndef f():\n    while True: time.sleep(0.02)\n")
        try:
            command, call = full.run("sleep 60"), full.call("one:f")
            left = [below for one in full.workers() for below in children(one)]
        finally:
            full.pool.close()

        assert (command.failure, call.failure, left) == ("start", "start", [])
        assert "No space left" in command.detail

    def test_the_pool_goes_on(self, crew: Crew):
        """After each of these."""
        crew.run(argv=("no-such-command-anywhere",))

        assert crew.run("echo on").failure == ""


class TestTimeouts:
    @pytest.mark.scenario(id="P3")
    def test_the_whole_group_ends(self, crew: Crew):
        """Children of the command too, in the background or not."""
        ended = crew.run("sleep 60 & sleep 60; echo never", timeout=0.2)

        assert ended.failure == "timeout"
        assert ended.seconds < 50
        assert "never" not in crew.log

    @pytest.mark.long
    def test_who_ignores_the_polite_signal_is_killed(self, crew: Crew):
        """After a time of grace."""
        ended = in_time(
            lambda seconds: crew.run("trap '' TERM; echo armed; while :; do sleep 0.1; done", timeout=seconds),
            lambda ended: "armed" in crew.log,
        )

        assert (ended.failure, ended.signal) == ("timeout", signal.SIGKILL)

    def test_the_time_is_for_all_commands_of_a_job(self, crew: Crew):
        """Not for each anew."""
        ended = in_time(
            lambda seconds: crew.run(f"sleep {seconds}", "sleep 60", timeout=2 * seconds), lambda ended: ended.command
        )

        assert (ended.failure, ended.command) == ("timeout", 1)
        assert ended.seconds < 50

    @pytest.mark.long
    def test_a_worker_that_cannot_hear_is_ended_with_its_job(self, crew: Crew):
        """A while after the time was up; what the job said is kept."""
        crew.submit(1, "echo said; kill -STOP $PPID; sleep 60", timeout=3.0)
        assert eventually(lambda: any("sleep 60" in line for line in crew.command_lines()))
        former, pool.OVERDUE = pool.OVERDUE, 0.3
        try:
            (ended,) = crew.ends(1)
        finally:
            pool.OVERDUE = former

        assert (ended.failure, crew.log) == ("timeout", "said\n")
        assert not any("sleep 60" in line for line in crew.command_lines())

    @pytest.mark.long
    @pytest.mark.scenario(id="K12")
    def test_time_in_which_the_worker_was_stopped_is_not_the_jobs(self, crew: Crew):
        """A paused container, Ctrl-Z: the command stood still as well, or could not be looked after."""
        crew.submit(1, "touch begun; sleep 2.5; touch done", timeout=6)
        assert eventually((crew.folder / "begun").exists)
        (worker,) = crew.workers()
        os.kill(worker, signal.SIGSTOP)
        stopped = [pid for pid in alive(crew.mark) if pid not in (worker, os.getpid())]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(6.5)
        for pid in (*stopped, worker):
            os.kill(pid, signal.SIGCONT)
        (ended,) = crew.ends(1)

        assert ended.failure == ""


class TestLeftovers:
    def test_what_a_command_leaves_running_is_ended_and_counted(self, crew: Crew):
        """Also in a session of its own."""
        ended = crew.run("sleep 60 & setsid sleep 60 & exit 0")

        assert (ended.failure, ended.leftovers >= 1) == ("", True)
        assert eventually(lambda: len(alive(crew.mark)) <= 1)  # the worker itself, which the mark also names

    def test_who_is_born_faster_than_ended_does_not_hold_up_the_worker(self, crew: Crew):
        """The step has ended; the rest is ended with the worker, or ends by itself."""
        crew.write(
            "hydra.py",
            "import os, signal, time\nend = time.time() + 100\nsignal.signal(15, signal.SIG_IGN)\n"
            "while time.time() < end and not os.path.exists('over'):\n"
            "    if os.fork(): os._exit(0)\n    os.setsid()\n    open('lives', 'a').close()\n",
        )
        try:
            ended = crew.run(f"{sys.executable} hydra.py & until test -e lives; do sleep 0.02; done; exit 0")

            assert ended.failure == ""
            assert ended.seconds < 50
            assert crew.run("echo on").failure == ""
        finally:
            crew.write("over", "")

    def test_nothing_left_counts_nothing(self, crew: Crew):
        """Children that ended are not leftovers."""
        assert crew.run("sleep 0.01 & wait").leftovers == 0


class TestDeathOfAWorker:
    @pytest.mark.scenario(id="P1")
    def test_its_job_fails_and_the_pool_goes_on(self, crew: Crew):
        """By any signal, in the middle of a job; what it ran ends too, and what it said is kept."""
        crew.submit(1, "echo begun; sleep 60")
        crew.submit(2, "until [ -e go ]; do sleep 0.02; done; echo fine", log="two.log")
        assert eventually(lambda: any("sleep 60" in line for line in crew.command_lines()))
        victim = crew.worker_of("sleep 60")

        os.kill(victim, signal.SIGKILL)
        (dead,) = crew.ends(1)
        (crew.folder / "go").touch()
        (fine,) = crew.ends(1)

        assert (dead.id, dead.failure, dead.signal) == (1, "worker died", signal.SIGKILL)
        assert fine.failure == ""
        assert not any("sleep 60" in line for line in crew.command_lines())
        assert crew.log == "begun\n"
        assert crew.run("echo again").failure == ""

    def test_the_time_that_its_job_took_is_told(self, crew: Crew):
        """Also if nothing at all happened for long before: nobody stood still, we only waited."""
        former, pool.LOOK = pool.LOOK, 0.1
        try:
            crew.submit(1, "sleep 0.7; kill -KILL $PPID; sleep 60")
            ended: list[Ended] = []
            while not ended:
                ended = crew.pool.wait(None)
        finally:
            pool.LOOK = former
        (dead,) = ended

        assert dead.failure == "worker died"
        assert dead.seconds > 0.6

    def test_a_step_that_ends_its_worker_has_failed(self, crew: Crew):
        """Nobody interrupted it."""
        ended = crew.run("kill $PPID; sleep 60")

        assert (ended.failure, ended.signal) == ("worker died", signal.SIGTERM)
        assert "SIGTERM" in ended.detail

    def test_one_that_dies_during_a_call_is_noticed_at_once(self, crew: Crew):
        """The call keeps nothing open that would hide it; it ends too."""
        crew.write("one.py", "import os, time\ndef f():\n    os.kill(os.getppid(), 9)\n    time.sleep(60)\n")
        ended = crew.call("one:f")

        assert (ended.failure, ended.signal) == ("worker died", signal.SIGKILL)
        assert ended.seconds < 50
        assert alive(crew.mark) == []

    def test_an_idle_worker_that_died_is_replaced(self, crew: Crew):
        """The next job is none the wiser."""
        crew.run("true")
        (worker,) = crew.workers()

        os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: (now := standing(worker)) is None or now.state == "Z")

        assert crew.run("echo on", id=2).failure == ""

    def test_closing_ends_what_still_runs(self, crew: Crew):
        """At once, without waiting for it."""
        crew.submit(1, "trap '' INT TERM; sleep 60")
        assert eventually(lambda: any("sleep 60" in line for line in crew.command_lines()))
        began = time.monotonic()

        crew.pool.close()

        assert time.monotonic() - began < 50
        assert not any("sleep 60" in line for line in crew.command_lines())


class TestInterrupts:
    def test_politely_first(self, crew: Crew):
        """The command may clear up behind itself."""
        crew.submit(1, "trap 'echo clean; exit 3' INT; echo armed; while :; do sleep 0.02; done")
        assert eventually(lambda: crew.log == "armed\n")

        crew.pool.interrupt()
        (ended,) = crew.ends(1)

        assert ended.failure == "interrupted"
        assert crew.log == "armed\nclean\n"

    def test_then_at_once(self, crew: Crew, monkeypatch: pytest.MonkeyPatch):
        """Whoever ignores the first does not survive the second, however long the grace time is."""
        monkeypatch.setattr(grip, "GRACE", 1000.0)  # for a worker that is a copy of this process
        crew.submit(1, "trap '' INT TERM; echo armed; while :; do sleep 0.02; done")
        assert eventually(lambda: crew.log == "armed\n")

        crew.pool.interrupt()
        crew.pool.interrupt(at_once=True)
        (ended,) = crew.ends(1)

        assert (ended.failure, ended.signal) == ("interrupted", signal.SIGKILL)

    @pytest.mark.long
    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_worker_that_cannot_hear_is_killed(self, crew: Crew, at_once: bool):
        """At once, or after a longer time of grace; so is what it ran."""
        crew.submit(1, "kill -STOP $PPID; sleep 60")
        assert eventually(lambda: any("sleep 60" in line for line in crew.command_lines()))

        crew.pool.interrupt(at_once)
        (ended,) = crew.ends(1)

        assert ended.failure == "interrupted"
        assert ended.seconds < 50
        assert alive(crew.mark) == []

    def test_an_import_that_hangs_is_ended(self, crew: Crew):
        """The worker itself imports, and hears nothing meanwhile."""
        crew.write("one.py", "import time\nprint('begun', flush=True)\ntime.sleep(60)\ndef f(): pass\n")
        crew.submit(1, call=crew.called("one:f"))
        assert eventually(lambda: any(path.read_text() for path in crew.folder.glob(".worker-*")))
        crew.pool.interrupt(at_once=True)
        (ended,) = crew.ends(1)

        assert ended.failure == "interrupted"
        assert alive(crew.mark) == []

    def test_the_next_command_of_the_job_does_not_start(self, crew: Crew):
        """Even if the first takes the signal for a good end."""
        crew.submit(1, "trap 'exit 0' INT; echo armed; while :; do sleep 0.02; done", "echo second")
        assert eventually(lambda: crew.log == "armed\n")

        crew.pool.interrupt()
        (ended,) = crew.ends(1)

        assert ended.failure == "interrupted"
        assert crew.log == "armed\n"


class TestCalls:
    def test_a_call_gets_its_arguments_and_its_output_is_logged(self, crew: Crew):
        """`inputs` and `outputs` only where the signature has them."""
        crew.write("one.py", "def f(word, inputs):\n    print(word, inputs)\ndef g(word): print(word)\n")
        assert crew.call("one:f", word="hello").failure == ""
        assert crew.log == "hello ['a', 'b']\n"
        assert crew.call("one:g", word="hello").failure == ""
        assert crew.log.endswith("hello\n")

    @pytest.mark.parametrize(
        "text",
        [
            "def f(*, word, outputs, inputs=()): print(word, inputs, outputs)\n",
            "import functools\ndef g(word, inputs, outputs): print(word, inputs, outputs)\n"
            "@functools.wraps(g)\ndef f(*a, **k): g(*a, **k)\n",
            "import functools\ndef g(a, word, inputs, outputs): print(word, inputs, outputs)\n"
            "f = functools.partial(g, 0)\n",
            "class G:\n    def __call__(self, word, inputs, outputs): print(word, inputs, outputs)\nf = G()\n",
            "class G:\n    def h(self, word, inputs, outputs): print(word, inputs, outputs)\nf = G().h\n",
        ],
    )
    def test_the_signature_is_that_which_python_tells(self, crew: Crew, text: str):
        """Of decorated functions, of methods, of whatever can be called."""
        crew.write("one.py", text)

        assert crew.call("one:f", word="hello").failure == ""
        assert crew.log == "hello ['a', 'b'] ['c']\n"

    def test_a_name_inside_the_function_is_no_argument_of_it(self, crew: Crew):
        """It gets what it takes alone."""
        crew.write("one.py", "def f(word):\n    outputs = inputs = 1\n    print(word, inputs, outputs)\n")

        assert crew.call("one:f", word="hello").failure == ""
        assert crew.log == "hello 1 1\n"

    def test_a_module_of_the_project_that_a_call_loads_late_is_let_go_like_the_others(self, crew: Crew):
        """What it holds open is written."""
        crew.write("late.py", "import io\nfile = open('kept', 'w')\nfile.write('all of it')\n")
        crew.write("one.py", "def f():\n    import late\n    late.again = late\n")

        assert [crew.call("one:f").failure for _ in range(2)] == ["", ""]
        assert (crew.folder / "kept").read_text() == "all of it"

    def test_a_failing_call_shows_the_authors_traceback(self, crew: Crew):
        """Not ours."""
        crew.write("one.py", "def f():\n    raise ValueError('too few')\n")
        ended = crew.call("one:f")

        assert (ended.failure, ended.exit_code) == ("exit", 1)
        assert "ValueError: too few" in crew.log
        assert "one.py" in crew.log
        assert "wavebuild" not in crew.log

    @pytest.mark.parametrize(
        ("text", "said"),
        [("import no_such_module_here\n", "no_such_module_here"), ("def f(:\n", "SyntaxError"), ("g = 1\n", "'f'")],
    )
    def test_a_failing_import_shows_its_traceback_in_the_log(self, crew: Crew, text: str, said: str):
        """The job fails, not the worker."""
        crew.write("one.py", text)
        ended = crew.call("one:f")

        assert (ended.failure, ended.exit_code) == ("exit", 1)
        assert said in crew.log

    @pytest.mark.parametrize(("leave", "code"), [("0", 0), ("", 0), ("5", 5), ("'sorry'", 1)])
    def test_leaving_is_as_for_a_program(self, crew: Crew, leave: str, code: int):
        """sys.exit means what it means anywhere."""
        crew.write("one.py", f"import sys\ndef f():\n    sys.exit({leave})\n")
        ended = crew.call("one:f")

        assert (ended.exit_code, bool(ended.failure)) == (code, code != 0)

    def test_a_changed_module_is_imported_anew(self, crew: Crew):
        """Also one that is imported by the one that is called, and one that another hides now."""
        crew.write("one.py", "import two\ndef f(): print(two.word)\n")
        crew.write("two.py", "word = 'first'\n")
        crew.call("one:f")
        crew.write("two.py", "word = 'second!'\n")
        crew.call("one:f")

        assert crew.log == "first\nsecond!\n"

    def test_a_job_for_which_no_new_worker_can_be_had_is_told(self, crew: Crew):
        """The module has changed, and the system gives no further process: a failure, not a wait for ever."""
        crew.write("one.py", "def f(): pass\n")
        crew.call("one:f")
        crew.write("one.py", "def f(): print('changed')\n")
        crew.submit(1, call=crew.called("one:f"))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # nothing more can be opened
        try:
            (ended,) = crew.ends(1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

        assert (ended.failure, "Too many open files" in ended.detail) == ("no process", True)
        assert crew.call("one:f").failure == ""

    def test_a_call_shows_the_root_to_whoever_looks_for_it(self, crew: Crew):
        """It is a fork: the system shows the environment with which its worker was started."""
        crew.write("one.py", "def f(): print(open('/proc/self/environ').read())\n")
        crew.call("one:f")

        assert f"WAVEBUILD_ROOT={crew.mark}" in crew.log

    def test_a_module_is_imported_once_and_each_call_is_a_fresh_child(self, crew: Crew):
        """What one call does to the module the next does not see."""
        crew.write(
            "one.py",
            "import os\nprint('import', os.getpid())\nseen = []\n"
            "def f():\n    seen.append(1); print('call', len(seen))\n",
        )
        for _ in range(3):
            crew.call("one:f")
        lines = [line.split()[0:2] for line in crew.log.splitlines()]

        assert [line[0] for line in lines] == ["import", "call", "call", "call"]
        assert [line[1] for line in lines[1:]] == ["1", "1", "1"]

    def test_the_death_of_a_call_is_its_own(self, crew: Crew):
        """Also by os._exit, a signal, or a closed standard output."""
        crew.write("one.py", "import os, signal\ndef f(): os.kill(os.getpid(), signal.SIGSEGV)\ndef g(): os._exit(4)\n")

        assert crew.call("one:f").signal == signal.SIGSEGV
        assert crew.call("one:g").exit_code == 4
        assert len(crew.workers()) == 1

    def test_a_call_runs_in_its_folder_with_its_environment(self, crew: Crew):
        """As a command would."""
        (crew.folder / "sub").mkdir()
        crew.write("one.py", "import os, sys\ndef f(): print(os.getcwd(), os.environ['X'], repr(sys.stdin.read()))\n")
        crew.call("one:f", cwd=str(crew.folder / "sub"), env={"X": "1"})

        assert crew.log == f"{crew.folder}/sub 1 ''\n"

    def test_a_call_that_hangs_is_ended_by_its_timeout(self, crew: Crew):
        """With what it started."""
        crew.write("one.py", "import subprocess\ndef f(): subprocess.run(['sleep', '60'])\n")
        ended = crew.call("one:f", timeout=0.5)

        assert ended.failure == "timeout"
        assert not any("sleep 60" in line for line in crew.command_lines())

    def test_an_interrupted_call_may_clear_up(self, crew: Crew):
        """As a program: a KeyboardInterrupt, not sudden death."""
        crew.write(
            "one.py",
            "import time\ndef f():\n    try:\n        print('begun', flush=True); time.sleep(60)\n"
            "    finally: print('clean')\n",
        )
        crew.submit(1, call=crew.called("one:f"))
        assert eventually(lambda: "begun" in crew.log)
        crew.pool.interrupt()
        (ended,) = crew.ends(1)

        assert ended.failure == "interrupted"
        assert "clean" in crew.log

    def test_a_command_that_does_not_listen_does_not_kill_the_call(self, crew: Crew):
        """A closed pipe is an error to be handled, as in any Python program."""
        crew.write("one.py", "import subprocess\ndef f(): subprocess.run(['true'], input=b'x' * 1_000_000)\n")

        assert crew.call("one:f").failure == ""

    @pytest.mark.parametrize(
        "text",
        [
            "from concurrent.futures import ProcessPoolExecutor as P\n"
            "def f():\n    with P(2) as pool: print(list(pool.map(abs, [-1, 2])))\n",
            "import multiprocessing as m\ndef f():\n    with m.Pool(2) as pool: print(pool.map(abs, [-1, 2]))\n",
            "import multiprocessing as m\n"
            "def f():\n    with m.get_context('spawn').Pool(1) as pool: print(pool.map(abs, [-1, 2]))\n",
        ],
        ids=["executor", "fork", "spawn"],
    )
    def test_a_call_may_start_processes_of_its_own(self, crew: Crew, text: str):
        """Pools of them among others."""
        crew.write("one.py", text)

        assert crew.call("one:f").failure == ""
        assert crew.log == "[1, 2]\n"


class TestWhatImportingDoes:
    """Code at the top of a module is the step's own: it sees what the step sees, and nobody else sees what it does."""

    def test_it_sees_the_environment_and_the_folder_of_its_step(self, crew: Crew):
        """Each step its own, be the worker the same or another."""
        crew.write("one.py", "import os\nseen = os.environ.get('MODE'), os.getcwd()\ndef f(): print(*seen)\n")
        (crew.folder / "sub").mkdir()
        for mode, folder in (("dev", ""), ("prod", ""), ("dev", "/sub")):
            crew.call("one:f", env={"MODE": mode}, cwd=f"{crew.folder}{folder}")

        assert crew.log == f"dev {crew.folder}\nprod {crew.folder}\ndev {crew.folder}/sub\n"

    def test_it_sees_the_variables_of_the_attempt_if_it_asks_for_them(self, crew: Crew):
        """Such a module is imported by each call for itself."""
        crew.write("one.py", "import os\nattempt = os.environ.get('WAVEBUILD_ATTEMPT')\ndef f(): print(attempt)\n")
        for attempt in "12":
            crew.call("one:f", env={"WAVEBUILD_ATTEMPT": attempt})

        assert crew.log == "1\n2\n"

    def test_attempts_share_one_import(self, crew: Crew):
        """What tells of the attempt is there when the call is made."""
        crew.write("two.py", "import os\nprefix = 'WAVEBUILD'\n")
        crew.write(
            "one.py",
            "import os, two\nprint('import')\ndef f(): print(os.environ[two.prefix + '_ATTEMPT'])\n",
        )
        for attempt in "12":
            crew.call("one:f", env={"WAVEBUILD_ATTEMPT": attempt})

        assert crew.log == "import\n1\n2\n"

    @pytest.mark.parametrize(
        ("more", "seen", "imports"),
        [
            ("", "False False None", 1),
            ("os.chdir('/')\n", "True False None", 2),
            ("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n", "False True None", 2),
            ("here = open(__file__)\n", "False False True", 2),
        ],
        ids=["variables and mask", "folder", "handlers", "open file"],
    )
    def test_what_it_changes_lasts_for_its_calls(self, crew: Crew, more: str, seen: str, imports: int):
        """Variables, mask, limits, handlers of signals, folder: as in a program."""
        crew.write(
            "one.py",
            "import os, signal\nos.environ['X'] = 'module'; os.umask(0o77)\n" + more + "print('import')\n"
            "def f():\n    mask = os.umask(0)\n"
            "    print(os.environ['X'], oct(mask), os.getcwd() == '/', signal.getsignal(15) is signal.SIG_IGN,"
            " len(here.read()) > 0 if 'here' in globals() else None)\n",
        )
        for _ in range(2):
            crew.call("one:f", env={"X": "step"})

        assert crew.log.replace("import\n", "") == f"module 0o77 {seen}\n" * 2
        assert crew.log.count("import") == imports

    def test_what_it_changes_reaches_no_other_step(self, crew: Crew):
        """A pool of one: neither a command nor another call runs in a worker that has imported something."""
        crew.pool.size = 1
        crew.write(
            "bad.py",
            "import os, resource\nos.environ['LEAK'] = 'yes'; os.umask(0o77); os.chdir('/')\n"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\ndef f(): pass\n",
        )
        crew.write(
            "good.py",
            "import os, resource, sys\ndef f():\n    mask = os.umask(0)\n    print('LEAK' in os.environ, mask == 0o77,"
            " resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 64, 'bad' in sys.modules)\n",
        )
        crew.call("bad:f")
        crew.call("good:f")
        assert crew.log == "False False False False\n"

        crew.call("bad:f")
        crew.run('echo "${LEAK-none}"; umask; ulimit -n')
        leak, mask, limit = crew.log.split()
        assert (leak, mask == "0077", limit == "64") == ("none", False, False)
        assert len(crew.workers()) == 1

    @pytest.mark.scenario(id="P2")
    def test_it_may_leave_threads(self, crew: Crew):
        """Each call then imports for itself: a fork would have a lock that no thread ever gives back."""
        crew.write(
            "one.py",
            "import threading, time\nlock = threading.Lock()\nprint('import')\ndef hold():\n    while True:\n"
            "        with lock: time.sleep(0.05)\n        time.sleep(0.001)\n"
            "threading.Thread(target=hold, daemon=True).start()\n"
            "def f():\n    with lock: print(threading.active_count())\n",
        )
        for _ in range(2):
            assert crew.call("one:f", timeout=50).failure == ""

        assert crew.log == "import\n2\n" * 2

    def test_what_it_says_is_said_once_if_it_fails(self, crew: Crew):
        """However often it was tried."""
        crew.write("one.py", "print('loading', flush=True)\nraise ValueError('no')\n")
        crew.call("one:f")

        assert crew.log.count("loading\n") == 1
        assert "importlib" not in crew.log
        assert crew.log.count("ValueError: no") == 1


class TestHowACallEnds:
    """As a Python program ends."""

    @pytest.mark.parametrize(
        "text",
        [
            "def f():\n    global out\n    out = open('made', 'w'); out.write('done')\n",
            "import gzip, io\nkept = []\ndef f():\n    kept.append(open('made', 'w')); kept[0].write('done')\n",
            "import sys\ndef f():\n    sys.held = open('made', 'w'); sys.held.write('done')\n",
            "import atexit\ndef f(): atexit.register(lambda: open('made', 'w').write('done'))\n",
            "import atexit\natexit.register(lambda: open('made', 'a').write('done'))\ndef f(): pass\n",
            "import threading, time\ndef f():\n"
            "    threading.Thread(target=lambda: (time.sleep(0.2), open('made', 'w').write('done'))).start()\n",
            "import sys\ndef f():\n    global out\n    out = open('made', 'w'); out.write('done'); sys.exit()\n",
        ],
        ids=["global file", "file in a list", "file elsewhere", "atexit", "atexit at import", "thread", "sys.exit"],
    )
    def test_nothing_is_cut_off(self, crew: Crew, text: str):
        """Files left open, threads not waited for, what is registered for the end; once, and not by the worker."""
        crew.write("one.py", text)
        ended = crew.call("one:f")
        crew.pool.close()

        assert ended.failure == ""
        assert (crew.folder / "made").read_text() == "done"

    def test_a_compressed_file_left_open_is_whole(self, crew: Crew):
        """It is closed, not only written."""
        crew.write(
            "one.py", "import gzip\ndef f():\n    global out\n    out = gzip.open('made', 'wt'); out.write('x')\n"
        )
        crew.call("one:f")

        assert gzip.decompress((crew.folder / "made").read_bytes()) == b"x"

    def test_threads_that_nobody_waits_for_do_not_hold_it_up(self, crew: Crew):
        """Nor do they cut off what the module holds open."""
        crew.write(
            "one.py",
            "import threading, time\ndef f():\n    global out\n    out = open('made', 'w'); out.write('done')\n"
            "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
        )
        ended = crew.call("one:f")

        assert (ended.failure, ended.seconds < 50) == ("", True)
        assert (crew.folder / "made").read_text() == "done"

    def test_last_words_that_cannot_be_written_are_a_failure(self, crew: Crew):
        """A full disk must not pass for success."""
        crew.write("one.py", "def f():\n    global out\n    out = open('/dev/full', 'w'); out.write('lost')\n")

        assert crew.call("one:f").failure == "exit"


def test_a_pool_that_shrinks_lets_idle_workers_go(crew: Crew):
    """Who works goes on."""
    for number in range(2):
        crew.submit(number, "sleep 0.3", log=f"log{number}")
    crew.ends(2)
    assert len(crew.workers()) == 2
    crew.pool.shrink(1)

    assert len(crew.workers()) == 1
    assert crew.run("echo still here").failure == ""


def test_a_child_of_the_caller_is_left_alone(crew: Crew):
    """The pool ends what its own jobs left, not what the program around it runs."""
    with subprocess.Popen(["sleep", "60"]) as mine:
        try:
            crew.run("sleep 60 & exit 0")
            crew.pool.close()
            survived = mine.poll() is None
        finally:
            mine.kill()

    assert survived


@pytest.mark.scenario(id="P14")
@pytest.mark.parametrize("parent_lives", [True, False])
def test_a_worker_whose_parent_dies_while_it_starts_says_nothing(parent_lives: bool):
    """What it is sent breaks off: a traceback would be noise. While the parent lives, it is worth one."""
    hear, tell = os.pipe()
    start = guarded(spawn.get_command_line(tracker_fd=hear, pipe_handle=hear), os.getpid())
    shell = [] if parent_lives else ["sh", "-c", '"$@" &', "sh"]
    with subprocess.Popen([*shell, *start], pass_fds=(hear,), stderr=subprocess.PIPE, text=True) as process:
        if not parent_lives:
            process.wait()
        os.write(tell, b"torn")
        os.close(tell)
        _, said = process.communicate(timeout=60)
    os.close(hear)

    assert ("Traceback" in said) == parent_lives


def test_the_callers_main_module_is_not_loaded_again(crew: Crew):
    """Workers are spawned small: whatever started us need not be safe to import."""
    before = dict(vars(sys.modules["__main__"]))
    crew.run("true")
    (worker,) = crew.workers()

    assert vars(sys.modules["__main__"]).keys() == before.keys()
    assert children(worker) == []


@pytest.mark.parametrize("name", ["signal", "selectors", "collections"])
def test_modules_beside_the_wavefile_are_not_taken_for_those_of_python(
    crew: Crew, name: str, monkeypatch: pytest.MonkeyPatch
):
    """A project may have a ``signal.py``: neither a worker that begins anew nor what serves its calls imports it."""
    crew.write(f"{name}.py", "raise SystemExit('of the project')\n")
    (crew.folder / "own").mkdir()
    crew.write("own/mine.py", "def f(): print('called')\n")
    monkeypatch.chdir(crew.folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    call = replace(crew.called("mine:f"), folders=(str(crew.folder / "own"),))

    assert crew.run("echo x").failure == ""
    assert crew.run(call=call, log="called").failure == ""
    assert (crew.folder / "called").read_text() == "called\n"
