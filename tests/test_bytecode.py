"""Our own modules come from their bytecode, and are what they would be without that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from wavebuild import bytecode
if sys.argv[1] == "quick":
    bytecode.take("tiny")
import tiny.inner.one as one, tiny.two as two
import tiny.inner, inspect
for module in (one, two, tiny.inner):
    spec = module.__spec__
    print(module.__name__, module.__file__, module.__cached__, module.__package__, getattr(module, "__path__", None))
    print(spec.name, spec.origin, spec.cached, spec.has_location, spec.submodule_search_locations, spec.parent)
    print(inspect.getsource(module), module.said, module.where.__code__.co_filename)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in ("tiny/__init__.py", "tiny/inner/__init__.py", "tiny/inner/one.py", "tiny/two.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"said = {name!r}\ndef where(): pass\n")
    return tmp_path


def told(package: Path, way: str, *flags: str, writes: bool = True) -> str:
    """What a new interpreter says of the modules that it has imported."""
    ours = {"PYTHONDONTWRITEBYTECODE": "" if writes else "1", "PYTHONPYCACHEPREFIX": ""}
    path = os.pathsep.join([str(package), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, *flags, "-c", PROGRAM, way],
        env={**os.environ, **ours, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_module_is_what_it_is_without(package: Path) -> None:
    """Its file, its place, its source; with bytecode and before there is any."""
    usual = told(package, "usual", writes=False)

    assert told(package, "quick", writes=False) == usual
    assert told(package, "usual") == usual
    assert len(list(package.rglob("*.pyc"))) == 4
    assert told(package, "quick") == usual


def test_what_is_taken_is_the_bytecode(package: Path) -> None:
    """Not the source: only its time and its size are looked at."""
    told(package, "usual")
    two = package / "tiny/two.py"
    before = two.stat()
    two.write_text(two.read_text().replace("two", "owt"))
    os.utime(two, ns=(before.st_atime_ns, before.st_mtime_ns))

    said = told(package, "quick").splitlines()

    assert "def where(): pass" in said
    assert any(line.startswith(" tiny/two.py ") for line in said), "the code is that of before"


@pytest.mark.parametrize("change", ["time", "size", "cut", "other", "empty"])
def test_bytecode_of_another_source_is_not_taken(package: Path, change: str) -> None:
    """Nor any that is damaged at its beginning."""
    told(package, "usual")
    two, kept = package / "tiny/two.py", next((package / "tiny/__pycache__").glob("two.*.pyc"))
    before = two.stat()
    two.write_text(two.read_text().replace("two", "owt" if change != "size" else "three"))
    if change == "time":
        os.utime(two, ns=(before.st_atime_ns, before.st_mtime_ns + 2 * 10**9))
    else:
        os.utime(two, ns=(before.st_atime_ns, before.st_mtime_ns))
    if change in ("cut", "other", "empty"):
        data = kept.read_bytes()
        kept.write_bytes({"cut": data[:9], "other": b"other" + data[5:], "empty": b""}[change])

    said = told(package, "quick", writes=False)

    assert ("three" if change == "size" else "owt") in said
    assert " tiny/two.py " not in said


@pytest.mark.parametrize("flags", [["-O"], ["-X", "pycache_prefix=elsewhere"]])
def test_bytecode_of_another_kind_or_place_is_left_to_the_import_system(
    package: Path, flags: list[str], tmp_path: Path
) -> None:
    """It knows where that lies."""
    told(package, "usual")

    assert told(package, "quick", *flags, writes=False) == told(package, "usual", *flags, writes=False)
