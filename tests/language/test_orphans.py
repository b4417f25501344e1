"""Orphans: what steps and instances made that are no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine

TEXT = """
settings: {orphans: REPORT}
steps:
  a: {inputs: s, outputs: d/x.txt, run: 'note a; cat s > d/x.txt'}
  old: {inputs: s, outputs: [d/y.txt, d/sub/], run: 'note old; tee d/y.txt < s > d/sub/z'}
  all: {inputs: ['d/*.txt', 'd/'], outputs: p, run: 'note all; cat {{ inputs }} > p'}
"""
WITHOUT = "\n".join(line for line in TEXT.splitlines() if "  old:" not in line)
TABLES = """
settings: {orphans: REPORT}
steps:
  t:
    foreach: {v: 'list.yaml#names'}
    inputs: s
    outputs: "t/{{ v }}.txt"
    run: 'note {{ step }}; cat s > {{ outputs }}'
  all: {inputs: 't/*.txt', outputs: p, run: 'note all; cat {{ inputs }} > p'}
"""


def begun(shop: Workshop, text: str = TEXT, orphans: str = "report") -> None:
    shop.put("s", "1")
    shop.put("list.yaml", "names: [a, b, c, d]\n")
    shop.wavefile(text.replace("REPORT", orphans))
    shop.settle()


def moved(shop: Workshop) -> list[str]:
    """What lies among the displaced files, by path."""
    top = shop.root / ".wavebuild/displaced"
    return sorted(str(Path(*path.relative_to(top).parts[1:])) for path in top.rglob("*") if path.is_file())


class TestReported:
    @pytest.mark.scenario(id="G8")
    def test_no_pattern_matches_what_a_removed_step_made(self, shop: Workshop):
        """Neither a glob nor a directory; the build and status name it, and it stays."""
        begun(shop)
        shop.wavefile(WITHOUT.replace("REPORT", "report"))
        assert shop.plan() == {"a": "FRESH", "all": "RUN"}
        built = shop.build()

        assert (built.ran, shop.read("p")) == (["all"], "1")
        assert sorted(built.result.orphans) == ["d/sub/z", "d/y.txt"]
        assert sorted(engine.orphans(shop.request())) == ["d/sub/z", "d/y.txt"]
        assert (shop.root / "d/y.txt").exists()

    def test_what_was_changed_since_is_a_persons_file(self, shop: Workshop):
        """It is read like any other."""
        begun(shop)
        shop.wavefile(WITHOUT.replace("REPORT", "report"))
        shop.put("d/y.txt", "mine")
        built = shop.build()

        assert (shop.read("p"), built.result.orphans) == ("1mine", ("d/sub/z",))

    def test_a_removed_value_leaves_an_orphan(self, shop: Workshop):
        """Of that instance alone; when the value comes back, so does its result."""
        begun(shop, TABLES)
        shop.put("list.yaml", "names: [a, b, c]\n")
        built = shop.build()
        shop.put("list.yaml", "names: [a, b, c, d]\n")

        assert (built.ran, built.result.orphans) == (["all"], ("t/d.txt",))
        assert (shop.build().ran, engine.orphans(shop.request())) == (["all"], ())

    def test_other_values_of_the_command_line_have_no_orphans_here(self, shop: Workshop):
        """What was made under another --set lives beside it."""
        shop.wavefile("vars: {v: x}\nsteps: {a: {outputs: 'o/{{ v }}', run: 'note a; echo > {{ outputs }}'}}")
        shop.settle()

        assert shop.build(overrides=(("v", "y"),)).result.orphans == ()
        assert shop.build().result.orphans == ()


NAMED = """
settings: {orphans: remove}
vars: [vars.yaml]
steps:
  a: {inputs: s, outputs: d/x.txt, run: 'note a; cat s > d/x.txt'}
  read: {inputs: ['in.yaml#k', '*.txt'], outputs: p, run: 'note read; ls > p'}
  checked: {inputs: s, checks: {run: 'true', inputs: check.txt}}
  listed: {inputs: {list: list.txt}, outputs: l, run: 'note listed; echo > l'}
  edit: {inputs: s, updates: shared.txt, run: 'note edit; sed -i s/none/1/ shared.txt'}
  each:
    foreach: {v: 'names.yaml#names'}
    inputs: s
    outputs: 't/{{ v }}'
    run: 'note each; echo {{ w }} > {{ outputs }}'
