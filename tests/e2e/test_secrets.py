"""A secret is found nowhere: not in what is kept, not in what any command says, however a build ended."""

from __future__ import annotations

import base64
import html
import json
import os
import shlex
import signal
import urllib.parse

import pytest

from tests.support.command import Finished, Site
from tests.support.processes import SOON, alive, command_line, eventually, is_worker, kill_marked
from tests.support.terminal import terminal

pytestmark = pytest.mark.long

CORE = "hunter2canary"  # no form of the secret hides this part, but the encoded ones
SECRET = f"{CORE}'\"&/+ %d=<é>\\"
KEY = f"-----BEGIN KEY-----\n{CORE}AAAABBBBCCCC\n{CORE}DDDDEEEEFFFF\n-----END KEY-----\n"
SECRETS = {"TOKEN": SECRET, "PRIVATE_KEY": KEY, "WORD": f"{CORE}word"}

SAY = """
import base64, html, json, os, shlex, sys, time, urllib.parse
token, key = os.environ["TOKEN"], os.environ["PRIVATE_KEY"]
raw = token.encode()
for said in (
    token, key, repr(token), json.dumps(token), json.dumps(token, ensure_ascii=False), json.dumps({"key": key}),
    shlex.quote(token),
    urllib.parse.quote(token), urllib.parse.quote(token, safe=""), urllib.parse.quote_plus(token), html.escape(token),
    base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), raw.hex(),
    *(base64.b64encode(b"user:"[:shift] + raw + b"\\n").decode() for shift in range(6)),
    base64.b64encode(key.encode()).decode(),
):
    print(said)
for byte in raw:  # piece by piece
    os.write(1, bytes([byte]))
    time.sleep(0.001)
print(token, file=sys.stderr)
"""

WAVEFILE = """
secrets: [TOKEN, PRIVATE_KEY, WORD]
probes:
  told: {run: "{{ python }} say.py; echo $TOKEN"}
  short: {run: "echo $TOKEN"}
steps:
  good:
    outputs: good
    inputs: ["probe:told", "probe:short", in]
    run: "{{ python }} say.py; set -x; : \\"$TOKEN\\"; touch good"
  bad: {outputs: bad, inputs: good, run: "{{ python }} say.py; exit 3", retries: 1}
  late: {outputs: late, inputs: good, run: "{{ python }} say.py; sleep 60", timeout: 1s}
  called: {outputs: called, inputs: good, call: "work:fail"}
  checked: {outputs: checked, inputs: good, run: touch checked, checks: "{{ python }} say.py; false"}
  remembers: {outputs: "mem:x", inputs: good, run: "{{ python }} remember.py"}
  named: {outputs: o, inputs: good, depfile: d, run: 'touch o "$WORD.h"; echo "o: $WORD.h" > d; {{ python }} say.py'}
"""

WORK = """
import os
print(os.environ["TOKEN"])
def fail():
    raise ValueError(os.environ["TOKEN"] + os.environ["PRIVATE_KEY"])
"""

REMEMBER = """
import json, os
json.dump({"x": os.environ["PRIVATE_KEY"]}, open(os.environ["WAVEBUILD_MEM_OUT"], "w"))
"""

QUESTIONS = [
    ["plan", "--json"], ["status", "--json"], ["list", "--json"], ["show", "good", "--json"], ["explain", "good"],
    ["explain", "bad", "--json"], ["log", "bad"], ["log", "called"], ["history", "--json"], ["check"], ["mem"],
]  # fmt: skip


def traces(data: bytes) -> list[bytes]:
    """The forms of the secrets that are in there."""
    forms = {CORE.encode(), CORE.encode().hex().encode()}
    for value in SECRETS.values():
        raw = value.encode()
        forms |= {raw, json.dumps(value)[1:-1].encode(), urllib.parse.quote(value, safe="").encode()}
        forms |= {html.escape(value).encode(), shlex.quote(value).encode()}
    forms |= {base64.b64encode(b"x" * shift + CORE.encode())[4:-4] for shift in range(3)}
    return [form for form in forms if form in data]


def assert_nowhere(site: Site, *finished: Finished) -> None:
    """Neither in what was said, nor in any file of the project, nor in the name of one."""
    for each in finished:
        assert traces(each.out.encode()) == [], each.out
        assert traces(each.err.encode()) == [], each.err
    for path in site.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert traces(path.read_bytes()) == [], path
        assert not path.is_relative_to(site.root / ".wavebuild") or traces(os.fsencode(path)) == [], path


