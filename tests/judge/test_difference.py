"""What changed between two contents, told in a few lines, rows or keys."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavebuild.judge.difference import (
    MOST,
    WIDEST,
    Cell,
    Form,
    KeyChange,
    Keys,
    Line,
    Lines,
    Marks,
    Row,
    Rows,
    Size,
    _pairs,
    difference,
)


def lines(was: str, now: str) -> Lines:
    found = difference("a.txt", "bytes", was.encode(), now.encode())
    assert isinstance(found, Lines)
    return found


def rows(was: str, now: str, path: str = "a.csv") -> Rows:
    found = difference(path, "bytes", was.encode(), now.encode())
    assert isinstance(found, Rows), found
    return found


def keys(was: str, now: str, path: str = "a.yaml") -> list[KeyChange]:
    found = difference(path, "bytes", was.encode(), now.encode())
    assert isinstance(found, Keys), found
    return list(found.keys)


class TestLines:
    def test_a_changed_line_is_told_with_its_number(self):
        """Old and new together."""
        assert lines("a\nb\nc\n", "a\nx\nc\n") == Lines((Line(2, "b", "x"),))

    def test_a_line_put_in_or_taken_out_does_not_shift_the_others(self):
        """The shortest way is told."""
        assert lines("a\nb\nc\nd\n", "n\na\nb\nd\n") == Lines((Line(1, None, "n"), Line(3, "c", None)))

    def test_many_changes_are_counted(self):
        """A few are told."""
        found = lines("".join(f"{n}\n" for n in range(20)), "".join(f"{n} x\n" for n in range(20)))

        assert (len(found.lines), found.more) == (MOST, 20 - MOST)

    def test_a_long_line_is_told_where_it_differs(self):
        """Not its beginning."""
        found = lines("x" * 5000 + "a" + "y" * 5000, "x" * 5000 + "b" + "y" * 5000).lines[0]

        assert found.was is not None
        assert found.now is not None
        assert ("xa" in found.was, "xb" in found.now) == (True, True)
        assert len(found.was) <= WIDEST + 2

    @pytest.mark.parametrize(
        ("was", "now", "what"),
        [
            (b"a\nb\n", b"a\r\nb\r\n", "line ends"),
            (b"a\nb", b"a\nb\n", "last line end"),
            (b"\xef\xbb\xbfa\n", b"a\n", "byte order mark"),
        ],
    )
    def test_marks_that_no_line_shows_are_named(self, was: bytes, now: bytes, what: str):
        """Else nothing would seem to have changed."""
        assert difference("a.txt", "bytes", was, now) == Marks(what)

    def test_of_bytes_that_are_no_text_the_sizes_are_told(self):
        """A NUL says so."""
        assert difference("a.bin", "bytes", b"\0ab", b"\0abc") == Size(3, 4)


class TestRows:
    def test_a_row_is_named_by_its_first_column(self):
        """And what changed in it by column."""
        found = rows("id,name\n1,ann\n2,bob\n", "id,name\n1,ann\n2,rob\n")

        assert found == Rows((), (), (Row("2", "changed", (Cell("name", "bob", "rob"),)),))

    def test_rows_that_came_and_went_are_told(self):
        """With their other values."""
        found = rows("id,name\n1,ann\n2,bob\n", "id,name\n3,zoe\n1,ann\n")

        assert found.rows == (
            Row("3", "added", (Cell("name", None, "zoe"),)),
            Row("2", "removed", (Cell("name", "bob", None),)),
        )

    def test_as_many_columns_name_a_row_as_it_takes(self):
        """A column that is the same everywhere names nothing."""
        head = "catalog,table,column,type\n"
        found = rows(
            f"{head}c,users,id,int\nc,users,name,text\nc,pages,id,int\n",
            f"{head}c,users,id,bigint\nc,users,name,text\nc,pages,id,int\n",
        )

        assert found.rows == (Row("users, id", "changed", (Cell("type", "int", "bigint"),)),)

    def test_rows_that_nothing_tells_apart_are_named_by_number(self):
        """A measured series has no key."""
        found = rows("v\n1\n1\n2\n", "v\n1\n3\n2\n")

        assert found.rows == (Row("2", "changed", (Cell("v", "1", "3"),)),)

    def test_columns_that_came_and_went_are_told_once_and_not_in_every_row(self):
        """Rows are compared by the columns they share."""
        assert rows("id,a\n1,x\n2,y\n", "id,b\n1,x\n2,y\n") == Rows(("b",), ("a",), ())

    def test_another_order_of_rows_is_told_by_lines(self):
        """The bytes changed, the rows did not."""
        assert isinstance(difference("a.csv", "bytes", b"id\n1\n2\n", b"id\n2\n1\n"), Lines)

    def test_a_file_that_is_no_table_is_told_by_lines(self):
        """Ragged rows."""
        assert isinstance(difference("a.csv", "bytes", b"a,b\n1\n", b"a,b\n2\n"), Lines)

    @pytest.mark.parametrize(("path", "sign"), [("a.tsv", "\t"), ("a.csv", ";")])
    def test_other_signs_between_columns_are_understood(self, path: str, sign: str):
        """A tab by the ending, a semicolon by the header."""
        found = rows(f"id{sign}v\n1{sign}a\n", f"id{sign}v\n1{sign}b\n", path)

        assert found.rows[0].cells == (Cell("v", "a", "b"),)

    def test_chosen_rows_come_as_json(self):
        """As the digest of rows counts them."""
        found = difference("a.csv", "rows", b'[["id","v"],[["1","a"]]]', b'[["id","v"],[["1","b"]]]')

        assert found == Rows((), (), (Row("1", "changed", (Cell("v", "a", "b"),)),))


class TestKeys:
    def test_the_deepest_key_that_changed_is_told(self):
        """With the values as JSON."""
        assert keys("a: {b: 1, c: x}\n", "a: {b: 2, c: x}\n") == [KeyChange("a.b", "1", "2")]

    def test_keys_that_came_and_went_are_told(self):
        """One side is missing."""
        assert keys('{"a": 1}', '{"b": [2]}', "a.json") == [KeyChange("b", None, "[2]"), KeyChange("a", "1", None)]

    def test_an_item_put_into_a_list_does_not_shift_the_others(self):
        """Items have their number."""
        assert keys("l: [1, 2, 3]", "l: [1, 9, 2, 3]") == [KeyChange("l.1", None, "9")]

    def test_toml_is_understood_too(self):
        """By its ending."""
        assert keys("[t]\nv = 1\n", "[t]\nv = 2\n", "a.toml") == [KeyChange("t.v", "1", "2")]

    def test_true_is_not_one(self):
        """Types count."""
        assert keys('{"a": 1}', '{"a": true}', "a.json") == [KeyChange("a", "1", "true")]

    def test_a_comment_that_changed_is_told_by_lines(self):
        """No key changed."""
        assert isinstance(difference("a.yaml", "bytes", b"a: 1 # x\n", b"a: 1 # y\n"), Lines)

    def test_a_file_that_cannot_be_read_is_told_by_lines(self):
        """Half a document."""
        assert isinstance(difference("a.json", "bytes", b"{", b"{]"), Lines)

    def test_a_key_with_dots_is_told_from_a_path(self):
        """It is quoted."""
        assert keys('{"a.b": 1}', '{"a.b": 2}', "a.json") == [KeyChange('"a.b"', "1", "2")]


FORMS: list[Form] = ["bytes", "rows", "value", "text"]
PIECES = st.lists(
    st.sampled_from([b"a", b"b", b"\n", b",", b"{", b"}", b"[", b"]", b":", b" ", b'"', b"\r", b"\0", b"\xff", b"1"]),
    max_size=40,
).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["a.csv", "a.json", "a.yaml", "a.toml", "a.tsv", "a.txt", ""]),
    st.sampled_from(FORMS),
    PIECES | st.binary(max_size=60),
    PIECES | st.binary(max_size=60),
)
def test_any_two_contents_are_told_apart_in_a_few_words(path: str, form: Form, was: bytes, now: bytes):
    """Whatever they hold; what is told is short."""
    found = difference(path, form, was, now)

    match found:
        case Lines(told, _) | Keys(told, _) | Rows(rows=told):
            assert len(told) <= MOST
            assert was == now or told or isinstance(found, Rows)
    assert len(repr(found)) < 20_000


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_what_is_told_leads_from_one_to_the_other(was: list[int], now: list[int]):
    """Take out what is told as gone, put in what is told as new: nothing is forgotten."""
    pairs = list(_pairs(was, now))
    gone, new = {at for at, _ in pairs}, {to for _, to in pairs}

    kept = [item for at, item in enumerate(was) if at not in gone]
    assert kept == [item for to, item in enumerate(now) if to not in new]


@pytest.mark.long
@pytest.mark.timeout(100)
@pytest.mark.parametrize(
    ("path", "was", "now"),
    [
        ("a.txt", b"x\n" * 100_000, b"y\n" * 100_000),
        ("a.txt", b"x\ny\n" * 60_000, b"y\nx\nx\n" * 40_000),
        ("a.csv", b"a,b\n" + b"1,2\n" * 60_000, b"a,b\n" + b"2,1\n1,1\n" * 30_000),
        ("a.json", b"[" + b"1," * 120_000 + b"1]", b"[" + b"2,1," * 60_000 + b"1]"),
        ("a.json", b"[" * 100_000, b"{" * 100_000),
    ],
    ids=["other lines", "shuffled lines", "rows without a name", "a long list", "deep nesting"],
)
def test_the_largest_contents_are_compared_in_bounded_time(path: str, was: bytes, now: bytes):
    """A person waits for the answer."""
    began = time.process_time()

    difference(path, "bytes", was, now)

    assert time.process_time() - began < 5
