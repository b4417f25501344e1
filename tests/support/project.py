"""Random small projects from a seed: sources, steps of every shape, and the Wavefile that declares them.

It does not know what a build of them should do, nor how they are edited.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.support.reference import Project, Step

Shape = Literal[
    "file", "pair", "mix", "directory", "glob", "nothing", "in place", "memory", "table", "spread", "shared", "text"
]
SHAPES: tuple[Shape, ...] = (
    *(
        "file",
        "file",
        "file",
        "pair",
        "mix",
        "directory",
        "glob",
        "nothing",
        "in place",
        "memory",
        "table",
        "spread",
        "shared",
        "text",
    ),
)

FILES = ("src/a.txt", "src/b b.txt", "src/c$'.txt", "src/ünï.txt")
LINK = "src/link.txt"
TREE = ("tree/one.txt", "tree/.hidden", "tree/deep/two.txt")
EMPTY = "tree/empty/"
MIX = ("mix/s0.txt", "mix/s1.txt", "mix/s2.txt")
KEYS = "conf.yaml"
KEY_NAMES = ("alpha", "beta", "gamma")
SHARED = "shared.yaml"
"""A line for each step that updates it; a person edits it, too."""
NOTES = "notes.txt"
"""The same, updated as a whole: each step answers for its own edit, wherever it is, and no key is named."""
NAMES = "names.txt"
"""A name a line: the instances of steps that are repeated by a table made of it."""
ALL_NAMES = ("ann", "bob", "eve", "zoe")
MORE = "more.txt"
"""A path a line: what steps with a depfile read besides."""
FOUND = ("found/1.txt", "found/2.txt", "found/3.txt")
OUTER = "../outer.txt"
"""What the probe looks at."""
PROBE = "probe:outer"

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
    born: str = ""  # its first name, when it has another now
    label: str = ""  # what its outputs are called after; else its first name
    renamed: int = 0
    declared: int = 0  # seed of the order in which inputs are declared
    env: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    table: str = ""  # of a repeated step: the step that makes the table of its instances
    instances: tuple[str, ...] = ()  # of a repeated step, as the table says now
    finds: bool = False  # whether it has a depfile
    policy: dict[str, object] = field(default_factory=dict)  # keys of the step that change nothing of what it makes

    @property
    def origin(self) -> str:
        return self.born or self.name

    @property
    def tag(self) -> str:
        label = self.label or self.origin
        return f"r{self.renamed}-{label}" if self.renamed else label

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
            case "in place":
                return [f"db/{self.tag}/"]
            case "memory":
                return [f"mem:{self.tag}"]
            case "table":
                return [f"out/{self.tag}.csv"]
            case "spread":
                return [f"out/{self.tag}/{name}.txt" for name in self.instances]
            case "shared" | "text":
                return [f"{self.updates}#{self.tag}"]

    @property
    def updates(self) -> str:
        """The file that it edits and others may edit, too."""
        return {"shared": SHARED, "text": NOTES}.get(self.shape, "")

    @property
    def steps(self) -> list[str]:
        """The names that its runs go by."""
        return [f"{self.name}@{name}" for name in self.instances] if self.shape == "spread" else [self.name]


def shown(artifact: str) -> str:
    """A command that prints everything an artifact holds, members in the order of their bytes."""
    if artifact == PROBE:
        return f"cat {OUTER}"
    if artifact.startswith("mem:"):
        key = artifact.removeprefix("mem:")
        return f"""sed -E 's/.*"{key}": *"([a-z0-9]*)".*/\\1/' "$WAVEBUILD_MEM\""""
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
        case "in place":
            return f"{{ mkdir -p {quoted[0]}; rm -rf {quoted[0]}*; {scatter}{quoted[0]}f$c; done; }}"
        case "memory":
            value = f"$({{ {spec.transform}; }} | sha256sum | cut -c1-2)"
            return f"""{{ printf '{{"{spec.tag}": "%s"}}' "{value}" > "$WAVEBUILD_MEM_OUT"; }}"""
        case "table":
            return f"{{ cat > /dev/null; {{ echo name; cat {NAMES}; }} > {quoted[0]}; }}"
        case "shared" | "text":
            value = f"$({{ {spec.transform}; }} | sha256sum | cut -c1-2)"
            return f'{{ v="{value}"; sed -i "s/^{spec.tag}: .*/{spec.tag}: $v/" {spec.updates}; }}'
        case "spread":
            raise AssertionError("each instance has a command of its own")