@pytest.fixture
def project(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    site.write("say.py", SAY)
    site.write("work.py", WORK)
    site.write("remember.py", REMEMBER)
    site.write("in", "x")
    site.write("Wavefile", WAVEFILE)
    return site


@pytest.mark.scenario(id="X10")
def test_whatever_becomes_of_a_build(project: Site) -> None:
    """Steps that succeed, fail, are tried again, time out, raise, fail their checks; probes; all that can be asked."""
    log = project.home / "events"
    built = project.wavebuild("-k", "-v", "--explain", "-j2", "--events", str(log), "--set", f"x={CORE}")
    assert built.code == 2  # no such variable: the refusal names it, and shows what was typed
    built = project.wavebuild("-k", "-v", "--explain", "-j2", "--events", str(log), "--json")
    outcomes = {name: (step["outcome"], step["failure"]) for name, step in built.steps.items()}

    assert outcomes == {
        "good": ("succeeded", None),
        "bad": ("failed", "exit"),
        "late": ("failed", "timeout"),
        "called": ("failed", "exit"),
        "checked": ("failed", "check"),
        "remembers": ("failed", "memory"),
        "named": ("failed", "depfile"),
    }
    project.write("in", "y")
    assert_nowhere(project, built, *(project.wavebuild(*question) for question in QUESTIONS))
    assert traces(log.read_bytes()) == []
    assert "***" in built.err


@pytest.mark.scenario(id="X11")
@pytest.mark.parametrize("whom", ["all", "build", "worker"])
def test_whoever_is_killed_in_the_midst_of_it(whom: str, project: Site) -> None:
    """What is left behind half written holds none of it either, before and after it is cleared up."""
    run = "{{ python }} say.py; touch begun; sleep 60"
    project.write("Wavefile", f'secrets: [TOKEN, PRIVATE_KEY]\nsteps: {{a: {{outputs: a, run: "{run}"}}}}\n')
    process = project.start()
    assert eventually(lambda: (project.root / "begun").exists())
    if whom == "all":
        kill_marked(project.mark)
    else:
        workers = [pid for pid in alive(project.mark) if is_worker(pid)]
        os.kill(process.pid if whom == "build" else workers[0], signal.SIGKILL)
    out, err = process.communicate(timeout=SOON)

    assert_nowhere(project, Finished(process.returncode, out, err, 0.0))
    project.write("Wavefile", "secrets: [TOKEN, PRIVATE_KEY]\nsteps: {a: {outputs: a, run: touch a}}\n")
    assert_nowhere(project, project.build(), project.wavebuild("log", "a"), project.wavebuild("history"))


@pytest.mark.scenario(id="X10")
def test_no_process_of_ours_shows_it_in_its_command(project: Site) -> None:
    """Everybody on the machine can read the arguments of a process."""
    project.write("Wavefile", "secrets: [TOKEN, PRIVATE_KEY]\nsteps: {a: {run: 'touch begun; sleep 60'}}\n")
    process = project.start()
    assert eventually(lambda: (project.root / "begun").exists())
    shown: list[str] = []

    def all_are_there() -> bool:
        """The command, its worker and what the step runs by then; `touch` is about to end, or has."""
        shown[:] = filter(None, map(command_line, alive(project.mark)))
        return len(shown) >= 3 and any("sleep 60" in line for line in shown)

    assert eventually(all_are_there)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SOON)

    assert [traces(os.fsencode(each)) for each in shown if traces(os.fsencode(each))] == []


@pytest.mark.scenario(id="X11")
def test_a_command_line_that_holds_one_is_not_kept_as_it_was(project: Site) -> None:
    """A person may type it: the lock and the history show it masked."""
    project.write("Wavefile", "secrets: [TOKEN]\nmem: {x: 1}\nsteps: {a: {outputs: a, run: touch a}}\n")
    project.build("--mem", f"x={json.dumps(SECRET)}")

    assert_nowhere(project, project.wavebuild("history"), project.wavebuild("history", "--json"))


def test_a_command_that_one_was_typed_into_is_told_masked(project: Site) -> None:
    """On the screen, in the digest, the events, the timeline and the report."""
    project.write("Wavefile", "secrets: [TOKEN]\nvars: {v: x}\nsteps: {a: {outputs: a, run: 'true {{ v }}; exit 3'}}\n")
    files = ("--events", "e.jsonl", "--timeline", "t.json", "--report", "r.html")

    built = project.wavebuild("-v", "--set", f"v={SECRET}", *files)

    assert (built.code, "***" in built.err) == (1, True)
    told = [built.out, built.err, *(project.read(name) for name in files[1::2])]
    assert [traces(each.encode()) for each in told] == [[]] * 5


def test_a_variable_that_is_a_secret_of_any_step_is_no_input_of_another(project: Site) -> None:
    """Its digest would be in the trace."""
    project.write("Wavefile", 'steps:\n  a: {secrets: [TOKEN], run: ./a}\n  b: {inputs: "env:TOKEN", run: ./b}\n')
    refused = project.wavebuild()

    assert (refused.code, "'TOKEN' is a secret of another step" in refused.err) == (2, True)
    assert "Wavefile:3:" in refused.err


def test_what_a_step_says_on_the_terminal_is_its_own_business_and_not_kept(project: Site) -> None:
    """`console: true` goes straight to the terminal."""
    project.write(
        "Wavefile", "secrets: [TOKEN]\nsteps: {a: {outputs: a, console: true, run: 'echo \"$TOKEN\"; touch a'}}\n"
    )
    with terminal(project.argv(), project.root, project.environ) as screen:
        assert screen.finish() == 0

    assert_nowhere(project)
