"""`settings.state` and WAVEBUILD_STATE_DIR: what is remembered lies in another folder."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.command import Site
from tests.support.processes import eventually, kill_marked
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.ui.front import PlainBuild, finished

QUESTION = PlainBuild(question=True)

pytestmark = pytest.mark.long

SETTING = "settings: {state: ../states}\n"
STEPS = "steps: {a: {inputs: s, outputs: out, run: 'note a; cat s > out'}}\n"


@pytest.fixture(params=["setting", "variable"])
def elsewhere(request: pytest.FixtureRequest, shop: Workshop) -> str:
    """The folder of the states, named in each of the two ways; what stands before the steps."""
    shop.put("s", "1")
    if request.param == "variable":
        shop.setenv(WAVEBUILD_STATE_DIR=str(shop.home / "states"))
        return ""
    return SETTING


def folders(shop: Workshop) -> list[Path]:
    return sorted((shop.home / "states").iterdir())


def kept(shop: Workshop) -> list[str]:
    """What lies in the folder of the one root."""
    (folder,) = folders(shop)
    return sorted(path.name for path in folder.iterdir())


class TestWhere:
    def test_all_that_is_remembered_lies_there_and_is_found_again(self, shop: Workshop, elsewhere: str) -> None:
        """Database, evidence and contents; logs and lock stay beside the Wavefile."""
        shop.wavefile(elsewhere + STEPS)

        first = shop.build()
        again = shop.build()

        assert (first.ran, again.ran) == (["a"], [])
        (folder,) = folders(shop)
        assert re.fullmatch(r"root-[0-9a-f]{12}", folder.name)
        assert {"Wavefile.db", "Wavefile.settled", "Wavefile.contents"} <= set(kept(shop))
        assert not (shop.root / ".wavebuild/state").exists()
        assert (shop.root / ".wavebuild/lock").exists()
        assert f"state in {folder}" in first.notices
        assert "state in" not in again.notices

    def test_questions_and_hands_look_there(self, shop: Workshop, elsewhere: str) -> None:
        """Plan, status, history, explain, accept, forget, clean agree with the build."""
        shop.wavefile(elsewhere + STEPS)
        shop.build()
        request = shop.request()

        assert shop.plan() == {"a": "FRESH"}
        assert not shop.stale()
        assert [line.last_outcome and line.last_outcome.value for line in shop.status()] == ["succeeded"]
        assert len(engine.history(request, None, 5).runs) == 1
        shop.put("out", "mine")
        assert shop.plan() == {"a": "RUN"}
        shop.accept("out")
        assert shop.plan() == {"a": "FRESH"}
        engine.forget(shop.request("a"))
        assert shop.plan() == {"a": "RUN"}
        assert Path(engine.clean_state(request, dry=True).removed[0]).name == "Wavefile.db"
        engine.clean_state(request, dry=False)
        assert "Wavefile.db" not in kept(shop)

    def test_every_root_has_a_folder_of_its_own(self, shop: Workshop, elsewhere: str) -> None:
        """Two roots of one name and one Wavefile know nothing of each other."""
        shop.wavefile(elsewhere.replace("../states", str(shop.home / "states")) + STEPS)
        shop.build()
        (shop.home / "other").mkdir()
        other = Workshop(shop.home / "other", shop.monkeypatch)
        if not elsewhere:
            other.setenv(WAVEBUILD_STATE_DIR=str(shop.home / "states"))
        other.put("s", "2")
        other.wavefile(shop.read("Wavefile"))

        assert other.build().ran == ["a"]
        assert len(folders(shop)) == 2
        assert shop.build().ran == []

    def test_the_same_root_by_a_link_is_the_same(self, shop: Workshop, elsewhere: str) -> None:
        """What is remembered belongs to the folder, not to the way there."""
        shop.wavefile(elsewhere + STEPS)
        shop.build()
        (shop.home / "link").symlink_to(shop.root)

        assert shop.build(directory=str(shop.home / "link")).ran == []
        assert len(folders(shop)) == 1

    def test_each_wavefile_has_its_own_state_there(self, shop: Workshop, elsewhere: str) -> None:
        """As it has in .wavebuild."""
        shop.wavefile(elsewhere + STEPS)
        shop.put("Wavefile.ci", elsewhere + STEPS.replace("out,", "ci,").replace("> out", "> ci"))
        shop.build()

        assert shop.build(file="Wavefile.ci").ran == ["a"]
        assert {"Wavefile.db", "Wavefile.ci.db"} <= set(kept(shop))

    def test_the_variable_wins_and_an_empty_one_says_nothing(self, shop: Workshop) -> None:
        """As for every setting."""
        shop.put("s", "1")
        shop.wavefile(SETTING + STEPS)
        shop.setenv(WAVEBUILD_STATE_DIR=str(shop.home / "mine"))
        shop.build()
        assert (shop.home / "mine").is_dir()
        assert not (shop.home / "states").exists()

        shop.setenv(WAVEBUILD_STATE_DIR="")
        assert shop.plan() == {"a": "RUN"}

    def test_a_profile_may_have_its_own(self, shop: Workshop) -> None:
        """`--profile ci` keeps what it knows elsewhere."""
        shop.put("s", "1")
        shop.wavefile(f"profiles: {{ci: {{{SETTING.strip()}}}}}\n" + STEPS)
        shop.settle(profile="ci")

        assert {"Wavefile.db"} <= set(kept(shop))
        assert not (shop.root / ".wavebuild/state").exists()

    def test_tilde_is_the_home_of_the_caller(self, shop: Workshop) -> None:
        """`~/x`, and what is relative is so to the root."""
        shop.setenv(HOME=str(shop.home))
        shop.put("s", "1")
        shop.wavefile("settings: {state: ~/states}\n" + STEPS)
        shop.settle()

        assert "Wavefile.db" in kept(shop)

    def test_an_old_state_in_the_usual_place_is_not_read(self, shop: Workshop, elsewhere: str) -> None:
        """All steps run again, over what they made themselves; moving the files keeps what is known."""
        if not elsewhere:
            shop.monkeypatch.delenv("WAVEBUILD_STATE_DIR")
        shop.wavefile(STEPS)
        shop.settle()
        shop.wavefile(elsewhere + STEPS)
        if not elsewhere:
            shop.setenv(WAVEBUILD_STATE_DIR=str(shop.home / "states"))

        assert shop.plan() == {"a": "RUN"}
        again = shop.build()
        assert (again.code, again.ran, shop.displaced("out")) == (0, ["a"], [])

        (folder,) = folders(shop)
        shutil.rmtree(folder)
        shutil.move(shop.root / ".wavebuild/state", folder)
        assert (shop.build().code, shop.ran()) == (0, [])


class TestTheQuickAnswer:
    def test_it_is_found_by_the_variable(self, shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
        """A plain build with nothing to do is as quick as ever; under another folder nothing is known."""
        shop.put("s", "1")
        shop.wavefile(STEPS)
        shop.setenv(WAVEBUILD_STATE_DIR=str(shop.home / "states"))
        shop.settle()
        monkeypatch.chdir(shop.root)

        assert finished(QUESTION, os.environ) == 0
        assert finished(QUESTION, dict(os.environ) | {"WAVEBUILD_STATE_DIR": str(shop.home / "no")}) is None
        shop.put("s", "2")
        assert finished(QUESTION, os.environ) is None

    def test_by_the_setting_it_leaves_the_answer_to_the_whole(
        self, shop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where an older state is still in the usual place."""
        shop.put("s", "1")
        shop.wavefile(STEPS)
        shop.settle()
        shop.wavefile(SETTING + STEPS)
        monkeypatch.chdir(shop.root)

        assert finished(QUESTION, os.environ) is None
        assert shop.stale()


