"""Where things lie in ``.wavebuild``, the folder of a root's state.

It does not know what is in them. All paths are absolute.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from wavebuild import disk


@dataclass(frozen=True, slots=True)
class Layout:
    """``root``: the folder of the Wavefile. ``file``: the Wavefile's name, which has a state of its own."""

    root: str
    file: str

    @property
    def home(self) -> str:
        return f"{self.root}/.wavebuild"

    @property
    def state(self) -> str:
        return f"{self.home}/state/{self._name}.db"

    @property
    def settled(self) -> str:
        return f"{self.home}/state/{self._name}.settled"

    @property
    def lock(self) -> str:
        return f"{self.home}/lock"

    @property
    def groups(self) -> str:
        return f"{self.home}/groups"

    def logs(self, run: str) -> str:
        return f"{self.home}/logs/{run}"

    @property
    def _name(self) -> str:
        return self.file.replace("/", "%")

    def prepare(self) -> None:
        """Makes the folder, which ignores itself in git."""
        disk.make_folder(self.home)
        ignore = f"{self.home}/.gitignore"
        if not os.path.exists(ignore):
            disk.write_atomic(ignore, b"*\n")
