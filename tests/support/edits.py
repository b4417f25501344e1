"""What people, tools and accidents do to a project between two builds.

It does not know what a build should make of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import (
    ALL_NAMES,
    EMPTY,
    FILES,
    FOUND,
    KEY_NAMES,
    KEYS,
    LINK,
    MORE,
    NAMES,
    NOTES,
    OUTER,
    SHARED,
    TRANSFORMS,
    Read,
    Spec,
    World,
    random_policy,
    random_spec,
    random_text,
    write_keys,
)
from tests.support.reference import all_facts

DAY = 86_400 * 10**9


@dataclass(frozen=True)
class Edit:
    """What was done; ``undo``, if there is one: until it is called the project lacks a source and must be refused."""

    text: str
    undo: Callable[[], None] | None = None
    gate: bool = False  # it may make checks run again: whether anything is stale cannot be told from the steps


def any_source(world: World) -> Path:
    """A plain source file, most times one that some step reads."""
    plain = [path for path in world.sources if path not in (EMPTY, LINK, KEYS, NAMES, MORE, SHARED, NOTES)]
    wanted = {read.source.removesuffix("*.txt") for spec in world.specs for read in spec.reads}
    read = [path for path in plain if path in wanted or path.split("/")[0] + "/" in wanted]
    return world.root / world.rng.choice(read if read and world.rng.random() < 0.8 else plain)


def any_output(world: World) -> Path | None:
    """A file that some step made."""
    steps = world.project()["steps"]
    facts = all_facts(world.root, [output for step in steps for output in step["outputs"]], steps)
    files = [path for path in sorted(facts) if (world.root / path).is_file()]
    return world.root / world.rng.choice(files) if files else None


def content(world: World) -> Edit:
    path = any_source(world)
    path.write_text(random_text(world.rng))
    return Edit(f"new content of {path.name}")


def there_and_back(world: World) -> Edit:
    """One of two texts of equal length, so that states return that were built before."""
    path = world.root / FILES[0]
    path.write_text(world.rng.choice(("here\n", "away\n")))
    return Edit(f"{path.name} says {path.read_text().strip()}")


def append_after(world: World) -> Edit:
    path = any_source(world)
    path.write_text(path.read_text() + "zz\n")
    return Edit(f"a line more in {path.name}")


def disguised(world: World, path: Path) -> None:
    """Other bytes of the same size under the same modification time."""
    before = path.stat()
    data = path.read_bytes()
    path.write_bytes(bytes((byte ^ 1) if byte not in b"\n" else byte for byte in data))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def stealth(world: World) -> Edit:
    path = any_source(world)
    disguised(world, path)
    return Edit(f"same size and time, other bytes in {path.name}")


def dated(world: World) -> Edit:
    path = any_source(world)
    path.write_text(random_text(world.rng))
    now = path.stat().st_mtime_ns
    instant = world.rng.choice((0, 1, now - 400 * DAY, now + 400 * DAY))
    os.utime(path, ns=(instant, instant))
    return Edit(f"new content of {path.name}, dated {instant}")


def touch(world: World) -> Edit:
    for source in world.sources:
        if world.rng.random() < 0.7:
            os.utime(world.root / source, follow_symlinks=world.rng.random() < 0.5)
    return Edit("touch of most sources")


def touch_output(world: World) -> Edit | None:
    path = any_output(world)
    if path is None:
        return None
    os.utime(path, ns=(1, 1))
    return Edit(f"touch of the output {path.name}")


def missing_for_a_while(world: World) -> Edit | None:
    wanted = [path for path in FILES if any(read.source == path for spec in world.specs for read in spec.reads)]
    if not wanted:
        return None
    path = world.root / world.rng.choice(wanted)
    data = path.read_bytes()
    path.unlink()

    def put_back() -> None:
        path.write_bytes(data)

    return Edit(f"{path.name} deleted and put back", undo=put_back)


def rename_over(world: World) -> Edit:
    path = any_source(world)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(random_text(world.rng))
    fresh.replace(path)
    return Edit(f"rename over {path.name}")


def chmod(world: World) -> Edit:
    path = any_source(world)
    mode = world.rng.choice((0o600, 0o644, 0o755))
    path.chmod(mode)
    return Edit(f"chmod {mode:o} {path.name}")


def other_link(world: World) -> Edit:
    path = world.root / LINK
    path.unlink()
    target = Path(world.rng.choice(FILES)).name
    path.symlink_to(target)
    return Edit(f"link to {target}")


def swap(world: World) -> Edit:
    first, second = any_source(world), any_source(world)
    aside = first.with_name("aside.tmp")
    if first != second:
        first.rename(aside)
        second.rename(first)
        aside.rename(second)
    return Edit(f"{first.name} and {second.name} swapped")


def edit_and_undo(world: World) -> Edit:
    path = any_source(world)
    data = path.read_bytes()
    path.write_text("gone in a moment\n")
    path.write_bytes(data)
    return Edit(f"{path.name} edited and undone")


def tampered(world: World) -> Edit | None:
    path = any_output(world)
    if path is None:
        return None
    kind = world.rng.choice(("truncated", "deleted", "disguised", "edited by hand"))
    if kind == "deleted":
        path.unlink()
    elif kind == "truncated":
        path.write_bytes(b"")
    elif kind == "disguised":
        disguised(world, path)
    else:
        path.write_text(f"by hand {world.rng.getrandbits(64)}\n")
        world.precious.append(path.read_text())
    return Edit(f"output {path.name} {kind}")


def all_outputs_gone(world: World) -> Edit:
    steps = world.project()["steps"]
    for member in all_facts(world.root, [output for step in steps for output in step["outputs"]], steps):
        (world.root / member).unlink(missing_ok=True)
    return Edit("every output deleted")


def key_value(world: World) -> Edit:
    values = dict(line.split(": ") for line in (world.root / KEYS).read_text().splitlines())
    name = world.rng.choice((*KEY_NAMES, "unused"))
    values[name] = world.rng.choice(("red", "blue", "green"))
    shuffled = list(values)
    world.rng.shuffle(shuffled)
    write_keys(world.root / KEYS, {key: values[key] for key in shuffled})
    return Edit(f"{KEYS}: {name} is {values[name]}")


def command_version(world: World) -> Edit:
    spec = world.rng.choice(world.specs)
    spec.version = world.rng.randrange(3)
    return Edit(f"version {spec.version} in the command of {spec.name}")


def command_transform(world: World) -> Edit:
    spec = world.rng.choice(world.specs)
    spec.transform = world.rng.choice(TRANSFORMS)
    spec.letters = world.rng.randint(1, 8)
    return Edit(f"{spec.name} now does {spec.transform}")


def environment(world: World) -> Edit:
    spec = world.rng.choice(world.specs)
    spec.env = world.rng.choice(({}, {"MODE": "no"}, {"MODE": "1.10"}))
    return Edit(f"env of {spec.name}: {spec.env}")


def input_order(world: World) -> Edit:
    for spec in world.specs:
        spec.declared = world.rng.randrange(1 << 30)
    return Edit("inputs declared in another order")


def needs(world: World) -> Edit:
    position = world.rng.randrange(len(world.specs))
    spec = world.specs[position]
    if spec.updates:
        return Edit("nothing")
    spec.needs = [world.rng.choice(world.specs[:position]).name] if position and not spec.needs else []
    return Edit(f"needs of {spec.name}: {spec.needs}")


def renamed_output(world: World) -> Edit | None:
    paths = [spec for spec in world.specs if spec.shape not in ("nothing", "memory") and not spec.updates]
    if not paths:
        return None
    spec = world.rng.choice(paths)
    for output in spec.outputs if spec.shape == "mix" else ():
        (world.root / output).unlink(missing_ok=True)
    spec.renamed = 0 if spec.label else world.rng.randrange(3)
    return Edit(f"outputs of {spec.name}: {spec.outputs}")


def swapped_outputs(world: World) -> Edit | None:
    """Each of two steps makes from now on what the other has made."""
    files = [spec for spec in world.specs if spec.shape == "file" and not spec.renamed]
    if len(files) < 2:
        return None
    one, other = world.rng.sample(files, 2)
    one.label, other.label = other.label or other.name, one.label or one.name
    return Edit(f"{one.name} makes {one.outputs}, and {other.name} {other.outputs}")


def renamed_step(world: World) -> Edit:
    """Only its name: what it does and makes is called as before."""
    spec, name = world.rng.choice(world.specs), world.fresh_name("w")
    former, spec.born, spec.name = spec.name, spec.origin, name
    for other in world.specs:
        other.needs = [name if one == former else one for one in other.needs]
        other.table = name if other.table == former else other.table
        for read in other.reads:
            read.step = name if read.step == former else read.step
    world.take_back([spec])
    return Edit(f"step {former} is now called {name}")


def glob_member(world: World) -> Edit:
    sources = [path for path in world.sources if path.startswith("mix/")]
    if len(sources) > 1 and world.rng.random() < 0.5:
        gone = world.rng.choice(sources)
        (world.root / gone).unlink()
        world.sources.remove(gone)
        return Edit(f"{gone} deleted")
    path = f"mix/n{world.rng.randrange(4)}.txt"
    (world.root / path).write_text(random_text(world.rng))
    os.utime(world.root / path, ns=(10**9, 10**9))
    if path not in world.sources:
        world.sources.append(path)
    return Edit(f"{path} written, with an old date")


def tree_member(world: World) -> Edit:
    path = f"tree/new {world.rng.randrange(2)}.txt"
    if path in world.sources:
        (world.root / path).unlink()
        world.sources.remove(path)
        return Edit(f"{path} deleted")
    (world.root / path).write_text(random_text(world.rng))
    world.sources.append(path)
    return Edit(f"{path} written")


def names(world: World) -> Edit:
    """Instances come and go with the lines of a file that a step makes a table of."""
    chosen = world.rng.sample(ALL_NAMES, world.rng.randint(0, len(ALL_NAMES)))
    (world.root / NAMES).write_text("".join(f"{name}\n" for name in chosen))
    return Edit(f"{NAMES}: {' '.join(chosen)}")


def more(world: World) -> Edit:
    chosen = world.rng.sample(FOUND, world.rng.randint(0, len(FOUND)))
    (world.root / MORE).write_text("".join(f"{path}\n" for path in chosen))
    return Edit(f"{MORE}: {' '.join(chosen)}")


def found(world: World) -> Edit:
    path = world.rng.choice(FOUND)
    (world.root / path).write_text(random_text(world.rng))
    return Edit(f"new content of {path}")


def outer(world: World) -> Edit | None:
    if not world.probes:
        return None
    (world.root / OUTER).write_text(random_text(world.rng))
    return Edit("the outer world is another")


def shared(world: World) -> Edit:
    """A person edits the line of a step, or one that is nobody's."""
    path = world.root / world.rng.choice((SHARED, NOTES))
    lines = path.read_text().splitlines()
    at = world.rng.choice([number for number, line in enumerate(lines) if not line.startswith("#")])
    lines[at] = f"{lines[at].split(':')[0]}: {world.rng.randrange(100)}"
    path.write_text("".join(f"{line}\n" for line in lines))
    return Edit(f"{path.name} now says {lines[at]}")


