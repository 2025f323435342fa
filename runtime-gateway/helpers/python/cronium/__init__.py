# SPDX-License-Identifier: Apache-2.0
"""What a script in a Cronium job can ask for: its input, the namespace's variables, its output.

    import cronium

    order = cronium.input()
    number = cronium.increment_variable("orders")
    cronium.output({"order": order, "number": number})

Needs Python 3.7 and its standard library. Importing always succeeds; outside a job the first call
raises a CroniumError that says so. `AsyncCronium` is the same for asyncio.

Each call is tried again while the runtime API cannot be reached or is overloaded, for as long as
the environment's CRONIUM_RETRY_FOR says (300 seconds if it does not), and takes effect once.
"""

from typing import TYPE_CHECKING, Any

from cronium._client import Cronium
from cronium._errors import CroniumAPIError, CroniumError, CroniumTimeoutError

if TYPE_CHECKING:
    from cronium._aio import AsyncCronium

__all__ = [
    "AsyncCronium",
    "Cronium",
    "CroniumAPIError",
    "CroniumError",
    "CroniumTimeoutError",
    "append_variable",
    "cronium",
    "delete_variable",
    "event",
    "execute_tool_action",
    "get_variable",
    "increment_variable",
    "input",
    "output",
    "send_discord_message",
    "send_email",
    "send_slack_message",
    "set_condition",
    "set_variable",
]

# What the functions below use. It reads the environment at its first call.
cronium = Cronium()

input = cronium.input
output = cronium.output
get_variable = cronium.get_variable
set_variable = cronium.set_variable
delete_variable = cronium.delete_variable
increment_variable = cronium.increment_variable
append_variable = cronium.append_variable
set_condition = cronium.set_condition
event = cronium.event
execute_tool_action = cronium.execute_tool_action
send_email = cronium.send_email
send_slack_message = cronium.send_slack_message
send_discord_message = cronium.send_discord_message


def __getattr__(name: str) -> Any:
    # Most scripts do not need asyncio, which takes longer to import than all the rest.
    if name == "AsyncCronium":
        from cronium._aio import AsyncCronium

        return AsyncCronium
    raise AttributeError("module 'cronium' has no attribute {!r}".format(name))
