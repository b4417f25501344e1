"""What of the keys of one step does not go together, or has no meaning in a step of its kind.

It does not know how a key is read.
"""

from __future__ import annotations

from collections.abc import Set

from wavebuild.declare import schema
from wavebuild.declare.fields import Fields, Key
from wavebuild.declare.forms import Reading
from wavebuild.declare.model import Call, Kind, Manual, Run, Step
from wavebuild.declare.source import Spot, word
from wavebuild.declare.syntax import Scalar

_OF_REPETITION = frozenset((schema.WITHOUT.name, schema.ALLOW_EMPTY.name))
_RUNS = (Run, Call)


class Fitting:
    """``action``: the key of the step's action; ``given``: the names of all keys that it has or is lent."""

    def __init__(
        self, name: Scalar, fields: Fields, reading: Reading, given: Set[str], action: Key[object] | None
    ) -> None:
        self._name = name
        self._fields = fields
        self._reading = reading
        self._given = given
        self._action = action
        self._is_group = action is None and schema.CHECKS.name not in given

    def check_shape(self) -> None:
        """What does not go together."""
        if not self._given.isdisjoint(_OF_REPETITION):
            self._check_repetition()
        if self._is_group:
            self._check_group()
        elif self._action is None and (spot := self._fields.spot(schema.OUTPUTS)):
            self._refuse_lonely_outputs(spot)
        elif self._action is schema.MANUAL and not self._fields.has(schema.OUTPUTS):
            self._refuse("no-outputs", self._name, "a manual step needs outputs: what the person places")
        elif self._action is schema.AGENT and not self._fields.has(schema.PROMPT):
            remedy = "prompt: PATH, or prompt: {text: …}"
            self._refuse(
                "missing-key", self._fields.spot(schema.AGENT) or self._name, "an agent needs a prompt", remedy
            )
        if self._action is not schema.AGENT and (spot := self._fields.spot(schema.PROMPT)) and not self._is_group:
            self._refuse(
                "no-action", spot, "'prompt' is what an agent is told, and this step has none", "add agent: NAME"
            )

    def check_belongings(self, step: Step) -> None:
        """What only a step that runs something can have."""
        if isinstance(step.action, Manual):
            for artifact in step.outputs:
                if artifact.kind is Kind.MEM:
                    message = f"{artifact.text} is a value that a command or a call writes: a person places files"
                    self._refuse("bad-artifact", artifact.place, message, "write it with --mem, or in a file")
                if artifact.in_place:
                    message = f"{artifact.text} is placed by a person: nothing of ours edits it in place"
                    self._refuse("bad-artifact", artifact.place, message, "leave in_place out")
        if isinstance(step.action, _RUNS):
            return
        runs = step.judges or self._is_group
        if not runs and (spot := self._fields.spot(schema.LIMITS)):
            self._refuse("no-action", spot, "'limits' has no meaning without run, call or checks", "remove it")
        for key in (schema.DEPFILE, schema.SCRATCH, schema.CONSOLE, schema.UPDATES):
            if (spot := self._fields.spot(key)) and not self._is_group:
                self._refuse("no-action", spot, f"'{key.name}' has no meaning without run or call", "remove it")

    def _check_repetition(self) -> None:
        if self._fields.entry(schema.FOREACH):
            return
        for key in (schema.WITHOUT, schema.ALLOW_EMPTY):
            if spot := self._fields.spot(key):
                self._refuse("no-foreach", spot, f"'{key.name}' has no meaning without foreach", "remove it")

    def _check_group(self) -> None:
        if spot := self._fields.spot(schema.OUTPUTS):
            self._refuse_lonely_outputs(spot)
            return
        idle = [spot for key in schema.STEP.keys if key not in schema.GROUP_KEYS and (spot := self._fields.spot(key))]
        for spot in idle:
            message = f"'{spot.text}' has no meaning without run, call, manual or checks"
            self._refuse("no-action", spot, message, "a step without them is a group: it has only labels and needs")
        if not idle and not self._fields.has(schema.NEEDS):
            message = f"the step {word(self._name.text)} does nothing"
            self._refuse("no-action", self._name, message, "give it run, call, manual, checks or needs")

    def _refuse_lonely_outputs(self, spot: Spot) -> None:
        self._refuse("no-action", spot, "outputs, but nothing makes them", "give the step run, call or manual")

    def _refuse(self, code: str, spot: Spot, message: str, remedy: str = "") -> None:
        self._reading.refuse(code, spot, message, remedy)
