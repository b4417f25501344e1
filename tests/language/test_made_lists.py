"""Lists that are made in the build: instances and inputs that are known when a step has settled, in the same build."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.run.events import StepsFound

REPEATED = """
steps:
  tables: {inputs: schema, outputs: out/t.csv, run: 'note tables; (echo t; cat schema) > out/t.csv'}
  silver:
    foreach: {t: {path: out/t.csv, column: t}}
    inputs: raw/{{ t }}
    outputs: silver/{{ t }}.csv
    run: note {{ t }}; cat {{ inputs }} > {{ outputs }}
  gold: {inputs: silver/*.csv, outputs: gold, run: 'note gold; cat {{ inputs }} > gold'}
"""
SCHEDULES = pytest.mark.parametrize("facts", [{"jobs": 1}, {"jobs": 4}, {"jobs": 3, "schedule": "barrier"}])


@pytest.fixture
def repeated(shop: Workshop) -> Workshop:
    shop.wavefile(REPEATED)
    shop.put("schema", "a\nb\n")
    for name in "abcd":
        shop.put(f"raw/{name}", name.upper())
    return shop


class TestInstancesMadeInTheBuild:
    @SCHEDULES
    def test_the_expansion_waits_for_its_list_in_the_same_build(self, repeated: Workshop, facts: dict[str, Any]):
        """Under every schedule."""
        built = repeated.settle(**facts)

        assert built.ran[0] == "tables"
        assert sorted(built.ran[1:3]) == ["a", "b"]
        assert built.ran[3:] == ["gold"]
        assert list(built.steps) == ["tables", "silver@a", "silver@b", "gold"]

    @SCHEDULES
    def test_a_longer_list_makes_one_more_instance(self, repeated: Workshop, facts: dict[str, Any]):
        """The others are kept."""
        repeated.settle(**facts)
        repeated.put("schema", "a\nb\nc\n")
        built = repeated.settle(**facts)

        assert built.ran == ["tables", "c", "gold"]
        assert built.outcomes["silver@a"] == "kept"

    def test_a_shorter_list_leaves_an_orphan_that_nothing_reads(self, repeated: Workshop):
        """In the very build in which the list got shorter."""
        repeated.settle()
        repeated.put("schema", "b\n")
        built = repeated.build()

        assert (built.ran, built.result.orphans) == (["tables", "gold"], ("silver/a.csv",))
        assert repeated.read("gold") == "B"
        assert repeated.build().ran == []

    def test_a_list_that_says_the_same_again_cuts_off(self, repeated: Workshop):
        """Its maker runs, nothing else."""
        repeated.settle()
        repeated.put("schema", "a\nb")
        repeated.wavefile(REPEATED.replace("cat schema", "cat schema; echo"))

        assert repeated.settle().ran == ["tables"]

    def test_the_plan_has_one_row_until_the_list_is_known(self, repeated: Workshop):
        """And the instances when its maker has nothing to do."""
        assert repeated.plan() == {"tables": "RUN", "silver": "EXPANDS", "gold": "RUN"}
        assert repeated.stale()
        repeated.settle()
        assert repeated.plan() == dict.fromkeys(["tables", "silver@a", "silver@b", "gold"], "FRESH")
        assert not repeated.stale()
        repeated.put("raw/b", "new")
        assert repeated.plan() == {"tables": "FRESH", "silver@a": "FRESH", "silver@b": "RUN", "gold": "MAYBE"}
        repeated.put("schema", "a\n")
        assert repeated.plan() == {"tables": "RUN", "silver": "EXPANDS", "gold": "MAYBE"}
        assert repeated.stale()

    def test_a_target_may_be_an_instance_that_is_not_known_yet(self, repeated: Workshop):
        """Its list's maker is built first, and of the instances that one alone."""
        assert repeated.build("silver@b").ran == ["tables", "b"]
        assert repeated.build("silver").ran == ["a"]

    def test_a_target_that_turns_out_not_to_be_there_fails(self, repeated: Workshop):
        """With the instances that are."""
        built = repeated.build("silver@z")

        assert (built.code, built.ran, built.outcomes) == (1, ["tables"], {"tables": "succeeded", "silver": "failed"})
        assert "silver@z" in built.steps["silver"].detail

    def test_when_the_maker_fails_its_readers_are_blocked(self, repeated: Workshop):
        """As one row, and what else there is goes on under -k."""
        repeated.wavefile(REPEATED.replace("note tables;", "note tables; false;") + "  other: {run: note other}\n")
        built = repeated.build(keep_going=True)

        assert sorted(built.ran) == ["other", "tables"]
        assert (built.outcomes["tables"], built.outcomes["silver"], built.outcomes["gold"]) == (
            "failed", "blocked", "blocked",
        )  # fmt: skip

    def test_an_empty_list_fails_the_step(self, repeated: Workshop):
        """Unless that is allowed."""
        repeated.put("schema", "")
        built = repeated.build()
        assert (built.outcomes["silver"], built.outcomes["gold"]) == ("failed", "blocked")
        assert "has no values" in built.steps["silver"].detail
        repeated.wavefile(
            REPEATED.replace("    foreach", "    allow_empty: true\n    foreach").replace(
                "inputs: silver/*.csv", "inputs: {path: silver/*.csv, optional: true}"
            )
        )
        assert repeated.build().outcomes == {"tables": "kept", "gold": "succeeded"}

    def test_a_list_that_cannot_be_read_fails_the_step_alone(self, repeated: Workshop):
        """With the place in the Wavefile, and others go on."""
        repeated.wavefile(REPEATED.replace("column: t}", "column: u}") + "  other: {run: note other}\n")
        built = repeated.build(keep_going=True)

        assert sorted(built.ran) == ["other", "tables"]
        assert "Wavefile:5:" in built.steps["silver"].detail
        assert "no column 'u'" in built.steps["silver"].detail

    def test_a_list_of_no_use_keeps_no_question_from_its_answer(self, repeated: Workshop):
        """They say what is wrong with it, and go on about all else."""
        repeated.settle()
        whole = repeated.read("Wavefile")
        repeated.wavefile(whole.replace("cat schema", 'cat schema; echo \\"'))
        assert repeated.build().outcomes["silver"] == "failed"

        blocked = {"tables": ["FRESH"], "silver": ["BLOCKED", "ListRefused"], "gold": ["BLOCKED"]}
        assert repeated.planned() == blocked
        assert repeated.stale()
        assert {line.step: line.word.name for line in repeated.status()} == {
            one: says[0] for one, says in blocked.items()
        }
        assert engine.logs(repeated.request(), "tables") == ()
        assert engine.orphans(repeated.request()) == ()
        assert all(problem.severity == "warning" for problem in engine.check(repeated.request()))
        repeated.wavefile(whole)
        assert repeated.settle().ran == ["tables"]

    def test_before_the_list_is_known_nothing_is_taken_for_its_instances(self, repeated: Workshop):
        """A person's file that lies among their outputs would be recorded as one of them, and cleaned."""
        repeated.settle()
        (repeated.root / "out/t.csv").unlink()
        repeated.put("silver/mine.csv", "mine")

        for deed in (
            lambda: repeated.touch("silver"),
            lambda: repeated.accept("silver/mine.csv"),
            lambda: repeated.accept("silver"),
            lambda: engine.forget(repeated.request("silver")),
        ):
            with pytest.raises(WavebuildError) as refused:
                deed()
            problem = refused.value.problems[0]
            assert (problem.code, problem.remedy) == ("list-unknown", "wavebuild tables")
        assert repeated.build().result.orphans == ()

    def test_a_value_that_leaves_the_pattern_is_refused(self, repeated: Workshop):
        """Who reads what was decided by the pattern."""
        repeated.put("schema", "a/b\n")
        built = repeated.build()

        assert built.outcomes["silver"] == "failed"
        assert "silver/a/b.csv" in built.steps["silver"].detail

    def test_an_instance_without_its_input_fails_as_any_step(self, repeated: Workshop):
        """Nobody could know before."""
        repeated.put("schema", "a\nnothing\n")
        built = repeated.build(keep_going=True)

        assert (built.outcomes["silver@a"], built.outcomes["silver@nothing"]) == ("succeeded", "failed")
        assert built.steps["silver@nothing"].failure == "missing input"
        blocked = {"silver@nothing": ["BLOCKED", "ListRefused"], "gold": ["BLOCKED", "NeverRan"]}
        assert repeated.planned() == {"tables": ["FRESH"], "silver@a": ["FRESH"], **blocked}
        assert repeated.stale()

    def test_force_reruns_the_instances(self, repeated: Workshop):
        """As any other step."""
        repeated.settle()

        assert sorted(repeated.build(force=True).ran) == ["a", "b", "gold", "tables"]

    def test_who_follows_the_build_is_told_of_the_new_steps(self, repeated: Workshop):
        """The count and the waves."""
        (found,) = [event for event in repeated.build().events if isinstance(event, StepsFound)]

        assert (found.repeated, found.steps) == (("silver",), 4)
        assert found.waves == (("tables",), ("silver@a", "silver@b"), ("gold",))

    @SCHEDULES
    def test_lists_may_be_made_by_instances(self, shop: Workshop, facts: dict[str, Any]):
        """Any number of levels deep."""
        shop.put("top", "x: [a, b]\n")
        shop.wavefile(
            """
steps:
  one: {inputs: top, outputs: l/one.yaml, run: 'note one; cat top > {{ outputs }}'}
  two:
    foreach: {v: l/one.yaml#x}
    outputs: l/two/{{ v }}
    run: note {{ v }}; touch {{ outputs }}
  names:
    inputs: l/two/*
    outputs: l/names.yaml
    run: |
      note names
      echo "x: [$(for f in {{ inputs }}; do echo $(basename $f)1; done | paste -sd,)]" > {{ outputs }}
  three:
    foreach: {w: l/names.yaml#x}
    outputs: l/three/{{ w }}
    run: note {{ w }}; touch {{ outputs }}
  four:
    foreach: {glob: "l/three/{z}"}
    inputs: l/three/{{ z }}
    outputs: l/four-{{ z }}
    run: note four-{{ z }}; cp {{ inputs }} {{ outputs }}
  all: {inputs: l/four-*, outputs: all, run: 'note all; echo {{ inputs }} > all'}
"""
        )
        built = shop.settle(**facts)

        assert sorted(built.ran) == sorted(["one", "a", "b", "names", "a1", "b1", "four-a1", "four-b1", "all"])
        assert shop.read("all") == "l/four-a1 l/four-b1\n"
        shop.put("top", "x: [b, c]\n")
        assert "four-c1" in shop.build(**facts).ran
        assert shop.read("all") == "l/four-b1 l/four-c1\n"


LISTED = """
steps:
  refs:
    inputs: sql/*.sql
    outputs: refs/*.txt
    run: |
      note refs
      for f in {{ inputs }}; do sed -n "s/^ref //p" $f > refs/$(basename $f .sql).txt; done
  a: {inputs: [sql/a.sql, {list: refs/a.txt}], outputs: db/a, run: 'note a; cat {{ inputs }} > db/a'}
  b: {inputs: [sql/b.sql, {list: refs/b.txt}], outputs: db/b, run: 'note b; cat {{ inputs }} > db/b'}
  c: {inputs: [sql/c.sql, {list: refs/c.txt}], outputs: db/c, run: 'note c; cat {{ inputs }} > db/c'}
"""


class TestListedInputs:
    @pytest.fixture
    def models(self, shop: Workshop) -> Workshop:
        shop.wavefile(LISTED)
        shop.put("sql/a.sql", "ref db/b\nref db/c\n")
        shop.put("sql/b.sql", "ref db/c\n")
        shop.put("sql/c.sql", "ref src\n")
        shop.put("src", "1\n")
        return shop

    @SCHEDULES
    def test_edges_come_from_the_lines(self, models: Workshop, facts: dict[str, Any]):
        """The order is that of the references."""
        assert models.settle(**facts).ran == ["refs", "c", "b", "a"]

    @SCHEDULES
    def test_what_a_line_names_is_an_input(self, models: Workshop, facts: dict[str, Any]):
        """Its change reaches all that stand behind it."""
        models.settle(**facts)
        models.put("src", "2\n")

        assert models.settle(**facts).ran == ["c", "b", "a"]

    def test_a_reference_that_moves_changes_the_order(self, models: Workshop):
        """In the build in which it is found."""
        models.settle(jobs=4)
        models.put("sql/c.sql", "ref db/a\n")
        models.put("sql/a.sql", "ref src\n")
        models.put("sql/b.sql", "ref db/c\n")

        assert models.build(jobs=4).ran == ["refs", "a", "c", "b"]
        assert models.build(jobs=4).ran == []

    def test_a_cycle_of_references_fails_with_its_loop(self, models: Workshop):
        """And nothing of it runs."""
        models.put("sql/c.sql", "ref db/a\n")
        built = models.build(keep_going=True)

        assert built.ran == ["refs"]
        details = [settled.detail for settled in built.steps.values() if settled.outcome.value == "failed"]
        assert any("cycle" in detail for detail in details)

    def test_the_same_lines_in_another_order_change_nothing(self, models: Workshop):
        """What counts is the inputs."""
        models.settle()
        models.put("sql/a.sql", "ref db/c\nref db/b\n")
        models.wavefile(LISTED.replace("inputs: [sql/a.sql, {list", "inputs: [{list"))
        models.build()
        models.put("sql/a.sql", "ref db/b\nref db/c\n")

        assert models.build().ran == ["refs"]

    def test_the_plan_says_maybe_until_the_list_is_known(self, models: Workshop):
        """And knows the references when their maker has nothing to do."""
        assert models.plan() == {"refs": "RUN", "a": "MAYBE", "b": "MAYBE", "c": "MAYBE"}
        models.settle()
        assert set(models.plan().values()) == {"FRESH"}
        models.put("src", "2\n")
        assert models.plan() == {"refs": "FRESH", "c": "RUN", "b": "MAYBE", "a": "MAYBE"}

    def test_a_target_takes_with_it_what_its_list_names(self, models: Workshop):
        """Though that is not known at the start."""
        assert models.build("b").ran == ["refs", "c", "b"]

    def test_a_list_that_no_step_makes_is_read_at_once(self, shop: Workshop):
        """Its lines are inputs of any form."""
        shop.put("parts.txt", "p/one.txt\n\np/more/\n  g/*.txt  \nconf.yaml#k\n")
        for path in ("p/one.txt", "p/more/two.txt", "g/three.txt", "g/other.bin"):
            shop.put(path, path)
        shop.put("conf.yaml", "k: 1\nother: 2\n")
        shop.wavefile(
            "steps: {all: {inputs: {l: {list: parts.txt}}, outputs: o, run: 'note all; echo {{ inputs.l }} > o'}}"
        )
        shop.settle()
        assert shop.read("o") == "p/one.txt p/more/two.txt g/three.txt conf.yaml\n"
        shop.put("g/other.bin", "new")
        shop.put("conf.yaml", "k: 1\nother: 3\n")
        assert shop.build().ran == []
        shop.put("p/more/new.txt", "new")
        assert shop.settle().ran == ["all"]
        shop.put("parts.txt", "p/one.txt\n")
        assert shop.settle().ran == ["all"]

    def test_a_line_that_names_nothing_fails_the_step(self, shop: Workshop):
        """It is a missing input like any other."""
        shop.put("s", "gone.txt\n")
        shop.wavefile("""
steps:
  make: {inputs: s, outputs: l, run: 'note make; cp s l'}
  use: {inputs: {list: l}, outputs: o, run: 'note use; touch o'}
""")
        built = shop.build()

        assert (built.ran, built.steps["use"].failure) == (["make"], "missing input")
        shop.put("gone.txt", "")
        assert shop.settle().ran == ["use"]

    def test_an_optional_list_may_be_missing(self, shop: Workshop):
        """And so may what its lines name."""
        shop.wavefile("steps: {use: {inputs: {list: l, optional: true}, outputs: o, run: 'note use; touch o'}}")
        assert shop.settle().ran == ["use"]
        shop.put("l", "gone\n")
        assert shop.settle().ran == ["use"]
        shop.put("gone", "")
        assert shop.settle().ran == ["use"]
