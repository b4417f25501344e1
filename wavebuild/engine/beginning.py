"""Begins a project: writes its first Wavefile, and nothing over anything.

It does not know what is in it.
"""

from __future__ import annotations

import os

from wavebuild import disk
from wavebuild.declare.starting import STARTING_WAVEFILE
from wavebuild.declare.upward import WAVEFILE_NAMES
from wavebuild.engine.request import Request
from wavebuild.errors import Place, mistake


def init(request: Request) -> str:
    """Writes the starting Wavefile; its path relative to the folder of the request."""
    name = request.file or WAVEFILE_NAMES[0]
    path = os.path.normpath(os.path.join(request.directory, name))
    folder, own_name = os.path.split(path)
    if not os.path.isdir(folder):
        raise mistake("no-folder", f"there is no folder {folder}")
    for other in (own_name,) if request.file else WAVEFILE_NAMES:
        if disk.look(os.path.join(folder, other)) is not None:
            raise _present(os.path.join(os.path.dirname(name), other))
    try:
        disk.write_new(path, STARTING_WAVEFILE.encode())
    except FileExistsError:
        raise _present(name) from None
    except OSError as error:
        raise mistake("unwritable", f"{name} cannot be written: {error.strerror}", Place(name)) from None
    return name


def _present(name: str) -> Exception:
    return mistake("exists", f"there is a {name} already; init never overwrites", remedy="-f FILE names another file")
