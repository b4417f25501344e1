"""Wavefiles written for a test, and what is said of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from wavebuild.declare import load
from wavebuild.declare.model import Step, Wavefile
from wavebuild.errors import Problem, WavebuildError


def loaded(
    folder: Path,
    text: str | bytes,
    overrides: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str] | None = None,
) -> Wavefile:
    """The model of a Wavefile with this text."""
    path = folder / "Wavefile"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(str(path), overrides, environ or {})


def step(folder: Path, keys: str, top: str = "") -> Step:
    """The model of one step, ``a``, with these keys, after these lines at the top."""
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    first, *_ = [found for found in loaded(folder, f"{top}\nsteps:\n  a:\n{lines}").steps if found.name == "a"]
    return first


def refused(
    folder: Path,
    text: str | bytes,
    overrides: Sequence[tuple[str, str]] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[Problem, ...]:
    """Everything that is wrong with a Wavefile of this text."""
    with pytest.raises(WavebuildError) as caught:
        loaded(folder, text, overrides, environ)
    return caught.value.problems


def only(problems: tuple[Problem, ...]) -> Problem:
    assert len(problems) == 1, [problem.lines() for problem in problems]
    return problems[0]
