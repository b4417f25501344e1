"""Projects that CMake configures for ninja are imported, and built by both: the same objects, and the same steps again.

The real project is libdeflate, as the source distribution of the package `deflate` carries it: pip fetches it once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from tests.support.folders import written
from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.engine import Request

PACKAGE, VERSION = "deflate", "0.9.0"
SHA256 = "962e0a6f1ea3a94b900a8ea0ce138fa92bfcbafda5b86367104a259ffcd3462b"

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("cmake")]


def without(what: str) -> None:
    """In CI a missing tool is a failure; on a person's machine these tests are left out."""
    if os.environ.get("NO_SKIPS"):
        pytest.fail(f"{what} is not there")
    pytest.skip(f"{what} is not there")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    for tool in ("cmake", "ninja", "cc"):
        if shutil.which(tool) is None:
            without(tool)
    return Workshop(tmp_path, monkeypatch)


def fetched(cache: Path) -> Path:
    """The source distribution, from the cache or by pip."""
    archive = cache / f"{PACKAGE}-{VERSION}.tar.gz"
    if not archive.exists():
        wanted = [f"{PACKAGE}=={VERSION}", "--no-deps", "--no-binary", PACKAGE, "--dest", str(cache)]
        for seconds in (0, 5, 20):  # where it comes from may be out of reach for a moment
            time.sleep(seconds)
            done = subprocess.run(
                [sys.executable, "-m", "pip", "download", "-q", *wanted], capture_output=True, text=True, check=False
            )
            if not done.returncode:
                break
        else:
            without(f"{archive.name} ({done.stderr.strip()[-200:]})")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    return archive


