"""What it costs to know a Wavefile grows with its steps, and no faster."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

import pytest

from wavebuild.declare import load
from wavebuild.graph import link
from wavebuild.graph.columns import packed
from wavebuild.plan import select, waves


def wide(count: int) -> str:
    """Many steps side by side, and one that reads them all."""
    steps = "".join(f"  s{k}: {{inputs: [i/{k}], outputs: o/{k}, run: cp i/{k} o/{k}}}\n" for k in range(count))
    return (
        f"defaults: {{shell: sh}}\nsteps:\n{steps}  all: {{inputs: [{_listed(count)}], outputs: all, run: cat o/*}}\n"
    )


def chain(count: int) -> str:
    """Each reads what the one before makes, by a glob too."""
    steps = "".join(
        f"  s{k}: {{inputs: [o/{k - 1}, 'd{k - 1}/*'], outputs: [o/{k}, 'd{k}/*.csv'], run: make {k}}}\n"
        for k in range(count)
    )
    return f"steps:\n{steps}"


def repeated(count: int) -> str:
    """Instances of one step, and one that reads them all."""
    return (
        f"steps:\n  c:\n    foreach: {{k: [{', '.join(map(str, range(count)))}]}}\n    inputs: i/{{{{ k }}}}\n"
        "    outputs: o/{{ k }}\n    run: cp {{ inputs }} {{ outputs }}\n"
        "  all: {inputs: step:c@*, outputs: all, run: 'cat {{ inputs }} > all'}\n"
    )


def categories(count: int) -> str:
    """Steps that take what they do from categories and defaults, with templates in them."""
    steps = "".join(f"  s{k}: {{category: c{k % 7}, outputs: o/{k}, tags: [t]}}\n" for k in range(count))
    kinds = "".join(f"  c{k}: {{run: 'make {{{{ step }}}} {k}', inputs: [src/], timeout: 5m}}\n" for k in range(7))
    first = "  first: {run: 'true', needs: []}\n"
    return f"defaults: {{env: {{A: '1'}}, needs: [first]}}\ncategories:\n{kinds}steps:\n{steps}{first}"


def _listed(count: int) -> str:
    return ", ".join(f"o/{k}" for k in range(count))


def calls(folder: Path, text: str) -> int:
    """How many functions are called until it is known what is to be looked at, and in which order."""
    path = folder / "Wavefile"
    path.write_text(text)
    profile = cProfile.Profile()
    profile.enable()
    graph = link(load(str(path)))
    waves(graph, select(graph, (), "").wanted)
    packed(graph)
    profile.disable()
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.long
@pytest.mark.parametrize("shape", [wide, chain, repeated, categories], ids=lambda shape: shape.__name__)
def test_ten_times_the_steps_cost_ten_times_the_calls(shape: Callable[[int], str], tmp_path: Path) -> None:
    """Calls are counted, not seconds: the count is the same on every machine."""
    calls(tmp_path, shape(3))  # what is imported or compiled once

    few, many = calls(tmp_path, shape(100)), calls(tmp_path, shape(1000))

    assert many <= 10.5 * few


def test_a_step_costs_few_calls(tmp_path: Path) -> None:
    """A plain step of three keys is read, linked and packed with fewer than 450 calls, the YAML parser's among them."""
    calls(tmp_path, wide(3))

    more = (calls(tmp_path, wide(1100)) - calls(tmp_path, wide(100))) / 1000

    assert more < 450
