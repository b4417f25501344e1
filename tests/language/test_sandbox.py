"""``sandbox``: the step runs in a private folder with its declared inputs only; only declared outputs come back."""

from __future__ import annotations

import os

import pytest

from tests.support.command import Site
from tests.support.processes import eventually
from tests.support.workshop import Built, Workshop
from wavebuild.run import landlock

walls = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")


def one(shop: Workshop, keys: str, run: str, more: str = "") -> None:
    """One sandboxed step ``s``; ``refused WORDS`` in its script: that command must fail."""
    run = f'refused() {{ if "$@" 2> /dev/null; then echo "not refused: $*"; exit 9; fi; }}\n{run}'
    script = "".join(f"\n      {line}" for line in run.strip().splitlines())
    shop.wavefile(f"steps:\n  s:\n    sandbox: true\n    {keys}\n    run: |{script}\n{more}")


def ran(built: Built) -> list[str]:
    """The steps that ran: from behind the walls no journal can be kept."""
    return [name for name, outcome in built.outcomes.items() if outcome in ("succeeded", "failed")]


class TestWhatItFinds:
    def test_only_what_is_declared_is_there(self, shop: Workshop):
        """Files, directories and globs with their members, and nothing beside them."""
        for path in ("a", "b", "d/x", "d/sub/y", "g/1.csv", "g/2.txt", "no/z"):
            shop.put(path, path)
        os.makedirs(shop.root / "d/empty")
        one(shop, "inputs: [a, d/, 'g/*.csv']\n    outputs: o", "find . | sort > $TMPDIR/x; mv $TMPDIR/x o")
        shop.build()

        assert shop.read("o").split() == [
            ".", "./a", "./d", "./d/empty", "./d/sub", "./d/sub/y", "./d/x", "./g", "./g/1.csv"
        ]  # fmt: skip

    def test_the_second_run_is_idle_and_a_declared_input_reruns(self, shop: Workshop):
        """And what is not declared, though it stands beside it, does not."""
        shop.write(a="1\n", b="1\n")
        one(shop, "inputs: a\n    outputs: o", "cat a > o")
        first = ran(shop.build())
        plan = shop.plan()
        shop.write(b="2\n")
        other = ran(shop.build())
        shop.write(a="2\n")
        stale = shop.plan(), shop.stale()
        second = shop.build()

        assert (first, plan, other, stale) == (["s"], {"s": "FRESH"}, [], ({"s": "RUN"}, True))
        assert (ran(second), shop.read("o"), ran(shop.build())) == (["s"], "2\n", [])

    def test_an_undeclared_input_is_missing(self, shop: Workshop):
        """At the first run, not when it has changed for the tenth time."""
        shop.write(a="1\n", b="1\n")
        one(shop, "inputs: a\n    outputs: o", "cat a b > o")
        built = shop.build()

        assert built.outcomes == {"s": "failed"}
        assert "b: No such file" in "\n".join(built.steps["s"].tail)
        assert "--audit names what it lacks" in "\n".join(built.steps["s"].notes)

    def test_of_rows_only_those(self, shop: Workshop):
        """With the header, in their order; a line break in a cell is part of it."""
        shop.put("t.csv", 'k,v,w\nx,1,"a\nb"\ny,2,c\nx,0,"d,e"\n')
        one(shop, "inputs: {path: t.csv, rows: {k: x}}\n    outputs: o", "cat t.csv > o")
        shop.build()

        assert shop.read("o") == 'k,v,w\nx,1,"a\nb"\nx,0,"d,e"\n'

    def test_of_several_parts_of_a_table_no_cell_that_nobody_asked_for(self, shop: Workshop):
        """Two parts with columns of their own make one table."""
        shop.put("t.csv", "k,v,w\nx,1,2\ny,3,4\nz,5,6\n")
        parts = "{path: t.csv, rows: {k: x}, columns: [k, v]}, {path: t.csv, rows: {k: y}, columns: [k, w]}"
        one(shop, f"inputs: [{parts}]\n    outputs: o", "cat t.csv > o")
        shop.build()

        assert shop.read("o") == "k,v,w\nx,1,\ny,,4\n"

    def test_a_table_keeps_its_mark_its_line_ends_and_its_delimiter(self, shop: Workshop):
        """As the program expects them."""
        (shop.root / "t.csv").write_bytes(b"\xef\xbb\xbfk;v\r\nx;1\r\ny;2\r\n")
        one(shop, "inputs: {path: t.csv, rows: {k: x}, delimiter: ';'}\n    outputs: o", "cat t.csv > o")
        shop.build()

        assert (shop.root / "o").read_bytes() == b"\xef\xbb\xbfk;v\r\nx;1\r\n"

    def test_a_table_that_is_read_whole_too_is_there_whole(self, shop: Workshop):
        """The wider reading wins."""
        shop.put("t.csv", "k,v\nx,1\ny,2\n")
        one(shop, "inputs: [t.csv, {path: t.csv, rows: {k: x}}]\n    outputs: o", "cat t.csv > o")
        shop.build()

        assert shop.read("o") == "k,v\nx,1\ny,2\n"

    def test_of_keys_the_whole_file(self, shop: Workshop):
        """With its comments; another key of it is no reason to run."""
        shop.put("c.yaml", "a: 1  # one\nb: 2\n")
        one(shop, "inputs: c.yaml#a\n    outputs: o", "cat c.yaml > o")
        shop.build()
        shop.put("c.yaml", "a: 1  # one\nb: 3\n")

        assert (shop.read("o"), ran(shop.build())) == ("a: 1  # one\nb: 2\n", [])

    def test_listed_inputs_and_the_list(self, shop: Workshop):
        """A list made in the build too."""
        shop.write(x="1\n", y="2\n")
        made = "  l: {outputs: list, run: 'printf \"x\\ny\\n\" > list'}\n"
        one(shop, "inputs: {list: list}\n    outputs: o", "cat $(cat list) > o", made)

        assert (shop.build().code, shop.read("o")) == (0, "1\n2\n")

    def test_links_are_links_where_their_targets_are_declared(self, shop: Workshop):
        """Else they are what they lead to, inside the root or out of it."""
        shop.write(a="1\n", b="2\n")
        (shop.home / "out").write_text("3\n")
        os.symlink("a", shop.root / "to-a")
        os.symlink("b", shop.root / "to-b")
        os.symlink(shop.home / "out", shop.root / "to-out")
        one(shop, "inputs: [a, to-a, to-b, to-out]\n    outputs: o", "find . -type l > o; cat to-* >> o")
        shop.build()

        assert shop.read("o") == "./to-a\n1\n2\n3\n"

    def test_a_link_that_leads_nowhere_is_one_there_too(self, shop: Workshop):
        """As a member of a directory it is no obstacle."""
        shop.put("d/a", "1\n")
        os.symlink("gone", shop.root / "d/l")
        one(shop, "inputs: d/\n    outputs: o", "readlink d/l > o")

        assert (shop.build().code, shop.read("o"), ran(shop.build())) == (0, "gone\n", [])

    def test_a_step_of_an_included_file_runs_in_its_folder(self, shop: Workshop):
        """With its own root, and the top one, in the private folder."""
        shop.put("part/a", "1\n")
        run = "cat a > o; test $WAVEBUILD_ROOT = $PWD -a $WAVEBUILD_TOP/part = $PWD -a $PWD != $WAVEBUILD_PROJECT/part"
        shop.put("part/Wavefile", f"steps: {{s: {{inputs: a, outputs: o, sandbox: true, run: '{run}'}}}}\n")
        shop.wavefile("include: [{path: part/Wavefile, as: p}]\n")

        assert (shop.build().outcomes, shop.read("part/o")) == ({"p.s": "succeeded"}, "1\n")

    def test_inputs_beside_the_root_are_where_they_were(self, shop: Workshop):
        """As copies too."""
        (shop.home / "shared").mkdir()
        (shop.home / "shared/x").write_text("1\n")
        one(shop, "inputs: ../shared/x\n    outputs: o", "cat ../shared/x > o; echo 2 > ../shared/x")

        assert (shop.build().code, shop.read("o"), (shop.home / "shared/x").read_text()) == (0, "1\n", "1\n")

    def test_it_runs_in_its_folder(self, shop: Workshop):
        """With paths relative to it, and the private root under the usual names."""
        shop.put("sub/a", "1\n")
        one(
            shop,
            "cwd: sub\n    inputs: sub/a\n    outputs: sub/o",
            "echo {{ inputs }} {{ outputs }} > o; cat $WAVEBUILD_INPUTS $WAVEBUILD_OUTPUTS >> o\n"
            "test $PWD = $WAVEBUILD_ROOT/sub -a {{ root }} = $WAVEBUILD_ROOT -a $WAVEBUILD_ROOT != $WAVEBUILD_PROJECT",
        )
        built = shop.build()

        assert (built.code, shop.read("sub/o")) == (0, "a o\nsub/a\nsub/o\n")

    def test_a_call_imports_the_code_that_it_declares(self, shop: Workshop):
        """Its module and what that imports; a module that only the root has is not found."""
        shop.put("lib/work.py", "from lib import more\ndef f(outputs):\n    open(outputs[0], 'w').write(more.TEXT)\n")
        shop.put("lib/more.py", "TEXT = '1'\n")
        shop.put("lib/other.py", "")
        shop.wavefile("steps: {s: {outputs: o, call: 'lib.work:f', sandbox: true}}")
        first = shop.build().code, shop.read("o")
        shop.put("lib/more.py", "TEXT = '2'\n")
        second = shop.build().code, shop.read("o")
        shop.put("lib/more.py", "import importlib; importlib.import_module('lib.oth' + 'er'); TEXT = '3'\n")
        third = shop.build()

        assert (first, second) == ((0, "1"), (0, "2"))
        assert "No module named 'lib.other'" in "\n".join(third.steps["s"].tail)

    def test_a_call_does_not_import_from_the_project(self, shop: Workshop):
        """Not even where Python was started in its root."""
        shop.put("m.py", "import importlib\ndef f(outputs):\n    importlib.import_module('oth' + 'er')\n")
        shop.put("other.py", "")
        shop.wavefile("steps: {s: {outputs: o, call: 'm:f', sandbox: true}}")
        finished = Site(shop.home).wavebuild()

        assert (finished.code, "No module named 'other'" in finished.err) == (1, True)

    def test_its_path_is_the_same_at_every_run(self, shop: Workshop):
        """So that what holds it, as debuggers want it, has the same bytes again."""
        one(shop, "outputs: o", "pwd > o")
        shop.build()
        first = shop.read("o")
        shop.build(force=True)

        assert (shop.read("o"), first.startswith(str(shop.root))) == (first, True)

    def test_what_only_checks_read_is_not_there_before_them(self, shop: Workshop):
        """The action would read what is no reason for it to run."""
        shop.write(a="1\n", limit="5\n")
        checks = "checks: {inputs: limit, run: 'test $(cat o) -lt $(cat limit)'}"
        one(shop, f"inputs: a\n    outputs: o\n    {checks}", "test ! -e limit; cat a > o")
        good = shop.build().outcomes
        shop.write(limit="0\n")
        bad = shop.build()

        assert (good, bad.outcomes, bad.steps["s"].failure, bad.ran) == (
            {"s": "succeeded"},
            {"s": "failed"},
            "check",
            [],
        )
        assert shop.read("o") == "1\n"

    def test_what_was_made_of_nothing_is_checked_too(self, shop: Workshop):
        """A step without inputs has nothing in its folder but what it made."""
        one(shop, "outputs: o\n    checks: test -s o -a -e undeclared", "echo 1 > o; touch undeclared")

        assert (shop.build().code, shop.read("o")) == (0, "1\n")

    def test_a_check_that_reads_all_of_a_table_gets_it(self, shop: Workshop):
        """Though the action had some rows of it only."""
        shop.put("t.csv", "k,v\nx,1\ny,2\n")
        keys = "inputs: {path: t.csv, rows: {k: x}}\n    outputs: o\n    checks: {inputs: t.csv, run: grep -q y t.csv}"
        one(shop, keys, "cat t.csv > o")

        assert (shop.build().code, shop.read("o")) == (0, "k,v\nx,1\n")

    def test_a_check_step_runs_apart_too(self, shop: Workshop):
        """It finds its inputs alone."""
        shop.write(a="1\n", b="1\n")
        shop.wavefile("steps: {c: {checks: {inputs: a, run: test -e a -a ! -e b}, sandbox: true}}")

        assert (shop.build().outcomes, ran(shop.build())) == ({"c": "succeeded"}, [])

    def test_what_a_depfile_named_last_is_there_next_time(self, shop: Workshop):
        """The depfile names places in the private folder, or relative ones: they are the project's files."""
        shop.write(a="1\n", h="h\n", k="k\n")
        run = 'cat a h > o; test ! -e k || cat k >> o; echo "o: a h $PWD/k" > o.d'
        one(shop, "inputs: [a, h]\n    outputs: o\n    depfile: o.d", run)
        shop.build()
        before = shop.read("o"), (shop.root / "o.d").exists()
        shop.write(k="k2\n")
        shop.build()

        assert (before, shop.read("o")) == (("1\nh\n", False), "1\nh\nk2\n")

    def test_the_projects_tools_are_there(self, shop: Workshop):
        """A virtual environment of the root is used by its relative path, though no input."""
        shop.put(".venv/pyvenv.cfg", "")
        shop.put(".venv/bin/tool", "#!/bin/sh\necho made\n").chmod(0o755)
        one(shop, "outputs: o", ".venv/bin/tool > o")

        assert (shop.build().code, shop.read("o")) == (0, "made\n")

    def test_our_own_python_and_memory_and_scratch_work(self, shop: Workshop):
        """As without a sandbox."""
        shop.wavefile("""
mem: {given: 2}
steps:
  s:
    sandbox: true
    scratch: true
    inputs: mem:given
    outputs: [o, mem:made]
    run: |
      touch $WAVEBUILD_SCRATCH/x
      {{ python }} -c 'import json, os; v = json.load(open(os.environ["WAVEBUILD_MEM"])); json.dump({"made": v["given"] + 1}, open(os.environ["WAVEBUILD_MEM_OUT"], "w"))'
      echo x > o
  t: {inputs: mem:made, outputs: p, run: 'echo {{ mem.made }} > p', sandbox: true}
""")  # noqa: E501

        assert (shop.build().code, shop.read("p")) == (0, "3\n")


