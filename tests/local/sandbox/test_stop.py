"""A stop is heard by whoever waits, and by nobody else's descriptor after that."""

from __future__ import annotations

import os
import select

from interlock.local.sandbox.process import Stop


def test_whoever_waits_hears_it_and_the_first_reason_counts() -> None:
    stop = Stop()
    stop.set("cancel")
    stop.set("engine")
    assert select.select([stop.descriptor], [], [], 0)[0] == [stop.descriptor]
    assert stop.reason == "cancel"
    stop.close()


def test_one_that_comes_too_late_reaches_no_descriptor_of_others() -> None:
    """The engine stops while a run ends: the number of the closed descriptor belongs to something else by then."""
    stop = Stop()
    stop.close()
    other = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    assert other == stop.descriptor
    stop.set("engine")
    assert select.select([other], [], [], 0)[0] == []
    assert stop.reason == "engine"
    os.close(other)
