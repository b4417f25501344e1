"""Made-up stories of runs for the tests of reports: few steps, thousands, hostile ones.

It does not know how any of it is shown.
"""

from __future__ import annotations

from msgspec.structs import replace

from tests.ui.samples import NOON, a_story, graph_of, step
from wavebuild.engine.story import Chapter, Piece, Pieces, Story
from wavebuild.judge.reasons import NeverRan
from wavebuild.run.events import Opinion, Outcome, Settled, StepReviewed

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "</style><!--",
    "\"quoted\" & 'single' &amp; {{ 7 * 7 }} {% raw %}",
    "line\u2028separator\u2029end",
    "bell\x07 escape\x1b[31m null\x00",
    "right\u202eto\u2066left",
    "surrogate\udcff",
    "]]>",
    "javascript:alert(1)",
)


def of(*chapters: Chapter, **more: object) -> Story:
    """A story of these steps alone, without a graph."""
    facts_of: dict[str, object] = {
        "chapters": chapters,
        "graph": None,
        "critical_path": (),
        "former": None,
        "times": None,
    }
    return replace(a_story(), **(facts_of | more))


def many(number: int, outcome: Outcome = Outcome.KEPT, waves: int = 10) -> Story:
    """A chain of waves of steps, one of which failed."""
    steps = [step(f"s{at}", makes=[f"o{at}"], reads=[f"o{at - waves}"] if at >= waves else ()) for at in range(number)]
    graph = graph_of(*steps)
    failed = Chapter("s7", 1, Outcome.FAILED, Settled("s7", Outcome.FAILED, 1, failure="exit", exit_code=1))
    chapters = tuple(
        failed if at == 7 else Chapter(f"s{at}", at // waves + 1, outcome, is_critical=at == 3) for at in range(number)
    )
    return of(*chapters, graph=graph, wanted=frozenset(range(number)))


def full_of(text: str) -> Story:
    """A story in which this text stands everywhere."""
    review = Opinion(text, 0.5, False, 0.9, (text,), (text,), text)
    settled = Settled(
        *(text, Outcome.FAILED, 1),
        started=NOON,
        seconds=1.0,
        attempts=1,
        failure="exit",
        exit_code=1,
        command=text,
        detail=text,
        tail=(text,),
        log=text,
        notes=(text,),
        moved=(text,),
        review=review,
    )
    chapter = Chapter(
        *(text, 1, Outcome.FAILED, settled),
        title=text,
        place=text,
        agent=text,
        command=text,
        tail=(text,),
        upstream=(text,),
        reviewed=(StepReviewed("r", NOON, text, 1, review),),
        downstream=(text,),
        lane=0,
        start=NOON,
        end=NOON + 1,
        is_critical=True,
    )
    return of(chapter, command=text, project=text, notices=(text,), unknown=(text,), critical_path=(text,))


def busy(number: int) -> Story:
    """All of these steps ran, on two workers, in waves of 200; each has a command, reasons and digests."""
    story = many(number, Outcome.SUCCEEDED, waves=200)
    chapters = []
    for at, each in enumerate(story.chapters):
        settled = Settled(
            *(each.name, each.outcome or Outcome.KEPT, each.wave),
            started=NOON + at * 0.01,
            seconds=0.02,
            attempts=1,
            reasons=(NeverRan(),),
            exit_code=1 if each.outcome is Outcome.FAILED else 0,
            command=f"/usr/bin/bash -euo pipefail -c 'cat o{at - 200} > o{at}'",
        )
        pieces = Pieces(tuple(Piece(f"o{at - part}", f"sha256:{at:064x}") for part in (200, 201, 202)))
        more = replace(each, settled=settled, command=settled.command, reads=pieces, makes=pieces, lane=at % 2)
        start, before = NOON + at * 0.01, (f"s{at - 200}",) if at >= 200 else ()
        chapters.append(replace(more, start=start, end=start + 0.02, upstream=before))
    return replace(story, chapters=tuple(chapters), lanes=2, critical_path=("s3",))
