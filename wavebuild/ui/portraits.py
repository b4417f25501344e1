"""One step fully expanded, as text and as JSON.

It does not know how any of it was found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from wavebuild.declare.model import Json, Range
from wavebuild.declare.said import Said
from wavebuild.engine.values import Portrait, Shown
from wavebuild.ui import words
from wavebuild.ui.answers import verdict_colour
from wavebuild.ui.escapes import escaped
from wavebuild.ui.problems import problem_lines
from wavebuild.ui.records import Record, instant_or_none, names, problem_record, reason_records
from wavebuild.ui.style import Style
from wavebuild.ui.tables import hanging, table

_TABLED = ("inputs", "outputs", "run", "call", "checks")
"""Keys that have a part of their own below the others."""
MEMBERS = 5  # of one artifact; more are counted, and all are in --json
MANY = 20  # steps in one list


def portrait_lines(portrait: Portrait, style: Style, everything: bool = False) -> list[str]:
    """What it is and how it stands, what is said of it and where, then what it reads, makes and runs."""
    kind = "repeated step" if portrait.instances else "group" if portrait.group else "step"
    out = [style.paint(f"{kind} {escaped(portrait.step)}", "bold") + f"  {escaped(str(portrait.place))}"]
    out += _standing(portrait, style)
    out += _said(portrait.said, style, everything)
    out += _shown("Input", "Made by", portrait.reads, style)
    out += _shown("Output", "Read by", portrait.makes, style)
    out += _shown("Shared file", "Edited also by", portrait.shares, style)
    out += _commands("command", portrait.commands)
    out += _commands("check", portrait.checks)
    out += [""]
    if portrait.instances:
        many = f"{words.counted(len(portrait.instances), 'instance')}  "
        return out + hanging(many, words.listed(portrait.instances, 20), style.width)
    out += hanging("after   ", _list(portrait.upstream), style.width)
    return out + hanging("before  ", _list(portrait.downstream), style.width)


def _list(found: Iterable[str]) -> str:
    return words.listed(found, MANY) or "nothing"


def _standing(portrait: Portrait, style: Style) -> list[str]:
    if portrait.unknown:
        return ["what it would do is not known:", *(line for each in portrait.unknown for line in problem_lines(each))]
    status = portrait.status
    if status is None:
        return []
    why = "; ".join(words.reason_text(reason) for reason in status.reasons)
    word = style.paint(words.plan_word(status.word), verdict_colour(status.word))
    out = hanging("", f"{word}: {why}" if why else word, style.width)
    if status.last_started is not None and status.last_outcome is not None:
        took = f", {words.duration(status.last_seconds)}" if status.last_seconds is not None else ""
        out += hanging(
            "",
            f"last run {words.outcome_word(status.last_outcome)}{took}, {words.moment(status.last_started)}",
            style.width,
        )
    if status.by_touch:
        out.append("its outputs are accepted as its results by touch")
    if status.by_hand:
        out += hanging("by hand: ", words.listed(status.by_hand), style.width)
    return out


# what is said of it


def _said(said: Sequence[Said], style: Style, everything: bool) -> list[str]:
    rows = [(each.key, _value(each), _origin(each)) for each in said if _has_row(each, everything)]
    out = ["", *table(("Key", "Value", "From"), rows, style.width)] if rows else []
    usual = [f"{each.key} {_value(each)}" for each in said if not each.layers and each.value not in (None, [], {})]
    if usual and not everything:
        out += ["", *hanging("by default  ", " · ".join(usual), style.width)]
    return out


def _has_row(said: Said, everything: bool) -> bool:
    if said.key in _TABLED:
        return len(said.layers) > 1 or any(layer.name != "step" for layer in said.layers)
    return bool(said.layers) or everything


def _origin(said: Said) -> str:
    return "\n".join(f"{escaped(layer.name)}, {escaped(_short(layer.place))}" for layer in said.layers) or "default"


def _short(place: object) -> str:
    return str(place).rpartition(":")[0]  # without the column


def _value(said: Said) -> str:
    value = said.value
    if said.key in _TABLED:
        return "see below"
    match said.key, value:
        case (("timeout" | "max_age" | "min_age"), float()):
            return words.duration(value)
        case "estimate", {"low": float() as low, "high": float() as high}:
            return words.span(Range(low, high))
        case "retries", {"times": times, "delay": float() as delay, "on": causes}:
            return "\n".join(_retries(times, delay, causes))
        case _:
            return _text(value)


def _retries(times: Json, delay: float, causes: Json) -> Iterator[str]:
    yield str(times)
    if delay:
        yield f"delay: {words.duration(delay)}"
    if isinstance(causes, list) and causes:
        yield f"on: {', '.join(map(str, causes))}"


def _text(value: Json) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return escaped_lines(value)
        case list() if all(isinstance(each, str) for each in value):
            return "\n".join(escaped_lines(str(each)) for each in value) or "none"
        case dict() if all(not isinstance(each, list | dict) for each in value.values()):
            return "\n".join(f"{escaped(name)}: {_text(each)}" for name, each in value.items()) or "none"
        case _:
            return escaped(json.dumps(value, ensure_ascii=False))


def escaped_lines(text: str) -> str:
    return "\n".join(escaped(line) for line in text.rstrip("\n").split("\n"))


# what it reads, makes and runs


def _shown(head: str, others: str, shown: Sequence[Shown], style: Style) -> list[str]:
    if not shown:
        return []
    rows = [(escaped(each.text), words.listed(each.others, MANY), _members(each)) for each in shown]
    return ["", *table((head, others, "Now"), rows, style.width)]


def _members(shown: Shown) -> str:
    if not shown.files:
        return ""
    if not shown.members:
        return "not there"
    if shown.members in ((shown.text,), (shown.text.partition("#")[0],)):
        return "there"
    told = [escaped(member) for member in shown.members[:MEMBERS]]
    left = len(shown.members) - len(told)
    return "\n".join([words.counted(len(shown.members), "member"), *told, *([f"and {left} more"] if left else [])])


def _commands(what: str, commands: Sequence[str]) -> list[str]:
    out: list[str] = []
    for command in commands:
        out += ["", f"{what}:", *(f"  {escaped(line)}" for line in command.rstrip("\n").split("\n"))]
    return out


# JSON


def portrait_record(portrait: Portrait) -> Record:
    status = portrait.status
    last: Record | None = None
    if status is not None and status.last_outcome is not None:
        last = {
            "outcome": status.last_outcome.value,
            "started": instant_or_none(status.last_started),
            "seconds": status.last_seconds,
        }
    return {
        "name": portrait.step,
        "file": portrait.place.file,
        "line": portrait.place.line,
        "group": portrait.group,
        "instances": names(portrait.instances),
        "keys": {each.key: _said_record(each) for each in portrait.said},
        "reads": [_shown_record(each, "owners") for each in portrait.reads],
        "produces": [_shown_record(each, "readers") for each in portrait.makes],
        "updates": [_shown_record(each, "editors") for each in portrait.shares],
        "commands": names(portrait.commands),
        "checks": names(portrait.checks),
        "upstream": names(portrait.upstream),
        "downstream": names(portrait.downstream),
        "plan": status.word.value if status else None,
        "reasons": reason_records(status.reasons) if status else [],
        "last": last,
        "by_touch": status.by_touch if status else False,
        "by_hand": names(status.by_hand) if status else [],
        "problems": [problem_record(each) for each in portrait.unknown],
    }


def _said_record(said: Said) -> Json:
    layers: list[Json] = [
        {"layer": layer.name, "file": layer.place.file, "line": layer.place.line} for layer in said.layers
    ]
    return {"value": said.value, "from": layers}


def _shown_record(shown: Shown, others: str) -> Json:
    return {
        "artifact": shown.text,
        others: names(shown.others),
        "members": names(shown.members) if shown.files else None,
    }
