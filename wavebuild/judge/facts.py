"""The facts about a step as they are now, gathered from the disk for ``judge.freshness``.

It does not know what was recorded, but for the names of members it is asked about.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice, repeat
from operator import attrgetter, eq, ne
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from wavebuild import disk
from wavebuild.declare.model import Artifact, Call, Digest, Kind, Manual, Step
from wavebuild.errors import Place, Problem, WavebuildError, did_you_mean
from wavebuild.graph import Graph, covers, reads
from wavebuild.graph.files import MANY, are_packed, are_whole_files, has_names, is_whole_file, paths_of
from wavebuild.graph.shared import may_touch
from wavebuild.judge.asking import Answers, Asking, Said, Why
from wavebuild.judge.content import import_files
from wavebuild.judge.digest import ABSENT, LARGE, Digests, Reading, env_digest, how_read
from wavebuild.judge.fingerprint import action_parts, gate_parts, names_part
from wavebuild.judge.freshness import Now, is_of
from wavebuild.judge.members import Folders, made_members, members, nobody_else, sidecars
from wavebuild.judge.memory import Memory
from wavebuild.judge.shared import SharedFiles, Texts, key_readings, shared_files
from wavebuild.judge.trace import Trace, key, plain

AS_RECORDED = {
    "sha256": "bytes",
    "link": "made",
    "json": "json",
    "yaml": "yaml",
    "rows": "csv",
    "sqlite": "sqlite",
    "stat": "stat",
}
"""The first word of a digest → how it was read."""


def as_table(path: str) -> Artifact:
    return Artifact(Kind.FILE, path, Place(path), digest=Digest.CSV)


class ManyFiles(Struct, frozen=True):
    """The paths of a step that reads many single files and nothing else: each once, as they are named, and sorted."""

    paths: tuple[str, ...]
    in_order: list[str]


class Read(Struct, frozen=True):
    """What a step reads: the readings of its action and of its checks, and the files its command may name."""

    action: tuple[Reading, ...]
    gate: tuple[Reading, ...]
    files: tuple[str, ...]  # input files, relative to the root, sorted by bytes
    named: tuple[tuple[str, tuple[str, ...]], ...]  # of `inputs: {name: artifact}`
    missing: tuple[Artifact, ...]  # artifacts without a member that are not optional
    many: ManyFiles | None = None  # where the action reads nothing else


class Assumed(Struct, frozen=True):
    """Paths, relative to the root, that a person wants taken as changed (-W) or as unchanged (-o) in this build."""

    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


NOTHING_ASSUMED = Assumed()

Listed = Callable[[Folders, Artifact, Callable[[str], bool]], list[str]]


class Facts:
    """Asks the disk, through the digests of one build.

    ``orphans``: members that steps which are no more left behind; no pattern matches them.
    ``made``: every member on record as made by some step, as of when it is asked.
    ``elsewhere``: member → where it was moved meanwhile; None: it is only half made, and counts as not there.
    ``answers``: what probes said. ``memory``: the shared memory. ``texts``: of edits of shared files.
    """

    def __init__(
        self,
        graph: Graph,
        digests: Digests,
        folders: Folders,
        environ: Mapping[str, str],
        orphans: frozenset[str],
        made: Callable[[], Container[str]],
        elsewhere: Mapping[str, str | None] = {},
        assumed: Assumed = NOTHING_ASSUMED,
        answers: Answers | None = None,
        memory: Memory | None = None,
        texts: Texts = lambda of: {},
    ) -> None:
        self._texts = texts
        self.shared = SharedFiles(digests, texts)
        self.answers = answers or Answers()
        self.memory = memory or Memory()
        self.graph = graph
        self.digests = digests
        self.folders = folders
        self._environ = environ
        self._orphans = orphans
        self._made = made
        self.elsewhere = elsewhere
        self.assumed = assumed
        self.former: Collection[str] = ()  # what steps that are no more have made, whether it stands or not
        self._many: tuple[int, ManyFiles | None] = (-1, None)  # of the step that was asked for last
        self._found: dict[_Sought, _Found] = {}  # of what is imported; many steps call one module
        self._unsteady: set[_Sought] = set()  # what was not the same all the while
        self._agreed: dict[_Sought, bool] = {}

    def orphans_in(self, artifact: Artifact) -> list[str]:
        """What would be its members, had steps that are no more not made it."""
        return sorted(path for path in self._orphans if covers(artifact, path))

    def relink(self, graph: Graph, orphans: frozenset[str]) -> None:
        """The graph has grown: instances or inputs are known that were not before."""
        self.graph = graph
        self._orphans = orphans
        self._many = (-1, None)

    def members_of(self, artifact: Artifact) -> list[str]:
        """The members of a glob that no step reads: neither orphans nor what merely stands among a step's outputs."""

        def other(path: str) -> bool:
            return path in self._orphans or self._stands_by(path)

        return self._standing(members, artifact, other)

    def with_folders(self, folders: Folders) -> Facts:
        """The same facts, with listings of their own."""
        facts = (self.graph, self.digests, folders, self._environ, self._orphans, self._made, self.elsewhere)
        return Facts(*facts, self.assumed, self.answers, self.memory, self._texts)

    def came(self, step: Step, read: Read) -> tuple[str, ...]:
        """The members of the step's directories and globs that were not there when it was read."""
        if are_packed(step.inputs) or [*map(_KIND, step.inputs)].count(Kind.FILE) == len(step.inputs):
            return ()
        listing = [artifact for artifact in step.inputs if artifact.kind in (Kind.DIRECTORY, Kind.GLOB)]
        if not listing:
            return ()
        known = {reading.member for reading in (*read.action, *read.gate)}
        now = (reading.member for artifact in listing for reading in self._readings(step, artifact))
        return tuple(dict.fromkeys(member for member in now if member not in known))

    def read(self, number: int) -> Read:
        """What the step of this number reads now; a frozen one reads nothing."""
        step = self.graph.wavefile.steps[number]
        if step.frozen:
            return Read((), (), (), (), ())
        if len(step.inputs) >= MANY and (many := self.many_files(number)) is not None:
            return self._read_files(step, many)
        readings: list[Reading] = []
        files: list[str] = []
        named: list[tuple[str, tuple[str, ...]]] = []
        missing: list[Artifact] = []
        by_time = is_by_time(step)
        prompt = step.prompt.path if step.prompt is not None and step.prompt.apart else None
        self.digests.look_anew()
        for artifact in step.inputs:
            if not by_time and is_whole_file(artifact):
                if not self._stands(artifact.path):
                    missing.append(artifact)
                readings.append(self._reading(artifact, artifact.path))
                if artifact.path != prompt:
                    files.append(artifact.path)
                if artifact.name:
                    named.append((artifact.name, (artifact.path,)))
                continue
            found = self._readings(step, artifact)
            if by_time:
                found = [Reading(r.member, r.path, "mtime") if r.how in ("bytes", "made") else r for r in found]
            if self._is_missing(artifact, found):
                missing.append(artifact)
            there = [
                r for r in found if r.of_file and r.how != "folder" and not (artifact.optional and self._absent(r))
            ]
            paths = _by_bytes(reading.path for reading in there if reading.path != prompt)
            readings += found
            files += paths
            if artifact.name:
                named.append((artifact.name, paths))
        for artifact in (*step.code, *self._called(step)):
            if not self._stands(artifact.path):
                missing.append(artifact)
            else:
                readings += self._closure(artifact.path, _bases(step))
        gate: list[Reading] = []
        for artifact in step.gate_inputs:
            found = self._readings(step, artifact)
            own = artifact.covers_files and any(covers(output, artifact.path) for output in step.outputs)
            own = own or any(one.path == artifact.path and may_touch(one, artifact) for one in step.updates)
            if not own and self._is_missing(artifact, found):
                missing.append(artifact)
            gate += () if own else found
        for action in step.judges:
            if isinstance(action, Call):
                for artifact in self._module(action, step):
                    gate += self._closure(artifact.path, _bases(step))
        if step.updates:
            missing += self.shared.missing(step)
        if self.assumed.unchanged:
            missing = [artifact for artifact in missing if not is_of(artifact.path, self.assumed.unchanged)]
        return Read(_unique(readings), _unique(gate), _by_bytes(files), tuple(named), tuple(missing))

    def many_files(self, number: int) -> ManyFiles | None:
        """Of a step that reads many single files and nothing else, each compared by its bytes; else None."""
        if self._many[0] != number:
            self._many = (number, self._many_files(self.graph.wavefile.steps[number]))
        return self._many[1]

    def _many_files(self, step: Step) -> ManyFiles | None:
        if len(step.inputs) < MANY or step.frozen or step.code or step.judges or step.updates or is_by_time(step):
            return None
        if self.graph.owners.otherwise or self.assumed.unchanged or isinstance(step.action, Call):
            return None
        if step.prompt is not None or not are_whole_files(step.inputs):
            return None
        paths = paths_of(step.inputs)
        in_order = sorted(paths)
        if any(map(eq, in_order, islice(in_order, 1, None))):
            paths = tuple(dict.fromkeys(paths))
            in_order = sorted(paths)
        return ManyFiles(paths, in_order)

    def _read_files(self, step: Step, many: ManyFiles) -> Read:
        """What such a step reads now."""
        self.digests.look_anew()
        known = self.digests.taken_over
        gone = {path for path in many.paths if path not in known and not self._stands(path)}
        missing = tuple(artifact for artifact in step.inputs if artifact.path in gone) if gone else ()
        named: tuple[tuple[str, tuple[str, ...]], ...] = ()
        if has_names(step.inputs):
            named = tuple((artifact.name, (artifact.path,)) for artifact in step.inputs if artifact.name)
        ordered = many.in_order
        by_bytes = ordered if all(map(str.isascii, ordered)) else sorted(ordered, key=os.fsencode)
        return Read(tuple(map(Reading, many.paths, many.paths)), (), tuple(by_bytes), named, missing, many)

    def members(self, step: Step, artifact: Artifact) -> tuple[str, ...]:
        """The files that stand for one artifact of a step at this moment."""
        there = (r for r in self._readings(step, artifact) if self._stands(r.path))
        return tuple(dict.fromkeys(r.path + "/" if r.how == "folder" else r.path for r in there))

    def now(self, number: int, read: Read, traces: Sequence[Trace], clock: float, forced: bool) -> Now:
        """All facts that decide on the step. Raises WavebuildError for what cannot be read."""
        step = self.graph.wavefile.steps[number]
        inputs, rest = self._taken_over(read, traces)
        looked_at = tuple(reading.member for reading in rest) if inputs else ()
        inputs |= self._values(rest)
        gate_inputs = self._values(read.gate)
        members: dict[str, None] = {}
        discovered: dict[str, Reading] = {}
        for trace in traces:
            members.update(dict.fromkeys(trace.outputs))
            if trace.discovered:
                discovered |= {member: self.discovered(member) for member in trace.discovered}
        newest = traces[0] if traces and step.updates else None
        by_time = is_by_time(step)
        return Now(
            action=action_parts(step) | names_part(read.named) if read.named else action_parts(step),
            gate=gate_parts(step),
            inputs=inputs,
            gate_inputs=gate_inputs,
            outputs={member: self.output_digest(step, member) for member in members},
            makers=Makers(self.graph, number, read, discovered),
            always=step.always,
            max_age=step.max_age,
            zone=self.graph.wavefile.settings.timezone,
            clock=clock,
            forced=forced,
            latest_input=self._latest(read) if by_time else None,
            oldest_output=self._oldest(step) if by_time else None,
            taken_as_changed=self.assumed.changed,
            taken_as_unchanged=self.assumed.unchanged,
            discovered={member: self._digest_if_readable(reading) for member, reading in discovered.items()},
            edits=newest.edits if newest else {},
            lost=self.shared.lost(step, key(step), newest) if newest else frozenset(),
            keys=self.shared.keys(step) if step.updates else {},
            shares=bool(step.updates),
            looked_at=looked_at,
        )

    def still_standing(self, step: Step, traces: Sequence[Trace]) -> dict[str, tuple[tuple[str, str], ...]]:
        """What is left of the newest trace's edits of shared files."""
        return self.shared.standing(step, key(step), traces[0] if traces else None)

    def discovered(self, path: str) -> Reading:
        """How a file that a depfile names is compared: as any file that is read."""
        return self._reading(Artifact(Kind.FILE, path, Place(path)), path)

    def _digest_if_readable(self, reading: Reading) -> str:
        """What no longer can be read is gone for a step that has read it: it must run to find out."""
        try:
            return self.digests.see(reading).digest or ABSENT
        except WavebuildError:
            return ABSENT

    def _latest(self, read: Read) -> int | None:
        """When the latest file that a step reads was written, in ns."""
        files = (reading.path for reading in read.action if reading.of_file and reading.how != "folder")
        return max((when for path in files if (when := self._written(path)) is not None), default=None)

    def _oldest(self, step: Step) -> int | None:
        """When the oldest file at a step's outputs was written; None if one that has to be there is not."""
        members = [member for member in self.outputs(step) if not member.endswith("/")]
        files = (artifact for artifact in step.outputs if artifact.covers_files and not artifact.optional)
        if not all(any(covers(artifact, member) for member in members) for artifact in files):
            return None
        return min((when for member in members if (when := self._written(member)) is not None), default=None)

    def _written(self, path: str) -> int | None:
        status = disk.look_through(self.digests.absolute(path))
        return status.st_mtime_ns if status is not None else None

    def output_digest(self, step: Step, member: str) -> str | None:
        """The digest of what stands at an output member; None if nothing does, UNASKED if that must be asked."""
        return self.value(output_reading(step, member))

    def things(self, step: Step) -> dict[str, str]:
        """The values of what it makes that is no file."""
        if all(artifact.covers_files for artifact in step.outputs):
            return {}
        found = {a.text: self.answers.digest(a) for a in step.outputs if a.kind is Kind.PROBE}
        found |= {a.text: self.memory.digest(a.path) for a in step.outputs if a.kind is Kind.MEM}
        return {member: digest for member, digest in found.items() if digest is not None}

    def asking(self, reading: Reading, why: Why) -> Asking:
        """What must be run to know the value of a reading."""
        artifact = reading.artifact
        assert artifact is not None
        if reading.how == "probe":
            probe = self.answers.probe(artifact)
            holes = (("arg", artifact.argument),)
            return Asking(
                reading, why, probe.command, holes, probe.folder, probe.timeout, probe.env, probe.shell
            )  # fmt: skip
        assert artifact.command is not None
        path = os.path.relpath(self.digests.absolute(reading.path), self.digests.absolute(artifact.folder))
        return Asking(reading, why, artifact.command, (("path", path),), artifact.folder)

    def hear(self, asking: Asking, said: Said) -> str:
        """Takes what came of asking; why whoever asked fails, "" if the value is known now."""
        reading = asking.reading
        assert reading.artifact is not None
        if reading.how == "probe":
            return self.answers.hear(reading.artifact, asking.why, said)
        if said.failure and asking.why is not Why.JUDGED:
            return said.detail
        # An output of which the command makes nothing is not what was made.
        self.digests.hear(reading, said.digest or f"no answer: {said.failure}", keep=not said.failure)
        return ""

    def is_as_recorded(self, member: str, digest: str) -> bool:
        """Whether what stands there has this digest, compared in the way that it was recorded."""
        how = AS_RECORDED.get(digest.partition(":")[0])
        if how is None:
            return False
        return self.digests.see(Reading(member, member, how, artifact=as_table(member))).digest == digest

    def outputs(self, step: Step) -> list[str]:
        """The members that the step's outputs have on the disk, whoever made them."""
        found: dict[str, None] = {}
        for artifact in step.outputs:
            found.update(dict.fromkeys(self._standing(made_members, artifact, self._orphans.__contains__)))
        return list(found)

    def nothing_stands(self, step: Step) -> bool:
        """Whether it makes single files alone, and none of them is there: as before most first runs."""
        if self.elsewhere:
            return False
        return all(one.kind is Kind.FILE and not made_members(self.folders, one) for one in step.outputs)

    def sidecars(self, step: Step) -> dict[str, str]:
        """What SQLite keeps beside the databases among the step's outputs, each with its database."""
        found: dict[str, str] = {}
        for artifact in step.outputs:
            if artifact.digest is Digest.SQLITE:
                found |= sidecars(made_members(self.folders, replace(artifact, digest=Digest.BYTES)))
        return found

    def _standing(self, listed: Listed, artifact: Artifact, other: Callable[[str], bool]) -> list[str]:
        """The members, those that were moved meanwhile among them, those only half made not."""
        if not self.elsewhere:
            return listed(self.folders, artifact, other)
        stand = listed(self.folders, artifact, lambda path: path in self.elsewhere or other(path))
        folders = artifact.kind is Kind.DIRECTORY  # the only kind with empty folders as members
        moved = [path for path, there in self.elsewhere.items() if there and (folders or not path.endswith("/"))]
        return sorted({*stand, *(p for p in moved if covers(artifact, p.rstrip("/")) and not other(p))})

    def how_compared(self, step: Step, member: str) -> str:
        """A word of ``Reading.how``: the way in which an output member is compared."""
        return output_reading(step, member).how

    def raw_digest(self, member: str) -> str | None:
        """The digest of the bytes at an output member, however it is compared."""
        return self.digests.see(
            Reading(member, member.rstrip("/"), "folder" if member.endswith("/") else "made")
        ).digest

    def raw_digests(self, step: Step, made: Iterable[str]) -> dict[str, str]:
        """The digests of the bytes of those members that are compared otherwise; not of those too large to be read."""
        found = {}
        for member in made:
            if output_reading(step, member).how not in ("made", "folder", "stat", "probe", "mem"):
                raw = self.raw_digest(member)
                if raw is not None:
                    found[member] = raw
        return found

    def _absent(self, reading: Reading) -> bool:
        return self.digests.see(reading).digest is None

    def _values(self, readings: Collection[Reading]) -> dict[str, str]:
        values: dict[str, str] = {}
        if len(readings) > 1:
            self.digests.see_ahead(readings)
        for reading in readings:
            digest = self.digests.see(reading).digest if reading.how == "bytes" else self.value(reading)
            values[reading.member] = ABSENT if digest is None else digest
        return values

    def _taken_over(self, read: Read, traces: Sequence[Trace]) -> tuple[dict[str, str], Collection[Reading]]:
        """Of many readings the digests that are known without a look; and the readings of which none is.

        For these stands whatever it may be, if anything: they are to be looked at.
        """
        known, readings = self.digests.taken_over, read.action
        if not known or len(readings) < MANY:
            return {}, readings
        if read.many is not None:
            return _merged(read.many.paths, known, plain(traces[0].inputs) if traces else {})
        there = [reading for reading in readings if reading.how == "bytes" and reading.path in known]
        values = dict(zip(map(_MEMBER, there), map(known.__getitem__, map(_PATH, there)), strict=True))
        return values, [reading for reading in readings if reading.member not in values]

    def value(self, reading: Reading) -> str | None:
        """The digest of a reading; None if nothing is there, UNASKED if that must be asked."""
        if reading.how == "env":
            return env_digest(self._environ.get(reading.path))
        if reading.how == "probe":
            assert reading.artifact is not None
            return self.answers.digest(reading.artifact)
        if reading.how == "mem":
            assert reading.artifact is not None
            return self._remembered(reading.artifact)
        return self.digests.see(reading).digest

    def _remembered(self, artifact: Artifact) -> str | None:
        """The digest of a value; what was written by steps that are no more is nobody's."""
        written = bool(self.graph.owners.makers(artifact))
        return self.memory.digest(artifact.path) if written or artifact.path in self.memory.initial else None

    def _is_missing(self, artifact: Artifact, found: Sequence[Reading]) -> bool:
        """Whether a step cannot do without it; of what is no file the step itself, or an answer, tells."""
        if artifact.optional or artifact.kind in (Kind.ENV, Kind.PROBE):
            return False
        if artifact.kind is Kind.MEM:
            return self._remembered(artifact) is None
        if artifact.kind is Kind.LIST:
            return not self._stands(artifact.path)
        return not self._there(found)

    def _there(self, found: Sequence[Reading]) -> bool:
        return any(
            (reading.how != "key" and self._stands(reading.path))
            or (reading.how == "key" and self.digests.see(reading).digest is not None)
            for reading in found
        ) and all(reading.how != "key" or self.digests.see(reading).digest is not None for reading in found)

    def _stands(self, path: str) -> bool:
        """Whether something stands at a path. A source that is large is begun to be read: it will be asked for."""
        if self.digests.as_it_stood(path) is not None:
            return True
        try:
            status = os.lstat(self.digests.absolute(path))
        except (OSError, ValueError):
            return False
        if status.st_size >= LARGE and self.graph.owner(path) is None:
            self.digests.begin(path, status)
        self.digests.look_first(path, status)
        return True

    def is_all_there(self, number: int) -> bool:
        """Whether a step that reads single files alone can have each of them: it stands there, or some step makes it.

        False where nobody knows so quickly.
        """
        step = self.graph.wavefile.steps[number]
        if step.frozen or step.code or step.judges or step.updates or isinstance(step.action, Call):
            return False
        self.digests.look_anew()
        return all(
            is_whole_file(one) and (self.graph.owner(one.path) is not None or self._stands(one.path))
            for one in step.inputs
        )

    def _readings(self, step: Step, artifact: Artifact) -> list[Reading]:
        match artifact.kind:
            case Kind.ENV:
                return [Reading(artifact.text, artifact.path, "env")]
            case Kind.PROBE:
                return [Reading(artifact.text, artifact.text, "probe", artifact=artifact)]
            case Kind.MEM:
                return [Reading(artifact.text, artifact.text, "mem", artifact=artifact)]
            case Kind.STEP:
                return [reading for maker in self._named(artifact.path) for reading in self._owned(maker)]
            case Kind.FILE:
                if artifact.keys:
                    return key_readings(artifact)
                return [self._reading(artifact, artifact.path)]
            case Kind.DIRECTORY | Kind.GLOB:
                if not self._orphans and not step.updates and not self._may_be_made(step, artifact):
                    return self._sources(artifact)
                own, edited = step.outputs, shared_files(step)

                def other(path: str) -> bool:
                    if (
                        path in self._orphans
                        or path in edited
                        or any(covers(output, path.rstrip("/")) for output in own)
                    ):
                        return True
                    return self._stands_by(path)

                found = [self._reading(artifact, path) for path in self._standing(members, artifact, other)]
                beside = sidecars([reading.path for reading in found if reading.how == "sqlite"])
                return [reading for reading in found if reading.path not in beside]
            case Kind.LIST:
                return []  # what its lines name stands beside it
            case _:
                assert_never(artifact.kind)

    def _sources(self, artifact: Artifact) -> list[Reading]:
        """The readings of a directory or glob in which nothing is made."""
        found = self._standing(members, artifact, nobody_else)
        if how_read(artifact)[0] == "bytes":
            return [Reading(path, path) if path[-1] != "/" else Reading(path, path[:-1], "folder") for path in found]
        readings = [self._reading(artifact, path) for path in found]
        beside = sidecars([reading.path for reading in readings if reading.how == "sqlite"])
        return [reading for reading in readings if reading.path not in beside]

    def _may_be_made(self, step: Step, artifact: Artifact) -> bool:
        """Whether a step makes, or could make, something that is a member of what this one reads."""
        for output in step.outputs:
            if output.covers_files and (output.kind is not Kind.FILE or covers(artifact, output.path)):
                return True
        number = self.graph.number[step.name]
        for read, makers in zip(reads(step), self.graph.makers[number], strict=True):
            if read == artifact:
                return bool(makers)
        return True

    def _named(self, name: str) -> Iterator[Step]:
        """The steps of a name, with its members in place of a group."""
        for number in self.graph.names.find(name):
            step = self.graph.wavefile.steps[number]
            for one in self.graph.upstream[number] if step.is_group else (number,):
                yield self.graph.wavefile.steps[one]

    def _owned(self, maker: Step) -> list[Reading]:
        """The file members that a step owns."""
        made = self._made()
        placed = maker.frozen or isinstance(maker.action, Manual)
        found = [m for m in self.outputs(maker) if (placed or m in made) and not m.endswith("/")]
        return [output_reading(maker, member) for member in found]

    def _stands_by(self, path: str) -> bool:
        """Whether a file is covered by a step's glob output but was made by no step: it is nobody's member."""
        owner = self.graph.owner(path)
        if owner is None or path in self._made():
            return False
        step = self.graph.wavefile.steps[owner]
        if step.frozen or isinstance(step.action, Manual):
            return False
        return any(output.kind is Kind.GLOB and covers(output, path) for output in step.outputs)

    def _reading(self, artifact: Artifact, path: str) -> Reading:
        if path.endswith("/"):
            return Reading(path, path.rstrip("/"), "folder")
        how, argument = how_read(artifact)
        if how == "bytes" and (owner := self.graph.owner(path)) is not None:
            # The owner's digest holds for all readers; what a link leads to is what they read.
            if owner not in self.graph.owners.otherwise:
                return Reading(path, path)
            made_as = output_reading(self.graph.wavefile.steps[owner], path)
            return Reading(path, path) if made_as.how == "made" else made_as
        member = path if how == "bytes" else f"{path} ({how}{' ' + argument if argument else ''})"
        return Reading(member, path, how, argument, artifact)

    def _called(self, step: Step) -> list[Artifact]:
        return self._module(step.action, step) if isinstance(step.action, Call) else []

    def _module(self, call: Call, step: Step) -> list[Artifact]:
        """The file of a called module where it lies inside the root: its code is an input without being named."""
        return [Artifact(Kind.FILE, file, step.place) for file in self._module_files(call.module, _bases(step))]

    def _module_files(self, module: str, bases: tuple[str, ...]) -> tuple[str, ...]:
        sought = (module, False, bases)
        found = self._found_before(sought)
        if found is None:
            looked: dict[str, bool] = {}
            found = self._keep(sought, self._seek_module(module, bases, looked), looked)
        return found.files

    def _seek_module(self, module: str, bases: tuple[str, ...], looked: dict[str, bool]) -> tuple[str, ...]:
        """``looked``: takes where it looked, and whether a file is there."""
        for base in bases:
            files = [os.path.normpath(file) for file in import_files(module, "", (base,))]
            for file in files:
                self.folders.note(os.path.dirname(file))
                looked[file] = os.path.isfile(self.digests.absolute(file))
            there = tuple(file for file in files if looked[file])
            if any(file in there for file in files[-2:]):
                return there
        return ()

    def _closure(self, top: str, bases: tuple[str, ...]) -> tuple[Reading, ...]:
        """A program and every file inside the root that it imports, directly or not."""
        sought = (top, True, bases)
        found = self._found_before(sought)
        if found is None:
            looked: dict[str, bool] = {}
            imports: dict[str, str] = {}
            found = self._keep(sought, self._seek_imported(top, bases, looked, imports), looked, imports)
        return found.readings

    def _seek_imported(
        self, top: str, bases: tuple[str, ...], looked: dict[str, bool], imports: dict[str, str]
    ) -> tuple[str, ...]:
        """``imports``: takes what each of the files imports."""
        todo = [top]
        while todo:
            file = todo.pop()
            imports[file] = self._imports_of(file)
            places = tuple(dict.fromkeys((os.path.dirname(file), os.path.dirname(top), *bases)))
            for name in imports[file].split("\n"):
                for path in map(os.path.normpath, import_files(name, file, places) if name else ()):
                    if path in looked or path == top:
                        continue
                    self.folders.note(os.path.dirname(path))
                    looked[path] = os.path.isfile(self.digests.absolute(path))
                    if looked[path]:
                        todo.append(path)
        return tuple(sorted(imports))

    def _imports_of(self, file: str) -> str:
        return self.digests.see(Reading(file, file, "imports")).digest or ""

    def _found_before(self, sought: _Sought) -> _Found | None:
        """What was found of this before, if a look says that all is there that was, and nothing else."""
        found = self._found.get(sought)
        if found is None or self.digests.elsewhere:
            return None
        if not all(map(os.path.isfile, found.there)) or any(map(os.access, found.absent, repeat(os.F_OK))):
            return None
        return found if all(self._imports_of(file) == imports for file, imports in found.imports) else None

    def _keep(
        self, sought: _Sought, files: tuple[str, ...], looked: Mapping[str, bool], imports: Mapping[str, str] = {}
    ) -> _Found:
        there, absent = (
            tuple(self.digests.absolute(file) for file, stands in looked.items() if stands is kind)
            for kind in (True, False)
        )
        readings = tuple(Reading(f"{path} (python)", path, "python") for path in files)
        found = _Found(files, readings, there, absent, tuple(imports.items()))
        if self.digests.elsewhere:
            self._unsteady.add(sought)
            return found  # it was looked for at places that are not its own
        if self._found.setdefault(sought, found) != found:
            self._unsteady.add(sought)
        self._found[sought] = found
        return found

    def agrees(self, step: Step, later: Facts) -> bool:
        """Whether all that the step's calls import has been the same whenever it was asked for, and is it ``later``."""
        bases = _bases(step)
        calls = (action for action in (step.action, *step.judges) if isinstance(action, Call))
        return all(self._agrees(call.module, bases, later) for call in calls)

    def _agrees(self, module: str, bases: tuple[str, ...], later: Facts) -> bool:
        sought = (module, False, bases)
        if sought not in later._agreed:
            programs = [(file, True, bases) for file in later._module_files(module, bases)]
            for program, _, _ in programs:
                later._closure(program, bases)
            known = [(self._found.get(each), later._found.get(each)) for each in (sought, *programs)]
            steady = self._unsteady.isdisjoint((sought, *programs))
            later._agreed[sought] = steady and all(before is not None and before == after for before, after in known)
        return later._agreed[sought]


