// SPDX-License-Identifier: Apache-2.0
"use strict";

// The package: how it loads, what it exports, what it reads from the environment.

const assert = require("assert");
const childProcess = require("child_process");
const fs = require("fs");
const path = require("path");
const test = require("node:test");
const cronium = require("cronium");
const { FakeApi } = require("./fake_api");

const PACKAGE = path.dirname(require.resolve("cronium"));
// Not exported from the package.
const { readSettings } = require(path.join(PACKAGE, "lib/settings"));

const FUNCTIONS = [
  "appendVariable",
  "deleteVariable",
  "event",
  "executeToolAction",
  "getVariable",
  "incrementVariable",
  "input",
  "output",
  "sendDiscordMessage",
  "sendEmail",
  "sendSlackMessage",
  "setCondition",
  "setVariable",
];
const JOB = {
  CRONIUM_RUNTIME_API: "http://runtime-api:8081",
  CRONIUM_RUNTIME_SOCKET: "/run/cronium/api/runtime.sock",
  CRONIUM_EXECUTION_TOKEN: "secret.to.ken",
  CRONIUM_EXECUTION_ID: "exec_1",
};

// What a new Node.js prints that runs `code` with only these variables of a job.
function node(code, { module = false, environment = {} } = {}) {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (name.startsWith("CRONIUM_") || name.startsWith("NODE_TEST")) delete env[name];
  }
  const args = [...(module ? ["--input-type=module"] : []), "--unhandled-rejections=strict", "-e"];
  return new Promise((resolve) =>
    childProcess.execFile(
      process.execPath,
      [...args, code],
      // ES modules find the package in a node_modules of a folder above, and not by NODE_PATH.
      { env: { ...env, ...environment }, cwd: path.join(PACKAGE, "../.."), encoding: "utf8" },
      (error, stdout, stderr) => resolve(stdout + stderr)
    )
  );
}

test("outside a job, loading is silent and the first call says what is missing", async () => {
  const code = `
    const cronium = require("cronium");
    const show = (error) => console.log(error instanceof cronium.CroniumError, error.message);
    cronium.input().catch(show).then(() => new cronium.Cronium().input()).catch(show);
  `;
  const line = "true not inside a Cronium job: CRONIUM_EXECUTION_TOKEN is not set\n";
  assert.strictEqual(await node(code), line.repeat(2));
  const environment = { CRONIUM_EXECUTION_TOKEN: "t" };
  assert.strictEqual(await node(code, { environment }), line.replace("TOKEN", "ID").repeat(2));
});

test("a process that has made its calls ends by itself", async () => {
  const api = await new FakeApi("unix").start();
  const code = `require("cronium").output(1).then(() => console.log("done"))`;
  assert.strictEqual(await node(code, { environment: api.environment }), "done\n");
  await api.close();
});

test("import and require give the same objects", async () => {
  const code = `
    import Cronium, * as names from "cronium";
    import { createRequire } from "module";
    const required = createRequire(import.meta.url)("cronium");
    console.log(Cronium === required, Object.keys(names).filter((n) => names[n] !== required[n]));
    console.log(Object.keys(names).length === Object.keys(required).length);
  `;
  const printed = await node(code, { module: true });
  assert.strictEqual(printed, "true []\ntrue\n");
});

test("the package is the class and carries all functions and errors", () => {
  assert.strictEqual(cronium, cronium.Cronium);
  assert.ok(cronium.cronium instanceof cronium);
  for (const name of FUNCTIONS) {
    assert.strictEqual(typeof cronium[name], "function", name);
    assert.strictEqual(cronium.prototype[name].name, name);
  }
  for (const name of ["CroniumError", "CroniumAPIError", "CroniumTimeoutError"]) {
    assert.ok(new cronium[name](500, "x") instanceof Error);
  }
});

test("its types declare each of them", () => {
  const types = fs.readFileSync(path.join(PACKAGE, "index.d.ts"), "utf8");
  const names = [...types.matchAll(/^export declare (?:class|const) (\w+)/gm)].map((m) => m[1]);
  const exported = Object.keys(cronium).filter((name) => name !== "default");
  assert.deepStrictEqual(names.sort(), exported.sort());
  for (const name of FUNCTIONS) assert.match(types, new RegExp(`^  ${name}\\(`, "m"));
});

