"""Templates: what is filled at load, what at run, and what the shell is protected from."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.declare.written import loaded, only, refused, step
from wavebuild.declare import Paths, render, render_value
from wavebuild.declare.expressions import split_by_jinja, split_simple
from wavebuild.declare.model import Call, Hole, Run, Step, Text
from wavebuild.declare.values import canonical, core, from_canonical

NAMES: dict[str, object] = {"inputs": (), "outputs": (), "step": "a", "root": "/r", "python": "/usr/bin/python3"}


def script(found: Step) -> Text:
    assert isinstance(found.action, Run)
    return found.action.scripts[0]


@pytest.mark.parametrize(
    ("value", "expression", "text"),
    [
        ("3", "v", "3"),
        ("1.10", "v", "1.10"),
        ("012", "v", "012"),
        ("0x1F", "v", "0x1F"),
        ("1e3", "v", "1e3"),
        ("1.10", "v ~ '!'", "1.10!"),
        ("012", "v + 1", "13"),
        ("yes", "v", "yes"),
        ("true", "v", "true"),
        ("null", "v", "null"),
        ("[a, 1.0, true]", "v", "a 1.0 true"),
        ("{b: [1, x]}", "v", '{"b": [1, "x"]}'),
        ("{b: {c: x}}", "v.b.c", "x"),
        ("a/b.tar.gz", "v | stem ~ ' ' ~ v | name ~ ' ' ~ v | dir ~ ' ' ~ v | ext", "b.tar b.tar.gz a .gz"),
        ("[a/b.c, d.e]", "v | stem", "b d"),
        ("[a, b]", "v | map('upper')", "A B"),
    ],
)
def test_a_value_in_a_text_looks_as_it_was_written(value: str, expression: str, text: str, tmp_path: Path) -> None:
    assert step(tmp_path, f'run: x\ntitle: "<{{{{ {expression} }}}}>"', f"vars: {{v: {value}}}").title == f"<{text}>"


def test_a_whole_expression_keeps_its_type(tmp_path: Path) -> None:
    top = "vars: {files: [a, b], slow: true, n: 2}"

    found = step(tmp_path, "run: x\ninputs: '{{ files }}'\nalways: '{{ slow }}'\nretries: '{{ n }}'", top)

    assert ([artifact.path for artifact in found.inputs], found.always, found.retries.times) == (["a", "b"], True, 2)


def test_a_list_within_a_list_of_inputs_is_spread_out(tmp_path: Path) -> None:
    found = step(tmp_path, "run: x\ninputs: [z, '{{ files }}']", "vars: {files: [a, b]}")

    assert [artifact.path for artifact in found.inputs] == ["z", "a", "b"]


def test_variables_refer_to_each_other_in_any_order(tmp_path: Path) -> None:
    top = "vars: {c: '{{ b }}/c', b: '{{ a }}/b', a: x, m: {k: ['{{ c }}']}}"

    assert step(tmp_path, "run: x\ntitle: '{{ m.k[0] }}'", top).title == "x/b/c"


def test_only_double_braces_are_special(tmp_path: Path) -> None:
    text = "awk '{print $1}' ${x%.*} {%x%} {#x#} } }}"

    assert script(step(tmp_path, f"run: |\n  {text}\n")) == Text((text + "\n",))
    filled = script(step(tmp_path, f"run: |\n  {text} {{{{ v }}}}\n", "vars: {v: 1}"))
    assert filled == Text((text + " 1\n",))


def test_double_braces_can_be_written(tmp_path: Path) -> None:
    assert script(step(tmp_path, "run: docker -f {{ '{{' }}.Names}}")) == Text(("docker -f {{.Names}}",))


def test_values_of_the_wavefile_enter_a_command_as_they_are(tmp_path: Path) -> None:
    found = step(tmp_path, "run: gcc {{ flags }} {{ list }}", "vars: {flags: -O2 -g, list: [a b, c]}")

    assert script(found) == Text(("gcc -O2 -g a b c",))


def test_values_of_with_and_of_the_environment_enter_a_command_in_quotes(tmp_path: Path) -> None:
    text = (
        "vars: {home: '{{ env.HOME }}', below: '{{ home }}/x', own: a b}\n"
        "steps: {a: {run: 'x {{ w }} {{ ws }} {{ home }} {{ below }} {{ own }} {{ w | raw }} {{ w | q }}',"
        " with: {w: a b, ws: [c d, e]}}}\n"
    )

    found = loaded(tmp_path, text, environ={"HOME": "/my home"})

    assert script(found.steps[0]) == Text(("x 'a b' 'c d' e '/my home' '/my home/x' a b a b 'a b'",))


def test_holes_stay_open_until_the_step_runs(tmp_path: Path) -> None:
    found = script(step(tmp_path, "run: cat {{ inputs }} > {{ outputs[0] }} ; {{ step }} {{ root }} {{ python }}"))

    assert [part.source for part in found.parts if isinstance(part, Hole)] == [
        "inputs",
        "outputs[0]",
        "step",
        "root",
        "python",
    ]
    assert render(found, {**NAMES, "inputs": ["a b", "c"], "outputs": ["d"]}) == (
        "cat 'a b' c > d ; a /r /usr/bin/python3"
    )


def test_a_hole_remembers_the_other_values_it_uses(tmp_path: Path) -> None:
    text = "run: echo {{ inputs | map('replace', 'x', version) | join(sep) }}"

    one, two = (script(step(tmp_path, text, f"vars: {{version: {number}, sep: '-'}}")) for number in ("1.10", "1.1"))

    assert one.symbolic != two.symbolic
    assert render(one, {**NAMES, "inputs": ["x", "y"]}) == "echo 1.10-y"


def test_a_hole_without_quotes_is_asked_for_by_raw(tmp_path: Path) -> None:
    found = script(step(tmp_path, "run: x {{ inputs | raw }} {{ inputs | q }} {{ inputs | stem }}"))

    assert render(found, {**NAMES, "inputs": ["d/a b.c"]}) == "x d/a b.c 'd/a b.c' 'a b'"


def test_named_inputs_are_asked_for_by_name(tmp_path: Path) -> None:
    found = script(
        step(tmp_path, "run: x {{ inputs.count }} {{ inputs['index'] }} {{ inputs }}\ninputs: {count: a, index: b}")
    )

    paths = Paths(["a", "b 1", "b 2"], {"count": ["a"], "index": ["b 1", "b 2"]})

    assert render(found, {**NAMES, "inputs": paths}) == "x a 'b 1' 'b 2' a 'b 1' 'b 2'"


def test_arguments_of_a_call_keep_their_type_and_get_no_quotes(tmp_path: Path) -> None:
    keys = "call: 'm:f'\nwith: {files: '{{ inputs }}', t: 'in {{ inputs }}', n: '{{ n }}', l: ['{{ s }}']}"

    action = step(tmp_path, keys, "vars: {n: 1.10, s: a b}").action

    assert isinstance(action, Call)
    arguments = dict(action.arguments)
    files, text = arguments["files"], arguments["t"]
    assert isinstance(files, Text)
    assert isinstance(text, Text)
    names = {**NAMES, "inputs": Paths(["a b"])}
    assert (render_value(files, names), render_value(text, names)) == (["a b"], "in a b")
    assert (arguments["n"], arguments["l"]) == (1.1, (Text(("a b",)),))


def test_step_and_root_are_known_in_texts_that_are_no_commands(tmp_path: Path) -> None:
    found = step(tmp_path, "run: x\noutputs: 'out/{{ step }}'\ninputs: '{{ root }}/in'")

    assert (found.outputs[0].path, found.inputs[0].path) == ("out/a", "in")


def test_set_replaces_a_value_before_anything_uses_it(tmp_path: Path) -> None:
    text = "vars: {a: {b: 1, c: x}, d: '{{ a.b }}', e: '{{ nope }}'}\nsteps: {a: {run: '{{ d }} {{ a.c }} {{ e }}'}}\n"

    found = loaded(tmp_path, text, [("a.b", "1.50"), ("a.c", "no json"), ("e", '["p", "q"]')])

    assert script(found.steps[0]) == Text(("1.50 no json p q",))


@pytest.mark.parametrize(("path", "near"), [("citty", "'city'"), ("city.x", ""), ("m.ky", "'key'"), ("nothing", "")])
def test_set_of_an_unknown_name_is_an_error(path: str, near: str, tmp_path: Path) -> None:
    text = "vars: {city: x, m: {key: y}}\nsteps: {a: {run: x}}\n"

    problem = only(refused(tmp_path, text, [(path, "1")]))

    assert problem.code == "unknown-variable"
    assert repr(path) in problem.message
    assert near in problem.remedy


def test_what_is_read_of_the_callers_environment_is_recorded(tmp_path: Path) -> None:
    text = (
        "vars: {a: '{{ env.A }}', b: \"{{ env.B | default('d') }}\"}\nsteps: {a: {run: x, title: '{{ a }}{{ b }}'}}\n"
    )

    found = loaded(tmp_path, text, environ={"A": "1", "C": "2"})

    assert [pair for pair in found.env_read if not pair[0].startswith("WAVEBUILD_")] == [("A", "1"), ("B", None)]
    assert found.steps[0].title == "1d"


def test_a_variable_that_the_caller_lacks_is_an_error(tmp_path: Path) -> None:
    problem = only(refused(tmp_path, "vars: {a: '{{ env.NOPE }}'}\nsteps: {a: {run: '{{ a }}'}}\n"))

    assert (problem.code, str(problem.place)) == ("undefined-name", "Wavefile:1:15")
    assert problem.message == "the caller's variable NOPE is not set"


@pytest.mark.parametrize("held", ["\\u0000", "\\ud800"])
def test_a_value_that_no_command_can_hold_is_refused_where_it_is_used_or_read(held: str, tmp_path: Path) -> None:
    """A NUL, and one half of a pair alone: JSON can write them, no file name, command or variable can be them."""
    (tmp_path / "v.json").write_text(f'{{"x": ["{held}"], "y": "\\ud83d\\ude00"}}')
    given = {"vars": [["v.json"], {"x": f'{{{{ "{held}" }}}}'}][held == "\\ud800"], "steps": {"t": {"run": "{{ x }}"}}}

    found = refused(tmp_path, json.dumps(given))

    assert found[0].code in ("control-character", "syntax")


def test_a_wrong_variable_is_said_once_and_not_wherever_it_is_used(tmp_path: Path) -> None:
    text = "vars: {a: '{{ nope }}', b: '{{ a }}'}\nsteps: {a: {run: '{{ a }} {{ b }} {{ inputs ~ a }}'}}\n"

    assert only(refused(tmp_path, text)).code == "undefined-name"


@pytest.mark.parametrize("expression", ["range(9)", "lipsum()", "dict(a=1)", "cycler('a')", "self", "namespace()"])
def test_no_name_of_jinja_is_known_here(expression: str, tmp_path: Path) -> None:
    problem = only(refused(tmp_path, f'vars: {{a: "{{{{ {expression} }}}}"}}\nsteps: {{a: {{run: x}}}}\n'))

    assert problem.code == "undefined-name"


def test_jinja_is_not_imported_for_a_file_without_templates(tmp_path: Path) -> None:
    (tmp_path / "Wavefile").write_text("vars: {a: 1}\nsteps: {a: {run: 'x {% y'}}\n")
    program = "import sys\nfrom wavebuild.declare import load\nload(sys.argv[1])\nsys.exit('jinja2' in sys.modules)\n"

    found = subprocess.run([sys.executable, "-c", program, str(tmp_path / "Wavefile")], check=False)

    assert found.returncode == 0


@pytest.mark.scenario(id="W17")
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_any_path_reaches_the_command_as_one_word(paths: list[str]) -> None:
    assert shlex.split(render(Text((Hole("inputs"),)), {"inputs": paths})) == paths


@given(st.lists(st.sampled_from(["{{", "}}", "{", "}", " ", "a", "'", '"', "-", "+", "\n", "\r", "b.c", "{{ a }}"])))
def test_the_quick_way_to_split_a_text_finds_what_jinja_finds(parts: list[str]) -> None:
    text = "".join(parts)

    quick = split_simple(text)

    assert quick is None or quick == split_by_jinja(text)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.sampled_from(["012", "1.10", "0x1F", ".5"]).map(core),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner),
    )
)
def test_a_value_comes_back_from_its_canonical_text_with_its_looks(value) -> None:
    back = from_canonical(canonical(value))

    assert back == value
    assert canonical(back) == canonical(value)


OPEN = "\"{{ '{{' }}x}}\""


@pytest.mark.parametrize("written", [OPEN, f"[{OPEN}]", '"{{ odd }}"', '["{{ odd }}"]', '"{{ list }}"'])
def test_what_a_template_gives_is_not_filled_again(written: str, tmp_path: Path) -> None:
    """A text that comes out of a template may hold the signs of one: they are its own."""
    found = step(tmp_path, f"run: 'true'\noutputs: {written}", f"vars: {{odd: {OPEN}, list: [{OPEN}]}}")

    assert [artifact.path for artifact in found.outputs] == ["{{x}}"]
