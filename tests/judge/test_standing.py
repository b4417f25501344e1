"""Where a step stands: fresh, stale, or held up by a person's file or a person's absence."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.graph.declared import artifact, group, step
from tests.support.bench import Bench
from tests.support.folders import written
from wavebuild.declare.model import Check, Digest, Manual, Run, Text
from wavebuild.judge.reasons import Forced, InputChanged, NeverRan, OutputEdited, OutputMissing, TooOld
from wavebuild.judge.standing import Keeps, Rechecks, Runs, Stops, Waits
from wavebuild.judge.trace import Made


def run(script: str) -> Run:
    return Run((Text((script,)),))


CHECK = (Check(run("test -s o")),)
COPY = step("a", ["i"], ["o"], action=run("cp i o"))
PLACED = step("a", [], ["o"], action=Manual("put it there"))


def made(root: Path, *steps, **files: str) -> Bench:
    """A bench whose first step has just succeeded."""
    written(root, {"i": "1", "o": "1", **files})
    bench = Bench(root, steps or (COPY,))
    bench.succeeded()
    return bench


class TestRuns:
    def test_a_step_that_made_what_stands_is_kept(self, tmp_path: Path):
        """Nothing changed, nothing to do."""
        assert made(tmp_path).stand() == Keeps()

    def test_a_group_is_always_kept(self, tmp_path: Path):
        """It stands for its members and does nothing itself."""
        bench = made(tmp_path, COPY, group("all", "a"))

        assert bench.stand(1) == Keeps()

    def test_a_step_that_never_ran_runs(self, tmp_path: Path):
        """With no file in its way."""
        written(tmp_path, {"i": "1"})
        standing = Bench(tmp_path, (COPY,)).stand()

        assert isinstance(standing, Runs)
        assert (standing.reasons, standing.displaced) == ((NeverRan(),), ())

    def test_a_changed_input_makes_it_run(self, tmp_path: Path):
        """The reason names old and new."""
        bench = made(tmp_path)
        written(tmp_path, {"i": "2"})
        standing = bench.stand()

        assert isinstance(standing, Runs)
        assert [type(reason) for reason in standing.reasons] == [InputChanged]

    def test_a_deleted_output_makes_it_run(self, tmp_path: Path):
        """There is nothing to be lost."""
        bench = made(tmp_path)
        (tmp_path / "o").unlink()
        standing = bench.stand()

        assert isinstance(standing, Runs)
        assert (standing.reasons, standing.displaced) == ((OutputMissing("o"),), ())

    def test_force_runs_a_fresh_step(self, tmp_path: Path):
        """Because the person says so."""
        standing = made(tmp_path).stand(forced=True)

        assert isinstance(standing, Runs)
        assert standing.reasons == (Forced(),)

    def test_age_makes_it_run(self, tmp_path: Path):
        """Counted from when the last success began."""
        bench = made(tmp_path, replace(COPY, max_age=10.0))

        assert bench.stand(clock=60.0) == Keeps()
        standing = bench.stand(clock=61.0)
        assert isinstance(standing, Runs)
        assert standing.reasons == (TooOld(11.0, 10.0),)


class TestEdited:
    def test_an_edited_output_is_remade_and_its_bytes_kept(self, tmp_path: Path):
        """on_edit: overwrite."""
        bench = made(tmp_path)
        written(tmp_path, {"o": "mine"})
        standing = bench.stand()

        assert isinstance(standing, Runs)
        assert standing.displaced == ("o",)
        assert [type(reason) for reason in standing.reasons] == [OutputEdited]

    def test_on_edit_fail_stops_with_the_paths(self, tmp_path: Path):
        """The person decides."""
        bench = made(tmp_path, replace(COPY, on_edit="fail"))
        written(tmp_path, {"o": "mine"})
        standing = bench.stand()

        assert isinstance(standing, Stops)
        assert (standing.why, standing.paths) == ("edited", ("o",))

    def test_force_is_the_way_out(self, tmp_path: Path):
        """The edit is kept elsewhere."""
        bench = made(tmp_path, replace(COPY, on_edit="fail"))
        written(tmp_path, {"o": "mine"})
        standing = bench.stand(forced=True)

        assert isinstance(standing, Runs)
        assert standing.displaced == ("o",)

    def test_going_back_to_an_earlier_result_is_no_edit(self, tmp_path: Path):
        """Its bytes are in a kept trace."""
        bench = made(tmp_path, replace(COPY, on_edit="fail"))
        written(tmp_path, {"i": "2", "o": "2"})
        bench.succeeded()
        written(tmp_path, {"o": "1"})
        standing = bench.stand()

        assert isinstance(standing, Runs)
        assert standing.displaced == ()

    def test_a_result_by_hand_is_kept_while_fresh_and_protected_when_stale(self, tmp_path: Path):
        """An accepted edit is still a person's work."""
        bench = made(tmp_path, replace(COPY, on_edit="fail"))
        bench.traces.clear()
        bench.succeeded(by_hand=("o",))
        assert bench.stand() == Keeps()

        written(tmp_path, {"i": "2"})
        standing = bench.stand()

        assert isinstance(standing, Stops)
        assert (standing.why, standing.paths) == ("edited", ("o",))

    def test_another_way_of_comparing_is_no_edit(self, tmp_path: Path):
        """`digest: json` added to an output: its bytes are still those that the step made."""
        bench = made(tmp_path, replace(COPY, on_edit="fail"))
        by_value = replace(artifact("o"), digest=Digest.JSON)
        bench.steps = (replace(COPY, on_edit="fail", outputs=(by_value,)),)

        assert not isinstance(bench.stand(), Stops)


