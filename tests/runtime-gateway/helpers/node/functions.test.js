// SPDX-License-Identifier: Apache-2.0
"use strict";

// What each function asks for, and what it resolves to.

const assert = require("assert");
const { Cronium, CroniumAPIError, CroniumError } = require("cronium");
const { testBoth } = require("./cases");
const { data, failure, reply } = require("./fake_api");

// The only request so far.
function expect(api, method, target, body) {
  assert.strictEqual(api.requests.length, 1);
  const [request] = api.requests;
  assert.deepStrictEqual([request.method, request.target], [method, target]);
  if (body === undefined) return assert.strictEqual(request.body, "");
  assert.deepStrictEqual(JSON.parse(request.body), body);
  assert.strictEqual(request.headers["content-type"], "application/json");
}

const refused = (message, kind = CroniumError) => (error) => {
  assert.ok(error instanceof kind, String(error));
  assert.match(error.message, message);
  return true;
};

testBoth("input is the data of the answer", async ({ api, client }) => {
  api.answers.push(data({ items: [1, 2] }));
  assert.deepStrictEqual(await client.input(), { items: [1, 2] });
  expect(api, "GET", "/executions/exec_1/input");
});

testBoth("input that is false, zero or empty comes as it is", async ({ api, client }) => {
  for (const value of [false, 0, "", null, [], {}]) {
    api.answers.push(data(value));
    assert.deepStrictEqual(await client.input(), value);
  }
});

testBoth("output is sent as data", async ({ api, client }) => {
  assert.strictEqual(await client.output({ done: true }), undefined);
  expect(api, "POST", "/executions/exec_1/output", { data: { done: true } });
});

testBoth("getVariable resolves to the value", async ({ api, client }) => {
  api.answers.push(data({ key: "color", value: "red" }));
  assert.strictEqual(await client.getVariable("color"), "red");
  expect(api, "GET", "/executions/exec_1/variables/color");
});

testBoth("getVariable resolves to falsy values rather than the default", async ({ api, client }) => {
  for (const value of [null, 0, false, ""]) {
    api.answers.push(data({ key: "color", value }));
    assert.strictEqual(await client.getVariable("color", "default"), value);
  }
});

testBoth("getVariable resolves to the default where it is not set", async ({ api, client }) => {
  for (const value of [undefined, 0, { a: 1 }]) {
    api.answers.push(failure(404, "variable not found", "VARIABLE_NOT_FOUND"));
    const expected = value === undefined ? null : value;
    assert.strictEqual(await client.getVariable("color", value), expected);
  }
  const body = { success: false, error: "Not Found", message: "variable not found" };
  api.answers.push(reply(404, body));
  assert.strictEqual(await client.getVariable("color"), null);
  assert.strictEqual(api.requests.length, 4);
});

testBoth("getVariable rejects where something else is not found", async ({ api, client }) => {
  api.answers.push(failure(404, "no such route", "NOT_FOUND"));
  await assert.rejects(client.getVariable("a", 1), refused(/no such route/, CroniumAPIError));
});

testBoth("setVariable puts the value, null too", async ({ api, client }) => {
  assert.strictEqual(await client.setVariable("color", null), undefined);
  expect(api, "PUT", "/executions/exec_1/variables/color", { value: null });
});

testBoth("deleteVariable tells whether it was set", async ({ api, client }) => {
  assert.strictEqual(await client.deleteVariable("color"), true);
  expect(api, "DELETE", "/executions/exec_1/variables/color");
  api.answers.push(failure(404, "variable not found", "VARIABLE_NOT_FOUND"));
  assert.strictEqual(await client.deleteVariable("color"), false);
});

testBoth("incrementVariable adds one and resolves to the new value", async ({ api, client }) => {
  api.answers.push(data({ key: "n", value: 8 }));
  assert.strictEqual(await client.incrementVariable("n"), 8);
  expect(api, "POST", "/executions/exec_1/variables/n/increment", { by: 1 });
});

