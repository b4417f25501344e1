"""Bad Wavefiles: each is refused with its code, its place and words that help; none with a traceback."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.declare.written import loaded, only, refused
from wavebuild.declare import schema
from wavebuild.declare.artifacts import ARTIFACT
from wavebuild.errors import WavebuildError

STEP = "steps:\n  a:\n    run: x\n"

# name: text, code, line:column, words of the message or the remedy
BAD: dict[str, tuple[str, str, str, str]] = {
    # --- not YAML, or not the YAML that was meant
    "an unquoted template": ("steps:\n  a:\n    run: {{ x }}\n", "unquoted-template", "3:10", 'run: "{{ x }}"'),
    "a template, then more": ("steps:\n  a:\n    run: {{ x }} y\n", "unquoted-template", "3:10", 'run: "{{ x }} y"'),
    "an unquoted glob": (STEP + "    inputs: *.csv\n", "syntax", "4:13", 'write: inputs: "*.csv"'),
    "a glob in a list": (STEP + "    inputs: [a, *.csv]\n", "syntax", "4:17", 'inputs: [a, "*.csv"]'),
    "a glob as a list item": (STEP + "    inputs:\n      - *.csv\n", "syntax", "5:9", '- "*.csv"'),
    "a glob like an alias": (STEP + "    inputs: *all\n", "unknown-anchor", "4:13", 'inputs: "*all"'),
    "an unquoted @": ("steps:\n  a:\n    run: @x y\n", "syntax", "3:10", 'run: "@x y"'),
    "an unquoted %": ("steps:\n  a:\n    run: %x\n", "syntax", "3:10", 'run: "%x"'),
    "an unquoted `": ("steps:\n  a:\n    run: `x`\n", "syntax", "3:10", 'run: "`x`"'),
    "an unquoted !": ("steps:\n  a:\n    run: !grep x y\n", "tag", "3:10", 'run: "!grep x y"'),
    "an unquoted [": ("steps:\n  a:\n    run: [ -f x ] && y\n", "syntax", "3:19", 'run: "[ -f x ] && y"'),
    "an unquoted >": ("steps:\n  a:\n    run: > out.txt\n", "syntax", "3:10", 'run: "> out.txt"'),
    "an unquoted |": ("steps:\n  a:\n    run: | cat\n", "syntax", "3:10", 'run: "| cat"'),
    "text after a quote": ("steps:\n  a:\n    run: \"b\" c\n", "syntax", "3:14", "'\"b\" c'"),
    "a second colon": ("steps:\n  a:\n    run: echo a: b\n", "syntax", "3:16", 'run: "echo a: b"'),
    "a comment after the mistake": ("steps:\n  a:\n    run: @x # why\n", "syntax", "3:10", 'run: "@x" # why'),
    "a tab": ("steps:\n\ta:\n", "syntax", "2:1", "use spaces"),
    "a tab in a block": ("steps:\n  a:\n    run: |\n\techo x\n", "syntax", "4:1", "a tab cannot indent YAML: use"),
    "a tab before a key": (STEP + "\tinputs: b\n", "syntax", "4:1", "a tab cannot indent YAML: use spaces"),
    "an open quote": ("steps:\n  a: {run: 'x}\n", "syntax", "2:12", "never closed"),
    "an open bracket": (STEP + "    inputs: [a, b\n    outputs: c\n", "syntax", "4:13", "never closed"),
    "an open brace": ("steps:\n  a: {run: x\n  b: y\n", "syntax", "2:6", "never closed"),
    "a tag": ("steps:\n  a:\n    run: !!str ls\n", "tag", "3:10", "remove the tag"),
    "a tag that runs code": (STEP + "x-e: !!python/object/apply:os.system [ls]\n", "tag", "4:6", "remove the tag"),
    "a second document": (STEP + "---\na: b\n", "second-document", "4:1", "keep one document"),
    "a key twice": (STEP + "    run: y\n", "duplicate-key", "4:5", "first on line 3"),
    "a step twice": (STEP + "  a:\n    run: y\n", "duplicate-key", "4:3", "first on line 2"),
    "a list as key": ("? [a]\n: b\n" + STEP, "key-not-text", "1:3", "must be a text"),
    "an anchor in itself": ("x-a: &a [*a]\n" + STEP, "anchor-in-itself", "1:10", "refers to itself"),
    "a merge of a text": ("steps:\n  a:\n    <<: b\n    run: x\n", "merge", "3:5", "a mapping"),
    "a NUL byte": ("steps: a\0b\n", "control-character", "1:9", "offset 8"),
    "a written NUL": ('steps: {a: {run: "x\\0"}}\n', "control-character", "1:18", "NUL"),
    "an escape sign": ("name: \x1b[31m\n" + STEP, "control-character", "1:7", "U+001B"),
    "nothing": ("", "empty", "", "steps:"),
    "only comments": ("# later\n", "empty", "", "steps:"),
    "a lone null": ("~\n", "empty", "", "steps:"),
    # --- the wrong shape
    "a list": ("- a\n", "wrong-type", "1:1", "found a list"),
    "a text": ("hello\n", "wrong-type", "1:1", "found 'hello'"),
    "no steps": ("name: x\n", "no-steps", "", "steps:"),
    "empty steps": ("steps: {}\n", "no-steps", "1:1", "no steps"),
    "steps as a list": ("steps:\n  - run: x\n", "wrong-type", "2:3", "steps:\n  NAME:\n    run: COMMAND"),
    "steps that are not indented": ("steps:\na:\n  run: x\n", "unknown-key", "2:1", "what stands under 'steps:'"),
    "env as a list": (STEP + "    env: [A=B]\n", "wrong-type", "4:10", "write {A: B}"),
    "env as a long list": (STEP + "    env:\n      - A=B\n      - C=D\n", "wrong-type", "5:7", "write {A: B, C: D}"),
    "a test in brackets": ("steps:\n  a:\n    run: [ -f x ]\n", "bad-text", "3:12", 'write: run: "[ -f x ]"'),
    "a list of steps": ("steps: [a]\n", "wrong-type", "1:8", "found a list"),
    "a step that is a list": ("steps: {a: [x]}\n", "wrong-type", "1:12", "the keys of a step"),
    "an empty step": ("steps:\n  a:\n", "no-action", "2:3", "is empty"),
    "an unknown top key": ("step: {}\n" + STEP, "unknown-key", "1:1", "did you mean 'steps'?"),
    "an unknown step key": (STEP + "    input: y\n", "unknown-key", "4:5", "did you mean 'inputs'?"),
    "another tool's key": (STEP + "    depends_on: y\n", "unknown-key", "4:5", "did you mean 'needs'?"),
    "an unknown setting": ("settings: {schedul: flow}\n" + STEP, "unknown-key", "1:12", "'schedule'"),
    "another version": ("wavefile: 2\n" + STEP, "bad-version", "1:11", "version 1"),
    "a bad step name": ("steps: {a b: {run: x}}\n", "bad-text", "1:9", "letters, digits"),
    "a control character in a name": ('steps: {"a\\tb": {run: x}}\n', "control-character", "1:9", "is not shown"),
    "a right-to-left mark in a name": ('steps: {"a\\u202eb": {run: x}}\n', "control-character", "1:9", "is not shown"),
    "a list for a title": (STEP + "    title: [x]\n", "wrong-type", "4:12", "found a list"),
    "a list in a list": (STEP + "    tags: [[x]]\n", "wrong-type", "4:12", "found a list"),
    "an empty item": (STEP + "    tags: [x, ~]\n", "empty-item", "4:15", "remove it"),
    "yes": (STEP + "    always: yes\n", "wrong-type", "4:13", "write true"),
    "Off": (STEP + "    always: Off\n", "wrong-type", "4:13", "write false"),
    "a bare number of seconds": (STEP + "    timeout: 90\n", "bad-duration", "4:14", "90s, 90m or 90h"),
    "no duration at all": (STEP + "    timeout: soon\n", "bad-duration", "4:14", "1h30m"),
    "no time": (STEP + "    timeout: 0s\n", "out-of-range", "4:14", "more than no time"),
    "a bare estimate": (STEP + "    estimate: 2\n", "bad-duration", "4:15", "2s, 2m or 2h"),
    "an estimate from high to low": (STEP + "    estimate: 3h-2h\n", "out-of-range", "4:15", "write 2h-3h"),
    "no jobs": ("settings: {jobs: 0}\n" + STEP, "out-of-range", "1:18", "1 or more"),
    "many jobs": ("settings: {jobs: many}\n" + STEP, "wrong-type", "1:18", "whole number"),
    "an unknown schedule": ("settings: {schedule: flo}\n" + STEP, "wrong-type", "1:22", "did you mean 'flow'?"),
    "an unknown shell": (STEP + "    shell: zsh\n", "wrong-type", "4:12", "bash or sh"),
    "retries without times": (STEP + "    retries: {delay: 1s}\n", "missing-key", "4:14", "times"),
    "a retry on what never is": (STEP + "    retries: {times: 1, on: [killed]}\n", "bad-text", "4:30", "timeout"),
    "a retry on 256": (STEP + "    retries: {times: 1, on: 256}\n", "out-of-range", "4:25", "255"),
    "more than there is": (STEP + "    resources: {gpu: 2}\n", "out-of-range", "4:17", "resources: {gpu: 2}"),
    "capacity of cpus": ("resources: {cpus: 4}\n" + STEP, "name-clash", "1:13", "settings.jobs"),
    "a variable of ours": ("env: {WAVEBUILD_STEP: x}\n" + STEP, "bad-text", "1:7", "WAVEBUILD_"),
    "a list in env": ("env: {A: [x]}\n" + STEP, "wrong-type", "1:10", "found a list"),
    # --- actions
    "two actions": (STEP + "    call: m:f\n", "two-actions", "4:5", "keep one"),
    "outputs without an action": ("steps: {a: {outputs: x}}\n", "no-action", "1:13", "run, call or manual"),
    "inputs of a group": ("steps: {a: {inputs: x, needs: b}, b: {run: x}}\n", "no-action", "1:13", "a group"),
    "a step that does nothing": ("steps: {a: {title: x}}\n", "no-action", "1:9", "does nothing"),
    "a manual step without outputs": ("steps: {a: {manual: x}}\n", "no-outputs", "1:9", "needs outputs"),
    "an empty command": ("steps: {a: {run: ' '}}\n", "empty-text", "1:18", "command is empty"),
    "no commands": ("steps: {a: {run: []}}\n", "empty-list", "1:18", "empty"),
    "a call without a function": ("steps: {a: {call: mod}}\n", "bad-call", "1:13", "module:function"),
    "a call of odd words": ("steps: {a: {call: 'a-b:c'}}\n", "bad-call", "1:13", "module:function"),
    "an argument of ours": ("steps: {a: {call: 'm:f', with: {inputs: 1}}}\n", "name-clash", "1:33", "inputs"),
    "a check that is two": (STEP + "    checks: {run: x, call: 'm:f'}\n", "two-actions", "4:13", "one of run and call"),
    "a check that is none": (STEP + "    checks: {inputs: x}\n", "no-action", "4:13", "one of run and call"),
    "arguments of a command": (STEP + "    checks: {run: x, with: {a: 1}}\n", "no-action", "4:22", "call"),
    "an unknown step in needs": (STEP + "    needs: bc\n  bcd: {run: x}\n", "unknown-step", "4:12", "'bcd'"),
    "an unknown step in step:": (STEP + "    inputs: step:b\n", "unknown-step", "4:13", "no step is called 'b'"),
    # --- artifacts
    "an output above the root": (STEP + "    outputs: ../x\n", "bad-path", "4:14", "outside the root"),
    "an output around the root": (STEP + "    outputs: a/../../x\n", "bad-path", "4:14", "outside the root"),
    "an absolute output": (STEP + "    outputs: /nowhere/x\n", "bad-path", "4:14", "outside the root"),
    "an output in .git": (STEP + "    outputs: .git/hooks/x\n", "bad-path", "4:14", ".git/"),
    "an output in .wavebuild": (STEP + "    outputs: .wavebuild/x\n", "bad-path", "4:14", ".wavebuild/"),
    "the Wavefile as output": (STEP + "    outputs: ./Wavefile\n", "bad-path", "4:14", "a Wavefile"),
    "a Wavefile below": (STEP + "    outputs: sub/Wavefile.yml\n", "bad-path", "4:14", "a Wavefile"),
    "a glob over the Wavefile": (STEP + "    outputs: '*'\n", "bad-path", "4:14", "build/*"),
    "the root as output": (STEP + "    outputs: ./\n", "bad-path", "4:14", "whole root"),
    "the root as input": (STEP + "    inputs: .\n", "bad-path", "4:13", "**/*.py"),
    "an empty path": (STEP + "    inputs: ['']\n", "bad-path", "4:14", "empty"),
    "a line break in a path": (STEP + '    inputs: "a\\nb"\n', "bad-path", "4:13", "line break"),
    "a name too long": (STEP + f"    inputs: {'a' * 300}\n", "bad-path", "4:13", "longer"),
    "an address": (STEP + "    inputs: s3://bucket/x\n", "bad-path", "4:13", "an address"),
    "** within a name": (STEP + "    inputs: 'a/**b'\n", "bad-path", "4:13", "write a/**/*b"),
    "an open set": (STEP + "    inputs: 'a[1'\n", "bad-path", "4:13", "never closed"),
    "a glob of folders": (STEP + "    inputs: 'a/*/'\n", "bad-path", "4:13", "write a/*/**"),
    "step: as output": (STEP + "    outputs: step:a\n", "bad-artifact", "4:14", "is an input"),
    "env: as output": (STEP + "    outputs: env:HOME\n", "bad-artifact", "4:14", "is an input"),
    "keys as output": (STEP + "    outputs: c.yaml#a\n", "bad-artifact", "4:14", "write c.yaml"),
    "rows as output": (STEP + "    outputs: {path: c.csv, rows: {a: b}}\n", "bad-artifact", "4:21", "a part of a file"),
    "keys of a CSV file": (STEP + "    inputs: {path: c.csv, keys: [a]}\n", "bad-artifact", "4:20", "JSON or TOML"),
    "keys of a glob": (STEP + "    inputs: '*.yaml#a'\n", "bad-artifact", "4:13", "YAML, JSON or TOML"),
    "no key after #": (STEP + "    inputs: c.yaml#\n", "bad-artifact", "4:13", "a.b"),
    "an empty part of a key": (STEP + "    inputs: c.yaml#a..b\n", "bad-artifact", "4:13", "a.b"),
    "rows of a glob": (STEP + "    inputs: {path: '*.csv', rows: {a: b}}\n", "bad-artifact", "4:29", "one CSV file"),
    "a long delimiter": (STEP + "    inputs: {path: a, rows: {a: b}, delimiter: ab}\n", "bad-text", "4:37", "one sign"),
    "exclude on a file": (STEP + "    inputs: {path: a, exclude: b}\n", "bad-artifact", "4:23", "a directory or"),
    "an unknown digest": (STEP + "    inputs: {path: a, digest: md5}\n", "wrong-type", "4:31", "bytes"),
    "an artifact without path": (STEP + "    inputs: [{optional: true}]\n", "missing-key", "4:14", "path"),
    "a bad name of an input": (STEP + "    inputs: {a-b: c}\n", "bad-text", "4:14", "letters, digits and _"),
    "a folder as code": (STEP + "    code: lib/\n", "bad-artifact", "4:11", "Python files"),
    "a bad variable": (STEP + "    inputs: env:a-b\n", "bad-artifact", "4:13", "env:NAME"),
    "cwd outside": (STEP + "    cwd: ../x\n", "bad-path", "4:5", "outside the root"),
    # --- templates
    "an undefined name": (STEP + "    title: '{{ nmae }}'\n", "undefined-name", "4:16", "nothing is called 'nmae'"),
    "a near name": ("vars: {city: x}\n" + STEP + "    title: '{{ ctiy }}'\n", "undefined-name", "5:16", "'city'"),
    "an undefined attribute": ("vars: {c: {}}\n" + STEP + "    title: '{{ c.b }}'\n", "undefined-name", "5:16", "'b'"),
    "an undefined name beside a hole": (
        "steps: {a: {run: '{{ inputs ~ nope }}'}}\n", "undefined-name", "1:22", "nothing is called 'nope'"),
    "an unknown named input": (
        "steps: {a: {run: '{{ inputs.shema }}', inputs: {schema: x}}}\n", "undefined-name", "1:22", "'schema'"),
    "a loop of variables": ("vars: {a: '{{ b }}', b: '{{ a }}'}\n" + STEP, "variable-loop", "1:8", "a → b → a"),
    "a variable of itself": ("vars: {a: '{{ a }}'}\n" + STEP, "variable-loop", "1:8", "a → a"),
    "a variable with our name": ("vars: {inputs: x}\n" + STEP, "name-clash", "1:8", "a name of the language"),
    "with like a variable": ("vars: {v: x}\n" + STEP + "    with: {v: y}\n", "name-clash", "5:12", "one of the vars"),
    "a failing expression": ("vars: {a: '{{ 1 / 0 }}'}\n" + STEP, "template-error", "1:15", "division by zero"),
    "an unfinished expression": ("vars: {a: '{{ 1 +'}\n" + STEP, "template-syntax", "1:12", "never closed"),
    "another tool's braces": ("steps: {a: {run: 'd {{.Name}}'}}\n", "template-syntax", "1:23", "{{ '{{' }}"),
    "a way out of the sandbox": (
        "vars: {a: \"{{ ''.__class__.__mro__ }}\"}\n" + STEP, "template-error", "1:15", "unsafe"),
    "inputs in a path": (STEP + "    outputs: 'x/{{ inputs }}'\n", "template-place", "4:20", "in commands only"),
    "the step in env": (STEP + "    env: {A: '{{ step }}'}\n", "template-place", "4:18", "$WAVEBUILD_STEP"),
    "env outside vars": (STEP + "    title: '{{ env.HOME }}'\n", "template-place", "4:16", "in vars and when only"),
    "a template in settings": ("settings: {shell: '{{ x }}'}\n" + STEP, "template-place", "1:19", "not filled in here"),
    "a name to come": (STEP + "    title: '{{ probe }}'\n", "not-yet", "4:16", "not of this version yet"),
}  # fmt: skip


@pytest.mark.scenario(id="X6")
@pytest.mark.scenario(id="W14")
@pytest.mark.scenario(id="W9")
@pytest.mark.scenario(id="W2")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_wavefile_is_refused_with_its_place_and_words_that_help(name: str, tmp_path: Path) -> None:
    text, code, place, words = BAD[name]

    problem = only(refused(tmp_path, text))

    found = f"{problem.place.line}:{problem.place.column}" if problem.place and problem.place.line else ""
    assert (problem.code, found) == (code, place)
    assert words in problem.message + "\n" + problem.remedy


NOT_YET = {
    "top": schema.WAVEFILE.later,
    "settings": schema.SETTINGS_KEYS.later,
    "step": schema.STEP.later,
    "artifact": ARTIFACT.later,
}


@pytest.mark.parametrize(("where", "key"), [(where, key) for where, keys in NOT_YET.items() for key in keys])
def test_a_key_of_a_later_version_is_refused_as_such(where: str, key: str, tmp_path: Path) -> None:
    texts = {
        "top": f"{key}: x\n{STEP}",
        "settings": f"settings: {{{key}: x}}\n{STEP}",
        "step": f"{STEP}    {key}: x\n",
        "artifact": f"{STEP}    inputs: {{path: y, {key}: x}}\n",
    }

    problem = only(refused(tmp_path, texts[where]))

    assert problem.code == "not-yet"
    assert problem.message == f"'{key}' is part of the language but not of this version yet"


def test_all_problems_come_at_once_sorted_by_place(tmp_path: Path) -> None:
    text = "nmae: x\nsteps:\n  a:\n    input: x\n    run: x\n    timeout: 5\n  b:\n    run: y\n    outputs: ../z\n"

    problems = refused(tmp_path, text)

    assert [(problem.code, problem.place and problem.place.line) for problem in problems] == [
        ("unknown-key", 1),
        ("unknown-key", 4),
        ("bad-duration", 6),
        ("bad-path", 9),
    ]


def test_a_mistake_in_the_defaults_is_said_once_and_not_for_every_step(tmp_path: Path) -> None:
    text = "defaults: {timeout: 5}\nsteps: {a: {run: x}, b: {run: y}}\n"

    assert only(refused(tmp_path, text)).code == "bad-duration"


@pytest.mark.scenario(id="W3")
def test_a_duplicate_key_names_both_places(tmp_path: Path) -> None:
    problem = only(refused(tmp_path, STEP + "  a: {run: y}\n"))

    assert [str(place) for place in (problem.place, *problem.also)] == ["Wavefile:4:3", "Wavefile:2:3"]


@pytest.mark.scenario(id="W2")
def test_a_problem_shows_its_line_and_a_caret_under_the_column(tmp_path: Path) -> None:
    problem = only(refused(tmp_path, STEP + "    timeout: 5\n"))

    assert problem.lines()[:3] == [
        "Wavefile:4:14: expected a duration, found '5'",
        "        timeout: 5",
        "                 ^",
    ]


def test_the_caret_stands_under_its_column_however_wide_the_signs_before_it_are(tmp_path: Path) -> None:
    """A sign of two columns moves it by two, a mark above a letter by none; a long line is cut to 80 columns."""
    wide = only(refused(tmp_path, "steps:\n  データ: {title: 'नि', run: x, timeout: 5}\n")).lines()
    long = only(refused(tmp_path, f"steps:\n  a: {{run: '{'x' * 200}', timeout: 5}}\n")).lines()

    assert wide[1:3] == ["      データ: {title: 'नि', run: x, timeout: 5}", f"{' ' * 45}^"]
    assert len(long[1]) <= 80
    assert long[1][long[2].index("^") :] == "5}"


@pytest.mark.parametrize("name", ["नमस्ते", "ที่หนึ่ง", "தமிழ்", "été", "数据-1"])
def test_a_name_may_be_of_any_script(name: str, tmp_path: Path) -> None:
    """Many are written with marks above and below their letters."""
    assert [step.name for step in loaded(tmp_path, f"steps: {{{name}: {{run: 'true'}}}}\n").steps] == [name]


def test_keys_of_a_step_that_are_not_indented_are_told_so(tmp_path: Path) -> None:
    """The commonest slip of who writes a first Wavefile."""
    problems = refused(tmp_path, "steps:\n  a:\n  outputs: [o]\n  run: x\n")

    assert [str(each.place) for each in problems] == ["Wavefile:2:3", "Wavefile:3:3", "Wavefile:4:3"]
    assert problems[1].message == "'outputs' stands where the names of steps do"
    assert {each.remedy for each in problems[1:]} == {"it is a key of a step: indent it below the step's name"}


@pytest.mark.parametrize("name", ["e\u0301te", "\u0301te", "🏗️", "-नि"])
def test_names_that_look_like_another_or_begin_with_a_mark_are_refused(name: str, tmp_path: Path) -> None:
    assert only(refused(tmp_path, f"steps:\n  '{name}': {{run: 'true'}}\n")).code == "bad-text"


def test_a_sign_that_is_not_shown_is_named(tmp_path: Path) -> None:
    """It cannot be seen in the file either, such as what joins emoji, or a space that does not break."""
    problem = only(refused(tmp_path, "steps:\n  'a\u200db': {run: 'true'}\n"))

    assert problem.message == "'a\\u200db' holds a sign that is not shown: '\\u200d'"
    assert problem.remedy == "leave it out"


def test_an_undefined_name_in_a_block_is_shown_on_its_own_line(tmp_path: Path) -> None:
    text = "steps:\n  a:\n    run: |\n      echo one\n      echo {{ two }}\n"

    assert str(only(refused(tmp_path, text)).place) == "Wavefile:5:15"


@pytest.mark.scenario(id="W13")
def test_bytes_that_are_not_utf8_are_refused_with_their_offset(tmp_path: Path) -> None:
    problem = only(refused(tmp_path, b"steps:\n  a: {run: \xff}\n"))

    assert problem.code == "not-utf8"
    assert str(problem.place) == "Wavefile:2:12"
    assert "offset 18" in problem.message


@pytest.mark.scenario(id="W11")
def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WavebuildError, match=r"16,777,216|larger|16 MiB"):
        loaded(tmp_path, b"#" * (16 * 1024 * 1024 + 1))


@pytest.mark.timeout(100)
def test_a_fifo_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    from wavebuild.declare import load

    os.mkfifo(tmp_path / "Wavefile")

    with pytest.raises(WavebuildError):
        load(str(tmp_path / "Wavefile"))


@pytest.mark.parametrize("kind", ["folder", "dangling link"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    from wavebuild.declare import load

    path = tmp_path / "Wavefile"
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")

    with pytest.raises(WavebuildError) as caught:
        load(str(path))

    assert caught.value.exit_code == 2


BOMBS = {
    "aliases of aliases": "x-a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"x-{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "merges of merges": "x-a: &a {k: v}\n"
    + "".join(f"x-{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 10)}]}}\n" for a, b in pairwise("abcdefgh")),
    "a ladder of aliases": "x-a:\n- &a0 [x]\n" + "".join(f"- &a{i + 1} [*a{i}]\n" for i in range(2000)),
}  # fmt: skip


@pytest.mark.scenario(id="W8")
@pytest.mark.timeout(100)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_unfolds_without_end_is_refused(bomb: str, tmp_path: Path) -> None:
    problem = only(refused(tmp_path, BOMBS[bomb] + STEP))

    assert problem.code in ("too-many-values", "too-deep")


@pytest.mark.scenario(id="W10")
@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_of_a_hundred_thousand_levels_ends_in_a_message_not_in_a_crash(opening: str, tmp_path: Path) -> None:
    (tmp_path / "Wavefile").write_text("x-a: " * (opening in "[{a: ") + opening * 100_000)
    program = (
        "import sys\nfrom wavebuild.declare import load\nfrom wavebuild.errors import WavebuildError\n"
        "try:\n    load(sys.argv[1])\n"
        "except WavebuildError as error:\n    print(error)\n    sys.exit(error.exit_code)\n"
    )

    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "Wavefile")], capture_output=True, text=True, timeout=60
    )

    assert found.returncode == 2
    assert "nested deeper than 50 levels" in found.stdout
    assert found.stderr == ""


def test_fifty_levels_are_read_and_fifty_one_are_not(tmp_path: Path) -> None:
    def nested(levels: int) -> str:
        return f"x-a: {'[' * (levels - 1)}{']' * (levels - 1)}\n{STEP}"

    assert loaded(tmp_path, nested(50)).steps
    assert only(refused(tmp_path, nested(51))).code == "too-deep"


def test_the_values_of_a_hundred_thousand_steps_are_no_bomb(tmp_path: Path) -> None:
    """A step has about ten values: the limit is against texts that unfold, not against many steps."""
    unfolded = f"x-a: &a [{', '.join('x' * 1000)}]\nx-b: [{', '.join(['*a'] * 1100)}]\n"

    wavefile = loaded(tmp_path, unfolded + STEP)

    assert len(wavefile.steps) == 1
