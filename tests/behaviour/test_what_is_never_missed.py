"""Changes that are easily missed: names, order, code, and whatever a build with nothing to do does not look at."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable

import pytest

from tests.support.workshop import Workshop


@pytest.mark.scenario(id="G9")
def test_outputs_that_swap_their_names(shop: Workshop):
    """`{{ outputs.p }}` is another file then."""
    run = "echo p > {{{{ outputs.p }}}}; echo q > {{{{ outputs.q }}}}"
    text = "steps: {{g: {{outputs: {{p: {0}, q: {1}}}, run: '" + run + "'}}}}"
    shop.wavefile(text.format("x", "y"))
    shop.settle()
    shop.wavefile(text.format("y", "x"))
    shop.settle()

    assert (shop.read("x"), shop.read("y")) == ("q\n", "p\n")


def test_outputs_in_another_order(shop: Workshop):
    """`{{ outputs[0] }}` is another file then."""
    text = "steps: {{g: {{outputs: [{0}], run: 'echo 0 > {{{{ outputs[0] }}}}; echo 1 > {{{{ outputs[1] }}}}'}}}}"
    shop.wavefile(text.format("x, y"))
    shop.settle()
    shop.wavefile(text.format("y, x"))
    shop.settle()

    assert (shop.read("y"), shop.read("x")) == ("0\n", "1\n")


@pytest.mark.scenario(id="G11")
def test_named_inputs_that_swap_what_they_stand_for(shop: Workshop):
    """The set of files read is the same."""
    shop.put("in/a.txt", "a\n")
    shop.put("in/b.txt", "b\n")
    text = (
        "steps: {{g: {{inputs: {{p: {{path: 'in/*.txt', exclude: ['in/{0}.txt']}}, q: {{path: 'in/*.txt',"
        " exclude: ['in/{1}.txt']}}}}, outputs: o, run: 'cat {{{{ inputs.p }}}} > o'}}}}"
    )
    shop.wavefile(text.format("a", "b"))
    shop.settle()
    shop.wavefile(text.format("b", "a"))
    shop.settle()

    assert shop.read("o") == "a\n"


def test_a_module_that_a_programs_library_imports_from_the_programs_folder(shop: Workshop):
    """The folder of the program that runs is where its libraries look too."""
    shop.put("prog/main.py", "import lib.h\nopen('o', 'w').write(lib.h.VALUE)\n")
    shop.put("prog/lib/__init__.py", "")
    shop.put("prog/lib/h.py", "from common import VALUE\n")
    shop.put("prog/common.py", "VALUE = '1'\n")
    shop.wavefile("steps: {g: {outputs: o, code: prog/main.py, run: '{{ python }} prog/main.py'}}")
    shop.settle()
    shop.put("prog/common.py", "VALUE = '2'\n")
    shop.settle()

    assert shop.read("o") == "2"


def test_the_package_of_a_called_module(shop: Workshop):
    """Its `__init__` runs before it."""
    shop.put("pkg/__init__.py", "VALUE = '1'\n")
    shop.put("pkg/n.py", "import sys\ndef f(): open('o', 'w').write(sys.modules['pkg'].VALUE)\n")
    shop.wavefile("steps: {g: {outputs: o, call: 'pkg.n:f'}}")
    shop.settle()
    shop.put("pkg/__init__.py", "VALUE = '2'\n")
    shop.settle()

    assert shop.read("o") == "2"


def test_a_module_in_the_steps_folder_comes_before_that_of_the_root(shop: Workshop):
    """What runs is what is tracked."""
    shop.put("m.py", "def f(): open('o', 'w').write('root')\n")
    shop.put("sub/x", "")
    shop.wavefile("steps: {g: {outputs: sub/o, cwd: sub, call: 'm:f'}}")
    shop.settle()
    shop.put("sub/m.py", "def f(): open('o', 'w').write('sub')\n")
    shop.settle()

    assert shop.read("sub/o") == "sub"


def test_a_row_committed_to_the_log_of_a_database_alone(shop: Workshop):
    """`digest: sqlite` reads what is committed, wherever it is."""
    shop.root.joinpath("data").mkdir()
    writer = sqlite3.connect(shop.root / "data/w.db")
    writer.execute("pragma journal_mode=wal")
    writer.execute("pragma wal_autocheckpoint=0")
    writer.execute("create table t (x)")
    writer.commit()
    shop.wavefile("steps: {g: {inputs: {path: data/w.db, digest: sqlite}, outputs: o, run: 'note g; echo > o'}}")
    shop.settle()
    writer.execute("insert into t values (1)")
    writer.commit()

    assert shop.build().ran == ["g"]
    writer.close()


def test_reading_a_database_leaves_nothing_beside_it(shop: Workshop):
    """Or a reader of its folder would see new files."""
    shop.root.joinpath("data").mkdir()
    writer = sqlite3.connect(shop.root / "data/w.db")
    writer.execute("pragma journal_mode=wal")
    writer.execute("create table t (x)")
    writer.commit()
    writer.close()
    shop.wavefile("steps: {g: {inputs: {path: data/w.db, digest: sqlite}, outputs: o, run: 'echo > o'}}")
    shop.settle()

    assert os.listdir(shop.root / "data") == ["w.db"]


def test_an_optional_input_that_is_not_there_is_not_named(shop: Workshop):
    """`cat {{ inputs }}` reads what there is."""
    shop.put("a", "1\n")
    shop.wavefile("steps: {g: {inputs: [a, {path: b, optional: true}], outputs: o, run: 'cat {{ inputs }} > o'}}")
    shop.settle()
    shop.put("b", "2\n")
    shop.settle()

    assert shop.read("o") == "1\n2\n"


def test_a_step_that_became_manual_does_not_wait(shop: Workshop):
    """What it was made from once is not what a person makes it from."""
    shop.put("in", "1\n")
    shop.wavefile("steps: {g: {inputs: in, outputs: o, run: cat in > o}}")
    shop.settle()
    shop.wavefile("steps: {g: {manual: place it, outputs: o}}")

    assert shop.build().outcomes == {"g": "kept"}


def test_the_file_of_a_manual_step_that_is_no_more_is_a_source_like_any(shop: Workshop):
    """It is a person's, not an orphan."""
    shop.put("d/a.csv", "1\n")
    shop.wavefile(
        "steps: {m: {manual: place it, outputs: d/a.csv}, r: {inputs: 'd/*.csv', outputs: o, run: cat d/*.csv > o}}"
    )
    shop.settle()
    shop.wavefile("steps: {r: {inputs: 'd/*.csv', outputs: o, run: cat d/*.csv > o}}")

    assert shop.settle().ran == []
    assert shop.read("o") == "1\n"


