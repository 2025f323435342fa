// SPDX-License-Identifier: Apache-2.0
"use strict";

const timers = globalThis;
const test = require("node:test");

const cronium = require("cronium");
const { FakeApi, TRANSPORTS } = require("./fake_api");

// The environment has this and no other variable of a job.
function setEnvironment(variables) {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("CRONIUM_")) delete process.env[name];
  }
  Object.assign(process.env, variables);
}

// Runs `body` with {api, client, transport} over each transport.
function testBoth(name, body) {
  for (const transport of TRANSPORTS) {
    test(`${name} (${transport})`, async (t) => {
      const api = await new FakeApi(transport).start();
      setEnvironment(api.environment);
      const client = new cronium.Cronium();
      try {
        await body({ api, client, transport, t });
      } finally {
        client.close();
        await api.close();
      }
    });
  }
}

// Runs `body` while a client that waits goes on at once, after `onWait` was told how many
// milliseconds it was to wait. Timeouts of tries, which are longer, are left alone.
async function withoutWaiting(onWait, body) {
  const real = timers.setTimeout;
  timers.setTimeout = (callback, ms, ...rest) => {
    if (ms === 30000) return real(callback, ms, ...rest);
    return real(async () => {
      await onWait(ms);
      callback(...rest);
    }, 0);
  };
  try {
    return await body();
  } finally {
    timers.setTimeout = real;
  }
}

module.exports = { setEnvironment, testBoth, withoutWaiting };
