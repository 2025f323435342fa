# SPDX-License-Identifier: Apache-2.0
"""When to try again."""

import os
import time
from typing import Optional

from cronium._calls import api_error
from cronium._errors import CroniumAPIError, CroniumTimeoutError
from cronium._http import Response
from cronium._settings import Settings

# Connecting, sending and receiving together.
TRY_TIMEOUT_S = 30.0
FIRST_DELAY_S = 0.1
MAX_DELAY_S = 5.0


class Retries:
    """Counts the tries of one call, and says how long to wait for the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._give_up = time.monotonic() + settings.retry_for_s
        self._tries = 0

    def delay_after_response(self, response: Response) -> Optional[float]:
        """Seconds to wait before the next try, or None where the response is final. Raises the
        error that the response is where the time for another try is over."""
        error = api_error(response)
        if error is None or not (response.status == 429 or response.status >= 500):
            return None
        # Whether it took effect outside is unknown, and another try will not tell.
        if error.code == "OUTCOME_UNKNOWN":
            return None
        delay = self._next_delay(response.retry_after_s)
        if delay is None:
            raise CroniumAPIError(error.status_code, error.message + self._note(), error.code)
        return delay

    def delay_after_failure(self, failure: Exception) -> float:
        """The same where no response was had."""
        delay = self._next_delay(None)
        if delay is None:
            raise CroniumTimeoutError(
                "cannot reach the runtime API at {}: {}{}".format(
                    self._settings.name, failure, self._note()
                )
            ) from failure
        return delay

    def _next_delay(self, retry_after_s: Optional[int]) -> Optional[float]:
        self._tries += 1
        delay = min(FIRST_DELAY_S * 2 ** min(self._tries - 1, 10), MAX_DELAY_S)
        # Over the upper half of it, so that many jobs do not come back at once.
        delay *= 0.5 + _random() / 2
        if retry_after_s is not None:
            delay = max(delay, retry_after_s + FIRST_DELAY_S * _random())
        return delay if time.monotonic() + delay <= self._give_up else None

    def _note(self) -> str:
        return "; gave up after {} {}, CRONIUM_RETRY_FOR is {:g} s".format(
            self._tries, "try" if self._tries == 1 else "tries", self._settings.retry_for_s
        )


def _random() -> float:
    # Differs in forked processes, and costs no import.
    return int.from_bytes(os.urandom(4), "big") / 2**32
