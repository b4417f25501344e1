"""``--paranoid``: every file is read again, whatever its stamp says; ``--ask``: questions run probes."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.workshop import Workshop
from wavebuild import engine
from wavebuild.judge.stamp import stamp

COPY = """
steps:
  a: {inputs: s.txt, outputs: a.txt, run: note a; cp s.txt a.txt}
  b: {inputs: a.txt, outputs: b.txt, run: note b; cp a.txt b.txt}
"""


@pytest.fixture
def copy(shop: Workshop) -> Workshop:
    shop.wavefile(COPY)
    shop.put("s.txt", "one\n")
    shop.settle()
    return shop


def change_unseen(shop: Workshop, path: str, text: str) -> None:
    """The file says something else, and the state takes its new stamp for that of the old bytes.

    Nobody can forge a file's ctime; so the memory of it is forged.
    """
    file = shop.put(path, text)
    state = next(Path(shop.root, ".wavebuild").rglob("*.db"))
    with closing(sqlite3.connect(state)) as handle, handle:
        done = handle.execute(
            "update digests set dev = ?, ino = ?, size = ?, mtime = ?, ctime = ? where name = ?",
            (*stamp(str(file)), path),
        )
        assert done.rowcount == 1, "its digest was remembered"
    handle.close()


class TestParanoid:
    def test_a_change_under_an_unchanged_stamp_is_found_in_a_source(self, copy: Workshop):
        """Without it the stamp is trusted: that is what it is for. Questions with it say what the build will do."""
        change_unseen(copy, "s.txt", "two\n")

        assert (copy.build().ran, copy.stale()) == ([], False)
        assert copy.plan(paranoid=True) == {"a": "RUN", "b": "MAYBE"}
        assert copy.build(paranoid=True).ran == ["a", "b"]
        assert copy.read("b.txt") == "two\n"

    def test_and_in_an_output(self, copy: Workshop):
        """Whoever tampered with it: it is remade, and its reader has nothing to do."""
        change_unseen(copy, "a.txt", "bad\n")

        assert copy.build().ran == []
        assert copy.build(paranoid=True).ran == ["a"]
        assert (copy.read("a.txt"), copy.read("b.txt")) == ("one\n", "one\n")

    def test_what_it_learns_is_right_again_for_builds_without_it(self, copy: Workshop):
        """One such build heals what was remembered."""
        change_unseen(copy, "s.txt", "two\n")
        copy.build(paranoid=True)

        assert copy.build().ran == []
        copy.put("s.txt", "three\n")
        assert copy.build().ran == ["a", "b"]

    def test_where_nothing_changed_nothing_runs(self, copy: Workshop):
        """It reads more, and decides as ever."""
        built = copy.build(paranoid=True)

        assert (built.code, built.ran, built.outcomes) == (0, [], {"a": "kept", "b": "kept"})
        assert copy.plan(paranoid=True) == {"a": "FRESH", "b": "FRESH"}

    def test_known_evidence_that_all_is_fresh_does_not_end_it_early(self, copy: Workshop):
        """An idle build looks at stamps alone; this one reads: it sees each step."""
        assert copy.build().result.steps == ()
        assert len(copy.build(paranoid=True).result.steps) == 2


class TestAsk:
    @pytest.fixture
    def probed(self, shop: Workshop) -> Workshop:
        shop.wavefile(
            "probes: {rows: {run: 'echo asked >> ../asked; cat ../table', ttl: 1s}}\n"
            "steps:\n  report: {inputs: probe:rows, outputs: r.txt, run: note report; touch r.txt}\n"
        )
        shop.put("../table", "1")
        shop.build()
        shop.now = time.time() + 3600  # what was said is too old to be believed
        return shop

    def asked(self, shop: Workshop) -> int:
        return len((shop.home / "asked").read_text().splitlines())

    def test_every_question_starts_no_command_unless_it_may(self, probed: Workshop):
        """Plan, status, explain and -q: with --ask they know, without it they say that they do not."""
        before = self.asked(probed)
        assert probed.plan() == {"report": "MAYBE"}
        assert [line.word.name for line in probed.status()] == ["MAYBE"]
        assert probed.stale()
        assert self.asked(probed) == before

        request = probed.request(ask=True)
        assert [line.word.name for line in engine.status(request)] == ["FRESH"]
        assert [cause.word.name for cause in engine.explain(request, "report").chain] == ["FRESH"]
        assert (probed.plan(ask=True), engine.question(request)) == ({"report": "FRESH"}, False)
        assert self.asked(probed) == before + 4

    def test_what_it_hears_counts(self, probed: Workshop):
        """The answer is another one: the build will run the step, and does."""
        probed.put("../table", "2")

        assert probed.plan(ask=True) == {"report": "RUN"}
        assert engine.question(probed.request(ask=True))
        assert probed.build().ran == ["report"]
