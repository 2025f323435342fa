// SPDX-License-Identifier: Apache-2.0
"use strict";

// JavaScript's values as JSON, and back, with no digit of an integer lost: one that a Number cannot
// hold exactly is a BigInt here.
//
// JSON.parse and JSON.stringify do the work. They know no BigInt, so on its way through them one is
// a string that begins with a mark, which no data has since it is chosen at random.

const crypto = require("crypto");

const { CroniumError } = require("./errors");

const MARK = `bigint-${crypto.randomBytes(16).toString("hex")}:`;
const MARKED = new RegExp(`"${MARK}(-?[0-9]+)"`, "g");

// Throws CroniumError where JSON has nothing that stands for `value`.
function stringify(value) {
  let marked = false;
  const mark = (digits) => {
    marked = true;
    return MARK + digits;
  };
  let text;
  try {
    text = JSON.stringify(value, function (key, item) {
      // `item` is what toJSON has made of it: some scripts give BigInt one.
      if (typeof this[key] === "bigint") return mark(String(this[key]));
      if (typeof item === "number" && !Number.isFinite(item)) {
        throw new TypeError("it holds NaN or an infinity, which JSON does not have");
      }
      return Object.is(item, -0) ? mark("-0") : item;
    });
  } catch (error) {
    throw new CroniumError(`the value cannot be sent as JSON: ${firstLine(error)}`);
  }
  if (text === undefined) {
    throw new CroniumError(`the value cannot be sent as JSON: it is ${describe(value)}`);
  }
  return marked ? text.replace(MARKED, "$1") : text;
}

// Throws CroniumError where `text` is no JSON.
function parse(text) {
  try {
    const value = JSON.parse(text);
    if (!/[0-9]{16}/.test(text)) return value;
    return JSON.parse(markUnsafeIntegers(text), (key, item) =>
      typeof item === "string" && item.startsWith(MARK) ? BigInt(item.slice(MARK.length)) : item
    );
  } catch (error) {
    throw new CroniumError(`the runtime API's answer cannot be read as JSON: ${firstLine(error)}`);
  }
}

// `text`, which must be JSON, with a marked string for each integer that a Number cannot hold.
function markUnsafeIntegers(text) {
  const stringOrNumber = /"|-?[0-9][0-9.eE+-]*/g;
  let result = "";
  let copied = 0;
  for (let found; (found = stringOrNumber.exec(text)) !== null; ) {
    const [token] = found;
    if (token === '"') {
      stringOrNumber.lastIndex = endOfString(text, found.index);
    } else if (/^-?[0-9]+$/.test(token) && !Number.isSafeInteger(Number(token))) {
      result += `${text.slice(copied, found.index)}"${MARK}${token}"`;
      copied = stringOrNumber.lastIndex;
    }
  }
  return result + text.slice(copied);
}

// Behind the closing quote of the string that begins at `start`.
function endOfString(text, start) {
  for (let end = start; ; ) {
    end = text.indexOf('"', end + 1);
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") ++backslashes;
    if (backslashes % 2 === 0) return end + 1;
  }
}

function firstLine(error) {
  return String(error.message).split("\n")[0];
}

function describe(value) {
  return value === undefined ? "undefined; null is a value" : `a ${typeof value}`;
}

module.exports = { parse, stringify };
