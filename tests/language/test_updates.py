"""``updates``: a file that several steps edit, and people too; each answers for its own edit alone."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from tests.support.command import Site
from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError

BASE = "bundle: demo\n\njobs:\n  bronze: none\n\napps:\n  gold: none\n"

SETTING = """
steps:
  bronze: {inputs: b, updates: f.yml, run: 'note bronze; sed -i "s/^  bronze:.*/  bronze: $(cat b)/" f.yml'}
  gold: {inputs: g, updates: f.yml, run: 'note gold; sed -i "s/^  gold:.*/  gold: $(cat g)/" f.yml'}
  deploy: {inputs: f.yml, outputs: deployed, run: note deploy; cp f.yml deployed}
"""


@pytest.fixture
def setting(shop: Workshop) -> Workshop:
    """Two steps that set a line each, and one that reads them all."""
    shop.wavefile(SETTING)
    shop.write(f__yml=BASE, b="b1", g="g1")
    shop.settle()
    return shop


class TestTurns:
    def test_who_reads_the_file_waits_for_all_who_edit_it(self, setting: Workshop):
        """And finds every edit in it."""
        assert setting.read("deployed") == BASE.replace("bronze: none", "bronze: b1").replace("gold: none", "gold: g1")

    def test_the_edit_of_one_makes_the_other_no_work(self, setting: Workshop):
        """Only its own and the readers'."""
        setting.put("b", "b2")

        assert setting.plan() == {"bronze": "RUN", "gold": "FRESH", "deploy": "MAYBE"}
        assert setting.build(jobs=4).ran == ["bronze", "deploy"]
        assert setting.build().ran == []
        assert "bronze: b2" in setting.read("deployed")

    def test_what_a_person_edits_beside_it_reruns_the_readers_alone(self, setting: Workshop):
        """The file belongs to everyone."""
        setting.put("f.yml", "# mine\n" + setting.read("f.yml") + "more: 1\n")

        assert setting.plan() == {"bronze": "FRESH", "gold": "FRESH", "deploy": "RUN"}
        assert setting.build().ran == ["deploy"]
        assert setting.build().ran == []

    def test_an_edit_that_was_taken_back_is_made_again(self, setting: Workshop):
        """By the step that made it, and no other; what stood there is kept."""
        setting.put("f.yml", setting.read("f.yml").replace("bronze: b1", "bronze: by hand"))

        assert setting.reasons("bronze") == ["EditLost"]
        assert setting.plan() == {"bronze": "RUN", "gold": "FRESH", "deploy": "MAYBE"}
        assert setting.stale()
        built = setting.build()
        assert (built.ran, built.outcomes["deploy"]) == (["bronze"], "kept")
        assert "bronze: b1" in setting.read("f.yml")
        assert ["by hand" in text for text in setting.displaced("f.yml")] == [True]
        assert setting.build().ran == []

    def test_the_file_as_it_was_before_all_is_edited_anew(self, setting: Workshop):
        """As after a checkout, also where a later run found nothing left to do."""
        setting.build("bronze", force=True, only=True)
        setting.put("f.yml", BASE)

        assert setting.build().ran == ["bronze", "gold"]
        assert setting.read("f.yml") == setting.read("deployed")
        assert setting.build().ran == []

    def test_an_input_as_it_was_once_does_not_bring_its_edit_back_by_itself(self, setting: Workshop):
        """An earlier run's edit gave way to a later one's: the step must make it again."""
        setting.put("b", "b2")
        setting.build()
        setting.put("b", "b1")

        assert setting.build().ran == ["bronze", "deploy"]
        assert "bronze: b1" in setting.read("f.yml")

    def test_two_never_edit_at_once(self, shop: Workshop):
        """Each finds the file as the one before it has left it; in the order of the plan where both are ready."""
        turn = "n=$(cat f); sleep 0.05; echo $((n + 1)) > f; note"
        steps = "\n".join(f"  s{number}: {{updates: f, run: '{turn} s{number}'}}" for number in range(5))
        shop.wavefile(f"steps:\n{steps}")
        shop.put("f", "0\n")

        built = shop.build(jobs=4)

        assert shop.read("f") == "5\n"
        assert built.ran == ["s0", "s1", "s2", "s3", "s4"]

    def test_a_step_that_shares_nothing_does_not_wait_for_turns(self, shop: Workshop):
        """Only the file is taken, no slot."""
        shop.wavefile(
            "steps:\n"
            "  a: {updates: f, run: 'until test -e go; do sleep 0.01; done; echo a >> f'}\n"
            "  b: {updates: f, run: echo b >> f}\n"
            "  c: {outputs: go, run: touch go}\n"
        )
        shop.put("f", "")

        assert shop.build(jobs=2).code == 0
        assert shop.read("f") == "a\nb\n"

    def test_a_turn_lasts_over_all_tries(self, shop: Workshop):
        """What the second step wrote is not put back with the first one's failures."""
        fail = "echo a >> f; test $WAVEBUILD_ATTEMPT = 3"
        shop.wavefile(
            f"steps:\n  a: {{updates: f, retries: 2, run: '{fail}'}}\n  b: {{updates: f, run: echo b >> f}}\n"
        )
        shop.put("f", "")

        assert shop.build(jobs=2).code == 0
        assert shop.read("f") == "a\nb\n"

    def test_who_undoes_the_edit_of_another_is_told(self, shop: Workshop):
        """Two steps that write the same line can never both be fresh."""
        set_to = "note {0}; sed -i s/^v.*/v{0}/ f"
        shop.wavefile(
            f"steps:\n  a: {{updates: f, run: '{set_to.format('a')}'}}\n"
            f"  b: {{updates: f, run: '{set_to.format('b')}'}}\n"
        )
        shop.put("f", "v\n")

        built = shop.build()
        assert built.steps["b"].notes == ("it undid what a had written in f: let one of them own it",)
        assert (built.code, built.steps["b"].undid) == (1, ("a",))
        assert shop.plan() == {"a": "RUN", "b": "FRESH"}
        again = shop.build()
        assert (again.code, again.ran) == (1, ["a", "b"])

    def test_who_undoes_the_key_of_another_is_told(self, shop: Workshop):
        """A step that edits the whole file, or a key that is not its own."""
        shop.wavefile(
            "steps:\n  a: {updates: 'f.json#a', inputs: 1, run: cat 1 > f.json}\n"
            "  b: {updates: f.json, inputs: 2, run: cat 2 > f.json}\n"
        )
        shop.put("1", '{"a": 1, "b": 0}')
        shop.put("2", '{"a": 2, "b": 1}')
        shop.put("f.json", "{}")

        built = shop.build()

        assert (built.code, built.steps["b"].undid) == (1, ("a",))
        assert shop.plan()["a"] == "RUN"

    def test_who_undoes_the_edit_of_a_step_that_is_not_built_has_done_well(self, shop: Workshop):
        """A second build of the same runs nothing; the other step is stale, and runs when it is asked for."""
        shop.wavefile(
            "steps:\n  a: {updates: f, run: 'note a; sed -i s/^v.*/va/ f'}\n"
            "  b: {inputs: i, updates: f, run: 'note b; sed -i s/^v.*/vb/ f'}\n"
        )
        shop.write(f="v\n", i="")
        shop.build("a")

        built = shop.build("b")

        assert (built.code, built.ran, built.steps["b"].undid) == (0, ["b"], ())
        assert shop.build("b").ran == []


