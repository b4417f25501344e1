"""The reference of the Python face names every public name, argument and field, and the types are what it says."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import wavebuild
from tests.docs.pages import fences
from tests.support.command import REPOSITORY
from wavebuild import orchestrator
from wavebuild.orchestrator.building import HowSteps

TEXT = (REPOSITORY / "docs" / "reference" / "python.md").read_text()


def names() -> list[str]:
    public = {name: getattr(wavebuild, name) for name in wavebuild.__all__ if name != "__version__"}
    public |= {name: getattr(orchestrator, name) for name in orchestrator.__all__}
    fields = [
        field
        for thing in (wavebuild.Result, wavebuild.StepResult)
        for field in (*thing.__struct_fields__, *vars(thing))
        if field != "of" and not field.startswith("_")
    ]
    made = (wavebuild.Step, wavebuild.Build, wavebuild.build, wavebuild.load, orchestrator.OrchestratorParallel)
    arguments = [name for thing in made for name in inspect.signature(thing).parameters]
    hidden = {"declared", "said", "keys", "how"}
    return sorted({*public, *fields, *HowSteps.__annotations__, *arguments} - hidden)


def test_every_public_name_is_on_the_page() -> None:
    """Or nobody would know of it."""
    assert [name for name in names() if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", TEXT)] == []


def test_every_public_name_says_what_it_is() -> None:
    """`help` has words for it."""
    found = {name: getattr(wavebuild, name) for name in wavebuild.__all__ if name != "__version__"}
    found |= {name: getattr(orchestrator, name) for name in orchestrator.__all__}

    assert [name for name, thing in found.items() if not (thing.__doc__ or "").strip()] == []


@pytest.mark.long
@pytest.mark.skipif(find_spec("mypy") is None and not os.environ.get("NO_SKIPS"), reason="mypy is not installed")
def test_a_checker_of_types_takes_the_programs_of_the_how_to(tmp_path: Path) -> None:
    """With no word of ours untyped; and what is misspelt it does not take."""
    programs = [each.text for each in fences(REPOSITORY / "docs/how-to/python.md") if each.language == "python"]
    for number, program in enumerate(programs):
        (tmp_path / f"p{number}.py").write_text(program)
    (tmp_path / "wrong.py").write_text("import wavebuild\nwavebuild.build(jbos=3)\nwavebuild.build(jobs='3')\n")
    checker = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")]

    right = subprocess.run(
        [*checker, *(f"p{number}.py" for number in range(len(programs)))],
        cwd=tmp_path, env={"MYPYPATH": str(REPOSITORY)}, capture_output=True, text=True,
    )  # fmt: skip
    wrong = subprocess.run(
        [*checker, "wrong.py"], cwd=tmp_path, env={"MYPYPATH": str(REPOSITORY)}, capture_output=True, text=True
    )

    assert right.returncode == 0, right.stdout
    assert wrong.stdout.count("error:") == 2
