"""A container's share of the cores, as its control groups tell it (P12)."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.support.folders import written
from wavebuild.run.cores import cores_given


@pytest.mark.scenario(id="P12")
@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/../x\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("3:cpu,cpuacct:/d\n", {"cpu/d/cpu.cfs_quota_us": "300000\n", "cpu/d/cpu.cfs_period_us": "100000\n"}, 3.0),
        ("3:cpu:/d\n", {"cpu/d/cpu.cfs_quota_us": "-1\n", "cpu/d/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("3:cpuset:/d\n", {"cpu/d/cpu.cfs_quota_us": "1\n", "cpu/d/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("0::/a\n", {"a/cpu.max": "rubbish\n"}, math.inf),
        ("rubbish", {}, math.inf),
    ],
)
def test_the_smallest_share_of_all_groups_above_counts(tmp_path: Path, own: str, files: dict[str, str], cores: float):
    """Of either version; what is not said limits nothing."""
    written(tmp_path, {"own": own, **files})

    assert cores_given(str(tmp_path / "own"), str(tmp_path)) == cores


def test_a_system_without_them_limits_nothing(tmp_path: Path):
    """No file, no limit."""
    assert cores_given(str(tmp_path / "none"), str(tmp_path)) == math.inf
