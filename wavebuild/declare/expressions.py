"""Jinja2 expressions, sandboxed: split out of a text, understood, evaluated; nothing else of the language knows jinja2.

It does not know which names mean what. It is imported when a text first holds ``{{``, never before.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import SecurityError, TemplateError, UndefinedError
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment
from msgspec import Struct

from wavebuild.declare.bounds import PADDING_FILTERS, TooLarge, bounded, check_call, check_operation, check_value
from wavebuild.declare.values import Paths, shell_quoted, shown
from wavebuild.errors import did_you_mean

_OWN_NUMBER = re.compile(r"'?(?:wavebuild\.declare\.values\.)?Written(?:Int|Float)'?(?: object)?'?")
_UNSET = re.compile(r"'wavebuild\.declare\.variables\.CallerEnv object' has no attribute '(?P<name>[^']*)'")
_UNKNOWN_WORD = re.compile(r"No (?P<kind>filter|test) named '(?P<name>[^']*)'")
_SIMPLE = re.compile(r"\{\{(?![+-])([^{}'\"\\]*[^{}'\"\\+-])\}\}")


class ExpressionError(Exception):
    """What is wrong with an expression; ``snippet`` is the part of the text to point at."""

    def __init__(self, code: str, message: str, snippet: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.snippet, self.remedy = code, message, snippet, remedy


class Expression(Struct, frozen=True):
    """One ``{{ … }}``, understood.

    ``names`` are the names it reads, ``attributes`` what it asks of them directly
    (``inputs.schema``); ``verbatim``: its last filter says that no quotes are to be added.
    """

    source: str
    names: frozenset[str]
    attributes: frozenset[tuple[str, str]]
    verbatim: bool
    evaluate: Callable[[Mapping[str, object]], object]


class _Sandbox(SandboxedEnvironment):
    """An environment where the named files of inputs come before the methods of a tuple, and nothing grows huge."""

    intercepted_binops = frozenset(("*", "**", "%"))  # these are not folded while compiling, either

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        check_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: object, *args: object, **kwargs: object) -> object:
        check_call(__obj, args)
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped: Callable[..., str] | None = super().wrap_str_format(value)
        if wrapped is None:
            return None
        safe = wrapped

        def checked(*args: object, **kwargs: object) -> str:
            check_call(value, args)
            return safe(*args, **kwargs)

        return checked

    def getattr(self, obj: object, attribute: str) -> object:
        if isinstance(obj, Paths) and attribute in obj.named:
            return obj.named[attribute]
        return super().getattr(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        if isinstance(obj, Paths) and isinstance(argument, str) and argument in obj.named:
            return obj.named[argument]
        return super().getitem(obj, argument)


@functools.lru_cache(maxsize=1024)
def pieces(text: str) -> tuple[str | Expression, ...]:
    """A text as its plain parts and its expressions, in turn; that of a repeated step is asked for by each instance."""
    split = split_simple(text) or split_by_jinja(text)
    return tuple([understood(part.strip()) if odd % 2 else part for odd, part in enumerate(split) if part or odd % 2])


def split_simple(text: str) -> list[str] | None:
    """Plain parts and expressions in turn, where no quote, brace or sign can hide an end; ``None`` if one might.

    Ten times as fast as Jinja's own lexer, and nearly all templates are of this kind.
    """
    if "{{{" in text or "\r" in text:
        return None
    split = _SIMPLE.split(text)
    return split if len(split) == 2 * text.count("{{") + 1 else None


def split_by_jinja(text: str) -> list[str]:
    """The same for any text."""
    parts = [""]
    try:
        for _, token, value in _sandbox().lexer.tokeniter(text, None):
            if token in ("variable_begin", "variable_end"):
                parts.append("")
            else:
                parts[-1] += value
    except TemplateSyntaxError as error:
        raise _syntax_error(_sentence(error), text[max(text.find("{{"), 0) :][:40]) from None
    if len(parts) % 2 == 0:
        raise _syntax_error("this {{ is never closed", text[text.rfind("{{") :][:40])
    return parts


@functools.lru_cache(maxsize=4096)
def understood(source: str) -> Expression:
    sandbox = _sandbox()
    try:
        tree = Parser(sandbox, source, state="variable").parse_expression()
        compiled: Callable[..., Any] = sandbox.compile_expression(source, undefined_to_none=False)
        if isinstance(tree, nodes.Name):
            compiled = itemgetter(tree.name)  # most expressions are one name: a tenth of the time
    except TemplateSyntaxError as error:
        raise _unknown_word(error, source) or _syntax_error(_sentence(error), source) from None
    except TooLarge as error:
        raise ExpressionError("template-error", f"this expression fails: {error}", source) from None
    except (SyntaxError, RecursionError, MemoryError, ValueError, TypeError, AssertionError):
        # What the compiler behind Jinja2 says of expressions that are too large or too odd for it.
        raise ExpressionError("template-syntax", "this expression is too complex", source) from None
    # Without a root of its own, an expression that is a single name would not be found in itself.
    whole = nodes.Output([tree])
    names = frozenset(name.name for name in whole.find_all(nodes.Name) if name.ctx == "load")
    verbatim = isinstance(tree, nodes.Filter) and tree.name in ("raw", "q")

    def evaluate(values: Mapping[str, object]) -> object:
        return _evaluated(source, compiled, values)

    return Expression(source, names, frozenset(_attributes(whole)), verbatim, evaluate)


def _attributes(tree: nodes.Node) -> Iterable[tuple[str, str]]:
    for found in tree.find_all(nodes.Getattr):
        if isinstance(found.node, nodes.Name):
            yield found.node.name, found.attr
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
            yield item.node.name, item.arg.value


def _evaluated(source: str, compiled: Callable[..., object], values: Mapping[str, object]) -> object:
    try:
        result = compiled(dict(values))
        if isinstance(result, Undefined):
            result._fail_with_undefined_error()
        check_value(result)
        settled = _settled(result)
        if not _can_be_passed_on(settled):
            message = "it gives a text with a NUL or half a character, which no command can hold"
            raise ExpressionError("control-character", message, source)
        return settled
    except ExpressionError:
        raise
    except UndefinedError as error:
        message = _sentence(error)
        remedy = "where it may be missing: {{ env.NAME | default('') }}" if message.endswith("is not set") else ""
        raise ExpressionError("undefined-name", message, source, remedy) from None
    except SecurityError as error:
        raise ExpressionError("template-error", f"not allowed in a template: {_sentence(error)}", source) from None
    except TemplateError as error:
        raise ExpressionError("template-error", _sentence(error), source) from None
    except Exception as error:
        # The author's expression may fail in any way that Python code can: 1/0, 'a' + 1, []['x'].
        message = f"this expression fails: {_sentence(error) or type(error).__name__}"
        raise ExpressionError("template-error", message, source) from None


def _settled(value: object) -> object:
    """The value as JSON has it; what a filter only promised is asked for here, where errors are caught."""
    match value:
        case None | bool() | int() | float() | Paths():
            return value
        case str():
            return str(value)
        case Mapping():
            return {str(key): _settled(item) for key, item in value.items()}
        case Undefined():
            value._fail_with_undefined_error()
        case Iterable() if not isinstance(value, bytes):
            return [_settled(item) for item in value]
        case _:
            pass
    raise TypeError("it gives a function or an object, not a value")


def _can_be_passed_on(value: object) -> bool:
    """Whether the texts of a value, its mappings apart, can stand in commands and names."""
    if isinstance(value, list):
        return all(map(_can_be_passed_on, value))
    if not isinstance(value, str) or (value.isascii() and "\0" not in value):
        return True
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _sentence(error: BaseException) -> str:
    plain = str(error).replace("jinja2.runtime.", "").split("\n")[0].rstrip(".")
    if unset := _UNSET.fullmatch(plain):
        return f"the caller's variable {unset['name']} is not set"
    return _OWN_NUMBER.sub("a number", plain)


def _unknown_word(error: TemplateSyntaxError, source: str) -> ExpressionError | None:
    """The error of a filter or test that does not exist."""
    found = _UNKNOWN_WORD.match(str(error))
    if not found:
        return None
    kind, name = found["kind"], found["name"]
    known = _sandbox().filters if kind == "filter" else _sandbox().tests
    return ExpressionError("template-syntax", f"there is no {kind} {name!r}", source, did_you_mean(name, known))


def _syntax_error(why: str, snippet: str) -> ExpressionError:
    remedy = "to write {{ itself: {{ '{{' }}"
    return ExpressionError("template-syntax", f"not readable as a template: {why}", snippet, remedy)


def _each(change: Callable[[str], str]) -> Callable[[object], object]:
    """A filter on a path, or on every path of a list."""

    def apply(value: object) -> object:
        if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
            return [change(shown(item)) for item in value]
        return change(shown(value))

    return apply


def _stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0]


def _ext(path: str) -> str:
    return posixpath.splitext(path)[1]


def _dir(path: str) -> str:
    return posixpath.dirname(path) or "."


def _same(value: object) -> object:
    return value


@functools.cache
def _sandbox() -> _Sandbox:
    # No text of a Wavefile holds NUL, so blocks and comments never begin: only {{ }} is special.
    sandbox = _Sandbox(
        undefined=StrictUndefined,
        block_start_string="\0{%",
        block_end_string="%}\0",
        comment_start_string="\0{#",
        comment_end_string="#}\0",
        keep_trailing_newline=True,
    )
    sandbox.globals.clear()
    sandbox.filters.update(
        q=shell_quoted,
        raw=_same,
        stem=_each(_stem),
        name=_each(posixpath.basename),
        dir=_each(_dir),
        ext=_each(_ext),
    )
    sandbox.filters.update({name: bounded(sandbox.filters[name]) for name in PADDING_FILTERS})
    return sandbox
