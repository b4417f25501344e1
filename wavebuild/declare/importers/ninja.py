"""build.ninja → a Wavefile: edges as steps, phony names as groups, pools as resources, and what has no counterpart.

It does not know the grammar of ninja, nor how a Wavefile is laid out as text.
"""

from __future__ import annotations

import os.path
import posixpath
import shlex
from collections.abc import Iterator

from wavebuild.declare import paths
from wavebuild.declare.importers import Foreign, Imported
from wavebuild.declare.importers.edges import Edges, Losses, Reads, Work
from wavebuild.declare.importers.manifest import Manifest, read_manifest
from wavebuild.declare.importers.naming import Ground, folders_of, spelled
from wavebuild.declare.importers.writing import Noted, Writable, is_writable, literal
from wavebuild.declare.source import word

_RESPONSE_PIECE = 24_000  # signs of a response file in one shell command: one argument holds 128 KiB, quotes included
_CONSOLE = "console"


def imported(foreign: Foreign) -> Imported:
    """The Wavefile of a build.ninja."""
    manifest = read_manifest(foreign.path, foreign.shown)
    losses = Losses()
    edges = Edges(manifest, Ground(os.path.dirname(foreign.path), foreign.root), losses)
    document = _Document(manifest, edges, Ground(os.path.dirname(foreign.path), foreign.root), losses).written()
    left = sorted(losses.found, key=lambda problem: problem.place)  # type: ignore[arg-type,return-value]
    return Imported(document, tuple(left), tuple(manifest.files))


