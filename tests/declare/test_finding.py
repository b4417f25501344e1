"""Where the Wavefile is found, and where the search ends."""

from pathlib import Path

import pytest

from wavebuild.declare import find
from wavebuild.declare.finding import nearest
from wavebuild.errors import WavebuildError


@pytest.mark.parametrize("name", ["Wavefile", "Wavefile.yaml", "Wavefile.yml"])
def test_a_wavefile_is_found_here_and_from_below(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert find(str(tmp_path), None) == str(tmp_path / name)
    assert find(str(below), None) == str(tmp_path / name)


def test_the_nearest_and_then_the_plainest_name_wins(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for path in ("Wavefile", "below/Wavefile.yml", "below/Wavefile.yaml"):
        (tmp_path / path).write_text("x")

    assert find(str(tmp_path / "below"), None) == str(tmp_path / "below" / "Wavefile.yaml")


def test_a_named_file_is_seen_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "ci.yml").write_text("x")

    assert find(str(tmp_path / "sub"), "../ci.yml") == str(tmp_path / "ci.yml")
    assert find("/", str(tmp_path / "ci.yml")) == str(tmp_path / "ci.yml")


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WavebuildError, match=r"there is no file ci\.yml"):
        find(str(tmp_path), "ci.yml")


def test_no_wavefile_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WavebuildError) as caught:
        find(str(tmp_path), None)

    assert caught.value.problems[0].message == f"no Wavefile in {tmp_path} or above it"
    assert "-f FILE" in caught.value.problems[0].remedy


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WavebuildError, match="there is no folder"):
        find(str(tmp_path / "nowhere"), None)


@pytest.mark.scenario(id="X7")
def test_the_search_passes_no_folder_that_belongs_to_someone_else(tmp_path: Path) -> None:
    """Whoever may write into a folder above, /tmp say, must not decide what we run."""
    (tmp_path / "below").mkdir()
    (tmp_path / "Wavefile").write_text("x")
    someone = tmp_path.stat().st_uid + 1

    with pytest.raises(WavebuildError, match="which belongs to someone else"):
        nearest(str(tmp_path / "below"), frozenset((someone,)))

    assert nearest(str(tmp_path), frozenset((someone,))) == str(tmp_path / "Wavefile")


def test_the_search_ends_at_another_file_system(tmp_path: Path) -> None:
    below = Path("/proc")
    assert below.stat().st_dev != Path("/").stat().st_dev

    with pytest.raises(WavebuildError, match="another file system"):
        find(str(below), None)