testBoth("incrementVariable adds what it is told", async ({ api, client }) => {
  for (const [by, text] of [[-0.25, "-0.25"], [10n ** 18n, "1000000000000000000"]]) {
    api.answers.push(data({ key: "n", value: 1 }));
    await client.incrementVariable("n", by);
    assert.strictEqual(api.requests.pop().body, `{"by":${text}}`);
  }
  for (const by of ["1", true, null]) {
    await assert.rejects(client.incrementVariable("n", by), refused(/by must be a number/));
  }
  await assert.rejects(client.incrementVariable("n", NaN), refused(/NaN/));
});

testBoth("appendVariable sends text and separator", async ({ api, client }) => {
  assert.strictEqual(await client.appendVariable("log", "line", "\n"), undefined);
  const target = "/executions/exec_1/variables/log/append";
  expect(api, "POST", target, { text: "line", separator: "\n" });
  await client.appendVariable("log", "line");
  assert.deepStrictEqual(JSON.parse(api.requests[1].body), { text: "line", separator: "" });
  await assert.rejects(client.appendVariable("log", 5), refused(/text must be a string, not 5/));
  await assert.rejects(client.appendVariable("log", "a", null), refused(/separator must be a/));
});

testBoth("setCondition sends a boolean, and takes nothing else", async ({ api, client }) => {
  for (const condition of ["false", 0, null, undefined]) {
    await assert.rejects(client.setCondition(condition), refused(/must be true or false/));
  }
  assert.strictEqual(await client.setCondition(false), undefined);
  expect(api, "POST", "/executions/exec_1/condition", { condition: false });
});

testBoth("event is the context", async ({ api, client }) => {
  api.answers.push(data({ id: "evt_1", attempt: 2 }));
  assert.deepStrictEqual(await client.event(), { id: "evt_1", attempt: 2 });
  expect(api, "GET", "/executions/exec_1/context");
});

testBoth("executeToolAction resolves to the result", async ({ api, client }) => {
  api.answers.push(data({ status: 204 }));
  const result = await client.executeToolAction("webhook", "request", { url: "https://a/" });
  assert.deepStrictEqual(result, { status: 204 });
  const body = { tool: "webhook", action: "request", params: { url: "https://a/" } };
  expect(api, "POST", "/tool-actions/execute", body);
  assert.strictEqual(await client.executeToolAction("webhook", "request"), null);
});

testBoth("executeToolAction rejects where the action failed", async ({ api, client }) => {
  api.answers.push(reply(200, { success: false, error: "no such channel" }));
  const failed = client.executeToolAction("slack", "send_message", {});
  await assert.rejects(failed, refused(/^no such channel \(HTTP 200\)$/, CroniumAPIError));
});

const message = (tool, params) => ({ tool, action: "send_message", params });

testBoth("sendEmail takes its arguments one by one or as an object", async ({ api, client }) => {
  await client.sendEmail("a@x.org, b@x.org", "S", "B", { cc: "c@x.org", html: true });
  await client.sendEmail({ to: ['"Doe, J" <j@x.org>'], subject: "S", body: "B", bcc: ["d@x.org"] });
  const sent = api.requests.map((request) => JSON.parse(request.body));
  const to = ["a@x.org", "b@x.org"];
  assert.deepStrictEqual(sent, [
    message("email", { to, subject: "S", body: "B", cc: ["c@x.org"], html: true }),
    message("email", { to: ['"Doe, J" <j@x.org>'], subject: "S", body: "B", bcc: ["d@x.org"] }),
  ]);
  await assert.rejects(client.sendEmail("a@x.org", "S"), refused(/body is missing/));
  await assert.rejects(client.sendEmail({ to: "a@x.org" }), refused(/subject is missing/));
});

testBoth("sendSlackMessage does so too", async ({ api, client }) => {
  await client.sendSlackMessage("#ops", "up", { icon_emoji: ":up:" });
  await client.sendSlackMessage({ channel: "#ops", text: "up", blocks: [] });
  assert.deepStrictEqual(
    api.requests.map((request) => JSON.parse(request.body)),
    [
      message("slack", { channel: "#ops", text: "up", icon_emoji: ":up:" }),
      message("slack", { channel: "#ops", text: "up", blocks: [] }),
    ]
  );
});

