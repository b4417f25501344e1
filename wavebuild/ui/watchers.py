"""``wavebuild watch --daemon`` and ``--stop``: the watcher in the background, begun and ended.

It does not know what the watcher does, nor anything of a watch that builds.
"""

from __future__ import annotations

from collections.abc import Sequence

from wavebuild.errors import mistake
from wavebuild.store.layout import Layout
from wavebuild.ui.asking import Where, request_of
from wavebuild.ui.caller import Caller
from wavebuild.ui.escapes import escaped


def deed(caller: Caller, words: Sequence[str], where: Where, ends: bool, begins: bool, quiet: bool) -> int:
    if ends and begins:
        raise mistake("flags", "--daemon and --stop exclude each other")
    return (stop if ends else begin)(caller, words, where, quiet)


def begin(caller: Caller, words: Sequence[str], where: Where, quiet: bool) -> int:
    """Returns when builds are answered, or there is something to be built first."""
    from wavebuild.watch import background

    _refuse_words("--daemon builds nothing, so it takes no targets", words)
    layout = _layout(caller, where)
    begun = background.begin(layout)
    if not quiet:
        caller.say([f"watching {escaped(layout.root)} in the background, pid {begun.pid}: {escaped(begun.said)}"])
    return 0


def stop(caller: Caller, words: Sequence[str], where: Where, quiet: bool) -> int:
    from wavebuild.watch import background

    _refuse_words("--stop ends the watcher of a project: it takes no targets", words)
    layout = _layout(caller, where)
    ended = background.stop(layout)
    if not quiet:
        told = f"the watcher has ended, pid {ended.pid}" if ended else f"nobody watches {escaped(layout.root)}"
        caller.say([told])
    return 0


def _refuse_words(message: str, words: Sequence[str]) -> None:
    if words:
        raise mistake("no-words", message)


def _layout(caller: Caller, where: Where) -> Layout:
    from wavebuild.engine.idle import layout_of, refuse_inside_itself
    from wavebuild.engine.project import wavefile_of

    request = request_of(caller, where, ())
    layout = layout_of(wavefile_of(request), dict(request.environ))
    refuse_inside_itself(layout.root, dict(request.environ))
    return layout
