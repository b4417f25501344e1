"""Where the state of a root lies, from the caller's variables and the kind of file system.

It does not know what is in it, and imports nothing: a build with nothing to do looks there.
"""

from __future__ import annotations

import os

from wavebuild.store.mounts import may_be_network, network_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_VARIABLE = "WAVEBUILD_STATE_DIR"


def home_of(root: str) -> str:
    return f"{root}/.wavebuild"


def chosen_in(root: str, environ: Mapping[str, str], setting: str | None = None) -> tuple[str, str]:
    """The folder for states, "" for the usual place; and the kind of network file system that decided it, or "".

    The environment says it, else the setting; what lies on a network file system is kept on the caller's own machine.
    """
    text = environ.get(STATE_VARIABLE)
    if text:
        from wavebuild import disk

        return disk.placed(text, root), ""
    if setting:
        return setting, ""
    network = network_of(root) if may_be_network(root) else ""
    local = _local(environ) if network else ""
    return "" if local and network_of(local) else local, network


def state_folder(root: str, chosen: str) -> str:
    """Where what is remembered of a root lies; ``chosen``: a folder that holds the states of many, or ""."""
    return of_root(chosen, root) if chosen else f"{home_of(root)}/state"


def of_root(folder: str, root: str) -> str:
    """The folder of one root among the states of many."""
    from wavebuild import disk

    return f"{folder.rstrip('/')}/{disk.name_of(root)}"


def stem_of(file: str) -> str:
    """How the names of what belongs to one Wavefile begin."""
    return file.replace("/", "%")


def _local(environ: Mapping[str, str]) -> str:
    """The folder for states in the caller's home; "" if there is none."""
    told = environ.get("XDG_STATE_HOME", "")
    folder = (
        told if os.path.isabs(told) else os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".local/state")
    )
    return os.path.join(folder, "wavebuild") if os.path.isabs(folder) else ""
