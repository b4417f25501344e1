"""Projects that were written to do harm, or whose names do: nothing runs unasked, nothing leaves its place."""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import ClassVar

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
    """What is kept or restored is files and their digests: no module can even read an archive or a pickle.

    But for one, which reads what Python has compiled of our own modules, where an import would read it.
    """
    forbidden = {"tarfile", "zipfile", "pickle", "shelve", "marshal", "dill"}
    found = [
        f"{file.name}: {name}"
        for file in (REPOSITORY / "wavebuild").rglob("*.py")
        for statement in ast.walk(ast.parse(file.read_text()))
        for name in imported(statement)
        if name.split(".")[0] in forbidden
    ]

    assert found == ["bytecode.py: marshal"]


def imported(statement: ast.AST) -> list[str]:
    match statement:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []


class _Openings:
    """What this process creates in the folder for temporary files, as Python tells it; deaf while nobody listens."""

    folder = ""
    there = False
    heard: ClassVar[list[tuple[str, str, int]]] = []

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.folder or event not in ("open", "os.mkdir"):
            return
        path, last = arguments[0], arguments[2] if event == "open" else arguments[1]
        creates = event == "os.mkdir" or (isinstance(last, int) and bool(last & os.O_CREAT))
        if creates and isinstance(path, str) and path.startswith(self.folder):
            assert isinstance(last, int)
            self.heard.append((event, path, last))


_openings = _Openings()


@pytest.mark.scenario(id="X22")
def test_nothing_is_made_in_the_folder_for_temporary_files_that_others_could_have_made(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a question copies there is made anew, for this user alone, under a name that nobody foresees."""
    temporary = shop.home / "tmp"
    temporary.mkdir()
    shop.setenv(TMPDIR=str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, run: 'note a; cat s > o'}}")
    if not _openings.there:
        sys.addaudithook(_openings.hear)
        _openings.there = True
    _openings.heard.clear()
    _openings.folder = f"{temporary}/"
    try:
        shop.settle()
        (shop.root / ".wavebuild/state/Wavefile.db-wal").write_bytes(b"")  # as after a kill: it is read from a copy
        shop.plan()
    finally:
        _openings.folder = ""

    mine = tuple(path for event, path, mode in _openings.heard if event == "os.mkdir" and mode == 0o700)
    assert mine
    for event, path, flags in _openings.heard:
        assert path.startswith(mine) or (event == "open" and flags & os.O_EXCL), f"{event} {path}"
    assert list(temporary.iterdir()) == []


@pytest.mark.scenario(id="X22")
def test_what_is_kept_is_for_whom_the_caller_says(shop: Workshop) -> None:
    """Under a mask of 077 nobody else reads logs, state or scratch."""
    shop.put("s", "1")
    shop.wavefile("steps: {a: {inputs: s, outputs: o, scratch: true, run: 'note a; echo said; cat s > o'}}")
    before = os.umask(0o077)
    try:
        shop.settle()
    finally:
        os.umask(before)

    kept = [path for path in (shop.root / ".wavebuild").rglob("*") if not path.is_symlink()]
    assert any(path.suffix == ".log" for path in kept)
    assert [path for path in kept if path.stat().st_mode & 0o077] == []


@pytest.mark.scenario(id="S5")
def test_whatever_runs_jobs_knows_no_database() -> None:
    """Workers are new processes that have never seen the state: a connection that crosses a fork breaks it."""
    program = "import sys, wavebuild.run.worker, wavebuild.run.caller; print(*sys.modules)"
    environ = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environ)

    known = done.stdout.split()
    assert {"wavebuild.run.worker", "wavebuild.run.caller"} <= set(known)
    assert [name for name in known if "sqlite" in name or name.startswith("wavebuild.store")] == []
