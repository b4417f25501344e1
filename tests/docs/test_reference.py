"""The reference names every key, word and reason that the program has, and none that it has not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from tests.docs.pages import code, fences, rows
from tests.support.command import REPOSITORY
from wavebuild.declare import load, schema
from wavebuild.declare.artifacts import ARTIFACT
from wavebuild.declare.expressions import understood
from wavebuild.declare.fields import Section
from wavebuild.declare.model import Settings
from wavebuild.declare.templates import HOLES
from wavebuild.judge.reasons import Reason
from wavebuild.ui.arguments import LATER
from wavebuild.ui.cli import app
from wavebuild.ui.vocabulary import LATER_COMMANDS
from wavebuild.ui.words import kind_of

REFERENCE = REPOSITORY / "docs" / "reference"
PAGE = REFERENCE / "wavefile.md"
SECTIONS: dict[str, Section] = {
    "Top level": schema.WAVEFILE,
    "Keys of an include": schema.INCLUDED,
    "Keys of a profile": schema.PROFILE,
    "Settings": schema.SETTINGS_KEYS,
    "Keys of a step": schema.STEP,
    "Keys of an artifact": ARTIFACT,
    "Keys of `retries`": schema.RETRY,
    "Keys of `limits`": schema.LIMIT,
    "Keys of a check": schema.CHECK,
    "Keys of a probe": schema.PROBE,
    "Keys of an agent": schema.AGENT_BODY,
    "Keys of an advisor": schema.ADVISOR_BODY,
    "Keys of a prompt": schema.PROMPT_BODY,
    "Keys of a review": schema.REVIEW_BODY,
}
CALLED_ON = "agents: {writer: {run: make}}\nadvisors: {critic: {run: make}}\n"
EXAMPLES = [(heading, *code(row[0]), *code(row[-1])) for heading in SECTIONS for row in rows(PAGE, heading)]


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_page_names_the_keys_of_a_section_and_no_others(heading: str) -> None:
    """A key that the loader reads is explained; one that it does not read is not."""
    said = [code(row[0])[0] for row in rows(PAGE, heading)]

    assert sorted(said) == sorted(key.name for key in SECTIONS[heading].keys)


@pytest.mark.parametrize(("heading", "key", "example"), EXAMPLES, ids=lambda text: text.split(":")[0])
def test_the_example_of_a_key_is_taken_by_the_loader(heading: str, key: str, example: str, tmp_path: Path) -> None:
    """The last column can be copied."""
    file = tmp_path / "Wavefile"
    file.write_text(surrounded(heading, key, example))
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "Wavefile").write_text("steps: {package: {run: make}}\n")

    wavefile = load(str(file), environ={"HOME": "/home/me"})

    assert re.search(rf"\b{key}:", example)
    assert wavefile.steps


def surrounded(heading: str, key: str, example: str) -> str:
    """The example in a whole Wavefile."""
    if heading == "Top level":
        return example + "\n" if key == "steps" else f"{example}\nsteps: {{report: {{run: make}}}}\n"
    other = "  other: {run: make}\n"
    if heading == "Keys of an include":
        return f"include: [{example}]\nsteps: {{report: {{run: make}}}}\n"
    if heading == "Keys of a profile":
        return f"profiles: {{default: {example}}}\nsteps: {{report: {{run: make}}}}\n"
    if heading == "Settings":
        return f"settings: {{{example}}}\nsteps:\n{other}"
    if heading == "Keys of an artifact":
        if example.startswith("{outputs:"):
            return f"steps:\n  s: {{{example[1:-1]}, run: make}}\n"
        return f"steps:\n  s: {{inputs: {example}, run: make}}\n"
    if heading == "Keys of a check":
        return f"steps:\n  s: {{checks: {example}, run: make}}\n"
    if heading == "Keys of a probe":
        return f"probes: {{p: {example}}}\nsteps:\n{other}"
    if heading == "Keys of an agent":
        return f"agents: {{w: {example}}}\nsteps: {{s: {{agent: w, prompt: {{text: x}}, outputs: o}}}}\n"
    if heading == "Keys of an advisor":
        return f"advisors: {{c: {example}}}\nsteps: {{s: {{run: make, outputs: o, review: {{advisor: c}}}}}}\n"
    if heading == "Keys of a prompt":
        return f"{CALLED_ON}steps: {{s: {{agent: writer, prompt: {example}, outputs: o, inputs: i}}}}\n"
    if heading == "Keys of a review":
        return f"{CALLED_ON}steps: {{s: {{run: make, review: {example}}}}}\n"
    if heading in ("Keys of `retries`", "Keys of `limits`"):
        return f"steps:\n  s: {{{code(heading)[0]}: {example}, run: make}}\n"
    more = {"run": "", "call": "", "agent": "", "prompt": "", "manual": "outputs: a.csv"}.get(key, "run: make")
    if key in ("agent", "prompt", "review"):
        example = f"{example}, outputs: o"
        return f"{CALLED_ON}steps:\n{other}  s: {{{', '.join(part for part in (example, more) if part)}}}\n"
    if key == "category":
        return f"categories: {{slow: {{run: make}}}}\nsteps:\n  s: {{{example}}}\n"
    return f"steps:\n{other}  s: {{{', '.join(part for part in (example, more) if part)}}}\n"


def test_the_defaults_of_the_settings_are_those_of_the_program() -> None:
    """The third column is what holds when a setting is not given."""
    said = {code(row[0])[0]: row[2].strip("`") for row in rows(PAGE, "Settings")}
    usual = Settings()

    assert said["schedule"] == usual.schedule
    assert said["keep_going"] == str(usual.keep_going).lower()
    assert said["log_keep"] == str(usual.log_keep)


def test_the_words_that_are_not_of_this_version_are_all_listed() -> None:
    """Whoever meets the refusal finds the word on the page, and every word of the page is refused."""
    said = {row[0]: set(code(row[1])) for row in rows(PAGE, "Not of this version yet")}

    assert said["top level"] == set(schema.WAVEFILE.later)
    assert said["`settings`"] == set(schema.SETTINGS_KEYS.later)
    assert said["a step"] == set(schema.STEP.later)
    assert said["an artifact"] == set(ARTIFACT.later)


def test_the_names_that_only_a_running_step_knows_are_listed() -> None:
    """Every name that the language gives to commands is in the table of names."""
    said = {name for row in rows(PAGE, "Names in templates") for name in code(row[0])}

    assert said >= HOLES


@pytest.mark.parametrize("row", list(rows(PAGE, "Filters")), ids=lambda row: row[0])
def test_a_filter_gives_what_the_page_says(row: list[str]) -> None:
    """The second column holds a value and what becomes of it; the others are in the table by name."""
    name, shown = code(row[0])[0], code(row[1])

    result = understood(f"'{shown[0] if shown else 'b'}' | {name}").evaluate({})

    assert result == (shown[1] if shown else "b")


def test_every_reason_is_explained_and_no_other() -> None:
    """The closed list of reasons is closed on the page, too."""
    said = [code(row[0])[0] for row in rows(REFERENCE / "reasons.md", "Reasons")]

    assert sorted(said) == sorted(kind_of(kind) for kind in get_args(Reason))


def test_the_commands_and_flags_to_come_are_listed() -> None:
    """What the command line refuses as not of this version yet is on its page."""
    text = (REFERENCE / "cli.md").read_text()
    missing = [word for word in (*LATER_COMMANDS, *LATER) if f"`{word}`" not in text]

    assert missing == []


def test_the_listing_of_the_design_names_every_module() -> None:
    """The map of the code is the code: no module without a line, no line without a module."""
    listing = next(fence for fence in fences(REPOSITORY / "docs" / "design.md") if fence.language == "text").text
    package = REPOSITORY / "wavebuild"
    modules = {str(file.relative_to(package)) for file in package.rglob("*.py") if not file.name.startswith("__")}
    said, folder = set(), ""
    for line in listing.splitlines():
        if found := re.match(r"(?P<indent> *)(?P<name>[a-z_/]*[a-z_](\.py|/)) ", line):
            if found["name"].endswith("/"):
                folder = found["name"]
            else:
                said.add((folder if found["indent"] else "") + found["name"])

    assert said == modules


def test_every_command_and_flag_is_on_the_page_of_the_command_line() -> None:
    """What `--help` shows, the reference explains."""
    text = (REFERENCE / "cli.md").read_text()
    whole = get_command(app)
    assert isinstance(whole, TyperGroup)
    options = {
        option
        for command in whole.commands.values()
        for parameter in command.params
        if isinstance(parameter, TyperOption)
        for option in parameter.opts
    }

    missing = [word for word in (*whole.commands, *options) if not re.search(rf"(?<![\w-]){word}(?![\w-])", text)]

    assert missing == []
