"""The profiles of a Wavefile, and the one that is chosen.

It does not know what a profile lays over what.
"""

from __future__ import annotations

from msgspec import Struct

from wavebuild.declare import schema
from wavebuild.declare.fields import Fields
from wavebuild.declare.forms import Reading
from wavebuild.declare.settings import check_settings
from wavebuild.declare.source import Unreadable, word
from wavebuild.declare.syntax import Scalar, Table
from wavebuild.declare.variables import check_form
from wavebuild.errors import Place, Problem, did_you_mean

USUAL = "default"
"""What the profile is called when none is named."""


class Profile(Struct, frozen=True):
    name: str
    fields: Fields | None = None  # None: nothing is different


def chosen_profile(top: Fields, wanted: str | None) -> Profile:
    """The profile of this name. All are looked at: what is wrong in any is recorded."""
    found = _profiles(top)
    name = wanted or USUAL
    if name not in found and name != USUAL:
        remedy = did_you_mean(name, found) or ("there are " + ", ".join(found) if found else "the file has no profiles")
        message = f"no profile is called {word(name)}"
        top.reading.problems.record(Problem("unknown-profile", message, Place(f"--profile {name}"), remedy))
    for other, fields in found.items():
        if other != name and fields is not None:
            _check(fields)
    return Profile(name, found.get(name))


def _check(fields: Fields) -> None:
    """Says what is wrong with a profile that is not chosen, as far as that can be said without its variables."""
    check_settings(fields)
    for key in (schema.CAPACITIES, schema.THRESHOLDS, schema.TARGETS):
        fields.get(key)
    fields.get(schema.ENV, Reading(fields.reading.problems, fields.reading.home, templates=False))
    if entry := fields.entry(schema.VARS):
        check_form(entry.value, fields.reading)


def _profiles(top: Fields) -> dict[str, Fields | None]:
    value = top.get(schema.PROFILES)
    if value is None:
        return {}
    if not isinstance(value, Table):
        top.reading.unexpected(value, "a mapping from names to profiles")
        return {}
    found: dict[str, Fields | None] = {}
    for key, body in value.pairs():
        name = key.text
        found[name] = None
        try:
            schema.PROFILE_NAME.read(key, top.reading)
            if not (isinstance(body, Scalar) and body.is_null):
                found[name] = Fields.of(schema.PROFILE, body, top.reading)
        except Unreadable:
            continue
    return found