class TestFailures:
    def test_a_failure_leaves_the_file_as_it_was_with_its_times(self, setting: Workshop):
        """Byte for byte; what the step had written is kept apart."""
        before, times = setting.read("f.yml"), os.stat(setting.root / "f.yml").st_mtime_ns
        setting.wavefile(SETTING.replace("note gold;", "note gold; echo half >> f.yml; exit 3;"))

        built = setting.build()

        assert (built.code, built.steps["gold"].exit_code) == (1, 3)
        assert (setting.read("f.yml"), os.stat(setting.root / "f.yml").st_mtime_ns) == (before, times)
        assert setting.read(".wavebuild/failed/gold/f.yml").endswith("half\n")
        assert any(".wavebuild/failed/gold" in note for note in built.steps["gold"].notes)
        setting.wavefile(SETTING)
        assert setting.build().ran == []

    def test_a_step_that_removes_the_file_fails_and_it_is_back(self, setting: Workshop):
        """It is not its own."""
        before = setting.read("f.yml")
        setting.wavefile(SETTING.replace("note gold;", "rm f.yml; exit 0;"))

        built = setting.build()

        assert "is no file" in built.steps["gold"].detail
        assert setting.read("f.yml") == before

    def test_after_a_kill_the_next_build_puts_the_file_back(self, shop: Workshop):
        """And a question sees it as it was."""
        shop.wavefile(
            "steps: {a: {inputs: i, updates: f, "
            "run: 'if test -e lose; then echo lost > f; until test -s pid; do sleep 0.01; done;"
            " kill -9 $(cat pid); sleep 9; fi; note a; cat i > f'}}"
        )
        shop.write(i="1\n", f="")
        shop.settle()
        shop.write(i="2\n", lose="")
        with Site(shop.home).start() as process:
            shop.put("pid", f"{process.pid}\n")
            process.communicate()
        (shop.root / "lose").unlink()
        shop.put("i", "1\n")

        assert shop.read("f") == "lost\n"
        assert (shop.plan(), shop.stale()) == ({"a": "FRESH"}, False)
        assert shop.build().ran == []
        assert shop.read("f") == "1\n"

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda root: (root / "f").write_bytes(b"a\0b"), "no text"),
            (lambda root: (root / "f").write_bytes(b"x" * (1 << 20) + b"\n"), "no text of at most 1 MiB"),
            (lambda root: ((root / "f").unlink(), (root / "g").touch(), (root / "f").symlink_to("g")), "is a link"),
            (lambda root: ((root / "f").unlink(), (root / "f").mkdir()), "is no file"),
        ],
    )
    def test_what_cannot_be_told_apart_or_put_back_is_not_touched(self, shop: Workshop, spoil, words: str):
        """A binary or a large file, a link, a folder."""
        shop.wavefile("steps: {a: {updates: f, run: note a}}")
        shop.put("f", "")
        spoil(shop.root)

        built = shop.build()

        assert (built.code, built.ran) == (1, [])
        assert words in built.steps["a"].detail

    def test_a_file_that_is_not_there_is_refused_before_anything_runs(self, shop: Workshop):
        """It belongs to nobody, so nobody makes it."""
        shop.wavefile("steps: {a: {updates: f, run: note a}, b: {outputs: o, run: note b; touch o}}")

        with pytest.raises(WavebuildError, match="updates f, which is not there"):
            shop.build()
        assert shop.ran() == []


