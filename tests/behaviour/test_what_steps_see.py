"""Commands, calls, shells and the environment they run in; what of a file's content counts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.processes import children, command_line, eventually
from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError
from wavebuild.run.events import BuildStarted, Event


class TestContent:
    def test_layout_of_an_output_that_is_compared_by_value_reruns_no_reader(self, shop: Workshop):
        """The owner's digest holds for all readers."""
        shop.wavefile("""
steps:
  a: {inputs: s, outputs: {path: o.json, digest: json}, run: 'note a; cat s > o.json'}
  b: {inputs: o.json, outputs: p, run: 'note b; cat o.json > p'}
""")
        shop.put("s", '{"x": 1, "y": 2}')
        shop.settle()
        shop.put("s", '{ "y":2, "x":1 }')
        layout = shop.build().ran
        shop.put("s", '{"x": 1, "y": 3}')

        assert (layout, shop.build().ran) == (["a"], ["a", "b"])

    @pytest.mark.parametrize(
        ("declared", "name", "same", "other"),
        [
            ("{path: NAME, digest: json}", "i.json", '{ "b":1, "a":[1] }', '{"a": [2], "b": 1}'),
            ("{path: NAME, digest: yaml}", "i.yaml", "b: 1 # why\na: [1]", "a: [2]\nb: 1"),
            ("{path: NAME, digest: csv}", "i.csv", 'y,x\n"2",1\n', "x,y\n1,3\n"),
            ("{path: NAME, rows: {x: '1'}}", "i.csv", "x,y\n5,5\n1,2\n", "x,y\n1,3\n"),
            ("{path: NAME, columns: [x]}", "i.csv", "x,z\n1,9\n", "x,y\n2,2\n"),
            ("NAME#a", "i.yaml", "c: 3\na: [1]", "a: [2]"),
            ("{path: NAME, keys: [a, b]}", "i.json", '{"z": 0, "b": 1, "a": [1]}', '{"a": [1], "b": 2}'),
        ],
        ids=["json", "yaml", "csv", "rows", "columns", "#key", "keys"],
    )
    def test_an_input_may_count_by_its_content(self, shop: Workshop, declared: str, name: str, same: str, other: str):
        """What is only layout, or not asked for, is no change."""
        start = {"i.json": '{"a": [1], "b": 1}', "i.yaml": "a: [1]\nb: 1", "i.csv": "x,y\n1,2\n"}[name]
        inputs = declared.replace("NAME", name)
        if not inputs.startswith("{"):
            inputs = f"'{inputs}'"
        shop.wavefile(f"steps: {{a: {{inputs: {inputs}, outputs: o, run: 'note a; echo > o'}}}}")
        shop.put(name, start)
        shop.settle()
        shop.put(name, same)
        first = shop.build().ran
        shop.put(name, other)

        assert (first, shop.build().ran) == ([], ["a"])

    def test_an_sqlite_output_counts_by_its_rows(self, shop: Workshop):
        """Two builds of the same rows are the same database."""
        shop.write(
            fill__py="import sqlite3\nd = sqlite3.connect('o.db')\nd.execute('create table t (x)')\n"
            "d.executemany('insert into t values (?)', open('s').read().split())\nd.commit()\n"
        )
        shop.wavefile(f"""
steps:
  a: {{inputs: s, outputs: {{path: o.db, digest: sqlite}}, run: "note a; {sys.executable} fill.py"}}
  b: {{inputs: o.db, outputs: p, run: 'note b; echo > p'}}
""")
        shop.put("s", "1 2 3")
        shop.settle()
        shop.put("s", "3 1 2")
        turned = shop.build().ran
        shop.put("s", "3 1 4")

        assert (turned, shop.build().ran) == (["a"], ["a", "b"])

    def test_a_stat_input_counts_by_size_and_time(self, shop: Workshop):
        """For files that are too large to be read."""
        shop.wavefile("steps: {a: {inputs: {path: big, digest: stat}, outputs: o, run: 'note a; echo > o'}}")
        shop.put("big", "xx")
        shop.settle()
        os.utime(shop.root / "big", ns=(1, 1))

        assert shop.build().ran == ["a"]

    def test_an_absent_key_is_told_as_a_missing_source(self, shop: Workshop):
        """Unless it is optional."""
        shop.wavefile(
            "steps: {a: {inputs: {path: c.yaml, keys: [no.such], optional: true}, outputs: o, run: 'note a; echo > o'}}"
        )
        shop.put("c.yaml", "a: 1")
        shop.settle()
        shop.put("c.yaml", "no: {such: 1}")

        assert shop.build().ran == ["a"]


