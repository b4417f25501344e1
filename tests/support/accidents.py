"""What may happen to a build while it runs: kills, signals, full disks, edits, failures, a second build, damage.

It does not know what a build should make of it; the next one must make all good.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.support.command import succeeded
from tests.support.edits import any_source, content
from tests.support.forks import Fault, ForkedSite, Running
from tests.support.processes import children, eventually, is_worker, kill_marked
from tests.support.project import NOTES, World, random_text


@dataclass(frozen=True)
class Aftermath:
    """What happened; ``told``: the steps whose success was told; ``ran``: those that began.

    ``forgot``: the state may have been lost. ``complaint``: what was wrong already.
    """

    text: str
    told: frozenset[str] = frozenset()
    ran: frozenset[str] = frozenset()
    forgot: bool = False
    complaint: str = ""


@dataclass
class Struck:
    """A build with its events, and hooks that its steps may meet."""

    site: ForkedSite
    world: World

    @property
    def rng(self) -> Random:
        return self.world.rng

    @property
    def log(self) -> Path:
        return self.site.home / "events"

    def begin(self, *flags: str, fault: Fault | None = None) -> Running:
        self.log.unlink(missing_ok=True)
        return self.site.begin(f"-j{self.rng.randint(1, 3)}", "--events", str(self.log), *flags, fault=fault)

    def hook(self, moment: str, script: str, steps: list[str] | None = None) -> str:
        """Has one of the steps, or the one of these, do something when it runs."""
        step = self.rng.choice(steps or [name for spec in self.world.specs for name in spec.steps] or ["none"])
        path = self.site.home / "hooks" / f"{step}.{moment}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return step

    def aftermath(self, text: str, *, edited: bool = False, forgot: bool = False, complaint: str = "") -> Aftermath:
        """``edited``: sources have changed since steps were told as done."""
        self.release()
        ran = frozenset(self.site.ran())
        told = frozenset() if edited else frozenset(succeeded(self.log))
        return Aftermath(text, told, ran, forgot, complaint)

    def paused(self, *flags: str, steps: list[str] | None = None) -> tuple[Running, str]:
        """A build in which one step is held up before or after its work, or which has ended without running it."""
        moment = self.rng.choice(("before", "after"))
        step = self.hook(moment, 'while [ -e "$HOOKS/hold" ]; do sleep 0.02; done', steps)
        (self.site.home / "hooks/hold").touch()
        running = self.begin(*flags)
        eventually(lambda: running.ended() or step in journal_of(self.site), 60)
        return running, step

    def release(self) -> None:
        shutil.rmtree(self.site.home / "hooks", ignore_errors=True)


def journal_of(site: ForkedSite) -> list[str]:
    """What ran since it was last asked; it stays unasked."""
    return site.journal.read_text().splitlines()[site.read_so_far :] if site.journal.exists() else []


def killed_while_paused(struck: Struck) -> Aftermath:
    running, step = struck.paused()
    struck.site.kill(running)
    return struck.aftermath(f"kill -9 of all while {step} runs")


def killed_at_some_time(struck: Struck) -> Aftermath:
    running = struck.begin()
    delay = struck.rng.uniform(0, 0.5)
    time.sleep(delay)
    struck.site.kill(running)
    return struck.aftermath(f"kill -9 of all after {delay:.3f} s")


def killed_at_a_point(struck: Struck) -> Aftermath:
    at = struck.rng.randint(1, 150)
    running = struck.begin(fault=Fault(at, "kill"))
    running.finished()
    if struck.rng.random() < 0.5:
        kill_marked(struck.site.mark)
    return struck.aftermath(f"kill -9 at point {at}")


def parent_killed(struck: Struck) -> Aftermath:
    """The workers and steps see to their own end; meanwhile somebody edits."""
    running, step = struck.paused()
    running.signal(signal.SIGKILL)
    running.finished()
    edit = content(struck.world)
    return struck.aftermath(f"kill -9 of the parent alone while {step} runs, and: {edit.text}", edited=True)


def orphaned(struck: Struck) -> Aftermath:
    """The step outlives all that watched over it, and goes on when the next build begins."""
    running, step = struck.paused()
    watching = [running.process, *children(running.process)] if not running.ended() else []
    for process in watching:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    running.finished()
    return struck.aftermath(f"kill -9 of parent and workers while {step} runs on")


def worker_killed(struck: Struck) -> Aftermath:
    running, step = struck.paused()
    workers = [child for child in children(running.process) if is_worker(child)]
    for worker in workers[:1]:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    struck.release()
    ended = running.finished(60)
    wrong = "" if ended.code in (0, 1, -9) else f"a killed worker makes exit 1, not {ended.code}: {ended.err}"
    return struck.aftermath(f"kill -9 of a worker while {step} runs", complaint=wrong)


def stopped(number: signal.Signals) -> Callable[[Struck], Aftermath]:
    def stop(struck: Struck) -> Aftermath:
        running, step = struck.paused()
        over = running.ended()
        running.signal(number)
        ended = running.finished(60)
        wrong = "" if over or ended.code == 128 + number else f"exit {ended.code} after {number.name}: {ended.err}"
        if not struck.site.nothing_alive():
            wrong = f"alive after {number.name}: {struck.site.alive()}"
        return struck.aftermath(f"{number.name} while {step} runs", complaint=wrong)

    stop.__name__ = f"stopped by {number.name}"
    return stop


def disk_trouble(struck: Struck) -> Aftermath:
    how = struck.rng.choice(("full", "full once", "broken once"))
    at = struck.rng.randint(1, 120)
    ended = struck.begin("-k" if struck.rng.random() < 0.3 else "--schedule=flow", fault=Fault(at, how)).finished()  # type: ignore[arg-type]
    wrong = "" if ended.code in (0, 1, 2) and "Traceback" not in ended.err else f"exit {ended.code}: {ended.err}"
    return struck.aftermath(f"disk {how} at point {at}: exit {ended.code}", complaint=wrong)


def edited_meanwhile(struck: Struck) -> Aftermath:
    """A step's own work is under way when a source gets other bytes."""
    path = any_source(struck.world)
    text = random_text(struck.rng)
    aside = struck.site.home / "other"
    aside.write_text(text)
    step = struck.hook(struck.rng.choice(("before", "after")), f"cat {aside} > '{path}'")
    ended = struck.begin("-k").finished()
    wrong = "" if ended.code in (0, 1) else f"exit {ended.code}: {ended.err}"
    return struck.aftermath(
        f"new content of {path.name} while {step} runs: exit {ended.code}", edited=True, complaint=wrong
    )


