"""`settings.outside`: outputs in folders out of the root, where the file asks for it and the user agrees."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Site
from tests.support.processes import eventually, kill_marked
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError
from wavebuild.run.events import StepStarted
from wavebuild.ui.front import PlainBuild, finished

QUESTION = PlainBuild(question=True)

SETTING = "settings: {outside: [../far]}\n"
FILE = "steps: {a: {inputs: s, outputs: ../far/out, run: 'note a; cat s > {{ outputs }}'}}\n"
MANY = """
steps:
  a:
    inputs: s
    outputs: [../far/d/, '../far/g/*.txt', ../far/one, here]
    run: |
      note a
      mkdir -p ../far/d/sub; cat s | tee ../far/d/x ../far/d/sub/y ../far/g/z.txt ../far/one > here
      mkdir ../far/d/empty-$(cat s)
      test $(cat s) != bad
"""
READERS = """
  file: {inputs: ../far/one, outputs: of, run: 'note file; cat {{ inputs }} > of'}
  folder: {inputs: ../far/d/, outputs: od, run: 'note folder; cat {{ inputs }} > od'}
  around: {inputs: {path: ../far/, exclude: ../far/g}, outputs: oa, run: 'note around; cat {{ inputs }} > oa'}
  glob: {inputs: '../far/g/*.txt', outputs: og, run: 'note glob; cat {{ inputs }} > og'}
  wide: {inputs: '../**/z.txt', outputs: ow, run: 'note wide; cat {{ inputs }} > ow'}
"""


@pytest.fixture
def far(shop: Workshop) -> Path:
    """The folder beside the root; nobody has allowed it yet."""
    shop.setenv(HOME=str(shop.home / "user"))
    shop.monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    shop.put("s", "1")
    folder = shop.home / "far"
    folder.mkdir()
    return folder


@pytest.fixture
def agreed(far: Path, shop: Workshop) -> Path:
    """The folder, allowed for the whole test."""
    shop.setenv(WAVEBUILD_ALLOW_OUTSIDE="1")
    return far


@pytest.fixture
def other_disk(shop: Workshop, far: Path) -> Iterator[Path]:
    """A folder on another device, in the place of the one beside the root by a link."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(far).st_dev:
        pytest.skip("there is no other device")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    shop.setenv(WAVEBUILD_ALLOW_OUTSIDE="1")
    yield folder
    shutil.rmtree(folder)


def configured(shop: Workshop, text: str, folder: str = "user/.config") -> None:
    path = shop.home / folder / "wavebuild/config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refused(shop: Workshop, **facts: Any) -> str:
    with pytest.raises(WavebuildError) as caught:
        shop.build(**facts)
    assert caught.value.exit_code == 2
    return str(caught.value)