class TestRefused:
    def test_a_folder_that_cannot_be_made_ends_1_and_runs_nothing(self, shop: Workshop, elsewhere: str) -> None:
        """A file stands in the way: whoever is root is stopped by it, too."""
        (shop.home / "states").write_text("")
        shop.wavefile(elsewhere + STEPS)

        with pytest.raises(WavebuildError) as caught:
            shop.build()

        assert caught.value.exit_code == 1
        assert str(shop.home / "states") in str(caught.value)
        assert not (shop.root / "out").exists()

    @pytest.mark.parametrize("place", [".", "states", "a/b", "./x"])
    def test_a_folder_of_the_project_is_refused(self, shop: Workshop, place: str) -> None:
        """Globs would take the database in; a hidden folder they do not."""
        shop.put("s", "1")
        shop.wavefile(f"settings: {{state: {place}}}\n{STEPS}")
        with pytest.raises(WavebuildError, match="taken for files of the project") as caught:
            shop.build()
        assert (caught.value.exit_code, caught.value.problems[0].place and caught.value.problems[0].place.line) == (
            2,
            1,
        )

        shop.wavefile(STEPS)
        shop.setenv(WAVEBUILD_STATE_DIR=place)
        with pytest.raises(WavebuildError, match="WAVEBUILD_STATE_DIR"):
            shop.build()
        shop.setenv(WAVEBUILD_STATE_DIR=f".hidden/{place}")
        shop.settle()