def shared_meanwhile(struck: Struck) -> Aftermath:
    """A step works on its copy of a file that steps share when a person edits the file itself."""
    apart = [spec for spec in struck.world.specs if spec.shape == "text" and "sandbox" in spec.policy]
    if not apart:
        return edited_meanwhile(struck)
    for spec in apart:
        spec.version += 1
    struck.world.write_wavefile()
    running, step = struck.paused("-j1", steps=[spec.name for spec in apart])
    path = struck.site.root / NOTES
    text = "".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith("owner"))
    path.write_text(f"owner: {struck.rng.getrandbits(64)}\n" + text)
    text = path.read_text().split("\n")[0]
    (struck.site.home / "hooks/hold").unlink()
    ended = running.finished(60)
    wrong = "" if ended.code == 0 else f"exit {ended.code}: {ended.err}"
    if text not in path.read_text():
        wrong = f"what a person wrote meanwhile is lost: {text}"
    return struck.aftermath(f"{text} in {NOTES} while {step} runs", complaint=wrong)


def there_and_back_meanwhile(struck: Struck) -> Aftermath:
    """A, B while a step reads, A again with the times of before."""
    path = any_source(struck.world)
    (struck.site.home / "other").write_text(random_text(struck.rng))
    before = f"cp -p '{path}' '{struck.site.home}/saved'; cat '{struck.site.home}/other' > '{path}'"
    after = f"cat '{struck.site.home}/saved' > '{path}'; touch -r '{struck.site.home}/saved' '{path}'"
    step = struck.hook("before", before)
    struck.hook("after", after, [step])
    ended = struck.begin("-k").finished()
    if (struck.site.home / "saved").exists():
        shutil.copyfile(struck.site.home / "saved", path)
        (struck.site.home / "saved").unlink()
    wrong = "" if ended.code in (0, 1) else f"exit {ended.code}: {ended.err}"
    return struck.aftermath(
        f"{path.name} is another while {step} runs, and as before then", edited=True, complaint=wrong
    )


