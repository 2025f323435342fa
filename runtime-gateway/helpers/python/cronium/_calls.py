# SPDX-License-Identifier: Apache-2.0
"""The functions of the runtime API, each as the request to make and what to take from its answer.

Nothing here sends anything: the two clients do, and so they cannot differ in what they ask for.
"""

import os
from typing import Any, Callable, Dict, List, Optional, Union

from cronium import _http, _values
from cronium._errors import CroniumAPIError, CroniumError
from cronium._settings import Settings

MAX_KEY_BYTES = 256
# What the runtime API takes at most.
MAX_BODY_BYTES = 8 * 1024 * 1024

Addresses = Union[str, List[str]]


class Call:
    """One call. Its idempotency key is made with it, and so is the same over all of its tries."""

    def __init__(
        self,
        method: str,
        path: str,
        body: Optional[Dict[str, Any]] = None,
        take: Callable[[Dict[str, Any]], Any] = lambda answer: None,
        unset: Optional[Callable[[], Any]] = None,
    ) -> None:
        """`path` begins with a slash, or goes on from that of the execution. `take` finds the
        result in the answer; `unset`, where given, is the result when the variable is not set."""
        self._method = method
        self._path = path
        self._body = None if body is None else _values.encode(body)
        if self._body is not None and len(self._body) > MAX_BODY_BYTES:
            raise CroniumError("the value is too large: a call carries at most 8 MiB")
        self._take = take
        self._unset = unset
        self._idempotency_key = None if method == "GET" else os.urandom(16).hex()

    def request(self, settings: Settings) -> bytes:
        path = self._path
        if not path.startswith("/"):
            path = "/executions/{}/{}".format(_http.encode_segment(settings.execution_id), path)
        fields = {
            "Host": settings.host,
            "Authorization": "Bearer " + settings.token,
            "User-Agent": "cronium-python",
            "Accept": "application/json",
        }
        if self._idempotency_key is not None:
            fields["Idempotency-Key"] = self._idempotency_key
        return _http.encode_request(self._method, path, fields, self._body)

    def result(self, response: _http.Response) -> Any:
        """Raises CroniumAPIError where the response says that the call failed."""
        error = api_error(response)
        if error is not None:
            if self._unset is not None and _says_unset(error):
                return self._unset()
            raise error
        answer = _values.decode(response.body)
        if not isinstance(answer, dict):
            raise CroniumError("the runtime API's answer is not a JSON object")
        if answer.get("success") is False:
            raise _error_of(response.status, answer)
        try:
            return self._take(answer)
        except (KeyError, TypeError):
            raise CroniumError("the runtime API's answer lacks the result") from None


def api_error(response: _http.Response) -> Optional[CroniumAPIError]:
    """The error that a response is, if it is one."""
    if response.status < 300:
        return None
    try:
        answer = _values.decode(response.body)
    except CroniumError:
        answer = None
    return _error_of(response.status, answer if isinstance(answer, dict) else {})


def _error_of(status: int, answer: Dict[str, Any]) -> CroniumAPIError:
    message = answer.get("message") or answer.get("error") or "the runtime API refused the call"
    code = answer.get("code")
    return CroniumAPIError(status, str(message), None if code is None else str(code))


def _says_unset(error: CroniumAPIError) -> bool:
    return error.status_code == 404 and (
        error.code == "VARIABLE_NOT_FOUND" or error.message == "variable not found"
    )


def input() -> Call:
    return Call("GET", "input", take=lambda answer: answer["data"])


def output(data: Any) -> Call:
    return Call("POST", "output", {"data": data})


def event() -> Call:
    return Call("GET", "context", take=lambda answer: answer["data"])


def set_condition(condition: bool) -> Call:
    # Truthiness would make True of the text "false".
    if not isinstance(condition, bool):
        raise CroniumError("condition must be True or False, not {!r}".format(condition))
    return Call("POST", "condition", {"condition": condition})


def get_variable(key: str, default: Any) -> Call:
    return Call("GET", _variable(key), take=_value, unset=lambda: default)


def set_variable(key: str, value: Any) -> Call:
    return Call("PUT", _variable(key), {"value": value})


def delete_variable(key: str) -> Call:
    return Call("DELETE", _variable(key), take=lambda answer: True, unset=lambda: False)


def increment_variable(key: str, by: Union[int, float]) -> Call:
    if isinstance(by, bool) or not isinstance(by, (int, float)):
        raise CroniumError("by must be an int or a float, not {!r}".format(by))
    return Call("POST", _variable(key) + "/increment", {"by": by}, take=_value)


def append_variable(key: str, text: str, separator: str) -> Call:
    for name, argument in (("text", text), ("separator", separator)):
        if not isinstance(argument, str):
            raise CroniumError("{} must be a str, not {!r}".format(name, argument))
    return Call("POST", _variable(key) + "/append", {"text": text, "separator": separator})


def execute_tool_action(
    tool: str, action: str, params: Optional[Dict[str, Any]], config: Optional[Dict[str, Any]]
) -> Call:
    if params is not None and config is not None:
        raise CroniumError("config is another name of params: give one of them")
    body = {"tool": tool, "action": action, "params": params or config or {}}
    return Call("POST", "/tool-actions/execute", body, take=lambda answer: answer.get("data"))


def send_email(to: Addresses, subject: str, body: str, options: Dict[str, Any]) -> Call:
    params = dict(options, to=to, subject=subject, body=body)
    for name in ("to", "cc", "bcc"):
        if isinstance(params.get(name), str):
            params[name] = [part.strip() for part in params[name].split(",") if part.strip()]
    return execute_tool_action("email", "send_message", params, None)


def send_slack_message(channel: str, text: str, options: Dict[str, Any]) -> Call:
    params = dict(options, channel=channel, text=text)
    return execute_tool_action("slack", "send_message", params, None)


def send_discord_message(channel_id: str, content: str, options: Dict[str, Any]) -> Call:
    params = dict(options, channelId=channel_id, content=content)
    return execute_tool_action("discord", "send_message", params, None)


def _value(answer: Dict[str, Any]) -> Any:
    return answer["data"]["value"]


def _variable(key: str) -> str:
    # Checked here, too, so that a mistake is told at once and a key never alters the path.
    try:
        size = len(key.encode("utf-8"))
        if 0 < size <= MAX_KEY_BYTES and not any(c < " " or c == "\x7f" for c in key):
            return "variables/" + _http.encode_segment(key)
    except (AttributeError, UnicodeEncodeError):
        pass
    raise CroniumError(
        "key must be a str of 1 to {} bytes of UTF-8 without control characters, "
        "not {!r}".format(MAX_KEY_BYTES, key)
    )
