"""A build that looks at few steps does what one that looks at all does, also where somebody is at work meanwhile."""

from __future__ import annotations

import os
import sqlite3
import threading
import time

from tests.behaviour.test_small_changes import EVIDENCE, is_small, settled
from tests.support.workshop import Workshop
from wavebuild.run.events import Event, StepStarted
from wavebuild.store.layout import Layout
from wavebuild.store.lock import take

CHAIN = """
steps:
  a: {inputs: a.txt, outputs: out/a, run: "note a; cp a.txt out/a"}
  b: {inputs: out/a, outputs: out/b, run: "note b; cp out/a out/b"}
  d: {inputs: d.txt, outputs: out/d, run: "note d; cp d.txt out/d"}
"""


def test_an_output_edited_while_a_step_before_runs_is_not_lost(shop: Workshop) -> None:
    """What stood there at the first look says nothing of what stands there when its owner's turn comes."""
    shop.write(a__txt="1\n", d__txt="1\n")
    settled(shop, CHAIN)
    shop.write(a__txt="2\n")

    def edit(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "a":
            shop.put("out/b", "mine\n")

    built = shop.build(meanwhile=edit)

    assert is_small(built)
    assert built.ran == ["a", "b"]
    assert shop.displaced("out/b") == ["mine\n"]


def test_a_file_that_changes_between_two_ways_of_reading_it_is_seen_by_the_next_build(shop: Workshop) -> None:
    """One step has seen a key of it as it was, another the whole as it is: no stamp stands for both."""
    shop.write(conf__yaml="a: 1\n", z__txt="1\n")
    shop.wavefile(
        "steps:\n"
        "  x: {inputs: conf.yaml#a, outputs: out/x, run: note x; cp conf.yaml out/x}\n"
        "  z: {inputs: z.txt, outputs: out/z, run: note z; cp z.txt out/z}\n"
        "  y: {inputs: [conf.yaml, out/z], outputs: out/y, run: note y; cat conf.yaml out/z > out/y}\n"
    )
    time.sleep(0.03)
    shop.settle()
    (shop.root / EVIDENCE).unlink()
    shop.write(z__txt="2\n")

    def edit(event: Event) -> None:
        if isinstance(event, StepStarted) and event.step == "z":
            shop.put("conf.yaml", "a: 2\n")

    assert shop.build(meanwhile=edit).ran == ["z", "y"]
    assert shop.build().ran == ["x"]
    assert shop.read("out/x") == "a: 2\n"
    assert shop.build().ran == []


def test_an_orphan_that_comes_back_is_nobodys_member(shop: Workshop) -> None:
    """It stands again as a step that is no more had made it: who lists its folder has nothing to do."""
    shop.write(a__txt="1\n", d__txt="d\n")
    old = "  old: {inputs: d.txt, outputs: gen/old, run: note old; cp d.txt gen/old}\n"
    text = (
        "steps:\n"
        "  a: {inputs: a.txt, outputs: gen/a, run: note a; cp a.txt gen/a}\n"
        "  all: {inputs: gen/*, outputs: all.txt, run: note all; ls gen > all.txt}\n"
    )
    shop.wavefile(text + old)
    shop.settle()
    (shop.root / "gen/old").unlink()
    settled(shop, text)
    shop.write(a__txt="2\n")
    assert shop.build().ran == ["a", "all"]
    shop.put("gen/old", "d\n")

    built = shop.build()

    assert (built.ran, built.result.orphans) == ([], ("gen/old",))
    assert shop.read("all.txt") == "a\n"


def test_what_changes_while_a_build_waits_for_the_project_is_seen(shop: Workshop) -> None:
    """The first look was taken before; the second is taken when the project is held."""
    shop.write(a__txt="1\n", d__txt="1\n")
    settled(shop, CHAIN)
    shop.write(d__txt="2\n")
    lock = take(Layout(str(shop.root), "Wavefile").lock, "a test", 0, lambda: False)
    assert lock is not None

    def change_and_release() -> None:
        time.sleep(0.3)
        shop.write(a__txt="2\n")
        lock.release()

    other = threading.Thread(target=change_and_release)
    other.start()
    built = shop.build(wait=30)
    other.join()

    assert sorted(built.ran) == ["a", "b", "d"]


def test_without_the_state_that_it_stems_from_evidence_is_worth_nothing(shop: Workshop) -> None:
    """Of a damaged state nothing is left: every step looks, and is on record again."""
    shop.write(a__txt="1\n", d__txt="1\n")
    settled(shop, CHAIN)
    (shop.root / ".wavebuild/state/Wavefile.db").write_bytes(b"no state" * 500)
    shop.write(d__txt="2\n")

    assert sorted(shop.build().ran) == ["a", "b", "d"]
    assert set(shop.plan().values()) == {"FRESH"}


def test_what_stands_in_the_log_of_a_database_alone_concerns_its_readers(shop: Workshop) -> None:
    """Its owner compares what it holds: a row of it may be in the file beside it, and nothing at its own path."""
    shop.write(d__txt="1\n")
    shop.put("tree/a", "1\n")
    make = "import sqlite3; c = sqlite3.connect('d.db'); c.execute('pragma journal_mode=wal'); "
    shop.put("make.py", make + "c.execute('create table t(x)'); c.close()\n")
    shop.wavefile(
        "steps:\n"
        "  db: {inputs: d.txt, outputs: {path: d.db, digest: sqlite}, run: rm -f d.db; python3 make.py}\n"
        "  x: {inputs: d.db, outputs: out/x, run: note x; touch out/x}\n"
        "  tree: {inputs: tree/, outputs: out/tree, run: note tree; ls tree > out/tree}\n"
    )
    shop.build()
    for _ in range(3):
        assert shop.build("x", "tree", only=True).code == 0
    database = sqlite3.connect(shop.root / "d.db")
    database.execute("insert into t values (1)")
    database.commit()

    assert shop.build("x", "tree", only=True).ran == ["x"]
    database.close()


def test_what_a_named_wavefile_was_found_to_be_says_nothing_of_the_one_that_governs_it(shop: Workshop) -> None:
    """With -f the part is built alone; without it the Wavefile above, which includes the part."""
    shop.wavefile("include: part/Wavefile\nsteps: {top: {outputs: top.txt, run: note top; echo 1 > top.txt}}\n")
    shop.put("part/Wavefile", "steps: {c: {outputs: c.txt, run: note c; echo 1 > c.txt}}\n")
    time.sleep(0.03)
    part = str(shop.root / "part")
    assert shop.build(directory=part, file="Wavefile").ran == ["c"]
    assert shop.build(directory=part, file="Wavefile").result.nothing_to_do

    assert "top" in shop.build(directory=part).outcomes


def test_a_wavefile_that_goes_through_all_variables_is_read_each_time(shop: Workshop) -> None:
    """A further one has no value that could have been another."""
    steps = "steps: {{s: {{outputs: o, run: 'echo {{{{ m }}}} > o'}}}}\n"
    text = "vars: {{m: \"{{{{ 'yes' if {} else 'no' }}}}\"}}\n" + steps
    for test in ("env | select('equalto', 'MORE') | list", f"env | length > {len(os.environ)}"):
        shop.monkeypatch.delenv("MORE", raising=False)
        shop.wavefile(text.format(test))
        time.sleep(0.03)
        shop.settle()
        assert shop.read("o") == "no\n"
        shop.setenv(MORE="1")
        shop.build()
        assert shop.read("o") == "yes\n"
