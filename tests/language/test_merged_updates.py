"""``updates`` in a sandbox: each step edits a copy, and the edits are merged in the order of the plan."""

from __future__ import annotations

import random

import pytest

from tests.support.workshop import Built, Workshop
from wavebuild.errors import WavebuildError
from wavebuild.run.events import Event, StepSettled, StepStarted

BASE = "bundle: demo\n\njobs:\n  bronze: none\n\napps:\n  gold: none\n"

MERGING = """
defaults: {sandbox: true}
steps:
  bronze: {inputs: b, updates: f.yml, run: 'sed -i "s/^  bronze:.*/  bronze: $(cat b)/" f.yml'}
  gold: {inputs: g, updates: f.yml, run: 'sed -i "s/^  gold:.*/  gold: $(cat g)/" f.yml'}
  deploy: {inputs: f.yml, outputs: deployed, run: cp f.yml deployed}
"""

CONFLICTING = """
defaults: {sandbox: true}
steps:
  bronze: {inputs: b, updates: f, outputs: ob, run: 'echo "bronze $(cat b)" >> f; cp b ob'}
  gold: {inputs: g, updates: f, outputs: og, run: 'echo "gold $(cat g)" >> f; cp g og'}
  deploy: {inputs: f, outputs: deployed, run: cp f deployed}
"""


def ran(built: Built) -> list[str]:
    """The steps that ran: from behind the walls no journal can be kept."""
    return sorted(name for name, outcome in built.outcomes.items() if outcome in ("succeeded", "failed"))


@pytest.fixture
def merging(shop: Workshop) -> Workshop:
    shop.wavefile(MERGING)
    shop.write(f__yml=BASE, b="b1", g="g1")
    return shop


@pytest.fixture
def conflicting(shop: Workshop) -> Workshop:
    """Two steps that write at the same place; the second has failed by it."""
    shop.wavefile(CONFLICTING)
    shop.write(f="first\n", b="1", g="1")
    shop.build(jobs=2, keep_going=True)
    return shop


