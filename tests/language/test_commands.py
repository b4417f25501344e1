"""What `show` and `history` find out about a project on the disk.

It does not know how the answers are shown.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.declare import schema
from wavebuild.engine import History, Portrait
from wavebuild.errors import WavebuildError
from wavebuild.graph import Graph
from wavebuild.plan.model import PlanWord
from wavebuild.run.events import Outcome
from wavebuild.ui.answers import list_lines
from wavebuild.ui.drawing import Format, drawn
from wavebuild.ui.sketch import sketch
from wavebuild.ui.style import Style

PROJECT = """
env: {LEVEL: low}
vars: {season: summer}
settings: {shell: sh}
defaults:
  timeout: 90s
  env: {MODE: fast}
steps:
  make:
    title: Make it
    inputs: src/*.txt
    outputs: [all.txt, extra.txt]
    env: {MODE: slow}
    run: |
      note make
      cat {{ inputs }} > all.txt
      echo {{ season }} > extra.txt
  read:
    inputs: all.txt
    outputs: count.txt
    run: "note read; wc -l < {{ inputs }} > count.txt"
    checks: test -s count.txt
  more: {inputs: "step:make", run: note more, needs: [read]}
  both: {needs: [read, more]}
"""


def portrait(shop: Workshop, step: str) -> Portrait:
    found = engine.show(shop.request(), step)
    assert isinstance(found, Portrait)
    return found


def said(found: Portrait, key: str) -> tuple[Any, list[str]]:
    one = next(each for each in found.said if each.key == key)
    return one.value, [f"{layer.name} {layer.place.line}" for layer in one.layers]


@pytest.fixture
def project(shop: Workshop) -> Workshop:
    shop.wavefile(PROJECT)
    shop.put("src/a.txt", "a\n")
    shop.put("src/b.txt", "b\n")
    return shop


class TestShow:
    def test_every_key_has_its_value_and_its_origin(self, project: Workshop):
        """Own, defaults, the file's env and the settings' shell; the rest is the language's own default."""
        found = portrait(project, "make")

        assert said(found, "title") == ("Make it", ["step 10"])
        assert said(found, "timeout") == (90.0, ["defaults 6"])
        assert said(found, "env") == ({"LEVEL": "low", "MODE": "slow"}, ["step 13", "defaults 7", "file 2"])
        assert said(found, "shell") == ("sh", ["file 4"])
        assert said(found, "on_edit") == ("overwrite", [])
        assert said(found, "call") == (None, [])
        assert [each.key for each in found.said] == [key.name for key in schema.STEP.keys]

    def test_members_owners_and_readers_are_those_of_now(self, project: Workshop):
        """Of two outputs each has its own readers; what is not made yet is not there."""
        before = portrait(project, "make")
        project.settle()
        after = portrait(project, "make")
        reader = portrait(project, "read")

        assert [(each.text, each.others, each.members) for each in before.reads] == [
            ("src/*.txt", (), ("src/a.txt", "src/b.txt"))
        ]
        assert [(each.text, each.others, each.members) for each in before.makes] == [
            ("all.txt", ("read", "more"), ()),
            ("extra.txt", ("more",), ()),
        ]
        assert [each.members for each in after.makes] == [("all.txt",), ("extra.txt",)]
        assert [(each.text, each.others, each.members) for each in reader.reads] == [
            ("all.txt", ("make",), ("all.txt",))
        ]
        assert (reader.upstream, reader.downstream) == (("make",), ("more",))

    def test_commands_are_filled_in_as_far_as_they_are_known(self, project: Workshop):
        """What would run now, checks apart."""
        made, read = portrait(project, "make"), portrait(project, "read")

        assert made.commands == ("note make\ncat src/a.txt src/b.txt > all.txt\necho summer > extra.txt\n",)
        assert read.checks == ("test -s count.txt",)

    def test_it_says_where_the_step_stands_and_how_it_last_ran(self, project: Workshop):
        """The verdict is that of the plan."""
        fresh_before = portrait(project, "make").status
        project.settle()
        after = portrait(project, "make").status
        project.put("src/a.txt", "other\n")
        edited = portrait(project, "make").status

        assert fresh_before is not None
        assert (fresh_before.word, fresh_before.last_outcome) == (PlanWord.RUN, None)
        assert after is not None
        assert (after.word, after.last_outcome) == (PlanWord.FRESH, Outcome.SUCCEEDED)
        assert edited is not None
        assert edited.word is PlanWord.RUN

    def test_a_missing_source_hides_nothing_else(self, project: Workshop):
        """What hinders the verdict is said, the rest is there."""
        os.remove(project.root / "src/a.txt")
        os.remove(project.root / "src/b.txt")

        found = portrait(project, "make")

        assert found.status is None
        assert [problem.code for problem in found.unknown] == ["missing-source"]
        assert found.makes[0].others == ("read", "more")

    def test_a_group_is_shown_with_its_members(self, project: Workshop):
        found = portrait(project, "both")

        assert (found.group, found.upstream, found.status) == (True, ("read", "more"), None)

    def test_an_unknown_step_is_refused_with_the_nearest(self, project: Workshop):
        with pytest.raises(WavebuildError, match="there is no step 'mke'"):
            engine.show(project.request(), "mke")

    def test_showing_writes_nothing(self, project: Workshop):
        """A question leaves no file behind, not even in an untouched project."""
        portrait(project, "make")
        engine.history(project.request(), None, 5)

        assert sorted(path.name for path in project.root.iterdir()) == ["Wavefile", "src"]


class TestHistory:
    def ran(self, shop: Workshop, step: str | None = None, most: int = 20) -> History:
        return engine.history(shop.request(), step, most)

    def test_runs_are_told_newest_first_with_how_their_steps_ended(self, project: Workshop):
        """Kept steps count, too; a build that had nothing to look at is no run."""
        project.build()
        project.wavefile(PROJECT.replace("run: note more", "run: note other"))
        project.build()

        runs = self.ran(project).runs

        assert [dict(run.counts) for run in runs] == [
            {Outcome.KEPT: 2, Outcome.SUCCEEDED: 1},
            {Outcome.SUCCEEDED: 3},
        ]
        assert [(run.exit_code, run.running, run.jobs) for run in runs] == [(0, False, 1), (0, False, 1)]
        assert runs[0].began > runs[1].began
        assert self.ran(project, most=1).runs == runs[:1]

    def test_a_step_has_the_results_of_the_runs_it_took_part_in(self, project: Workshop):
        """A failure is told with its exit code, and its log while that is kept."""
        project.build()
        project.wavefile(PROJECT.replace("note read;", "note read; echo oh; exit 3;"))
        project.build()

        results = self.ran(project, "read").results

        assert [(each.outcome, each.exit_code, each.failure) for each in results] == [
            (Outcome.FAILED, 3, "exit"),
            (Outcome.SUCCEEDED, 0, ""),
        ]
        assert results[0].log is not None
        assert "oh" in project.read(results[0].log)

    def test_a_run_that_was_cut_off_has_no_exit_code(self, project: Workshop):
        """What the kill left is on record, and nobody holds the lock: it is not running."""
        project.build()
        with closing(sqlite3.connect(project.root / ".wavebuild/state/Wavefile.db")) as state, state:
            state.execute("update runs set seconds = null, exit_code = null")
            state.execute("delete from tallies")
        state.close()

        (run,) = self.ran(project).runs

        assert (run.exit_code, run.seconds, run.running) == (None, None, False)
        assert dict(run.counts) == {Outcome.SUCCEEDED: 3}

    def test_a_state_of_the_first_version_has_a_history(self, project: Workshop):
        """It lacks the tallies; what was recorded of steps is told."""
        project.build()
        with closing(sqlite3.connect(project.root / ".wavebuild/state/Wavefile.db")) as state, state:
            state.execute("drop table tallies")
            state.execute("pragma user_version = 1")
        state.close()

        (run,) = self.ran(project).runs
        again = project.build(force=True)

        assert dict(run.counts) == {Outcome.SUCCEEDED: 3}
        assert again.code == 0
        assert dict(self.ran(project).runs[0].counts)[Outcome.SUCCEEDED] == 3

    def test_there_is_a_past_though_the_wavefile_is_broken_or_the_step_is_gone(self, project: Workshop):
        """What happened stays known."""
        project.build()
        project.wavefile("steps: [")

        assert len(self.ran(project).runs) == 1
        assert len(self.ran(project, "read").results) == 1

    def test_a_step_that_never_was_is_refused_and_one_that_never_ran_is_not(self, project: Workshop):
        with pytest.raises(WavebuildError, match="there is no step 'raed'"):
            self.ran(project, "raed")
        assert self.ran(project, "read").results == ()


class TestCheck:
    def codes(self, shop: Workshop) -> list[str]:
        return [problem.code for problem in engine.check(shop.request(commands=("plan", "watch")))]

    def test_warnings_stand_beside_errors(self, shop: Workshop):
        """A missing source is an error, the rest are warnings; errors come first."""
        shop.put("tool.sh", "true\n")
        shop.wavefile("steps:\n  watch: {run: sh tool.sh gone.txt}\n  b: {inputs: raw.csv, run: cat raw.csv}\n")

        found = engine.check(shop.request(commands=("plan", "watch")))

        assert [(each.severity, each.code) for each in found] == [
            ("error", "missing-source"),
            ("warning", "undeclared-file"),
            ("warning", "step-like-command"),
        ]

    def test_only_files_of_the_root_count_as_named(self, shop: Workshop):
        """A folder is no file; what is declared meanwhile is told no more."""
        shop.put("data/x.csv/inside", "")
        shop.put("y.csv", "")
        shop.wavefile("steps: {a: {run: cat data/x.csv y.csv}}")
        before = self.codes(shop)
        shop.wavefile("steps: {a: {inputs: y.csv, run: cat data/x.csv y.csv}}")

        assert (before, self.codes(shop)) == (["undeclared-file"], [])

    def test_a_wavefile_that_does_not_load_is_told_without_warnings(self, shop: Workshop):
        shop.wavefile("steps: {plan: {rum: make}}")

        assert "step-like-command" not in self.codes(shop)
        assert self.codes(shop)

    def test_checking_writes_nothing(self, project: Workshop):
        engine.check(project.request())

        assert sorted(path.name for path in project.root.iterdir()) == ["Wavefile", "src"]


class TestInit:
    def test_the_starting_wavefile_builds_at_once_and_is_then_fresh(self, shop: Workshop):
        """Without any other file; it has nothing to warn of."""
        assert engine.init(shop.request()) == "Wavefile"

        shop.settle()

        assert shop.read("build/total.txt") == "55\n"
        assert engine.check(shop.request(commands=("plan",))) == ()
        assert shop.build("show-total").outcomes == {"numbers": "kept", "total": "kept", "show-total": "succeeded"}

    @pytest.mark.parametrize("there", ["Wavefile", "Wavefile.yaml", "Wavefile.yml"])
    def test_it_never_overwrites_nor_hides_a_wavefile(self, shop: Workshop, there: str):
        shop.put(there, "mine\n")

        with pytest.raises(WavebuildError, match=f"there is a {there} already"):
            engine.init(shop.request())

        assert [path.name for path in shop.root.iterdir()] == [there]
        assert shop.read(there) == "mine\n"

    def test_another_name_can_be_given_and_a_dangling_link_is_left_alone(self, shop: Workshop):
        """What stands there stays, whatever it is."""
        shop.put("Wavefile", "mine\n")
        os.symlink("nowhere", shop.root / "Wavefile.link")

        assert engine.init(shop.request(file="Wavefile.ci")) == "Wavefile.ci"
        with pytest.raises(WavebuildError, match="already"):
            engine.init(shop.request(file="Wavefile.link"))

        assert os.readlink(shop.root / "Wavefile.link") == "nowhere"
        assert sorted(path.name for path in shop.root.iterdir()) == ["Wavefile", "Wavefile.ci", "Wavefile.link"]

    def test_where_it_cannot_be_written_the_reason_is_said(self, shop: Workshop):
        with pytest.raises(WavebuildError, match="there is no folder"):
            engine.init(shop.request(file="no/such/Wavefile"))


REPEATED = """
steps:
  list: {outputs: names.txt, run: note list; echo x > names.txt}
  copy:
    title: "Copy {{ v }}"
    foreach: {v: [a, b, c]}
    inputs: [names.txt, "src/{{ v }}.txt"]
    outputs: "out/{{ v }}.txt"
    run: note copy; cp src/{{ v }}.txt {{ outputs }}
  sum: {inputs: out/*.txt, outputs: sum.txt, run: "cat {{ inputs }} > sum.txt"}
  one: {inputs: out/a.txt, run: note one}
"""


@pytest.fixture
def repeated(shop: Workshop) -> Workshop:
    shop.wavefile(REPEATED)
    for name in "abc":
        shop.put(f"src/{name}.txt", name)
    return shop


class TestRepeatedSteps:
    def graph(self, shop: Workshop) -> Graph:
        return engine.load(shop.request()).graph

    def test_the_list_has_one_row_for_all_instances(self, repeated: Workshop):
        """Whoever depends on all of them depends on the step; on one of them, on that one."""
        rows = [line.split() for line in list_lines(self.graph(repeated), Style(width=200)) if not line.startswith(" ")]

        assert [row[0] for row in rows[2:]] == ["list", "copy", "3", "sum", "one"]
        assert rows[3][-1] == "list"
        assert rows[5][-1] == "copy"
        assert rows[6][-1] == "copy@a"

    def test_each_instance_has_its_row_when_it_is_wanted(self, repeated: Workshop):
        rows = list_lines(self.graph(repeated), Style(width=200), instances=True)

        assert [row.split()[0] for row in rows[2:] if not row.startswith(" ")] == [
            *("list", "copy@a", "copy@b", "copy@c", "sum", "one")
        ]

    def test_many_artifacts_of_a_repeated_step_are_cut_short_and_of_no_other(self, shop: Workshop):
        shop.wavefile(
            "steps:\n  a: {foreach: {v: [1, 2, 3, 4, 5, 6, 7, 8]}, outputs: 'o/{{ v }}', run: make}\n"
            "  b: {inputs: [o/1, o/2, o/3, o/4, o/5, o/6, o/7, o/8], run: make}\n"
        )

        text = "\n".join(list_lines(self.graph(shop), Style(width=200)))

        assert "and 3 more" in text
        assert text.count("o/8") == 1

    def test_a_drawing_has_one_box_for_all_instances(self, repeated: Workshop):
        """Its arrows are joined; an instance alone in a part of the graph is shown as itself."""
        graph = self.graph(repeated)
        whole, part = sketch(graph), sketch(graph, upstream=[graph.number["one"]])

        assert [(box.name, box.instances) for box in whole.boxes] == [("list", 1), ("copy", 3), ("sum", 1), ("one", 1)]
        assert [(arrow.start, arrow.end) for arrow in whole.arrows] == [
            ("list", "copy"),
            ("copy", "sum"),
            ("copy", "one"),
        ]
        assert [box.name for box in part.boxes] == ["list", "copy@a", "one"]
        assert len(sketch(graph, instances=True).boxes) == 6

    @pytest.mark.parametrize("form", ["text", "mermaid", "dot", "svg"])
    def test_every_drawing_says_how_many_they_are(self, repeated: Workshop, form: Format):
        assert "3 instances" in "\n".join(drawn(sketch(self.graph(repeated)), form, Style(width=80)))

    def test_a_repeated_step_is_shown_as_it_is_written_an_instance_with_its_values(self, repeated: Workshop):
        """A part of the values that fits one instance shows that one."""
        whole, one = portrait(repeated, "copy"), portrait(repeated, "copy@b")

        assert whole.instances == ("copy@a", "copy@b", "copy@c")
        assert said(whole, "outputs") == ("out/{{ v }}.txt", ["step 8"])
        assert said(whole, "run")[0] == "note copy; cp src/{{ v }}.txt {{ outputs }}"
        assert (one.instances, one.group) == ((), False)
        assert said(one, "title") == ("Copy b", ["step 5"])
        assert one.commands == ("note copy; cp src/b.txt out/b.txt",)
        assert [(each.text, each.others) for each in one.makes] == [("out/b.txt", ("sum",))]

    def test_several_instances_are_not_one_step(self, repeated: Workshop):
        with pytest.raises(WavebuildError, match="is 3 instances"):
            engine.show(repeated.request(), "copy@*")
        with pytest.raises(WavebuildError, match="no step 'copy@z'"):
            engine.show(repeated.request(), "copy@z")

    def test_the_history_of_a_repeated_step_is_that_of_its_instances(self, repeated: Workshop):
        repeated.build()

        found = engine.history(repeated.request(), "copy", 20).results

        assert sorted(result.step for result in found) == ["copy@a", "copy@b", "copy@c"]
        assert [result.step for result in engine.history(repeated.request(), "copy@b", 20).results] == ["copy@b"]


class TestIncludedFiles:
    @pytest.fixture
    def included(self, shop: Workshop) -> Workshop:
        shop.wavefile(
            "include: [{path: part/Wavefile, as: p}]\n"
            "env: {A: outer, B: outer}\n"
            "categories: {slow: {timeout: 10m}}\n"
            "profiles: {debug: {env: {B: debug}}}\n"
            "steps:\n"
            "  top: {category: slow, run: note top}\n"
        )
        shop.put(
            "part/Wavefile",
            "settings: {jobs: 2}\n"
            "env: {A: inner}\n"
            "defaults: {retries: 2}\n"
            "steps:\n"
            "  s: {category: slow, outputs: x.txt, run: note s; echo > x.txt; cat y.txt}\n",
        )
        shop.put("part/y.txt", "")
        return shop

    def test_origins_lead_into_the_file_that_says_it(self, included: Workshop):
        """Its own file first, then the one around it; a category that it lacks is that of the outer file."""
        found = portrait(included, "p.s")

        assert found.place.file == "part/Wavefile"
        assert [
            str(layer.place).rpartition(":")[0] for layer in next(e for e in found.said if e.key == "env").layers
        ] == [
            "part/Wavefile:2",
            "Wavefile:2",
        ]
        assert said(found, "retries")[1] == ["defaults 3"]
        assert said(found, "timeout") == (600.0, ["category slow 3"])

    def test_a_profile_is_an_origin(self, included: Workshop):
        found = engine.show(included.request(profile="debug"), "top")

        assert said(found, "env") == ({"A": "outer", "B": "debug"}, ["profile debug 4", "file 2"])

    def test_check_tells_what_is_ignored_and_what_a_command_there_names(self, included: Workshop):
        """Paths of an included file are those of its folder."""
        found = engine.check(included.request(commands=("plan",)))

        assert [(each.code, each.severity, str(each.place).split(":")[0]) for each in found] == [
            ("ignored-key", "warning", "part/Wavefile"),
            ("undeclared-file", "warning", "part/Wavefile"),
        ]
        assert "part/y.txt" in found[1].message
