"""What the page on the sandbox says that is held off, and what is not: a step for each of its lines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable

import pytest

from tests.support.command import REPOSITORY, Site
from tests.support.workshop import Workshop
from wavebuild.run import landlock

pytestmark = pytest.mark.long

walls = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
PROJECT = '"$WAVEBUILD_PROJECT"'


def outcomes(shop: Workshop, scripts: dict[str, str]) -> dict[str, str]:
    """How one sandboxed step for each script ends."""
    steps = "".join(
        f"  {name}:\n    outputs: out/{name}\n    run: |\n"
        + "".join(f"      {line}\n" for line in [*script.splitlines(), f"touch out/{name}"])
        for name, script in scripts.items()
    )
    shop.wavefile(f"defaults: {{sandbox: true}}\nsteps:\n{steps}")
    built = shop.build(keep_going=True)
    return {
        name: outcome if outcome == "succeeded" else "\n".join(built.steps[name].tail)
        for name, outcome in built.outcomes.items()
    }


@walls
def test_what_is_not_held_off(shop: Workshop):
    """Files out of the project, names, permissions, the network, the environment, shared memory, processes."""
    shop.write(secret="1\n")
    (shop.home / "beside").write_text("1\n")
    mark = f"wavebuild-{uuid.uuid4().hex}"
    shop.setenv(SOME_VARIABLE="there")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = outcomes(
            shop,
            {
                "files-beside": f"test $(cat {PROJECT}/../beside) = 1; cat /etc/passwd",
                "names": f"ls {PROJECT} | grep -q secret; test $(stat -c %s {PROJECT}/secret) = 2",
                "modes": f"chmod 600 {PROJECT}/secret; touch -d 2020-01-01 {PROJECT}/secret",
                "network": f"exec 3<>/dev/tcp/127.0.0.1/{port}",
                "environment": "test $SOME_VARIABLE = there",
                "shared-memory": f"touch /dev/shm/{mark}; rm /dev/shm/{mark}",
                "processes": "kill -0 $PPID",
                "home-is-read": "ls ~",
            },
        )

    assert set(found.values()) == {"succeeded"}, found
    assert (shop.root / "secret").stat().st_mode & 0o777 == 0o600


@walls
def test_what_is_held_off(shop: Workshop):
    """Writing anywhere else, reading the project by whatever path, gaining rights."""
    shop.put("d/secret", "1\n")
    os.symlink(shop.root, shop.home / "link-to-root")
    home = shop.home / "home"
    home.mkdir()
    shop.setenv(HOME=str(home))
    found = outcomes(
        shop,
        {
            "absolute": f"if cat {PROJECT}/d/secret; then exit 9; fi",
            "by-dots": "if cat ../../../../../d/secret; then exit 9; fi",
            "by-link": f"ln -s {PROJECT}/d/secret l; if cat l; then exit 9; fi",
            "by-link-from-beside": f"if cat {PROJECT}/../link-to-root/d/secret; then exit 9; fi",
            "by-hard-link": f"if ln {PROJECT}/d/secret l; then exit 9; fi",
            "state": f"if ls {PROJECT}/.wavebuild/state/* | xargs cat; then exit 9; fi",
            "home": "if touch ~/x; then exit 9; fi",
            "tmp": "if touch /tmp/wavebuild-x; then exit 9; fi",
            "children": f"if (setsid sh -c 'echo > {PROJECT}/d/secret'); then exit 9; fi",
            "rights": "grep -q '^NoNewPrivs:.*1' /proc/self/status",
            "others": "for f in /proc/$PPID/fd/*; do if readlink $f; then exit 9; fi; done",
        },
    )

    assert set(found.values()) == {"succeeded"}, found
    assert (shop.read("d/secret"), os.listdir(home)) == ("1\n", [])


@walls
def test_what_comes_to_be_beside_the_project_cannot_be_read(shop: Workshop):
    """What the kernel lets pass was settled when the step began."""
    script = "touch ready; until test -e $WAVEBUILD_PROJECT/../late; do sleep 0.02; done\n"
    script += "if cat $WAVEBUILD_PROJECT/../late; then exit 9; fi; touch o"
    steps = "".join(f"\n      {line}" for line in script.splitlines())
    shop.wavefile(f"steps:\n  s:\n    outputs: o\n    sandbox: true\n    run: |{steps}\n")

    def place(event: object) -> None:
        while type(event).__name__ == "StepStarted" and not list(
            shop.root.glob(".wavebuild/sandbox/*/tree/root/ready")
        ):
            time.sleep(0.01)
        if type(event).__name__ == "StepStarted":
            (shop.home / "late").write_text("1\n")

    assert shop.build(meanwhile=_later(place)).code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="made with a filter of Linux")
def test_without_landlock_there_is_the_private_folder_alone(tmp_path):
    """What is undeclared is not found by its relative path; who knows an absolute one can read and write."""
    site = Site(tmp_path)
    site.write("a", "1\n")
    site.write(
        "Wavefile",
        """
