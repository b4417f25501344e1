"""What YAML may hold, and that a text stays the text that was written."""

from pathlib import Path

import pytest

from tests.declare.written import loaded, step
from wavebuild.declare.model import Run, Text


@pytest.mark.scenario(id="W4")
@pytest.mark.parametrize("text", ["no", "true", "1.10", "012", "1:30", "0x1F", "2024-01-01", "1e3", "NO", ".5", "+1"])
def test_a_scalar_stays_the_text_that_was_written(text: str, tmp_path: Path) -> None:
    found = step(tmp_path, f"run: {text}\noutputs: {text}\ntitle: {text}\nenv: {{V: {text}}}\ncwd: {text}")

    assert found.action == Run((Text((text,)),))
    assert [artifact.path for artifact in found.outputs] == [text]
    assert (found.title, found.env, found.cwd) == (text, (("V", text),), text)


@pytest.mark.scenario(id="W4")
@pytest.mark.parametrize("nothing", ["", "null", "~", "Null", "NULL"])
def test_nothing_null_and_tilde_mean_not_given(nothing: str, tmp_path: Path) -> None:
    found = step(tmp_path, f"run: x\ntitle: {nothing}\ntimeout: {nothing}\nenv: {{A: {nothing}}}", "env: {A: b}")

    assert (found.title, found.timeout, found.env) == (None, None, (("A", "b"),))


def test_a_quoted_null_is_a_text(tmp_path: Path) -> None:
    assert step(tmp_path, 'run: x\ntitle: "null"').title == "null"


@pytest.mark.scenario(id="W13")
def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbfsteps:\r\n  a:\r\n    run: |\r\n      x\r\n      y\r\n"

    found = loaded(tmp_path, text).steps[0]

    assert found.action == Run((Text(("x\ny\n",)),))
    assert str(found.place) == "Wavefile:2:3"


def test_aliases_stand_for_what_they_name(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, "x-files: &files [a, b]\nsteps:\n  a: {run: x, inputs: *files}\n  b: {run: y, inputs: *files}\n"
    )

    assert [[artifact.path for artifact in one.inputs] for one in found.steps] == [["a", "b"], ["a", "b"]]


@pytest.mark.scenario(id="W14")
def test_a_merge_gives_what_the_mapping_itself_does_not_say(tmp_path: Path) -> None:
    top = "x-one: &one {title: T, phase: P, tags: [t]}\nx-two: &two {title: U, timeout: 1s}"

    found = step(tmp_path, "<<: [*one, *two]\nphase: Q\nrun: x", top)

    assert (found.title, found.phase, found.tags, found.timeout) == ("T", "Q", ("t",), 1.0)


def test_a_quoted_merge_sign_is_a_key_like_any_other(tmp_path: Path) -> None:
    found = step(tmp_path, "run: 'echo {{ m[\"<<\"] }}'", "vars: {m: {'<<': x}}")

    assert found.action == Run((Text(("echo x",)),))


def test_keys_that_begin_with_x_are_the_authors_own(tmp_path: Path) -> None:
    assert loaded(tmp_path, "x-anything: {a: [1, {b: c}]}\nsteps: {a: {run: x}}\n").steps[0].name == "a"


def test_steps_keep_the_order_of_the_file(tmp_path: Path) -> None:
    names = ["6b", "4a", "z", "silver.clean-up_2", "0"]

    found = loaded(tmp_path, "steps:\n" + "".join(f"  {name}: {{run: x}}\n" for name in names))

    assert [one.name for one in found.steps] == names


@pytest.mark.scenario(id="W12")
def test_ten_thousand_steps_load_in_a_moment(tmp_path: Path) -> None:
    import time

    body = "".join(f"  s{i}:\n    inputs: [a{i}]\n    outputs: [b{i}]\n    run: cp a{i} b{i}\n" for i in range(10_000))
    started = time.process_time()

    found = loaded(tmp_path, "steps:\n" + body)

    assert len(found.steps) == 10_000
    assert time.process_time() - started < 4  # about 0.8 where it was written; the limit only catches a square
