// SPDX-License-Identifier: Apache-2.0
"use strict";

// What becomes of calls that fail, and of connections that end.

const assert = require("assert");
const path = require("path");
const util = require("util");
const { Cronium, CroniumAPIError, CroniumError, CroniumTimeoutError } = require("cronium");
const { testBoth, withoutWaiting } = require("./cases");
const { data, failure, hangUp, reply } = require("./fake_api");

// Not exported from the package.
const { exchange } = require(path.join(path.dirname(require.resolve("cronium")), "lib/exchange"));

async function rejection(promise) {
  return promise.then(
    () => assert.fail("should have rejected"),
    (error) => error
  );
}

const ignore = () => {};

testBoth("an error tells status, message and reason", async ({ api, client }) => {
  api.answers.push(failure(403, "execution ID mismatch", "EXECUTION_ID_MISMATCH"));
  const error = await rejection(client.output(1));
  assert.ok(error instanceof CroniumAPIError && error instanceof CroniumError);
  assert.strictEqual(error.name, "CroniumAPIError");
  assert.strictEqual(error.statusCode, 403);
  assert.strictEqual(error.code, "EXECUTION_ID_MISMATCH");
  assert.strictEqual(error.message, "execution ID mismatch (HTTP 403)");
});

testBoth("an error body may be anything", async ({ api, client }) => {
  api.answers.push(reply(400, { error: "Bad Request" }));
  assert.match((await rejection(client.output(1))).message, /^Bad Request/);
  for (const body of ["", "<html>", "[]", "null", '"no"', "{}"]) {
    api.answers.push(reply(400, body));
    const error = await rejection(client.output(1));
    assert.strictEqual(error.message, "the runtime API refused the call (HTTP 400)");
  }
});

testBoth("what the script did wrong is not tried again", async ({ api, client }) => {
  for (const status of [400, 401, 403, 404, 405, 409, 412, 413]) {
    api.answers.push(failure(status));
    assert.strictEqual((await rejection(client.output(1))).statusCode, status);
  }
  assert.strictEqual(api.requests.length, 8);
});

testBoth("an action whose outcome is unknown is not tried again", async ({ api, client }) => {
  api.answers.push(failure(500, "sent or not", "OUTCOME_UNKNOWN"));
  assert.strictEqual((await rejection(client.output(1))).code, "OUTCOME_UNKNOWN");
  assert.strictEqual(api.requests.length, 1);
});