"""


class TestNamed:
    def test_what_the_wavefile_names_is_a_source_now(self, shop: Workshop):
        """Whoever made it once: moved away, it would be missed by the next build."""
        texts = {"in.yaml": "k: 1", "check.txt": "1", "list.txt": "s", "shared.txt": "1"}
        texts |= {"names.yaml": "names: [b]", "vars.yaml": "w: 1", "gone.txt": "1"}
        commands = "; ".join(f"echo '{text}' > {path}" for path, text in texts.items())
        shop.put("s", "s")
        shop.wavefile(f'steps: {{old: {{outputs: [{", ".join(texts)}], run: "{commands}"}}}}')
        shop.settle()

        shop.wavefile(NAMED)
        shop.settle()

        assert moved(shop) == ["gone.txt"]
        assert "list.txt" in shop.read("p")


class TestRemoved:
    def test_they_move_to_the_displaced_files_after_a_good_build(self, shop: Workshop):
        """With the folders that become empty; the next build knows nothing of them."""
        begun(shop)
        shop.wavefile(WITHOUT.replace("REPORT", "remove"))
        built = shop.build()

        assert (built.result.orphans, moved(shop)) == ((), ["d/sub/z", "d/y.txt"])
        assert sorted(path.name for path in (shop.root / "d").iterdir()) == ["x.txt"]
        assert "displaced" in built.notices
        assert (shop.build().ran, shop.build().result.orphans) == ([], ())

    def test_not_after_a_failure(self, shop: Workshop):
        """What goes wrong may have to be undone."""
        begun(shop)
        shop.wavefile(WITHOUT.replace("REPORT", "remove").replace("note all;", "note all; false;"))
        built = shop.build()

        assert (built.code, len(built.result.orphans), moved(shop)) == (1, 2, [])

    @pytest.mark.scenario(id="G8")
    def test_touched_bytes_stay(self, shop: Workshop):
        """They are somebody's."""
        begun(shop)
        shop.put("d/y.txt", "mine")
        shop.wavefile(WITHOUT.replace("REPORT", "remove"))
        shop.build()

        assert (moved(shop), shop.read("d/y.txt")) == (["d/sub/z"], "mine")

    @pytest.mark.parametrize(
        ("left", "gone"), [("a, b, c", ["t/d.txt"]), ("a, b", ["t/c.txt", "t/d.txt"]), ("a", []), ("e", [])]
    )
    def test_never_over_half_of_the_instances_at_once(self, shop: Workshop, left: str, gone: list[str]):
        """A list that was cut short is rather a mistake; `clean --orphans` still takes them."""
        begun(shop, TABLES)
        shop.wavefile(TABLES.replace("REPORT", "remove"))
        shop.put("list.yaml", f"names: [{left}]\n")
        built = shop.build()

        assert (moved(shop), bool(built.result.orphans)) == (gone, not gone)
        if not gone:
            assert len(engine.clean_orphans(shop.request(), dry=False).removed) >= 3
            assert shop.build().result.orphans == ()


class TestCleaned:
    @pytest.mark.scenario(id="G8")
    def test_clean_orphans_moves_them(self, shop: Workshop):
        """Dry it only says which."""
        begun(shop)
        shop.wavefile(WITHOUT.replace("REPORT", "report"))
        shop.build()
        assert sorted(engine.clean_orphans(shop.request(), dry=True).removed) == ["d/sub/z", "d/y.txt"]
        assert moved(shop) == []
        done = engine.clean_orphans(shop.request(), dry=False)

        assert (done.into.startswith(".wavebuild/displaced/"), moved(shop)) == (True, ["d/sub/z", "d/y.txt"])
        assert (shop.build().result.orphans, shop.read("d/x.txt")) == ((), "1")

    def test_clean_state_drops_what_is_remembered_and_no_output(self, shop: Workshop):
        """So what stands is unclaimed, until it is touched."""
        begun(shop)
        assert engine.clean_state(shop.request(), dry=True).removed != ()
        assert shop.build().ran == []
        engine.clean_state(shop.request(), dry=False)
        assert (shop.read("p"), shop.plan()["a"]) == ("111", "BLOCKED")
        engine.touch(shop.request())

        assert shop.build().ran == []
