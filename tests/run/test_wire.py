"""What a worker and the build tell each other arrives as it was said, however it is cut on the way."""

from __future__ import annotations

import multiprocessing
import os

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wavebuild.run.job import (
    Confines,
    Ended,
    Excerpt,
    Furnished,
    Furniture,
    Interrupt,
    Job,
    PythonCall,
    Shell,
    StaleWorker,
    Touches,
    Tracing,
)
from wavebuild.run.wire import ToBuild, ToWorker, Wire

FURNITURE = Furniture(
    ("/f",), (("/a", "/b"),), (("/l", "t"),), (Excerpt("s", "t", ",", (((("c", "v"),), ("a",)), ((), None))),), "/lists"
)
PLAIN = Job(1, (Shell(("sh", "-c", "x"), "/out"),), "/", (("A", "b"),), "/log", None)
FULL = Job(
    2, (PythonCall("m", "f", "{}", ("i",), ("o",), ("/f",), "/", ("k",)), Shell(("true",))), "/", (), "/log", 1.5,
    (("LIST", b"a\n\xff"),), True, ("secret",), Confines(1 << 40, True, ("/r",), ("/w",), ("/h",)), 7, "/dev/tty",
    ("PATH", "LC_*"), FURNITURE, Tracing(("strace",), ("/",)),
)  # fmt: skip
ODD = Job(3, (Shell(("sh", "-c", "cat na\udcffme")),), "/fold\udce9r", (), "/log", None, (("LIST", b"a\xff"),))
TOLD = [
    Ended(1),
    Ended(2, "signal", None, 9, 0.25, 3, "why", 4, Touches(("r",), ("w",), complete=False)),
    Ended(3, "start", detail="no such file: na\udcffme"),
    Furnished(4),
    StaleWorker(5, True),
]


@pytest.mark.parametrize("message", [PLAIN, FULL, ODD, Interrupt(), Interrupt(True)])
def test_what_the_build_says_arrives(message: Job | Interrupt):
    """All of it, also names that are no UTF-8."""
    ours, theirs = multiprocessing.Pipe()

    Wire(ours, ToBuild).send(message)

    assert Wire(theirs, ToWorker).receive() == [message]


@given(some.lists(some.sampled_from(TOLD), min_size=1, max_size=5), some.lists(some.integers(1, 40), min_size=1))
def test_however_it_is_cut_every_message_arrives_once_and_in_order(said: list[Ended], pieces: list[int]):
    """One read may bring several, or a part of one."""
    ours, theirs = multiprocessing.Pipe()
    Wire(theirs, ToWorker)
    sender = Wire(theirs, ToWorker)
    for message in said:
        sender.send(message)
    data = os.read(ours.fileno(), 1 << 20)
    hearer = Wire(ours, ToBuild)
    heard: list[object] = []
    at = 0
    while data[at:]:
        size = pieces[at % len(pieces)]
        os.write(theirs.fileno(), data[at : at + size])
        heard += hearer.receive()
        at += size

    assert heard == said
    assert not hearer.has_news()


def test_who_hangs_up_is_noticed():
    """By who hears and by who speaks."""
    ours, theirs = multiprocessing.Pipe()
    Wire(theirs, ToWorker).close()
    wire = Wire(ours, ToBuild)

    assert wire.has_news()
    with pytest.raises(EOFError):
        wire.receive()
    with pytest.raises(BrokenPipeError):
        wire.send(Interrupt())
