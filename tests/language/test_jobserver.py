"""Jobs shared with makes below a build, and with the make above it: never more at once than were asked for."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.command import REPOSITORY, Site
from tests.support.processes import SOON, eventually, kill_marked
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.run.events import StepStarted
from wavebuild.run.jobserver import serve

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None and not os.environ.get("NO_SKIPS"), reason="there is no make here"
)

BUSY = "echo + >> $JOURNAL; sleep 0.05; echo - >> $JOURNAL"


def meeting(count: int, text: str = BUSY) -> str:
    """Who is busy stays so until so many have begun, however slowly they begin."""
    return text.replace("sleep 0.05", f"until test $(grep -c + $JOURNAL) -ge {count}; do sleep 0.02; done; sleep 0.05")


def many(meet: int = 1) -> str:
    """The file of a make with six rules."""
    return "many: 1 2 3 4 5 6\n1 2 3 4 5 6:\n\t@" + meeting(meet).replace("$", "$$") + "\n"


TAKE = """
import os
auth = os.environ["MAKEFLAGS"].split("--jobserver-auth=")[1]
path = auth[5:] if auth.startswith("fifo:") else "/proc/self/fd/" + auth.split(",")[0]
tokens = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
got = os.read(tokens, 9)
print(len(got))
os.write(os.open(path, os.O_WRONLY) if auth.startswith("fifo:") else int(auth.split(",")[1]), got)
"""


def peak(journal: Sequence[str]) -> int:
    """How many were busy at once."""
    now = most = 0
    for line in journal:
        now += {"+": 1, "-": -1}.get(line, 0)
        most = max(most, now)
    assert now == 0, journal
    return most


class TestBelow:
    TWO = """
    steps:
      a: {outputs: a.txt, run: make -f many.mk > a.txt}
      b: {outputs: b.txt, run: make -f many.mk > b.txt}
    """

    @pytest.mark.parametrize("jobs", [1, 2, 3])
    def test_makes_of_several_steps_share_the_jobs(self, shop: Workshop, jobs: int):
        """All are used, and never more, though two makes run under -j3."""
        shop.put("many.mk", many(min(jobs, 2)))
        shop.wavefile(self.TWO)
        built = shop.build(jobs=jobs)

        assert built.code == 0
        assert len(built.ran) == 24
        assert min(jobs, 2) <= peak(built.ran) <= jobs
        assert shop.build(jobs=jobs).ran == []

    def test_plain_steps_are_of_the_number(self, shop: Workshop):
        """A slot that a make uses is none for a step."""
        shop.put("many.mk", many(2))
        plain = "".join(f"  p{n}: {{outputs: p{n}, run: '{BUSY}; touch p{n}'}}\n" for n in range(4))
        shop.wavefile("steps:\n  a: {outputs: a.txt, run: make -f many.mk > a.txt}\n" + plain)
        built = shop.build(jobs=3)

        assert built.code == 0
        assert 2 <= peak(built.ran) <= 3

    def test_tokens_of_a_make_that_was_killed_are_not_lost(self, shop: Workshop):
        """It held them all; the next has them again."""
        shop.put("take.py", TAKE)
        shop.put("slow.mk", "all: x y z\nx y z:\n\ttouch $@.on; sleep 60\n")
        shop.wavefile(
            "steps:\n"
            "  before: {outputs: before, run: python3 take.py > before}\n"
            "  killed:\n"
            "    needs: before\n"
            "    resources: [turn]\n"
            "    run: |\n"
            "      make -f slow.mk &\n"
            "      until test -e x.on -a -e y.on -a -e z.on; do sleep 0.02; done\n"
            "      kill -KILL $!; exit 1\n"
            "  then: {needs: before, outputs: then, run: python3 take.py > then, resources: [turn]}\n"
        )
        built = shop.build(jobs=3, keep_going=True)

        assert built.outcomes == {"before": "succeeded", "killed": "failed", "then": "succeeded"}
        assert (shop.read("before"), shop.read("then")) == ("2\n", "2\n")

    def test_what_the_caller_says_to_make_is_passed_on(self, shop: Workshop):
        """All of it but the number of jobs; a step that says its own is left alone."""
        shop.setenv(MAKEFLAGS="s -j8 -- A=b")
        shop.wavefile(
            "steps:\n"
            "  a: {outputs: a, run: echo $MAKEFLAGS > a}\n"
            "  b: {outputs: b, env: {MAKEFLAGS: mine}, run: echo $MAKEFLAGS > b}\n"
        )
        shop.build(jobs=1)
        one = shop.read("a")
        shop.build(jobs=2, force=True)

        assert one == "s -j1 -- A=b\n"
        assert shop.read("a").startswith("s -j2 --jobserver-auth=")
        assert shop.read("a").endswith(" -- A=b\n")
        assert shop.read("b") == "mine\n"

    def test_the_number_of_jobs_is_no_reason_to_run(self, shop: Workshop):
        """What steps are told of it is not theirs."""
        shop.wavefile("steps:\n  a: {outputs: a, run: note a; touch a}\n")
        shop.settle(jobs=1)

        assert shop.build(jobs=3).ran == []

    @pytest.mark.parametrize("where", ["settings", "environment"])
    def test_it_can_be_turned_off(self, shop: Workshop, where: str):
        """Then makes go by themselves, with what the caller says to them."""
        shop.setenv(MAKEFLAGS="-s", **({"WAVEBUILD_JOBSERVER": "off"} if where == "environment" else {}))
        settings = "settings: {jobserver: off}\n" if where == "settings" else ""
        shop.wavefile(settings + "steps:\n  a: {outputs: a, run: echo $MAKEFLAGS > a}\n")
        shop.build(jobs=3)

        assert shop.read("a") == "-s\n"

    def test_a_fifo_is_there_while_the_build_runs(self, shop: Workshop):
        """For those who know it: any program below can take tokens by its path, whatever it inherits."""
        shop.put("take.py", TAKE)
        shop.wavefile("settings: {jobserver: fifo}\nsteps:\n  a: {outputs: a, run: python3 take.py > a}\n")
        built = shop.build(jobs=4)

        assert (built.code, shop.read("a")) == (0, "3\n")
        assert not (shop.root / ".wavebuild/jobserver").exists()

    def test_calls_and_checks_get_it_too(self, shop: Workshop):
        """A call may start a make as well as a script may."""
        shop.put("many.mk", many(2))
        shop.put("work.py", "import os\ndef go():\n    assert os.system('make -f many.mk > a.txt') == 0\n")
        shop.wavefile("steps:\n  a: {outputs: a.txt, call: 'work:go', checks: make -f many.mk}\n")
        built = shop.build(jobs=3)

        assert (built.code, len(built.ran)) == (0, 24)
        assert 2 <= peak(built.ran) <= 3

    def test_a_build_inside_a_step_of_another_root_shares(self, shop: Workshop, tmp_path: Path):
        """Two steps each build a project of three steps: together they keep to the jobs of the outer."""
        inner = "steps:\n" + "".join(f"  s{n}: {{run: '{BUSY}'}}\n" for n in range(3))
        command = f"env PYTHONPATH={shlex.quote(str(REPOSITORY))} {shlex.quote(sys.executable)} -m wavebuild -s"
        for name in "ab":
            (tmp_path / name).mkdir()
            (tmp_path / name / "Wavefile").write_text(inner)
        steps = "".join(f"  {name}: {{run: '{command} -C {tmp_path}/{name}'}}\n" for name in "ab")
        shop.wavefile("steps:\n" + steps)
        built = shop.build(jobs=2)

        assert (built.code, len(built.ran)) == (0, 12)
        assert peak(built.ran) <= 2


class TestAbove:
    """A pipe stands for the make above: afterwards every token must be in it again."""

    FOUR = "steps:\n" + "".join(f"  s{n}: {{outputs: s{n}, run: '{BUSY}; touch s{n}'}}\n" for n in range(4))

    @pytest.fixture
    def pipe(self, shop: Workshop) -> Iterator[int]:
        tokens = serve(3)
        shop.setenv(MAKEFLAGS=f" -j3 --jobserver-auth={tokens.auth}")
        yield tokens.ours[0]
        tokens.close()

    @staticmethod
    def left(pipe: int) -> bytes:
        os.set_blocking(pipe, False)
        return os.read(pipe, 99)

    def test_it_takes_a_token_for_each_job_but_the_first(self, shop: Workshop, pipe: int):
        """Make said -j3: three run at once."""
        shop.wavefile(meeting(3, self.FOUR))
        built = shop.build(jobs=None)

        assert (built.code, built.result.jobs, built.most_at_once) == (0, 3, 3)
        assert engine.plan(shop.request(jobs=None)).jobs == 3
        assert self.left(pipe) == b"++"

    def test_where_others_have_the_tokens_it_goes_on_with_its_own(self, shop: Workshop, pipe: int):
        """One job is its by right."""
        os.read(pipe, 2)
        shop.wavefile(self.FOUR)
        built = shop.build(jobs=None)

        assert (built.code, built.most_at_once) == (0, 1)

    def test_a_token_that_becomes_free_is_used_at_once(self, shop: Workshop, pipe: int):
        """It waits for that as well as for its own jobs."""
        write = int(dict(shop.request().environ)["MAKEFLAGS"].split(",")[-1])
        taken = os.read(pipe, 2)
        shop.wavefile(
            "steps:\n"
            "  first: {run: 'for i in $(seq 600); do test -e ../second && exit; sleep 0.1; done; exit 1'}\n"
            "  second: {run: touch ../second}\n"
        )

        def release(event: object) -> None:
            if isinstance(event, StepStarted) and event.step == "first":
                os.write(write, taken)

        assert shop.build(jobs=None, meanwhile=release).code == 0
        assert self.left(pipe) == b"++"

    def test_the_project_may_ask_for_fewer(self, shop: Workshop, pipe: int):
        """``settings.jobs`` is a limit then."""
        shop.wavefile("settings: {jobs: 2}\n" + meeting(2, self.FOUR))

        assert shop.build(jobs=None).most_at_once == 2

    def test_after_a_failure_all_are_back(self, shop: Workshop, pipe: int):
        """Whatever way it ends."""
        shop.wavefile("steps:\n  bad: {run: 'sleep 0.1; exit 3'}\n  a: {run: sleep 0.2}\n  b: {run: sleep 0.2}\n")

        assert shop.build(jobs=None).code == 1
        assert self.left(pipe) == b"++"

    def test_after_ctrl_c_all_are_back(self, shop: Workshop, pipe: int):
        """They would be missing for the rest of what make does."""
        shop.wavefile("steps:\n  a: {run: sleep 60}\n  b: {run: sleep 60}\n  c: {run: sleep 60}\n")

        def press(event: object) -> None:
            if isinstance(event, StepStarted) and event.step == "c":
                os.kill(os.getpid(), signal.SIGINT)

        assert shop.build(jobs=None, meanwhile=press).code == 130
        assert self.left(pipe) == b"++"

    def test_after_a_bug_of_ours_all_are_back(self, shop: Workshop, pipe: int):
        """An exception on its way out passes who gives them back."""
        shop.wavefile(self.FOUR)

        def fail(event: object) -> None:
            if isinstance(event, StepStarted) and event.step == "s2":
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            shop.build(jobs=None, meanwhile=fail)
        assert self.left(pipe) == b"++"

    def test_an_own_number_wins_and_is_said(self, shop: Workshop, pipe: int):
        """As in a make below a make: then there are jobs of its own."""
        shop.wavefile(meeting(4, self.FOUR))
        built = shop.build(jobs=4)

        assert built.most_at_once == 4
        assert "-j4 is given: the jobs of the make that runs this are not shared" in built.notices
        assert self.left(pipe) == b"++"

    def test_what_is_not_to_be_had_is_said_once_and_one_job_runs_at_a_time(self, shop: Workshop):
        """As make does where the + is missing."""
        shop.setenv(MAKEFLAGS=" -j3 --jobserver-auth=998,999")
        shop.wavefile(self.FOUR)
        built = shop.build(jobs=None)

        assert (built.code, built.most_at_once) == (0, 1)
        assert built.notices.count("using -j1 (put + before the command in its rule, or give -j)") == 1

    def test_under_another_wavebuild_it_says_what_to_do_there(self, shop: Workshop):
        """A program between the two may have closed what it inherited."""
        shop.setenv(MAKEFLAGS="-j3 --jobserver-auth=998,999", WAVEBUILD_STEP="outer")
        shop.wavefile(self.FOUR)

        assert "jobs of the wavebuild that runs this cannot be shared: using -j1" in shop.build(jobs=None).notices
        assert "`settings: {jobserver: fifo}`" in shop.build(jobs=None, force=True).notices

    def test_a_make_of_one_job_is_obeyed(self, shop: Workshop):
        """``make -j1`` has no tokens to share."""
        shop.setenv(MAKEFLAGS=" -j1")
        shop.wavefile(self.FOUR)
        built = shop.build(jobs=None)

        assert (built.result.jobs, built.notices) == (1, "")

    def test_a_build_with_nothing_to_do_touches_no_token(self, shop: Workshop, pipe: int):
        """Nor says a word."""
        shop.wavefile(self.FOUR)
        shop.settle(jobs=1)
        built = engine.build(shop.request(jobs=None), lambda event: None)

        assert built.nothing_to_do
        assert self.left(pipe) == b"++"


class TestRealMake:
    """Make itself counts its tokens when it ends, and says if one is missing."""

    @pytest.fixture
    def site(self, tmp_path: Path) -> Iterator[Site]:
        site = Site(tmp_path)
        yield site
        left = not site.nothing_alive()
        kill_marked(site.mark)
        assert not left, "a process outlived the test"

    def make(self, site: Site, plus: str, steps: str = TestAbove.FOUR) -> subprocess.Popen[str]:
        site.write("Wavefile", steps)
        command = f"{plus}@{shlex.quote(sys.executable)} -m wavebuild"
        site.write("Makefile", f"all: ours theirs\nours:\n\t{command}\ntheirs:\n\t@{BUSY.replace('$', '$$')}\n")
        return subprocess.Popen(
            ["make", "-j3"], cwd=site.root, env=site.environ, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def test_a_rule_with_a_plus_shares(self, site: Site):
        """Its own recipes and our steps are three at most."""
        with self.make(site, "+") as process:
            said, _ = process.communicate(timeout=SOON)

        assert process.returncode == 0, said
        assert peak(site.ran()) <= 3
        assert "INTERNAL" not in said
        assert "-j1" not in said

    def test_a_rule_without_one_is_told_what_it_lacks(self, site: Site):
        """And gets one job."""
        with self.make(site, "") as process:
            said, _ = process.communicate(timeout=SOON)

        assert process.returncode == 0, said
        assert peak(site.ran()) <= 2, "one of ours, one of make's"
        assert "using -j1 (put + before" in said

    def test_ctrl_c_leaves_make_its_tokens(self, site: Site):
        """Both get the signal; nothing is left, and make misses nothing."""
        long = TestAbove.FOUR.replace("sleep 0.05", "sleep 60")
        with self.make(site, "+", long) as process:
            assert eventually(lambda: site.journal.exists() and site.journal.read_text().count("+") > 2)
            os.killpg(process.pid, signal.SIGINT)
            said, _ = process.communicate(timeout=SOON)

        assert process.returncode != 0
        assert "INTERNAL" not in said