def failed(struck: Struck) -> Aftermath:
    step = struck.hook(struck.rng.choice(("before", "after")), "exit 1")
    # A hook that ends badly ends the step.
    ended = struck.begin(*(["-k"] if struck.rng.random() < 0.5 else [])).finished()
    met = step in journal_of(struck.site)
    wrong = "" if ended.code == int(met) else f"exit {ended.code}, though {step} failed: {ended.err}"
    told = succeeded(struck.log)
    if met and step in told:
        wrong = f"{step} failed, and was told as done"
    return struck.aftermath(f"{step} fails", complaint=wrong)


def two_at_once(struck: Struck) -> Aftermath:
    running, step = struck.paused()
    over = running.ended()
    second = struck.site.wavebuild("-j2", *(["--wait", "60s"] if over else []))
    wrong = "" if second.code == (0 if over else 3) else f"exit {second.code} beside another build: {second.err}"
    third = struck.site.begin("-j2", "--wait", "60s")
    struck.release()
    running.signal(signal.SIGTERM)
    running.finished(60)
    ended = third.finished(60)
    wrong = wrong or ("" if ended.code == 0 else f"exit {ended.code} of the one that waited: {ended.err}")
    return struck.aftermath(f"two builds at once, while {step} runs", complaint=wrong)


def damaged(struck: Struck) -> Aftermath:
    """Some file of the state is cut short, has a byte flipped, is emptied or gone."""
    folder = struck.site.root / ".wavebuild"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "displaced" not in path.parts)
    if not files:
        return struck.aftermath("nothing to damage")
    path = struck.rng.choice([*files, *(3 * [file for file in files if file.parent.name == "state"])])
    data = path.read_bytes()
    how = struck.rng.choice(("cut short", "flipped", "emptied", "removed"))
    at = struck.rng.randrange(len(data)) if data else 0
    if how == "cut short":
        path.write_bytes(data[:at])
    elif how == "flipped":
        path.write_bytes(
            data[:at] + bytes(byte ^ (1 << struck.rng.randrange(8)) for byte in data[at : at + 1]) + data[at + 1 :]
        )
    elif how == "emptied":
        path.write_bytes(b"")
    else:
        path.unlink()
    return struck.aftermath(f"{path.relative_to(folder)} {how} at {at}", forgot=True)


def other_flags(struck: Struck) -> Aftermath:
    """What people type: some targets only, all of it by force, things assumed."""
    step = struck.rng.choice(struck.world.specs).name
    path = str(any_source(struck.world).relative_to(struck.site.root))
    chosen = struck.rng.choice(
        ([step], ["--only", step], ["-B"], ["-B", "--only", step], [f"{step}+"], ["-W", path], ["-o", path], ["-n"])
    )
    ended = struck.begin(*chosen).finished()
    wrong = "" if ended.code in (0, 1, 2) else f"exit {ended.code}: {ended.err}"
    edited = bool({"-W", "-o"} & set(chosen))
    return struck.aftermath(f"wavebuild {' '.join(chosen)}: exit {ended.code}", edited=edited, complaint=wrong)


ACCIDENTS: tuple[Callable[[Struck], Aftermath], ...] = (
    killed_while_paused,
    killed_while_paused,
    killed_at_some_time,
    killed_at_a_point,
    killed_at_a_point,
    killed_at_a_point,
    parent_killed,
    orphaned,
    orphaned,
    worker_killed,
    stopped(signal.SIGINT),
    stopped(signal.SIGTERM),
    disk_trouble,
    disk_trouble,
    disk_trouble,
    edited_meanwhile,
    edited_meanwhile,
    shared_meanwhile,
    shared_meanwhile,
    there_and_back_meanwhile,
    there_and_back_meanwhile,
    failed,
    failed,
    two_at_once,
    damaged,
    damaged,
    other_flags,
)


def random_accident(site: ForkedSite, world: World) -> Aftermath:
    return world.rng.choice(ACCIDENTS)(Struck(site, world))
