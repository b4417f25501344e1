"""What of the standard library comes late, or not at all, does what it ever did."""

import hashlib
import json
import shlex
import subprocess
import sys
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wavebuild.later import LITTLE, blake2b, joined, quoted, sha256


def _said(program: str) -> str:
    """What a new interpreter prints that runs this."""
    done = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("size", [0, 1, 55, 56, 64, LITTLE, LITTLE + 1, 1 << 20])
def test_a_sum_is_the_same_whoever_makes_it(size: int) -> None:
    """The interpreter's own SHA-256, and that of OpenSSL where much is to be summed."""
    data = bytes(number % 251 for number in range(size))
    own = _said(f"""
        from wavebuild.later import sha256
        print(sha256(bytes(number % 251 for number in range({size}))).hexdigest())
    """)
    assert own == sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()
    assert blake2b(data) == hashlib.blake2b(data, digest_size=32).hexdigest()


def test_who_sums_little_does_not_bring_in_openssl() -> None:
    """It takes longer to come than thousands of small sums."""
    program = "import sys; from wavebuild.later import sha256; sha256(b'x'); print('_hashlib' in sys.modules)"
    assert _said(program) == "False"


def test_who_sums_much_brings_openssl_in() -> None:
    """Half a megabyte at once is no more than it takes to come; again and again it is."""
    said = _said("""
        import sys
        from wavebuild.later import sha256
        known = []
        for _ in range(4):
            sha256(bytes(1 << 19))
            known.append("_hashlib" in sys.modules)
        print(known, "hashlib" in sys.modules)
    """)
    assert said == "[False, False, True, True] False"


def test_much_is_summed_where_there_is_no_openssl() -> None:
    """By what the interpreter has in its place."""
    said = _said("""
        import sys
        sys.modules["_hashlib"] = None
        from wavebuild.later import sha256_of_much
        print(sha256_of_much(b"x").hexdigest())
    """)
    assert said == hashlib.sha256(b"x").hexdigest()


def test_json_comes_when_it_is_first_used() -> None:
    """It is the very module then."""
    assert (
        _said("""
        import sys
        from wavebuild.later import json
        before = "json" in sys.modules
        print(before, json.dumps({"b": 1, "a": 2}, sort_keys=True), "json" in sys.modules)
    """)
        == f"False {json.dumps({'a': 2, 'b': 1})} True"
    )


def test_what_msgspec_was_kept_from_bringing_in_is_there_for_everybody_else() -> None:
    """Nothing of what stood in meanwhile is left, and what uses it is as it was."""
    assert (
        _said("""
        import sys
        import wavebuild.structs
        names = {"platform", "textwrap", "typing_extensions", "msgspec.inspect", "msgspec._json_schema"}
        left = sorted(names & {*sys.modules})
        import datetime, msgspec, os, platform, textwrap, uuid

        class Point(msgspec.Struct):
            "  It has a place."
            id: uuid.UUID = uuid.UUID(int=7)
            day: datetime.date = datetime.date(2024, 2, 29)

        described = msgspec.json.schema(Point)["$defs"]["Point"]["description"]
        read = msgspec.json.decode(msgspec.json.encode(Point()), type=Point)
        print(left, platform.system() == os.uname().sysname, read == Point(), uuid._LINUX == (sys.platform == "linux"))
        print(described, msgspec.inspect.type_info(int) == msgspec.inspect.IntType())
        import msgspec.inspect
        print(msgspec.inspect is sys.modules["msgspec.inspect"], len(msgspec.json.schema_components([Point])))
        print(datetime.date.today().strftime("%Y") >= "2024", datetime.__name__, msgspec.toml.encode.__name__)
    """)
        == "[] True True True\nIt has a place. True\nTrue 2\nTrue datetime encode"
    )


def test_msgspec_comes_without_the_compiler_of_the_interpreter() -> None:
    """References by name, which call for it, are the usual ones again afterwards."""
    assert (
        _said("""
        import sys
        asked = []
        sys.addaudithook(lambda event, given: asked.append(event) if event == "compile" and given[0] == b"Foo" else 0)
        import wavebuild.structs
        before = len(asked)
        import msgspec, typing

        class Pair(msgspec.Struct):
            first: "int"
            second: "Pair | None" = None

        print(before, msgspec.json.decode(b'{"first": 1, "second": {"first": 2}}', type=Pair))
        print(typing.ForwardRef("int").__forward_arg__, isinstance(typing.ForwardRef, type))
    """)
        == "0 Pair(first=1, second=Pair(first=2, second=None))\nint True"
    )


def test_where_msgspec_asks_a_stand_in_for_more_it_is_brought_in_as_ever() -> None:
    """Another version may want something else of what stands in meanwhile."""
    assert (
        _said("""
        import sys
        from wavebuild import structs
        for name in [name for name in sys.modules if name.partition(".")[0] == "msgspec" and name != "msgspec._core"]:
            del sys.modules[name]
        del structs._Schemas.schema
        structs._bring_in()
        before = "msgspec" in sys.modules
        import msgspec
        print(before, "msgspec._json_schema" in sys.modules, msgspec.json.schema(int))
    """)
        == "False True {'type': 'integer'}"
    )


def test_what_is_packed_names_its_types_and_not_their_names() -> None:
    """msgspec takes five times as long to make a decoder where each annotation is a text that it has to evaluate."""
    found = _said("""
        import importlib, msgspec
        names = "declare.model errors graph.columns graph.owners graph.shared judge.reasons judge.trace run.account"
        names += " run.events run.job run.records store.accounts store.causes store.kept store.lookers"
        for name in names.split():
            module = importlib.import_module(f"wavebuild.{name}")
            for each in vars(module).values():
                if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == module.__name__:
                    texts = [n for n, v in vars(each).get("__annotations__", {}).items() if isinstance(v, str)]
                    if texts and each.__name__ != "Lookers":  # which are not packed themselves
                        print(each.__name__, *texts)
    """)
    assert found == ""


def test_regular_expressions_that_came_late_are_the_usual_ones() -> None:
    """Their types, and the patterns that values must match."""
    assert (
        _said("""
        import sys
        import wavebuild.structs
        before = "re" in sys.modules
        import re, typing
        from typing import Annotated
        import msgspec

        found = msgspec.json.decode(b'"ab"', type=Annotated[str, msgspec.Meta(pattern="^a")])
        try:
            msgspec.json.decode(b'"ba"', type=Annotated[str, msgspec.Meta(pattern="^a")])
        except msgspec.ValidationError:
            found += " refused"
        types = typing.get_origin(typing.Pattern[str]), typing.get_origin(typing.Match[str])
        print(before, found, types == (re.Pattern, re.Match), sys.modules["re"] is re)
    """)
        == "False ab refused True True"
    )


@settings(deadline=None)
@given(st.lists(st.text() | st.text(alphabet="ab'$-_/é \n", max_size=6)))
def test_words_are_quoted_as_shlex_quotes_them(words: list[str]) -> None:
    """Whatever is in them."""
    assert [*map(quoted, words)] == [*map(shlex.quote, words)]
    assert joined(words) == shlex.join(words)


def test_who_takes_signals_is_known_with_and_without_threads() -> None:
    """Where nobody has brought in threads there is one."""
    assert (
        _said("""
        import sys
        from wavebuild.later import on_main_thread
        alone = on_main_thread(), "threading" in sys.modules
        import threading
        said = []
        thread = threading.Thread(target=lambda: said.append(on_main_thread()))
        thread.start()
        thread.join()
        print(*alone, *said, on_main_thread())
    """)
        == "True False False True"
    )