def test_a_new_file_where_an_orphan_was_is_a_source(shop: Workshop):
    """It is not what the step that is no more has made."""
    shop.wavefile(
        "steps: {m: {outputs: d/a.csv, run: echo 1 > d/a.csv}, r: {inputs: 'd/*.csv', outputs: o, run: cat d/* > o}}"
    )
    shop.put("d/b.csv", "b\n")
    shop.settle()
    shop.wavefile("steps: {r: {inputs: 'd/*.csv', outputs: o, run: note r; cat d/b.csv > o}}")
    assert shop.settle().ran == ["r"]
    shop.put("d/a.csv", "mine\n")

    assert shop.build().ran == ["r"]


# What a build with nothing to do must see, though it looks at stamps alone


def link_to_a_folder(shop: Workshop) -> Callable[[], object]:
    shop.put("ext/a.csv", "1\n")
    os.symlink("ext", shop.root / "raw")
    return lambda: shop.put("ext/b.csv", "2\n")


def link_to_a_folder_within(shop: Workshop) -> Callable[[], object]:
    shop.put("ext/a.csv", "1\n")
    (shop.root / "raw").mkdir()
    os.symlink("../ext", shop.root / "raw/sub")
    shop.put("raw/z.csv", "")
    return lambda: shop.put("ext/b.csv", "2\n")