def tree(folder: Path) -> dict[str, tuple[str, int, bytes]]:
    """All below a folder: what it is, when it was written, its bytes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        when = 0 if path.is_dir() else status.st_mtime_ns
        found[str(path.relative_to(folder))] = (
            stat.filemode(status.st_mode), when, path.read_bytes() if path.is_file() else b""
        )  # fmt: skip
    return found


class TestPermission:
    def test_the_file_alone_is_not_enough(self, shop: Workshop, far: Path) -> None:
        """A Wavefile from elsewhere may ask for anything; both ways to agree are named."""
        shop.wavefile(SETTING + FILE)

        said = refused(shop)

        assert "Wavefile:2:33: the output" in said
        assert "you have not allowed that" in said
        assert "--allow-outside" in said
        assert "config.yaml" in said
        assert [problem.code for problem in engine.check(shop.request())] == ["bad-path"]
        assert not (far / "out").exists()

    def test_the_user_alone_is_not_enough(self, shop: Workshop, agreed: Path) -> None:
        """The settings of the Wavefile must ask for the folder."""
        shop.wavefile(FILE)
        assert "settings: {outside: [FOLDER]}" in refused(shop)
        shop.wavefile("settings: {outside: [../near]}\n" + FILE)
        assert "settings: {outside: [FOLDER]}" in refused(shop, allow_outside=True)

    def test_the_flag_allows_it_for_one_command(self, shop: Workshop, far: Path) -> None:
        """Without it the next command is refused again, though nothing is stale."""
        shop.wavefile(SETTING + FILE)

        built = shop.settle(allow_outside=True)

        assert (built.ran, (far / "out").read_text()) == (["a"], "1")
        refused(shop)

    def test_the_variable_allows_it(self, shop: Workshop, far: Path) -> None:
        """`no` does not, and what is neither is a mistake."""
        shop.wavefile(SETTING + FILE)
        shop.setenv(WAVEBUILD_ALLOW_OUTSIDE="yes")
        shop.settle()
        shop.setenv(WAVEBUILD_ALLOW_OUTSIDE="no")
        assert "not allowed" in refused(shop)
        shop.setenv(WAVEBUILD_ALLOW_OUTSIDE="perhaps")
        assert "needs yes or no" in refused(shop)

    @pytest.mark.parametrize("where", ["user/.config", "xdg"])
    def test_the_users_configuration_allows_it(self, shop: Workshop, far: Path, where: str) -> None:
        """Under XDG_CONFIG_HOME, or ~/.config; taking it back is seen at once."""
        if where == "xdg":
            shop.setenv(XDG_CONFIG_HOME=str(shop.home / "xdg"))
        shop.wavefile(SETTING + FILE)
        refused(shop)
        configured(shop, f"outside: [{far}]\n", where)
        shop.settle()
        configured(shop, "outside: []\n", where)
        assert "not allowed" in refused(shop)

    def test_a_folder_that_is_allowed_allows_all_below_it(self, shop: Workshop, far: Path) -> None:
        """And a part of what the file asks for allows that part."""
        shop.wavefile(SETTING + FILE)
        configured(shop, f"outside: [{shop.home}]\n")
        shop.settle()
        configured(shop, "outside: [~/../far/sub]\n")
        assert "not allowed" in refused(shop)
        shop.wavefile(SETTING + FILE.replace("far/out", "far/sub/out"))
        shop.settle()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("outside: [far]\n", "config.yaml:1:11: the folder 'far' is relative"),
            ("outsid: [/x]\n", "did you mean 'outside'"),
            ("outside: {a: b}\n", "config.yaml:1:10"),
            ("outside: [", "config.yaml:1:"),
            ("- x\n", "config.yaml:1:1"),
        ],
    )
    def test_a_mistake_in_the_configuration_is_told_with_its_place(
        self, shop: Workshop, far: Path, text: str, said: str
    ) -> None:
        """Only where somebody asks for a folder: else it is not even read."""
        configured(shop, text)
        shop.wavefile(SETTING + FILE)
        assert said in refused(shop)
        shop.wavefile("steps: {a: {outputs: x, run: 'echo > x'}}\n")
        shop.settle()

    @pytest.mark.scenario(id="X6")
    @pytest.mark.parametrize(
        ("folder", "output", "said"),
        [
            ("..", "../far/x", "holds the root itself"),
            ("sub", "../far/x", "lies in the root"),
            ("../link", "../link/x", "holds the root itself"),
            ("../link/sub", "../link/sub/x", "lies in the root"),
            ("../far", "../far/", "a whole folder of settings.outside"),
            ("../far", "../far/.git/x", "no output may lie in .git/"),
            ("../far", "../far/.wavebuild/x", "no output may lie in .wavebuild/"),
            ("../far", "../far/Wavefile", "a Wavefile cannot be an output"),
            ("../far", "../farther/x", "lies outside the root"),
            ("../far", "../far/../x", "lies outside the root"),
        ],
    )
    def test_what_no_one_can_allow(self, shop: Workshop, agreed: Path, folder: str, output: str, said: str) -> None:
        """The root has one spelling; tools and other Wavefiles are left alone."""
        (shop.home / "link").symlink_to(shop.root)
        shop.wavefile(f"settings: {{outside: [{folder}]}}\nsteps: {{a: {{outputs: {output}, run: 'x'}}}}\n")
        assert said in refused(shop)

    def test_a_link_that_leads_out_of_the_folder_is_not_followed(self, shop: Workshop, agreed: Path) -> None:
        """As with the root: what lies behind it is not ours to touch."""
        (shop.home / "elsewhere").mkdir()
        (agreed / "sub").symlink_to(shop.home / "elsewhere")
        shop.wavefile(SETTING + FILE.replace("far/out", "far/sub/out"))
        built = shop.build()
        assert "leads to" in built.steps["a"].detail
        assert not list((shop.home / "elsewhere").iterdir())

        shop.wavefile(
            SETTING + "steps: {a: {outputs: ../far/l, run: 'ln -s ../elsewhere/x ../far/l; echo > ../far/l'}}\n"
        )
        assert "leads out" in shop.build().steps["a"].detail


class TestAsAnyOutput:
    def test_every_form_is_made_read_and_remade(self, shop: Workshop, agreed: Path) -> None:
        """File, directory, glob; readers run once, again when it changes, and not otherwise."""
        shop.wavefile(SETTING + MANY + READERS)

        first = shop.settle()

        assert first.ran[0] == "a"
        assert sorted(first.ran[1:]) == ["around", "file", "folder", "glob", "wide"]
        assert [shop.read(name) for name in ("of", "od", "oa", "og", "ow")] == ["1", "11", "111", "1", "1"]
        shop.put("s", "2")
        assert set(shop.plan().values()) == {"RUN", "MAYBE"}
        assert sorted(shop.build().ran) == sorted(first.ran)
        assert (shop.build().ran, [path.name for path in agreed.glob("d/empty*")]) == ([], ["empty-2"])
        assert sorted(path.name for path in agreed.iterdir()) == ["d", "g", "one"]

    def test_a_path_is_one_however_it_is_written(self, shop: Workshop, agreed: Path) -> None:
        """Absolute or with `..`: two owners are refused, a reader has its edge, and nothing reruns."""
        shop.wavefile(
            SETTING + "steps:\n  a: {inputs: s, outputs: ../far/out, run: 'note a; cat s > ../far/out'}\n"
            f"  b: {{inputs: {agreed}/out, outputs: p, run: 'note b; cat {{{{ inputs }}}} > p'}}\n"
        )
        assert shop.settle().ran == ["a", "b"]
        shop.wavefile(shop.read("Wavefile").replace("outputs: ../far/out", f"outputs: {agreed}/./out"))
        assert shop.build().ran == []

        shop.wavefile(shop.read("Wavefile").replace("outputs: p,", "outputs: ../far/out,"))
        with pytest.raises(WavebuildError, match="out"):
            shop.build()

    def test_targets_and_hands_take_its_path(self, shop: Workshop, agreed: Path) -> None:
        """Build PATH, accept, -W, -o, clean: relative to the caller, or absolute."""
        shop.wavefile(SETTING + FILE)
        assert shop.build("../far/out").ran == ["a"]
        assert shop.build(str(agreed / "out"), force=True).ran == ["a"]
        assert shop.build(changed=(str(agreed / "out"),)).code == 0
        with pytest.raises(WavebuildError, match="lies outside the root, where no step makes it"):
            shop.build("../far/other")

        (agreed / "out").write_text("mine")
        assert shop.build(unchanged=("../far/out",)).ran == []
        shop.accept("../far/out")
        assert shop.status()[0].by_hand == (str(agreed / "out"),)
        assert engine.clean(shop.request(), dry=False).kept[0][1] == "a person made it"
        shop.build("a", force=True)
        kept = list(shop.root.glob(f".wavebuild/displaced/*~outside{agreed}/out"))
        assert [path.read_text() for path in kept] == ["mine"]

        assert engine.clean(shop.request(), dry=False).removed == (str(agreed / "out"),)
        assert (agreed.is_dir(), list(agreed.iterdir())) == (True, [])

    def test_what_a_person_put_there_stops_the_step(self, shop: Workshop, agreed: Path) -> None:
        """Unclaimed in a file or directory; in a glob it stands by and stays."""
        (agreed / "d").mkdir()
        (agreed / "d/mine").write_text("mine")
        (agreed / "g").mkdir()
        (agreed / "g/mine.txt").write_text("mine")
        shop.wavefile(SETTING + MANY)
        assert shop.build().steps["a"].failure == "unclaimed"

        (agreed / "d/mine").unlink()
        assert shop.build().code == 0
        assert (agreed / "g/mine.txt").read_text() == "mine"

    def test_an_edit_is_kept_before_it_is_remade(self, shop: Workshop, agreed: Path) -> None:
        """In a folder of its own: a file of the same name in the root does not mix with it."""
        shop.wavefile(SETTING + FILE)
        shop.settle()
        (agreed / "out").write_text("mine")
        built = shop.build()

        assert built.steps["a"].displaced == (f".wavebuild/displaced/{built.result.run}~outside{agreed}/out",)
        assert (shop.root / built.steps["a"].displaced[0]).read_text() == "mine"

    def test_orphans_are_named_and_moved_only_where_that_is_allowed(self, shop: Workshop, agreed: Path) -> None:
        """Without the setting nothing out of the root is touched."""
        shop.wavefile(SETTING + FILE)
        shop.settle()
        shop.wavefile("steps: {b: {outputs: o, run: 'echo > o'}}\n")
        assert shop.build().result.orphans == (str(agreed / "out"),)
        cleaned = engine.clean_orphans(shop.request(), dry=False)
        assert (cleaned.removed, cleaned.kept[0][0]) == ((), str(agreed / "out"))

        shop.wavefile(SETTING + "steps: {b: {outputs: o, run: 'echo > o'}}\n")
        cleaned = engine.clean_orphans(shop.request(), dry=False)
        assert cleaned.removed == (str(agreed / "out"),)
        assert (shop.root / cleaned.into / str(agreed / "out")[1:]).read_text() == "1"

    def test_in_place_is_put_back_after_a_failure(self, shop: Workshop, agreed: Path) -> None:
        """Copied beside it before each attempt."""
        shop.wavefile(
            SETTING + "steps:\n  a:\n    inputs: s\n    outputs: {path: ../far/db/, in_place: true}\n"
            "    run: 'note a; cat s >> ../far/db/log; test $(cat s) != bad'\n"
        )
        shop.settle()
        before = tree(agreed)
        shop.put("s", "bad")
        assert shop.build().outcomes == {"a": "failed"}
        assert tree(agreed) == before
        shop.put("s", "2")
        shop.settle()
        assert (agreed / "db/log").read_text() == "12"

    def test_a_lock_file_has_no_entry_for_it(self, shop: Workshop, agreed: Path) -> None:
        """An absolute path means nothing elsewhere."""
        shop.wavefile("settings: {outside: [../far], lock: wavebuild.lock}\n" + FILE)
        shop.settle()
        assert "far" not in shop.read("wavebuild.lock")

    def test_foreach_and_steps_of_one_folder(self, shop: Workshop, agreed: Path) -> None:
        """Instances own their files there; a removed one leaves an orphan."""
        shop.wavefile(
            SETTING + "steps:\n  a:\n    foreach: {v: [x, y]}\n    outputs: '../far/{{ v }}.txt'\n"
            "    run: 'note {{ step }}; echo {{ v }} > {{ outputs }}'\n"
            "  all: {inputs: step:a, outputs: p, run: 'note all; cat {{ inputs }} > p'}\n"
        )
        assert shop.settle().ran == ["a@x", "a@y", "all"]
        shop.wavefile(shop.read("Wavefile").replace("[x, y]", "[x]"))
        assert shop.build().ran == ["all"]
        assert shop.read("p") == "x\n"

    def test_a_quick_answer_knows_it(self, shop: Workshop, agreed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing to do is known without loading anything; an edit there, or permission taken back, is seen."""
        shop.wavefile(SETTING + MANY)
        shop.settle()
        monkeypatch.chdir(shop.root)
        assert finished(QUESTION, os.environ) == 0
        assert finished(QUESTION, {**os.environ, "WAVEBUILD_ALLOW_OUTSIDE": "no"}) is None
        (agreed / "d/new").write_text("")
        assert finished(QUESTION, os.environ) is None