test("the socket comes before the URL", () => {
  const settings = readSettings(JOB);
  assert.strictEqual(settings.name, "unix:/run/cronium/api/runtime.sock");
  assert.strictEqual(settings.endpoint.socketPath, "/run/cronium/api/runtime.sock");
});

test("without a socket the URL names host and port", () => {
  for (const [url, endpoint, name] of [
    ["http://runtime-api:8081", { host: "runtime-api", port: 8081 }, "http://runtime-api:8081"],
    ["http://127.0.0.1", { host: "127.0.0.1", port: 80 }, "http://127.0.0.1:80"],
    ["http://[::1]:99/", { host: "::1", port: 99 }, "http://[::1]:99"],
  ]) {
    const settings = readSettings({ ...JOB, CRONIUM_RUNTIME_SOCKET: "", CRONIUM_RUNTIME_API: url });
    assert.deepStrictEqual([settings.endpoint, settings.name], [endpoint, name]);
  }
});

test("without either the usual socket is meant", () => {
  const { CRONIUM_EXECUTION_TOKEN, CRONIUM_EXECUTION_ID } = JOB;
  const settings = readSettings({ CRONIUM_EXECUTION_TOKEN, CRONIUM_EXECUTION_ID });
  assert.strictEqual(settings.endpoint.socketPath, "/run/cronium/api/runtime.sock");
});

test("what is wrong with the environment is told", () => {
  for (const [name, value] of [
    ["CRONIUM_RUNTIME_SOCKET", "relative.sock"],
    ["CRONIUM_RUNTIME_SOCKET", `/${"x".repeat(107)}`],
    ["CRONIUM_RETRY_FOR", "soon"],
    ["CRONIUM_RETRY_FOR", "-1"],
    ["CRONIUM_RETRY_FOR", "1e3"],
    ["CRONIUM_RETRY_FOR", "86401"],
    ["CRONIUM_RETRY_FOR", "NaN"],
  ]) {
    assert.throws(() => readSettings({ ...JOB, [name]: value }), new RegExp(`${name} must be`));
  }
  for (const url of ["runtime-api:8081", "https://a/", "http://a:0", "http://a:65536", "http://a/b",
                     "http://", "http://a b", "http://u@h"]) {
    const environment = { ...JOB, CRONIUM_RUNTIME_SOCKET: "", CRONIUM_RUNTIME_API: url };
    assert.throws(() => readSettings(environment), /CRONIUM_RUNTIME_API must be http:/);
  }
});

test("CRONIUM_RETRY_FOR is in seconds, and 300 of them by default", () => {
  for (const [text, ms] of [[undefined, 300000], ["", 300000], ["0.25", 250], ["86400", 86400000]]) {
    assert.strictEqual(readSettings({ ...JOB, CRONIUM_RETRY_FOR: text }).retryForMs, ms);
  }
});

test("a token that would break the request is refused, and not shown", () => {
  for (const token of ["a b", "a\r\nX: y", "tökén"]) {
    const read = () => readSettings({ ...JOB, CRONIUM_EXECUTION_TOKEN: token });
    assert.throws(read, (error) => /is garbled/.test(error.message) && !error.message.includes(token));
  }
});

test("a script without an ending runs as an ES module by run-module.mjs", () => {
  const folder = fs.mkdtempSync(path.join(require("os").tmpdir(), "cronium-"));
  try {
    const script = path.join(folder, "script");
    fs.writeFileSync(
      script,
      'import { getVariable } from "cronium"; await null;' +
        "console.log(typeof getVariable, ...process.argv.slice(1)); throw new Error('last line');"
    );
    fs.linkSync(script, `${script}.mjs`);
    fs.symlinkSync(path.dirname(PACKAGE), path.join(folder, "node_modules"));
    const done = childProcess.spawnSync(
      process.execPath,
      [path.join(PACKAGE, "run-module.mjs"), script, "one", "two words"],
      { encoding: "utf8" }
    );
    assert.strictEqual(done.stdout, `function ${script} one two words\n`);
    assert.match(done.stderr, /last line/);
    assert.strictEqual(done.status, 1);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});
