// SPDX-License-Identifier: Apache-2.0
"use strict";


const { CroniumError } = require("./errors");

const DEFAULT_SOCKET = "/run/cronium/api/runtime.sock";
const DEFAULT_RETRY_FOR_S = 300;
const MAX_RETRY_FOR_S = 86400;

// What a job's environment tells its helpers. `endpoint` is for http.request, `name` to show.
function readSettings(environment) {
  const token = required(environment, "CRONIUM_EXECUTION_TOKEN");
  const executionId = required(environment, "CRONIUM_EXECUTION_ID");
  if (/[^!-~]/.test(token)) {
    throw new CroniumError(
      "CRONIUM_EXECUTION_TOKEN is garbled: it has blanks or control characters"
    );
  }
  const settings = {
    executionId,
    retryForMs: readRetryFor(environment.CRONIUM_RETRY_FOR) * 1000,
    ...readEndpoint(environment.CRONIUM_RUNTIME_SOCKET, environment.CRONIUM_RUNTIME_API),
  };
  // Not enumerable: console.log, or an inspector's view of a failure, must not show it.
  return Object.defineProperty(settings, "token", { value: token });
}

function required(environment, name) {
  if (environment[name]) return environment[name];
  throw new CroniumError(`not inside a Cronium job: ${name} is not set`);
}

function readRetryFor(text) {
  if (!text) return DEFAULT_RETRY_FOR_S;
  if (/^[0-9]{1,5}(\.[0-9]{1,9})?$/.test(text) && Number(text) <= MAX_RETRY_FOR_S) {
    return Number(text);
  }
  throw new CroniumError(
    `CRONIUM_RETRY_FOR must be a number of seconds from 0 to ${MAX_RETRY_FOR_S}, ` +
      `not ${JSON.stringify(text)}`
  );
}

function readEndpoint(socketPath, url) {
  if (socketPath) {
    // sun_path has 108 bytes with its terminator.
    if (socketPath.startsWith("/") && Buffer.byteLength(socketPath) < 108) {
      return unixEndpoint(socketPath);
    }
    throw new CroniumError(
      "CRONIUM_RUNTIME_SOCKET must be an absolute path of at most 107 bytes, " +
        `not ${JSON.stringify(socketPath)}`
    );
  }
  if (!url) return unixEndpoint(DEFAULT_SOCKET);
  const [, address, name, port = "80"] =
    /^http:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?\/?$/.exec(url) || [];
  const host = address || name;
  if (!host || Number(port) < 1 || Number(port) > 65535) {
    throw new CroniumError(
      `CRONIUM_RUNTIME_API must be http://HOST[:PORT], not ${JSON.stringify(url)}`
    );
  }
  return {
    endpoint: { host, port: Number(port) },
    name: `http://${address ? `[${address}]` : name}:${port}`,
  };
}

function unixEndpoint(socketPath) {
  return { endpoint: { socketPath, host: "runtime-api" }, name: `unix:${socketPath}` };
}

module.exports = { readSettings };
