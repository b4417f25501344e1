"""What people put, change and keep among the outputs is never lost.

It does not know where the state lies, but for the folder of displaced files, which is promised.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Site, snapshot

pytestmark = pytest.mark.long

PIPELINE = """
steps:
  make: {inputs: in, outputs: o.txt, run: 'echo make >> $JOURNAL; cat in > o.txt'}
  read: {inputs: o.txt, outputs: r.txt, run: 'echo read >> $JOURNAL; cat o.txt > r.txt'}
"""

PARTS = """
steps:
  folder: {inputs: in, outputs: d/, run: 'echo folder >> $JOURNAL; mkdir -p d; cat in > d/part'}
  parts: {inputs: in, outputs: 'parts/*.txt', run: 'echo parts >> $JOURNAL; mkdir -p parts; cat in > parts/p.txt'}
  read: {inputs: 'parts/*.txt', outputs: r.txt, run: 'echo read >> $JOURNAL; cat {{ inputs }} > r.txt'}
"""

MANUAL = """
steps:
  place:
    outputs: data.csv
    manual: export the table from the archive
    checks: 'echo check >> $JOURNAL; grep -q id data.csv'
  read: {inputs: data.csv, outputs: r.txt, run: 'echo read >> $JOURNAL; wc -l < data.csv > r.txt'}
  other: {inputs: in, outputs: o.txt, run: 'echo other >> $JOURNAL; cat in > o.txt'}
