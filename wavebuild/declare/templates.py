"""Texts with ``{{ … }}``: filled at load as far as the names are known, the rest left as holes and filled at run.

It does not know where the names come from, nor how an expression is evaluated.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from wavebuild.declare.model import Hole, Json, Text
from wavebuild.declare.values import canonical, from_canonical, shell_quoted, shown
from wavebuild.errors import WavebuildError, did_you_mean, mistake

if TYPE_CHECKING:
    from wavebuild.declare.expressions import Expression, ExpressionError

HOLES = frozenset(("inputs", "outputs", "updates", "mem", "step", "root", "python"))
# Names of the language, of this version or to come, that no variable may take.
RESERVED = HOLES | {"profile", "probe", "arg", "path", "prompt_file", "env"}
ELSEWHERE = {
    "arg": "the command of a probe",
    "path": "the command of a digest",
    "prompt_file": "the command of an agent",
}


class Scope(Struct, frozen=True):
    """The names that a text may use.

    ``own``: their values stand in the Wavefile itself, so a command takes them without quotes.
    ``broken``: something is wrong with their value and already said, or it is not known yet. ``holes``: known
    only when the step runs; ``named``: the names that inputs and outputs have there. ``wild``: not known yet,
    and any expression that uses one is ``*``.
    """

    values: Mapping[str, object]
    own: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    holes: frozenset[str] = frozenset()
    named: Mapping[str, Sequence[str]] = field(default_factory=dict)
    wild: frozenset[str] = frozenset()

    def beside(self, values: Mapping[str, object]) -> Scope:
        """The same with these names before the others."""
        below = self.values.maps if isinstance(self.values, ChainMap) else (self.values,)
        known: Mapping[str, object] = ChainMap(values, *below)  # type: ignore[arg-type]
        return Scope(known, self.own - values.keys(), self.broken, self.holes, self.named, self.wild)

    def over(self, variables: Scope) -> Scope:
        """The names of a step over the variables of another file: a text means what it says where it is written."""
        values = _over(self.values, variables.values)
        own = variables.own - (values.keys() - variables.values.keys())
        return Scope(values, own, variables.broken | self.broken, self.holes, self.named, self.wild)


def _over(values: Mapping[str, object], variables: Mapping[str, object]) -> Mapping[str, object]:
    if not isinstance(values, ChainMap):
        return variables
    *own, last = values.maps
    return ChainMap(*own, _over(last, variables))  # type: ignore[arg-type]


class AlreadySaid(Exception):
    """An expression uses a name whose value is wrong; the problem is recorded there."""


def has_template(text: str) -> bool:
    return "{{" in text


def value_of(text: str, scope: Scope) -> Json:
    """A text filled; one that is a single expression keeps the expression's type."""
    parts = _pieces(text)
    if len(parts) == 1 and not isinstance(parts[0], str):
        return _known(parts[0], scope)
    whole = "".join(part if isinstance(part, str) else shown(_known(part, scope)) for part in parts)
    if len(whole) > len(text):
        _refuse_too_large(whole, text)
    return whole


def _refuse_too_large(whole: str, text: str) -> None:
    from wavebuild.declare.bounds import TooLarge, check_value
    from wavebuild.declare.expressions import ExpressionError

    try:
        check_value(whole)
    except TooLarge as error:
        raise ExpressionError("template-error", f"this text is too large: {error}", text[:40]) from None


def text_of(text: str, scope: Scope) -> str:
    return shown(value_of(text, scope))


def command_of(text: str, scope: Scope, shell: bool = True) -> Text:
    """A command with every value in shell quotes but the Wavefile's own; ``shell=False``: no quotes at all."""
    if not has_template(text):
        return Text((text,))
    parts: list[str | Hole] = []
    for piece in _pieces(text):
        filled = piece if isinstance(piece, str) else _in_command(piece, scope, shell)
        if isinstance(filled, str) and parts and isinstance(parts[-1], str):
            parts[-1] += filled
        else:
            parts.append(filled)
    return Text(tuple(parts))


def prompt_of(text: str, scope: Scope) -> Text:
    """A text from a file of its own: every expression is left as a hole that knows the values it uses."""
    parts = [piece if isinstance(piece, str) else _as_hole(piece, scope, quoted=False) for piece in _pieces(text)]
    return Text(tuple(parts))


def render(text: Text, names: Mapping[str, object]) -> str:
    """The text for a step that is about to run: every hole filled."""
    return "".join(part if isinstance(part, str) else _filled(part, names) for part in text.parts)


def render_value(text: Text, names: Mapping[str, object]) -> object:
    """Like ``render``, but a text that is one whole hole keeps its type: ``with: {files: "{{ inputs }}"}``."""
    if len(text.parts) == 1 and isinstance(text.parts[0], Hole):
        value = _hole_value(text.parts[0], names)
        return list(value) if isinstance(value, tuple) else value
    return render(text, names)


