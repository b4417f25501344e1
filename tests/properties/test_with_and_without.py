"""The same edits, with what was kept and without it: same outcomes, same outputs, same lines, same traces.

It does not know which steps a build has looked at; that some builds looked at few is asked at the end.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from tests.support.workshop import Built, Workshop
from wavebuild.judge.trace import Trace
from wavebuild.store.layout import Layout
from wavebuild.store.opening import read_state
from wavebuild.ui.builds import ending_lines
from wavebuild.ui.manner import Manner
from wavebuild.ui.plain import PlainScreen
from wavebuild.ui.style import Style

SOURCES = tuple(f"src/{letter}.txt" for letter in "abcdef")
TEXTS = ("1\n", "2\n", "1 and more\n", "fail\n")
COMMANDS = ("cut -c1 {inputs} | sort -u", "cat {inputs} | wc -l", "cat {inputs}", "sort {inputs} | head -n 1")
DEEDS = (
    *("write", "write", "write", "touch", "lost", "by hand", "tree", "maybe", "wavefile", "nothing"),
    *("rewritten", "rewritten", "rewritten"),
)
TIMES = re.compile(r"\d+(\.\d+)? (h|min|s|ms)|\d{8}T[\d-]+")


def random_wavefile(dice: Random) -> str:
    """Steps in layers; few look into folders."""
    lines, made = ["settings: {shell: sh}", "steps:"], list[str]()
    for number in range(dice.randint(5, 12)):
        inputs = dice.sample(SOURCES, dice.randint(0, 2)) + dice.sample(made, min(len(made), dice.randint(0, 2)))
        if dice.random() < 0.1:
            inputs.append("tree/")
        inputs = inputs or [SOURCES[0]]
        optional = ", {path: src/maybe.txt, optional: true}" if dice.random() < 0.2 else ""
        command = dice.choice(COMMANDS).format(inputs="{{ inputs }}")
        check = f", checks: test -s out/{number}" if dice.random() < 0.3 else ""
        lines.append(
            f"  s{number}: {{inputs: [{', '.join(inputs)}{optional}], outputs: out/{number}{check},"
            f" run: '! grep -rq fail {{{{ inputs }}}} && {command} > out/{number}'}}"
        )
        made.append(f"out/{number}")
    if dice.random() < 0.4:
        lines.append("  all: {inputs: 'out/*', outputs: all.txt, run: 'ls out > all.txt'}")
    return "\n".join(lines) + "\n"


def rewritten(text: str, dice: Random) -> str:
    """The Wavefile after one edit: of what concerns one step alone, or of what may concern others."""
    head, *steps = text.split("\nsteps:\n")[0], *text.split("\nsteps:\n")[1].splitlines()
    at, mark = dice.randrange(len(steps)), dice.randrange(1000)
    match dice.choice(("command", "command", "comment", "title", "env", "check", "input", "more", "less", "settings")):
        case "command":
            steps[at] = steps[at].replace("run: '", f"run: 'true {mark} && ", 1)
        case "comment":
            steps.insert(at, f"  # {mark}")
        case "title":
            steps[at] = steps[at].replace("{inputs", f"{{title: t{mark}, inputs", 1)
        case "env":
            steps[at] = steps[at].replace("{inputs", f"{{env: {{E{mark}: x}}, inputs", 1)
        case "check":
            steps[at] = steps[at].replace("checks: test -s", "checks: test -f")
        case "input":
            steps[at] = steps[at].replace(dice.choice(SOURCES), dice.choice(SOURCES))
        case "more":
            steps.insert(at, f"  m{mark}: {{inputs: [out/0], outputs: out/m{mark}, run: 'cp out/0 out/m{mark}'}}")
        case "less":
            steps = [line for line in steps if not line.startswith("  m")]
        case "settings":
            head = f"settings: {{shell: sh, log_keep: {mark + 1}}}"
    if text.count("title:") + text.count("env:") > 3:  # once each: a key is said once
        steps = [re.sub(r"(title: t\d+|env: \{E\d+: x\}), ", "", line) for line in steps]
    steps = [re.sub(r"(title: t\d+, )(.*)(title: t\d+, )", r"\1\2", line) for line in steps]
    steps = [re.sub(r"(env: \{E\d+: x\}, )(.*)(env: \{E\d+: x\}, )", r"\1\2", line) for line in steps]
    return "\n".join([head, "steps:", *steps]) + "\n"


def random_edit(shops: list[Workshop], dice: Random) -> str:
    """The same is done to both."""
    deed = dice.choice(DEEDS)
    path, text = dice.choice(SOURCES), dice.choice(TEXTS[:3] if dice.random() < 0.8 else TEXTS)
    wavefile = rewritten((shops[0].root / "Wavefile").read_text(), dice) if deed == "rewritten" else ""
    out = f"out/{dice.randrange(5)}"
    for shop in shops:
        match deed:
            case "write":
                shop.put(path, text)
            case "touch":
                (shop.root / path).touch()
            case "lost":
                (shop.root / out).unlink(missing_ok=True)
            case "by hand" if (shop.root / out).exists():
                shop.put(out, "by hand\n")
            case "tree":
                shop.put(f"tree/{text[0]}", text)
            case "maybe" if (shop.root / "src/maybe.txt").exists():
                (shop.root / "src/maybe.txt").unlink()
            case "maybe":
                shop.put("src/maybe.txt", "1\n")
            case "wavefile":
                (shop.root / "Wavefile").touch()
            case "rewritten":
                shop.wavefile(wavefile)
    return deed


def built(shop: Workshop, **facts: bool) -> tuple[Built, str]:
    """A build, and what its screen said."""
    stream = io.StringIO()
    manner = Manner(Style())
    screen = PlainScreen(stream, manner)
    result = shop.build(meanwhile=screen.tell, **facts)
    screen.close(ending_lines(result.result, manner))
    return result, TIMES.sub("TIME", stream.getvalue())


def traces(shop: Workshop) -> dict[str, list[Trace]]:
    """What is on record of every step, but for when that was."""
    state = read_state(Layout(str(shop.root), "Wavefile").state, held=False)
    assert state is not None
    found = {
        key: [replace(trace, run="", began=0.0, seconds=0.0) for trace in state.traces(key)]
        for key in state.known_keys()
    }
    state.close()
    return found


def outputs(shop: Workshop) -> dict[str, str]:
    files = (path for path in shop.root.rglob("*") if path.is_file() and ".wavebuild" not in path.parts)
    return {str(path.relative_to(shop.root)): path.read_text() for path in files}


def told_otherwise(one: Built, other: Built) -> set[tuple[str, str]]:
    """The outcomes that are not the same."""
    pairs = {(one.outcomes[step], other.outcomes[step]) for step in other.outcomes}
    return {pair for pair in pairs if pair[0] != pair[1]}


def trial(seed: int, home: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many builds have looked at few steps."""
    shops = []
    for name in ("with", "without"):
        (home / name).mkdir()
        shops.append(Workshop(home / name, monkeypatch))
    text, few = random_wavefile(Random(seed)), 0
    for shop in shops:
        shop.wavefile(text)
        shop.put("tree/x", "x\n")
        for path in SOURCES:
            shop.put(path, "1\n")
    dice = Random(seed)
    for _ in range(6):
        deeds = [random_edit(shops, dice) for _ in range(dice.randint(1, 2))]
        keep_going = dice.random() < 0.5
        for kept in (shops[1].root / ".wavebuild/state").glob("Wavefile.[ks]e*"):
            kept.unlink()
        (one, said), (other, said_by_other) = (built(shop, keep_going=keep_going) for shop in shops)
        assert one.result.exit_code == other.result.exit_code, (seed, deeds)
        if one.result.steps and (one.code == 0 or keep_going):
            assert one.outcomes == other.outcomes, (seed, deeds)
            assert said == said_by_other, (seed, deeds)
        elif one.result.steps:  # what is known to be fresh is kept, although the build has stopped before its turn
            assert told_otherwise(one, other) <= {("kept", "not_started")}, (seed, deeds)
            assert said.splitlines()[:-1] == said_by_other.splitlines()[:-1], (seed, deeds)
        else:  # it was known without a look that nothing is to be done
            assert other.result.nothing_to_do, (seed, deeds)
        assert one.result.fresh == other.result.fresh, (seed, deeds)
        assert outputs(shops[0]) == outputs(shops[1]), (seed, deeds)
        assert traces(shops[0]) == traces(shops[1]), (seed, deeds)
        few += bool(one.result.steps) and len(one.told) < len(one.result.steps)
    return few


@pytest.mark.parametrize("seeds", [range(2), range(2, 4)], ids=str)
def test_a_build_is_the_same_with_what_was_kept_and_without(
    seeds: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over edits of every kind, failures among them."""
    few = 0
    for seed in seeds:
        (tmp_path / str(seed)).mkdir()
        few += trial(seed, tmp_path / str(seed), monkeypatch)

    assert few > 0


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(100, 200))
def test_many_more_builds_are(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, over more projects."""
    trial(seed, tmp_path, monkeypatch)