class TestCode:
    def test_a_real_change_anywhere_in_the_closure_reruns_and_a_comment_does_not(self, shop: Workshop):
        """By syntax tree, along the imports."""
        shop.wavefile(f"steps: {{a: {{code: main.py, outputs: o, run: 'note a; {sys.executable} main.py > o'}}}}")
        shop.write(main__py="import lib.deep\nprint(lib.deep.x)\n")
        shop.put("lib/__init__.py", "")
        shop.put("lib/deep.py", "x = 1\n")
        shop.settle()
        shop.put("lib/deep.py", "# one\nx = 1\n")
        comment = shop.build().ran
        shop.put("lib/deep.py", "x = 2\n")

        assert (comment, shop.build().ran, shop.read("o")) == ([], ["a"], "2\n")

    def test_a_module_that_appears_and_is_meant_is_noticed(self, shop: Workshop):
        """It was looked for and was not there."""
        shop.wavefile(f"steps: {{a: {{code: main.py, outputs: o, run: 'note a; {sys.executable} main.py > o'}}}}")
        shop.write(main__py="try:\n    import extra\nexcept ImportError: print('none')\nelse: print(extra.x)\n")
        shop.settle()
        shop.write(extra__py="x = 1\n")

        assert (shop.build().ran, shop.read("o")) == (["a"], "1\n")

    def test_the_code_of_a_call_is_an_input_without_being_named(self, shop: Workshop):
        """A change of the function reruns the step with the new function."""
        shop.wavefile("steps: {a: {call: 'work:make', with: {word: hi}, inputs: s, outputs: o}}")
        shop.put("s", "x")
        program = "def make(inputs, outputs, word):\n    open(outputs[0], 'w').write(word + open(inputs[0]).read())\n"
        shop.write(work__py=program)
        shop.settle()
        assert shop.read("o") == "hix"
        shop.write(work__py=program.replace("word +", "word + '!' +"))
        built = shop.build()

        assert (built.outcomes, shop.read("o")) == ({"a": "succeeded"}, "hi!x")

    def test_a_call_in_a_folder_is_given_paths_from_there(self, shop: Workshop):
        """Inputs and outputs alike, as in commands."""
        shop.wavefile("steps: {a: {call: 'work:make', cwd: sub, inputs: s, outputs: sub/o}}")
        shop.put("s", "x")
        shop.put("sub/work.py", "def make(inputs, outputs):\n    open(outputs[0], 'w').write(open(inputs[0]).read())\n")
        built = shop.build()

        assert built.outcomes == {"a": "succeeded"}, built.steps["a"].tail
        assert shop.read("sub/o") == "x"

    def test_a_call_that_fails_shows_its_traceback(self, shop: Workshop):
        """In the tail of its log."""
        shop.wavefile("steps: {a: {call: 'work:make', outputs: o}}")
        shop.write(work__py="def make():\n    raise RuntimeError('no data')\n")
        settled = shop.build().steps["a"]

        assert settled.tail[-1] == "RuntimeError: no data"


