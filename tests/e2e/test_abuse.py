"""Steps that die, hang, flood, lie or misbehave: each ends clearly, the others finish, former outputs are back.

It does not know how the processes are held together.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import pytest

from tests.support.command import Finished, Site, Snapshot, snapshot
from tests.support.processes import SOON, alive, command_line, eventually, peak_memory

pytestmark = pytest.mark.long

GOOD = "cat in > v.txt; mkdir -p vd; cat in > vd/part"


def wavefile(victim: str, extra: str = "") -> str:
    """A victim with a reader of its own, and two steps that have nothing to do with it."""
    return f"""
steps:
  victim:
    inputs: in
    outputs: [v.txt, vd/]
    {extra}
    run: |
      echo victim >> "$JOURNAL"
      {victim}
  blocked: {{inputs: v.txt, outputs: b.txt, run: 'echo blocked >> $JOURNAL; cat v.txt > b.txt'}}
  early: {{inputs: other, outputs: e.txt, run: 'echo early >> $JOURNAL; cat other > e.txt'}}
  late: {{inputs: e.txt, outputs: l.txt, run: 'echo late >> $JOURNAL; cat e.txt > l.txt'}}
"""


def victims(site: Site) -> Snapshot:
    return {
        path: facts for path, facts in snapshot(site.root).items() if path.split("/")[0] in ("v.txt", "vd", "b.txt")
    }


def built(site: Site) -> Snapshot:
    """The project built with a good victim, then the sources edited; what the victim had made."""
    site.write("in", "one\n")
    site.write("other", "one\n")
    site.write("Wavefile", wavefile(GOOD))
    site.build()
    site.write("in", "two\n")
    site.write("other", "two\n")
    site.ran()
    return victims(site)


def failed_build(site: Site, victim: str, extra: str = "", **environ: str) -> Finished:
    """A victim that must fail: all that is promised of it and of the others."""
    before = built(site)
    site.write("Wavefile", wavefile(victim, extra))

    build = site.wavebuild("-j2", "-k", "--json", **environ)

    assert build.code == 1, build.err
    outcomes = {name: step["outcome"] for name, step in build.steps.items()}
    assert outcomes == {"victim": "failed", "blocked": "blocked", "early": "succeeded", "late": "succeeded"}
    assert build.steps["blocked"]["blocked_by"] == ["victim"]
    assert victims(site) == before, "the former outputs are back, with their times"
    assert site.read("l.txt") == "two\n"
    assert site.nothing_alive()
    return build


def finished_build(site: Site, victim: str) -> Finished:
    """A victim that misbehaves, yet must succeed."""
    built(site)
    site.write("Wavefile", wavefile(victim))
    build = site.build("-j2", "-k", "--json")
    assert site.nothing_alive()
    return build


@pytest.mark.scenario(id="P5")
def test_a_segfault_is_named(site: Site) -> None:
    build = failed_build(site, "echo half > v.txt; kill -SEGV $$")

    assert build.steps["victim"]["signal"] == "SIGSEGV"
    assert "SIGSEGV" in build.err


def test_a_step_killed_from_outside_is_named_by_its_signal(site: Site) -> None:
    """As the kernel kills when memory runs out."""
    build = failed_build(site, "echo half > v.txt; rm -rf vd; kill -KILL $$")

    assert build.steps["victim"]["signal"] == "SIGKILL"
    assert "SIGKILL" in build.err


def test_a_step_out_of_memory_fails_and_shows_why(site: Site) -> None:
    build = failed_build(site, f"ulimit -v 300000; exec {sys.executable} -c 'x = \"a\" * 10**9'")

    assert build.steps["victim"]["exit_code"] == 1
    assert "MemoryError" in build.err


@pytest.mark.scenario(id="P3")
def test_a_timeout_kills_the_children_too(site: Site) -> None:
    began = time.monotonic()
    build = failed_build(site, "sh -c 'sleep 100 & sleep 100' & sleep 100", extra="timeout: 1s")

    assert "timeout" in build.err
    assert time.monotonic() - began < 60


def test_a_missing_output_is_a_failure_that_names_it(site: Site) -> None:
    build = failed_build(site, "mkdir -p vd; echo x > vd/part")

    assert "missing output" in build.err
    assert "v.txt" in build.err


@pytest.mark.scenario(id="P5")
def test_an_unknown_command_is_exit_127(site: Site) -> None:
    build = failed_build(site, "no-such-command-anywhere")

    assert build.steps["victim"]["exit_code"] == 127
    assert "no-such-command-anywhere" in build.err


def test_exit_75_is_tried_again_as_often_as_declared(site: Site) -> None:
    build = failed_build(site, "exit 75", extra="retries: {times: 2, on: [75]}")

    assert build.steps["victim"]["attempts"] == 3
    assert site.ran().count("victim") == 3


def test_an_exit_code_that_is_not_listed_is_not_tried_again(site: Site) -> None:
    build = failed_build(site, "exit 1", extra="retries: {times: 2, on: [75]}")

    assert build.steps["victim"]["attempts"] == 1


def test_a_retry_that_succeeds_makes_a_success(site: Site) -> None:
    built(site)
    victim = f'[ $(grep -c victim "$JOURNAL") -ge 3 ] || exit 75; {GOOD}'
    site.write("Wavefile", wavefile(victim, "retries: {times: 2, on: [75]}"))

    build = site.build("--json")

    assert build.steps["victim"]["attempts"] == 2
    assert site.read("b.txt") == "two\n"


@pytest.mark.scenario(id="P9")
def test_a_step_that_reads_standard_input_finds_it_empty(site: Site) -> None:
    finished_build(site, f"cat > stdin.txt; {GOOD}")

    assert site.read("stdin.txt") == ""


@pytest.mark.scenario(id="P4")
@pytest.mark.parametrize("daemon", ["setsid sleep 100 >/dev/null 2>&1 &", "sleep 100 &", "setsid sleep 100 & disown"])
def test_a_daemon_does_not_hold_the_build_and_is_ended(daemon: str, site: Site) -> None:
    """In a session of its own or not, with or without the step's output in its hands."""
    build = finished_build(site, f"{daemon}\n      {GOOD}")

    assert build.steps["victim"]["outcome"] == "succeeded"
    assert build.seconds < 60


