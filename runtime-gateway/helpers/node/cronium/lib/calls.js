// SPDX-License-Identifier: Apache-2.0
"use strict";

// The functions of the runtime API, each as the request to make and what to take from its answer.
// Nothing here sends anything.
//
// A call: {method, path, body?, take?, unset?}. `path` begins with a slash, or goes on from that of
// the execution; `body` is JSON text; `take` finds the result in the answer; `unset` is the result
// when the variable is not set.

const { CroniumError } = require("./errors");
const { stringify } = require("./json");

const MAX_KEY_BYTES = 256;

const takeData = (answer) => answer.data;
const takeValue = (answer) => answer.data.value;

const input = () => ({ method: "GET", path: "input", take: takeData });

const output = (data) => ({ method: "POST", path: "output", body: `{"data":${stringify(data)}}` });

const event = () => ({ method: "GET", path: "context", take: takeData });

function setCondition(condition) {
  // Truthiness would make true of the text "false".
  if (typeof condition !== "boolean") {
    throw new CroniumError(`condition must be true or false, not ${show(condition)}`);
  }
  return { method: "POST", path: "condition", body: `{"condition":${condition}}` };
}

function getVariable(key, defaultValue = null) {
  return { method: "GET", path: variable(key), take: takeValue, unset: defaultValue };
}

function setVariable(key, value) {
  return { method: "PUT", path: variable(key), body: `{"value":${stringify(value)}}` };
}

function deleteVariable(key) {
  return { method: "DELETE", path: variable(key), take: () => true, unset: false };
}

function incrementVariable(key, by = 1) {
  if (typeof by !== "number" && typeof by !== "bigint") {
    throw new CroniumError(`by must be a number or a bigint, not ${show(by)}`);
  }
  const body = `{"by":${stringify(by)}}`;
  return { method: "POST", path: `${variable(key)}/increment`, body, take: takeValue };
}

function appendVariable(key, text, separator = "") {
  for (const [name, argument] of [["text", text], ["separator", separator]]) {
    if (typeof argument !== "string") {
      throw new CroniumError(`${name} must be a string, not ${show(argument)}`);
    }
  }
  const body = stringify({ text, separator });
  return { method: "POST", path: `${variable(key)}/append`, body };
}

function executeToolAction(tool, action, params = {}) {
  const body = stringify({ tool, action, params });
  return { method: "POST", path: "/tool-actions/execute", body, take: ({ data = null }) => data };
}

// The three take their arguments one by one, or as one object.

function sendEmail(...args) {
  const params = collect(["to", "subject", "body"], args);
  for (const name of ["to", "cc", "bcc"]) {
    if (typeof params[name] === "string") {
      const parts = params[name].split(",").map((part) => part.trim());
      params[name] = parts.filter((part) => part !== "");
    }
  }
  return executeToolAction("email", "send_message", params);
}

function sendSlackMessage(...args) {
  return executeToolAction("slack", "send_message", collect(["channel", "text"], args));
}

function sendDiscordMessage(...args) {
  return executeToolAction("discord", "send_message", collect(["channelId", "content"], args));
}

function collect(names, args) {
  const asObject = args[0] !== null && typeof args[0] === "object" && !Array.isArray(args[0]);
  const params = { ...(asObject ? args[0] : args[names.length]) };
  names.forEach((name, i) => {
    if (!asObject) params[name] = args[i];
    if (params[name] === undefined) throw new CroniumError(`${name} is missing`);
  });
  return params;
}

function variable(key) {
  // Checked here, too, so that a mistake is told at once and a key never alters the path.
  const size = typeof key === "string" ? Buffer.byteLength(key) : 0;
  // eslint-disable-next-line no-control-regex
  if (size > 0 && size <= MAX_KEY_BYTES && !/[\u0000-\u001f\u007f]/.test(key)) {
    try {
      return `variables/${encodeURIComponent(key)}`;
    } catch (error) {
      // Half of a surrogate pair, which UTF-8 does not have.
    }
  }
  throw new CroniumError(
    `key must be a string of 1 to ${MAX_KEY_BYTES} bytes of UTF-8 without control characters, ` +
      `not ${show(key)}`
  );
}

function show(value) {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

module.exports = {
  appendVariable,
  deleteVariable,
  event,
  executeToolAction,
  getVariable,
  incrementVariable,
  input,
  output,
  sendDiscordMessage,
  sendEmail,
  sendSlackMessage,
  setCondition,
  setVariable,
};