@dataclass
class World:
    """A project on disk: its steps in an order that respects who reads what, and the sources that exist."""

    root: Path
    rng: Random
    specs: list[Spec] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    precious: list[str] = field(default_factory=list)  # what a person wrote into outputs: never to be lost

    @property
    def probes(self) -> bool:
        """Whether some step reads what no question may look at."""
        return any(read.source == PROBE for spec in self.specs for read in spec.reads)

    def spec(self, name: str) -> Spec:
        return next(spec for spec in self.specs if spec.name == name)

    def fresh_name(self, letter: str) -> str:
        """A name that no step has or is known by."""
        taken = {name for spec in self.specs for name in (spec.name, spec.origin, spec.label)}
        return next(name for name in (f"{letter}{number}" for number in range(1000)) if name not in taken)

    def artifacts(self, read: Read) -> list[str]:
        """The input artifacts of one read, as the Wavefile declares them."""
        if not read.step:
            return [read.source]
        return [f"step:{read.step}"] if read.by_name else self.spec(read.step).outputs

    def command(self, spec: Spec, name: str = "") -> str:
        """``name``: of the instance."""
        artifacts = [
            artifact
            for read in spec.reads
            for artifact in (self.spec(read.step).outputs if read.step else [read.source])
        ]
        shows = "; ".join([*map(shown, artifacts), *(["cat $(cat more.txt) /dev/null"] if spec.finds else [])])
        end = made(spec) if not name else f"{{ {{ echo {name}; {spec.transform}; }} > out/{spec.tag}/{name}.txt; }}"
        listed = f"; echo \"x: $(paste -sd' ' {MORE})\" > {depfile(spec)}" if spec.finds else ""
        again = '[ "${WAVEBUILD_ATTEMPT:-2}" != 1 ] || exit 75; ' if "retries" in spec.policy else ""
        return (
            f'{again}echo "{WHO}" >> "$JOURNAL"; {hook("before")}; : version {spec.version}; '
            f"{{ {shows}; }} | {end}{listed}; {hook('after')}"
        )

    def steps(self, spec: Spec) -> list[Step]:
        """What the reference runner has to run for it: of a repeated step each instance."""
        inputs = [artifact for read in spec.reads for artifact in self.artifacts(read)]
        inputs += [MORE, f"depfile:{depfile(spec)}"] if spec.finds else []
        if spec.shape == "table":
            inputs = [*dict.fromkeys((*inputs, NAMES))]
        names = spec.instances if spec.shape == "spread" else ("",)
        return [
            Step(
                name=f"{spec.name}@{name}" if name else spec.name,
                inputs=inputs,
                outputs=[f"out/{spec.tag}/{name}.txt"] if name else spec.outputs,
                command=self.command(spec, name),
                env=dict(spec.env),
            )
            for name in names
        ]

    def look_at_names(self) -> None:
        """The instances of repeated steps are what the tables will say."""
        names = tuple((self.root / NAMES).read_text().split())
        for spec in self.specs:
            if spec.shape == "spread":
                spec.instances = tuple(sorted(names if spec.table else ALL_NAMES))

    def project(self) -> Project:
        self.look_at_names()
        first = sorted(self.specs, key=lambda spec: not spec.updates)  # they read sources alone
        return Project(sources=list(self.sources), steps=[step for spec in first for step in self.steps(spec)])

    def make_room_in_shared(self) -> None:
        """Each step that updates a shared file finds its line."""
        for path in (SHARED, NOTES):
            text = (self.root / path).read_text()
            missing = [spec.tag for spec in self.specs if spec.updates == path and f"\n{spec.tag}: " not in text]
            if missing:
                (self.root / path).write_text(text + "".join(f"{tag}: none\n# {tag}\n" for tag in missing))

    def take_back(self, specs: Iterable[Spec]) -> None:
        """What these steps wrote into the file that is updated as a whole, so that they begin anew.

        Of a step without a trace nobody knows that what it finds there is its own edit.
        """
        tags = {spec.tag for spec in specs if spec.shape == "text"}
        path = self.root / NOTES
        lines = [line.split(": ") for line in path.read_text().splitlines()]
        if tags & {line[0] for line in lines}:
            path.write_text(
                "".join(f"{line[0]}: none\n" if line[0] in tags else ": ".join(line) + "\n" for line in lines)
            )

    def write_wavefile(self) -> None:
        """The Wavefile; the order of its steps is none that would help."""
        self.look_at_names()
        self.make_room_in_shared()
        specs = sorted(self.specs, key=lambda spec: spec.name[::-1])
        lines = ["wavefile: 1", f"probes: {{outer: {{run: cat {OUTER}}}}}", "resources: {gpu: 1}", "steps:"]
        for spec in specs:
            lines += self.written(spec)
        (self.root / "Wavefile").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def written(self, spec: Spec) -> list[str]:
        """One step as lines of YAML; JSON texts are YAML texts."""
        inputs = [artifact for read in spec.reads for artifact in self.declared(read)]
        inputs += [MORE] if spec.finds else []
        if spec.shape == "table":
            inputs = [*dict.fromkeys((*inputs, NAMES))]
        Random(spec.declared).shuffle(inputs)
        command, outputs = self.command(spec) if spec.shape != "spread" else "", spec.outputs
        keys: dict[str, object] = {"title": f"Step {spec.name}", "inputs": inputs}
        if spec.shape == "spread":
            table = {"path": self.spec(spec.table).outputs[0], "column": "name"} if spec.table else list(ALL_NAMES)
            keys |= {"foreach": {"n": table}} | ({"allow_empty": True} if spec.table else {})
            outputs = [f"out/{spec.tag}/{{{{ n }}}}.txt"]
            command = self.command(spec, "{{ n }}")
        keys |= {"outputs": [{"path": spec.outputs[0], "in_place": True}]} if spec.shape == "in place" else {}
        keys |= {"updates": spec.outputs if spec.shape == "shared" else [NOTES]} if spec.updates else {}
        keys |= {"outputs": outputs} if outputs and spec.shape != "in place" and not spec.updates else {}
        keys |= {"needs": spec.needs} if spec.needs else {}
        keys |= {"env": spec.env} if spec.env else {}
        keys |= {"depfile": depfile(spec)} if spec.finds else {}
        keys |= spec.policy | {"run": command}
        return [f"  {spec.name}:", *(f"    {key}: {_text(value)}" for key, value in keys.items())]

    def declared(self, read: Read) -> list[str]:
        """The input artifacts of one read, as the Wavefile declares them; of a repeated step all that it makes."""
        if read.step and self.spec(read.step).shape == "spread":
            return [f"step:{read.step}"]
        return self.artifacts(read)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def depfile(spec: Spec) -> str:
    return f"deps/{spec.origin}.d"


