"""The likely cause of a failure: named where there is evidence, the same in terminal and JSON, and left out elsewhere.

It does not know how the evidence is gathered: real commands fail here in each of these ways.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.command import Site
from wavebuild.run.clues import complaints
from wavebuild.run.events import Clue, Opinion, Outcome, Settled
from wavebuild.run.limits import OF_THE_SYSTEM
from wavebuild.ui.causes import KINDS, SIGNALS, cause_of


class Case(NamedTuple):
    """A step that fails, and what is said of it."""

    kind: str | None
    text: str
    keys: str
    certain: bool = True


PYTHON = "'{{ python }}' -c"
SLIP = "it made out/reprot.txt instead"
CASES = {
    "command": Case("command not found", "the command pyhton was not found", "run: pyhton x"),
    "in-a-script": Case("command not found", "the command pyhton was not found", "run: 'true; pyhton x'"),
    "by-env": Case("command not found", "the command nosuchtool was not found", "run: ./by-env"),
    "here": Case("command not found", "write ./plain.sh", "run: plain.sh"),
    "not-executable": Case("permission denied", "./data.txt", "run: ./data.txt"),
    "interpreter": Case("interpreter not found", "is not there: /no/such", "run: ./no-interpreter"),
    "windows": Case("interpreter not found", "carriage return", "run: 'true; ./windows'"),
    "near-miss": Case("missing output", SLIP, "outputs: out/report.txt, run: echo > out/reprot.txt", False),
    "nothing": Case("missing output", "it ended well but did not make gone", "outputs: gone, run: 'true'"),
    "signal": Case("signal", SIGNALS["SIGSEGV"], "run: kill -SEGV $$"),
    "told-by-shell": Case("signal", "killed by SIGABRT", "run: '(sh -c \"kill -ABRT \\$\\$\"); exit 134'", False),
    "killed": Case("signal", "something killed it", "run: kill -KILL $$"),
    "memory": Case("out of memory", "MemoryError", f"limits: {{memory: 300M}}, run: \"{PYTHON} 'bytearray(900<<20)'\""),
    "timeout": Case("timeout", "when its `timeout` was over", "timeout: 0.3s, run: sleep 60"),
    "by-timeout": Case("timeout", "its command `timeout` ended it", "run: timeout 0.1 sleep 60", False),
    "no-timeout": Case(None, "", "run: echo no timeout; exit 124"),
    "disk": Case("disk full", "No space left on device", "run: echo hello > /dev/full"),
    "no-file": Case("file not found", "nodata.csv was not found, and is not declared", "run: cat nodata.csv"),
    "cp": Case("file not found", "dta.txt was not found; there is data.txt", "run: cp dta.txt gone"),
    "other-folder": Case("file not found", "there is ../data.txt", "cwd: sub, run: cat data.txt"),
    "no-folder": Case("folder not found", "there is no folder nowhere", "run: echo > nowhere/x"),
    "of-another": Case("file not found", "step late makes it", "run: cat late.txt"),
    "sandbox": Case("file not found", "it is there, but not among the inputs", "sandbox: true, run: cat data.txt"),
    "python": Case("exception", "ValueError: no luck, raised at boom.py:2", "run: \"'{{ python }}' boom.py\""),
    "called": Case("exception", "ValueError: no luck, raised at boom.py:2", "call: 'boom:fails'"),
    "in-a-check": Case("file not found", "none was not found", "outputs: c, run: touch c, checks: [cat none]"),
    "earlier": Case("file not found", "nodata.csv", "run: cat nodata.csv || true; echo later; exit 3", False),
    "too-much": Case("output limit", "more than 1K", "limits: {output: 1K}, run: yes"),
    "silent": Case(None, "", "run: exit 3"),
    "talks": Case(None, "", "run: echo all is well; exit 1"),
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """All of them in one build: the steps of its JSON, and what was said on the terminal."""
    site = Site(tmp_path_factory.mktemp("causes"))
    steps = "".join(f"  {name}: {{{case.keys}}}\n" for name, case in CASES.items())
    steps += "  like-killed: {run: exit 137}\n  no-cwd: {cwd: nowhere, run: 'true'}\n"
    late = "  late: {needs: [silent], on_demand: true, outputs: late.txt, run: touch late.txt}\n"
    site.write("Wavefile", f"steps:\n{steps}{late}")
    site.write("boom.py", 'def fails():\n    raise ValueError("no luck")\nif __name__ == "__main__": fails()\n')
    site.write("data.txt", "x\n")
    site.write("sub/other.txt", "x\n")
    scripts = {"no-interpreter": "#!/no/such\n", "windows": "#!/bin/sh\r\ntrue\r\n", "plain.sh": "#!/bin/sh\n"}
    for name, text in {**scripts, "by-env": "#!/usr/bin/env nosuchtool\n"}.items():
        site.root.joinpath(name).write_bytes(text.encode())
        os.chmod(site.root / name, 0o755)
    done = site.wavebuild("-k", "-j3", "--json", "--events", "events", LC_ALL="C.UTF-8")
    assert done.code == 1
    return {**done.steps, "events": [json.loads(line) for line in site.read("events").splitlines()]}, done.err


@pytest.mark.xdist_group("causes")
@pytest.mark.parametrize("name", CASES)
def test_a_cause_is_named_by_the_evidence_and_by_nothing_else(name: str, failed: tuple[dict[str, Any], str]):
    """In the JSON of the build, in that of the events, and in the digest on the terminal, in the same words."""
    case, (steps, said) = CASES[name], failed
    cause = steps[name]["cause"]
    digest = said[said.index(f"\nfailed: {name} (") :].split("\n\n")[0]

    assert steps[name]["outcome"] == "failed"
    assert next(each["cause"] for each in steps["events"] if each.get("step") == name and "cause" in each) == cause
    if case.kind is None:
        assert cause is None
        assert "  cause " not in digest
        return
    assert (cause["kind"], cause["certain"]) == (case.kind, case.certain)
    assert case.text in cause["text"]
    assert cause["text"] in digest
    assert ("probably" in digest) == (not case.certain)


def of(**facts: Any) -> Settled:
    told: dict[str, Any] = {"failure": "exit", "exit_code": 1} | facts
    return Settled("s", Outcome.FAILED, 1, **told)


@pytest.mark.xdist_group("causes")
def test_a_code_of_somebody_killed_is_told_once_and_as_what_it_is(failed: tuple[dict[str, Any], str]):
    """Any program may exit with 137: that somebody was killed is what the code says, and no more is known."""
    steps, said = failed
    digest = said[said.index("\nfailed: like-killed (") :].split("\n\n")[0]

    assert steps["like-killed"]["cause"]["kind"] == "signal"
    assert steps["like-killed"]["cause"]["certain"] is False
    assert "its exit code says that something killed a command of it: most often" in digest
    assert digest.count("killed") == 2  # and in its name


@pytest.mark.xdist_group("causes")
def test_a_step_that_cannot_start_is_said_to_be_one(failed: tuple[dict[str, Any], str]):
    """Its word in the JSON, `start`, says too little."""
    assert failed[0]["no-cwd"]["failure"] == "start"
    assert "\nfailed: no-cwd (could not start after " in failed[1]


def test_want_of_memory_is_only_likely_where_the_system_killed_something_else_perhaps():
    """The count of the system is not of this step alone."""
    killed = {"failure": "signal", "exit_code": None, "signal": "SIGKILL"}
    starved = cause_of(of(**killed, detail=f"{OF_THE_SYSTEM}: most likely this one"))
    other = cause_of(of(**killed, detail="something killed it: most often that is the system, when memory runs out"))

    assert starved is not None
    assert (starved.kind, starved.certain) == ("out of memory", False)
    assert other is not None
    assert other.kind == "signal"


def test_a_full_disk_of_our_own_is_named():
    """The outputs could not be taken in: no log says so, but wavebuild does."""
    cause = cause_of(of(failure="outputs", exit_code=None, detail="No space left on device: /x"))

    assert cause is not None
    assert (cause.kind, cause.certain) == ("disk full", True)


def test_a_rejection_tells_score_threshold_and_the_first_issues():
    """As much as fits a line; the detail has the rest."""
    review = Opinion("critic", 0.5, False, 0.85, ("too short",), ("add figures", "and more"))

    cause = cause_of(of(failure="rejected", exit_code=None, detail="long", review=review))

    assert cause is not None
    assert cause.kind == "rejected"
    assert all(part in cause.text for part in ("0.5", "0.85", "did not approve", "too short", "add figures"))
    assert "and more" not in cause.text


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.FAILED])
def test_what_did_not_fail_has_no_cause(outcome: Outcome):
    """An interrupted step was interrupted, whatever its log says."""
    clue = Clue("no file", "x", "cat: x: No such file or directory", True)

    assert cause_of(Settled("s", outcome, 1, failure="timeout", clues=(clue,))) is None


@pytest.mark.parametrize(
    ("line", "kind", "what"),
    [
        ("sh: 1: foo: not found", "no command", "foo"),
        ("/bin/sh: 12: foo: not found", "no command", "foo"),
        ("./run.sh: line 3: foo: command not found", "no command", "foo"),
        ("bash: ./x: /usr/bin/nope: bad interpreter: No such file or directory", "no interpreter", "./x"),
        ("cat: x y.csv: No such file or directory", "no file", "x y.csv"),
        ("cp: cannot stat 'a b': No such file or directory", "no file", "a b"),
        ("ls: cannot access 'x': No such file or directory", "no file", "x"),
        ("sed: can't read x: No such file or directory", "no file", "x"),
        ("head: cannot open 'x' for reading: No such file or directory", "no file", "x"),
        ("sh: 1: cannot open x: No such file", "no file", "x"),
        ("main.c:1:10: fatal error: foo.h: No such file or directory", "no file", "foo.h"),
        ("Error: ENOENT: no such file or directory, open 'x'", "no file", "x"),
        ("make: *** No rule to make target 'x'.  Stop.", "no file", "x"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'x'", "no file", "x"),
        ("sh: 1: cannot create out/x: Directory nonexistent", "no folder", "out/x"),
        ("bash: line 1: out: Permission denied", "no permission", "out"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "no permission", "x"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "no memory", ""),
        ("FATAL ERROR: Reached heap limit - JavaScript heap out of memory", "no memory", ""),
        ("cp: error writing 'x': No space left on device", "no room", ""),
        ("bash: line 1:  4242 Killed                  sleep 5", "killed", ""),
        ("Killed", "killed", ""),
        ("\x1b[1;31mcat: x: No such file or directory\x1b[0m", "no file", "x"),
    ],
)
def test_complaints_of_many_programs_are_understood(line: str, kind: str, what: str):
    """What is said last and what it is about."""
    assert [(clue.kind, clue.what, clue.last) for clue in complaints(["working", line, ""])] == [(kind, what, True)]


@pytest.mark.parametrize(
    "line", ["not found: nothing", "3 files: ok", "  File x", "KeyError", "a: b: c", "\x00" * 50, "Killed 3 of them"]
)
def test_other_lines_are_no_complaints(line: str):
    """Nothing is guessed."""
    assert complaints([line]) == ()


def test_a_traceback_names_the_innermost_place_of_its_last_exception():
    """An exception while another is handled: the last one ended the program."""
    log = """Traceback (most recent call last):
  File "a.py", line 1, in f
    g()