class TestMerging:
    def test_steps_run_at_once_and_both_edits_are_in_the_file(self, merging: Workshop):
        """Neither sees what the other writes, and each is fresh afterwards."""
        built = merging.settle(jobs=2)

        assert ran(built) == ["bronze", "deploy", "gold"]
        assert merging.read("deployed") == BASE.replace("bronze: none", "bronze: b1").replace("gold: none", "gold: g1")

    def test_what_a_person_edits_while_they_run_stays(self, merging: Workshop):
        """It is merged like the edit of a step."""

        def edit(event: Event) -> None:
            if isinstance(event, StepSettled) and event.settled.step == "bronze":
                merging.put("f.yml", merging.read("f.yml").replace("demo", "mine"))

        merging.build("bronze", "gold", meanwhile=edit, jobs=1)

        assert merging.read("f.yml") == "bundle: mine\n\njobs:\n  bronze: b1\n\napps:\n  gold: g1\n"

    def test_the_last_of_the_plan_to_begin_is_merged_last_though_it_ends_first(self, shop: Workshop):
        """So the same steps conflict whatever takes long."""
        shop.wavefile(CONFLICTING.replace("outputs: ob, run: '", "outputs: ob, run: 'sleep 0.4; "))
        shop.write(f="first\n", b="1", g="1")

        built = shop.build(jobs=2, keep_going=True)

        assert (built.outcomes["bronze"], built.outcomes["gold"]) == ("succeeded", "failed")
        assert shop.read("f") == "first\nbronze 1\n"

    def test_a_step_begins_with_the_edits_of_those_it_waits_for_and_no_others(self, shop: Workshop):
        """The same with one slot and with many."""
        shop.wavefile("""
        defaults: {sandbox: true}
        steps:
          one: {updates: f, outputs: o, run: 'sed -i s/1/one/ f; touch o'}
          two: {updates: f, run: 'sed -i s/3/two/ f'}
          three: {inputs: o, updates: f, outputs: saw, run: 'cp f saw; sed -i s/5/three/ f'}
        """)
        for jobs in (1, 3):
            shop.put("f", "1\n2\n3\n4\n5\n")
            assert shop.build(jobs=jobs, force=True).code == 0
            assert shop.read("saw") == "one\n2\n3\n4\n5\n"
            assert shop.read("f") == "one\n2\ntwo\n4\nthree\n"

    def test_one_in_a_sandbox_and_one_without_take_turns(self, shop: Workshop):
        """The file itself is in one hand."""
        shop.wavefile("""
        steps:
          a: {updates: f, sandbox: true, run: 'sed -i s/1/a/ f'}
          b: {updates: f, run: 'sed -i s/3/b/ f'}
          c: {updates: f, sandbox: true, run: 'sed -i s/5/c/ f'}
        """)
        shop.put("f", "1\n2\n3\n4\n5\n")

        shop.settle(jobs=3)

        assert shop.read("f") == "a\n2\nb\n4\nc\n"

    def test_a_step_that_changes_nothing_leaves_the_file_with_its_times(self, merging: Workshop):
        """It is not written at all."""
        merging.settle()
        before = (merging.root / "f.yml").stat().st_mtime_ns

        assert ran(merging.build("gold", force=True, only=True)) == ["gold"]
        assert (merging.root / "f.yml").stat().st_mtime_ns == before

    def test_a_failure_never_touches_the_file(self, merging: Workshop):
        """What it did to its copy is gone with it."""
        merging.wavefile(
            MERGING.replace("g, updates: f.yml, run: '", "g, updates: f.yml, run: 'echo half >> f.yml; exit 3; ")
        )

        built = merging.build(keep_going=True)

        assert built.steps["gold"].exit_code == 3
        assert merging.read("f.yml") == BASE.replace("bronze: none", "bronze: b1")

    def test_after_a_failure_what_has_ended_well_is_still_merged(self, shop: Workshop):
        """The step before it in the plan never comes to its end."""
        shop.wavefile("""
        defaults: {sandbox: true}
        steps:
          a: {updates: f, run: 'until test -e $WAVEBUILD_PROJECT/../begun; do sleep 0.02; done; sleep 0.3; exit 1'}
          b: {updates: f, run: 'echo b >> f'}
        """)
        shop.put("f", "")

        def told(event: Event) -> None:
            if isinstance(event, StepStarted) and event.step == "b":
                (shop.home / "begun").touch()

        built = shop.build(jobs=2, meanwhile=told)

        assert (built.outcomes, shop.read("f")) == ({"a": "failed", "b": "succeeded"}, "b\n")

    @pytest.mark.parametrize("spoil", ["rm f", "printf 'a\\000b' > f", "rm f; mkdir f"])
    def test_what_is_no_text_any_more_cannot_come_home(self, shop: Workshop, spoil: str):
        """And the file stays as it was."""
        shop.wavefile(f'steps: {{a: {{updates: f, sandbox: true, run: "{spoil}"}}}}'.replace("\\", "\\\\"))
        shop.put("f", "as it was\n")

        built = shop.build()

        assert "left no text" in built.steps["a"].detail
        assert shop.read("f") == "as it was\n"

    @pytest.mark.long
    def test_random_edits_merge_alike_in_any_order_and_with_any_number_of_jobs(self, shop: Workshop):
        """One after another, four at once, wave by wave: the same bytes, and nothing to do afterwards."""
        chance = random.Random(7)
        for _ in range(3):
            texts = set()
            lines = [f"line {number}" for number in range(40)]
            steps = "\n".join(
                f"  s{n}: {{updates: f, needs: [{'s0' if n > 2 else ''}], "
                f"run: 'sleep 0.0{chance.randrange(9)}; sed -i \"s/^line {at}$/s{n}/\" f'}}"
                for n, at in enumerate(chance.sample(range(0, 40, 3), 5))
            )
            shop.wavefile(f"defaults: {{sandbox: true}}\nsteps:\n{steps}\n")
            for how in ({"jobs": 1}, {"jobs": 4}, {"jobs": 4, "schedule": "barrier"}):
                shop.put("f", "\n".join(lines) + "\n")
                assert shop.build(force=True, **how).code == 0
                assert not shop.stale()
                texts.add(shop.read("f"))
            assert len(texts) == 1


class TestKeys:
    KEYED = """
    defaults: {sandbox: true}
    steps:
      bronze:
        updates: f.yml#jobs.bronze
        run: |
          echo "  bronze: 1" >> f.yml
      gold:
        updates: f.yml#jobs.gold
        run: |
          echo "  gold: 2" >> f.yml
    """

    def test_keys_added_at_the_same_place_are_no_conflict(self, shop: Workshop):
        """Each has its owner, and all is there in the order of the plan."""
        shop.wavefile(self.KEYED)
        shop.put("f.yml", "jobs:\n  other: 0\n")

        shop.settle(jobs=2)

        assert shop.read("f.yml") == "jobs:\n  other: 0\n  bronze: 1\n  gold: 2\n"

    def test_a_merged_text_that_says_something_else_is_a_conflict(self, shop: Workshop):
        """Lines may fit together where keys do not."""
        shop.wavefile(self.KEYED.replace('echo "  gold: 2" >> f.yml', 'sed -i "1i jobs: {gold: 2}" f.yml'))
        shop.put("f.yml", "# empty\n\n\n\njobs:\n")

        built = shop.build(jobs=2, keep_going=True)

        assert built.steps["gold"].failure in ("conflict", "outputs")
        assert shop.read("f.yml") == "# empty\n\n\n\njobs:\n  bronze: 1\n"


