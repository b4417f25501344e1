"""Which of the caller's variables a step gets: all, or under `settings.clean_env` those that match.

It does not know what a step is told besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def exactly(names: Sequence[str]) -> tuple[str, ...]:
    """Patterns that match these names alone."""
    from glob import escape

    return tuple(map(escape, names))


def passed(environ: Mapping[str, str], patterns: Sequence[str] | None) -> Mapping[str, str]:
    """The variables that match one of the patterns; None: all."""
    if patterns is None:
        return environ
    from fnmatch import fnmatchcase

    return {n: value for n, value in environ.items() if any(fnmatchcase(n, pattern) for pattern in patterns)}
