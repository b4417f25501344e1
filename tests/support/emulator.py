"""What stands on a terminal after a program has written to it, cell by cell.

It does not know the program. pyte does what a terminal does with escape sequences; it shows each cell as a character.
"""

from __future__ import annotations

from pyte import ByteStream, Screen
from pyte import modes as mo


class Emulator:
    """A terminal of a size; ``rows`` are its lines without the blanks at their ends."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.screen = Screen(columns, lines)
        self._stream = ByteStream(self.screen)

    def feed(self, text: str | bytes) -> Emulator:
        """Writes as a program does: the terminal's driver makes a line end two characters."""
        data = text.encode() if isinstance(text, str) else text
        self._stream.feed(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        return self

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)

    @property
    def rows(self) -> list[str]:
        """From the first to the last that is not empty."""
        rows = [row.rstrip() for row in self.screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    @property
    def is_as_it_was(self) -> bool:
        """Whether the cursor is there, long lines wrap, and what is written next has no colour."""
        cursor = self.screen.cursor
        return not cursor.hidden and mo.DECAWM in self.screen.mode and cursor.attrs.fg == "default"

    def colours(self, row: int) -> set[str]:
        """The colours of the characters of a row that are no blanks."""
        cells = self.screen.buffer[row]
        return {cells[at].fg for at in range(self.screen.columns) if cells[at].data.strip()}
