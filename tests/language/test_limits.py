"""`limits`: what a step may take, told when it took more, and no part of what makes it stale."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError


def test_who_says_too_much_is_ended_and_the_log_is_cut(shop: Workshop):
    """The step fails with the limit in the sentence; the log holds as much as is allowed, and no more."""
    shop.wavefile("steps: {a: {outputs: a, run: touch a; yes, limits: {output: 10K}}}")

    settled = shop.build().steps["a"]

    assert (settled.outcome.value, settled.failure) == ("failed", "output limit")
    assert "more than 10K" in settled.detail
    assert settled.log
    assert os.path.getsize(shop.root / settled.log) == 10240
    assert not (shop.root / "a").exists()


def test_who_says_too_much_and_is_done_before_anyone_looks_has_failed_too(shop: Workshop):
    """It does not depend on who is faster."""
    shop.wavefile("steps: {a: {outputs: a, run: 'head -c 20000 /dev/zero; touch a', limits: {output: 10K}}}")

    assert shop.build().steps["a"].failure == "output limit"


def test_as_much_as_the_limit_may_be_said(shop: Workshop):
    """The limit is for all commands of a step together."""
    twice = "['head -c 5120 /dev/zero', 'head -c 5120 /dev/zero; touch a']"
    shop.wavefile(f"steps: {{a: {{outputs: a, run: {twice}, limits: {{output: 10K}}}}}}")

    assert shop.build().code == 0


def test_a_step_gets_no_more_memory_than_its_limit(shop: Workshop):
    """Each of its processes; what failed for want of memory is said to have a limit."""
    shop.wavefile(
        """
        defaults: {limits: {memory: 300M}}
        steps:
          big: {outputs: big, run: "{{ python }} -c 'x = bytearray(400 << 20)'; touch big"}
          small: {outputs: small, run: "{{ python }} -c 'x = bytearray(1 << 20)'; touch small"}
          roomy: {outputs: roomy, limits: {memory: 2G}, run: "{{ python }} -c 'x = bytearray(400 << 20)'; touch roomy"}
        """
    )

    built = shop.build(keep_going=True)

    assert built.outcomes == {"big": "failed", "small": "succeeded", "roomy": "succeeded"}
    assert "300M of memory (limits.memory)" in built.steps["big"].detail


def test_a_limit_never_lifts_that_of_the_caller(tmp_path: Path):
    """The lower counts; a limit above what the system allows is no reason to fail."""
    site = Site(tmp_path)
    site.write("Wavefile", "steps: {a: {outputs: a, limits: {memory: 100G}, run: ulimit -v > a}}")

    done = subprocess.run(
        ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", *site.argv()], cwd=site.root, env=site.environ, check=False
    )

    assert done.returncode == 0
    assert (site.root / "a").read_text() == "4000000\n"


def test_a_call_has_its_limits_and_the_next_has_none(shop: Workshop):
    """A call is a fork of a worker, which keeps all it needs."""
    shop.put("work.py", "def take(outputs):\n    x = bytearray(900 << 20)\n    open(outputs[0], 'w').close()\n")
    shop.wavefile(
        """
        steps:
          held: {outputs: held, call: "work:take", limits: {memory: 600M}}
          free: {outputs: free, call: "work:take"}
        """
    )

    built = shop.build(keep_going=True)

    assert built.outcomes == {"held": "failed", "free": "succeeded"}
    assert any("MemoryError" in line for line in built.steps["held"].tail)


def test_what_a_call_says_is_counted(shop: Workshop):
    """Also while its module is imported."""
    shop.put("work.py", "print('x' * 100_000)\ndef take(outputs):\n    open(outputs[0], 'w').close()\n")
    shop.wavefile("steps: {a: {outputs: a, call: 'work:take', limits: {output: 50K}}}")

    assert shop.build().steps["a"].failure == "output limit"


def test_limits_are_merged_by_key_and_are_no_reason_to_run(shop: Workshop):
    """A step's own over its category's, those over the defaults'; a changed limit changes nothing that was made."""
    text = """
        defaults: {limits: {output: 1K, memory: 4G}}
        categories: {loud: {limits: {output: OUTPUT}}}
        steps: {a: {category: loud, outputs: a, run: "note a; head -c 2000 /dev/zero; touch a"}}
        """
    shop.wavefile(text.replace("OUTPUT", "3K"))
    shop.settle()

    shop.wavefile(text.replace("OUTPUT", "1G"))

    assert shop.plan() == {"a": "FRESH"}
    assert not shop.stale()
    assert shop.build().ran == []


def test_a_limit_holds_for_the_checks_of_a_step_too(shop: Workshop):
    """They share the log."""
    shop.wavefile("steps: {a: {outputs: a, run: touch a, checks: yes, limits: {output: 10K}}}")

    assert shop.build().steps["a"].failure == "output limit"


def test_after_the_limit_is_raised_the_step_runs_again(shop: Workshop):
    """A failure is not fresh, whatever was the cause."""
    text = "steps: {a: {outputs: a, run: 'note a; head -c 2000 /dev/zero; touch a', limits: {output: 1K}}}"
    shop.wavefile(text)
    assert shop.build().code == 1

    shop.wavefile(text.replace("1K", "2K"))

    assert shop.build().ran == ["a"]


def test_a_kill_from_outside_names_the_likely_cause(shop: Workshop):
    """SIGKILL, of the step or of a command of its shell, is most often the system's when memory runs out."""
    shop.wavefile(
        "steps: {a: {run: 'kill -9 $$'}, b: {run: \"sh -c 'kill -9 $$$$'\"}, c: {run: exit 3}}".replace("$$$$", "$$")
    )

    built = shop.build(keep_going=True)

    assert "memory" in built.steps["a"].detail
    assert "memory" in built.steps["b"].detail
    assert built.steps["c"].detail == ""


@pytest.mark.parametrize(
    ("written", "bytes_"),
    [("1K", 1024), ("2G", 2 << 30), ("1.5M", 3 << 19), ("10KiB", 10240), ("1T", 1 << 40)],
)
def test_sizes_are_powers_of_1024(shop: Workshop, written: str, bytes_: int):
    """As ulimit and containers count."""
    from wavebuild.declare import load

    shop.wavefile(f"steps: {{a: {{run: make, limits: {{memory: {written}}}}}}}")

    assert load(str(shop.root / "Wavefile"), environ={}).steps[0].limits.memory == bytes_


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("{memory: 100}", "a number needs its unit: 100M or 100G"),
        ("{memory: 2gb}", "write 2G"),
        ("{memory: 2 MiB}", "write 2M"),
        ("{memory: lots}", "expected a size, found 'lots'"),
        ("{output: 0K}", "expected more than no bytes"),
        ("{ram: 2G}", "unknown key 'ram' in limits"),
        ("2G", "expected the keys of limits, found '2G'"),
    ],
)
def test_what_is_wrong_with_a_limit_is_said_with_its_place(shop: Workshop, limits: str, said: str):
    """Before anything runs."""
    shop.wavefile(f"steps:\n  a: {{run: note a, limits: {limits}}}\n")

    with pytest.raises(WavebuildError, match=re.escape(said)) as raised:
        shop.build()

    assert "Wavefile:2:" in str(raised.value)
    assert raised.value.exit_code == 2
    assert shop.ran() == []


def test_limits_of_what_runs_nothing_are_refused(shop: Workshop):
    """A step that a person makes takes nothing of ours."""
    shop.wavefile("steps: {a: {outputs: a, manual: make it, limits: {output: 1K}}}")

    with pytest.raises(WavebuildError, match="no meaning"):
        shop.build()
