"""Installs the peers that a registry has into a folder of their own: ``python benchmarks/peers.py FOLDER``.

It does not know what the tools do. What cannot be had is said and left out; ``run.py --peers FOLDER`` takes the rest.

Those of the Python index are the extra ``benchmarks`` of pyproject.toml. tup comes as a Debian package and is unpacked,
not installed. redo is written for Python 2.7 and needs one. make and strace are taken from the system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
COMMANDS = ("ninja", "doit", "task", "scons", "snakemake", "dvc", "pytask")
TUP_PACKAGES = ("tup", "libfuse3-3", "fuse3", "libpcre3")
REDO_COMMANDS = ("redo", "redo-always", "redo-ifchange", "redo-ifcreate", "redo-stamp", "redo-unlocked")


def install(folder: Path) -> None:
    bin_folder = folder / "bin"
    bin_folder.mkdir(parents=True, exist_ok=True)
    for name, way in (("the Python index", _from_python), ("tup", _tup), ("redo", _redo)):
        try:
            way(folder, bin_folder)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"left out: {name}: {error}", file=sys.stderr)


def wanted() -> list[str]:
    extras: dict[str, list[str]] = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    return extras["benchmarks"]


def _from_python(folder: Path, bin_folder: Path) -> None:
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    for requirement in wanted():  # one by one: one that cannot be had does not take the others with it
        done = subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", requirement])
        if done.returncode != 0:
            print(f"left out: {requirement}", file=sys.stderr)
    for command in COMMANDS:
        if (venv / "bin" / command).exists():
            _replace(bin_folder / command, venv / "bin" / command)


def _tup(folder: Path, bin_folder: Path) -> None:
    unpacked = folder / "debian"
    unpacked.mkdir(exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", *TUP_PACKAGES], cwd=unpacked, check=True)
    for package in sorted(unpacked.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    libraries = sorted({str(path.parent) for path in unpacked.rglob("*.so.*")})
    _replace(bin_folder / "fusermount3", next(unpacked.rglob("fusermount3")))
    _script(
        bin_folder / "tup",
        f'#!/bin/sh\nLD_LIBRARY_PATH={":".join(libraries)} exec {next(unpacked.glob("usr/bin/tup"))} "$@"\n',
    )


def _redo(folder: Path, bin_folder: Path) -> None:
    python = _python2()
    library = folder / "redo"
    subprocess.run([python, "-m", "pip", "install", "-q", "--target", str(library), "redo-tools==0.41"], check=True)
    for command in REDO_COMMANDS:  # its own scripts look for packages first, which takes long
        module = f"redo.cmd_{command.partition('-')[2] or 'redo'}"
        _script(
            bin_folder / command,
            f"#!{python} -E\nimport sys\nsys.path.insert(0, {str(library)!r})\nfrom {module} import main\nmain()\n",
        )


def _python2() -> str:
    places = [shutil.which("python2.7"), *map(str, Path.home().glob(".pyenv/versions/2.7*/bin/python2.7"))]
    for place in places:
        if place and subprocess.run([place, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return place
    raise OSError("there is no Python 2.7 with pip here")


def _replace(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target.resolve() if target.name == "fusermount3" else target)


def _script(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("peers.py FOLDER", file=sys.stderr)
        return 2
    folder = Path(os.path.abspath(arguments[0]))
    install(folder)
    print(f"in {folder / 'bin'}: {', '.join(sorted(path.name for path in (folder / 'bin').iterdir()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
