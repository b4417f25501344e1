"""Data files as plain values, within the limits of a Wavefile."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavebuild.declare import read_data
from wavebuild.declare.data import DataKind
from wavebuild.errors import WavebuildError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: 1.10", {"a": 1.1}),
        ("a: 012", {"a": 12}),
        ("a: 0o17", {"a": 15}),
        ("a: 0xff", {"a": 255}),
        ("a: .5", {"a": 0.5}),
        ("a: -.inf", {"a": -math.inf}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: yes", {"a": "yes"}),
        ("a: True", {"a": True}),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("a: '1'", {"a": "1"}),
        ("a:", {"a": None}),
        ("1: x", {"1": "x"}),
        ("- '{{ x }}'", ["{{ x }}"]),
        ("", None),
        ("x", "x"),
    ],
)
def test_yaml_has_the_types_of_the_core_schema(text: str, value: object) -> None:
    assert read_data(text.encode(), "f.yaml", "yaml") == value


def test_numbers_of_a_data_file_are_ordinary_numbers() -> None:
    value = read_data(b"a: [1, 1.10]", "f.yaml", "yaml")

    assert isinstance(value, dict)
    assert [type(item) for item in value["a"]] == [int, float]  # type: ignore[union-attr]


def test_toml_dates_are_texts() -> None:
    assert read_data(b"a = 2024-01-01\nb = [07:30:00]\n", "f.toml", "toml") == {"a": "2024-01-01", "b": ["07:30:00"]}


@pytest.mark.parametrize(
    ("data", "kind", "place"),
    [
        (b"a: *b", "yaml", "f:1:4"),
        (b"a: !!python/name:os.system x", "yaml", "f:1:4"),
        (b"a: 1\na: 2", "yaml", "f:2:1"),
        (b"a: [", "yaml", "f:1:4"),
        (b'{"a":\n 1,}', "json", "f:2:4"),
        (b"a = ", "toml", "f"),
        (b"[" * 100_000, "json", "f"),
        (b"a = " + b"[" * 100_000, "toml", "f"),
        (b"[" * 100_000, "yaml", "f:1:51"),
        (b"a: \xff", "yaml", "f:1:4"),
        (b'"\xff"', "json", "f:1:2"),
        (b"1" * 5_000, "json", "f"),
    ],
)
def test_a_data_file_that_cannot_be_read_is_an_error_with_its_place(data: bytes, kind: DataKind, place: str) -> None:
    with pytest.raises(WavebuildError) as caught:
        read_data(data, "f", kind)

    assert str(caught.value.problems[0].place) == place


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_json_comes_back_as_it_was(value: object) -> None:
    assert read_data(json.dumps(value).encode(), "f.json", "json") == value
