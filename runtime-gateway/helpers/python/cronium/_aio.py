# SPDX-License-Identifier: Apache-2.0
"""The client for asyncio."""

import asyncio
import os
import socket
from types import TracebackType
from typing import Any, AsyncIterator, Dict, Optional, Type, Union

from cronium import _calls
from cronium._calls import Addresses, Call
from cronium._connections import IdleConnections
from cronium._http import Response
from cronium._retry import TRY_TIMEOUT_S, Retries
from cronium._settings import Settings

# Calls beyond these wait for one of them to end.
MAX_CONNECTIONS = 32


class AsyncCronium:
    """Cronium for asyncio: the same functions, to be awaited.

        async with AsyncCronium() as cronium:
            await cronium.set_variable("greeting", "hello")

    Calls may overlap, up to 32 of them. Without `async with`, close() closes what is kept open.
    """

    def __init__(self) -> None:
        self._settings: Optional[Settings] = None
        self._idle = IdleConnections()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._slots: Optional[asyncio.Semaphore] = None

    async def input(self) -> Any:
        """As Cronium.input."""
        return await self._run(_calls.input())

    async def output(self, data: Any) -> None:
        """As Cronium.output."""
        await self._run(_calls.output(data))

    async def get_variable(self, key: str, default: Any = None) -> Any:
        """As Cronium.get_variable."""
        return await self._run(_calls.get_variable(key, default))

    async def set_variable(self, key: str, value: Any) -> None:
        """As Cronium.set_variable."""
        await self._run(_calls.set_variable(key, value))

    async def delete_variable(self, key: str) -> bool:
        """As Cronium.delete_variable."""
        return bool(await self._run(_calls.delete_variable(key)))

    async def increment_variable(self, key: str, by: Union[int, float] = 1) -> Union[int, float]:
        """As Cronium.increment_variable."""
        value: Union[int, float] = await self._run(_calls.increment_variable(key, by))
        return value

    async def append_variable(self, key: str, text: str, separator: str = "") -> None:
        """As Cronium.append_variable."""
        await self._run(_calls.append_variable(key, text, separator))

    async def set_condition(self, condition: bool) -> None:
        """As Cronium.set_condition."""
        await self._run(_calls.set_condition(condition))

    async def event(self) -> Dict[str, Any]:
        """As Cronium.event."""
        context: Dict[str, Any] = await self._run(_calls.event())
        return context

    async def execute_tool_action(
        self,
        tool: str,
        action: str,
        params: Optional[Dict[str, Any]] = None,
        *,
        config: Optional[Dict[str, Any]] = None
    ) -> Any:
        """As Cronium.execute_tool_action."""
        return await self._run(_calls.execute_tool_action(tool, action, params, config))

    async def send_email(self, to: Addresses, subject: str, body: str, **options: Any) -> Any:
        """As Cronium.send_email."""
        return await self._run(_calls.send_email(to, subject, body, options))

    async def send_slack_message(self, channel: str, text: str, **options: Any) -> Any:
        """As Cronium.send_slack_message."""
        return await self._run(_calls.send_slack_message(channel, text, options))

    async def send_discord_message(self, channel_id: str, content: str, **options: Any) -> Any:
        """As Cronium.send_discord_message."""
        return await self._run(_calls.send_discord_message(channel_id, content, options))

    async def stream_input(self) -> AsyncIterator[Any]:
        """The input as the only item, unless there is none. For scripts of the first Cronium."""
        data = await self.input()
        if data:
            yield data

    async def stream_output(self, data_iterator: AsyncIterator[Any]) -> None:
        """Sets the output to a list of all items. For scripts of the first Cronium."""
        await self.output([item async for item in data_iterator])

    async def close(self) -> None:
        """Closes the connections that are kept. The next call opens one again."""
        self._idle.close()

    async def __aenter__(self) -> "AsyncCronium":
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def _run(self, call: Call) -> Any:
        if self._settings is None:
            self._settings = Settings(os.environ)
        settings = self._settings
        request = call.request(settings)
        retries = Retries(settings)
        while True:
            try:
                async with self._slot():
                    response = await asyncio.wait_for(self._try(settings, request), TRY_TIMEOUT_S)
            except asyncio.TimeoutError:
                failure = TimeoutError("no answer within {:g} s".format(TRY_TIMEOUT_S))
                delay: Optional[float] = retries.delay_after_failure(failure)
            except OSError as error:
                delay = retries.delay_after_failure(error)
            else:
                delay = retries.delay_after_response(response)
            if delay is None:
                return call.result(response)
            await asyncio.sleep(delay)

    def _slot(self) -> asyncio.Semaphore:
        # One for each run of asyncio: a semaphore belongs to its loop. Sockets do not.
        loop = asyncio.get_running_loop()
        if self._slots is None or self._loop is not loop:
            self._loop = loop
            self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        return self._slots

    async def _try(self, settings: Settings, request: bytes) -> Response:
        sock = self._idle.take()
        if sock is not None:
            try:
                return await self._exchange(sock, request)
            except ConnectionError:
                pass  # the server may close what is idle, or was restarted
        return await self._exchange(await _connect(settings), request)

    async def _exchange(self, sock: socket.socket, request: bytes) -> Response:
        """Sends, and listens meanwhile: a server may answer before it has read all, and read no
        further."""
        loop = asyncio.get_running_loop()
        response = Response()
        sending = loop.create_task(loop.sock_sendall(sock, request))
        try:
            while not response.complete:
                response.feed(await loop.sock_recv(sock, 65536))
            sent = sending.done() and sending.exception() is None
            if response.keep_alive and sent:
                self._idle.give(sock)
                sock = None  # type: ignore[assignment]
            return response
        finally:
            sending.cancel()
            # What went wrong with sending shows in receiving, too.
            await asyncio.gather(sending, return_exceptions=True)
            if sock is not None:
                _close(loop, sock)


def _close(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    # Where a cancelled operation was just left, the loop still watches the descriptor, and would
    # take the next socket of that number for it.
    loop.remove_reader(sock)
    loop.remove_writer(sock)
    sock.close()


async def _connect(settings: Settings) -> socket.socket:
    loop = asyncio.get_running_loop()
    if settings.address is None:
        assert settings.socket_path is not None
        sock = socket.socket(socket.AF_UNIX)
        sock.setblocking(False)
        try:
            sock.connect(settings.socket_path)  # is done at once, or fails
        except BaseException:
            sock.close()
            raise
        return sock
    failure = OSError("{} has no address".format(settings.name))
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        *settings.address, type=socket.SOCK_STREAM
    ):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            _close(loop, sock)
            failure = error
        except BaseException:
            _close(loop, sock)
            raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure
