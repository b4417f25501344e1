"""Real shells with the completion of wavebuild, asked as a person asks: by typing, and by the key for it.

It does not know what should come of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import REPOSITORY
from tests.support.terminal import LONGEST, Terminal, terminal

DUMP = "\x18d"
"""The keys by which a shell writes down its line."""

STARTS = {
    "bash": ["--noprofile", "--norc", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
BEGIN = {
    "bash": r"""
bind 'set enable-bracketed-paste off'; bind 'set bell-style none'
eval "$(wavebuild --show-completion bash)"
dump() { printf '%s' "$READLINE_LINE" > "$OUT.part"; mv "$OUT.part" "$OUT"; }
bind -x '"\C-xd": dump'
""",
    "zsh": r"""
autoload -Uz compinit; compinit -D -u
unsetopt beep auto_menu
eval "$(wavebuild --show-completion zsh)"
dump() { print -rn -- "$BUFFER" > "$OUT.part"; mv "$OUT.part" "$OUT"; }
zle -N dump; bindkey '^Xd' dump
""",
    "fish": r"""
wavebuild --show-completion fish | source
bind \cxd 'commandline > "$OUT.part"; mv "$OUT.part" "$OUT"'
""",
}


def is_there(shell: str) -> bool:
    """Whether a test of this shell runs: where nothing may be skipped it does, and fails for want of it."""
    return shutil.which(shell) is not None or bool(os.environ.get("NO_SKIPS"))


@dataclass
class Shell:
    """An interactive shell in a folder."""

    screen: Terminal
    out: Path

    def completed(self, typed: str, keys: str = "\t") -> str:
        """The line after the key was pressed; the shell's line is empty again then."""
        self.out.unlink(missing_ok=True)
        self.screen.type(f"{typed}{keys}{DUMP}")
        end = time.monotonic() + LONGEST
        while not self.out.exists():
            assert self.screen.read(0.02), self.screen.shown
            assert time.monotonic() < end, self.screen.shown
        line = self.out.read_text()
        self.screen.type("\x05\x15")  # to the end of the line, and all of it gone
        return line.rstrip("\n")


@contextlib.contextmanager
def shell(name: str, folder: Path, home: Path) -> Iterator[Shell]:
    """The shell, ready to be typed into."""
    found = shutil.which(name)
    assert found, f"{name} is not here"
    tool = home / "bin" / "wavebuild"
    tool.parent.mkdir(parents=True, exist_ok=True)
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m wavebuild "$@"\n')
    tool.chmod(0o755)
    setup = home / "setup"
    setup.write_text(f"{BEGIN[name]}\necho rea''dy\n")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WAVEBUILD_", "_WAVEBUILD"))}
    env = {
        **kept,
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(home),
        "ZDOTDIR": str(home),
        "OUT": str(home / "line"),
        "TERM": "xterm",
        "PS1": "$ ",
        "LC_ALL": "C.UTF-8",
    }
    with terminal([found, *STARTS[name]], folder, env) as screen:
        screen.type(f" . {setup}\n" if name != "fish" else f"source {setup}\n")
        screen.wait_for("ready")
        yield Shell(screen, home / "line")