WHO = "${WAVEBUILD_STEP:-nobody}"
"""The name that a run goes by; the command itself does not hold it, so that a renamed step has the same."""


def hook(moment: str) -> str:
    """Where a step does what somebody does at this moment: a program, if one is there."""
    return f'! [ -x "$HOOKS/{WHO}.{moment}" ] || "$HOOKS/{WHO}.{moment}"'


def random_text(rng: Random) -> str:
    return "".join(f"{rng.choice('abcdef')}{rng.randrange(10)}\n" for _ in range(rng.randrange(1, 6)))


def write_keys(path: Path, values: dict[str, str]) -> None:
    path.write_text("".join(f"{name}: {value}\n" for name, value in values.items()))


def make_sources(world: World) -> None:
    root, rng = world.root, world.rng
    for path in (*FILES, *TREE, *MIX, *FOUND, OUTER):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(random_text(rng))
    (root / EMPTY).mkdir()
    (root / LINK).symlink_to("a.txt")
    (root / NAMES).write_text("".join(f"{name}\n" for name in rng.sample(ALL_NAMES, rng.randint(1, 3))))
    for path in (SHARED, NOTES):
        (root / path).write_text("owner: nobody\n# ---\n")
    (root / MORE).write_text("".join(f"{path}\n" for path in rng.sample(FOUND, rng.randint(0, 2))))
    write_keys(root / KEYS, {name: rng.choice(("red", "blue")) for name in KEY_NAMES})
    world.sources = [*FILES, LINK, *TREE, EMPTY, *MIX, *FOUND, KEYS, NAMES, MORE, SHARED, NOTES]


