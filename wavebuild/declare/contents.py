"""What the files say by which steps are repeated and inputs listed, as far as it is known yet.

It does not know who makes those files, nor when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from wavebuild.declare.files import Files
from wavebuild.declare.model import Artifact, Json, Kind
from wavebuild.errors import Place, WavebuildError, mistake

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wavebuild.declare.data import DataKind

Known = Mapping[Artifact, bytes | tuple[str, ...] | None]
"""FILE → its bytes, GLOB → its members; None: nothing stands there. Keys as ``awaited`` makes them."""

_KINDS: Mapping[str, DataKind] = {"yaml": "yaml", "yml": "yaml", "json": "json", "toml": "toml"}
_NOWHERE = Place("")


def awaited(kind: Literal[Kind.FILE, Kind.GLOB], path: str, exclude: tuple[str, ...] = ()) -> Artifact:
    """An artifact whose content decides which steps or inputs there are; its place does not count."""
    return Artifact(kind, path, _NOWHERE, exclude=exclude)


class Contents(Struct):
    """The contents that are known; each is read once, however many steps ask. Methods raise WavebuildError.

    ``files``: the Wavefile itself, and whatever else is read to load it.
    """

    known: Known = field(default_factory=dict)
    files: Files = field(default_factory=Files)
    _data: dict[Artifact, Json] = field(default_factory=dict)
    _tables: dict[tuple[Artifact, str], tuple[list[str], list[list[str]]]] = field(default_factory=dict)
    _lines: dict[Artifact, tuple[str, ...]] = field(default_factory=dict)

    def data(self, file: Artifact) -> Json:
        """The value of a YAML, JSON or TOML file."""
        from wavebuild.declare.data import read_data

        if file not in self._data:
            kind = _KINDS[file.path.rpartition(".")[2]]
            self._data[file] = read_data(self._bytes(file), file.path, kind)
        return self._data[file]

    def table(self, file: Artifact, delimiter: str) -> tuple[list[str], list[list[str]]]:
        """Header and rows of a CSV file."""
        from wavebuild.declare.tables import read_table

        if (file, delimiter) not in self._tables:
            self._tables[file, delimiter] = read_table(self._bytes(file), file.path, delimiter)
        return self._tables[file, delimiter]

    def lines(self, file: Artifact) -> tuple[str, ...]:
        """The lines of a text that are not blank, without the white space around them."""
        if file not in self._lines:
            self._lines[file] = tuple(line.strip() for line in self.text(file).splitlines() if line.strip())
        return self._lines[file]

    def text(self, file: Artifact) -> str:
        """The whole text."""
        data = self._bytes(file)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise mistake("not-utf8", f"{file.path} is not UTF-8 at byte {error.start}", Place(file.path)) from None

    def digest(self, file: Artifact) -> str:
        """The SHA-256 of its bytes, in hex; "" while they are not known, or it is not there."""
        import hashlib

        found = self.known.get(file)
        return hashlib.sha256(found).hexdigest() if isinstance(found, bytes) else ""

    def members(self, glob: Artifact) -> tuple[str, ...]:
        """The paths that a glob has."""
        found = self.known[glob]
        return found if isinstance(found, tuple) else ()

    def is_there(self, artifact: Artifact) -> bool:
        return self.known[artifact] is not None

    def _bytes(self, file: Artifact) -> bytes:
        found = self.known[file]
        if not isinstance(found, bytes):
            raise WavebuildError(())
        return found
