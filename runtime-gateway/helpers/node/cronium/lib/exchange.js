// SPDX-License-Identifier: Apache-2.0
"use strict";

const http = require("http");

// Connecting, sending and receiving together.
const TRY_TIMEOUT_MS = 30000;
// The largest input is 8 MiB; the rest is for what is put around it.
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024 + 64 * 1024;

// Sends one request and resolves with {status, retryAfterMs, body}; rejects where no whole response
// was had. Where it went over a kept connection that the server had ended, it is sent once more
// over a new one. `options` are those of http.request.
async function exchange(options, body, timeoutMs = TRY_TIMEOUT_MS) {
  try {
    return await exchangeOnce(options, body, timeoutMs);
  } catch (error) {
    if (!error.overKeptConnection) throw error;
    // Without an agent there is no kept connection.
    return exchangeOnce({ ...options, agent: false }, body, timeoutMs);
  }
}

function exchangeOnce(options, body, timeoutMs) {
  return new Promise((resolve, reject) => {
    const request = http.request(options);
    let timer;
    let timedOut = false;
    const fail = (error) => {
      clearTimeout(timer);
      // A connection may end at any time. That this one was old is the likely reason.
      error.overKeptConnection = request.reusedSocket && !timedOut;
      reject(error);
      request.destroy();
    };
    // Waiting for one of the agent's connections does not count.
    request.once("socket", () => {
      timer = setTimeout(() => {
        timedOut = true;
        request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`));
      }, timeoutMs);
    });
    request.on("error", fail);
    request.once("response", (response) => {
      const pieces = [];
      let size = 0;
      response.on("data", (piece) => {
        pieces.push(piece);
        size += piece.length;
        if (size > MAX_RESPONSE_BYTES) fail(new Error("the body received is larger than 8 MiB"));
      });
      response.on("error", fail);
      response.on("aborted", () =>
        fail(new Error("the connection was closed before the response was complete"))
      );
      response.on("end", () => {
        if (!response.complete) return;
        clearTimeout(timer);
        resolve({
          status: response.statusCode,
          retryAfterMs: readRetryAfter(response.headers["retry-after"]),
          body: Buffer.concat(pieces).toString("utf8"),
        });
        // A server may answer before it has read all, and read no further.
        if (!request.writableFinished) request.destroy();
      });
    });
    request.end(body);
  });
}

// Seconds only: a date is taken as none.
function readRetryAfter(text) {
  return /^[0-9]{1,9}$/.test(text || "") ? Number(text) * 1000 : undefined;
}

module.exports = { exchange };
