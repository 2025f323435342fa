# SPDX-License-Identifier: Apache-2.0
"""Every function of the module cronium, and of its asyncio twin. README.md says how it is run."""

import os
import sys

transport, prefix, *rest = sys.argv[1:]
os.environ.pop({"socket": "CRONIUM_RUNTIME_API", "name": "CRONIUM_RUNTIME_SOCKET"}[transport])

import asyncio  # noqa: E402

import cronium  # noqa: E402
from cronium import AsyncCronium, Cronium, CroniumAPIError, CroniumError  # noqa: E402

failed = False
UNSET = object()


def check(name, wanted, seen):
    global failed
    # True is 1 in Python, and a dict knows no order.
    if repr(wanted) == repr(seen):
        print("ok", name)
    else:
        failed = True
        print(f"FAIL {name}: wanted <{wanted!r}>, saw <{seen!r}>")


class Direct:
    """A client whose calls return at once, with the face of one whose calls are awaited."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        async def call(*args, **kwargs):
            return getattr(self._client, name)(*args, **kwargs)
        return call


async def refused(name, call, kind, status=None):
    try:
        seen = await call
    except CroniumError as error:
        check(name, (kind, True), (type(error), bool(str(error))))
        if status:
            check(f"{name}, with its status", True, error.status_code in status)
    else:
        check(name, kind, seen)


async def every_function(what, api, prefix):
    def is_(name, wanted, seen):
        check(f"{what}: {name}", wanted, seen)

    is_("input() is the input", {"who": "Ada", "n": [1, None]}, await api.input())
    event = await api.event()
    is_("event() is this execution", (os.environ["CRONIUM_EXECUTION_ID"], os.environ["CRONIUM_JOB_ID"], 1),
        (event["executionId"], event["jobId"], event["attempt"]))

    values = {"text": "two  words ✓", "object": {"z": 1, "a": [True, None, "x"]}, "big": 9007199254740993, "false": False, "zero": 0,
              "empty": "", "null": None, "zip": "01234", "a b?c%2F/ü": "odd"}
    for name, value in values.items():
        is_(f"set_variable({name!r}) returns nothing", None, await api.set_variable(f"{prefix}/{name}", value))
        is_(f"get_variable({name!r}) is what was set", value, await api.get_variable(f"{prefix}/{name}", UNSET))
    is_("get_variable() is None where it is not set", None, await api.get_variable(f"{prefix}/unset"))
    is_("get_variable() is the default where it is not set", "blue", await api.get_variable(f"{prefix}/unset", "blue"))
    is_("get_variable() takes the default by name", "blue", await api.get_variable(f"{prefix}/unset", default="blue"))

    await api.set_variable(f"{prefix}/deleted", 1)
    is_("delete_variable() says that it was set", True, await api.delete_variable(f"{prefix}/deleted"))
    is_("delete_variable() says that it was not set", False, await api.delete_variable(f"{prefix}/deleted"))
    is_("get_variable() of a deleted one is None", None, await api.get_variable(f"{prefix}/deleted"))

    is_("increment_variable() counts from nothing", 1, await api.increment_variable(f"{prefix}/count"))
    is_("increment_variable() adds", 51, await api.increment_variable(f"{prefix}/count", 50))
    is_("increment_variable() subtracts", 42, await api.increment_variable(f"{prefix}/count", -9))
    is_("increment_variable() adds a fraction", 0.75, await api.increment_variable(f"{prefix}/ratio", 0.75))
    await refused(f"{what}: increment_variable() refuses text", api.increment_variable(f"{prefix}/text"), CroniumAPIError, range(400, 500))

    await api.append_variable(f"{prefix}/list", "a", ",")
    await api.append_variable(f"{prefix}/list", "b", separator=",")
    await api.append_variable(f"{prefix}/list", "c")
    is_("append_variable() appends", "a,bc", await api.get_variable(f"{prefix}/list"))
    await refused(f"{what}: append_variable() refuses a number", api.append_variable(f"{prefix}/zero", "x"), CroniumAPIError,
                  range(400, 500))

    is_("set_condition(False) returns nothing", None, await api.set_condition(False))
    is_("set_condition(True) returns nothing", None, await api.set_condition(True))
    await refused(f"{what}: set_condition() refuses what is no bool", api.set_condition("true"), CroniumError)

    await api.output("replaced")
    is_("output() returns nothing", None, await api.output({"suite": "done", "n": [0, False, ""]}))

    await refused(f"{what}: an empty key is refused", api.set_variable("", 1), CroniumError)
    await refused(f"{what}: what JSON does not have is refused", api.set_variable(f"{prefix}/nan", float("nan")), CroniumError)


async def no_credential(what, api):
    for name, call in (("send_email()", api.send_email("a@example.org", "s", "b", cc=["b@example.org"], html=True)),
                       ("send_slack_message()", api.send_slack_message("#ops", "t", username="u")),
                       ("send_discord_message()", api.send_discord_message("1", "t", embeds=[{}])),
                       ("execute_tool_action()", api.execute_tool_action("webhook", "request", {"path": "x"}))):
        try:
            check(f"{what}: {name} fails without a credential", CroniumAPIError, await call)
        except CroniumAPIError as error:
            check(f"{what}: {name} says that there is no credential", True, "credential" in str(error))


async def main():
    await every_function("cronium", Direct(cronium), prefix)
    await every_function("Cronium", Direct(Cronium()), f"{prefix}/object")
    if rest == ["send"]:
        await no_credential("cronium", Direct(cronium))
    async with AsyncCronium() as api:
        if rest == ["send"]:
            await no_credential("AsyncCronium", api)
        await every_function("AsyncCronium", api, f"{prefix}/async")
        counted = await asyncio.gather(*[api.increment_variable(f"{prefix}/async/gathered") for _ in range(20)])
        check("AsyncCronium: 20 calls at once all count", list(range(1, 21)), sorted(counted))


asyncio.run(main())
sys.exit(failed)
