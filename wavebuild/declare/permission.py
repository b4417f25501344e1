"""The folders out of the root that outputs may lie in: those the Wavefile asks for, as far as the user agrees.

It does not know which outputs lie there.
"""

from __future__ import annotations

import os

from wavebuild import disk
from wavebuild.declare import schema, syntax
from wavebuild.declare.fields import Fields
from wavebuild.declare.files import Files
from wavebuild.declare.forms import Reading
from wavebuild.declare.source import Problems, Unreadable, word
from wavebuild.declare.variables import CallerEnv
from wavebuild.errors import Place, Problem, WavebuildError

VARIABLE = "WAVEBUILD_ALLOW_OUTSIDE"
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def allowed(asked: tuple[str, ...], given: bool, env: CallerEnv, files: Files, problems: Problems) -> tuple[str, ...]:
    """Of these folders those, or the folders in them, that the user allows; all if ``given`` on the command line.

    ``files`` takes the user's configuration, which is read only if somebody asks. ``problems``: of the Wavefile;
    those of the configuration come to them.
    """
    if not asked:
        return ()
    text = (env.get(VARIABLE) or "").lower()
    if text and text not in (*_YES, *_NO):
        problems.record(Problem("bad-environment", f"{VARIABLE} needs yes or no, not {text!r}", Place(VARIABLE)))
    if given or text in _YES:
        return asked
    agreed = _configured(_path(env), files, problems)
    found = [folder for folder in asked if any(_holds(one, folder) for one in agreed)]
    found += [one for one in agreed if any(_holds(folder, one) for folder in asked) and one not in found]
    return tuple(found)


def _path(env: CallerEnv) -> str:
    home = env.get("XDG_CONFIG_HOME") or ""
    if not os.path.isabs(home):
        home = os.path.join(env.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(home, "wavebuild/config.yaml")


def _configured(path: str, files: Files, problems: Problems) -> list[str]:
    """The folders of the user's configuration; none if there is no such file."""
    try:
        text = syntax.decoded(files.read(path, syntax.MAX_BYTES), path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        problems.record(Problem("unreadable", f"cannot read your configuration: {error.strerror}", Place(path)))
        return []
    except WavebuildError as error:
        for problem in error.problems:
            problems.record(problem)
        return []
    own = Problems(path, text)
    found = _folders(own)
    for problem in own.found():
        problems.record(problem)
    return found


def _folders(own: Problems) -> list[str]:
    reading = Reading(own)
    try:
        value = syntax.parse(own.text, own)
        fields = Fields.of(schema.CONFIGURATION, value, reading) if value is not None else Fields({}, reading)
    except Unreadable:
        return []
    found = []
    for text, place in fields.placed(schema.OUTSIDE):
        if text.startswith(("/", "~")):
            found.append(disk.placed(text, "/"))
        else:
            message = f"the folder {word(text)} is relative to nothing here"
            own.record(Problem("bad-path", message, place, "write it from / or ~", own.line(place.line)))
    return found


def _holds(folder: str, path: str) -> bool:
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")
