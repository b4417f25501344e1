"""`console: true`: a step owns the terminal while it runs, and leaves it as it was."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.support.command import Site
from tests.support.processes import alive, eventually, is_worker
from tests.support.terminal import terminal

pytestmark = pytest.mark.long

ASKS = 'echo "your name?"; read name; echo "hello $name"; echo "$name" > out'


def on_terminal(site: Site, *arguments: str):
    return terminal(site.argv(*arguments), site.root, site.environ)


def test_it_asks_and_is_answered(site: Site) -> None:
    """Its input, output and errors are the terminal's; nothing of it is logged."""
    site.write("Wavefile", f"steps: {{ask: {{outputs: out, console: true, run: '{ASKS}; echo told >&2'}}}}\n")
    with on_terminal(site) as screen:
        screen.wait_for("your name?")
        screen.type("Ada\n")
        assert screen.finish() == 0, screen.shown

    assert "hello Ada\r\ntold\r\n" in screen.shown
    assert site.read("out") == "Ada\n"
    assert not list(site.root.glob(".wavebuild/logs/*/ask*"))
    assert site.wavebuild("-q").code == 0


def test_it_has_the_terminal_as_programs_that_ask_for_passwords_want_it(site: Site) -> None:
    """/dev/tty is it, and the step is in its foreground."""
    program = (
        "import os\nwith open('/dev/tty') as t: print('fore', os.tcgetpgrp(t.fileno()) == os.getpgrp(), os.isatty(0))\n"
    )
    site.write("ask.py", program)
    site.write("Wavefile", 'steps: {ask: {console: true, run: "{{ python }} ask.py"}}\n')
    with on_terminal(site) as screen:
        assert screen.finish() == 0, screen.shown

    assert "fore True True" in screen.shown


def test_a_call_may_own_it_too(site: Site) -> None:
    """A prompt in Python."""
    site.write("work.py", "def ask(outputs):\n    open(outputs[0], 'w').write(input('your name? '))\n")
    site.write("Wavefile", "steps: {ask: {outputs: out, console: true, call: 'work:ask'}}\n")
    with on_terminal(site) as screen:
        screen.wait_for("your name?")
        screen.type("Ada\n")
        assert screen.finish() == 0, screen.shown

    assert site.read("out") == "Ada"


def test_the_screen_is_quiet_meanwhile_and_says_the_rest_afterwards(site: Site) -> None:
    """What other steps tell waits; they themselves do not."""
    site.write(
        "Wavefile",
        f"""
steps:
  ask: {{outputs: out, console: true, run: '{ASKS}'}}
  other: {{outputs: other, run: 'until test -e begun; do sleep 0.02; done; echo loud; touch other'}}
  third: {{inputs: other, outputs: third, run: 'touch third'}}
""",
    )
    with on_terminal(site, "-j2", "-v") as screen:
        screen.wait_for("\nyour name?\r\n")
        before = len(screen.shown)
        site.write("begun", "")
        assert eventually(lambda: (site.root / "third").exists())
        time.sleep(0.2)
        screen.read(0.1)
        assert screen.shown[before:].strip() == ""
        screen.type("Ada\n")
        assert screen.finish() == 0, screen.shown

    said = screen.shown[before:]
    assert said.index("hello Ada") < said.index("loud") < said.index("third")


def test_only_one_step_owns_it_at_a_time(site: Site) -> None:
    """As if it were a resource of which there is one."""
    step = "console: true, run: 'mkdir one; sleep 0.2; rmdir one'"
    site.write("Wavefile", f"steps: {{a: {{{step}}}, b: {{{step}}}, c: {{{step}}}}}\n")
    with on_terminal(site, "-j3") as screen:
        assert screen.finish() == 0, screen.shown


@pytest.mark.scenario(id="P10")
def test_modes_of_the_terminal_are_put_back(site: Site) -> None:
    """Also if the step fails in the midst of it, and if its worker is killed."""
    site.write(
        "Wavefile",
        "steps:\n  a: {console: true, run: 'stty raw -echo; exit 1'}\n"
        "  b: {console: true, run: 'stty raw -echo; kill -9 $PPID; sleep 9'}\n",
    )
    with on_terminal(site, "-k") as screen:
        assert screen.echoes
        assert screen.finish() == 1, screen.shown
        assert screen.echoes


def test_ctrl_c_reaches_the_step_once_and_the_build(site: Site) -> None:
    """The step may end in its own way within the grace time; the build ends with 130."""
    site.write("step.sh", "trap 'echo caught >> count; exit 3' INT; echo begun; while :; do sleep 0.05; done\n")
    site.write("Wavefile", "steps: {a: {outputs: out, console: true, run: exec bash step.sh}}\n")
    with on_terminal(site) as screen:
        screen.wait_for("begun")
        screen.type("\x03")
        assert screen.finish() == 130, screen.shown

    assert site.read("count") == "caught\n"
    assert site.nothing_alive()


