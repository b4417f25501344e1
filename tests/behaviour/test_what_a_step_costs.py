"""What one more plain step costs the build process: looks at files, and calls. Counted, not timed."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

from tests.support.workshop import Workshop

LOOKS = ("lstat", "stat")


def counted(deed: Callable[[], object]) -> Counter[str]:
    """How often each function of C was called meanwhile in this thread, by its name; "" for those of Python."""
    found: Counter[str] = Counter()

    def see(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            found[function.__name__] += 1
        elif event == "call":
            found[""] += 1

    sys.setprofile(see)
    try:
        deed()
    finally:
        sys.setprofile(None)
    return found


def with_steps(shop: Workshop, steps: int) -> None:
    for number in range(steps):
        shop.put(f"i/{number}", str(number))
    lines = [f"  s{n}: {{inputs: i/{n}, outputs: o/{n}, run: cp i/{n} o/{n}}}" for n in range(steps)]
    shop.wavefile("\n".join(["defaults: {shell: sh}", "steps:", *lines]))


def per_step(shop: Workshop, deed: Callable[[], object]) -> dict[str, float]:
    """What each further step adds to a first build."""
    found = {}
    for steps in (1, 10, 40):  # the first fetches what the process needs besides
        shutil.rmtree(shop.root)
        with_steps(shop, steps)
        found[steps] = counted(deed)
    return {name: (count - found[10][name]) / 30 for name, count in found[40].items()}


class TestAPlainStep:
    def test_costs_few_looks_and_calls(self, shop: Workshop) -> None:
        """Its input is looked at before, while and after it is read and run; its output before, and once it is made."""
        cost = per_step(shop, shop.build)

        assert 1 <= sum(cost.get(name, 0.0) for name in LOOKS) <= 14
        assert cost[""] <= 900
