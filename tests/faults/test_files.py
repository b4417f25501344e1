"""Links, modes, holes and moves: what file systems do to sources and outputs."""

from __future__ import annotations

import os
import shutil
import sys
import tracemalloc
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.judge.digest import Digests, Reading

COPY = "steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}"


@pytest.mark.scenario(id="F5")
def test_a_link_that_is_turned_to_an_older_file_is_a_change(shop: Workshop) -> None:
    """`ln -sfn`: nothing is newer than before."""
    for name, age in (("new", 1), ("old", 1000)):
        path = shop.put(name, name)
        instant = path.stat().st_mtime - age
        os.utime(path, (instant, instant))
    link = shop.root / "s"
    link.symlink_to("new")
    shop.wavefile(COPY)
    shop.settle()
    (shop.root / "s.tmp").symlink_to("old")
    (shop.root / "s.tmp").rename(link)

    assert shop.build().ran == ["a"]
    assert shop.read("o") == "old"
    (shop.root / "s.tmp").symlink_to("new")
    (shop.root / "s.tmp").rename(link)
    shop.build()
    assert shop.read("o") == "new"


@pytest.mark.scenario(id="F6")
def test_an_edit_through_another_name_of_a_source_is_seen(shop: Workshop) -> None:
    """A hard link: the file was written to elsewhere."""
    shop.put("s", "one")
    other = shop.home / "other"
    os.link(shop.root / "s", other)
    shop.wavefile(COPY)
    shop.settle()
    other.write_text("two")

    assert shop.build().ran == ["a"]
    assert shop.read("o") == "two"


@pytest.mark.scenario(id="F6")
@pytest.mark.parametrize("then", ["fails", "succeeds"])
def test_nothing_is_written_through_another_name_of_an_output(then: str, shop: Workshop) -> None:
    """A person has linked it: former outputs are set aside and put back as names, never copied over."""
    shop.put("s", "one")
    shop.wavefile(COPY)
    shop.settle()
    backup = shop.home / "backup"
    os.link(shop.root / "o", backup)
    shop.put("s", "two")
    if then == "fails":
        shop.wavefile(COPY.replace("> o", "> o; false"))
    shop.build()

    assert backup.read_text() == "one"
    assert shop.read("o") == ("one" if then == "fails" else "two")


@pytest.mark.scenario(id="F6")
def test_a_step_that_links_its_input_is_told_that_it_moved_it(shop: Workshop) -> None:
    """Its time of change says that it may have been written to; the outputs stay, nothing is lost."""
    shop.put("s", "one")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; ln -f s o'}}")

    built = shop.build()

    assert (built.code, built.steps["a"].moved) == (1, ("s",))
    assert (shop.read("s"), shop.read("o")) == ("one", "one")