def policy(world: World) -> Edit:
    spec = world.rng.choice(world.specs)
    spec.policy = {} if spec.policy else random_policy(world.rng, spec)
    return Edit(f"policy of {spec.name}: {spec.policy}", gate=True)


def step_removed(world: World) -> Edit | None:
    if len(world.specs) < 3:
        return None
    spec = world.rng.choice(world.specs)
    remove_step(world, spec)
    return Edit(f"step {spec.name} removed")


def remove_step(world: World, spec: Spec) -> None:
    """The step, and all that is said of it elsewhere."""
    world.specs.remove(spec)
    for other in world.specs:
        other.needs = [name for name in other.needs if name != spec.name]
        other.reads = [read for read in other.reads if read.step != spec.name]
        other.reads = other.reads or [Read(source=world.rng.choice(FILES))]
        other.table = "" if other.table == spec.name else other.table
    for output in spec.outputs if spec.shape == "mix" else ():
        (world.root / output).unlink(missing_ok=True)


def step_added(world: World) -> Edit:
    name = world.fresh_name("v")
    spec = random_spec(world, name)
    world.take_back([spec])
    spec.shape = "file" if spec.shape == "mix" else spec.shape
    world.specs.append(spec)
    return Edit(f"step {name} added")


EDITS: tuple[Callable[[World], Edit | None], ...] = (
    content,
    there_and_back,
    there_and_back,
    append_after,
    stealth,
    dated,
    touch,
    touch_output,
    missing_for_a_while,
    rename_over,
    chmod,
    other_link,
    swap,
    edit_and_undo,
    tampered,
    tampered,
    all_outputs_gone,
    key_value,
    command_version,
    command_transform,
    environment,
    input_order,
    needs,
    renamed_output,
    renamed_output,
    renamed_step,
    renamed_step,
    swapped_outputs,
    glob_member,
    tree_member,
    names,
    more,
    found,
    outer,
    shared,
    policy,
    step_removed,
    step_added,
)


def random_edit(world: World) -> Edit:
    """One edit that applies to this project, done; the Wavefile is written anew."""
    while True:
        edit = world.rng.choice(EDITS)(world)
        if edit is not None:
            world.write_wavefile()
            return edit
