"""The reference runner: builds a small project from nothing, and tells which steps an incremental build must run.

It does not know wavebuild: it imports none of it, and decides by reading every byte again.

A project is JSON: ``sources`` (paths) and ``steps`` in an order that respects who reads what, each with ``name``,
``inputs``, ``outputs``, ``command`` and ``env``. Forms: ``f``, ``d/``, ``g*.txt``, ``f.yaml#key``, ``step:name``
(an instance is ``name@x``), ``mem:key``, ``probe:x`` (``x.txt`` beside the root), ``depfile:f`` (what f lists).
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict


class Step(TypedDict):
    name: str
    inputs: list[str]
    outputs: list[str]
    command: str
    env: dict[str, str]


class Project(TypedDict):
    sources: list[str]
    steps: list[Step]


Facts = dict[str, str]  # member → what of it counts


def file_fact(path: Path) -> str:
    """All that counts of one file or link: link text, content, exec bit."""
    link = os.readlink(path) if path.is_symlink() else ""
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{link}|{content}|{bool(path.stat().st_mode & 0o100)}"


def key_fact(path: Path, key: str, artifact: str) -> Facts:
    """The value of a key in a flat ``key: value`` file, if it is there."""
    values = dict(line.split(": ", 1) for line in path.read_text().splitlines() if ": " in line)
    return {artifact: values[key]} if key in values else {}


def directory_facts(root: Path, directory: str) -> Facts:
    """Every file below a directory, hidden ones too, and its empty folders."""
    facts: Facts = {}
    for folder, folders, files in os.walk(root / directory):
        here = Path(folder)
        for name in files:
            facts[str((here / name).relative_to(root))] = file_fact(here / name)
        if not files and not folders and here != root / directory.rstrip("/"):
            facts[str(here.relative_to(root)) + "/"] = "empty"
    return facts


def artifact_facts(root: Path, artifact: str, steps: list[Step]) -> Facts:
    """Every member of one artifact that is there now, with what counts of it."""
    if artifact.startswith("step:"):
        owners = [step for step in steps if step["name"].split("@")[0] == artifact[len("step:") :]]
        return all_facts(root, [output for owner in owners for output in owner["outputs"]], steps)
    if artifact.startswith("mem:"):
        return {artifact: memory(root)[artifact[4:]]} if artifact[4:] in memory(root) else {}
    if artifact.startswith("probe:"):
        return {artifact: (root.parent / f"{artifact[6:]}.txt").read_text()}
    if artifact.startswith("depfile:"):
        return all_facts(root, (root / artifact[8:]).read_text().split()[1:], steps)
    if "#" in artifact:
        path, key = artifact.split("#")
        return key_fact(root / path, key, artifact) if (root / path).is_file() else {}
    if artifact.endswith("/"):
        return directory_facts(root, artifact)
    if "*" in artifact:
        found = glob.glob(artifact, root_dir=root, recursive=True)
        return {name: file_fact(root / name) for name in found if (root / name).is_file()}
    return {artifact: file_fact(root / artifact)} if (root / artifact).is_file() else {}


def memory(root: Path) -> Facts:
    """The shared memory of a tree, in a file beside it."""
    kept = root.with_suffix(".memory")
    return dict(json.loads(kept.read_text())) if kept.exists() else {}


def all_facts(root: Path, artifacts: list[str], steps: list[Step]) -> Facts:
    return {name: fact for one in artifacts for name, fact in artifact_facts(root, one, steps).items()}


def clean_build(project: Project, root: Path, into: Path, environ: dict[str, str]) -> None:
    """Copies the sources alone from ``root`` and runs every step once, in order, one at a time."""
    for source in project["sources"]:  # one that ends in a slash is an empty folder
        (into / source).parent.mkdir(parents=True, exist_ok=True)
        if source.endswith("/"):
            (into / source).mkdir()
        else:
            shutil.copy2(root / source, into / source, follow_symlinks=False)
    for step in project["steps"]:
        for output in (*step["outputs"], *(name[8:] for name in step["inputs"] if name.startswith("depfile:"))):
            (into / output).parent.mkdir(parents=True, exist_ok=True)
        written = into.with_suffix(".written")
        own = {"WAVEBUILD_MEM": str(into.with_suffix(".memory")), "WAVEBUILD_MEM_OUT": str(written)}
        subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step["command"]],
            cwd=into,
            env=environ | step["env"] | own,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        if written.exists():
            into.with_suffix(".memory").write_text(json.dumps(memory(into) | json.loads(written.read_text())) + "\n")
            written.unlink()


Record = tuple[tuple[str, ...], Facts, Facts]
"""What one success was told to do, what it read and what it made."""


@dataclass
class Reference:
    """The successes so far of every step, the last eight of each.

    A name is a label: they belong to the outputs; but to the name of a step that owns none. ``by_lines``: files that
    steps edit as a whole. Where others edit them, too, a step may run again to be sure though it was all as now once.
    """

    by_lines: tuple[str, ...] = ()
    records: dict[str, list[Record]] = field(default_factory=dict)
    may: list[str] = field(default_factory=list)  # the steps that may run besides, by the last answer

    def must_run(self, project: Project, root: Path, clean: Path) -> list[str]:
        """The steps that a build of ``root`` must run, given that it ends equal to ``clean``; they are recorded."""
        self.may = []
        return [step["name"] for step in project["steps"] if self._settle(step, project["steps"], root, clean)]

    def _settle(self, step: Step, steps: list[Step], root: Path, clean: Path) -> bool:
        definition = (step["command"], *sorted(step["outputs"]), *(f"{k}={v}" for k, v in sorted(step["env"].items())))
        inputs = all_facts(clean, step["inputs"], steps)
        present = (definition, inputs, all_facts(root, step["outputs"], steps))
        owned = [output for output in step["outputs"] if "#" not in output]
        of = " ".join(sorted(owned)) or step["name"]
        kept = self.records.setdefault(of, [])
        if present in kept:
            if kept[-1] != present and any(output.split("#")[0] in self.by_lines for output in step["outputs"]):
                self.may.append(step["name"])
                self.records[of] = [*[record for record in kept if record != present], present]
            return False
        made = (definition, inputs, all_facts(clean, step["outputs"], steps))
        self.records[of] = [*[record for record in kept if record != made][-7:], made]
        return True


def differences(project: Project, root: Path, clean: Path) -> list[str]:
    """The members of outputs that are not in ``root`` what they are in ``clean``."""
    outputs = [output for step in project["steps"] for output in step["outputs"]]
    there, wanted = (all_facts(tree, outputs, project["steps"]) for tree in (root, clean))
    return sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