class _Found(Struct, frozen=True):
    """What is imported from files below the root; ``there``, ``absent``: where was looked for them, absolute."""

    files: tuple[str, ...]
    readings: tuple[Reading, ...]
    there: tuple[str, ...]
    absent: tuple[str, ...]
    imports: tuple[tuple[str, str], ...]  # of each program


_Sought = tuple[str, bool, tuple[str, ...]]
"""A module by its name, or all that a program imports; and the folders in which is looked."""


class Makers:
    """Which step makes a member that another reads; found when it is asked, as only a reason wants to know."""

    __slots__ = ("_discovered", "_graph", "_number", "_read", "_readings")

    def __init__(self, graph: Graph, number: int, read: Read, discovered: Mapping[str, Reading]) -> None:
        self._graph = graph
        self._number = number
        self._read = read
        self._discovered = discovered
        self._readings: Mapping[str, Reading] | None = None

    def get(self, member: str) -> str | None:
        """The name of the step, but for the reader itself; of what is not there any more, whoever may make it again."""
        if not self._graph.upstream[self._number]:
            return None
        reading = self._reading_of(member)
        owner = self._graph.owner(member.rstrip("/")) if reading is None else self._owner(reading)
        return None if owner in (None, self._number) else self._graph.wavefile.steps[owner].name

    def _reading_of(self, member: str) -> Reading | None:
        many = self._read.many
        if many is not None and not self._discovered:
            at = bisect_left(many.in_order, member)
            return Reading(member, member) if many.in_order[at : at + 1] == [member] else None
        if self._readings is None:
            read = self._read
            self._readings = {one.member: one for one in (*read.action, *read.gate)} | dict(self._discovered)
        return self._readings.get(member)

    def _owner(self, reading: Reading) -> int | None:
        if reading.of_file:
            owner = self._graph.owner(reading.path)
            editors = self._graph.shared.updaters(reading.path) if owner is None else ()
            return editors[0] if len(editors) == 1 else owner
        owners = self._graph.owners.makers(reading.artifact) if reading.artifact is not None else ()
        return owners[0] if owners else None