class TestUnclaimed:
    @pytest.mark.parametrize("output", ["o", "d/"])
    def test_a_file_that_nothing_made_stops_a_step_that_never_ran(self, tmp_path: Path, output: str):
        """An existing project, a clone: what we did not make we do not touch."""
        written(tmp_path, {"i": "1", "o": "mine", "d/mine": "mine"})
        standing = Bench(tmp_path, (step("a", ["i"], [output], action=run("x")),)).stand()

        assert isinstance(standing, Stops)
        assert (standing.why, standing.paths) == ("unclaimed", ("o",) if output == "o" else ("d/mine",))

    def test_a_new_file_in_a_directory_output_stops_a_fresh_step(self, tmp_path: Path):
        """Else nobody would ever hear of it."""
        written(tmp_path, {"d/x": "1"})
        bench = made(tmp_path, step("a", ["i"], ["d/"], action=run("x")))
        assert bench.stand() == Keeps()
        written(tmp_path, {"d/mine": "mine"})

        standing = bench.stand()

        assert isinstance(standing, Stops)
        assert standing.paths == ("d/mine",)

    def test_in_a_glob_it_stands_by(self, tmp_path: Path):
        """Others may put files beside a glob's members."""
        written(tmp_path, {"p/x.txt": "1"})
        bench = made(tmp_path, step("a", ["i"], ["p/*.txt"], action=run("x")))
        written(tmp_path, {"p/mine.txt": "mine"})

        assert bench.stand() == Keeps()

    def test_what_another_step_once_made_is_not_unclaimed(self, tmp_path: Path):
        """An output that moved from one step to another is ours."""
        written(tmp_path, {"i": "1", "o": "old"})
        bench = Bench(tmp_path, (COPY,), made={"o": Made("sha256:x", "k", "", False, "")})

        assert isinstance(bench.stand(), Runs)

    def test_force_moves_it_away(self, tmp_path: Path):
        """And the bytes are kept."""
        written(tmp_path, {"i": "1", "o": "mine"})
        standing = Bench(tmp_path, (COPY,)).stand(forced=True)

        assert isinstance(standing, Runs)
        assert standing.displaced == ("o",)


