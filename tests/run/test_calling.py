"""A worker that makes calls holds little, and nobody who is called can tell that it is another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crew import Crew
from tests.support.processes import alive, command_line, eventually


@pytest.fixture(params=[True, False], ids=["command", "program"])
def crew(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Crew]:
    place = Crew(tmp_path, alone=request.param)
    yield place
    place.pool.close()
    assert eventually(lambda: not alive(place.mark)), "a process outlived the pool"


def test_it_holds_none_of_what_the_build_is_made_of(crew: Crew):
    """Each fork copies what is there: no msgspec, no multiprocessing, no threads, and of us a handful."""
    crew.write("one.py", "import sys\ndef f(): print(*sys.modules)\n")
    crew.call("one:f")
    known = set(crew.log.split())

    assert known & {"msgspec", "multiprocessing", "threading", "subprocess", "inspect", "traceback", "pytest"} == set()
    assert len([name for name in known if name.startswith("wavebuild")]) < 12
    (worker,) = crew.workers()
    assert "wavebuild.run.caller" in command_line(worker)


def test_it_finds_what_the_build_finds(crew: Crew):
    """The same places, the same interpreter, the same words of the command line; its own folder first."""
    crew.write("one.py", "import sys\ndef f(): print([sys.path, sys.executable, sys.argv])\n")
    crew.call("one:f")

    assert crew.log == f"{[[str(crew.folder), *sys.path], sys.executable, sys.argv]}\n"


def test_a_call_holds_no_line_of_its_worker_open(crew: Crew):
    """Whoever it leaves behind would hide that the worker died."""
    crew.write("one.py", "import os\ndef f(): print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])\n")
    crew.call("one:f")

    assert crew.log == "[0, 1, 2]\n"


def test_what_it_says_of_a_folder_whose_name_is_no_text_arrives(crew: Crew):
    """As it would from any other worker."""
    crew.write("one.py", "def f(): pass\n")
    crew.call("one:f", cwd=str(crew.folder))
    ended = crew.call("one:f", cwd=str(crew.folder / "na\udcffme"))

    assert ended.failure == "start"
    assert "na\udcffme" in ended.detail


def test_it_holds_nothing_open_that_the_build_was_started_with(crew: Crew, tmp_path: Path):
    """What somebody waits for to be closed is none of its business."""
    handle = os.open(tmp_path / "held", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(handle, True)
    crew.write("one.py", "def f(): pass\n")
    crew.call("one:f")
    os.close(handle)
    (worker,) = crew.workers()

    assert str(tmp_path / "held") not in {os.readlink(each) for each in Path(f"/proc/{worker}/fd").iterdir()}


def test_it_is_started_as_the_build_was(tmp_path: Path):
    """The flags of the interpreter, by a letter or in words; and it never looks into the current folder first."""
    tell = "import json, sys; from wavebuild.run.hiring import _flags; print(json.dumps(_flags()))"
    environ = {name: value for name, value in os.environ.items() if name == "PYTHONPATH" or name[:6] != "PYTHON"}
    told = []
    for flags in ([], ["-OO", "-B"], ["-W", "error", "-X", "utf8"]):
        words = [sys.executable, *flags, "-c", tell]
        done = subprocess.run(words, capture_output=True, env=environ, check=True)
        told.append(json.loads(done.stdout))

    assert told == [["-P"], ["-OO", "-B", "-P"], ["-Werror", "-X", "utf8", "-P"]]


def test_who_used_multiprocessing_has_left_nothing(crew: Crew):
    """The process that looks after shared memory ends by itself: it is no leftover."""
    crew.write(
        "one.py",
        "def f():\n    from multiprocessing import shared_memory\n"
        "    memory = shared_memory.SharedMemory(create=True, size=64); memory.close(); memory.unlink()\n",
    )
    ended = crew.call("one:f")

    assert (ended.failure, ended.leftovers) == ("", 0)


def test_a_module_of_the_project_may_have_the_name_of_one_that_is_needed_late(crew: Crew):
    """The signature of what is no plain function is asked for by Python's own inspect."""
    crew.write("inspect.py", "mine = True\n")
    crew.write("traceback.py", "mine = True\n")
    crew.write(
        "one.py",
        "import functools, inspect, traceback\nclass F:\n"
        "    def __call__(self, outputs, **more): print(outputs, inspect.mine)\n"
        "f = F()\ndef g(): raise ValueError('told')\n",
    )

    assert crew.call("one:f").failure == ""
    assert crew.log == "['c'] True\n"
    assert crew.call("one:g").exit_code == 1
    assert "ValueError: told" in crew.log


def test_a_name_that_is_no_text_reaches_the_call(crew: Crew):
    """As the name of a file may be."""
    crew.write("one.py", "import os\ndef f(): print(ascii(os.environ['WAVEBUILD_ODD']), ascii(os.getcwd())[-8:])\n")
    folder = crew.folder / "na\udcffme"
    folder.mkdir()
    crew.call("one:f", env={"WAVEBUILD_ODD": "a\udcff"}, cwd=str(folder))

    assert crew.log == "'a\\udcff' udcffme'\n"


def test_lists_of_one_attempt_are_not_those_of_the_last(crew: Crew):
    """Nor are variables that the next has no more."""
    crew.write(
        "one.py",
        "import os\ndef f():\n    names = 'WAVEBUILD_X', 'WAVEBUILD_INPUTS'\n"
        "    here = {n: os.environ[n] for n in names if n in os.environ}\n"
        "    print(here.get('WAVEBUILD_X'), open(here['WAVEBUILD_INPUTS']).read() if len(here) > 1 else '-')\n",
    )
    call = crew.called("one:f")
    for number, (env, lists) in enumerate(
        [
            ({"WAVEBUILD_X": "1"}, {"WAVEBUILD_INPUTS": b"long list"}),
            ({"WAVEBUILD_X": "2"}, {"WAVEBUILD_INPUTS": b"b"}),
            ({}, {}),
        ]
    ):
        crew.submit(number, call=call, env=env, lists=lists)
        crew.ends(1)

    assert crew.log == "1 long list\n2 b\nNone -\n"
    assert len(crew.workers()) == 1