def render_known(text: Text, names: Mapping[str, object]) -> str:
    """The text with every hole filled that can be filled by now, the others as they are written."""
    return "".join(part if isinstance(part, str) else _filled_or_written(part, names) for part in text.parts)


def _filled_or_written(hole: Hole, names: Mapping[str, object]) -> str:
    try:
        return _filled(hole, names)
    except (KeyError, WavebuildError):
        return f"{{{{ {hole.source} }}}}"


def names_in(text: str) -> frozenset[str]:
    """The names that a text's expressions use."""
    return frozenset().union(*(piece.names for piece in _pieces(text) if not isinstance(piece, str)))


def _pieces(text: str) -> Sequence[str | Expression]:
    if not has_template(text):
        return (text,)
    from wavebuild.declare import expressions

    return expressions.pieces(text)


def _known(expression: Expression, scope: Scope) -> Json:
    if not expression.names.isdisjoint(scope.wild):
        return "*"
    _refuse_unknown_names(expression, scope)
    # What an expression gives is settled into JSON there; its type cannot say so.
    return expression.evaluate({name: scope.values[name] for name in expression.names})  # type: ignore[return-value]


def _in_command(expression: Expression, scope: Scope, shell: bool) -> str | Hole:
    own = expression.names <= scope.own
    quoted = shell and not own and not expression.verbatim
    if not expression.names & scope.holes:
        value = _known(expression, scope)
        return shell_quoted(value) if quoted else shown(value)
    return _as_hole(expression, scope, quoted)


def _as_hole(expression: Expression, scope: Scope, quoted: bool) -> Hole:
    _refuse_unknown_names(expression, scope)
    _refuse_unknown_files(expression, scope)
    known = sorted(expression.names - scope.holes)
    # Variables hold nothing but JSON.
    values = tuple((name, canonical(scope.values[name])) for name in known)  # type: ignore[arg-type]
    return Hole(expression.source, values, quoted)


def _filled(hole: Hole, names: Mapping[str, object]) -> str:
    value = _hole_value(hole, names)
    return shell_quoted(value) if hole.quoted else shown(value)


def _hole_value(hole: Hole, names: Mapping[str, object]) -> object:
    from wavebuild.declare import expressions

    expression = expressions.understood(hole.source)
    values = {**names, **{name: from_canonical(value) for name, value in hole.values}}
    try:
        return expression.evaluate({name: values[name] for name in expression.names})
    except expressions.ExpressionError as error:
        raise mistake(error.code, f"{{{{ {hole.source} }}}}: {error.message}", remedy=error.remedy) from None


def _refuse_unknown_names(expression: Expression, scope: Scope) -> None:
    for name in sorted(expression.names):
        if name in scope.broken:
            raise AlreadySaid
        if name not in scope.values and name not in scope.holes:
            raise _unknown_name(name, expression, scope)


def _unknown_name(name: str, expression: Expression, scope: Scope) -> ExpressionError:
    from wavebuild.declare.expressions import ExpressionError

    if name in ELSEWHERE:
        return ExpressionError("template-place", f"'{name}' is known in {ELSEWHERE[name]} only", expression.source)
    if name in HOLES:
        message = f"'{name}' is known in commands only: run, checks, and with of a call"
        remedy = "in env, a command can read $WAVEBUILD_STEP and $WAVEBUILD_ROOT" if name in ("step", "root") else ""
        return ExpressionError("template-place", message, expression.source, remedy)
    if name == "env":
        message = "'env', the caller's variables, is known in vars and when only"
        remedy = "give it a name there: vars: {x: '{{ env.X }}'}"
        return ExpressionError("template-place", message, expression.source, remedy)
    if name in RESERVED:
        return ExpressionError("not-yet", _not_yet(f"the name '{name}'"), expression.source)
    remedy = did_you_mean(name, [*scope.values, *scope.holes])
    return ExpressionError("undefined-name", f"nothing is called '{name}' here", expression.source, remedy)


def _refuse_unknown_files(expression: Expression, scope: Scope) -> None:
    from wavebuild.declare.expressions import ExpressionError

    for base, attribute in sorted(expression.attributes):
        known = scope.named.get(base)
        if base in scope.holes and known is not None and attribute not in known:
            message = f"none of the {base} is called '{attribute}'"
            remedy = did_you_mean(attribute, known) or f"name it: {base}: {{{attribute}: PATH}}"
            if base == "mem":
                message = f"mem:{attribute} is not among the step's inputs"
                remedy = did_you_mean(attribute, known) or f"add it: inputs: mem:{attribute}"
            raise ExpressionError("undefined-name", message, expression.source, remedy)


def _not_yet(what: str) -> str:
    return f"{what} is part of the language but not of this version yet"