class TestKeys:
    KEYED = """
    steps:
      bronze:
        inputs: b
        updates: f.yml#jobs.bronze
        run: |
          note bronze; sed -i "s/^  bronze:.*/  bronze: $(cat b)/" f.yml
      gold:
        inputs: [g, f.yml#jobs]
        updates: {bundle: f.yml#apps.gold}
        run: |
          note gold; sed -i "s/^  gold:.*/  gold: $(cat g)/" {{ updates.bundle }}
    """

    @pytest.fixture
    def keyed(self, shop: Workshop) -> Workshop:
        shop.wavefile(self.KEYED)
        shop.write(f__yml=BASE, b="b1", g="g1")
        shop.settle()
        return shop

    def test_other_keys_may_change_as_they_like(self, keyed: Workshop):
        """Also the layout of the file."""
        keyed.put("f.yml", "{bundle: other, apps: {gold: g1}, jobs: {bronze: b1}}\n")

        assert keyed.plan() == {"bronze": "FRESH", "gold": "FRESH"}
        assert keyed.build().ran == []

    def test_a_change_of_its_own_keys_is_an_edit_lost(self, keyed: Workshop):
        """Whoever made it."""
        keyed.put("f.yml", keyed.read("f.yml").replace("gold: g1", "gold: mine"))

        assert keyed.planned() == {"bronze": ["FRESH"], "gold": ["RUN", "EditLost"]}
        assert keyed.build().ran == ["gold"]
        assert "gold: g1" in keyed.read("f.yml")
        assert keyed.build().ran == []

    def test_keys_of_others_are_read_when_these_have_written_them(self, keyed: Workshop):
        """One may edit a file and read other keys of it."""
        keyed.put("b", "b2")

        assert keyed.plan() == {"bronze": "RUN", "gold": "MAYBE"}
        assert keyed.build(jobs=4).ran == ["bronze", "gold"]
        assert keyed.build().ran == []

    def test_keys_that_are_not_there_in_the_end_fail_the_step(self, keyed: Workshop):
        """And the file is as it was."""
        before = keyed.read("f.yml")
        keyed.wavefile(self.KEYED.replace("note gold;", "sed -i /gold/d f.yml; exit 0;"))

        assert "there is no apps.gold in f.yml" in keyed.build().steps["gold"].detail
        assert keyed.read("f.yml") == before

    def test_a_step_that_changes_keys_of_others_is_told_of(self, keyed: Workshop):
        """Its work is not lost by it: a person may have edited meanwhile."""
        keyed.wavefile(self.KEYED.replace("note gold;", "sed -i s/demo/changed/ f.yml;"))

        built = keyed.build()

        assert built.code == 0
        assert "while it ran, bundle of f.yml changed; it owns only apps.gold of it" in built.steps["gold"].notes

    def test_a_file_that_says_nothing_readable_stops_who_shares_it(self, keyed: Workshop):
        """With what is wrong in it, and no rerun."""
        keyed.put("f.yml", "a: [\n")

        built = keyed.build(keep_going=True)

        assert (built.code, built.ran) == (1, [])
        assert "f.yml" in built.steps["bronze"].detail


