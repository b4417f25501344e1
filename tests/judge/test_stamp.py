"""Stamps, and when they are old enough to be believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wavebuild.judge.stamp import COARSE_TICK, NOWHERE, TICK, stamp, trusted

SECOND = 1_000_000_000
CHANGED = 1_700_000_000 * SECOND + 123_456_789  # an instant of a clock with fractions
COARSE = 1_700_000_000 * SECOND  # one of a clock without


def changed_at(ctime: int) -> tuple[int, ...]:
    return (1, 2, 3, ctime, ctime)


class TestTrust:
    @pytest.mark.scenario(id="M5")
    def test_a_stamp_of_the_same_tick_is_not_trusted(self):
        """A file changed again within one tick may keep its stamp, so bytes read then prove nothing."""
        assert not trusted(changed_at(CHANGED), CHANGED)
        assert not trusted(changed_at(CHANGED), CHANGED + TICK - 1)

    def test_a_stamp_older_than_a_tick_is_trusted(self):
        """A later change must show in a stamp that is a whole tick old."""
        assert trusted(changed_at(CHANGED), CHANGED + TICK)

    @pytest.mark.parametrize("after", [0, TICK, SECOND, COARSE_TICK - 1])
    def test_a_clock_without_fractions_is_taken_for_a_coarse_one(self, after: int):
        """FAT and some network disks count in two seconds: until those are over a stamp proves nothing."""
        assert not trusted(changed_at(COARSE), COARSE + after)

    @pytest.mark.scenario(id="M5")
    def test_a_coarse_stamp_is_trusted_after_two_seconds(self):
        """Old files on a coarse clock need not be read again for ever."""
        assert trusted(changed_at(COARSE), COARSE + COARSE_TICK)

    @pytest.mark.parametrize("ahead", [1, SECOND, 3600 * SECOND])
    def test_a_time_in_the_future_is_never_trusted(self, ahead: int):
        """A clock that was set back must not hide a change."""
        assert not trusted(changed_at(CHANGED + ahead), CHANGED)

    def test_a_link_is_trusted_only_if_both_ends_are(self):
        """What a link leads to may change while the link itself is old."""
        old, young = changed_at(CHANGED - SECOND), changed_at(CHANGED)

        assert trusted(old + old, CHANGED + 1)
        assert not trusted(old + young, CHANGED + 1)
        assert not trusted(young + old, CHANGED + 1)

    def test_nothing_at_all_is_trusted(self):
        """Where nothing stands there are no bytes to be wrong about."""
        assert trusted(NOWHERE, 0)


class TestStamp:
    def test_a_path_where_nothing_stands_has_the_stamp_of_nowhere(self, tmp_path: Path):
        """Absence is a fact like any other, also below a file."""
        (tmp_path / "file").write_text("x")

        assert stamp(str(tmp_path / "no")) == NOWHERE
        assert stamp(str(tmp_path / "file/no")) == NOWHERE

    @pytest.mark.parametrize("change", ["bytes", "times", "mode", "replaced"])
    def test_every_change_shows(self, tmp_path: Path, change: str):
        """Size, times, mode and identity: none can change without the stamp, even if the mtime is set back."""
        file = tmp_path / "file"
        file.write_text("one")
        os.utime(file, ns=(CHANGED, CHANGED))
        before = stamp(str(file))

        match change:
            case "bytes":
                file.write_text("two")
                os.utime(file, ns=(CHANGED, CHANGED))
            case "times":
                os.utime(file, ns=(CHANGED, CHANGED + 1))
            case "mode":
                file.chmod(0o755)
            case "replaced":
                (tmp_path / "other").write_text("one")
                os.utime(tmp_path / "other", ns=(CHANGED, CHANGED))
                os.replace(tmp_path / "other", file)

        assert stamp(str(file)) != before

    def test_a_link_shows_a_change_of_what_it_leads_to(self, tmp_path: Path):
        """The link itself does not change when its target does."""
        (tmp_path / "target").write_text("one")
        (tmp_path / "link").symlink_to("target")
        before = stamp(str(tmp_path / "link"))

        (tmp_path / "target").write_text("other")

        assert stamp(str(tmp_path / "link")) != before

    def test_a_link_that_leads_nowhere_is_not_nowhere(self, tmp_path: Path):
        """It has a stamp of its own, and another once its target appears."""
        (tmp_path / "link").symlink_to("target")
        dangling = stamp(str(tmp_path / "link"))
        (tmp_path / "target").write_text("one")

        assert dangling != NOWHERE
        assert stamp(str(tmp_path / "link")) != dangling