class _Document:
    """The model of the Wavefile, key by key."""

    def __init__(self, manifest: Manifest, edges: Edges, ground: Ground, losses: Losses) -> None:
        self._manifest = manifest
        self._edges = edges
        self._ground = ground
        self._losses = losses
        self._depfiles: dict[str, Work] = {}

    def written(self) -> dict[str, Writable]:
        steps: dict[str, Writable] = {}
        named = {work.name for work in self._edges.works}
        for path, name in self._edges.groups.items():
            if name not in named:
                steps[name] = self._group(path, name)
        for work in self._edges.works:
            step = self._step(work)
            steps[work.name] = Noted(step, work.notes) if work.notes else step
        found: dict[str, Writable] = {"settings": {"shell": ["/bin/sh", "-c"]}}
        folder = os.path.relpath(self._ground.folder, self._ground.root)
        if folder != ".":
            found["defaults"] = {"cwd": literal(folder)}
        return {**found, **self._capacities(), **self._targets(), "steps": steps}

    def _targets(self) -> dict[str, Writable]:
        found: dict[str, None] = {}
        for path, place in self._manifest.defaults:
            placed = self._ground.placed(path)
            if name := self._edges.step_of(placed):
                found[name] = None
            elif not self._edges.is_phony(placed):
                self._losses.tell(place, f"the default {word(path)} is made by no step that is carried over")
        found |= dict.fromkeys(self._edges.validations())
        return {"targets": list(found)} if found else {}

    def _capacities(self) -> dict[str, Writable]:
        used = {work.edge.value("pool") for work in self._edges.works}
        pools = self._manifest.pools.items()
        found = {self._resource(name): pool.depth for name, pool in pools if name in used - {_CONSOLE} and pool.depth}
        return {"resources": found} if found else {}

    def _resource(self, pool: str) -> str:
        """The pool's name; but `cpus` is built in."""
        name = pool
        while name == "cpus" or (name != pool and name in self._manifest.pools):
            name += "-pool"
        return name

    # --- steps

    def _group(self, path: str, name: str) -> Writable:
        step: dict[str, Writable] = {}
        typed = self._ground.told(path)
        if name != typed and is_writable(typed) and typed.isprintable():
            step["title"] = literal(typed)
        if self._edges.wanted is not None and path not in self._edges.wanted:
            step["on_demand"] = True
        needs = dict.fromkeys(map(self._edges.step_of, self._edges.behind(path)))
        return {**step, "needs": [need for need in needs if need]}

    def _step(self, work: Work) -> dict[str, Writable]:
        reads = self._edges.reads(work)
        self._tell_odd_variables(work)
        step: dict[str, Writable] = {}
        title = " ".join(work.edge.value("description").split())
        if work.alias != work.name:
            title = work.alias or title  # what people type goes before what they read
        if title and title.isprintable() and is_writable(title):
            step["title"] = literal(title)
        if inputs := list(self._inputs(work, reads)):
            step["inputs"] = inputs
        if work.outputs:
            step["outputs"] = [
                literal(spelled(path, self._ground.is_folder(path), self._ground.root)) for path in work.outputs
            ]
        if reads.needs:
            step["needs"] = list(reads.needs)
        step["run"] = self._run(work)
        if depfile := self._depfile(work, reads):
            step["depfile"] = depfile
        pool = work.edge.value("pool")
        if pool == _CONSOLE:
            step["console"] = True  # one at a time, too
        elif pool and self._manifest.pools[pool].depth:
            step["resources"] = [self._resource(pool)]
        if work.always or reads.never_fresh:
            step["always"] = True
        if self._edges.wanted is not None and not self._edges.wanted & {*work.outputs, *work.words}:
            step["on_demand"] = True
        return step

    def _inputs(self, work: Work, reads: Reads) -> Iterator[Writable]:
        for path, may_be_missing in reads.files.items():
            if path in work.outputs:
                continue
            is_folder = self._ground.is_folder(path)
            try:
                if is_folder and self._edges.makes_in(path):
                    raise paths.PathProblem(f"{word(self._ground.told(path))} is a folder that steps build in")
                text = literal(spelled(path, is_folder, self._ground.root))
            except paths.PathProblem as problem:
                work.always = True
                message = f"an input is not carried over, so the step always runs: {problem.message}"
                self._losses.tell(work.edge.place, message, work=work)
            else:
                yield {"path": text, "optional": True} if may_be_missing else text

    def _tell_odd_variables(self, work: Work) -> None:
        edge = work.edge
        if edge.value("deps") == "msvc":
            work.always = True
            self._losses.tell(edge.place, "deps = msvc is not carried over, so the step always runs", work=work)
        if dyndep := edge.value("dyndep", for_shell=False):
            work.always = True
            message = f"dyndep is not carried over: what {word(dyndep)} adds is unknown, so the step always runs"
            self._losses.tell(edge.place, message, "write those inputs, and the order, into the Wavefile", work)
        if edge.value("generator"):
            message = "generator is not carried over: a changed command is a reason to run"
            self._losses.tell(edge.place, message, work=work)
        for path in self._edges.placed(edge.validations):
            message = (
                f"the validation {word(self._ground.told(path))} is not built when only {word(work.name)} is named"
            )
            self._losses.tell(edge.place, message, work=work)

    # --- actions

    def _run(self, work: Work) -> Writable:
        command = work.edge.value("command")
        response = work.edge.value("rspfile", for_shell=False)
        after = [f"rm -f {shlex.quote(response)}"] if response else []
        before = [*self._folder_of_depfile(work), *self._response(work, response)]
        commands = [literal(text) for text in (*before, command if command.strip() else ":", *after)]
        return commands if len(commands) > 1 else commands[0]

    def _response(self, work: Work, path: str) -> Iterator[str]:
        """Commands that write the response file, in pieces that fit into an argument."""
        text = work.edge.value("rspfile_content")
        for start in range(0, max(1, len(text)), _RESPONSE_PIECE) if path else ():
            piece = shlex.quote(text[start : start + _RESPONSE_PIECE])
            yield f"printf %s {piece} {'>>' if start else '>'} {shlex.quote(path)}"

    def _folder_of_depfile(self, work: Work) -> Iterator[str]:
        """Ninja makes the folder of a depfile; wavebuild those of outputs."""
        path = work.edge.value("depfile", for_shell=False)
        folder = posixpath.dirname(self._ground.placed(path)) if path else ""
        if folder and folder not in folders_of(work.outputs):
            yield f"mkdir -p {shlex.quote(posixpath.dirname(path))}"

    def _depfile(self, work: Work, reads: Reads) -> str | None:
        path = work.edge.value("depfile", for_shell=False)
        if not path:
            return None
        placed = self._ground.placed(path)
        try:
            text = spelled(placed, False, self._ground.root)
            if paths.outside(placed) or text.removeprefix("./") != placed:
                raise paths.PathProblem(f"{word(path)} lies outside the root, or holds a wildcard")
            owner = self._edges.maker(placed) or self._depfiles.setdefault(placed, work)
            if placed in reads.files or owner is not work:
                raise paths.PathProblem(f"{word(path)} is a file of another step, too")
        except paths.PathProblem as problem:
            work.always = True
            message = f"the depfile is not carried over, so the step always runs: {problem.message}"
            self._losses.tell(work.edge.place, message, work=work)
            return None
        return literal(text)
