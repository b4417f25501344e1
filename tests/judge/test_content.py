"""What counts of a file's content, and what is only its layout."""

from __future__ import annotations

import json
import os
import sqlite3
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wavebuild.declare import read_data
from wavebuild.declare.model import Artifact, Kind
from wavebuild.errors import Place, WavebuildError
from wavebuild.judge.content import (
    Table,
    data_kind,
    data_text,
    import_files,
    python_digest,
    python_imports,
    sqlite_digest,
    value_digest,
    value_text,
)

TABLE = "id,name,group\n1,Ada,a\n2,Bob,b\n3,Cyd,a\n"


def rows(
    text: str | bytes,
    chosen: dict[str, str] | None = None,
    columns: tuple[str, ...] | None = None,
    delimiter: str = ",",
) -> str:
    artifact = Artifact(
        Kind.FILE, "t.csv", Place("Wavefile"), rows=tuple((chosen or {}).items()), columns=columns, delimiter=delimiter
    )
    return Table(text.encode() if isinstance(text, str) else text, "t.csv", delimiter).text(artifact)


def at_key(data: bytes, path: str, name: str) -> str | None:
    """The digest of the value at a dotted key; None if it is not there."""
    text = value_text(read_data(data, path, data_kind(path)), name)
    return None if text is None else value_digest(text)


class TestRows:
    @pytest.mark.parametrize(
        "other",
        [
            "id,name,group\n3,Cyd,a\n1,Ada,a\n2,Bob,b\n",
            'id,name,group\n"1","Ada","a"\n2,Bob,b\n3,Cyd,a',
            "id,name,group\r\n1,Ada,a\r\n2,Bob,b\r\n3,Cyd,a\r\n",
            "group,id,name\na,1,Ada\nb,2,Bob\na,3,Cyd\n",
            "\ufeff" + TABLE,
            "id,name,group\n\n1,Ada,a\n2,Bob,b\n\n3,Cyd,a\n\n",
        ],
        ids=["order of rows", "quotes, no final newline", "CRLF", "order of columns", "BOM", "empty lines"],
    )
    def test_layout_does_not_count(self, other: str):
        """The same rows however they are written."""
        assert rows(other) == rows(TABLE)

    @pytest.mark.parametrize(
        "other",
        [
            TABLE.replace("Ada", "ada"),
            TABLE + "3,Cyd,a\n",
            TABLE.replace("3,Cyd,a\n", ""),
            TABLE.replace("name", "title"),
            TABLE.replace("Ada", " Ada"),
            TABLE.replace("1,Ada", "01,Ada"),
        ],
        ids=["a value", "a row twice", "a row less", "a column's name", "white space", "a number's spelling"],
    )
    def test_content_counts(self, other: str):
        """Every cell is its text; a row that stands twice counts twice."""
        assert rows(other) != rows(TABLE)

    def test_only_the_chosen_rows_count(self):
        """A change in another group is no change."""
        assert rows(TABLE.replace("Bob", "Bab"), {"group": "a"}) == rows(TABLE, {"group": "a"})
        assert rows(TABLE.replace("Cyd", "Cid"), {"group": "a"}) != rows(TABLE, {"group": "a"})

    def test_only_the_chosen_columns_count(self):
        """Neither the others' values nor their being there."""
        without = "id,group\n1,a\n2,b\n3,a\n"

        assert rows(TABLE.replace("Ada", "Eve"), columns=("id", "group")) == rows(TABLE, columns=("id", "group"))
        assert rows(without, columns=("id", "group")) == rows(TABLE, columns=("id", "group"))

    def test_a_new_column_counts_where_all_are_read(self):
        """Without chosen columns the header is content."""
        assert rows("id\n1\n") != rows("id,x\n1,\n")

    def test_cells_do_not_run_into_each_other(self):
        """`a,b` in one cell is not two cells, and a newline in a cell is not two rows."""
        assert rows('x,y\n"a,b",c\n') != rows('x,y\na,"b,c"\n')
        assert rows('x\n"a\nb"\n') != rows("x\na\nb\n")

    def test_another_delimiter_reads_another_table(self):
        """A tab between the columns is as good as a comma."""
        assert rows(TABLE.replace(",", "\t"), delimiter="\t") == rows(TABLE)

    def test_an_unknown_column_is_refused_with_the_known_ones(self):
        """A typing error in the Wavefile must not read as `no rows`."""
        with pytest.raises(WavebuildError, match="has no column 'gruop'"):
            rows(TABLE, {"gruop": "a"})
        with pytest.raises(WavebuildError, match="its columns are: id, name, group"):
            rows(TABLE, columns=("nam",))

    @pytest.mark.parametrize("bad", [b"a,b\n1\n", b"a\n\xff\n", b'a\n"x\n'], ids=["ragged", "not UTF-8", "open quote"])
    def test_what_is_no_table_is_refused(self, bad: bytes):
        """Half a table read would be a wrong answer."""
        with pytest.raises(WavebuildError):
            rows(bad)

    def test_an_empty_file_is_an_empty_table(self):
        """No header, no rows, and no crash."""
        assert rows("") == rows("\n\n")
        assert rows("") != rows("a\n")

    def test_a_large_cell_is_a_cell(self):
        """A document in a cell may well be larger than 128 KiB."""
        long = "x" * 300_000

        assert rows(f"a\n{long}\n") != rows(f"a\n{long}y\n")

    def test_two_columns_of_one_name_both_count(self):
        """A change in either of them is a change."""
        assert rows("x,x\n1,2\n") != rows("x,x\n3,2\n")

    @given(
        table=some.lists(some.lists(some.text(max_size=4), min_size=2, max_size=2), max_size=6),
        order=some.randoms(use_true_random=False),
    )
    def test_any_order_of_any_rows_is_the_same_table(self, table, order):
        """Whatever is in the cells."""

        def text(lines: list[list[str]]) -> str:
            quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in [["a", "b"], *lines]]
            return "\n".join(quoted) + "\n"

        shuffled = list(table)
        order.shuffle(shuffled)
        try:
            expected = rows(text(table))
        except (WavebuildError, UnicodeEncodeError):
            return
        assert rows(text(shuffled)) == expected