"""


def displaced(site: Site, path: str) -> list[str]:
    """The texts kept of an overwritten file, one for each run."""
    return [found.read_text() for found in sorted(site.root.glob(f".wavebuild/displaced/*/{path}"))]


def begun(site: Site, wavefile: str) -> None:
    site.write("in", "one\n")
    site.write("Wavefile", wavefile)


class TestAFileOfTheUsersInAnOutputsPlace:
    def test_it_stops_the_step_and_stays(self, site: Site) -> None:
        begun(site, PIPELINE)
        mine = site.write("o.txt", "mine\n")
        stamp = mine.stat().st_mtime_ns

        build = site.wavebuild("--json")

        assert build.code == 1
        assert build.steps["make"]["outcome"] == "failed"
        assert build.steps["read"]["outcome"] == "blocked"
        assert site.ran() == []
        assert (mine.read_text(), mine.stat().st_mtime_ns) == ("mine\n", stamp)
        assert "o.txt" in build.err
        assert "accept" in build.err
        assert "-B" in build.err

    def test_accept_takes_it_as_the_result(self, site: Site) -> None:
        begun(site, PIPELINE)
        site.write("o.txt", "mine\n")
        assert site.wavebuild().code == 1

        accepted = site.wavebuild("accept", "o.txt")
        build = site.build()

        assert accepted.code == 0, accepted.err
        assert site.ran() == ["read"], build.err
        assert (site.read("o.txt"), site.read("r.txt")) == ("mine\n", "mine\n")

    def test_force_moves_it_out_of_the_way_and_says_where(self, site: Site) -> None:
        begun(site, PIPELINE)
        site.write("o.txt", "mine\n")

        build = site.build("-B")

        assert site.read("o.txt") == "one\n"
        assert displaced(site, "o.txt") == ["mine\n"]
        assert ".wavebuild/displaced/" in build.err

    def test_it_stops_a_fresh_step_too_when_it_lies_in_its_directory(self, site: Site) -> None:
        begun(site, PARTS)
        site.build()
        site.write("d/mine.txt", "mine\n")
        site.ran()

        build = site.wavebuild()

        assert build.code == 1
        assert "d/mine.txt" in build.err
        assert site.ran() == []
        assert site.read("d/mine.txt") == "mine\n"

    def test_in_a_glob_it_stays_and_is_no_member(self, site: Site) -> None:
        begun(site, PARTS)
        site.build()
        site.write("parts/mine.txt", "mine\n")
        site.ran()

        idle = site.build()
        assert (site.ran(), "nothing to do" in idle.err + idle.out) == ([], True)
        site.write("in", "two\n")
        site.build()

        assert site.read("parts/mine.txt") == "mine\n"
        assert site.read("r.txt") == "two\n"
        site.build("-B")
        assert site.read("parts/mine.txt") == "mine\n"
        site.wavebuild("clean", "--yes")
        assert site.read("parts/mine.txt") == "mine\n"
        assert not (site.root / "parts/p.txt").exists()


class TestAnOutputEditedByHand:
    def test_it_is_made_anew_and_the_edit_is_kept(self, site: Site) -> None:
        begun(site, PIPELINE)
        site.build()
        site.write("o.txt", "better\n")
        site.ran()

        build = site.build()

        assert site.ran() == ["make"]
        assert site.read("o.txt") == "one\n"
        assert displaced(site, "o.txt") == ["better\n"]
        assert ".wavebuild/displaced/" in build.err

    def test_an_edit_inside_a_directory_is_kept_too(self, site: Site) -> None:
        begun(site, PARTS)
        site.build()
        site.write("d/part", "better\n")

        site.build()

        assert site.read("d/part") == "one\n"
        assert displaced(site, "d/part") == ["better\n"]

    def test_it_is_kept_when_an_input_changed_as_well(self, site: Site) -> None:
        begun(site, PIPELINE)
        site.build()
        site.write("o.txt", "better\n")
        site.write("in", "two\n")

        site.build()

        assert site.read("r.txt") == "two\n"
        assert displaced(site, "o.txt") == ["better\n"]

    def test_a_failure_brings_the_edit_back(self, site: Site) -> None:
        begun(site, PIPELINE)
        site.build()
        site.write("o.txt", "better\n")
        site.write("Wavefile", PIPELINE.replace("cat in > o.txt", "cat in > o.txt; exit 1"))

        build = site.wavebuild()

        assert build.code == 1
        assert "better\n" in [site.read("o.txt"), *displaced(site, "o.txt")]

    def test_on_edit_fail_stops_with_the_ways_out(self, site: Site) -> None:
        begun(site, PIPELINE.replace("outputs: o.txt,", "outputs: o.txt, on_edit: fail,"))
        site.build()
        site.write("o.txt", "better\n")
        site.ran()

        build = site.wavebuild("--json")

        assert build.code == 1
        assert build.steps["make"]["outcome"] == "failed"
        assert site.ran() == []
        assert site.read("o.txt") == "better\n"
        assert "o.txt" in build.err
        assert "accept" in build.err

    def test_an_accepted_edit_goes_downstream_and_is_guarded_again(self, site: Site) -> None:
        begun(site, PIPELINE.replace("outputs: o.txt,", "outputs: o.txt, on_edit: fail,"))
        site.build()
        site.write("o.txt", "better\n")
        site.ran()

        accepted = site.wavebuild("accept", "o.txt")
        site.build()

        assert accepted.code == 0, accepted.err
        assert site.ran() == ["read"]
        assert site.read("r.txt") == "better\n"
        site.write("in", "two\n")
        again = site.wavebuild()
        assert again.code == 1
        assert site.ran() == []
        assert site.read("o.txt") == "better\n"

    def test_a_stopped_edit_that_is_taken_back_is_fresh(self, site: Site) -> None:
        """A step that was stopped did not run: no trace of it is void."""
        begun(site, PIPELINE.replace("outputs: o.txt,", "outputs: o.txt, on_edit: fail,"))
        site.build()
        site.write("o.txt", "better\n")
        assert site.wavebuild().code == 1
        site.ran()

        site.write("o.txt", "one\n")
        site.build()

        assert site.ran() == []


class TestAManualOutput:
    def test_while_it_is_missing_the_step_waits_and_the_others_go_on(self, site: Site) -> None:
        begun(site, MANUAL)

        build = site.wavebuild("--json")

        assert build.code == 1
        outcomes = {name: step["outcome"] for name, step in build.steps.items()}
        assert outcomes == {"place": "waiting", "read": "blocked", "other": "succeeded"}
        assert "export the table from the archive" in build.err
        assert "read" in build.err

    def test_an_edit_of_it_reruns_its_checks_and_its_readers_and_moves_nothing(self, site: Site) -> None:
        begun(site, MANUAL)
        csv = site.write("data.csv", "id\n1\n")
        site.build()
        assert sorted(site.ran()) == ["check", "other", "read"]
        csv.write_text("id\n1\n2\n")
        stamp = csv.stat()

        site.build()

        assert sorted(site.ran()) == ["check", "read"]
        assert (csv.stat().st_ino, csv.stat().st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)
        assert displaced(site, "data.csv") == []
        site.build()
        assert site.ran() == []

    def test_a_check_that_fails_leaves_it_where_it_is(self, site: Site) -> None:
        begun(site, MANUAL)
        csv = site.write("data.csv", "id\n1\n")
        site.build()
        csv.write_text("no column of that name\n")
        stamp = csv.stat()
        site.ran()

        build = site.wavebuild("--json")

        assert build.code == 1
        assert build.steps["place"]["outcome"] == "failed"
        assert build.steps["read"]["outcome"] == "blocked"
        assert site.ran() == ["check"]
        assert (csv.stat().st_ino, csv.stat().st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)

    def test_clean_and_force_never_touch_it(self, site: Site) -> None:
        begun(site, MANUAL)
        csv = site.write("data.csv", "id\n1\n")
        stamp = csv.stat()
        site.build()

        site.build("-B")
        cleaned = site.wavebuild("clean", "--yes")

        assert cleaned.code == 0, cleaned.err
        assert (csv.read_text(), csv.stat().st_ino) == ("id\n1\n", stamp.st_ino)
        assert not (site.root / "r.txt").exists()


class TestAStateThatIsGone:
    @pytest.fixture
    def orphaned(self, site: Site) -> Path:
        """A project that was built, and whose state somebody deleted."""
        begun(site, PIPELINE)
        site.build()
        for path in sorted((site.root / ".wavebuild").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        (site.root / ".wavebuild").rmdir()
        site.ran()
        return site.root

    def test_outputs_that_nobody_remembers_are_left_alone(self, site: Site, orphaned: Path) -> None:
        before = snapshot(orphaned, without=(".wavebuild",))

        build = site.wavebuild()

        assert build.code == 1
        assert site.ran() == []
        assert snapshot(orphaned, without=(".wavebuild",)) == before

    def test_force_makes_them_anew_and_keeps_the_old(self, site: Site, orphaned: Path) -> None:
        site.build("-B")

        assert site.ran() == ["make", "read"]
        assert displaced(site, "o.txt") == ["one\n"]
        assert (orphaned / "r.txt").read_text() == "one\n"

    def test_touch_takes_them_as_they_are(self, site: Site, orphaned: Path) -> None:
        touched = site.wavebuild("-t", "--yes")
        site.build()

        assert touched.code == 0, touched.err
        assert site.ran() == []
        assert (orphaned / "r.txt").read_text() == "one\n"
