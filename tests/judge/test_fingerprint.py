"""What of a step's definition its results depend on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from tests.graph.declared import artifact, step
from wavebuild.declare.model import Call, Check, Hole, Range, Retries, Run, Step, Text
from wavebuild.judge.fingerprint import action_parts, gate_parts, names_part
from wavebuild.judge.trace import key


def run(*scripts: str | Hole) -> Run:
    return Run(tuple(Text((script,)) for script in scripts))


BASE = step(
    "a",
    ["in.csv"],
    ["out.csv"],
    action=run("cp in.csv out.csv"),
    env=(("A", "1"),),
    cwd="sub",
    checks=(Check(run("test -s out.csv")),),
)

COUNTS: dict[str, dict[str, object]] = {
    "script": {"action": run("cp in.csv  out.csv")},
    "two scripts for one": {"action": run("cp in.csv", "out.csv")},
    "a call": {"action": Call("m", "f")},
    "shell": {"shell": "sh"},
    "shell words": {"shell": ("bash", "-c")},
    "cwd": {"cwd": ""},
    "env value": {"env": (("A", "2"),)},
    "env name": {"env": (("B", "1"),)},
    "env more": {"env": (("A", "1"), ("B", ""))},
    "outputs": {"outputs": (artifact("out.csv"), artifact("more.csv"))},
    "output's kind": {"outputs": (artifact("out.csv/"),)},
    "output optional": {"outputs": (replace(artifact("out.csv"), optional=True),)},
    "output exclude": {"outputs": (replace(artifact("out.csv"), exclude=("*.x",)),)},
}

DOES_NOT_COUNT: dict[str, dict[str, object]] = {
    "name": {"name": "b"},
    "title": {"title": "Other"},
    "phase": {"phase": "Other"},
    "tags": {"tags": ("x",)},
    "needs": {"needs": (("other", BASE.place),)},
    "estimate": {"estimate": Range(1, 2)},
    "timeout": {"timeout": 9.0},
    "retries": {"retries": Retries(3, 1.0)},
    "resources": {"resources": (("gpu", 1),)},
    "on_demand": {"on_demand": True},
    "always": {"always": True},
    "max_age": {"max_age": 5.0},
    "on_edit": {"on_edit": "fail"},
    "place": {"place": artifact("x").place},
    "checks": {"checks": ()},
    "code": {"code": (artifact("x.py"),)},
}


@pytest.mark.parametrize("what", COUNTS)
def test_what_the_outputs_depend_on_counts(what: str):
    """Another value is another action."""
    other: Step = replace(BASE, **COUNTS[what])

    assert action_parts(other) != action_parts(BASE)


@pytest.mark.parametrize("what", DOES_NOT_COUNT)
def test_labels_and_limits_do_not_count(what: str):
    """They change how the step is told of and how it is run, not what it makes."""
    other: Step = replace(BASE, **DOES_NOT_COUNT[what])

    assert action_parts(other) == action_parts(BASE)


def test_the_order_of_outputs_counts():
    """A command may ask for the first of them."""
    two = replace(BASE, outputs=(artifact("a"), artifact("b")))

    assert action_parts(replace(two, outputs=two.outputs[::-1])) != action_parts(two)


def test_the_names_of_outputs_count():
    """A command may ask for them by name."""
    one = replace(BASE, outputs=(replace(artifact("a"), name="p"), replace(artifact("b"), name="q")))
    other = replace(BASE, outputs=(replace(artifact("a"), name="q"), replace(artifact("b"), name="p")))

    assert action_parts(one) != action_parts(other)


def test_what_a_named_input_stands_for_counts():
    """Two names that swap their files."""
    assert names_part([("p", ["a"]), ("q", ["b"])]) != names_part([("p", ["b"]), ("q", ["a"])])


def test_every_part_says_what_it_is():
    """A reason can then say what changed, old and new."""
    assert action_parts(BASE) == {
        "command": "cp in.csv out.csv", "outputs": "out.csv", "shell": "auto", "cwd": "sub", "env A": "1",
    }  # fmt: skip


def test_checks_have_a_fingerprint_of_their_own():
    """Each of them, in order."""
    two = replace(BASE, checks=(Check(run("one")), Check(Call("m", "f"))))

    assert gate_parts(BASE) == {"check 1": "test -s out.csv"}
    assert list(gate_parts(two)) == ["check 1", "check 2"]


def test_inputs_and_outputs_stay_symbolic_in_the_command():
    """`{{ inputs }}` counts as written: which files it stands for is the inputs' matter."""
    written = replace(BASE, action=run(Hole("inputs")))

    assert action_parts(written) == action_parts(replace(written, inputs=(artifact("other.csv"),)))
    assert action_parts(written) != action_parts(replace(BASE, action=run(Hole("outputs"))))


def test_values_used_beside_inputs_count():
    """In `{{ inputs | first(n) }}` the value of n is part of the command."""
    one, two = (replace(BASE, action=run(Hole("f(inputs, n)", (("n", n),)))) for n in ("1", "2"))

    assert action_parts(one) != action_parts(two)


def test_a_script_cannot_pretend_to_be_a_template():
    """The text of a filled-in template is not confused with its hole."""
    hole = replace(BASE, action=run(Hole("inputs")))
    text = replace(BASE, action=run("{inputs()}"))

    assert action_parts(hole) != action_parts(text)


def test_arguments_of_a_call_count_but_not_their_order():
    """They are keyword arguments."""
    one = replace(BASE, action=Call("m", "f", (("a", 1), ("b", Text(("x",))))))
    turned = replace(BASE, action=Call("m", "f", (("b", Text(("x",))), ("a", 1))))
    other = replace(BASE, action=Call("m", "f", (("a", 1), ("b", Text(("y",))))))

    assert action_parts(turned) == action_parts(one)
    assert action_parts(other) != action_parts(one)


@given(text=some.text(min_size=1001, max_size=1100))
def test_long_scripts_are_shortened_and_still_count_in_every_letter(text: str):
    """The state does not grow with a script, and a change at its end is seen."""
    whole = text * 2
    one = action_parts(replace(BASE, action=run(whole)))
    other = action_parts(replace(BASE, action=run(whole[:-1] + ("y" if whole[-1] == "x" else "x"))))

    assert len(one["command"]) < 2200
    assert one != other


def test_traces_belong_to_the_outputs_so_a_renamed_step_keeps_them():
    """The name is a label; without outputs there is nothing else to know a step by."""
    assert key(BASE) == key(replace(BASE, name="b", action=run("other")))
    assert key(BASE) != key(replace(BASE, outputs=(artifact("other.csv"),)))
    bare = replace(BASE, outputs=())
    assert key(bare) != key(replace(bare, name="b"))