class TestDataFiles:
    def test_layout_of_json_does_not_count(self):
        """White space and the order of keys."""
        assert data_text(b'{"a": 1, "b": [1, 2]}', "f", "json") == data_text(b'{\n"b":[1,2],"a":1}\n', "f", "json")

    def test_comments_and_style_of_yaml_do_not_count(self):
        """Flow or block, quoted or plain, commented or not."""
        assert data_text(b"a: x # why\nb: [1]\n", "f", "yaml") == data_text(b'b:\n- 1\na: "x"\n', "f", "yaml")

    @pytest.mark.parametrize(
        "other", [b'{"a": [2, 1]}', b'{"a": ["1", 2]}', b'{"a": [1]}', b'{"b": [1, 2]}', b'{"a": [1, 2], "b": null}']
    )
    def test_values_count(self, other: bytes):
        """Order in lists, text or number, every key."""
        assert data_text(other, "f", "json") != data_text(b'{"a": [1, 2]}', "f", "json")

    @pytest.mark.parametrize(("data", "kind"), [(b"{", "json"), (b"a: [", "yaml"), (b"\xff", "json")])
    def test_what_cannot_be_read_is_refused_with_its_name(self, data: bytes, kind):
        """Broken data never compares equal to anything."""
        with pytest.raises(WavebuildError) as caught:
            data_text(data, "conf.x", kind)
        assert "conf.x" in str(caught.value)