def random_reads(world: World, before: list[Spec]) -> list[Read]:
    """One to three different inputs, among the sources and the steps that stand earlier."""
    rng = world.rng
    sources = (*FILES, LINK, "tree/", "mix/*.txt", f"{KEYS}#{rng.choice(KEY_NAMES)}", SHARED, NOTES)
    choices = [Read(source=path) for path in (*sources, *([PROBE] if rng.random() < 0.2 else []))]
    makers = [spec for spec in before if spec.outputs or spec.shape == "spread" if not spec.updates]
    choices += [
        Read(step=spec.name, by_name=spec.shape == "spread" or (spec.shape != "memory" and rng.random() < 0.3))
        for spec in makers
        for _ in range(2)
    ]
    reads: list[Read] = []
    for read in rng.sample(choices, rng.randint(1, 3)):
        if not any(read.step == other.step and read.source == other.source for other in reads):
            reads.append(read)
    return reads


POLICIES: tuple[dict[str, object], ...] = (
    {"resources": ["gpu"]},
    {"retries": 1},
    {"checks": ["true"]},
    {"timeout": "60s"},
    {"estimate": "2h"},
    {"on_edit": "overwrite"},
    {"sandbox": True},
)


def random_policy(rng: Random, spec: Spec) -> dict[str, object]:
    """Nothing that a sandbox cannot know before it is there is read in one."""
    policy = dict(rng.choice(POLICIES))
    reads_more = spec.finds or any(read.source == PROBE for read in spec.reads)
    return {} if reads_more and "sandbox" in policy else policy


def random_spec(world: World, name: str) -> Spec:
    rng = world.rng
    reads = random_reads(world, world.specs)
    shape = rng.choice(SHAPES)
    read_by_all = any(read.source == "mix/*.txt" for spec in world.specs for read in spec.reads)
    if shape == "mix" and (read_by_all or any(read.source == "mix/*.txt" for read in reads)):
        shape = "file"
    tables = [spec.name for spec in world.specs if spec.shape == "table"]
    if shape == "spread" and not tables:
        shape = "table"
    needs = [rng.choice(world.specs).name] if world.specs and rng.random() < 0.2 else []
    if shape in ("shared", "text"):  # who reads the file waits for all that edit it: these wait for nobody
        reads, needs = [Read(source=rng.choice((*FILES, "tree/")))], []
    spec = Spec(
        *(name, shape, reads, rng.choice(TRANSFORMS), rng.randint(1, 8)),
        declared=rng.randrange(1 << 30),
        needs=needs,
        table=rng.choice(tables) if shape == "spread" else "",
        finds=shape == "file" and rng.random() < 0.3,
    )
    for _ in range(rng.choice((0, 0, 1, 2))):
        spec.policy |= random_policy(rng, spec)
    spec.policy |= {"sandbox": True} if shape == "text" and rng.random() < 0.6 else {}
    return spec


def random_world(root: Path, rng: Random) -> World:
    """A project of 2 to 12 steps, written to disk."""
    world = World(root, rng)
    make_sources(world)
    for number in range(rng.randint(2, 12)):
        world.specs.append(random_spec(world, f"{'stu'[number % 3]}{number}"))
    world.write_wavefile()
    return world


def whole_world(root: Path, rng: Random) -> World:
    """A small project with a step of every shape, each read by another."""
    world = World(root, rng)
    make_sources(world)
    (root / NAMES).write_text("ann\nbob\n")
    shapes: tuple[Shape, ...] = (
        *("shared", "shared", "file", "directory", "glob", "in place", "memory", "table", "spread", "pair", "nothing"),
    )
    for number, shape in enumerate(shapes):
        reads = [Read(source=FILES[number % 2]), *([Read(step=world.specs[-1].name)] if number > 2 else [])]
        name = f"s{number}"
        spec = Spec(name, shape, reads, TRANSFORMS[0], table=world.specs[-1].name if shape == "spread" else "")
        spec.finds = shape == "file"
        world.specs.append(spec)
    for spec in world.specs:
        for read in spec.reads:
            read.by_name = bool(read.step) and world.spec(read.step).shape == "spread"
    world.specs[2].reads += [Read(source="tree/"), Read(source=SHARED)]
    for spec, policy in zip(world.specs[3:], POLICIES, strict=False):
        spec.policy = dict(policy)
    world.specs[-1].policy = {"scratch": True}
    for number, path in enumerate(FILES[:2], len(shapes)):
        world.specs.append(Spec(f"s{number}", "text", [Read(source=path)], TRANSFORMS[0], policy={"sandbox": True}))
    world.write_wavefile()
    return world
