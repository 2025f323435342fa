# SPDX-License-Identifier: Apache-2.0
"""What a job's environment tells its helpers."""

import os
import re
from typing import Mapping, Optional, Tuple

from cronium._errors import CroniumError

DEFAULT_SOCKET = "/run/cronium/api/runtime.sock"
DEFAULT_RETRY_FOR_S = 300.0
MAX_RETRY_FOR_S = 86400


class Settings:
    """Where the runtime API is, and who calls. Not changed once made."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.token = _required(environ, "CRONIUM_EXECUTION_TOKEN")
        self.execution_id = _required(environ, "CRONIUM_EXECUTION_ID")
        if re.search(r"[^!-~]", self.token):
            raise CroniumError(
                "CRONIUM_EXECUTION_TOKEN is garbled: it has blanks or control characters"
            )
        self.retry_for_s = _retry_for(environ.get("CRONIUM_RETRY_FOR") or "")
        # Exactly one of the two is set: the path of a unix socket, or host and port.
        self.socket_path, self.address = _endpoint(environ)
        if self.address is None:
            self.name = "unix:{}".format(self.socket_path)
            self.host = "runtime-api"
        else:
            host, port = self.address
            self.host = "{}:{}".format("[{}]".format(host) if ":" in host else host, port)
            self.name = "http://" + self.host

    def __repr__(self) -> str:
        return "<Settings {} of {}>".format(self.name, self.execution_id)  # never the token


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise CroniumError("not inside a Cronium job: {} is not set".format(name))
    return value


def _retry_for(text: str) -> float:
    if not text:
        return DEFAULT_RETRY_FOR_S
    if re.match(r"[0-9]{1,5}(\.[0-9]{1,9})?\Z", text) and float(text) <= MAX_RETRY_FOR_S:
        return float(text)
    raise CroniumError(
        "CRONIUM_RETRY_FOR must be a number of seconds from 0 to {}, not {!r}".format(
            MAX_RETRY_FOR_S, text
        )
    )


def _endpoint(environ: Mapping[str, str]) -> Tuple[Optional[str], Optional[Tuple[str, int]]]:
    path = environ.get("CRONIUM_RUNTIME_SOCKET")
    url = environ.get("CRONIUM_RUNTIME_API")
    if path:
        # sun_path has 108 bytes with its terminator.
        if path.startswith("/") and len(os.fsencode(path)) < 108:
            return path, None
        raise CroniumError(
            "CRONIUM_RUNTIME_SOCKET must be an absolute path of at most 107 bytes, "
            "not {!r}".format(path)
        )
    if not url:
        return DEFAULT_SOCKET, None
    match = re.match(
        r"http://(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?/?\Z", url
    )
    port = int(match.group(3) or 80) if match else 0
    if match is None or not 0 < port < 65536:
        raise CroniumError("CRONIUM_RUNTIME_API must be http://HOST[:PORT], not {!r}".format(url))
    return None, (match.group(1) or match.group(2), port)