testBoth("sendDiscordMessage does so too", async ({ api, client }) => {
  await client.sendDiscordMessage("123", "up", { embeds: [{ title: "t" }] });
  await client.sendDiscordMessage({ channelId: "123", content: "up" });
  assert.deepStrictEqual(
    api.requests.map((request) => JSON.parse(request.body)),
    [
      message("discord", { channelId: "123", content: "up", embeds: [{ title: "t" }] }),
      message("discord", { channelId: "123", content: "up" }),
    ]
  );
});

testBoth("a key is encoded as one segment of the path", async ({ api, client }) => {
  const keys = {
    "a/b": "a%2Fb",
    "../x?y#z": "..%2Fx%3Fy%23z",
    "a b%20+": "a%20b%2520%2B",
    "grün/日本": "gr%C3%BCn%2F%E6%97%A5%E6%9C%AC",
    "AZaz09-._~": "AZaz09-._~",
    increment: "increment",
  };
  for (const [key, encoded] of Object.entries(keys)) {
    await client.setVariable(key, 1);
    assert.strictEqual(api.requests.pop().target, `/executions/exec_1/variables/${encoded}`);
  }
});

testBoth("a key that cannot be one is refused before it is sent", async ({ api, client }) => {
  const keys = ["", "x".repeat(257), "é".repeat(129), "a\nb", "a\u007f", "\ud800", 5, null];
  for (const key of [...keys, undefined]) {
    await assert.rejects(client.getVariable(key), refused(/key must be a string of 1 to 256/));
  }
  assert.strictEqual(api.requests.length, 0);
  await client.setVariable("é".repeat(128), 1);
});

testBoth("every call carries the token and says who asks", async ({ api, client }) => {
  await client.output(1);
  const { headers } = api.requests[0];
  assert.strictEqual(headers.authorization, "Bearer secret.to.ken");
  assert.strictEqual(headers["user-agent"], "cronium-node");
  assert.ok(headers.host);
});

testBoth("a call with an effect has an idempotency key of its own", async ({ api, client }) => {
  await client.setVariable("a", 1);
  await client.setVariable("a", 1);
  await client.deleteVariable("a");
  await client.setCondition(true);
  await client.executeToolAction("a", "b", {});
  const keys = api.requests.map((request) => request.headers["idempotency-key"]);
  assert.strictEqual(new Set(keys).size, 5);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});

testBoth("a call without an effect has no idempotency key", async ({ api, client }) => {
  api.answers.push(data(1), data({ key: "a", value: 1 }), data({}));
  await client.input();
  await client.getVariable("a");
  await client.event();
  for (const { headers } of api.requests) assert.ok(!("idempotency-key" in headers));
});

testBoth("an execution's id never alters the path", async ({ api }) => {
  process.env.CRONIUM_EXECUTION_ID = "a/../b";
  const client = new Cronium();
  await client.output(1);
  client.close();
  assert.strictEqual(api.requests[0].target, "/executions/a%2F..%2Fb/output");
});

// --- Values ---

async function sent(api, client, value) {
  await client.output(value);
  const { body } = api.requests.pop();
  assert.ok(body.startsWith('{"data":') && body.endsWith("}"));
  return body.slice(8, -1);
}

function received(api, client, text) {
  api.answers.push(reply(200, `{"success":true,"data":${text}}`));
  return client.input();
}

testBoth("integers keep every digit", async ({ api, client }) => {
  const digits = ["9007199254740993", "9223372036854775807", "-9223372036854775808", `1${"0".repeat(400)}`];
  for (const text of digits) {
    const value = await received(api, client, text);
    assert.strictEqual(value, BigInt(text));
    assert.strictEqual(await sent(api, client, value), text);
  }
});