class TestRechecks:
    def test_a_changed_check_judges_the_present_outputs_again(self, tmp_path: Path):
        """The action need not run."""
        bench = made(tmp_path, replace(COPY, checks=CHECK))
        trace = bench.traces[0]
        bench.steps = (replace(COPY, checks=(Check(run("other")),)),)
        standing = bench.stand()

        assert isinstance(standing, Rechecks)
        assert standing.of == trace

    def test_a_changed_input_of_a_check_does_too(self, tmp_path: Path):
        """It is the gate's, not the action's."""
        written(tmp_path, {"limit": "5"})
        judged = replace(COPY, checks=(Check(run("x"), (artifact("limit"),)),))
        bench = made(tmp_path, judged)
        assert bench.stand() == Keeps()
        written(tmp_path, {"limit": "6"})

        assert isinstance(bench.stand(), Rechecks)

    def test_force_runs_the_action_all_the_same(self, tmp_path: Path):
        """-B means all of it."""
        bench = made(tmp_path, replace(COPY, checks=CHECK))
        bench.steps = (COPY,)

        assert isinstance(bench.stand(forced=True), Runs)


class TestManual:
    def test_it_waits_while_the_output_is_missing(self, tmp_path: Path):
        """A person must place it."""
        assert Bench(tmp_path, (PLACED,)).stand() == Waits(renew=False)

    def test_what_is_placed_is_taken_as_it_is_where_nothing_checks_it(self, tmp_path: Path):
        """The outputs are the person's."""
        written(tmp_path, {"o": "mine"})
        bench = Bench(tmp_path, (PLACED,))
        standing = bench.stand()

        assert isinstance(standing, Keeps)
        assert standing.adopt is not None
        assert list(standing.adopt.outputs) == ["o"]
        bench.succeeded()
        assert bench.stand() == Keeps()

    def test_what_is_placed_is_checked_and_so_is_every_change_of_it(self, tmp_path: Path):
        """Never set aside, never unclaimed, never edited."""
        written(tmp_path, {"o": "mine"})
        bench = Bench(tmp_path, (replace(PLACED, checks=CHECK),))
        assert isinstance(bench.stand(), Rechecks)
        bench.succeeded()
        assert bench.stand() == Keeps()
        written(tmp_path, {"o": "new"})

        standing = bench.stand()

        assert isinstance(standing, Rechecks)
        assert standing.of is None

    def test_inputs_that_changed_make_it_wait_for_a_new_output(self, tmp_path: Path):
        """Until the output changes or is accepted."""
        placed = replace(PLACED, inputs=(artifact("i"),))
        bench = made(tmp_path, placed)
        written(tmp_path, {"i": "2"})
        assert bench.stand() == Waits(renew=True)

        written(tmp_path, {"o": "2"})

        assert isinstance(bench.stand(), Keeps)

    def test_an_optional_output_may_be_missing(self, tmp_path: Path):
        """Nobody waits for it."""
        bench = Bench(tmp_path, (replace(PLACED, outputs=(replace(artifact("o"), optional=True),)),))

        assert isinstance(bench.stand(), Keeps)