@pytest.mark.scenario(id="F8")
def test_a_huge_file_is_digested_in_little_memory(tmp_path: Path) -> None:
    """A file with a hole of 96 MB; what grows meanwhile is told apart by its stamp."""
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(96_000_000)
    digests = Digests(str(tmp_path), {})
    tracemalloc.start()
    try:
        seen = digests.see(Reading("huge", "huge"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert seen.digest
    assert peak < 8_000_000


@pytest.mark.scenario(id="F9")
def test_the_right_to_execute_is_part_of_an_output(shop: Workshop) -> None:
    """Lost, it is made again; the other bits of the mode are nobody's reason."""
    shop.put("s", "#!/bin/sh\n")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o; chmod +x o'}}")
    shop.settle()
    (shop.root / "o").chmod(0o700)
    other_bits = shop.build().ran
    (shop.root / "o").chmod(0o644)

    assert other_bits == []
    assert shop.build().ran == ["a"]
    assert os.access(shop.root / "o", os.X_OK)


@pytest.mark.scenario(id="F9")
def test_the_right_to_execute_of_a_former_output_comes_back_after_a_failure(shop: Workshop) -> None:
    """With its bytes and its times."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o; chmod 751 o'}}")
    shop.settle()
    before = (shop.root / "o").stat()
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; echo > o; false'}}")
    shop.build()
    after = (shop.root / "o").stat()

    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


PROJECT = """
steps:
  a: {inputs: 'in/*.txt', outputs: mid/, run: 'note a; cp in/*.txt mid/'}
  b: {inputs: mid/, outputs: o, run: 'note b; cat mid/* > o'}
"""


@pytest.mark.scenario(id="F12")
@pytest.mark.scenario(id="S7")
@pytest.mark.parametrize("how", ["moved", "copied", "copied without times"])
def test_a_project_in_another_place_runs_nothing(how: str, shop: Workshop) -> None:
    """Paths on record are relative; where stamps are of no use there, the bytes are read once."""
    shop.wavefile(PROJECT)
    shop.put("in/x.txt", "x")
    shop.settle()
    elsewhere = shop.home / "elsewhere"
    match how:
        case "moved":
            shop.root.rename(elsewhere)
        case "copied":
            shutil.copytree(shop.root, elsewhere, symlinks=True)
        case _:
            shutil.copytree(shop.root, elsewhere, symlinks=True, copy_function=shutil.copyfile)
    shop.root = elsewhere

    assert set(shop.plan().values()) == {"FRESH"}
    assert [shop.build().ran for _ in range(2)] == [[], []]
    shop.put("in/x.txt", "y")
    assert shop.build().ran == ["a", "b"]


ROOTS = ["a?b#c%20 'x\"\n$(touch pwned) {{ x }} *", os.fsdecode(b"-\xc3\xbc \xff")]


@pytest.mark.scenario(id="W17")
@pytest.mark.parametrize("name", ROOTS)
def test_a_project_may_lie_in_a_folder_of_any_name(name: str, shop: Workshop) -> None:
    """Builds, questions, explanations and a database that is read by its rows."""
    root = shop.home / name
    shop.root.rename(root)
    shop.root = root
    shop.put("in/x", "1\n")
    shop.wavefile(f"""
steps:
  a: {{inputs: 'in/*', outputs: d/, run: 'note a; cp {{{{ inputs }}}} d; echo {{{{ root }}}} > d/root'}}
  b: {{inputs: d/, outputs: o, run: 'note b; cat d/* > o'}}
  c:
    inputs: in/x
    outputs: {{path: r.db, digest: sqlite}}
    run: note c; {sys.executable} -c 'import sqlite3; sqlite3.connect("r.db").execute("create table t (x)")'
""")
    shop.settle()
    shop.put("in/x", "2\n")
    explained = engine.explain(shop.request(), "b")

    assert explained is not None
    assert shop.plan() == {"a": "RUN", "b": "MAYBE", "c": "RUN"}
    assert sorted(shop.build().ran) == ["a", "b", "c"]
    assert not list(shop.home.rglob("pwned"))


@pytest.mark.scenario(id="F4")
@pytest.mark.parametrize("leads", ["../precious", "precious", "nowhere"])
def test_nothing_is_written_through_a_link_that_a_person_placed(leads: str, shop: Workshop) -> None:
    """It stands where the step writes: it stops the step, and under -B it is moved away, not followed."""
    for place in (shop.home / "precious", shop.root / "precious"):
        place.write_text("mine")
    (shop.root / "o").symlink_to(leads)
    shop.put("s", "1")
    shop.wavefile(COPY)

    stopped = shop.build()
    forced = shop.build(force=True)

    assert stopped.steps["a"].failure == "unclaimed"
    assert (forced.code, shop.read("o"), (shop.root / "o").is_symlink()) == (0, "1", False)
    assert [(place / "precious").read_text() for place in (shop.home, shop.root)] == ["mine", "mine"]


@pytest.mark.scenario(id="F7")
@pytest.mark.timeout(100)
@pytest.mark.parametrize("kind", ["mkfifo {}", "mkdir {}; mkfifo {}/x"])
@pytest.mark.parametrize("output", ["o", "d/"])
def test_a_step_that_makes_what_is_no_file_has_failed(kind: str, output: str, shop: Workshop) -> None:
    """What it made is moved away, and nothing waits for it."""
    path = "d/o" if output == "d/" else "o"
    shop.wavefile(f"steps: {{a: {{outputs: {output}, run: 'note a; {kind.format(path, path)}; echo y > side'}}}}")

    built = shop.build()

    assert built.outcomes == {"a": "failed"}
    assert not os.path.lexists(shop.root / path)
