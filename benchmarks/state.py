"""What the state alone costs: ``python -m benchmarks.state 10000``. CPU time for each deed of a build, and memory.

It does not know steps or files: rows stand for them. A full build in groups of two, a second one that looks at every
step, and one that looks at two steps of all.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

from wavebuild.judge.trace import Trace
from wavebuild.run.records import Attempt, Result
from wavebuild.store.opening import open_state
from wavebuild.store.state import State

GROUP = 2


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def trace(number: int, run: str) -> Trace:
    action = {"command": f"cp i/{number} o/{number}", "outputs": f"o/{number}", "shell": "sh"}
    source, made = {f"i/{number}": digest(number)}, {f"o/{number}": digest(number + 1)}
    return Trace(f"s{number}", run, 1.0, 0.01, action, {}, source, {}, made)


def build(state: State, numbers: Iterable[int], run: str) -> None:
    """What a build asks and puts for each step that runs."""
    for number in numbers:
        look(state, (number,))
        attempt = Attempt(f"{run}.{number}", f"s{number}", run, f"o/{number}", {}, {}, (("file", f"o/{number}", ()),))
        state.learn({f"i/{number}": ((1, number, 200, number, number), digest(number))})
        state.begin(attempt)
        state.flush()
        state.learn({f"o/{number}": ((1, number, 200, number, number), digest(number + 1))})
        result = Result(f"s{number}", run, "succeeded", 1.0, 0.01, 1, 0, "")
        state.succeed(f"o/{number}", trace(number, run), attempt, result)
        if number % GROUP == 0:
            state.flush()
    state.flush()


def look(state: State, numbers: Iterable[int]) -> None:
    """What a build asks of each step that it judges."""
    digests, made = state.digests(), state.made()
    for number in numbers:
        found = state.traces(f"o/{number}")
        for name in (f"i/{number}", f"o/{number}"):
            digests.get(name)
        if found:
            assert f"o/{number}" in made


def timed(what: str, path: str, steps: int, deed: Callable[[State], object]) -> None:
    began = time.process_time()
    state = open_state(path, [], claims=f"{path}.claims")
    deed(state)
    state.close()
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{what:28}{spent * 1e3:10.1f} ms{spent / steps * 1e6:10.1f} us/step{peak:8} MiB at most", flush=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.db")
        timed("a first build of all", path, count, lambda state: build(state, range(count), "r1"))
        timed("two steps of all", path, 2, lambda state: look(state, (count // 2, count - 1)))
        timed("two steps again", path, 2, lambda state: look(state, (count // 2, count - 1)))
        timed("a look at all", path, count, lambda state: look(state, range(count)))
        timed("a second build of all", path, count, lambda state: build(state, range(count), "r2"))
        timed("its durations", path, count, State.durations)
        timed("its last results", path, count, State.last_results)
        print(f"{os.path.getsize(path) / count:.0f} bytes a step")


if __name__ == "__main__":
    main()