steps:
  s:
    inputs: a
    outputs: o
    sandbox: true
    run: |
      test ! -e b
      cat a $WAVEBUILD_PROJECT/b > o
      echo 3 > $WAVEBUILD_PROJECT/b
""",
    )
    site.write("b", "2\n")
    words = [sys.executable, str(REPOSITORY / "tests/support/bare.py"), *site.argv()]
    ended = subprocess.run(words, cwd=site.root, env=site.environ, capture_output=True, text=True, timeout=60)

    assert (ended.returncode, site.read("o"), site.read("b")) == (0, "1\n2\n", "3\n"), ended.stderr


def test_probes_and_digest_commands_run_in_the_project(shop: Workshop):
    """They ask what stands there."""
    shop.write(beside="1\n")
    shop.wavefile("""
probes: {there: {run: test -e beside && cat o}}
steps:
  s: {outputs: [o, "probe:there"], sandbox: true, run: "test ! -e beside; echo 1 > o"}
  t: {inputs: {path: o, digest: {run: "cat beside {{ path }}"}}, outputs: p, sandbox: true, run: cp o p}
""")

    assert (shop.build().outcomes, shop.build().outcomes) == (
        {"s": "succeeded", "t": "succeeded"},
        {"s": "kept", "t": "kept"},
    )


def test_an_input_that_moves_while_the_step_runs_counts_as_moved(shop: Workshop):
    """The next build runs it again."""
    shop.write(a="1\n")
    wait = "until test -e $WAVEBUILD_PROJECT/../edited; do sleep 0.02; done"
    shop.wavefile(f"steps: {{s: {{inputs: a, outputs: o, sandbox: true, run: 'cat a > o; {wait}'}}}}")
    (shop.home / "edited").touch()

    def edit(event: object) -> None:
        if type(event).__name__ == "StepStarted":
            while not list(shop.root.glob(".wavebuild/sandbox/*/tree/root/o")):
                time.sleep(0.01)
            shop.put("a", "2\n")
            (shop.home / "edited").touch()

    shop.build()
    (shop.home / "edited").unlink()
    shop.put("a", "3\n")
    moved = shop.build(meanwhile=_later(edit))

    assert (moved.code, moved.steps["s"].moved, shop.read("o")) == (1, ("a",), "3\n")
    assert (shop.build().outcomes, shop.read("o")) == ({"s": "succeeded"}, "2\n")


def _later(deed: Callable[[object], None]) -> Callable[[object], None]:
    """Does it in a thread: the step starts only when the event has been told."""
    return lambda event: threading.Thread(target=deed, args=(event,), daemon=True).start()


def test_git_is_not_there(shop: Workshop):
    """What git says is written by a step without a sandbox."""
    subprocess.run(["git", "init", "-q"], cwd=shop.root, check=True)
    found = outcomes(shop, {"git": "if git rev-parse --git-dir; then exit 9; fi; test ! -e .git"})

    assert landlock.version() == 0 or found == {"git": "succeeded"}


def test_a_linter_in_it_does_not_pass_over_all_as_wavebuild_ignores_itself(shop: Workshop):
    """Upwards, tools meet the end of a project before the folder whose ``.gitignore`` names all."""
    script = "d=$PWD; until test -e $d/.git; do test ! -e $d/.gitignore; d=${d%/*}; done\n"
    script += "case $d in */.wavebuild/sandbox/*) ;; *) exit 9;; esac"
    assert outcomes(shop, {"lint": script}) == {"lint": "succeeded"}
