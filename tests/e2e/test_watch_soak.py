"""A watch under edits of all kinds: whenever all is still, its outputs are those of a clean build, and it rests."""

from __future__ import annotations

import os
import time
from random import Random

import pytest

from tests.support.command import Site
from tests.support.meddling import Meddler
from tests.support.watches import Watch, watching

EDITS = int(os.environ.get("EDITS", "300"))


def soak(site: Site, seed: int, edits: int, pause: float, still: int) -> None:
    """``still``: so many edits, then all must become right."""
    random = Random(seed)
    meddler = Meddler(site.root, random)
    with watching(site, "-j2") as watch:
        for number in range(1, edits + 1):
            meddler.meddle()
            if number % still:
                time.sleep(random.uniform(0, 2 * pause))
                if random.random() < 0.4:
                    meddler.mend_all()
            else:
                settles(site, watch, meddler, f"seed {seed}, after {number} edits: {meddler.log[-still:]}")
        begun = len(watch.events("build_started"))
        settles(site, watch, meddler, f"seed {seed}")
        # Each edit may be seen in two pieces, and what changes in folders of own outputs is looked at once more.
        assert begun < 3 * edits + 10, watch.said
        assert len(watch.events("build_started")) <= begun + 1, watch.said
    assert site.wavebuild("-q").code == 0


def settles(site: Site, watch: Watch, meddler: Meddler, story: str) -> None:
    meddler.mend_all()
    watch.until(lambda: not meddler.differs(), f"{story}: {meddler.differs()}")
    watch.until(lambda: site.wavebuild("-q", "--wait", "60s").code == 0, f"{story}: fresh")
    watch.until(lambda: len(watch.events("build_started")) == len(watch.events("build_settled")), story)
    assert not meddler.differs(), story


@pytest.mark.long
@pytest.mark.scenario(id="V5")
@pytest.mark.scenario(id="V10")
def test_edits_of_all_kinds_end_in_what_a_clean_build_makes(site: Site) -> None:
    """The short form."""
    soak(site, seed=1, edits=24, pause=0.04, still=8)


@pytest.mark.long
@pytest.mark.scenario(id="V5")
@pytest.mark.scenario(id="V10")
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.timeout(180 + EDITS)
def test_three_hundred_edits_in_a_minute_end_in_what_a_clean_build_makes(site: Site, seed: int) -> None:
    """No change is missed, and no build causes another one."""
    soak(site, seed, edits=EDITS, pause=0.1, still=60)
