"""Each deed by hand after its flags are read: asked about where it must be, done by the engine, told.

It does not know how the flags were spelled, nor what a deed does to files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wavebuild.errors import mistake
from wavebuild.ui.answering import answer_record, answer_text, refuse_ambiguous, stdout_style, the_one
from wavebuild.ui.asking import Show, Where, request_of
from wavebuild.ui.caller import Caller
from wavebuild.ui.escapes import escaped
from wavebuild.ui.problems import refusal_lines

if TYPE_CHECKING:
    from wavebuild.engine import Cleaned, Request


def touch(caller: Caller, request: Request, show: Show) -> int:
    steps = caller.engine().touch(request)
    if show.json:
        answer_record(caller, {"touched": list(steps)})
    elif not show.quiet:
        caller.say([f"accepted as its result, without a run: {escaped(step)}" for step in steps])
    return 0


def accept(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = request_of(caller, where, words)
    if not request.targets:
        raise mistake("no-subject", "accept needs a PATH or a STEP")
    return _said(caller, caller.engine().accept(request, request.targets), show)


def freeze(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = _naming_steps(caller, words, where, "freeze")
    return _said(caller, caller.engine().freeze(request, request.targets), show)


def unfreeze(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = _naming_steps(caller, words, where, "unfreeze")
    return _said(caller, caller.engine().unfreeze(request, request.targets), show)


def forget(caller: Caller, words: Sequence[str], where: Where, show: Show) -> int:
    request = _naming_steps(caller, words, where, "forget")
    steps = caller.engine().forget(request)
    return _said(caller, [f"{step}: forgotten; it runs next" for step in steps], show)


def _naming_steps(caller: Caller, words: Sequence[str], where: Where, command: str) -> Request:
    request = request_of(caller, where, words)
    if not request.targets:
        raise mistake("no-subject", f"{command} needs a STEP")
    return request


def _said(caller: Caller, lines: Sequence[str], show: Show) -> int:
    answer_text(caller, [escaped(line) for line in lines], stdout_style(caller, show))
    return 0


def clean(caller: Caller, words: Sequence[str], where: Where, show: Show, bare: str | None) -> int:
    from wavebuild.ui.answers import clean_lines
    from wavebuild.ui.records import clean_record

    request = request_of(caller, where, words)
    refuse_ambiguous(caller, request, bare)
    deed = _cleaning(caller, request, show)
    foreseen = deed(request, True)
    asks = bool(foreseen.removed) and not show.dry_run and not show.yes
    if asks and not caller.interactive:
        raise mistake("not-asked", "clean asks before it removes, and there is nobody to ask", remedy="add --yes or -n")
    if asks:
        caller.say(clean_lines(foreseen, done=False))
        if show.state:
            caller.say(["every step will run next, and files at its outputs will be in its way: see `wavebuild -t`"])
        if not caller.asks(f"remove {len(foreseen.removed)}?"):
            return 1
    done = bool(foreseen.removed) and not show.dry_run
    cleaned = deed(request, False) if done else foreseen
    if show.json:
        answer_record(caller, clean_record(cleaned, done))
    else:
        answer_text(caller, clean_lines(cleaned, done), stdout_style(caller, show))
    return 0


def _cleaning(caller: Caller, request: Request, show: Show) -> Callable[[Request, bool], Cleaned]:
    """What is to be cleaned: outputs, orphans, or the state."""
    if show.orphans and show.state:
        raise mistake("flags", "--orphans and --state exclude each other")
    if (show.orphans or show.state) and request.targets:
        raise mistake("flags", "--orphans and --state are of the whole project: they go with no step")
    engine = caller.engine()
    return engine.clean_orphans if show.orphans else engine.clean_state if show.state else engine.clean


def init(caller: Caller, words: Sequence[str], where: Where, show: Show, bare: str | None) -> int:
    request = request_of(caller, where, words)
    if request.targets:
        raise mistake("no-words", "init takes no words", remedy="-f FILE names the file, -C DIR the folder")
    refuse_ambiguous(caller, request, bare)
    written = caller.engine().init(request)
    if show.json:
        answer_record(caller, {"written": written})
    else:
        caller.answer([f"wrote {escaped(written)}: build it with wavebuild"])
    return 0


def import_file(caller: Caller, words: Sequence[str], output: str | None, where: Where, show: Show) -> int:
    from wavebuild.ui.words import counted

    file = the_one(words, "import needs one FILE")
    done = caller.engine().convert(request_of(caller, where, ()), file, output)
    caller.say(refusal_lines(done.left, ()))
    if done.path is None:
        caller.put(done.text)
    else:
        left = f"; not carried over: {len(done.left)}, listed in its head" if done.left else ""
        caller.say([escaped(f"{done.path}: {counted(done.steps, 'step')} from {file}{left}")])
    return 0
