"""Kills at any moment and in any way: the next build is right, and repeats nothing that was reported as done.

It does not know at which instruction a kill strikes: delays come from seeds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from random import Random

import pytest

from tests.support.command import Site, events, snapshot, succeeded
from tests.support.processes import SOON, eventually, kill_marked

STEPS = {
    "a": ((), "src/a"),
    "b": ((), "src/b"),
    "c": (("a",), ""),
    "d": (("a", "b"), ""),
    "e": (("b",), ""),
    "f": (("c", "d"), ""),
    "g": (("d", "e"), ""),
    "h": (("f", "g"), ""),
}


def slow_command(name: str, inputs: list[str]) -> str:
    """Writes its output in two halves with a pause between, so that a kill finds it half made."""
    read = f"cat {' '.join(inputs)}"
    return (
        f'echo {name} >> "$JOURNAL"; mkdir -p out/{name}.d; {read} > out/{name}; sleep 0.$((RANDOM % 3))5; '
        f"{read} | sha256sum >> out/{name}; {read} | sha256sum | cut -c1-8 > out/{name}.d/part"
    )


def slow_project(site: Site) -> None:
    """Eight steps in four waves, each with a file and a directory."""
    site.write("src/a", "a1\n")
    site.write("src/b", "b1\n")
    lines = ["steps:"]
    for name, (makers, source) in STEPS.items():
        inputs = [f"out/{maker}" for maker in makers] + ([source] if source else [])
        lines += [
            f"  {name}:",
            f"    inputs: [{', '.join(inputs)}]",
            f"    outputs: [out/{name}, out/{name}.d/]",
            f"    run: '{slow_command(name, inputs)}'",
        ]
    site.write("Wavefile", "\n".join(lines) + "\n")


def outputs(site: Site) -> dict[str, bytes]:
    return {path: facts[3] for path, facts in snapshot(site.root / "out").items()}


def clean_outputs(site: Site) -> dict[str, bytes]:
    """What the steps make of the present sources, each run by hand, in order."""
    folder = site.home / "clean"
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    (folder / "out").mkdir(parents=True)
    subprocess.run(["cp", "-a", str(site.root / "src"), str(folder)], check=True)
    for name, (makers, source) in STEPS.items():
        inputs = [f"out/{maker}" for maker in makers] + ([source] if source else [])
        command = slow_command(name, inputs).replace("sleep 0.$((RANDOM % 3))5; ", "")
        subprocess.run(["bash", "-c", command], cwd=folder, env=os.environ | {"JOURNAL": "/dev/null"}, check=True)
    return {path: facts[3] for path, facts in snapshot(folder / "out").items()}


def downstream(name: str) -> set[str]:
    """A step and all that reads from it."""
    found = {name}
    for reader, (makers, _) in STEPS.items():
        if found & set(makers):
            found.add(reader)
    return found


@pytest.mark.scenario(id="K1")
@pytest.mark.parametrize("seed", range(3))
def test_after_a_kill_of_everything_the_next_build_is_right(seed: int, site: Site) -> None:
    """kill -9 of the whole tree, twice in a row, then a plain build."""
    rng = Random(seed)
    slow_project(site)
    done: list[str] = []
    ran: list[str] = []

    for attempt in range(2):
        log = site.home / f"events-{attempt}"
        process = site.start(f"-j{rng.randint(1, 4)}", "--events", str(log))
        time.sleep(rng.uniform(0.1, 1.6))
        kill_marked(site.mark)
        process.communicate()
        ran = site.ran()
        assert not set(done) & set(ran), "a step that was reported as done ran again"
        done += succeeded(log)
    build = site.build("-j4")

    assert outputs(site) == clean_outputs(site)
    assert not set(done) & set(site.ran()), build.err
    site.build("-j2")
    assert site.ran() == []


@pytest.mark.scenario(id="K3")
@pytest.mark.scenario(id="K2")
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2))])
def test_after_a_kill_of_the_parent_an_edit_and_a_build_orphans_write_nothing(seed: int, site: Site) -> None:
    """kill -9 of the parent alone, an edit at once, a build; what ran before must not write into it later."""
    rng = Random(100 + seed)
    slow_project(site)
    if rng.random() < 0.5:
        site.build("-j4")
        site.write("src/a", "a2\n")
        site.write("src/b", "b2\n")
        site.ran()
    log = site.home / "events"
    process = site.start("-j4", "--events", str(log))
    time.sleep(rng.uniform(0.1, 1.6))
    process.kill()
    edited = rng.choice(["a", "b"])
    site.write(f"src/{edited}", "other\n")
    process.communicate()
    kept = set(succeeded(log)) - downstream(edited)
    site.ran()

    build = site.build("-j4")

    wanted = clean_outputs(site)
    assert outputs(site) == wanted, build.err
    assert not kept & set(site.ran()), build.err
    time.sleep(0.6)
    assert outputs(site) == wanted, "an orphan wrote after the build"
    assert site.build().code == 0
    assert site.ran() == []


@pytest.mark.scenario(id="K9")
def test_a_killed_edit_that_is_undone_leaves_the_right_outputs(site: Site) -> None:
    """An edit, a kill in the midst of the build, the edit undone: the outputs are those of the first build."""
    slow_project(site)
    site.build("-j4")
    before = outputs(site)
    site.write("src/a", "a2\n")
    process = site.start("-j4")
    assert eventually(lambda: site.journal.read_text().splitlines().count("a") == 2)
    kill_marked(site.mark)
    process.communicate()

    site.write("src/a", "a1\n")
    site.build("-j4")

    assert outputs(site) == before


def built_once_then_stale(site: Site) -> dict[str, tuple[str, int, int, bytes]]:
    """One slow step, built, then made stale; what its outputs are."""
    site.write("in", "one\n")
    site.write(
        "Wavefile",
        "steps:\n"
        "  quick: {inputs: in, outputs: quick.txt, run: 'echo quick >> $JOURNAL; cat in > quick.txt'}\n"
        "  slow:\n"
        "    inputs: in\n"
        "    outputs: [out/, slow.txt]\n"
        "    run: |\n"
        '      echo slow >> "$JOURNAL"\n'
        "      mkdir -p out; cat in > out/new-$(cat in); cat in > slow.txt\n"
        "      [ $(cat in) = one ] || { sleep 60 & wait; }\n",
    )
    site.build()
    site.ran()
    before = snapshot(site.root, without=(".wavebuild", "in", "quick.txt"))
    site.write("in", "two\n")
    return before


def started(site: Site, *arguments: str) -> subprocess.Popen[str]:
    """A build in which the slow step runs and the quick one has settled."""
    log = site.home / "events"
    process = site.start("-j2", "--events", str(log), *arguments)
    assert eventually(lambda: "slow" in site.journal.read_text().split()[2:] and succeeded(log) == ["quick"])
    time.sleep(0.2)
    return process


@pytest.mark.scenario(id="K6")
@pytest.mark.scenario(id="K4")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_build_and_brings_the_former_outputs_back(
    number: signal.Signals, code: int, site: Site
) -> None:
    """What finished is kept; what was running is as before, byte for byte, with its times."""
    before = built_once_then_stale(site)
    process = started(site)

    process.send_signal(number)
    _, err = process.communicate(timeout=SOON)

    assert process.returncode == code, err
    assert snapshot(site.root, without=(".wavebuild", "in", "quick.txt")) == before
    assert site.nothing_alive()
    settled = [event for event in events(site.home / "events") if event["event"] == "step_settled"]
    assert {event["step"]: event["outcome"] for event in settled} == {"quick": "succeeded", "slow": "interrupted"}


@pytest.mark.scenario(id="K4")
def test_ctrl_c_of_a_terminal_reaches_everybody_and_does_no_more_harm(site: Site) -> None:
    """A terminal sends SIGINT to the whole foreground group, workers too."""
    before = built_once_then_stale(site)
    process = started(site)

    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=SOON)

    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert snapshot(site.root, without=(".wavebuild", "in", "quick.txt")) == before


@pytest.mark.scenario(id="K5")
def test_a_second_ctrl_c_kills_a_step_that_ignores_the_first(site: Site) -> None:
    """The step ignores INT and TERM; two signals end the build, however long the grace time is."""
    site.write("in", "x")
    site.write(
        "Wavefile",
        'steps: {deaf: {inputs: in, outputs: out, run: \'trap "" INT TERM; echo deaf >> $JOURNAL; '
        "while :; do sleep 0.1; done'}}\n",
    )
    site.grace = 1000.0
    process = site.start()
    assert eventually(lambda: site.journal.exists() and site.journal.read_text() == "deaf\n")

    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SOON)

    assert process.returncode == 130, err
    assert site.nothing_alive()
    site.write("Wavefile", "steps: {deaf: {inputs: in, outputs: out, run: 'cat in > out'}}\n")
    site.build()


@pytest.mark.long
@pytest.mark.scenario(id="K8")
def test_an_ignored_sigint_stays_ignored_and_sigterm_works(site: Site) -> None:
    """As under nohup or in a background job of a shell without job control."""
    before = built_once_then_stale(site)
    log = site.home / "events"
    command = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *site.argv("-j2", "--events", str(log))]
    with subprocess.Popen(
        command, cwd=site.root, env=site.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert eventually(lambda: succeeded(log) == ["quick"] and "slow" in site.journal.read_text().split()[2:])

        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        survived = process.poll() is None
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=SOON)

    assert survived
    assert process.returncode == 143, said
    assert snapshot(site.root, without=(".wavebuild", "in", "quick.txt")) == before


def test_a_database_that_was_being_edited_in_place_is_repaired_by_the_next_command(site: Site) -> None:
    """kill -9 of everything in the midst of the edit: whoever takes the lock next puts it back byte for byte."""
    site.write("in", "one\n")
    site.write(
        "Wavefile",
        "steps:\n"
        "  load:\n"
        "    inputs: in\n"
        "    outputs: {path: db/, in_place: true}\n"
        "    run: |\n"
        "      mkdir -p db/deep; cat in >> db/rows; cat in > db/deep/last\n"
        "      [ $(cat in) = one ] || { rm -r db/deep; echo > db/half; echo load >> $JOURNAL; sleep 60 & wait; }\n",
    )
    site.build()
    before = snapshot(site.root / "db", folder_times=True)
    site.write("in", "two\n")
    process = site.start()
    assert eventually(lambda: site.journal.exists() and "load" in site.journal.read_text())
    kill_marked(site.mark)
    process.communicate()
    torn = snapshot(site.root / "db", folder_times=True)
    asked = site.wavebuild("plan", "--json")

    repaired = site.wavebuild("accept", "nothing")

    assert torn != before
    assert [step["plan"] for wave in asked.json["waves"] for step in wave["steps"]] == ["run"]
    assert repaired.code == 2, "there was nothing to accept, but the lock was taken"
    assert snapshot(site.root / "db", folder_times=True) == before
    assert (site.root / ".wavebuild/failed/load/db/half").exists()
