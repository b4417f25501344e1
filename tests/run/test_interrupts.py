"""Stopping signals are counted, wake whoever waits, and mean again afterwards what they meant before."""

from __future__ import annotations

import os
import select
import signal
import threading

import pytest

from wavebuild.run.interrupts import STOPPING, Interrupts


def test_stopping_signals_are_counted_and_the_first_gives_the_exit_code():
    """130 for SIGINT, 143 for SIGTERM, as shells count."""
    with Interrupts() as interrupts:
        assert (interrupts.count, interrupts.exit_code) == (0, 0)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)

    assert (interrupts.count, interrupts.exit_code) == (2, 143)


def test_a_signal_wakes_whoever_waits():
    """Else a build would notice it when the next step ends."""
    with Interrupts() as interrupts:
        quiet, _, _ = select.select([interrupts.wake], [], [], 0)
        os.kill(os.getpid(), signal.SIGINT)
        awake, _, _ = select.select([interrupts.wake], [], [], 1)

    assert (quiet, awake) == ([], [interrupts.wake])


def test_afterwards_everything_is_as_before():
    """Handlers, wake-up descriptor, and no open files left."""
    before = [signal.getsignal(number) for number in STOPPING]
    files = len(os.listdir("/proc/self/fd"))
    with Interrupts():
        pass

    assert [signal.getsignal(number) for number in STOPPING] == before
    assert signal.set_wakeup_fd(-1) == -1
    assert len(os.listdir("/proc/self/fd")) == files


@pytest.mark.scenario(id="K8")
def test_a_signal_that_was_ignored_stays_ignored():
    """Under nohup a closed terminal stops nothing."""
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)

    assert interrupts.count == 0


def test_outside_the_main_thread_nothing_is_counted_and_nothing_fails():
    """A program that builds in a thread keeps its own handlers."""
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def build() -> None:
        with Interrupts() as interrupts:
            seen.append((interrupts.wake, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=build)
    thread.start()
    thread.join()

    assert seen == [(-1, before)]


def test_who_asks_too_late_writes_into_no_other_file():
    """The number of what was woken may belong to another file by then."""
    with Interrupts(taken=False) as interrupts:
        assert interrupts.wakes
    reads, writes = os.pipe()
    more = [os.dup(writes) for _ in range(4)]
    interrupts.stop()
    assert not interrupts.wakes
    assert not select.select([reads], [], [], 0)[0]
    for handle in (reads, writes, *more):
        os.close(handle)
