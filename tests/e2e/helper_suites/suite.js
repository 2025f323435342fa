// SPDX-License-Identifier: Apache-2.0
// Every function of the package cronium. README.md says how it is run.
"use strict";

const [transport, prefix, send] = process.argv.slice(2);
delete process.env[{ socket: "CRONIUM_RUNTIME_API", name: "CRONIUM_RUNTIME_SOCKET" }[transport]];

const { isDeepStrictEqual, inspect } = require("util");
const cronium = require("cronium");
const { Cronium, CroniumAPIError, CroniumError } = cronium;

let failed = false;

function check(name, wanted, seen) {
  if (isDeepStrictEqual(wanted, seen)) {
    console.log("ok", name);
  } else {
    failed = true;
    console.log(`FAIL ${name}: wanted <${inspect(wanted)}>, saw <${inspect(seen)}>`);
  }
}

async function refused(name, call, kind, isStatus) {
  try {
    check(name, kind, await call());
  } catch (error) {
    check(name, [true, true], [error instanceof kind, error.message !== ""]);
    if (isStatus) check(`${name}, with its status`, true, isStatus(error.statusCode));
  }
}

const is4xx = (status) => status >= 400 && status < 500;

async function everyFunction(what, api, prefix) {
  const is = (name, wanted, seen) => check(`${what}: ${name}`, wanted, seen);

  is("input() is the input", { who: "Ada", n: [1, null] }, await api.input());
  const event = await api.event();
  is(
    "event() is this execution",
    [process.env.CRONIUM_EXECUTION_ID, process.env.CRONIUM_JOB_ID, 1],
    [event.executionId, event.jobId, event.attempt],
  );

  const values = {
    text: "two  words ✓",
    object: { z: 1, a: [true, null, "x"] },
    big: 9007199254740993n,
    false: false,
    zero: 0,
    empty: "",
    null: null,
    zip: "01234",
    "a b?c%2F/ü": "odd",
  };
  for (const [name, value] of Object.entries(values)) {
    is(`setVariable("${name}") resolves to nothing`, undefined, await api.setVariable(`${prefix}/${name}`, value));
    is(`getVariable("${name}") is what was set`, value, await api.getVariable(`${prefix}/${name}`, "not set"));
  }
  is("getVariable() is null where it is not set", null, await api.getVariable(`${prefix}/unset`));
  is("getVariable() is the default where it is not set", "blue", await api.getVariable(`${prefix}/unset`, "blue"));

  await api.setVariable(`${prefix}/deleted`, 1);
  is("deleteVariable() says that it was set", true, await api.deleteVariable(`${prefix}/deleted`));
  is("deleteVariable() says that it was not set", false, await api.deleteVariable(`${prefix}/deleted`));
  is("getVariable() of a deleted one is null", null, await api.getVariable(`${prefix}/deleted`));

  is("incrementVariable() counts from nothing", 1, await api.incrementVariable(`${prefix}/count`));
  is("incrementVariable() adds", 51, await api.incrementVariable(`${prefix}/count`, 50));
  is("incrementVariable() subtracts", 42, await api.incrementVariable(`${prefix}/count`, -9));
  is("incrementVariable() adds a fraction", 0.75, await api.incrementVariable(`${prefix}/ratio`, 0.75));
  await refused(`${what}: incrementVariable() refuses text`, () => api.incrementVariable(`${prefix}/text`), CroniumAPIError, is4xx);

  await api.appendVariable(`${prefix}/list`, "a", ",");
  await api.appendVariable(`${prefix}/list`, "b", ",");
  await api.appendVariable(`${prefix}/list`, "c");
  is("appendVariable() appends", "a,bc", await api.getVariable(`${prefix}/list`));
  await refused(`${what}: appendVariable() refuses a number`, () => api.appendVariable(`${prefix}/zero`, "x"), CroniumAPIError, is4xx);

  is("setCondition(false) resolves to nothing", undefined, await api.setCondition(false));
  is("setCondition(true) resolves to nothing", undefined, await api.setCondition(true));
  await refused(`${what}: setCondition() refuses what is no boolean`, () => api.setCondition("true"), CroniumError);

  await api.output("replaced");
  is("output() resolves to nothing", undefined, await api.output({ suite: "done", n: [0, false, ""] }));

  await refused(`${what}: an empty key is refused`, () => api.setVariable("", 1), CroniumError);
  await refused(`${what}: what JSON does not have is refused`, () => api.setVariable(`${prefix}/nan`, NaN), CroniumError);
}

async function noCredential() {
  for (const [name, call] of [
    ["sendEmail()", () => cronium.sendEmail("a@example.org", "s", "b", { cc: ["b@example.org"], html: true })],
    ["sendSlackMessage()", () => cronium.sendSlackMessage("#ops", "t", { username: "u" })],
    ["sendDiscordMessage()", () => cronium.sendDiscordMessage("1", "t", { embeds: [{}] })],
    ["executeToolAction()", () => cronium.executeToolAction("webhook", "request", { path: "x" })],
  ]) {
    try {
      check(`${name} fails without a credential`, CroniumAPIError, await call());
    } catch (error) {
      check(`${name} says that there is no credential`, [true, true], [
        error instanceof CroniumAPIError,
        error.message.includes("credential"),
      ]);
    }
  }
}

async function main() {
  if (send === "send") await noCredential();
  await everyFunction("cronium", cronium, prefix);
  const own = new Cronium();
  await everyFunction("Cronium", own, `${prefix}/object`);
  own.close();
  const counted = await Promise.all(Array.from({ length: 20 }, () => cronium.incrementVariable(`${prefix}/gathered`)));
  check("20 calls at once all count", Array.from({ length: 20 }, (_, i) => i + 1), counted.sort((a, b) => a - b));
  process.exitCode = failed ? 1 : 0;
}

main();
