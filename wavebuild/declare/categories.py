"""The categories of steps: the keys that each lends to its steps, and the score that is enough for them.

It does not know which steps are of which category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from wavebuild.declare import schema
from wavebuild.declare.fields import Fields
from wavebuild.declare.forms import Reading
from wavebuild.declare.source import Unreadable, word
from wavebuild.declare.syntax import Scalar, Table

DEFAULT = "default"
"""The name in `thresholds` that stands for every category that names none of its own."""


class Categories(Struct, frozen=True):
    """By name, the keys of each, which fall back on the defaults; and the thresholds that are given."""

    keys: Mapping[str, Fields] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, category: str | None) -> float | None:
        """The score that is enough for a step of this category."""
        return self.thresholds.get(category or DEFAULT, self.thresholds.get(DEFAULT))


NO_CATEGORIES = Categories()


def read_categories(
    layers: Sequence[Fields], reading: Reading, defaults: Fields | None, outer: Categories | None
) -> Categories:
    """The categories of a file, and those of the files around it that it has not. ``layers``: the last wins."""
    own = _own(layers[0], reading, defaults)
    around = {name: keys.over(defaults) for name, keys in outer.keys.items()} if outer else {}
    thresholds = dict(outer.thresholds) if outer else {}
    thresholds |= {name: value for name, keys in own.items() if (value := keys.own(schema.THRESHOLD)) is not None}
    for layer in layers:
        given = layer.get(schema.THRESHOLDS) or {}
        if layer is layers[0]:
            _refuse_twice(layer, own, given)
        thresholds |= given
    bare = {name: Fields({}, reading, fallback=defaults) for name in thresholds if name != DEFAULT}
    return Categories(bare | around | own, thresholds)


def refuse_several_actions(given: Fields, whose: str) -> None:
    """Records a second action among keys for many steps; ``whose`` says in words which."""
    actions = [spot for key in schema.ACTIONS if (spot := given.spot(key))]
    if len(actions) > 1:
        given.reading.refuse("two-actions", actions[1], f"a step has one action, {whose}", "keep one")


def _own(fields: Fields, reading: Reading, defaults: Fields | None) -> dict[str, Fields]:
    value = fields.get(schema.CATEGORIES)
    if value is None:
        return {}
    if not isinstance(value, Table):
        reading.unexpected(value, "a mapping from names to the keys of categories")
        return {}
    found: dict[str, Fields] = {}
    for key, body in value.pairs():
        name = key.text
        try:
            schema.CATEGORY_NAME.read(key, reading.within(None))
            if name == DEFAULT:
                message = "'default' in thresholds stands for all categories: none can be called so"
                raise reading.refuse("name-clash", key, message, "write these keys under defaults")
            if isinstance(body, Scalar) and body.is_null:
                found[name] = Fields({}, reading, fallback=defaults)
                continue
            found[name] = Fields.of(schema.OF_CATEGORY, body, reading, defaults, for_many=True)
            refuse_several_actions(found[name], f"the category {word(name)} has several")
        except Unreadable:
            found.setdefault(name, Fields({}, reading, fallback=defaults))
    return found


def _refuse_twice(fields: Fields, own: Mapping[str, Fields], given: Mapping[str, float]) -> None:
    entry = fields.entry(schema.THRESHOLDS)
    for name, keys in own.items():
        if name in given and keys.entry(schema.THRESHOLD) and entry and isinstance(entry.value, Table):
            spot = entry.value.entries[name].key
            message = f"the threshold of {word(name)} is given twice: here, and in categories"
            fields.reading.refuse("name-clash", spot, message, "keep one")
