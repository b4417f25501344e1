"""How many steps run at once: resources, slots, tries that wait."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.processes import eventually
from tests.support.workshop import Workshop
from wavebuild.errors import WavebuildError
from wavebuild.run.room import load_of_machine

RUN = "note {0}; until test $(wc -l < $JOURNAL) -ge MEET; do sleep 0.02; done; sleep 0.05; echo {0} > {0}.txt"
STEPS = "\nsteps:\n" + "".join(f"  {name}: {{outputs: {name}.txt, KEYS, run: {RUN.format(name)}}}\n" for name in "abc")


def three(keys: str, meet: int = 1) -> str:
    """``meet``: none of them goes on before so many have begun in all builds."""
    return STEPS.replace("KEYS", keys).replace("MEET", str(meet))


class TestResources:
    @pytest.mark.parametrize(
        ("keys", "top", "most"),
        [
            ("resources: [db]", "", 1),
            ("resources: [db]", "resources: {db: 2}", 2),
            ("resources: {db: 2}", "resources: {db: 2}", 1),
            ("resources: {cpus: 3}", "", 1),
            ("resources: {cpus: 99}", "", 1),
            ("category: heavy", "categories: {heavy: {resources: [db]}}", 1),
            ("resources: []", "defaults: {resources: [db]}", 1),
            ("title: none", "", 3),
        ],
    )
    def test_steps_run_together_as_far_as_what_they_share_allows(self, shop: Workshop, keys: str, top: str, most: int):
        """Whether a step, its category or the defaults say so; all run in the end, and then all are fresh."""
        shop.wavefile(top + three(keys, meet=most))
        built = shop.build(jobs=3)

        assert (sorted(built.ran), built.most_at_once) == (["a", "b", "c"], most)
        assert shop.build(jobs=3).ran == []

    def test_a_profile_gives_another_capacity(self, shop: Workshop):
        """On the large machine two at once; what a step takes is no reason to run it again."""
        text = "resources: {db: 1}\nprofiles: {large: {resources: {db: 2}}}\n"
        shop.wavefile(text + three("resources: [db]"))

        assert shop.build(jobs=3).most_at_once == 1
        assert shop.build(jobs=3, profile="large").ran == []
        shop.wavefile(text + three("resources: [db]", meet=5))
        assert shop.build(jobs=3, profile="large", force=True).most_at_once == 2

    def test_more_than_there_is_is_refused_with_its_place(self, shop: Workshop):
        """Before anything runs: such a step could never start."""
        shop.wavefile("resources: {db: 2}\n" + three("resources: {db: 3}"))

        with pytest.raises(WavebuildError, match="3 of 'db', but there is only 2"):
            shop.build()
        assert shop.ran() == []

    def test_taking_other_resources_is_no_reason_to_run(self, shop: Workshop):
        """They say when a step may run, not what it makes."""
        shop.wavefile(three("resources: [db]"))
        shop.settle(jobs=3)
        shop.wavefile(three("resources: {cpus: 2}"))

        assert shop.plan() == dict.fromkeys("abc", "FRESH")
        assert shop.build(jobs=3).ran == []


class TestTriesThatWait:
    TEXT = """
    steps:
      flaky:
        outputs: flaky.txt
        resources: [db]
        retries: {times: 1, delay: 1s}
        run: note flaky; test -e ../second && echo 1 > flaky.txt || { touch ../second; exit 1; }
      other: {outputs: other.txt, resources: [db], run: note other; echo 1 > other.txt}
    """

    def test_others_get_the_slot_and_the_resource_meanwhile(self, shop: Workshop):
        """A delay holds up nobody who could run, be it under one job."""
        shop.wavefile(self.TEXT)
        built = shop.build(jobs=1)

        assert (built.code, built.ran) == (0, ["flaky", "other", "flaky"])
        assert built.steps["flaky"].attempts == 2
        assert shop.build().ran == []


class TestLoad:
    def test_a_machine_that_is_busy_stops_no_build(self, shop: Workshop):
        """Over every load one step at a time goes on, and all come to run."""
        shop.wavefile(three("title: x"))
        built = shop.build(jobs=3, load=0.0)

        assert (built.code, sorted(built.ran)) == (0, ["a", "b", "c"])
        assert shop.build(jobs=3, load=0.0).ran == []

    def test_the_load_is_what_runs_or_wants_to_now(self):
        """At once, not on the mean of a minute: a build would start all it has meanwhile."""
        busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(3)]
        try:
            assert eventually(lambda: load_of_machine() >= 3)
        finally:
            for process in busy:
                process.kill()
                process.wait()
