"""``in_place``: an output that a step edits rather than makes anew; a failure leaves it as it was."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.command import Site
from tests.support.folders import tree
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.errors import WavebuildError

APPENDING = """
steps:
  load:
    inputs: s
    outputs: {path: db/, in_place: true}
    run: |
      note load
      mkdir -p db/sub
      cat s >> db/rows
      echo "$RANDOM" > db/sub/last
      rm -f db/old
      test ! -e ../fail
  read: {inputs: db/, outputs: o, run: note read; cat db/rows > o}
"""


@pytest.fixture
def appending(shop: Workshop) -> Workshop:
    shop.wavefile(APPENDING)
    shop.put("s", "1\n")
    shop.settle()
    return shop


def standing(shop: Workshop) -> dict[str, tuple[str, int]]:
    return {path: facts for path, facts in tree(shop.root).items() if path.startswith("db/")}


class TestInPlace:
    def test_the_step_finds_what_it_made_before(self, appending: Workshop):
        """An incremental load adds to what is there."""
        appending.put("s", "2\n")
        built = appending.build()

        assert (built.ran, appending.read("o")) == (["load", "read"], "1\n2\n")
        assert appending.build().ran == []

    def test_the_plan_says_what_the_build_then_does(self, appending: Workshop):
        """Fresh, and stale after an edit."""
        fresh = appending.plan(), appending.stale()
        appending.put("s", "2\n")

        assert fresh == ({"load": "FRESH", "read": "FRESH"}, False)
        assert appending.plan() == {"load": "RUN", "read": "MAYBE"}
        assert appending.stale()

    def test_after_a_kill_a_question_sees_what_the_next_build_puts_back(self, shop: Workshop):
        """Empty folders too: gone ones are still there, new ones are nobody's."""
        lose = "rm -r db/sub db/full/x; mkdir db/new; until test -s pid; do sleep 0.01; done; kill -9 $(cat pid)"
        edit = f"if test -e lose; then {lose}; else mkdir -p db/sub/empty db/full; touch db/full/x; fi"
        shop.wavefile(f"steps: {{load: {{inputs: s, outputs: {{path: db/, in_place: true}}, run: '{edit}'}}}}")
        shop.put("s", "1\n")
        shop.settle()
        shop.put("lose", "")
        shop.put("s", "2\n")
        with Site(shop.home).start() as process:
            shop.put("pid", f"{process.pid}\n")
            process.communicate()
        shop.put("s", "1\n")
        killed = sorted(os.listdir(shop.root / "db"))

        assert (killed, shop.plan(), shop.stale()) == (["full", "new"], {"load": "FRESH"}, False)
        assert shop.build().ran == []
        assert sorted(os.listdir(shop.root / "db")) == ["full", "sub"]

    def test_a_failure_leaves_all_as_it_was(self, appending: Workshop):
        """Bytes and times; new members are in the failed folder."""
        before = standing(appending)
        appending.put("s", "2\n")
        (appending.home / "fail").write_text("")
        built = appending.build()

        assert built.outcomes["load"] == "failed"
        assert standing(appending) == before
        assert (appending.root / ".wavebuild/failed/load/db/rows").read_text() == "1\n2\n"
        assert not (appending.root / ".wavebuild/aside").exists() or not os.listdir(appending.root / ".wavebuild/aside")

    def test_after_the_failure_is_undone_nothing_runs(self, appending: Workshop):
        """Edit, fail, undo is fresh again."""
        appending.put("s", "2\n")
        (appending.home / "fail").write_text("")
        appending.build()
        appending.put("s", "1\n")

        assert appending.build().ran == []

    def test_each_try_begins_with_what_was_there_before_the_first(self, shop: Workshop):
        """A try that failed half way leaves nothing to the next."""
        shop.wavefile("""
steps:
  a:
    inputs: s
    outputs: {path: f, in_place: true}
    retries: 1
    run: cat s >> f; test $WAVEBUILD_ATTEMPT = 2 -o ! -e ../fail
""")
        shop.put("s", "1\n")
        shop.build()
        (shop.home / "fail").write_text("")
        shop.put("s", "2\n")
        built = shop.build()

        assert (built.steps["a"].attempts, shop.read("f")) == (2, "1\n2\n")

    def test_a_check_that_fails_undoes_the_edit(self, shop: Workshop):
        """The gate judges the new state; what does not pass does not stay."""
        shop.wavefile("""
steps:
  a: {inputs: s, outputs: {path: f, in_place: true}, run: cat s >> f, checks: "! grep -q bad f"}
""")
        shop.put("s", "good\n")
        shop.build()
        shop.put("s", "bad\n")

        assert shop.build().steps["a"].failure == "check"
        assert shop.read("f") == "good\n"

    def test_members_that_the_step_removed_are_gone(self, appending: Workshop):
        """And a reader sees that they are."""
        appending.wavefile(APPENDING.replace("rm -f db/old", "rm -f db/sub/last; rmdir db/sub"))
        built = appending.build()

        assert built.ran == ["load", "read"]
        assert sorted(path for path in standing(appending) if not path.endswith("/")) == ["db/rows"]
        assert appending.build().ran == []

    def test_under_force_it_starts_from_nothing(self, appending: Workshop):
        """As any step does: -B is the way to a full reload."""
        appending.put("s", "2\n")
        appending.build(force=True)

        assert appending.read("o") == "2\n"

    def test_an_edit_by_hand_is_kept_before_the_step_goes_on_from_it(self, appending: Workshop):
        """`overwrite` is the default: the step runs on what stands, and a copy of that stays."""
        appending.put("db/rows", "1\nmine\n")
        built = appending.build()

        assert built.outcomes["load"] == "succeeded"
        assert appending.displaced("db/rows") == ["1\nmine\n"]
        assert appending.read("o") == "1\nmine\n1\n"

    def test_on_edit_fail_stops_it(self, appending: Workshop):
        """An edit is no less a person's for being in place."""
        appending.wavefile(APPENDING.replace("in_place: true}", "in_place: true}\n    on_edit: fail"))
        appending.put("db/rows", "mine\n")
        built = appending.build()

        assert (built.steps["load"].failure, built.ran) == ("edited", [])
        assert appending.read("db/rows") == "mine\n"

    def test_what_no_step_made_stops_it_until_accepted(self, shop: Workshop):
        """An existing database is nobody's until a person says whose it is."""
        shop.wavefile(APPENDING)
        shop.put("s", "1\n")
        shop.put("db/rows", "there\n")

        assert shop.build().steps["load"].failure == "unclaimed"
        assert shop.read("db/rows") == "there\n"

    def test_links_modes_and_times_of_folders_come_back(self, shop: Workshop):
        """The former state is whole."""
        shop.wavefile("""
steps:
  a:
    inputs: s
    outputs: {path: d/, in_place: true}
    run: |
      if [ -e ../fail ]; then chmod 700 d/x; rm -r d/deep; ln -sf nowhere d/link; echo >> d/x; exit 1; fi
      mkdir -p d/deep/er d/void; echo > d/x; chmod 750 d/x d/deep; ln -s x d/link; echo > d/deep/er/y
""")
        shop.put("s", "1")
        shop.build()
        for path in ("d/deep/er", "d/deep", "d/void", "d"):
            os.utime(shop.root / path, ns=(10**18, 10**18))
        before = {path: os.lstat(shop.root / path) for path in ("d", "d/x", "d/deep", "d/deep/er", "d/void", "d/link")}
        shop.put("s", "2")
        (shop.home / "fail").write_text("")
        shop.build()

        for path, was in before.items():
            now = os.lstat(shop.root / path)
            assert (now.st_mode, now.st_mtime_ns) == (was.st_mode, was.st_mtime_ns), path
        assert os.readlink(shop.root / "d/link") == "x"

    def test_a_database_with_its_sidecars(self, shop: Workshop):
        """The folder is the output: whatever lies beside the file comes back with it."""
        shop.put(
            "load.py",
            "import os, sqlite3, sys\n"
            "d = sqlite3.connect('w/w.db')\n"
            "d.execute('pragma journal_mode=wal')\n"
            "d.execute('create table if not exists t (x)')\n"
            "d.execute('insert into t values (?)', (open('s').read(),))\n"
            "d.commit()\n"
            "sys.stdout.flush()\n"
            "os._exit(os.path.exists('../fail'))\n",
        )
        shop.wavefile(f"""
steps:
  load: {{inputs: s, code: load.py, outputs: {{path: w/, in_place: true}}, run: {sys.executable} load.py}}
  count: {{inputs: w/, outputs: n, run: "sqlite3 w/w.db 'select count(*) from t' > n"}}
""")
        shop.put("s", "1")
        shop.build()
        shop.put("s", "2")
        (shop.home / "fail").write_text("")
        failed = shop.build().outcomes["load"]
        (shop.home / "fail").unlink()
        shop.build()

        assert (failed, shop.read("n").strip()) == ("failed", "2")

    @pytest.mark.parametrize("in_place", ["true", "false"])
    def test_with_its_digest_a_log_beside_a_database_is_a_part_of_it(self, shop: Workshop, in_place: str):
        """Whoever reads the database may take the log in and remove it: nothing has changed by that."""
        shop.put(
            "w.py",
            "import os, sqlite3, sys\n"
            "d = sqlite3.connect('w/w.db')\n"
            "if sys.argv[1] == 'read':\n"
            "    print(len(d.execute('select * from t').fetchall()), file=open('n', 'w'))\n"
            "    d.close()\n"
            "    sys.exit()\n"
            "d.execute('pragma journal_mode=wal')\n"
            "d.execute('create table if not exists t (x)')\n"
            "d.execute('insert into t values (1)')\n"
            "d.commit()\n"
            "os._exit(os.path.exists('../fail'))\n",
        )
        python = f"{sys.executable} w.py"
        shop.wavefile(f"""
steps:
  load: {{inputs: s, outputs: {{path: w/, digest: sqlite, in_place: {in_place}}}, run: {python} load}}
  count: {{inputs: w/, outputs: n, run: {python} read}}
""")
        shop.put("s", "1")
        first, again = shop.build(), shop.build()
        shop.put("s", "1\n")
        shop.build()
        kept = list(shop.root.glob(".wavebuild/displaced/*/w/*")) if in_place == "true" else []
        subprocess.run([sys.executable, "w.py", "edit"], cwd=shop.root, check=True)
        beside = [name for name in os.listdir(shop.root / "w") if name.endswith("-wal")]
        edited = shop.plan()["load"]
        shop.put("s", "2")
        (shop.home / "fail").write_text("")
        failed = shop.build()
        (shop.home / "fail").unlink()

        assert (first.outcomes, first.code) == ({"load": "succeeded", "count": "succeeded"}, 0)
        assert kept == []
        assert (again.result.nothing_to_do, beside, edited) == (True, ["w.db-wal"], "RUN")
        assert failed.outcomes["load"] == "failed"
        assert (shop.build().code, shop.read("n")) == (0, "4\n" if in_place == "true" else "1\n")
        assert {path.name for path in shop.root.glob(".wavebuild/displaced/*/w/*")} >= {"w.db", "w.db-wal"}
        shop.put("s", "3")
        shop.build("load")
        engine.clean(shop.request(), dry=False)
        assert not (shop.root / "w").exists()

    def test_saying_so_is_a_reason_to_run(self, shop: Workshop):
        """What was made anew and what grew are not the same result."""
        shop.wavefile("steps: {a: {outputs: f, run: note a; echo >> f}}")
        shop.settle()
        shop.wavefile("steps: {a: {outputs: {path: f, in_place: true}, run: note a; echo >> f}}")

        assert shop.build().ran == ["a"]
        assert shop.read("f") == "\n\n"

    @pytest.mark.parametrize(
        ("step", "said"),
        [
            ("{inputs: {path: s, in_place: true}, run: make}", "belongs to outputs that are files"),
            ("{manual: Place it., outputs: {path: s, in_place: true}}", "is placed by a person"),
            ("{outputs: {path: s, in_place: maybe}, run: make}", "expected true or false"),
        ],
    )
    def test_where_it_means_nothing_it_is_refused(self, shop: Workshop, step: str, said: str):
        """With its place."""
        shop.wavefile(f"steps:\n  a: {step}\n")
        with pytest.raises(WavebuildError) as refused:
            shop.build()

        assert said in str(refused.value)
        assert [problem.place.line for problem in refused.value.problems if problem.place] == [2]