class TestWhatComesBack:
    @pytest.mark.scenario(id="F2")
    def test_undeclared_files_are_gone_and_counted(self, shop: Workshop):
        """With the names of some; a changed input is as it was."""
        shop.write(a="1\n")
        one(shop, "inputs: a\n    outputs: o", "cat a > o; echo 2 > a; mkdir x; touch x/y z")
        built = shop.build()

        assert sorted(os.listdir(shop.root)) == [".wavebuild", "Wavefile", "a", "o"]
        assert (shop.read("a"), os.path.exists(shop.root / ".wavebuild/sandbox")) == ("1\n", False)
        assert built.steps["s"].notes == (
            "it wrote 2 undeclared files, gone with its sandbox: x/y z",
            "it changed its copy of an input, gone with its sandbox: a",
        )

    def test_a_directory_is_replaced_as_a_whole(self, shop: Workshop):
        """Members that are no longer made are gone; modes and links are as made."""
        shop.write(a="1\n")
        one(
            shop,
            "inputs: a\n    outputs: d/",
            "mkdir -p d/sub d/empty; cat a > d/$(cat a); ln -s ../$(cat a) d/sub/l; chmod 700 d/sub; chmod +x d/1 || :",
        )
        shop.build()
        shop.write(a="2\n")
        shop.build()

        assert sorted(os.listdir(shop.root / "d")) == ["2", "empty", "sub"]
        assert os.readlink(shop.root / "d/sub/l") == "../2"
        assert (shop.root / "d/sub").stat().st_mode & 0o777 == 0o700

    def test_the_former_outputs_stand_until_the_end(self, shop: Workshop):
        """They are not seen inside, and a failure never moves them."""
        shop.write(a="1\n")
        one(
            shop,
            "inputs: a\n    outputs: o",
            'test ! -e o; cat a > o; cat "$WAVEBUILD_PROJECT/o" || :; test $(cat a) != 2',
        )
        shop.build()
        before = os.stat(shop.root / "o")
        shop.write(a="2\n")
        built = shop.build()
        after = os.stat(shop.root / "o")

        assert built.outcomes == {"s": "failed"}
        assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)
        assert shop.read(".wavebuild/failed/s/o") == "2\n"
        shop.write(a="1\n")
        assert ran(shop.build()) == []

    def test_an_output_in_place_goes_in_and_comes_back(self, shop: Workshop):
        """Edited; after a failure it is as it was."""
        shop.write(a="1\n")
        one(
            shop,
            "inputs: a\n    outputs: {path: db/, in_place: true}",
            "mkdir -p db/x; cat a >> db/rows; test $(cat a) != 3",
        )
        shop.build()
        shop.write(a="2\n")
        shop.build()
        good = shop.read("db/rows")
        shop.write(a="3\n")
        shop.build()

        assert (good, shop.read("db/rows"), shop.read(".wavebuild/failed/s/db/rows")) == (
            "1\n2\n",
            "1\n2\n",
            "1\n2\n3\n",
        )

    def test_links_among_an_output_in_place_stay_links(self, shop: Workshop):
        """What is written through them is written to the copy, and they lead home again."""
        shop.write(a="1\n")
        first = 'mkdir -p db; test -e db/rows || { touch db/rows; ln -s rows db/l; ln -s "$PWD/db/rows" db/k; }'
        keys = "inputs: a\n    outputs: {path: db/, in_place: true}"
        one(shop, keys, f"{first}; cat a >> db/l; cat a >> db/k; test $(cat a) != 3")
        for text in ("1\n", "2\n", "3\n"):
            shop.write(a=text)
            shop.build()

        assert (shop.read("db/rows"), os.readlink(shop.root / "db/l")) == ("1\n1\n2\n2\n", "rows")
        assert os.readlink(shop.root / "db/k") == str(shop.root / "db/rows")

    def test_a_database_keeps_what_was_committed_last(self, shop: Workshop):
        """Its log goes in with it; one that would lose its own is refused."""
        shop.put(
            "w.py",
            """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("pragma journal_mode=wal")
db.execute("create table if not exists t (n)")
db.execute("insert into t values (1)")
db.commit()
print(db.execute("select count(*) from t").fetchone()[0], file=open("n", "w"), flush=True)
os._exit(0)
""",
        )
        shop.put("a", "1")
        step = "inputs: [a, w.py], outputs: [{path: P, in_place: true}, n], sandbox: true, run: '{{ python }} w.py DB'"
        folder = step.replace("P,", "db/,").replace("DB", "db/x.db")
        shop.wavefile(f"steps: {{s: {{{folder}}}}}")
        shop.build()
        shop.put("a", "2")
        counted = shop.build().code, shop.read("n")
        shop.wavefile(f"steps: {{s: {{{step.replace('P,', 'x.db,').replace('DB', 'x.db')}}}}}")
        refused = shop.build().steps["s"].detail

        assert counted == (0, "2\n")
        assert "it left x.db-wal beside the database x.db" in refused

    def test_each_try_begins_anew(self, shop: Workshop):
        """Nothing of the first is left."""
        one(shop, "outputs: o\n    retries: 1", "test ! -e o -a ! -e x; touch o x; test $WAVEBUILD_ATTEMPT = 2")
        built = shop.build()

        assert (built.code, built.steps["s"].attempts) == (0, 2)

    def test_an_edit_made_meanwhile_is_kept(self, shop: Workshop):
        """A person's bytes are never lost."""
        shop.write(a="1\n")
        one(shop, "inputs: a\n    outputs: o", "cat a > o; test ! -e $WAVEBUILD_PROJECT/../edit || sleep 0.3")
        shop.build()
        shop.write(a="2\n")
        (shop.home / "edit").write_text("")

        def edit(event: object) -> None:
            if type(event).__name__ == "StepStarted":
                shop.put("o", "mine\n")

        built = shop.build(meanwhile=edit)

        assert (built.code, shop.read("o"), shop.displaced("o")) == (0, "2\n", ["mine\n"])

    def test_links_into_the_private_folder_lead_home(self, shop: Workshop):
        """One that is made with an absolute path, too."""
        one(shop, "outputs: [o, l]", 'echo 1 > o; ln -s "$PWD/o" l')
        shop.build()

        assert (os.readlink(shop.root / "l"), shop.read("l")) == (str(shop.root / "o"), "1\n")

    def test_a_missing_output_fails(self, shop: Workshop):
        """Though a former one stands in the project."""
        shop.write(a="1\n")
        one(shop, "inputs: a\n    outputs: o", "test $(cat a) = 2 || echo > o")
        shop.build()
        shop.write(a="2\n")
        built = shop.build()

        assert (built.steps["s"].failure, shop.read("o")) == ("missing output", "\n")

    def test_outputs_out_of_the_root(self, shop: Workshop):
        """Under the name that the templates give."""
        out = shop.home / "far"
        out.mkdir()
        step = f"{{outputs: '{out}/o', sandbox: true, run: 'echo 1 > {{{{ outputs }}}}'}}"
        shop.wavefile(f"settings: {{outside: ['{out}']}}\nsteps: {{s: {step}}}")
        built = shop.build(allow_outside=True)

        assert (built.code, (out / "o").read_text(), sorted(os.listdir(out))) == (0, "1\n", ["o"])


