# SPDX-License-Identifier: Apache-2.0
"""What a call raises."""

from typing import Optional


class CroniumError(Exception):
    """A call failed. Its text is one line for the script's author."""


class CroniumAPIError(CroniumError):
    """The runtime API refused a call, or an action that it was asked for failed."""

    # The positional arguments are all there is, so that copying and pickling work.
    def __init__(self, status_code: int, message: str, code: Optional[str] = None) -> None:
        super().__init__(status_code, message, code)
        self.status_code = status_code
        self.message = message
        # The reason as one word that does not change, such as VARIABLE_NOT_FOUND; may be missing.
        self.code = code

    def __str__(self) -> str:
        return "{} (HTTP {})".format(self.message, self.status_code)


class CroniumTimeoutError(CroniumError):
    """The runtime API could not be reached, or did not answer, for CRONIUM_RETRY_FOR."""
