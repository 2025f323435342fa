# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition: the only place in these tests where time passes by itself."""

import time

from harness import settings

_POLL_SECONDS = 0.02


class Timeout(AssertionError):
    pass


def seconds(base):
    """A deadline as this build needs it. Deadlines end a test that hangs; none says how fast something has to be."""
    return base * settings.SLOWNESS


def wait_for(what, condition, deadline=30):
    """Polls until condition() is true, and returns what it returned."""
    end = time.monotonic() + seconds(deadline)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"waited {seconds(deadline):.0f} s for {what}; last seen: {value!r}")
        time.sleep(_POLL_SECONDS)