KeyError: 1

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 9, in <module>
    main()
  File "b.py", line 5, in main
    raise my.Trouble("x")
my.Trouble: x"""

    assert [(clue.what, clue.at) for clue in complaints(log.splitlines()) if clue.last] == [("my.Trouble: x", "b.py:5")]


def test_what_lies_out_of_the_project_is_not_looked_at(site_of_one: Site):
    """A log may name anything: a device, a pipe that nobody writes to, a file system that hangs."""
    os.mkfifo(site_of_one.home / "pipe")
    site_of_one.write("Wavefile", "steps: {a: {outputs: a, run: 'echo \"sh: 1: ../pipe: not found\"; exit 127'}}")

    done = site_of_one.wavebuild("--json")

    assert done.steps["a"]["cause"]["text"] == "the command ../pipe was not found"


@pytest.fixture
def site_of_one(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_hostile_log_costs_little_and_stays_harmless():
    """Escape codes do not reach the terminal, and a line without end is cut."""
    cause = cause_of(of(clues=complaints(["cat: " + "a" * 100_000, "cat: \x1b]0;x\x07y: No such file or directory"])))

    assert cause is not None
    assert "\x1b" not in cause.text
    assert "\x07" not in cause.text
    assert cause.text.startswith("y was not found")


@pytest.mark.parametrize(
    ("tail", "code", "kind", "certain"),
    [
        (["cc: Cannot allocate memory, trying again", "ld: all is well", "stopped"], 1, "out of memory", False),
        (["Cannot allocate memory, trying again", "cat: x: No such file or directory"], 1, "file not found", True),
        (["FATAL ERROR: heap out of memory", "---- stack ----"], 134, "out of memory", False),
        (["Killed"], 137, "signal", True),
        (["Killed"], 1, "signal", False),
        (["Killed", "make: *** [x] Error 137"], 2, "signal", False),
    ],
)
def test_what_was_said_last_counts_more_than_what_was_said_before(
    tail: list[str], code: int, kind: str | None, certain: bool
):
    """A complaint that was survived is not told as the cause."""
    cause = cause_of(of(exit_code=code, clues=complaints(tail)))

    assert (cause and cause.kind, bool(cause and cause.certain)) == (kind, certain)


def test_the_kinds_are_a_closed_list_in_the_reference():
    """Programs may rely on them."""
    page = (Path(__file__).resolve().parents[2] / "docs/reference/cli.md").read_text()

    assert all(f"`{kind}`" in page for kind in KINDS)