class TestHands:
    def test_accept_takes_what_stands_as_the_result(self, setting: Workshop):
        """A person has changed the line on purpose."""
        setting.put("f.yml", setting.read("f.yml").replace("bronze: b1", "bronze: mine"))

        assert setting.accept("bronze") == ("bronze: what the files that it shares say now is its result",)
        assert setting.build().ran == ["deploy"]
        assert "bronze: mine" in setting.read("f.yml")
        assert setting.build().ran == []

    def test_touch_takes_what_stands_as_the_result(self, setting: Workshop):
        """Nothing runs, and afterwards nothing needs to."""
        setting.put("b", "b2")

        assert setting.touch("bronze") == ("bronze",)
        assert setting.build().ran == []

    def test_forget_has_the_step_edit_again(self, setting: Workshop):
        """What others wrote stays."""
        from wavebuild import engine

        engine.forget(setting.request("bronze"))

        assert setting.build().ran == ["bronze"]
        assert setting.build().ran == []

    def test_clean_leaves_a_shared_file_alone(self, setting: Workshop):
        """It is nobody's output."""
        from wavebuild import engine

        before = setting.read("f.yml")
        cleaned = engine.clean(setting.request(), dry=False)

        assert (cleaned.removed, setting.read("f.yml")) == (("deployed",), before)

    def test_a_shared_file_as_a_target_means_all_who_edit_it(self, setting: Workshop):
        """As with a path that has an owner."""
        setting.write(b="b2", g="g2")

        assert setting.build("f.yml").ran == ["bronze", "gold"]

    def test_taken_as_unchanged_a_lost_edit_is_no_reason(self, setting: Workshop):
        """With -o nothing runs for the file's sake."""
        setting.put("f.yml", BASE)

        assert setting.build(unchanged=("f.yml",)).ran == []

    def test_a_renamed_step_without_outputs_edits_again_and_loses_nothing(self, setting: Workshop):
        """It has no trace under its new name."""
        setting.wavefile(SETTING.replace("  gold: {inputs", "  golden: {inputs"))

        assert setting.build().ran == ["gold"]
        assert "gold: g1" in setting.read("f.yml")


