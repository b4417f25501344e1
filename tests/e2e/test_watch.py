"""``wavebuild watch`` with real files, real processes and a real terminal."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.processes import children, command_line, eventually
from tests.support.terminal import terminal
from tests.support.watches import watching

EDITS = int(os.environ.get("EDITS", "300"))  # how often a file is saved while what a watch holds is measured: over 50

GLOB = 'steps: {all: {inputs: "src/**/*.txt", outputs: all, run: "cat $(find src -name \'*.txt\' | sort) > all"}}\n'
SLOW = 'steps: {slow: {inputs: in, outputs: out, run: "cat in > out; touch ../begun; sleep 60"}}\n'


def put(site: Site, path: str, text: str) -> None:
    """All of it at once: a busy machine may pause between a truncation and a write, which are two changes."""
    new = site.home / "new"
    new.write_text(text)
    new.rename(site.root / path)


def is_made(site: Site, path: str, text: str) -> bool:
    """While a step runs its former output is not there."""
    with contextlib.suppress(FileNotFoundError):
        return site.read(path) == text
    return False


def lines(*numbers: object) -> str:
    return "".join(f"{number}\n" for number in numbers)


@pytest.mark.scenario(id="V5")
def test_every_way_in_which_files_change_is_built_once(site: Site) -> None:
    """As editors save, as folders come and go, as a checkout writes; and what is no change is not built."""
    site.write("Wavefile", GLOB)
    a = site.write("src/a.txt", "1\n")
    with watching(site) as watch:
        watch.makes("all", lines(1))
        watch.says("watching")
        a.write_text("2\n")  # truncated and written
        watch.makes("all", lines(2))
        site.write("src/.a.swp", "3\n").rename(a)  # written beside it and renamed over it
        watch.makes("all", lines(3))
        a.rename(site.root / "a~")  # the former kept aside, a new one written
        a.write_text("4\n")
        watch.makes("all", lines(4))
        site.write("src/deep/er/b.txt", "b\n")  # folders that come with what is in them
        watch.makes("all", lines(4, "b"))
        (site.root / "src" / "deep" / "er").rename(site.root / "src" / "er")
        watch.makes("all", lines(4, "b"))
        (site.root / "src").rename(site.root / "gone")  # all at once, with no event of any file
        watch.says("nothing could be built: waiting for a change")
        (site.root / "gone").rename(site.root / "src")
        watch.until(lambda: site.wavebuild("-q").code == 0)
        shutil.rmtree(site.root / "src" / "er")
        watch.makes("all", lines(4))
        shutil.copytree(site.root / "src", site.root / "other")
        shutil.rmtree(site.root / "src")  # as a checkout of another branch
        (site.root / "other" / "c.txt").write_text("c\n")
        (site.root / "other").rename(site.root / "src")
        watch.makes("all", lines(4, "c"))
        watch.until(lambda: len(watch.events("build_started")) == len(watch.events("build_settled")))

        before = watch.builds
        os.utime(a)  # the same bytes
        site.write("noise.log", "nobody reads this\n")
        site.write("src/deep/notes.md", "nor this\n")
        for number in range(300):
            site.write(f"src/many/{number:03}.txt", f"{number}\n")
        watch.makes("all", lines(4, "c", *range(300)))
        watch.until(lambda: site.wavebuild("-q").code == 0)
        watch.until(lambda: len(watch.events("build_started")) == len(watch.events("build_settled")))
        assert before < watch.builds < before + 30  # a busy machine may pause while it writes them
        assert watch.end() == 128 + signal.SIGTERM


@pytest.mark.scenario(id="V4")
def test_an_edit_while_it_builds_is_built_just_once_after_it(site: Site) -> None:
    """What comes during a build is not lost, and not built twice."""
    site.write(
        "Wavefile",
        'steps: {copy: {inputs: in, outputs: out, run: "cat in > out; touch ../begun; while [ ! -e ../go ]; do '
        'sleep 0.01; done; rm ../go"}}\n',
    )
    source = site.write("in", "1\n")
    begun, go = site.home / "begun", site.home / "go"
    with watching(site) as watch:
        watch.until(begun.exists)
        for number in (2, 3, 4):
            source.write_text(f"{number}\n")
        begun.unlink()
        go.touch()
        watch.until(begun.exists)  # the one more
        go.touch()
        watch.makes("out", lines(4))
        watch.until(lambda: watch.builds == 2)
        begun.unlink()
        put(site, "in", "5\n")
        watch.until(begun.exists)
        go.touch()
        watch.makes("out", lines(5))
        watch.until(lambda: watch.builds == 3)
        assert watch.ran() == ["copy"] * 3


@pytest.mark.scenario(id="V7")
def test_a_broken_wavefile_is_told_and_what_was_good_is_watched_on(site: Site) -> None:
    """Until it is mended; an include that is broken is as much of it."""
    site.write("Wavefile", "include: [more.yaml]\n" + GLOB)
    more = site.write("more.yaml", "steps: {one: {inputs: x, outputs: y, run: cp x y}}\n")
    site.write("x", "1\n")
    site.write("src/a.txt", "1\n")
    with watching(site) as watch:
        watch.makes("y", lines(1))
        watch.makes("all", lines(1))
        watch.says("watching")
        good = more.read_text()
        put(site, "more.yaml", "steps: {one: [\n")
        watch.says("more.yaml:")
        watch.says("waiting for a change")
        site.write("x", "2\n")
        put(site, "more.yaml", good.replace("cp x y", "cat x x > y"))
        watch.makes("y", lines(2, 2))
        site.write("src/a.txt", "2\n")
        watch.makes("all", lines(2))
        assert watch.said.count("more.yaml:") == 1


def test_a_project_that_is_broken_from_the_start_is_waited_for(site: Site) -> None:
    """Who begins to watch may begin to write then."""
    site.write("Wavefile", "steps: [\n")
    with watching(site) as watch:
        watch.says("waiting for a change")
        site.write("Wavefile", "steps: {one: {inputs: x, outputs: y, run: cp x y}}\n")
        watch.says("x")  # a source that is missing
        site.write("x", "1\n")
        watch.makes("y", lines(1))
        assert watch.end(signal.SIGHUP) == 128 + signal.SIGHUP


def test_what_is_wrong_with_the_call_ends_it(site: Site) -> None:
    """No edit of a file can mend that."""
    site.write("Wavefile", "steps: {one: {outputs: y, run: echo > y}}\n")
    assert site.wavebuild("watch", "nosuch").code == 2
    assert site.wavebuild("watch", "--json").code == 2
    site.write("Wavefile", "steps: {watch: {outputs: y, run: echo > y}}\n")
    refused = site.wavebuild("watch")
    assert refused.code == 2
    assert "is a command and a step" in refused.err
    (site.root / "Wavefile").unlink()
    assert site.wavebuild("watch").code == 2


@pytest.mark.long
@pytest.mark.scenario(id="V3")
def test_builds_that_cause_one_another_are_stopped_and_the_file_is_named(site: Site) -> None:
    """A step that writes into what it reads; the next change of a person is built again."""
    site.write(
        "Wavefile",
        'steps: {gen: {inputs: "src/*.txt", outputs: out, run: "date +%N > src/made.txt; cat src/a.txt > out"}}\n',
    )
    site.write("src/a.txt", "1\n")
    site.write("src/made.txt", "0\n")
    with watching(site) as watch:
        watch.says("stopped: src/made.txt changed each time gen ran")
        rounds = watch.builds
        assert 5 <= rounds <= 12
        site.write("src/a.txt", "2\n")
        watch.makes("out", lines(2))
        watch.until(lambda: watch.said.count("stopped:") == 2)


def test_own_outputs_in_a_folder_that_is_read_start_nothing(site: Site) -> None:
    """One build for one edit, where outputs lie beside sources and steps read the whole folder."""
    site.write(
        "Wavefile",
        "steps:\n  one: {inputs: 'd/*.in', outputs: d/one.out, run: cat d/*.in > d/one.out}\n"
        "  two: {inputs: 'd/*.out', outputs: e/two, run: cat d/one.out > e/two}\n"
        "  late: {inputs: e/two, outputs: late, always: true, run: 'cp e/two late'}\n",
    )
    site.write("d/a.in", "1\n")
    with watching(site) as watch:
        watch.makes("late", lines(1))
        watch.says("watching")
        for number in (2, 3):
            put(site, "d/a.in", f"{number}\n")
            watch.makes("late", lines(number))
            watch.until(lambda: len(watch.events("build_settled")) >= number)  # noqa: B023
        watch.until(lambda: len(watch.events("build_settled")) >= 3)
        assert watch.end() == 143
        assert len(watch.events("build_started")) == 3


@pytest.mark.scenario(id="V8")
def test_ctrl_c_ends_the_build_and_the_watch_and_leaves_the_terminal_as_it_was(site: Site) -> None:
    """The former output is back, nothing is left running, and typed text is shown again."""
    site.write("Wavefile", SLOW)
    site.write("in", "1\n")
    site.write("out", "former\n")
    assert site.wavebuild("-t", "slow").code == 0
    site.write("in", "2\n")
    with terminal(site.argv("watch"), site.root, site.environ) as screen:
        assert eventually((site.home / "begun").exists, 60)
        assert not screen.echoes
        screen.type("\x03")
        assert screen.finish() == 130, screen.shown
        assert screen.echoes
    assert site.read("out") == "former\n"
    assert site.nothing_alive()


@pytest.mark.long
@pytest.mark.scenario(id="V8")
def test_an_interrupt_for_the_watch_alone_ends_the_build_and_a_ctrl_c_counts_once(site: Site) -> None:
    """At a terminal: whoever kills the watch has not typed, so the build has heard nothing. A step may clean up."""
    site.write(
        "Wavefile",
        "steps: {slow: {inputs: in, outputs: out, run: \"trap 'sleep 0.5; touch ../cleaned; exit 1' INT; "
        'touch ../begun; sleep 60 & wait; cp in out"}}\n',
    )
    site.write("in", "1\n")
    for ends in (lambda screen: os.kill(screen.process, signal.SIGINT), lambda screen: screen.type("\x03")):
        with terminal(site.argv("watch"), site.root, site.environ) as screen:
            assert eventually((site.home / "begun").exists, 60)
            ends(screen)
            assert screen.finish() == 130, screen.shown
            assert screen.echoes
        (site.home / "begun").unlink()
        (site.home / "cleaned").unlink()
        assert site.nothing_alive()


@pytest.mark.scenario(id="V8")
def test_keys_build_explain_pause_and_quit(site: Site) -> None:
    """What a person can ask for while nothing runs."""
    site.write("Wavefile", "steps: {one: {inputs: x, outputs: y, run: 'cat x > y; echo said so'}}\n")
    source = site.write("x", "1\n")
    with terminal(site.argv("watch", "-j2"), site.root, site.environ) as screen:
        screen.wait_for("q quit")
        screen.type("?")
        screen.wait_for("note changes and build them later")
        screen.type("e")
        screen.wait_for("one (succeeded)")
        screen.type("l")
        screen.wait_for("said so")
        screen.type("p")
        screen.wait_for("paused")
        source.write_text("2\n")
        screen.wait_for("something has changed")
        assert site.read("y") == "1\n"
        screen.type("p")
        assert eventually(lambda: is_made(site, "y", "2\n"), 60)
        screen.type("\n")
        screen.wait_for("nothing to do")
        screen.type("q")
        assert screen.finish() == 0, screen.shown
        assert screen.echoes
    assert site.nothing_alive()


@pytest.mark.long
@pytest.mark.scenario(id="V8")
def test_keys_answer_where_a_watch_is_quiet_and_the_log_is_of_a_step_that_printed(site: Site) -> None:
    """With -s nothing else stands on the screen. No child of it is left that has ended."""
    site.write(
        "Wavefile",
        "steps: {one: {inputs: x, outputs: y, run: 'cat x > y; echo said so'}, "
        "two: {inputs: y, outputs: z, run: 'cat y > z; sleep 0.5'}}\n",
    )
    site.write("x", "1\n")
    with terminal(site.argv("watch", "-s"), site.root, site.environ) as screen:
        assert eventually(lambda: is_made(site, "z", "1\n"), 60)
        for key, answer in (("?", "note changes"), ("e", "two (succeeded)"), ("l", "said so")):

            def answered() -> bool:
                screen.type(key)  # noqa: B023
                screen.read(0.2)
                return answer in screen.shown  # noqa: B023

            assert eventually(answered, 60), screen.shown
        assert children(screen.process, ended=True) == []
        screen.type("q")
        assert screen.finish() == 0


@pytest.mark.long
@pytest.mark.scenario(id="V8")
def test_a_suspended_watch_gives_the_terminal_back_and_takes_it_again(site: Site) -> None:
    """Ctrl-Z, and fg."""
    site.write("Wavefile", "steps: {one: {inputs: x, outputs: y, run: cp x y}}\n")
    source = site.write("x", "1\n")
    with terminal(site.argv("watch"), site.root, site.environ) as screen:
        screen.wait_for("q quit")
        os.kill(screen.process, signal.SIGTSTP)
        assert eventually(lambda: screen.echoes)
        source.write_text("2\n")
        os.kill(screen.process, signal.SIGCONT)
        assert eventually(lambda: not screen.echoes)
        assert eventually(lambda: is_made(site, "y", "2\n"), 60)
        os.kill(screen.process, signal.SIGTERM)
        assert screen.finish() == 143
        assert screen.echoes


@pytest.mark.long
def test_a_step_that_asks_has_the_terminal_while_it_runs(site: Site) -> None:
    """Its answer is not taken for keys, and what is typed is shown."""
    site.write(
        "Wavefile",
        "steps: {ask: {inputs: x, outputs: out, console: true, run: 'echo your name?; read n; echo $n > out'}}\n",
    )
    site.write("x", "1\n")
    with terminal(site.argv("watch"), site.root, site.environ) as screen:
        for name in ("quentin", "pepe"):
            screen.wait_for("your name?")
            assert eventually(lambda: screen.echoes)
            screen.type(f"{name}\n")
            assert eventually(lambda: is_made(site, "out", f"{name}\n"), 60)  # noqa: B023
            screen.shown = ""
            screen.wait_for("q quit")
            screen.shown = ""
            put(site, "x", name)
        screen.wait_for("your name?")
        screen.type("\x03")
        assert screen.finish() == 130


@pytest.mark.long
def test_restart_ends_what_a_change_makes_stale_and_nothing_else(site: Site) -> None:
    """The build goes on where the change reaches nothing that runs."""
    site.write(
        "Wavefile",
        'steps:\n  slow: {inputs: in, outputs: out, run: "cp in out; grep -q 2 in || { touch ../begun; sleep 60; }"}\n'
        '  other: {inputs: x, outputs: y, run: "cat x > y"}\n',
    )
    site.write("in", "1\n")
    site.write("x", "1\n")
    with watching(site, "-j2", "--on-change", "restart") as watch:
        watch.makes("y", "1\n")
        watch.until((site.home / "begun").exists)
        site.write("in", "2\n")  # no build has told yet what it looks at
        watch.says("begun anew: in changed")
        watch.makes("out", "2\n")
        watch.says("watching")
        assert watch.end() == 143
    site.write("in", "1\n")
    (site.home / "begun").unlink()
    for arguments in ((), ("--poll",)):
        with watching(site, "-j2", "--on-change", "restart", *arguments) as watch:
            watch.until((site.home / "begun").exists)
            site.write("in", "2\n")  # the build before has told
            watch.says("begun anew: in changed")
            watch.makes("out", "2\n")
            watch.says("all is built")
            assert watch.end() == 143
        site.write("in", "1\n")
        (site.home / "begun").unlink()
    site.write("in", "2\n")
    with watching(site, "-j2", "--on-change", "restart") as watch:
        watch.makes("out", "2\n")
        watch.says("watching")
        site.write("in", "3\n")
        watch.until((site.home / "begun").exists)
        before = len(watch.events("build_started"))
        site.write("x", "2\n")  # reaches nothing that runs
        time.sleep(1)
        assert len(watch.events("build_started")) == before
        site.write("in", "2\n")
        watch.makes("y", "2\n")
        watch.makes("out", "2\n")
        watch.says("begun anew")


@pytest.mark.long
def test_another_build_beside_the_watch_is_taken_for_what_it_made(site: Site) -> None:
    """And while somebody else holds the project, the watch waits."""
    site.write("Wavefile", 'steps: {s: {inputs: in, outputs: out, run: "echo s >> \\"$JOURNAL\\"; cat in > out"}}\n')
    site.write("in", "1\n")
    with watching(site) as watch:
        watch.makes("out", "1\n")
        watch.says("watching")
        for number in range(2, 6):
            put(site, "in", f"{number}\n")
            site.build("--wait", "60s")
            watch.makes("out", f"{number}\n")
        put(site, "in", "6\n")
        watch.makes("out", "6\n")
    assert site.ran() == ["s"] * 6


@pytest.mark.long
def test_a_command_is_run_after_each_build_and_may_fail(site: Site) -> None:
    """It hears how the build ended."""
    site.write("Wavefile", 'steps: {s: {inputs: in, outputs: out, run: "cp in out; grep -q good in"}}\n')
    site.write("in", "good\n")
    hook = 'echo "$WAVEBUILD_OK $WAVEBUILD_SUCCEEDED $WAVEBUILD_FAILED" >> ../hook; [ "$WAVEBUILD_OK" = 1 ]'
    told = site.home / "hook"
    with watching(site, "--exec", hook) as watch:
        watch.until(told.exists)
        watch.until(lambda: told.read_text() == "1 1 0\n")
        put(site, "in", "bad\n")
        watch.until(lambda: told.read_text() == "1 1 0\n0 0 1\n")
        watch.says("--exec: the command failed (exit 1)")
        put(site, "in", "good again\n")
        watch.until(lambda: told.read_text() == "1 1 0\n0 0 1\n1 1 0\n")


@pytest.mark.long
@pytest.mark.scenario(id="V3")
def test_a_command_that_writes_what_a_step_reads_is_stopped_as_a_step_is(site: Site) -> None:
    """However short it runs; and one that does not want to end does not outlive the watch."""
    site.write("Wavefile", "steps: {s: {inputs: in, outputs: out, run: cp in out}}\n")
    site.write("in", "1\n")
    with watching(site, "--exec", "date +%N >> in") as watch:
        watch.says("stopped: in changed each time --exec ran")
        assert watch.builds <= 12
    with watching(site, "--exec", "trap '' TERM; touch ../hooked; while :; do sleep 1; done") as watch:
        watch.until((site.home / "hooked").exists)
        assert watch.end() == 143
    assert eventually(site.nothing_alive)


@pytest.mark.long
def test_what_is_as_it_was_before_a_failure_is_well_again(site: Site) -> None:
    """Though nothing has to be run for that; who is told of builds is told of this one."""
    site.write("Wavefile", 'steps: {s: {inputs: in, outputs: out, run: "grep good in > out"}}\n')
    put(site, "in", "good\n")
    told = site.home / "hook"
    with watching(site, "--exec", 'echo "$WAVEBUILD_OK" >> ../hook') as watch:
        watch.says("· all is built at")
        put(site, "in", "bad\n")
        watch.says("· failed at")
        put(site, "in", "good\n")
        watch.says("all is well again: nothing to do")
        watch.until(lambda: watch.said.rindex("· all is built at") > watch.said.rindex("· failed at"))
        watch.until(lambda: told.read_text() == "1\n0\n1\n")


@pytest.mark.long
def test_what_waits_for_a_person_makes_no_failure(site: Site) -> None:
    """What that person makes is built on."""
    site.write(
        "Wavefile",
        "steps: {sign: {inputs: in, outputs: signed, manual: sign it}, "
        "send: {inputs: signed, outputs: sent, run: cp signed sent}}\n",
    )
    site.write("in", "1\n")
    with watching(site) as watch:
        watch.says("· waiting at")
        put(site, "signed", "by hand\n")
        watch.makes("sent", "by hand\n")
        watch.says("· all is built at")
        assert "failed at" not in watch.said


@pytest.mark.long
def test_what_changed_while_it_built_makes_no_failure(site: Site) -> None:
    """Until the build after it, what is made is outdated."""
    step = "cat in > out; [ -e ../once ] || { touch ../once; sleep 0.2; echo 2 > in; }"
    site.write("Wavefile", f"steps: {{s: {{inputs: in, outputs: out, run: '{step}'}}}}\nsettings: {{quiet: 3s}}\n")
    site.write("in", "1\n")
    with watching(site) as watch:
        watch.says("· outdated at")
        watch.makes("out", "2\n")
        watch.says("· all is built at")
        assert "failed at" not in watch.said


@pytest.mark.long
@pytest.mark.scenario(id="V10")
def test_without_any_event_the_end_is_the_same(site: Site) -> None:
    """Where the observer is dead, and where nobody was asked: stamps are looked at."""
    site.write("Wavefile", GLOB)
    site.write("src/a.txt", "1\n")
    with watching(site, "--poll") as watch:
        watch.makes("all", lines(1))
        watch.says("looking at")
        put(site, "src/b.txt", "2\n")
        watch.makes("all", lines(1, 2))
        put(site, "Wavefile", GLOB.replace("cat $", "cat /dev/null $"))
        watch.until(lambda: watch.builds == 3)
        put(site, "Wavefile", "steps: [\n")
        watch.says("waiting for a change")
        put(site, "Wavefile", GLOB)
        put(site, "src/b.txt", "3\n")
        watch.makes("all", lines(1, 3))
    with watching(site) as watch:
        watch.says("watching")
        observer = _observer_of(watch.process.pid)
        os.kill(observer, signal.SIGKILL)
        watch.says("has ended")
        site.write("src/b.txt", "4\n")
        watch.makes("all", lines(1, 4))


@pytest.mark.long
@pytest.mark.scenario(id="V9")
@pytest.mark.timeout(120 + EDITS)
def test_hundreds_of_edits_leave_memory_descriptors_and_processes_as_they_were(site: Site) -> None:
    """A watch that goes on for days."""
    site.write("Wavefile", GLOB)
    source = site.write("src/a.txt", "0\n")
    with watching(site) as watch:
        watch.makes("all", lines(0))
        grown = []
        for number in range(1, EDITS + 1):
            source.write_text(f"{number}\n")
            watch.makes("all", lines(number))
            watch.until(lambda: len(watch.events("build_settled")) > number)  # noqa: B023
            if number in (50, EDITS):
                watch.until(lambda: len(watch.events("build_started")) == len(watch.events("build_settled")))
                grown.append(_facts_of(watch.process.pid))
    (memory, handles, below), (later, handles_later, below_later) = grown
    assert later < memory + 4_000_000
    assert (handles_later, below_later) == (handles, below)


def _facts_of(pid: int) -> tuple[int, int, int]:
    """Resident bytes, descriptors and children, when no build runs: that would be a copy of the watch."""
    folder = Path(f"/proc/{pid}")
    assert eventually(lambda: [int(each) for each in _children(pid)] == [_observer_of(pid)])
    memory = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return memory, min(_handles_over_time(folder)), len(_children(pid))


def _handles_over_time(folder: Path) -> Iterator[int]:
    """Those of a build are closed soon after it has ended."""
    for _ in range(20):
        yield len(list((folder / "fd").iterdir()))
        time.sleep(0.05)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _observer_of(pid: int) -> int:
    return next(int(each) for each in _children(pid) if "watch.eyes" in command_line(int(each)))
