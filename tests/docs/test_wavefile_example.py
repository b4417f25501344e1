"""The tour of the language does what its first lines say: copied into an empty folder, it builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import REPOSITORY, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_tour_builds_in_an_empty_folder_and_is_then_fresh(site: Site) -> None:
    """Every form that the tour shows works as shown, and a second build has nothing to do."""
    site.write("Wavefile", (REPOSITORY / "Wavefile.example").read_text(encoding="utf-8"))

    first = site.build("-j4")
    second = site.build("-j4")

    assert "failed" not in first.err
    assert second.err.startswith("nothing to do")
    assert site.read("archive/weight.txt") == site.read("lists/weight.txt")


def test_the_steps_of_the_tour_that_run_on_demand_build_too(site: Site) -> None:
    """What the tour calls on_demand is built when it is named, once a person has placed the licence."""
    site.write("Wavefile", (REPOSITORY / "Wavefile.example").read_text(encoding="utf-8"))
    site.write("licence.txt", "granted\nby the town hall\n")
    site.write("almanac.txt", "rain\n")

    site.build("clock", "stall", "almanac")

    assert site.read("stall/plate.txt") == "granted\n"
    assert site.read("almanac.txt") == "rain\n"


def test_the_repeated_steps_of_the_tour_follow_what_is_written(site: Site) -> None:
    """A letter is answered, a fruit more is an instance more, and what was edited by hand is adopted."""
    tour = (REPOSITORY / "Wavefile.example").read_text(encoding="utf-8")
    site.write("Wavefile", tour)
    site.build("-j2")

    site.write("letters/ann.txt", "When are you open?\n")
    site.write("slogan.txt", "Fresh every hour\n")
    site.write(
        "Wavefile", tour.replace("      pumpkin,large,9,round\n", "      pumpkin,large,9,round\n      fig,small,2,\n")
    )
    outcomes = {name: step["outcome"] for name, step in site.build("-j2", "--json").steps.items()}

    assert site.read("answers/ann.txt") == "Dear ann\n"
    assert site.read("slogan.txt") == "Fresh every hour\n"
    assert {name: outcomes[name] for name in ("tag@fig", "tag@plum", "shelf@fruit=fig@size=small")} == {
        "tag@fig": "succeeded",
        "tag@plum": "kept",
        "shelf@fruit=fig@size=small": "succeeded",
    }


def test_the_profile_and_the_memory_of_the_tour_do_what_it_says(site: Site) -> None:
    """Another season for the labels beside those of every day; more visitors, more plums; and `when` follows."""
    site.write("Wavefile", (REPOSITORY / "Wavefile.example").read_text(encoding="utf-8"))

    site.build("basketful", "labels", "rain-check")
    site.build("--profile", "sunday")
    site.build("basketful", "--mem", "visitors=9")

    assert site.read("basketful.txt") == "18 plums\n"
    assert (site.root / "labels/summer.txt").exists()
    assert (site.root / "labels/sunday.txt").exists()
    assert site.read("rain-default.txt") == "no roof needed\n"
    assert site.wavebuild("rain-check", "--profile", "sunday").code == 2


def test_a_name_of_one_file_is_a_text_and_any_other_name_a_list(site: Site) -> None:
    """A call gets the path of a named file as one text; a glob, a directory or several files as a list."""
    site.write("one.txt", "1")
    site.write("some/a.txt", "a")
    site.write(
        "Wavefile",
        """
steps:
  show:
    inputs:
      file: one.txt
      glob: some/*.txt
      folder: some/
      pair: [one.txt, some/a.txt]
      none: {path: no.txt, optional: true}
    outputs: {seen: seen.txt}
    call: shown:write
    with:
      into: "{{ outputs.seen }}"
      seen: ["{{ inputs.file }}", "{{ inputs.glob }}", "{{ inputs.folder }}", "{{ inputs.pair }}", "{{ inputs.none }}"]
""",
    )
    site.write("shown.py", "def write(into, seen):\n    open(into, 'w').write(repr(seen))\n")

    site.build()

    assert site.read("seen.txt") == "['one.txt', ['some/a.txt'], ['some/a.txt'], ['one.txt', 'some/a.txt'], []]"