_PATH, _MEMBER, _KIND = map(attrgetter, ("path", "member", "kind"))


def _merged(
    paths: Sequence[str], known: Mapping[str, str], former: Mapping[str, str]
) -> tuple[dict[str, str], Sequence[Reading]]:
    """The digests of these files, in their order, and the readings of those of which none is known.

    Where most are what they were, the former digests are taken as a whole.
    """
    if len(former) == len(paths) and all(map(eq, former, paths)):
        other = [*compress(paths, map(ne, former.values(), map(known.get, paths)))]
        if 2 * len(other) < len(paths):
            return {**former}, [Reading(path, path) for path in other]
    other = [path for path in paths if path not in known]
    values = dict(zip(paths, map(known.get, paths, repeat(ABSENT)), strict=True)) if len(other) < len(paths) else {}
    return values, [Reading(path, path) for path in other]


def _by_bytes(paths: Iterable[str]) -> tuple[str, ...]:
    """Paths, each once, in the order of their bytes."""
    found = dict.fromkeys(paths)
    if len(found) < 2:
        return (*found,)
    return tuple(sorted(found) if all(map(str.isascii, found)) else sorted(found, key=os.fsencode))


def is_by_time(step: Step) -> bool:
    """Whether the files it reads are compared by when they were written: with its outputs, so it needs some."""
    if step.freshness != "mtime" or isinstance(step.action, Manual):
        return False
    return any(artifact.covers_files for artifact in step.outputs)