def configured(shop: Workshop, source: Path, *options: str) -> None:
    """The build folder is the root; what lies in it before anything is built is kept for a second copy."""
    command = ["cmake", "-G", "Ninja", "-S", str(source), "-B", str(shop.root), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.copytree(shop.root, shop.home / "pristine", symlinks=True)


class Pair:
    """Two copies of a build folder that take turns at the one path that CMake wrote into all commands."""

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        self.now = "ninja"
        self.kept = {"wavebuild": shop.home / "pristine"}
        self.made: dict[str, tuple[str, ...]] = {}

    def turn(self, to: str) -> None:
        if to != self.now:
            away = self.shop.home / f"by-{self.now}"
            os.rename(self.shop.root, away)
            os.rename(self.kept.pop(to), self.shop.root)
            self.kept[self.now], self.now = away, to

    def import_it(self) -> engine.Conversion:
        self.turn("wavebuild")
        done = engine.convert(self.shop.request(), "build.ninja")
        steps = engine.load(Request(str(self.shop.root))).wavefile.steps
        self.made = {step.name: tuple(output.path for output in step.outputs) for step in steps}
        return done

    def by_wavebuild(self, *targets: str) -> list[str]:
        """The outputs that were made anew."""
        self.turn("wavebuild")
        built = self.shop.build(*targets, jobs=2)
        assert built.code == 0, built.steps
        ran = [name for name, outcome in built.outcomes.items() if outcome == "succeeded"]
        return sorted(path for name in ran for path in self.made[name])

    def by_ninja(self, *targets: str) -> list[str]:
        self.turn("ninja")
        log = self.shop.root / ".ninja_log"
        before = len(log.read_text().splitlines()) if log.exists() else 1
        done = subprocess.run(["ninja", *targets], cwd=self.shop.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        outputs = [line.split("\t")[3] for line in log.read_text().splitlines()[before:]]
        ours = {path for paths in self.made.values() for path in paths}
        found = {os.path.relpath(os.path.join(self.shop.root, path), self.shop.root) for path in outputs}
        return sorted(found & ours)

    def products(self, of: str) -> dict[str, bytes]:
        self.turn(of)
        paths = [path for paths in self.made.values() for path in paths]
        return {path: (self.shop.root / path).read_bytes() for path in paths if (self.shop.root / path).exists()}


def objects(paths: list[str]) -> list[str]:
    return [path for path in paths if path.endswith(".o")]


@pytest.mark.timeout(400)
def test_a_real_c_project_is_built_alike(shop: Workshop, pytestconfig: pytest.Config) -> None:
    """libdeflate: every object, library and program byte for byte; a header and a source make the same work again."""
    cache = pytestconfig.cache
    assert cache is not None
    with tarfile.open(fetched(cache.mkdir("sdists"))) as archive:
        archive.extractall(shop.home / "sdist", filter="data")
    source = shop.home / "sdist" / f"{PACKAGE}-{VERSION}" / "libdeflate"
    configured(shop, source, "-DCMAKE_BUILD_TYPE=MinSizeRel", "-DCMAKE_C_FLAGS_MINSIZEREL=-O0")
    pair = Pair(shop)
    done = pair.import_it()

    assert {problem.message.split(": ")[-1] for problem in done.left} == {
        "it makes a build file of ninja",
        "it runs a tool of ninja itself",
    }
    assert pair.by_wavebuild() == pair.by_ninja()
    assert len(objects(list(pair.products("ninja")))) >= 20
    assert pair.products("wavebuild") == pair.products("ninja")
    assert (pair.by_wavebuild(), pair.by_ninja()) == ([], [])

    header = source / "lib" / "gzip_constants.h"
    header.write_text(header.read_text() + "\n#define ADDED_BY_A_TEST 1\n")
    # Objects do not change by this, so wavebuild links nothing; ninja, which goes by time, does.
    again = pair.by_wavebuild()
    assert again == objects(pair.by_ninja())
    assert 2 <= len(again) < 10

    utils = source / "lib" / "utils.c"
    utils.write_text(utils.read_text() + "\nint added_by_a_test(void) { return 7; }\n")
    again = pair.by_wavebuild()
    assert again == pair.by_ninja()
    assert len(objects(again)) == 2
    assert {"libdeflate.a", "libdeflate.so.0"} <= set(again)
    assert pair.products("wavebuild") == pair.products("ninja")


PROJECT = {
    "CMakeLists.txt": """\
cmake_minimum_required(VERSION 3.16)
project(demo C)
find_program(PRINT printf REQUIRED)
add_custom_command(OUTPUT limits_made.h COMMAND ${PRINT} "#define MOST %s\\\\n" 3 > limits_made.h
                   DEPENDS limits.in COMMENT "Making limits" VERBATIM)
add_subdirectory(parts)
add_executable(app main.c limits_made.h)
target_include_directories(app PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
target_link_libraries(app PRIVATE parts moving)
add_custom_target(report ALL COMMAND ${CMAKE_COMMAND} -E echo hello DEPENDS app)
enable_testing()
add_test(NAME app COMMAND app)
""",
    "limits.in": "3\n",
    "main.c": '#include "limits_made.h"\n#include "parts/parts.h"\n'
    "int main(void) { return first() + second() - MOST; }\n",
    "parts/CMakeLists.txt": "add_library(parts STATIC first.c)\nadd_library(moving SHARED second.c)\n"
    "set_target_properties(moving PROPERTIES VERSION 1.2 SOVERSION 1)\n",
    "parts/parts.h": "int first(void);\nint second(void);\n",
    "parts/first.c": '#include "parts.h"\nint first(void) { return 1; }\n',
    "parts/second.c": '#include "parts.h"\nint second(void) { return 2; }\n',
}


def test_generated_headers_subfolders_and_targets_without_files_are_built_alike(shop: Workshop) -> None:
    """A header that a command makes, libraries in a subfolder, links of versions, a target that always runs, tests."""
    source = shop.home / "source"
    written(source, PROJECT)
    configured(shop, source)
    pair = Pair(shop)
    pair.import_it()

    assert pair.by_wavebuild() == pair.by_ninja()
    assert pair.products("wavebuild") == pair.products("ninja")
    assert (shop.root / "parts" / "libmoving.so").is_symlink()

    pair.turn("wavebuild")
    assert [name for name, outcome in shop.build().outcomes.items() if outcome == "succeeded"] == ["report"]
    assert shop.build("test").outcomes["test"] == "succeeded"
    assert shop.build("parts/all").code == 0

    (source / "parts" / "parts.h").write_text("int first(void);\nint second(void);\nint third(void);\n")
    assert pair.by_wavebuild() == objects(pair.by_ninja())
    (source / "parts" / "second.c").write_text('#include "parts.h"\nint second(void) { return 4 - 2; }\nint x;\n')
    assert {"parts/libmoving.so.1.2"} <= set(pair.by_wavebuild()) <= set(pair.by_ninja())
    (source / "limits.in").write_text("4\n")
    assert pair.by_wavebuild() == ["limits_made.h"]