def failing(shop: Workshop, text: str) -> None:
    """Built well, then remade in vain."""
    shop.wavefile(text)
    shop.settle()
    shop.put("s", "bad")


class TestTransactions:
    def test_after_a_failure_the_former_members_are_back(self, shop: Workshop, agreed: Path) -> None:
        """Byte for byte, with their times; what was made of them is kept, nothing else is left there."""
        failing(shop, SETTING + MANY)
        before = tree(agreed)

        assert shop.build().outcomes == {"a": "failed"}

        assert tree(agreed) == before
        assert (shop.root / f".wavebuild/failed/a~outside{agreed}/d/x").read_text() == "bad"
        assert (shop.root / ".wavebuild/failed/a/here").read_text() == "bad"
        shop.put("s", "1")
        assert shop.build().ran == []

    def test_meanwhile_they_lie_on_their_own_disk(self, shop: Workshop, agreed: Path) -> None:
        """A large table is renamed, not copied; a question sees them as they were."""
        shop.wavefile(SETTING + FILE)
        shop.settle()
        was = (agreed / "out").stat().st_ino
        shop.put("s", "2")
        seen: list[list[int]] = []

        def look(event: object) -> None:
            if isinstance(event, StepStarted):
                seen.append([path.stat().st_ino for path in agreed.rglob(".wavebuild/outside/*/*/0")])

        shop.build(meanwhile=look)

        assert seen == [[was]]
        assert [path.name for path in agreed.iterdir()] == ["out"]

    def test_a_kill_is_repaired_by_the_next_build(self, shop: Workshop, agreed: Path) -> None:
        """kill -9 while the step runs: all comes back, and nothing is left behind."""
        shop.wavefile(SETTING + MANY.replace("test $(cat s) != bad", "[ $(cat s) = 1 ] || sleep 60"))
        shop.settle()
        before = tree(agreed)
        self.kill(shop, agreed / "d/sub/y")
        assert tree(agreed) != before
        shop.put("s", "1")
        assert shop.plan() == {"a": "FRESH"}

        built = shop.build()

        assert "step a was cut off" in built.notices
        assert (built.ran, tree(agreed)) == (["a"], before)  # the journal's own line is that of the killed run
        assert shop.build().ran == []

    def kill(self, shop: Workshop, made: Path) -> None:
        site = Site(shop.home)
        shop.put("s", "2")
        process = site.start(WAVEBUILD_ALLOW_OUTSIDE="1", HOME=str(shop.home / "user"))
        assert eventually(lambda: made.exists() and made.read_text() == "2" and list(made.parents[1].glob("empty-2")))
        kill_marked(site.mark)
        process.communicate()

    def test_while_the_folder_is_away_nothing_is_given_up(self, shop: Workshop, agreed: Path) -> None:
        """A disk that is not mounted: the build says which, and all comes back with it."""
        shop.wavefile(SETTING + MANY.replace("test $(cat s) != bad", "[ $(cat s) = 1 ] || sleep 60"))
        shop.settle()
        before = tree(agreed)
        self.kill(shop, agreed / "d/sub/y")
        agreed.rename(shop.home / "away")
        with pytest.raises(WavebuildError, match="is not there") as caught:
            shop.build()
        assert caught.value.exit_code == 1

        (shop.home / "away").rename(agreed)
        shop.put("s", "1")
        assert shop.build().outcomes == {"a": "kept"}
        assert tree(agreed) == before

    def test_if_the_state_is_lost_what_was_set_aside_is_kept(self, shop: Workshop, agreed: Path) -> None:
        """Nobody knows whose it was: a person gets it."""
        shop.wavefile(SETTING + MANY.replace("test $(cat s) != bad", "[ $(cat s) = 1 ] || sleep 60"))
        shop.settle()
        self.kill(shop, agreed / "d/sub/y")
        shutil.rmtree(shop.root / ".wavebuild/state")

        assert f"set aside in {agreed} are kept in .wavebuild/displaced/rescued-" in shop.build().notices
        found = [path.read_text() for path in shop.root.glob(".wavebuild/displaced/rescued-*-0/**/*") if path.is_file()]
        assert found == ["1"] * 4
        assert not (agreed / ".wavebuild").exists()

    @pytest.mark.scenario(id="F13")
    @pytest.mark.parametrize("how", ["failure", "kill", "edit", "success"])
    def test_on_another_device_all_is_the_same(self, shop: Workshop, other_disk: Path, how: str) -> None:
        """What is set aside stays on its disk; what a person gets is copied to the root."""
        many = MANY.replace("../far", str(other_disk))
        if how == "kill":
            many = many.replace("test $(cat s) != bad", "[ $(cat s) = 1 ] || sleep 60")
        shop.wavefile(f"settings: {{outside: [{other_disk}]}}\n" + many)
        shop.settle()
        before = tree(other_disk)
        if how == "kill":
            self.kill(shop, other_disk / "d/sub/y")
            shop.put("s", "1")
            assert shop.build().outcomes == {"a": "kept"}
            assert tree(other_disk) == before
        elif how == "failure":
            shop.put("s", "bad")
            shop.build()
            assert tree(other_disk) == before
            assert (shop.root / f".wavebuild/failed/a~outside{other_disk}/d/x").read_text() == "bad"
        elif how == "edit":
            (other_disk / "one").write_text("mine")
            assert shop.build().code == 0
            assert [path.read_text() for path in shop.root.glob(f".wavebuild/displaced/*~outside{other_disk}/one")] == [
                "mine"
            ]
            assert tree(other_disk).keys() == before.keys()
        else:
            shop.put("s", "2")
            shop.settle()
            assert (other_disk / "d/x").read_text() == "2"

    def test_in_a_sandbox_an_output_in_place_is_found_and_checks_alone_find_all(
        self, shop: Workshop, agreed: Path
    ) -> None:
        """Out of the root as in it: nothing that was there is lost."""
        rows = "{{ outputs.db }}/rows"
        run = f"mkdir -p {{{{ outputs.db }}}}; cat s >> {rows}; wc -l < {rows} > {{{{ outputs.n }}}}"
        outputs = f"{{db: {{path: {agreed}/db/, in_place: true}}, n: {agreed}/n}}"
        step = f"{{inputs: s, outputs: {outputs}, sandbox: true, run: '{run}', checks: CHECK}}"
        text = f"{SETTING}\nsteps: {{a: {step}}}\n"
        shop.wavefile(text.replace("CHECK", "'true'"))
        for line in ("1\n", "2\n"):
            shop.put("s", line)
            assert shop.build().code == 0
        made = (agreed / "db/rows").read_text(), (agreed / "n").read_text()
        shop.wavefile(text.replace("CHECK", "'test $(cat {{ outputs.n }}) = 2 -a -s {{ outputs.db }}/rows'"))

        assert made == ("1\n2\n", "2\n")
        assert (shop.build().outcomes, (agreed / "n").read_text()) == ({"a": "kept"}, "2\n")

    def test_what_a_sandboxed_step_made_is_carried_to_another_device(self, shop: Workshop, other_disk: Path) -> None:
        """A directory with a link and an empty folder; what a failure left stays out of it."""
        run = "mkdir -p {{ outputs }}/e; cp s {{ outputs }}/x; ln -s x {{ outputs }}/l; test $(cat s) != bad"
        step = f"{{inputs: s, outputs: {other_disk}/d/, sandbox: true, run: '{run}'}}"
        shop.wavefile(f"settings: {{outside: [{other_disk}]}}\nsteps: {{a: {step}}}\n")
        for text in ("1", "2"):
            shop.put("s", text)
            shop.settle()
        made = tree(other_disk)
        shop.put("s", "bad")
        failed = shop.build()

        assert {path: facts[0][0] + facts[2].decode() for path, facts in made.items()} == {
            "d": "d", "d/e": "d", "d/l": "l2", "d/x": "-2"
        }  # fmt: skip
        assert (failed.outcomes, tree(other_disk)) == ({"a": "failed"}, made)
        assert (shop.root / f".wavebuild/failed/a~outside{other_disk}/d/x").read_text() == "bad"
