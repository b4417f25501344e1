"""Random small projects from a seed: sources, steps of every shape, and the Wavefile that declares them.

It does not know what a build of them should do, nor how they are edited.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.support.reference import Project, Step

Shape = Literal["file", "pair", "mix", "directory", "glob", "nothing"]
SHAPES: tuple[Shape, ...] = ("file", "file", "pair", "mix", "directory", "glob", "nothing")

FILES = ("src/a.txt", "src/b b.txt", "src/c$'.txt", "src/ünï.txt")
LINK = "src/link.txt"
TREE = ("tree/one.txt", "tree/.hidden", "tree/deep/two.txt")
EMPTY = "tree/empty/"
MIX = ("mix/s0.txt", "mix/s1.txt", "mix/s2.txt")
KEYS = "conf.yaml"
KEY_NAMES = ("alpha", "beta", "gamma")

# Short cuts make different inputs meet in one output: that is where a rebuild stops.
TRANSFORMS = ("sha256sum | cut -c1-64", "sha256sum | cut -c1-1", "wc -c", "wc -l", "LC_ALL=C sort | sed -n 1,2p", "cat")


@dataclass
class Read:
    """One input: a source artifact as written, or another step, read by its outputs or as ``step:NAME``."""

    source: str = ""
    step: str = ""
    by_name: bool = False


@dataclass
class Spec:
    """A step before it is written down."""

    name: str
    shape: Shape
    reads: list[Read]
    transform: str
    letters: int = 3
    version: int = 0  # in the command, without effect on the outputs
    renamed: int = 0
    declared: int = 0  # seed of the order in which inputs are declared
    env: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)

    @property
    def tag(self) -> str:
        return f"{self.name}-r{self.renamed}" if self.renamed else self.name

    @property
    def outputs(self) -> list[str]:
        match self.shape:
            case "file":
                return [f"out/{self.tag}.txt"]
            case "pair":
                return [f"out/{self.tag}.txt", f"far/off/{self.tag} copy.txt"]
            case "mix":
                return [f"mix/made-{self.tag}.txt"]
            case "directory":
                return [f"out/{self.tag}/"]
            case "glob":
                return [f"parts/{self.tag}-*.txt"]
            case "nothing":
                return []


def shown(artifact: str) -> str:
    """A command that prints everything an artifact holds, members in the order of their bytes."""
    if "#" in artifact:
        path, key = artifact.split("#")
        return f"sed -n 's/^{key}: //p' {path}"
    if artifact.endswith("/"):
        return f'find {shlex.quote(artifact)} -type f | LC_ALL=C sort | while read -r f; do echo "$f"; cat "$f"; done'
    if "*" in artifact:
        return f"(export LC_ALL=C; cat {artifact})"
    return f"cat {shlex.quote(artifact)}"


def made(spec: Spec) -> str:
    """The end of a command: what becomes of the text on standard input."""
    quoted = [shlex.quote(output) for output in spec.outputs]
    scatter = f"for c in $(sha256sum | cut -c1-{spec.letters} | fold -w1 | sort -u); do echo $c > "
    match spec.shape:
        case "file" | "mix":
            return f"{{ {spec.transform}; }} > {quoted[0]}"
        case "pair":
            return f"{{ {spec.transform}; }} > {quoted[0]}; {{ echo copy; cat {quoted[0]}; }} > {quoted[1]}"
        case "directory":
            return f"{{ mkdir -p {quoted[0]}; {scatter}{quoted[0]}f$c; done; }}"
        case "glob":
            return f"{{ {scatter}parts/{spec.tag}-$c.txt; done; }}"
        case "nothing":
            return f"{{ {spec.transform}; }} > /dev/null"


@dataclass
class World:
    """A project on disk: its steps in an order that respects who reads what, and the sources that exist."""

    root: Path
    rng: Random
    specs: list[Spec] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def spec(self, name: str) -> Spec:
        return next(spec for spec in self.specs if spec.name == name)

    def artifacts(self, read: Read) -> list[str]:
        """The input artifacts of one read, as the Wavefile declares them."""
        if not read.step:
            return [read.source]
        return [f"step:{read.step}"] if read.by_name else self.spec(read.step).outputs

    def command(self, spec: Spec) -> str:
        artifacts = [
            artifact
            for read in spec.reads
            for artifact in (self.spec(read.step).outputs if read.step else [read.source])
        ]
        shows = "; ".join(shown(artifact) for artifact in artifacts)
        return f'echo {spec.name} >> "$JOURNAL"; : version {spec.version}; {{ {shows}; }} | {made(spec)}'

    def step(self, spec: Spec) -> Step:
        inputs = [artifact for read in spec.reads for artifact in self.artifacts(read)]
        Random(spec.declared).shuffle(inputs)
        return Step(name=spec.name, inputs=inputs, outputs=spec.outputs, command=self.command(spec), env=dict(spec.env))

    def project(self) -> Project:
        return Project(sources=list(self.sources), steps=[self.step(spec) for spec in self.specs])

    def write_wavefile(self) -> None:
        """The Wavefile; the order of its steps is none that would help."""
        specs = sorted(self.specs, key=lambda spec: spec.name[::-1])
        lines = ["wavefile: 1", "steps:"]
        for spec in specs:
            lines += written(self.step(spec), spec)
        (self.root / "Wavefile").write_text("\n".join(lines) + "\n", encoding="utf-8")


def written(step: Step, spec: Spec) -> list[str]:
    """One step as lines of YAML; JSON texts are YAML texts."""
    lines = [f"  {step['name']}:", f"    title: {json.dumps('Step ' + step['name'])}"]
    lines += [f"    inputs: [{', '.join(json.dumps(text, ensure_ascii=False) for text in step['inputs'])}]"]
    if step["outputs"]:
        lines += ["    outputs:", *(f"      - {json.dumps(text)}" for text in step["outputs"])]
    if spec.needs:
        lines += [f"    needs: [{', '.join(spec.needs)}]"]
    if step["env"]:
        lines += [f"    env: {{{', '.join(f'{name}: {json.dumps(value)}' for name, value in step['env'].items())}}}"]
    return [*lines, f"    run: {json.dumps(step['command'], ensure_ascii=False)}"]


def random_text(rng: Random) -> str:
    return "".join(f"{rng.choice('abcdef')}{rng.randrange(10)}\n" for _ in range(rng.randrange(1, 6)))


def write_keys(path: Path, values: dict[str, str]) -> None:
    path.write_text("".join(f"{name}: {value}\n" for name, value in values.items()))


def make_sources(world: World) -> None:
    root, rng = world.root, world.rng
    for path in (*FILES, *TREE, *MIX):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(random_text(rng))
    (root / EMPTY).mkdir()
    (root / LINK).symlink_to("a.txt")
    write_keys(root / KEYS, {name: rng.choice(("red", "blue")) for name in KEY_NAMES})
    world.sources = [*FILES, LINK, *TREE, EMPTY, *MIX, KEYS]


def random_reads(world: World, before: list[Spec]) -> list[Read]:
    """One to three different inputs, among the sources and the steps that stand earlier."""
    rng = world.rng
    choices = [Read(source=path) for path in (*FILES, LINK, "tree/", "mix/*.txt", f"{KEYS}#{rng.choice(KEY_NAMES)}")]
    makers = [spec for spec in before if spec.outputs]
    choices += [Read(step=spec.name, by_name=rng.random() < 0.3) for spec in makers for _ in range(2)]
    reads: list[Read] = []
    for read in rng.sample(choices, rng.randint(1, 3)):
        if not any(read.step == other.step and read.source == other.source for other in reads):
            reads.append(read)
    return reads


def random_spec(world: World, name: str) -> Spec:
    rng = world.rng
    reads = random_reads(world, world.specs)
    shape = rng.choice(SHAPES)
    read_by_all = any(read.source == "mix/*.txt" for spec in world.specs for read in spec.reads)
    if shape == "mix" and (read_by_all or any(read.source == "mix/*.txt" for read in reads)):
        shape = "file"
    needs = [rng.choice(world.specs).name] if world.specs and rng.random() < 0.2 else []
    return Spec(
        name, shape, reads, rng.choice(TRANSFORMS), rng.randint(1, 8), declared=rng.randrange(1 << 30), needs=needs
    )


def random_world(root: Path, rng: Random) -> World:
    """A project of 2 to 12 steps, written to disk."""
    world = World(root, rng)
    make_sources(world)
    for number in range(rng.randint(2, 12)):
        world.specs.append(random_spec(world, f"{'stu'[number % 3]}{number}"))
    world.write_wavefile()
    return world
