"""``--events``: every line of every kind of build fits the schema; a reader sees it at once, and may rely on it.

It does not know how a build comes to an event: it reads lines, as a program of somebody else does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.docs.pages import code, rows
from tests.support.command import REPOSITORY, Site, events
from tests.support.processes import eventually
from wavebuild.ui.event_shapes import events_schema

PAGE = REPOSITORY / "docs" / "reference" / "cli.md"
WAVEFILE = """
agents: {writer: {run: "cat {{ prompt_file }} > {{ outputs }}"}}
advisors: {critic: {run: "sh critic.sh"}}
thresholds: {default: 0.8}
steps:
  names: {outputs: names.csv, run: "(echo name; echo ann; echo bob) > names.csv"}
  each:
    foreach: {n: {path: names.csv, column: name}}
    outputs: "each/{{ n }}"
    run: touch {{ outputs }}
  flaky: {outputs: f, retries: 1, run: 'test -e tried || { touch tried; exit 7; }; touch f'}
  said: {agent: writer, prompt: {text: hello}, outputs: said, review: {advisor: critic, retries: 1}}
  bad: {inputs: f, outputs: b, run: cat nothing.csv > b}
  behind: {inputs: b, outputs: c, run: touch c}
  mine: {manual: true, outputs: mine.txt}
"""
CRITIC = """
test -e asked && score=0.9 || score=0.2
touch asked
printf '{"score": %s, "approved": true, "critical_issues": ["too short"]}' $score
"""


def validator() -> Draft202012Validator:
    """Of the schema that the command prints, closed: a key that it does not name is an error here."""
    text = json.dumps(events_schema()).replace('"additionalProperties": true', '"additionalProperties": false')
    return Draft202012Validator(json.loads(text), format_checker=FormatChecker())


def unfit(lines: list[dict[str, Any]]) -> list[str]:
    found = validator()
    return [f"{error.message}: {line}" for line in lines for error in found.iter_errors(line)]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_every_line_of_every_kind_of_build_fits_the_schema(site: Site):
    """Lists that are made, retries, drafts rejected, failures, waits, waves, audits, kept steps, orphans of a kill."""
    site.write("Wavefile", WAVEFILE)
    site.write("critic.sh", CRITIC)
    told: list[dict[str, Any]] = []
    audit = ["--audit"] if shutil.which("strace") or os.environ.get("NO_SKIPS") else []
    for flags in (["-k", "-j2"], ["-k", "--barrier", "-B", *audit], ["-k", "-j1"], ["names", "-t"], ["names"]):
        site.wavebuild(*flags, *([] if "-t" in flags else ["--events", "e"]))
        told += events(site.root / "e")
        (site.root / "e").unlink(missing_ok=True)
    site.write("Wavefile", "steps: {s: {outputs: s, run: 'touch begun; sleep 60'}}")
    with site.start("--events", "e") as process:
        assert eventually(lambda: (site.root / "begun").exists(), 60)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    (site.root / "Wavefile").write_text("steps: {s: {outputs: s, run: touch s}}")
    told += events(site.root / "e")
    site.wavebuild("--events", "e")
    told += events(site.root / "e")

    assert unfit(told) == []
    assert {line["event"] for line in told} == {each["properties"]["event"]["const"] for each in _shapes()}
    assert {line["outcome"] for line in told if line["event"] == "step_settled"} >= {
        *("kept", "succeeded", "failed", "blocked", "waiting")
    }


def _shapes() -> list[dict[str, Any]]:
    found: Any = events_schema()["oneOf"]
    return list(found)


def test_the_reference_names_every_event_and_every_key():
    """What a program may read is written down; what is not, is not told."""
    page = PAGE.read_text()
    table = {code(name)[0]: set(code(keys)) for name, keys in rows(PAGE, "JSON") if code(name)}
    build = set(re.findall(r'"([a-z_]+)"', page[page.index("- build `--json`") : page.index("`-t --json`")]))
    for shape in _shapes():
        name = shape["properties"]["event"]["const"]
        keys = set(shape["properties"]) - {"event", "at", "run"}
        assert name in table, name
        assert keys <= (table[name] | build if name == "step_settled" else table[name]), name


def test_a_reader_of_a_pipe_sees_each_line_at_once_and_may_rely_on_a_success(site: Site):
    """While a later step runs, the earlier one is told; killed just then, the build has saved it."""
    site.write(
        "Wavefile",
        """
steps:
  first: {outputs: a, run: 'echo first >> "$JOURNAL"; touch a'}
  second: {inputs: a, outputs: b, run: 'echo second >> "$JOURNAL"; test -e go || sleep 60; touch b'}
""",
    )
    os.mkfifo(site.root / "pipe")
    with site.start("--events", "pipe") as process:
        with open(site.root / "pipe") as pipe:
            for line in pipe:
                told = json.loads(line)
                if told["event"] == "step_settled" and told["step"] == "first":
                    os.kill(process.pid, signal.SIGKILL)
                    break
        process.communicate()
    assert told["outcome"] == "succeeded"
    site.ran()
    site.write("go", "")

    site.build()

    assert site.ran() == ["second"]


def test_a_reader_that_goes_away_stops_the_lines_and_not_the_build(site: Site):
    """As `| head -1` does; nothing is said of it, as that reader wants no more."""
    site.write(
        "Wavefile", "steps: {a: {outputs: a, run: sleep 0.2; touch a}, b: {inputs: a, outputs: b, run: touch b}}"
    )
    command = " ".join(["exec 2>err;", *site.argv("--events", "-"), "| head -1"])

    done = subprocess.run(["bash", "-c", command], cwd=site.root, env=site.environ, capture_output=True, text=True)

    assert json.loads(done.stdout)["event"] == "build_started"
    assert eventually(lambda: (site.root / "b").exists(), 60)
    assert "events" not in site.read("err")
    assert "Traceback" not in site.read("err")


def test_on_stdout_there_are_the_lines_and_nothing_else(site: Site):
    """All else goes to stderr; the last line is the end of the build."""
    site.write("Wavefile", "steps: {a: {outputs: a, run: echo hello; touch a}}")

    done = site.wavebuild("--events", "-", "-v")

    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["event"] for line in lines] == ["build_started", "step_started", "step_settled", "build_settled"]
    assert unfit(lines) == []
