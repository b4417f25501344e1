"""The generator writes the same work for every tool."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.dialects import DIALECTS, files, write
from benchmarks.works import WORKS, Work
from tests.support.command import Site

# The tools that every machine of ours has, and how they build.
BUILDS = {"make": ("make", "-rR", "-s", "-j2"), "ninja": ("ninja", "--quiet", "-j2")}
SIZES = {"wide": 3, "layers": 20, "chain": 3, "python": 2, "foreach": 3, "dirs": 2, "bigfile": 1, "example": 1}


def work_of(name: str) -> Work:
    return WORKS[name](SIZES[name], sys.executable)


def outputs(work: Work, folder: Path) -> dict[str, bytes]:
    return {step.output: (folder / step.output).read_bytes() for step in work.steps}


def by_hand(work: Work, folder: Path) -> dict[str, bytes]:
    """What the commands make, one after another, without any tool."""
    write(work, "make", folder)
    for step in work.steps:
        subprocess.run(["sh", "-c", step.command], cwd=folder, check=True)
    return outputs(work, folder)


@pytest.mark.parametrize("name", sorted(WORKS))
def test_wavebuild_makes_of_every_work_what_its_commands_make(name: str, tmp_path: Path) -> None:
    """Every output is there and has the bytes that the commands alone make."""
    work, site = work_of(name), Site(tmp_path / "site")
    write(work, "wavebuild", site.root)

    done = site.wavebuild("-j2", "--quiet")

    assert done.code == 0, done.err
    assert outputs(work, site.root) == by_hand(work, tmp_path / "hand")


@pytest.mark.parametrize("tool", sorted(BUILDS))
@pytest.mark.parametrize("name", sorted(WORKS))
def test_a_peer_makes_of_every_work_the_same(name: str, tool: str, tmp_path: Path) -> None:
    """Every output is there and has the bytes that the commands alone make."""
    if shutil.which(BUILDS[tool][0]) is None:
        pytest.skip(f"there is no {tool} here")
    work = work_of(name)
    write(work, tool, tmp_path / tool)

    subprocess.run(BUILDS[tool], cwd=tmp_path / tool, check=True)

    assert outputs(work, tmp_path / tool) == by_hand(work, tmp_path / "hand")


@pytest.mark.parametrize("tool", sorted(DIALECTS))
@pytest.mark.parametrize("name", sorted(set(WORKS) - {"foreach", "python"}))
def test_every_tool_is_told_every_step(name: str, tool: str) -> None:
    """The command and the output of each step stand in the files of each tool."""
    work = work_of(name)
    text = "\n".join(f"{path}\n{content}" for path, content in files(work, tool).items())

    for step in work.steps:
        assert step.output in text
        assert step.command in text or step.template.replace("$out", '"$out"') in text


@pytest.mark.parametrize("tool", sorted(DIALECTS))
@pytest.mark.parametrize("name", sorted(set(WORKS) - {"python"}))
def test_the_edit_changes_the_command_of_one_step_and_not_what_it_makes(name: str, tool: str) -> None:
    """One place in one file is another."""
    work = work_of(name)
    before, after = files(work, tool), files(work.with_edit(7), tool)

    changed = [path for path in before if before[path] != after[path]]

    assert changed == [next(iter(before))]
    assert after[changed[0]].replace("true 7 && ", "", 1) == before[changed[0]]


def test_every_output_of_layers_is_read_by_a_step_above() -> None:
    """No tool can leave a step out and still reach the goal."""
    work = WORKS["layers"](200, sys.executable)

    read = {path for step in work.steps for path in step.inputs}

    assert {step.output for step in work.steps} - read == {work.goal}
