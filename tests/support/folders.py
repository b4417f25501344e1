"""Files written for a test, and what stands in a folder, to be compared.

It does not know what the files are for.
"""

from __future__ import annotations

import os
from pathlib import Path

LONG_AGO = 1_600_000_000_000_000_000


def written(root: Path, files: dict[str, str]) -> None:
    """Makes these files; a name that ends in ``/`` is an empty folder."""
    for name, text in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def aged(path: Path, text: str, seconds: int = 0) -> Path:
    """A file whose mtime lies long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(LONG_AGO, LONG_AGO + seconds * 1_000_000_000 + 5))
    return path


def tree(root: Path, without: str = ".wavebuild") -> dict[str, tuple[str, int]]:
    """Every file (bytes or link text, mtime) and every empty folder below a root."""
    found: dict[str, tuple[str, int]] = {}
    for folder, folders, files in os.walk(root):
        if folder == str(root) and without in folders:
            folders.remove(without)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*files, *links):
            path = Path(folder, name)
            text = os.readlink(path) if path.is_symlink() else path.read_bytes().decode("latin-1")
            found[str(path.relative_to(root))] = (text, path.lstat().st_mtime_ns)
        if not folders and not files and folder != str(root):
            found[str(Path(folder).relative_to(root)) + "/"] = ("", 0)
    return found