testBoth("a success without the result is an error", async ({ api, client }) => {
  for (const body of ["", "ok", '{"data":', "[1]", "null", "{}", '{"data":null}', '{"data":{}}']) {
    api.answers.push(reply(200, body));
    const error = await rejection(client.getVariable("a"));
    assert.ok(error instanceof CroniumError);
    assert.match(error.message, /^the runtime API's answer (cannot be read|lacks the result)/);
  }
});

testBoth("the reason for refusing a body is told although it was not read", async ({ api, client }) => {
  const { body } = failure(413, "body: at most 1048576 bytes", "BODY_TOO_LARGE");
  const text = JSON.stringify(body);
  api.onHead = ({ socket }) => {
    const head = `HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n`;
    socket.write(head + text, () => socket.destroy());
  };
  const error = await rejection(client.setVariable("a", "x".repeat(6 * 1024 * 1024)));
  assert.strictEqual(error.statusCode, 413);
});

testBoth("the token is in no error", async ({ api, client }) => {
  process.env.CRONIUM_RETRY_FOR = "0";
  api.answers.push(failure(403), failure(503), hangUp, hangUp);
  for (let i = 0; i < 3; ++i) {
    const error = await rejection(client.output(1));
    const told = util.inspect(error, { depth: 10 }) + error.stack + JSON.stringify(error);
    assert.ok(!told.includes("secret"), told);
  }
  assert.ok(!util.inspect(client, { depth: 10 }).includes("secret"));
});

testBoth("what may pass is tried again", async ({ api, client }) => {
  for (const status of [429, 500, 502, 503, 504]) api.answers.push(failure(status));
  api.answers.push(data("at last"));
  assert.strictEqual(await withoutWaiting(ignore, () => client.input()), "at last");
  assert.strictEqual(api.requests.length, 6);
});

testBoth("every try of a call has the same idempotency key and body", async ({ api, client }) => {
  api.answers.push(failure(503), hangUp, hangUp, failure(429));
  await withoutWaiting(ignore, () => client.setVariable("a", 1));
  assert.strictEqual(api.requests.length, 5);
  const tries = new Set(api.requests.map((r) => `${r.headers["idempotency-key"]} ${r.body}`));
  assert.strictEqual(tries.size, 1);
});

testBoth("delays double up to five seconds and vary", async ({ api, client }) => {
  const waits = [];
  for (let i = 0; i < 10; ++i) api.answers.push(failure(503));
  await withoutWaiting((ms) => waits.push(ms), () => client.output(1));
  const full = [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000];
  assert.strictEqual(waits.length, 10);
  waits.forEach((ms, i) => assert.ok(ms >= full[i] / 2 && ms <= full[i], `${ms} of ${full[i]}`));
  assert.strictEqual(new Set(waits).size, 10);
});

testBoth("Retry-After is waited for", async ({ api, client }) => {
  const waits = [];
  const date = "Fri, 31 Dec 2100 23:59:59 GMT";
  for (const value of ["7", "60", date]) {
    api.answers.push(failure(503, "no", "NO", { "Retry-After": value }));
  }
  await withoutWaiting((ms) => waits.push(ms), () => client.output(1));
  assert.ok(waits[0] >= 7000 && waits[0] <= 7100, waits[0]);
  assert.ok(waits[1] >= 60000 && waits[1] <= 60100, waits[1]);
  assert.ok(waits[2] <= 400, waits[2]);
});

testBoth("CRONIUM_RETRY_FOR says when to give up", async ({ api, client }) => {
  process.env.CRONIUM_RETRY_FOR = "20.5";
  api.answers.push(failure(429, "too many", "RATE_LIMITED", { "Retry-After": "21" }));
  const error = await rejection(client.output(1));
  assert.strictEqual(
    error.message,
    "too many; gave up after 1 try, CRONIUM_RETRY_FOR is 20.5 s (HTTP 429)"
  );
  assert.strictEqual(error.code, "RATE_LIMITED");
  assert.strictEqual(api.requests.length, 1);
});

testBoth("an API that is not there is a timeout once given up", async ({ api, client }) => {
  process.env.CRONIUM_RETRY_FOR = "0";
  await api.stop();
  const error = await rejection(client.input());
  await api.start();
  assert.ok(error instanceof CroniumTimeoutError && error instanceof CroniumError);
  assert.match(
    error.message,
    /^cannot reach the runtime API at (unix:\/|http:\/\/127).*: .*; gave up after 1 try, /
  );
  assert.match(error.code, /^(ENOENT|ECONNREFUSED)$/);
  assert.ok(error.cause instanceof Error);
});

testBoth("an API that comes back is found", async ({ api, client }) => {
  await client.output(1);
  await api.stop();
  let waits = 0;
  await withoutWaiting(async () => ++waits === 3 && api.start(), () => client.output(2));
  assert.strictEqual(waits, 3);
  assert.strictEqual(api.requests.pop().body, '{"data":2}');
});

testBoth("a try without a whole answer ends after its time", async ({ api }) => {
  const address = process.env.CRONIUM_RUNTIME_SOCKET
    ? { socketPath: process.env.CRONIUM_RUNTIME_SOCKET }
    : { host: "127.0.0.1", port: new URL(process.env.CRONIUM_RUNTIME_API).port };
  let trickling;
  const never = () => {};
  const trickle = (request, response) => {
    response.writeHead(200, { "Content-Length": 1000000 });
    trickling = setInterval(() => response.write(" "), 5);
    response.on("close", () => clearInterval(trickling));
  };
  for (const answer of [never, trickle]) {
    api.answers.push(answer);
    const error = await rejection(exchange({ ...address, method: "POST", path: "/" }, "{}", 50));
    assert.match(error.message, /no answer within 0.05 s|connection was closed/);
  }
});

testBoth("a connection is kept for the next call, after an error too", async ({ api, client }) => {
  await client.output(1);
  api.answers.push(failure(403));
  await rejection(client.output(2));
  await client.output(3);
  assert.deepStrictEqual(api.connections, [1, 1, 1]);
});

testBoth("a connection that the server closes is not used again", async ({ api, client }) => {
  api.answers.push(reply(200, { success: true }, { Connection: "close" }));
  await client.output(1);
  await client.output(2);
  assert.deepStrictEqual(api.connections, [1, 2]);
});

testBoth("kept connections that have ended are replaced at once", async ({ api, client }) => {
  await Promise.all([1, 2, 3].map((value) => client.output(value)));
  await api.stop();
  await api.start();
  const waits = [];
  await withoutWaiting((ms) => waits.push(ms), () => client.output(4));
  assert.strictEqual(api.requests.length, 4);
  assert.deepStrictEqual(waits, []);
});

testBoth("a kept connection that ends during a call is replaced at once", async ({ api, client }) => {
  const waits = [];
  api.answers.push(reply(), hangUp);
  await client.output(1);
  await withoutWaiting((ms) => waits.push(ms), () => client.output(2));
  assert.deepStrictEqual(api.connections, [1, 1, 2]);
  const keys = api.requests.map((request) => request.headers["idempotency-key"]);
  assert.strictEqual(keys[1], keys[2]);
  assert.deepStrictEqual(waits, []);
});

testBoth("an answer that is cut off is tried again", async ({ api, client }) => {
  const cut = (request) =>
    request.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
  const noHttp = (request) => request.socket.end("SSH-2.0-x\r\n");
  api.answers.push(cut, noHttp, data(5));
  assert.strictEqual(await withoutWaiting(ignore, () => client.input()), 5);
});

testBoth("an answer beyond 8 MiB is not read to its end", async ({ api, client }) => {
  process.env.CRONIUM_RETRY_FOR = "0";
  api.answers.push((request, response) => {
    const piece = Buffer.alloc(1 << 20, " ");
    const more = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on("drain", more);
    more();
  });
  const error = await rejection(client.input());
  assert.match(error.message, /larger than 8 MiB/);
});

testBoth("answers in chunks are understood", async ({ api, client }) => {
  api.answers.push((request, response) => {
    for (const piece of ['{"success":true,', '"data":"ü', '"}']) response.write(piece);
    response.end();
  });
  assert.strictEqual(await client.input(), "ü");
});

testBoth("calls overlap, with 32 connections at most", async ({ api, client }) => {
  let busy = 0;
  let most = 0;
  const waiting = [];
  const count = (request, response) => {
    most = Math.max(most, ++busy);
    waiting.push(() => {
      --busy;
      response.end('{"success":true,"data":1}');
    });
    if (busy === 32) waiting.splice(0).forEach((answer) => answer());
  };
  for (let i = 0; i < 96; ++i) api.answers.push(count);
  await Promise.all(Array.from({ length: 96 }, () => client.input()));
  assert.strictEqual(most, 32);
});

testBoth("each of many calls gets its own answer", async ({ api, client }) => {
  const numbers = Array.from({ length: 200 }, (unused, i) => i);
  const echo = (request, response) => {
    const { by } = JSON.parse(api.requests[api.requests.length - 1].body);
    response.end(JSON.stringify({ success: true, data: { key: "k", value: by } }));
  };
  numbers.forEach(() => api.answers.push(echo));
  const values = await Promise.all(numbers.map((i) => client.incrementVariable("k", i)));
  assert.deepStrictEqual(values, numbers);
});

testBoth("a client can be used after it was closed", async ({ api }) => {
  const client = new Cronium();
  await client.output(1);
  client.close();
  await client.output(2);
  client.close();
  assert.deepStrictEqual(api.connections, [1, 2]);
});
