"""The figures and sentences of a report: what is said of a run, of a step, of the run before.

It does not know how they are set on a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from wavebuild.engine.story import Chapter, Story
from wavebuild.run.events import Opinion, Outcome
from wavebuild.ui import words
from wavebuild.ui.causes import cause_of
from wavebuild.ui.escapes import sanitized
from wavebuild.ui.report.looks import word

NOTICEABLE, SHARE = 0.1, 0.1
"""By how many seconds, and by what share of its former time, a step must differ to be called slower or faster."""
CHANGED = 12
"""Steps that are named as slower, and as faster."""
WHYS = 3
"""Reasons that are named in a row of a table."""
LONGEST, FEW = 5, 8
"""How many of the steps that took longest are named, and up to how many that ran none is."""
DIGITS = 12
"""Of a digest, what is shown."""


class Headline(Struct, frozen=True):
    kind: str
    text: str


class Figure(Struct, frozen=True):
    name: str
    value: str
    note: str = ""


class Bar(Struct, frozen=True):
    """A time to be compared with others; ``share``: of the longest, in percent."""

    name: str
    seconds: float
    share: float
    note: str = ""
    is_this: bool = False


class Change(Struct, frozen=True):
    """A step that took another time than when it last ran well."""

    chapter: Chapter
    before: float
    now: float

    @property
    def difference(self) -> float:
        return self.now - self.before


class Versus(Struct, frozen=True):
    slower: tuple[Change, ...]
    faster: tuple[Change, ...]
    first: tuple[Chapter, ...]  # that never ran well before
    compared: int


def headline(story: Story) -> Headline:
    counts = dict(story.counts)
    if story.is_running:
        return Headline("waiting", "Running: this is how far it has come")
    if story.exit_code is None:
        return Headline("failed", "Cut off: it never came to its end")
    if story.exit_code in (130, 143):
        return Headline("interrupted", "Interrupted")
    if failed := counts.get(Outcome.FAILED.value):
        return Headline("failed", f"{words.counted(failed, 'step')} failed")
    if waiting := counts.get(Outcome.WAITING.value):
        return Headline(
            "waiting", f"{words.counted(waiting, 'step')} {'waits' if waiting == 1 else 'wait'} for a person"
        )
    if story.exit_code:
        return Headline("failed", f"Ended with exit code {story.exit_code}")
    if not any(each.lane is not None for each in story.chapters) and not counts.get(Outcome.SUCCEEDED.value):
        return Headline("kept", "Nothing to do")
    return Headline("succeeded", "Built")


def figures(story: Story) -> list[Figure]:
    """What is read first."""
    ran = [each for each in story.chapters if each.lane is not None]
    found = []
    if story.seconds is not None:
        found.append(Figure("took", words.duration(story.seconds), _against_former(story)))
    steps = sum(number for _, number in story.counts) or len(story.chapters)
    found.append(Figure("steps", str(steps), words.counts_line(story.counts)))
    if story.times is not None and story.seconds is not None and len(ran) > 1:
        serial = story.times.serial.low
        saved = 1 - story.seconds / serial if serial else 0.0
        note = f"one after another the steps take {words.duration(serial)}"
        if saved > 0.005:
            found.append(Figure("saved", f"{100 * saved:.0f} %", note))
    if story.critical_path and story.times is not None:
        note = f"{words.counted(len(story.critical_path), 'step')}: nothing can be quicker than this chain"
        found.append(Figure("critical path", words.duration(story.times.flow.low), note))
    return found


def _against_former(story: Story) -> str:
    former = story.former
    if former is None or former.seconds is None or story.seconds is None:
        return ""
    return f"the run before: {words.duration(former.seconds)}"


def bars(story: Story) -> list[Bar]:
    """This run beside what it would have taken otherwise, by the times that were measured in it."""
    times = story.times
    if times is None:
        return []
    slots = words.counted(max(story.jobs, 1), "job")
    named = [
        ("one step after another", times.serial.low, ""),
        (f"wave after wave, {slots}", times.barrier_j.low, "barrier"),
        (f"each step as soon as it can, {slots}", times.flow_j.low, "flow"),
        ("with room for every step", times.flow.low, "the critical path"),
    ]
    this = [] if story.seconds is None else [(f"this run ({story.schedule}, {slots})", story.seconds, "by the clock")]
    most = max([seconds for _, seconds, _ in [*named, *this]], default=0.0) or 1.0
    return [Bar(name, seconds, 100 * seconds / most, note, at < len(this)) for at, (name, seconds, note) in
            enumerate([*this, *named])]  # fmt: skip


def moment(instant: float) -> str:
    """An instant on the clock of whoever writes the page, and which clock that is: it may be read elsewhere."""
    return f"{words.moment(instant)} {datetime.fromtimestamp(instant).astimezone().strftime('%Z')}".rstrip()


def longest(story: Story) -> list[Chapter]:
    """The steps that took longest, where there are more than one can see at once."""
    ran = [each for each in story.chapters if each.settled is not None and each.lane is not None]
    ran.sort(key=lambda each: -(each.settled.seconds if each.settled else 0.0))
    return ran[:LONGEST] if len(ran) > FEW else []


def share_of_all(story: Story, chapter: Chapter) -> str:
    """How much of the work of all steps it was."""
    serial = story.times.serial.low if story.times else 0.0
    took = chapter.settled.seconds if chapter.settled else 0.0
    return f", {100 * took / serial:.0f} % of the time of all steps" if serial and took / serial >= 0.01 else ""


def saved_line(story: Story) -> str:
    """In a sentence what was saved; where nothing was, that."""
    times, took = story.times, story.seconds
    if times is None or took is None:
        return ""
    others = (("one step after another", times.serial.low), ("wave after wave", times.barrier_j.low))
    less = [(name, each - took, 1 - took / each) for name, each in others if each > took]
    saved = [f"{words.duration(seconds)} ({100 * share:.0f} %) less than {name}" for name, seconds, share in less]
    if not saved:
        none = "The run took no less than its steps one after another"
        if times.flow_j.low < 0.8 * times.serial.low:
            return (
                f"{none}, though with these jobs they need {words.duration(times.flow_j.low)}: what wavebuild does"
                " besides, or waiting for a resource, took the rest."
            )
        return f"{none}: there was little that could overlap."
    return f"The run took {', and '.join(saved)}."


def versus(story: Story) -> Versus:
    """Which steps took longer, and which less long, than when they last ran well before this run."""
    ran = [
        each for each in story.chapters if each.outcome is Outcome.SUCCEEDED and each.settled and each.lane is not None
    ]
    found = [Change(each, each.former.seconds, each.settled.seconds) for each in ran if each.former and each.settled]
    changed = [each for each in found if abs(each.difference) >= max(NOTICEABLE, SHARE * each.before)]
    changed.sort(key=lambda each: -abs(each.difference))
    return Versus(
        tuple([each for each in changed if each.difference > 0][:CHANGED]),
        tuple([each for each in changed if each.difference < 0][:CHANGED]),
        tuple([each for each in ran if each.former is None]),
        len(found),
    )


def change_words(change: Change) -> str:
    share = f" ({100 * change.difference / change.before:+.0f} %)" if change.before else ""
    sign = "+" if change.difference > 0 else "\u2212"
    return f"{sign}{words.duration(abs(change.difference))}{share}"


def marks(chapter: Chapter) -> str:
    """By what it is selected beside its name, as a command line has it."""
    phase = [f"phase:{chapter.phase}"] if chapter.phase else []
    return " ".join([*phase, *(f"tag:{each}" for each in chapter.tags)])


def why(chapter: Chapter) -> str:
    """In a row: why it ran, why it did not."""
    settled = chapter.settled
    match chapter.outcome:
        case None:
            return "not known"
        case Outcome.KEPT if settled is None or not settled.reasons:
            return "nothing it reads has changed"
        case Outcome.BLOCKED if settled and settled.blocked_by:
            return f"blocked by {words.listed(settled.blocked_by)}"
        case Outcome.NOT_STARTED:
            return "the build ended before its turn"
        case Outcome.FAILED if settled:
            known = cause_in_a_row(chapter)
            return f"{failure(chapter)}: {known}" if known else failure(chapter)
        case Outcome.WAITING:
            return next(iter(detail_lines(chapter)), "") or "it waits for a person"
        case _:
            return reasons_line(chapter)


def behind(chapters: Sequence[Chapter]) -> dict[str, str]:
    """Of each step that is blocked by blocked ones alone, what stands at the beginning; chapters come by waves."""
    roots: dict[str, dict[str, None]] = {}
    found = {}
    for each in chapters:
        if each.outcome is not Outcome.BLOCKED or each.settled is None:
            continue
        before = each.settled.blocked_by
        roots[each.name] = dict.fromkeys(root for name in before for root in roots.get(name, {name: None}))
        if not roots[each.name].keys() & set(before):
            found[each.name] = f", behind {words.listed(tuple(roots[each.name]))}"
    return found


def reasons_line(chapter: Chapter) -> str:
    reasons = chapter.settled.reasons if chapter.settled else ()
    shown = "; ".join(words.reason_text(each) for each in reasons[:WHYS])
    more = f" and {len(reasons) - WHYS} more" if len(reasons) > WHYS else ""
    return shown + more or ("why is not on record" if chapter.settled and chapter.settled.started else "")


def failure(chapter: Chapter) -> str:
    """Why it failed, in two or three words."""
    if chapter.settled is None:
        return ""
    tries = f", {chapter.settled.attempts} tries" if chapter.settled.attempts > 1 else ""
    return words.failure_words(chapter.settled) + tries


def cause(chapter: Chapter) -> str:
    """What it failed of, where that is known and the page does not say so below anyway."""
    found = cause_of(chapter.settled) if chapter.settled else None
    return found.in_words if found and chapter.settled and found.text not in chapter.settled.detail else ""


def cause_in_a_row(chapter: Chapter) -> str:
    found = cause_of(chapter.settled) if chapter.settled else None
    return found.in_words.removesuffix("The ways out:").rstrip() if found else ""


def command_lines(chapter: Chapter) -> list[str]:
    if chapter.is_declared:
        return [line.rstrip() for line in chapter.command.splitlines()]
    return words.script_lines(chapter.command)


def gate_lines(chapter: Chapter) -> list[str]:
    return words.script_lines(chapter.gate)


def detail_lines(chapter: Chapter) -> list[str]:
    return sanitized(chapter.settled.detail, colours=False).splitlines() if chapter.settled else []


def tail_lines(chapter: Chapter) -> list[str]:
    """The last lines of its output, without any of its control sequences."""
    return sanitized("\n".join(chapter.tail), colours=False).splitlines()


def tail_title(chapter: Chapter) -> str:
    number = len(tail_lines(chapter))
    return "Last line of its log" if number == 1 else f"Last {number} lines of its log"


def digest(text: str) -> str:
    """A digest by its first digits."""
    prefix, colon, rest = text.rpartition(":")
    if words.HEX.fullmatch(rest) and len(rest) > DIGITS:
        return f"{prefix}{colon}{rest[:DIGITS]}…"
    return text if len(text) <= 60 else f"{text[:59]}…"


def facts(story: Story, chapter: Chapter) -> Iterator[tuple[str, str]]:
    """Names and values of what else is known of a step."""
    settled = chapter.settled
    if settled is not None and settled.started is not None:
        yield "Began", f"{words.duration(max(settled.started - story.began, 0.0))} after the run"
        yield "Took", words.duration(settled.seconds) + _pauses(chapter) + _former(chapter)
        if settled.attempts > 1:
            yield "Tries", str(settled.attempts)
    yield "Wave", str(chapter.wave) + (", on the critical path" if chapter.is_critical else "")
    if chapter.phase or chapter.tags:
        yield "Selected by", marks(chapter)
    if chapter.agent:
        yield "Agent", chapter.agent
    if chapter.place:
        yield "Declared", chapter.place
    if settled is None:
        return
    if settled.log:
        yield "Log", settled.log
    if settled.moved:
        yield "Changed while it ran", words.listed(settled.moved)
    if settled.displaced:
        yield "Your edits are kept in", words.listed(settled.displaced)
    if settled.undid:
        yield "Took back edits of", words.listed(settled.undid)


def _pauses(chapter: Chapter) -> str:
    waited = sum(each.delay for each in chapter.retried)
    return f", and {words.duration(waited)} of pauses between its tries" if waited else ""


def _former(chapter: Chapter) -> str:
    if chapter.former is None:
        return ""
    when = "before" if chapter.outcome is Outcome.SUCCEEDED else "when it last went well"
    return f" ({when}: {words.duration(chapter.former.seconds)})"


def attempts(chapter: Chapter) -> list[tuple[str, str, Opinion | None]]:
    """Each try with what came of it: its number, words, and what the advisor said of it."""
    said = {each.attempt: each.review for each in chapter.reviewed}
    again = {each.attempt: each for each in chapter.retried}
    settled = chapter.settled
    last = settled.attempts if settled else 0
    if settled is not None and settled.review is not None and last:
        said.setdefault(last, settled.review)
    if last < 2 and not said:
        return []
    found = []
    for attempt in range(1, last + 1):
        if attempt in again:
            retried = again[attempt]
            pause = f", next try {words.duration(retried.delay)} later" if retried.delay else ""
            text = f"{retried.failure}{pause}"
        else:
            text = word(chapter.outcome) if attempt == last else "ended"
        found.append((str(attempt), text, said.get(attempt)))
    return found


def opinion_lines(said: Opinion) -> list[str]:
    """What an advisor said, in lines."""
    short = "approved, but the score is too low" if said.approved else "not approved"
    verdict = "approved" if said.passes else short
    out = [f"{said.advisor}: score {said.score:.4g} of {said.threshold:g} wanted, {verdict}"]
    if said.summary:
        out.append(said.summary)
    out += [f"critical: {each}" for each in said.critical_issues]
    return out + [f"suggested: {each}" for each in said.suggestions]


def blocked_behind(chapters: Sequence[Chapter], name: str) -> list[str]:
    """The steps that did not run because of this one, those behind them included; chapters come by waves."""
    reached = {name}
    for each in chapters:
        if each.outcome is Outcome.BLOCKED and each.settled and reached.intersection(each.settled.blocked_by):
            reached.add(each.name)
    return [each.name for each in chapters if each.name in reached and each.name != name]