class TestConflicts:
    def test_a_conflict_fails_the_later_step_and_loses_neither_side(self, conflicting: Workshop):
        """The file has the first edit; both stand between marks, for a person."""
        assert conflicting.read("f") == "first\nbronze 1\n"
        marked = conflicting.read(".wavebuild/conflicts/gold/f")
        assert "bronze 1\n" in marked
        assert "gold 1\n" in marked
        assert conflicting.read(".wavebuild/conflicts/gold/f.step") == "first\ngold 1\n"
        assert conflicting.read(".wavebuild/conflicts/gold/f.before") == "first\n"
        assert conflicting.plan() == {"bronze": "FRESH", "gold": "RUN", "deploy": "RUN"}

    def test_the_failure_names_the_files_and_the_ways_out(self, shop: Workshop):
        """With the commands to type."""
        shop.wavefile(CONFLICTING)
        shop.write(f="first\n", b="1", g="1")

        settled = shop.build(jobs=2).steps["gold"]

        assert settled.failure == "conflict"
        assert ".wavebuild/conflicts/gold/f" in settled.detail
        assert "wavebuild accept gold" in settled.detail

    @pytest.mark.parametrize("subject", ["gold", "f"])
    def test_what_a_person_makes_of_it_is_accepted_as_the_result_of_both(self, conflicting: Workshop, subject: str):
        """Also of the step whose edit had been merged; what the failed one had made is in place."""
        conflicting.put("f", "first\nbronze and gold 1\n")

        assert conflicting.accept(subject) == ("gold: what stands is its result",)
        assert conflicting.read("og") == "1"
        assert not (conflicting.root / ".wavebuild/conflicts").exists()
        assert ran(conflicting.build(jobs=2)) == ["deploy"]
        assert ran(conflicting.build()) == []

    def test_what_a_person_put_at_its_outputs_meanwhile_is_kept_and_named(self, shop: Workshop):
        """And what only stands by in its glob stays where it is, nobody's as before."""
        shop.wavefile(
            CONFLICTING.replace("outputs: og", "outputs: [og, t/*.txt]").replace("cp g og", "tee og t/1.txt < g")
        )
        shop.write(f="first\n", b="1", g="1")
        shop.put("t/mine.txt", "mine")
        shop.build(jobs=2, keep_going=True)
        shop.put("og", "by hand")

        said, *last = shop.accept("gold")

        assert said.startswith("gold: your edit is kept in .wavebuild/displaced/")
        assert (shop.read(said.split(" in ")[1]), shop.read("og")) == ("by hand", "1")
        assert (last, shop.read("t/mine.txt")) == (["gold: what stands is its result"], "mine")
        shop.build(force=True)
        assert shop.read("t/mine.txt") == "mine"

    def test_what_a_person_put_right_between_the_marks_is_not_passed_over(self, conflicting: Workshop):
        """As with git; it is asked for in the file itself, and a further run keeps it."""
        marked = ".wavebuild/conflicts/gold/f"
        conflicting.put(marked, "first\nbronze and gold 1\n")

        with pytest.raises(WavebuildError, match="was edited") as caught:
            conflicting.accept("gold")
        assert f"cp {marked} f" in str(caught.value)
        assert conflicting.read(marked) == "first\nbronze and gold 1\n"

        built = conflicting.build(jobs=2)
        assert ran(built) == ["deploy", "gold"]
        kept = built.notices.split("what you made of its conflict is kept in ")[1].split()[0]
        assert conflicting.read(kept) == "first\nbronze and gold 1\n"

    def test_what_is_of_no_use_between_the_marks_may_be_removed(self, conflicting: Workshop):
        """What stands in the file is accepted."""
        (conflicting.root / ".wavebuild/conflicts/gold/f").unlink()

        assert conflicting.accept("gold") == ("gold: what stands is its result",)

    def test_what_was_put_right_between_the_marks_may_be_copied(self, conflicting: Workshop):
        """Then the file says it, and is accepted."""
        for path in (".wavebuild/conflicts/gold/f", "f"):
            conflicting.put(path, "first\nbronze and gold 1\n")

        assert conflicting.accept("gold") == ("gold: what stands is its result",)
        assert ran(conflicting.build(jobs=2)) == ["deploy"]

    def test_what_was_accepted_is_lost_like_any_edit(self, conflicting: Workshop):
        """The file as it was before all: both run again."""
        conflicting.put("f", "first\nbronze and gold 1\n")
        conflicting.accept("gold")
        conflicting.build()
        conflicting.put("f", "first\n")

        assert conflicting.reasons("bronze") == conflicting.reasons("gold") == ["EditLost"]

    def test_built_again_the_step_edits_the_file_as_it_is_now(self, conflicting: Workshop):
        """Then there is nothing that it could conflict with."""
        assert ran(conflicting.build(jobs=2)) == ["deploy", "gold"]
        assert conflicting.read("f") == "first\nbronze 1\ngold 1\n"
        assert not (conflicting.root / ".wavebuild/conflicts").exists()
        assert ran(conflicting.build()) == []

    def test_a_shared_file_without_a_conflict_is_nothing_to_accept(self, merging: Workshop):
        """It belongs to everyone; the steps that edit it are named."""
        merging.settle()

        with pytest.raises(WavebuildError, match="belongs to all who edit it") as caught:
            merging.accept("f.yml")
        assert "bronze gold" in str(caught.value)