def output_reading(step: Step, member: str) -> Reading:
    """How an output member is compared: as the artifact that covers it says."""
    if member.endswith("/"):
        return Reading(member, member.rstrip("/"), "folder")
    for artifact in step.outputs:
        if artifact.kind in (Kind.PROBE, Kind.MEM) and artifact.text == member:
            return Reading(member, member, artifact.kind.value, artifact=artifact)
        if artifact.digest is not Digest.BYTES and covers(artifact, member):
            how, argument = how_read(artifact)
            return Reading(member, member, how, argument, artifact)
    return Reading(member, member, "made")


def missing_sources(graph: Graph, facts: Facts, wanted: Iterable[int]) -> tuple[Problem, ...]:
    """One problem for each artifact that no step makes and that has no member on the disk."""
    problems = []
    for number in sorted(wanted):
        if facts.is_all_there(number):
            continue
        step = graph.wavefile.steps[number]
        missing = facts.read(number).missing
        makers = dict(zip(reversed(reads(step)), reversed(graph.makers[number]), strict=True)) if missing else {}
        for artifact in missing:
            if artifact not in step.updates and _is_made(graph, artifact, makers):
                continue
            message = f"step {step.name!r} reads {artifact.text}, which is not there, and no step makes it"
            remedy = "make it, correct the path, or mark the input `optional: true`"
            if left := facts.orphans_in(artifact):
                message = f"step {step.name!r} reads {artifact.text}: {left[0]} was made by a step that is no more"
                remedy = "have that step built along with this one, or name the file itself as an input"
            if artifact in step.updates:
                message = f"step {step.name!r} updates {artifact.path}, which is not there"
                remedy = "make it, be it empty: what several steps edit belongs to none of them"
            if artifact.kind is Kind.MEM:
                message = f"step {step.name!r} reads {artifact.text}, but no step writes it and it has no initial value"
                remedy = _origin(graph, facts, artifact.path)
            problems.append(Problem("missing-source", message, artifact.place, remedy))
    return tuple(problems)


def _origin(graph: Graph, facts: Facts, key: str) -> str:
    """How a key of the shared memory comes to a value."""
    written = [output.artifact.path for output in graph.owners.things if output.artifact.kind is Kind.MEM]
    near = did_you_mean(key, {*facts.memory.initial, *written})
    return near or f"give it one: mem: {{{key}: VALUE}} at the top, or --mem {key}=VALUE"


def _is_made(graph: Graph, artifact: Artifact, makers: Mapping[Artifact, tuple[int, ...]]) -> bool:
    """Whether some step makes what one misses; ``makers``: of all that it reads."""
    found = makers.get(artifact)
    return bool(found) if found is not None else graph.owner(artifact.path) is not None


def _bases(step: Step) -> tuple[str, ...]:
    """Where a step's modules are looked for: its working folder, and the folder of its Wavefile."""
    return tuple(dict.fromkeys((step.cwd, step.folder)))


def _unique(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    if len(readings) < 2:
        return (*readings,)
    return tuple({reading.member: reading for reading in readings}.values())


def refuse(problems: Sequence[Problem]) -> None:
    """Raises WavebuildError if there is any problem."""
    if problems:
        raise WavebuildError(tuple(problems))
