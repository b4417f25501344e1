"""What a function does, as a text: another text for whatever may do something else, and no other for what may not."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import REPOSITORY
from wavebuild.orchestrator.identity import identity

COMMON = """
import collections, contextlib, dataclasses, datetime, decimal, enum, functools, logging, operator, pathlib, re, types
{around}
def step():
    return {used}
"""


def made(around: str, used: str = "x") -> tuple[str, bool]:
    """The identity of a function that uses something of its module, as in a notebook: no file has its text."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(COMMON.format(around=around, used=used), "<cell>", "exec"), space)
    return identity(space["step"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = (1, 2)", "x = [1, 2]"),
        ("x = {1: 2}", "x = {'1': 2}"),
        ("x = {'a': 1, 'b': 2}", "x = {'b': 2, 'a': 1}"),
        ("x = {1, 2}", "x = {1, 3}"),
        ("x = pathlib.Path('a')", "x = pathlib.Path('b')"),
        ("x = re.compile('a')", "x = re.compile('a', re.I)"),
        ("x = datetime.date(2020, 1, 1)", "x = datetime.date(2020, 1, 2)"),
        ("x = decimal.Decimal('1.0')", "x = decimal.Decimal('1.00')"),
        ("x = collections.Counter('ab')", "x = collections.Counter('abb')"),
        ("x = collections.deque([1])", "x = collections.deque([2])"),
        ("x = operator.itemgetter(1)", "x = operator.itemgetter(2)"),
        ("x = [1].append", "x = [2].append"),
        ("x = lambda: 1", "x = lambda: 2"),
        ("x = functools.partial(print, 1)", "x = functools.partial(print, 2)"),
        ("x = [lambda: 1, lambda: 2][0]", "x = [lambda: 1, lambda: 2][1]"),
        ("def x(a, b=1): pass", "def x(a, b=2): pass"),
        ("def x(a, *, b=1): pass", "def x(a, *, b=2): pass"),
        ("@functools.cache\ndef x(): return 1", "@functools.cache\ndef x(): return 2"),
        ("@contextlib.contextmanager\ndef x(): yield 1", "@contextlib.contextmanager\ndef x(): yield 2"),
        ("class x:\n  LIMIT = 1", "class x:\n  LIMIT = 2"),
        ("class x:\n  def m(self): return 1", "class x:\n  def m(self): return 2"),
        ("class x:\n  @property\n  def m(self): return 1", "class x:\n  @property\n  def m(self): return 2"),
        ("class x:\n  @staticmethod\n  def m(): return 1", "class x:\n  @staticmethod\n  def m(): return 2"),
        (
            "class x:\n  @functools.cached_property\n  def m(self): return 1",
            "class x:\n  @functools.cached_property\n  def m(self): return 2",
        ),
        ("class A:\n  n = 1\nclass x(A): pass", "class A:\n  n = 2\nclass x(A): pass"),
        ("class A:\n  pass\nx = A(); x.n = 1", "class A:\n  pass\nx = A(); x.n = 2"),
        (
            "@dataclasses.dataclass(slots=True)\nclass A:\n  n: int\nx = A(1)",
            "@dataclasses.dataclass(slots=True)\nclass A:\n  n: int\nx = A(2)",
        ),
        ("@dataclasses.dataclass\nclass x:\n  n: int = 1", "@dataclasses.dataclass\nclass x:\n  n: str = 1"),
        ("class E(enum.Enum):\n  A = 1\nx = E.A", "class E(enum.Enum):\n  A = 2\nx = E.A"),
        ("class D(dict): pass\nx = D(a=1)", "class D(dict): pass\nx = D(a=2)"),
        ("x = collections.namedtuple('N', 'a')(1)", "x = collections.namedtuple('N', 'a')(2)"),
    ],
)
def test_another_value_is_another_text(one: str, other: str) -> None:
    """And both are told whole: none of them makes a step run every time."""
    first, second = made(one), made(other)

    assert (first[1], second[1]) == (True, True)
    assert first[0] != second[0]
    assert made(one) == first


def test_which_of_two_known_values_a_name_has_counts() -> None:
    """A value that was told before is told again where it is used again."""
    values = "(x, y, z)"

    assert made("x, y, z = 1, 3, 1", values) != made("x, y, z = 1, 3, 3", values)
    assert made("x, y = [], {}; z = x", values) != made("x, y = [], {}; z = y", values)


def test_all_of_many_defaults_count() -> None:
    """None of them is taken for another that lay at its address before."""
    many = "".join(f"def f{at}(*, p={at}): return f{at + 1}()\n" for at in range(50))

    for at in (1, 17, 49):
        assert made(f"{many}def f50(): pass", "f0()") != made(
            many.replace(f"p={at})", "p=99)") + "def f50(): pass", "f0()"
        )


@pytest.mark.parametrize("value", ["(i for i in ())", "__import__('threading').Lock()", "iter(())"])
def test_what_nobody_can_compare_is_told_to_be_unsure(value: str) -> None:
    text, sure = made(f"x = {value}")

    assert (bool(text), sure) == (True, value == "iter(())")


def test_what_is_odd_in_any_way_is_unsure_and_raises_nothing() -> None:
    """A text, an order or an attribute of somebody's own may raise whatever it likes."""
    odd = "class A:\n  def __repr__(self): raise LookupError\n  def __getattr__(self, name): raise OSError\n"

    assert made(f"{odd}x = {{A(), A()}}")[1] is False
    assert made(f"{odd}x = A()")[1] in (True, False)
    for thing in (dict, 7, "x", None, object(), threading):
        assert identity(thing)[0]