testBoth("integers that a number holds exactly are numbers", async ({ api, client }) => {
  for (const value of [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    assert.strictEqual(await received(api, client, String(value)), value);
    assert.strictEqual(await sent(api, client, BigInt(value)), String(value));
  }
});

testBoth("a bigint may be anywhere in a value", async ({ api, client }) => {
  const text = '{"b":[1,9007199254740993,{"a\\"1":-9223372036854775808}],"2":9007199254740993}';
  const value = await received(api, client, text);
  assert.deepStrictEqual(value.b, [1, 9007199254740993n, { 'a"1': -9223372036854775808n }]);
  const back = await sent(api, client, value);
  assert.strictEqual(back, '{"2":9007199254740993,"b":[1,9007199254740993,{"a\\"1":-9223372036854775808}]}');
});

testBoth("digits in text, and fractions, are no bigint", async ({ api, client }) => {
  for (const text of [
    '"9007199254740993"',
    '"\\"9007199254740993"',
    '"\\\\"',
    '["\\\\",9007199254740993.5,"\\\\\\"9007199254740993,"]',
    "0.12345678901234567",
    "1e22",
    "12345678901234567e3",
    '{"9007199254740993":1}',
  ]) {
    assert.deepStrictEqual(await received(api, client, text), JSON.parse(text));
  }
});

testBoth("a bigint that some script has given toJSON is an integer still", async ({ api, client }) => {
  BigInt.prototype.toJSON = function () {
    return String(this);
  };
  try {
    assert.strictEqual(await sent(api, client, [2n ** 63n]), "[9223372036854775808]");
  } finally {
    delete BigInt.prototype.toJSON;
  }
});

testBoth("doubles come back as they were", async ({ api, client }) => {
  for (const value of [0.1, 1e-7, Number.MAX_VALUE, Number.MIN_VALUE, 0.30000000000000004, -0]) {
    const text = await sent(api, client, value);
    assert.ok(Object.is(await received(api, client, text), value), text);
  }
});

testBoth("text comes back as it was", async ({ api, client }) => {
  for (const text of ['grün "日本" 😀 \\ \n \u0000', "\ud800"]) {
    assert.strictEqual(await received(api, client, await sent(api, client, text)), text);
  }
});

testBoth("what JSON does not have is refused before it is sent", async ({ api, client }) => {
  const loop = [];
  loop.push(loop);
  for (const [value, reason] of [
    [NaN, /NaN or an infinity/],
    [[-Infinity], /NaN or an infinity/],
    [undefined, /it is undefined; null is a value/],
    [() => 1, /it is a function/],
    [loop, /circular/],
  ]) {
    await assert.rejects(client.setVariable("a", value), refused(/cannot be sent as JSON: /));
    await assert.rejects(client.output(value), refused(reason));
  }
  assert.strictEqual(api.requests.length, 0);
});

testBoth("what toJSON makes of an object is sent", async ({ api, client }) => {
  assert.strictEqual(await sent(api, client, new Date(0)), '"1970-01-01T00:00:00.000Z"');
  assert.strictEqual(await sent(api, client, { a: undefined, b: [undefined] }), '{"b":[null]}');
});

testBoth("a key named __proto__ is a key", async ({ api, client }) => {
  const value = await received(api, client, '{"__proto__":9007199254740993}');
  assert.deepStrictEqual(Object.entries(value), [["__proto__", 9007199254740993n]]);
});

testBoth("deep nesting comes through", async ({ api, client }) => {
  const text = `${"[".repeat(100)}9007199254740993${"]".repeat(100)}`;
  assert.strictEqual(await sent(api, client, await received(api, client, text)), text);
});

testBoth("a value of 8 MiB is sent and received whole", async ({ api, client }) => {
  const text = "é1234567890123456\\".repeat(419429);
  const json = await sent(api, client, text);
  assert.strictEqual(json, JSON.stringify(text));
  assert.ok(Buffer.byteLength(json) > 8.3e6);
  assert.strictEqual(await received(api, client, json), text);
});

testBoth("a value beyond 8 MiB is refused before it is sent", async ({ api, client }) => {
  await assert.rejects(client.output("x".repeat(8 * 1024 * 1024)), refused(/at most 8 MiB/));
  assert.strictEqual(api.requests.length, 0);
});