class TestWalls:
    @walls
    def test_the_project_cannot_be_read_by_its_absolute_path(self, shop: Workshop):
        """Though it can be seen that a file is there."""
        shop.write(secret="1\n")
        one(shop, "outputs: o", "p=$WAVEBUILD_PROJECT/secret; test -e $p; refused cat $p; cat /etc/passwd > o")

        assert shop.build().code == 0

    @walls
    def test_nothing_can_be_written_elsewhere(self, shop: Workshop):
        """Neither in the project nor out of it."""
        shop.write(secret="1\n")
        one(
            shop,
            "outputs: o",
            "refused tee $WAVEBUILD_PROJECT/secret; refused truncate -s 0 $WAVEBUILD_PROJECT/secret\n"
            "for p in $WAVEBUILD_PROJECT $WAVEBUILD_PROJECT/..; do refused touch $p/new; refused mkdir $p/new; done\n"
            "refused rm $WAVEBUILD_PROJECT/secret; refused mv $WAVEBUILD_PROJECT/secret o\n"
            "mktemp; touch $TMPDIR/x; mv $TMPDIR/x o; echo > /dev/null; echo said >> /dev/stdout",
        )
        built = shop.build()

        assert (built.code, shop.read("secret"), sorted(os.listdir(shop.home))) == (
            0,
            "1\n",
            ["bin", "root"],
        )

    @walls
    def test_a_call_is_held_too(self, shop: Workshop):
        """Its processes as well; multiprocessing works."""
        shop.put(
            "m.py",
            """
import multiprocessing, os
def f(outputs):
    multiprocessing.Lock()
    try:
        open(os.environ["WAVEBUILD_PROJECT"] + "/secret")
    except PermissionError:
        open(outputs[0], "w").write("refused")
""",
        )
        shop.write(secret="1\n")
        shop.wavefile("steps: {s: {outputs: o, call: 'm:f', sandbox: true}}")

        assert (shop.build().code, shop.read("o")) == (0, "refused")

    @walls
    def test_tools_in_the_project_can_be_read_not_written(self, shop: Workshop):
        """A virtual environment is used as it is."""
        shop.put(".venv/pyvenv.cfg", "")
        shop.put(".venv/lib", "1\n")
        one(shop, "outputs: o", "cat .venv/lib > o; refused touch .venv/new; refused rm .venv/lib")

        assert (shop.build().code, shop.read(".venv/lib")) == (0, "1\n")


