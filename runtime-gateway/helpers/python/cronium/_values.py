# SPDX-License-Identifier: Apache-2.0
"""Python's values as JSON, and back, with nothing lost on the way."""

import json
from typing import Any

from cronium._errors import CroniumError


def encode(value: Any) -> bytes:
    """CroniumError where JSON has nothing that stands for `value`."""
    try:
        try:
            return _dump(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            # Half of a surrogate pair, which only an escape can stand for.
            return _dump(value, ensure_ascii=True).encode("ascii")
    except RecursionError:
        reason = "it is nested too deeply"
    except (TypeError, ValueError) as error:
        reason = str(error)
        if reason.startswith("Out of range float values"):
            reason = "it holds NaN or an infinity, which JSON does not have"
    raise CroniumError("the value cannot be sent as JSON: " + reason)


def decode(text: bytes) -> Any:
    """CroniumError where `text` is no JSON."""
    try:
        return json.loads(text.decode("utf-8"))
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as error:
        reason = str(error)
    raise CroniumError("the runtime API's answer cannot be read as JSON: " + reason)


def _dump(value: Any, ensure_ascii: bool) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, allow_nan=False, separators=(",", ":"))