class TestKeys:
    CONF = b"genie:\n  target: 8\n  words: [a, b]\nother: 1\nempty:\n"

    def key(self, name: str, data: bytes = CONF) -> str | None:
        return at_key(data, "conf.yaml", name)

    def test_a_short_value_is_its_own_digest(self):
        """So that explain can show it."""
        assert self.key("genie.target") == "=8"

    def test_a_long_value_is_summed(self):
        """The state does not grow with the data."""
        long = self.key("k", b"k: " + b"x" * 1000)

        assert str(long).startswith("value:")
        assert len(str(long)) < 100
        assert long != self.key("k", b"k: " + b"x" * 999 + b"y")

    def test_only_the_value_at_the_key_counts(self):
        """Edits elsewhere in the file reach nobody who reads this key."""
        assert self.key("genie", self.CONF.replace(b"other: 1", b"other: 2")) == self.key("genie")
        assert self.key("genie", self.CONF.replace(b"8", b"9")) != self.key("genie")

    def test_items_of_lists_are_named_by_number(self):
        """As in the paths people write."""
        assert self.key("genie.words.1") == '="b"'
        assert self.key("genie.words.2") is None

    def test_absent_and_empty_are_different(self):
        """`empty:` is there and holds nothing."""
        assert self.key("empty") == "=null"
        assert self.key("nothing") is None
        assert self.key("genie.target.deeper") is None

    @pytest.mark.parametrize(
        ("name", "data"), [("c.json", b'{"a": {"b": 8}}'), ("c.toml", b"[a]\nb = 8\n"), ("c.yml", b"a: {b: 8}")]
    )
    def test_the_files_name_says_how_to_read_it(self, name: str, data: bytes):
        """The same value from JSON, TOML and YAML is the same."""
        assert at_key(data, name, "a.b") == "=8"


class TestDatabases:
    def database(self, folder: Path, *commands: str) -> str:
        path = folder / f"{len(os.listdir(folder))}.db"
        handle = sqlite3.connect(path)
        for command in commands:
            handle.execute(command)
        handle.commit()
        handle.close()
        return sqlite_digest(str(path), "x.db")

    MAKE = ("create table t (id integer primary key, name text)", "insert into t values (1, 'a'), (2, 'b')")

    def test_free_pages_and_the_order_of_writing_do_not_count(self, tmp_path: Path):
        """Rows are a set: where they lie in the file is layout."""
        other = (
            "create table t (id integer primary key, name text)",
            "insert into t values (2, 'b'), (9, 'gone')",
            "delete from t where id = 9",
            "insert into t values (1, 'a')",
        )

        assert self.database(tmp_path, *other) == self.database(tmp_path, *self.MAKE)

    @pytest.mark.parametrize(
        "more",
        [
            "insert into t values (3, 'c')",
            "update t set name = 'A' where id = 1",
            "delete from t where id = 1",
            "create index i on t (name)",
            "create view v as select * from t",
            "create table u (x)",
            "update t set name = null where id = 1",
        ],
    )
    def test_rows_and_schema_count(self, tmp_path: Path, more: str):
        """Whatever a query could notice."""
        assert self.database(tmp_path, *self.MAKE, more) != self.database(tmp_path, *self.MAKE)

    def test_equal_rows_do_not_cancel_out(self, tmp_path: Path):
        """Two of the same are not none."""
        make = "create table t (x)"
        digests = {self.database(tmp_path, make, *(["insert into t values (7)"] * count)) for count in range(4)}

        assert len(digests) == 4

    def test_numbers_texts_and_blobs_are_different(self, tmp_path: Path):
        """1, '1' and x'31' are not the same to a program."""
        make = "create table t (x)"
        values = ("1", "'1'", "x'31'", "1.0")
        digests = {value: self.database(tmp_path, make, f"insert into t values ({value})") for value in values}

        assert len(set(digests.values())) == len(values), digests

    @pytest.mark.parametrize("name", ["sqliteX", "sqlite1_rows", 'we"ird', "select", "tä b"])
    def test_a_table_counts_whatever_its_name(self, tmp_path: Path, name: str):
        """Only SQLite's own tables, `sqlite_…`, are left out."""
        quoted = '"' + name.replace('"', '""') + '"'
        digests = {
            self.database(tmp_path, f"create table {quoted} (x)", f"insert into {quoted} values ({value})")
            for value in (1, 2)
        }

        assert len(digests) == 2