@pytest.mark.scenario(id="P8")
def test_a_flood_of_output_leaves_memory_flat(site: Site) -> None:
    """300 MB in a single line; neither the parent nor a worker grows."""
    site.write("in", "x")
    site.write("other", "x")
    site.write("Wavefile", wavefile(f"head -c 300000000 /dev/zero | tr '\\0' x; {GOOD}"))
    peaks: dict[int, int] = {}
    process = site.start("-j2", "-k")

    while process.poll() is None:
        for pid in alive(site.mark):
            if "wavebuild" in command_line(pid) or "multiprocessing" in command_line(pid):
                peaks[pid] = max(peaks.get(pid, 0), peak_memory(pid))
        time.sleep(0.05)
    process.communicate()

    assert process.returncode == 0
    assert peaks
    assert max(peaks.values()) < 200_000_000


@pytest.mark.scenario(id="P8")
def test_binary_output_is_no_trouble(site: Site) -> None:
    finished_build(site, f"head -c 3000000 /dev/urandom; printf '\\033]0;title\\007\\033[?1049h'; {GOOD}")


@pytest.mark.scenario(id="M7")
@pytest.mark.parametrize("harm", ["rm in", "echo three > in", "echo three > in; echo two > in"])
def test_an_input_that_moved_while_it_was_read_is_told_and_never_trusted(harm: str, site: Site) -> None:
    """The outputs stay and readers run, but the build ends 1, and the next one runs the step again."""
    built(site)
    site.write("Wavefile", wavefile(f"{GOOD}; {harm}"))

    build = site.wavebuild("-j2", "-k", "--json")

    assert build.code == 1, build.err
    assert build.steps["victim"]["moved"] == ["in"]
    assert "in" in build.err
    assert site.read("v.txt") == "two\n"
    assert site.read("b.txt") == "two\n"
    site.write("in", "two\n")
    site.write("Wavefile", wavefile(f"{GOOD}; {harm}"))
    site.ran()
    site.wavebuild()
    assert "victim" in site.ran()


@pytest.mark.scenario(id="P1")
def test_a_killed_worker_fails_its_step_and_the_build_goes_on(site: Site) -> None:
    """Its death is noticed at once; a build that waits for a dead worker would wait for ever."""
    before = built(site)
    victim = f"echo $PPID > {site.home}/worker; echo half > v.txt; sleep 100"
    site.write("Wavefile", wavefile(victim))
    process = site.start("-j2", "-k", "--json")
    assert eventually(lambda: (site.home / "worker").exists() and (site.home / "worker").read_text().endswith("\n"))
    worker = int((site.home / "worker").read_text())
    assert worker != process.pid, "steps are started by workers"

    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=SOON)

    assert process.returncode == 1, err
    outcomes = {name: step["outcome"] for name, step in json.loads(out)["steps"].items()}
    assert outcomes == {"victim": "failed", "blocked": "blocked", "early": "succeeded", "late": "succeeded"}
    assert "worker died" in err
    assert victims(site) == before
    assert site.nothing_alive()


def test_without_keep_going_nothing_new_starts_after_a_failure(site: Site) -> None:
    """The running step finishes; its reader, which has nothing to do with the failure, is not started."""
    site.write("in", "x")
    site.write(
        "Wavefile",
        "steps:\n"
        "  bad: {inputs: in, outputs: b, run: 'echo bad >> $JOURNAL; until grep slow $JOURNAL; do sleep 0.02; done; "
        "exit 3'}\n"
        "  slow: {inputs: in, outputs: s, run: 'echo slow >> $JOURNAL; "
        "until grep -q outcom[e]....failed ../events; do sleep 0.02; done; cat in > s'}\n"
        "  after: {inputs: s, outputs: a, run: 'echo after >> $JOURNAL; cat s > a'}\n",
    )

    build = site.wavebuild("-j2", "--json", "--events", "../events")

    assert build.code == 1
    outcomes = {name: step["outcome"] for name, step in build.steps.items()}
    assert outcomes == {"bad": "failed", "slow": "succeeded", "after": "not_started"}
    assert sorted(site.ran()) == ["bad", "slow"]
    assert build.steps["bad"]["exit_code"] == 3


def test_a_module_edited_in_the_second_in_which_it_was_imported_is_called_as_edited(site: Site):
    """Python takes a compiled file of the same second and size for the same; a call goes by what is written now."""
    site.write("Wavefile", "steps: {a: {call: 'm:f', outputs: o}}\n")
    module = site.write("m.py", "def f(): open('o', 'w').write('1')\n")
    instant = module.stat().st_mtime_ns
    site.build(PYTHONDONTWRITEBYTECODE="")
    module.write_text("def f(): open('o', 'w').write('2')\n")
    os.utime(module, ns=(instant, instant))
    site.build(PYTHONDONTWRITEBYTECODE="")

    assert site.read("o") == "2"