class TestTogether:
    def test_instances_share_a_file_each_with_its_own_keys(self, shop: Workshop):
        """A key for each; the change of one value reruns one."""
        shop.wavefile("""
        steps:
          job:
            foreach: {t: [a, b, c]}
            inputs: "in/{{ t }}"
            updates: "f.json#jobs.{{ t }}"
            run: |
              note "{{ t }}"
              python3 - "{{ t }}" <<'EOF'
              import json, sys
              t = sys.argv[1]
              held = json.load(open("f.json"))
              held.setdefault("jobs", {})[t] = open(f"in/{t}").read()
              json.dump(held, open("f.json", "w"), indent=1, sort_keys=True)
              EOF
        """)
        for name in "abc":
            shop.put(f"in/{name}", name)
        shop.put("f.json", "{}\n")
        built = shop.settle(jobs=3)
        assert sorted(built.ran) == ["a", "b", "c"]
        shop.put("in/b", "B")

        assert shop.build(jobs=3).ran == ["b"]
        assert '"b": "B"' in shop.read("f.json")

    def test_a_folder_that_is_read_does_not_hold_the_file_that_is_edited(self, shop: Workshop):
        """A step that reads the folder of the file it edits is fresh afterwards; others read it as a member."""
        shop.wavefile("""
        steps:
          edit: {inputs: conf/, updates: conf/f, run: note edit; ls conf | wc -l > conf/f}
          read: {inputs: conf/, outputs: o, run: note read; cat conf/f > o}
        """)
        shop.write(**{"conf/f": "", "conf/g": ""})
        shop.settle()
        shop.put("conf/h", "")

        assert shop.build().ran == ["edit", "read"]
        assert shop.build().ran == []

    def test_a_step_with_outputs_and_updates_answers_for_both(self, shop: Workshop):
        """Either missing makes it stale."""
        shop.wavefile("steps: {a: {updates: f, outputs: o, run: 'note a; echo a > f; touch o'}}")
        shop.put("f", "")
        shop.settle()
        (shop.root / "o").unlink()
        assert shop.build().ran == ["a"]
        shop.put("f", "")

        assert shop.build().ran == ["a"]
        assert shop.build().ran == []

    def test_by_times_alone_nobody_knows_whether_an_edit_was_made(self, shop: Workshop):
        """`freshness: mtime` adopts outputs, but no shared file."""
        shop.wavefile("steps: {a: {freshness: mtime, updates: f, outputs: o, run: note a; echo a > f; touch o}}")
        shop.write(f="", o="")

        assert shop.build(force=True).ran == ["a"]
        assert shop.build().ran == []

    def test_the_lock_file_does_not_vouch_for_edits(self, shop: Workshop):
        """A clone has the file, but nobody knows what of it is whose: the step edits it once more."""
        shop.wavefile("settings: {lock: wb.lock}\nsteps: {a: {updates: f, run: 'note a; echo a > f'}}")
        shop.put("f", "")
        shop.settle()
        import shutil

        shutil.rmtree(shop.root / ".wavebuild")

        assert shop.build().ran == ["a"]

    def test_an_edit_is_lost_where_its_kept_text_is(self, setting: Workshop):
        """A damaged text costs a run, never a wrong skip."""
        import sqlite3

        with closing(sqlite3.connect(next((setting.root / ".wavebuild/state").glob("*.db")))) as state, state:
            state.execute("delete from texts where key = 'step:gold'")
        (setting.root / "f.yml").write_text(setting.read("f.yml") + "\n")

        assert setting.build().ran == ["gold", "deploy"]
        assert setting.build().ran == []
