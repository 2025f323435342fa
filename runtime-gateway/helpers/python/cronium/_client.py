# SPDX-License-Identifier: Apache-2.0
"""The client whose calls block."""

import os
import selectors
import socket
import time
from types import TracebackType
from typing import Any, Dict, Optional, Type, Union

from cronium import _calls
from cronium._calls import Addresses, Call
from cronium._connections import IdleConnections
from cronium._http import Response
from cronium._retry import TRY_TIMEOUT_S, Retries
from cronium._settings import Settings


class Cronium:
    """The runtime API of the job that this process is in, which its environment tells at the first
    call. A call keeps its connection for the next. Threads may share a client; each of their calls
    that overlap has a connection of its own."""

    def __init__(self) -> None:
        self._settings: Optional[Settings] = None
        self._idle = IdleConnections()

    def input(self) -> Any:
        """The job's input; None where it has none."""
        return self._run(_calls.input())

    def output(self, data: Any) -> None:
        """Sets the execution's output: the last one counts. At most 8 MiB as JSON."""
        self._run(_calls.output(data))

    def get_variable(self, key: str, default: Any = None) -> Any:
        """A variable of the namespace; `default` where it is not set."""
        return self._run(_calls.get_variable(key, default))

    def set_variable(self, key: str, value: Any) -> None:
        """Sets a variable, to None even. Every execution sees it from now on. At most 1 MiB as
        JSON."""
        self._run(_calls.set_variable(key, value))

    def delete_variable(self, key: str) -> bool:
        """Deletes a variable. False where it was not set."""
        return bool(self._run(_calls.delete_variable(key)))

    def increment_variable(self, key: str, by: Union[int, float] = 1) -> Union[int, float]:
        """Adds to a variable that is a number, and returns its new value. One that is not set
        counts as 0. Atomic: no addition of another execution is lost."""
        value: Union[int, float] = self._run(_calls.increment_variable(key, by))
        return value

    def append_variable(self, key: str, text: str, separator: str = "") -> None:
        """Appends to a variable that is a string, after `separator` if it is not empty. Atomic."""
        self._run(_calls.append_variable(key, text, separator))

    def set_condition(self, condition: bool) -> None:
        """Sets the condition that decides which way a workflow goes on."""
        self._run(_calls.set_condition(condition))

    def event(self) -> Dict[str, Any]:
        """What is known of this execution: id, name and type of its event, executionId, jobId,
        attempt, startTime, metadata and more."""
        context: Dict[str, Any] = self._run(_calls.event())
        return context

    def execute_tool_action(
        self,
        tool: str,
        action: str,
        params: Optional[Dict[str, Any]] = None,
        *,
        config: Optional[Dict[str, Any]] = None
    ) -> Any:
        """Has the controller execute an action of a tool, and returns its result. `config` is
        another name of `params`."""
        return self._run(_calls.execute_tool_action(tool, action, params, config))

    def send_email(self, to: Addresses, subject: str, body: str, **options: Any) -> Any:
        """Sends an email. Options: cc and bcc, which like `to` are a list or a text with commas
        between addresses; html=True where the body is HTML."""
        return self._run(_calls.send_email(to, subject, body, options))

    def send_slack_message(self, channel: str, text: str, **options: Any) -> Any:
        """Sends a message to a Slack channel. Options: username, icon_emoji, icon_url, blocks,
        attachments."""
        return self._run(_calls.send_slack_message(channel, text, options))

    def send_discord_message(self, channel_id: str, content: str, **options: Any) -> Any:
        """Sends a message to a Discord channel. Options: embeds, a list."""
        return self._run(_calls.send_discord_message(channel_id, content, options))

    def close(self) -> None:
        """Closes the connections that are kept. The next call opens one again."""
        self._idle.close()

    def __enter__(self) -> "Cronium":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _run(self, call: Call) -> Any:
        if self._settings is None:
            self._settings = Settings(os.environ)
        settings = self._settings
        request = call.request(settings)
        retries = Retries(settings)
        while True:
            try:
                response = self._try(settings, request)
            except OSError as failure:
                delay: Optional[float] = retries.delay_after_failure(failure)
            else:
                delay = retries.delay_after_response(response)
            if delay is None:
                return call.result(response)
            time.sleep(delay)

    def _try(self, settings: Settings, request: bytes) -> Response:
        deadline = time.monotonic() + TRY_TIMEOUT_S
        sock = self._idle.take()
        if sock is not None:
            try:
                return self._exchange(sock, request, deadline)
            except ConnectionError:
                pass  # the server may close what is idle, or was restarted
        return self._exchange(_connect(settings, deadline), request, deadline)

    def _exchange(self, sock: socket.socket, request: bytes, deadline: float) -> Response:
        """Sends, and listens meanwhile: a server may answer before it has read all, and read no
        further."""
        response = Response()
        unsent = memoryview(request)
        broken = False
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
                while not response.complete:
                    ready = selector.select(_left(deadline))
                    events = ready[0][1] if ready else 0
                    if events & selectors.EVENT_READ:
                        response.feed(sock.recv(65536))
                    elif events & selectors.EVENT_WRITE:
                        try:
                            unsent = unsent[sock.send(unsent) :]
                        except ConnectionError:
                            broken = True  # the reason may still be there to be read
                        if broken or not unsent:
                            selector.modify(sock, selectors.EVENT_READ)
        except BaseException:
            sock.close()
            raise
        if response.keep_alive and not unsent:
            self._idle.give(sock)
        else:
            sock.close()
        return response


def _connect(settings: Settings, deadline: float) -> socket.socket:
    if settings.address is not None:
        sock = socket.create_connection(settings.address, _left(deadline))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    else:
        assert settings.socket_path is not None
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(_left(deadline))
            sock.connect(settings.socket_path)
        except BaseException:
            sock.close()
            raise
    sock.setblocking(False)
    return sock


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer within {:g} s".format(TRY_TIMEOUT_S))
    return left
