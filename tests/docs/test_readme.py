"""The two commands of README stand as `.ci/run` takes them, each complete on a fresh machine."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.support.command import REPOSITORY

README = (REPOSITORY / "README.md").read_text()


def command(name: str) -> str:
    """The one line between two marks, without its fence: what `.ci/run` runs."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)
    assert found, f"README.md has no marks '{name}'"
    lines = [line for line in found[1].splitlines() if line and not line.startswith("```")]
    assert len(lines) == 1, f"README.md: not one command between the marks '{name}'"
    return lines[0]


@pytest.mark.parametrize("name", ["build-command", "test-command"])
def test_a_command_of_readme_begins_with_nothing_but_python(name: str) -> None:
    """It makes its own environment and installs from the checkout."""
    make, install, use = command(name).split(" && ")

    assert make == "python3 -m venv .venv"
    assert install.startswith(".venv/bin/pip install -q -e ")
    assert use.startswith(".venv/bin/")


def test_the_first_command_builds_an_example_that_is_there() -> None:
    """The folder it names holds a Wavefile."""
    found = re.search(r"-C (\S+) -j4$", command("build-command"))

    assert found
    assert (REPOSITORY / found[1] / "Wavefile").is_file()


def test_the_second_command_installs_an_extra_that_is_there() -> None:
    """The extra is one of pyproject.toml, and has pytest in it."""
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = re.search(r"-e '\.\[(\w+)\]'", command("test-command"))

    assert found
    assert any(name.startswith("pytest>") for name in extras[found[1]])
