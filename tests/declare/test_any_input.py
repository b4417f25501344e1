"""Whatever stands in a Wavefile, it is loaded or refused; it never crashes."""

import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.declare.test_json_schema import whole
from wavebuild.declare import load, schema
from wavebuild.errors import WavebuildError

FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SNIPPETS = [
    *(
        "steps:",
        "a:",
        "  ",
        "\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "{{",
        "}}",
        "&a ",
        "*a",
        "<<: ",
        "!x ",
        "? ",
        ": ",
        "|",
        ">",
    ),
    *("'", '"', "#", "---", "%", "\t", "\x00", "run", "inputs", "vars", "é", "\u2028", "1", "null", "~", "x-y", "\\"),
]
INNER_KEYS = sorted({key.name for section in schema.PARTS.values() for key in section.keys} | {"a", "v", "x"})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            *("{{ x }}", "{{ inputs }}", "{{", "a/b", "*", "**", "step:a", "1h", "a.yaml#b", "m:f", "../x", "a[b"),
            *("step:a@b", "probe:p@{{ x }}", "mem:k", "env:HOME", "daily", "a/{v}", "{v**}.csv", "{{ profile }}"),
            *("a@v=1", "%40", "//x", "{", "}", "{}", "{{ v }}", "{{ [x] }}", "9" * 400, "1e999", "a" * 300),
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(INNER_KEYS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
TOP = [key.name for key in schema.WAVEFILE.keys]
STEP = [key.name for key in schema.STEP.keys]
SETTINGS = [key.name for key in schema.SETTINGS_KEYS.keys]
PARTS = [(part, key.name) for part, section in schema.PARTS.items() for key in section.keys]


def outcome(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Wavefile"
        path.write_bytes(data)
        try:
            load(str(path), [("x", "1")] if b"{{" in data else [], {"HOME": "/h"})
        except WavebuildError as error:
            return "refused" if error.problems and str(error) else "refused without a word"
    return "loaded"


@FEW
@given(st.binary(max_size=200))
def test_any_bytes_are_loaded_or_refused(data: bytes) -> None:
    assert outcome(data) in ("loaded", "refused")


@FEW
@given(st.lists(st.sampled_from(SNIPPETS), max_size=30).map("".join))
def test_any_text_near_yaml_is_loaded_or_refused(text: str) -> None:
    assert outcome(text.encode()) in ("loaded", "refused")


@FEW
@given(st.sampled_from(TOP), VALUES)
def test_any_value_at_any_key_of_the_top_is_loaded_or_refused(key: str, value: object) -> None:
    document = {"vars": {"x": 1}, "steps": {"a": {"run": "x"}}, key: value}

    assert outcome(json.dumps(document).encode()) in ("loaded", "refused")


@FEW
@given(st.sampled_from(STEP), VALUES, st.sampled_from(["steps", "defaults"]))
def test_any_value_at_any_key_of_a_step_is_loaded_or_refused(key: str, value: object, where: str) -> None:
    step = {"run": "x", key: value}
    document = {"vars": {"x": 1}, "steps": {"a": step if where == "steps" else {"run": "y"}}}
    if where == "defaults":
        document["defaults"] = step

    assert outcome(json.dumps(document).encode()) in ("loaded", "refused")


@FEW
@given(st.sampled_from(SETTINGS), VALUES)
def test_any_value_at_any_setting_is_loaded_or_refused(key: str, value: object) -> None:
    document = {"vars": {"x": 1}, "settings": {key: value}, "steps": {"a": {"run": "x"}}}

    assert outcome(json.dumps(document).encode()) in ("loaded", "refused")


@FEW
@given(st.sampled_from(PARTS), VALUES)
def test_any_value_at_any_key_of_any_part_is_loaded_or_refused(key: tuple[str, str], value: object) -> None:
    """In bounded time: nothing that is written may make the reader work without end."""
    part, name = key
    text = whole(part, f"{json.dumps(name)}: {json.dumps(value)}")
    began = time.process_time()

    assert outcome(text.encode()) in ("loaded", "refused")
    assert time.process_time() - began < 5


@FEW
@given(st.lists(st.tuples(st.sampled_from(STEP), VALUES), min_size=2, max_size=5))
def test_any_values_at_several_keys_of_a_step_are_loaded_or_refused(given_keys: list[tuple[str, object]]) -> None:
    """Keys that only mean something together are read together."""
    document = {"vars": {"x": 1}, "steps": {"a": dict(given_keys), "b": {"run": "x", "outputs": "b/"}}}

    assert outcome(json.dumps(document).encode()) in ("loaded", "refused")


@FEW
@given(st.text("{}'\"[]()|.,+-*/%~= \nabinputs123", max_size=30))
def test_any_expression_is_loaded_or_refused(expression: str) -> None:
    document = {"vars": {"x": 1, "y": f"{{{{{expression}}}}}"}, "steps": {"a": {"run": f"{{{{ {expression} }}}}"}}}

    assert outcome(json.dumps(document).encode()) in ("loaded", "refused")


GOOD = {
    "vars": {"v": 1, "many": ["a"]},
    "env": {"A": "b"},
    "settings": {"jobs": 2, "ignore": ["*.x"]},
    "resources": {"db": 2},
    "targets": ["a"],
    "probes": {"p": {"run": "y {{ arg }}", "timeout": "1s", "ttl": "1m", "on_error": "changed", "compare": "exists"}},
    "defaults": {"timeout": "1m"},
    "steps": {
        "a": {
            "run": ["x {{ v }}"],
            "inputs": [{"path": "f.csv", "rows": {"a": "b"}, "columns": ["c"]}, "g.yaml#k"],
            "outputs": {"o": "out/"},
            "checks": [{"call": "m:f", "with": {"a": 1}}, {"run": "y", "inputs": ["z"]}],
            "retries": {"times": 1, "delay": "1s", "on": ["timeout"]},
            "resources": ["db"],
            "needs": ["b"],
        },
        "b": {"manual": "do it", "outputs": ["m"]},
        "c": {
            "run": "x {{ k }} {{ l }}",
            "foreach": [
                {"k": ["p", "q"], "l": {"path": "t.csv", "column": "c", "rows": {"a": "b"}}},
                {"k": ["r"], "l": [1]},
            ],
            "exclude": [{"k": "p", "l": "1"}],
            "allow_empty": True,
            "max_age": "daily",
            "min_age": "1h",
            "frozen": True,
            "scratch": True,
            "freshness": "mtime",
            "on_edit": "adopt",
            "inputs": ["probe:p@{{ k }}", {"list": "l.txt"}, {"path": "h", "digest": {"run": "cat {{ path }}"}}],
            "outputs": {"path": "d/{{ k }}/{{ l }}/", "in_place": True},
        },
        "d": {"run": "y {{ i }}", "foreach": {"glob": "photos/{i}.jpg"}},
        "e": {"run": "z {{ t }}", "foreach": {"path": "t.csv", "columns": {"t": "c"}}},
    },
}
WRONG: list[object] = [None, True, 7, "", "text", [], ["x"], [["x"]], {}, {"k": "v"}, {"k": {"k": []}}]


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


@pytest.mark.scenario(id="W6")
@pytest.mark.parametrize("path", places(GOOD), ids=lambda path: ".".join(map(str, path)))
def test_no_wrong_type_anywhere_in_a_good_file_crashes(path: tuple[str | int, ...]) -> None:
    for wrong in WRONG:
        document = json.loads(json.dumps(GOOD))
        holder = document
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = wrong

        assert outcome(json.dumps(document).encode()) in ("loaded", "refused")


def test_the_good_file_is_good(tmp_path: Path) -> None:
    """Else the wrong types in it would be refused for something else."""
    (tmp_path / "Wavefile").write_text(json.dumps(GOOD))
    (tmp_path / "t.csv").write_text("a,c\nb,1\nb,2\n")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/one.jpg").write_text("")

    assert load(str(tmp_path / "Wavefile")).steps
