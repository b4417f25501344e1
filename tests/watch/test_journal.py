"""What is known of rows while things change: nothing is known of what was touched until somebody has looked."""

from __future__ import annotations

from wavebuild.watch.journal import Journal, folders_above

NAMES = (b".", b"out", b"out/a", b"out/b", b"src/a", b"src/deep/x", b"src-old/a", b"/usr/lib", b"out/gone")
THERE = 7


def quiet() -> Journal:
    journal = Journal(NAMES, THERE)
    for row in range(len(NAMES)):
        journal.looked(row, stands=True, is_told_of=True)
    return journal


def touched(path: bytes, below: bool = False) -> set[bytes]:
    journal = quiet()
    (journal.touched_below if below else journal.touched)(path)
    return {NAMES[row] for row in journal.to_look_at()}


def test_at_first_nothing_is_known() -> None:
    """All must be looked at."""
    assert Journal(NAMES, THERE).to_look_at() == set(range(len(NAMES)))
    assert quiet().to_look_at() == set()


def test_a_change_concerns_what_stands_there_and_the_folder_that_it_is_in() -> None:
    """A folder has another time when something comes or goes in it."""
    assert touched(b"out/a") == {b"out/a", b"out"}
    assert touched(b"out/gone") == {b"out/gone", b"out"}
    assert touched(b"new") == {b"."}


def test_what_comes_in_the_place_of_a_folder_concerns_all_below_it() -> None:
    """And not what only begins alike."""
    assert touched(b"src", below=True) == {b"src/a", b"src/deep/x", b"."}
    assert touched(b"src/deep", below=True) == {b"src/deep/x"}
    assert touched(b".", below=True) == set(NAMES)


def test_what_has_moved_and_what_nobody_tells_of_is_looked_at_each_time() -> None:
    """Until it stands again, and somebody tells of it."""
    journal = quiet()
    journal.looked(2, stands=False, is_told_of=True)
    journal.looked(7, stands=True, is_told_of=False)

    assert journal.to_look_at() == {2, 7}
    assert journal.moved == {2}
    assert not journal.is_known(2)
    assert not journal.is_known(7)

    journal.looked(2, stands=True, is_told_of=True)
    assert journal.to_look_at() == {7}


def test_rows_in_another_order_are_found_as_well() -> None:
    """Names that are no text are sorted in another way where evidence is written."""
    names = (b"b/x", b"a/x", b"a", b"c")
    journal = Journal(names, 2)
    for row in range(4):
        journal.looked(row, stands=True, is_told_of=True)

    journal.touched_below(b"a")

    assert {names[row] for row in journal.unsure} == {b"a", b"a/x"}


def test_the_folders_above_a_path_begin_with_the_root() -> None:
    """So each is watched before what is in it."""
    assert list(folders_above(b"src/deep/x")) == [b".", b"src", b"src/deep"]
    assert list(folders_above(b"x")) == [b"."]