class TestCommands:
    def test_variables_tell_a_step_where_it_is(self, shop: Workshop):
        """Names, numbers and files that list paths."""
        shop.wavefile("""
steps:
  a:
    inputs: [b.txt, 'in/*.txt']
    outputs: o
    run: |
      echo "$WAVEBUILD_STEP $WAVEBUILD_ATTEMPT $WAVEBUILD_ROOT ${WAVEBUILD_FULL-part} $PYTHONUNBUFFERED" > o
      cat "$WAVEBUILD_INPUTS" - "$WAVEBUILD_OUTPUTS" >> o
      echo "seed $WAVEBUILD_SEED" >> o
      cat "$WAVEBUILD_CHANGED" > ../changed
""")
        for path in ("b.txt", "in/a.txt"):
            shop.put(path, "1")
        shop.settle()
        first = shop.read("o").splitlines()
        shop.put("in/a.txt", "2")
        shop.build()
        changed = (shop.home / "changed").read_text()
        shop.build(force=True)

        assert first[0] == f"a 1 {shop.root} part 1"
        assert first[1:4] == ["b.txt", "in/a.txt", "o"]
        assert changed == "in/a.txt\n"
        again = shop.read("o").splitlines()
        assert again[0].split()[3] == "1"
        assert again[-1] == first[-1], "the seed does not change from run to run"

    def test_the_environment_of_a_step_is_the_callers_under_its_own(self, shop: Workshop):
        """The file's, then the step's over it."""
        shop.setenv(A="caller", B="caller", C="caller")
        shop.wavefile("env: {B: file, C: file}\nsteps: {a: {env: {C: step}, outputs: o, run: 'echo $A $B $C > o'}}")
        shop.build()

        assert shop.read("o") == "caller file step\n"

    @pytest.mark.parametrize(
        ("shell", "run", "code"),
        [
            ("auto", "false | true; echo > o", 1),
            ("bash", "[[ a == a ]]; echo > o", None),
            ("sh", "false | true; echo > o", None),
            ("sh", "echo $undefined; echo > o", 2),
            ("[python3, -c]", 'open("o", "w")', None),
        ],
    )
    def test_shells_are_strict_and_may_be_chosen(self, shop: Workshop, shell: str, run: str, code: int | None):
        """bash with pipefail where bash is, sh, or the exact words."""
        shop.wavefile(f"steps: {{a: {{shell: {shell}, outputs: o, run: '{run}'}}}}")
        settled = shop.build().steps["a"]

        assert settled.exit_code in ((code,) if code else (0, None))
        assert settled.failure == ("exit" if code else "")

    def test_a_list_of_commands_has_a_shell_for_each(self, shop: Workshop):
        """Up to the first failure."""
        shop.wavefile("steps: {a: {run: ['x=1; note one', 'note ${x-two}', 'false', 'note never']}}")

        assert shop.build().ran == ["one", "two"]

    @pytest.mark.scenario(id="P6")
    def test_a_script_longer_than_an_argument_may_be(self, shop: Workshop):
        """128 KiB and more."""
        body = "\n".join(f"      x='{'y' * 90} {number}'" for number in range(2000))
        shop.wavefile(f'steps:\n  a:\n    outputs: o\n    run: |\n{body}\n      echo "$x" > o\n')

        assert shop.settle().outcomes == {"a": "succeeded"}
        assert shop.read("o").endswith("1999\n")

    def test_three_hundred_inputs_fit_in_a_command(self, shop: Workshop):
        """Sorted by bytes, quoted one by one."""
        names = [f"in/file {number:03} 'ä'.txt" for number in range(300)]
        for name in names:
            shop.put(name, "x")
        shop.wavefile(
            "steps: {a: {inputs: 'in/*.txt', outputs: o, run: 'ls -1 {{ inputs }} > o; cat {{ inputs }} | wc -c >> o'}}"
        )
        assert shop.settle().outcomes == {"a": "succeeded"}

        lines = shop.read("o").splitlines()
        assert (len(lines), lines[-1].strip()) == (301, "300")

    def test_paths_in_a_command_are_relative_to_its_folder(self, shop: Workshop):
        """cwd: inputs, outputs, and its being made of the root."""
        shop.wavefile("""
steps:
  a:
    cwd: sub/deep
    inputs: {i: s}
    outputs: sub/o
    run: cat {{ inputs.i }} > {{ outputs }}; pwd >> {{ outputs }}
""")
        shop.put("s", "x\n")
        shop.put("sub/deep/", "")
        shop.build()

        assert shop.read("sub/o") == f"x\n{shop.root}/sub/deep\n"

    def test_folders_of_outputs_exist_when_the_step_starts(self, shop: Workshop):
        """No step begins with mkdir."""
        shop.wavefile(
            "steps: {a: {outputs: [x/y/o, d/e/, 'g/h/*.txt'], run: 'echo > x/y/o; echo > d/e/f; echo > g/h/i.txt'}}"
        )

        assert shop.build().outcomes == {"a": "succeeded"}

    def test_a_steps_mask_and_folder_do_not_reach_the_next(self, shop: Workshop):
        """They run in the same worker, one after the other."""
        shop.wavefile("""
steps:
  a: {outputs: o, run: 'echo > o; umask 077; cd /'}
  b: {needs: a, outputs: p, run: 'umask > p; pwd >> p'}
""")
        shop.build()

        umask, folder = shop.read("p").split()
        assert (umask != "0077", folder) == (True, str(shop.root))

    def test_a_folder_named_in_the_callers_path_is_searched(self, shop: Workshop):
        """As any shell does."""
        (shop.home / "bin/mine").write_text("#!/bin/sh\necho mine\n")
        (shop.home / "bin/mine").chmod(0o755)
        shop.wavefile("steps: {a: {outputs: o, run: 'mine > o'}}")
        shop.build()

        assert shop.read("o") == "mine\n"