def test_in_defaults_it_is_for_every_step(shop: Workshop):
    """And one can say no."""
    shop.wavefile("""
defaults: {sandbox: true}
steps:
  a: {outputs: o, run: touch o x}
  b: {outputs: p, sandbox: false, run: touch p y}
  g: {needs: [a, b]}
""")
    shop.build()

    assert sorted(os.listdir(shop.root)) == [".wavebuild", "Wavefile", "o", "p", "y"]


def test_many_at_once_do_not_meet(shop: Workshop):
    """Each has a folder of its own."""
    shop.wavefile("""
steps:
  s:
    foreach: {n: ['1', '2', '3', '4', '5', '6']}
    outputs: "o/{{ n }}"
    sandbox: true
    run: test ! -e tmp; echo {{ n }} > tmp; cp tmp o/{{ n }}
""")
    built = shop.build(jobs=4)

    assert (built.code, [shop.read(f"o/{n}") for n in range(1, 7)]) == (0, [f"{n}\n" for n in range(1, 7)])


def test_names_of_any_bytes(shop: Workshop):
    """Spaces, line breaks, and bytes that are no UTF-8, on the way in and back."""
    names = [b"a b", b"a\nb", b"\xff", "ü".encode()]
    (shop.root / "d").mkdir()
    for name in names:
        (shop.root / "d" / os.fsdecode(name)).write_bytes(name)
    one(shop, "inputs: d/\n    outputs: e/", "cp -r d/. e/")
    built = shop.build()

    assert (built.code, sorted(os.listdir(os.fsencode(shop.root / "e")))) == (0, sorted(names))
    assert ran(shop.build()) == []


