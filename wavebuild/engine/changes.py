"""What changed behind a reason, as far as the contents of then and now are known.

It does not know how a change is found, nor how it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from wavebuild import disk
from wavebuild.errors import WavebuildError
from wavebuild.judge.difference import Change, Form, Mode, Size, difference, value_changed
from wavebuild.judge.digest import LARGEST_KEPT, Digests, Reading
from wavebuild.judge.facts import Facts, output_reading
from wavebuild.judge.fingerprint import as_written
from wavebuild.judge.reasons import ActionChanged, GateChanged, InputChanged, OutputEdited, Reason
from wavebuild.store.contents import Content, recalled, secret_bytes, shown

_FORMS: dict[str, Form] = {
    "sha256": "bytes",
    "python": "bytes",
    "json": "value",
    "yaml": "value",
    "value": "value",
    "rows": "rows",
}
"""The first word of a digest → what its content is."""

_OF_FILES = ("bytes", "made", "json", "yaml", "csv", "rows", "key", "python")
"""How a content is read that a file has; of other things only what was kept is known."""


class Changes(Struct):
    """Compares then with now. ``kept``: the file of former contents; ``secrets``: what may not be shown."""

    facts: Facts
    kept: str
    secrets: Mapping[str, str | None]
    _readings: dict[int, dict[str, Reading]] = field(default_factory=dict)

    def of(self, number: int, reasons: Iterable[Reason]) -> tuple[Change | None, ...]:
        """For each reason of the step of this number what changed; None where there is nothing to tell."""
        return tuple(self._of(number, reason) for reason in reasons)

    def _of(self, number: int, reason: Reason) -> Change | None:
        if isinstance(reason, InputChanged | OutputEdited):
            return self._content_changed(number, reason.member, reason.was, reason.now)
        if isinstance(reason, GateChanged) and reason.part in self._known_readings(number):
            return self._content_changed(number, reason.part, reason.was, reason.now)
        if isinstance(reason, ActionChanged | GateChanged):
            return _definition_changed(reason.part, reason.was, reason.now)
        return None  # no other reason has two contents

    def _content_changed(self, number: int, member: str, was: str, now: str) -> Change | None:
        if was.startswith("=") and now.startswith("="):
            return value_changed(was[1:], now[1:])
        if was == now:
            return None  # by hand: its bytes are those that were accepted
        if was.removesuffix("+x") == now.removesuffix("+x"):
            return Mode(now.endswith("+x"))
        forms = {_form(was), _form(now)} - {None}
        if len(forms) != 1 or not (_form(was) and _form(now)):
            return None
        reading = self._known_readings(number).get(member) or self._output_reading(number, member)
        former, present = self._former(was), self._present(reading, now)
        if former and present and former.data is not None and present.data is not None:
            form = forms.pop()
            assert form is not None
            return difference(reading.path, form, former.data, present.data)
        if former or present:
            return Size(former.size if former else None, present.size if present else None)
        return None

    def _former(self, digest: str) -> Content | None:
        if digest.startswith("="):
            return Content(len(digest) - 1, digest[1:].encode("utf-8", "surrogatepass"))
        digest = digest.removesuffix("+x")
        digest = digest.removesuffix("+x")
        found = recalled(self.kept, [digest]).get(digest)
        if found is None:
            return None
        return Content(found.size, shown(found.data, b"", secret_bytes(self.secrets)))

    def _present(self, reading: Reading, digest: str) -> Content | None:
        """What is there now, if it has this digest; else what was kept of it."""
        if reading.how not in _OF_FILES:
            return self._former(digest)
        found: dict[str, Content] = {}
        hidden = secret_bytes(self.secrets)

        def keep(name: str, data: bytes | None, size: int, beside: bytes) -> None:
            found[name] = Content(size, shown(data, beside, hidden))

        try:
            status = disk.look_through(self.facts.digests.absolute(reading.path))
            if status is not None and (status.st_size <= LARGEST_KEPT or reading.how != "bytes"):
                Digests(self.facts.digests.root, {}, elsewhere=self.facts.digests.elsewhere, keep=keep).see(reading)
            elif status is not None and self.facts.digests.see(reading).digest == digest:
                return Content(status.st_size, None)
        except (WavebuildError, OSError):
            return self._former(digest)
        return found.get(digest.removesuffix("+x")) or self._former(digest)

    def _known_readings(self, number: int) -> dict[str, Reading]:
        if number not in self._readings:
            try:
                read = self.facts.read(number)
                found = {reading.member: reading for reading in (*read.action, *read.gate)}
            except WavebuildError:
                found = {}
            self._readings[number] = found
        return self._readings[number]

    def _output_reading(self, number: int, member: str) -> Reading:
        return output_reading(self.facts.graph.wavefile.steps[number], member)


def _form(digest: str) -> Form | None:
    return "value" if digest.startswith("=") else _FORMS.get(digest.partition(":")[0])


def _definition_changed(part: str, was: str, now: str) -> Change:
    old, new = (as_written(text).encode("utf-8", "surrogateescape") for text in (was, now))
    return difference(part, "text", old, new)
