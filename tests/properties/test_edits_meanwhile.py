"""A person works on the files while builds run: nothing of theirs is lost, and what is built in the end is right.

It does not know which steps a build has looked at, nor when.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from tests.support.workshop import Workshop
from wavebuild.run import scheduler
from wavebuild.run.events import Event, StepStarted

SOURCES = tuple(f"src/{letter}.txt" for letter in "abcd")
CONF = "conf.yaml"
WAIT = 0.02
"""Seconds after which what waits is judged again, here; an edit is followed by a longer rest."""


class Project:
    """Steps in layers, each with the files that it makes; a step's sources may be read whole, or by a key."""

    def __init__(self, dice: Random) -> None:
        self.lines = ["settings: {shell: sh}", "steps:"]
        self.made: dict[str, str] = {}  # output → its step
        self.before: dict[str, set[str]] = {}  # step → those that it waits for
        for number in range(dice.randint(4, 8)):
            self.add(f"s{number}", dice)

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def add(self, name: str, dice: Random) -> None:
        made = [path for path in self.made if not path.startswith("lists/")]
        inputs = dice.sample(SOURCES, dice.randint(0, 2)) + dice.sample(made, min(len(made), dice.randint(0, 2)))
        read, declared = " ".join(inputs), [*inputs]
        if dice.random() < 0.4 or not inputs:
            declared.append(dice.choice((CONF, f"{CONF}#a", f"{CONF}#b")))
            read = f"{read} {CONF}" if declared[-1] == CONF else f"{read} /dev/null"
            if "#" in declared[-1]:
                read += f"; grep {declared[-1][-1]}: {CONF}"
        more, output, sleep = "", f"out/{name}", dice.choice(("", "", "sleep 0.06; "))
        match dice.randrange(8):
            case 0:
                declared.append("tree/")
                read += "; cat tree/*"
            case 1:
                more = f", depfile: {name}.d"
                read += f"; echo 'out/{name}: src/h.txt' > {name}.d; cat src/h.txt"
            case 2:
                output = f"gen/{name}/"
            case 3 if made:
                declared.append("out/*")
                output = f"lists/{name}"
        found = [step for path, step in self.made.items() if path in inputs or "out/*" in declared]
        self.before[name] = {*found, *(far for step in found for far in self.before[step])}
        target = f"{output}all" if output.endswith("/") else output
        command = f"{sleep}{{ cat {read}; }} > {target}"
        self.lines.append(f'  {name}: {{inputs: [{", ".join(declared)}], outputs: {output}{more}, run: "{command}"}}')
        self.made[target] = name


class Person:
    """Edits files now and then; ``wrote``: what they wrote into outputs."""

    def __init__(self, shop: Workshop, project: Project, dice: Random) -> None:
        self.shop = shop
        self.project = project
        self.dice = dice
        self.wrote: set[str] = set()
        self.times = 0
        self.deeds: list[str] = []
        self.at_rest: set[str] | None = None  # steps that are not at work, nor about to be; None: all

    def hears(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self.at_rest = {step for step, before in self.project.before.items() if event.step in before}
            if self.dice.random() < 0.5:
                self.deeds.append(f"while {event.step} runs")
                self.edits()
                time.sleep(2 * WAIT)

    def edits(self) -> None:
        dice, shop = self.dice, self.shop
        text = f"{dice.randint(1, 3)}\n"
        match dice.choice(("source", "source", "conf", "conf", "header", "tree", "output", "output", "output", "lost")):
            case "source":
                self.does(shop.put(dice.choice(SOURCES), text))
            case "conf":
                self.does(shop.put(CONF, f"a: {dice.randint(1, 2)}\nb: {dice.randint(1, 2)}\n"))
            case "header":
                self.does(shop.put("src/h.txt", text))
            case "tree":
                self.does(shop.put(f"tree/{dice.choice('xyz')}", text))
            case deed:
                path, step = dice.choice(list(self.project.made.items()))
                if not (self.at_rest is None or step in self.at_rest) or not (shop.root / path).exists():
                    return
                self.wrote.discard(shop.read(path))
                if deed == "lost":
                    (shop.root / path).unlink()
                else:
                    self.times += 1
                    self.wrote.add(f"a person's {self.times}\n")
                    shop.put(path, f"a person's {self.times}\n")
                self.does(shop.root / path)

    def does(self, path: Path) -> None:
        self.deeds.append(str(path.relative_to(self.shop.root)))


def sources(root: Path) -> dict[str, str]:
    found = [path for path in root.rglob("*") if path.is_file() and path.relative_to(root).parts[0] in ("src", "tree")]
    return {str(path.relative_to(root)): path.read_text() for path in [*found, root / CONF]}


def outputs(root: Path) -> dict[str, str]:
    found = [path for folder in ("out", "gen", "lists") for path in (root / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_text() for path in found}


def everything(root: Path) -> list[str]:
    """What stands anywhere, former outputs that were kept among it."""
    kept = [path for name in ("displaced", "failed") for path in (root / ".wavebuild" / name).rglob("*")]
    return [*outputs(root).values(), *(path.read_text() for path in kept if path.is_file())]


def trial(seed: int, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = Random(seed)
    project = Project(dice)
    (home / "project").mkdir(parents=True)
    shop = Workshop(home / "project", monkeypatch)
    person = Person(shop, project, dice)
    shop.wavefile(project.text)
    for path in (*SOURCES, "src/h.txt", "tree/x"):
        shop.put(path, "1\n")
    shop.put(CONF, "a: 1\nb: 1\n")
    shop.build(alone=True)
    for number in range(4):
        person.deeds.append(f"build {number}")
        for _ in range(dice.randint(1, 2)):
            person.edits()
        shop.build(meanwhile=person.hears, jobs=dice.randint(1, 3), keep_going=True, alone=True)
        person.at_rest = None
        for _ in range(4):
            shop.build(keep_going=True, alone=True)
        last = shop.build(alone=True)
        story = f"{seed}: {person.deeds}\n{project.text}"
        assert last.result.nothing_to_do, story
        clean_home = home / f"clean{number}"
        clean_home.mkdir()
        clean = Workshop(clean_home, monkeypatch)
        clean.wavefile(project.text)
        for path, text in sources(shop.root).items():
            clean.put(path, text)
        clean.build(alone=True)
        assert outputs(shop.root) == outputs(clean.root), story
        assert person.wrote <= set(everything(shop.root)), story


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "STILL_TRUE", WAIT)
    monkeypatch.setattr(scheduler, "STILL_TRUE_IN_LINE", WAIT)


@pytest.mark.parametrize("seed", [8, pytest.param(6, marks=pytest.mark.long)])
def test_what_is_edited_while_it_is_built_is_built_in_the_end(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources, outputs, keys of a file, headers, members of folders: edits come whenever a step begins."""
    trial(seed, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100, 200))
def test_also_in_many_more_projects(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above."""
    trial(seed, tmp_path, monkeypatch)
