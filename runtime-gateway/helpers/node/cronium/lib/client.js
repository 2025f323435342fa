// SPDX-License-Identifier: Apache-2.0
"use strict";

const crypto = require("crypto");
const http = require("http");

const calls = require("./calls");
const { CroniumAPIError, CroniumError } = require("./errors");
const { exchange } = require("./exchange");
const json = require("./json");
const { Retries } = require("./retry");
const { readSettings } = require("./settings");

// What the runtime API takes at most.
const MAX_BODY_BYTES = 8 * 1024 * 1024;
// Calls beyond these wait for one of them to end.
const MAX_CONNECTIONS = 32;
const MAX_IDLE_CONNECTIONS = 8;

// The runtime API of the job that this process is in, which its environment tells at the first
// call. Connections are kept for later calls; those that idle do not keep the process alive.
class Cronium {
  constructor() {
    const agent = new http.Agent({
      keepAlive: true,
      maxSockets: MAX_CONNECTIONS,
      maxFreeSockets: MAX_IDLE_CONNECTIONS,
    });
    // Not enumerable: what console.log shows of a client is of no use to a script's author.
    Object.defineProperty(this, "_agent", { value: agent });
    Object.defineProperty(this, "_settings", { value: undefined, writable: true });
  }

  // Closes the connections that are kept. The next call opens one again.
  close() {
    this._agent.destroy();
  }

  async _run(call) {
    if (this._settings === undefined) this._settings = readSettings(process.env);
    const settings = this._settings;
    if (Buffer.byteLength(call.body || "") > MAX_BODY_BYTES) {
      throw new CroniumError("the value is too large: a call carries at most 8 MiB");
    }
    const options = { ...settings.endpoint, ...requestOf(call, settings), agent: this._agent };
    const retries = new Retries(settings);
    for (;;) {
      let response;
      try {
        response = await exchange(options, call.body);
      } catch (error) {
        await sleep(retries.delayAfterError(error));
        continue;
      }
      const failure = response.status < 300 ? undefined : readFailure(response.body);
      const delay = failure && retries.delayAfterResponse(response, failure);
      if (delay === undefined) return resultOf(call, response, failure);
      await sleep(delay);
    }
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Each function of lib/calls.js as a method.
for (const [name, makeCall] of Object.entries(calls)) {
  const method = async function (...args) {
    return this._run(makeCall(...args));
  };
  Object.defineProperty(method, "name", { value: name });
  Object.defineProperty(Cronium.prototype, name, {
    value: method,
    configurable: true,
    writable: true,
  });
}

// Made once for each call, and so the idempotency key is the same over all of its tries.
function requestOf(call, settings) {
  const headers = {
    Authorization: `Bearer ${settings.token}`,
    "User-Agent": "cronium-node",
    Accept: "application/json",
  };
  if (call.body !== undefined) {
    headers["Content-Type"] = "application/json";
    headers["Content-Length"] = Buffer.byteLength(call.body);
  }
  if (call.method !== "GET") headers["Idempotency-Key"] = crypto.randomBytes(16).toString("hex");
  const path = call.path.startsWith("/")
    ? call.path
    : `/executions/${encodeURIComponent(settings.executionId)}/${call.path}`;
  return { method: call.method, path, headers };
}

// Throws CroniumAPIError where the call failed.
function resultOf(call, response, failure) {
  if (failure) {
    if ("unset" in call && response.status === 404 && saysUnset(failure)) return call.unset;
    throw new CroniumAPIError(response.status, failure.message, failure.code);
  }
  const answer = json.parse(response.body);
  if (answer && answer.success === false) {
    const { message, code } = failureOf(answer);
    throw new CroniumAPIError(response.status, message, code);
  }
  let result;
  try {
    result = call.take ? call.take(answer) : null;
  } catch (error) {
    result = undefined;
  }
  if (result === undefined) throw new CroniumError("the runtime API's answer lacks the result");
  return call.take ? result : undefined;
}

function readFailure(body) {
  try {
    return failureOf(json.parse(body) || {});
  } catch (error) {
    return failureOf({});
  }
}

function failureOf({ message, error, code }) {
  return { message: message || error || "the runtime API refused the call", code };
}

function saysUnset({ message, code }) {
  return code === "VARIABLE_NOT_FOUND" || message === "variable not found";
}

module.exports = { Cronium };