def test_what_leads_to_itself_is_told_once() -> None:
    assert made("x = []; x.append(x)")[1] is True
    assert made("def x(): return step()")[1] is True


def test_a_long_chain_of_functions_is_walked_to_its_end() -> None:
    chain = "".join(f"def f{at}(): return f{at + 1}()\n" for at in range(2000))

    first, second = (made(f"{chain}def f2000(): return {end}", "f0()") for end in (1, 2))

    assert first[1] is True
    assert first != second


class TestModules:
    """Modules of the project, which people edit."""

    @pytest.fixture
    def load(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
        monkeypatch.syspath_prepend(str(here))

        def load(name: str, text: str) -> None:
            path = here / f"{name.replace('.', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            for known in [known for known in sys.modules if known.partition(".")[0] == name.partition(".")[0]]:
                monkeypatch.delitem(sys.modules, known)

        return load

    @pytest.mark.parametrize(
        ("before", "used"),
        [
            ("import kit_of_test", "kit_of_test.clean()"),
            ("import kit_of_test as k", "k.clean()"),
            ("from kit_of_test import clean as c", "c()"),
            ("import kit_of_test\ndef deeper(): return kit_of_test.clean()", "deeper()"),
            ("", "__import__('kit_of_test') if 0 else local()"),
        ],
    )
    def test_what_is_taken_from_a_module_counts(self, load: Callable[[str, str], None], before: str, used: str):
        """By its name, by a name within it, or imported where it is used."""
        before += "\ndef local():\n  from kit_of_test import clean\n  return clean()"
        load("kit_of_test", "def clean(): return 1\n")
        first = made(before, used)
        load("kit_of_test", "\ndef clean():  # a comment\n    return 1\ndef more(): pass\n")
        same = made(before, used)
        load("kit_of_test", "def clean(): return 2\n")
        other = made(before, used)

        assert (first[1], first == same, first == other) == (True, True, False)

    def test_modules_of_a_package_are_reached_by_their_dots(self, load: Callable[[str, str], None], here: Path):
        use = "import bag_of_test.deep.er", "bag_of_test.deep.er.clean()"
        inside = "def local():\n  import bag_of_test.deep.er\n  return bag_of_test.deep.er.clean()", "local()"
        (here / "bag_of_test" / "deep").mkdir(parents=True)
        found = []
        for value in (1, 2):
            (here / "bag_of_test" / "deep" / "er.py").write_text(f"def clean(): return {value}{' ' * value}\n")
            load("bag_of_test.other", "")
            found += [made(*use), made(*inside)]

        assert all(sure for _, sure in found)
        assert found[0] != found[2]
        assert found[1] != found[3]

    def test_what_is_in_memory_counts_and_not_what_its_file_says_by_now(
        self, load: Callable[[str, str], None], here: Path
    ):
        """It is what will be called: the new text may not be taken for what was done by the old one."""
        load("kit_of_test", "def clean():\n    return 1\n")
        import kit_of_test  # type: ignore[import-not-found]

        old = identity(kit_of_test.clean)
        (here / "kit_of_test.py").write_text("def clean():\n    return 2, 3, 4, 5\n")
        older = identity(kit_of_test.clean)
        (here / "kit_of_test.py").write_text("def clean():\n    return 2, 3\n")
        stale = identity(kit_of_test.clean)
        load("kit_of_test", "def clean():\n    return 2, 3\n")
        import kit_of_test as anew

        assert len({old, older, stale, identity(anew.clean)}) == 4


def test_what_is_installed_is_known_by_its_name(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody edits it, wherever it lies: it is not walked through."""
    monkeypatch.syspath_prepend(str(here))
    found = {}
    for folder in ("dist-packages", "site-packages", "src"):
        (here / folder).mkdir()
        monkeypatch.syspath_prepend(str(here / folder))
        for value in (1, 2):
            (here / folder / "kit_of_test.py").write_text(f"def clean(): return {value}{' ' * value}\n")
            monkeypatch.delitem(sys.modules, "kit_of_test", raising=False)
            found[folder, value] = made("import kit_of_test", "kit_of_test.clean()")

    assert found["dist-packages", 1] == found["dist-packages", 2] == found["site-packages", 1]
    assert found["src", 1] != found["src", 2]


def test_it_is_the_same_in_every_process(here: Path) -> None:
    """No address, no order of a hash is in it; with a file that has the text, and without."""
    (here / "program.py").write_text(
        "import dataclasses, enum, sys\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from wavebuild.orchestrator.identity import identity\n"
        "class E(enum.Enum):\n    A = 1\n    B = 2\n"
        "@dataclasses.dataclass\nclass D:\n    n: int = 1\n    s: frozenset = frozenset('abc')\n"
        "WORDS = {'a', 'b', 'c'}\n"
        "def f(x): return E.A, D(), WORDS, x in {'d', 'e', 'f'}, (lambda: 1)()\n"
        "exec('def g(x): return f(x), x in {1.5, 2.5, 3.5}')\n"
        "print(identity(f), identity(g))\n"
    )

    told = {
        subprocess.run(
            [sys.executable, "program.py"], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in "123"
    }

    assert len(told) == 1
    assert "False" not in told.pop()
