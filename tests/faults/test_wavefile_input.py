"""Wavefiles that are missing, hostile or edited in the wrong moment."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.run.events import Event, StepSettled, StepStarted
from wavebuild.ui.caller import Caller
from wavebuild.ui.cli import run


def said(root: Path, *argv: str) -> tuple[int, str]:
    """The exit code and stderr of a command in a folder."""
    stderr = io.StringIO()
    code = run(Caller(str(root), {}, io.StringIO(), io.StringIO(), stderr, argv, lambda: engine))
    return code, stderr.getvalue()


NO_WAVEFILES = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.write_text(""),
    "only comments": lambda path: path.write_text("# steps\n# to come\n"),
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a FIFO": lambda path: os.mkfifo(path),
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.scenario(id="W1")
@pytest.mark.scenario(id="W11")
@pytest.mark.timeout(100)
@pytest.mark.parametrize("argv", [(), ("plan",), ("-q",)], ids=["build", "plan", "-q"])
@pytest.mark.parametrize("kind", NO_WAVEFILES)
def test_what_is_no_wavefile_is_refused_with_its_path_and_nothing_is_created(
    kind: str, argv: tuple[str, ...], tmp_path: Path
) -> None:
    """Exit 2, at most the problem and its remedy, no traceback, and no state folder."""
    NO_WAVEFILES[kind](tmp_path / "Wavefile")

    code, err = said(tmp_path, *argv)

    assert code == 2
    assert "Wavefile" in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 3, err
    assert not (tmp_path / ".wavebuild").exists()


@pytest.mark.scenario(id="W7")
@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir", "!!python/object/new:os.mkdir"])
def test_a_tag_of_yaml_runs_no_code(tag: str, shop: Workshop) -> None:
    """It is refused, in whatever place it stands, before anything is made of it."""
    canary = shop.home / "canary"
    shop.wavefile(
        f"x-a: {tag} ['{canary}']\nvars: {{b: {tag} ['{canary}']}}\nsteps: {{a: {{run: {tag} ['{canary}']}}}}\n"
    )

    problems = engine.check(shop.request())

    assert {problem.code for problem in problems} == {"tag"}
    assert not canary.exists()


@pytest.mark.scenario(id="W16")
def test_a_wavefile_edited_while_it_is_built_counts_for_the_next_build(shop: Workshop) -> None:
    """This build goes on with what it has read, and leaves no evidence that the new text is built."""
    text = """
steps:
  a: {inputs: s, outputs: o, run: 'note a; cat s > o'}
  b: {inputs: o, outputs: p, run: 'note b; cat o > p'}
"""
    edited = text.replace("cat o > p", "cat o o > p")
    shop.put("s", "1\n")
    shop.wavefile(text)

    built = shop.build(meanwhile=lambda event: shop.wavefile(edited) if started(event, "a") else None)

    assert (built.code, built.ran, shop.read("p")) == (0, ["a", "b"], "1\n")
    again = shop.build()
    assert (again.ran, shop.read("p")) == (["b"], "1\n1\n")
    assert shop.build().ran == []


@pytest.mark.scenario(id="W16")
def test_a_wavefile_edited_at_the_very_end_of_a_build_counts_for_the_next(shop: Workshop) -> None:
    """After the last step has settled and before the build has: nothing was built of the new text."""
    shop.put("s", "1\n")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")

    def edit(event: Event) -> None:
        if isinstance(event, StepSettled):
            shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s s > o'}}")

    shop.build(meanwhile=edit)

    assert shop.build().ran == ["a"]
    assert shop.read("o") == "1\n1\n"


def started(event: Event, step: str) -> bool:
    return isinstance(event, StepStarted) and event.step == step


LISTS = """
steps:
  l: {inputs: s, outputs: names.json, run: 'note l; cat s > names.json'}
  e: {foreach: {v: 'names.json#v'}, outputs: 'd/{{ v }}', run: 'note e; echo {{ v }} > {{ outputs }}'}
  z: {outputs: q, run: 'note z; echo > q'}
"""


@pytest.mark.scenario(id="W16")
@pytest.mark.parametrize(
    "edited",
    [LISTS.replace("  z:", "  y:"), LISTS.replace("note e;", "note f;"), "steps: ["],
    ids=["name", "run", "torn"],
)
def test_a_build_that_grows_goes_on_with_the_wavefile_it_began_with(edited: str, shop: Workshop) -> None:
    """What a list made in the build says is put into the text that was read at the begin, and into no other."""
    shop.put("s", '{"v": ["a", "b"]}')
    shop.wavefile(LISTS)

    built = shop.build(meanwhile=lambda event: shop.wavefile(edited) if started(event, "l") else None)

    assert built.code == 0
    assert sorted(built.ran) == ["e", "e", "l", "z"]


@pytest.mark.scenario(id="W16")
@pytest.mark.parametrize("path", ["values.yaml", "below/Wavefile", "names.csv"])
def test_so_does_what_else_was_read_with_it(path: str, shop: Workshop) -> None:
    """Variables, an included file, the table of instances: edited while a step runs, seen by the next build."""
    shop.put("values.yaml", "word: one\n")
    shop.put("below/Wavefile", "steps: {b: {outputs: b.out, run: 'note b; echo one > b.out'}}\n")
    shop.put("names.csv", "name\none\n")
    shop.wavefile("""
include: [below/Wavefile]
vars: [values.yaml]
steps:
  a: {outputs: a.out, run: 'note a; echo {{ word }} > a.out'}
  c:
    foreach: {n: {path: names.csv, column: name}}
    outputs: '{{ n }}.out'
    run: 'note c; echo {{ n }} > {{ outputs }}'
""")
    edited = shop.read(path).replace("one", "two")

    shop.build(meanwhile=lambda event: shop.put(path, edited) if started(event, "a") else None)
    second = shop.build()

    assert second.code == 0
    assert second.ran == [{"values.yaml": "a", "below/Wavefile": "b", "names.csv": "c"}[path]]
    assert shop.build().ran == []
