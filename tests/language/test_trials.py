"""``check --race`` and ``check --twice``: steps tried in a copy, and the project as it was."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.language.test_audit import needs_strace, without_strace
from tests.support.command import snapshot
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine import Trial
from wavebuild.errors import WavebuildError

pytestmark = pytest.mark.long


def race(shop: Workshop, **facts: object) -> Trial:
    return engine.race(shop.request(**facts), lambda line: None)


def twice(shop: Workshop, step: str, **facts: object) -> Trial:
    return engine.twice(shop.request(**facts), step, lambda line: None)


def messages(trial: Trial) -> list[str]:
    return [problem.message for problem in trial.problems]


def tree(root: Path) -> object:
    return snapshot(root, without=(".wavebuild",))


LUCKY = """
steps:
  one: {inputs: src, outputs: made/one, run: "note one; cp src made/one"}
  two: {inputs: src, outputs: made/two, run: "note two; cat src made/one > made/two"}
  three: {inputs: made/two, outputs: made/three, run: "note three; cp made/two made/three"}
"""


class TestRace:
    @pytest.fixture
    def lucky(self, shop: Workshop) -> Workshop:
        shop.write(src="1")
        shop.wavefile(LUCKY)
        return shop

    @needs_strace
    def test_a_missing_edge_is_found_with_both_steps_and_the_file(self, lucky: Workshop):
        """In the order of the file it works; the lines to add are given."""
        (problem,) = race(lucky).problems

        assert problem.message == "two reads made/one, which one makes, but does not wait for one"
        assert (problem.code, problem.severity, problem.place and problem.place.line) == ("race", "error", 4)
        assert "it failed: exit 1, cat: made/one: No such file or directory" in problem.remedy
        assert problem.remedy.endswith("add to the inputs of two:\n  - made/one")

    def test_it_is_found_without_strace_too_by_what_the_order_changes(self, lucky: Workshop):
        """Then the file is a guess: something that the earlier step makes."""
        without_strace(lucky)
        (problem,) = race(lucky).problems

        assert problem.message == (
            "two depends on the order of steps: it reads what one makes (perhaps made/one), and does not wait for it"
        )
        assert "it failed" in problem.remedy

    def test_with_the_edge_there_is_nothing_to_be_found(self, lucky: Workshop):
        """Each free pair has come first either way, and several steps ran at once."""
        lucky.wavefile(LUCKY.replace("two: {inputs: src", "two: {inputs: [src, made/one]"))
        trial = race(lucky)

        assert (trial.problems, trial.builds, trial.steps, trial.pairs) == ((), 2, 3, 0)

    def test_the_project_and_its_state_are_as_they_were(self, lucky: Workshop):
        """Nothing ran there: not before, where all was stale, nor after it was built."""
        before = tree(lucky.root)
        race(lucky)
        untouched = tree(lucky.root)
        lucky.ran()
        built = lucky.build().ran
        after = tree(lucky.root)
        race(lucky)
        lucky.ran()

        assert (untouched, built) == (before, ["one", "two", "three"])
        assert tree(lucky.root) == after
        assert lucky.build().ran == []
        assert not (lucky.root / ".wavebuild/trials").exists()

    @needs_strace
    def test_a_file_that_nobody_declares_is_found(self, shop: Workshop):
        """One step writes it, another looks whether it is there: no step fails, and what is made differs."""
        shop.wavefile("""
            steps:
              a: {outputs: o/a, run: "echo > o/a; echo side > side.txt"}
              b: {outputs: o/b, run: "cat side.txt > o/b || echo none > o/b"}
        """)
        trial = race(shop)

        assert messages(trial) == ["b reads side.txt, which a writes without declaring it, but does not wait for a"]
        assert "it made another o/b" in trial.problems[0].remedy

    @needs_strace
    def test_two_steps_that_write_the_same_file_are_found(self, shop: Workshop):
        """Also where the result is always the same."""
        shop.wavefile("""
            steps:
              a: {outputs: o/a, run: "echo > o/a; echo > common"}
              b: {outputs: o/b, run: "echo > o/b; echo > common"}
        """)

        assert messages(race(shop)) == ["a and b both write common, and do not wait for each other"]

    @needs_strace
    def test_those_that_share_a_resource_share_a_file_knowingly(self, shop: Workshop):
        """They are told in one line, however many, and that is a warning."""
        steps = "".join(
            f"  s{n}: {{outputs: o/{n}, resources: [base], run: 'echo > o/{n}; echo > common'}}\n" for n in range(4)
        )
        shop.wavefile("steps:\n" + steps)
        (problem,) = race(shop).problems

        assert problem.message == "4 steps (s0, s1, s2, …) write common, and do not wait for each other"
        assert problem.severity == "warning"

    def test_what_is_never_the_same_is_not_taken_for_a_race(self, shop: Workshop):
        """It is said that of this step nothing can be told; that alone is no failure."""
        shop.wavefile("steps: {a: {outputs: o/a, run: 'date +%N > o/a'}, b: {outputs: o/b, run: 'echo > o/b'}}")
        trial = race(shop)

        assert [(problem.code, problem.severity) for problem in trial.problems] == [("not-deterministic", "warning")]

    def test_a_build_that_fails_in_any_order_is_told_as_it_is(self, shop: Workshop):
        """No race can be found while a step fails."""
        shop.wavefile("steps: {a: {outputs: o, run: 'echo woe >&2; exit 3'}, b: {outputs: p, run: 'echo > p'}}")
        trial = race(shop)

        assert messages(trial) == ["a fails in a copy of the project that is built from nothing: exit 3, woe"]

    @needs_strace
    @pytest.mark.scenario(id="G7")
    def test_a_planted_edge_is_found_in_any_pipeline(self, shop: Workshop):
        """G7: in random graphs one declared input is taken out; it is found by name, with at most 20 builds."""
        for seed in range(3):
            chance = random.Random(seed)
            shop.write(src="1")
            size = 6
            upstream = [sorted(chance.sample(range(n), min(n, chance.randint(0, 2)))) for n in range(size)]
            reader = chance.choice([n for n in range(size) if upstream[n]])
            maker = chance.choice(upstream[reader])
            if maker in {up for other in upstream[reader] if other != maker for up in _ancestors(upstream, other)}:
                continue  # another path joins them still
            lines = []
            for number, above in enumerate(upstream):
                read = " ".join(f"o/{other}" for other in above)
                declared = [f"o/{other}" for other in above if (number, other) != (reader, maker)]
                declared_text = ", ".join(["src", *declared])
                lines.append(
                    f"  s{number}: {{inputs: [{declared_text}], outputs: o/{number}, run: cat src {read} > o/{number}}}"
                )
            shop.wavefile("steps:\n" + "\n".join(lines))
            trial = race(shop)

            assert trial.builds <= 20
            assert f"s{reader} reads o/{maker}, which s{maker} makes, but does not wait for s{maker}" in messages(trial)

    def test_steps_that_take_turns_with_a_file_keep_their_order(self, shop: Workshop):
        """Their turns are those of the plan, whatever order is wanted: no pair of them is said to have been turned."""
        shop.write(log="")
        shop.wavefile("""
            steps:
              a: {updates: log, run: "echo a >> log"}
              b: {updates: log, run: "echo b >> log"}
              r: {inputs: log, outputs: o, run: "cp log o"}
        """)

        assert (race(shop).problems, race(shop).pairs) == ((), 0)

    def test_outputs_out_of_the_root_are_refused(self, shop: Workshop):
        """A copy would write there as well."""
        out = shop.home / "out"
        out.mkdir()
        shop.wavefile(
            f"settings: {{outside: [{out}]}}\nsteps: {{a: {{outputs: {out}/x, run: 'note a; echo > {out}/x'}}}}"
        )
        with pytest.raises(WavebuildError, match="would not keep it apart"):
            race(shop, allow_outside=True)

        assert shop.ran() == []

    def test_a_step_that_goes_astray_into_the_project_is_told(self, shop: Workshop):
        """By a path that is not relative to its root; where it can be seen, that is all that can be done."""
        shop.wavefile(f"steps: {{a: {{outputs: o, run: 'echo > o; echo >> {shop.root}/strange'}}}}")
        trial = race(shop)

        assert trial.problems[-1].code == "astray"
        assert trial.problems[-1].message.endswith(": strange")

    def test_what_a_person_placed_and_what_was_frozen_stays(self, shop: Workshop):
        """They are no work of steps; what lies in a state folder elsewhere is left alone too."""
        shop.setenv(WAVEBUILD_STATE_DIR=str(shop.home / "states"))
        shop.write(placed="1", old="2")
        shop.wavefile("""
            steps:
              m: {manual: place it, outputs: placed}
              f: {outputs: old, frozen: true, run: "exit 1"}
              r: {inputs: [placed, old], outputs: o, run: "note r; cat placed old > o"}
        """)
        assert shop.build().code == 0
        before = snapshot(shop.home / "states")
        trial = race(shop)

        assert (trial.problems, shop.ran()) == ((), ["r"] * trial.builds)
        assert snapshot(shop.home / "states") == before

    def test_lists_that_steps_make_are_known_after_the_first_build(self, shop: Workshop):
        """Their instances are ordered like any other step."""
        shop.wavefile("""
            steps:
              list: {outputs: l.csv, run: "echo x > l.csv; echo a >> l.csv; echo b >> l.csv"}
              each: {foreach: {x: {path: l.csv, column: x}}, outputs: "o/{{ x }}", run: "echo > o/{{ x }}"}
        """)
        trial = race(shop)

        assert (trial.problems, trial.steps, trial.pairs) == ((), 3, 1)


def _ancestors(upstream: list[list[int]], number: int) -> set[int]:
    return {number}.union(*(_ancestors(upstream, other) for other in upstream[number]))


class TestTwice:
    def test_a_step_that_makes_the_same_again_passes(self, shop: Workshop):
        """It ran twice, in the copy alone; the project is as it was."""
        shop.write(a="1")
        shop.wavefile("steps: {s: {inputs: a, outputs: [o, d/], run: 'note s; cp a o; cp a d/x'}}")
        shop.settle()
        before = tree(shop.root)
        trial = twice(shop, "s")

        assert (trial.problems, shop.ran(), tree(shop.root)) == ((), ["s", "s"], before)
        assert shop.build().ran == []
        assert not (shop.root / ".wavebuild/trials").exists()

    @pytest.mark.parametrize(
        ("command", "where", "hint"),
        [
            ("printf 'same\\n%s\\n' $(date +%Y-%m-%dT%H:%M:%S.%N) > o", "line 2", "SOURCE_DATE_EPOCH"),
            ("cat /proc/sys/kernel/random/uuid > o", "line 1", "WAVEBUILD_SEED"),
            (
                "if test -e $MARK; then printf 'b\\na\\n'; else printf 'a\\nb\\n'; touch $MARK; fi > o",
                "line 1",
                "order",
            ),
            ("head -c 4000 /dev/urandom > o", "of 4000 and 4000", ""),
        ],
    )
    def test_what_differs_is_told_with_what_it_may_come_from(self, shop: Workshop, command: str, where: str, hint: str):
        """The first place at which the two part."""
        shop.setenv(MARK=str(shop.home / "mark"))
        shop.wavefile(f"steps:\n  s:\n    outputs: o\n    run: |\n      {command}\n")
        (problem,) = twice(shop, "s").problems

        assert (problem.code, problem.severity) == ("differs", "error")
        assert problem.message.startswith("s made another o the second time: ")
        assert where in problem.message
        assert hint in problem.remedy

    def test_a_member_made_once_only_and_another_permission_and_link_differ_too(self, shop: Workshop):
        """Directories by their members."""
        shop.setenv(MARK=str(shop.home / "mark"))
        shop.wavefile("""
            steps:
              s:
                outputs: [d/, e]
                run: |
                  echo > d/always; echo > e; ln -s always d/link
                  if test -e $MARK; then chmod +x e; ln -sf other d/link; else touch $MARK; echo > d/once; fi
        """)

        assert messages(twice(shop, "s")) == [
            "s made d/link a link to 'always', then to 'other'",
            "s made d/once the first time only",
            "s made e with other permissions the second time",
        ]

    def test_what_its_digest_does_not_count_is_a_warning(self, shop: Workshop):
        """Nothing downstream runs again for it."""
        shop.setenv(MARK=str(shop.home / "mark"))
        script = "if test -e $MARK; then echo '{\"a\": 1}'; else echo '{\"a\":1}'; touch $MARK; fi > o.json"
        shop.wavefile(f"steps:\n  s:\n    outputs: {{path: o.json, digest: json}}\n    run: |\n      {script}\n")
        (problem,) = twice(shop, "s").problems

        assert (problem.severity, "does not count that" in problem.message) == ("warning", True)

    def test_what_it_needs_is_built_in_the_copy_if_it_is_not_fresh(self, shop: Workshop):
        """Once, whatever the step does; in the project nothing is built."""
        shop.write(a="1")
        shop.wavefile("""
            steps:
              up: {inputs: a, outputs: u, run: "note up; date +%N > u"}
              s: {inputs: u, outputs: o, run: "note s; cp u o"}
        """)
        first, ran = twice(shop, "s"), shop.ran()
        built = shop.build().ran
        again, then = twice(shop, "s"), shop.ran()

        assert (first.problems, ran) == ((), ["up", "s", "s"])
        assert (built, again.problems, then) == (["up", "s"], (), ["s", "s"])

    def test_undeclared_files_of_the_first_run_are_not_there_in_the_second(self, shop: Workshop):
        """Both begin at the same place with the same files."""
        shop.wavefile("steps: {s: {outputs: o, run: 'pwd > o; cat left >> o || : ; echo 1 > left'}}")

        assert twice(shop, "s").problems == ()

    def test_a_step_that_fails_or_has_no_command_is_refused_or_told(self, shop: Workshop):
        """What cannot be compared is no success."""
        shop.write(p="1")
        shop.wavefile("""
            steps:
              bad: {outputs: o, run: "echo woe >&2; exit 4"}
              after: {inputs: o, outputs: a, run: "cp o a"}
              placed: {manual: place it, outputs: p}
        """)

        assert messages(twice(shop, "bad")) == ["bad fails in a copy of the project: exit 4, woe"]
        with pytest.raises(WavebuildError, match="cannot be built in a copy of the project: bad failed"):
            twice(shop, "after")
        with pytest.raises(WavebuildError, match="no command that could run twice"):
            twice(shop, "placed")
        with pytest.raises(WavebuildError, match="nosuch"):
            twice(shop, "nosuch")

    def test_all_instances_of_a_repeated_step_are_compared(self, shop: Workshop):
        """One of them may be named alone."""
        shop.wavefile(
            "steps: {s: {foreach: {x: [1, 2]}, outputs: 'o/{{ x }}', run: 'note {{ x }}; date +%N > o/{{ x }}'}}"
        )

        assert [message.split()[0] for message in messages(twice(shop, "s"))] == ["s@1", "s@2"]
        assert [message.split()[0] for message in messages(twice(shop, "s@2"))] == ["s@2"]

    def test_links_of_the_project_lead_into_the_copy_and_what_is_beside_the_root_is_there(self, shop: Workshop):
        """An absolute link into the project must not lead a step back to it; `../x` is read at the same place."""
        (shop.home / "beside").write_text("2")
        shop.put("real/x", "1")
        (shop.root / "link").symlink_to(shop.root / "real")
        shop.wavefile("""
            steps:
              s: {inputs: [real/x, ../beside], outputs: o, run: "cat link/x ../beside > o; echo >> link/x || :"}
        """)
        before = tree(shop.root)

        assert messages(twice(shop, "s")) == []
        assert tree(shop.root) == before

    def test_a_folder_beside_the_root_is_read_whatever_lies_in_it(self, shop: Workshop):
        """A socket, a pipe or a file that nobody can read for ever is left out, as below the root."""
        (shop.home / "shared/deep").mkdir(parents=True)
        (shop.home / "shared/deep/x").write_text("2")
        (shop.home / "shared/here").symlink_to("deep/x")
        os.mkfifo(shop.home / "shared/pipe")
        shop.wavefile("steps: {s: {inputs: ../shared/**/x, outputs: o, run: cat ../shared/here > o}}")

        assert messages(twice(shop, "s")) == []

    def test_a_copy_left_by_a_killed_trial_is_removed_by_the_next(self, shop: Workshop):
        """And that of one that lives is not."""
        shop.wavefile("steps: {s: {outputs: o, run: 'echo > o'}}")
        dead = shop.put(".wavebuild/trials/4194999/root/x", "")
        alive = shop.put(f".wavebuild/trials/{os.getppid()}/root/x", "")
        twice(shop, "s")

        assert (dead.exists(), alive.exists()) == (False, True)
