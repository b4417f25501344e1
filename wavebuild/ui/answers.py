"""The text of every answer: plan, status, list, explanation, problems, what clean would do.

It does not know how an answer was found; a value comes in, lines go out.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType

from wavebuild.declare.model import Step
from wavebuild.engine import Cause, Cleaned, Explanation, Remembered, StatusLine
from wavebuild.errors import Problem
from wavebuild.graph import Graph
from wavebuild.judge.difference import Change
from wavebuild.judge.reasons import Reason
from wavebuild.plan.model import Plan, PlannedStep, PlannedWave, PlanWord, Times
from wavebuild.ui import words
from wavebuild.ui.changes import reason_lines
from wavebuild.ui.escapes import escaped
from wavebuild.ui.problems import problem_lines
from wavebuild.ui.style import Colour, Style
from wavebuild.ui.tables import hanging, table

_COLOURS: dict[PlanWord, Colour] = {
    PlanWord.RUN: "cyan",
    PlanWord.RECHECK: "cyan",
    PlanWord.MAYBE: "yellow",
    PlanWord.RESTORE: "green",
    PlanWord.FRESH: "dim",
    PlanWord.FROZEN: "dim",
    PlanWord.HELD: "dim",
    PlanWord.WAITING: "yellow",
    PlanWord.BLOCKED: "yellow",
    PlanWord.EXPANDS: "cyan",
}

NARROWEST_FACTS = 24  # columns; where fewer are left, what is said of a step goes below its name
LISTED = 6  # artifacts of a repeated step in one cell of the list
SHORT = 200  # signs of a value of the memory in the table
SHOWN = 0.05  # seconds; less than this reads as 0 s, which says nothing

_NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})


# plan


def plan_lines(plan: Plan, style: Style, all_reasons: bool = False) -> list[str]:
    """The waves with what becomes of each step, then the times and the critical path."""
    if not plan.waves:
        return ["nothing to plan: no step is selected"]
    name_width = min(32, max(len(escaped(step.name)) for wave in plan.waves for step in wave.steps))
    critical = frozenset(plan.critical_path)
    out: list[str] = []
    for wave in plan.waves:
        out += _plan_wave(wave, style)
        for step in wave.steps:
            facts = _plan_facts(step, step.name in critical, all_reasons)
            out += _plan_step(step, " · ".join(facts), name_width, style)
    return [*out, "", *_plan_summary(plan, style)]


def _plan_wave(wave: PlannedWave, style: Style) -> list[str]:
    title = f"wave {wave.number} · {words.wave_words(wave)}"
    phases = list(dict.fromkeys(step.phase for step in wave.steps if step.phase))
    if phases:
        title += f" · {'phase' if len(phases) == 1 else 'phases'} {words.listed(phases)}"
    return [style.paint(line, "bold") for line in hanging("", title, style.width)]


def _plan_step(step: PlannedStep, text: str, name_width: int, style: Style) -> list[str]:
    word = style.paint(words.plan_word(step.word).ljust(7), _COLOURS[step.word])
    lead = f"  {word} {escaped(step.name).ljust(name_width)}  "
    if not text:
        return [lead.rstrip()]
    plain_lead = len(lead) - len(word) + 7
    if plain_lead + NARROWEST_FACTS > style.width:
        return [lead.rstrip(), *hanging(" " * 4, text, style.width)]
    lines = hanging(" " * plain_lead, text, style.width)
    return [(lead + lines[0][plain_lead:]).rstrip(), *(line.rstrip() for line in lines[1:])]


def _plan_facts(step: PlannedStep, critical: bool, all_reasons: bool) -> list[str]:
    shown = step.reasons if all_reasons else step.reasons[:1]
    facts = [words.reason_in_full(each) if all_reasons else words.reason_text(each) for each in shown]
    if len(step.reasons) > len(shown):
        facts[-1] += f" (+{len(step.reasons) - len(shown)})"
    if step.after and not facts:
        facts.append(f"after {words.listed(step.after)}")
    if step.word in (PlanWord.FRESH, PlanWord.FROZEN, PlanWord.HELD):
        return facts
    long = step.estimate is not None and step.estimate.high >= SHOWN
    if step.estimate and long:
        facts.append(words.span(step.estimate))
    if critical:
        facts.append("critical")
    elif step.slack and (long or step.slack.high >= SHOWN):
        facts.append(f"slack {words.span(step.slack)}")
    return facts


def _plan_summary(plan: Plan, style: Style) -> list[str]:
    counted = Counter(step.word for wave in plan.waves for step in wave.steps)
    tally = [f"{counted[word]} {words.plan_word(word)}" for word in PlanWord if counted[word]]
    out = hanging("steps          ", " · ".join(tally), style.width)
    if plan.critical_path:
        chain = " → ".join(escaped(name) for name in plan.critical_path)
        out += hanging("critical path  ", chain, style.width)
    return out + (_times(plan.times, plan.jobs, style) if plan.times and plan.times.serial.high >= 1 else [])


def _times(times: Times, jobs: int, style: Style) -> list[str]:
    """The three orders side by side, and what flow saves against one after another."""
    saved = words.percentage(times.saved)
    unlimited = (
        f"serial {words.span(times.serial)} · barrier {words.span(times.barrier)} · flow {words.span(times.flow)}"
    )
    limited = f"barrier {words.span(times.barrier_j)} · flow {words.span(times.flow_j)}"
    return [
        *hanging("time           ", f"{unlimited} · {saved} saved", style.width),
        *hanging(f"with -j{jobs}".ljust(15), limited, style.width),
    ]


# status


def status_lines(status: Sequence[StatusLine], style: Style) -> list[str]:
    """One row a step: its verdict, how its last run ended, how long it took, when."""
    rows = [_status_row(each) for each in status]
    return table(("Step", "Verdict", "Last run", "Took", "Result", "Why"), rows, style.width)


def _status_row(line: StatusLine) -> tuple[str, ...]:
    notes = [words.reason_text(each) for each in line.reasons[:1]]
    if line.by_touch:
        notes.append("by touch")
    if line.by_hand:
        notes.append(f"by hand: {words.listed(line.by_hand)}")
    return (
        escaped(line.step),
        words.plan_word(line.word),
        words.moment(line.last_started) if line.last_started is not None else "",
        words.duration(line.last_seconds) if line.last_seconds is not None else "",
        words.outcome_word(line.last_outcome) if line.last_outcome else "",
        "\n".join(notes),
    )


def verdict_colour(word: PlanWord) -> Colour:
    return _COLOURS[word]


# list


def list_lines(graph: Graph, style: Style, instances: bool = False) -> list[str]:
    """The table of the pipeline: what each step reads and produces, and on which steps it depends.

    A repeated step is one row, unless its ``instances`` are wanted.
    """
    steps = graph.wavefile.steps
    of_base: dict[str, list[int]] = {}
    for at in sorted(graph.traits.repeated):
        of_base.setdefault(steps[at].base, []).append(at)
    rows = []
    for at, step in enumerate(steps):
        if step.name in of_base and not instances:
            rows.append(_repeated_row(graph, at, of_base))
        elif step.name not in of_base and (instances or not step.base):
            rows.append(_list_row(graph, (at,), escaped(step.name), step.title or "", {} if instances else of_base))
    return table(("Step", "Title", "Reads", "Produces", "Depends on"), rows, style.width)


def _repeated_row(graph: Graph, at: int, of_base: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    step = graph.wavefile.steps[at]
    members = of_base[step.name]
    return _list_row(
        graph, members, f"{escaped(step.name)}\n{words.counted(len(members), 'instance')}", step.title or "", of_base
    )


def _list_row(
    graph: Graph, members: Sequence[int], name: str, title: str, together: Mapping[str, Sequence[int]]
) -> tuple[str, ...]:
    steps = graph.wavefile.steps
    if any(steps[at].expands for at in members):
        name += "\nexpands"
    most = LISTED if len(members) > 1 else sys.maxsize
    return (
        name,
        escaped(title),
        _some((artifact.text for at in members for artifact in steps[at].inputs), most),
        _some((text for at in members for text in _produced(steps[at])), most),
        ", ".join(map(escaped, _makers(graph, members, together))),
    )


def _produced(step: Step) -> list[str]:
    """What the step makes, and what it edits of files that others may edit, too."""
    return [*(artifact.text for artifact in step.outputs), *(f"{artifact.text} (shared)" for artifact in step.updates)]


def _some(texts: Iterable[str], most: int) -> str:
    """Each text once; the many of a repeated step are cut short."""
    every = list(dict.fromkeys(texts))
    if len(every) <= most:
        return "\n".join(map(escaped, every))
    return "\n".join([*map(escaped, every[: most - 1]), f"and {len(every) - most + 1} more"])


def _makers(graph: Graph, members: Sequence[int], together: Mapping[str, Sequence[int]]) -> Iterable[str]:
    """The steps before these, all instances of one as the one that is repeated."""
    steps, names = graph.wavefile.steps, graph.names.every
    before = dict.fromkeys(maker for at in members for maker in graph.upstream[at] if maker not in members)
    whole = {base for base, every in together.items() if all(at in before for at in every)}
    if not whole:
        return [names[at] for at in before]
    return dict.fromkeys(steps[at].base if steps[at].base in whole else names[at] for at in before)


# the shared memory


def memory_lines(found: Sequence[Remembered], style: Style) -> list[str]:
    """Every key with its value and the step that writes it."""
    if not found:
        return ["the shared memory is empty: no step writes to it, and there are no initial values"]
    rows = [(escaped(one.key), _shortened(one.value), escaped(one.writer or "initial")) for one in found]
    return table(("Key", "Value", "Written by"), rows, style.width)


def value_lines(one: Remembered) -> list[str]:
    """One value as JSON, in full; what a terminal could take amiss is written as JSON writes it."""
    value = json.loads(one.value or "null")
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    return lines if all(map(str.isprintable, lines)) else json.dumps(value, indent=2).split("\n")


def _shortened(value: str | None) -> str:
    if value is None:
        return "none yet"
    return escaped(value if len(value) <= SHORT else value[: SHORT - 1] + "…")


# explain


def explain_lines(
    explanation: Explanation, style: Style, upstream: Mapping[str, Collection[str]] = _NOTHING
) -> list[str]:
    """Every cause under the step that names it, the steps that were asked about side by side.

    ``upstream``: the steps before each one, for those that are blocked: no reason names who stops them.
    """
    if not explanation.chain:
        return [f"{escaped(explanation.subject)}: nothing is known of it"]
    known = {cause.step: cause for cause in explanation.chain}
    below = {name: _named_by(cause, known, upstream) for name, cause in known.items()}
    named = {name for names in below.values() for name in names}
    out: list[str] = []
    told: set[str] = set()
    left = [(name, 0) for name in reversed(known) if name not in named]
    while left:
        name, depth = left.pop()
        if name in told:
            out.append(f"{_indent(depth)}{_verdict(known[name], style)}, see above")
            continue
        told.add(name)
        out += _cause(known[name], depth, style, explanation.asked)
        left += [(other, depth + 1) for other in reversed(below[name])]
    return out


def _named_by(cause: Cause, known: Mapping[str, Cause], upstream: Mapping[str, Collection[str]]) -> list[str]:
    """The steps of the chain that this one is stale, undecided or blocked for."""
    names: dict[str, None] = {}
    for reason in (*cause.reasons, *(cause.last.reasons if cause.last else ())):
        names |= dict.fromkeys(words.reason_makers(reason))
    if cause.word is PlanWord.BLOCKED:
        stopped = (PlanWord.WAITING, PlanWord.BLOCKED)
        names |= {each: None for each in upstream.get(cause.step, ()) if each in known and known[each].word in stopped}
    return [name for name in names if name in known and name != cause.step]


def _cause(cause: Cause, depth: int, style: Style, asked: float) -> list[str]:
    indent = _indent(depth)
    out = [f"{indent}{_verdict(cause, style)}"]
    out += _because(f"{indent}  because ", cause.reasons, cause.changes, style)
    if not cause.reasons and cause.word is PlanWord.FRESH:
        out.append(f"{indent}  everything it reads and made is as its last success left it")
    if cause.last is not None:
        did = "last ran" if cause.last.outcome is not None else "its result was taken as it is"
        when = f"{did} {words.duration(asked - cause.last.began)} ago, in run {escaped(cause.last.run)}"
        out += hanging(f"{indent}  ", when, style.width)
        out += _because(f"{indent}    because ", cause.last.reasons, cause.last.changes, style)
    return out


def _because(lead: str, reasons: Sequence[Reason], changes: Sequence[Change | None], style: Style) -> list[str]:
    out: list[str] = []
    for reason, change in zip_longest(reasons, changes[: len(reasons)]):
        out += reason_lines(lead, reason, change, style)
    return out


def _verdict(cause: Cause, style: Style) -> str:
    return f"{escaped(cause.step)} is {style.paint(words.plan_word(cause.word), _COLOURS[cause.word])}"


def _indent(depth: int) -> str:
    return "  " * min(depth, 12)


# check, clean


def check_lines(problems: Sequence[Problem]) -> list[str]:
    if not problems:
        return ["no problems"]
    return [line for problem in problems for line in problem_lines(problem)]


def clean_lines(cleaned: Cleaned, done: bool) -> list[str]:
    """What goes, what stays and why."""
    word = f"moved to {cleaned.into}:" if cleaned.into else "removed" if done else "would remove"
    out = [f"{word} {escaped(member)}" for member in cleaned.removed]
    out += [f"kept {escaped(member)}: {escaped(why)}" for member, why in cleaned.kept]
    return out or ["nothing to remove"]