class TestPrograms:
    PROGRAM = b'def f(a, b=1):\n    """Adds."""\n    return a + b\n'

    @pytest.mark.parametrize(
        "other",
        [
            b'# a comment\n\n\ndef f(a, b=1):\n    """Adds."""\n    return a + b\n',
            b'def f(a,b = 1) :\n  """Adds."""\n  return (a+b)  # sum\n',
            b'def f(a, b=1):\r\n    """Adds."""\r\n    return a + b\r\n',
        ],
        ids=["comment", "layout", "CRLF"],
    )
    def test_layout_and_comments_do_not_count(self, other: bytes):
        """A reformatted program is the same program."""
        assert python_digest(other) == python_digest(self.PROGRAM)

    @pytest.mark.parametrize(
        "other", [PROGRAM.replace(b"+", b"-"), PROGRAM.replace(b"b=1", b"b=2"), PROGRAM.replace(b"Adds", b"Sums")]
    )
    def test_code_and_docstrings_count(self, other: bytes):
        """Docstrings can be read by programs."""
        assert python_digest(other) != python_digest(self.PROGRAM)

    def test_what_does_not_parse_counts_as_its_bytes(self):
        """A program in the middle of an edit is a changed program."""
        assert python_digest(b"def f(:\n") != python_digest(b"def f(: #\n")
        assert python_digest(b"\0").startswith("sha256:")

    def test_a_program_with_a_doubtful_escape_is_read_without_a_word(self):
        r"""What Python has to say of "\d" in somebody's program is not said on wavebuild's standard error."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            python_digest(b'x = "\\d"\n')

        assert [str(warning.message) for warning in said] == []

    def test_imports_are_found_wherever_they_stand(self):
        """At the top, in functions, in branches, with and without names."""
        program = (
            b"import a.b, c as d\ndef f():\n    from e import g, h as i\ntry:\n    from . import j\nexcept: pass\n"
        )

        assert python_imports(program) == [".", ".j", "a.b", "c", "e", "e.g", "e.h"]

    def test_relative_imports_keep_their_dots(self):
        """From the package itself, its parent, and a star."""
        assert python_imports(b"from .a import b\nfrom ..c import d\nfrom .e import *\n") == [
            "..c",
            "..c.d",
            ".a",
            ".a.b",
            ".e",
        ]

    def test_the_files_an_import_may_be(self):
        """The module, every package on the way, in each folder that is looked in."""
        assert import_files("a.b", "main.py", ("", "lib")) == [
            "a.py", "a/__init__.py", "a/b.py", "a/b/__init__.py",
            "lib/a.py", "lib/a/__init__.py", "lib/a/b.py", "lib/a/b/__init__.py",
        ]  # fmt: skip

    def test_the_files_a_relative_import_may_be(self):
        """Counted from the importer's own package; the bases do not matter."""
        assert import_files(".c", "pkg/sub/b.py", ("lib",)) == [
            "pkg/sub/__init__.py", "pkg/sub/c.py", "pkg/sub/c/__init__.py",
        ]  # fmt: skip
        assert import_files("..d", "pkg/sub/b.py", ()) == ["pkg/__init__.py", "pkg/d.py", "pkg/d/__init__.py"]


@given(value=some.recursive(some.none() | some.booleans() | some.integers() | some.text(), some.lists, max_leaves=8))
def test_any_json_value_is_the_same_however_it_is_laid_out(value):
    """Indented or not."""
    try:
        plain = data_text(json.dumps(value).encode(), "f", "json")
    except WavebuildError:
        return
    assert data_text(json.dumps(value, indent=3).encode(), "f", "json") == plain