def test_what_the_module_holds_is_let_go_at_the_end_of_a_call(crew: Crew):
    """Also what was there before the call: as at the end of a program."""
    crew.write(
        "one.py",
        "class Held:\n    def __del__(self): print('gone')\nkept = [Held()]\ndef f(): print('called')\n",
    )
    crew.call("one:f")

    assert crew.log == "called\ngone\n"


def test_what_a_call_leaves_in_a_plain_module_is_let_go(crew: Crew):
    """Its module held nothing of the kind when it was imported."""
    crew.write(
        "one.py",
        "kept = []\ndef f():\n    class Held:\n        def __del__(self): print('gone')\n"
        "    kept.append(Held()); print('called')\n",
    )
    crew.call("one:f")

    assert crew.log == "called\ngone\n"


def test_a_module_that_comes_before_the_one_in_memory_is_taken(tmp_path: Path, crew: Crew):
    """A package of the same name in the same folder, as Python has it."""
    crew.write("one.py", "def f(): print('module')\n")
    crew.call("one:f")
    (crew.folder / "one").mkdir()
    crew.write("one/__init__.py", "def f(): print('package')\n")
    for _ in range(2):
        crew.call("one:f")

    assert crew.log == "module\npackage\npackage\n"


def test_a_module_that_comes_while_others_are_in_memory_is_found(crew: Crew):
    """Whoever looks for modules remembers what was there."""
    crew.write("one.py", "import importlib\ndef f(name): print(importlib.import_module(name).said)\n")
    for name in ("first", "second", "third"):
        crew.write(f"{name}.py", f"said = '{name}'\n")
        assert crew.call("one:f", name=name).failure == ""

    assert crew.log == "first\nsecond\nthird\n"


def test_an_argument_of_the_step_goes_before_a_list_of_the_same_name(crew: Crew):
    """As it does for a function of any kind."""
    crew.write("one.py", "def f(inputs, outputs, more=1): print(inputs, outputs, more)\n")
    crew.call("one:f", inputs="mine", more=2)

    assert crew.log == "mine ['c'] 2\n"


def test_another_wavebuild_that_is_installed_is_not_taken_for_this_one(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The worker is of the build that started it, wherever that was found."""
    (tmp_path / "site/wavebuild").mkdir(parents=True)
    (tmp_path / "site/wavebuild/__init__.py").write_text("raise SystemExit('another')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    crew.write("one.py", "def f(): print('called')\n")

    assert crew.call("one:f").failure == ""
    assert crew.log == "called\n"


# Workers that begin before the first call is known


def expected(crew: Crew, root: str = "") -> list[int]:
    """Those who begin early, for calls of this root: as many as there may be."""
    before = set(crew.workers())
    crew.pool.hire_early(5, root or crew.mark, "")
    assert eventually(lambda: len(set(crew.workers()) - before) == crew.size, 10)  # a new program has no words at first
    return sorted(set(crew.workers()) - before)


def test_who_began_early_makes_the_first_call(crew: Crew):
    """What it imports and is told is what any other would be told."""
    early = expected(crew)
    crew.write("one.py", "import os\ndef f(): print(os.getppid(), os.environ['SITE_MARK'], os.getcwd())\n")

    assert crew.call("one:f").failure == ""
    worker, mark, folder = crew.log.split()
    assert (int(worker) in early, mark, folder) == (True, crew.mark, str(crew.folder))
    assert sorted(crew.workers()) == early


def test_who_is_known_by_another_root_makes_no_call(crew: Crew):
    """By that a later build would look for what this one left."""
    early = expected(crew, "elsewhere")
    crew.write("one.py", "import os\ndef f(): print(os.getppid())\n")
    crew.call("one:f")

    assert int(crew.log) not in early


def test_who_began_early_and_died_is_not_missed(crew: Crew):
    """Nobody has told it anything yet: another makes the call."""
    for pid in expected(crew):
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    crew.write("one.py", "def f(): print('called')\n")

    assert crew.call("one:f").failure == ""
    assert crew.log == "called\n"


def test_when_another_dies_who_began_early_is_no_stray(crew: Crew):
    """It has no step, and is ours."""
    (first, *others) = expected(crew)
    crew.write("one.py", "import os\ndef f(): os.kill(os.getppid(), 9)\n")
    assert crew.call("one:f").failure == "worker died"
    crew.write("two.py", "import os\ndef f(): print(os.getppid())\n")
    crew.call("two:f")

    assert int(crew.log.split()[-1]) in (first, *others)


def test_who_began_early_for_nothing_ends_at_once(crew: Crew):
    """Also while it is still on its way; and so does whoever waits when the build is killed."""
    early = expected(crew)
    crew.pool.close()

    assert early
    assert not [pid for pid in early if Path(f"/proc/{pid}").exists()]


def test_who_began_early_ends_when_the_build_is_killed(tmp_path: Path):
    """It hears that nobody will say anything any more."""
    program = (
        "import os, time\nfrom wavebuild.run.pool import Pool\n"
        f"pool = Pool(2, {str(tmp_path / 'groups')!r}, os.environ)\npool.hire_early(2, {str(tmp_path)!r}, '')\n"
        "print(*[each.process.pid for each in pool._early], flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        early = build.stdout.readline().split()
        build.kill()

    assert len(early) == 2
    assert eventually(lambda: not alive(str(tmp_path)), 30)