def test_a_step_that_ctrl_c_ends_at_once_was_interrupted_and_has_not_failed(site: Site) -> None:
    """The terminal tells it before we can: what it made before is fresh still."""
    site.write("step.sh", "touch out; test ! -e slow || { echo begun; exec sleep 60; }\n")
    site.write("Wavefile", "steps: {a: {outputs: out, console: true, run: exec sh step.sh}}\n")
    with on_terminal(site) as screen:
        assert screen.finish() == 0, screen.shown
    site.write("slow", "")
    with on_terminal(site, "-B") as screen:
        screen.wait_for("begun")
        screen.type("\x03")
        assert screen.finish() == 130, screen.shown

    assert "interrupted 1" in screen.shown
    assert site.wavebuild("-q").code == 0


def test_who_is_deaf_to_ctrl_c_is_ended_after_the_grace_time_and_at_once_by_a_second(site: Site) -> None:
    """With all that it has started, though it is in the group of the build."""
    site.write(
        "Wavefile",
        'steps: {a: {console: true, run: \'trap "" INT TERM; echo begun; bash -c "sleep 60; :"; sleep 60\'}}\n',
    )
    site.grace = 0.5
    with on_terminal(site) as screen:
        screen.wait_for("begun")
        screen.type("\x03")
        assert screen.finish() == 130, screen.shown
    assert site.nothing_alive()

    site.grace = 1000.0
    with on_terminal(site) as screen:
        screen.wait_for("begun")
        screen.type("\x03")
        time.sleep(0.3)
        screen.type("\x03")
        assert screen.finish() == 130, screen.shown
    assert site.nothing_alive()


def test_a_timeout_ends_it(site: Site) -> None:
    """A question that nobody answers."""
    site.write("Wavefile", "steps: {a: {console: true, timeout: 0.5s, run: 'bash -c \"read x; :\"; :'}}\n")
    with on_terminal(site) as screen:
        assert screen.finish() == 1, screen.shown

    assert "timeout" in screen.shown
    assert site.nothing_alive()


def test_after_a_kill_of_build_and_worker_the_next_build_ends_it(site: Site) -> None:
    """It is in no group of its own: it is known by its number, and what it started by the run."""
    site.write("in", "hide")
    site.write(
        "Wavefile",
        "steps: {a: {inputs: in, outputs: out, console: true,"
        " run: 'if grep -q hide in; then echo begun; (sleep 61; :); fi; cp in out'}}\n",
    )
    with on_terminal(site) as screen:
        screen.wait_for("begun")
        pids = alive(site.mark)
        os.kill(screen.process, signal.SIGSTOP)
        for pid in pids:
            if pid != screen.process and is_worker(pid):
                os.kill(pid, signal.SIGKILL)
        os.kill(screen.process, signal.SIGKILL)
        os.waitpid(screen.process, 0)
        screen.code = -9
        site.write("in", "second")
        site.build()

    assert site.read("out") == "second"
    assert site.nothing_alive()


@pytest.mark.scenario(id="P10")
def test_without_a_terminal_it_has_no_input_and_a_log(site: Site) -> None:
    """In CI, under a pipe, in the background."""
    site.write("Wavefile", "steps: {ask: {outputs: out, console: true, run: 'echo asked; cat > out'}}\n")
    built = site.build("--json")

    log = json.loads(built.out)["steps"]["ask"]["log"]
    assert site.read(log) == "asked\n"
    assert site.read("out") == ""


@pytest.mark.parametrize("key", ["manual: fetch it, outputs: a", "checks: 'true'"])
def test_what_runs_nothing_of_its_own_cannot_own_it(key: str, site: Site) -> None:
    """Checks go to the log, and a person needs no terminal of ours."""
    site.write("Wavefile", f"steps: {{a: {{console: true, {key}}}}}\n")
    refused = site.wavebuild()

    assert (refused.code, "'console' has no meaning without run or call" in refused.err) == (2, True)


def test_whether_a_step_owns_the_terminal_is_no_reason_to_run(site: Site) -> None:
    """It makes the same."""
    site.write("Wavefile", "steps: {a: {outputs: a, run: 'touch a'}}\n")
    site.build()
    site.write("Wavefile", "steps: {a: {outputs: a, console: true, run: 'touch a'}}\n")

    assert site.wavebuild("-q").code == 0