class TestOddFiles:
    def test_names_of_any_bytes_are_built_and_read(self, shop: Workshop):
        """Linux allows all but NUL and the slash; archives from elsewhere hold Latin-1."""
        odd = os.fsdecode(b"d/\xe4 \xff.txt")
        shop.wavefile("""
steps:
  a: {inputs: i/, outputs: d/, run: 'note a; cp i/* d/'}
  b: {inputs: d/, outputs: o, run: 'note b; cat d/* > o'}
""")
        shop.put("i/" + odd[2:], "odd")

        assert shop.settle().ran == ["a", "b"]
        assert shop.read("o") == "odd"

    @pytest.mark.scenario(id="F7")
    @pytest.mark.timeout(100)
    @pytest.mark.parametrize("kind", ["fifo", "self-link", "dangling link"])
    def test_odd_things_in_a_directory_that_is_read_are_no_crash(self, shop: Workshop, kind: str):
        """Told of or taken as absent; other steps go on."""
        shop.wavefile("steps: {a: {inputs: i/, outputs: o, run: 'echo > o'}, b: {outputs: p, run: 'echo > p'}}")
        shop.put("i/x", "1")
        odd: Path = shop.root / "i/odd"
        match kind:
            case "fifo":
                os.mkfifo(odd)
            case "self-link":
                odd.symlink_to("odd")
            case _:
                odd.symlink_to("nowhere")
        built = shop.build(keep_going=True)

        assert built.outcomes["b"] == "succeeded"
        assert built.outcomes["a"] == ("failed" if kind == "fifo" else "succeeded")

    def test_an_output_that_is_a_link_out_of_the_root_fails_the_step(self, shop: Workshop):
        """Its bytes would not be ours to keep or to put back."""
        shop.wavefile("steps: {a: {outputs: o, run: 'echo x > ../far; ln -s ../far o'}}")

        assert shop.build().outcomes == {"a": "failed"}
        assert not os.path.lexists(shop.root / "o")


def callers() -> list[int]:
    """The workers of ours that make calls alone."""
    return [pid for pid in children(os.getpid()) if "wavebuild.run.caller" in command_line(pid)]


class TestWorkersForCalls:
    CALL = "def f(outputs):\n    open(outputs[0], 'w').close()\n"

    def test_that_begin_before_anything_is_judged_in_a_first_build(self, shop: Workshop):
        """All that is wanted runs then; later they begin when the first call does."""
        shop.put("m.py", self.CALL)
        shop.wavefile("steps: {g: {inputs: s, outputs: o, call: 'm:f'}}")
        first: list[bool] = []
        later: list[int] = []

        def look(event: Event) -> None:
            if isinstance(event, BuildStarted) and not first:
                first.append(eventually(lambda: len(callers()) == 1, 10))  # a new program has no words at first
            elif isinstance(event, BuildStarted):
                later.extend(callers())

        for text in ("1", "2"):
            shop.put("s", text)
            shop.build(meanwhile=look)

        assert (first, later) == ([True], [])
        assert callers() == []

    def test_of_whom_a_build_that_is_refused_leaves_none(self, shop: Workshop):
        """They began before it was seen what it lacks."""
        shop.put("m.py", self.CALL)
        shop.wavefile("steps: {g: {inputs: nowhere, outputs: o, call: 'm:f'}}")
        with pytest.raises(WavebuildError, match="nowhere"):
            shop.build()

        assert callers() == []