HANGS = "steps: {a: {inputs: s, outputs: [out, d/], run: 'cat s > out; cp s d/x; [ $(cat s) = 1 ] || sleep 60'}}\n"


class TestKills:
    def killed(self, shop: Workshop, text: str) -> None:
        """Built, made stale, and all of it killed while the step runs."""
        site = Site(shop.home)
        shop.put("s", "1")
        shop.wavefile(text)
        shop.build()
        shop.put("s", "2")
        here = {name: os.environ[name] for name in ("WAVEBUILD_STATE_DIR",) if name in os.environ}
        process = site.start(**here)
        assert eventually(lambda: (shop.root / "d/x").exists() and shop.read("d/x") == "2")
        kill_marked(site.mark)
        process.communicate()
        assert shop.read("out") == "2"

    def test_the_next_build_puts_back_what_was_there(self, shop: Workshop, elsewhere: str) -> None:
        """By the journal in the other folder."""
        self.killed(shop, elsewhere + HANGS)
        shop.put("s", "1")
        assert shop.plan() == {"a": "FRESH"}

        built = shop.build()

        assert (built.outcomes, shop.read("out"), shop.read("d/x")) == ({"a": "kept"}, "1", "1")
        assert "was cut off" in built.notices

    def test_so_does_one_that_keeps_its_state_in_another_place(self, shop: Workshop, elsewhere: str) -> None:
        """And a build of another Wavefile: `.wavebuild/states` says where the journal is."""
        self.killed(shop, elsewhere + HANGS)
        shop.setenv(WAVEBUILD_STATE_DIR="")
        shop.put("Wavefile", "steps: {b: {outputs: other, run: 'echo > other'}}\n")

        built = shop.build()

        assert "step a was cut off" in built.notices
        assert (shop.read("out"), shop.read("d/x")) == ("1", "1")

    def test_the_usual_place_is_looked_into_as_well(self, shop: Workshop) -> None:
        """Killed before there was a setting."""
        self.killed(shop, HANGS)
        shop.wavefile(SETTING + HANGS)
        shop.put("s", "1")

        built = shop.build()

        assert "step a was cut off" in built.notices
        assert (built.outcomes, shop.read("out"), shop.read("d/x")) == ({"a": "succeeded"}, "1", "1")
        assert not (shop.root / ".wavebuild/displaced").exists()

    def test_while_the_folder_is_out_of_reach_what_was_set_aside_stays(self, shop: Workshop, elsewhere: str) -> None:
        """A disk that is not mounted: when it is there again, all comes back."""
        self.killed(shop, elsewhere + HANGS)
        (shop.home / "states").rename(shop.home / "away")
        shop.setenv(WAVEBUILD_STATE_DIR="")
        shop.put("Wavefile", "steps: {b: {outputs: other, run: 'echo > other'}}\n")
        assert "is out of reach" in shop.build().notices
        assert "is out of reach" in shop.build("b", force=True).notices

        (shop.home / "away").rename(shop.home / "states")
        shop.build("b", force=True)

        assert (shop.read("out"), shop.read("d/x")) == ("1", "1")

    def test_a_copy_of_the_project_leaves_the_journal_of_the_first_alone(self, shop: Workshop, elsewhere: str) -> None:
        """It may be at work; in the copy what was set aside is kept, as nobody knows whose it is."""
        self.killed(shop, elsewhere.replace("../states", str(shop.home / "states")) + HANGS)
        shutil.copytree(shop.root, shop.home / "copy/root", symlinks=True)
        (shop.home / "copy/root/s").write_text("1")
        assert "is out of reach" in shop.build(directory=str(shop.home / "copy/root")).notices

        shop.put("s", "1")
        assert shop.build().outcomes == {"a": "kept"}
        assert shop.read("out") == "1"

    def test_if_the_state_is_lost_what_was_set_aside_is_kept(self, shop: Workshop, elsewhere: str) -> None:
        """A folder for passing things was emptied: nobody knows whose it was, so a person gets it."""
        self.killed(shop, elsewhere + HANGS)
        shutil.rmtree(shop.home / "states")
        shop.put("s", "1")

        assert "are kept in .wavebuild/displaced/rescued-" in shop.build().notices
        found = [path.read_text() for path in shop.root.glob(".wavebuild/displaced/rescued-*/**/*") if path.is_file()]
        assert found == ["1", "1"]