class TestWhatIsRead:
    @pytest.mark.scenario(id="F11")
    def test_a_steps_own_outputs_are_not_among_its_inputs(self, tmp_path: Path):
        """Inside its own directory or glob inputs they do not count."""
        written(tmp_path, {"d/x": "1", "d/made": "1"})
        bench = Bench(tmp_path, (step("a", ["d/"], ["d/made"], action=run("x")),))

        assert list(bench.members()) == ["d/x"]

    def test_orphans_are_not_read(self, tmp_path: Path):
        """What a step that is no more left behind is no source."""
        written(tmp_path, {"d/x": "1", "d/left": "1"})
        bench = Bench(tmp_path, (step("a", ["d/"], ["o"], action=run("x")),), orphans=frozenset({"d/left"}))

        assert list(bench.members()) == ["d/x"]

    def test_bystanders_of_a_glob_are_read_by_nobody(self, tmp_path: Path):
        """They are no members of the glob output that covers them."""
        written(tmp_path, {"p/x.txt": "1", "p/mine.txt": "1"})
        maker = step("m", [], ["p/*.txt"], action=run("x"))
        bench = Bench(
            tmp_path,
            (maker, step("a", ["p/"], ["o"], action=run("x"))),
            made={"p/x.txt": Made("sha256:x", "k", "", False, "")},
        )

        assert list(bench.members(1)) == ["p/x.txt"]

    def test_the_owners_digest_holds_for_all_readers(self, tmp_path: Path):
        """A JSON output whose layout changed reruns nobody."""
        written(tmp_path, {"o.json": '{"a": 1}'})
        maker = step("m", [], [replace(artifact("o.json"), digest=Digest.JSON)], action=run("x"))
        bench = Bench(tmp_path, (maker, step("a", ["o.json"], ["p"], action=run("x"))))
        before = bench.members(1)

        written(tmp_path, {"o.json": '{ "a":1 }\n'})

        assert bench.members(1) == before

    def test_absent_optional_inputs_and_variables_are_facts(self, tmp_path: Path):
        """Their coming is a change."""
        reader = step("a", [replace(artifact("no"), optional=True), "env:V"], ["o"], action=run("x"))
        bench = Bench(tmp_path, (reader,))
        assert bench.members() == {"no": "absent", "env:V": "unset"}

        bench.environ = {"V": "1"}
        written(tmp_path, {"no": "1"})

        assert "absent" not in bench.members().values()
        assert "unset" not in bench.members().values()


PROGRAMS = {
    "main.py": "import lib.one\nfrom pkg.sub import two\n",
    "lib/one.py": "import os, json\n",
    "pkg/__init__.py": "",
    "pkg/sub/__init__.py": "from ..three import x\n",
    "pkg/sub/two.py": "def f():\n    from . import four\n",
    "pkg/sub/four.py": "import main\n",
    "pkg/three.py": "x = 1\n",
    "pkg/unused.py": "",
    "json.py": "",
}


class TestImportClosures:
    def bench(self, root: Path, **facts) -> Bench:
        written(root, PROGRAMS)
        return Bench(root, (step("a", [], ["o"], code=["main.py"], action=run("x"), **facts),))

    def test_everything_that_is_imported_is_read(self, tmp_path: Path):
        """Packages on the way, relative imports, imports in functions, circles; nothing else."""
        read = [member.removesuffix(" (python)") for member in self.bench(tmp_path).members()]

        assert read == [
            "json.py", "lib/one.py", "main.py", "pkg/__init__.py", "pkg/sub/__init__.py", "pkg/sub/four.py",
            "pkg/sub/two.py", "pkg/three.py",
        ]  # fmt: skip

    @pytest.mark.parametrize("file", ["main.py", "pkg/three.py", "pkg/sub/four.py", "lib/one.py"])
    def test_a_comment_anywhere_changes_nothing_and_code_does(self, tmp_path: Path, file: str):
        """By syntax tree, along the whole closure."""
        bench = self.bench(tmp_path)
        before = bench.members()

        written(tmp_path, {file: "# comment\n" + PROGRAMS[file]})
        assert bench.members() == before
        written(tmp_path, {file: PROGRAMS[file] + "y = 2\n"})

        assert bench.members() != before

    def test_modules_are_looked_for_in_the_steps_folder_too(self, tmp_path: Path):
        """As Python does for a program that runs there."""
        written(tmp_path, {"work/main.py": "import near\n", "work/near.py": ""})
        bench = Bench(tmp_path, (step("a", [], ["o"], code=["work/main.py"], action=run("x"), cwd="work"),))

        assert list(bench.members()) == ["work/main.py (python)", "work/near.py (python)"]