def link_that_led_nowhere(shop: Workshop) -> Callable[[], object]:
    shop.put("raw/a.csv", "1\n")
    os.symlink("../later.csv", shop.root / "raw/b.csv")
    return lambda: shop.put("later.csv", "2\n")


def link_to_a_file(shop: Workshop) -> Callable[[], object]:
    shop.put("ext.csv", "1\n")
    (shop.root / "raw").mkdir()
    os.symlink("../ext.csv", shop.root / "raw/a.csv")
    return lambda: shop.put("ext.csv", "2\n")


def new_file(shop: Workshop) -> Callable[[], object]:
    shop.put("raw/a.csv", "1\n")
    return lambda: shop.put("raw/b.csv", "2\n")


def new_file_deeper(shop: Workshop) -> Callable[[], object]:
    shop.put("raw/x/a.csv", "1\n")
    return lambda: shop.put("raw/x/y/b.csv", "2\n")


def right_to_be_run(shop: Workshop) -> Callable[[], object]:
    path = shop.put("raw/a.csv", "1\n")
    return lambda: path.chmod(0o755)


@pytest.mark.parametrize(
    "world",
    [
        link_to_a_folder,
        link_to_a_folder_within,
        link_that_led_nowhere,
        link_to_a_file,
        new_file,
        new_file_deeper,
        right_to_be_run,
    ],
)
def test_a_change_is_seen_after_builds_with_nothing_to_do(
    shop: Workshop, world: Callable[[Workshop], Callable[[], object]]
):
    """Three idle builds, then the change."""
    change = world(shop)
    shop.wavefile("steps: {g: {inputs: raw/, outputs: o, run: 'note g; find -L raw -type f | wc -l > o'}}")
    shop.settle()
    shop.build()
    shop.build()
    change()

    assert shop.build().ran == ["g"]


def test_a_wavefile_behind_a_link_is_seen_to_change(shop: Workshop):
    """The link itself stays what it was."""
    shop.put("real.yaml", "steps: {g: {outputs: o, run: 'note g; echo 1 > o'}}")
    os.symlink("real.yaml", shop.root / "Wavefile")
    shop.settle()
    shop.build()
    shop.put("real.yaml", "steps: {g: {outputs: o, run: 'note g; echo 2 > o'}}")

    assert shop.build().ran == ["g"]


def test_a_module_that_now_hides_the_one_that_was_called_is_seen(shop: Workshop):
    """m/__init__.py comes before m.py."""
    shop.put("m.py", "def f(): open('o', 'w').write('file')\n")
    shop.wavefile("steps: {g: {outputs: o, call: 'm:f'}}")
    shop.settle()
    shop.build()
    shop.put("m/__init__.py", "def f(): open('o', 'w').write('package')\n")
    shop.build()

    assert shop.read("o") == "package"


def test_a_module_that_is_made_after_a_step_looked_for_it(shop: Workshop):
    """Of the steps that call one module each looks for what it imports: what one has found is no news to another."""
    shop.put("m.py", "try:\n    import more\nexcept ImportError:\n    more = None\ndef f(outputs):\n"
             "    open(outputs[0], 'w').write(more.SAID if more else 'alone')\n")  # fmt: skip
    shop.wavefile(
        "steps:\n  a: {outputs: a, call: 'm:f'}\n"
        "  gen: {inputs: a, outputs: more.py, run: \"echo SAID = \\\\'made\\\\' > more.py\"}\n"
        "  b: {inputs: more.py, outputs: b, call: 'm:f'}"
    )
    shop.build()
    first = shop.read("a"), shop.read("b")
    again = shop.build()

    assert first == ("alone", "made")
    assert again.outcomes["a"] == "succeeded"
    assert (shop.settle() and shop.read("a"), shop.read("b")) == ("made", "made")
