"""What a build tells of itself before its steps are judged, where somebody looks: how long they took, what is fresh."""

from __future__ import annotations

from tests.behaviour.test_small_changes import settled
from tests.support.workshop import Built, Workshop
from wavebuild.run.events import BuildStarted, Outlook, StepsFound
from wavebuild.run.gauge import Gauge

PIPELINE = """
steps:
  a: {inputs: a.txt, outputs: out/a, run: "note a; cp a.txt out/a", estimate: 10s}
  b: {inputs: out/a, outputs: out/b, run: "note b; cp out/a out/b", estimate: 5s}
  c: {inputs: c.txt, outputs: out/c, run: "note c; cp c.txt out/c"}
  all: {needs: [b, c]}
"""


def outlook_of(built: Built) -> Outlook:
    told = next(event for event in built.events if isinstance(event, BuildStarted))
    assert told.outlook is not None
    return told.outlook


def by_name(outlook: Outlook, numbers: object) -> dict[str, float]:
    names = {number: name for name, number in outlook.number.items()}
    assert isinstance(numbers, dict)
    return {names[number]: seconds for number, seconds in numbers.items()}


def names_of(outlook: Outlook, numbers: frozenset[int]) -> set[str]:
    return {name for name, number in outlook.number.items() if number in numbers}


def test_before_anything_ran_estimates_count_and_the_rest_is_unknown(shop: Workshop) -> None:
    """A step that runs nothing is neither."""
    shop.write(a__txt="1", c__txt="1")
    shop.wavefile(PIPELINE)

    outlook = outlook_of(shop.build(gauge=Gauge(), jobs=1))

    assert by_name(outlook, outlook.seconds) == {"a": 10, "b": 5}
    assert names_of(outlook, outlook.unknown) == {"c"}
    assert by_name(outlook, outlook.behind)["a"] == 15


def test_after_that_history_counts(shop: Workshop) -> None:
    shop.write(a__txt="1", c__txt="1")
    shop.wavefile(PIPELINE)
    shop.build()

    outlook = outlook_of(shop.build(gauge=Gauge(), force=True))

    assert outlook.unknown == frozenset()
    assert 0 < by_name(outlook, outlook.seconds)["a"] < 10


def test_of_few_that_are_judged_the_others_are_known_to_be_fresh(shop: Workshop) -> None:
    shop.write(a__txt="1", c__txt="1")
    settled(shop, PIPELINE)
    shop.write(c__txt="2")

    outlook = outlook_of(shop.build(gauge=Gauge()))

    assert names_of(outlook, outlook.judged) >= {"c"}
    assert names_of(outlook, outlook.judged).isdisjoint({"a", "b"})


def test_nobody_pays_for_it_where_nobody_looks(shop: Workshop) -> None:
    shop.write(a__txt="1", c__txt="1")
    shop.wavefile(PIPELINE)

    assert all(event.outlook is None for event in shop.build().events if isinstance(event, BuildStarted))


def test_what_a_list_brings_is_told_with_it(shop: Workshop) -> None:
    shop.wavefile(
        "steps:\n"
        "  list: {outputs: out/list.csv, run: 'note list; printf \"t\\nx\\ny\\n\" > out/list.csv'}\n"
        "  each:\n"
        "    foreach: {t: {path: out/list.csv, column: t}}\n"
        "    outputs: 'each/{{ t }}'\n"
        "    estimate: 3s\n"
        "    run: 'note each; touch {{ outputs }}'\n"
    )

    found = [event for event in shop.build(gauge=Gauge()).events if isinstance(event, StepsFound)]

    assert found
    outlook = found[-1].outlook
    assert outlook is not None
    assert by_name(outlook, outlook.seconds)["each@x"] == 3
