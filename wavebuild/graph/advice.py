"""What is not wrong but probably not meant: a graph and a few facts in, warnings out.

It does not know what lies on the disk: it asks of the paths that it would like to know of whether they are files.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator

from msgspec import Struct

from wavebuild.declare.model import Artifact, Hole, Kind, Run, Step, Text
from wavebuild.errors import Place, Problem
from wavebuild.graph.link import Graph, reads
from wavebuild.graph.patterns import covers

_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(?P<end>\w+)\1[^\n]*\n.*?^\s*(?P=end)\s*$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")
_STATEMENT = re.compile(r"[;|&\n(){}`]+")
_REDIRECTED = re.compile(r"[<>]\s*([^\s<>]+)")
_WORD = re.compile(r"[^\s<>\"'=,:$]+")
_PATH = re.compile(r"(?:\./|\.\./)*[\w@%+~-][\w@%+.~-]*(?:/[\w@%+.~-]+)*/?")
LONGEST = 20_000  # characters of a script that are looked at: what is longer was not typed
_SPEAKS = frozenset(("echo", "printf", ":"))
_FILLED = "\0"  # in the place of what only the run knows


class Mention(Struct, frozen=True):
    """A word of a step's commands that looks like a path, from the root."""

    step: int
    path: str
    folder: bool = False  # written with a slash at the end


def warnings(graph: Graph, is_file: Callable[[str], bool], commands: Collection[str]) -> tuple[Problem, ...]:
    """All warnings, in the order of the file. ``is_file``: asked of the mentioned paths that are not declared."""
    found = [
        *_order_without_data(graph),
        *_undeclared(graph, is_file),
        *_called_like_commands(graph, commands),
        *_unused_resources(graph),
    ]
    return tuple(sorted(found, key=lambda problem: problem.place or Place("")))


def mentions(graph: Graph) -> Iterator[Mention]:
    """The paths that commands name, each once a step."""
    for number, step in enumerate(graph.wavefile.steps):
        found = [_mention(number, step, word) for word in dict.fromkeys(_words(step))]
        yield from dict.fromkeys(mention for mention in found if mention is not None)


# Order without data


def _order_without_data(graph: Graph) -> Iterator[Problem]:
    """What is only needed has no influence on freshness; a check or a group is there to be needed."""
    steps = graph.wavefile.steps
    for number, step in enumerate(steps):
        if step.is_group or not step.needs or step.depfile is not None:
            continue  # with a depfile order is enough: it names what is really read
        carriers = _carriers(graph, number)
        for name, place in step.needs:
            other = graph.number[name]
            if not steps[other].outputs or other in carriers:
                continue
            message = (
                f"step '{step.name}' needs '{name}', but reads nothing that it makes: it stays fresh when that changes"
            )
            remedy = f"if it uses what '{name}' makes, write that in its inputs: step:{name}"
            yield _warning("order-without-data", message, place, remedy)


def _carriers(graph: Graph, number: int) -> set[int]:
    """The steps whose changes can reach this one as data."""
    found: set[int] = set()
    left = list(graph.data_upstream[number])
    while left:
        step = left.pop()
        if step not in found:
            found.add(step)
            left += graph.data_upstream[step]
    return found


# Files that a command names


def _undeclared(graph: Graph, is_file: Callable[[str], bool]) -> Iterator[Problem]:
    folders = {
        output.artifact.path: output.step
        for output in graph.owners.wide.outputs
        if output.artifact.kind is Kind.DIRECTORY
    }
    for mention in mentions(graph):
        step = graph.wavefile.steps[mention.step]
        owner = folders.get(mention.path) if mention.folder else graph.owner(mention.path)
        if owner is None and (mention.folder or step.depfile is not None):
            continue  # what a depfile will name need not be declared
        if owner == mention.step or _declared(graph, step, mention, owner):
            continue
        if owner is None and not is_file(mention.path):
            continue
        shown = mention.path + ("/" if mention.folder else "")
        made = f", which step '{graph.wavefile.steps[owner].name}' makes" if owner is not None else ""
        message = f"a command of step '{step.name}' names {shown}{made}; its inputs do not: a change of it goes unseen"
        key = "code" if shown.endswith(".py") and owner is None else "inputs"
        yield _warning("undeclared-file", message, step.place, f"if the step reads it, add it: {key}: {shown}")


def _declared(graph: Graph, step: Step, mention: Mention, owner: int | None) -> bool:
    return any(_holds(graph, artifact, mention, owner) for artifact in (*reads(step), *step.outputs))


def _holds(graph: Graph, artifact: Artifact, mention: Mention, owner: int | None) -> bool:
    if artifact.kind is Kind.STEP:
        return owner is not None and graph.number.get(artifact.path) == owner
    if mention.folder:
        inside = artifact.path.startswith(mention.path + "/") or artifact.path == mention.path
        return inside or covers(artifact, mention.path + "/x")
    return artifact.path == mention.path or covers(artifact, mention.path)


def _mention(number: int, step: Step, word: str) -> Mention | None:
    """A word that looks like a path inside the root: with a slash or an extension."""
    if not ("/" in word or "." in word) or _FILLED in word or not _PATH.fullmatch(word):
        return None
    if not ("/" in word or re.search(r"[^.]\.\w+$", word)):
        return None
    plain = not step.cwd and word[0] != "." and word[-1] != "/"
    path = word if plain else posixpath.normpath(posixpath.join(step.cwd, word))
    if path in (".", "..") or path.startswith(("../", ".wavebuild/", ".git/")):
        return None
    return Mention(number, path, folder=word.endswith("/"))


def _words(step: Step) -> Iterator[str]:
    actions = (step.action, *(check.action for check in step.checks))
    for action in actions:
        if isinstance(action, Run):
            for script in action.scripts:
                yield from _words_of(_literal(script))


def _literal(script: Text) -> str:
    return "".join(_FILLED if isinstance(part, Hole) else part for part in script.parts)


def _words_of(script: str) -> Iterator[str]:
    """The words of a script, but for comments, here-documents and what is only spoken."""
    plain = script[:LONGEST]
    if "<<" in plain:
        plain = _HEREDOC.sub("\n", plain)
    if "#" in plain:
        plain = _COMMENT.sub("", plain)
    for statement in _STATEMENT.split(plain):
        first = statement.split(maxsplit=1)[:1]
        spoken = bool(first) and first[0] in _SPEAKS
        pieces = _REDIRECTED.findall(statement) if spoken else [statement]
        for piece in pieces:
            yield from _WORD.findall(piece)


# The rest


def _called_like_commands(graph: Graph, commands: Collection[str]) -> Iterator[Problem]:
    for name in sorted(graph.number.keys() & {*commands}):
        place = graph.wavefile.steps[graph.number[name]].place
        message = f"the step '{name}' is called like a command: `wavebuild {name}` alone is refused"
        yield _warning("step-like-command", message, place, f"it is built by: wavebuild build {name}")


def _unused_resources(graph: Graph) -> Iterator[Problem]:
    if not graph.wavefile.resources:
        return
    taken = {name for step in graph.wavefile.steps for name, _ in step.resources}
    for name, _ in graph.wavefile.resources:
        if name not in taken:
            place = Place(graph.wavefile.file)
            yield _warning("unused-resource", f"no step takes the resource '{name}'", place, "remove it, or correct it")


def _warning(code: str, message: str, place: Place, remedy: str) -> Problem:
    return Problem(code, message, place, remedy, severity="warning")