def test_a_kill_leaves_the_project_as_it_was(shop: Workshop):
    """The next build removes the private folder; with the input as it was there is nothing to do."""
    shop.write(a="1\n")
    one(shop, "inputs: a\n    outputs: o", "cat a > o; test $(cat a) = 1 || { touch ready; sleep 60; }")
    shop.settle()
    before = os.stat(shop.root / "o")
    shop.write(a="2\n")
    with Site(shop.home).start() as process:
        assert eventually(lambda: list(shop.root.glob(".wavebuild/sandbox/*/tree/root/ready")))
        process.kill()
        process.communicate()
    shop.write(a="1\n")
    plan = shop.plan()
    built = shop.build()
    after = os.stat(shop.root / "o")

    assert (plan, ran(built), before.st_ctime_ns == after.st_ctime_ns) == ({"s": "FRESH"}, [], True)
    assert "cut off" in built.notices
    assert (shop.read(".wavebuild/failed/s/o"), (shop.root / ".wavebuild/sandbox").exists()) == ("2\n", False)


@pytest.mark.long
def test_a_timeout_ends_the_step_and_not_its_furnishing(shop: Workshop):
    """The former output stands."""
    shop.write(a="1\n")
    one(shop, "inputs: a\n    outputs: o\n    timeout: 4s", "cat a > o; test $(cat a) = 1 || sleep 60")
    shop.build()
    shop.write(a="2\n")
    built = shop.build()

    assert (built.steps["s"].failure, shop.read("o")) == ("timeout", "1\n")


def test_a_private_folder_that_cannot_be_made_fails_the_step(shop: Workshop):
    """With the path, before its command; when the hindrance is gone it runs."""
    one(shop, "outputs: o", "touch o")

    def hinder(event: object) -> None:
        if type(event).__name__ == "BuildStarted":
            shop.put(".wavebuild/sandbox", "")

    built = shop.build(meanwhile=hinder)
    (shop.root / ".wavebuild/sandbox").unlink()

    assert (built.steps["s"].failure, ".wavebuild/sandbox" in built.steps["s"].detail) == ("start", True)
    assert ran(shop.build()) == ["s"]
