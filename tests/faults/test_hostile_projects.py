"""Projects that were written to do harm, or whose names do: nothing runs unasked, nothing leaves its place."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support.command import REPOSITORY
from tests.support.workshop import Workshop
from wavebuild import engine

STARTING = frozenset(
    {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen", "pty.spawn"}
)


class _Ear:
    """An audit hook cannot be taken away: this one is deaf while nobody listens."""

    heard: list[str] | None = None
    there = False

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.heard is not None and event in STARTING:
            self.heard.append(f"{event} {arguments!r}")


_ear = _Ear()


@contextlib.contextmanager
def started() -> Iterator[list[str]]:
    """Every process that this one starts meanwhile, as Python tells it."""
    if not _ear.there:
        sys.addaudithook(_ear.hear)
        _ear.there = True
    _ear.heard = []
    try:
        yield _ear.heard
    finally:
        _ear.heard = None


EVIL = """
vars: {a: "{{ 'touch pwned' }}", files: "`touch pwned`"}
settings: {shell: [sh, -c]}
env: {A: $(touch pwned)}
probes:
  p: {run: touch pwned}
steps:
  a: {inputs: ['s', 'probe:p'], outputs: o, code: evil.py, checks: touch pwned, run: touch pwned; echo > o}
  b: {inputs: {path: s, digest: {run: 'touch pwned; cat {{ path }}'}}, outputs: p, run: touch pwned}
  c: {call: 'evil:main', outputs: q}
  d: {foreach: {v: 's.json#v'}, outputs: 'd/{{ v }}', run: touch pwned}
  e: {when: "{{ a == 'x' }}", run: touch pwned}
"""

QUESTIONS: dict[str, Callable[[Workshop], object]] = {
    "plan": lambda shop: shop.plan(),
    "-q": lambda shop: shop.stale(),
    "status": lambda shop: shop.status(),
    "explain": lambda shop: engine.explain(shop.request(), "a"),
    "show": lambda shop: engine.show(shop.request(), "b"),
    "list, graph": lambda shop: engine.load(shop.request()),
    "check": lambda shop: engine.check(shop.request()),
    "history": lambda shop: engine.history(shop.request(), None, 5),
    "log": lambda shop: engine.logs(shop.request(), "a"),
    "mem": lambda shop: engine.memory(shop.request()),
    "clean -n": lambda shop: engine.clean(shop.request(), dry=True),
}


@pytest.mark.scenario(id="X8")
@pytest.mark.parametrize("question", QUESTIONS)
def test_to_look_at_a_project_runs_nothing_of_it(question: str, shop: Workshop) -> None:
    """No command, no call, no probe, no import: whoever only looks is safe."""
    shop.wavefile(EVIL)
    shop.put("s", "one\n")
    shop.put("s.json", '{"v": ["$(touch pwned)"]}')
    shop.put("evil.py", "open('pwned', 'w')\ndef main(): pass\n")

    with started() as processes:
        QUESTIONS[question](shop)

    assert processes == []
    assert not (shop.root / "pwned").exists()
    assert "evil" not in sys.modules


@pytest.mark.scenario(id="X8")
def test_the_ear_of_these_tests_hears() -> None:
    """A started process is heard; otherwise the test above would prove nothing."""
    import subprocess

    with started() as processes:
        subprocess.run(["true"], check=True)

    assert processes


NAMES = [
    "$(touch pwned).c",
    "`touch pwned`.c",
    "; touch pwned;.c",
    "-rf",
    "a b'c\"d.c",
    "&& touch pwned",
    "#x",
    "~x",
]


@pytest.mark.scenario(id="X9")
@pytest.mark.scenario(id="W17")
def test_names_of_files_are_words_and_never_commands(shop: Workshop) -> None:
    """Those that a glob finds, that a list names, and that variables of files hold."""
    for name in NAMES:
        shop.put(f"in/{name}", "x\n")
    shop.put("names.json", '{"v": ["$(touch pwned)", "; touch pwned"]}')
    shop.wavefile("""
steps:
  g: {inputs: 'in/*', outputs: o, run: 'cat {{ inputs }} | wc -l > o'}
  h:
    foreach: {glob: 'in/{name}'}
    inputs: 'in/{{ name }}'
    outputs: 'h/{{ name }}.o'
    run: 'cat {{ inputs }} > {{ outputs }}'
  l: {inputs: 'in/*', outputs: l, run: 'cp "$WAVEBUILD_INPUTS" l'}
  n: {inputs: names.json, outputs: n, with: {first: '; touch pwned'}, run: 'echo {{ first }} > n'}
""")

    built = shop.build()

    assert built.code == 0, built.steps
    assert shop.read("o").split() == [str(len(NAMES))]
    assert shop.read("l").splitlines() == sorted(f"in/{name}" for name in NAMES)
    assert sorted(path.name for path in (shop.root / "h").iterdir()) == sorted(f"{name}.o" for name in NAMES)
    assert not (shop.root / "pwned").exists()


@pytest.mark.scenario(id="X5")
@pytest.mark.scenario(id="X6")
@pytest.mark.parametrize("leads", [".git/hooks", ".wavebuild", "../outside"])
@pytest.mark.parametrize("form", ["way/pre-commit", "way/", "way/*.sh"])
def test_no_output_is_made_through_a_link_that_leads_astray(form: str, leads: str, shop: Workshop) -> None:
    """A link in the way of an output, checked out with the project, leads to the hooks of git, to our state, out."""
    (shop.root / leads).mkdir(parents=True)
    (shop.root / "way").symlink_to(leads)
    shop.wavefile(f"steps: {{a: {{outputs: '{form}', run: 'note a; echo evil > way/pre-commit'}}}}")

    built, forced = shop.build(), shop.build(force=True)

    assert (built.code, built.ran, forced.code, forced.ran) == (1, [], 1, [])
    assert "behind a link" in forced.steps["a"].detail
    assert not (shop.root / leads / "pre-commit").exists()


@pytest.mark.scenario(id="X1")
@pytest.mark.scenario(id="X4")
def test_nothing_unpacks_archives_or_pickles() -> None:
    """What is kept or restored is files and their digests: no module can even read an archive or a pickle."""
    forbidden = {"tarfile", "zipfile", "pickle", "shelve", "marshal", "dill"}
    found = [
        f"{file.name}: {name}"
        for file in (REPOSITORY / "wavebuild").rglob("*.py")
        for statement in ast.walk(ast.parse(file.read_text()))
        for name in imported(statement)
        if name.split(".")[0] in forbidden
    ]

    assert found == []


def imported(statement: ast.AST) -> list[str]:
    match statement:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []
